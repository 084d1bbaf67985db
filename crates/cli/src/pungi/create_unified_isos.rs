//! `pungi-create-unified-isos`: ISO images of a finished compose, each of all variants of an arch.

use std::path::PathBuf;

use charmer_compose::images::unified::{FinishedCompose, Wanted, unify};
use charmer_compose::session::folder::ProcessLock;
use charmer_compose::tools::Runner;
use clap::Parser;
use tokio_util::sync::CancellationToken;

use super::Execute;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// Make ISO images of a finished compose: for each arch one of all variants, one of their debug packages, and one of all sources.
#[derive(Debug, Parser)]
#[command(name = "pungi-create-unified-isos", version)]
pub(super) struct Arguments {
    /// The folder of the compose.
    compose: PathBuf,
    /// Only for this arch, or `src` for sources; may be repeated.
    #[arg(long = "arch", value_name = "ARCH")]
    arches: Vec<String>,
}

impl Execute for Arguments {
    fn execute(self, environment: &Environment) -> Result<Exit, Failure> {
        let failed = |error: charmer_compose::images::unified::UnifiedError| Failure::doomed(error.to_string());
        let finished = FinishedCompose::read(&std::path::absolute(self.compose)?).map_err(failed)?;
        let _lock = ProcessLock::take(&finished.layout).map_err(|error| Failure::doomed(error.to_string()))?;
        let parent = finished.layout.path("work");
        fs_err::create_dir_all(&parent)?;
        let work = tempfile::Builder::new().prefix("unified_isos_").tempdir_in(parent)?;
        let log = finished.layout.path("logs/global/unified-isos.log");
        fs_err::create_dir_all(finished.layout.path("logs/global"))?;
        let runner = Runner::new(log, work.path().to_owned(), environment.path.clone(), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let wanted = Wanted { arches: self.arches, date: environment.source_date_epoch };
        let unified = runtime.block_on(unify(&runner, &finished, &wanted, work.path())).map_err(failed)?;
        unified.warnings.iter().for_each(|warning| output::say(warning));
        output::print(&unified.images.iter().fold(String::new(), |text, image| text + image + "\n"))?;
        Ok(Exit::Finished)
    }
}
