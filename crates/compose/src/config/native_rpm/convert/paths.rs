//! Paths in options as they are seen from another folder.
//!
//! Must not know: TOML.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::config::pungi::value::{Dict, Key, Value};

/// Options that are a path, as a plain text.
const FILES: [&str; 9] = [
    "comps_file",
    "module_defaults_dir",
    "module_defaults_override_dir",
    "module_obsoletes_dir",
    "product_id",
    "gather_prepopulate",
    "gather_source_mapping",
    "buildinstall_kickstart",
    "symlink_isos_to",
];

/// Options that hold paths of repositories at any depth.
const REPOSITORIES: [&str; 2] = ["pkgset_repos", "gather_lookaside_repos"];

/// A configuration that moves: plain paths started at its folder, and those in scm dicts where the program was started; from now
/// on both start at the new folder.
pub(super) struct Moved {
    source: PathBuf,
    current: PathBuf,
    target: PathBuf,
}

impl Moved {
    /// All three folders are there.
    pub(super) fn new(source: &Path, current: &Path, target: &Path) -> io::Result<Self> {
        Ok(Self {
            source: fs_err::canonicalize(source)?,
            current: fs_err::canonicalize(current)?,
            target: fs_err::canonicalize(current.join(target))?,
        })
    }

    pub(super) fn options(&self, values: Dict) -> Dict {
        let moved = |(key, value): (Key, Value)| {
            let value = match key.value().as_text() {
                Some(option) => self.option(option, &value),
                None => value,
            };
            (key, value)
        };
        values.into_iter().map(moved).collect()
    }

    fn option(&self, option: &str, value: &Value) -> Value {
        match value {
            Value::Text(path) if FILES.contains(&option) => self.from(&self.source, path),
            _ if REPOSITORIES.contains(&option) => self.repositories(value),
            _ => self.scm_dicts(option, value),
        }
    }

    /// Every text but for the patterns in pairs.
    fn repositories(&self, value: &Value) -> Value {
        match value {
            Value::Text(place) => self.from(&self.source, place),
            Value::Tuple(pair) | Value::List(pair) if matches!(pair.as_slice(), [Value::Text(_), Value::Dict(_)]) => {
                Value::Tuple(vec![pair[0].clone(), self.repositories(&pair[1])].into())
            }
            Value::List(items) | Value::Tuple(items) => {
                Value::List(items.iter().map(|item| self.repositories(item)).collect::<Vec<_>>().into())
            }
            Value::Dict(dict) => Value::Dict(mapped(dict, |_, inner| self.repositories(inner)).into()),
            other => other.clone(),
        }
    }

    fn scm_dicts(&self, option: &str, value: &Value) -> Value {
        match value {
            Value::List(items) => Value::List(items.iter().map(|item| self.scm_dicts(option, item)).collect::<Vec<_>>().into()),
            Value::Tuple(items) => Value::Tuple(items.iter().map(|item| self.scm_dicts(option, item)).collect::<Vec<_>>().into()),
            Value::Dict(dict) => match dict.get("scm").and_then(Value::as_text) {
                Some(scm) => Value::Dict(mapped(dict, |key, inner| self.scm_value(option, scm, key, inner)).into()),
                None => Value::Dict(mapped(dict, |key, inner| self.lorax_file(option, key, inner)).into()),
            },
            other => other.clone(),
        }
    }

    /// The one path that is inside a dict of options.
    fn lorax_file(&self, option: &str, key: &str, value: &Value) -> Value {
        match value {
            Value::Text(path) if option == "lorax_options" && key == "configuration_file" => self.from(&self.source, path),
            value => self.scm_dicts(option, value),
        }
    }

    fn scm_value(&self, option: &str, scm: &str, key: &str, value: &Value) -> Value {
        let is_extra_file = matches!(option, "extra_files" | "extra_isos");
        let is_path = match (scm, key) {
            ("file", "file" | "dir") | ("git", "repo") => true,
            // Names of packages of the compose, unless they are absolute.
            ("rpm", "repo") => !is_extra_file,
            _ => false,
        };
        let moved = |path: &Value| path.as_text().map_or_else(|| path.clone(), |path| self.from(&self.current, path));
        match value {
            Value::Text(_) if is_path => moved(value),
            Value::List(items) | Value::Tuple(items) if is_path => {
                Value::List(items.iter().map(moved).collect::<Vec<_>>().into())
            }
            value => value.clone(),
        }
    }

    /// A path that started at a folder, as it starts at the new one. URLs, addresses of ssh and absolute paths stay.
    fn from(&self, folder: &Path, path: &str) -> Value {
        let is_address = path.contains("://") || path.split('/').next().is_some_and(|first| first.contains(':'));
        if path.is_empty() || path.starts_with('/') || is_address || folder == self.target {
            return Value::text(path);
        }
        Value::text(&relative(&folder.join(path), &self.target).to_string_lossy())
    }
}

/// An absolute path as seen from a folder; absolute if they share nothing.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let path = without_dots(path);
    let shared = path.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    if shared <= 1 {
        return path;
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

fn mapped(dict: &Dict, change: impl Fn(&str, &Value) -> Value) -> Dict {
    let entry = |(key, value): (&Key, &Value)| (key.clone(), change(key.value().as_text().unwrap_or_default(), value));
    dict.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pungi::show::repr;
    use crate::config::pungi::validate::from_json;

    #[test]
    fn paths_lead_where_they_led() {
        let moved = Moved { source: "/srv/os/pungi".into(), current: "/srv/work".into(), target: "/srv/os/charmer".into() };
        let of = |option: &str, value: serde_json::Value| repr(&moved.option(option, &from_json(&value)));
        assert_eq!(of("comps_file", "comps.xml".into()), "'../pungi/comps.xml'");
        assert_eq!(of("comps_file", "/etc/comps.xml".into()), "'/etc/comps.xml'");
        assert_eq!(of("release_name", "comps.xml".into()), "'comps.xml'");
        let scm = serde_json::json!({"scm": "file", "repo": "", "file": "a/comps.xml"});
        assert_eq!(of("comps_file", scm), "{'scm': 'file', 'repo': '', 'file': '../../work/a/comps.xml'}");
        let git = serde_json::json!({"scm": "git", "repo": "https://git.example/x", "file": "comps.xml"});
        assert_eq!(of("comps_file", git), "{'scm': 'git', 'repo': 'https://git.example/x', 'file': 'comps.xml'}");
        let repos = serde_json::json!({"*": ["../repo", "https://mirror.example/os"]});
        assert_eq!(of("pkgset_repos", repos), "{'*': ['../repo', 'https://mirror.example/os']}");
        let lookasides = serde_json::json!([["^Server$", {"*": "base"}]]);
        assert_eq!(of("gather_lookaside_repos", lookasides), "[('^Server$', {'*': '../pungi/base'})]");
        let extra = serde_json::json!([["^S$", {"*": [{"scm": "rpm", "repo": "notes", "file": "/a"}]}]]);
        assert_eq!(of("extra_files", extra), "[['^S$', {'*': [{'scm': 'rpm', 'repo': 'notes', 'file': '/a'}]}]]");
    }
}
