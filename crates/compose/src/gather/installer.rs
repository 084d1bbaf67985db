//! What an installer of a variant is made of: the package with debian-installer's kernel and initrd, and the udebs that fit them.
//!
//! An installation ends early where the kernel that was started is not the one that the modules in udebs are for ("No kernel modules were
//! found"). Which kernel an archive's image has is said by its package before anything is fetched, so that is judged here.
//!
//! Must not know: where files are, what media look like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use charmer_packages::deb::field;
use charmer_packages::deb::version::compare;
use charmer_packages::{PackageId, PackageSet};
use serde::{Deserialize, Serialize};

use super::plan::Selections;
use super::select::{locked_package, select};
use super::{Question, Selection};
use crate::config::Config;
use crate::config::resolved::{ImageSpec, VariantArch};
use crate::config::schema::gather::Sources;
use crate::config::schema::images::{ImageKind, Installer};
use crate::config::schema::policy::Checks;
use crate::engine::{Graph, Handle, Job, JobError, Output, Phase};
use crate::finding::{Finding, Severity};
use crate::package_set::lock::{Interner, LockedPackage};
use crate::package_set::plan::PackageSetJobs;

/// What an installer of a variant on an arch is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallerSelection {
    /// The package with the kernel and the initrd. No repository holds it.
    pub netboot: Arc<LockedPackage>,
    /// The udebs of the variant's repository.
    pub udebs: Selection,
}

impl Output for InstallerSelection {}

impl InstallerSelection {
    /// All packages whose files are needed.
    pub fn packages(&self) -> impl Iterator<Item = &Arc<LockedPackage>> {
        self.udebs.packages.iter().map(|selected| &selected.package).chain([&self.netboot])
    }
}

/// The job that selects it, and whether the compose can be without it.
#[derive(Debug, Clone, Copy)]
pub struct PlannedInstaller {
    pub selection: Handle<Option<InstallerSelection>>,
    pub failable: bool,
}

/// By variant and arch.
pub type Installers = BTreeMap<(String, String), PlannedInstaller>;

/// Adds a job for each variant and arch that an installer is made for.
pub fn plan(graph: &mut Graph, config: &Arc<Config>, packages: &PackageSetJobs, selections: &Selections) -> Installers {
    let Some(udebs) = packages.udebs else { return Installers::new() };
    let from_lock = packages.indexes.is_empty();
    let mut installers = Installers::new();
    for image in &config.images {
        let ImageKind::Installer(spec) = &image.kind else { continue };
        let key = (image.variant.clone(), image.arch.clone());
        let of_job = (spec, &config.checks);
        let job = Job::named("installer", Phase::Gather, format!("{}.{}", image.variant, image.arch));
        let job = job.spec(&of_job).failable(image.failable);
        let inputs = (packages.set, udebs, selections[&key].required());
        let (image, spec, checks) = (image.clone(), spec.clone(), config.checks.clone());
        let failable = image.failable;
        let selection = graph.add_deliverable(job, inputs, move |context, (set, udebs, selection)| {
            let wanted = Wanted { image: image.clone(), spec: spec.clone(), checks: checks.clone(), from_lock };
            async move {
                let running = context.clone();
                let work = move || {
                    let (selection, findings) = wanted.select(&set, &udebs, &selection)?;
                    running.report(findings)?;
                    Ok(selection)
                };
                context.blocking(work).await
            }
        });
        installers.insert(key, PlannedInstaller { selection, failable });
    }
    installers
}

/// The installers that a lock makes, and what is wrong with them; `selections` are those of the variants.
pub fn of_lock(
    config: &Config,
    (set, udebs): (&PackageSet, &PackageSet),
    selections: &[&Selection],
) -> Result<(Vec<InstallerSelection>, Vec<Finding>), JobError> {
    let mut all = (Vec::new(), Vec::new());
    for image in &config.images {
        let ImageKind::Installer(spec) = &image.kind else { continue };
        let of_image = selections.iter().find(|selection| selection.variant == image.variant && selection.arch == image.arch);
        let Some(of_image) = of_image else { continue };
        let wanted = Wanted { image: image.clone(), spec: spec.clone(), checks: config.checks.clone(), from_lock: true };
        let (selection, findings) = wanted.select(set, udebs, of_image)?;
        all.0.push(selection);
        all.1.extend(findings);
    }
    Ok(all)
}

