//! The job of a disk that another program makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::DiskSpec;
use super::super::ids::Ids;
use super::{Ingredients, build, digest_of};
use crate::config::Config;
use crate::config::resolved::ImageSpec;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Weight};
use crate::images::plan::{composed_in, described, phase_of, places_of, runner, scope_of, variants_below, write_keyring};
use crate::images::{ImageKind, ImageSet};
use crate::repositories::plan::{Tree, VariantRepository};
use crate::services::Services;

/// Adds the job of an image of this kind.
pub(in crate::images) fn plan_backend(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    repositories: &BTreeMap<String, VariantRepository>,
    (image, disk): (&ImageSpec, DiskSpec),
    source_date_epoch: Option<i64>,
) -> Handle<Option<ImageSet>> {
    let programs: Vec<_> = disk.programs().iter().map(|program| program.program).collect();
    // A changed configuration makes another disk; what cannot be read is told before anything begins.
    let configuration = disk.backend.as_ref().and_then(|backend| digest_of(&backend.configuration).ok());
    let job = Job::new(phase_of(image), scope_of(image))
        .spec(&(image, &disk, configuration, &config.signing, source_date_epoch))
        .tools(&programs)
        .weight(Weight::new(2, 1024))
        .estimate(180.0)
        .writes_much()
        .failable(image.failable);
    let below = variants_below(config, &image.variant);
    let trees: Vec<_> = below.map(|variant| repositories[&variant.name].trees[&image.arch].required()).collect();
    let (services, image) = (services.clone(), image.clone());
    graph.add_deliverable(job, trees, move |context, trees: Vec<Tree>| {
        let (services, image, disk) = (services.clone(), image.clone(), disk.clone());
        async move { make(&context, &services, (&image, disk), &trees, source_date_epoch).await }
    })
}

async fn make(
    context: &JobContext,
    services: &Services,
    (image, disk): (&ImageSpec, DiskSpec),
    trees: &[Tree],
    source_date_epoch: Option<i64>,
) -> Result<ImageSet, JobError> {
    let newest = trees.iter().map(|tree| tree.newest).max().unwrap_or_default();
    let epoch = source_date_epoch.unwrap_or(newest);
    let repositories: Vec<_> = trees.iter().map(|tree| composed_in(&context.layout, tree)).collect();
    let keyring = write_keyring(context, services).await?;
    let ids = Ids::of(&disk.identity, epoch);
    let ingredients = Ingredients {
        spec: disk.backend.as_ref().expect("it is planned for a backend"),
        ids: &ids,
        repositories: &repositories,
        compose: context.layout.root(),
        keyring: keyring.as_deref(),
        epoch,
        configuration: context.work().join("configuration"),
        work: context.work(),
    };
    let kind = ImageKind::Disk(Box::new(disk.clone()));
    let (paths, outputs) = places_of(context, image, &kind.file_extensions());
    if let Some(folder) = outputs.first().and_then(|output| output.parent()) {
        fs_err::create_dir_all(folder)?;
    }
    let (built, installed) = build(&runner(context, image), &disk, &ingredients, &outputs).await?;
    described(image, &kind, paths, built, (&installed, epoch))
}
