//! The TOML front of RPM composes: what is converted means the same, and mistakes are found where they were written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use charmer_compose::config::native_rpm::convert::convert;
use charmer_compose::config::{Configuration, RpmConfig, native_rpm, pungi};
use charmer_compose::engine::Part;
use charmer_compose::package_set::download::Proxies;
use charmer_compose::session::{Surroundings, preview};

use super::shared_golden;

/// A configuration without what names its files.
fn meaning(config: RpmConfig) -> RpmConfig {
    RpmConfig { files: Vec::new(), options: serde_json::Value::Null, ..config }
}

/// Every job of the plan with its digest.
fn plan(config: RpmConfig) -> Vec<String> {
    let surroundings = Surroundings {
        environment: std::collections::BTreeMap::new(),
        current_dir: "/".into(),
        path: "/usr/bin:/bin".into(),
        now: SystemTime::UNIX_EPOCH,
        netrc: None,
        apt_folder: "/etc/apt".into(),
        proxies: Proxies::default(),
    };
    match preview(&Configuration::Rpm(config.into()), &Part::default(), &surroundings) {
        Ok(graph) => graph.jobs().iter().map(|job| format!("{job:?}")).collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// Folders of recorded configurations, each with the name of its configuration.
fn recorded() -> Vec<(PathBuf, String)> {
    let Some(golden) = shared_golden() else { return Vec::new() };
    let mut found = Vec::new();
    for kind in ["compose", "config"] {
        for entry in fs_err::read_dir(golden.join(kind)).unwrap() {
            let folder = entry.unwrap().path();
            if !folder.is_dir() {
                continue;
            }
            let files = fs_err::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
            let is_configuration = |name: &String| Path::new(name).extension().is_some_and(|end| end == "conf");
            found.extend(files.filter(is_configuration).map(|name| (folder.clone(), name)));
        }
    }
    found.sort();
    found
}

/// A copy of a folder's files, down to one level.
fn copy(from: &Path, to: &Path) {
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs_err::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn recorded_configurations_mean_the_same_once_converted() {
    let mut converted_ones = 0;
    let mut differences = String::new();
    for (golden, name) in recorded() {
        let folder = tempfile::tempdir().unwrap();
        let folder = fs_err::canonicalize(folder.path()).unwrap();
        fs_err::create_dir_all(&folder).unwrap();
        copy(&golden, &folder);
        let Ok(original) = pungi::open(&folder.join(&name), &folder, false, None) else { continue };
        let converted = convert(&folder.join(&name), &folder, &folder).unwrap();
        let toml = folder.join("converted.toml");
        fs_err::write(&toml, &converted.text).unwrap();
        let case = format!("{}/{name}", golden.display());
        match native_rpm::open(&toml, false, None) {
            Ok(opened) if meaning(opened.config.clone()) == meaning(original.config.clone()) => {
                let (one, other) = (plan(meaning(original.config)), plan(meaning(opened.config)));
                if one != other {
                    let _ = writeln!(differences, "{case}: the plans differ\n{one:#?}\n{other:#?}");
                }
            }
            Ok(opened) => {
                let (one, other) = (meaning(original.config), meaning(opened.config));
                let (one, other) = (serde_json::to_string_pretty(&one).unwrap(), serde_json::to_string_pretty(&other).unwrap());
                let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other).take(10);
                let lines: Vec<_> = lines.collect();
                let _ = writeln!(differences, "{case}: {lines:#?}\n{:?}\n{}", converted.notes, converted.text);
            }
            Err(error) => {
                let _ = writeln!(differences, "{case}: {error}\n{}", converted.text);
            }
        }
        converted_ones += 1;
        fs_err::remove_dir_all(&folder).unwrap();
    }
    assert!(differences.is_empty(), "{differences}");
    assert!(shared_golden().is_none() || converted_ones >= 10, "only {converted_ones} configurations were converted");
}
