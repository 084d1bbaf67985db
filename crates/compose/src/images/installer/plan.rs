//! The job that makes the installer of a variant and an arch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::make::Ingredients;
use super::{InstallerSpec, programs};
use crate::config::Config;
use crate::config::resolved::{ImageSpec, Variant};
use crate::config::schema::images::Installer;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Phase, Weight};
use crate::gather::Selection;
use crate::gather::plan::Selections;
use crate::images::medium::{implanted_md5, volume_id};
use crate::images::plan::{places_of, runner, scope_of, variants_below};
use crate::images::{DiscPlace, Image, ImageSet};
use crate::package_set::lock::LockedPackage;
use crate::repositories::plan::{InstallerFiles, Tree, VariantRepository, named_after};
use crate::services::Services;

/// Adds the job of an image of this kind.
pub(in crate::images) fn plan_installer(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    (repositories, selections): (&BTreeMap<String, VariantRepository>, &Selections),
    (image, installer): (&ImageSpec, &Installer),
    source_date_epoch: Option<i64>,
) -> Handle<Option<ImageSet>> {
    let variant = config.variant(&image.variant).expect("the configuration was validated").clone();
    let spec = spec_of(config, &variant, image, installer);
    let tools: Vec<_> = programs().map(|program| program.program).filter(|program| !program.contains('/')).collect();
    let job = Job::new(Phase::Createiso, scope_of(image))
        .spec(&(image, &spec, &variant.extra_files, &config.signing, source_date_epoch))
        .tools(&tools)
        .weight(Weight::new(1, 1024))
        .estimate(30.0)
        .writes_much()
        .failable(image.failable);
    let below: Vec<_> = variants_below(config, &image.variant).map(|variant| variant.name.clone()).collect();
    let trees: Vec<_> = below.iter().map(|name| repositories[name].trees[&image.arch].required()).collect();
    let selected: Vec<_> = below.iter().map(|name| selections[&(name.clone(), image.arch.clone())].required()).collect();
    let files = repositories[&image.variant].installers[&image.arch].required();
    let (services, image) = (services.clone(), image.clone());
    graph.add_deliverable(job, (trees, selected, files), move |context, (trees, selected, files)| {
        let (services, image, spec, variant) = (services.clone(), image.clone(), spec.clone(), variant.clone());
        async move { make(&context, &services, (&image, &spec, &variant), (&trees, &selected, &files), source_date_epoch).await }
    })
}

async fn make(
    context: &JobContext,
    services: &Services,
    (image, spec, variant): (&ImageSpec, &InstallerSpec, &Variant),
    (trees, selected, files): (&[Tree], &[Selection], &InstallerFiles),
    source_date_epoch: Option<i64>,
) -> Result<ImageSet, JobError> {
    let packages = selected.iter().flat_map(|selection| &selection.packages).map(|selected| selected.package.clone());
    let packages: BTreeSet<Arc<LockedPackage>> = packages.collect();
    let components: BTreeSet<_> = trees.iter().flat_map(|tree| tree.components.iter().cloned()).collect();
    let installed: Vec<String> = packages.iter().map(|package| package.id()).collect();
    let epoch = source_date_epoch.unwrap_or_else(|| trees.iter().map(|tree| tree.newest).max().unwrap_or_default());
    let ingredients = Ingredients {
        spec,
        variant,
        arch: &image.arch,
        packages: packages.into_iter().collect(),
        installer: &files.selection,
        components: components.into_iter().collect(),
        epoch,
        runner: runner(context, image),
    };
    let (mut paths, mut outputs) = places_of(context, image, &["iso"]);
    let (path, output) = (paths.remove(0), outputs.remove(0));
    let made = context.work().join("installer.iso");
    ingredients.make(context, services, &made).await?;
    fs_err::create_dir_all(output.parent().unwrap_or(&output))?;
    fs_err::rename(&made, &output)?;
    let read = output.clone();
    let (sha256, size) = context.blocking(move || Ok(Sha256::of_file(&read)?)).await?;
    Ok(ImageSet(vec![Image {
        path,
        kind: "installer".to_owned(),
        variant: image.variant.clone(),
        arch: image.arch.clone(),
        format: "iso".to_owned(),
        size,
        sha256,
        volume_id: Some(spec.volume_id.clone()),
        implanted_md5: implanted_md5(&output)?,
        bootable: true,
        installed,
        epoch,
        disc: DiscPlace::ONLY,
        jigdo: None,
        zsync: None,
        differs: None,
        boot_tests: Vec::new(),
    }]))
}

fn spec_of(config: &Config, variant: &Variant, image: &ImageSpec, installer: &Installer) -> InstallerSpec {
    let release = &config.release;
    InstallerSpec {
        title: format!("{} {} {}", release.name, release.version, variant.name),
        volume_id: volume_id(&format!("{}-{}-{}-{}", release.short, release.version, variant.name, image.arch)),
        preseed: installer.preseed.clone(),
        boot_parameters: installer.boot_parameters.clone(),
        packages: image.packages.clone(),
        repository: named_after(config, variant),
    }
}
