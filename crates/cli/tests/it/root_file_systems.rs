//! Thin forms of one root file system, read with the tools of those who use them.

use super::harbour::{Compose, Harbour, output_of};

/// Four forms beside the fixture's container, all of the same packages.
fn with_forms() -> Harbour {
    let mut harbour = Harbour::new();
    harbour.source_date_epoch = Some("1717372800");
    let image =
        |text: &str| format!("[[images]]\nvariant = \"Base\"\narches = [\"amd64\"]\npackages = [\"harbour-release\"]\n{text}\n");
    let images = [
        "kind = \"tar\"",
        "kind = \"tar\"\nname = \"small\"\ncompression = \"gzip\"",
        "kind = \"wsl\"\nuser = \"sailor\"\nfirst-run = \"/usr/lib/harbour/first-run\"",
        "kind = \"lxc\"",
        "kind = \"squashfs\"",
    ];
    let images: String = images.into_iter().map(image).collect();
    harbour.edit("[limits]", &format!("{images}[limits]"));
    harbour
}

fn path_of(compose: &Compose, end: &str) -> String {
    let folder = compose.path("compose/Base/amd64/images");
    format!("{}/{}-Base-amd64-{end}", folder.display(), compose.id())
}

/// One file of a tar file.
fn file_in(tar: &str, file: &str) -> String {
    output_of("tar", &["--extract", "--to-stdout", "--file", tar, file])
}

