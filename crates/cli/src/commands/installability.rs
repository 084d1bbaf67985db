//! `charmer installability`: which packages of an apt archive cannot be installed, and why.

use charmer_compose::checks::index_files::{Answer, BrokenPackage, Question, installability};

use crate::arguments::InstallabilityArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::{Paint, Tone};
use crate::text::harmless;

/// Problems of one index that are told of; an index of another kind has as many as it has entries.
const TOLD: usize = 20;

pub(super) fn tell(arguments: InstallabilityArguments, environment: &Environment) -> Result<Exit, Failure> {
    let question = Question { arch: arguments.arch, checked: arguments.indexes, background: arguments.background };
    let answer = installability(&question).map_err(|error| Failure::usage(error.to_string()))?;
    let paint = Paint { colour: environment.colour_stdout() };
    let lines = answer.broken.iter().map(|broken| line(broken, paint) + "\n");
    output::print(&lines.collect::<String>())?;
    for problem in answer.problems.iter().take(TOLD) {
        output::say(&harmless(&format!("warning: {problem}")));
    }
    output::say(&summary(&answer, &question.arch));
    // An entry that cannot be read is no package that can be installed.
    let is_well = answer.broken.is_empty() && answer.problems.is_empty();
    Ok(if is_well { Exit::Finished } else { Exit::Doomed })
}

fn line(broken: &BrokenPackage, paint: Paint) -> String {
    format!("{}: {}", paint.text(Tone::Bad, &harmless(&broken.package)), harmless(&broken.reason))
}

fn summary(answer: &Answer, arch: &str) -> String {
    let more = answer.problems.len().saturating_sub(TOLD);
    let more = if more > 0 { format!("; {more} more entries were passed over") } else { String::new() };
    let arch = harmless(arch);
    format!("{} of {} packages cannot be installed on {arch}{more}", answer.broken.len(), answer.checked)
}
