//! `charmer convert`: one of Pungi's configurations as TOML.

use std::path::Path;

use charmer_compose::config::native_rpm::convert::convert as converted;
use charmer_compose::files::write_whole;

use crate::arguments::ConvertArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

use super::run::is_pungi;

pub(super) fn convert(arguments: &ConvertArguments, environment: &Environment) -> Result<Exit, Failure> {
    let ConvertArguments { source, output: target, force } = arguments;
    if !is_pungi(source) {
        return Err(Failure::usage(format!("{} is none of Pungi's configurations", source.display()))
            .hint("their names end in .conf or .json"));
    }
    if !force && fs_err::symlink_metadata(target).is_ok() {
        return Err(Failure::usage(format!("{} is already there", target.display())).hint("--force overwrites it"));
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::usage(format!("the folder {} is not there", folder.display())));
    }
    let result = converted(source, &environment.current_dir, folder)
        .map_err(|error| Failure::usage(format!("{}: {error}", source.display())))?;
    write_whole(target, result.text.as_bytes())?;
    result.notes.iter().for_each(|note| output::say(&format!("note: {note}")));
    Ok(Exit::Finished)
}
