//! What is left when all jobs have ended: the reports that need to know how they ended, the latest link, the summary.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Configuration, RpmConfig};
use crate::digest::Sha256;
use crate::engine::JobId;
use crate::engine::event::Status;
use crate::engine::journal::write_durably;
use crate::engine::scheduler::{FailedJob, JobTiming, Outcome};
use crate::finding::Finding;
use crate::layout::Layout;
use crate::metadata::pungi_names::latest_link;
use crate::metadata::reports::{deliverables_json, findings_json, noted_deliverables_json};

use super::request::Request;
use super::{finish_debs, finish_rpms};

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
    let findings = findings_json(&request.compose, &findings);
    match &request.config {
        Configuration::Deb(config) => {
            write_durably(&layout.metadata().join("findings.json"), findings.as_bytes())?;
            let deliverables = deliverables_json(&finish_debs::deliverables(config, outcome));
            write_durably(&layout.metadata().join("deliverables.json"), deliverables.as_bytes())?;
        }
        // What is shipped is what Pungi ships; what it says beside that stands in its logs.
        Configuration::Rpm(config) => {
            write_durably(&layout.path("logs/global/findings.json"), findings.as_bytes())?;
            let deliverables = noted_deliverables_json(&finish_rpms::deliverables(layout, config, outcome));
            write_durably(&layout.path("logs/global/deliverables.json"), deliverables.as_bytes())?;
        }
    }
    if is_latest(request, outcome.status) {
        move_latest_link(layout, &link_name(request))?;
    }
    Ok(summary(layout, request, outcome))
}

/// The summary of a compose as its records have it.
fn summary(layout: &Layout, request: &Request, outcome: &Outcome) -> Summary {
    let (artifacts, trusted) = match &request.config {
        Configuration::Deb(config) => (finish_debs::artifacts(layout, config, outcome), finish_debs::trusted(layout, config)),
        Configuration::Rpm(_) => (finish_rpms::artifacts(layout, outcome), Vec::new()),
    };
    Summary {
        compose_id: request.compose.id.clone(),
        root: layout.root().to_owned(),
        status: outcome.status,
        duration: outcome.duration,
        artifacts,
        findings: outcome.findings.clone(),
        failures: outcome.failures.clone(),
        timings: outcome.timings.clone(),
        skipped: outcome.skipped.clone(),
        not_started: outcome.not_started.clone(),
        trusted,
        signed: request.config.signing().is_some(),
    }
}

/// Whether the latest link is to lead to a compose that ended so.
fn is_latest(request: &Request, status: Status) -> bool {
    let wanted = &request.latest_link;
    let is_meant = |word: &String| word.eq_ignore_ascii_case(status.word());
    let is_good = matches!(status, Status::Finished | Status::FinishedIncomplete);
    wanted.wanted && if wanted.statuses.is_empty() { is_good } else { wanted.statuses.iter().any(is_meant) }
}

/// `latest-harbour-13`.
fn link_name(request: &Request) -> String {
    let components = request.latest_link.components;
    match &request.config {
        Configuration::Deb(config) => latest_link(&config.release.short, &config.release.version, components, None),
        Configuration::Rpm(config) => {
            let RpmConfig { release, base_product, .. } = &**config;
            let base = base_product.as_ref().map(|base| (base.short.as_str(), base.version.as_str()));
            latest_link(&release.short, &release.version, components, base)
        }
    }
}

/// The link leads to this compose, at once and for everybody.
fn move_latest_link(layout: &Layout, name: &str) -> std::io::Result<()> {
    let (Some(target), Some(folder)) = (layout.root().parent(), layout.root().file_name()) else { return Ok(()) };
    let new = target.join(format!(".{name}.{}", folder.to_string_lossy()));
    crate::files::remove_if_there(&new)?;
    fs_err::os::unix::fs::symlink(folder, &new)?;
    fs_err::rename(new, target.join(name))
}
