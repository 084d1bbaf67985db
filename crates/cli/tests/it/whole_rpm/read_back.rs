//! What was composed, read by the programs that its users have: dnf, productmd, checkisomd5, isoinfo, xorriso, jigdo-file; and
//! createrepo_c, which would have written the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::harbour::Compose;
use super::{Quay, files, is_image, is_package, output};

/// The variants, with those that each is used together with.
const VARIANTS: [(&str, &[&str]); 4] =
    [("Server", &[]), ("Server-HA", &["Server"]), ("Server-Atoll", &["Server"]), ("Server-optional", &["Server"])];

/// The repositories of a compose, by names that say what each holds.
fn repositories(compose: &Compose) -> BTreeMap<String, PathBuf> {
    let info = compose.json("compose/metadata/composeinfo.json");
    let mut repositories = BTreeMap::new();
    for (uid, variant) in info["payload"]["variants"].as_object().unwrap() {
        for (kind, paths) in variant["paths"].as_object().unwrap().iter().filter(|(kind, _)| kind.ends_with("repository")) {
            let kind = kind.trim_end_matches("repository").trim_end_matches('_');
            for (arch, path) in paths.as_object().unwrap() {
                let path = compose.path("compose").join(path.as_str().unwrap());
                repositories.insert(format!("{uid}.{arch}.{}", if kind.is_empty() { "binary" } else { kind }), path);
            }
        }
    }
    repositories
}

/// dnf with nothing of this machine's own.
struct Dnf<'a> {
    repositories: &'a BTreeMap<String, PathBuf>,
    folder: tempfile::TempDir,
}

impl Dnf<'_> {
    /// With some of the repositories, in a root that stays.
    fn run(&self, arch: &str, used: &[String], words: &[&str]) -> String {
        let inside = |name: &str| {
            let path = self.folder.path().join(name);
            fs_err::create_dir_all(&path).unwrap();
            path.display().to_string()
        };
        let mut arguments = vec![
            "dnf".to_owned(),
            "--quiet".to_owned(),
            "--assumeyes".to_owned(),
            format!("--installroot={}", inside("root")),
            format!("--setopt=cachedir={}", inside("cache")),
            format!("--setopt=logdir={}", inside("log")),
            // The plugin offers what other runs have installed.
            "--disableplugin=local".to_owned(),
            "--setopt=reposdir=/nonexistent".to_owned(),
            "--setopt=install_weak_deps=false".to_owned(),
            "--releasever=1".to_owned(),
            "--nogpgcheck".to_owned(),
            format!("--forcearch={arch}"),
        ];
        for id in used {
            arguments.push(format!("--repofrompath={id},file://{}", self.repositories[id].display()));
            arguments.push(format!("--repo={id}"));
        }
        arguments.extend(words.iter().map(|&word| word.to_owned()));
        // rpm changes its root, which only root may.
        if !rustix::process::geteuid().is_root() {
            arguments.splice(0..0, ["unshare", "--user", "--map-root-user"].map(str::to_owned));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        output(arguments[0], &arguments[1..])
    }
}

/// The packages of a repository as `rpms.json` has them: `name-epoch:version-release.arch`.
fn listed_in_metadata(compose: &Compose) -> BTreeMap<String, BTreeSet<String>> {
    let rpms = compose.json("compose/metadata/rpms.json");
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (uid, arches) in rpms["payload"]["rpms"].as_object().unwrap() {
        for (arch, sources) in arches.as_object().unwrap() {
            for (nevra, record) in sources.as_object().unwrap().values().flat_map(|members| members.as_object().unwrap()) {
                let category = record["category"].as_str().unwrap();
                listed.entry(format!("{uid}.{arch}.{category}")).or_default().insert(nevra.clone());
            }
        }
    }
    listed
}

