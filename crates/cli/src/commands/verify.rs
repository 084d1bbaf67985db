//! `charmer verify`: proves a finished compose anew.

use charmer_compose::finding::Severity;
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
    let mut text = String::new();
    for finding in &verified.findings {
        let tone = if finding.severity == Severity::Fatal { Tone::Bad } else { Tone::Warning };
        let scope = if finding.scope.is_empty() { String::new() } else { format!("{}: ", finding.scope) };
        let line = format!("{scope}{}: {}", finding.subject, finding.message);
        text.push_str(&format!("{}  {}\n", paint.text(tone, &finding.check), harmless(&line)));
    }
    let looked_at = verified.looked_at.join(", ");
    let good = verified.findings.is_empty();
    let verdict = if good {
        paint.text(Tone::Good, "all is well")
    } else {
        paint.text(Tone::Bad, &count(verified.findings.len(), "finding"))
    };
    text.push_str(&format!("{}: {verdict} in {looked_at}\n", compose.compose_id));
    output::print(&text)?;
    Ok(if good { Exit::Finished } else { Exit::Doomed })
}
