//! The engine on small graphs of numbers and files: order, absence, failure, cancel, resume and reuse.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use charmer_compose::digest::Sha256;
use charmer_compose::engine::event::{Event, EventLog, Finish, MissReason, Status, read_journal};
use charmer_compose::engine::scheduler::{Limits, Outcome, Settings, Stop, run};
use charmer_compose::engine::{Graph, Handle, Job, JobError, Output, OutputFile, Part, Phase, Weight};
use charmer_compose::finding::{Finding, Severity};
use charmer_compose::layout::Layout;
use charmer_compose::tools::priority::Priority;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Number(u64);

impl Output for Number {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Written(OutputFile);

impl Output for Written {
    fn files(&self) -> Vec<OutputFile> {
        vec![self.0.clone()]
    }
}

fn settings(root: &Path) -> Settings {
    Settings {
        compose_id: "test-1-20261123.t.0".into(),
        version: "0".into(),
        resumed: false,
        layout: Layout::new(root),
        older: Vec::new(),
        limits: Limits {
            jobs: 4,
            machine: Weight::new(4, 4096),
            network: 1,
            command_timeout: Duration::from_secs(60),
            min_free: 0,
            priority: Priority::default(),
        },
        tools: [("tool".to_owned(), "1".to_owned())].into(),
        path: "/usr/bin:/bin".into(),
        stop: Stop::default(),
    }
}

async fn run_graph(graph: Graph, settings: Settings) -> Outcome {
    let layout = settings.layout.clone();
    fs_err::create_dir_all(layout.events().parent().unwrap()).unwrap();
    let (log, events) = EventLog::open(&layout.events(), |_| {}).unwrap();
    let (outcome, ()) = run(graph, settings, &events, |_| Ok(())).await.unwrap();
    log.close().unwrap();
    outcome
}

fn number(graph: &mut Graph, name: &str, value: u64) -> Handle<Number> {
    graph.add(Job::new(Phase::Gather, name).spec(&value), (), move |_, ()| async move { Ok(Number(value)) })
}

fn sum(graph: &mut Graph, name: &str, inputs: Vec<Handle<Number>>) -> Handle<Number> {
    graph.add(
        Job::new(Phase::Lock, name),
        inputs,
        |_, numbers| async move { Ok(Number(numbers.iter().map(|number| number.0).sum())) },
    )
}

/// A job that writes what it is given into a file of the compose.
fn write(graph: &mut Graph, input: Handle<Number>) -> Handle<Written> {
    graph.add(Job::new(Phase::Createrepo, "").tools(&["tool"]), input, |context, number| async move {
        let text = number.0.to_string();
        fs_err::create_dir_all(context.layout.root().join("compose"))?;
        fs_err::write(context.layout.path("compose/number"), &text)?;
        Ok(Written(OutputFile { path: "compose/number".into(), size: text.len() as u64, sha256: Sha256::of(text.as_bytes()) }))
    })
}

fn small_compose(first: u64) -> Graph {
    let mut graph = Graph::default();
    let numbers = vec![number(&mut graph, "a", first), number(&mut graph, "b", 5 - first)];
    let total = sum(&mut graph, "", numbers);
    write(&mut graph, total);
    graph
}

fn finishes(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<_> = outcome.timings.iter().map(|timing| format!("{} {:?}", timing.job, timing.how)).collect();
    lines.sort();
    lines
}

fn reasons(root: &Path) -> Vec<(String, MissReason)> {
    let started = read_journal(&Layout::new(root).events()).unwrap().into_iter().filter_map(|entry| match entry.event {
        Event::JobStarted { job, reason, .. } => Some((job.to_string(), reason)),
        _ => None,
    });
    started.collect()
}

#[tokio::test]
async fn a_second_run_does_nothing_again_and_a_damaged_file_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_graph(small_compose(2), settings(folder.path())).await;
    assert_eq!(outcome.status, Status::Finished);
    assert_eq!(finishes(&outcome), ["createrepo Done", "gather:a Done", "gather:b Done", "lock Done"]);
    let outcome = run_graph(small_compose(2), settings(folder.path())).await;
    assert_eq!(finishes(&outcome), ["createrepo Resumed", "gather:a Resumed", "gather:b Resumed", "lock Resumed"]);

