//! `charmer resume` after every kind of end: killed, stopped, failed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use charmer_compose::engine::event::{Event, Finish};
use rustix::process::Signal;

use super::harbour::{Compose, Harbour, composes, wait_until};

/// When the compose is killed: once the journal says that this has happened.
enum Moment {
    Started(&'static str),
    Finished(&'static str),
}

impl Moment {
    fn is(&self, event: &Event) -> bool {
        match (self, event) {
            (Self::Started(wanted), Event::JobStarted { job, .. }) | (Self::Finished(wanted), Event::JobFinished { job, .. }) => {
                job.as_str() == *wanted
            }
            _ => false,
        }
    }
}

/// The one compose of a target folder, once it has been made.
fn only_compose(harbour: &Harbour, target: &str) -> Compose {
    let roots = composes(&harbour.path(target));
    let [root] = roots.as_slice() else { panic!("one compose is expected, not {roots:?}") };
    Compose { root: root.clone() }
}

fn journal_has(harbour: &Harbour, target: &str, moment: &Moment) -> bool {
    let roots = composes(&harbour.path(target));
    let Some(root) = roots.into_iter().find(|root| root.join("logs/events.jsonl").exists()) else { return false };
    Compose { root }.journal().iter().any(|entry| moment.is(&entry.event))
}

/// What is shipped.
fn shipped(compose: &Compose) -> BTreeMap<String, Vec<u8>> {
    compose.tree("compose")
}

fn assert_same_tree(left: &BTreeMap<String, Vec<u8>>, right: &BTreeMap<String, Vec<u8>>, when: &str) {
    let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(left), names(right), "{when}");
    let different: Vec<_> = left.iter().filter(|(name, content)| right[*name] != **content).map(|(name, _)| name).collect();
    assert!(different.is_empty(), "{when}: {different:?} differ");
}

#[test]
fn a_compose_killed_at_any_moment_ends_as_one_that_was_not() {
    let mut harbour = Harbour::new();
    // 2024-06-03: midnight may pass while this runs.
    harbour.source_date_epoch = Some("1717372800");
    let (_, undisturbed) = harbour.compose(&[]);
    assert_eq!(undisturbed.id(), "harbour-13.1-20240603.t.0");
    let expected = shipped(&undisturbed);
    let moments = [
        Moment::Started("index:mirror"),
        Moment::Started("fetch:Base"),
        Moment::Started("createrepo:Base"),
        Moment::Started("rootfs:Base.amd64.container"),
        Moment::Finished("container:Base.amd64.container"),
        Moment::Started("createrepo:Extra"),
        Moment::Started("metadata"),
    ];
    for (number, moment) in moments.iter().enumerate() {
        let target = format!("killed-{number}");
        fs_err::create_dir(harbour.path(&target)).unwrap();
        let running = harbour.start(&["compose", "harbour.toml", "--target-dir", &target]);
        wait_until("the moment has come", || journal_has(&harbour, &target, moment));
        running.kill();
        let compose = only_compose(&harbour, &target);
        assert_eq!(compose.status(), "STARTED");
        wait_until("all that it had started is gone", || harbour.processes().is_empty());
        assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());

        let done_before = compose.done();
        let ran = harbour.charmer(&["resume", compose.root()]);
        assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
        assert_eq!(compose.id(), undisturbed.id());
        assert_same_tree(&shipped(&compose), &expected, &format!("killed at moment {number}"));
        let again: Vec<_> = compose.done().into_iter().filter(|job| done_before.contains(job) && job != "pkgset").collect();
        assert!(again.is_empty(), "{again:?} were done twice");
        let sequence: Vec<u64> = compose.journal().iter().map(|entry| entry.sequence).collect();
        assert!(sequence.is_sorted() && sequence.first() == Some(&1), "the journal goes on counting: {sequence:?}");
    }
}

#[test]
fn a_killed_compose_leaves_no_process_even_of_tools_that_have_children() {
    let harbour = Harbour::new();
    harbour.tools.hang().unwrap();
    let running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    wait_until("the tool has a child of its own", || harbour.processes().iter().any(|process| process.contains("sleep 1000")));
    running.kill();
    wait_until("all that it had started is gone", || harbour.processes().is_empty());
    assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());
    harbour.tools.work().unwrap();
    let compose = only_compose(&harbour, "composes");
    let ran = harbour.charmer(&["resume", compose.root()]);
    assert_eq!(ran.code, 0, "{ran}");
    let left: Vec<_> = compose.tree("work/images").into_keys().filter(|name| name.contains(".partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_killed_compose_leaves_no_process_of_a_command_that_is_a_script() {
    let harbour = Harbour::new();
    harbour.sign_with(&format!("sh -c 'sleep 1000; true' & touch {}; sleep 1000; true", harbour.text("signs")));
    let running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    wait_until("the signature is being made", || harbour.path("signs").exists());
    running.kill();
    wait_until("all that it had started is gone", || harbour.processes().is_empty());
}

#[test]
fn a_signal_stops_the_compose_cleanly_and_resume_goes_on() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let harbour = Harbour::new();
        harbour.tools.hang().unwrap();
        let running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
        wait_until("the root file system is being made", || harbour.tools.hangs());
        running.signal(signal);
        let ran = running.finish();
        assert_eq!(ran.code, code, "{ran}");
        assert!(harbour.processes().is_empty(), "{:?}", harbour.processes());
        let compose = only_compose(&harbour, "composes");
        assert_eq!(compose.status(), "TERMINATED");
        let last = ran.stdout.lines().last().unwrap();
        assert!(last.contains(" is TERMINATED after ") && last.ends_with(&format!("charmer resume {}", compose.root())), "{ran}");
        assert!(!ran.stdout.contains("failed"), "nothing failed: {ran}");
        assert!(!harbour.path("composes/latest-harbour-13").exists());

        harbour.tools.work().unwrap();
        let ran = harbour.charmer(&["resume", compose.root()]);
        assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
        assert!(ran.stdout.contains("container Base.amd64 "), "{ran}");
    }
}

