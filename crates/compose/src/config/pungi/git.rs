//! What is asked of git repositories before a compose begins: a branch in a URL becomes the commit it names, once for the whole
//! compose, and files are fetched that say what the compose is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::scm::{self, Fetching, ScmError, ScmProblem, ScmSpec};
use crate::tools::{Command, Runner};

/// How long a repository that does not answer is asked again, and how often.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(30);

pub trait References {
    /// The lines of `git ls-remote URL REFERENCE`.
    fn list(&mut self, repository: &str, reference: &str) -> Result<String, String>;

    /// Brings a file into a folder, from a git repository or from wherever else, and says where it lies.
    fn fetch(&mut self, file: &ScmSpec, folder: &Path) -> Result<PathBuf, ScmError>;
}

/// Asks the repositories; each answer is kept.
#[derive(Debug)]
pub struct Remote {
    runner: Runner,
    runtime: tokio::runtime::Runtime,
    known: HashMap<(String, String), Result<String, String>>,
}

impl Remote {
    /// The runtime is its own: it must be used outside of asynchronous code.
    pub fn new(runner: Runner, runtime: tokio::runtime::Runtime) -> Self {
        Self { runner, runtime, known: HashMap::new() }
    }

    async fn ask(runner: &Runner, repository: &str, reference: &str) -> Result<String, String> {
        // Two dashes, so that no URL is taken for an option.
        let command = Command::new("git").args(["ls-remote", "--", repository, reference]).env("GIT_TERMINAL_PROMPT", "0");
        let command = command.timeout(PATIENCE);
        let mut waited = Duration::ZERO;
        loop {
            match runner.run(&command).await {
                Ok(finished) => return Ok(finished.text()),
                Err(error) if waited >= PATIENCE => return Err(error.to_string()),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
            waited += PAUSE;
        }
    }
}

impl References for Remote {
    fn list(&mut self, repository: &str, reference: &str) -> Result<String, String> {
        let (runner, runtime) = (&self.runner, &self.runtime);
        let key = (repository.to_owned(), reference.to_owned());
        self.known.entry(key).or_insert_with(|| runtime.block_on(Self::ask(runner, repository, reference))).clone()
    }

    fn fetch(&mut self, file: &ScmSpec, folder: &Path) -> Result<PathBuf, ScmError> {
        let (clones, target) = (folder.join("clones"), folder.join("fetched"));
        let fetching = Fetching { runner: &self.runner, work: &clones, composed: &[] };
        let files = self.runtime.block_on(scm::fetch(file, &fetching, &target))?;
        let first = files.first().ok_or_else(|| ScmError::new(file, ScmProblem::NothingFound))?;
        Ok(target.join(first))
    }
}

/// `scheme://host/path?#REF` with the commit in the place of `HEAD` or `origin/BRANCH`; any other URL stays as it is.
pub(super) fn resolve_url(url: &str, references: &mut dyn References) -> Result<String, String> {
    let Some((address, reference)) = url.rsplit_once('#') else { return Ok(url.to_owned()) };
    let reference = match reference.strip_prefix("origin/") {
        Some(branch) => format!("refs/heads/{branch}"),
        None if reference == "HEAD" => reference.to_owned(),
        None => return Ok(url.to_owned()),
    };
    let repository = address.strip_suffix('?').unwrap_or(address);
    let commit = commit_of(repository.strip_prefix("git+").unwrap_or(repository), &reference, references)?;
    Ok(format!("{address}#{commit}"))
}

/// The commit that a branch of a repository is at; a commit is itself.
pub(super) fn resolve_branch(repository: &str, branch: &str, references: &mut dyn References) -> Result<String, String> {
    if branch.len() == 40 && branch.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(branch.to_owned());
    }
    let reference = if branch == "HEAD" { branch.to_owned() } else { format!("refs/heads/{branch}") };
    commit_of(repository.strip_prefix("git+").unwrap_or(repository), &reference, references)
}

fn commit_of(repository: &str, reference: &str, references: &mut dyn References) -> Result<String, String> {
    let listed = references.list(repository, reference).map_err(|error| format!("Failed to resolve URL: {error}"))?;
    let commits: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    match commits.as_slice() {
        [commit] => Ok((*commit).to_owned()),
        [] => Err("Failed to resolve URL: ref does not exist in remote repo".to_owned()),
        _ => Err(format!("Failed to resolve URL: {reference} names {} refs of the remote repo", commits.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Recorded(&'static str, Vec<(String, String)>);

    impl References for Recorded {
        fn list(&mut self, repository: &str, reference: &str) -> Result<String, String> {
            self.1.push((repository.to_owned(), reference.to_owned()));
            Ok(self.0.to_owned())
        }

        fn fetch(&mut self, file: &ScmSpec, _: &Path) -> Result<PathBuf, ScmError> {
            Err(ScmError::new(file, ScmProblem::NothingFound))
        }
    }

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    #[test]
    fn references_become_commits_and_commits_stay() {
        let mut answers = Recorded("0123456789012345678901234567890123456789\tHEAD\n", Vec::new());
        let resolve = |url: &str, answers: &mut Recorded| resolve_url(url, answers).unwrap();
        let resolved = resolve("git+https://git.example/r.git?#HEAD", &mut answers);
        assert_eq!(resolved, format!("git+https://git.example/r.git?#{COMMIT}"));
        assert_eq!(resolve("https://git.example/r.git#origin/f39", &mut answers), format!("https://git.example/r.git#{COMMIT}"));
        assert_eq!(resolve("https://git.example/r.git?#v1", &mut answers), "https://git.example/r.git?#v1");
        assert_eq!(resolve_branch("r", COMMIT, &mut answers).unwrap(), COMMIT);
        let asked: Vec<(&str, &str)> = answers.1.iter().map(|(one, other)| (one.as_str(), other.as_str())).collect();
        assert_eq!(asked, [("https://git.example/r.git", "HEAD"), ("https://git.example/r.git", "refs/heads/f39")]);
    }

    #[test]
    fn no_match_and_many_are_errors() {
        let error = resolve_branch("r", "main", &mut Recorded("", Vec::new())).unwrap_err();
        assert_eq!(error, "Failed to resolve URL: ref does not exist in remote repo");
        assert!(resolve_branch("r", "main", &mut Recorded("a x\nb y\n", Vec::new())).is_err());
    }
}
