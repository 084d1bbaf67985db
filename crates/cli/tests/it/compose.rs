//! `charmer compose`, when all goes well.

use super::Ran;
use charmer_compose::engine::event::Event;

use super::harbour::{Compose, Harbour, composes, output_of, wait_until};

#[test]
fn the_tree_is_the_one_that_was_promised() {
    let harbour = Harbour::new();
    let (ran, compose) = harbour.compose(&[]);

    assert_eq!(compose.read("COMPOSE_ID").trim(), compose.id());
    assert_eq!(compose.status(), "FINISHED");
    let latest = fs_err::read_link(harbour.path("composes/latest-harbour-13")).unwrap();
    assert_eq!(latest.to_str().unwrap(), compose.id());
    let image = format!("compose/Base/amd64/images/{}-Base-amd64-container.oci.tar", compose.id());
    for file in [
        "compose/Base/repository/dists/quay/InRelease",
        "compose/Base/repository/pool/main/h/harbour/harbour_1.0.dsc",
        "compose/Server/repository/dists/quay/main/binary-arm64/Packages.xz",
        "compose/Extra/repository/dists/quay/Release.gpg",
        &image,
        &image.replace("oci.tar", "oci/index.json"),
        "compose/Base/amd64/images/SHA256SUMS.sign",
        "compose/metadata/charmer.lock",
        "compose/metadata/composeinfo.json",
        "compose/metadata/images.json",
        "compose/metadata/debs.json",
        "compose/metadata/findings.json",
        "compose/metadata/deliverables.json",
        "compose/metadata/signing-key.asc",
    ] {
        assert!(compose.path(file).is_file(), "{file} is missing");
    }
    let sums = compose.read("compose/Base/amd64/images/SHA256SUMS");
    assert!(
        sums.contains("-Base-amd64-container.oci.tar\n") && sums.contains("-Base-amd64-container.oci/oci-layout\n"),
        "{sums}"
    );
    let strange: Vec<_> =
        compose.tree("").into_keys().filter(|name| name.contains(".partial") || name.contains(".new")).collect();
    assert!(strange.is_empty(), "{strange:?}");

    let lines: Vec<&str> = ran.stdout.lines().collect();
    let line_of =
        |artifact: &str| lines.iter().find(|line| line.starts_with(artifact)).unwrap_or_else(|| panic!("{artifact}: {ran}"));
    for (artifact, file) in [
        ("repository Base ", "compose/Base/repository"),
        ("repository Server ", "compose/Server/repository"),
        ("repository Extra ", "compose/Extra/repository"),
        ("container Base.amd64 ", image.as_str()),
    ] {
        assert!(line_of(artifact).ends_with(file), "{ran}");
    }
    let last = lines.last().unwrap();
    assert!(last.starts_with(&format!("{} is FINISHED after ", compose.id())) && last.ends_with(compose.root()), "{last}");
    assert!(!ran.stdout.contains("note:") && !ran.stdout.contains("warning"), "{ran}");
    assert!(harbour.processes().is_empty(), "{:?}", harbour.processes());
}

#[test]
fn variants_and_arches_get_what_belongs_to_them() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    let of_arch = |names: &[&str], arch: &str| names.iter().map(|name| name.replace("ARCH", arch)).collect::<Vec<_>>();
    let base = ["apt_1.0_ARCH", "base-files_1.0_ARCH", "dash_1.0_ARCH", "harbour-release_1.0_all", "libc6_2.41_ARCH"];
    let server = [&base[..], &["libssl3_3.5.0_ARCH", "openssh-server_1:10.0_ARCH"]].concat();
    for arch in ["amd64", "arm64"] {
        // The overlay's older version wins over the mirror's, because its priority is higher.
        assert_eq!(compose.packages("Base", arch), of_arch(&base, arch));
        assert_eq!(compose.packages("Server", arch), of_arch(&server, arch));
    }
    assert_eq!(compose.packages("Extra", "amd64"), ["htop_1.0_amd64"], "an optional variant repeats nothing of its parent");
    assert!(!compose.path("compose/Extra/repository/dists/quay/main/binary-arm64").exists());

    let info = compose.json("compose/metadata/composeinfo.json");
    assert_eq!(info["payload"]["compose"]["id"], compose.id().as_str());
    let calls = harbour.tools.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert!(call.contains("--architectures=amd64") && call.contains("--include=harbour-release"), "{call}");
}

