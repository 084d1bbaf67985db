//! Written apt repositories, read back by apt.
#![expect(clippy::disallowed_types, reason = "tests ask apt itself")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use charmer_compose::compression::{Compression, decompress};
use charmer_compose::digest::Sha256;
use charmer_compose::openpgp::{Keyring, Signer, generate_key};
use charmer_compose::package_set::deb_file::{contents, control, full_description, stanza_of, with_short_description};
use charmer_compose::package_set::lock::{LockedFile, LockedPackage, LockedSource};
use charmer_compose::repositories::{
    AptRepositorySpec, PackageReader, ReleaseSignatures, Repository, RepositoryError, StagedRepository, TrustedKeys,
    stage_apt_repository, verify_apt_repository,
};
use charmer_compose::tools::Runner;
use charmer_testkit::deb::Deb;
use charmer_testkit::dsc::Dsc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const DATE: i64 = 1_700_100_000;

fn seconds(count: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(count.unsigned_abs())
}

/// Packages, the files of them by digest, and a key.
struct Fixture {
    folder: TempDir,
    packages: BTreeMap<String, Vec<Arc<LockedPackage>>>,
    sources: Vec<Arc<LockedSource>>,
    files: BTreeMap<Sha256, PathBuf>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let packages = BTreeMap::from([("amd64".to_owned(), Vec::new()), ("arm64".to_owned(), Vec::new())]);
        let fixture = Self { folder, packages, sources: Vec::new(), files: BTreeMap::new() };
        fs_err::write(fixture.path("key.asc"), generate_key("Harbour <archive@example.org>", seconds(DATE - 86_400)).unwrap())
            .unwrap();
        fs_err::write(fixture.path("trusted.asc"), fixture.signer().certificate()).unwrap();
        fixture
    }

    /// A library with packages for each and for all architectures, and its source.
    fn harbour() -> Self {
        let mut fixture = Self::new();
        let long = "a harbour\n With a long description\n .\n of two paragraphs.";
        let of_arch = |arch| Deb::new("libharbour1", "1:1.0-1", arch).field("Source", "harbour").field("Section", "libs");
        for arch in ["amd64", "arm64"] {
            let deb =
                of_arch(arch).field("Multi-Arch", "same").file(&format!("/usr/lib/{arch}/libharbour.so.1"), arch.as_bytes());
            fixture.add(&deb, &[arch]);
        }
        let tool = Deb::new("harbour", "1:1.0-1", "all")
            .field("Depends", "libharbour1 (>= 1:1.0)")
            .field("Section", "misc")
            .field("Tag", "devel::examples,\n role::program,\n  odd::tag")
            .field("X-Odd-Field", "kept  as\tit is")
            .field("Description", long)
            .program("/usr/bin/harbour", b"#!/bin/sh\n");
        fixture.add(&tool, &["amd64", "arm64"]);
        // Versions whose order in Debian's sense differs from the one of their letters.
        for version in ["9-1", "10-1", "10~rc1-1"] {
            fixture.add(&Deb::new("anchor", version, "amd64").file("/usr/share/anchor", version.as_bytes()), &["amd64"]);
        }
        fixture.add_source(&Dsc::new("harbour", "1:1.0").binary("libharbour1", "any"));
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&mut self, deb: &Deb, arches: &[&str]) {
        let path = deb.write_to(&self.path("cache"));
        let (sha256, size) = Sha256::of_file(&path).unwrap();
        let upstream = format!("upstream/{}", deb.file_name());
        let whole = stanza_of(&path, &upstream).unwrap();
        let is_own = deb.file_name().starts_with("anchor_");
        let stanza = if is_own { whole } else { with_short_description(&whole) };
        let control = control(&path).unwrap();
        let field = |name: &str| {
            let line = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(str::to_owned)
        };
        let package = Arc::new(LockedPackage {
            source: field("Source").unwrap_or(control.name.clone()),
            source_version: control.version.clone(),
            name: control.name,
            version: control.version,
            arch: control.arch.into(),
            archive: if is_own { "own" } else { "debian" }.into(),
            component: "main".into(),
            file: LockedFile { path: upstream, size, sha256 },
            stanza,
            lookaside: false,
        });
        self.files.insert(sha256, path);
        for arch in arches {
            self.packages.get_mut(*arch).unwrap().push(Arc::clone(&package));
        }
    }

    fn add_source(&mut self, dsc: &Dsc) {
        let dsc = dsc.write_to(&self.path("cache"));
        let text = fs_err::read_to_string(&dsc).unwrap();
        let mut files = Vec::new();
        for path in [dsc.with_extension("tar.xz"), dsc.clone()] {
            let (sha256, size) = Sha256::of_file(&path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.push(LockedFile { path: format!("upstream/{name}"), size, sha256 });
            self.files.insert(sha256, path);
        }
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let dsc_line = format!("\n {} {} {}", files[1].sha256, files[1].size, dsc.file_name().unwrap().to_str().unwrap());
        // An index names the source package by another field, and the .dsc itself among the files.
        let head = text.split("\nFiles:").next().unwrap().replacen("Source:", "Package:", 1);
        let stanza = format!("{head}{dsc_line}\nDirectory: upstream\nSection: misc\n");
        self.sources.push(Arc::new(LockedSource {
            name: field("Source:"),
            version: field("Version:"),
            archive: "own".into(),
            component: "main".into(),
            files,
            stanza,
        }));
    }

    fn stage(&self, compose: &str, date: i64, threads: usize) -> Result<StagedRepository, RepositoryError> {
        let spec = AptRepositorySpec {
            path: "repository".into(),
            suite: "stable".into(),
            codename: "quay".into(),
            version: "13.1".into(),
            origin: "Harbour".into(),
            label: "Harbour".into(),
            description: "Harbour 13.1".into(),
            date,
            components: vec!["main".into(), "contrib".into()],
            arches: vec!["amd64".into(), "arm64".into()],
            overlays: ["own".to_owned()].into(),
            contents: true,
            by_hash_generations: 2,
        };
        let file_of = |package: &LockedPackage| self.files[&package.file.sha256].clone();
        let reader = PackageReader {
            file: &|sha256| self.files[sha256].clone(),
            description: &|package| Ok(full_description(&control(&file_of(package)).unwrap().text)),
            paths: &|package| Ok(contents(&file_of(package)).unwrap()),
        };
        stage_apt_repository(&self.path(compose), &spec, &self.packages, &self.sources, reader, threads)
    }

    fn signer(&self) -> Signer {
        Signer::from_key_file(&self.path("key.asc"), None).unwrap()
    }

    async fn sign(&self, release: &str, date: i64) -> ReleaseSignatures {
        let runner =
            Runner::new(self.path("log"), self.folder.path().to_owned(), "/usr/bin:/bin".into(), CancellationToken::new());
        ReleaseSignatures {
            clear_signed: self.signer().clear_sign(release.as_bytes(), seconds(date), &runner).await.unwrap(),
            detached: self.signer().detach_sign(release.as_bytes(), seconds(date), &runner).await.unwrap(),
        }
    }

    async fn write(&self, compose: &str, date: i64) -> Repository {
        let staged = self.stage(compose, date, 2).unwrap();
        let signatures = self.sign(staged.release(), date).await;
        staged.publish(Some(&signatures)).unwrap()
    }

    /// apt with a state of its own, for the repository in `compose`.
    fn apt(&self, compose: &str, arch: &str) -> Apt {
        let home = tempfile::tempdir_in(self.folder.path()).unwrap();
        for folder in ["state/lists/partial", "cache/archives/partial", "download"] {
            fs_err::create_dir_all(home.path().join(folder)).unwrap();
        }
        let line = |kind: &str| {
            let (root, key) = (self.path(compose), self.path("trusted.asc"));
            format!("{kind} [signed-by={}] file:{}/repository stable main contrib\n", key.display(), root.display())
        };
        fs_err::write(home.path().join("test.list"), line("deb") + &line("deb-src")).unwrap();
        fs_err::write(home.path().join("status"), "").unwrap();
        let at = home.path().display();
        let settings = format!(
            "Dir::Etc::sourcelist \"{at}/test.list\";\nDir::Etc::sourceparts \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\nDir::State \"{at}/state\";\nDir::State::status \"{at}/status\";\n\
             Dir::Cache \"{at}/cache\";\nAPT::Sandbox::User \"root\";\nAcquire::By-Hash \"force\";\nAcquire::Languages {{ \"en\"; }};\n\
             APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\nDebug::NoLocking \"1\";\n"
        );
        fs_err::write(home.path().join("apt.conf"), settings).unwrap();
        Apt { home }
    }
}

