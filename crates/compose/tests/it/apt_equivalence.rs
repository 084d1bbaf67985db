//! The closure of a seed is what apt would install, over the index of the machine's own mirror.
//!
//! apt simulates on a system without any package, with one index and without Recommends. Where it takes others than the
//! closure, one of two rules must explain the difference wholly: with the rule's remedy the closure is exactly apt's.

#![expect(clippy::disallowed_types, reason = "the test asks apt-get")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use charmer_packages::closure::{Problem, Request, Selection, close};
use charmer_packages::index::Index;
use charmer_packages::installability::verdicts;
use charmer_packages::{Deb, Ecosystem, Glob, IndexFile, IndexKind, Origin, PackageId, PackageSet, Seed};
use charmer_testkit::mirror::host_mirror;

const SEEDS: usize = 60;
const SUITE: &str = "trixie";

#[test]
fn closures_are_what_apt_installs() {
    let Some(mirror) = host_mirror() else {
        eprintln!("skipped: the machine's apt sources name no Debian mirror");
        return;
    };
    let apt = Apt::new(&mirror);
    let set = apt.read_index();
    let all: Vec<PackageId> = set.ids().collect();
    let broken: BTreeSet<PackageId> = verdicts(&set, "amd64", &all, &[]).iter().map(|broken| broken.package).collect();

    let seeds = Mutex::new(choose_seeds(&set, &broken));
    let differences = Mutex::new(Vec::new());
    let explained = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(seed) = seeds.lock().unwrap().pop() else { break };
                    match compare(&set, &broken, &seed, &apt.install(&seed)) {
                        Ok(rule) => *explained.lock().unwrap().entry(rule).or_insert(0) += 1,
                        Err(difference) => differences.lock().unwrap().push(difference),
                    }
                }
            });
        }
    });
    let (explained, differences) = (explained.into_inner().unwrap(), differences.into_inner().unwrap());
    eprintln!("{explained:?}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(explained.values().sum::<usize>(), SEEDS);
}

/// What makes the closure the same as apt's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    Same,
    /// Of providers with nothing else between them, apt takes the one that its cache met last, the closure the first in the
    /// order of names, which it reports. With apt's choice pinned they agree.
    EqualProviders,
    /// apt makes one system, so it passes over an alternative that conflicts with what it has taken. A selection is a
    /// repository, which may hold both. With the conflicting alternatives excluded they agree.
    Conflicts,
}

fn compare(set: &PackageSet, broken: &BTreeSet<PackageId>, seed: &str, installed: &BTreeSet<String>) -> Result<Rule, String> {
    let mut request = Request {
        arch: "amd64".to_owned(),
        seeds: vec![Seed::parse(seed).unwrap()],
        broken: broken.clone(),
        ..Request::default()
    };
    let mut rule = Rule::Same;
    loop {
        let selection = close(set, &request);
        let selected: BTreeSet<String> = selection.ids().map(|id| set.name(id).to_owned()).collect();
        if selected == *installed {
            return Ok(rule);
        }
        if let Some((name, provider)) = provider_of_apt(set, &selection, installed, &request) {
            request.providers.insert(name, provider);
            rule = rule.max(Rule::EqualProviders);
        } else if let Some(name) = passed_over_for_conflict(set, &selection, installed) {
            request.exclude.push(Glob::parse(&name).unwrap());
            rule = rule.max(Rule::Conflicts);
        } else {
            let ours: Vec<&String> = selected.difference(installed).collect();
            let apts: Vec<&String> = installed.difference(&selected).collect();
            return Err(format!("{seed}: only the closure has {ours:?}, only apt {apts:?}"));
        }
    }
}

/// The first ambiguous name for which apt took one of the equal providers that the closure did not take.
fn provider_of_apt(
    set: &PackageSet,
    selection: &Selection,
    installed: &BTreeSet<String>,
    request: &Request,
) -> Option<(String, String)> {
    selection.problems.iter().find_map(|problem| {
        let Problem::AmbiguousProvider { requirer, providers, .. } = problem else { return None };
        let is_apts = |id: &&PackageId| installed.contains(set.name(**id)) && !selection.contains(**id);
        let provider = providers.iter().find(is_apts)?;
        let atoms = set.requirement(requirer.requirement).atoms();
        let name = atoms.iter().map(|atom| set.text(atom.name)).find(|name| !request.providers.contains_key(*name))?;
        Some((name.to_owned(), set.name(*provider).to_owned()))
    })
}

