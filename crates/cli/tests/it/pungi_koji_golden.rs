//! Whole composes of the recorded inputs by the real binary, compared with the recorded trees by the script beside them.
#![expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Ran;
use super::harbour::composes;

/// The recorded composes, or None (and a word why) where they are not at hand.
#[expect(clippy::disallowed_methods, reason = "where the recorded answers lie is said by the environment")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(super) fn recorded() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("CHARMER_SHARED").map_or_else(beside, Into::into).join("golden/compose");
    let found = folder.is_dir().then_some(folder);
    if found.is_none() {
        eprintln!("skipped: there are no recorded composes; set CHARMER_SHARED to where they are");
    }
    found
}

fn compare(recorded: &Path, arguments: &[&str]) -> Ran {
    Ran::of(Command::new("python3").arg(recorded.join("compare.py")).args(arguments).output().unwrap())
}

/// A recorded input, ready to be composed.
pub(super) struct Prepared {
    recorded: PathBuf,
    golden: PathBuf,
    pub(super) target: PathBuf,
    work: tempfile::TempDir,
    /// The command line that composes it.
    line: String,
}

impl Prepared {
    pub(super) fn new(recorded: PathBuf, name: &str) -> Self {
        let work = tempfile::tempdir().unwrap();
        let folder = work.path().canonicalize().unwrap();
        let golden = recorded.join(name);
        let prepared = compare(&recorded, &["prepare", golden.to_str().unwrap(), folder.to_str().unwrap()]);
        assert_eq!(prepared.code, 0, "{prepared}");
        let programs = folder.join("programs");
        fs_err::create_dir(&programs).unwrap();
        fs_err::os::unix::fs::symlink(env!("CARGO_BIN_EXE_charmer"), programs.join("pungi-koji")).unwrap();
        Self { target: folder.join(format!("target-{name}")), recorded, golden, work, line: prepared.stdout }
    }

    /// With the program under its other name.
    pub(super) fn command(&self) -> Command {
        let folder = self.work.path().canonicalize().unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-e", "-c", &self.line.replace("&& env ", "&& exec env ")])
            .env_clear()
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.join("programs").display()))
            .env("XDG_CACHE_HOME", folder.join("cache"));
        command
    }

    fn resume(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_charmer"));
        let root = composes(&self.target).remove(0);
        command
            .args(["resume", root.to_str().unwrap()])
            .env("SOURCE_DATE_EPOCH", "1767225600")
            .env("XDG_CACHE_HOME", self.work.path().join("cache"));
        command
    }

    /// How many events the journal of the compose has; none before there is a compose.
    fn events(&self) -> usize {
        let made = if self.target.is_dir() { composes(&self.target) } else { Vec::new() };
        let journal = made.first().map(|root| root.join("logs/events.jsonl"));
        let text = journal.and_then(|journal| fs_err::read_to_string(journal).ok()).unwrap_or_default();
        text.lines().count()
    }

    /// Starts a command, and kills it as soon as the journal has so many events, or leaves it if it ends before.
    fn kill_after(&self, mut command: Command, events: usize) {
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while self.events() < events && running.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The shell has become the program, so that it is the program that is killed.
        running.kill().unwrap();
        running.wait().unwrap();
    }

    /// A command of charmer's own, in the folder of the configuration.
    fn charmer(&self, words: &str) -> Ran {
        let folder = self.work.path().canonicalize().unwrap();
        let target = words.ends_with("--target-dir").then_some(&self.target);
        let mut command = Command::new(env!("CARGO_BIN_EXE_charmer"));
        command.args(words.split(' ')).args(target).current_dir(folder.join(self.golden.file_name().unwrap()));
        command.env("SOURCE_DATE_EPOCH", "1767225600").env("XDG_CACHE_HOME", folder.join("cache"));
        Ran::of(command.output().unwrap())
    }

    /// All that is shipped is what was recorded.
    fn assert_as_recorded(&self, ran: &Ran) {
        let made = composes(&self.target);
        let [root] = made.as_slice() else { panic!("one compose is expected, not {made:?}: {ran}") };
        let (golden, code) = (self.golden.to_str().unwrap(), ran.code.to_string());
        let arguments = [golden, root.to_str().unwrap(), "--exit-code", &code, "--skip", "graft,gather,logs"];
        let compared = compare(&self.recorded, &arguments);
        assert!(compared.code == 0 && compared.stdout.is_empty(), "{compared}of {ran}");
    }
}

