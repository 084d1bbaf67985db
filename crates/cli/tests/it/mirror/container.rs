//! The container, as skopeo reads it and buildah runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Compose, DPKG_FORMAT, Workshop, run};

const ROOT: &[&str] = &["--user", "root"];

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
    let layout = format!("oci:{}", compose.container().with_extension("").display());
    assert_eq!(digest(&layout), digest(&archive), "the folder holds the same image");

    let container = Container::create(&archive, workshop.new_folder("containers"));
    assert_eq!(container.run(&[], "cat /etc/harbour-release"), "Harbour Linux 13.1 (quay)\n");
    assert_eq!(container.run(&[], "id -un; pwd; echo $HARBOUR"), "nobody\n/var\n1\n");
    // No source of the build is left.
    assert_eq!(container.run(&[], "cd /etc/apt; ls -d sources.list*; ls sources.list.d"), "sources.list.d\nharbour.sources\n");
    compose.assert_locked(&container.run(ROOT, &format!("dpkg-query --show --showformat '{DPKG_FORMAT}'")));
    assert_eq!(container.run(ROOT, "dpkg --audit"), "");
    assert_eq!(container.run(ROOT, "getcap /usr/bin/fping"), "/usr/bin/fping cap_net_raw=ep\n");
    assert_eq!(container.run(ROOT, "getent passwd root").split(':').nth(1), Some("*"), "root has no password");
}

fn digest(image: &str) -> String {
    run(Command::new("skopeo").args(["inspect", "--format", "{{.Digest}}", image]))
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

/// A working container of buildah, in storage of its own.
struct Container {
    storage: PathBuf,
    name: String,
    root: PathBuf,
}

impl Container {
    fn create(image: &str, storage: PathBuf) -> Self {
        let name = buildah(&storage, &["from", image]).trim().to_owned();
        let root = PathBuf::from(buildah(&storage, &["mount", &name]).trim());
        Self { storage, name, root }
    }

    /// What a line of shell prints in the container. It goes by a file: buildah loses output now and then.
    fn run(&self, options: &[&str], line: &str) -> String {
        let line = format!("{{ {line}; }} > /tmp/output");
        buildah(&self.storage, &[&["run"], options, &[&self.name, "sh", "-c", &line]].concat());
        let output = self.root.join("tmp/output");
        let text = fs_err::read_to_string(&output).unwrap();
        fs_err::remove_file(output).unwrap();
        text
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        buildah(&self.storage, &["rm", "--all"]);
    }
}

fn buildah(storage: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("buildah");
    command.arg("--root").arg(storage.join("root")).arg("--runroot").arg(storage.join("run"));
    command.args(["--storage-driver", "vfs"]).args(arguments);
    run(command.env("HOME", storage).env("BUILDAH_ISOLATION", "chroot"))
}
