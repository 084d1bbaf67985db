//! `charmer config`: what a configuration means, and what is wrong with it.

use std::num::NonZero;
use std::path::Path;

use charmer_compose::config::{Config, Configuration, RpmConfig, native_rpm, pungi, schema};
use charmer_compose::finding::{Finding, Severity};

use crate::arguments::{ConfigArguments, ConfigCommand};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::text::{count, harmless_lines};

use super::run::{is_pungi, load, load_native, open_native_rpm};

pub(super) fn config(arguments: &ConfigArguments, environment: &Environment) -> Result<Exit, Failure> {
    match &arguments.command {
        ConfigCommand::Check { config } if is_pungi(config) => return check_pungi(config),
        ConfigCommand::Check { config } if native_rpm::is_rpm(config) => {
            let opened = open_native_rpm(config, true, environment)?;
            opened.warnings.iter().for_each(|warning| output::say(&format!("warning: {warning}")));
            output::print(&format!("{} is in order: {}\n", config.display(), overview_rpm(&opened.config)))?;
        }
        ConfigCommand::Check { config } => {
            let config_file = config.display();
            output::print(&format!("{config_file} is in order: {}\n", overview(&load_native(config)?)))?;
        }
        ConfigCommand::Schema { config } => {
            config.as_deref().map(load_native).transpose()?;
            output::print(&json(schema()))?;
        }
        ConfigCommand::Show { config } => match load(config, true, environment)? {
            Configuration::Deb(config) => output::print(&json(&*config))?,
            Configuration::Rpm(config) => output::print(&json(&*config))?,
        },
    }
    Ok(Exit::Finished)
}

/// Shows everything that can be said about a configuration of Pungi's: what it refuses, and the traps that it does not mention.
fn check_pungi(config: &Path) -> Result<Exit, Failure> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let findings = pungi::findings(&config.to_string_lossy(), &[], processors);
    let mut text: String = findings.iter().map(shown).collect();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Fatal).count();
    let last = match (errors, findings.len() - errors) {
        (0, 0) => format!("{} is in order\n", config.display()),
        (errors, warnings) => format!("{}: {}, {}\n", config.display(), count(errors, "error"), count(warnings, "warning")),
    };
    text.push_str(&last);
    output::print(&text)?;
    Ok(if errors == 0 { Exit::Finished } else { Exit::Usage })
}

fn shown(finding: &Finding) -> String {
    let word = if finding.severity == Severity::Fatal { "error" } else { "warning" };
    let message = harmless_lines(&finding.message).join("\n");
    let hint = finding.hint.as_ref().map(|hint| format!("  = help: {hint}\n")).unwrap_or_default();
    format!("{word}[{}]: {message}\n  --> {}\n{hint}\n", finding.check, harmless_lines(&finding.subject).join(" "))
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

fn overview_rpm(config: &RpmConfig) -> String {
    let trees = config.variants.iter().map(|variant| variant.trees.len()).sum();
    let parts = [
        format!("{} {}", config.release.name, config.release.version),
        count(config.variants.len(), "variant"),
        count(trees, "variant and arch pair"),
    ];
    parts.join(", ")
}

fn json<T: serde::Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("configurations serialise to JSON");
    text.push('\n');
    text
}
