//! `gather_method = "hybrid"`, by the real binary: what is composed, what is said of it, and that dnf installs it.

use std::path::PathBuf;

use charmer_testkit::rpm_file::Rpm;

use super::{Charmer, Ran};

const WORLD: &str = "
    desk-1; R (themes if icons); R mta; R (pdf and print); R viewer
    icons-1
    themes-1
    sendmail-1; P mta; C postfix
    postfix-1; P mta; C sendmail; R db
    db-1
    pdf-1; R (fonts with unicode)
    print-1
    fonts-small-1; P fonts
    fonts-unicode-1; P fonts; P unicode
    a-viewer-1; P viewer; R gone
    b-viewer-1; P viewer
    c-viewer-1; P viewer
    tool-1; R lib < 2; R (extra unless icons)
    extra-1
    lib-1
    lib-2
    hopeless-1; R lib > 1; R lib-user
    lib-user-1; R lib < 2
    unwanted-1";

const COMPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group>
    <id>core</id>
    <name>Core</name>
    <description/>
    <uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">desk</packagereq>
      <packagereq type="mandatory">icons</packagereq>
      <packagereq type="default">sendmail</packagereq>
      <packagereq type="optional">postfix</packagereq>
      <packagereq type="optional">tool</packagereq>
    </packagelist>
  </group>
</comps>
"#;

const TOML: &str = r#"
ecosystem = "rpm"

[release]
name = "Harbour Linux"
short = "Harbour"
version = "1.0"

[packages]
repositories = { "*" = ["rpms"] }

[comps]
file = "comps.xml"

[options]
gather_method = "hybrid"
check_deps = true

[variants.Server]
arches = ["x86_64"]
groups = ["core"]

[variants.Server.options]
createiso_skip = true
additional_packages = []

[variants.Server.arch.src]
createiso_skip = true
"#;

struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        for folder in ["rpms", "composes"] {
            fs_err::create_dir(workshop.path(folder)).unwrap();
        }
        for line in WORLD.lines().map(str::trim).filter(|line| !line.is_empty()) {
            workshop.add(line);
        }
        workshop.run("createrepo_c", &["--quiet", "rpms"]).unwrap();
        fs_err::write(workshop.path("comps.xml"), COMPS).unwrap();
        fs_err::write(workshop.path("harbour.toml"), TOML).unwrap();
        workshop
    }

    /// A package, and its source.
    fn add(&self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, version) = parts.next().unwrap().rsplit_once('-').unwrap();
        let mut package = Rpm::new(name, version, "1", "x86_64");
        package.provides.add_text(&format!("{name} = {version}-1"));
        for part in parts {
            let (kind, text) = part.split_once(' ').unwrap();
            match kind {
                "R" => package.requires.add_text(text),
                "P" => package.provides.add_text(text),
                _ => package.conflicts.add_text(text),
            }
        }
        package.write_to(&self.path("rpms"));
        Rpm::new(name, version, "1", "src").write_to(&self.path("rpms"));
    }

    fn path(&self, inner: &str) -> PathBuf {
        self.0.path().join(inner)
    }

    fn charmer(&self, words: &str) -> Ran {
        let variables = [("HOME", self.0.path().to_str().unwrap()), ("SOURCE_DATE_EPOCH", "1767225600")];
        Charmer { folder: Some(self.0.path()), variables: &variables }.run(&words.split(' ').collect::<Vec<_>>())
    }

    #[expect(clippy::disallowed_types, reason = "tests ask createrepo_c, dnf and rpm themselves")]
    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = std::process::Command::new(program);
        let output = command.args(arguments).current_dir(self.0.path()).env("HOME", self.0.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stdout) + &text(output.stderr)) }
    }

    /// Names of packages without `-1.ARCH.rpm`, of one tree.
    fn composed(&self, tree: &str) -> Vec<String> {
        let folder = self.path(&format!("composes/latest-Harbour-1/compose/Server/{tree}/Packages"));
        let names = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.map(|name| name.rsplit_once("-1.").unwrap().0.to_owned()).collect();
        names.sort();
        names
    }

    /// What dnf installs into an empty system from what was composed, sorted.
    fn installed(&self, packages: &[&str]) -> Result<Vec<String>, String> {
        let system = tempfile::tempdir_in(self.0.path()).unwrap();
        let inside = |name: &str| {
            let path = system.path().join(name);
            fs_err::create_dir(&path).unwrap();
            path.to_str().unwrap().to_owned()
        };
        // The fixture's packages have no digests of their payloads, as there is nothing in them.
        fs_err::write(self.path(".rpmmacros"), "%_pkgverify_level none\n").unwrap();
        let root = inside("root");
        let repository = self.path("composes/latest-Harbour-1/compose/Server/x86_64/os");
        let options = [
            format!("--installroot={root}"),
            format!("--setopt=cachedir={}", inside("cache")),
            format!("--setopt=logdir={}", inside("log")),
            // The plugin offers what other runs have installed.
            "--disableplugin=local".to_owned(),
            "--setopt=reposdir=/nonexistent".to_owned(),
            "--releasever=1".to_owned(),
            "--forcearch=x86_64".to_owned(),
            format!("--repofrompath=ours,file://{}", repository.display()),
        ];
        let mut arguments: Vec<&str> = options.iter().map(String::as_str).collect();
        arguments.extend(["--quiet", "--assumeyes", "--nogpgcheck", "install"]);
        arguments.extend(packages);
        self.run("dnf", &arguments)?;
        let names = self.run("rpm", &["--root", &root, "--query", "--all", "--queryformat", "%{name}-%{version}\n"])?;
        let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }
}

