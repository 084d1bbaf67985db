//! Data ISOs as their users have them: read by xorriso, checked by checkisomd5, used by apt-cdrom and apt-get, put together by
//! jigdo-file.

use std::path::{Path, PathBuf};

use charmer_testkit::deb::Deb;

use super::Ran;
use super::harbour::{Compose, Harbour, output_of};

const DISC: u64 = 10 << 20;

const DATA_ISO: &str = "[[images]]\nkind = \"data-iso\"\nvariant = \"Server\"\narches = [\"amd64\"]\n";

/// Packages of 4 MiB: two of them fit on a disc.
const CARGO: [&str; 3] = ["cargo-a", "cargo-b", "cargo-c"];

/// A distribution with discs, and what more the configuration says of them.
fn with_discs(more: &str) -> Harbour {
    let harbour = Harbour::new();
    // The first disc must have what `cargo-c` brings in, though `cargo-a` comes first by name.
    harbour.configure(&[
        ("seeds = [\"openssh-server\"]", "seeds = [\"openssh-server\", \"cargo-c\", \"cargo-a\"]"),
        ("[limits]", &format!("{DATA_ISO}{more}\n[limits]")),
    ]);
    for (number, name) in (1..).zip(CARGO) {
        for arch in ["amd64", "arm64"] {
            let deb = Deb::new(name, "1.0", arch).file("usr/share/cargo", &noise(number, 4 << 20));
            let deb = if name == "cargo-c" { deb.field("Depends", "cargo-b") } else { deb };
            deb.write_to(&harbour.path("mirror/pool"));
        }
    }
    harbour.publish("2024-06-02");
    harbour
}

/// Bytes that nothing makes smaller, the same each time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

fn isos(compose: &Compose) -> Vec<PathBuf> {
    let mut isos: Vec<_> = fs_err::read_dir(compose.path("compose/Server/amd64/iso"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "iso"))
        .collect();
    isos.sort();
    isos
}

/// Unpacks an ISO with xorriso; its folders can be removed afterwards.
fn unpack(iso: &Path, folder: &Path) {
    let [iso, folder] = [iso, folder].map(|path| path.to_str().unwrap());
    output_of("xorriso", &["-osirrox", "on", "-indev", iso, "-extract", "/", folder]);
    output_of("chmod", &["-R", "u+w", folder]);
}

/// A machine without any network and with one drive. Discs lie beside it; whoever is asked for one puts in the one named in `next`.
struct Machine {
    root: PathBuf,
}

impl Machine {
    fn new(harbour: &Harbour, compose: &Compose, discs: &[PathBuf]) -> Self {
        let root = harbour.path("machine");
        for folder in [
            "etc/apt/sources.list.d",
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
            "var/log/apt",
        ] {
            fs_err::create_dir_all(root.join(folder)).unwrap();
        }
        fs_err::write(root.join("var/lib/dpkg/status"), "").unwrap();
        fs_err::copy(compose.path("compose/metadata/signing-key.asc"), root.join("etc/apt/trusted.gpg.d/harbour.asc")).unwrap();
        for (number, disc) in (1..).zip(discs) {
            unpack(disc, &root.join(format!("disc{number}")));
        }
        let machine = Self { root };
        let folder = machine.root.display();
        machine.script("mount", &format!("ln -sfn {folder}/$(cat {folder}/next) {folder}/drive"));
        machine.script("umount", &format!("rm -f {folder}/drive"));
        let config = format!(
            "Dir \"{folder}\";\nDir::State::status \"{folder}/var/lib/dpkg/status\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures \"amd64\";\nAPT::Sandbox::User \"root\";\nAcquire::cdrom::AutoDetect \"false\";\n\
             Acquire::cdrom::mount \"{folder}/drive/\";\nAcquire::cdrom::\"{folder}/drive/\"::Mount \"{folder}/mount\";\n\
             Acquire::cdrom::\"{folder}/drive/\"::UMount \"{folder}/umount\";\nAcquire::Languages \"en\";\n\
             Dir::Etc \"{folder}/etc/apt\";\n"
        );
        fs_err::write(machine.root.join("apt.conf"), config).unwrap();
        machine
    }

