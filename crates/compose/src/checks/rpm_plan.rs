//! Jobs of the phase repoclosure in composes of RPM packages.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmer_packages::rpm::arch;
use charmer_packages::rpm::package::Package;
use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::config::rpm::{RpmVariant, Strictness};
use crate::engine::journal::write_durably;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, Phase, Weight};
use crate::finding::{Finding, Severity};
use crate::gather::rpm_plan::Lookasides;
use crate::layout::Layout;
use crate::metadata::rpm_isos::{FolderKey, ShippedIsos};
use crate::metadata::rpm_plan::WrittenFiles;
use crate::repositories::rpm_plan::{TreePackages, VariantTrees};

use super::first_blocks::{FirstBlocks, ListedIso, sanity, size};
use super::repoclosure::{ClosureRepository, RepoClosure, repoclosure};

/// How the packages of one variant and arch are closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Set if it dooms the compose: what is wrong.
    pub fatal: Option<String>,
}

impl Output for Closure {}

/// Adds a job for each variant and arch whose packages are to be closed.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    compose_id: &str,
    trees: &BTreeMap<String, VariantTrees>,
    lookasides: &BTreeMap<(String, String), Handle<Lookasides>>,
) -> Vec<Handle<Closure>> {
    let mut closures = Vec::new();
    if config.is_skipped(Phase::Repoclosure) || config.is_skipped(Phase::Createrepo) {
        return closures;
    }
    for variant in &config.variants {
        let Some(own) = trees.get(variant.uid()) else { continue };
        for (arch, tree) in &variant.trees {
            if tree.repoclosure == Strictness::Off {
                continue;
            }
            let checked = Checked::new(variant, arch, compose_id, tree.repoclosure, !tree.gather.multilib.is_empty());
            let parent = variant.identity.parent.as_deref().and_then(|parent| trees.get(parent)?.arches.get(arch));
            let parent: Vec<_> = parent.iter().map(|trees| trees.binary).collect();
            let lookaside: Vec<_> = lookasides.get(&(variant.uid().to_owned(), arch.clone())).copied().into_iter().collect();
            let job = Job::new(Phase::Repoclosure, format!("{}.{arch}", variant.uid()))
                .spec(&(tree.repoclosure, &checked.arches))
                .of_compose(&checked.id)
                .weight(Weight::new(1, 64));
            closures.push(graph.add(
                job,
                (own.arches[arch].binary, parent, lookaside),
                move |context, (own, parent, lookaside)| {
                    let checked = checked.clone();
                    async move { context.clone().blocking(move || checked.check(&context, &own, &parent, &lookaside)).await }
                },
            ));
        }
    }
    closures
}

/// Adds a job for each folder of images that looks at them, once the compose is described: what fails here can be looked up there.
pub fn plan_images(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    folders: &[(FolderKey, Handle<ShippedIsos>)],
    described: Handle<WrittenFiles>,
) {
    if config.is_skipped(Phase::Test) {
        return;
    }
    for ((variant, arch), shipped) in folders {
        let limits = config.size_limits.get(variant).cloned().unwrap_or_default();
        let arches = config.variant(variant).map(|variant| variant.identity.arches.clone()).unwrap_or_default();
        let listed = if arch == "src" { arches } else { vec![arch.clone()] };
        let job = Job::new(Phase::Test, format!("{variant}.{arch}")).spec(&limits).weight(Weight::NONE).estimate(0.1);
        graph.add(job, (*shipped, described), move |context, (shipped, _)| {
            let (limits, listed) = (limits.clone(), listed.clone());
            async move {
                let mut findings = Vec::new();
                for image in &shipped.images {
                    let blocks = FirstBlocks::read(&context.layout.path(&image.path))?;
                    for arch in &listed {
                        let scope = format!("{}.{arch}", image.variant);
                        let iso = ListedIso {
                            scope: &scope,
                            path: Layout::shipped(&image.path),
                            arch: &image.arch,
                            size: image.iso.file.size,
                            bootable: image.iso.bootable,
                        };
                        findings.extend(sanity(iso, &blocks));
                        findings.extend(size(iso, limits.get(arch).copied().unwrap_or_default(), image.max_size));
                    }
                }
                let count = findings.len() as u64;
                context.report(findings)?;
                Ok(super::plan::Passed { findings: count })
            }
        });
    }
}

/// Adds the job that ends the compose if packages are not closed that must be. It waits for what is made meanwhile, so that there is
/// something to look at.
pub fn plan_verdict<T: Send + Sync + 'static>(
    graph: &mut Graph,
    closures: Vec<Handle<Closure>>,
    after: Vec<Handle<T>>,
) -> Handle<Closure> {
    let job = Job::named("closed", Phase::Metadata, "").weight(Weight::NONE).estimate(0.1);
    graph.add(job, (closures, after), |_, (closures, _)| async move {
        let fatal: Vec<String> = closures.iter().filter_map(|closure| closure.fatal.clone()).collect();
        if fatal.is_empty() { Ok(Closure { fatal: None }) } else { Err(JobError::new(fatal.join("\n"))) }
    })
}

fn packages_of(tree: &TreePackages) -> Vec<&Package> {
    tree.listed().into_iter().map(|listed| listed.package).collect()
}

/// What is checked, and how it is called.
#[derive(Debug, Clone)]
struct Checked {
    scope: String,
    /// Of the repository, as dnf would be told.
    id: String,
    log: String,
    arches: Vec<String>,
    strictness: Strictness,
}

impl Checked {
    fn new(variant: &RpmVariant, tree_arch: &str, compose_id: &str, strictness: Strictness, multilib: bool) -> Self {
        let scope = format!("{}.{tree_arch}", variant.uid());
        let package_arch = arch::of_tree(tree_arch);
        let arches = if multilib { arch::compatible(package_arch) } else { arch::native(package_arch) };
        Self {
            id: format!("{compose_id}-repoclosure-{scope}"),
            log: format!("logs/{tree_arch}/repoclosure-{scope}.log"),
            arches: arches.into_iter().map(str::to_owned).collect(),
            scope,
            strictness,
        }
    }

    fn check(
        &self,
        context: &JobContext,
        own: &TreePackages,
        parent: &[Arc<TreePackages>],
        lookaside: &[Arc<Lookasides>],
    ) -> Result<Closure, JobError> {
        let checked = ClosureRepository { id: &self.id, packages: packages_of(own) };
        let parents = parent.iter().map(|tree| ClosureRepository { id: "parent", packages: packages_of(tree) });
        let lookasides = lookaside.iter().map(|lookaside| ClosureRepository { id: "lookaside", packages: lookaside.binaries() });
        let others: Vec<_> = parents.chain(lookasides).collect();
        let arches: Vec<&str> = self.arches.iter().map(String::as_str).collect();
        let closure = repoclosure(&checked, &others, &arches);
        write_durably(&context.layout.path(&self.log), closure.to_string().as_bytes())?;
        Ok(Closure { fatal: self.report(context, &closure) })
    }

    fn report(&self, context: &JobContext, closure: &RepoClosure) -> Option<String> {
        let error = closure.error()?;
        let severity = if self.strictness == Strictness::Fatal { Severity::Fatal } else { Severity::Warn };
        for package in &closure.unresolved {
            context.finding(Finding {
                check: "repoclosure".to_owned(),
                severity,
                scope: self.scope.clone(),
                subject: package.package.clone(),
                message: format!("nothing provides {}", package.requirements.join(", ")),
                hint: None,
            });
        }
        (severity == Severity::Fatal)
            .then(|| format!("Repoclosure failed for {}: {error} All of it stands in {}", self.scope, self.log))
    }
}
