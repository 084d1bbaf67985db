//! What LXD and Incus want beside a root file system: an image of theirs is one tar file with `metadata.yaml`, `templates` and
//! `rootfs` (Incus' documentation, "Image format", unified tarballs).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::Rootfs;
use super::root_tar::Additions;

/// What the image says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LxcSpec {
    pub title: String,
    /// `harbour`, `quay`, `Base`: what people choose images by.
    pub os: String,
    pub release: String,
    pub variant: String,
    pub version: String,
}

const HOSTNAME: &str = "hostname.tpl";
const HOSTS: &str = "hosts.tpl";

impl LxcSpec {
    pub(super) fn additions(&self, rootfs: &Rootfs) -> Additions {
        let template = |template: &str| json!({"when": ["create", "copy"], "template": template});
        let metadata = json!({
            "architecture": kernel_arch(&rootfs.arch),
            "creation_date": rootfs.epoch,
            "properties": {
                "architecture": rootfs.arch,
                "description": format!("{} {}", self.title, rootfs.arch),
                "os": self.os,
                "release": self.release,
                "variant": self.variant,
                "version": self.version,
            },
            "templates": {"/etc/hostname": template(HOSTNAME), "/etc/hosts": template(HOSTS)},
        });
        // JSON is YAML, and quotes whatever needs it.
        let metadata = format!("{metadata:#}\n");
        let hosts = "127.0.0.1\tlocalhost\n127.0.1.1\t{{ container.name }}\n::1\tlocalhost ip6-localhost ip6-loopback\n";
        let beside = [
            ("metadata.yaml".to_owned(), metadata),
            (format!("templates/{HOSTNAME}"), "{{ container.name }}\n".to_owned()),
            (format!("templates/{HOSTS}"), hosts.to_owned()),
        ];
        Additions { below: "rootfs/", beside: beside.into(), files: BTreeMap::new() }
    }
}

/// The kernel's name of an arch, by which LXD knows it; Debian's where they agree.
fn kernel_arch(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "i386" => "i686",
        "arm64" => "aarch64",
        "armhf" | "armel" => "armv7l",
        "ppc64el" => "ppc64le",
        other => other,
    }
}