    /// Puts a disc into the drive.
    fn insert(&self, disc: &str) {
        let drive = self.root.join("drive");
        let _ = fs_err::remove_file(&drive);
        fs_err::os::unix::fs::symlink(self.root.join(disc), drive).unwrap();
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs_err::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs_err::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[expect(clippy::disallowed_types, reason = "apt is run as users run it")]
    fn apt(&self, program: &str, arguments: &[&str]) -> Ran {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        let mut child = Command::new(program)
            .args(arguments)
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever is asked for another disc puts it in and presses Enter.
        let _ = child.stdin.take().unwrap().write_all(&[b'\n'; 20]);
        Ran::of(child.wait_with_output().unwrap())
    }
}

#[test]
fn apt_installs_from_discs_as_it_asks_for_them() {
    let harbour = with_discs("media-size = \"10 MiB\"\n");
    let (ran, compose) = harbour.compose(&[]);
    let isos = isos(&compose);
    let names: Vec<_> = isos.iter().map(|iso| iso.file_name().unwrap().to_str().unwrap()).collect();
    let id = compose.id();
    assert_eq!(names, [format!("{id}-Server-amd64-dvd1.iso"), format!("{id}-Server-amd64-dvd2.iso")], "{ran}");
    assert!(ran.stdout.contains("dvd 2/2 Server.amd64 "), "{ran}");
    for iso in &isos {
        assert!(fs_err::metadata(iso).unwrap().len() <= DISC, "{}", iso.display());
        output_of("checkisomd5", &[iso.to_str().unwrap()]);
    }

    let machine = Machine::new(&harbour, &compose, &isos);
    for disc in ["disc1", "disc2"] {
        let listed = fs_err::read_to_string(machine.root.join(disc).join("md5sum.txt")).unwrap();
        assert!(listed.contains("  ./.disk/info\n") && listed.contains("/Packages.gz\n"), "{listed}");
        output_of("sh", &["-c", &format!("cd {}/{disc} && md5sum --quiet -c md5sum.txt", machine.root.display())]);
    }
    let has = |disc: &str, name: &str| {
        let package = format!("{disc}/pool/main/{}/{name}/{name}_1.0_amd64.deb", &name[..1]);
        machine.root.join(package).is_file()
    };
    assert!(has("disc1", "cargo-b") && has("disc1", "cargo-c") && has("disc2", "cargo-a"), "{ran}");

    for disc in ["disc1", "disc2"] {
        machine.insert(disc);
        let ran = machine.apt("apt-cdrom", &["--no-mount", "add"]);
        assert_eq!(ran.code, 0, "{ran}");
    }
    let sources = fs_err::read_to_string(machine.root.join("etc/apt/sources.list")).unwrap();
    for number in [1, 2] {
        let line = format!("deb cdrom:[Harbour Linux 13.1 Server amd64 - disc {number} of 2 ");
        assert!(sources.contains(&line), "{sources}");
    }
    let updated = machine.apt("apt-get", &["update"]);
    assert_eq!(updated.code, 0, "{updated}");
    // What Base has is on Base's own discs: the machine has it already.
    let installed = "Package: libc6\nStatus: install ok installed\nVersion: 2.41\nArchitecture: amd64\nMaintainer: x\n\
                     Description: x\n\n";
    fs_err::write(machine.root.join("var/lib/dpkg/status"), installed).unwrap();
    // All that is installed is named, lest apt asks first whether it shall go on.
    for (packages, disc, other) in [(&["cargo-a"][..], 2, "disc1"), (&["cargo-b", "cargo-c"], 1, "disc2")] {
        machine.insert(other);
        fs_err::write(machine.root.join("next"), format!("disc{disc}")).unwrap();
        // Without --yes: that says that nobody is there to change discs.
        let ran = machine.apt("apt-get", &[&["install", "--download-only"], packages].concat());
        assert_eq!(ran.code, 0, "{ran}");
        let asked = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(asked.contains(&format!("disc {disc} of 2 ")) && asked.contains("in the drive"), "{ran}");
        // apt takes packages right from the disc.
        let taken = ran.stdout.lines().filter(|line| line.starts_with("Get:") && line.contains(&format!("disc {disc} of 2 ")));
        assert_eq!(taken.count(), packages.len(), "{ran}");
        assert!(!ran.stdout.contains("cannot be authenticated"), "{ran}");
    }
}

#[test]
fn jigdo_puts_discs_together_from_the_published_repository() {
    let harbour = with_discs("jigdo-url = \"https://example.org/13/Server/repository\"\n");
    let (_, compose) = harbour.compose(&[]);
    let name = format!("{}-Server-amd64-dvd1.iso", compose.id());
    let folder = compose.path("compose/Server/amd64/jigdo");
    let jigdo = fs_err::read_to_string(folder.join(format!("{name}.jigdo"))).unwrap();
    for line in [
        format!("\nFilename={name}\n"),
        format!("\nTemplate={name}.template\n"),
        "\nServer=https://example.org/13/Server/repository/\n".to_owned(),
        "=Server:pool/main/c/cargo-a/cargo-a_1.0_amd64.deb\n".to_owned(),
    ] {
        assert!(jigdo.contains(&line), "{line} is not in {jigdo}");
    }
    let template = folder.join(format!("{name}.template"));
    assert!(fs_err::metadata(&template).unwrap().len() < 1 << 20, "packages are not in it");
    let sums = fs_err::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert!(sums.contains(&format!("  {name}.jigdo\n")) && sums.contains(&format!("  {name}.template\n")), "{sums}");
    assert!(folder.join("SHA256SUMS.sign").is_file());

    let again = harbour.path("again.iso");
    let pool = format!("{}//pool", compose.path("compose/Server/repository").display());
    let options = [
        format!("--image={}", again.display()),
        format!("--jigdo={}", folder.join(format!("{name}.jigdo")).display()),
        format!("--template={}", template.display()),
    ];
    output_of("jigdo-file", &["make-image", &options[0], &options[1], &options[2], &pool]);
    let iso = compose.path("compose/Server/amd64/iso").join(&name);
    assert!(fs_err::read(again).unwrap() == fs_err::read(iso).unwrap(), "it is another image");

    let info = compose.json("compose/metadata/composeinfo.json");
    let paths = &info["payload"]["variants"]["Server"]["paths"];
    assert_eq!(paths["jigdos"]["amd64"], "Server/amd64/jigdo", "{paths}");
    assert_eq!(paths["isos"]["amd64"], "Server/amd64/iso", "{paths}");
    let images = compose.json("compose/metadata/images.json");
    let image = &images["payload"]["images"]["Server"]["amd64"][0];
    assert_eq!((&image["type"], &image["format"]), (&"dvd".into(), &"iso".into()), "{image}");
    assert_eq!((&image["disc_number"], &image["disc_count"]), (&1.into(), &1.into()), "{image}");
    assert_eq!((&image["bootable"], &image["volume_id"]), (&false.into(), &"HARBOUR_13_1_SERVER_AMD64".into()), "{image}");
    assert_eq!(image["subvariant"], "Server", "{image}");
    assert_eq!(image["path"], format!("Server/amd64/iso/{name}"), "{image}");

    assert_eq!(harbour.charmer(&["verify", compose.root()]).code, 0);
    fs_err::write(folder.join(format!("{name}.jigdo")), jigdo.replace("example.org", "example.com")).unwrap();
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 1, "{verified}");
    assert!(verified.stdout.contains(&format!("{name}.jigdo")), "{verified}");
}

