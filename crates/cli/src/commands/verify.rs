//! `charmer verify`: proves a finished compose anew.

use charmer_compose::finding::{Finding, Severity};
use charmer_compose::session::verify::verify;

use crate::arguments::VerifyArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::{Paint, Tone};
use crate::text::{count, harmless};

use super::existing::Existing;
use super::run::{runtime, surroundings};

pub(super) fn verify_compose(arguments: &VerifyArguments, environment: &Environment) -> Result<Exit, Failure> {
    let compose = Existing::read(&arguments.compose)?;
    let verified = runtime()?.block_on(verify(&compose.layout, &surroundings(environment))).map_err(Failure::doomed)?;
    let paint = Paint { colour: environment.colour_stdout() };
    let mut lines: Vec<String> = verified.findings.iter().map(|finding| line(finding, paint)).collect();
    let good = verified.findings.is_empty();
    let verdict = if good {
        paint.text(Tone::Good, "all is well")
    } else {
        paint.text(Tone::Bad, &count(verified.findings.len(), "finding"))
    };
    lines.push(format!("{}: {verdict} in {}", harmless(&compose.compose_id), verified.looked_at.join(", ")));
    output::print(&(lines.join("\n") + "\n"))?;
    Ok(if good { Exit::Finished } else { Exit::Doomed })
}

fn line(finding: &Finding, paint: Paint) -> String {
    let tone = if finding.severity == Severity::Fatal { Tone::Bad } else { Tone::Warning };
    let scope = if finding.scope.is_empty() { String::new() } else { format!("{}: ", finding.scope) };
    let text = format!("{scope}{}: {}", finding.subject, finding.message);
    format!("{}  {}", paint.text(tone, &harmless(&finding.check)), harmless(&text))
}
