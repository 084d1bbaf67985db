//! `pungi-gather` against what the real one answered.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use charmer_testkit::rpm_case::write_case;
use serde_json::Value;

use super::{Ran, charmer};

/// The recorded cases lie beside the checkout, or where `CHARMER_SHARED` says.
fn golden() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests are told where recorded answers lie")]
    let shared = std::env::var_os("CHARMER_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    Some(shared.join("golden/gather")).filter(|folder| folder.is_dir())
}

#[test]
fn every_recorded_case_is_answered_alike() {
    let Some(folder) = golden() else {
        #[expect(clippy::print_stderr, reason = "whoever runs the tests should know that this one did nothing")]
        {
            eprintln!("skipped: the recorded answers of pungi-gather are not here");
        }
        return;
    };
    let files = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let cases: BTreeSet<PathBuf> = files.filter(|path| path.extension().is_some_and(|suffix| suffix == "json")).collect();
    assert!(!cases.is_empty());
    let differences: Vec<String> = cases.iter().filter_map(|path| difference(path)).collect();
    assert!(differences.is_empty(), "{} of {} cases differ\n{}", differences.len(), cases.len(), differences.join("\n"));
}

/// Lines that are not there (`-`) and lines that should not be there (`+`).
fn difference(path: &Path) -> Option<String> {
    let case: Value = serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let arguments = write_case(&case, folder.path());
    let words: Vec<&str> = ["pungi-gather"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    let ran = charmer(&words);
    let (given, expected) = (given(&ran, folder.path()), recorded(&case["expected"]));
    let less = expected.difference(&given).map(|line| format!("\n  - {line}"));
    let more = given.difference(&expected).map(|line| format!("\n  + {line}"));
    let lines: String = less.chain(more).collect();
    let name = path.file_stem().unwrap().display();
    (!lines.is_empty()).then(|| format!("{name}: {}{lines}", case["title"]))
}

/// What came out, in lines that can be compared.
fn given(ran: &Ran, folder: &Path) -> BTreeSet<String> {
    let base = format!("file://{}/", folder.display());
    let printed = ran.stdout.lines().map(|line| line.replacen(&base, "", 1));
    let said = |prefix: &'static str| {
        let lines = ran.stderr.lines();
        lines.filter_map(move |line| line.split_once(prefix)).map(move |(_, rest)| format!("{prefix}{rest}"))
    };
    let exit = format!("exit {}", ran.code);
    [exit].into_iter().chain(printed).chain([UNRESOLVED, MISSING, PREPOPULATE].into_iter().flat_map(said)).collect()
}

fn recorded(expected: &Value) -> BTreeSet<String> {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut lines = BTreeSet::from([format!("exit {}", expected["exit"])]);
    for (kind, key) in [("RPM", "rpm"), ("DEBUGINFO", "debuginfo"), ("SRPM", "srpm")] {
        let packages = expected[key].as_object().unwrap().iter();
        lines.extend(packages.map(|(place, flags)| format!("{kind}({}): {place}", strings(flags).join(","))));
    }
    for (prefix, key) in [(UNRESOLVED, "unresolved"), (MISSING, "missing"), (PREPOPULATE, "prepopulate_missing")] {
        lines.extend(strings(&expected[key]).iter().map(|text| format!("{prefix}{text}")));
    }
    lines
}

const UNRESOLVED: &str = "Unresolvable dependency ";
const MISSING: &str = "No package matches pattern ";
const PREPOPULATE: &str = "Prepopulate: Doesn't match: ";

/// A repository with one package that needs another, and a kickstart that asks for it.
fn small_case() -> Value {
    serde_json::json!({
        "arch": "x86_64",
        "options": {"greedy": "none", "multilib": []},
        "request": ["app"],
        "repos": [{"id": "repo", "lookaside": false, "packages": [
            {"nevra": "app-1-1.x86_64", "sourcerpm": "app-1-1.src.rpm", "requires": ["lib", "ghost"]},
            {"nevra": "lib-1-1.noarch", "sourcerpm": "lib-1-1.src.rpm"},
            {"nevra": "app-1-1.src"},
        ]}],
    })
}

#[test]
fn a_link_of_its_name_is_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = write_case(&small_case(), folder.path());
    let link = folder.path().join("pungi-gather");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_charmer"), &link).unwrap();
    #[expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]
    let ran = Ran::of(std::process::Command::new(&link).args(&arguments).env_clear().output().unwrap());
    let url = format!("file://{}/repo", folder.path().display());
    let lines = format!("RPM(input): {url}/app-1-1.x86_64.rpm\nRPM(): {url}/lib-1-1.noarch.rpm\nSRPM(): {url}/app-1-1.src.rpm\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, lines.as_str()), "{ran}");
    assert_eq!(ran.stderr, "WARNING: Unresolvable dependency ghost in app.x86_64\n");
}

#[test]
fn packages_are_laid_into_a_folder_and_nothing_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = write_case(&small_case(), folder.path());
    for name in ["app-1-1.x86_64.rpm", "lib-1-1.noarch.rpm", "app-1-1.src.rpm"] {
        fs_err::write(folder.path().join("repo").join(name), name).unwrap();
    }
    let target = folder.path().join("downloads");
    let target_option = format!("--download-to={}", target.display());
    let words: Vec<&str> = ["pungi-gather", &target_option].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    let ran = charmer(&words);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran}");
    for name in ["app-1-1.x86_64.rpm", "lib-1-1.noarch.rpm", "app-1-1.src.rpm"] {
        assert_eq!(fs_err::read_to_string(target.join(name)).unwrap(), name);
    }
}

#[test]
fn what_cannot_be_gathered_from_ends_with_one_and_a_wrong_command_line_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = write_case(&small_case(), folder.path());
    let with = |more: &[&str]| -> Ran {
        let words: Vec<&str> =
            ["pungi-gather"].into_iter().chain(arguments.iter().map(String::as_str)).chain(more.iter().copied()).collect();
        charmer(&words)
    };
    for (more, code, said) in [
        (&["--lookaside=nobody"][..], 1, "the lookaside repository `nobody` is not in"),
        (&["--multilib=file"], 1, "`file` is no multilib method: there are none, all, devel and runtime"),
        (&["--greedy=some"], 2, "possible values: none, all, build"),
        (&["--bogus"], 2, "unexpected argument"),
    ] {
        let ran = with(more);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran}");
        assert!(ran.stderr.contains(said), "{ran}");
    }
    let kickstart = folder.path().join("case.ks");
    fs_err::write(&kickstart, "repo --name=a --baseurl=https://example.invalid/\n").unwrap();
    let ran = with(&[]);
    assert!(ran.code == 1 && ran.stderr.contains("hint: give the folder of a copy"), "{ran}");
}
