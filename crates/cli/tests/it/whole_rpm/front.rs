//! `pungi-koji` as scripts call it: exit codes, what is printed, names, links, status words, signals.

use charmer_testkit::rpm_file::Rpm;
use rustix::process::Signal;

use super::super::Ran;
use super::super::harbour::{Compose, composes, wait_until};
use super::{Quay, output};

const VARIANTS: &str = "<variants><variant id=\"Server\" name=\"Quay Server\" type=\"variant\">\
                        <arches><arch>x86_64</arch></arches><groups><group>core</group></groups></variant></variants>";

/// Tells what it is told to a file, one line for each message.
const LISTENER: &str = "sh -c '{ printf \"%s \" \"$0\"; cat; echo; } >>../told'";

impl Quay {
    /// One variant of two packages that do not install, which is enough for all that is not about packages.
    pub(super) fn small() -> Self {
        let quay = Self::without_packages();
        for (from, to) in [
            ("check_deps = True", "check_deps = False"),
            ("buildinstall_method", "#"),
            ("buildinstall_skip", "#"),
            ("createrepo_extra_modulemd", "#"),
            ("product_id", "#"),
            ("multilib", "#"),
            ("extra_files", "#"),
        ] {
            quay.change("quay.conf", from, to);
        }
        quay.write("variants.xml", VARIANTS);
        fs_err::create_dir(quay.path("repository")).unwrap();
        for name in ["harbour-tool", "harbour-release"] {
            for arch in ["src", "x86_64"] {
                let mut package = Rpm::new(name, "1", "1", arch);
                package.provides.add_text(&format!("{name} = 1-1"));
                package.write_to(&quay.path("repository"));
            }
        }
        quay
    }

    /// The same, with boot media that an installer is on.
    fn with_installer() -> Self {
        let quay = Self::small();
        let config = fs_err::read_to_string(quay.path("quay.conf")).unwrap();
        quay.write("quay.conf", config + "buildinstall_method = \"lorax\"\n");
        quay
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(self.path("tools/pungi-koji").to_str().unwrap(), words).output().unwrap())
    }

    fn told(&self) -> Vec<(String, serde_json::Value)> {
        let text = fs_err::read_to_string(self.path("told")).unwrap_or_default();
        let message = |line: &str| {
            let (name, json) = line.split_once(' ').unwrap();
            (name.to_owned(), serde_json::from_str(json).unwrap())
        };
        text.lines().map(message).collect()
    }

    fn composes(&self) -> Vec<std::path::PathBuf> {
        composes(&self.path("composes"))
    }

    fn links(&self) -> Vec<String> {
        let entries = fs_err::read_dir(self.path("composes")).unwrap().map(|entry| entry.unwrap());
        let links = entries.filter(|entry| entry.file_type().unwrap().is_symlink());
        let mut links: Vec<String> = links.map(|link| link.file_name().into_string().unwrap()).collect();
        links.sort();
        links
    }
}

/// Composes nothing but repositories.
const QUICK: [&str; 2] = ["--skip-phase", "createiso"];

#[test]
fn stdout_has_only_what_was_asked_for() {
    let quay = Quay::small();
    let (ran, first) = quay.compose(&[&QUICK[..], &["--print-output-dir"]].concat(), 0);
    assert_eq!(ran.stdout, format!("Compose dir: {}\n", first.root()), "{ran}");
    assert!(ran.stderr.contains("Quay-1.0-20260101.n.0 is FINISHED after"), "{ran}");
    assert_eq!((first.read("STATUS").as_str(), first.read("COMPOSE_ID")), ("FINISHED\n", first.id()));

    let (ran, second) = quay.compose(&[&QUICK[..], &["--quiet"]].concat(), 0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "{ran}");
    assert_eq!(second.id(), "Quay-1.0-20260101.n.1", "the next respin");

    let place = quay.path("elsewhere/here");
    let words = ["--config", "quay.conf", "--test", "--compose-dir", place.to_str().unwrap(), "--print-output-dir", "--quiet"];
    let ran = quay.run(&[&words[..], &QUICK[..]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, format!("Compose dir: {}\n", place.display()).as_str()), "{ran}");
    assert_eq!(fs_err::read_to_string(place.join("COMPOSE_ID")).unwrap(), "Quay-1.0-20260101.t.0");
    assert_eq!(quay.links(), ["latest-Quay-1"]);
}

