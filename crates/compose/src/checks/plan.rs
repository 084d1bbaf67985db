//! Jobs of the phases repoclosure and test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::resolved::ImageSpec;
use crate::config::schema::images::ImageKind;
use crate::config::schema::policy::Checks;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, Phase, Weight};
use crate::finding::{Finding, Severity};
use crate::gather::Selection;
use crate::gather::plan::{ComposeDate, Selections};
use crate::images::plan::{PlannedImage, variants_below};
use crate::images::{Image, ImageSet};
use crate::openpgp::Keyring;
use crate::package_set::lock::LockedPackage;
use crate::repositories::plan::VariantRepository;
use crate::repositories::{TrustedKeys, verify_apt_repository};
use crate::services::Services;

use super::discs::UnpackedDisc;
use super::{boot, discs, image, installability, iso, versions};

/// What was checked without a fatal finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub findings: u64,
}

impl Output for Passed {}

/// The findings are reported; the fatal ones end the job.
fn pass(context: &JobContext, findings: Vec<Finding>) -> Result<Passed, JobError> {
    let count = findings.len() as u64;
    context.report(findings)?;
    Ok(Passed { findings: count })
}

/// Adds the jobs that prove package sets: each variant and arch installable, all of them of the same versions.
pub fn plan_packages(graph: &mut Graph, config: &Arc<Config>, selections: &Selections) {
    for (variant, arch) in selections.keys() {
        let below: Vec<_> =
            variants_below(config, variant).map(|variant| selections[&(variant.name.clone(), arch.clone())]).collect();
        let failable = config.variant(variant).and_then(|variant| variant.arch(arch)).is_some_and(|arch| arch.failable);
        let job = Job::new(Phase::Repoclosure, format!("{variant}.{arch}"))
            .spec(&config.checks)
            .failable(failable)
            .weight(Weight::new(1, 256));
        let checks = config.checks.clone();
        let required: Vec<_> = below.iter().map(|selection| selection.required()).collect();
        graph.add_deliverable(job, required, move |context, selections: Vec<Selection>| {
            let checks = checks.clone();
            async move { context.clone().blocking(move || pass(&context, installability::check(&selections, &checks)?)).await }
        });
    }
    if config.checks.same_versions != Severity::Off {
        let severity = config.checks.same_versions;
        let all: Vec<_> = selections.values().copied().collect();
        let job = Job::named("versions", Phase::Repoclosure, "").spec(&severity).estimate(0.2);
        graph.add(job, all, move |context, selections| async move {
            let present: Vec<&Selection> = selections.iter().filter_map(|selection| selection.as_ref().as_ref()).collect();
            pass(&context, versions::same_versions(&present, severity))
        });
    }
}

/// Adds the jobs that read the repositories back as a client would.
pub fn plan_repositories(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    repositories: &BTreeMap<String, VariantRepository>,
    date: Handle<ComposeDate>,
) {
    for (variant, planned) in repositories {
        let severity = config.checks.signatures;
        let job = Job::new(Phase::Test, format!("{variant}.repository"))
            .spec(&(severity, &config.signing))
            .weight(Weight::new(2, 256))
            .estimate(3.0);
        let services = services.clone();
        graph.add(job, (planned.repository, date), move |context, (repository, date)| {
            let services = services.clone();
            async move {
                let keyring = signing_keyring(&context, &services, *date).await?;
                let root = context.layout.path(&repository.path);
                let verify = move || {
                    let keys = keyring.as_ref().map(|(keyring, at)| TrustedKeys { keyring, at: *at });
                    let threads = std::thread::available_parallelism().map_or(1, usize::from);
                    Ok(verify_apt_repository(&root, &repository.suite, keys, threads))
                };
                let mut findings = context.blocking(verify).await?;
                findings
                    .iter_mut()
                    .filter(|finding| finding.check == "signatures")
                    .for_each(|finding| finding.severity = severity);
                findings.retain(|finding| finding.severity != Severity::Off);
                pass(&context, findings)
            }
        });
    }
}

/// The key by which this compose's signatures are verified, and the time that they bear; none when it signs nothing.
async fn signing_keyring(
    context: &JobContext,
    services: &Services,
    date: ComposeDate,
) -> Result<Option<(Keyring, SystemTime)>, JobError> {
    let Some(signer) = services.signer(context).await? else { return Ok(None) };
    let keyring = Keyring::from_bytes(&signer.certificate()).map_err(JobError::new)?;
    Ok(Some((keyring, signer.time_for(SystemTime::UNIX_EPOCH + Duration::from_secs(date.0.unsigned_abs())))))
}

/// Adds the jobs that look at images and, if `boots`, start them. What follows takes the images that these give: one that fails is absent there.
pub fn plan_images(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    images: Vec<PlannedImage>,
    selections: &Selections,
    boots: bool,
) -> Vec<PlannedImage> {
    let plan = |PlannedImage { spec, made }| {
        let job = Job::new(Phase::Test, format!("{}.{}.{}", spec.variant, spec.arch, spec.name)).failable(spec.failable);
        let checked = match &spec.kind {
            ImageKind::DataIso(_) | ImageKind::Installer(_) => {
                plan_discs(graph, config, services, job, (&spec, made), selections)
            }
            _ => plan_image(graph, config, job, (&spec, made), selections),
        };
        let checked = if boots { boot::plan::plan_boot(graph, config, &spec, checked) } else { checked };
        PlannedImage { spec, made: checked }
    };
    images.into_iter().map(plan).collect()
}