#[test]
fn dnf_lists_all_packages_of_every_repository_and_installs_them() {
    let quay = Quay::new();
    let (_, compose) = quay.compose(&[], 0);
    let repositories = repositories(&compose);
    assert_eq!(repositories.len(), 4 * 2 * 3, "{repositories:?}");

    let expected = listed_in_metadata(&compose);
    let mut installed = BTreeMap::new();
    for arch in ["x86_64", "aarch64"] {
        let dnf = Dnf { repositories: &repositories, folder: tempfile::tempdir().unwrap() };
        let of_arch: Vec<String> = repositories.keys().filter(|id| id.contains(&format!(".{arch}."))).cloned().collect();
        let format = "%{repoid} %{name}-%{epoch}:%{version}-%{release}.%{arch}";
        let listing = dnf.run(arch, &of_arch, &["repoquery", "--setopt=module_platform_id=", "--qf", format]);
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (id, nevra) in listing.lines().filter_map(|line| line.split_once(' ')) {
            found.entry(id.to_owned()).or_default().insert(nevra.to_owned());
        }
        for id in of_arch.iter().filter(|id| !id.ends_with(".source")) {
            assert_eq!(found.get(id), expected.get(id), "{id}: {listing}");
        }
        // Sources of all arches lie in one repository.
        let sources = |uid: &str| expected.get(&format!("{uid}.{arch}.source"));
        for (uid, _) in VARIANTS {
            assert_eq!(found.get(&format!("{uid}.{arch}.source")), sources(uid), "{uid}: {listing}");
        }

        let closed = dnf.run(arch, &of_arch, &["repoclosure"]);
        assert_eq!(closed, "", "every package can be installed");
        for (uid, others) in VARIANTS {
            let used: Vec<String> = [&[uid], others].concat().iter().map(|uid| format!("{uid}.{arch}.binary")).collect();
            let own: Vec<&str> = expected[&used[0]].iter().map(String::as_str).collect();
            dnf.run(arch, &used, &[&["install"], own.as_slice()].concat());
        }
        let debug = [format!("Server.{arch}.debug"), format!("Server.{arch}.binary")];
        dnf.run(arch, &debug, &["install", "harbour-libs-debuginfo"]);
        let query = format!("--root={}", dnf.folder.path().join("root").display());
        let all = output("rpm", &["--query", "--all", &query, "--qf", "%{NEVRA}\n"]);
        installed.insert(arch, all.lines().map(str::to_owned).collect::<BTreeSet<_>>());
        assert!(dnf.folder.path().join("root/usr/bin/reef").is_file());
    }
    let names = |packages: &[&str]| packages.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        installed["aarch64"],
        names(&[
            "atoll-1.0-1.aarch64",
            "beacon-1.0-1.aarch64",
            "harbour-debugsource-1.0-1.aarch64",
            "harbour-libs-1.0-1.aarch64",
            "harbour-libs-debuginfo-1.0-1.aarch64",
            "harbour-libs-devel-1.0-1.aarch64",
            "harbour-release-1.0-1.noarch",
            "harbour-tool-1.0-1.aarch64",
            "lantern-1.0-1.aarch64",
            "reef-1.0-1.aarch64",
        ])
    );
    let of_32_bits: Vec<&String> = installed["x86_64"].iter().filter(|name| name.contains(".i686")).collect();
    assert_eq!(of_32_bits, ["harbour-libs-1.0-1.i686", "harbour-libs-devel-1.0-1.i686"]);
}

#[test]
fn dnf_reads_groups_modules_and_certificates() {
    let quay = Quay::new();
    let (_, compose) = quay.compose(&["--skip-phase", "createiso", "--skip-phase", "buildinstall"], 0);
    let repositories = repositories(&compose);
    let dnf = Dnf { repositories: &repositories, folder: tempfile::tempdir().unwrap() };
    let used = ["Server.x86_64.binary".to_owned()];
    let groups = dnf.run("x86_64", &used, &["group", "info", "core"]);
    assert!(groups.contains("harbour-tool") && groups.contains("harbour-libs-devel"), "{groups}");
    let modules = dnf.run("x86_64", &used, &["module", "list", "--setopt=module_platform_id=platform:1"]);
    assert!(modules.lines().any(|line| line.starts_with("beacon") && line.contains("1 [d]")), "{modules}");
    let certificate = compose.path("compose/Server/x86_64/os/repodata/productid");
    assert_eq!(fs_err::read_to_string(certificate).unwrap(), "certificate of x86_64\n");
}

/// Loads the compose as a whole, then every file by itself, and says how many there were of each kind.
const LOAD: &str = r"
import collections, os, sys, productmd.compose, productmd.discinfo, productmd.treeinfo, productmd.common
import productmd.composeinfo, productmd.images, productmd.rpms, productmd.modules, productmd.extra_files
root = sys.argv[1]
compose = productmd.compose.Compose(root)
assert compose.info.compose.id == compose.images.compose.id == compose.rpms.compose.id == compose.modules.compose.id
kinds = {'composeinfo.json': productmd.composeinfo.ComposeInfo, 'images.json': productmd.images.Images, 'rpms.json': productmd.rpms.Rpms,
         'modules.json': productmd.modules.Modules, 'extra_files.json': productmd.extra_files.ExtraFiles,
         '.treeinfo': productmd.treeinfo.TreeInfo, '.discinfo': productmd.discinfo.DiscInfo}