const COMPOSED: [&str; 13] = [
    "b-viewer-1",
    "db-1",
    "desk-1",
    "extra-1",
    "fonts-unicode-1",
    "icons-1",
    "lib-1",
    "pdf-1",
    "postfix-1",
    "print-1",
    "sendmail-1",
    "themes-1",
    "tool-1",
];

#[test]
fn dnf_installs_what_hybrid_gathered_and_charmer_says_why_it_did() {
    let workshop = Workshop::new();
    let ran = workshop.charmer("compose harbour.toml --target-dir composes");
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(workshop.composed("x86_64/os"), COMPOSED);
    assert_eq!(workshop.composed("source/tree"), COMPOSED);

    let log = fs_err::read_to_string(workshop.path("composes/latest-Harbour-1/logs/jobs/gather_Server.x86_64.log")).unwrap();
    let choice = "takes b-viewer-1-1.x86_64 rather than a-viewer-1-1.x86_64 (cannot be installed), c-viewer-1-1.x86_64";
    assert!(log.contains(&format!("# desk-1-1.x86_64 requires viewer: {choice}\n")), "{log}");
    assert!(!log.contains("(pdf and print): takes"), "both came: {log}");
    for (package, reason) in [
        ("themes", "desk.x86_64 requires (themes if icons)"),
        ("b-viewer", "desk.x86_64 requires viewer; rather than a-viewer-1-1.x86_64 (cannot be installed), c-viewer-1-1.x86_64"),
        ("postfix", "postfix was requested (input)"),
    ] {
        let why = workshop.charmer(&format!("why composes/latest-Harbour-1 {package}"));
        assert!(why.stdout.contains(reason), "{package}: {why}");
    }

    let everything = ["desk", "icons", "sendmail"];
    let desk = ["b-viewer-1", "desk-1", "fonts-unicode-1", "icons-1", "pdf-1", "print-1", "sendmail-1", "themes-1"];
    assert_eq!(workshop.installed(&everything).unwrap(), desk);
    assert_eq!(workshop.installed(&["postfix", "tool"]).unwrap(), ["db-1", "extra-1", "lib-1", "postfix-1", "tool-1"]);
    // dnf reads `unless` as the solver does.
    let refused = workshop.installed(&["tool", "icons"]).unwrap_err();
    assert!(refused.contains("tool-1-1.x86_64 requires (extra unless icons)"), "{refused}");
}

