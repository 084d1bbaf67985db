//! Jobs that look at OSTree commits: that each is whole, and holds what the lock says.

use std::sync::Arc;

use crate::config::Config;
use crate::engine::{Graph, Job, Phase};
use crate::finding::Severity;
use crate::gather::Selection;
use crate::gather::plan::Selections;
use crate::images::installed_in_status;
use crate::images::ostree::plan::{MadeCommit, PlannedCommit};
use crate::images::ostree::{self, tree};
use crate::images::plan::variants_below;
use crate::package_set::lock::LockedPackage;
use crate::tools::Command;

use super::image::{UnreadableImage, image_equals_lock};

/// Adds the jobs. What follows takes the commits that these give: one that fails is absent there.
pub fn plan_commits(
    graph: &mut Graph,
    config: &Arc<Config>,
    commits: Vec<PlannedCommit>,
    selections: &Selections,
) -> Vec<PlannedCommit> {
    let plan = |planned: PlannedCommit| {
        let spec = &planned.spec;
        let job = Job::new(Phase::Test, format!("{}.{}.{}", spec.variant, spec.arch, spec.name))
            .spec(&config.checks)
            .tools(&["ostree"])
            .estimate(5.0)
            .failable(spec.failable);
        let below = variants_below(config, &spec.variant);
        let below: Vec<_> = below.map(|variant| selections[&(variant.name.clone(), spec.arch.clone())].required()).collect();
        let severity = config.checks.image_equals_lock;
        let inputs = (planned.made.required(), below);
        let made =
            graph.add_deliverable(job, inputs, move |context, (made, selections): (MadeCommit, Vec<Selection>)| async move {
                let repository = context.layout.path(&made.repository);
                ostree::check(&context.runner, &repository).await?;
                if severity != Severity::Off {
                    let command = Command::new("ostree")
                        .args(["cat", &format!("--repo={}", repository.display()), &made.commit.checksum.to_string()])
                        .arg(format!("/{}", tree::STATUS));
                    let status = context.runner.run(&command).await?.stdout;
                    let installed = installed_in_status(&status).map_err(UnreadableImage::from)?;
                    let locked: Vec<&LockedPackage> = selections
                        .iter()
                        .flat_map(|selection| &selection.packages)
                        .map(|selected| selected.package.as_ref())
                        .collect();
                    let scope = format!("{}.{}", made.variant, made.arch);
                    context.report(image_equals_lock(&installed, locked, severity, &scope, &made.commit.reference))?;
                }
                Ok(made)
            });
        PlannedCommit { made, ..planned }
    };
    commits.into_iter().map(plan).collect()
}