#[test]
fn types_and_labels_name_the_compose_and_its_media() {
    let quay = Quay::small();
    for (kind, id) in [("--ci", ".ci.0"), ("--development", ".d.0"), ("--test", ".t.0")] {
        let ran = quay.run(&[&["--config", "quay.conf", "--target-dir", "composes", kind], &QUICK[..]].concat());
        assert_eq!(ran.code, 0, "{ran}");
        assert!(quay.path(&format!("composes/Quay-1.0-20260101{id}")).is_dir(), "{id}");
    }
    for (number, label, is_final, supported) in
        [("0", "RC-1.0", true, "yes"), ("1", "Beta-1.2", false, "no"), ("2", "SecurityFix-3.4", true, "yes")]
    {
        let ran = quay.run(&["--config", "quay.conf", "--target-dir", "composes", "--label", label]);
        assert_eq!(ran.code, 0, "{ran}");
        let compose = Compose { root: quay.path(&format!("composes/Quay-1.0-20260101.{number}")) };
        let info = compose.json("compose/metadata/composeinfo.json")["payload"]["compose"].clone();
        assert_eq!((&info["label"], &info["final"]), (&label.into(), &is_final.into()), "{info}");
        let image = compose.path(&format!("compose/Server/x86_64/iso/{}-Server-x86_64-dvd1.iso", compose.id()));
        let said = output("checkisomd5", &["--md5sumonly", image.to_str().unwrap()]);
        assert!(said.contains(&format!("Supported ISO: {supported}")), "{label}: {said}");
    }
    let ran = quay.run(&[&["--config", "quay.conf", "--target-dir", "composes", "--no-label"], &QUICK[..]].concat());
    assert_eq!(ran.code, 0, "{ran}");
    assert!(quay.path("composes/Quay-1.0-20260101.3").is_dir());
}

#[test]
fn what_cannot_be_started_is_told_to_scripts_and_leaves_nothing() {
    let quay = Quay::small();
    let listener = LISTENER.replace("../told", "\"$TOLD\"");
    let run = |words: &[&str]| {
        let words = [&["--notification-script", &listener, "--config", "quay.conf"], words].concat();
        let mut command = quay.command(quay.path("tools/pungi-koji").to_str().unwrap(), &words);
        Ran::of(command.env("TOLD", quay.path("told")).output().unwrap())
    };
    let mut told = 0;
    for (words, code, said) in [
        (&["--target-dir", "composes", "--label", "Gold-1.0"][..], 2, "Label in unknown format: Gold-1.0"),
        (&["--target-dir", "composes", "--label", "RC-1"], 2, "Label in unknown format: RC-1"),
        (&["--target-dir", "composes"], 2, "must specify label for a production compose"),
        (&["--target-dir", "missing", "--nightly"], 2, "the target folder missing is not there"),
        (&["--target-dir", "quay.conf", "--nightly"], 2, "the target folder quay.conf is not there"),
        (&["--target-dir", "composes", "--nightly", "--config", "none.conf"], 1, "none.conf"),
        (
            &["--target-dir", "composes", "--nightly", "--skip-phase", "pkgset"],
            1,
            "Cannot skip pkgset phase when gather phase is not skipped.",
        ),
        (
            &["--target-dir", "composes", "--nightly", "--skip-phase", "gather"],
            1,
            "Cannot skip gather phase when createrepo phase is not skipped.",
        ),
        (
            &["--target-dir", "composes", "--nightly", "--just-phase", "createrepo"],
            1,
            "Cannot run just createrepo phase without gather phase.",
        ),
        (
            &["--target-dir", "composes", "--nightly", "--just-phase", "gather"],
            1,
            "Cannot run just gather phase without pkgset phase.",
        ),
    ] {
        let ran = run(words);
        assert!(ran.code == code && ran.stdout.is_empty() && ran.stderr.contains(said), "{words:?}: {ran}");
        told += 1;
        let messages = quay.told();
        let (name, keys) = messages.last().unwrap();
        assert_eq!((name.as_str(), messages.len()), ("fail-to-start", told), "{words:?}");
        assert!(keys["detail"].as_str().unwrap().contains(said), "{keys}");
        assert_eq!(
            keys["config"],
            quay.path(words.last().filter(|word| word.ends_with("none.conf")).unwrap_or(&"quay.conf")).to_str().unwrap()
        );
        assert!(keys["command"].as_array().unwrap().contains(&words[1].into()), "{keys}");
        assert!(keys["target_dir"].as_str().unwrap().ends_with(words[1]), "{keys}");
    }
    // What is no command line at all is told to nobody, as nobody knows whom to tell.
    for (words, said) in [
        (&["--nightly"][..], "--target-dir <PATH>|--compose-dir <PATH>"),
        (&["--target-dir", "composes", "--skip-phase", "createrpo"], "a similar value exists: 'createrepo'"),
        (&["--target-dir", "composes", "--nightly", "--ci"], "cannot be used with"),
        (&["--target-dir", "composes", "--compose-dir", "x"], "cannot be used with"),
    ] {
        let ran = run(words);
        assert!(ran.code == 2 && ran.stderr.contains(said), "{words:?}: {ran}");
    }
    assert_eq!(quay.told().len(), told);
    assert!(quay.composes().is_empty() && quay.links().is_empty());
}

