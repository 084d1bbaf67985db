//! `pungi-notification-report-progress`: a notification script that writes one line of text for each message worth one.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use clap::Parser;
use serde_json::{Map, Value as Json};

use super::Execute;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::text::harmless_lines;

/// More than any message has.
const INPUT_LIMIT: u64 = 64 << 20;

/// Report the progress of a compose: give it as `--notification-script`.
///
/// A compose runs it as `pungi-notification-report-progress MESSAGE` with a JSON object on standard input. It writes a line for the
/// status of the compose, the begin and end of each phase, each ISO, each deliverable that failed, and a compose that did not
/// start. Other messages are passed over.
///
/// The lines go to standard output, which a compose keeps in logs/global/notifications; with --output they are appended to a
/// file, which another program can watch.
#[derive(Debug, Parser)]
#[command(name = "pungi-notification-report-progress")]
pub(super) struct Arguments {
    /// Append to this file instead of writing to stdout.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The name of the message.
    #[arg(value_name = "MESSAGE")]
    message: String,
}

impl Execute for Arguments {
    fn execute(self, _environment: &Environment) -> Result<Exit, Failure> {
        let mut text = String::new();
        io::stdin().take(INPUT_LIMIT).read_to_string(&mut text)?;
        let keys: Map<String, Json> =
            serde_json::from_str(&text).map_err(|error| Failure::doomed(format!("standard input is no JSON object: {error}")))?;
        let Some(line) = progress(&self.message, &keys) else { return Ok(Exit::Finished) };
        let line = harmless_lines(&line).join(" ") + "\n";
        match &self.output {
            // One write, so that the lines of composes that share a file do not mix.
            Some(file) => fs_err::OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())?,
            None => output::print(&line)?,
        }
        Ok(Exit::Finished)
    }
}

/// What a message says of the progress of its compose.
fn progress(message: &str, keys: &Map<String, Json>) -> Option<String> {
    let text = |key: &str| keys.get(key).and_then(Json::as_str).unwrap_or("?");
    let compose = text("compose_id");
    Some(match message {
        "status-change" => format!("{compose}: status {}", text("status")),
        "phase-start" => format!("{compose}: phase {} begins", text("phase_name")),
        "phase-stop" => format!("{compose}: phase {} ends", text("phase_name")),
        "createiso-targets" => {
            let count = keys.get("deliverables").and_then(Json::as_array).map_or(0, Vec::len);
            format!("{compose}: {} to be made", crate::text::count(count, "ISO"))
        }
        "createiso-imagedone" => format!("{compose}: ISO of {}.{} is made: {}", text("variant"), text("arch"), text("file")),
        "createiso-imagefail" => format!("{compose}: ISO of {}.{} failed: {}", text("variant"), text("arch"), text("file")),
        "deliverable-failed" => {
            let (deliverable, variant, arch) = (text("deliverable"), text("variant"), text("arch"));
            format!("{compose}: {deliverable} of {variant}.{arch} failed: {}", text("reason"))
        }
        "fail-to-start" => format!("{}: did not start: {}", text("config"), text("detail")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str, keys: Json) -> Option<String> {
        progress(message, keys.as_object().unwrap())
    }

    #[test]
    fn messages_worth_a_line_get_one() {
        let keys = serde_json::json!({"compose_id": "H-1", "phase_name": "gather", "status": "DOOMED", "deliverables": ["a"]});
        assert_eq!(told("phase-start", keys.clone()).unwrap(), "H-1: phase gather begins");
        assert_eq!(told("status-change", keys.clone()).unwrap(), "H-1: status DOOMED");
        assert_eq!(told("createiso-targets", keys.clone()).unwrap(), "H-1: 1 ISO to be made");
        assert_eq!(told("ostree", keys), None);
        let failed = serde_json::json!({"config": "h.conf", "detail": "no label"});
        assert_eq!(told("fail-to-start", failed).unwrap(), "h.conf: did not start: no label");
    }
}
