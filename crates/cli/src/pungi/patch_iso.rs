//! `pungi-patch-iso`: an ISO image with other files on it.

use std::path::PathBuf;

use charmer_compose::images::optical::patch::{Patch, patch};
use charmer_compose::tools::Runner;
use clap::Parser;
use tokio_util::sync::CancellationToken;

use super::Execute;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// Make an ISO image of another one, with the files of folders put on it.
#[derive(Debug, Parser)]
#[command(name = "pungi-patch-iso", version)]
pub(super) struct Arguments {
    /// Say what is done.
    #[arg(short, long)]
    verbose: bool,
    /// Whether the image is of a supported release; as the source says if it is not given.
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    supported: Option<bool>,
    /// The volume id; that of the source if it is not given.
    #[arg(long, value_name = "ID")]
    volume_id: Option<String>,
    /// The arch; what the source says of itself if it is not given.
    #[arg(long, value_name = "ARCH")]
    force_arch: Option<String>,
    /// Where files are unpacked for a while.
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// The image to make.
    target: PathBuf,
    /// The image to begin with.
    source: PathBuf,
    /// Folders whose files go on the image; a file replaces what was at its path.
    #[arg(value_name = "GRAFT_DIR", required = true)]
    dirs: Vec<PathBuf>,
}

impl Execute for Arguments {
    fn execute(self, environment: &Environment) -> Result<Exit, Failure> {
        let folder = match &self.work_dir {
            Some(work_dir) => tempfile::tempdir_in(work_dir)?,
            None => tempfile::tempdir()?,
        };
        let absolute = |path: PathBuf| std::path::absolute(path);
        let source = absolute(self.source)?;
        let date = match environment.source_date_epoch {
            Some(date) => date,
            None => modified(&source)?,
        };
        let wanted = Patch {
            source,
            target: absolute(self.target)?,
            folders: self.dirs.into_iter().map(absolute).collect::<Result<_, _>>()?,
            is_supported: self.supported,
            volume_id: self.volume_id,
            arch: self.force_arch,
            work: folder.path().join("image"),
            date,
        };
        let log = folder.path().join("log");
        let runner = Runner::new(log.clone(), folder.path().to_owned(), environment.path.clone(), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let patched = runtime.block_on(patch(&runner, &wanted));
        if self.verbose
            && let Ok(log) = fs_err::read_to_string(log)
        {
            output::say(&log);
        }
        let patched = patched.map_err(|error| Failure::doomed(error.to_string()))?;
        if patched.arch.is_none() {
            output::say("no machine starts from the image: nothing on it says for which arch it is; see --force-arch\n");
        }
        Ok(Exit::Finished)
    }
}

/// When a file was written, in seconds since 1970.
fn modified(path: &std::path::Path) -> std::io::Result<i64> {
    let since = fs_err::metadata(path)?.modified()?.duration_since(std::time::UNIX_EPOCH);
    Ok(since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
}