#[test]
fn a_wrong_configuration_and_a_missing_program_end_with_one_before_anything_is_made() {
    let quay = Quay::small();
    quay.change("quay.conf", "gather_method = \"deps\"", "gather_method = \"dips\"\nproduct_id = 5");
    let words = ["--config", "quay.conf", "--target-dir", "composes", "--nightly", "--notification-script", LISTENER];
    let ran = quay.run(&words);
    assert!(ran.code == 1 && ran.stderr.contains("Failed validation in gather_method"), "{ran}");
    let (name, keys) = quay.told().remove(0);
    let errors: Vec<&str> = keys["errors"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(name, "fail-to-start");
    for option in ["gather_method", "product_id"] {
        assert!(errors.iter().any(|line| line.contains(&format!("Failed validation in {option}"))), "{errors:?}");
    }

    let quay = Quay::small();
    let empty = quay.path("empty");
    fs_err::create_dir(&empty).unwrap();
    let mut command = quay.command(quay.path("tools/pungi-koji").to_str().unwrap(), &words[..5]);
    let ran = Ran::of(command.env("PATH", empty).output().unwrap());
    assert!(ran.code == 1 && ran.stderr.contains("implantisomd5") && ran.stderr.contains("xorriso"), "{ran}");
    assert!(quay.composes().is_empty());
}

#[test]
fn the_latest_link_is_named_and_moved_as_was_asked() {
    let quay = Quay::small();
    let compose = |more: &[&str]| {
        let (_, compose) = quay.compose(&[&QUICK[..], more].concat(), 0);
        (compose, quay.links())
    };
    assert!(compose(&["--no-latest-link"]).1.is_empty());
    assert!(compose(&["--latest-link-status", "FINISHED_INCOMPLETE", "--latest-link-status", "doomed"]).1.is_empty());
    let (made, links) = compose(&["--latest-link-status", "finished"]);
    assert_eq!(links, ["latest-Quay-1"]);
    assert_eq!(fs_err::read_link(quay.path("composes/latest-Quay-1")).unwrap().to_str().unwrap(), made.id());
    assert_eq!(compose(&["--latest-link-components", "2"]).1, ["latest-Quay-1", "latest-Quay-1.0"]);
    assert_eq!(compose(&["--latest-link-components", "0"]).1, ["latest-Quay", "latest-Quay-1", "latest-Quay-1.0"]);
    assert_eq!(fs_err::read_link(quay.path("composes/latest-Quay-1")).unwrap().to_str().unwrap(), made.id());
    let (last, _) = compose(&[]);
    assert_eq!(fs_err::read_link(quay.path("composes/latest-Quay-1")).unwrap().to_str().unwrap(), last.id());
}

#[test]
fn a_deliverable_that_may_fail_leaves_an_incomplete_compose_and_any_other_dooms_it() {
    let quay = Quay::with_installer();
    fs_err::write(quay.path("tools/fail"), "").unwrap();
    let (ran, doomed) = quay.compose(&[], 1);
    assert_eq!(doomed.read("STATUS"), "DOOMED\n");
    assert!(ran.stderr.contains("nothing provides libmissing.so.1 needed by anaconda-1-1.x86_64"), "{ran}");
    assert!(quay.links().is_empty());
    let deliverables = doomed.json("logs/global/deliverables.json");
    assert_eq!(deliverables["required"]["buildinstall"], serde_json::json!([["Server", "x86_64", null]]), "{deliverables}");

    let config = fs_err::read_to_string(quay.path("quay.conf")).unwrap();
    quay.write(
        "quay.conf",
        config + "failable_deliverables = [(\"^.*$\", {\"*\": [\"buildinstall\", \"iso\"], \"src\": [\"iso\"]})]\n",
    );
    let (ran, compose) = quay.compose(&["--notification-script", LISTENER.replace("../told", "told").as_str()], 0);
    assert_eq!(compose.read("STATUS"), "FINISHED_INCOMPLETE\n", "{ran}");
    assert_eq!(quay.links(), ["latest-Quay-1"]);
    let deliverables = compose.json("logs/global/deliverables.json");
    assert_eq!(deliverables["failed"]["buildinstall"], serde_json::json!([["Server", "x86_64", null]]), "{deliverables}");
    let words: Vec<_> =
        quay.told().into_iter().filter(|(name, _)| name == "status-change").map(|(_, keys)| keys["status"].clone()).collect();
    assert_eq!(words, ["STARTED", "FINISHED_INCOMPLETE"]);
    assert!(quay.told().iter().any(|(name, keys)| name == "deliverable-failed" && keys["deliverable"] == "buildinstall"));
}

#[test]
fn a_signal_ends_it_with_one_and_the_compose_can_be_resumed() {
    for signal in [Signal::INT, Signal::TERM] {
        let quay = Quay::with_installer();
        let lorax = fs_err::read_to_string(quay.path("tools/lorax")).unwrap();
        quay.write("tools/lorax", format!("#!/bin/sh\ntouch {}\nsleep 1000 & wait\n", quay.path("hangs").display()));
        let listener = LISTENER.replace("../told", quay.path("told").to_str().unwrap());
        let words = ["--config", "quay.conf", "--nightly", "--target-dir", "composes", "--notification-script", &listener];
        let mut command = quay.command(quay.path("tools/pungi-koji").to_str().unwrap(), &words);
        let running = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        wait_until("boot media are being made", || quay.path("hangs").exists());
        rustix::process::kill_process(rustix::process::Pid::from_child(&running), signal).unwrap();
        let ran = Ran::of(running.wait_with_output().unwrap());
        assert_eq!(ran.code, 1, "{ran}");
        let compose = Compose { root: quay.composes().remove(0) };
        assert_eq!(compose.read("STATUS"), "TERMINATED\n");
        assert!(quay.links().is_empty());
        let (name, last) = quay.told().pop().unwrap();
        assert_eq!((name.as_str(), &last["status"]), ("status-change", &"TERMINATED".into()));

        quay.write("tools/lorax", lorax);
        let ran = quay.charmer(&["resume", compose.root()]);
        assert_eq!((ran.code, compose.read("STATUS").as_str()), (0, "FINISHED\n"), "{ran}");
        assert!(compose.path(&format!("compose/Server/x86_64/iso/{}-Server-x86_64-boot.iso", compose.id())).is_file());
    }
}