/// The first choice of the closure that apt did not make because it conflicts with a package that apt took.
fn passed_over_for_conflict(set: &PackageSet, selection: &Selection, installed: &BTreeSet<String>) -> Option<String> {
    let of_apt: Vec<PackageId> = set.ids().filter(|id| installed.contains(set.name(*id))).collect();
    let index = Index::new(set, "amd64", set.ids().collect());
    let names_as_conflict = |left: PackageId, right: PackageId| {
        set.relations(left).iter().filter(|relation| relation.kind.is_negative()).any(|relation| {
            let atoms = set.requirement(relation.requirement).atoms();
            atoms.iter().any(|atom| index.conflicting(atom, left).contains(&right))
        })
    };
    let chosen = selection.choices.iter().map(|choice| choice.chosen);
    let passed_over = chosen
        .filter(|chosen| !installed.contains(set.name(*chosen)))
        .find(|chosen| of_apt.iter().any(|other| names_as_conflict(*chosen, *other) || names_as_conflict(*other, *chosen)));
    passed_over.map(|id| set.name(id).to_owned())
}

/// Packages out of all sections, the same ones for the same index: the middle one of each, then those at a third.
fn choose_seeds(set: &PackageSet, broken: &BTreeSet<PackageId>) -> Vec<String> {
    let mut sections: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for id in set.ids().filter(|id| !broken.contains(id)) {
        sections.entry(set.section(id)).or_default().insert(set.name(id));
    }
    let at = |names: &BTreeSet<&str>, part: usize| names.iter().nth(names.len() / part).map(|name| (*name).to_owned());
    let rounds = [2, 3, 5].into_iter().flat_map(|part| sections.values().filter_map(move |names| at(names, part)));
    let mut seeds: Vec<String> = Vec::new();
    for name in rounds {
        if seeds.len() < SEEDS && !seeds.contains(&name) {
            seeds.push(name);
        }
    }
    seeds
}

/// An apt of its own: no package installed, one suite of one mirror.
struct Apt {
    folder: tempfile::TempDir,
    /// That keep it in its folder.
    options: Vec<String>,
}

impl Apt {
    fn new(mirror: &str) -> Apt {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["state/lists/partial", "cache/archives/partial"] {
            fs_err::create_dir_all(path(name)).unwrap();
        }
        fs_err::write(path("status"), "").unwrap();
        fs_err::write(path("sources.list"), format!("deb [arch=amd64] {mirror} {SUITE} main\n")).unwrap();
        let options = [
            ("Dir::Etc::SourceList", path("sources.list")),
            ("Dir::Etc::SourceParts", PathBuf::from("/dev/null")),
            ("Dir::Etc::Preferences", PathBuf::from("/dev/null")),
            ("Dir::Etc::PreferencesParts", PathBuf::from("/dev/null")),
            ("Dir::State", path("state")),
            ("Dir::State::Lists", path("state/lists")),
            ("Dir::State::Status", path("status")),
            ("Dir::Cache", path("cache")),
        ];
        let settings = [
            "APT::Architecture=amd64",
            "APT::Architectures=amd64",
            "APT::Install-Recommends=false",
            "APT::Install-Suggests=false",
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
            "Acquire::GzipIndexes=false",
            "Debug::NoLocking=true",
        ];
        let options =
            options.iter().map(|(name, path)| format!("{name}={}", path.display())).chain(settings.map(str::to_owned)).collect();
        let apt = Apt { folder, options };
        apt.run(&["update"]);
        apt
    }

    fn read_index(&self) -> PackageSet {
        let origin = Origin {
            archive: "debian".to_owned(),
            suite: SUITE.to_owned(),
            component: "main".to_owned(),
            priority: 500,
            lookaside: false,
        };
        let text = fs_err::read(self.packages_file()).unwrap();
        let kind = IndexKind::Binaries { arch: "amd64".to_owned() };
        let (set, problems) = Deb.read(vec![IndexFile { name: "Packages".to_owned(), kind, origin, text }]).unwrap();
        assert_eq!(problems, []);
        set
    }

    fn packages_file(&self) -> PathBuf {
        let lists = fs_err::read_dir(self.folder.path().join("state/lists")).unwrap();
        let mut paths = lists.map(|entry| entry.unwrap().path());
        paths.find(|path| path.to_string_lossy().ends_with("_Packages")).expect("apt-get update fetched it")
    }

    /// The names that apt would install for this one.
    fn install(&self, seed: &str) -> BTreeSet<String> {
        let report = self.run(&["--simulate", "install", seed]);
        let names = report.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
        names.map(str::to_owned).collect()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("apt-get");
        for option in &self.options {
            command.args(["-o", option]);
        }
        let output = command.args(arguments).env("LC_ALL", "C").output().expect("apt-get is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "apt-get {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}
