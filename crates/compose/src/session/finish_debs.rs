//! What a compose of Debian packages shipped, and how each deliverable fared.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::config::resolved::{DebMirror, ImageSpec, Origin, Trust};
use crate::engine::event::Finish;
use crate::engine::journal::recorded_output;
use crate::engine::scheduler::{FailedJob, JobTiming, Outcome};
use crate::engine::{JobId, Phase};
use crate::gather::plan::LockFile;
use crate::images::ostree::REPOSITORY;
use crate::images::ostree::plan::MadeCommit;
use crate::images::plan::{jobs_of, phase_of};
use crate::layout::Layout;
use crate::metadata::plan::ShippedFolder;
use crate::metadata::reports::{Deliverable, DeliverableOutcome};
use crate::registry::plan::PushedImages;
use crate::repositories::Repository;

use super::finish::Artifact;

/// Also of a compose that ends before it has a lock.
pub(super) fn trusted(layout: &Layout, config: &Config) -> Vec<String> {
    let lock: Option<LockFile> = recorded_output(layout, "lock");
    let configured = config.archives.iter().flat_map(|(name, archive)| {
        match &archive.origin {
            Origin::DebMirror(DebMirror { suites, trust: Trust::Unchecked, .. }) => suites.as_slice(),
            _ => &[],
        }
        .iter()
        .map(move |suite| format!("{name} {suite}"))
    });
    let locked = lock.iter().flat_map(|lock| lock.trusted.iter().cloned());
    configured.chain(locked).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What it ships, with how long each took.
pub(super) fn artifacts(layout: &Layout, config: &Config, outcome: &Outcome) -> Vec<Artifact> {
    let timings: BTreeMap<&str, &JobTiming> = outcome.timings.iter().map(|timing| (timing.job.as_str(), timing)).collect();
    let made_by = |jobs: &[String]| {
        let timings: Vec<_> = jobs.iter().filter_map(|job| timings.get(job.as_str())).collect();
        let reused = !timings.is_empty() && timings.iter().all(|timing| timing.how != Finish::Done);
        (timings.iter().map(|timing| timing.duration).sum(), reused)
    };
    let repository = |variant: &crate::config::resolved::Variant| {
        let job = format!("createrepo:{}", variant.name);
        timings.get(job.as_str())?;
        let made: Repository = recorded_output(layout, &job)?;
        let (duration, reused) = made_by(&[job, format!("fetch:{}", variant.name)]);
        Some(Artifact {
            name: format!("repository {}", variant.name),
            path: made.path,
            size: made.size,
            sha256: made.sha256,
            duration,
            reused,
        })
    };
    let mut artifacts: Vec<_> = config.variants.iter().filter_map(repository).collect();
    let jobs = jobs_of(config);
    // Who looked at it did not make it.
    let looks = |job: &String| [Phase::Test, Phase::Boot].iter().any(|phase| job.starts_with(&format!("{phase}:")));
    let making = |variant: &str, arch: &str, name: &str| {
        let is_it = |image: &&ImageSpec| image.variant == variant && image.arch == arch && image.name == name;
        let found = config.images.iter().zip(&jobs).find(|(image, _)| is_it(image));
        found.map(|(_, jobs)| jobs.iter().filter(|job| !looks(job)).cloned().collect::<Vec<_>>()).unwrap_or_default()
    };
    let folders = outcome.timings.iter().filter(|timing| timing.job.as_str().starts_with("image-checksum:"));
    for folder in folders.filter_map(|timing| recorded_output::<ShippedFolder>(layout, timing.job.as_str())) {
        for shipped in folder.images {
            let (duration, reused) = made_by(&making(&shipped.image.variant, &shipped.image.arch, &shipped.name));
            let name = format!("{} {}.{}", shipped.title(), shipped.image.variant, shipped.image.arch);
            artifacts.push(Artifact {
                name,
                path: shipped.path,
                size: shipped.image.size,
                sha256: shipped.image.sha256,
                duration,
                reused,
            });
        }
    }
    let commits = outcome.timings.iter().filter(|timing| timing.job.as_str().starts_with("ostree:"));
    for made in commits.filter_map(|timing| recorded_output::<MadeCommit>(layout, timing.job.as_str())) {
        let (duration, reused) = made_by(&making(&made.variant, &made.arch, &made.name));
        let unchanged = if made.commit.unchanged { ": no new commit, the tree has not changed" } else { "" };
        artifacts.push(Artifact {
            name: format!("ostree {}.{}", made.variant, made.arch),
            path: format!("{REPOSITORY} {}{unchanged}", made.commit.reference),
            size: made.size(),
            sha256: made.commit.checksum,
            duration,
            reused,
        });
    }
    let pushes = outcome.timings.iter().filter(|timing| timing.job.as_str().starts_with("push:"));
    for made in pushes.filter_map(|timing| recorded_output::<PushedImages>(layout, timing.job.as_str())) {
        let (duration, reused) = made_by(&[format!("push:{}.{}", made.variant, made.name)]);
        artifacts.extend(made.pushed.into_iter().map(|pushed| Artifact {
            name: format!("pushed {}", made.variant),
            path: pushed.reference,
            size: pushed.size,
            sha256: pushed.digest,
            duration,
            reused,
        }));
    }
    artifacts
}

/// The failure by which a job was not done: its own, or that of what it needs.
fn cause_of<'a>(outcome: &'a Outcome, job: &str) -> Option<&'a FailedJob> {
    let mut job = job;
    loop {
        if let Some(failed) = outcome.failures.iter().find(|failed| failed.job.as_str() == job) {
            return Some(failed);
        }
        // A job is skipped for one that it needs, so that this ends.
        job = outcome.skipped.iter().find(|(skipped, _)| skipped.as_str() == job)?.1.as_str();
    }
}

