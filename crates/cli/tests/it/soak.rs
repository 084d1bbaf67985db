//! Composes killed with -9 at random moments, also while they are resumed: in the end each is what one is that nobody killed.
//!
//! `make soak` tries five hundred moments of each kind of compose. CHARMER_SEED repeats a run, CHARMER_POINTS says how many there are.

#![expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]
#![expect(clippy::print_stderr, reason = "the seed is told")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Ran;
use super::disturbed::{Subject, only_compose};
use super::harbour::{Harbour, wait_until};
use super::whole_rpm::Quay;

/// How many moments are tried of each kind of compose, unless somebody says otherwise.
const POINTS: u64 = 30;

fn setting(name: &str, otherwise: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "`make soak` says so")]
    let text = std::env::var(name);
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// Numbers that look random, and are the same for the same seed: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

/// When something is killed.
#[derive(Debug)]
enum Moment {
    /// Once its journal has so many entries more than before.
    Entries(u64),
    After(Duration),
}

fn entries(target: &Path) -> u64 {
    let journal = only_compose(target).map(|compose| compose.path("logs/events.jsonl"));
    // The last line may be half there.
    let text = journal.and_then(|journal| fs_err::read_to_string(journal).ok()).unwrap_or_default();
    text.matches('\n').count() as u64
}

fn kill_at(mut command: Command, target: &Path, moment: &Moment) {
    let (before, started) = (entries(target), Instant::now());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let has_come = || match moment {
        Moment::Entries(count) => entries(target) >= before + count,
        Moment::After(time) => started.elapsed() >= *time,
    };
    while !has_come() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().unwrap();
}

impl Subject<'_> {
    fn moment(&self, dice: &mut Dice) -> Moment {
        if dice.below(2) == 0 {
            return Moment::Entries(1 + dice.below(self.entries));
        }
        let microseconds = u64::try_from(self.time.as_micros()).unwrap();
        Moment::After(Duration::from_micros(dice.below(microseconds)))
    }

    /// Kills one compose, and maybe its first resume as well; when it was killed, for messages.
    fn disturb(&self, target: &Path, dice: &mut Dice) -> Vec<Moment> {
        let mut moments = vec![self.moment(dice)];
        kill_at((self.compose)(target), target, &moments[0]);
        if dice.below(3) == 0
            && let Some(compose) = only_compose(target)
        {
            moments.push(self.moment(dice));
            kill_at((self.resume)(compose.root()), target, &moments[1]);
        }
        moments
    }

    fn soak(&self, folder: &Path) {
        let (seed, points) = (setting("CHARMER_SEED", 1), setting("CHARMER_POINTS", POINTS));
        eprintln!("seed {seed}, {points} moments among {} entries and {:.1} s", self.entries, self.time.as_secs_f64());
        let mut dice = Dice(seed);
        for point in 0..points {
            let target: PathBuf = folder.join(format!("killed-{point}"));
            fs_err::create_dir(&target).unwrap();
            let moments = self.disturb(&target, &mut dice);
            let when = format!("seed {seed}, number {point}, killed at {moments:?}");
            let begun = only_compose(&target).filter(|_| entries(&target) > 0);
            let mut command = if let Some(compose) = &begun {
                (self.resume)(compose.root())
            } else {
                // Nothing was begun yet: the next compose of the day has the next number, but for this.
                fs_err::remove_dir_all(&target).unwrap();
                fs_err::create_dir(&target).unwrap();
                (self.compose)(&target)
            };
            let ran = Ran::of(command.output().unwrap());
            assert_eq!(ran.code, 0, "{when}: {ran}");
            self.check(&only_compose(&target).unwrap(), &when);
            fs_err::remove_dir_all(&target).unwrap();
        }
    }
}

#[test]
fn debian_composes_killed_at_any_moment_end_as_one_that_was_not() {
    let mut harbour = Harbour::new();
    harbour.source_date_epoch = Some("1717372800");
    Subject::debian(&harbour).soak(&harbour.path(""));
    wait_until("all that it had started is gone", || harbour.processes().is_empty());
    assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());
}

#[test]
fn rpm_composes_killed_at_any_moment_end_as_one_that_was_not() {
    let quay = Quay::new();
    Subject::rpm(&quay).soak(&quay.path(""));
}
