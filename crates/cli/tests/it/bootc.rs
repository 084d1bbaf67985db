//! Bootable containers as registries and machines have them: read by skopeo, their layers put together as a machine does.

use std::collections::BTreeSet;

use super::harbour::{Compose, Harbour, output_of};

/// A distribution with a bootable container and an OSTree commit of the same packages.
fn with_bootc() -> Harbour {
    let more = "kernel-arguments = [\"console=ttyS0\"]\nroot-filesystem = \"xfs\"\nlabels = { purpose = \"quay\" }\n";
    Harbour::bootable(&[("bootc", more), ("ostree", "")])
}

fn archive_of(compose: &Compose, image: &str) -> String {
    let name = format!("{}-Base-amd64-{image}.oci.tar", compose.id());
    format!("oci-archive:{}", compose.path("compose/Base/amd64/images").join(name).display())
}

fn inspect(compose: &Compose, image: &str) -> serde_json::Value {
    serde_json::from_str(&output_of("skopeo", &["inspect", &archive_of(compose, image)])).unwrap()
}

fn layers(compose: &Compose, image: &str) -> BTreeSet<String> {
    let inspected = inspect(compose, image);
    inspected["Layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_bootable_container_is_what_bootc_asks_for() {
    let harbour = with_bootc();
    let (ran, compose) = harbour.compose(&[]);
    assert_eq!(compose.done().iter().filter(|job| job.starts_with("ostree-tree:")).count(), 1, "one tree for both: {ran}");
    let labels = &inspect(&compose, "bootc")["Labels"];
    for (name, value) in [("containers.bootc", "1"), ("ostree.bootable", "1"), ("purpose", "quay")] {
        assert_eq!(labels[name], value, "{labels}");
    }
    // Layer by layer, the lowest first.
    let (copied, root) = (harbour.path("copied"), harbour.path("root"));
    output_of("skopeo", &["copy", "--quiet", &archive_of(&compose, "bootc"), &format!("dir:{}", copied.display())]);
    fs_err::create_dir(&root).unwrap();
    for layer in inspect(&compose, "bootc")["Layers"].as_array().unwrap() {
        let file = copied.join(layer.as_str().unwrap().trim_start_matches("sha256:"));
        output_of("tar", &["--extract", "--file", file.to_str().unwrap(), "--directory", root.to_str().unwrap()]);
    }
    let read = |path: &str| fs_err::read_to_string(root.join(path)).unwrap();
    assert_eq!(read("etc/hostname"), "quay\n");
    assert!(!root.join("usr/etc").exists());
    assert_eq!(read("usr/lib/modules/6.12-quay/initramfs.img"), "initramfs of 0\n");
    assert_eq!(read("usr/lib/bootc/kargs.d/50-charmer.toml"), "kargs = [\"console=ttyS0\"]\n");
    assert_eq!(read("usr/lib/bootc/install/50-charmer.toml"), "[install.filesystem.root]\ntype = \"xfs\"\n");
    assert_eq!(read("usr/share/dash/large"), read("usr/share/dash/the-same"));
    assert!(read("usr/lib/sysimage/dpkg/status").contains("Package: linux-image-quay\n"));
    for empty in ["boot", "dev", "run", "tmp", "var", "sysroot"] {
        assert_eq!(fs_err::read_dir(root.join(empty)).unwrap().count(), 0, "{empty}");
    }
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let is_listed = |image: &serde_json::Value| image["type"] == "bootable-container" && image["bootable"] == true;
    assert!(images.as_array().unwrap().iter().any(is_listed), "{images}");
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn an_update_of_one_package_is_one_layer_and_the_database() {
    let harbour = with_bootc();
    harbour.edit("kind = \"container\"\n", "kind = \"container\"\nlayers = \"packages\"\n");
    let (_, first) = harbour.compose(&[]);
    let (_, same) = harbour.compose(&[]);
    // On another day, with another dash.
    let mut harbour = harbour;
    harbour.source_date_epoch = Some("1717459200");
    harbour.add("Package: dash\nVersion: 2.0\nArchitecture: any\nEssential: yes\nDepends: libc6\n");
    harbour.publish("2024-06-02");
    let (ran, second) = harbour.compose(&[]);
    for image in ["bootc", "container"] {
        let (old, new) = (layers(&first, image), layers(&second, image));
        assert_eq!(old, layers(&same, image));
        let fetched: Vec<_> = new.difference(&old).collect();
        assert_eq!((fetched.len(), new.len()), (2, old.len()), "{image} {fetched:?}: {ran}");
    }
}
