//! What each image is made of, and how: the configuration's words with everything that they leave to charmer.
//!
//! Must not know: jobs, and in which order they run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::Config;
use crate::config::resolved::ImageSpec;
use crate::config::schema::images as configured;
use crate::config::schema::quantity::Size;

use super::bootc;
use super::container::reference;
use super::live::{self, LiveLogin};
use super::medium::volume_id;
use super::ostree::commit::CommitSpec;
use super::{
    BackendSpec, BootcSpec, ContainerSpec, DeploymentSpec, DiskSpec, ImageKind, LiveSpec, LxcSpec, Netboot, Overlay, PackedSpec,
    WslSpec,
};

/// What an image is made of, with everything that the configuration leaves to charmer.
pub(super) enum Recipe<'a> {
    OfRootfs(Box<ImageKind>),
    OfPackages(&'a configured::DataIso),
    Installer(&'a configured::Installer),
    Commit(CommitSpec, Option<PathBuf>),
    /// A disk, and the name of the commit that it is a deployment of.
    Deployment(Box<DiskSpec>, &'a str),
    /// A container, and the name of the commit that is in it.
    Encapsulation(Box<BootcSpec>, &'a str),
    /// A disk that another program makes of the repositories.
    Backend(Box<DiskSpec>),
}

pub(super) fn recipe_of<'a>(config: &Config, image: &'a ImageSpec) -> Recipe<'a> {
    let release = &config.release;
    Recipe::OfRootfs(Box::new(match &image.kind {
        configured::ImageKind::DataIso(data) => return Recipe::OfPackages(data),
        configured::ImageKind::Installer(installer) => return Recipe::Installer(installer),
        configured::ImageKind::Ostree(ostree) => {
            return Recipe::Commit(commit_spec(config, image, ostree), ostree.ed25519_key.clone());
        }
        configured::ImageKind::Container(container) => ImageKind::Container(Box::new(ContainerSpec {
            reference: reference(&image.variant, &release.version),
            title: format!("{} {}", release.name, image.variant),
            version: release.version.clone(),
            vendor: Some(release.vendor().to_owned()),
            url: release.url.clone(),
            labels: container.labels.clone(),
            entrypoint: container.entrypoint.clone(),
            command: container.cmd.clone(),
            environment: container.env.clone(),
            user: container.user.clone().unwrap_or_default(),
            working_folder: container.workdir.clone().unwrap_or_default(),
            layers_by_package: container.layers == configured::Layers::Packages,
        })),
        configured::ImageKind::Live(live) => ImageKind::Live(LiveSpec {
            title: format!("{} {} {}", release.name, release.version, image.variant),
            volume_id: volume_id(&format!("{}-{}-{}", release.short, release.version, image.variant)),
            boot_parameters: live.boot_parameters.clone(),
            persistence: live.persistence,
            calamares: live.calamares,
            zsync: live.zsync,
            netboot: live.netboot.then(|| Netboot { url: live.netboot_url.clone() }),
            overlay: Overlay {
                files: live::files(live.hostname.as_deref().unwrap_or(&release.short), live_login(live)),
                root_password: live.root_password.clone(),
            },
        }),
        configured::ImageKind::Bootc(bootc) => {
            let spec = Box::new(bootc_spec(config, image, bootc));
            match &bootc.ostree {
                Some(commit) => return Recipe::Encapsulation(spec, commit),
                None => ImageKind::Bootc(spec),
            }
        }
        configured::ImageKind::Disk(disk) => {
            let spec = Box::new(disk_spec(config, image, disk));
            match &disk.ostree {
                Some(commit) => return Recipe::Deployment(spec, commit),
                None if spec.backend.is_some() => return Recipe::Backend(spec),
                None => ImageKind::Disk(spec),
            }
        }
        configured::ImageKind::Tar(tar) => ImageKind::Packed(PackedSpec::Tar(tar.compression.into())),
        configured::ImageKind::Wsl(wsl) => ImageKind::Packed(PackedSpec::Wsl(WslSpec {
            name: wsl.distribution.clone().unwrap_or_else(|| format!("{}-{}", release.short, release.version)),
            user: wsl.user.clone(),
            first_run: wsl.first_run.clone(),
            systemd: wsl.systemd,
        })),
        configured::ImageKind::Lxc(_) => ImageKind::Packed(PackedSpec::Lxc(LxcSpec {
            title: format!("{} {} {}", release.name, release.version, image.variant),
            os: release.short.clone(),
            release: release.codename().to_owned(),
            variant: image.variant.clone(),
            version: release.version.clone(),
        })),
        configured::ImageKind::Squashfs(_) => ImageKind::Squashfs,
    }))
}

fn bootc_spec(config: &Config, image: &ImageSpec, bootc: &configured::Bootc) -> BootcSpec {
    let release = &config.release;
    // Those of a commit come with it.
    let own_labels = if bootc.ostree.is_none() { bootc::labels() } else { BTreeMap::new() };
    BootcSpec {
        container: ContainerSpec {
            reference: reference(&image.variant, &release.version),
            title: format!("{} {}", release.name, image.variant),
            version: release.version.clone(),
            vendor: Some(release.vendor().to_owned()),
            url: release.url.clone(),
            labels: own_labels.into_iter().chain(bootc.labels.clone()).collect(),
            command: vec!["/sbin/init".to_owned()],
            ..ContainerSpec::default()
        },
        kernel_arguments: bootc.kernel_arguments.clone(),
        root_filesystem: bootc.root_filesystem.name().to_owned(),
    }
}

fn disk_spec(config: &Config, image: &ImageSpec, disk: &configured::Disk) -> DiskSpec {
    let release = &config.release;
    let own_name = || (!disk.cloud_init).then(|| release.short.clone());
    DiskSpec {
        title: format!("{} {} {}", release.name, release.version, image.variant),
        identity: [&release.short, &release.version, &image.variant, &image.arch, &image.name].map(String::as_str).join(" "),
        size: disk.size.map(Size::bytes),
        filesystem: disk.filesystem,
        firmware: disk.firmware(),
        boot_loader: disk.boot_loader,
        boot_parameters: disk.boot_parameters.clone(),
        hostname: disk.hostname.clone().or_else(own_name),
        cloud_init: disk.cloud_init,
        root_password: disk.root_password.clone(),
        formats: disk.formats.clone(),
        deployment: disk.ostree.as_ref().map(|_| DeploymentSpec { os: release.short.clone(), url: disk.ostree_url.clone() }),
        backend: disk.backend.zip(disk.configuration.as_deref()).map(|(backend, configuration)| BackendSpec {
            backend,
            configuration: configuration.to_owned(),
            packages: image.packages.clone(),
        }),
    }
}

fn commit_spec(config: &Config, image: &ImageSpec, ostree: &configured::Ostree) -> CommitSpec {
    let release = &config.release;
    let own = || format!("{}/{}/{{arch}}/{}", release.short, release.version, image.variant).to_lowercase();
    CommitSpec {
        reference: ostree.reference.clone().unwrap_or_else(own).replace("{arch}", &image.arch),
        subject: format!("{} {} {}", release.name, release.version, image.variant),
        version: ostree.version.clone().unwrap_or_else(|| release.version.clone()),
        bindings: ostree.bindings,
        tag_ref: ostree.tag_ref,
        force_new_commit: ostree.force_new_commit,
    }
}

const fn live_login(live: &configured::Live) -> LiveLogin {
    match live.login {
        configured::Login::Console => LiveLogin::Console,
        configured::Login::Accounts => LiveLogin::Accounts,
    }
}
