//! Faults of the machine under composes of both kinds: each ends in a state that is said, with an error that tells, and when the
//! fault is gone, resuming makes what an undisturbed compose is.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use charmer_testkit::faults::{Fault, Faults};

use super::Ran;
use super::disturbed::{Subject, in_own_mounts, only_compose};
use super::harbour::{Compose, Harbour, composes, wait_until};
use super::whole_rpm::Quay;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// A folder for each compose of a test.
struct Targets<'a> {
    subject: Subject<'a>,
    /// What must stay free on the disk, in bytes.
    min_free: u64,
    folder: PathBuf,
    faults: Faults,
}

impl Targets<'_> {
    fn target(&self, name: &str) -> PathBuf {
        let target = self.folder.join(name);
        fs_err::create_dir(&target).unwrap();
        target
    }

    /// A compose with a fault. What is below its folder is hit.
    fn struck(&self, target: &Path, fault: Fault) -> Ran {
        let mut command = (self.subject.compose)(target);
        self.faults.strike(&mut command, fault, target);
        Ran::of(command.output().unwrap())
    }

    /// Without the fault, the compose goes on to be what it should be; one that had not begun is begun.
    fn mend(&self, target: &Path, what: &str) {
        let begun = only_compose(target).filter(|compose| compose.path("logs/events.jsonl").exists());
        let mut command = if let Some(compose) = &begun {
            (self.subject.resume)(compose.root())
        } else {
            fs_err::remove_dir_all(target).unwrap();
            fs_err::create_dir(target).unwrap();
            (self.subject.compose)(target)
        };
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 0, "{what}: {ran}");
        self.subject.check(&only_compose(target).unwrap(), what);
    }
}

fn of_both_kinds(test: impl Fn(&Targets<'_>)) {
    let mut harbour = Harbour::new();
    harbour.source_date_epoch = Some("1717372800");
    let tools = tempfile::tempdir().unwrap();
    let targets = |subject, folder: PathBuf, min_free| {
        let faults = Faults::build_in(tools.path());
        Targets { subject, min_free, folder, faults }
    };
    test(&targets(Subject::debian(&harbour), harbour.path(""), 1 << 20));
    wait_until("all that it had started is gone", || harbour.processes().is_empty());
    assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());
    let quay = Quay::new();
    // Configurations of Pungi have no limits of their own.
    test(&targets(Subject::rpm(&quay), quay.path(""), 2 << 30));
}

#[test]
fn a_write_that_fails_is_told_and_nothing_is_lost() {
    of_both_kinds(|targets| {
        for (errno, words) in [(EIO, "Input/output error"), (ENOSPC, "No space left on device")] {
            for after in [1, 2, 3, 5, 8, 13, 30, 80, 200, 400] {
                let what = format!("{words} from write {after} on");
                let target = targets.target(&format!("{errno}-{after}"));
                let ran = targets.struck(&target, Fault::Write { errno, after });
                assert!(ran.code == 1 || ran.code == 2, "{what}: {ran}");
                assert!(format!("{}{}", ran.stdout, ran.stderr).contains(words), "{what}: {ran}");
                targets.mend(&target, &what);
            }
        }
    });
}

#[test]
fn writes_that_take_little_and_clocks_that_jump_change_nothing() {
    of_both_kinds(|targets| {
        let year = 366 * 24 * 60 * 60;
        let faults = [
            Fault::Short { bytes: 100 },
            Fault::Clock { seconds: year, after: 20 },
            Fault::Clock { seconds: -year, after: 20 },
            Fault::Clock { seconds: -year, after: 200 },
        ];
        for (number, fault) in faults.into_iter().enumerate() {
            let target = targets.target(&format!("odd-{number}"));
            let ran = targets.struck(&target, fault);
            assert_eq!(ran.code, 0, "{fault:?}: {ran}");
            targets.subject.check(&only_compose(&target).unwrap(), &format!("{fault:?}"));
        }
    });
}

