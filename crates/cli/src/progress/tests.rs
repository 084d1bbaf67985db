//! A recorded run told in every form. The entries are those that the engine writes; only their texts are made up.

use charmer_compose::engine::error::FailureReport;
use charmer_compose::engine::event::{Event, Finish, JobPlan, MissReason, Status, Unit};
use charmer_compose::engine::job::{JobId, Phase};
use charmer_compose::finding::{Finding, Severity};

use super::area::Space;
use super::run::{Run, seconds_of};
use super::*;

const NO_COLOUR: Paint = Paint { colour: false };
const START: i64 = 1_795_457_666;

fn entry(sequence: u64, second: f64, event: Event) -> Entry {
    let time = jiff::Timestamp::from_second(START).unwrap() + std::time::Duration::from_secs_f64(second);
    Entry { sequence, time: format!("{time:.3}"), event }
}

fn plan(name: &str, phase: Phase, needs: &[&str], estimate: f64, failable: bool) -> JobPlan {
    let scope = name.split_once(':').map_or("", |(_, scope)| scope).to_owned();
    JobPlan { job: name.into(), phase, scope, needs: needs.iter().map(|&need| need.into()).collect(), failable, estimate }
}

fn started(job: &str, reason: MissReason) -> Event {
    Event::JobStarted { job: job.into(), reason, log: format!("logs/jobs/{job}.log") }
}

fn finished(job: &str, how: Finish, duration: f64) -> Event {
    Event::JobFinished { job: job.into(), how, duration }
}

fn progress(job: &str, done: u64, total: u64) -> Event {
    Event::Progress { job: job.into(), done, total, unit: Unit::Bytes }
}

fn finding(job: &str, severity: Severity, subject: &str) -> Event {
    let finding = Finding {
        check: "closure".into(),
        severity,
        scope: "Base.amd64".into(),
        subject: subject.into(),
        message: "recommends nothing-has-this, which no archive has".into(),
        hint: Some("leave the recommendation out".into()),
    };
    Event::Finding { job: job.into(), finding }
}

/// A run in which the image fails, up to its end.
fn recorded() -> Vec<Entry> {
    const MIB: u64 = 1 << 20;
    let jobs = vec![
        plan("index:debian", Phase::Pkgset, &[], 8.0, false),
        plan("gather:Base.amd64", Phase::Gather, &["index:debian"], 0.4, false),
        plan("lock", Phase::Lock, &["gather:Base.amd64"], 0.1, false),
        plan("fetch:Base", Phase::Fetch, &["lock"], 60.0, false),
        plan("createrepo:Base", Phase::Createrepo, &["fetch:Base"], 6.0, false),
        plan("rootfs:Base.amd64.container", Phase::Rootfs, &["createrepo:Base"], 35.0, true),
        plan("container:Base.amd64", Phase::Container, &["rootfs:Base.amd64.container"], 15.0, true),
        plan("metadata", Phase::Metadata, &["container:Base.amd64", "createrepo:Base"], 0.5, false),
    ];
    let run = Event::RunStarted {
        compose_id: "harbour-13.1-20261123.t.0".into(),
        version: "0.1.0".into(),
        resumed: false,
        programs: [("xorriso".to_owned(), "1.5.6-1 (e3b0c44298fc)".to_owned())].into(),
        jobs,
    };
    let failure = FailureReport {
        message: "mmdebstrap exited with status 25".into(),
        command: Some("mmdebstrap --mode=unshare --variant=custom trixie rootfs.tar copy:///srv/repository".into()),
        output: (1..=30)
            .map(|line| format!("line {line}"))
            .chain(["\u{1b}[31mE:\u{1b}[0m Unable to locate package \u{1b}]0;owned\u{7}harbour-release".into()])
            .collect(),
        log: Some("/srv/composes/h/logs/jobs/rootfs:Base.amd64.container.log".into()),
        hint: Some("see whether the seeds of Base bring it".into()),
    };
    let retried =
        Event::JobRetried { job: "fetch:Base".into(), attempt: 1, reason: "the connection was reset".into(), delay: 2.0 };
    let message = Event::JobMessage { job: "fetch:Base".into(), text: "412 packages\nof which 3 are ours".into() };
    let reused = Finish::Reused { from: "/srv/composes/harbour-13.1-20261122.n.0".into() };
    let failed = Event::JobFailed { job: "rootfs:Base.amd64.container".into(), failable: true, failure, duration: 12.3 };
    let skipped = Event::JobSkipped { job: "container:Base.amd64".into(), because: "rootfs:Base.amd64.container".into() };
    let events = vec![
        (0.0, run),
        (0.0, Event::StatusChanged { status: Status::Started }),
        (0.1, started("index:debian", MissReason::Volatile)),
        (7.3, finished("index:debian", Finish::Done, 7.21)),
        (7.3, started("gather:Base.amd64", MissReason::Inputs { jobs: vec!["index:debian".into()] })),
        (7.6, finding("gather:Base.amd64", Severity::Warn, "nano\u{1b}[2J")),
        (7.7, finished("gather:Base.amd64", Finish::Done, 0.4)),
        (7.8, finished("lock", Finish::Resumed, 0.0)),
        (8.0, started("fetch:Base", MissReason::New)),
        (8.5, progress("fetch:Base", 0, 400 * MIB)),
        (9.0, retried),
        (11.0, message),
        (12.0, progress("fetch:Base", 20 * MIB, 400 * MIB)),
        (16.0, progress("fetch:Base", 60 * MIB, 400 * MIB)),
        (50.0, finished("fetch:Base", Finish::Done, 42.0)),
        (50.2, finished("createrepo:Base", reused, 0.0)),
        (50.3, started("rootfs:Base.amd64.container", MissReason::Tools { programs: vec!["mmdebstrap".into()] })),
        (62.6, failed),
        (62.6, skipped),
        (62.7, started("metadata", MissReason::New)),
        (63.0, finished("metadata", Finish::Done, 0.3)),
        (63.0, Event::StatusChanged { status: Status::FinishedIncomplete }),
        (63.0, Event::RunFinished { status: Status::FinishedIncomplete, duration: 63.0 }),
    ];
    (1..).zip(events).map(|(sequence, (second, event))| entry(sequence, second, event)).collect()
}