struct Apt {
    home: TempDir,
}

impl Apt {
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .env("APT_CONFIG", self.home.path().join("apt.conf"))
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.home.path().join("download"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {text}");
        text
    }

    fn update(&self) {
        let text = self.run("apt-get", &["update", "--error-on=any"]);
        assert!(!text.contains("\nW:") && !text.contains("\nE:") && !text.contains("Ign:"), "{text}");
    }

    fn downloaded(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.home.path().join("download").join(name)).unwrap()
    }
}

/// Every file below a folder with its content; a link with what it leads to.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs_err::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs_err::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let content = if kind.is_symlink() {
                fs_err::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else {
                fs_err::read(&path).unwrap()
            };
            files.insert(path.strip_prefix(folder).unwrap().to_owned(), content);
        }
    }
    files
}

#[tokio::test]
async fn apt_updates_installs_downloads_and_fetches_sources() {
    let fixture = Fixture::harbour();
    let repository = fixture.write("compose", DATE).await;
    assert_eq!((repository.packages, repository.sources), (6, 1));
    let root = fixture.path("compose/repository");
    let names: u64 = tree(&root).iter().filter(|(path, _)| is_named(path)).map(|(_, content)| content.len() as u64).sum();
    assert_eq!(repository.size, names);

    let apt = fixture.apt("compose", "amd64");
    apt.update();
    let policy = apt.run("apt-cache", &["policy", "anchor"]);
    assert!(policy.contains("Candidate: 10-1\n"), "{policy}");
    let sources = apt.run("apt-cache", &["policy"]);
    assert!(sources.contains("release v=13.1,o=Harbour,a=stable,n=quay,l=Harbour,c=main,b=amd64\n"), "{sources}");
    let plan = apt.run("apt-get", &["--simulate", "install", "harbour"]);
    assert!(plan.contains("Inst libharbour1 (1:1.0-1 Harbour:13.1/stable [amd64])"), "{plan}");
    assert!(plan.contains("Inst harbour (1:1.0-1 Harbour:13.1/stable [all])"), "{plan}");
    let description = apt.run("apt-cache", &["show", "harbour"]);
    assert!(description.contains("With a long description\n .\n of two paragraphs."), "{description}");
    let own = apt.run("apt-cache", &["show", "--no-all-versions", "anchor"]);
    assert!(own.contains("Description-en: fixture anchor\n It does nothing.\n"), "{own}");

    apt.run("apt-get", &["download", "harbour", "libharbour1"]);
    let deb = apt.downloaded("libharbour1_1%3a1.0-1_amd64.deb");
    assert!(fixture.files.contains_key(&Sha256::of(&deb)));
    apt.run("apt-get", &["source", "--download-only", "harbour"]);
    assert!(fixture.files.contains_key(&Sha256::of(&apt.downloaded("harbour_1.0.tar.xz"))));

    let other = fixture.apt("compose", "arm64");
    other.update();
    let plan = other.run("apt-get", &["--simulate", "install", "harbour"]);
    assert!(plan.contains("Inst libharbour1 (1:1.0-1 Harbour:13.1/stable [arm64])"), "{plan}");
}

