//! Commands about a compose that is there: `why`, `verify`, `status`, `list`; and about a real configuration: `config`, `plan`.

use std::path::Path;

use super::harbour::{Compose, Harbour, wait_until};

/// Changes one byte in the middle of a file, without touching what shares its content.
fn damage(file: &Path) {
    let mut bytes = fs_err::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::remove_file(file).unwrap();
    fs_err::write(file, bytes).unwrap();
}

#[test]
fn why_shows_the_chain_from_a_seed() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    let why = |words: &[&str]| harbour.charmer(&[&["why", compose.root()], words].concat());
    let ssl = why(&["libssl3:arm64"]);
    assert_eq!(
        ssl.stdout,
        "Server.arm64\n  openssh-server 1:10.0 arm64  the seed openssh-server\n    libssl3 3.5.0 arm64  Depends: libssl3\n"
    );
    let of_variant = why(&["libc6", "--variant", "Server"]);
    assert_eq!(
        of_variant.stdout,
        "Server.amd64\n  libc6 2.41 amd64  its parent Base has it\n\nServer.arm64\n  libc6 2.41 arm64  its parent Base has it\n"
    );
    let absent = why(&["libssl"]);
    assert_eq!(absent.code, 1);
    assert!(absent.stderr.contains(&format!("{} has no package libssl\nhint: ", compose.id())), "{absent}");
    assert_eq!(why(&["htop:arm64"]).code, 1, "Extra is for amd64 only");
}

#[test]
fn why_says_which_alternatives_cannot_be_installed() {
    let harbour = Harbour::new();
    harbour.add(
        "Package: mailer\nDepends: exim4 | sendmail | postfix\n\nPackage: exim4\nDepends: libgone\n\n\
         Package: sendmail\nConflicts: base-files\n\nPackage: postfix\n",
    );
    harbour.publish("2024-06-02");
    harbour.configure(&[("seeds = [\"openssh-server\"]", "seeds = [\"mailer\"]")]);
    let (_, compose) = harbour.compose(&["--only", "gather", "--only", "lock"]);
    let postfix = harbour.charmer(&["why", compose.root(), "postfix", "--variant", "Server"]);
    let chain = "  mailer 1.0 all  the seed mailer\n    postfix 1.0 all  Depends: exim4 | sendmail | postfix\
                 ; not exim4_1.0_all, which cannot be installed: exim4_1.0_all Depends: libgone, which nothing answers\
                 ; not sendmail_1.0_all, which cannot be installed: ";
    assert!(postfix.stdout.contains(chain), "{postfix}");
    assert!(postfix.stdout.contains("sendmail_1.0_all Conflicts: base-files, which base-files_1.0_amd64 is"), "{postfix}");
    for name in ["exim4", "sendmail"] {
        assert_eq!(harbour.charmer(&["why", compose.root(), name]).code, 1, "{name} is not there");
    }
    // The lock has neither of them, and leads to the same choice.
    let lock = compose.path("compose/metadata/charmer.lock");
    let (_, again) = harbour.compose(&["--lock", lock.to_str().unwrap(), "--only", "gather", "--only", "lock"]);
    assert_eq!(compose.read("compose/metadata/charmer.lock"), again.read("compose/metadata/charmer.lock"));
}

#[test]
fn verify_names_what_was_damaged() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    let well = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(well.code, 0, "{well}");
    let image = format!("compose/Base/amd64/images/{}-Base-amd64-container.oci.tar", compose.id());
    for part in ["lock", "repository Base", "repository Server", "repository Extra", image.as_str()] {
        assert!(well.stdout.contains(part), "{part}: {well}");
    }
    let damages = [
        (
            "compose/Server/repository/pool/main/libs/libssl3/libssl3_3.5.0_amd64.deb",
            "pool/main/libs/libssl3/libssl3_3.5.0_amd64.deb",
        ),
        ("compose/Base/repository/dists/quay/main/binary-amd64/Packages.xz", "main/binary-amd64/Packages"),
        ("compose/Base/repository/dists/quay/Release", "Release"),
        (image.as_str(), image.as_str()),
        ("compose/Base/amd64/images/SHA256SUMS", "compose/Base/amd64/images/SHA256SUMS"),
        ("compose/metadata/charmer.lock", "compose/metadata/charmer.lock"),
        ("compose/metadata/debs.json", "compose/metadata/debs.json"),
    ];
    for (file, named) in damages {
        let path = compose.path(file);
        let kept = fs_err::read(&path).unwrap();
        damage(&path);
        let ran = harbour.charmer(&["verify", compose.root()]);
        assert_eq!(ran.code, 1, "{file}: {ran}");
        assert!(ran.stdout.contains(&format!("{named}: ")), "{file}: {ran}");
        fs_err::remove_file(&path).unwrap();
        let ran = harbour.charmer(&["verify", compose.root()]);
        assert_eq!(ran.code, 1, "{file} is gone: {ran}");
        fs_err::write(&path, kept).unwrap();
    }
    assert_eq!(harbour.charmer(&["verify", compose.root()]).code, 0, "all is as it was");
}