counts = collections.Counter()
for top in [os.path.join(root, 'compose')] + sys.argv[2:]:
    for folder, _, names in os.walk(top):
        for name in names:
            if name in kinds and not (name == 'extra_files.json' and not folder.endswith('metadata')):
                loaded = kinds[name]()
                loaded.load(os.path.join(folder, name))
                counts[name] += 1
                if name == '.treeinfo':
                    for path, (kind, digest) in loaded.checksums.checksums.items():
                        import hashlib
                        found = hashlib.new(kind, open(os.path.join(folder, path), 'rb').read()).hexdigest()
                        assert found == digest, (folder, path)
                    for kind in loaded.images.images.values():
                        for path in kind.values():
                            assert os.path.isfile(os.path.join(folder, path)), (folder, path)
                    for variant in loaded.variants.variants.values():
                        for path in (variant.paths.packages, variant.paths.repository):
                            assert os.path.isdir(os.path.join(folder, path)), (folder, path)
for name in sorted(counts):
    print(name, counts[name])
for variant in compose.info.get_variants(recursive=True):
    for field in variant.paths._fields:
        for path in getattr(variant.paths, field).values():
            assert os.path.isdir(os.path.join(root, 'compose', path)), path
for variant in compose.images.images:
    for images in compose.images[variant].values():
        for image in images:
            found = os.stat(os.path.join(root, 'compose', image.path))
            assert (found.st_size, int(found.st_mtime)) == (image.size, image.mtime), image.path
for variant in compose.rpms.rpms:
    for arch in compose.rpms.rpms[variant].values():
        for packages in arch.values():
            for package in packages.values():
                assert os.path.isfile(os.path.join(root, 'compose', package['path'])), package
print(sorted((variant, arch, uid) for variant, arches in compose.modules.modules.items() for arch, uids in arches.items() for uid in uids))
";

