//! Composes of both kinds that something is done to, and what each should be in the end all the same.

#![expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Ran;
use super::harbour::{Compose, Harbour, composes};
use super::whole_rpm::{Quay, is_alike};

/// What is disturbed.
pub(super) struct Subject<'a> {
    /// The command lines of a compose into a target folder, of a resume, and of what proves it.
    pub(super) compose: Box<dyn Fn(&Path) -> Command + 'a>,
    pub(super) resume: Box<dyn Fn(&str) -> Command + 'a>,
    pub(super) verify: Box<dyn Fn(&str) -> Command + 'a>,
    /// Files whose content is the same in each compose.
    is_alike: fn(&str) -> bool,
    pub(super) expected: BTreeMap<String, Vec<u8>>,
    /// What an undisturbed compose took.
    pub(super) entries: u64,
    pub(super) time: Duration,
}

impl<'a> Subject<'a> {
    /// A Debian derivative; its fixture must have a fixed date.
    pub(super) fn debian(harbour: &'a Harbour) -> Self {
        let started = Instant::now();
        let (_, undisturbed) = harbour.compose(&[]);
        Self {
            compose: Box::new(|target| harbour.command(&["compose", "harbour.toml", "--target-dir", target.to_str().unwrap()])),
            resume: Box::new(|root| harbour.command(&["resume", root])),
            verify: Box::new(|root| harbour.command(&["verify", root])),
            is_alike: |_| true,
            expected: undisturbed.tree("compose"),
            entries: undisturbed.journal().len() as u64,
            time: started.elapsed(),
        }
    }

    /// A distribution of RPM packages, from a configuration of Pungi's.
    pub(super) fn rpm(quay: &'a Quay) -> Self {
        let started = Instant::now();
        let (_, undisturbed) = quay.compose(&[], 0);
        let charmer = |words: &[&str]| quay.command(env!("CARGO_BIN_EXE_charmer"), words);
        Self {
            compose: Box::new(move |target| {
                charmer(&["pungi-koji", "--config", "quay.conf", "--nightly", "--target-dir", target.to_str().unwrap()])
            }),
            resume: Box::new(move |root| charmer(&["resume", root])),
            verify: Box::new(move |root| charmer(&["verify", root])),
            is_alike,
            expected: undisturbed.tree("compose"),
            entries: undisturbed.journal().len() as u64,
            time: started.elapsed(),
        }
    }

    /// It has finished, and is what an undisturbed one is.
    pub(super) fn check(&self, compose: &Compose, when: &str) {
        assert_eq!(compose.read("STATUS"), "FINISHED\n", "{when}");
        let made = compose.tree("compose");
        let only_in = |one: &BTreeMap<String, _>, other: &BTreeMap<String, _>| {
            one.keys().filter(|name| !other.contains_key(*name)).cloned().collect::<Vec<String>>()
        };
        let (more, less) = (only_in(&made, &self.expected), only_in(&self.expected, &made));
        assert!(more.is_empty() && less.is_empty(), "{when}: {more:?} are too much, {less:?} are missing");
        let differs = |(name, content): &(&String, &Vec<u8>)| (self.is_alike)(name) && self.expected[*name] != **content;
        let different: Vec<_> = made.iter().filter(differs).map(|(name, _)| name).collect();
        assert!(different.is_empty(), "{when}: {different:?} differ");
    }
}

/// The one compose of a target folder, if one was begun.
pub(super) fn only_compose(target: &Path) -> Option<Compose> {
    composes(target).pop().map(|root| Compose { root })
}

/// Runs a command line behind a script that may mount what it likes: nobody else sees it, and it is gone with the script.
pub(super) fn in_own_mounts(command: &Command, script: &str, words: &[&str], variables: &[(&str, &Path)]) -> Ran {
    let mut own = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        own.args(["--user", "--map-root-user"]);
    }
    own.args(["--mount", "sh", "-c", script, "sh"]).args(words);
    own.arg(command.get_program()).args(command.get_args()).current_dir(command.get_current_dir().unwrap()).env_clear();
    own.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(variables.iter().copied());
    Ran::of(own.output().unwrap())
}