#[test]
fn logs_tell_what_ran_and_how_it_ended() {
    let harbour = Harbour::new();
    let (ran, compose) = harbour.compose(&[]);
    let log = compose.read("logs/jobs/rootfs_Base.amd64.container.log");
    assert!(log.starts_with("# rootfs:Base.amd64.container begins at 20"), "{log}");
    assert!(log.contains("\n$ SOURCE_DATE_EPOCH=1700000000 TMPDIR="), "{log}");
    assert!(log.contains(" mmdebstrap --mode=") && log.contains("\n# exit status 0 after "), "{log}");
    let mut started = 0;
    for entry in compose.journal() {
        if let Event::JobStarted { job, log, .. } = entry.event {
            let text = compose.read(&log);
            assert!(text.starts_with(&format!("# {job} begins at ")) && text.contains("\n# finished after "), "{text}");
            started += 1;
        }
    }
    assert_eq!(started, compose.done().len());
    let index = compose.read("logs/jobs/index_mirror.log");
    assert!(index.contains("\n# made work/indexes/mirror/stable/main/binary-amd64/Packages.xz ("), "{index}");
    let global = compose.read("logs/global/charmer.log");
    for line in
        [" started   rootfs:Base.amd64.container (no older output)\n", " finished  createrepo:Extra in ", " status    FINISHED\n"]
    {
        assert!(global.contains(line), "{line} in {global}");
    }
    assert!(global.lines().any(|line| line.contains(" with      ") && line.contains(" mmdebstrap (")), "{global}");
    // Without a terminal people see the same lines, with shorter times, but for the versions of programs.
    let told = |text: &str| -> Vec<String> {
        let events = text.lines().filter_map(|line| line.split_once(' ').map(|(_, event)| event));
        let events = events.filter(|event| !event.starts_with("with  "));
        events.map(|event| event.replace(" (no older output)", "").replace(" (held in memory only)", "")).collect()
    };
    assert_eq!(told(&global), told(&ran.stderr));
    let sequence: Vec<u64> = compose.journal().iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequence, (1..=sequence.len() as u64).collect::<Vec<_>>());
}

#[test]
fn programs_are_known_by_the_package_that_dpkg_says_they_are_of() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    let journal = compose.journal();
    let Event::RunStarted { programs, .. } = &journal[0].event else { panic!("{:?}", journal[0]) };
    // dpkg may know them as /bin/tar and /usr/bin/dpkg; PATH has them in /usr/bin.
    for program in ["tar", "dpkg"] {
        let package = output_of("dpkg-query", &["--show", "--showformat=${Version}", program]);
        assert!(programs[program].starts_with(&format!("{package} (")), "{program}: {}", programs[program]);
    }
    assert!(programs["mmdebstrap"].starts_with('('), "the fixture's own tool is of no package: {}", programs["mmdebstrap"]);
}

#[test]
fn the_event_stream_is_json_and_nothing_else() {
    let harbour = Harbour::new();
    let (ran, compose) = harbour.compose(&["--message-format", "json"]);
    assert_eq!(ran.stderr, "");
    let entries: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for entry in &entries {
        assert!(entry["sequence"].is_u64() && entry["time"].is_string() && entry["event"].is_string(), "{entry}");
    }
    assert_eq!(entries[0]["event"], "run-started");
    assert_eq!(entries[0]["compose-id"], compose.id().as_str());
    let last = entries.last().unwrap();
    assert_eq!((last["event"].as_str(), last["status"].as_str()), (Some("run-finished"), Some("FINISHED")));
    // The stream is the journal, with progress added.
    let kept = entries.iter().filter(|entry| entry["event"] != "progress").map(ToString::to_string);
    let journal = compose.read("logs/events.jsonl");
    let journal = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap().to_string());
    assert_eq!(kept.collect::<Vec<_>>(), journal.collect::<Vec<_>>());
}

#[test]
fn quiet_says_one_line() {
    let harbour = Harbour::new();
    let (ran, compose) = harbour.compose(&["--quiet"]);
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran}");
    assert!(ran.stdout.contains(" is FINISHED after ") && ran.stdout.trim().ends_with(compose.root()), "{ran}");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let harbour = Harbour::new();
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = harbour.command(&["compose", "harbour.toml", "--target-dir", "composes"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success());
        (output.stdout.contains(&0x1b), output.stderr.contains(&0x1b))
    };
    assert_eq!(coloured(&[("TERM", "xterm")]), (false, false), "neither stream is a terminal");
    assert_eq!(coloured(&[("CLICOLOR_FORCE", "1")]), (true, true));
    assert_eq!(coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), (false, false));
}