#[test]
fn what_cannot_be_installed_is_named_and_ends_the_compose_if_it_must() {
    let workshop = Workshop::new();
    let change = |from: &str, to: &str| {
        let text = fs_err::read_to_string(workshop.path("harbour.toml")).unwrap();
        assert!(text.contains(from));
        fs_err::write(workshop.path("harbour.toml"), text.replace(from, to)).unwrap();
    };
    change("additional_packages = []", "additional_packages = [\"hopeless\"]");
    let ran = workshop.charmer("compose harbour.toml --target-dir composes");
    assert_eq!(ran.code, 1, "{ran}");
    let words = "Unresolved dependencies for Server.x86_64 in package hopeless.x86_64: ['lib > 1', 'lib-user']";
    assert!(ran.stderr.contains(words) && ran.stderr.contains("Unresolved dependencies detected"), "{ran}");
    let composes: Vec<_> = fs_err::read_dir(workshop.path("composes")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let log = fs_err::read_to_string(composes[0].join("logs/jobs/gather_Server.x86_64.log")).unwrap();
    let proof = "hopeless.x86_64 cannot be installed: hopeless-1-1.x86_64 requires lib > 1, which only lib-2-1.x86_64 could provide; \
                 hopeless-1-1.x86_64 requires lib-user, which only lib-user-1-1.x86_64 could provide; lib-user-1-1.x86_64 requires \
                 lib < 2, which only lib-1-1.x86_64 could provide; only one package of the name lib can be installed, of \
                 lib-1-1.x86_64 and lib-2-1.x86_64";
    assert!(log.contains(proof), "{log}");

    // Where it may be, it is shipped all the same.
    change("check_deps = true", "check_deps = false");
    let ran = workshop.charmer("compose harbour.toml --target-dir composes");
    let facts = proof.split_once(": ").unwrap().1;
    assert!(ran.code == 0 && ran.stderr.contains(facts), "{ran}");
    assert!(workshop.composed("x86_64/os").contains(&"hopeless-1".to_owned()));
    assert!(!workshop.composed("x86_64/os").contains(&"lib-user-1".to_owned()));
}

const PUNGI: &str = r#"
release_name = "Harbour Linux"
release_short = "Harbour"
release_version = "1.0"
variants_file = "variants.xml"
pkgset_source = "repos"
pkgset_repos = {"*": ["rpms"]}
comps_file = "comps.xml"
check_deps = True
gather_method = {"^Ser.*$": "hybrid", "^Client$": {"comps": "nodeps"}}
createiso_skip = [("^.*$", {"*": True, "src": True})]
filter_packages = [("^Server$", {"*": ["postfix", "b-viewer"], "src": []})]
"#;

const VARIANTS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE variants PUBLIC "-//Red Hat, Inc.//DTD Variants info//EN" "variants.dtd">
<variants>
  <variant id="Client" name="Client" type="variant">
    <arches><arch>x86_64</arch></arches>
    <groups><group>core</group></groups>
  </variant>
  <variant id="Server" name="Server" type="variant">
    <arches><arch>x86_64</arch></arches>
    <groups><group>core</group></groups>
  </variant>
</variants>
"#;

#[test]
fn pungis_configuration_chooses_it_by_variant_and_is_converted() {
    let workshop = Workshop::new();
    fs_err::write(workshop.path("harbour.conf"), PUNGI).unwrap();
    fs_err::write(workshop.path("variants.xml"), VARIANTS).unwrap();
    let ran = workshop.charmer("convert harbour.conf -o converted.toml");
    assert_eq!(ran.code, 0, "{ran}");
    let converted = fs_err::read_to_string(workshop.path("converted.toml")).unwrap();
    assert!(
        converted.contains("gather_method = \"hybrid\"") && converted.contains("gather_method = { comps = \"nodeps\" }"),
        "{converted}"
    );
    let mut expected: Vec<&str> =
        COMPOSED.into_iter().filter(|name| !["postfix-1", "b-viewer-1", "db-1"].contains(name)).collect();
    expected.insert(0, "c-viewer-1");
    for configuration in ["harbour.conf", "converted.toml"] {
        let ran = workshop.charmer(&format!("compose {configuration} --target-dir composes"));
        assert_eq!(ran.code, 0, "{ran}");
        assert_eq!(workshop.composed("x86_64/os"), expected, "{configuration}");
    }
}
