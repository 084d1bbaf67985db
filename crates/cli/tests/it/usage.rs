//! Help, and command lines that are wrong.

use super::{Charmer, charmer};

#[test]
fn help_of_every_command() {
    let commands = [
        "",
        "plan",
        "compose",
        "resume",
        "lock",
        "why",
        "verify",
        "installability",
        "config",
        "config check",
        "config schema",
        "config show",
        "convert",
        "list",
        "prune",
        "status",
    ];
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ran = charmer(&words);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command}");
        let name = if command.is_empty() { "charmer".to_owned() } else { command.replace(' ', "-") };
        insta::assert_snapshot!(format!("help-{name}"), ran.stdout);
    }
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let wrong: [(&[&str], &str); 12] = [
        (&[], "Usage: charmer <COMMAND>"),
        (&["compos"], "similar"),
        (&["compose", "c.toml"], "--target-dir <DIR>"),
        (&["compose", "c.toml", "--target-dir", "d", "--lock", "l", "--locked"], "cannot be used with"),
        (&["compose", "c.toml", "--target-dir", "d", "--quiet", "--verbose"], "cannot be used with"),
        (&["compose", "c.toml", "--target-dir", "d", "--type", "daily"], "possible values: production, nightly"),
        (&["compose", "c.toml", "--target-dir", "d", "--label", "Gold-1.0"], "such as RC-1.0"),
        (&["compose", "c.toml", "--target-dir", "d", "--jobs", "0"], "1..=4096"),
        (&["compose", "c.toml", "--target-dir", "d", "--only", "createrep"], "createrepo"),
        (&["plan", "c.toml", "--format", "png"], "possible values: tree, json, dot, svg"),
        (&["config"], "Usage: charmer config <COMMAND>"),
        (&["status"], "<DIR>"),
    ];
    for (arguments, said) in wrong {
        let ran = charmer(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn an_environment_that_cannot_be_meant_is_a_usage_error_too() {
    let ran = Charmer { variables: &[("SOURCE_DATE_EPOCH", "now")], ..Charmer::default() }.run(&["config", "schema"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stderr,
        "error: SOURCE_DATE_EPOCH is `now`, which is no number of seconds\nhint: set it as `date +%s` prints it, or unset it\n"
    );
}

#[test]
fn the_version_goes_to_stdout() {
    let ran = charmer(&["--version"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, concat!("charmer ", env!("CARGO_PKG_VERSION"), "\n")));
}
