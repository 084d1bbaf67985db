//! The ISO images of every golden compose, made of its recorded trees and compared with Pungi's by the goldens' own `compare.py`.
#![expect(clippy::disallowed_types, reason = "the goldens are compared by their own program")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use charmer_compose::checksum::Algorithm;
use charmer_compose::compression::{Compression, decompress};
use charmer_compose::config::pungi::load;
use charmer_compose::config::pungi::resolve::isos::{extra_isos, isos};
use charmer_compose::config::pungi::schema::schema;
use charmer_compose::config::pungi::validate::validate;
use charmer_compose::config::pungi::value::{Dict, Value};
use charmer_compose::config::pungi::variants::{self, Filters, Variants};
use charmer_compose::images::optical::{
    ExtraIsoSpec, ExtraMedium, IncludedTree, IsoError, IsoSpec, MadeIso, Medium, Places, TreeFiles, make, prepare_discs,
    prepare_extra, run_values,
};
use charmer_compose::metadata::python_format::Values;
use charmer_compose::metadata::treeinfo::{TreeInfo, TreeVariant};
use charmer_compose::package_set::rpm_file::read_rpms;
use charmer_compose::repositories::rpm_md::{ListedPackage, RpmMdSpec};
use charmer_compose::tools::Runner;
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::repodata::write::Tags;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::golden::{Golden, composes};
use crate::pungi_metadata::{compose_record, filled, treeinfo};

const DATE: i64 = 1_767_225_600;
/// What the goldens have in the place of the day and the number.
const PLACEHOLDERS: [(&str, &str); 3] = [("@DATE@", "20260102"), ("@RESPIN@", "0"), ("@TIME@", "1767225600")];

fn of_the_day(text: &str) -> String {
    PLACEHOLDERS.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
}

/// Packages by file name, as Pungi had them.
fn packages(goldens: &Path, folder: &Path) -> BTreeMap<String, PathBuf> {
    let packed = fs_err::read(goldens.join("repo.tar.xz")).unwrap();
    let archive = decompress(Compression::Xz, &packed[..], 1 << 30).unwrap();
    tar::Archive::new(&archive[..]).unpack(folder).unwrap();
    let mut found = BTreeMap::new();
    // Where two repositories have a package, it is the same one.
    for repository in ["base", "harbour", "updates"] {
        for entry in fs_err::read_dir(folder.join("repo").join(repository)).unwrap() {
            let path = entry.unwrap().path();
            found.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), path);
        }
    }
    found
}

/// A compose in which everything is there but images.
struct Laid<'a> {
    golden: &'a Golden,
    top: PathBuf,
    values: Dict,
    variants: Variants,
    run: Values<'static>,
}

impl<'a> Laid<'a> {
    fn new(golden: &'a Golden, folder: &Path, packages: &BTreeMap<String, PathBuf>) -> Option<Self> {
        let images = filled(golden, "metadata/images.json")?;
        let mut compose = compose_record(&images["payload"]);
        // Only this file has the label.
        compose.label = compose_record(&filled(golden, "metadata/composeinfo.json")?["payload"]).label;
        let top = folder.join(format!("target-{}", golden.name)).join(&compose.id);
        fs_err::create_dir_all(&top).unwrap();
        fs_err::write(top.join("COMPOSE_ID"), &compose.id).unwrap();
        let list = fs_err::read_to_string(golden.expected().join("files.txt")).unwrap();
        for path in list.lines().filter(|path| !path.contains("/iso/") && !path.contains("/jigdo/")) {
            let file = top.join("compose").join(of_the_day(path));
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            let recorded = golden.expected().join("trees").join(path);
            match (packages.get(file.file_name().unwrap().to_str().unwrap()), fs_err::read_to_string(recorded)) {
                (Some(package), _) => fs_err::hard_link(package, file).unwrap(),
                (None, Ok(text)) => fs_err::write(file, of_the_day(&text)).unwrap(),
                (None, Err(_)) => fs_err::write(file, path).unwrap(),
            }
        }
        let configuration = top.join("harbour.conf");
        fs_err::write(&configuration, golden.input("harbour.conf")).unwrap();
        let values = validate(load(configuration.to_str().unwrap(), &[]).unwrap().values, &schema(2), None).values;
        fs_err::remove_file(configuration).unwrap();
        let texts = |option: &str| -> Vec<String> {
            let items = values.get(option).and_then(Value::as_items).unwrap_or_default();
            items.iter().filter_map(|item| item.as_text().map(str::to_owned)).collect()
        };
        let filters = Filters { tree_arches: texts("tree_arches"), tree_variants: texts("tree_variants") };
        let variants = variants::load(golden.folder.join("variants.xml").to_str().unwrap(), &filters).unwrap();
        let text = |option: &str| values[option].as_text().unwrap().to_owned();
        let run = run_values(&compose, (&text("release_short"), &text("release_version")));
        Some(Self { golden, top, values, variants, run })
    }