#[test]
fn the_name_says_what_the_compose_is_for() {
    let harbour = Harbour::new();
    let (_, first) = harbour.compose(&["--type", "nightly", "--only", "lock"]);
    let (_, second) = harbour.compose(&["--type", "nightly", "--only", "lock", "--no-latest-link"]);
    let (_, release) = harbour.compose(&["--type", "production", "--label", "RC-1.0", "--only", "lock", "--no-latest-link"]);
    assert!(first.id().ends_with(".n.0") && second.id().ends_with(".n.1"), "{} {}", first.id(), second.id());
    assert!(release.id().ends_with(".0") && !release.id().ends_with(".n.0"), "{}", release.id());
    let latest = fs_err::read_link(harbour.path("composes/latest-harbour-13")).unwrap();
    assert_eq!(latest.to_str().unwrap(), first.id());
    let refused = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "composes", "--type", "production"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("hint: say which milestone it is for: --label RC-1.0"), "{refused}");
}

#[test]
fn phases_can_be_left_out() {
    let harbour = Harbour::new();
    let (ran, compose) = harbour.compose(&["--skip", "rootfs"]);
    assert!(compose.path("compose/Base/repository/dists/quay/InRelease").is_file());
    assert!(harbour.tools.calls().is_empty() && !compose.path("compose/Base/amd64").exists());
    assert!(!ran.stdout.contains("container") && !ran.stderr.contains("container"), "what is left out by wish is no news: {ran}");
    let deliverables = compose.json("compose/metadata/deliverables.json");
    assert!(deliverables["required"].get("container").is_none() && deliverables["required"].get("repository").is_some());
    let (_, only) = harbour.compose(&["--only", "gather"]);
    let needed = |job: &String| ["gather", "index", "pkgset", "seeds"].contains(&job.split(':').next().unwrap());
    assert!(only.done().iter().all(needed), "{:?}", only.done());
}

#[test]
fn the_same_in_other_circumstances_is_the_same_bytes() {
    let harbour = Harbour::new();
    let shipped = |target: &str, more: &[&str]| {
        fs_err::create_dir(harbour.path(target)).unwrap();
        let mut command = harbour.command(&[&["compose", "harbour.toml", "--target-dir", target], more].concat());
        let ran = Ran::of(command.env("SOURCE_DATE_EPOCH", "1710000000").output().unwrap());
        assert_eq!(ran.code, 0, "{ran}");
        let roots = composes(&harbour.path(target));
        Compose { root: roots[0].clone() }
    };
    let (one, other) = (shipped("one", &[]), shipped("other", &["--jobs", "1", "--cache-dir", "other-cache"]));
    assert_eq!(one.tree("compose").keys().collect::<Vec<_>>(), other.tree("compose").keys().collect::<Vec<_>>());
    for (name, content) in one.tree("compose") {
        assert!(fs_err::read(other.path(&name)).unwrap() == content, "{name} differs");
    }
    assert!(one.read("compose/Base/repository/dists/quay/Release").contains("\nDate: Sat, 09 Mar 2024 16:00:00 UTC\n"));
    assert!(one.read("logs/jobs/rootfs_Base.amd64.container.log").contains("\n$ SOURCE_DATE_EPOCH=1710000000 "));
}

#[test]
fn composes_at_once_share_the_cache_and_have_names_of_their_own() {
    let harbour = Harbour::new();
    let start = || harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    let ran: Vec<_> = [start(), start(), start()].map(super::harbour::Running::finish).into();
    assert!(ran.iter().all(|ran| ran.code == 0), "{ran:?}");
    let mut ids: Vec<_> = composes(&harbour.path("composes")).into_iter().map(|root| Compose { root }.id()).collect();
    ids.sort();
    assert_eq!(ids.iter().map(|id| id.rsplit_once('.').unwrap().1).collect::<Vec<_>>(), ["0", "1", "2"]);
    let mut fetched: Vec<_> = harbour.server().paths().into_iter().filter(|path| path.starts_with("/pool/")).collect();
    let all = fetched.len();
    fetched.sort();
    fetched.dedup();
    assert_eq!(all, fetched.len(), "what one fetches the others do not fetch again");
}

