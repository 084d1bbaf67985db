//! An installer of Debian 12 that charmer itself starts up to its first question.
//!
//! Debian's own udebs that read a disc are replaced by empty ones: not every mirror has all of them, and no question is asked of them
//! before the first.

use charmer_testkit::archive::{Archive, SUITE};
use charmer_testkit::http_server::HttpServer;

use super::{Compose, DEBIAN, Workshop, only_file};

const CONFIG: &str = r#"
[archives.readers]
mirror = "@URL@"
suites = ["@SUITE@"]
keyring = "readers/key/public.asc"
priority = 990

[variants.Base]
arches = ["amd64"]
include = ["linux-image-amd64", "grub-pc", "grub-efi-amd64-signed", "shim-signed"]

[[images]]
variant = "Base"
kind = "installer"
udebs = ["kernel-image-*", "load-cdrom"]
boot-test = { until = "Select a language", firmware = ["@FIRMWARE@"] }

[checks]
closure = "off"
installability = "off"
"#;

/// What a mirror lacks in some of its states.
const STATES: [&str; 2] = ["No kernel modules were found", "cannot be had"];

const READERS: &str = "
Package: cdrom-detect
Version: 9

Package: cdrom-retriever
Version: 9
Depends: cdrom-detect

Package: load-cdrom
Version: 9
Depends: cdrom-retriever
";

pub(super) fn asks(workshop: &Workshop, firmware: &str) {
    let (archive, server) = (Archive::make(&workshop.path("readers"), &["amd64"]).unwrap(), HttpServer::start());
    archive.add("Package: nothing\n");
    archive.add_udebs(READERS).unwrap();
    archive.publish("2024-06-01").unwrap();
    archive.serve(&server).unwrap();
    let readers = CONFIG.replace("@URL@", &server.url()).replace("@SUITE@", SUITE).replace("@FIRMWARE@", firmware);
    workshop.write_config("installer.toml", &format!("{}{readers}", DEBIAN.replace("trixie", "bookworm")));
    let ran = workshop.charmer("installer.toml", "installer", &[]);
    if let Some(state) = STATES.iter().find(|state| ran.stdout.contains(**state)) {
        eprintln!("skipped: the mirror has no installer of Debian 12 now: {state}\n{}", ran.stdout);
        return;
    }
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let compose = Compose::latest(&workshop.path("installer"));
    only_file(&compose.path("Base/amd64/iso"), "-installer.iso");
    let images: serde_json::Value = serde_json::from_str(&compose.read("metadata/images.json")).unwrap();
    let tests = images["payload"]["images"]["Base"]["amd64"][0]["boot_tests"].as_array().unwrap().clone();
    let [test] = tests.as_slice() else { panic!("{tests:?}") };
    assert_eq!(test["firmware"], firmware);
    let console = fs_err::read(compose.root.join(test["console"].as_str().unwrap())).unwrap();
    assert!(String::from_utf8_lossy(&console).contains("Select a language"));
}
