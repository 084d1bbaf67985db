//! Which packages exist for a request: not those that are excluded, and of each name and arch only the newest.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::universe::{Class, Entry, Id, Universe, is_debug_name};
use crate::Glob;

/// Hides what is excluded; what then is not the newest of its name and arch over all repositories, lookaside or not, is hidden as
/// well. Excludes never touch lookaside repositories; the multilib blacklist does.
pub(super) fn hide(universe: &mut Universe<'_>, excludes: &BTreeSet<String>, multilib_blacklist: &[Glob]) {
    let mut hidden = Vec::new();
    for exclude in excludes {
        let (pattern, affects) = Affected::by(exclude);
        hidden.extend(matching(universe, &Glob::lenient(pattern), |entry| !entry.lookaside && affects.includes(entry)));
    }
    for pattern in multilib_blacklist {
        hidden.extend(matching(universe, pattern, |entry| Affected::Multilib.includes(entry)));
    }
    for id in hidden {
        universe.entries[id as usize].visible = false;
    }
    for id in outdated(universe) {
        universe.entries[id as usize].visible = false;
    }
}

fn matching(universe: &Universe<'_>, pattern: &Glob, is_meant: impl Fn(&Entry<'_>) -> bool) -> Vec<Id> {
    let ids = universe.matching(pattern).into_iter().flatten().copied();
    ids.filter(|id| is_meant(universe.entry(*id))).collect()
}

/// Which packages an exclude can mean.
enum Affected {
    Multilib,
    MultilibDebug,
    Sources,
    Debug,
    Binary,
}

impl Affected {
    /// Also gives the pattern that names have to match.
    fn by(exclude: &str) -> (&str, Affected) {
        if let Some(pattern) = exclude.strip_suffix(".+") {
            (pattern, if is_debug_name(pattern) { Affected::MultilibDebug } else { Affected::Multilib })
        } else if let Some(pattern) = exclude.strip_suffix(".src") {
            (pattern, Affected::Sources)
        } else if is_debug_name(exclude) {
            (exclude, Affected::Debug)
        } else {
            (exclude, Affected::Binary)
        }
    }

    fn includes(&self, entry: &Entry<'_>) -> bool {
        match self {
            Affected::Multilib => entry.class == Class::Multilib && !entry.is_debug,
            Affected::MultilibDebug => entry.class == Class::Multilib && entry.is_debug,
            Affected::Sources => entry.class == Class::Source,
            Affected::Debug => entry.is_debug,
            Affected::Binary => entry.is_binary(),
        }
    }
}

fn outdated(universe: &Universe<'_>) -> Vec<Id> {
    let mut newest: HashMap<_, Vec<Id>, FixedState> = HashMap::default();
    let mut outdated = Vec::new();
    for (id, entry) in universe.ids().filter(|(_, entry)| entry.visible) {
        let builds = newest.entry((entry.name, entry.package.arch())).or_default();
        let Some(best) = builds.first() else {
            builds.push(id);
            continue;
        };
        match entry.package.evr().compare(&universe.package(*best).evr()) {
            Ordering::Less => outdated.push(id),
            Ordering::Equal => builds.push(id),
            Ordering::Greater => {
                outdated.append(builds);
                builds.push(id);
            }
        }
    }
    outdated
}
