//! Pungi's configuration language against what the real parser answered: `golden/config` beside the checkout.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};

use charmer_compose::config::pungi::dialect::{DialectError, Loaded, load};
use charmer_compose::config::pungi::show::{json, repr};
use charmer_compose::config::pungi::value::Value;
use serde_json::Value as Json;

fn cases() -> Option<Vec<PathBuf>> {
    #[expect(clippy::disallowed_methods, reason = "tests find the recorded answers by it")]
    let shared = std::env::var_os("CHARMER_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let Ok(entries) = fs_err::read_dir(shared.join("golden/config")) else {
        eprintln!("skipped: there are no recorded answers in {}", shared.display());
        return None;
    };
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.join("main.conf").is_file());
    cases.sort();
    Some(cases)
}

#[test]
fn every_recorded_configuration_gives_the_same_value_or_the_same_error() {
    let Some(cases) = cases() else { return };
    let mut differences = Vec::new();
    for case in &cases {
        let expected: Json = serde_json::from_slice(&fs_err::read(case.join("expected.json")).unwrap()).unwrap();
        let defines: Vec<(String, String)> = expected["defines"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let folder = format!("{}/", case.display());
        let answer = load(&format!("{folder}main.conf"), &defines);
        if let Err(difference) = compare(&expected, answer, &folder) {
            differences.push(format!("{}: {difference}", case.file_name().unwrap().display()));
        }
    }
    assert!(differences.is_empty(), "{} of {} differ:\n{}", differences.len(), cases.len(), differences.join("\n"));
}

fn compare(expected: &Json, answer: Result<Loaded, DialectError>, folder: &str) -> Result<(), String> {
    match (answer, expected.get("error")) {
        (Ok(loaded), None) => compare_values(expected, loaded, folder),
        (Err(error), Some(wanted)) => compare_errors(wanted, &error, folder),
        (Ok(_), Some(wanted)) => Err(format!("no error where there should be {wanted}")),
        (Err(error), None) => Err(format!("{error}")),
    }
}

fn compare_values(expected: &Json, loaded: Loaded, folder: &str) -> Result<(), String> {
    let opened: Vec<&str> = loaded.opened_files.iter().map(|file| file.trim_start_matches(folder)).collect();
    let value = Value::Dict(loaded.values.into());
    let shown = repr(&value);
    let read: Json = serde_json::from_str(&json(&value)).unwrap();
    if expected.get("python").is_some_and(|python| *python != *shown) {
        return Err(format!("{shown} is not {}", expected["python"]));
    }
    if floats(&read) != floats(&expected["value"]) {
        return Err(format!("{read} is not {}", expected["value"]));
    }
    if expected["opened_files"] != serde_json::json!(opened) {
        return Err(format!("opened {opened:?}, not {}", expected["opened_files"]));
    }
    Ok(())
}

/// All numbers as floats: the record was written by a tool that knows no others.
fn floats(value: &Json) -> Json {
    match value {
        Json::Number(number) => number.as_f64().into(),
        Json::Array(items) => items.iter().map(floats).collect(),
        Json::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

fn compare_errors(wanted: &Json, error: &DialectError, folder: &str) -> Result<(), String> {
    let message = error.message.replace(folder, "");
    let place = error.place.as_ref();
    let file = place.map(|place| place.file.replace(folder, ""));
    let same = wanted["class"] == error.class.name()
        && wanted["message"] == message
        && wanted.get("file").is_none_or(|wanted| Some(wanted.as_str().unwrap()) == file.as_deref())
        && wanted.get("line").is_none_or(|line| line.as_u64() == place.map(|place| place.line as u64))
        && wanted.get("column").is_none_or(|column| column.as_u64() == place.map(|place| place.column as u64));
    if same { Ok(()) } else { Err(format!("{error:?} is not {wanted}")) }
}

/// What reading a file of this text ends with.
fn class_of(text: &str) -> &'static str {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("main.conf");
    fs_err::write(&file, text).unwrap();
    load(file.to_str().unwrap(), &[]).unwrap_err().class.name()
}

#[test]
fn hostile_files_are_refused_quickly() {
    let chain = |first: &str, line: &dyn Fn(usize) -> String| first.to_owned() + &(0..20_000).map(line).collect::<String>();
    let started = std::time::Instant::now();
    assert_eq!(class_of(&("a = ".to_owned() + &"[".repeat(100_000))), "RecursionError");
    assert_eq!(class_of(&chain("a0 = [1]\n", &|n| format!("a{} = [a{n}]\n", n + 1))), "RecursionError");
    assert_eq!(class_of(&chain("a0 = [1]\n", &|n| format!("a{} = [a{n}, a{n}]\n", n + 1))), "MemoryError");
    assert_eq!(class_of(&chain("a0 = 'xx'\n", &|n| format!("a{} = '%s%s' % (a{n}, a{n})\n", n + 1))), "MemoryError");
    assert_eq!(class_of("from main import *\n"), "RecursionError");
    assert_eq!(class_of(&("from ".to_owned() + &"\\'".repeat(100_000))), "SyntaxError");
    assert_eq!(class_of("a = '%999999999s' % 'x'\n"), "ValueError");
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// What a configuration of these files, of which the first is read, holds; or the class of the error and its place.
fn read(files: &[(&str, &str)]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs_err::write(folder.path().join(name), text).unwrap();
    }
    match load(folder.path().join(files[0].0).to_str().unwrap(), &[]) {
        Ok(loaded) => Ok(repr(&Value::Dict(loaded.values.into()))),
        Err(error) => {
            let place = error.place.map(|place| format!(" {}:{}", place.line, place.column)).unwrap_or_default();
            Err(format!("{}{place}", error.class.name()))
        }
    }
}

#[test]
fn imports_take_names_from_the_next_line_when_their_own_has_none() {
    let with = |main: &str| read(&[("main.conf", main), ("other.conf", "a = 1\nb = 2\n")]);
    assert_eq!(with("from other import\n\na\n"), Ok("{'a': 1}".to_owned()));
    assert_eq!(with("from other import a, # one\nb = 3\n"), Ok("{'a': 1, 'b': 3}".to_owned()));
    assert_eq!(with("from other import , a\n"), Err("SyntaxError 1:18".to_owned()));
    assert_eq!(with("from other import\n"), Err("SyntaxError 2:0".to_owned()));
    assert_eq!(with("from other import a"), Ok("{'a': 1}".to_owned()));
    assert_eq!(with("from \0other import a\n"), Err("ValueError 1:0".to_owned()));
}

#[test]
fn global_variables_are_those_of_the_importing_file_when_it_imports() {
    let with = |main: &str, other: &str| read(&[("main.conf", main), ("other.conf", other), ("third.conf", "c = g\n")]);
    assert_eq!(with("global g\ng = 1\nfrom other import a\n", "a = g\n"), Ok("{'g': 1, 'a': 1}".to_owned()));
    // What an imported file makes of it stays there unless it is imported.
    let changes = "global g\ng = 1\nfrom other import a\nfrom third import c\n";
    assert_eq!(with(changes, "g = 2\na = g\n"), Ok("{'g': 1, 'a': 2, 'c': 1}".to_owned()));
    assert_eq!(with("from other import a\nb = g\n", "global g\na = 1\n"), Err("SyntaxError 2:4".to_owned()));
    // That it is global is handed on all the same.
    let later = "from other import a\ng = 5\nfrom third import c\n";
    assert_eq!(with(later, "global g\na = 1\n"), Ok("{'a': 1, 'g': 5, 'c': 5}".to_owned()));
    assert_eq!(with("global _g\n", ""), Err("KeyError 1:7".to_owned()));
    assert_eq!(with("global if\n", ""), Err("SyntaxError 1:7".to_owned()));
    assert_eq!(with("a = 1\nglobal", ""), Ok("{'a': 1}".to_owned()));
}

#[test]
fn keys_are_compared_with_what_the_dict_holds_and_hashed_last() {
    let one = |text: &str| read(&[("main.conf", text)]);
    assert_eq!(one("a = {1: 'x', True: 'y', True: 'z'}\n"), Ok("{'a': {1: 'z'}}".to_owned()));
    assert_eq!(one("a = {True: 'x', 1: 'y', True: 'z'}\n"), Err("SyntaxError 1:24".to_owned()));
    assert_eq!(one("a = [1]\nb = {a: c}\n"), Err("SyntaxError 2:8".to_owned()));
    assert_eq!(one("a = [1]\nb = {a: 1}\n").unwrap_err().split(' ').next(), Some("TypeError"));
}

#[test]
fn percent_signs_stand_for_themselves_only_side_by_side() {
    let one = |text: &str| read(&[("main.conf", &format!("a = {text}\n"))]);
    assert_eq!(one("'%%' % ()"), Ok("{'a': '%'}".to_owned()));
    for (text, class) in [
        ("'%5%' % 1", "ValueError"),
        ("'%5%' % ()", "TypeError"),
        ("'%(k)%' % {'k': 1}", "ValueError"),
        ("'%(k)s %s' % {'k': 1}", "TypeError"),
        ("'%(k)*d' % {'k': 1}", "TypeError"),
    ] {
        assert_eq!(one(text).unwrap_err().split(' ').next(), Some(class), "{text}");
    }
    assert_eq!(one("'%s %(k)s' % {'k': 1}"), Ok("{'a': \"{'k': 1} 1\"}".to_owned()));
}