/// What scrolls by.
fn told(options: ProgressOptions) -> String {
    let mut narrator = Narrator::new(options.detail());
    let lines = recorded().iter().flat_map(|entry| narrator.lines(entry)).collect::<Vec<_>>();
    lines.iter().map(|line| line.show(options.paint) + "\n").collect()
}

fn options(form: Form) -> ProgressOptions {
    ProgressOptions { verb: "composing", form, verbose: false, explain_reuse: false, paint: NO_COLOUR }
}

/// The live part as it stands a while after the last of the first `count` entries.
fn area_after(count: usize, seconds: f64, width: usize, height: usize) -> String {
    let (mut run, entries) = (Run::default(), recorded());
    entries[..count].iter().for_each(|entry| run.apply(entry));
    let now = seconds_of(&entries[count - 1]) + seconds;
    area::lines(&run, now, Space { width, height }, NO_COLOUR).join("\n")
}

#[test]
fn plain_lines_tell_the_whole_course() {
    insta::assert_snapshot!(told(options(Form::Plain)));
}

#[test]
fn beside_the_live_part_only_results_scroll_by() {
    insta::assert_snapshot!(told(options(Form::Live)));
}

#[test]
fn verbose_adds_what_jobs_say_and_why_they_run() {
    let verbose = told(ProgressOptions { verbose: true, ..options(Form::Live) });
    assert!(verbose.contains("note      fetch:Base: of which 3 are ours\n"), "{verbose}");
    assert!(verbose.contains("started   gather:Base.amd64 (changed input: index:debian)\n"), "{verbose}");
    let explained = told(ProgressOptions { explain_reuse: true, ..options(Form::Live) });
    assert!(explained.contains("(other version of mmdebstrap)\n") && !explained.contains("of which"), "{explained}");
}

#[test]
fn quiet_tells_failures_and_nothing_else() {
    insta::assert_snapshot!(told(options(Form::Quiet)));
}

#[test]
fn nothing_that_is_shown_can_steer_the_terminal() {
    let verbose = told(ProgressOptions { verbose: true, ..options(Form::Plain) });
    assert!(!verbose.contains(|character: char| character.is_control() && character != '\n'), "{verbose:?}");
    let coloured = told(ProgressOptions { paint: Paint { colour: true }, ..options(Form::Plain) });
    assert!(coloured.contains("\u{1b}[31m") && !coloured.contains("\u{1b}[2J") && !coloured.contains('\u{7}'), "{coloured:?}");
}

#[test]
fn findings_beyond_some_of_each_job_are_only_counted() {
    let mut narrator = Narrator::new(options(Form::Live).detail());
    let mut lines = Vec::new();
    for number in 0..25 {
        lines.extend(narrator.lines(&entry(number, 0.0, finding("gather:Base.amd64", Severity::Warn, "nano"))));
    }
    lines.extend(narrator.lines(&entry(30, 1.0, finished("gather:Base.amd64", Finish::Done, 1.0))));
    assert_eq!(lines.iter().filter(|line| line.label == "warning").count(), FINDINGS_PER_JOB);
    assert_eq!(lines.last().unwrap().text, "and 15 more findings of gather:Base.amd64, all in logs/global/charmer.log");
}

