//! Configurations: a corpus of good ones with what they resolve to, and of bad ones with what is said about them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use charmer_compose::config::{self, Config, ConfigError};

/// Each file of the corpus has its snapshot beside it, and each snapshot its file.
fn check_corpus(folder: &str, render: impl Fn(&str, &str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(folder);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut failed = Vec::new();
    for name in stems(&folder, "toml") {
        let text = fs_err::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let rendered = render(&text, &format!("{name}.toml"));
        let check = || settings.bind(|| insta::assert_snapshot!(name.clone(), rendered));
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these differ from their snapshots, or have none: {failed:?}");
    assert_eq!(stems(&folder, "toml"), stems(&folder, "snap"), "files without snapshots, or the other way round");
}

fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
    let wanted = entries.filter(|name| name.extension().is_some_and(|own| own == extension));
    wanted.map(|name| name.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn parse(text: &str, file: &str) -> Result<Config, ConfigError> {
    config::parse(text, file, Path::new("/home/harbour/composes"))
}

#[test]
fn good_configurations_resolve_as_their_snapshots_say() {
    check_corpus("valid", |text, file| {
        let config = parse(text, file).unwrap_or_else(|error| panic!("{error}"));
        serde_json::to_string_pretty(&config).unwrap()
    });
}

#[test]
fn bad_configurations_are_refused_as_their_snapshots_say() {
    check_corpus("invalid", |text, file| parse(text, file).unwrap_err().to_string());
}

#[test]
fn what_is_saved_in_a_compose_reads_back_as_it_was() {
    let text = include_str!("../configs/valid/everything.toml");
    let config = parse(text, "everything.toml").unwrap();
    let saved = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&saved).unwrap(), config);
}
#[test]
fn probe() {
    fs_err::write("/tmp/config-ref.md", config::reference()).unwrap();
}