#[test]
fn a_choice_that_only_the_order_of_names_made_is_told() {
    let harbour = Harbour::new();
    harbour.add(
        "Package: exim4\nProvides: mail-transport-agent\n\nPackage: postfix\nProvides: mail-transport-agent\n\n\
         Package: mailer\nDepends: mail-transport-agent\n",
    );
    harbour.publish("2024-06-02");
    let seeds = ("seeds = [\"openssh-server\"]", "seeds = [\"mailer\"]");
    harbour.configure(&[seeds]);
    let (ran, compose) = harbour.compose(&[]);
    assert!(ran.stdout.contains("2 warnings\n  warning Server.amd64: ambiguous-provider: mailer"), "{ran}");
    assert!(ran.stdout.contains("hint: name the one to take for `mail-transport-agent` under `providers`\n"), "{ran}");
    assert!(compose.read("compose/metadata/findings.json").contains("\"ambiguous-provider\""));
    assert!(compose.packages("Server", "amd64").contains(&"exim4_1.0_all".to_owned()));
    harbour.configure(&[seeds, ("[limits]", "[gather]\nproviders = { mail-transport-agent = \"postfix\" }\n\n[limits]")]);
    let (ran, compose) = harbour.compose(&[]);
    assert!(!ran.stdout.contains("warning"), "{ran}");
    let packages = compose.packages("Server", "amd64");
    assert!(packages.contains(&"postfix_1.0_all".to_owned()) && !packages.contains(&"exim4_1.0_all".to_owned()), "{packages:?}");
}

#[test]
fn metadata_lead_to_the_files_whatever_variants_are_called() {
    let harbour = Harbour::new();
    harbour.configure(&[("Base", "compose")]);
    let (_, compose) = harbour.compose(&[]);
    let image = &compose.json("compose/metadata/images.json")["payload"]["images"]["compose"]["amd64"][0];
    let paths = &compose.json("compose/metadata/composeinfo.json")["payload"]["variants"]["compose"]["paths"];
    for path in [&image["path"], &paths["images"]["amd64"], &paths["repository"]["amd64"]] {
        let path = path.as_str().unwrap();
        assert!(path.starts_with("compose/") && compose.path("compose").join(path).exists(), "{path}");
    }
}

#[test]
fn what_nobody_signs_or_verifies_is_said() {
    let harbour = Harbour::new();
    harbour
        .configure(&[("keyring = \"mirror/key/public.asc\"", "trusted = true"), ("[signing]\nkey = \"signing/secret.asc\"", "")]);
    let (ran, compose) = harbour.compose(&[]);
    let notes: Vec<_> = ran.stdout.lines().filter(|line| line.starts_with("note:")).collect();
    assert_eq!(
        notes,
        [
            "note: taken without a signature, as the configuration says: mirror stable",
            "note: repositories and checksums are not signed",
        ]
    );
    assert!(!compose.path("compose/Base/repository/dists/quay/InRelease").exists());
    assert!(compose.read("compose/metadata/charmer.lock").contains("\nTrusted: yes\n"), "the lock says so too");
}

#[test]
fn what_nobody_verifies_is_said_of_composes_without_a_lock_too() {
    let harbour = Harbour::new();
    harbour.configure(&[("keyring = \"mirror/key/public.asc\"", "trusted = true")]);
    let note = "note: taken without a signature, as the configuration says: mirror stable\n";
    let (gathered, _) = harbour.compose(&["--only", "gather"]);
    assert!(gathered.stdout.contains(note), "{gathered}");
    harbour.server().clear();
    let (doomed, _) = harbour.compose_into("composes", &[], 1);
    assert!(doomed.stdout.contains(note), "{doomed}");
}

#[test]
fn an_archive_that_moves_meanwhile_is_said_to_have_moved() {
    let harbour = Harbour::new();
    harbour.tools.hang().unwrap();
    let running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    wait_until("the root file system is being made", || harbour.tools.hangs());
    harbour.publish("2024-06-02");
    harbour.tools.go_on().unwrap();
    let ran = running.finish();
    assert_eq!(ran.code, 0, "{ran}");
    let note = "note: changed since the package set was fixed; the next lock will differ: mirror: stable moved while the compose was \
                made: from Sat, 01 Jun 2024 00:00:00 UTC to Sun, 02 Jun 2024 00:00:00 UTC";
    assert!(ran.stdout.contains(note), "{ran}");
}
