//! `charmer list` and `charmer status` on composes that run, died, or ended.

use std::path::{Path, PathBuf};

use charmer_compose::engine::event::{Event, EventLog, Finish, JobPlan, MissReason, Status, read_journal};
use charmer_compose::engine::job::Phase;
use charmer_compose::layout::Layout;
use rustix::fs::FlockOperation;

use super::{Charmer, Ran, charmer};

fn plan(name: &str, phase: Phase, needs: &[&str]) -> JobPlan {
    let needs = needs.iter().map(|&need| need.into()).collect();
    JobPlan { job: name.into(), phase, scope: String::new(), needs, failable: false, estimate: 4.0 }
}

/// A compose whose journal ends while `createrepo:Base` runs; its STATUS is as given.
fn compose(target: &Path, name: &str, status: Status) -> Layout {
    let layout = Layout::new(target.join(name));
    for file in [layout.events(), layout.process_lock()] {
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
    }
    fs_err::write(layout.compose_id(), name).unwrap();
    fs_err::write(layout.status(), format!("{}\n", status.word())).unwrap();
    fs_err::write(layout.process_lock(), "").unwrap();
    let (log, events) = EventLog::open(&layout.events(), |_| {}).unwrap();
    events.send(Event::RunStarted {
        compose_id: name.into(),
        version: "0.1.0".into(),
        resumed: false,
        programs: [].into(),
        jobs: vec![
            plan("lock", Phase::Lock, &[]),
            plan("createrepo:Base", Phase::Createrepo, &["lock"]),
            plan("metadata", Phase::Metadata, &["createrepo:Base"]),
        ],
    });
    let started = |job: &str| Event::JobStarted { job: job.into(), reason: MissReason::New, log: Layout::job_log(job) };
    events.send(started("lock"));
    events.send(Event::JobFinished { job: "lock".into(), how: Finish::Done, duration: 0.2 });
    events.send(started("createrepo:Base"));
    log.close().unwrap();
    layout
}

fn status(layout: &Layout, more: &[&str]) -> Ran {
    let root = layout.root().to_str().unwrap();
    charmer(&[&["status", root], more].concat())
}

#[test]
fn a_compose_whose_process_is_gone_has_died() {
    let target = tempfile::tempdir().unwrap();
    let layout = compose(target.path(), "harbour-13.1-20261123.t.0", Status::Started);
    let root = layout.root().to_str().unwrap().to_owned();

    let dead = status(&layout, &[]);
    assert_eq!(dead.code, 0, "{dead:?}");
    let expected = format!(
        "harbour-13.1-20261123.t.0 died: 1 of 3 jobs done; resume with `charmer resume {root}`\n\
         lock 1/1  createrepo 0/1  metadata 0/1\n\
         was running createrepo:Base for 0 s\n\
         1 job not started\n"
    );
    assert_eq!(dead.stdout, expected);

    let held = fs_err::File::open(layout.process_lock()).unwrap();
    rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    let running = status(&layout, &[]).stdout;
    assert!(running.starts_with("harbour-13.1-20261123.t.0 is running: 1 of 3 jobs done in "), "{running}");
    assert!(running.contains("\nrunning createrepo:Base for "), "{running}");
    let json: serde_json::Value = serde_json::from_str(&status(&layout, &["--format", "json"]).stdout).unwrap();
    assert_eq!(json["condition"], "running");
    assert_eq!(json["jobs"]["running"], serde_json::json!(["createrepo:Base"]));
    assert_eq!(json["jobs"]["waiting"], serde_json::json!(["metadata"]));
    assert_eq!(json["jobs"]["done"], serde_json::json!(["lock"]));
    drop(held);
    assert!(status(&layout, &[]).stdout.contains(" died: "));
}

#[test]
fn looking_at_a_compose_changes_nothing_in_it() {
    let target = tempfile::tempdir().unwrap();
    let layout = compose(target.path(), "harbour-13.1-20261123.t.0", Status::Doomed);
    let (entries, bytes) = (read_journal(&layout.events()).unwrap(), fs_err::read(layout.events()).unwrap());
    // A line that was being written stays as it is, and is no reason to fail.
    fs_err::write(layout.events(), [&bytes[..], b"{\"sequence\": 5, \"ti"].concat()).unwrap();
    assert!(status(&layout, &[]).stdout.starts_with("harbour-13.1-20261123.t.0 is DOOMED after "));
    assert_eq!(read_journal(&layout.events()).unwrap(), entries);
    assert!(fs_err::read(layout.events()).unwrap().ends_with(b"\"ti"));
}

#[test]
fn what_is_no_compose_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let ran = charmer(&["status", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is no compose: it has no COMPOSE_ID\nhint: "), "{}", ran.stderr);
    let missing = PathBuf::from("/nonexistent");
    assert_eq!(charmer(&["list", missing.to_str().unwrap()]).code, 1);
}

#[test]
fn list_names_composes_and_their_status_and_nothing_else() {
    let target = tempfile::tempdir().unwrap();
    compose(target.path(), "harbour-13.1-20261123.t.1", Status::Started);
    compose(target.path(), "harbour-13.1-20261123.t.0", Status::Finished);
    compose(target.path(), "harbour-13.1-20261124.n.0", Status::FinishedIncomplete);
    let hostile = compose(target.path(), "hostile", Status::Terminated);
    fs_err::write(hostile.compose_id(), "hostile\u{1b}[2J").unwrap();
    fs_err::create_dir(target.path().join("no-compose")).unwrap();
    fs_err::os::unix::fs::symlink("harbour-13.1-20261123.t.0", target.path().join("latest-harbour-13")).unwrap();

    let listed = charmer(&["list", target.path().to_str().unwrap()]);
    assert_eq!(
        listed.stdout,
        "harbour-13.1-20261123.t.0  FINISHED\n\
         harbour-13.1-20261123.t.1  died\n\
         harbour-13.1-20261124.n.0  FINISHED_INCOMPLETE\n\
         hostile                    TERMINATED\n"
    );
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let target = tempfile::tempdir().unwrap();
    compose(target.path(), "harbour-13.1-20261123.t.0", Status::Finished);
    let folder = target.path().to_str().unwrap();
    let coloured = |variables| Charmer { variables, ..Charmer::default() }.run(&["list", folder]).stdout.contains('\u{1b}');
    assert!(!coloured(&[("TERM", "xterm")]), "stdout is no terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}