#[test]
fn verify_needs_nothing_but_to_read() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    let ran = harbour.in_own_mounts(
        r#"mount --bind "$1" "$1" && mount -o remount,ro,bind "$1""#,
        compose.root(),
        &["verify", compose.root()],
    );
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn a_stopped_verify_leaves_nothing() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    // The container is taken for a disc, which is read by a program.
    let record = compose.tree("work/records").into_iter().find(|(name, _)| name.contains("image-checksum")).unwrap();
    let text = String::from_utf8(record.1).unwrap();
    let changed = text.replace(r#""kind":"container""#, r#""kind":"data-iso""#);
    assert_ne!(changed, text);
    fs_err::write(compose.path(&record.0), changed).unwrap();
    harbour.tool("xorriso", &format!("touch {}; sleep 1000; true", harbour.text("reads")));
    let scratch = harbour.path("scratch");
    fs_err::create_dir(&scratch).unwrap();
    let before = compose.tree("");

    let running = harbour.start_with(&["verify", compose.root()], &[("TMPDIR", scratch.to_str().unwrap())]);
    wait_until("the image is being read", || harbour.path("reads").exists());
    assert_ne!(fs_err::read_dir(&scratch).unwrap().count(), 0);
    running.signal(rustix::process::Signal::INT);
    let ran = running.finish();
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{ran}");
    assert!(ran.stderr.ends_with("error: stopped before all was verified\n"), "{ran}");
    assert_eq!(fs_err::read_dir(&scratch).unwrap().count(), 0);
    assert!(compose.tree("") == before, "the compose is as it was");
    assert!(harbour.processes().is_empty(), "{:?}", harbour.processes());
}

#[test]
fn status_and_list_tell_how_composes_ended() {
    let harbour = Harbour::new();
    let (_, finished) = harbour.compose(&["--type", "nightly"]);
    harbour.tools.fail().unwrap();
    let (_, doomed) = harbour.compose_into("composes", &[], 1);
    let listed = harbour.charmer(&["list", "composes"]).stdout;
    assert_eq!(listed, format!("{}  FINISHED\n{}  DOOMED\n", finished.id(), doomed.id()));

    let status = harbour.charmer(&["status", doomed.root()]).stdout;
    assert!(status.starts_with(&format!("{} is DOOMED after ", doomed.id())), "{status}");
    assert!(status.contains("\nfailed rootfs:Base.amd64.container after "), "{status}");
    let json = |compose: &Compose| -> serde_json::Value {
        serde_json::from_str(&harbour.charmer(&["status", compose.root(), "--format", "json"]).stdout).unwrap()
    };
    assert_eq!(json(&doomed)["jobs"]["failed"], serde_json::json!(["rootfs:Base.amd64.container"]));
    let all = json(&finished);
    assert_eq!((&all["status"], &all["condition"]), (&"FINISHED".into(), &"ended".into()));
    assert_eq!(all["jobs"]["done"].as_array().unwrap().len(), finished.done().len());
    assert_eq!(all["remaining"], 0.0);
    // The link to the latest is as good as the compose itself.
    let by_link = harbour.charmer(&["status", "composes/latest-harbour-13"]).stdout;
    assert!(by_link.starts_with(&finished.id()), "{by_link}");
}

#[test]
fn a_configuration_is_checked_and_shown_as_it_is_understood() {
    let harbour = Harbour::new();
    let checked = harbour.charmer(&["config", "check", "harbour.toml"]);
    let expected = "harbour.toml is in order: Harbour Linux 13.1, 2 archives, 3 variants, 5 variant and arch pairs, 1 image\n";
    assert_eq!((checked.code, checked.stdout.as_str()), (0, expected));
    let shown: serde_json::Value = serde_json::from_str(&harbour.charmer(&["config", "show", "harbour.toml"]).stdout).unwrap();
    let names: Vec<_> = shown["variants"].as_array().unwrap().iter().map(|variant| variant["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Base", "Server", "Extra"], "parents stand before their children");
    assert!(harbour.server().paths().is_empty(), "nothing is downloaded for that");
}

#[test]
fn the_plan_is_what_then_runs() {
    let harbour = Harbour::new();
    let jobs = |arguments: &[&str]| -> Vec<String> {
        let ran = harbour.charmer(&[&["plan", "harbour.toml", "--format", "json"], arguments].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran}");
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let mut jobs: Vec<_> =
            document["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap().to_owned()).collect();
        jobs.sort();
        jobs
    };
    let all = jobs(&[]);
    assert!(harbour.server().paths().is_empty() && !harbour.path("cache").exists(), "a plan touches nothing");
    let (_, compose) = harbour.compose(&[]);
    assert_eq!(compose.done(), all);
    for selection in [&["--only", "createrepo"][..], &["--skip", "container"], &["--only", "lock", "--skip", "repoclosure"]] {
        let planned = jobs(selection);
        assert!(planned.len() < all.len());
        let (_, compose) = harbour.compose(selection);
        assert_eq!(compose.done(), planned, "{selection:?}");
    }
}