/// What is asked of the package sets.
struct Wanted {
    image: ImageSpec,
    spec: Installer,
    checks: Checks,
    from_lock: bool,
}

impl Wanted {
    fn select(
        &self,
        set: &PackageSet,
        udebs: &PackageSet,
        of_variant: &Selection,
    ) -> Result<(InstallerSelection, Vec<Finding>), JobError> {
        self.check_bootable(of_variant)?;
        let netboot = self.netboot(set)?;
        let kernels = self.kernels(set, netboot, udebs)?;
        let arch = VariantArch {
            arch: self.image.arch.clone(),
            seeds: self.spec.udebs.clone().unwrap_or_else(|| vec!["*".to_owned()]),
            exclude: of_other_kernels(udebs, &kernels),
            include: Vec::new(),
            recommends: false,
            recommends_of: BTreeMap::new(),
            providers: BTreeMap::new(),
            contents: false,
            failable: self.image.failable,
        };
        // Most udebs name what they need without a version, and whatever provides it is on the medium.
        let checks = Checks { ambiguity: Severity::Off, ..self.checks.clone() };
        let question = Question {
            variant: &self.image.variant,
            arch: &arch,
            optional: false,
            lookaside: &[],
            sources: Sources::None,
            own: BTreeSet::new(),
            parent: None,
            checks: &checks,
            from_lock: self.from_lock,
        };
        let (udebs, findings) = select(udebs, &question).map_err(|error| JobError::caused(&error))?;
        let netboot = Arc::new(locked_package(set, netboot, true, &mut Interner::default()));
        Ok((InstallerSelection { netboot, udebs }, findings))
    }

    /// What debian-installer installs in the end, and an installed system cannot start without.
    fn check_bootable(&self, selection: &Selection) -> Result<(), JobError> {
        let names: BTreeSet<&str> = selection.packages.iter().map(|selected| selected.package.name.as_str()).collect();
        let has_kernel = names.iter().any(|name| name.starts_with("linux-image-"));
        let has_loader = names.iter().any(|name| *name == "grub-pc" || name.starts_with("grub-efi-"));
        let lacks = match (has_kernel, has_loader) {
            (true, true) => return Ok(()),
            (false, _) => format!("no kernel: add `linux-image-{}` to its seeds", self.image.arch),
            (true, false) => "no boot loader: add `grub-pc` and `grub-efi-amd64` to its seeds".to_owned(),
        };
        Err(JobError::new(format!("an installation could not end: variant {} has {lacks}", self.image.variant)))
    }

    /// The package that has debian-installer's kernel and initrd: of the highest priority, and of those the newest.
    fn netboot(&self, set: &PackageSet) -> Result<PackageId, JobError> {
        let word = format!("debian-installer-netboot-{}", self.image.arch);
        let is_it = |id: PackageId| match &self.spec.netboot {
            Some(name) => set.name(id) == name,
            None => provides(set.stanza(id), &word),
        };
        let possible = set.ids().filter(|&id| is_it(id));
        let better = |left: &PackageId, right: &PackageId| {
            let priority = |id: PackageId| set.origin(id).priority;
            priority(*left).cmp(&priority(*right)).then_with(|| compare(set.version(*left), set.version(*right)))
        };
        possible.max_by(better).ok_or_else(|| {
            let what = self
                .spec
                .netboot
                .as_ref()
                .map_or_else(|| format!("package that provides {word}"), |name| format!("package {name}"));
            let message = format!("there is no {what}, which has the installer's kernel and initrd");
            let hint = if self.from_lock {
                super::plan::STALE_LOCK
            } else {
                "add the archive that has it: Debian's has debian-installer-13-netboot-amd64"
            };
            JobError::new(message).hint(hint)
        })
    }