#[test]
fn productmd_loads_every_file_and_what_they_say_is_there() {
    let Some(python) = charmer_testkit::python::with_productmd(Path::new(env!("CARGO_TARGET_TMPDIR"))) else {
        #[expect(clippy::print_stderr, reason = "whoever runs the tests should know that this one did nothing")]
        {
            eprintln!("skipped: productmd cannot be installed here (python3 with venv, and a package index, are needed)");
        }
        return;
    };
    let quay = Quay::new();
    let (_, compose) = quay.compose(&[], 0);
    // What is on the images counts too.
    let mut places = vec![compose.root().to_owned()];
    for (number, image) in images(&compose).iter().enumerate().filter(|(_, image)| !image.ends_with("boot.iso")) {
        let folder = quay.path(&format!("on-images/{number}"));
        fs_err::create_dir_all(folder.parent().unwrap()).unwrap();
        let from = format!("stdio:{}", image.display());
        output(
            "xorriso",
            &["-no_rc", "-osirrox", "on:auto_chmod_on", "-indev", &from, "-extract", "/", folder.to_str().unwrap()],
        );
        places.push(folder.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = ["-c", LOAD].into_iter().chain(places.iter().map(String::as_str)).collect();
    let loaded = output(python.to_str().unwrap(), &arguments);
    // Trees of three variants on two arches and of sources, and an image of each.
    let counts =
        ".discinfo 18\n.treeinfo 18\ncomposeinfo.json 1\nextra_files.json 1\nimages.json 1\nmodules.json 1\nrpms.json 1\n";
    let uid = "beacon:1:20240102:c0ffee";
    let modules = format!("[('Server', 'aarch64', '{uid}'), ('Server', 'x86_64', '{uid}')]\n");
    assert_eq!(loaded, format!("{counts}{modules}"));
}

/// All images of a compose that have a place of their own.
fn images(compose: &Compose) -> Vec<PathBuf> {
    files(&compose.path("compose"), is_image)
}

#[test]
fn every_image_is_whole_and_is_what_is_said_of_it() {
    let quay = Quay::new();
    let (_, compose) = quay.compose(&[], 0);
    let metadata = compose.json("compose/metadata/images.json");
    let variants = metadata["payload"]["images"].as_object().unwrap().values();
    let lists = variants.flat_map(|arches| arches.as_object().unwrap().values()).flat_map(|list| list.as_array().unwrap());
    let records: BTreeMap<&str, &serde_json::Value> = lists.map(|record| (record["path"].as_str().unwrap(), record)).collect();
    let images = images(&compose);
    for image in &images {
        let text = image.to_str().unwrap();
        output("checkisomd5", &[text]);
        let path = image.strip_prefix(compose.path("compose")).unwrap().to_str().unwrap();
        // A boot medium has a name in its tree and another one as an image.
        match records.get(path) {
            Some(record) => assert_is_as_said(image, record),
            None => assert_eq!(path, "Server/x86_64/os/images/boot.iso"),
        }
    }
    // Of each of Server, Atoll and optional one for x86_64, aarch64 and sources; and one that starts an installer.
    assert_eq!((records.len(), images.len()), (10, 11), "{images:?}");
    let bootable = records.values().filter(|record| record["bootable"] == true).count();
    assert_eq!(bootable, 2, "the medium that starts the installer, and the one that has it");
}

fn assert_is_as_said(image: &Path, record: &serde_json::Value) {
    let text = image.to_str().unwrap();
    let volume = record["volume_id"].as_str().unwrap();
    assert!(volume.len() <= 32, "{volume}");
    assert!(output("isoinfo", &["-d", "-i", text]).contains(&format!("Volume id: {volume}\n")), "{text}");
    let sum = output("checkisomd5", &["--md5sumonly", text]);
    assert!(sum.contains(record["implant_md5"].as_str().unwrap()), "{sum}");

    let manifest = fs_err::read_to_string(format!("{text}.manifest")).unwrap();
    let mut listed: Vec<String> = output("isoinfo", &["-R", "-f", "-i", text]).lines().map(str::to_owned).collect();
    listed.sort();
    assert_eq!(manifest.lines().collect::<Vec<_>>(), listed, "{text}");
    let found = output("xorriso", &["-no_rc", "-indev", &format!("stdio:{text}"), "-find", "/", "-exec", "echo"]);
    let mut found: Vec<&str> = found.lines().map(|line| line.trim_matches('\'')).filter(|path| *path != "/").collect();
    found.sort_unstable();
    assert_eq!(found, listed, "{text}");

    let sums = fs_err::read_to_string(image.parent().unwrap().join("SHA256SUM")).unwrap();
    let digest = output("sha256sum", &[text]);
    let digest = digest.split(' ').next().unwrap();
    assert_eq!(record["checksums"]["sha256"], digest);
    assert!(sums.contains(&format!("SHA256 ({}) = {digest}\n", image.file_name().unwrap().display())), "{sums}");
}

#[test]
fn jigdo_puts_every_image_together_again() {
    let quay = Quay::new();
    quay.write("quay.conf", super::CONFIG.to_owned() + "create_jigdo = True\n");
    let (_, compose) = quay.compose(&["--skip-phase", "buildinstall"], 0);
    let images = images(&compose);
    for image in &images {
        let place = image.parent().unwrap().parent().unwrap();
        let jigdo = place.join("jigdo").join(format!("{}.jigdo", image.file_name().unwrap().display()));
        let tree = if place.ends_with("source") { place.join("tree") } else { place.join("os") };
        let again = quay.path("again.iso");
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let template = option("template", &jigdo.with_extension("template"));
        let tree = format!("{}//", tree.display());
        output("jigdo-file", &["make-image", &option("image", &again), &option("jigdo", &jigdo), &template, &tree]);
        assert!(fs_err::read(&again).unwrap() == fs_err::read(image).unwrap(), "{}", image.display());
        fs_err::remove_file(again).unwrap();
    }
    assert_eq!(images.len(), 9, "{images:?}");
}

/// What a compressed file of metadata has in it.
fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    let file = fs_err::File::open(path).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
    text
}

#[test]
fn every_repository_is_what_createrepo_c_writes() {
    let quay = Quay::new();
    let (_, compose) = quay.compose(&["--skip-phase", "createiso", "--skip-phase", "buildinstall"], 0);
    let folders: BTreeSet<PathBuf> = repositories(&compose).into_values().collect();
    assert_eq!(folders.len(), 4 * (2 + 2 + 1), "{folders:?}");
    for folder in folders {
        let text = folder.to_str().unwrap();
        let theirs = tempfile::tempdir().unwrap();
        let list = theirs.path().join("packages");
        let inside = |path: &PathBuf| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let packages = files(&folder, is_package);
        let packages: Vec<String> = packages.iter().map(inside).filter(|path| !path.starts_with("addons/")).collect();
        assert!(!packages.is_empty() || text.contains("/debug/"), "{text}");
        fs_err::write(&list, packages.join("\n") + "\n").unwrap();
        let options = ["--quiet", "--no-database", "--simple-md-filenames", "--pkglist", list.to_str().unwrap(), "--outputdir"];
        output("createrepo_c", &[&options[..], &[theirs.path().to_str().unwrap(), text]].concat());
        for kind in ["primary", "filelists", "other"] {
            let ours = files(&folder.join("repodata"), |path| path.ends_with(&format!("-{kind}.xml.gz")));
            let [ours] = ours.as_slice() else { panic!("{text} has {ours:?}") };
            let their_text = unpacked(&theirs.path().join(format!("repodata/{kind}.xml.gz")));
            for (our_line, their_line) in unpacked(ours).lines().zip(their_text.lines()) {
                assert_eq!(our_line, their_line, "{kind} of {text}");
            }
            assert_eq!(unpacked(ours), their_text, "{kind} of {text}");
        }
    }
}
