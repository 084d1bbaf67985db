//! Pungi's commands for configurations against what Pungi itself answered: `golden/config` beside the checkout.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{Charmer, Ran};

/// The folders below a folder of recorded answers, or nothing where there are none.
fn cases(folder: &str) -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests find the recorded answers by it")]
    let shared = std::env::var_os("CHARMER_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let Ok(entries) = fs_err::read_dir(shared.join("golden").join(folder)) else {
        eprintln!("skipped: there are no recorded answers in {}", shared.display());
        return Vec::new();
    };
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.join("expected.json").is_file());
    cases.sort();
    cases
}

fn read(file: &Path) -> Json {
    serde_json::from_slice(&fs_err::read(file).unwrap()).unwrap()
}

fn run(folder: &Path, words: &[&str]) -> Ran {
    Charmer { folder: Some(folder), ..Charmer::default() }.run(words)
}

/// All numbers as floats, and the number of processors as it was recorded.
fn comparable(value: &Json) -> Json {
    match value {
        Json::Number(number) => number.as_f64().into(),
        Json::Array(items) => items.iter().map(comparable).collect(),
        Json::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), comparable(value))).collect(),
        other => other.clone(),
    }
}

fn report(differences: Vec<String>, cases: &[PathBuf]) {
    assert!(differences.is_empty(), "{} of {} differ:\n{}", differences.len(), cases.len(), differences.join("\n"));
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_recorded_file_is_dumped_or_refused_as_pungi_does() {
    let cases = cases("config");
    let mut differences = Vec::new();
    for case in &cases {
        let expected = read(&case.join("expected.json"));
        let defines: Vec<(String, String)> = expected["defines"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), format!("{name}={}", value.as_str().unwrap())))
            .collect();
        let mut words = vec!["pungi-config-dump", "--just-dump"];
        words.extend(defines.iter().flat_map(|(_, define)| ["-e", define]));
        words.push("main.conf");
        let ran = run(case, &words);
        let mut wanted = comparable(&expected["value"]);
        if let Some(wanted) = wanted.as_object_mut() {
            // What was only defined to be used by others is not dumped.
            wanted.retain(|name, _| !defines.iter().any(|(define, _)| define == name));
        }
        let same = match expected["error"]["class"].as_str() {
            Some(class) => ran.code != 0 && ran.stdout.is_empty() && ran.stderr.starts_with(&format!("{class}: ")),
            None => ran.code == 0 && serde_json::from_str::<Json>(&ran.stdout).is_ok_and(|value| comparable(&value) == wanted),
        };
        if !same {
            differences.push(format!("{}: {ran:?}\n  is not {expected}", name(case)));
        }
    }
    report(differences, &cases);
}

#[test]
fn every_recorded_configuration_is_validated_and_completed_as_pungi_does() {
    let cases = cases("config/validate");
    let mut differences = Vec::new();
    for case in &cases {
        let expected = read(&case.join("expected.json"));
        let order_varies = expected["line_order_varies"] == true;
        for (command, of_messages) in [("validate", "stdout"), ("dump", "stderr")] {
            let expected = &expected[command];
            let program = format!("pungi-config-{command}");
            let arguments = expected["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            let words: Vec<&str> = std::iter::once(program.as_str()).chain(arguments).chain(["pungi.conf"]).collect();
            let ran = run(case, &words);
            if let Err(difference) = compare(expected, &ran, of_messages, order_varies) {
                differences.push(format!("{} {command}: {difference}", name(case)));
            }
        }
    }
    report(differences, &cases);
}

fn compare(expected: &Json, ran: &Ran, of_messages: &str, order_varies: bool) -> Result<(), String> {
    if expected["exit"] != ran.code {
        return Err(format!("{ran:?}"));
    }
    if let Some(wanted) = expected.get("json") {
        let mut dumped: Json = serde_json::from_str(&ran.stdout).map_err(|error| error.to_string())?;
        if wanted["createrepo_num_threads"] == "CPU_COUNT" {
            dumped["createrepo_num_threads"] = "CPU_COUNT".into();
        }
        if comparable(&dumped) != comparable(wanted) {
            return Err(format!("{dumped}\n  is not {wanted}"));
        }
    }
    // Of a program that died only the last line is known.
    let shown = if of_messages == "stdout" { &ran.stdout } else { &ran.stderr };
    let wanted: Vec<&str> = expected[of_messages].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let died = ran.stderr.lines().any(|line| line.contains("Error: "));
    let mut lines: Vec<String> = shown.lines().filter(|_| !died).map(str::to_owned).collect();
    let mut wanted: Vec<String> = wanted.iter().filter(|_| !died).map(|line| line.replace("TMP/", "")).collect();
    if order_varies {
        lines.sort();
        wanted.sort();
    }
    if lines == wanted { Ok(()) } else { Err(format!("{lines:#?}\n  is not {wanted:#?}")) }
}

#[test]
fn the_schema_names_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["pungi-config-validate", "--dump-schema"]);
    let schema: Json = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(ran.code, 0);
    assert!(schema["properties"].as_object().unwrap().len() > 190, "{}", schema["properties"].as_object().unwrap().len());
    fs_err::write(folder.path().join("more.json"), r#"{"properties": {"colour": {"type": "string"}}}"#).unwrap();
    fs_err::write(folder.path().join("a.conf"), "colour = 1\n").unwrap();
    let ran = run(folder.path(), &["pungi-config-validate", "--offline", "--schema-override", "more.json", "a.conf"]);
    assert!(ran.stdout.contains("Failed validation in colour: 1 is not of type 'string'"), "{ran:?}");
}

