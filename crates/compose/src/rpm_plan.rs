//! The whole compose of RPM packages: from the frozen configuration to the graph of all jobs. Nothing is done here.
//!
//! ```text
//!                      ┌─► lock
//! comps ─► pkgset ─► gather ─► shares ─► packages ─► createrepo ─► tree ─► createiso ─► image-checksum ─┐
//!                                           ├─► repoclosure ─► closed ◄──────────────────────────────────┤
//!                                           └─► rpms, modules      └─► composeinfo, images ◄─────────────┘
//! ```

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::RpmConfig;
use crate::engine::{Graph, NothingSelected, Part, Phase};
use crate::gather::rpm::LookasideCycle;
use crate::images::optical::run_values;
use crate::images::rpm_plan::{IsoInputs, Spec};
use crate::images::{RequiredProgram, optical};
use crate::metadata::ComposeRecord;
use crate::metadata::rpm_plan::Described;
use crate::package_set::rpm_plan::RpmSource;
use crate::repositories::rpm_plan::RepositorySettings;
use crate::services::Services;
use crate::{checks, extra_files, gather, images, init, metadata, package_set, repositories};

/// What a plan depends on, beside the configuration.
#[derive(Debug, Clone)]
pub struct RpmWanted {
    pub compose: ComposeRecord,
    pub packages: RpmSource,
    /// Media are marked as supported.
    pub supported: bool,
    /// As the environment gave it.
    pub source_date_epoch: Option<i64>,
    /// When the compose was started, in seconds since 1970.
    pub started: i64,
    /// The folder of the finished compose that deltas of packages are made against.
    pub delta_base: Option<PathBuf>,
    pub part: Part,
}

/// Why there is no plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoPlan {
    #[error(transparent)]
    Selection(#[from] NothingSelected),
    #[error(transparent)]
    Cycle(#[from] LookasideCycle),
    #[error("media_checksums: images.json needs at least one checksum of each image: name md5, sha1, sha256 or sha512")]
    NoChecksums,
}

/// The graph of a compose.
pub fn plan(config: &Arc<RpmConfig>, wanted: &RpmWanted, services: &Arc<Services>) -> Result<Graph, NoPlan> {
    let mut graph = Graph::default();
    let config =
        &Arc::new(RpmConfig { skip: config.skip.iter().chain(&wanted.part.skip).copied().collect(), ..(**config).clone() });
    let RpmWanted { compose, packages: source, source_date_epoch, .. } = wanted;
    let run = run_values(compose, (&config.release.short, &config.release.version));

    let comps = init::plan::plan(&mut graph, config, &compose.id);
    let mirrored = package_set::rpm_plan::plan_mirrors(&mut graph, config, source, services, &compose.id);
    let set = package_set::rpm_plan::plan(&mut graph, config, source, services, comps, mirrored);
    let gathered = gather::rpm_plan::plan(&mut graph, config, source, set, comps, mirrored)?;
    gather::rpm_lock::plan_lock(&mut graph, config, &compose.id, source, set, &gathered);
    let extras = repositories::rpm_extras::plan(&mut graph, config, &compose.id);
    let settings = RepositorySettings { source_date_epoch: *source_date_epoch, delta_base: wanted.delta_base.clone() };
    let trees = repositories::rpm_plan::plan(&mut graph, config, set, gathered.shares, comps, extras, &settings);
    metadata::rpm_plan::plan_packages(&mut graph, config, compose, set, gathered.shares, extras, &trees);
    let closures = checks::rpm_plan::plan(&mut graph, config, &compose.id, &trees, &gathered.lookasides);
    let extra_files = extra_files::plan::plan(&mut graph, config, set, &compose.id);
    let boot = images::lorax::plan::plan(&mut graph, config, set, comps, &run, wanted.supported);
    let descriptions = metadata::rpm_plan::plan_trees(&mut graph, config, &trees, &boot, *source_date_epoch, wanted.started);
    let isos = images::rpm_plan::plan(
        &mut graph,
        &IsoInputs {
            config,
            run: &run,
            is_supported: wanted.supported,
            compose_id: &compose.id,
            trees: &trees,
            descriptions: &descriptions,
            extra_files: &extra_files,
            boot: &boot,
        },
    );
    if config.media_checksums.kinds.is_empty() && !(isos.is_empty() && boot.is_empty()) {
        return Err(NoPlan::NoChecksums);
    }
    let folders = metadata::rpm_isos::plan_images(&mut graph, config, compose, &run, &isos, &boot);
    let shipped: Vec<_> = folders.iter().map(|(_, shipped)| *shipped).collect();
    let verdict = checks::rpm_plan::plan_verdict(&mut graph, closures, shipped.clone());
    let described = Described { verdict, folders: shipped, extra_files: &extra_files, trees: &trees };
    let described = metadata::rpm_plan::plan_compose(&mut graph, config, compose, &described);
    checks::rpm_plan::plan_images(&mut graph, config, &folders, described);

    graph.select(&wanted.part)?;
    Ok(graph)
}

/// The programs that jobs of the graph run.
pub fn required_programs(config: &RpmConfig, graph: &Graph) -> BTreeSet<RequiredProgram> {
    let phases: BTreeSet<Phase> = graph.jobs().iter().map(|planned| planned.job.phase).collect();
    let of_trees = config.isos.iter().filter(|_| phases.contains(&Phase::Createiso)).map(|spec| Spec::Tree(spec.clone()));
    let of_several = config.extra_isos.iter().filter(|_| phases.contains(&Phase::ExtraIsos));
    let specs = of_trees.chain(of_several.map(|extra| Spec::Extra(extra.spec.clone())));
    let lorax = phases.contains(&Phase::Buildinstall).then_some(images::lorax::PROGRAMS).into_iter().flatten().copied();
    let createrepo = repositories::createrepo_c::PROGRAM;
    let createrepo = Some(createrepo).filter(|it| graph.tools().contains(it.program));
    lorax
        .chain(createrepo)
        .chain(specs.flat_map(|spec| optical::required_programs(spec.volume(), spec.arch(), matches!(spec, Spec::Tree(_)))))
        .collect()
}
