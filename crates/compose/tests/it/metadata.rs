//! Metadata files, read back by productmd.
#![expect(clippy::disallowed_types, reason = "tests ask productmd itself")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use charmer_compose::metadata::ComposeRecord;
use charmer_compose::metadata::composeinfo::{PathKind, ReleaseRecord, VariantRecord, composeinfo_json};
use charmer_compose::metadata::images::{ImageRecord, ListedImage, images_json, productmd_kind};
use charmer_compose::metadata::names::ComposeType;

/// Loads a file, writes it again, and says so when the two differ; then says what productmd makes of paths and images.
const READ_BACK: &str = r"
import sys, productmd.composeinfo, productmd.images
for name, kind in ('composeinfo.json', productmd.composeinfo.ComposeInfo), ('images.json', productmd.images.Images):
    metadata = kind()
    metadata.load(name)
    assert metadata.dumps() + '\n' == open(name).read(), name + ' differs:\n' + metadata.dumps()
    if name == 'composeinfo.json':
        print(metadata.variants['Server'].paths.repository['amd64'], metadata.compose.label_major_version)
    else:
        print(sorted(image.path for image in metadata['Server']['amd64']))
";

fn compose() -> ComposeRecord {
    ComposeRecord {
        date: "20261123".into(),
        is_final: Some(true),
        id: "harbour-13.1-20261123.0".into(),
        label: Some("RC-1.0".into()),
        respin: 0,
        compose_type: ComposeType::Production,
    }
}

fn composeinfo(arches: &[&str]) -> String {
    let release = ReleaseRecord {
        internal: false,
        is_layered: false,
        name: "Harbour Linux".into(),
        short: "harbour".into(),
        release_type: "ga".into(),
        version: "13.1".into(),
    };
    let variant = |id: &str, parent: Option<&str>, children: &[&str]| {
        let uid = parent.map_or(id.to_owned(), |parent| format!("{parent}-{id}"));
        let repository = arches.iter().map(|arch| ((*arch).to_owned(), format!("{uid}/repository"))).collect();
        VariantRecord {
            arches: arches.iter().map(|arch| (*arch).to_owned()).collect(),
            id: id.into(),
            name: id.into(),
            paths: BTreeMap::from([(PathKind::Repository, repository)]),
            release: None,
            variant_type: if parent.is_some() { "optional" } else { "variant" }.into(),
            uid,
            variants: children.iter().map(|child| (*child).to_owned()).collect::<BTreeSet<_>>(),
        }
    };
    let variants = [variant("Base", None, &[]), variant("Server", None, &["optional"]), variant("optional", Some("Server"), &[])];
    composeinfo_json(&compose(), &release, None, &variants)
}

fn images(arch: &str) -> String {
    let image = |kind: &str, path: &str, volume_id: Option<&str>| {
        let (image_type, format) = productmd_kind(kind, path.split_once('.').unwrap().1).unwrap();
        let image = ImageRecord {
            additional_variants: None,
            arch: arch.into(),
            boot_tests: Vec::new(),
            differs: None,
            bootable: volume_id.is_some(),
            checksums: BTreeMap::from([("sha256".to_owned(), "0".repeat(64))]),
            disc_count: 1,
            disc_number: 1,
            format: format.into(),
            implant_md5: volume_id.map(|_| "0123456789abcdef0123456789abcdef".into()),
            mtime: 1_700_000_000,
            path: path.into(),
            size: 1000,
            subvariant: "Server".into(),
            image_type: image_type.into(),
            unified: false,
            volume_id: volume_id.map(Into::into),
        };
        ListedImage { variant: "Server".into(), arch: arch.into(), image }
    };
    let live = image("live", "Server/amd64/iso/harbour.iso", Some("harbour-13.1"));
    images_json(&compose(), &[image("container", "Server/amd64/images/harbour.ociarchive", None), live])
}

/// Python with productmd; none where it cannot be had.
pub(crate) fn productmd() -> Option<std::path::PathBuf> {
    charmer_testkit::python::with_productmd(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn read_back(python: &Path, folder: &Path) -> Result<String, String> {
    let output = Command::new(python).args(["-c", READ_BACK]).current_dir(folder).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if output.status.success() { Ok(stdout) } else { Err(stderr) }
}

#[test]
fn productmd_loads_our_files_and_writes_them_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = productmd() else {
        #[expect(clippy::print_stderr, reason = "whoever runs the tests should know that this one did nothing")]
        {
            eprintln!("skipped: productmd cannot be installed here (python3 with venv, and a package index, are needed)");
        }
        return;
    };
    let write = |arches: &[&str], image_arch: &str| {
        fs_err::write(folder.path().join("composeinfo.json"), composeinfo(arches)).unwrap();
        fs_err::write(folder.path().join("images.json"), images(image_arch)).unwrap();
    };
    write(&["amd64", "arm64", "ppc64el"], "amd64");
    let text = read_back(&python, folder.path()).unwrap();
    assert_eq!(text, "Server/repository RC-1\n['Server/amd64/images/harbour.ociarchive', 'Server/amd64/iso/harbour.iso']\n");
    // The limit that the module's documentation speaks of.
    write(&["amd64"], "ppc64el");
    assert!(read_back(&python, folder.path()).unwrap_err().contains("Arch not found in RPM_ARCHES: ppc64el"));
}