#[test]
fn the_live_part_shows_phases_running_jobs_rates_and_what_is_left() {
    insta::assert_snapshot!(area_after(14, 1.0, 100, 40));
}

#[test]
fn the_live_part_fits_a_narrow_and_low_terminal() {
    for width in [1, 20, 40] {
        let area = area_after(14, 1.0, width, 8);
        assert!(area.lines().all(|line| console::measure_text_width(line) < width.max(2)), "{area}");
        assert!(area.lines().count() <= 4, "{area}");
    }
    insta::assert_snapshot!(area_after(14, 1.0, 40, 8));
}

#[test]
fn many_running_jobs_do_not_fill_the_terminal() {
    let names: Vec<String> = (0..50).map(|number| format!("gather:V{number}.amd64")).collect();
    let jobs = names.iter().map(|name| plan(name, Phase::Gather, &[], 5.0, false)).collect();
    let mut run = Run::default();
    run.apply(&entry(
        1,
        0.0,
        Event::RunStarted { compose_id: "x".into(), version: "0".into(), resumed: false, programs: [].into(), jobs },
    ));
    for name in &names {
        run.apply(&entry(2, 0.0, started(name, MissReason::New)));
    }
    let lines = area::lines(&run, START as f64 + 2.0, Space { width: 80, height: 24 }, NO_COLOUR);
    assert_eq!(lines.len(), 12);
    assert_eq!(lines[10], "  and 41 more running jobs");
}

#[test]
fn nothing_is_live_before_the_run_and_after_it() {
    assert_eq!(area_after(recorded().len(), 0.0, 80, 24), "");
    assert!(area::lines(&Run::default(), 0.0, Space { width: 80, height: 24 }, NO_COLOUR).is_empty());
}

#[test]
fn what_is_left_of_the_critical_path_shrinks_as_jobs_end() {
    let (mut run, mut left) = (Run::default(), Vec::new());
    for entry in recorded() {
        run.apply(&entry);
        left.push(format!("{:.1}", run.remaining(seconds_of(&entry)).seconds));
    }
    // At the start all of it, then without what has ended, by the rate of the transfer, and nothing in the end.
    assert_eq!([&left[0], &left[3], &left[7]], ["125.0", "117.0", "116.5"], "{left:?}");
    // 10 MiB/s for the other 340 MiB, then 6 + 35 + 15 + 0.5 seconds.
    assert_eq!(left[13], "90.5", "{left:?}");
    assert_eq!(left[left.len() - 1], "0.0");
    assert_eq!(run.phases().iter().find(|phase| phase.phase == Phase::Rootfs).unwrap().failed, 1);
}

#[test]
fn now_and_then_a_plain_line_says_what_runs() {
    let (mut run, entries) = (Run::default(), recorded());
    entries[..14].iter().for_each(|entry| run.apply(entry));
    let line = plain::progress_line(&run, seconds_of(&entries[13]) + 1.0).unwrap();
    assert_eq!(
        line.text,
        "3 of 8 jobs, about 1:31 left on the critical path (now fetch:Base): fetch:Base 60.0 MiB of 400.0 MiB, 10.0 MiB/s, 34 s left"
    );
}

#[test]
fn the_log_holds_every_entry_and_goes_on_after_a_resume() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/global/charmer.log");
    for _ in 0..2 {
        let log = log_reader("composing", &path).unwrap();
        recorded().iter().for_each(log);
    }
    let text = fs_err::read_to_string(path).unwrap();
    assert_eq!(text.matches("composing harbour-13.1-20261123.t.0: 8 jobs, charmer 0.1.0\n").count(), 2, "{text}");
    assert!(text.lines().all(|line| line.starts_with("2026-11-2")), "{text}");
    assert!(text.contains(" note      fetch:Base: 412 packages\n"), "{text}");
}

#[test]
fn json_is_one_entry_on_each_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream");
    let json = json_reader(fs_err::File::create(&path).unwrap());
    recorded().iter().for_each(json);
    let read: Vec<Entry> =
        fs_err::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, recorded());
}

#[test]
fn events_of_jobs_that_no_plan_has_are_no_reason_to_panic() {
    let mut run = Run::default();
    recorded()[1..].iter().for_each(|entry| run.apply(entry));
    let mut cyclic = recorded().remove(0);
    if let Event::RunStarted { jobs, .. } = &mut cyclic.event {
        jobs[0].needs = vec![JobId::from("metadata")];
    }
    run.apply(&cyclic);
    assert!((run.remaining(START as f64).seconds - 125.0).abs() < 0.01);
}