/// Files under their names, not under their digests, and not links.
fn is_named(path: &Path) -> bool {
    !path.iter().any(|part| part == "by-hash" || part == "stable")
}

#[tokio::test]
async fn entries_differ_from_the_archives_only_in_where_the_file_is() {
    let fixture = Fixture::harbour();
    fixture.write("compose", DATE).await;
    let packed = fs_err::read(fixture.path("compose/repository/dists/quay/main/binary-amd64/Packages.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text).unwrap();
    let mut expected = String::new();
    let mut packages = fixture.packages["amd64"].clone();
    let order =
        ["anchor_9-1_amd64", "anchor_10~rc1-1_amd64", "anchor_10-1_amd64", "harbour_1:1.0-1_all", "libharbour1_1:1.0-1_amd64"];
    packages.sort_by_key(|package| order.iter().position(|id| *id == package.id()).unwrap());
    for package in packages {
        let folder = if package.name == "anchor" { "pool/main/a/anchor/" } else { "pool/main/h/harbour/" };
        let entry = if *package.archive == *"own" { with_short_description(&package.stanza) } else { package.stanza.clone() };
        expected += &entry.replace("Filename: upstream/", &format!("Filename: {folder}"));
        expected.push('\n');
    }
    assert_eq!(text, expected);
    assert!(text.contains("Tag: devel::examples,\n role::program,\n  odd::tag\nX-Odd-Field: kept  as\tit is\n"), "{text}");
}

/// apt-ftparchive reads the pool itself; what it finds is what our index says.
#[tokio::test]
async fn the_pool_holds_what_the_index_says() {
    let fixture = Fixture::harbour();
    fixture.write("compose", DATE).await;
    let root = fixture.path("compose/repository");
    let output = Command::new("apt-ftparchive").args(["packages", "pool"]).current_dir(&root).output().unwrap();
    let fields = ["Package: ", "Version: ", "Architecture: ", "Filename: ", "Size: ", "SHA256: "];
    let facts = |text: &str| {
        let stanza = |stanza: &str| {
            stanza.lines().filter(|line| fields.iter().any(|field| line.starts_with(field))).map(str::to_owned).collect()
        };
        let mut stanzas: Vec<Vec<String>> = text.split("\n\n").map(stanza).filter(|lines: &Vec<_>| !lines.is_empty()).collect();
        for lines in &mut stanzas {
            lines.sort();
        }
        stanzas.sort();
        stanzas.dedup();
        stanzas
    };
    let mut indexes = String::new();
    for arch in ["amd64", "arm64"] {
        let packed = fs_err::File::open(root.join(format!("dists/quay/main/binary-{arch}/Packages.xz"))).unwrap();
        std::io::Read::read_to_string(&mut liblzma::read::XzDecoder::new(packed), &mut indexes).unwrap();
    }
    assert_eq!(facts(&indexes), facts(&String::from_utf8(output.stdout).unwrap()));
}

#[tokio::test]
async fn the_same_packages_give_the_same_bytes() {
    let mut fixture = Fixture::harbour();
    fixture.write("first", DATE).await;
    fixture.packages.values_mut().for_each(|packages| packages.reverse());
    let staged = fixture.stage("second", DATE, 1).unwrap();
    let signatures = fixture.sign(staged.release(), DATE).await;
    staged.publish(Some(&signatures)).unwrap();
    let (first, second) = (tree(&fixture.path("first")), tree(&fixture.path("second")));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (path, content) in &first {
        assert!(second[path] == *content, "{}", path.display());
    }
}

#[tokio::test]
async fn an_update_shows_the_old_state_until_it_is_published_and_keeps_its_indexes() {
    let mut fixture = Fixture::harbour();
    fixture.write("compose", DATE).await;
    let dists = fixture.path("compose/repository/dists/quay");
    let (before, old_names) = (fs_err::read(dists.join("InRelease")).unwrap(), tree(&dists));

    fixture.add(&Deb::new("anchor", "11-1", "amd64"), &["amd64"]);
    let staged = fixture.stage("compose", DATE + 60, 2).unwrap();
    for (path, content) in old_names.iter().filter(|(path, _)| is_named(path)) {
        assert!(fs_err::read(dists.join(path)).unwrap() == *content, "{}", path.display());
    }
    let candidate = |fixture: &Fixture| {
        let apt = fixture.apt("compose", "amd64");
        apt.update();
        apt.run("apt-cache", &["policy", "anchor"])
    };
    assert!(candidate(&fixture).contains("Candidate: 10-1\n"));

    let signatures = fixture.sign(staged.release(), DATE + 60).await;
    staged.publish(Some(&signatures)).unwrap();
    assert!(candidate(&fixture).contains("Candidate: 11-1\n"));

    // A client that read the old InRelease just before still finds all it names.
    let after = fs_err::read(dists.join("InRelease")).unwrap();
    fs_err::write(dists.join("InRelease"), before).unwrap();
    assert!(candidate(&fixture).contains("Candidate: 10-1\n"));
    fs_err::write(dists.join("InRelease"), after).unwrap();

    // Two generations later nothing names the first one's indexes.
    fixture.add(&Deb::new("anchor", "12-1", "amd64"), &["amd64"]);
    fixture.write("compose", DATE + 120).await;
    let old: Vec<_> = old_names.keys().filter(|path| path.starts_with("main/binary-amd64/by-hash")).collect();
    let kept = old.iter().filter(|path| dists.join(path).exists()).count();
    assert_eq!((old.len(), kept), (3, 1), "only the small Release file is as it was");
    assert!(candidate(&fixture).contains("Candidate: 12-1\n"));
}

#[tokio::test]
async fn files_that_want_one_place_and_names_that_leave_it_are_errors() {
    let mut fixture = Fixture::harbour();
    let epoch = Deb::new("anchor", "2:9-1", "amd64");
    let path = epoch.write_to(&fixture.path("other"));
    fixture.add(&epoch.file("/usr/share/other", b"x"), &["amd64"]);
    let error = fixture.stage("compose", DATE, 1).unwrap_err();
    let RepositoryError::Collisions(collisions) = &error else { panic!("{error}") };
    assert_eq!(collisions[0].path, "pool/main/a/anchor/anchor_9-1_amd64.deb");
    assert!(error.to_string().contains("anchor_9-1_amd64") && error.to_string().contains("anchor_2:9-1_amd64"), "{error}");
    assert!(path.exists() && !fixture.path("compose").exists());

    let mut fixture = Fixture::harbour();
    let mut package = LockedPackage::clone(&fixture.packages["amd64"][0]);
    package.source = "../../etc".into();
    fixture.packages.get_mut("amd64").unwrap().push(Arc::new(package));
    assert!(matches!(fixture.stage("compose", DATE, 1), Err(RepositoryError::Name { .. })));
}

#[tokio::test]
async fn verify_finds_what_was_damaged() {
    let fixture = Fixture::harbour();
    fixture.write("compose", DATE).await;
    let root = fixture.path("compose/repository");
    let keyring = Keyring::from_bytes(&fixture.signer().certificate()).unwrap();
    let verify = |keyring: &Keyring| {
        let keys = TrustedKeys { keyring, at: seconds(DATE + 3600) };
        let findings = verify_apt_repository(&root, "stable", Some(keys), 2);
        findings.into_iter().map(|finding| format!("{} {}", finding.check, finding.subject)).collect::<Vec<_>>()
    };
    assert_eq!(verify(&keyring), [""; 0]);

    let stranger = generate_key("Stranger <stranger@example.org>", seconds(DATE - 86_400)).unwrap();
    let stranger = Keyring::from_bytes(&stranger).unwrap();
    assert_eq!(verify(&stranger), ["signatures InRelease", "signatures Release.gpg"]);

    let damage = |path: &str| {
        let path = root.join(path);
        let mut bytes = fs_err::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        // Its other names, in the cache, stay whole.
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, bytes).unwrap();
    };
    damage("pool/main/h/harbour/harbour_1.0-1_all.deb");
    fs_err::remove_file(root.join("pool/main/h/harbour/harbour_1.0.tar.xz")).unwrap();
    damage("dists/quay/main/Contents-amd64.gz");
    fs_err::remove_file(root.join("dists/quay/contrib/binary-arm64/Packages.xz")).unwrap();
    let expected = [
        "repository contrib/binary-arm64/Packages",
        "repository contrib/binary-arm64/Packages.xz",
        "repository main/Contents-amd64",
        "repository main/Contents-amd64.gz",
        "repository pool/main/h/harbour/harbour_1.0-1_all.deb",
        "repository pool/main/h/harbour/harbour_1.0.tar.xz",
    ];
    assert_eq!(verify(&keyring), expected);
}

#[tokio::test]
async fn each_arch_has_its_release_and_translations_are_of_what_is_there() {
    let fixture = Fixture::harbour();
    fixture.write("compose", DATE).await;
    let dists = fixture.path("compose/repository/dists/quay");
    let release = fs_err::read_to_string(dists.join("Release")).unwrap();
    for arch in ["amd64", "arm64", "source"] {
        let folder = if arch == "source" { "main/source".to_owned() } else { format!("main/binary-{arch}") };
        let text = fs_err::read_to_string(dists.join(&folder).join("Release")).unwrap();
        let fields = format!(
            "Archive: stable\nOrigin: Harbour\nLabel: Harbour\nVersion: 13.1\nAcquire-By-Hash: yes\nComponent: main\n\
                              Architecture: {arch}\n"
        );
        assert_eq!(text, fields);
        assert!(release.contains(&format!(" {folder}/Release\n")), "{release}");
    }
    let packed = fs_err::File::open(dists.join("main/i18n/Translation-en.xz")).unwrap();
    let text = String::from_utf8(decompress(Compression::Xz, packed, 1 << 20).unwrap()).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Package: ")).collect();
    assert_eq!(names, ["anchor", "harbour", "libharbour1"], "each description once");
}

#[tokio::test]
async fn contents_name_each_file_and_its_packages() {
    let fixture = Fixture::harbour();
    fixture.write("compose", DATE).await;
    let packed = fs_err::File::open(fixture.path("compose/repository/dists/quay/main/Contents-amd64.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed), &mut text).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [
        ["usr/bin/harbour", "misc/harbour"],
        ["usr/lib/amd64/libharbour.so.1", "libs/libharbour1"],
        ["usr/share/anchor", "anchor"],
    ];
    assert_eq!(lines, expected);
}
