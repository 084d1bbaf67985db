//! What the commands that read configurations share: variables, the schema, references of git, the words for what went wrong.

use std::num::NonZero;

use charmer_compose::config::pungi::dialect::DialectError;
use charmer_compose::config::pungi::git::Remote;
use charmer_compose::config::pungi::schema::schema;
use charmer_compose::config::pungi::validate::{Checked, validate};
use charmer_compose::config::pungi::value::Dict;
use charmer_compose::tools::Runner;
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;
use crate::exit::Failure;

/// `VAR=VALUE`
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not VAR=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn option_schema() -> Json {
    schema(std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Checks a configuration; online, references of git URLs become commits.
pub(super) fn check(values: Dict, schema: &Json, offline: bool, environment: &Environment) -> Result<Checked, Failure> {
    if offline {
        return Ok(validate(values, schema, None));
    }
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("git.log");
    let runner = Runner::new(log, folder.path().to_owned(), environment.path.clone(), CancellationToken::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut references = Remote::new(runner, runtime);
    Ok(validate(values, schema, Some(&mut references)))
}

/// A configuration that cannot be read, as Python's last line says it.
pub(super) fn unreadable(error: &DialectError) -> String {
    let hint = error.hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    format!("{error}\n{hint}")
}
