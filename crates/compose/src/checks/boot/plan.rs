//! Jobs of the phase boot.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::Regex;

use super::accelerator::{self, Accelerator};
use super::machine::{Outcome, Watched, watch};
use super::{MachineSpec, Medium, programs};
use crate::config::Config;
use crate::config::resolved::ImageSpec;
use crate::config::schema::images::{BootTest, DiskFormat, ImageKind, TestFirmware};
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, OutputFile, Phase, Weight};
use crate::finding::{Finding, Severity};
use crate::images::plan::scope_of;
use crate::images::{BootRecord, Image, ImageSet, RequiredProgram};
use crate::layout::Layout;

/// What QEMU itself takes of memory and processors beside the machine's.
const OWN_MEMORY: u64 = 512;

/// Adds the job that starts an image, when one is asked for; what follows takes the image that it gives.
pub fn plan_boot(
    graph: &mut Graph,
    config: &Arc<Config>,
    spec: &ImageSpec,
    made: Handle<Option<ImageSet>>,
) -> Handle<Option<ImageSet>> {
    let severity = config.checks.boot;
    let Some(test) = spec.boot_test.clone().filter(|_| severity != Severity::Off) else { return made };
    let memory = (test.memory.bytes() >> 20) + OWN_MEMORY;
    let job = Job::new(Phase::Boot, scope_of(spec))
        .spec(&(&test, severity, &spec.kind))
        .tools(&[super::QEMU])
        .weight(Weight::new(2, memory))
        .estimate(120.0)
        .failable(spec.failable);
    let spec = spec.clone();
    graph.add_deliverable(job, made.required(), move |context, set: ImageSet| {
        let (spec, test) = (spec.clone(), test.clone());
        async move { test_image(&context, &spec, &test, severity, set).await }
    })
}

/// The programs and files that the planned jobs need.
pub fn required_programs(config: &Config, graph: &Graph) -> BTreeSet<RequiredProgram> {
    let jobs: BTreeSet<_> = graph.jobs().into_iter().map(|planned| planned.job.id.as_str()).collect();
    let is_planned = |spec: &&ImageSpec| jobs.contains(format!("{}:{}", Phase::Boot, scope_of(spec)).as_str());
    let of_image = |spec: &ImageSpec| {
        let test = spec.boot_test.as_ref().expect("it is planned to be started");
        programs(&firmware_of(spec, test)).collect::<Vec<_>>()
    };
    config.images.iter().filter(is_planned).flat_map(of_image).collect()
}

/// What an image is started with: what was asked for, or all that it is made for.
fn firmware_of(spec: &ImageSpec, test: &BootTest) -> Vec<TestFirmware> {
    test.firmware.clone().unwrap_or_else(|| spec.kind.boot_firmware())
}

async fn test_image(
    context: &JobContext,
    spec: &ImageSpec,
    test: &BootTest,
    severity: Severity,
    mut set: ImageSet,
) -> Result<ImageSet, JobError> {
    let until = Regex::new(&test.until).map_err(|error| JobError::caused(&error))?;
    let (position, medium) = startable(&spec.kind, &set.0)?;
    let image = &mut set.0[position];
    let mut findings = Vec::new();
    for firmware in firmware_of(spec, test) {
        let machine = MachineSpec { firmware, memory: test.memory.bytes(), medium, image: context.layout.path(&image.path) };
        let (watched, accelerator) = start(context, &machine, &until, test.within.duration()).await?;
        let (name, after) = (firmware.name(), watched.after.as_secs_f64());
        let record = keep(context, spec, firmware, &watched)?;
        if watched.outcome == Outcome::Found {
            context.message(format!("{name}: `{}` after {after:.0} s ({})", test.until, accelerator.name()));
        } else {
            findings.push(finding(&watched, image, test, firmware, accelerator, severity, &record));
        }
        image.boot_tests.push(record);
    }
    context.report(findings)?;
    Ok(set)
}

