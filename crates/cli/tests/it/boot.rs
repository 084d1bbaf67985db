//! Images that are started before they are shipped, with a machine that looks at its arguments and does what it is told.

use super::Ran;
use super::harbour::{Compose, Harbour};

/// A machine that shows a prompt, takes a picture and ends as its monitor says. Files beside it change that: `silent`, `ends`.
const MACHINE: &str = r#"
here=${0%/*}
case " $* " in
*" -accel kvm "*) exit 1 ;;
*" -accel tcg "*" -m 512 "*" -snapshot -nic user,restrict=on,"*" if=virtio,format=qcow2,file="*) ;;
*)
    echo "unexpected: $*" >&2
    exit 9
    ;;
esac
case "$*" in
*if=pflash*) [ -s variables.fd ] || exit 8 ;;
esac
printf '\033[1mquay\033[0m begins\r\n' >console.log
[ -e "$here/silent" ] || echo 'quay login: ' >>console.log
[ ! -e "$here/ends" ] || exit 0
while read -r line; do
    case $line in
    *screendump*) printf '\211PNG' >screen.png ;;
    *quit*) exit 0 ;;
    esac
done <control.in
"#;

fn with_machine(more: &str) -> Harbour {
    let harbour = Harbour::bootable(&[("disk", &format!("boot-test = {{ memory = \"512 MiB\"{more} }}\n"))]);
    harbour.tool("qemu-system-x86_64", MACHINE);
    harbour
}

fn boot_tests(compose: &Compose) -> serde_json::Value {
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let disk = images.as_array().unwrap().iter().find(|image| image["type"] == "qcow2").unwrap();
    disk["boot_tests"].clone()
}

fn order(harbour: &Harbour, name: &str) {
    fs_err::write(harbour.path("tools").join(name), "").unwrap();
}

#[test]
fn a_disk_is_started_with_each_firmware_and_what_it_showed_is_kept() {
    let harbour = with_machine("");
    let (ran, compose) = harbour.compose(&[]);
    let tests = boot_tests(&compose);
    let firmware: Vec<_> = tests.as_array().unwrap().iter().map(|test| test["firmware"].as_str().unwrap()).collect();
    assert_eq!(firmware, ["bios", "uefi"], "{ran}");
    for test in tests.as_array().unwrap() {
        assert_eq!(test["passed"], true);
        assert!(compose.read(test["console"].as_str().unwrap()).ends_with("quay login: \n"));
        assert!(fs_err::read(compose.path(test["screenshot"].as_str().unwrap())).unwrap().starts_with(b"\x89PNG"));
    }
    assert!(compose.done().contains(&"boot:Base.amd64.disk".to_owned()));
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn a_disk_whose_start_is_left_out_is_shipped() {
    let harbour = with_machine("");
    let (ran, compose) = harbour.compose(&["--skip", "boot"]);
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let disk = images.as_array().unwrap().iter().find(|image| image["type"] == "qcow2");
    let disk = disk.unwrap_or_else(|| panic!("no disk: {images}: {ran}"));
    assert!(disk.get("boot_tests").is_none(), "{disk}");
}

#[test]
fn a_disk_that_does_not_start_is_not_shipped_and_its_last_words_are_shown() {
    let harbour = with_machine(", within = \"1s\"");
    order(&harbour, "silent");
    let (ran, compose) = harbour.compose_into("composes", &[], 1);
    assert!(said(&ran, "started with bios (tcg), `login:` was not seen in 1 s"), "{ran}");
    assert!(said(&ran, "    quay begins"), "{ran}");
    assert!(said(&ran, "logs/boot/Base.amd64.disk.bios.console.log"), "{ran}");
    assert!(compose.read("logs/boot/Base.amd64.disk.uefi.console.log").contains("begins"));
    assert!(!compose.path("compose/Base/amd64/images").join(format!("{}-Base-amd64-disk.qcow2", compose.id())).exists());
    assert!(harbour.processes().is_empty(), "{:?}", harbour.processes());
}

#[test]
fn a_machine_that_ends_by_itself_is_told_and_a_warning_lets_it_pass() {
    let harbour = with_machine(", firmware = [\"uefi\"]");
    harbour.edit("[limits]", "[checks]\nboot = \"warn\"\n\n[limits]");
    for name in ["silent", "ends"] {
        order(&harbour, name);
    }
    let (ran, compose) = harbour.compose(&[]);
    assert!(said(&ran, "the machine ended after 0 s and had not shown `login:`"), "{ran}");
    assert_eq!(boot_tests(&compose)[0]["passed"], false);
}

#[test]
fn nothing_is_started_when_it_is_switched_off() {
    let harbour = with_machine("");
    harbour.edit("[limits]", "[checks]\nboot = \"off\"\n\n[limits]");
    order(&harbour, "silent");
    let (ran, compose) = harbour.compose(&[]);
    assert!(!compose.done().iter().any(|job| job.starts_with("boot:")), "{ran}");
    assert!(boot_tests(&compose).is_null());
}

fn said(ran: &Ran, text: &str) -> bool {
    ran.stdout.contains(text) || ran.stderr.contains(text)
}