#[test]
fn a_second_signal_ends_what_does_not_listen_to_the_first() {
    let harbour = Harbour::new();
    // It ignores SIGTERM, and so does what it starts.
    harbour.sign_with(&format!("trap '' TERM; touch {}; sleep 1000", harbour.text("signs")));
    let mut running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    wait_until("the signature is being made", || harbour.path("signs").exists());
    let started = Instant::now();
    wait_until("it has ended", || {
        running.signal(Signal::INT);
        std::thread::sleep(Duration::from_millis(50));
        running.has_ended()
    });
    assert!(started.elapsed() < Duration::from_secs(4), "the patience with a tool that does not listen is longer");
    assert_eq!(running.finish().code, 130);
    assert!(harbour.processes().is_empty(), "{:?}", harbour.processes());
    assert_eq!(only_compose(&harbour, "composes").status(), "TERMINATED");
}

#[test]
fn a_compose_goes_on_with_what_it_began_with() {
    let harbour = Harbour::new();
    assert_eq!(harbour.charmer(&["lock", "harbour.toml", "--quiet"]).code, 0);
    harbour.tools.fail().unwrap();
    let (_, compose) = harbour.compose_into("composes", &["--locked"], 1);
    // Neither the lock nor the configuration is read again.
    fs_err::remove_file(harbour.path("charmer.lock")).unwrap();
    fs_err::write(harbour.path("harbour.toml"), "nothing that could be read").unwrap();
    harbour.tools.work().unwrap();
    let ran = harbour.charmer(&["resume", compose.root()]);
    assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
    assert_eq!(harbour.charmer(&["verify", compose.root()]).code, 0);
}

#[test]
fn a_signal_during_a_download_stops_the_compose_too() {
    let harbour = Harbour::new();
    let path = "/pool/libc6_2.41_amd64.deb";
    harbour.server().fail(path, charmer_testkit::http_server::Fault::Stall(10));
    let running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    wait_until("the download has begun", || !harbour.server().received(path).is_empty());
    running.signal(Signal::INT);
    let ran = running.finish();
    assert_eq!(ran.code, 130, "{ran}");
    let compose = only_compose(&harbour, "composes");
    let ran = harbour.charmer(&["resume", compose.root()]);
    assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
}

#[test]
fn resuming_a_finished_compose_does_nothing_over_again() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    let before = shipped(&compose);
    let ran = harbour.charmer(&["resume", compose.root(), "--explain-reuse"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(compose.done(), ["recheck"], "only what asks the archives");
    assert_same_tree(&shipped(&compose), &before, "after a resume");
    let resumed =
        compose.journal().iter().filter(|entry| matches!(&entry.event, Event::JobFinished { how: Finish::Resumed, .. })).count();
    assert!(resumed > 30, "{resumed}");
}

#[test]
fn what_was_damaged_is_made_again() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&[]);
    let before = shipped(&compose);
    fs_err::remove_file(compose.path("compose/Server/repository/dists/quay/main/binary-amd64/Packages.xz")).unwrap();
    let ran = harbour.charmer(&["resume", compose.root(), "--explain-reuse"]);
    assert_eq!(ran.code, 0, "{ran}");
    let reason = "createrepo:Server (compose/Server/repository/dists/quay/main/binary-amd64/Packages.xz is missing or changed)";
    assert!(ran.stderr.contains(reason), "{ran}");
    assert_eq!(compose.done(), ["createrepo:Server", "recheck"]);
    assert_same_tree(&shipped(&compose), &before, "after a resume");
}

#[test]
fn what_killed_processes_left_in_the_cache_is_gone_with_the_next_start() {
    let harbour = Harbour::new();
    let temporary = harbour.path("cache/charmer/temporary");
    fs_err::create_dir_all(&temporary).unwrap();
    for name in ["of-the-dead", "of-the-living"] {
        fs_err::write(temporary.join(name), "half a package").unwrap();
    }
    let living = fs_err::File::open(temporary.join("of-the-living")).unwrap();
    rustix::fs::flock(&living, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    harbour.compose(&[]);
    let left: Vec<_> = fs_err::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["of-the-living"]);
}

#[test]
fn one_compose_has_one_charmer() {
    let harbour = Harbour::new();
    harbour.tools.hang().unwrap();
    let running = harbour.start(&["compose", "harbour.toml", "--target-dir", "composes"]);
    wait_until("the root file system is being made", || harbour.tools.hangs());
    let compose = only_compose(&harbour, "composes");
    let second = harbour.charmer(&["resume", compose.root()]);
    assert_eq!(second.code, 2, "{second}");
    assert!(second.stderr.contains(&format!("another charmer works on {}", compose.root())), "{second}");
    let status = harbour.charmer(&["status", compose.root()]);
    assert!(
        status.stdout.contains(" is running: ") && status.stdout.contains("\nrunning rootfs:Base.amd64.container for "),
        "{status}"
    );
    assert!(harbour.charmer(&["list", "composes"]).stdout.contains(&format!("{}  running\n", compose.id())));
    harbour.tools.go_on().unwrap();
    let ran = running.finish();
    assert_eq!(ran.code, 0, "{ran}");

    let nothing = harbour.charmer(&["resume", "composes"]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.stderr.contains("is not a compose that charmer started"), "{nothing}");
}
