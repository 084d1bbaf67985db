//! What a compose of RPM packages shipped, and how each deliverable fared.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::RpmConfig;
use crate::engine::JobId;
use crate::engine::event::Finish;
use crate::engine::journal::recorded_output;
use crate::engine::scheduler::{JobTiming, Outcome};
use crate::layout::Layout;
use crate::metadata::reports::{Deliverable, DeliverableNotes};
use crate::metadata::rpm_isos::{ShippedIso, ShippedIsos};

use super::finish::Artifact;

/// What it ships, with how long each took.
pub(super) fn artifacts(layout: &Layout, outcome: &Outcome) -> Vec<Artifact> {
    let timings: BTreeMap<&str, &JobTiming> = outcome.timings.iter().map(|timing| (timing.job.as_str(), timing)).collect();
    let made = |image: &ShippedIso| {
        let kind = if image.others.is_some() { "extra-isos" } else { "createiso" };
        let is_of = |timing: &&JobTiming| timing.job.as_str().starts_with(&format!("{kind}:{}.", image.variant));
        let is_arch = |timing: &&JobTiming| timing.job.as_str().ends_with(&format!(".{}", image.arch));
        timings
            .values()
            .copied()
            .find(|timing| is_of(timing) && is_arch(timing))
            .map(|timing| (timing.duration, timing.how != Finish::Done))
    };
    let artifact = |image: ShippedIso| {
        let (duration, reused) = made(&image).unwrap_or_default();
        let name = format!("iso {}.{}", image.variant, image.arch);
        Artifact { name, path: image.path, size: image.iso.file.size, sha256: image.iso.file.sha256, duration, reused }
    };
    shipped(layout, outcome).into_iter().map(artifact).collect()
}

fn shipped(layout: &Layout, outcome: &Outcome) -> Vec<ShippedIso> {
    let folders = outcome.timings.iter().filter(|timing| timing.job.as_str().starts_with("image-checksum:"));
    let folders = folders.filter_map(|timing| recorded_output::<ShippedIsos>(layout, timing.job.as_str()));
    folders.flat_map(|folder| folder.images).collect()
}

/// What was tried, and what failed of it.
pub(super) fn deliverables(layout: &Layout, config: &RpmConfig, outcome: &Outcome) -> DeliverableNotes {
    let failed: BTreeSet<&str> = outcome.failures.iter().map(|failed| failed.job.as_str()).collect();
    let mut notes = DeliverableNotes::default();
    for job in outcome.jobs().map(JobId::as_str).collect::<BTreeSet<_>>() {
        let Some(deliverable) = deliverable_of(config, job) else { continue };
        let failable = is_failable(config, job);
        let list = if failable { &mut notes.attempted } else { &mut notes.required };
        list.push(deliverable.clone());
        if failable && failed.contains(job) {
            notes.failed.push(deliverable);
        }
    }
    for image in shipped(layout, outcome) {
        let Some(variant) = config.variant(&image.variant) else { continue };
        let arches: Vec<&String> = if image.arch == "src" { variant.trees.keys().collect() } else { vec![&image.arch] };
        for arch in arches {
            notes.required.push(Deliverable {
                kind: "iso".to_owned(),
                variant: image.variant.clone(),
                arch: arch.clone(),
                subvariant: Some(image.variant.clone()),
            });
        }
    }
    notes
}

/// What a job delivers, if it is one that delivers.
pub(super) fn deliverable_of(config: &RpmConfig, job: &str) -> Option<Deliverable> {
    let deliverable = |kind: &str, variant: &str, arch: &str| Deliverable {
        kind: kind.to_owned(),
        variant: variant.to_owned(),
        arch: arch.to_owned(),
        subvariant: None,
    };
    let isos =
        config.isos.iter().map(|spec| (format!("createiso:{}.{}", spec.variant, spec.arch), "iso", &spec.variant, &spec.arch));
    let extra = config.extra_isos.iter().map(|extra| {
        let spec = &extra.spec;
        (format!("extra-isos:{}.{}.{}", spec.variant, spec.number, spec.arch), "extra_iso", &spec.variant, &spec.arch)
    });
    let media = config.variants.iter().flat_map(|variant| {
        variant
            .lorax
            .keys()
            .map(|arch| (format!("buildinstall:{}.{arch}", variant.uid()), "buildinstall", &variant.identity.uid, arch))
    });
    let mut all = isos.chain(extra).chain(media);
    all.find(|(name, ..)| name == job).map(|(_, kind, variant, arch)| deliverable(kind, variant, arch))
}

fn is_failable(config: &RpmConfig, job: &str) -> bool {
    let iso = config.isos.iter().any(|spec| spec.failable && job == format!("createiso:{}.{}", spec.variant, spec.arch));
    let extra = config
        .extra_isos
        .iter()
        .map(|extra| &extra.spec)
        .any(|spec| spec.failable && job == format!("extra-isos:{}.{}.{}", spec.variant, spec.number, spec.arch));
    let media = config.variants.iter().any(|variant| {
        variant.lorax.iter().any(|(arch, spec)| spec.lorax.is_failable && job == format!("buildinstall:{}.{arch}", variant.uid()))
    });
    iso || extra || media
}
