//! Live systems as files for an HTTP server, beside the ISO of the same system.

use super::harbour::{Compose, Harbour, output_of};

fn with_netboot() -> Harbour {
    Harbour::bootable(&[("live", "netboot = true\npersistence = true\nboot-parameters = [\"quiet\"]\n")])
}

fn served(compose: &Compose, file: &str) -> std::path::PathBuf {
    compose.path("compose/Base/amd64/netboot/live").join(file)
}

#[test]
fn the_files_are_those_of_the_iso_and_know_each_other() {
    let harbour = with_netboot();
    let (ran, compose) = harbour.compose(&[]);
    let iso = compose.path("compose/Base/amd64/iso").join(format!("{}-Base-amd64-live.iso", compose.id()));
    for (file, on_iso) in
        [("vmlinuz", "/live/vmlinuz"), ("initrd.img", "/live/initrd.img"), ("filesystem.squashfs", "/live/filesystem.squashfs")]
    {
        let copy = harbour.text(&format!("copy-{file}"));
        output_of("xorriso", &["-no_rc", "-osirrox", "on", "-indev", iso.to_str().unwrap(), "-extract", on_iso, &copy]);
        assert!(fs_err::read(copy).unwrap() == fs_err::read(served(&compose, file)).unwrap(), "{file}: {ran}");
    }
    let menu = harbour.text("grub.cfg");
    output_of(
        "xorriso",
        &["-no_rc", "-osirrox", "on", "-indev", iso.to_str().unwrap(), "-extract", "/boot/grub/grub.cfg", &menu],
    );
    assert!(fs_err::read_to_string(menu).unwrap().contains(" persistence quiet\n"));
    let script = fs_err::read_to_string(served(&compose, "boot.ipxe")).unwrap();
    assert!(script.starts_with("#!ipxe\n") && script.contains("fetch=${base}filesystem.squashfs"), "{script}");
    let folder = served(&compose, "");
    output_of(
        "sh",
        &[
            "-c",
            "cd \"$1\" && sha256sum --check --strict *CHECKSUM* SHA256SUMS 2>/dev/null || sha256sum --check SHA256SUMS",
            "sh",
            folder.to_str().unwrap(),
        ],
    );

    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let squashfs = images.as_array().unwrap().iter().find(|image| image["type"] == "liveimg-squashfs").unwrap();
    assert_eq!(squashfs["path"], "Base/amd64/netboot/live/filesystem.squashfs");
    assert_eq!(squashfs["subvariant"], "Base-live-netboot");
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn a_stranger_is_found_in_both_forms() {
    let harbour = with_netboot();
    harbour.edit("[limits]", "[checks]\nimage-equals-lock = \"warn\"\n\n[limits]");
    harbour.tools.smuggle().unwrap();
    let (ran, _) = harbour.compose(&[]);
    for end in ["live.iso holds stranger ", "live.netboot.tar holds stranger "] {
        assert!(ran.stdout.contains(end), "{end}: {ran}");
    }
}

#[test]
fn zsync_makes_the_iso_of_an_older_one() {
    let harbour = Harbour::bootable(&[("live", "netboot = true\nzsync = true\n")]);
    let (ran, compose) = harbour.compose(&[]);
    let name = format!("{}-Base-amd64-live.iso", compose.id());
    let folder = compose.path("compose/Base/amd64/iso");
    let iso = folder.join(&name);
    let described = fs_err::read(folder.join(format!("{name}.zsync"))).unwrap();
    let header = String::from_utf8_lossy(&described[..200]).into_owned();
    assert!(header.contains(&format!("\nFilename: {name}\n")) && header.contains(&format!("\nURL: {name}\n")), "{header}");
    assert!(!header.contains("MTime"), "{header}");
    // Nothing is lacking, so that nobody is asked.
    let (made, description) = (harbour.text("made.iso"), folder.join(format!("{name}.zsync")));
    let arguments = ["-q", "-i", iso.to_str().unwrap(), "-o", &made, "-u", "http://127.0.0.1:1/", description.to_str().unwrap()];
    output_of("zsync", &arguments);
    assert!(fs_err::read(made).unwrap() == fs_err::read(&iso).unwrap(), "{ran}");
    let sums = fs_err::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert!(sums.contains(&format!("{name}.zsync")), "{sums}");

    fs_err::write(description, "damaged").unwrap();
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert!(verified.code != 0 && verified.stdout.contains(".zsync"), "{verified}");
}