    fn place(&self, variant: &str, arch: &str, kind: &str) -> PathBuf {
        let arch = if arch == "src" { "source" } else { arch };
        self.top.join("compose").join(variant).join(arch).join(kind)
    }

    fn tree(&self, variant: &str, arch: &str) -> PathBuf {
        self.place(variant, arch, if arch == "src" { "tree" } else { "os" })
    }

    fn treeinfo(&self, variant: &str, arch: &str) -> Option<TreeInfo> {
        let text = fs_err::read_to_string(self.tree(variant, arch).join(".treeinfo")).ok()?;
        Some(treeinfo(&text))
    }

    /// Time stamp and description.
    fn discinfo(&self, variant: &str, arch: &str) -> (String, String) {
        let text = fs_err::read_to_string(self.tree(variant, arch).join(".discinfo")).unwrap();
        let mut lines = text.lines().map(str::to_owned);
        (lines.next().unwrap(), lines.next().unwrap())
    }

    /// Paths in the tree of its extra files.
    fn extra_files(&self, variant: &str, arch: &str) -> Vec<String> {
        let recorded = filled(self.golden, "metadata/extra_files.json");
        let list = recorded.map(|recorded| recorded["payload"]["extra_files"][variant][arch].clone()).unwrap_or_default();
        let tree = self.tree(variant, arch);
        let path = |file: &Json| {
            let path = self.top.join("compose").join(file["file"].as_str().unwrap());
            path.strip_prefix(&tree).unwrap().to_str().unwrap().to_owned()
        };
        list.as_array().into_iter().flatten().map(path).collect()
    }

    fn work(&self, arch: &str) -> PathBuf {
        self.top.join("work").join(arch).join("iso")
    }

    fn places(&self, variant: &str, arch: &str) -> Places {
        Places {
            images: self.place(variant, arch, "iso"),
            jigdo: self.place(variant, arch, "jigdo"),
            lorax_templates: None,
            is_supported: self.run["label"].starts_with("RC"),
            date: DATE,
            checksums: BTreeSet::new(),
        }
    }

    fn runner(&self) -> Runner {
        let folder = self.top.parent().unwrap();
        Runner::new(folder.join("log"), folder.to_owned(), "/usr/bin:/bin".into(), CancellationToken::new())
    }

    async fn make_isos(&self, spec: &IsoSpec) -> Vec<MadeIso> {
        let tree = TreeFiles::read(&self.tree(&spec.variant, &spec.arch)).unwrap();
        if !tree.has_packages() {
            return Vec::new();
        }
        let headers = self.headers(&spec.variant, &spec.arch);
        let (timestamp, description) = self.discinfo(&spec.variant, &spec.arch);
        let medium = Medium {
            tree: &tree,
            treeinfo: &self.treeinfo(&spec.variant, &spec.arch).unwrap(),
            timestamp: &timestamp,
            description: &description,
            extra_files: &self.extra_files(&spec.variant, &spec.arch),
            packages: &listed(&headers),
            rpm_md: &rpm_md(),
            has_installer: false,
        };
        let prepared = prepare_discs(spec, &medium, &self.run, &self.work(&spec.arch)).unwrap();
        let mut made = Vec::new();
        for disc in prepared.discs {
            let places = self.places(&spec.variant, &spec.arch);
            made.push(make(&self.runner(), &spec.volume, disc, &places).await.unwrap());
        }
        made
    }