    fs_err::write(folder.path().join("compose/number"), "6").unwrap();
    let outcome = run_graph(small_compose(2), settings(folder.path())).await;
    assert_eq!(finishes(&outcome), ["createrepo Done", "gather:a Resumed", "gather:b Resumed", "lock Resumed"]);
    assert_eq!(fs_err::read_to_string(folder.path().join("compose/number")).unwrap(), "5");
    let last = reasons(folder.path()).pop().unwrap();
    assert_eq!(last, ("createrepo".into(), MissReason::File { path: "compose/number".into() }));
}

#[tokio::test]
async fn an_older_compose_gives_what_has_not_changed_and_each_miss_says_why() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run_graph(small_compose(2), settings(old.path())).await;
    let older = Settings { older: vec![Layout::new(old.path())], ..settings(new.path()) };
    let reused = Finish::Reused { from: old.path().display().to_string() };

    // Both numbers change, their sum does not: what follows from the sum is not done again.
    let outcome = run_graph(small_compose(3), older.clone()).await;
    let how: Vec<_> = outcome.timings.iter().filter(|timing| timing.how == reused).map(|timing| timing.job.as_str()).collect();
    assert_eq!(how, ["createrepo"]);
    assert_eq!(fs_err::read_to_string(new.path().join("compose/number")).unwrap(), "5");
    let mut reasons_of_misses = reasons(new.path());
    reasons_of_misses.sort_by(|left, right| left.0.cmp(&right.0));
    let inputs = MissReason::Inputs { jobs: vec!["gather:a".into(), "gather:b".into()] };
    let expected = [("gather:a", MissReason::Configuration), ("gather:b", MissReason::Configuration), ("lock", inputs)];
    assert_eq!(reasons_of_misses, expected.map(|(job, reason)| (job.to_owned(), reason)));

    let third = tempfile::tempdir().unwrap();
    let mut other_tool = Settings { layout: Layout::new(third.path()), ..older };
    other_tool.tools.insert("tool".into(), "2".into());
    run_graph(small_compose(2), other_tool).await;
    assert_eq!(reasons(third.path()), [("createrepo".into(), MissReason::Tools { programs: vec!["tool".into()] })]);
}

/// a fails (failable or not); b requires a; c takes whatever there is; d has nothing to do with them.
fn graph_with_failure(failable: bool) -> (Graph, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut graph = Graph::default();
    let a = graph.add_deliverable(Job::new(Phase::Rootfs, "a").failable(failable), (), |_, ()| async move {
        Err::<Number, _>(JobError::new("the mirror burns"))
    });
    let b =
        graph.add_deliverable(Job::new(Phase::Live, "b").failable(failable), a.required(), |_, number| async move { Ok(number) });
    let d = number(&mut graph, "d", 1);
    let saw = seen.clone();
    graph.add(Job::new(Phase::Metadata, "c"), (vec![a, b], d), move |_, (images, number)| {
        saw.lock().unwrap().push(format!("{images:?} {number:?}"));
        async move { Ok(Number(0)) }
    });
    (graph, seen)
}

#[tokio::test]
async fn a_failable_failure_is_absent_for_those_behind_it_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (graph, seen) = graph_with_failure(true);
    let outcome = run_graph(graph, settings(folder.path())).await;
    assert_eq!(outcome.status, Status::FinishedIncomplete);
    assert_eq!(*seen.lock().unwrap(), ["[None, None] Number(1)"]);
    assert_eq!(outcome.failures[0].failure.message, "the mirror burns");
    assert_eq!(fs_err::read_to_string(folder.path().join("STATUS")).unwrap(), "FINISHED_INCOMPLETE\n");
    let skipped = Event::JobSkipped { job: "live:b".into(), because: "rootfs:a".into() };
    assert!(read_journal(&Layout::new(folder.path()).events()).unwrap().iter().any(|entry| entry.event == skipped));
}