/// Starts a machine with KVM if that works here, and emulated otherwise.
async fn start(
    context: &JobContext,
    machine: &MachineSpec,
    until: &Regex,
    within: Duration,
) -> Result<(Watched, Accelerator), JobError> {
    let name = machine.firmware.name();
    let start = async |accelerator: Accelerator| {
        let work = context.work().join(format!("{name}-{}", accelerator.name()));
        fs_err::create_dir(&work)?;
        watch(&context.runner, machine, accelerator, until, within, &work).await
    };
    if accelerator::find(&context.runner, machine.firmware, context.work()).await == Accelerator::Kvm {
        let watched = start(Accelerator::Kvm).await?;
        if watched.outcome != Outcome::Stalled {
            return Ok((watched, Accelerator::Kvm));
        }
        context.note(&format!("{name}: with KVM, no kernel started; once more, emulated"));
    } else {
        context.note(&format!("{name}: no such guest starts with KVM on this machine, so it is emulated"));
    }
    Ok((start(Accelerator::Emulated).await?, Accelerator::Emulated))
}

/// The one of an image's files that a machine takes, and how.
fn startable(kind: &ImageKind, images: &[Image]) -> Result<(usize, Medium), JobError> {
    let ImageKind::Disk(disk) = kind else { return Ok((0, Medium::Disc)) };
    let formats = [(DiskFormat::Qcow2, "qcow2"), (DiskFormat::Raw, "raw"), (DiskFormat::Vmdk, "vmdk"), (DiskFormat::Vhd, "vpc")];
    let of_format = |(format, name): (DiskFormat, &'static str)| {
        let position = images.iter().position(|image| image.format == format.file_extension())?;
        disk.formats.contains(&format).then_some((position, Medium::Disk(name)))
    };
    formats
        .into_iter()
        .find_map(of_format)
        .ok_or_else(|| JobError::new("a disk that is shipped compressed alone cannot be started"))
}

/// Keeps what the machine showed among the logs.
fn keep(context: &JobContext, spec: &ImageSpec, firmware: TestFirmware, watched: &Watched) -> Result<BootRecord, JobError> {
    let keep = |from: &Path, end: &str| -> Result<OutputFile, JobError> {
        let path = Layout::boot_log(&scope_of(spec), firmware.name(), end);
        let kept = context.layout.path(&path);
        fs_err::create_dir_all(kept.parent().unwrap_or(&kept))?;
        // A machine may have ended before it wrote anything.
        let bytes = match fs_err::read(from) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes?,
        };
        crate::engine::journal::write_durably(&kept, &bytes)?;
        Ok(OutputFile { path, size: bytes.len() as u64, sha256: Sha256::of(&bytes) })
    };
    let screenshot = watched.screenshot.as_deref().map(|picture| keep(picture, "png")).transpose()?;
    Ok(BootRecord {
        firmware: firmware.name().to_owned(),
        passed: watched.outcome == Outcome::Found,
        console: keep(&watched.console, "console.log")?,
        screenshot,
    })
}

fn finding(
    watched: &Watched,
    image: &Image,
    test: &BootTest,
    firmware: TestFirmware,
    accelerator: Accelerator,
    severity: Severity,
    record: &BootRecord,
) -> Finding {
    let (pattern, after) = (&test.until, watched.after.as_secs_f64());
    let what = match watched.outcome {
        Outcome::Ended => format!("the machine ended after {after:.0} s and had not shown `{pattern}`"),
        Outcome::TooMuch => format!("the console said too much for `{pattern}` to come"),
        Outcome::Found | Outcome::NotFound | Outcome::Stalled => format!("`{pattern}` was not seen in {after:.0} s"),
    };
    let lines = watched.last_lines.join("\n    ");
    let shown = if lines.is_empty() {
        "; the console said nothing".to_owned()
    } else {
        format!("; the console's last lines:\n    {lines}")
    };
    let name = firmware.name();
    Finding {
        check: "boot".to_owned(),
        severity,
        scope: format!("{}.{}", image.variant, image.arch),
        subject: format!("{} {name}", image.path),
        message: format!("started with {name} ({}), {what}{shown}", accelerator.name()),
        hint: Some(format!("all of the console is in {}", record.console.path)),
    }
}