#[test]
fn discs_are_the_same_each_time_and_are_made_again_only_for_other_packages() {
    let mut harbour = with_discs("media-size = \"10 MiB\"\njigdo-url = \"https://example.org/\"\n");
    harbour.source_date_epoch = Some("1717286400");
    let (_, first) = harbour.compose(&[]);
    let (_, second) = harbour.compose(&[]);
    let digests = |compose: &Compose| -> Vec<_> {
        let folders = ["iso", "jigdo"].map(|folder| format!("compose/Server/amd64/{folder}"));
        let files = folders.iter().flat_map(|folder| compose.tree(folder));
        files.filter(|(name, _)| !name.contains("SUMS") && !name.contains(".jigdo")).map(|(_, bytes)| bytes).collect()
    };
    let (one, other) = (digests(&first), digests(&second));
    assert_eq!(one.len(), 4);
    assert!(one == other, "discs differ");

    harbour.add("Package: htop\nVersion: 2.0\nArchitecture: any\nDepends: libssl3\n");
    harbour.publish("2024-06-02");
    let (ran, third) = harbour.compose(&["--old-composes", "composes"]);
    let made = |compose: &Compose| compose.done().into_iter().filter(|job| job.starts_with("createiso:")).count();
    assert_eq!(made(&third), 0, "htop is not in Server: {ran}");
    harbour.add("Package: openssh-server\nVersion: 1:10.1\nArchitecture: any\nDepends: libssl3, libc6\n");
    harbour.publish("2024-06-02");
    let (ran, fourth) = harbour.compose(&["--old-composes", "composes"]);
    assert_eq!(made(&fourth), 1, "{ran}");
}

#[test]
fn what_no_disc_can_hold_is_named() {
    let harbour = with_discs("media-size = \"10 MiB\"\n");
    for arch in ["amd64", "arm64"] {
        Deb::new("cargo-a", "2.0", arch).file("usr/share/cargo", &noise(9, 11 << 20)).write_to(&harbour.path("mirror/pool"));
    }
    harbour.publish("2024-06-03");
    let (ran, compose) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stdout.contains("createiso:Server.amd64.dvd\n    cargo-a_2.0_amd64 has 11"), "{ran}");
    assert!(ran.stdout.contains("fits on no medium of 10485760 bytes: see `media-size` of the image"), "{ran}");
    assert!(!compose.path("compose/Server/amd64").exists());
}

#[test]
fn a_disc_that_says_what_it_cannot_be_is_refused_where_it_says_so() {
    let harbour = with_discs("packages = [\"htop\"]\nmedia-size = \"1 MiB\"\njigdo-url = \"server/repository\"\n");
    let ran = harbour.refused();
    for told in [
        "a data ISO holds the packages of its variant, and nothing is installed on it",
        "media of 1 MiB are too small",
        "`server/repository` is not a URL",
    ] {
        assert!(ran.stderr.contains(told), "{told} is not in {ran}");
    }
}
