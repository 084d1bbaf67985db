//! `charmer config`: check a configuration, show it resolved, print the schema.

use std::path::Path;

use charmer_compose::config::{self, Config, LoadError};

use crate::arguments::{ConfigArguments, ConfigCommand};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::text::harmless;

pub(super) fn config(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        ConfigCommand::Check { config } => {
            let checked = load(config)?;
            let release = harmless(&format!("{} {}", checked.release.name, checked.release.version));
            output::print(&format!("{} is right: {release}\n", harmless(&config.display().to_string())))?;
        }
        ConfigCommand::Schema { config } => {
            config.as_deref().map(load).transpose()?;
            output::print(&format!("{:#}\n", config::schema()))?;
        }
        ConfigCommand::Show { config } => {
            let json = serde_json::to_string_pretty(&load(config)?).expect("a configuration serialises to JSON");
            output::print(&(json + "\n"))?;
        }
    }
    Ok(Exit::Finished)
}

/// Reads a configuration; everything that is wrong with it is one failure.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    config::load(path).map_err(|error| match error {
        LoadError::Invalid(error) => Failure::problems(error.to_string()),
        error @ (LoadError::Unreadable(_) | LoadError::TooLarge(_)) => Failure::usage(error.to_string()),
    })
}
