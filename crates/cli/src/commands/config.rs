//! `charmer config`: what a configuration means, and what is wrong with it.

use charmer_compose::config::{Config, schema};

use crate::arguments::{ConfigArguments, ConfigCommand};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::text::count;

use super::run::load;

pub(super) fn config(arguments: &ConfigArguments, _environment: &Environment) -> Result<Exit, Failure> {
    match &arguments.command {
        ConfigCommand::Check { config } => {
            let config_file = config.display();
            output::print(&format!("{config_file} is in order: {}\n", overview(&load(config)?)))?;
        }
        ConfigCommand::Schema { config } => {
            config.as_deref().map(load).transpose()?;
            output::print(&json(schema()))?;
        }
        ConfigCommand::Show { config } => output::print(&json(&load(config)?))?,
    }
    Ok(Exit::Finished)
}

fn overview(config: &Config) -> String {
    let trees = config.variants.iter().map(|variant| variant.arches.len()).sum();
    let parts = [
        format!("{} {}", config.release.name, config.release.version),
        count(config.archives.len(), "archive"),
        count(config.variants.len(), "variant"),
        count(trees, "variant and arch pair"),
        count(config.images.len(), "image"),
    ];
    parts.join(", ")
}

fn json<T: serde::Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("configurations serialise to JSON");
    text.push('\n');
    text
}