    fn headers(&self, variant: &str, arch: &str) -> Vec<Header> {
        let tree = self.tree(variant, arch);
        let files = crate::golden::files(&tree.join("Packages"));
        let locations: Vec<String> = files.iter().map(|file| format!("Packages/{file}")).collect();
        read_rpms(&tree, &locations, Some(Algorithm::Sha256), 2).unwrap()
    }

    async fn make_extra(&self, spec: &ExtraIsoSpec, own_files: bool) -> Result<MadeIso, IsoError> {
        let uids: Vec<&String> = std::iter::once(&spec.variant).chain(&spec.included).collect();
        let variants: Vec<TreeVariant> = uids.iter().map(|uid| self.tree_variant(uid)).collect();
        let trees: Vec<PathBuf> = uids.iter().map(|uid| self.tree(uid, &spec.arch)).collect();
        let packages: Vec<PathBuf> = trees.iter().map(|tree| tree.join("Packages")).collect();
        let extra: Vec<PathBuf> = uids.iter().map(|uid| self.extra_files_alone(uid, &spec.arch)).collect();
        let included: Vec<IncludedTree<'_>> = (0..uids.len())
            .map(|number| IncludedTree {
                variant: &variants[number],
                tree: &trees[number],
                packages: &packages[number],
                extra_files: Some(&extra[number]),
            })
            .collect();
        let own = self.top.join("work").join(&spec.arch).join(&spec.variant).join("extra-iso-extra-files");
        if own_files {
            fs_err::create_dir_all(own.join("top")).unwrap();
            fs_err::write(own.join("top/COPYING"), "free").unwrap();
            fs_err::write(own.join("extra_files.json"), "{}").unwrap();
        }
        let (timestamp, description) = self.discinfo(&spec.variant, &spec.arch);
        let treeinfo = self.treeinfo(&spec.variant, &spec.arch);
        let medium = ExtraMedium {
            trees: &included,
            treeinfo: treeinfo.as_ref(),
            timestamp: &timestamp,
            description: &description,
            extra_files: own_files.then_some(own.as_path()),
            installer: None,
        };
        let disc = prepare_extra(spec, &medium, &self.run, &self.work(&spec.arch))?;
        make(&self.runner(), &spec.volume, disc, &self.places(&spec.variant, &spec.arch)).await
    }

    fn tree_variant(&self, uid: &str) -> TreeVariant {
        let variant = self.variants.get(uid).unwrap();
        TreeVariant {
            id: variant.id.clone(),
            uid: uid.to_owned(),
            name: variant.name.clone(),
            kind: variant.kind.name().to_owned(),
            ..TreeVariant::default()
        }
    }

    /// Where the extra files of a variant are without its tree.
    fn extra_files_alone(&self, variant: &str, arch: &str) -> PathBuf {
        let folder = self.top.join("work").join(arch).join(variant).join("extra-files");
        for path in self.extra_files(variant, arch) {
            fs_err::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
            fs_err::copy(self.tree(variant, arch).join(&path), folder.join(&path)).unwrap();
        }
        folder
    }

