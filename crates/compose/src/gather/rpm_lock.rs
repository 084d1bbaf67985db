//! The job that makes the lock of a compose of RPM packages, and what a compose from a lock must not lack.
//!
//! What is locked is what the compose takes of its package set, so that the lock tells what is shipped and a compose from it fetches
//! nothing besides: all selections, the sources of what they have, what extra files come out of, and for installers, whose own
//! requirements nobody knows here, the whole set of their arch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::checksum::Algorithm;
use crate::config::RpmConfig;
use crate::digest::Sha256;
use crate::engine::journal::write_durably_with;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, OutputFile, Phase, Weight};
use crate::finding::{Finding, Severity};
use crate::layout::Layout;
use crate::package_set::lock::{LockedFile, LockedRepository, LockedRpm, LockedTree, RpmLock};
use crate::package_set::rpm_plan::RpmSource;
use crate::package_set::rpm_set::{RpmSet, SetPackage};

use super::plan::LockFile;
use super::rpm::RpmSelection;
use super::rpm_plan::{Gathered, Lookasides};

/// Between a package and what it lacks.
const REQUIRES: &str = " requires ";

/// What helps when a lock lacks what the configuration asks for.
pub const STALE_LOCK: &str = "only what the lock has can be selected: run `charmer lock` to bring it up to date";

/// Adds the job that makes the lock out of all selections. It is of this compose alone: which state of a repository was believed is
/// no part of what other jobs depend on.
pub fn plan_lock(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    compose_id: &str,
    source: &RpmSource,
    set: Handle<RpmSet>,
    gathered: &Gathered,
) -> Handle<LockFile> {
    let (keys, selections): (Vec<_>, Vec<_>) = gathered.selections.iter().map(|(key, handle)| (key.clone(), *handle)).unzip();
    let lookasides: Vec<_> = gathered.lookasides.values().copied().collect();
    let given = source.lock().map(|lock| Sha256::of_value(&**lock));
    let job = Job::new(Phase::Lock, "").spec(&(&keys, given)).of_compose(compose_id).weight(Weight::new(1, 64)).estimate(0.5);
    let (config, source) = (config.clone(), source.clone());
    graph.add(job, (set, selections, lookasides), move |context, (set, selections, lookasides)| {
        let (config, source) = (config.clone(), source.clone());
        let selections = keys.iter().cloned().zip(selections).collect();
        async move {
            let made = Making { config, source, set, selections, lookasides };
            context.clone().blocking(move || made.lock_file(&context)).await
        }
    })
}

/// Everything that a lock is made of.
struct Making {
    config: Arc<RpmConfig>,
    source: RpmSource,
    set: Arc<RpmSet>,
    selections: BTreeMap<(String, String), Arc<RpmSelection>>,
    lookasides: Vec<Arc<Lookasides>>,
}

impl Making {
    fn lock_file(&self, context: &JobContext) -> Result<LockFile, JobError> {
        let lock = RpmLock { repositories: self.repositories()?, packages: self.packages()?, trees: self.trees() };
        if let RpmSource::Lock { lock: given, exact } = &self.source {
            // Here and not where selections are made: those may be taken over from older composes.
            compare_trees(given, &lock.trees)?;
            compare(context, given, &lock, *exact)?;
        }
        let path = context.layout.path(Layout::RPM_LOCK);
        write_durably_with(&path, |file| lock.write_to(file))?;
        let (sha256, size) = Sha256::of_file(&path)?;
        let file = OutputFile { path: Layout::RPM_LOCK.to_owned(), size, sha256 };
        Ok(LockFile { file, packages: lock.packages.len() as u64, trusted: Vec::new() })
    }

    /// Those of the lock that was given stay as they are.
    fn repositories(&self) -> Result<Vec<LockedRepository>, JobError> {
        if let Some(given) = self.source.lock() {
            return Ok(given.repositories.clone());
        }
        let mut all = self.set.repositories.clone();
        for lookaside in &self.lookasides {
            all.extend(lookaside.locked()?);
        }
        all.sort();
        all.dedup_by(|one, other| one.place == other.place);
        Ok(all)
    }

    fn packages(&self) -> Result<Vec<LockedRpm>, JobError> {
        let numbers = self.needed();
        let mut packages: Vec<LockedRpm> =
            numbers.into_iter().map(|number| locked(self.member(number))).collect::<Result<_, _>>()?;
        packages.sort();
        Ok(packages)
    }

    /// The numbers of the packages that the compose takes of its set.
    fn needed(&self) -> BTreeSet<u32> {
        let files = self.selections.values().flat_map(|selection| &selection.packages).map(|rpm| rpm.file.as_str());
        let mut needed: BTreeSet<u32> = files.filter_map(|file| self.set.find(file)).collect();
        needed.extend(crate::extra_files::plan::packages_taken(&self.config, &self.set));
        if !self.config.is_skipped(Phase::Buildinstall) {
            let arches: BTreeSet<&String> = self.config.variants.iter().flat_map(|variant| variant.lorax.keys()).collect();
            needed.extend(arches.into_iter().flat_map(|arch| self.set.of_arch(arch)));
        }
        let sources: BTreeSet<&str> = needed.iter().map(|&number| self.set.package(number).source_rpm()).collect();
        needed.extend(sources.into_iter().filter_map(|file| self.set.find(file)));
        needed
    }

