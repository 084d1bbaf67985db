//! `charmer lock`: writes the lock that a compose would have.

use std::path::{Path, PathBuf};

use charmer_compose::package_set::lock::AnyLock;
use charmer_compose::session::locking::{LockRequest, LockingError, Update, make_lock};

use crate::arguments::LockArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::{ProgressOptions, reader};
use crate::text::{count, harmless};

use super::run::{Signals, load, run_options, runtime, surroundings};

pub(super) fn lock(arguments: LockArguments, environment: &Environment) -> Result<Exit, Failure> {
    let config = load(&arguments.config, true, environment)?;
    let path = arguments.output.clone().unwrap_or_else(|| lock_beside(&arguments.config));
    let old = read_lock(&path)?;
    let update = match arguments.update {
        None => Update::Nothing,
        Some(names) if names.is_empty() => Update::Everything,
        Some(names) => Update::Packages(names),
    };
    let run = run_options(environment, arguments.cache_dir, arguments.offline, None)?;
    let options = ProgressOptions::new("locking", &arguments.messages, environment);
    let made = runtime()?.block_on(async {
        let signals = Signals::watch()?;
        let request = LockRequest { config, old: old.clone(), update, run, stop: signals.stop.clone() };
        let made = make_lock(request, &surroundings(environment), |log| reader(options, log)).await;
        made.map_err(|error| failure(error, &signals))
    });
    let made = made?;
    let said = match &old {
        None => {
            let packages = usize::try_from(made.packages).unwrap_or(usize::MAX);
            format!("{}: {} locked\n", harmless(&path.display().to_string()), count(packages, "package"))
        }
        Some(old) => {
            let new = AnyLock::read(&fs_err::read_to_string(&made.file)?, &path.to_string_lossy());
            changes(old, &new.map_err(|error| Failure::doomed(error.to_string()))?, &path)
        }
    };
    charmer_compose::files::copy(&made.file, &path)?;
    output::print(&said)?;
    Ok(Exit::Finished)
}

/// The lock that belongs to a configuration: `charmer.lock` in its folder.
pub(super) fn lock_beside(config: &Path) -> PathBuf {
    config.with_file_name("charmer.lock")
}

fn read_lock(path: &Path) -> Result<Option<AnyLock>, Failure> {
    match fs_err::read_to_string(path) {
        Ok(text) => AnyLock::read(&text, &path.to_string_lossy()).map(Some).map_err(|error| Failure::usage(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

fn failure(error: LockingError, signals: &Signals) -> Failure {
    match error {
        LockingError::UnknownName(_) => Failure::usage(error.to_string()),
        LockingError::Start(error) => error.into(),
        LockingError::Io(_) | LockingError::Failed(_) => Failure::doomed(error.to_string()),
        LockingError::Stopped => Failure { exit: signals.exit(), ..Failure::doomed("stopped; no lock was written") },
    }
}

fn changes(old: &AnyLock, new: &AnyLock, path: &Path) -> String {
    let path = harmless(&path.display().to_string());
    let packages = count(new.packages(), "package");
    let changes = AnyLock::diff(old, new);
    let mut lines: Vec<String> = changes.iter().map(|change| harmless(&change.to_string())).collect();
    lines.push(match changes.len() {
        0 => format!("{path}: {packages}, nothing changed"),
        number => format!("{path}: {packages}, {}", count(number, "change")),
    });
    lines.join("\n") + "\n"
}