    /// The kernels of udebs that fit the one of this package: one, or all where the package does not say what it is made of.
    fn kernels(&self, set: &PackageSet, netboot: PackageId, udebs: &PackageSet) -> Result<BTreeSet<String>, JobError> {
        let images = udebs.ids().filter(|&id| udebs.name(id).starts_with("kernel-image-") && udebs.is_for(id, &self.image.arch));
        let images: Vec<_> = images
            .filter_map(|id| Some((field(udebs.stanza(id), "Kernel-Version")?.trim().to_owned(), udebs.version(id).to_owned())))
            .collect();
        if images.is_empty() {
            let message = format!("the archives have no installer's packages (udebs) of a kernel for {}", self.image.arch);
            return Err(JobError::new(message).hint("Debian's archive has them in its main suites, not in those of updates"));
        }
        let Some(built) = built_using(set.stanza(netboot), "linux") else {
            return Ok(images.into_iter().map(|(kernel, _)| kernel).collect());
        };
        let fitting: BTreeSet<_> =
            images.iter().filter(|(_, version)| *version == built).map(|(kernel, _)| kernel.clone()).collect();
        if !fitting.is_empty() {
            return Ok(fitting);
        }
        let have: Vec<_> = images.iter().map(|(kernel, version)| format!("{kernel} (linux {version})")).collect();
        let message = format!(
            "{} {} starts linux {built}, but the installer's modules are for {}: installations would end with \"No kernel modules were found\"",
            set.name(netboot),
            set.version(netboot),
            have.join(" and ")
        );
        let hint = "the archive or its mirror is between two states: try again later, add the suite that has the other one, or name another package with `netboot`";
        Err(JobError::new(message).hint(hint))
    }
}

/// The names of the udebs that are for other kernels than these.
fn of_other_kernels(udebs: &PackageSet, kernels: &BTreeSet<String>) -> Vec<String> {
    let is_other =
        |id: PackageId| field(udebs.stanza(id), "Kernel-Version").is_some_and(|kernel| !kernels.contains(kernel.trim()));
    let names: BTreeSet<_> = udebs.ids().filter(|&id| is_other(id)).map(|id| udebs.name(id).to_owned()).collect();
    names.into_iter().collect()
}

/// Whether a package says that it provides this word.
fn provides(stanza: &[u8], word: &str) -> bool {
    // Most stanzas need not be read.
    memchr::memmem::find(stanza, word.as_bytes()).is_some()
        && field(stanza, "Provides")
            .is_some_and(|provided| provided.split(',').filter_map(|one| one.split_whitespace().next()).any(|one| one == word))
}

/// The version of a source package that a package was built with, by its `Built-Using`.
fn built_using(stanza: &[u8], source: &str) -> Option<String> {
    field(stanza, "Built-Using")?.split(',').find_map(|one| {
        let version = one.trim().strip_prefix(source)?.trim_start().strip_prefix("(=")?.strip_suffix(')')?;
        Some(version.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_says_what_it_provides_and_of_which_kernel_it_is() {
        let stanza = b"Package: debian-installer-12-netboot-amd64\nProvides: debian-installer-netboot,\n debian-installer-netboot-amd64\nBuilt-Using: syslinux (= 3:6.04), linux-x (= 2), linux (= 6.1.176-1), zlib (= 1)\n";
        assert!(provides(stanza, "debian-installer-netboot-amd64"));
        assert!(!provides(stanza, "debian-installer-netboot-arm64") && !provides(stanza, "debian-installer-12-netboot-amd64"));
        assert_eq!(built_using(stanza, "linux").as_deref(), Some("6.1.176-1"));
        assert_eq!(built_using(stanza, "linu"), None);
    }
}
