//! Disks that other programs make: what these are given, and what becomes of what they leave. `mirror/backend.rs` has the real ones.

use super::harbour::{Harbour, output_of};

/// Makes a disk of the packages that it is told, from the repository that its sandbox has; and writes to what it is configured by.
const MKOSI: &str = r#"
case $1 in --version) echo "mkosi 25.3"; exit ;; esac
echo run >>"$(dirname "$0")/mkosi-runs"
packages=
for word; do
    case $word in
    --directory=*) configuration=${word#*=} ;;
    --sandbox-tree=*) sandbox=${word#*=} ;;
    --skeleton-tree=*) skeleton=${word#*=} ;;
    --output-directory=*) output=${word#*=} ;;
    --local-mirror=file://*) compose=${word#*=file://} ;;
    --package=*) packages="$packages ${word#*=}" ;;
    --workspace-directory=*|--package-cache-directory=*) test -d "${word#*=}" || exit 3 ;;
    --distribution=debian|--architecture=x86-64|--format=disk|--output=disk|--compress-output=no|--release=quay) ;;
    --seed=????????-????-8???-a???-????????????|--source-date-epoch=1717372800|--force|build) ;;
    *) echo "what is $word?"; exit 4 ;;
    esac
done
set -e
sources=$sandbox/etc/apt/sources.list.d/mkosi.sources
grep -qx 'Signed-By: /etc/apt/keyrings/composed.asc' "$sources"
grep -q 'BEGIN PGP PUBLIC KEY' "$sandbox/etc/apt/keyrings/composed.asc"
grep -q '^#' "$skeleton/etc/apt/sources.list.d/quay.sources"
repository=$(sed -n 's#^URIs: file://##p' "$sources")
test "${repository#"$compose"/compose/}" = Base/repository
mkdir -p "$output/tree/var/lib/dpkg"
for package in $packages; do
    gzip -dc "$repository/dists/quay/main/binary-amd64/Packages.gz" | awk -v RS= -v name="$package" \
        '$0 ~ "^Package: " name "\n" { print $0 "\nStatus: install ok installed\n" }'
done >"$output/tree/var/lib/dpkg/status"
sed -n 's/^#stranger$/Package: stranger\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n/p' "$configuration/mkosi.conf" \
    >>"$output/tree/var/lib/dpkg/status"
echo '# changed' >>"$configuration/mkosi.conf"
mkfs.ext4 -q -d "$output/tree" "$output/root.img" 16M
truncate -s 24M "$output/disk.raw"
printf 'label: gpt\nstart=2048, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n' | sfdisk -q "$output/disk.raw"
dd status=none if="$output/root.img" of="$output/disk.raw" bs=1M seek=1 conv=notrunc
"#;

/// Leaves a loop device, and fails.
const KIWI: &str = r#"
case $1 in --version) echo "KIWI (next generation) version 10.2.33"; exit ;; esac
while [ "$1" != --target-dir ]; do shift; done
truncate -s 1M "$2/disk.raw"
losetup --find "$2/disk.raw"
echo "no bootloader in sight"
exit 1
"#;

fn with(backend: &str, file: &str, more: &str) -> Harbour {
    let harbour = Harbour::bootable(&[("disk", &format!("backend = \"{backend}\"\nconfiguration = \"{backend}\"\n{more}"))]);
    fs_err::create_dir(harbour.path(backend)).unwrap();
    fs_err::write(harbour.path(backend).join(file), "[Content]\n").unwrap();
    harbour
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn mkosi_makes_a_disk_of_the_composed_repository_and_again_for_another_configuration() {
    if !is_root() {
        return;
    }
    let harbour = with("mkosi", "mkosi.conf", "formats = [\"raw\", \"qcow2\"]\n");
    harbour.tool("mkosi", MKOSI);
    let runs = || fs_err::read_to_string(harbour.path("tools/mkosi-runs")).unwrap().lines().count();
    let (_, compose) = harbour.compose(&[]);
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let differing =
        images.as_array().unwrap().iter().filter(|image| image["differs"].as_str().is_some_and(|why| why.contains("mkosi")));
    assert_eq!(differing.count(), 2, "{images}");
    let disk = |end: &str| {
        let file = format!("compose/Base/amd64/images/{}-Base-amd64-disk.{end}", compose.id());
        compose.path(&file).to_str().unwrap().to_owned()
    };
    output_of("qemu-img", &["compare", "-f", "raw", "-F", "qcow2", &disk("raw"), &disk("qcow2")]);
    let status = output_of("debugfs", &["-R", "cat /var/lib/dpkg/status", &format!("{}?offset=1048576", disk("raw"))]);
    assert!(status.contains("Package: harbour-release\n") && status.contains("Package: linux-image-quay\n"), "{status}");
    let configuration = harbour.path("mkosi/mkosi.conf");
    assert_eq!(fs_err::read_to_string(&configuration).unwrap(), "[Content]\n");

    let composes = harbour.text("composes");
    harbour.compose(&["--old-composes", &composes]);
    assert_eq!(runs(), 1);
    fs_err::write(configuration, "[Content]\n[Output]\n").unwrap();
    harbour.compose(&["--old-composes", &composes]);
    assert_eq!(runs(), 2);
}

#[test]
fn what_another_program_takes_from_elsewhere_is_found() {
    if !is_root() {
        return;
    }
    let harbour = with("mkosi", "mkosi.conf", "");
    harbour.tool("mkosi", MKOSI);
    fs_err::write(harbour.path("mkosi/mkosi.conf"), "#stranger\n").unwrap();
    let (ran, compose) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stdout.contains("holds stranger 1 (all), which the lock does not have"), "{ran}");
    assert!(!compose.path("compose/Base/amd64/images").exists(), "{ran}");
}

#[test]
fn kiwi_that_fails_leaves_no_loop_device() {
    if !is_root() {
        return;
    }
    let harbour = with("kiwi", "config.xml", "");
    harbour.tool("kiwi-ng", KIWI);
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stdout.contains("no bootloader in sight"), "{ran}");
    let loops = output_of("losetup", &["--list", "--noheadings", "--output", "BACK-FILE"]);
    assert!(!loops.contains(&harbour.text("composes")), "{loops}");
}

#[test]
fn what_another_program_lacks_is_told_before_anything_begins() {
    let harbour = with("mkosi", "unknown.conf", "");
    harbour.tool("mkosi", "echo mkosi 14");
    let ran = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "composes"]);
    assert_eq!(ran.code, 2, "{ran}");
    for lack in ["mkosi is too old: it says 'mkosi 14', and 25 or later is needed", "mkosi has no configuration of mkosi"] {
        assert!(ran.stderr.contains(lack), "{lack}: {ran}");
    }
}
