//! The whole compose: from the frozen configuration to the graph of all jobs. Nothing is done here.
//!
//! ```text
//! index ─► pkgset ─► gather ─► lock          (udebs ─► installer ─► lock, fetch, where installers are made)
//!                      │        └───────────────────────────────────────────────► metadata
//!                      ├─► repoclosure                                               ▲
//!                      └─► fetch ─► createrepo ─► tree ─► rootfs ─► image ─► test ─► image-checksum
//!                                       │             │         └─► ostree ─► test ─► ostree-repository
//!                                       │             └─► createiso ─────────^
//!                                       └─► test
//! ```

use std::sync::Arc;

use crate::config::Config;
use crate::engine::{Graph, NothingSelected, Part, Phase};
use crate::metadata::ComposeRecord;
use crate::metadata::plan::Described;
use crate::package_set::plan::PackageSource;
use crate::services::Services;
use crate::{checks, gather, images, metadata, package_set, registry, repositories};

/// What a plan depends on, beside the configuration.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub compose: ComposeRecord,
    pub packages: PackageSource,
    /// As the environment gave it.
    pub source_date_epoch: Option<i64>,
    /// When the compose was started, in seconds since 1970.
    pub started: i64,
    pub part: Part,
}

/// The graph of a compose.
pub fn plan(config: &Arc<Config>, wanted: &Wanted, services: &Arc<Services>) -> Result<Graph, NothingSelected> {
    let mut graph = Graph::default();
    let Wanted { compose, packages: source, source_date_epoch, .. } = wanted;

    let packages = package_set::plan::plan(&mut graph, config, source, services, &compose.id);
    let selections = gather::plan::plan(&mut graph, config, &packages);
    let date = gather::plan::plan_date(&mut graph, &packages, source, *source_date_epoch, wanted.started);
    let installers = gather::installer::plan(&mut graph, config, &packages, &selections);
    let lock = gather::plan::plan_lock(&mut graph, config, &packages, (&selections, &installers), date, source);
    checks::plan::plan_packages(&mut graph, config, &selections);
    let repositories = repositories::plan::plan(&mut graph, config, services, (&selections, &installers), date);
    checks::plan::plan_repositories(&mut graph, config, services, &repositories, date);
    let forms = images::plan::plan(&mut graph, config, services, &repositories, &selections, *source_date_epoch);
    // An image that is not started is shipped all the same.
    let boots = !wanted.part.skip.contains(&Phase::Boot);
    let images = checks::plan::plan_images(&mut graph, config, services, forms.images, &selections, boots);
    let commits = checks::commits::plan_commits(&mut graph, config, forms.commits, &selections);
    let ostree = images::ostree::plan::plan_repository(&mut graph, config, services, &commits, date);
    let folders = metadata::plan::plan_images(&mut graph, config, services, compose, &images, date);
    let described = metadata::plan::plan(
        &mut graph,
        config,
        compose,
        &selections,
        &repositories,
        services,
        Described { lock, date, folders, ostree },
    );
    package_set::recheck::plan_recheck(&mut graph, config, &packages, services, described);
    registry::plan::plan(&mut graph, config, services, compose, &images);

    graph.select(&wanted.part)?;
    Ok(graph)
}
