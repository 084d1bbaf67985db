//! Container images: the root file system as the one layer of an OCI image, in one archive file.
//!
//! `skopeo`, `podman load`, `buildah` and `ctr` read such an archive; unpacked, it is an OCI image layout.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::chunks::{Chunks, Shape};
use super::layer::{write_layer, write_layers};
use super::oci::{History, ImageConfig, Platform, RootfsDigests, RuntimeConfig, oci_digest, write_archive};
use super::{ImageError, Rootfs, blocking};
use crate::digest::Sha256;

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const LABEL: &str = "org.opencontainers.image.";

/// What a container image says of itself and how it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerSpec {
    /// The name it gets when it is loaded: `harbour/base:13.1`.
    pub reference: String,
    /// Label `title`.
    pub title: String,
    /// Label `version`.
    pub version: String,
    /// Label `vendor`.
    pub vendor: Option<String>,
    /// Label `url`.
    pub url: Option<String>,
    /// More labels, by their full names; they win over those above.
    pub labels: BTreeMap<String, String>,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    /// Variables; `PATH` is Debian's if it is not named.
    pub environment: BTreeMap<String, String>,
    /// `name`, `uid` or `uid:gid`; empty for root.
    pub user: String,
    pub working_folder: String,
    /// There is a layer for each large package and some for all others; otherwise there is one.
    pub layers_by_package: bool,
}

/// The arches that containers can be made for.
pub fn arches() -> Vec<&'static str> {
    Platform::debian_arches()
}

/// A reference of any name and version, in the letters that container tools allow.
pub fn reference(name: &str, version: &str) -> String {
    let plain = |text: &str, more: &str| -> String {
        let replaced = text.chars().map(|c| if c.is_ascii_alphanumeric() || more.contains(c) { c } else { '-' });
        replaced.collect::<String>().trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
    };
    format!("{}:{}", plain(&name.to_ascii_lowercase(), "._/"), plain(version, "._"))
}

/// Writes the archive to `output`.
pub(super) async fn build(
    spec: &ContainerSpec,
    rootfs: &Rootfs,
    work: &Path,
    output: &Path,
    cancel: CancellationToken,
) -> Result<(), ImageError> {
    let (spec, rootfs, work, output) = (spec.clone(), rootfs.clone(), work.to_owned(), output.to_owned());
    blocking(move || {
        let layers = if spec.layers_by_package {
            let chunks = Chunks::of_tree(&rootfs.tar, Shape::Installed, &cancel)?;
            write_layers(&rootfs.tar, &BTreeMap::new(), &chunks, &work, &cancel)?
        } else {
            let file = work.join("layer.tar.gz");
            vec![(write_layer(&rootfs.tar, rootfs.epoch, &file, &cancel)?, file)]
        };
        let diff_ids = layers.iter().map(|(layer, _)| layer.diff_id).collect();
        let config = spec.image_config(&rootfs, diff_ids)?;
        write_archive(&config, &spec.reference, &layers, rootfs.epoch, &output)
    })
    .await
}

impl ContainerSpec {
    /// What can be said before there is a root file system.
    pub(super) fn validate(&self, arch: &str) -> Result<(), ImageError> {
        platform(arch)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
        let name = self.reference.rsplit_once(':').map_or("", |(name, _)| name);
        let tag = self.reference.rsplit_once(':').map_or("", |(_, tag)| tag);
        let tag_plain = |c: char| plain(c.to_ascii_lowercase()) && !"/:".contains(c);
        if name.is_empty() || !name.chars().all(plain) || tag.is_empty() || !tag.chars().all(tag_plain) {
            let reason = "a name of lower-case letters, digits and ._-/, then ':' and a tag, are expected";
            return Err(ImageError::Invalid { what: "container reference", value: self.reference.clone(), reason });
        }
        if let Some(name) = self.environment.keys().find(|name| name.is_empty() || name.contains('=')) {
            let reason = "the name of a variable is expected";
            return Err(ImageError::Invalid { what: "environment variable", value: name.clone(), reason });
        }
        Ok(())
    }

