//! The live image: read by xorriso, checkisomd5 and unsquashfs, and started by BIOS and EFI.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use charmer_testkit::boot::{Boot, Firmware, Medium};

use super::{Compose, Workshop, run};

const BOOT_LIMIT: Duration = Duration::from_secs(900);

/// What the live image of the test has besides the example's; the password is `quay`.
pub(super) const SETTINGS: &str = r#"hostname = "harbour"
netboot = true
persistence = true
root-password = "$6$salt$kW0CDCZQ8ABJCTDgcGDQaNqcvNLHZPCVvUrsGIVNXdaSzwKC6s2cvEYq5YSpOm7I7QFXtmUwdaZOpHXfBB.Gh.""#;

pub(super) fn is_read(workshop: &Workshop, compose: &Compose) {
    let iso = compose.iso();
    run(Command::new("checkisomd5").arg(&iso));
    let report = run(Command::new("xorriso").args(["-indev"]).arg(&iso).args(["-report_el_torito", "plain", "-pvd_info"]));
    assert!(report.contains("Volume Id    : HARBOUR_13_1_SERVER"), "{report}");
    for image in [" BIOS ", " UEFI "] {
        assert!(report.lines().any(|line| line.starts_with("El Torito boot img") && line.contains(image)), "{report}");
    }

    let squashfs = squashfs(&iso, &workshop.path("filesystem.squashfs"));
    let cat = |path: &str| run(Command::new("unsquashfs").arg("-cat").arg(&squashfs).arg(path));
    let shadow = cat("etc/shadow");
    assert!(shadow.lines().any(|line| line.starts_with("root:$6$salt$kW0CDCZQ8ABJ")), "{shadow}");
    assert_eq!(cat("etc/machine-id"), "");
    let listed = run(Command::new("unsquashfs").args(["-ls", "-dest", ""]).arg(&squashfs));
    let traces = ["/etc/resolv.conf", "/etc/ssh/ssh_host_", "/etc/apt/sources.list", "/var/lib/systemd/random-seed"];
    let is_trace =
        |path: &&str| traces.iter().any(|trace| path.starts_with(trace)) && !path.starts_with("/etc/apt/sources.list.d");
    assert_eq!(listed.lines().find(is_trace), None);

    let admin = workshop.new_folder("live-dpkg");
    fs_err::write(admin.join("status"), cat("var/lib/dpkg/status")).unwrap();
    let admin = format!("--admindir={}", admin.display());
    compose.assert_locked(&run(Command::new("dpkg-query").args([&admin, "--show", "--showformat", super::DPKG_FORMAT])));
}

/// Takes the root file system out of the ISO.
pub(super) fn squashfs(iso: &Path, to: &Path) -> PathBuf {
    let mut command = Command::new("xorriso");
    run(command.args(["-osirrox", "on", "-indev"]).arg(iso).args(["-extract", "/live/filesystem.squashfs"]).arg(to));
    to.to_owned()
}

/// By BIOS from a disc and by EFI from a stick, one after the other, to the login, which on live images is a shell.
pub(super) fn starts(compose: &Compose) {
    let start = |(firmware, medium)| (firmware, medium, Boot::start(&compose.iso(), firmware, medium).unwrap());
    for (firmware, medium, mut boot) in [(Firmware::Bios, Medium::Disc), (Firmware::Uefi, Medium::Disk)].into_iter().map(start) {
        boot.wait_for("Harbour Linux 13.1 Server", BOOT_LIMIT).unwrap();
        boot.wait_for("harbour login:", BOOT_LIMIT).unwrap();
        let shell = boot.wait_for("root@harbour:", BOOT_LIMIT).unwrap();
        eprintln!("{firmware:?} from {medium:?}: a shell after {:.1} s", shell.as_secs_f64());
        boot.type_line("dmesg -n 1; systemctl is-system-running --wait; systemctl is-active ssh; passwd -S root").unwrap();
        // One by one: what the kernel still says comes between.
        for answer in ["running\r\n", "active\r\n", "root P "] {
            boot.wait_for(answer, BOOT_LIMIT).unwrap();
        }
    }
}
