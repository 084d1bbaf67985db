//! `pungi-config-dump`: what configurations come to, as JSON.

use std::path::{Path, PathBuf};

use charmer_compose::config::pungi::dialect::{Class, DialectError, Loaded};
use charmer_compose::config::pungi::value::{Dict, Key, Value};
use charmer_compose::config::pungi::{Integer, load, load_json, options_only, show};
use clap::Parser;

use super::{Execute, setting};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// Evaluate configurations to JSON; later ones override earlier ones.
#[derive(Debug, Parser)]
#[command(name = "pungi-config-dump", version)]
pub(super) struct Arguments {
    /// Configurations, dumps of configurations, or folders of composes.
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
    /// Set koji_event.
    #[arg(long, value_name = "ID")]
    freeze_event: Option<i64>,
    /// Set a variable before the configurations are read.
    #[arg(short = 'e', long = "define", value_name = "VAR=VALUE", value_parser = setting::variable)]
    define: Vec<(String, String)>,
    /// Neither fill in defaults nor check.
    #[arg(long, conflicts_with = "offline")]
    just_dump: bool,
    /// Do not resolve references of git URLs.
    #[arg(long)]
    offline: bool,
}

impl Execute for Arguments {
    fn execute(self, environment: &Environment) -> Result<Exit, Failure> {
        let mut read = Dict::new();
        for source in &self.sources {
            match read_source(source, &self.define) {
                Ok(loaded) => read.extend(loaded.values),
                Err(error) => {
                    output::say(&setting::unreadable(&error));
                    return Ok(if error.class == Class::FileNotFoundError { Exit::Usage } else { Exit::Doomed });
                }
            }
        }
        if let Some(event) = self.freeze_event {
            read.insert(Key::text("koji_event"), Value::Int(Integer::from(event)));
        }
        let schema = setting::option_schema();
        let mut values = options_only(&read, &self.define, &schema);
        if !self.just_dump {
            let checked = setting::check(values, &schema, self.offline, environment)?;
            if !checked.errors.is_empty() {
                let lines: Vec<&str> = checked.errors.iter().map(|message| message.text.as_str()).collect();
                output::say(&lines.join("\n"));
                return Ok(Exit::Doomed);
            }
            values = checked.values;
        }
        output::print(&(show::json(&Value::Dict(values.into())) + "\n"))?;
        Ok(Exit::Finished)
    }
}

/// A compose's folder holds a dump; a file is JSON, or else a configuration.
fn read_source(source: &Path, variables: &[(String, String)]) -> Result<Loaded, DialectError> {
    if source.is_dir() {
        return load_json(&source.join("logs/global/config-dump.global.log").to_string_lossy(), variables);
    }
    let file = source.to_string_lossy();
    match load_json(&file, variables) {
        Err(error) if error.class == Class::JsonDecodeError => load(&file, variables),
        read => read,
    }
}