    /// The document of an image with these layers, the lowest first.
    pub(super) fn image_config(&self, rootfs: &Rootfs, diff_ids: Vec<Sha256>) -> Result<ImageConfig, ImageError> {
        let platform = platform(&rootfs.arch)?;
        let created = rfc3339(rootfs.epoch)?;
        let mut environment = self.environment.clone();
        environment.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
        let config = RuntimeConfig {
            user: self.user.clone(),
            env: environment.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint: self.entrypoint.clone(),
            cmd: self.command.clone(),
            working_dir: self.working_folder.clone(),
            labels: self.all_labels(&created),
        };
        Ok(ImageConfig {
            history: vec![History { created: created.clone(), created_by: format!("charmer: {}", self.title) }],
            created,
            platform,
            config,
            rootfs: RootfsDigests { kind: "layers", diff_ids: diff_ids.into_iter().map(oci_digest).collect() },
        })
    }

    pub(super) fn all_labels(&self, created: &str) -> BTreeMap<String, String> {
        let known = [
            ("created", Some(created)),
            ("title", Some(self.title.as_str())),
            ("version", Some(self.version.as_str())),
            ("vendor", self.vendor.as_deref()),
            ("url", self.url.as_deref()),
        ];
        let known = known.into_iter().filter_map(|(name, value)| Some((format!("{LABEL}{name}"), value?.to_owned())));
        known.chain(self.labels.clone()).collect()
    }
}

pub(super) fn platform(arch: &str) -> Result<Platform, ImageError> {
    Platform::of_debian(arch).ok_or_else(|| ImageError::UnsupportedArch {
        kind: "container",
        arch: arch.to_owned(),
        supported: arches().join(", "),
    })
}

pub(super) fn rfc3339(epoch: i64) -> Result<String, ImageError> {
    let time = Timestamp::from_second(epoch).map_err(|_| ImageError::Invalid {
        what: "SOURCE_DATE_EPOCH",
        value: epoch.to_string(),
        reason: "it is out of the range of years that are written with four digits",
    })?;
    Ok(time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ContainerSpec {
        ContainerSpec {
            reference: "harbour/base:13.1".into(),
            title: "Harbour".into(),
            version: "13.1".into(),
            labels: [("org.opencontainers.image.title".into(), "Harbour Base".into())].into(),
            ..ContainerSpec::default()
        }
    }

    fn rootfs(arch: &str) -> Rootfs {
        Rootfs { tar: "rootfs.tar".into(), arch: arch.into(), epoch: 1_763_000_000, installed: Vec::new() }
    }

    #[test]
    fn own_labels_win_and_the_time_is_the_composes() {
        let config = spec().image_config(&rootfs("arm64"), vec![Sha256::of(b"")]).unwrap();
        let config = serde_json::to_value(config).unwrap();
        assert_eq!(config["created"], "2025-11-13T02:13:20Z");
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.title"], "Harbour Base");
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.created"], "2025-11-13T02:13:20Z");
        assert_eq!((&config["architecture"], &config["variant"]), (&"arm64".into(), &"v8".into()));
        assert_eq!(config["config"]["Env"][0], format!("PATH={DEFAULT_PATH}"));
    }

    #[test]
    fn a_reference_is_made_of_any_name() {
        let made = reference("Harbour Linux/Base", "13.1~rc1");
        assert_eq!(made, "harbour-linux/base:13.1-rc1");
        ContainerSpec { reference: made, ..spec() }.validate("amd64").unwrap();
    }

    #[test]
    fn what_no_runtime_would_take_is_refused() {
        assert!(spec().validate("hurd-i386").is_err());
        assert!(ContainerSpec { reference: "Harbour".into(), ..spec() }.validate("amd64").is_err());
        assert!(ContainerSpec { environment: [("A=B".into(), String::new())].into(), ..spec() }.validate("amd64").is_err());
        spec().validate("amd64").unwrap();
    }
}