    /// Compares what is recorded of an image in the metadata.
    fn assert_listed(&self, variant: &str, made: &MadeIso) {
        let images = filled(self.golden, "metadata/images.json").unwrap();
        let path = made.path.strip_prefix(self.top.join("compose")).unwrap().to_str().unwrap();
        let by_arch = images["payload"]["images"][variant].as_object().unwrap();
        let mut listed = by_arch.values().flat_map(|list| list.as_array().unwrap());
        let listed = listed.find(|image| image["path"] == path).unwrap_or_else(|| panic!("{path} is not listed"));
        assert_eq!(listed["volume_id"], made.volume_id, "{path}");
        assert_eq!(listed["bootable"], made.bootable, "{path}");
        assert_eq!(
            (&listed["disc_number"], &listed["disc_count"]),
            (&made.disc_number.into(), &made.disc_count.into()),
            "{path}"
        );
        assert!(made.implanted_md5.is_some(), "{path}");
    }
}

fn listed(headers: &[Header]) -> Vec<ListedPackage<'_>> {
    headers.iter().map(|header| ListedPackage { package: &header.package, location: &header.package.file.location }).collect()
}

fn rpm_md() -> RpmMdSpec {
    RpmMdSpec {
        checksum: Algorithm::Sha256,
        compression: Compression::Gzip,
        unique_names: true,
        date: DATE.unsigned_abs(),
        tags: Tags::default(),
        groups: None,
        extras: Vec::new(),
        threads: 2,
    }
}

/// Puts lists of graft points where Pungi has them, with its own names of folders in them, which nobody else sees.
fn arrange_graft_points(laid: &Laid<'_>) {
    let pungis =
        |text: &str| if laid.golden.name == "f-layered" { text.replace("-disc1.iso", "-dvd1.iso") } else { text.to_owned() };
    let work = laid.top.join("work");
    for path in crate::golden::files(&work).iter().filter(|path| path.ends_with("-graft-points")) {
        let list = fs_err::read_to_string(work.join(path)).unwrap();
        let (arch, name) = (path.split('/').next().unwrap(), path.rsplit('/').next().unwrap());
        let line = |line: &str| match line.split_once("/iso/extra-") {
            Some((before, after)) => {
                let (variant, file) = (after.split('-').next().unwrap(), after.rsplit_once(".iso/").unwrap().1);
                format!("{before}/{variant}/extra-iso-extra-files/{file}\n")
            }
            None => pungis(line) + "\n",
        };
        fs_err::remove_file(work.join(path)).unwrap();
        fs_err::write(work.join(arch).join("iso").join(pungis(name)), list.lines().map(line).collect::<String>()).unwrap();
    }
}

#[tokio::test]
async fn images_are_those_that_pungi_makes() {
    let goldens = composes();
    let Some(shared) = goldens.first().map(|golden| golden.folder.parent().unwrap().to_owned()) else { return };
    let scratch = TempDir::new().unwrap();
    let packages = packages(&shared, scratch.path());
    let mut compared = 0;
    for golden in &goldens {
        let Some(laid) = Laid::new(golden, scratch.path(), &packages) else { continue };
        for spec in isos(&laid.values, &laid.variants).unwrap() {
            for made in laid.make_isos(&spec).await {
                laid.assert_listed(&spec.variant, &made);
            }
        }
        for extra in extra_isos(&laid.values, &laid.variants).unwrap() {
            match laid.make_extra(&extra.spec, !extra.extra_files.is_empty()).await {
                Ok(made) => laid.assert_listed(&extra.spec.variant, &made),
                Err(IsoError::Name(error)) => {
                    assert!(extra.spec.failable && golden.name == "g4-incomplete", "{}: {error}", golden.name);
                }
                Err(error) => panic!("{}: {error}", golden.name),
            }
        }
        assert_eq!(compare(&shared, &laid, "isos"), "", "{}", golden.name);
        arrange_graft_points(&laid);
        assert_eq!(compare(&shared, &laid, "graft"), "", "{}", golden.name);
        compared += 1;
    }
    assert!(compared > 0);
}

fn compare(shared: &Path, laid: &Laid<'_>, section: &str) -> String {
    let output = Command::new("python3")
        .arg(shared.join("compare.py"))
        .args(["--only", section])
        .args([&laid.golden.folder, &laid.top])
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
