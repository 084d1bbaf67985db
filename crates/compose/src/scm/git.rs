//! A clone of a git repository at one branch, tag or commit, with as little history as the server allows.

use std::path::Path;
use std::time::Duration;

use super::ScmProblem;
use crate::tools::{Command, Runner, ToolError};

/// Between attempts to reach a repository that does not answer. A compose is better told early than late.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// Clones into an empty folder.
pub(super) async fn clone(runner: &Runner, repository: &str, branch: &str, folder: &Path) -> Result<(), ScmProblem> {
    let git = |arguments: &[&str]| git(folder).args(arguments);
    runner.run(&git(&["init", "--quiet", "--initial-branch=charmer"])).await?;
    let fetch = git(&["fetch", "--quiet", "--depth=1", "--", repository, branch]);
    if runner.run(&fetch).await.is_ok() {
        runner.run(&git(&["checkout", "--quiet", "FETCH_HEAD", "--"])).await?;
        return Ok(());
    }
    // Not every server gives single commits: the whole history has it.
    runner.run(&git(&["remote", "add", "origin", repository])).await?;
    with_retries(runner, &git(&["remote", "update", "origin"])).await?;
    runner.run(&git(&["checkout", "--quiet", branch, "--"])).await?;
    Ok(())
}

/// Runs the command that a configuration gives for its clone. A shell reads it, because it is written for one.
pub(super) async fn run_in_clone(runner: &Runner, command: &str, folder: &Path) -> Result<(), ToolError> {
    runner.run(&Command::new("sh").args(["-c", command]).folder(folder)).await.map(drop)
}

async fn with_retries(runner: &Runner, command: &Command) -> Result<(), ScmProblem> {
    for pause in PAUSES {
        if runner.run(command).await.is_ok() {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = runner.cancel.cancelled() => return Err(ScmProblem::Cancelled),
        }
    }
    Ok(runner.run(command).await.map(drop)?)
}

fn git(folder: &Path) -> Command {
    // Nobody is there to answer, and the user's own settings must not change what is fetched.
    Command::new("git").folder(folder).env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1")
}
