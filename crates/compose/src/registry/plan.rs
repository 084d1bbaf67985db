//! Jobs of the phase push.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::archive::OciArchive;
use super::push::{PushError, Pushed, RegistrySettings, push};
use super::{COMPOSE, VERSION, parse_reference};
use crate::config::Config;
use crate::config::resolved::ImageSpec;
use crate::config::schema::images::ImageKind;
use crate::engine::event::Unit;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, Phase, Weight};
use crate::images::ImageSet;
use crate::images::plan::PlannedImage;
use crate::metadata::ComposeRecord;
use crate::services::Services;

/// What a push left in registries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedImages {
    pub variant: String,
    /// The image's name in the configuration.
    pub name: String,
    pub pushed: Vec<Pushed>,
}

impl Output for PushedImages {}

/// Adds a job for each image that is pushed, with all its arches. They begin when everything else is done and well.
pub fn plan(graph: &mut Graph, config: &Arc<Config>, services: &Arc<Services>, compose: &ComposeRecord, images: &[PlannedImage]) {
    let mut sets: BTreeMap<(&str, &str), Vec<&PlannedImage>> = BTreeMap::new();
    for planned in images.iter().filter(|planned| !places(&planned.spec).is_empty()) {
        sets.entry((&planned.spec.variant, &planned.spec.name)).or_default().push(planned);
    }
    for ((variant, name), planned) in sets {
        let spec = &planned[0].spec;
        let fill = |place: &String| place.replace(VERSION, &config.release.version).replace(COMPOSE, &compose.id);
        let places: Vec<_> = places(spec).iter().map(fill).collect();
        let job = Job::new(Phase::Push, format!("{variant}.{name}"))
            .spec(&(&places, &config.registries))
            .of_compose(compose)
            .weight(Weight::new(1, 64))
            .estimate(20.0)
            .network()
            .last()
            .retries(config.limits.retries);
        let arches: Vec<_> = planned.iter().map(|planned| planned.spec.arch.clone()).collect();
        let made: Vec<Handle<Option<ImageSet>>> = planned.iter().map(|planned| planned.made).collect();
        let (registries, services) = (config.registries.clone(), services.clone());
        let (variant, name) = (variant.to_owned(), name.to_owned());
        graph.add(job, made, move |context, sets: Vec<Arc<Option<ImageSet>>>| {
            let (places, registries, arches) = (places.clone(), registries.clone(), arches.clone());
            let (variant, name, services) = (variant.clone(), name.clone(), services.clone());
            async move {
                let missing = arches.iter().zip(&sets).filter(|(_, set)| set.is_none()).map(|(arch, _)| arch.as_str());
                let missing: Vec<_> = missing.collect();
                if !missing.is_empty() {
                    context.message(format!("there is no image for {}: the tag is moved without it", missing.join(", ")));
                }
                let pushed = push_all(&context, &sets, &places, (&registries, &services.registry_logins)).await?;
                Ok(PushedImages { variant, name, pushed })
            }
        });
    }
}

/// Where an image is pushed, as the configuration has it.
fn places(spec: &ImageSpec) -> &[String] {
    match &spec.kind {
        ImageKind::Container(container) => &container.push,
        ImageKind::Bootc(bootc) => &bootc.push,
        _ => &[],
    }
}

async fn push_all(
    context: &JobContext,
    sets: &[Arc<Option<ImageSet>>],
    places: &[String],
    (registries, logins): (&BTreeMap<String, RegistrySettings>, &[PathBuf]),
) -> Result<Vec<Pushed>, JobError> {
    let files = sets.iter().filter_map(|set| set.as_ref().as_ref()).flat_map(|set| &set.0);
    let files: Vec<_> = files.map(|image| context.layout.path(&image.path)).collect();
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let open = move || Ok(files.iter().map(|file| OciArchive::open(file)).collect::<std::io::Result<Vec<_>>>()?);
    let images = context.blocking(open).await?;
    let total = images.iter().flat_map(|image| &image.blobs).map(|blob| blob.size).sum();
    let mut all = Vec::new();
    for place in places {
        let reference = parse_reference(place).map_err(|error| JobError::new(format!("{place}: {error}")))?;
        let settings = registries.get(reference.registry()).cloned().unwrap_or_default();
        let pushed = tokio::select! {
            pushed = push(&images, &reference, &settings, logins, |done| context.progress(done, total, Unit::Bytes)) => pushed,
            () = context.cancel.cancelled() => return Err(JobError::cancelled()),
        };
        let pushed = pushed.map_err(|error| job_error(&error, place))?;
        all.push(pushed);
    }
    Ok(all)
}

fn job_error(error: &PushError, place: &str) -> JobError {
    let failed = JobError::caused(error);
    if error.is_refused_login() {
        let host = place.split('/').next().unwrap_or_default();
        return failed
            .hint(format!("log in with `skopeo login {host}`, or name the file of logins: registries.\"{host}\".auth-file"));
    }
    if error.is_transient() { failed.transient() } else { failed }
}
