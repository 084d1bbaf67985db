//! Configurations: a corpus of good ones with what they resolve to, and of bad ones with what is said about them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use charmer_compose::config::resolved::Origin;
use charmer_compose::config::{self, Config, ConfigError, LoadError};

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
fn a_file_that_is_not_text_is_refused_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("harbour.toml");
    fs_err::write(&path, b"[release]\nname = \"Harb\xffur\"\n").unwrap();
    let LoadError::Invalid(error) = config::load(&path).unwrap_err() else { panic!("it is read") };
    assert_eq!((error.problems[0].line, error.problems[0].column), (2, 13));
    assert_eq!(error.problems[0].message, "the file is not UTF-8 text");
}

#[test]
fn a_file_that_is_not_there_or_too_large_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("harbour.toml");
    let missing = config::load(&path).unwrap_err().to_string();
    assert!(missing.contains(path.to_str().unwrap()), "{missing}");
    fs_err::write(&path, vec![b'#'; (16 << 20) + 1]).unwrap();
    let large = config::load(&path).unwrap_err().to_string();
    assert!(large.ends_with("the configuration is larger than 16 MiB"), "{large}");
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("harbour.toml");
    fs_err::write(&path, include_str!("../configs/valid/small.toml")).unwrap();
    let config = config::load(&path).unwrap();
    let Origin::Overlay { folder: overlay } = &config.archives["own"].origin else { panic!("own is an overlay") };
    assert_eq!(*overlay, folder.path().parent().unwrap().join("target/demo/debs"));
}

#[test]
fn the_example_is_sound() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/harbour.toml");
    config::load(&example).unwrap();
}

/// A configuration with this many variants, each the parent of the next, and with images, overrides and failables.
fn large_configuration(count: usize, mistake: &str) -> String {
    let mut text = include_str!("../configs/valid/small.toml").split("[variants.Base]").next().unwrap().to_owned();
    for number in 0..count {
        let parent = number.checked_sub(1).map(|parent| format!("parent = \"V{parent}\"\n")).unwrap_or_default();
        text += "[variants.V";
        text += &number.to_string();
        text += "]\narches = [\"amd64\", \"arm64\"]\nseeds = [\"bash\"]\n";
        text += &parent;
        text += mistake;
        text += "[[images]]\nkind = \"container\"\npackages = [\"bash\"]\nvariant = \"V";
        text += &number.to_string();
        text += "\"\n";
    }
    text + "[[overrides]]\nvariants = [\"V*1\"]\nexclude = [\"nano\"]\n[[failable]]\nkinds = [\"container\"]\n"
}

#[test]
fn ten_thousand_variants_do_not_hang() {
    let started = Instant::now();
    let config = parse(&large_configuration(10_000, ""), "large.toml").unwrap();
    assert_eq!(config.variants.len(), 10_000);
    assert_eq!(config.images.len(), 20_000);
    assert_eq!(config.variants[9_999].name, "V9999");
    let error = parse(&large_configuration(10_000, "lookaside = [\"none\"]\nunknown = 1\n"), "large.toml").unwrap_err();
    assert_eq!(error.problems.len(), 20_000);
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}

/// Whatever is cut out of or put into a configuration: an answer, and every problem inside the file.
#[test]
fn damaged_configurations_never_panic() {
    let text = include_str!("../configs/valid/everything.toml");
    let lines: Vec<&str> = text.lines().collect();
    for position in 0..lines.len() {
        for replacement in [None, Some("x = 1"), Some("[]"), Some("[[variants]]"), Some("= \"ü\"")] {
            let mut damaged = lines.clone();
            match replacement {
                None => _ = damaged.remove(position),
                Some(replacement) => damaged[position] = replacement,
            }
            let damaged = damaged.join("\n");
            if let Err(error) = parse(&damaged, "damaged.toml") {
                assert!(error.to_string().contains("damaged.toml:"));
                for problem in &error.problems {
                    assert!(problem.line <= damaged.lines().count() && problem.column >= 1, "{problem}");
                }
            }
        }
        let (key, _) = lines[position].split_once(" = ").unwrap_or_default();
        for value in ["1", "\"\"", "true", "[]", "{}", "[[]]", "[{}]", "1979-05-27", "0.5", "[1, \"a\"]"] {
            let mut damaged = lines.clone();
            let line = format!("{key} = {value}");
            if !key.is_empty() {
                damaged[position] = &line;
            }
            let _ = parse(&damaged.join("\n"), "damaged.toml");
        }
    }
}
