//! The job that makes the discs of a variant and an arch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::make::{Disc, Set};
use super::{DataIsoSpec, discs, order, programs};
use crate::config::Config;
use crate::config::resolved::{ImageSpec, Variant};
use crate::config::schema::images::DataIso;
use crate::config::schema::quantity::Size;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Phase, Weight};
use crate::gather::Selection;
use crate::gather::plan::Selections;
use crate::images::medium::volume_id;
use crate::images::plan::{runner, scope_of};
use crate::images::{DiscPlace, ImageSet};
use crate::layout::Layout;
use crate::package_set::lock::LockedPackage;
use crate::repositories::plan::{Tree, VariantRepository, named_after};
use crate::services::Services;

/// Adds the job of an image of this kind.
pub(in crate::images) fn plan_data_iso(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    inputs: (&BTreeMap<String, VariantRepository>, &Selections),
    (image, data): (&ImageSpec, &DataIso),
    source_date_epoch: Option<i64>,
) -> Handle<Option<ImageSet>> {
    let variant = config.variant(&image.variant).expect("the configuration was validated").clone();
    let spec = spec_of(config, &variant, image, data);
    let tools: Vec<_> = programs(spec.jigdo_url.is_some()).map(|program| program.program).collect();
    let seeds = variant.arch(&image.arch).map(|arch| arch.seeds.clone()).unwrap_or_default();
    let own = (image, &spec, &seeds, &variant.extra_files, &config.signing, source_date_epoch);
    let job = Job::new(Phase::Createiso, scope_of(image))
        .spec(&own)
        .tools(&tools)
        .weight(Weight::new(1, 256))
        .estimate(20.0)
        .writes_much()
        .failable(image.failable);
    let (repositories, selections) = inputs;
    let tree = repositories[&image.variant].trees[&image.arch].required();
    let selection = selections[&(image.variant.clone(), image.arch.clone())].required();
    let (services, image) = (services.clone(), image.clone());
    graph.add_deliverable(job, (tree, selection), move |context, (tree, selection): (Tree, Selection)| {
        let (services, image, spec, variant, seeds) =
            (services.clone(), image.clone(), spec.clone(), variant.clone(), seeds.clone());
        async move {
            let set = Set {
                spec: &spec,
                variant: &variant,
                arch: &image.arch,
                components: tree.components.clone(),
                epoch: source_date_epoch.unwrap_or(tree.newest),
                runner: runner(&context, &image),
            };
            make_set(&context, &services, &set, &image, &selection, &seeds).await
        }
    })
}

async fn make_set(
    context: &JobContext,
    services: &Services,
    set: &Set<'_>,
    image: &ImageSpec,
    selection: &Selection,
    seeds: &[String],
) -> Result<ImageSet, JobError> {
    let order = order::in_order(selection, seeds);
    let packages: Vec<_> = order.into_iter().map(|position| selection.packages[position].package.clone()).collect();
    let extra = size_of_extra_files(set.variant)?;
    let filled = discs::discs(&packages, set.spec.media_size, extra)?;
    let count = u32::try_from(filled.len()).unwrap_or(u32::MAX);
    let mut made = Vec::new();
    for (number, positions) in (1..).zip(filled) {
        let mut packages: Vec<Arc<LockedPackage>> = positions.into_iter().map(|position| packages[position].clone()).collect();
        packages.sort_by_key(|package| package.id());
        let path = Layout::image_work(&image.variant, &image.arch, &format!("{}{number}.iso", image.name));
        let disc = Disc { place: DiscPlace { number, count }, packages };
        made.push(set.make(context, services, disc, path).await?);
    }
    Ok(ImageSet(made))
}

fn spec_of(config: &Config, variant: &Variant, image: &ImageSpec, data: &DataIso) -> DataIsoSpec {
    let release = &config.release;
    DataIsoSpec {
        title: format!("{} {} {} {}", release.name, release.version, variant.name, image.arch),
        volume_id: volume_id(&format!("{}-{}-{}-{}", release.short, release.version, variant.name, image.arch)),
        media_size: data.media_size.map(Size::bytes),
        jigdo_url: data.jigdo_url.clone(),
        repository: named_after(config, variant),
    }
}

/// What the files that the variant has besides packages take of each disc.
fn size_of_extra_files(variant: &Variant) -> Result<u64, JobError> {
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<_> = variant.extra_files.iter().map(|extra| extra.from.clone()).collect();
    let mut size = 0;
    while let Some(path) = waiting.pop() {
        let metadata = fs_err::metadata(&path)?;
        if !metadata.is_dir() {
            size += metadata.len().next_multiple_of(2048) + 4096;
        } else if seen.insert(fs_err::canonicalize(&path)?) {
            for entry in fs_err::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
    }
    Ok(size)
}