    fn member(&self, number: u32) -> &SetPackage {
        &self.set.packages[number as usize]
    }

    fn trees(&self) -> Vec<LockedTree> {
        let trees = self.selections.iter().map(|((uid, arch), selection)| wanted_in_vain(uid, arch, selection));
        trees.filter(|tree| !tree.missing.is_empty() || !tree.unresolved.is_empty()).collect()
    }
}

/// A package as the lock has it. What a lock's text could not hold is no package that anybody built.
fn locked(member: &SetPackage) -> Result<LockedRpm, JobError> {
    let package = &member.package;
    let words = [package.name(), package.version(), package.release(), package.arch()];
    let source = if package.is_source() { "" } else { package.source_rpm() };
    let is_odd = |text: &str| text.chars().any(|character| character.is_whitespace() || character.is_control());
    if words.iter().any(|word| word.is_empty()) || words.iter().chain([&source]).any(|word| is_odd(word)) {
        let (path, name) = (member.path.display(), package.nevra().to_string());
        return Err(JobError::new(format!("{path}: its name, version or source cannot be locked: {}", name.escape_debug())));
    }
    let sha256 = match member.sha256 {
        Some(sha256) => sha256,
        None => Algorithm::Sha256.of_file(&member.path)?.parse().map_err(|error| JobError::caused(&error))?,
    };
    Ok(LockedRpm {
        name: package.name().to_owned(),
        epoch: package.epoch,
        version: package.version().to_owned(),
        release: package.release().to_owned(),
        arch: package.arch().to_owned(),
        source: source.to_owned(),
        repository: member.repository.to_string(),
        file: LockedFile { path: package.file.location.to_string(), size: package.file.size, sha256 },
        sigkey: member.sigkey.as_ref().map(|key| key.to_lowercase()),
    })
}

/// What a selection lacks, in lines that stay the same from compose to compose.
fn wanted_in_vain(uid: &str, arch: &str, selection: &RpmSelection) -> LockedTree {
    let absent = selection.absent.iter().map(|name| format!("no package is called {name}"));
    let missing: BTreeSet<String> = selection.missing.iter().cloned().chain(absent).map(one_line).collect();
    let requirements = |(package, requirements): (&String, &Vec<String>)| {
        requirements.iter().map(|requirement| one_line(format!("{package}{REQUIRES}{requirement}"))).collect::<Vec<_>>()
    };
    let unresolved: BTreeSet<String> = selection.unresolved.iter().flat_map(requirements).collect();
    let tree = format!("{uid}.{arch}");
    LockedTree { tree, missing: missing.into_iter().collect(), unresolved: unresolved.into_iter().collect() }
}

fn one_line(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
}

/// A selection that lacks more than when the lock was made shows that the configuration has changed since. What a package that was
/// broken then lacks may be told in other words now: the lock has nothing that was passed over.
fn compare_trees(given: &RpmLock, now: &[LockedTree]) -> Result<(), JobError> {
    let mut new = Vec::new();
    for tree in now {
        let before = given.tree(&tree.tree);
        let missing: BTreeSet<&String> = before.iter().flat_map(|before| &before.missing).collect();
        let broken: BTreeSet<&str> =
            before.iter().flat_map(|before| &before.unresolved).map(|line| broken_package(line)).collect();
        let lines = tree.missing.iter().filter(|line| !missing.contains(line));
        let lines = lines.chain(tree.unresolved.iter().filter(|line| !broken.contains(broken_package(line))));
        let lines: Vec<&str> = lines.map(String::as_str).collect();
        if !lines.is_empty() {
            new.push(format!("{}: {}", tree.tree, lines.join("; ")));
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let message = format!("the lock does not fit the configuration: {}", new.join("; "));
    Err(JobError::new(message).hint(STALE_LOCK))
}

/// The package of a line `PACKAGE requires REQUIREMENT`.
fn broken_package(line: &str) -> &str {
    line.split_once(REQUIRES).map_or(line, |(package, _)| package)
}

/// The configuration needs another lock than the one it was given. Only an exact one may not hold more than is needed.
fn compare(context: &JobContext, given: &RpmLock, needed: &RpmLock, exact: bool) -> Result<(), JobError> {
    let changes = RpmLock::diff(given, needed);
    if changes.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    let message = format!("the lock does not fit the configuration: {}", lines.join(", "));
    let hint = "run `charmer lock` to bring it up to date";
    if exact {
        return Err(JobError::new(message).hint(hint));
    }
    context.finding(Finding {
        check: "lock".into(),
        severity: Severity::Warn,
        scope: String::new(),
        subject: "charmer.lock".into(),
        message,
        hint: Some(hint.into()),
    });
    Ok(())
}