fn plan_image(
    graph: &mut Graph,
    config: &Arc<Config>,
    job: Job,
    (spec, made): (&ImageSpec, Handle<Option<ImageSet>>),
    selections: &Selections,
) -> Handle<Option<ImageSet>> {
    let below =
        variants_below(config, &spec.variant).map(|variant| selections[&(variant.name.clone(), spec.arch.clone())].required());
    let below: Vec<_> = below.collect();
    let job = job.spec(&config.checks).estimate(10.0);
    let checks = config.checks.clone();
    graph.add_deliverable(job, (made.required(), below), move |context, (made, selections): (ImageSet, Vec<Selection>)| {
        let checks = checks.clone();
        async move {
            let locked: Vec<Arc<LockedPackage>> = selections
                .iter()
                .flat_map(|selection| selection.packages.iter().map(|selected| selected.package.clone()))
                .collect();
            let mut findings = Vec::new();
            for image in &made.0 {
                findings.extend(image_findings(&context, &checks, image, &locked).await?);
            }
            context.report(findings)?;
            Ok(made)
        }
    })
}

async fn image_findings(
    context: &JobContext,
    checks: &Checks,
    made: &Image,
    locked: &[Arc<LockedPackage>],
) -> Result<Vec<Finding>, JobError> {
    let file = context.layout.path(&made.path);
    let scope = format!("{}.{}", made.variant, made.arch);
    let mut findings = Vec::new();
    if checks.image_equals_lock != Severity::Off {
        let installed = image::installed_in_image(&context.runner, &made.kind, &file, context.work()).await?;
        let locked = locked.iter().map(AsRef::as_ref);
        findings.extend(image::image_equals_lock(&installed, locked, checks.image_equals_lock, &scope, &made.path));
    }
    if made.format == "iso" && checks.iso_sanity != Severity::Off {
        let expected = iso::ExpectedIso::live(made.volume_id.as_deref().unwrap_or_default());
        findings.extend(iso::check_iso(&context.runner, &file, &expected, checks.iso_sanity, &scope, &made.path).await?);
    }
    Ok(findings)
}

/// Each disc is unpacked and read as apt reads it.
fn plan_discs(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    job: Job,
    (spec, made): (&ImageSpec, Handle<Option<ImageSet>>),
    selections: &Selections,
) -> Handle<Option<ImageSet>> {
    let job = job.spec(&(&config.checks, &config.signing)).estimate(10.0).writes_much();
    let is_installer = matches!(spec.kind, ImageKind::Installer(_));
    let below = variants_below(config, &spec.variant).filter(|variant| is_installer || variant.name == spec.variant);
    let selected: Vec<_> = below.map(|variant| selections[&(variant.name.clone(), spec.arch.clone())].required()).collect();
    let scope = format!("{}.{}", spec.variant, spec.arch);
    let (checks, services, suite) = (config.checks.clone(), services.clone(), config.release.codename().to_owned());
    let inputs = (made.required(), selected);
    graph.add_deliverable(job, inputs, move |context, (made, selected): (ImageSet, Vec<Selection>)| {
        let (checks, services, suite, scope) = (checks.clone(), services.clone(), suite.clone(), scope.clone());
        async move {
            let mut findings = Vec::new();
            let mut on_discs = Vec::new();
            for image in &made.0 {
                let file = context.layout.path(&image.path);
                if checks.iso_sanity != Severity::Off {
                    let volume_id = image.volume_id.as_deref().unwrap_or_default();
                    let expected = if is_installer {
                        iso::ExpectedIso::installer(volume_id, &suite)
                    } else {
                        iso::ExpectedIso::data(volume_id, &suite)
                    };
                    let found = iso::check_iso(&context.runner, &file, &expected, checks.iso_sanity, &scope, &image.path);
                    findings.extend(found.await?);
                }
                let disc = UnpackedDisc {
                    folder: context.work().join("disc"),
                    suite: suite.clone(),
                    keys: signing_keyring(&context, &services, ComposeDate(image.epoch)).await?,
                };
                discs::unpack(&context.runner, &file, "/", &disc.folder).await?;
                let read = move || {
                    let threads = std::thread::available_parallelism().map_or(1, usize::from);
                    let read = (disc.findings(threads), discs::packages_on(&disc.folder)?);
                    discs::remove_unpacked(&disc.folder)?;
                    Ok(read)
                };
                let (stumbled, packages) = context.blocking(read).await?;
                findings.extend(stumbled.into_iter().map(|finding| of_disc(finding, &checks, &image.path)));
                on_discs.push((image.path.clone(), packages));
            }
            let locked = selected.iter().flat_map(|selection| &selection.packages).map(|selected| selected.package.as_ref());
            findings.extend(discs::discs_equal_lock(&on_discs, locked, checks.image_equals_lock, &scope));
            findings.retain(|finding| finding.severity != Severity::Off);
            context.report(findings)?;
            Ok(made)
        }
    })
}

/// What was found in the repository of a disc, as a finding of the compose.
fn of_disc(mut finding: Finding, checks: &Checks, disc: &str) -> Finding {
    if finding.check == "signatures" {
        finding.severity = checks.signatures;
    }
    finding.subject = format!("{disc}: {}", finding.subject);
    finding
}

impl From<image::UnreadableImage> for JobError {
    fn from(error: image::UnreadableImage) -> Self {
        match error {
            image::UnreadableImage::Tool(error) => error.into(),
            error => Self::caused(&error),
        }
    }
}

impl From<iso::UncheckedIso> for JobError {
    fn from(error: iso::UncheckedIso) -> Self {
        match error {
            iso::UncheckedIso::Tool(error) => error.into(),
            iso::UncheckedIso::Io(error) => error.into(),
        }
    }
}
