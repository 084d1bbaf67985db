//! `charmer plan`, on a configuration that needs neither a network nor the machine's own settings.

use super::{Charmer, Ran};

const CONFIG: &str = r#"
[release]
name = "Quay Linux"
short = "quay"
version = "1"

[archives.own]
overlay = "debs"

[variants.Base]
arches = ["amd64"]
seeds = ["quay-release"]
"#;

fn plan(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("quay.toml"), CONFIG).unwrap();
    fs_err::create_dir(folder.path().join("debs")).unwrap();
    let ran = Charmer { folder: Some(folder.path()), ..Charmer::default() }.run(&[&["plan", "quay.toml"], arguments].concat());
    assert!(!folder.path().join("work").exists() && !folder.path().join("compose").exists(), "a plan makes nothing");
    ran
}

#[test]
fn every_format_shows_the_same_jobs() {
    let json = plan(&["--format", "json"]);
    assert_eq!((json.code, json.stderr.as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let jobs: Vec<&str> = document["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert!(jobs.contains(&"lock") && jobs.contains(&"gather:Base.amd64") && jobs.contains(&"createrepo:Base"), "{jobs:?}");
    for format in ["tree", "dot", "svg"] {
        let shown = plan(&["--format", format]).stdout;
        let missing: Vec<_> = jobs.iter().filter(|job| !shown.contains(**job)).collect();
        assert!(missing.is_empty(), "{format} has no {missing:?}: {shown}");
    }
}

#[test]
fn only_leaves_what_a_phase_needs() {
    let tree = plan(&["--only", "gather"]).stdout;
    assert!(tree.contains("gather:Base.amd64") && tree.contains("pkgset") && !tree.contains("createrepo"), "{tree}");
    let nothing = plan(&["--only", "live"]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.stderr.contains("--only live selects no job of this compose"), "{}", nothing.stderr);
}
