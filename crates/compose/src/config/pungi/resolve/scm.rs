//! `scm_dict`: where files and folders come from.

use std::path::Path;

use super::{Surroundings, text, texts};
use crate::config::pungi::value::{Dict, Value};
use crate::scm::{ScmSource, ScmSpec, Wanted};

/// What is wrong with an `scm_dict`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct ScmSpecError {
    pub option: String,
    pub problem: ScmSpecProblem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScmSpecProblem {
    #[error("charmer does not read scm '{0}' yet; it reads file, git and rpm")]
    NotReadYet(String),
    #[error("no scm is given")]
    NoScm,
    #[error("scm '{0}' needs a repo")]
    NoRepository(&'static str),
    #[error("scm 'file' takes no repo, only file or dir")]
    RepositoryOfFile,
    #[error("charmer does not fetch packages from URLs yet: '{0}'")]
    PackageUrl(String),
    #[error("it says neither which file nor which dir it takes")]
    NothingWanted,
    #[error("'{0}' must not begin with a dash")]
    Dash(String),
    #[error("the target '{0}' leaves its folder")]
    Target(String),
    #[error("{0}")]
    Placeholder(#[from] crate::metadata::python_format::FormatError),
}

/// Of git, where a configuration names none.
const DEFAULT_BRANCH: &str = "master";

/// An option that is a file: a plain text, or an `scm_dict`.
pub fn file_spec(option: &str, value: &Value, surroundings: &Surroundings) -> Result<ScmSpec, ScmSpecError> {
    spec_or_plain(option, value, surroundings, Wanted::Files)
}

/// An option that is a folder: a plain text, or an `scm_dict`.
pub fn folder_spec(option: &str, value: &Value, surroundings: &Surroundings) -> Result<ScmSpec, ScmSpecError> {
    spec_or_plain(option, value, surroundings, Wanted::Folders)
}

fn spec_or_plain(
    option: &str,
    value: &Value,
    surroundings: &Surroundings,
    wanted: fn(Vec<String>) -> Wanted,
) -> Result<ScmSpec, ScmSpecError> {
    let at_option = |problem| ScmSpecError { option: option.to_owned(), problem };
    match value {
        Value::Text(path) => {
            let source = ScmSource::File { folder: surroundings.folder.clone() };
            Ok(ScmSpec { source, wanted: wanted(vec![path.to_string()]) })
        }
        Value::Dict(dict) => dict_spec(dict, &surroundings.current).map_err(at_option),
        _ => Err(at_option(ScmSpecProblem::NoScm)),
    }
}

/// What an `scm_dict` says.
pub(super) fn dict_spec(dict: &Dict, current: &Path) -> Result<ScmSpec, ScmSpecProblem> {
    let source = match text(dict, "scm").ok_or(ScmSpecProblem::NoScm)? {
        "file" if texts(dict, "repo").iter().any(|repo| !repo.is_empty()) => return Err(ScmSpecProblem::RepositoryOfFile),
        "file" => ScmSource::File { folder: current.to_owned() },
        "git" => git_source(dict, current)?,
        "rpm" => rpm_source(dict, current)?,
        other => return Err(ScmSpecProblem::NotReadYet(other.to_owned())),
    };
    let files = texts(dict, "file");
    let folders = texts(dict, "dir");
    let wanted = match (files.is_empty(), folders.is_empty()) {
        (false, _) => Wanted::Files(files),
        (true, false) => Wanted::Folders(folders),
        (true, true) => return Err(ScmSpecProblem::NothingWanted),
    };
    Ok(ScmSpec { source, wanted })
}

fn git_source(dict: &Dict, current: &Path) -> Result<ScmSource, ScmSpecProblem> {
    let given = text(dict, "repo").filter(|repo| !repo.is_empty()).ok_or(ScmSpecProblem::NoRepository("git"))?;
    let branch = text(dict, "branch").filter(|branch| !branch.is_empty()).unwrap_or(DEFAULT_BRANCH);
    if let Some(word) = [given, branch].into_iter().find(|word| word.starts_with('-')) {
        return Err(ScmSpecProblem::Dash(word.to_owned()));
    }
    // `HOST:PATH` is an address too, of ssh.
    let is_address = given.contains("://") || given.split('/').next().is_some_and(|first| first.contains(':'));
    let repository = if is_address {
        given.strip_prefix("git+").unwrap_or(given).to_owned()
    } else {
        format!("file://{}", current.join(given).display())
    };
    let command = text(dict, "command").filter(|command| !command.is_empty()).map(str::to_owned);
    Ok(ScmSource::Git { repository, branch: branch.to_owned(), command })
}

fn rpm_source(dict: &Dict, current: &Path) -> Result<ScmSource, ScmSpecProblem> {
    let packages = texts(dict, "repo");
    if packages.is_empty() {
        return Err(ScmSpecProblem::NoRepository("rpm"));
    }
    if let Some(url) = packages.iter().find(|package| package.contains("://")) {
        return Err(ScmSpecProblem::PackageUrl(url.clone()));
    }
    Ok(ScmSource::Rpm { folder: current.to_owned(), packages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pungi::validate::from_json;

    fn resolved(value: serde_json::Value) -> Result<ScmSpec, ScmSpecProblem> {
        let surroundings = Surroundings { folder: "/etc/compose".into(), current: "/home/me".into(), files: Vec::new() };
        file_spec("comps_file", &from_json(&value), &surroundings).map_err(|error| error.problem)
    }

    #[test]
    fn a_text_is_beside_the_configuration_and_a_dict_counts_from_the_current_folder() {
        let file = |folder: &str, path: &str| ScmSpec {
            source: ScmSource::File { folder: folder.into() },
            wanted: Wanted::Files(vec![path.to_owned()]),
        };
        assert_eq!(resolved("comps.xml".into()).unwrap(), file("/etc/compose", "comps.xml"));
        let dict = serde_json::json!({"scm": "file", "repo": "", "file": "comps.xml"});
        assert_eq!(resolved(dict).unwrap(), file("/home/me", "comps.xml"));
        let dict = serde_json::json!({"scm": "file", "file": "comps.xml"});
        assert_eq!(resolved(dict).unwrap(), file("/home/me", "comps.xml"), "a missing repo is as good as an empty one");
    }

    #[test]
    fn git_repositories_are_addresses_and_have_a_branch() {
        let git = |repo: &str| match resolved(serde_json::json!({"scm": "git", "repo": repo, "dir": "d"})).unwrap().source {
            ScmSource::Git { repository, branch, .. } => (repository, branch),
            other => panic!("{other:?}"),
        };
        assert_eq!(git("/srv/r.git"), ("file:///srv/r.git".to_owned(), "master".to_owned()));
        assert_eq!(git("r.git").0, "file:///home/me/r.git");
        assert_eq!(git("git+https://git.example/r").0, "https://git.example/r");
        assert_eq!(git("me@git.example:r").0, "me@git.example:r");
    }

    #[test]
    fn what_is_not_read_yet_or_makes_no_sense_is_an_error() {
        for (value, expected) in [
            (serde_json::json!({"scm": "cvs", "repo": "r", "file": "f"}), "charmer does not read scm 'cvs' yet"),
            (serde_json::json!({"scm": "koji", "repo": "r", "file": "f"}), "charmer does not read scm 'koji' yet"),
            (serde_json::json!({"scm": "file", "repo": "/x", "file": "f"}), "takes no repo"),
            (serde_json::json!({"scm": "git", "file": "f"}), "needs a repo"),
            (serde_json::json!({"scm": "rpm", "file": "f"}), "needs a repo"),
            (serde_json::json!({"scm": "rpm", "repo": "https://x/y.rpm", "file": "f"}), "from URLs yet"),
            (serde_json::json!({"scm": "git", "repo": "--upload-pack=x", "file": "f"}), "begin with a dash"),
            (serde_json::json!({"scm": "file", "repo": ""}), "neither which file nor which dir"),
            (serde_json::json!({"file": "f"}), "no scm"),
        ] {
            let error = resolved(value.clone()).unwrap_err().to_string();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }
}
