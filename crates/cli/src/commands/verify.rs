//! `charmer verify`: proves a finished compose anew.

use std::time::Duration;

use charmer_compose::finding::{Finding, Severity};
use charmer_compose::layout::Layout;
use charmer_compose::session::Surroundings;
use charmer_compose::session::verify::{Verified, VerifyError, verify};

use crate::arguments::VerifyArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::{Paint, Tone};
use crate::text::{count, harmless};

use super::existing::Existing;
use super::run::{Signals, runtime, surroundings};

/// After a signal, a program that reads an image has this long to end; its folder goes with it.
const PATIENCE: Duration = Duration::from_secs(8);

pub(super) fn verify_compose(arguments: &VerifyArguments, environment: &Environment) -> Result<Exit, Failure> {
    let compose = Existing::read(&arguments.compose)?;
    let runtime = runtime()?;
    let verified = runtime.block_on(until_stopped(compose.layout.clone(), surroundings(environment)));
    // After a stop, a file may still be being read.
    runtime.shutdown_background();
    let verified = verified?;
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

/// Verifies on another thread, so that a signal is heard while files are read.
async fn until_stopped(layout: Layout, surroundings: Surroundings) -> Result<Verified, Failure> {
    let signals = Signals::watch()?;
    let stop = signals.stop.clone();
    let mut verifying = tokio::spawn(async move { verify(&layout, &surroundings, stop.cancel).await });
    let ended = tokio::select! {
        ended = &mut verifying => Some(ended),
        () = signals.stop.cancel.cancelled() => tokio::time::timeout(PATIENCE, verifying).await.ok(),
    };
    match ended {
        Some(Ok(Ok(verified))) => Ok(verified),
        None | Some(Ok(Err(VerifyError::Stopped))) => {
            Err(Failure { exit: signals.exit(), ..Failure::doomed(VerifyError::Stopped.to_string()) })
        }
        Some(Ok(Err(error))) => Err(Failure::doomed(error.to_string())),
        Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn line(finding: &Finding, paint: Paint) -> String {
    let tone = if finding.severity == Severity::Fatal { Tone::Bad } else { Tone::Warning };
    let scope = if finding.scope.is_empty() { String::new() } else { format!("{}: ", finding.scope) };
    let text = format!("{scope}{}: {}", finding.subject, finding.message);
    format!("{}  {}", paint.text(tone, &harmless(&finding.check)), harmless(&text))
}
