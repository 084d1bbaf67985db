//! What goes wrong, and what people are told about it.

use charmer_testkit::archive::{Archive, Key};
use charmer_testkit::dsc::Dsc;
use charmer_testkit::http_server::Fault;

use super::Ran;
use super::harbour::{Compose, Harbour, composes, wait_until};

const FAILABLE: (&str, &str) = ("[limits]", "[[failable]]\nkinds = [\"container\"]\n\n[limits]");

impl Harbour {
    /// A compose that is doomed: what it said.
    pub(super) fn doomed(&self) -> Ran {
        let (ran, compose) = self.compose_into("composes", &[], 1);
        assert_eq!(compose.status(), "DOOMED", "{ran}");
        let next = [
            " is DOOMED after ",
            &format!(" mend it and go on with: charmer resume {}\n", compose.root()),
            &format!(" compose again with: --old-composes {} (what was done is reused)\n", self.text("composes")),
        ];
        assert_tells(&ran, &next);
        ran
    }

    /// A compose that cannot begin: what it said.
    pub(super) fn refused(&self) -> Ran {
        let ran = self.charmer(&["compose", "harbour.toml", "--target-dir", "composes"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
        assert!(composes(&self.path("composes")).is_empty(), "no folder is made for a compose that cannot begin");
        ran
    }
}

fn assert_tells(ran: &Ran, lines: &[&str]) {
    for line in lines {
        assert!(ran.stdout.contains(line), "{line} is not in {ran}");
    }
}

#[test]
fn a_failure_that_is_allowed_leaves_the_rest() {
    let harbour = Harbour::new();
    harbour.configure(&[FAILABLE]);
    harbour.tools.fail().unwrap();
    let (ran, compose) = harbour.compose_into("composes", &[], 3);
    assert_eq!(compose.status(), "FINISHED_INCOMPLETE");
    assert_tells(
        &ran,
        &[
            "1 job failed\n  rootfs:Base.amd64.container (allowed to fail)\n    'mmdebstrap' ended with exit status 7\n",
            "container:Base.amd64.container, because rootfs:Base.amd64.container is not there\n",
            " is FINISHED_INCOMPLETE after ",
        ],
    );
    let deliverables = compose.json("compose/metadata/deliverables.json");
    let reason = deliverables["reasons"].to_string();
    assert!(reason.contains("rootfs:Base.amd64.container: 'mmdebstrap' ended with exit status 7"), "{deliverables}");
    assert_eq!(deliverables["failed"]["container"][0][0], "Base", "{deliverables}");
    assert!(!compose.path("compose/Base/amd64").exists(), "no folder for images that are not there");
    assert!(compose.path("compose/metadata/images.json").is_file());
    assert!(compose.path("compose/Extra/repository/dists/quay/InRelease").is_file());
    let latest = fs_err::read_link(harbour.path("composes/latest-harbour-13")).unwrap();
    assert_eq!(latest.to_str().unwrap(), compose.id());
    assert_eq!(harbour.charmer(&["verify", compose.root()]).code, 0);

    // What failed is tried again by a resume.
    harbour.tools.work().unwrap();
    let ran = harbour.charmer(&["resume", compose.root()]);
    assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
    assert!(compose.json("compose/metadata/deliverables.json")["failed"].as_object().unwrap().is_empty());
    assert!(compose.read("compose/metadata/images.json").contains("-Base-amd64-container.oci.tar"));
}

#[test]
fn an_arch_that_may_fail_leaves_the_others() {
    let harbour = Harbour::new();
    let failable = "[[failable]]\narches = [\"arm64\"]\nkinds = [\"repository\"]\n\n[limits]";
    harbour.configure(&[("[limits]", failable), ("\"openssh-server\"", "\"openssh-server\", \"grub-pc\"")]);
    harbour.add("Package: grub-pc\nArchitecture: amd64\n");
    harbour.publish("2024-06-02");
    let (ran, compose) = harbour.compose_into("composes", &[], 3);
    assert_tells(
        &ran,
        &["gather:Server.arm64 (allowed to fail)\n    grub-pc: the seed `grub-pc` selects nothing: it is there only for amd64"],
    );
    assert!(compose.packages("Server", "amd64").contains(&"grub-pc_1.0_amd64".to_owned()));
    assert!(!compose.path("compose/Server/repository/dists/quay/main/binary-arm64").exists());
    assert!(compose.path("compose/Base/repository/dists/quay/main/binary-arm64/Packages.xz").is_file());
    let deliverables = compose.json("compose/metadata/deliverables.json");
    assert_eq!(deliverables["failed"]["repository"], serde_json::json!([["Server", "arm64", null]]), "{deliverables}");
}

#[test]
fn a_failed_tool_is_told_with_all_that_is_needed_to_mend_it() {
    let harbour = Harbour::new();
    harbour.tools.fail().unwrap();
    let (ran, compose) = harbour.compose_into("composes", &[], 1);
    let log = compose.path("logs/jobs/rootfs_Base.amd64.container.log");
    assert_tells(
        &ran,
        &[
            "  rootfs:Base.amd64.container\n    'mmdebstrap' ended with exit status 7\n",
            " mmdebstrap --mode=",
            "I: extracting package 30\n",
            "E: setting up harbour-release failed\n",
            log.to_str().unwrap(),
            &format!("charmer resume {}", compose.root()),
        ],
    );
    assert!(!ran.stdout.contains("I: extracting package 11\n"), "only the last 20 lines are repeated: {ran}");
    assert!(fs_err::read_to_string(&log).unwrap().contains("I: extracting package 1\n"), "the log has all of them");
    assert_eq!(compose.status(), "DOOMED");
    assert!(!harbour.path("composes/latest-harbour-13").exists());
    let quiet = harbour.charmer(&["resume", compose.root(), "--quiet"]);
    assert_eq!(quiet.code, 1);
    assert!(quiet.stderr.contains("'mmdebstrap' ended with exit status 7"), "{quiet}");

    harbour.tools.work().unwrap();
    let ran = harbour.charmer(&["resume", compose.root()]);
    assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
    assert!(ran.stdout.contains("container Base.amd64 "), "{ran}");
}

#[test]
fn an_archive_signed_by_a_stranger_is_not_believed() {
    let harbour = Harbour::new();
    let stranger = Key::make(&harbour.path("stranger"), "stranger").unwrap();
    harbour.configure(&[("mirror/key/public.asc", "stranger/public.asc")]);
    let told =
        format!("/dists/stable/InRelease: no signature is good: key {} is not in the keyring\n", harbour.archive.key.fingerprint);
    let ran = harbour.doomed();
    assert_tells(&ran, &["  index:mirror\n", &told, "hint: a newer keyring package may hold the key"]);
    assert!(!ran.stdout.contains(&stranger.fingerprint), "{ran}");
}

#[test]
fn an_archive_that_is_unsigned_or_expired_is_not_believed() {
    let harbour = Harbour::new();
    harbour.archive.write_release("2024-06-01", &[("Valid-Until", "Sat, 08 Jun 2024 00:00:00 UTC")]).unwrap();
    harbour.serve();
    let ran = harbour.doomed();
    assert_tells(&ran, &["/dists/stable/InRelease: the suite expired: it was valid until 2024-06-08T00:00:00Z", "hint: "]);

    harbour.server().remove("/dists/stable/InRelease");
    let ran = harbour.doomed();
    assert_tells(&ran, &["the suite is not signed: it has neither InRelease nor Release.gpg", "hint: "]);

    harbour.server().remove_all("/dists/stable/Release");
    let ran = harbour.doomed();
    assert_tells(&ran, &["/dists/stable: neither InRelease nor Release is there; is the suite's name right?"]);
}

#[test]
fn an_index_is_read_in_another_compression_and_that_is_said() {
    let harbour = Harbour::new();
    let folder = "/dists/stable/main/binary-arm64";
    harbour.server().remove_all(&format!("{folder}/by-hash"));
    harbour.server().serve(&format!("{folder}/Packages.xz"), b"of tomorrow".to_vec());
    let (ran, compose) = harbour.compose(&["--only", "lock"]);
    assert_tells(
        &ran,
        &[
            "1 warning\n  warning index: mirror stable: ",
            &format!("{folder}/Packages.xz: it is not the file that the signed index lists: "),
            "; main/binary-arm64/Packages.gz was read instead\n",
            "hint: the mirror is being updated",
        ],
    );
    assert!(compose.read("compose/metadata/charmer.lock").contains(" main/binary-arm64/Packages.gz\n"));

    harbour.server().remove(&format!("{folder}/Packages.xz"));
    let (ran, _) = harbour.compose(&["--only", "lock"]);
    assert_tells(&ran, &[&format!("{folder}/Packages.xz: the server does not have it; main/binary-arm64/Packages.gz was read")]);
}

#[test]
fn missing_stale_and_unlisted_indexes_are_three_errors() {
    let harbour = Harbour::new();
    let index = "/dists/stable/main/binary-arm64/Packages.xz";
    // As on a mirror without by-hash that is being updated: the name already has the next content.
    harbour.server().remove_all("/dists/stable/main/binary-arm64/");
    harbour.server().serve(index, b"of tomorrow".to_vec());
    let stale = harbour.doomed();
    assert_tells(
        &stale,
        &[&format!("{index}: it is not the file that the signed index lists"), "hint: the mirror is being updated"],
    );

    harbour.server().remove(index);
    let missing = harbour.doomed();
    assert_tells(&missing, &[&format!("{index}: the server does not have it")]);

    fs_err::remove_dir_all(harbour.archive.dists().join("main/binary-arm64")).unwrap();
    harbour.archive.write_release("2024-06-01", &[]).unwrap();
    harbour.serve();
    let unlisted = harbour.doomed();
    assert_tells(&unlisted, &["/dists/stable/InRelease: the suite does not list 'main/binary-arm64/Packages'"]);

    let other = Archive::make(&harbour.path("other"), &["amd64"]).unwrap();
    fs_err::copy(&other.key.public, harbour.path("mirror/key/public.asc")).unwrap();
    other.publish("2024-06-01").unwrap();
    other.serve(harbour.server()).unwrap();
    let no_arch = harbour.doomed();
    assert_tells(&no_arch, &["the suite has no architecture 'arm64'; it has amd64"]);
}

#[test]
fn package_files_that_cannot_be_had_are_all_named() {
    let harbour = Harbour::new();
    harbour.server().remove("/pool/libc6_2.41_amd64.deb");
    harbour.server().serve("/pool/dash_1.0_arm64.deb", b"another file".to_vec());
    let (ran, compose) = harbour.compose_into("composes", &[], 1);
    assert_tells(
        &ran,
        &[
            "  fetch:Base\n    2 package files cannot be had:\n",
            "/pool/libc6_2.41_amd64.deb: the server does not have it",
            "/pool/dash_1.0_arm64.deb: it is not the file that the signed index lists",
            "hint: if the archive has moved on, make a new lock",
        ],
    );
    harbour.serve();
    let ran = harbour.charmer(&["resume", compose.root()]);
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn a_passing_fault_of_the_server_is_no_failure() {
    let harbour = Harbour::new();
    let package = "/pool/libc6_2.41_amd64.deb";
    harbour.server().fail(package, Fault::Truncate(100));
    harbour.server().fail("/dists/stable/InRelease", Fault::Status(503, vec![]));
    let (ran, compose) = harbour.compose(&[]);
    let range = harbour.server().received(package)[1].headers.get("range").cloned();
    assert_eq!(range.as_deref(), Some("bytes=100-"), "the download goes on where it ended");
    assert!(compose.read("logs/events.jsonl").contains("\"event\":\"job-retried\""), "{ran}");
}

#[test]
fn sources_that_are_missing_are_named_and_may_fail() {
    let harbour = Harbour::new();
    let all = ("[limits]", "[gather]\nsources = \"all\"\n\n[limits]");
    harbour.configure(&[all]);
    let ran = harbour.doomed();
    assert_tells(
        &ran,
        &[
            "4 sources or files of sources cannot be had:\n",
            "libc6 2.41, wanted by libc6_2.41_amd64 (Source): no archive has it\n",
        ],
    );
    harbour.configure(&[all, ("[signing]", "[[failable]]\nkinds = [\"sources\"]\n\n[signing]")]);
    let (ran, compose) = harbour.compose_into("composes", &[], 3);
    assert_tells(
        &ran,
        &["sources:Base (allowed to fail)", "sources:Server (allowed to fail)", "openssh-server 1:10.0, wanted by "],
    );
    assert!(compose.path("compose/Base/repository/pool/main/h/harbour/harbour_1.0.dsc").is_file(), "what is there is shipped");

    let sources = [
        ("libc6", "2.41"),
        ("base-files", "1.0"),
        ("dash", "1.0"),
        ("apt", "1.0"),
        ("libssl3", "3.5.0"),
        ("openssh-server", "1:10.0"),
        ("htop", "1.0"),
    ];
    for (name, version) in sources {
        harbour.archive.add_source(&Dsc::new(name, version).binary(name, "any"));
    }
    harbour.publish("2024-06-02");
    let (_, compose) = harbour.compose(&[]);
    let index = compose.path("compose/Server/repository/dists/quay/main/source/Sources.xz");
    assert!(
        index.is_file() && compose.path("compose/Server/repository/pool/main/o/openssh-server/openssh-server_10.0.dsc").is_file()
    );
    assert_eq!(harbour.charmer(&["verify", compose.root()]).code, 0);
}

#[test]
fn all_that_the_machine_lacks_is_said_before_anything_begins() {
    let harbour = Harbour::new();
    // A PATH with nothing but what the runner itself needs.
    let bare = harbour.path("bare");
    fs_err::create_dir(&bare).unwrap();
    for program in ["setpriv", "timeout", "unshare", "true", "sh"] {
        fs_err::os::unix::fs::symlink(format!("/usr/bin/{program}"), bare.join(program)).unwrap();
    }
    harbour.configure(&[
        ("mirror/key/public.asc", "no/such/keyring.gpg"),
        ("overlay = \"overlay\"", "overlay = \"no-overlay\""),
        ("signing/secret.asc", "signing/public.asc"),
        ("min-free = \"1 MiB\"", "min-free = \"900 TiB\""),
    ]);
    let output = harbour.command(&["compose", "harbour.toml", "--target-dir", "composes"]).env("PATH", &bare).output().unwrap();
    let ran = Ran::of(output);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
    for lack in [
        "error: this machine is not ready for the compose:\n",
        "mmdebstrap is not there\n    install the Debian package mmdebstrap: apt-get install mmdebstrap\n",
        "gpgv is not there\n    install the Debian package gpgv: apt-get install gpgv\n",
        "archive 'mirror': ",
        "no/such/keyring.gpg",
        "archive 'own': the folder ",
        "the signing key cannot be used: ",
        " MiB are to stay free\n",
    ] {
        assert!(ran.stderr.contains(lack), "{lack} is not in {ran}");
    }
    assert!(composes(&harbour.path("composes")).is_empty());
    assert!(harbour.server().paths().is_empty(), "nothing was downloaded");
}

#[test]
fn root_file_systems_of_an_arch_whose_programs_do_not_run_are_refused() {
    let harbour = Harbour::new();
    harbour.edit("arches = [\"amd64\"]\npackages = [\"harbour-release\"]", "packages = [\"harbour-release\"]");
    harbour.tool("arch-test", "[ \"$*\" = amd64 ]");
    let ran = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "composes"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.stderr.contains("this machine runs no programs for arm64"), "{ran}");
    assert!(!ran.stderr.contains("for amd64"), "{ran}");
    // Repositories of the arch take no programs of it.
    harbour.edit(
        "packages = [\"harbour-release\"]\n\n[limits]",
        "arches = [\"amd64\"]\npackages = [\"harbour-release\"]\n\n[limits]",
    );
    harbour.compose(&[]);
}

#[test]
fn a_signing_command_is_told_and_stopped_like_any_tool() {
    let harbour = Harbour::new();
    harbour.sign_with("echo the card is not there >&2; exit 5");
    let ran = harbour.doomed();
    assert_tells(
        &ran,
        &[
            "'sign-with-a-card' ended with exit status 5\n",
            "sign-with-a-card --slot 1 clearsign\n",
            "the card is not there\n",
            "logs/jobs/createrepo_Base.log",
        ],
    );

    harbour.sign_with(&format!("touch {}; exec sleep 1000", harbour.text("signs")));
    let running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    wait_until("the signature is being made", || harbour.path("signs").exists());
    running.signal(rustix::process::Signal::INT);
    let ran = running.finish();
    assert_eq!(ran.code, 130, "{ran}");
    assert!(!ran.stdout.contains("failed") && ran.stdout.contains(" is TERMINATED after "), "{ran}");
}

#[test]
fn a_compose_stops_before_the_disk_is_full() {
    let harbour = Harbour::new();
    harbour.configure(&[("min-free = \"1 MiB\"", "min-free = \"40 MiB\"")]);
    // The composes are on a file system of their own, and the first image comes with much that nobody has counted on.
    let (composes, tool) = (harbour.text("composes"), harbour.path("tools/mmdebstrap"));
    let script = fs_err::read_to_string(&tool).unwrap();
    let ballast = format!("\nhead -c 50M /dev/zero > {composes}/ballast\n");
    fs_err::write(&tool, script.replacen('\n', &ballast, 1)).unwrap();
    let compose = ["compose", "harbour.toml", "--target-dir", "composes", "--jobs", "1"];
    let ran = harbour.in_own_mounts(r#"mount -t tmpfs -o size=80m tmpfs "$1""#, &composes, &compose);
    assert_eq!(ran.code, 1, "{ran}");
    let hint = "hint: make room, for example by removing old composes, and resume\n";
    assert_tells(&ran, &["1 job failed\n", " MiB free; 40 MiB are to stay free\n", hint]);
}

#[test]
fn a_key_that_cannot_be_reached_is_seen_before_anything_begins() {
    let harbour = Harbour::new();
    harbour.sign_with("exit 1");
    let program = harbour.path("tools/sign-with-a-card");
    fs_err::write(&program, "#!/bin/sh\necho the card is not there >&2\nexit 5\n").unwrap();
    let ran = harbour.refused();
    let told = "the signing command failed: 'sign-with-a-card' ended with exit status 5: the card is not there\n";
    assert!(ran.stderr.contains(told), "{ran}");
}

#[test]
fn a_target_folder_that_is_not_there_is_said_to_be_missing() {
    let harbour = Harbour::new();
    let ran = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "nowhere"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.stderr.contains("the target folder nowhere ") && ran.stderr.contains("--target-dir"), "{ran}");
}

#[test]
fn a_folder_that_apt_cannot_name_is_refused_before_anything_begins() {
    let harbour = Harbour::new();
    fs_err::create_dir(harbour.path("my composes")).unwrap();
    let compose = ["compose", "harbour.toml", "--target-dir", "my composes"];
    let ran = harbour.charmer(&compose);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.stderr.contains("/my composes' cannot be used: apt needs an absolute path of letters, digits and "), "{ran}");
    assert!(composes(&harbour.path("my composes")).is_empty());
    let without_images = harbour.charmer(&[&compose[..], &["--skip", "rootfs"]].concat());
    assert_eq!(without_images.code, 0, "{without_images}");
}

#[test]
fn a_wrong_configuration_is_told_with_line_and_column() {
    let harbour = Harbour::new();
    harbour.configure(&[
        ("codename", "code-name"),
        ("priority = 990", "priority = \"high\""),
        ("parent = \"Base\"", "parent = \"Bse\""),
    ]);
    let ran = harbour.refused();
    assert!(ran.stderr.starts_with("error: 3 problems in the configuration\n"), "{ran}");
    let text = fs_err::read_to_string(harbour.path("harbour.toml")).unwrap();
    for (word, hint) in [("code-name", "codename"), ("\"high\"", ""), ("\"Bse\"", "Base")] {
        let line = text.lines().position(|line| line.contains(word)).unwrap();
        let column = text.lines().nth(line).unwrap().find(word).unwrap();
        assert!(ran.stderr.contains(&format!("harbour.toml:{}:{}", line + 1, column + 1)), "{word}: {ran}");
        assert!(ran.stderr.contains(hint), "{ran}");
    }
    assert!(ran.stderr.contains("did you mean"), "{ran}");
}

#[test]
fn unknown_seeds_are_all_told_with_place_and_what_was_meant() {
    let harbour = Harbour::new();
    harbour.configure(&[
        ("\"apt\", \"harbour-release\"", "\"atp\", \"nothing-like-it\""),
        ("seeds = [\"openssh-server\"]", "seeds = [\"openssh-servr\"]"),
    ]);
    let ran = harbour.doomed();
    let text = fs_err::read_to_string(harbour.path("harbour.toml")).unwrap();
    for (seed, meant) in
        [("atp", " (did you mean apt?)"), ("openssh-servr", " (did you mean openssh-server?)"), ("nothing-like-it", "")]
    {
        let line = text.lines().position(|line| line.contains(&format!("\"{seed}\""))).unwrap();
        let column = text.lines().nth(line).unwrap().find(&format!("\"{seed}\"")).unwrap();
        let place = format!("    harbour.toml:{}:{}: ", line + 1, column + 1);
        let told = format!("{place}the seed `{seed}` selects nothing: no package has or provides this name{meant}\n");
        assert_eq!(ran.stdout.matches(&told).count(), 1, "{told} is to stand once in {ran}");
    }
}

#[test]
fn what_made_a_job_fail_is_told_once() {
    let harbour = Harbour::new();
    harbour.configure(&[("seeds = [\"openssh-server\"]", "seeds = [\"openssh-server\", \"grub-pc\"]")]);
    harbour.add("Package: grub-pc\nArchitecture: any\nDepends: no-such-package\n");
    harbour.publish("2024-06-02");
    let ran = harbour.doomed();
    let told = ": nothing answers Depends: no-such-package (no-such-package: no package has or provides this name)";
    let failed = ran.stdout.matches("\n  gather:Server.").count();
    assert!(failed > 0 && ran.stdout.matches(told).count() == failed, "{ran}");
    assert!(!ran.stdout.contains("fatal"), "{ran}");
}

#[test]
fn dependencies_that_nothing_answers_are_told_with_the_reason() {
    let harbour = Harbour::new();
    harbour.add("Package: openssh-server\nVersion: 1:11.0\nArchitecture: any\nDepends: libssl3 (>= 4), libwrap0\n");
    harbour.publish("2024-06-02");
    let ran = harbour.doomed();
    assert_tells(
        &ran,
        &[
            "nothing answers Depends: libssl3 (>= 4) (libssl3: there is only 3.5.0)",
            "nothing answers Depends: libwrap0 (libwrap0: no package has or provides this name)",
        ],
    );
}

#[test]
fn an_image_with_another_version_than_the_lock_has_is_not_shipped() {
    let harbour = Harbour::new();
    harbour.configure(&[FAILABLE]);
    let tool = harbour.path("tools/mmdebstrap");
    let script = fs_err::read_to_string(&tool).unwrap();
    fs_err::write(&tool, script.replace("field(\"Version\")\n    }", "name == \"dash\" ? \"0.9\" : field(\"Version\")\n    }"))
        .unwrap();
    let (ran, compose) = harbour.compose_into("composes", &[], 3);
    assert_tells(&ran, &["test:Base.amd64.container (allowed to fail)", "holds dash 0.9 (amd64), the lock has 1.0"]);
    assert!(!compose.path("compose/Base/amd64/images").exists());
    assert!(!compose.read("compose/metadata/images.json").contains("oci.tar"));
}

#[test]
fn a_compose_that_is_gone_from_under_a_command_is_said_to_be_none() {
    let harbour = Harbour::new();
    for command in [&["resume"][..], &["status"], &["verify"], &["why"]] {
        let package = if command == ["why"] { &["bash"][..] } else { &[] };
        let ran = harbour.charmer(&[command, &["composes/harbour-13.1-20240101.0"], package].concat());
        assert_ne!(ran.code, 0, "{ran}");
        assert!(ran.stderr.contains("composes/harbour-13.1-20240101.0"), "{ran}");
    }
}

#[test]
fn a_doomed_compose_has_its_reports() {
    let harbour = Harbour::new();
    harbour.tools.fail().unwrap();
    let (_, Compose { root }) = harbour.compose_into("composes", &[], 1);
    for report in ["findings.json", "deliverables.json"] {
        assert!(root.join("compose/metadata").join(report).is_file(), "{report}");
    }
}

#[test]
fn requests_go_through_the_proxy_of_the_environment_and_around_it_where_it_says_so() {
    let harbour = Harbour::new();
    let compose = |variables: &[(&str, &str)]| {
        let mut command = harbour.command(&["compose", "harbour.toml", "--target-dir", "composes"]);
        Ran::of(command.envs(variables.iter().copied()).output().unwrap())
    };
    // Nobody listens there.
    let proxy = ("http_proxy", "http://127.0.0.1:1");
    let ran = compose(&[proxy]);
    assert_eq!(ran.code, 1, "{ran}");
    assert_tells(&ran, &["/dists/stable/InRelease"]);
    assert_eq!(compose(&[proxy, ("no_proxy", "localhost,127.0.0.1")]).code, 0);
    assert_tells(&compose(&[("http_proxy", "no proxy")]), &["the proxy \"no proxy\" cannot be used"]);
}