/// A full disk that is a small one.
#[test]
fn a_small_disk_is_noticed_and_made_room_on() {
    of_both_kinds(|targets| {
        let size: u64 = targets.subject.expected.values().map(|content| content.len() as u64 + 4096).sum();
        let target = targets.target("small");
        let (target_text, small) = (target.to_str().unwrap().to_owned(), targets.min_free + size / 2);
        let compose = (targets.subject.compose)(&target);
        // What is on it is gone with the mounts: it is copied out after the compose has been resumed on a larger one.
        let script = r#"
            target=$1 size=$2; shift 2
            mount -t tmpfs -o size="$size" tmpfs "$target"
            "$@" && exit 90
            [ $? = 1 ] || exit 91
            mount -o remount,size=4g "$target"
            "$charmer" resume "$target"/*-*.*.0 || exit 92
            cp -a "$target"/*-*.*.0 "$out"
        "#;
        let out = targets.target("large");
        let charmer = Path::new(env!("CARGO_BIN_EXE_charmer"));
        let ran = in_own_mounts(&compose, script, &[&target_text, &small.to_string()], &[("charmer", charmer), ("out", &out)]);
        assert_eq!(ran.code, 0, "{ran}");
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("are to stay free") || told.contains("No space left on device"), "{ran}");
        targets.subject.check(&only_compose(&out).unwrap(), "resumed on a larger disk");
    });
}

/// While another job has taken the last space and still runs, an ISO waits for it, and is made when there is room again.
#[test]
fn an_image_waits_while_another_job_has_the_space() {
    let quay = Quay::new();
    let disk = quay.path("disk");
    fs_err::create_dir(&disk).unwrap();
    // The first ISO comes with much that nobody has counted on, which goes when another has said that it waits.
    let tool = format!(
        r#"#!/bin/sh
        if mkdir "{disk}/first" 2>/dev/null; then
            head -c 160M /dev/zero >"{disk}/first/ballast"
            for _ in $(seq 300); do
                grep -q 'it waits until other jobs have ended' "{disk}"/*-*.*.*/logs/events.jsonl && break
                sleep 0.1
            done
            rm "{disk}/first/ballast"
        fi
        exec /usr/bin/xorrisofs "$@"
        "#,
        disk = disk.display(),
    );
    quay.write("tools/xorrisofs", tool);
    fs_err::set_permissions(quay.path("tools/xorrisofs"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let compose = quay.command(env!("CARGO_BIN_EXE_charmer"), &["compose", "quay.conf", "--target-dir", "disk", "--jobs", "2"]);
    // Configurations of Pungi have no limits of their own: 2 GiB are to stay free.
    let script = r#"
        disk=$1; shift
        mount -t tmpfs -o size=2176m tmpfs "$disk"
        "$@" || exit 1
        cp -a "$disk"/*-*.*.0 "$out"
    "#;
    let out = quay.path("out");
    fs_err::create_dir(&out).unwrap();
    let ran = in_own_mounts(&compose, script, &[disk.to_str().unwrap()], &[("out", &out)]);
    assert_eq!(ran.code, 0, "{ran}");
    let compose = only_compose(&out).unwrap();
    assert_eq!(compose.read("STATUS"), "FINISHED\n");
    let told = compose.read("logs/events.jsonl");
    assert!(told.contains(" MiB free; 2048 MiB are to stay free: it waits until other jobs have ended"), "{ran}");
}

#[test]
fn nobody_who_listens_and_a_full_device_are_no_reason_to_stop() {
    of_both_kinds(|targets| {
        let full = || Stdio::from(fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap().into_file());
        let closed = || {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            Stdio::from(writer)
        };
        for (name, stdout, stderr) in [("full", full(), full()), ("closed", closed(), closed())] {
            let target = targets.target(name);
            let status = (targets.subject.compose)(&target).stdout(stdout).stderr(stderr).status().unwrap();
            let compose = only_compose(&target).unwrap();
            assert_eq!(compose.read("STATUS"), "FINISHED\n", "{name}: {status}");
            targets.subject.check(&compose, name);
        }
    });
}

/// A terminal that is closed sends SIGHUP.
#[test]
fn a_hangup_stops_a_compose_as_other_signals_do() {
    of_both_kinds(|targets| {
        let target = targets.target("hangup");
        let mut command = (targets.subject.compose)(&target);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        wait_until("it has begun", || only_compose(&target).is_some_and(|compose| compose.path("logs/events.jsonl").exists()));
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::HUP).unwrap();
        let status = child.wait().unwrap();
        assert!(status.code().is_some() && status.signal().is_none(), "it ends by itself: {status}");
        assert_eq!(only_compose(&target).unwrap().read("STATUS"), "TERMINATED\n");
        targets.mend(&target, "after a hangup");
    });
}

#[test]
fn a_target_that_cannot_be_written_to_is_refused_before_anything_begins() {
    of_both_kinds(|targets| {
        let target = targets.target("read-only");
        let compose = (targets.subject.compose)(&target);
        let script = r#"mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@""#;
        let ran = in_own_mounts(&compose, script, &[target.to_str().unwrap()], &[]);
        assert!(ran.code == 1 || ran.code == 2, "{ran}");
        assert!(ran.stderr.contains(&format!("nothing can be written to {}\n", target.display())), "{ran}");
        assert!(composes(&target).is_empty());
        targets.mend(&target, "when it can be written to");
    });
}

#[test]
fn composes_at_once_in_one_folder_with_one_cache_are_both_right() {
    of_both_kinds(|targets| {
        let target = targets.target("shared");
        let start = || (targets.subject.compose)(&target).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let both = [start(), start()];
        for child in both {
            let ran = Ran::of(child.wait_with_output().unwrap());
            assert_eq!(ran.code, 0, "{ran}");
        }
        let made = composes(&target);
        assert_eq!(made.len(), 2, "{made:?}");
        for root in made {
            // The number of the day is in names and descriptions.
            let compose = Compose { root };
            assert_eq!(compose.read("STATUS"), "FINISHED\n");
            let ran = Ran::of((targets.subject.verify)(compose.root()).output().unwrap());
            assert_eq!(ran.code, 0, "{ran}");
        }
    });
}

/// It would be missed by a resume, whatever its job may do.
#[test]
fn a_record_that_the_disk_does_not_take_dooms_the_compose_also_where_the_job_may_fail() {
    let mut harbour = Harbour::new();
    harbour.source_date_epoch = Some("1717372800");
    harbour.configure(&[("[limits]", "[[failable]]\nkinds = [\"container\"]\n\n[limits]")]);
    let faults = Faults::build_in(&harbour.path("tools"));
    let target = harbour.path("composes");
    let mut command = harbour.command(&["compose", "harbour.toml", "--target-dir", "composes"]);
    // The write of this record is the first that is counted; it is brought to the disk by the second.
    let record = target.canonicalize().unwrap().join("harbour-13.1-20240603.t.0/work/records/container_");
    faults.strike(&mut command, Fault::Write { errno: EIO, after: 2 }, &record);
    let ran = Ran::of(command.output().unwrap());
    assert!(ran.code == 1 && !ran.stderr.contains("panicked"), "{ran}");
    assert!(ran.stdout.contains("  container:Base.amd64.container\n") && ran.stdout.contains("Input/output error"), "{ran}");
    let compose = only_compose(&target).unwrap();
    assert_eq!(compose.status(), "DOOMED");
    let ran = harbour.charmer(&["resume", compose.root()]);
    assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
}