#[tokio::test]
async fn any_other_failure_dooms_the_compose_and_so_does_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (graph, seen) = graph_with_failure(false);
    let outcome = run_graph(graph, settings(folder.path())).await;
    assert_eq!(outcome.status, Status::Doomed);
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(outcome.not_started.iter().map(ToString::to_string).collect::<Vec<_>>(), ["live:b", "metadata:c"]);

    let mut graph = Graph::default();
    graph.add::<_, Number, _>(Job::new(Phase::Gather, ""), (), |_, ()| async move { panic!("no way") });
    let outcome = run_graph(graph, settings(tempfile::tempdir().unwrap().path())).await;
    assert_eq!(outcome.status, Status::Doomed);
    assert!(outcome.failures[0].failure.message.contains("no way"), "{:?}", outcome.failures);
}

fn only(phase: Phase) -> Part {
    Part { only: vec![phase], ..Part::default() }
}

fn skipping(phase: Phase) -> Part {
    Part { skip: vec![phase], ..Part::default() }
}

#[tokio::test]
async fn skipped_phases_take_with_them_what_cannot_be_without_them() {
    let (mut graph, seen) = graph_with_failure(true);
    graph.select(&skipping(Phase::Rootfs)).unwrap();
    let planned = graph.jobs().iter().map(|planned| planned.job.id.to_string()).collect::<Vec<_>>();
    assert_eq!(planned, ["gather:d", "metadata:c"], "live:b makes no sense without rootfs:a");
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_graph(graph, settings(folder.path())).await;
    assert_eq!((outcome.status, seen.lock().unwrap().len()), (Status::Finished, 1));

    let (mut graph, _) = graph_with_failure(true);
    graph.select(&skipping(Phase::Gather)).unwrap();
    assert_eq!(graph.jobs().len(), 2, "metadata needs gather:d, whose output is never absent");
    let (mut graph, _) = graph_with_failure(true);
    graph.select(&only(Phase::Live)).unwrap();
    assert_eq!(graph.jobs().iter().map(|planned| planned.job.id.to_string()).collect::<Vec<_>>(), ["rootfs:a", "live:b"]);
    assert!(graph.select(&only(Phase::Fetch)).is_err());
}

#[tokio::test]
async fn transient_failures_are_tried_again_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let tries = Arc::new(Mutex::new(0));
    let mut graph = Graph::default();
    graph.add(Job::new(Phase::Fetch, "").retries(2), (), move |_, ()| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        let result = if *tries == 1 { Err(JobError::new("connection reset").transient()) } else { Ok(Number(*tries)) };
        async move { result }
    });
    let outcome = run_graph(graph, settings(folder.path())).await;
    assert_eq!(outcome.status, Status::Finished);
    let journal = read_journal(&Layout::new(folder.path()).events()).unwrap();
    assert!(
        journal
            .iter()
            .any(|entry| matches!(&entry.event, Event::JobRetried { reason, attempt: 1, .. } if reason == "connection reset"))
    );
}

#[tokio::test]
async fn a_cancelled_run_is_terminated_and_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let build = |command: &'static str| {
        let mut graph = Graph::default();
        let first = number(&mut graph, "a", 1);
        graph.add(Job::new(Phase::Rootfs, ""), first, move |context, _| async move {
            context.runner.run(&charmer_compose::tools::Command::new("sleep").arg(command)).await?;
            Ok(Number(2))
        });
        graph
    };
    let first = settings(folder.path());
    let cancel = first.stop.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    });
    let outcome = run_graph(build("1000"), first).await;
    assert_eq!(outcome.status, Status::Terminated);
    assert_eq!(outcome.not_started.iter().map(ToString::to_string).collect::<Vec<_>>(), ["rootfs"]);
    let outcome = run_graph(build("0"), settings(folder.path())).await;
    assert_eq!(finishes(&outcome), ["gather:a Resumed", "rootfs Done"]);
}

