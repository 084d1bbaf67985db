//! What is left when all jobs have ended: the reports that need to know how they ended, the latest link, the summary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Config;
use crate::config::resolved::{DebMirror, Origin, Trust};
use crate::digest::Sha256;
use crate::engine::JobId;
use crate::engine::event::{Finish, Status};
use crate::engine::journal::{recorded_output, write_durably};
use crate::engine::scheduler::{FailedJob, JobTiming, Outcome};
use crate::finding::Finding;
use crate::gather::plan::LockFile;
use crate::layout::Layout;
use crate::metadata::plan::ShippedFolder;
use crate::metadata::reports::{Deliverable, DeliverableOutcome, deliverables_json, findings_json};
use crate::repositories::Repository;

use super::request::Request;

/// How a compose ended, for people.
#[derive(Debug, Clone)]
pub struct Summary {
    pub compose_id: String,
    pub root: PathBuf,
    pub status: Status,
    pub duration: Duration,
    pub artifacts: Vec<Artifact>,
    pub findings: Vec<(JobId, Finding)>,
    pub failures: Vec<FailedJob>,
    pub timings: Vec<JobTiming>,
    /// Jobs that were not done, each with the one whose output it misses.
    pub skipped: Vec<(JobId, JobId)>,
    pub not_started: Vec<JobId>,
    /// `archive suite` of what nobody's signature was checked for.
    pub trusted: Vec<String>,
    /// Repositories and checksums are signed.
    pub signed: bool,
}

/// Something that the compose ships.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// `repository Base`, `live Server.amd64`.
    pub name: String,
    /// Relative to the compose's folder.
    pub path: String,
    pub size: u64,
    /// Of the file, or of a repository's top index.
    pub sha256: Sha256,
    /// Of the jobs that made it, in this run.
    pub duration: Duration,
    /// Nothing of it was made in this run.
    pub reused: bool,
}

/// Writes the reports, moves the latest link if the compose finished, and gives the summary.
pub fn finish(layout: &Layout, request: &Request, outcome: &Outcome) -> std::io::Result<Summary> {
    let findings: Vec<_> = outcome.findings.iter().map(|(_, finding)| finding.clone()).collect();
    write_durably(&layout.metadata().join("findings.json"), findings_json(&request.compose, &findings).as_bytes())?;
    let deliverables = deliverables(&request.config, outcome);
    write_durably(&layout.metadata().join("deliverables.json"), deliverables_json(&deliverables).as_bytes())?;
    if request.latest_link && matches!(outcome.status, Status::Finished | Status::FinishedIncomplete) {
        move_latest_link(layout, request)?;
    }
    Ok(summary(layout, request, outcome))
}

/// The summary of a compose as its records have it.
fn summary(layout: &Layout, request: &Request, outcome: &Outcome) -> Summary {
    let lock: Option<LockFile> = recorded_output(layout, "lock");
    Summary {
        compose_id: request.compose.id.clone(),
        root: layout.root().to_owned(),
        status: outcome.status,
        duration: outcome.duration,
        artifacts: artifacts(layout, &request.config, outcome),
        findings: outcome.findings.clone(),
        failures: outcome.failures.clone(),
        timings: outcome.timings.clone(),
        skipped: outcome.skipped.clone(),
        not_started: outcome.not_started.clone(),
        trusted: trusted(&request.config, lock.as_ref()),
        signed: request.config.signing.is_some(),
    }
}

/// Also of a compose that ends before it has a lock.
fn trusted(config: &Config, lock: Option<&LockFile>) -> Vec<String> {
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

fn artifacts(layout: &Layout, config: &Config, outcome: &Outcome) -> Vec<Artifact> {
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
    let folders = outcome.timings.iter().filter(|timing| timing.job.as_str().starts_with("image-checksum:"));
    for folder in folders.filter_map(|timing| recorded_output::<ShippedFolder>(layout, timing.job.as_str())) {
        for shipped in folder.images {
            let scope = format!("{}.{}.{}", shipped.image.variant, shipped.image.arch, shipped.name);
            let (duration, reused) = made_by(&[format!("rootfs:{scope}"), format!("{}:{scope}", shipped.image.kind)]);
            let name = format!("{} {}.{}", shipped.name, shipped.image.variant, shipped.image.arch);
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
    artifacts
}

/// How each deliverable of the configuration fared, but for those that were left out by wish.
fn deliverables(config: &Config, outcome: &Outcome) -> Vec<DeliverableOutcome> {
    let planned: BTreeSet<&str> = outcome.jobs().map(JobId::as_str).collect();
    let reason = |jobs: &[String]| {
        let failed = outcome.failures.iter().find(|failed| jobs.iter().any(|job| failed.job.as_str() == job))?;
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
    for image in &config.images {
        let scope = format!("{}.{}.{}", image.variant, image.arch, image.name);
        let kind = image.kind.name();
        if !planned.contains(format!("{kind}:{scope}").as_str()) {
            continue;
        }
        outcomes.push(DeliverableOutcome {
            deliverable: deliverable(kind, &image.variant, &image.arch, Some(image.name.clone()).filter(|name| name != kind)),
            required: !image.failable,
            failure: reason(&[format!("rootfs:{scope}"), format!("{kind}:{scope}"), format!("test:{scope}")]),
        });
    }
    outcomes
}

/// `latest-harbour-13` becomes a link to this compose, at once and for everybody.
fn move_latest_link(layout: &Layout, request: &Request) -> std::io::Result<()> {
    let release = &request.config.release;
    let major = release.version.rsplit_once('.').map_or(release.version.as_str(), |(major, _)| major);
    let Some(target) = layout.root().parent() else { return Ok(()) };
    let link = target.join(format!("latest-{}-{major}", release.short));
    let new = target.join(format!(".latest-{}-{major}.{}", release.short, request.compose.id));
    crate::files::remove_if_there(&new)?;
    fs_err::os::unix::fs::symlink(&request.compose.id, &new)?;
    fs_err::rename(new, link)
}
