//! Jobs of the phase init.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::RpmConfig;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Phase};
use crate::scm::{self, Fetching, ScmError, ScmSpec};

use super::{CompsError, CompsFiles, write_comps};

/// Adds the job that makes the comps files; a configuration without comps has none.
pub fn plan(graph: &mut Graph, config: &Arc<RpmConfig>, compose_id: &str) -> Handle<CompsFiles> {
    let job = Job::named("comps", Phase::Init, "")
        .spec(&(&config.variants, config.filter_environments))
        .of_compose(&(compose_id, &config.comps));
    let config = config.clone();
    graph.add(job, (), move |context, ()| {
        let config = config.clone();
        async move {
            let Some(source) = &config.comps else { return Ok(CompsFiles { files: Vec::new() }) };
            let file = fetch_file(&context, source).await?;
            let root = context.layout.root().to_owned();
            let (files, findings) = context.blocking(move || Ok(write_comps(&config, &file, &root)?)).await?;
            for finding in findings {
                context.finding(finding);
            }
            Ok(files)
        }
    })
}

/// Fetches what is one file, and gives the file.
async fn fetch_file(context: &JobContext, source: &ScmSpec) -> Result<PathBuf, JobError> {
    let (clones, folder) = (context.work().join("clones"), context.work().join("fetched"));
    let fetching = Fetching { runner: &context.runner, work: &clones, composed: &[] };
    let files = scm::fetch(source, &fetching, &folder).await?;
    let file = files.first().ok_or_else(|| JobError::new("nothing was fetched"))?;
    Ok(folder.join(file))
}

impl From<ScmError> for JobError {
    fn from(error: ScmError) -> Self {
        Self::caused(&error)
    }
}

impl From<CompsError> for JobError {
    fn from(error: CompsError) -> Self {
        Self::caused(&error).hint("see comps_file in the configuration")
    }
}