/// How each deliverable of the configuration fared, but for those that were left out by wish.
pub(super) fn deliverables(config: &Config, outcome: &Outcome) -> Vec<DeliverableOutcome> {
    let planned: BTreeSet<&str> = outcome.jobs().map(JobId::as_str).collect();
    let reason = |jobs: &[String]| {
        let failed = jobs.iter().find_map(|job| cause_of(outcome, job))?;
        Some(format!("{}: {}", failed.job, failed.failure.message))
    };
    let deliverable = |kind: &str, variant: &str, arch: &str, subvariant: Option<String>| Deliverable {
        kind: kind.to_owned(),
        variant: variant.to_owned(),
        arch: arch.to_owned(),
        subvariant,
    };
    let mut outcomes = Vec::new();
    for variant in &config.variants {
        let repository = planned.contains(format!("createrepo:{}", variant.name).as_str());
        for arch in variant.arches.iter().filter(|_| repository) {
            let scope = format!("{}.{}", variant.name, arch.arch);
            outcomes.push(DeliverableOutcome {
                deliverable: deliverable("repository", &variant.name, &arch.arch, None),
                required: !arch.failable,
                failure: reason(&[
                    format!("gather:{scope}"),
                    format!("repoclosure:{scope}"),
                    format!("createrepo:{}", variant.name),
                ]),
            });
        }
        if planned.contains(format!("sources:{}", variant.name).as_str()) {
            outcomes.push(DeliverableOutcome {
                deliverable: deliverable("sources", &variant.name, "source", None),
                required: !variant.sources_failable,
                failure: reason(&[format!("sources:{}", variant.name)]),
            });
        }
    }
    for (image, jobs) in config.images.iter().zip(jobs_of(config)) {
        let scope = format!("{}.{}.{}", image.variant, image.arch, image.name);
        let kind = image.kind.name();
        let job = format!("{}:{scope}", phase_of(image));
        if !planned.contains(job.as_str()) {
            continue;
        }
        outcomes.push(DeliverableOutcome {
            deliverable: deliverable(
                kind,
                &image.variant,
                &image.arch,
                Some(image.name.clone()).filter(|name| name != image.kind.default_name()),
            ),
            required: !image.failable,
            failure: reason(&jobs),
        });
    }
    outcomes
}