#[test]
fn all_forms_are_made_of_one_root_file_system_and_read_by_their_tools() {
    let harbour = with_forms();
    let plan = harbour.charmer(&["plan", "harbour.toml", "--format", "json"]);
    assert_eq!(
        plan.stdout.matches("\"rootfs:Base.amd64.container\"").count(),
        8,
        "it is planned, needed by six jobs, and on the critical path: {plan}"
    );
    let (ran, compose) = harbour.compose(&[]);
    assert_eq!(harbour.tools.calls().len(), 1, "{ran}");

    let tar = path_of(&compose, "tar.tar.xz");
    let listed = output_of("tar", &["--list", "--file", &tar]);
    assert!(listed.lines().any(|line| line == "var/lib/dpkg/status") && !listed.contains("dev/null"), "{listed}");
    assert_eq!(file_in(&path_of(&compose, "small.tar.gz"), "var/lib/dpkg/status"), file_in(&tar, "var/lib/dpkg/status"));

    let wsl = path_of(&compose, "wsl.wsl");
    assert_eq!(file_in(&wsl, "etc/wsl.conf"), "[boot]\nsystemd = true\n\n[user]\ndefault = sailor\n");
    let distribution = file_in(&wsl, "etc/wsl-distribution.conf");
    assert!(distribution.contains("command = /usr/lib/harbour/first-run\n"), "{distribution}");
    assert!(distribution.contains("defaultName = harbour-13.1\n"), "{distribution}");

    let lxc = path_of(&compose, "lxc.lxc.tar.xz");
    let metadata: serde_json::Value = serde_json::from_str(&file_in(&lxc, "metadata.yaml")).unwrap();
    assert_eq!(metadata["architecture"], "x86_64");
    assert_eq!(metadata["properties"]["description"], "Harbour Linux 13.1 Base amd64");
    for template in metadata["templates"].as_object().unwrap().values() {
        let text = file_in(&lxc, &format!("templates/{}", template["template"].as_str().unwrap()));
        assert!(text.contains("{{ container.name }}"), "{text}");
    }
    assert_eq!(file_in(&lxc, "rootfs/var/lib/dpkg/status"), file_in(&tar, "var/lib/dpkg/status"));

    let squashfs = path_of(&compose, "squashfs.squashfs");
    assert_eq!(output_of("unsquashfs", &["-cat", &squashfs, "var/lib/dpkg/status"]), file_in(&tar, "var/lib/dpkg/status"));

    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let word = |image: &serde_json::Value, key: &str| image[key].as_str().unwrap().to_owned();
    let mut kinds: Vec<_> = images
        .as_array()
        .unwrap()
        .iter()
        .map(|image| ["type", "format", "subvariant"].map(|key| word(image, key)).join(" "))
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "container ociarchive Base",
            "container tar.xz Base",
            "container tar.xz Base-lxc",
            "liveimg-squashfs liveimg.squashfs Base",
            "tar-gz tar.gz Base-small",
            "wsl2 wsl Base",
        ]
    );
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn some_images_are_made_alone_and_the_others_come_with_all_of_it() {
    let harbour = with_forms();
    let names = |compose: &Compose| {
        let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
        let mut formats: Vec<_> = images.as_array().unwrap().iter().map(|image| image["format"].to_string()).collect();
        formats.sort();
        formats
    };
    let (ran, compose) = harbour.compose(&["--images", "*.wsl", "Base.amd64.small"]);
    assert_eq!(names(&compose), ["\"tar.gz\"", "\"wsl\""], "{ran}");
    assert_eq!(harbour.charmer(&["verify", compose.root()]).code, 0);
    let resumed = harbour.charmer(&["resume", compose.root()]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert_eq!(names(&compose).len(), 2, "a resumed compose is the one that was asked for");

    let repositories = harbour.charmer(&["plan", "harbour.toml", "--images", "*.arm64.*"]);
    assert_eq!(repositories.code, 2, "{repositories}");
    let expected = "--images *.arm64.* selects no image of this compose; it has ";
    assert!(repositories.stderr.contains(expected) && repositories.stderr.contains("Base.amd64.lxc"), "{repositories}");
}

#[test]
fn composed_again_they_are_the_same_to_the_byte() {
    let harbour = with_forms();
    let (_, first) = harbour.compose(&[]);
    let (_, second) = harbour.compose(&[]);
    for end in ["tar.tar.xz", "small.tar.gz", "wsl.wsl", "lxc.lxc.tar.xz", "squashfs.squashfs"] {
        let [one, other] = [&first, &second].map(|compose| fs_err::read(path_of(compose, end)).unwrap());
        assert!(one == other, "{end}");
    }
}

#[test]
fn a_stranger_in_them_is_found_in_each_form() {
    let harbour = with_forms();
    harbour.edit("[limits]", "[checks]\nimage-equals-lock = \"warn\"\n\n[limits]");
    harbour.tools.smuggle().unwrap();
    let (ran, _) = harbour.compose(&[]);
    for end in ["container.oci.tar", "tar.tar.xz", "small.tar.gz", "wsl.wsl", "lxc.lxc.tar.xz", "squashfs.squashfs"] {
        let found = ran.stdout.lines().any(|line| line.contains(end) && line.contains(" holds stranger "));
        assert!(found, "{end}: {ran}");
    }
}

#[test]
fn a_form_that_may_fail_is_missed_alone_and_leaves_nothing_behind() {
    for (kind, tool) in [
        ("squashfs", "mksquashfs"),
        ("live", "xorriso"),
        ("disk", "sfdisk"),
        ("ostree", "chroot"),
        ("bootc", "chroot"),
        ("tar", "mmdebstrap"),
    ] {
        let harbour = Harbour::bootable(&[(kind, "")]);
        let failable =
            format!("[[failable]]\nvariants = [\"Base\"]\narches = [\"amd64\"]\nkinds = [\"{kind}\", \"container\"]\n\n");
        harbour.edit("[limits]", &format!("{failable}[limits]"));
        // Something still runs when the tool fails.
        harbour.tool(tool, "sleep 1000 & exit 9");
        let (ran, compose) = harbour.compose_into("composes", &[], 3);
        let outcomes = compose.json("compose/metadata/deliverables.json").to_string();
        assert!(outcomes.contains(&format!("\"{kind}\"")), "{kind}: {outcomes}");
        assert!(
            ran.stdout.contains("ended with exit status 9") || ran.stderr.contains("ended with exit status 9"),
            "{kind}: {ran}"
        );
        assert!(harbour.mounts().is_empty(), "{kind}: {:?}", harbour.mounts());
        assert!(harbour.processes().is_empty(), "{kind}: {:?}", harbour.processes());
        let loops = output_of("losetup", &["--list", "--noheadings", "--output", "BACK-FILE"]);
        assert!(!loops.contains(&harbour.text("composes")), "{kind}: {loops}");
    }
}
