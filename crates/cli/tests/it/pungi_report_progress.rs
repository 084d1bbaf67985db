//! `pungi-notification-report-progress`, as a compose runs it.
#![expect(clippy::disallowed_types, reason = "the program is given its input as a compose does it")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Ran;

fn report(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_charmer"));
    command
        .arg("pungi-notification-report-progress")
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn a_line_for_each_message_goes_to_stdout_or_to_the_end_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let phase = r#"{"compose_id": "H-1\u001b[2J", "phase_name": "gather"}"#;
    let told = report(folder.path(), &["phase-start"], phase);
    assert_eq!(told.code, 0, "{told}");
    assert!(told.stdout.ends_with(": phase gather begins\n") && !told.stdout.contains('\u{1b}'), "{told}");
    for message in ["phase-start", "ostree", "phase-stop"] {
        assert_eq!(report(folder.path(), &["--output", "progress", message], phase).code, 0);
    }
    let text = fs_err::read_to_string(folder.path().join("progress")).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn what_is_no_message_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = report(folder.path(), &["phase-start"], "no JSON");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("standard input is no JSON object"), "{refused}");
}
