//! The container, as skopeo reads it and buildah runs it.

use std::path::Path;
use std::process::Command;

use super::{Compose, DPKG_FORMAT, Workshop, run};

/// How the container of the test runs.
pub(super) const SETTINGS: &str = r#"entrypoint = ["/bin/cat"]
cmd = ["/etc/harbour-release"]
user = "nobody"
workdir = "/var"
env = { HARBOUR = "1" }
labels = { "org.example.tide" = "high" }"#;

pub(super) fn runs(workshop: &Workshop, compose: &Compose) {
    let archive = format!("oci-archive:{}", compose.container().display());
    is_read(workshop, &archive);

    let buildah = Buildah { storage: &workshop.new_folder("containers") };
    let container = buildah.run(&["from", &archive]);
    let container = container.trim();
    assert_eq!(buildah.run(&["run", container, "cat", "/etc/harbour-release"]), "Harbour Linux 13.1 (quay)\n");
    assert_eq!(buildah.run(&["run", container, "sh", "-c", "id -un; pwd; echo $HARBOUR"]), "nobody\n/var\n1\n");
    // No source of the build is left.
    assert_eq!(buildah.run(&["run", container, "sh", "-c", "cd /etc/apt; ls sources.list*"]), "harbour.sources\n");

    let root = |words: &[&str]| buildah.run(&[&["run", "--user", "root", container], words].concat());
    compose.assert_locked(&root(&["dpkg-query", "--show", "--showformat", DPKG_FORMAT]));
    assert_eq!(root(&["dpkg", "--audit"]), "");
    assert_eq!(root(&["getcap", "/usr/bin/fping"]), "/usr/bin/fping cap_net_raw=ep\n");
    assert_eq!(root(&["getent", "passwd", "root"]).split(':').nth(1), Some("*"), "root has no password");
    buildah.run(&["rm", "--all"]);
}

fn is_read(workshop: &Workshop, archive: &str) {
    let inspected = run(Command::new("skopeo").args(["inspect", archive]));
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!((&inspected["Architecture"], &inspected["Os"]), (&"amd64".into(), &"linux".into()));
    let labels = &inspected["Labels"];
    assert_eq!(labels["org.opencontainers.image.title"], "Harbour Linux Base");
    assert_eq!(labels["org.opencontainers.image.version"], "13.1");
    assert_eq!(labels["org.opencontainers.image.created"], inspected["Created"]);
    assert_eq!(labels["org.example.tide"], "high");

    let configuration = run(Command::new("skopeo").args(["inspect", "--config", archive]));
    let configuration: serde_json::Value = serde_json::from_str(&configuration).unwrap();
    assert_eq!(configuration["config"]["Entrypoint"], serde_json::json!(["/bin/cat"]));
    assert_eq!(configuration["config"]["Cmd"], serde_json::json!(["/etc/harbour-release"]));

    let copy = workshop.path("docker.tar");
    let to = format!("docker-archive:{}:harbour/base:13.1", copy.display());
    run(Command::new("skopeo").args(["--insecure-policy", "copy", archive, &to]));
    let manifest = run(Command::new("tar").args(["--extract", "--to-stdout", "--file"]).arg(copy).arg("manifest.json"));
    assert!(manifest.contains("harbour/base:13.1"), "{manifest}");
}

struct Buildah<'a> {
    storage: &'a Path,
}

impl Buildah<'_> {
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.storage.join("root")).arg("--runroot").arg(self.storage.join("run"));
        command.args(["--storage-driver", "vfs"]).args(arguments);
        run(command.env("HOME", self.storage).env("BUILDAH_ISOLATION", "chroot"))
    }
}
