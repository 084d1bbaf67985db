//! A compose's events to the messages that notification scripts get.
//!
//! Scripts are run beside the compose, one message after the other; the run ends when all messages were told. Must not know: how a
//! script is run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::RpmConfig;
use crate::engine::event::{Entry, Event, JobPlan};
use crate::engine::journal::recorded_output;
use crate::engine::{JobId, Phase};
use crate::images::optical::run_values;
use crate::layout::Layout;
use crate::metadata::rpm_isos::ShippedIsos;
use crate::notifications::{BaseProductKeys, ComposeKeys, FailedDeliverable, IsoKeys, Message, Notifier};
use crate::tools::Runner;

use super::Surroundings;
use super::finish_rpms::deliverable_of;
use super::request::Request;

/// Phases that Pungi's scripts know.
const TOLD: [Phase; 11] = [
    Phase::Init,
    Phase::Pkgset,
    Phase::Gather,
    Phase::Createrepo,
    Phase::Buildinstall,
    Phase::ExtraFiles,
    Phase::Createiso,
    Phase::ExtraIsos,
    Phase::Repoclosure,
    Phase::Test,
    Phase::ImageChecksum,
];

/// Hears what happens, and has it told.
#[derive(Debug)]
pub(super) struct Teller {
    layout: Layout,
    config: Arc<RpmConfig>,
    request: Request,
    /// The phase of each job that has not ended.
    waiting: BTreeMap<JobId, Phase>,
    begun: BTreeSet<Phase>,
    messages: mpsc::UnboundedSender<Message>,
}

/// Starts telling. The task ends when the teller is gone and all is told; it gives what could not be told.
pub(super) fn start(
    layout: &Layout,
    config: &Arc<RpmConfig>,
    request: &Request,
    surroundings: &Surroundings,
) -> (Teller, JoinHandle<Vec<String>>) {
    // The end of a cancelled compose is told too.
    let mut runner =
        Runner::new("/dev/null".into(), surroundings.current_dir.clone(), surroundings.path.clone(), CancellationToken::new());
    runner.environment.extend(surroundings.environment.clone());
    let logs = layout.path("logs/global/notifications");
    let notifier = Notifier::new(request.notification_scripts.clone(), runner).of_compose(&keys(layout, config, request), logs);
    let (messages, mut queue) = mpsc::unbounded_channel();
    let telling = tokio::spawn(async move {
        let mut failures = Vec::new();
        while let Some(message) = queue.recv().await {
            failures.extend(notifier.send(&message).await.iter().map(ToString::to_string));
        }
        failures
    });
    let teller = Teller {
        layout: layout.clone(),
        config: config.clone(),
        request: request.clone(),
        waiting: BTreeMap::new(),
        begun: BTreeSet::new(),
        messages,
    };
    (teller, telling)
}

fn keys(layout: &Layout, config: &RpmConfig, request: &Request) -> ComposeKeys {
    let release = &config.release;
    ComposeKeys {
        compose_id: request.compose.id.clone(),
        location: translated(config, &layout.path("compose").to_string_lossy()),
        compose_date: request.compose.date.clone(),
        compose_type: request.compose.compose_type.to_string(),
        compose_respin: request.compose.respin,
        compose_label: request.compose.label.clone(),
        compose_path: layout.root().to_string_lossy().into_owned(),
        release_short: release.short.clone(),
        release_name: release.name.clone(),
        release_version: release.version.clone(),
        release_type: release.kind.clone(),
        release_is_layered: config.base_product.is_some(),
        base_product: config.base_product.as_ref().map(|base| BaseProductKeys {
            base_product_name: base.name.clone(),
            base_product_version: base.version.clone(),
            base_product_short: base.short.clone(),
            base_product_type: base.kind.clone(),
        }),
    }
}

/// A path as others reach it: the first prefix that it begins with is replaced.
fn translated(config: &RpmConfig, path: &str) -> String {
    let translate = |(prefix, replacement): &(String, String)| {
        let (prefix, replacement) = (prefix.trim_end_matches('/'), replacement.trim_end_matches('/'));
        path.strip_prefix(prefix).map(|rest| format!("{replacement}{rest}"))
    };
    config.translate_paths.iter().find_map(translate).unwrap_or_else(|| path.to_owned())
}

