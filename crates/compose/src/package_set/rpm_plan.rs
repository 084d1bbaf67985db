//! Jobs of the phase pkgset in composes of RPM packages.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmer_packages::rpm::comps::Comps;

use crate::config::RpmConfig;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Phase, Weight};
use crate::init::CompsFiles;

use super::rpm_set::{RpmSet, RpmSetError, WantedOfArch, collect};

/// Adds the job that reads the package set. It is done in each run; what follows is done again only when packages are others.
pub fn plan(graph: &mut Graph, config: &Arc<RpmConfig>, comps: Handle<CompsFiles>) -> Handle<RpmSet> {
    let job = Job::new(Phase::Pkgset, "").spec(&config.package_set).weight(Weight::new(2, 512)).estimate(5.0);
    let config = config.clone();
    graph.add_held(job, comps, move |context, comps| {
        let config = config.clone();
        async move { context.clone().blocking(move || read_set(&context, &config, &comps)).await }
    })
}

fn read_set(context: &JobContext, config: &RpmConfig, comps: &CompsFiles) -> Result<RpmSet, JobError> {
    let mut wanted = BTreeMap::new();
    for (arch, spec) in &config.package_set.arches {
        wanted.insert(arch.clone(), WantedOfArch { spec, comps: read_comps(context, comps.of_arch(arch))? });
    }
    let set = collect(&config.package_set, &wanted, config.repositories.checksum)?;
    let path = context.layout.path("logs/global/excluding-arch.global.log");
    fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
    let lines = set.excluded.iter().fold(String::new(), |text, line| text + "[INFO    ] " + line + "\n");
    crate::files::write_whole(&path, lines.as_bytes())?;
    context.message(format!("{} packages", set.packages.len()));
    Ok(set)
}

/// The groups in one of the compose's comps files.
pub fn read_comps(context: &JobContext, file: Option<&crate::engine::OutputFile>) -> Result<Option<Comps>, JobError> {
    let Some(file) = file else { return Ok(None) };
    let path = context.layout.path(&file.path);
    Comps::parse(&fs_err::read(&path)?).map(Some).map_err(|error| JobError::new(format!("{}: {error}", path.display())))
}

impl From<RpmSetError> for JobError {
    fn from(error: RpmSetError) -> Self {
        let hint = match &error {
            RpmSetError::Repository { .. } | RpmSetError::NoRepository(_) | RpmSetError::Remote(_) => {
                Some("see pkgset_repos in the configuration")
            }
            RpmSetError::Other { .. } | RpmSetError::Contradiction { .. } => {
                Some("make the metadata of the repository anew, or take one of the packages away")
            }
            _ => None,
        };
        let job_error = Self::caused(&error);
        match hint {
            Some(hint) => job_error.hint(hint),
            None => job_error,
        }
    }
}