#[tokio::test]
async fn a_job_that_writes_much_waits_for_space_while_others_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut graph = Graph::default();
    graph.add(Job::new(Phase::Gather, "slow").estimate(9.0), (), |_, ()| async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(Number(1))
    });
    graph.add(Job::new(Phase::Lock, "large").writes_much().estimate(1.0), (), |_, ()| async move { Ok(Number(2)) });
    let mut settings = settings(folder.path());
    settings.limits.min_free = u64::MAX;
    let outcome = run_graph(graph, settings).await;
    assert_eq!(outcome.status, Status::Doomed);
    let told = read_journal(&Layout::new(folder.path()).events()).unwrap().into_iter().filter_map(|entry| match entry.event {
        Event::JobMessage { job, text } => Some(format!("{job} {}", text.rsplit(": ").next().unwrap())),
        Event::JobFinished { job, .. } => Some(format!("{job} finished")),
        Event::JobFailed { job, failure, .. } => Some(format!("{job} {}", failure.message.rsplit("; ").next().unwrap())),
        _ => None,
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "lock:large it waits until other jobs have ended",
            "gather:slow finished",
            "lock:large 17592186044415 MiB are to stay free"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_stay_within_the_cores_and_the_memory_of_the_machine_and_use_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut graph = Graph::default();
    // What runs now, and the most that ran at once: jobs, cores, MiB.
    let load = Arc::new(Mutex::new(([0_u64; 3], [0_u64; 3], 0_usize)));
    for number in 0..60_u32 {
        // One of them wants more than there is, and must run alone.
        let (cores, memory) = if number == 30 { (8, 9000) } else { (1 + number % 3, 512 + u64::from(number % 5) * 700) };
        let job = Job::new(Phase::Gather, number.to_string()).weight(Weight::new(cores, memory)).estimate(f64::from(number % 7));
        let load = load.clone();
        graph.add(job, (), move |_, ()| {
            let load = load.clone();
            async move {
                let own = [1, u64::from(cores), memory];
                {
                    let (now, most, alone) = &mut *load.lock().unwrap();
                    (0..3).for_each(|each| now[each] += own[each]);
                    if cores == 8 {
                        *alone = usize::try_from(now[0]).unwrap();
                    } else {
                        (0..3).for_each(|each| most[each] = most[each].max(now[each]));
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                let now = &mut load.lock().unwrap().0;
                (0..3).for_each(|each| now[each] -= own[each]);
                Ok(Number(1))
            }
        });
    }
    let outcome = run_graph(graph, settings(folder.path())).await;
    assert_eq!(outcome.status, Status::Finished);
    let (now, most, alone) = *load.lock().unwrap();
    assert_eq!((now, alone), ([0, 0, 0], 1), "what wants more than the machine has runs alone");
    let [jobs, cores, memory] = most;
    assert!((2..=4).contains(&jobs) && (3..=4).contains(&cores) && (2500..=4096).contains(&memory), "{most:?}");
}

/// Tells when nobody has it any more.
#[derive(Debug)]
struct Large(Arc<Mutex<bool>>);

impl Drop for Large {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = true;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_gone_when_its_last_reader_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut graph = Graph::default();
    let is_gone = Arc::new(Mutex::new(false));
    let made = is_gone.clone();
    let job = Job::new(Phase::Pkgset, "").weight(Weight::new(1, 600));
    let large = graph.add_volatile(job, (), move |_, ()| {
        let made = made.clone();
        async move { Ok(Large(made)) }
    });
    let reader = |graph: &mut Graph, name: &str, after: Vec<Handle<Number>>| {
        graph.add(Job::new(Phase::Gather, name), (large, after), |_, (large, _)| async move {
            Ok(Number(u64::from(*large.0.lock().unwrap())))
        })
    };
    let first = reader(&mut graph, "first", Vec::new());
    let second = reader(&mut graph, "second", vec![first]);
    let seen = is_gone.clone();
    let last = graph.add(Job::new(Phase::Lock, ""), (first, second), move |_, (first, second)| {
        let seen = seen.clone();
        async move {
            assert_eq!((first.0, second.0), (0, 0), "it is there for those who read it");
            for _ in 0..500 {
                if *seen.lock().unwrap() {
                    return Ok(Number(1));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(JobError::new("the value is still there"))
        }
    });
    sum(&mut graph, "sum", vec![last]);
    let outcome = run_graph(graph, settings(folder.path())).await;
    assert_eq!(outcome.status, Status::Finished, "{:?}", outcome.failures);
}

/// Two derived values, the second from the first, which two jobs read: `near` the first, `far` the second.
fn derived_compose(near: u64, made: &Arc<Mutex<Vec<&'static str>>>) -> Graph {
    let mut graph = Graph::default();
    let start = number(&mut graph, "start", 7);
    let tell = made.clone();
    let first = graph.add_derived(Job::new(Phase::Pkgset, "first"), start, move |context, start| {
        tell.lock().unwrap().push("first");
        context.finding(Finding {
            check: "odd".into(),
            severity: Severity::Warn,
            scope: String::new(),
            subject: "first".into(),
            message: "it is odd".into(),
            hint: None,
        });
        async move { Ok(start.0) }
    });
    let tell = made.clone();
    let second = graph.add_derived(Job::new(Phase::Pkgset, "second"), first, move |_, first| {
        tell.lock().unwrap().push("second");
        async move { Ok(*first * 2) }
    });
    let job = Job::new(Phase::Gather, "near").spec(&near);
    let near = graph.add(job, first, move |_, first| async move { Ok(Number(*first + near)) });
    let far = graph.add(Job::new(Phase::Gather, "far"), second, |_, second| async move { Ok(Number(*second)) });
    let total = sum(&mut graph, "", vec![near, far]);
    write(&mut graph, total);
    graph
}

#[tokio::test]
async fn a_derived_value_is_made_only_for_those_who_have_to_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path());
    let made = Arc::new(Mutex::new(Vec::new()));
    let run = async |near: u64| {
        let outcome = run_graph(derived_compose(near, &made), settings(folder.path())).await;
        assert_eq!((outcome.status, outcome.findings.len()), (Status::Finished, 1), "{:?}", outcome.failures);
        assert_eq!(outcome.timings.len(), 7, "each job is told of once");
        (std::mem::take(&mut *made.lock().unwrap()), finishes(&outcome))
    };
    let result = || fs_err::read_to_string(layout.path("compose/number")).unwrap();

    let (values, _) = run(1).await;
    assert_eq!((values, result()), (vec!["first", "second"], "22".to_owned()));
    let (values, how) = run(1).await;
    assert!(values.is_empty() && how.iter().all(|job| job.ends_with(" Resumed")), "{values:?}: {how:?}");
    let (values, how) = run(2).await;
    let again = ["createrepo Done", "gather:far Resumed", "gather:near Done", "gather:start Resumed", "lock Done"];
    assert_eq!((values, result()), (vec!["first"], "23".to_owned()));
    assert_eq!(how, [&again[..], &["pkgset:first Done", "pkgset:second Resumed"]].concat());
    fs_err::remove_file(layout.job_record("gather:far")).unwrap();
    let (values, how) = run(2).await;
    assert_eq!(values, ["first", "second"], "one is made of the other");
    assert_eq!(how.iter().filter(|job| job.ends_with(" Done")).count(), 3, "{how:?}");
}

#[tokio::test]
async fn a_derived_value_that_an_older_compose_knows_is_not_made_either() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = Arc::new(Mutex::new(Vec::new()));
    run_graph(derived_compose(1, &made), settings(old.path())).await;
    made.lock().unwrap().clear();
    let older = Settings { older: vec![Layout::new(old.path())], ..settings(new.path()) };
    let outcome = run_graph(derived_compose(1, &made), older).await;
    assert_eq!((outcome.status, made.lock().unwrap().len()), (Status::Finished, 0));
    fs_err::remove_dir_all(old.path().join("compose")).unwrap();
    let outcome = run_graph(derived_compose(1, &made), settings(new.path())).await;
    assert!(finishes(&outcome).iter().all(|job| job.ends_with(" Resumed")), "its own records are whole");
}
