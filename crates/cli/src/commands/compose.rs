//! `charmer compose`: a new compose of a configuration.

use charmer_compose::metadata::names::ComposeType;
use charmer_compose::session::folder::Place;
use charmer_compose::session::request::LatestLink;
use charmer_compose::session::{LockChoice, Options, Session};

use crate::arguments::{self, ComposeArguments};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};

use super::lock::lock_beside;
use super::run::{load, run, run_options, surroundings};

pub(super) fn compose(arguments: ComposeArguments, environment: &Environment) -> Result<Exit, Failure> {
    let config = load(&arguments.config, !arguments.old_composes.is_empty(), environment)?;
    let compose_type = compose_type(arguments.compose_type);
    if compose_type == ComposeType::Production && arguments.label.is_none() {
        return Err(Failure::usage("a production compose has a label").hint("say which milestone it is for: --label RC-1.0"));
    }
    let lock = match (&arguments.lock, arguments.locked) {
        (Some(path), _) => Some(LockChoice { path: path.clone(), exact: false }),
        (None, true) => Some(LockChoice { path: lock_beside(&arguments.config), exact: true }),
        (None, false) => None,
    };
    let options = Options {
        config,
        place: Place::In(arguments.target_dir),
        compose_type,
        label: arguments.label,
        supported: false,
        lock,
        part: arguments.part.chosen(),
        old_composes: arguments.old_composes.iter().map(std::path::absolute).collect::<Result<_, _>>()?,
        latest_link: LatestLink { wanted: !arguments.no_latest_link, ..LatestLink::default() },
        notification_scripts: Vec::new(),
        source_date_epoch: environment.source_date_epoch,
        run: run_options(environment, arguments.cache_dir, arguments.offline, arguments.jobs)?,
    };
    run(Session::start(options, surroundings(environment)), &arguments.messages, environment)
}

const fn compose_type(named: arguments::ComposeType) -> ComposeType {
    match named {
        arguments::ComposeType::Production => ComposeType::Production,
        arguments::ComposeType::Nightly => ComposeType::Nightly,
        arguments::ComposeType::Test => ComposeType::Test,
        arguments::ComposeType::Ci => ComposeType::Ci,
        arguments::ComposeType::Development => ComposeType::Development,
    }
}
