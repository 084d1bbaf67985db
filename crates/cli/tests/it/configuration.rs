//! `charmer config`.

use std::path::Path;

use super::{Charmer, charmer};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/harbour.toml");

#[test]
fn the_example_is_right_and_can_be_shown_resolved() {
    let checked = charmer(&["config", "check", EXAMPLE]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    assert!(checked.stdout.starts_with(&format!("{EXAMPLE} is in order: Harbour Linux 13.1, ")), "{}", checked.stdout);
    let shown: serde_json::Value = serde_json::from_str(&charmer(&["config", "show", EXAMPLE]).stdout).unwrap();
    assert_eq!(shown["release"]["short"], "harbour");
}

#[test]
fn the_example_of_an_installer_is_right_and_lets_it_fail() {
    let example = EXAMPLE.replace("harbour.toml", "harbour-installer.toml");
    let checked = charmer(&["config", "check", &example]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    let plan = charmer(&["plan", &example]).stdout;
    let line = plan.lines().find(|line| line.contains(" installer:Setup.amd64 ")).unwrap_or_else(|| panic!("{plan}"));
    assert!(line.contains("may fail"), "{line}");
}

#[test]
fn the_schema_is_the_one_in_the_manual() {
    let schema = charmer(&["config", "schema"]);
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.schema.json");
    assert_eq!(schema.stdout, fs_err::read_to_string(manual).unwrap(), "run `cargo xtask generate`");
}

#[test]
fn all_errors_come_at_once_each_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let wrong =
        fs_err::read_to_string(EXAMPLE).unwrap().replace("recommends = false", "recommend = false").replace("\"own\"", "3");
    fs_err::write(folder.path().join("wrong.toml"), wrong).unwrap();
    for command in ["check", "show", "schema"] {
        let ran = Charmer { folder: Some(folder.path()), ..Charmer::default() }.run(&["config", command, "wrong.toml"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.starts_with("error: 2 problems in the configuration\nerror: "), "{}", ran.stderr);
    }
    let absent = charmer(&["config", "check", "/nonexistent/c.toml"]);
    assert_eq!(absent.code, 2);
    assert!(absent.stderr.contains("/nonexistent/c.toml"), "{}", absent.stderr);
}