impl Teller {
    /// Takes an event that is in the journal.
    pub(super) fn hear(&mut self, entry: &Entry) {
        match &entry.event {
            Event::RunStarted { jobs, .. } => {
                self.waiting = jobs.iter().map(|JobPlan { job, phase, .. }| (job.clone(), *phase)).collect();
            }
            Event::StatusChanged { status } => self.tell(Message::StatusChange { status: status.word().to_owned() }),
            Event::JobStarted { job, .. } => self.begin(job),
            Event::JobFinished { job, .. } => {
                self.begin(job);
                self.tell_images(job);
                self.end(job);
            }
            Event::JobFailed { job, failable, failure, .. } => {
                self.tell_failure(job, *failable, &failure.message);
                self.end(job);
            }
            Event::JobSkipped { job, .. } => self.end(job),
            Event::Progress { .. }
            | Event::JobMessage { .. }
            | Event::JobRetried { .. }
            | Event::Finding { .. }
            | Event::RunFinished { .. } => {}
        }
    }

    fn tell(&self, message: Message) {
        // Whoever told is gone only when the process ends.
        let _ = self.messages.send(message);
    }

    fn begin(&mut self, job: &JobId) {
        let Some(phase) = self.waiting.get(job).copied().filter(|phase| TOLD.contains(phase)) else { return };
        if self.begun.insert(phase) {
            self.tell(Message::PhaseStart { phase_name: name(phase) });
            if phase == Phase::Createiso {
                self.tell(Message::CreateisoTargets { deliverables: self.targets() });
            }
        }
    }

    fn end(&mut self, job: &JobId) {
        let Some(phase) = self.waiting.remove(job) else { return };
        if self.begun.contains(&phase) && !self.waiting.values().any(|other| *other == phase) {
            self.tell(Message::PhaseStop { phase_name: name(phase) });
        }
    }

    /// The images that are planned. Of a set only the first is known before it is made.
    fn targets(&self) -> Vec<String> {
        let release = &self.config.release;
        let run = run_values(&self.request.compose, (&release.short, &release.version));
        let path = |spec: &crate::images::optical::IsoSpec| {
            let name = spec.file_name(1, &run).ok()?;
            Some(self.layout.path(&format!("{}/{name}", iso_folder(&spec.variant, &spec.arch))).to_string_lossy().into_owned())
        };
        let is_planned = |spec: &&crate::images::optical::IsoSpec| {
            self.waiting.keys().any(|job| job.as_str() == format!("createiso:{}.{}", spec.variant, spec.arch))
        };
        self.config.isos.iter().filter(is_planned).filter_map(path).collect()
    }

    /// Images have their names when their folder is done.
    fn tell_images(&self, job: &JobId) {
        if !job.as_str().starts_with("image-checksum:") {
            return;
        }
        let Some(shipped) = recorded_output::<ShippedIsos>(&self.layout, job.as_str()) else { return };
        for image in shipped.images.iter().filter(|image| image.others.is_none()) {
            self.tell(Message::CreateisoImagedone(IsoKeys {
                file: self.layout.path(&image.path).to_string_lossy().into_owned(),
                arch: image.arch.clone(),
                variant: image.variant.clone(),
            }));
        }
    }

    fn tell_failure(&self, job: &JobId, failable: bool, reason: &str) {
        let Some(deliverable) = deliverable_of(&self.config, job.as_str()) else { return };
        if deliverable.kind == "iso" {
            self.tell(Message::CreateisoImagefail(IsoKeys {
                file: self.layout.path(&iso_folder(&deliverable.variant, &deliverable.arch)).to_string_lossy().into_owned(),
                arch: deliverable.arch.clone(),
                variant: deliverable.variant.clone(),
            }));
        }
        if failable {
            self.tell(Message::DeliverableFailed(FailedDeliverable {
                deliverable: deliverable.kind,
                variant: deliverable.variant,
                arch: deliverable.arch,
                subvariant: deliverable.subvariant,
                reason: reason.to_owned(),
            }));
        }
    }
}

/// Pungi's name of a phase.
fn name(phase: Phase) -> String {
    phase.name().replace('-', "_")
}

fn iso_folder(variant: &str, arch: &str) -> String {
    format!("compose/{variant}/{}/iso", if arch == "src" { "source" } else { arch })
}