#[test]
fn references_of_git_are_resolved_online() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("r.git");
    let commit = git(&repository);
    let text = format!("live_media_ksurl = 'file://{}?#HEAD'\n", repository.display());
    fs_err::write(folder.path().join("a.conf"), SOUND.to_owned() + &text).unwrap();
    let ran = run(folder.path(), &["pungi-config-dump", "a.conf"]);
    let dumped: Json = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(dumped["live_media_ksurl"], format!("file://{}?#{commit}", repository.display()));
}

const SOUND: &str = "\
release_name = 'Harbour'
release_short = 'H'
release_version = '1'
variants_file = 'variants.xml'
pkgset_source = 'repos'
pkgset_repos = {'*': ['repo']}
gather_method = 'deps'
";

/// A repository with one empty commit; gives the commit.
#[expect(clippy::disallowed_types, reason = "the repository is made by git itself")]
fn git(repository: &Path) -> String {
    let git = |words: &[&str]| {
        let mut command = std::process::Command::new("git");
        let identity = ["-c", "user.name=t", "-c", "user.email=t@t.example"];
        let output = command.arg("-C").arg(repository).args(identity).args(words).output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    fs_err::create_dir(repository).unwrap();
    git(&["init", "--quiet"]);
    git(&["commit", "--quiet", "--allow-empty", "-m", "first"]);
    git(&["rev-parse", "HEAD"])
}

#[test]
fn config_check_points_at_traps_and_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        fs_err::write(folder.path().join("a.conf"), text).unwrap();
        run(folder.path(), &["config", "check", "a.conf"])
    };
    let sound = check(SOUND);
    assert_eq!((sound.code, sound.stdout.as_str()), (0, "a.conf is in order\n"), "{sound:?}");
    let trapped = check(&(SOUND.to_owned() + "multilib = [('^Server', {'*': ['devel' 'runtime']})]\n"));
    assert_eq!(trapped.code, 0);
    for part in ["warning[open-pattern]", "--> a.conf:8:14", "warning[missing-comma]", "--> a.conf:8:40", "2 warnings"] {
        assert!(trapped.stdout.contains(part), "{part}: {}", trapped.stdout);
    }
    let wrong = check(&SOUND.replace("'deps'", "'all'"));
    assert_eq!(wrong.code, 2);
    assert!(wrong.stdout.contains("--> a.conf:7:1\n"), "{}", wrong.stdout);
    let secret = check(
        &(SOUND.to_owned()
            + "extra_files = [('^Server$', {'*': [{\n    'scm': 'git', 'repo': 'https://me:sesame@git.invalid/a', 'file': 'b'}]})]\n"),
    );
    assert_eq!(secret.code, 2);
    assert!(
        secret.stdout.contains("error[login]: extra_files: a URL") && secret.stdout.contains("--> a.conf:9:"),
        "{}",
        secret.stdout
    );
    assert!(!secret.stdout.contains("sesame"), "{}", secret.stdout);
    let broken = check("a = true\n");
    assert_eq!(broken.code, 2);
    assert!(broken.stdout.contains("--> a.conf:1:5") && broken.stdout.contains("Python writes `True`"), "{}", broken.stdout);
}

#[test]
fn options_may_have_the_shapes_that_pungi_takes_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let validate = |option: &str| {
        fs_err::write(folder.path().join("a.conf"), format!("{SOUND}{option}\n")).unwrap();
        run(folder.path(), &["pungi-config-validate", "--offline", "a.conf"])
    };
    for option in [
        "extra_isos = {'Server': [{'include_variants': [], 'extra_files': {'scm': 'file', 'file': ['a'], 'dir': ['b']}}]}",
        "extra_files = [('^Server$', {'*': [{'scm': 'svn', 'file': ['a', 'b']}]})]",
        "image_name_format = {'^Server$': ['%(arch)s', 'x']}",
        "live_images = [('^Server$', {'x86_64': [{'kickstart': 'a.ks', 'type': 'other'}]})]",
        "live_media = {'^Server$': [{'name': 'a', 'kickstart': 'b', 'repo': [{'baseurl': 'http://x/'}, 'Server']}]}",
        "image_build = {'^Server$': [{'image-build': {'format': [('docker', 'tar.xz')], 'other': 1}}]}",
        "image_container = {'^Server$': {'url': 'x', 'target': 'y', 'git_branch': 'z', 'image_spec': {}, 'failable': True, 'b': 1}}",
        "ostree = [('^Server$', {'x86_64': {'treefile': 'a', 'config_url': 'b', 'ostree_repo': 'c', 'repo_from': 'Server'}})]",
        "gather_method = {'^Server$': {'comps': 'deps', 'other': 1}}",
        "runroot_channel = None",
    ] {
        let ran = validate(option);
        // What is outdated is warned of, which is not in order either.
        let expected = i32::from(option.contains("repo_from"));
        assert!(ran.code == expected && !ran.stdout.contains("Failed"), "{option}: {ran}");
    }
    for (option, path) in [
        ("live_media = {'^Server$': [{'name': 'a', 'kickstart': 'b', 'repo': {'url': 'x'}}]}", "live_media.^Server$.0.repo"),
        ("extra_files = [('^Server$', {'*': [{'command': 'make'}]})]", "extra_files.0.1.*.0"),
        ("comps_file = {'scm': 'file', 'file': ['a', 'b']}", "comps_file"),
        ("variant_as_lookaside = [('Server',)]", "variant_as_lookaside.0"),
        ("image_build = {'^Server$': [{'image-build': {'format': 1}}]}", "image_build.^Server$.0.image-build.format"),
    ] {
        let ran = validate(option);
        assert!(ran.code == 1 && ran.stdout.contains(&format!("Failed validation in {path}: ")), "{option}: {ran}");
    }
}
