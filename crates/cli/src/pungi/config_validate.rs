//! `pungi-config-validate`: is a configuration fit for a compose?

use std::path::{Path, PathBuf};

use charmer_compose::config::pungi::schema::merge;
use charmer_compose::config::pungi::value::{Dict, Value};
use charmer_compose::config::pungi::variants::{self, Filters, Variants, VariantsError};
use charmer_compose::config::pungi::{load, options_only, phase_messages};
use clap::Parser;
use serde_json::Value as Json;

use super::{Execute, setting};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// More variables, beside the configuration.
const VARIABLES_FILE: &str = ".pungi-config-validate.json";

/// Validate a configuration without composing.
#[derive(Debug, Parser)]
#[command(name = "pungi-config-validate", version)]
pub(super) struct Arguments {
    /// The configuration to check.
    #[arg(value_name = "CONFIG", required_unless_present = "dump_schema")]
    config: Option<PathBuf>,
    /// Take it that --old-composes will be given.
    #[arg(long)]
    old_composes: bool,
    /// Do not resolve references of git URLs.
    #[arg(long)]
    offline: bool,
    /// Set a variable before the configuration is read.
    #[arg(short = 'e', long = "define", value_name = "VAR=VALUE", value_parser = setting::variable)]
    define: Vec<(String, String)>,
    /// A file of JSON that is merged into the schema of the options.
    #[arg(long, value_name = "JSON")]
    schema_override: Vec<PathBuf>,
    /// Print the JSON schema of the options.
    #[arg(long)]
    dump_schema: bool,
}

impl Execute for Arguments {
    fn execute(self, environment: &Environment) -> Result<Exit, Failure> {
        let schema = self.schema()?;
        let Some(config) = self.config.as_deref().filter(|_| !self.dump_schema) else {
            output::print(&format!("{schema:#}\n"))?;
            return Ok(Exit::Finished);
        };
        let variables = self.variables(config)?;
        let loaded = match load(&config.to_string_lossy(), &variables) {
            Ok(loaded) => loaded,
            Err(error) => {
                output::say(&setting::unreadable(&error));
                return Ok(Exit::Doomed);
            }
        };
        let values = options_only(&loaded.values, &variables, &schema);
        let checked = setting::check(values, &schema, self.offline, environment)?;
        let mut messages: Vec<String> = checked.errors.into_iter().chain(checked.warnings).map(|message| message.text).collect();
        if messages.is_empty() {
            messages = self.later_messages(config, &checked.values)?;
        }
        let lines: String = messages.iter().flat_map(|message| [message, "\n"]).collect();
        output::print(&lines)?;
        Ok(if messages.is_empty() { Exit::Finished } else { Exit::Doomed })
    }
}

impl Arguments {
    fn schema(&self) -> Result<Json, Failure> {
        let mut schema = setting::option_schema();
        for file in &self.schema_override {
            merge(&mut schema, read_json(file)?);
        }
        Ok(schema)
    }

    /// The variables of the command line stand above those of the file.
    fn variables(&self, config: &Path) -> Result<Vec<(String, String)>, Failure> {
        let file = config.with_file_name(VARIABLES_FILE);
        let mut variables = Vec::new();
        if file.is_file() {
            let Json::Object(entries) = read_json(&file)? else {
                return Err(Failure::doomed(format!("{} holds no JSON object", file.display())));
            };
            let text = |value: Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            variables.extend(entries.into_iter().map(|(name, value)| (name, text(value))));
        }
        variables.extend(self.define.iter().cloned());
        Ok(variables)
    }

    /// What is only looked at once the options are sound: the variants, and what phases say.
    fn later_messages(&self, config: &Path, values: &Dict) -> Result<Vec<String>, Failure> {
        let variants = match read_variants(config, values) {
            Ok(variants) => variants,
            Err(error @ VariantsError::Invalid { .. }) => return Ok(vec![error.to_string()]),
            Err(error @ (VariantsError::MissingReference { .. } | VariantsError::Contradiction(_))) => {
                output::print(&format!("WARNING: Failed to load variants: {error}\n"))?;
                None
            }
            Err(error @ VariantsError::Unreadable(_)) => {
                output::say(&format!("warning: {error}\n"));
                None
            }
            Err(error) => {
                return Err(Failure::doomed(error.to_string()));
            }
        };
        phase_messages(values, variants.as_ref(), self.old_composes).map_err(|error| Failure::doomed(error.to_string()))
    }
}

fn read_json(file: &Path) -> Result<Json, Failure> {
    let text = fs_err::read_to_string(file)?;
    serde_json::from_str(&text).map_err(|error| Failure::doomed(format!("{}: {error}", file.display())))
}

/// The variants, if their file is on this machine.
fn read_variants(config: &Path, values: &Dict) -> Result<Option<Variants>, VariantsError> {
    let folder = config.parent().unwrap_or(Path::new(""));
    let Some(file) = local_file(values.get("variants_file")) else {
        output::say("warning: variants_file is not on this machine; what depends on the variants is not checked\n");
        return Ok(None);
    };
    let texts = |option: &str| -> Vec<String> {
        let items = values.get(option).and_then(Value::as_items).unwrap_or_default();
        items.iter().filter_map(Value::as_text).map(str::to_owned).collect()
    };
    let filters = Filters { tree_arches: texts("tree_arches"), tree_variants: texts("tree_variants") };
    variants::load(&folder.join(file).to_string_lossy(), &filters).map(Some)
}

/// A path relative to the configuration, or where scm `file` points.
fn local_file(option: Option<&Value>) -> Option<&str> {
    match option? {
        Value::Text(path) => Some(path),
        Value::Dict(dict) if dict.get("scm").and_then(Value::as_text) == Some("file") => dict.get("file")?.as_text(),
        _ => None,
    }
}
