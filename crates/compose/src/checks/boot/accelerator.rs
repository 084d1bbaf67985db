//! How machines run here: with KVM where a guest really starts, which a device alone does not promise; otherwise emulated. Some machines
//! start small guests and no large ones: whoever watches a machine notices that.

use std::path::Path;
use std::time::Duration;

use super::{QEMU, TestFirmware, board};
use crate::tools::{Command, Runner};

/// How a machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accelerator {
    Kvm,
    /// Ten to thirty times slower.
    Emulated,
}

impl Accelerator {
    /// As QEMU calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Emulated => "tcg",
        }
    }
}

/// A whole system: `mov dx, 0x501; mov al, 0x10; out dx, al; hlt`. The device there ends the machine with status `0x10 * 2 + 1`.
const GUEST: [u8; 7] = [0xba, 0x01, 0x05, 0xb0, 0x10, 0xee, 0xf4];
const STATUS: i32 = 33;
const LIMIT: Duration = Duration::from_secs(20);

/// Starts a guest with KVM on the board of a firmware, and says whether it did what it should.
pub(super) async fn find(runner: &Runner, firmware: TestFirmware, work: &Path) -> Accelerator {
    if !Path::new("/dev/kvm").exists() {
        return Accelerator::Emulated;
    }
    let mut sector = [0; 512];
    sector[..GUEST.len()].copy_from_slice(&GUEST);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    if fs_err::write(work.join("guest.img"), sector).is_err() {
        return Accelerator::Emulated;
    }
    let command = Command::new(QEMU)
        .args(board(firmware))
        .args([
            "-accel",
            "kvm",
            "-cpu",
            "host",
            "-m",
            "16",
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "none",
            "-parallel",
            "none",
        ])
        .args(["-nic", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0x501,iosize=2"])
        .args(["-drive", "file=guest.img,format=raw,if=ide"])
        .folder(work)
        .timeout(LIMIT)
        .success(&[STATUS]);
    match runner.run(&command).await {
        Ok(_) => Accelerator::Kvm,
        Err(_) => Accelerator::Emulated,
    }
}
