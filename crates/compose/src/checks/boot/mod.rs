//! Whether an image starts: in a virtual machine, until its serial console shows what was asked for.
//!
//! Must not know: how an image was made.

mod accelerator;
mod console;
mod machine;
pub mod plan;

use std::path::PathBuf;

use crate::config::schema::images::TestFirmware;
use crate::images::RequiredProgram;

/// A machine with an image in it.
#[derive(Debug, Clone)]
struct MachineSpec {
    firmware: TestFirmware,
    /// In bytes.
    memory: u64,
    medium: Medium,
    image: PathBuf,
}

/// How a machine sees an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Medium {
    /// In a drive for discs.
    Disc,
    /// As a disk, in a format of QEMU's.
    Disk(&'static str),
}

/// Debian's package ovmf: code, and the variables of a machine that was never started.
const UEFI: [&str; 2] = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"];
/// The same for a machine that starts only what Microsoft's keys have signed.
const SECURE_BOOT: [&str; 2] = ["/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"];
const QEMU: &str = "qemu-system-x86_64";

const fn flash(firmware: TestFirmware) -> Option<[&'static str; 2]> {
    match firmware {
        TestFirmware::Bios => None,
        TestFirmware::Uefi => Some(UEFI),
        TestFirmware::SecureBoot => Some(SECURE_BOOT),
    }
}

/// QEMU's options for a board that the firmware runs on: the one with protected variables has system management mode.
const fn board(firmware: TestFirmware) -> &'static [&'static str] {
    match firmware {
        TestFirmware::Bios => &[],
        TestFirmware::Uefi => &["-machine", "q35"],
        TestFirmware::SecureBoot => &["-machine", "q35,smm=on"],
    }
}

/// What machines with such firmware need.
fn programs(firmware: &[TestFirmware]) -> impl Iterator<Item = RequiredProgram> {
    let flash = firmware.iter().filter_map(|firmware| flash(*firmware)).flatten();
    let flash = flash.map(|program| RequiredProgram { program, package: "ovmf" });
    flash.chain([RequiredProgram { program: QEMU, package: "qemu-system-x86" }])
}
