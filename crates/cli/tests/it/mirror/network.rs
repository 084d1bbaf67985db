//! A live system that a machine without a medium starts: by DHCP, iPXE and HTTP.

use std::time::Duration;

use charmer_testkit::boot::Boot;
use charmer_testkit::http_server::HttpServer;

use super::{DEBIAN, Workshop};

const BOOT_LIMIT: Duration = Duration::from_secs(1200);

/// The iPXE of QEMU in Debian 12 does not know where its script lies.
const CONFIG: &str = r#"
[variants.Server]
arches = ["amd64"]
seeds = ["essential", "apt", "linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "live-boot", "login", "busybox"]

[[images]]
variant = "Server"
kind = "live"
netboot = true
netboot-url = "@URL@/live/"
hostname = "harbour"
packages = ["linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "live-boot", "login", "busybox"]
"#;

pub(super) fn starts(workshop: &Workshop) {
    let server = HttpServer::start();
    // What the network of QEMU's machines calls this machine.
    let url = server.url().replace("127.0.0.1", "10.0.2.2");
    workshop.write_config("network.toml", &format!("{DEBIAN}{}", CONFIG.replace("@URL@", &url)));
    let compose = workshop.compose("network.toml", "network", &[], 0);
    server.serve_folder("/live/", &compose.path("Server/amd64/netboot/live")).unwrap();
    let mut machine = Boot::start_network(&format!("{url}/live/boot.ipxe")).unwrap();
    machine.wait_for("Harbour Linux 13 Server", BOOT_LIMIT).unwrap();
    machine.wait_for("root@harbour:", BOOT_LIMIT).unwrap();
    machine.type_line("findmnt -no FSTYPE /; cat /proc/cmdline").unwrap();
    for answer in ["overlay", "boot=live fetch=http://10.0.2.2:"] {
        machine.wait_for(answer, BOOT_LIMIT).unwrap();
    }
    for file in ["boot.ipxe", "vmlinuz", "initrd.img", "filesystem.squashfs"] {
        assert!(!server.received(&format!("/live/{file}")).is_empty(), "{file}");
    }
}