/// Composes a recorded input and compares what is shipped.
fn composes_as_recorded(name: &str) {
    let Some(recorded) = recorded() else { return };
    let prepared = Prepared::new(recorded, name);
    let ran = Ran::of(prepared.command().output().unwrap());
    prepared.assert_as_recorded(&ran);
}

/// Killed at any moment, also while it is resumed, a compose is resumed to the very tree that an undisturbed one has. Moments are
/// counted in events, so that the points lie where they do on any machine.
#[test]
fn killed_composes_resume_to_what_was_recorded() {
    const POINTS: usize = 12;
    let Some(recorded) = recorded() else { return };
    let undisturbed = Prepared::new(recorded.clone(), "b-multi");
    let ran = Ran::of(undisturbed.command().output().unwrap());
    let events = undisturbed.events();
    assert!(events > POINTS, "{events} events: {ran}");
    for point in 0..POINTS {
        let prepared = Prepared::new(recorded.clone(), "b-multi");
        prepared.kill_after(prepared.command(), events * point / POINTS + 1);
        if point % 4 == 0 {
            // A resume is told from the events that it adds.
            prepared.kill_after(prepared.resume(), prepared.events() + events / 4);
        }
        let ran = Ran::of(prepared.resume().output().unwrap());
        assert_eq!(ran.code, 0, "point {point}: {ran}");
        prepared.assert_as_recorded(&ran);
    }
}

/// What was recorded comes out of a lock too, which `charmer verify` finds in order; but not with another lookaside repository.
#[test]
fn from_their_locks_composes_are_as_recorded() {
    let Some(recorded) = recorded() else { return };
    for (name, more) in [("b-multi", "--type nightly"), ("c-json", "--type ci --no-latest-link"), ("e-lookaside", "--type test")]
    {
        let prepared = Prepared::new(recorded.clone(), name);
        let ran = Ran::of(prepared.command().output().unwrap());
        let made = composes(&prepared.target);
        let [root] = made.as_slice() else { panic!("one compose is expected, not {made:?}: {ran}") };
        let lock = prepared.target.with_file_name("charmer.lock");
        fs_err::copy(root.join("logs/global/charmer.lock"), &lock).unwrap();
        fs_err::remove_dir_all(&prepared.target).unwrap();
        fs_err::create_dir(&prepared.target).unwrap();
        let words = format!("compose harbour.conf --skip buildinstall {more} --lock {} --target-dir", lock.display());
        let ran = prepared.charmer(&words);
        prepared.assert_as_recorded(&ran);
        let made = composes(&prepared.target);
        assert_eq!(fs_err::read(made[0].join("logs/global/charmer.lock")).unwrap(), fs_err::read(&lock).unwrap(), "{name}");
        let verified = prepared.charmer(&format!("verify {}", made[0].display()));
        assert_eq!(verified.code, 0, "{name}: {verified}");
        if name == "e-lookaside" {
            let repomd = prepared.target.with_file_name("repo").join("base/repodata/repomd.xml");
            let text = fs_err::read_to_string(&repomd).unwrap();
            fs_err::write(&repomd, text + "<!-- newer -->\n").unwrap();
            let refused = prepared.charmer(&words);
            assert!(refused.code == 2 && refused.stderr.contains("repo/base has changed since it was locked"), "{refused}");
        }
    }
}

macro_rules! as_recorded {
    ($($test:ident: $name:literal),* $(,)?) => {
        /// Each is a test of its own, so that they run side by side and fail by name.
        const TESTED: &[&str] = &[$($name),*];
        $(#[test]
        fn $test() {
            composes_as_recorded($name);
        })*
    };
}

as_recorded! {
    a_single: "a-single",
    b_multi: "b-multi",
    c_json: "c-json",
    d_full: "d-full",
    e_lookaside: "e-lookaside",
    f_layered: "f-layered",
    g1_unresolved: "g1-unresolved",
    g2_closure: "g2-closure",
    g3_nothing: "g3-nothing",
    g4_incomplete: "g4-incomplete",
    h_options: "h-options",
}

#[test]
fn every_recorded_compose_is_tested() {
    let Some(recorded) = recorded() else { return };
    let entries = fs_err::read_dir(recorded).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().join("compose.json").is_file());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, TESTED);
}
