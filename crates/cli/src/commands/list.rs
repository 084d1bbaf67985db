//! `charmer list`: the composes in a folder.

use std::io;
use std::path::Path;

use charmer_compose::engine::event::Status;

use crate::arguments::ListArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::{Paint, Tone};
use crate::text::{harmless, pad};

use super::existing::{Condition, Existing};

pub(super) fn list(arguments: &ListArguments, environment: &Environment) -> Result<Exit, Failure> {
    let composes = composes_in(&arguments.target_dir)?;
    output::print(&table(&composes, Paint { colour: environment.colour_stdout() }))?;
    Ok(Exit::Finished)
}

/// All composes of a folder by name. Links to them, such as the one to the latest, are left out.
fn composes_in(folder: &Path) -> io::Result<Vec<Existing>> {
    let mut composes = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            composes.extend(Existing::find(&entry.path())?);
        }
    }
    composes.sort_by(|left, right| left.compose_id.cmp(&right.compose_id));
    Ok(composes)
}

fn table(composes: &[Existing], paint: Paint) -> String {
    let names: Vec<String> = composes.iter().map(|compose| harmless(&compose.compose_id)).collect();
    let width = names.iter().map(|name| console::measure_text_width(name)).max().unwrap_or(0);
    let row = |(compose, name): (&Existing, &String)| {
        let tone = match (compose.condition, compose.status) {
            (Condition::Running, _) => Tone::Accent,
            (Condition::Ended, Some(Status::Finished)) => Tone::Good,
            (Condition::Died, _) | (_, Some(Status::Doomed)) => Tone::Bad,
            _ => Tone::Warning,
        };
        format!("{}  {}\n", pad(name, width), paint.text(tone, &compose.words()))
    };
    composes.iter().zip(&names).map(row).collect()
}
