//! One question to the package set, and the answer as locked packages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use charmer_packages::closure::{self, Recommends, Request, Requirer};
use charmer_packages::glob::Glob;
use charmer_packages::installability::of_arch;
use charmer_packages::seed::Seed;
use charmer_packages::sources::sources_of;
use charmer_packages::{PackageId, PackageSet, SourceId};

use crate::config::Config;
use crate::config::resolved::{Variant, VariantArch};
use crate::config::schema::gather::Sources;
use crate::config::schema::policy::Checks;
use crate::digest::Sha256;
use crate::finding::Finding;
use crate::package_set::lock::{Interner, LockedFile, LockedPackage, LockedSource};

use super::{MissingSource, PassedOver, Reason, Selected, Selection, findings};

/// What is asked for one variant on one arch.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub variant: &'a str,
    pub arch: &'a VariantArch,
    /// Packages of the parent are not repeated.
    pub optional: bool,
    /// Archives whose packages only satisfy dependencies here.
    pub lookaside: &'a [String],
    pub sources: Sources,
    /// Archives whose packages are the distribution's own.
    pub own: BTreeSet<String>,
    pub parent: Option<&'a Selection>,
    pub checks: &'a Checks,
    /// The set holds a lock's packages and no others.
    pub from_lock: bool,
}

impl<'a> Question<'a> {
    /// What the configuration asks for.
    pub fn of(
        config: &'a Config,
        variant: &'a Variant,
        arch: &'a VariantArch,
        parent: Option<&'a Selection>,
        from_lock: bool,
    ) -> Self {
        Self {
            variant: &variant.name,
            arch,
            optional: variant.optional,
            lookaside: &variant.lookaside,
            sources: variant.sources,
            own: config.overlays(),
            parent,
            checks: &config.checks,
            from_lock,
        }
    }
}

/// A word of the configuration that the ecosystem does not understand.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadWords(Vec<String>);

/// Selects what the question asks for. What could not be resolved is among the findings.
pub fn select(set: &PackageSet, question: &Question<'_>) -> Result<(Selection, Vec<Finding>), BadWords> {
    let available = parents_packages(set, question);
    let mut request = request(question.arch, available)?;
    // A lock's packages were chosen with all that the archives had in view; by themselves they may lack what would install them.
    if !question.from_lock {
        request.broken = of_arch(set, &question.arch.arch).iter().map(|broken| broken.package).collect();
    }
    let closure = closure::close(set, &request);
    let mut findings = findings::of_closure(set, &closure, question);

    let mut taken: BTreeMap<String, Selected> = BTreeMap::new();
    if let Some(parent) = question.parent.filter(|_| !question.optional) {
        let inherited =
            |selected: &Selected| Selected { package: selected.package.clone(), reason: Reason::Parent(parent.variant.clone()) };
        taken.extend(parent.packages.iter().map(|selected| (selected.package.id(), inherited(selected))));
    }
    let mut words = Interner::default();
    let mut locked = |selected: &closure::Selected, lookaside| Selected {
        package: Arc::new(locked_package(set, selected.package, lookaside, &mut words)),
        reason: reason(set, &closure, &selected.reason),
    };
    let is_lookaside = |id| question.lookaside.contains(&set.origin(id).archive);
    let (aside, own): (Vec<_>, Vec<_>) = closure.packages.iter().partition(|selected| is_lookaside(selected.package));
    for selected in own {
        let selected = locked(selected, false);
        taken.entry(selected.package.id()).or_insert(selected);
    }
    let mut lookaside: Vec<_> = aside.into_iter().chain(&closure.lookaside).map(|selected| locked(selected, true)).collect();
    lookaside.sort_by(|left, right| left.package.cmp(&right.package));

    let binaries = closure.ids().filter(|&id| !is_lookaside(id) && wants_source(set, id, question));
    let sources = sources_of(set, binaries);
    let missing_sources = sources.missing.iter().map(|missing| missing_source(set, missing)).collect();
    findings.sort();
    findings.dedup();
    let selection = Selection {
        variant: question.variant.to_owned(),
        arch: question.arch.arch.clone(),
        packages: taken.into_values().collect(),
        lookaside,
        sources: with_parents_sources(question, sources.found.iter().map(|&id| Arc::new(locked_source(set, id))).collect()),
        missing_sources,
    };
    Ok((sorted(selection), findings))
}

fn sorted(mut selection: Selection) -> Selection {
    selection.packages.sort_by(|left, right| left.package.cmp(&right.package));
    selection
}

fn with_parents_sources(question: &Question<'_>, mut sources: Vec<Arc<LockedSource>>) -> Vec<Arc<LockedSource>> {
    if let Some(parent) = question.parent {
        if question.optional {
            sources.retain(|source| !parent.sources.contains(source));
        } else {
            sources.extend(parent.sources.iter().cloned());
        }
    }
    sources.sort();
    sources.dedup();
    sources
}

/// The parent's packages, as this set numbers them.
fn parents_packages(set: &PackageSet, question: &Question<'_>) -> Vec<PackageId> {
    let Some(parent) = question.parent else { return Vec::new() };
    let wanted: BTreeSet<[u8; 32]> = parent.packages.iter().map(|selected| *selected.package.file.sha256.as_bytes()).collect();
    set.ids().filter(|&id| wanted.contains(&set.package(id).sha256)).collect()
}

pub(super) fn request(arch: &VariantArch, available: Vec<PackageId>) -> Result<Request, BadWords> {
    let mut bad = Vec::new();
    let mut seed = |text: &String| Seed::parse(text).map_err(|error| bad.push(format!("seed '{text}': {error}"))).ok();
    let seeds = arch.seeds.iter().filter_map(&mut seed).collect();
    let include = arch.include.iter().filter_map(&mut seed).collect();
    let mut glob = |text: &String| Glob::parse(text).map_err(|error| bad.push(format!("'{text}': {error}"))).ok();
    let exclude = arch.exclude.iter().filter_map(&mut glob).collect();
    let mut overrides: Vec<_> = arch.recommends_of.iter().filter_map(|(name, &follow)| Some((glob(name)?, follow))).collect();
    // The last one that matches decides: a name says more than a pattern.
    overrides.sort_by_key(|(pattern, _)| pattern.is_plain());
    if !bad.is_empty() {
        return Err(BadWords(bad));
    }
    Ok(Request {
        arch: arch.arch.clone(),
        seeds,
        include,
        exclude,
        recommends: Recommends { default: arch.recommends, overrides },
        providers: arch.providers.clone(),
        available,
        ..Request::default()
    })
}

fn wants_source(set: &PackageSet, id: PackageId, question: &Question<'_>) -> bool {
    match question.sources {
        Sources::None => false,
        Sources::Own => question.own.contains(&set.origin(id).archive),
        Sources::All => true,
    }
}

fn reason(set: &PackageSet, closure: &closure::Selection, reason: &closure::Reason) -> Reason {
    match reason {
        closure::Reason::Seed(seed) => Reason::Seed(seed.clone()),
        closure::Reason::Include(word) => Reason::Include(word.clone()),
        closure::Reason::Required(requirer) => Reason::Dependency {
            of: package_id(set, requirer.package),
            field: requirer.field.to_string(),
            clause: set.requirement_text(requirer.requirement).to_owned(),
            passed_over: passed_over(set, closure, requirer),
        },
    }
}

fn passed_over(set: &PackageSet, closure: &closure::Selection, requirer: &Requirer) -> Vec<PassedOver> {
    let choices = closure.choices.iter().filter(|choice| choice.requirer == *requirer);
    let why = |id| of_arch(set, &closure.arch).iter().find(|broken| broken.package == id).map(|broken| broken.describe(set));
    choices
        .flat_map(|choice| &choice.passed_over)
        .map(|&id| PassedOver { package: package_id(set, id), reason: why(id).unwrap_or_default() })
        .collect()
}

fn package_id(set: &PackageSet, id: PackageId) -> String {
    format!("{}_{}_{}", set.name(id), set.version(id), set.arch(id))
}

pub(super) fn locked_package(set: &PackageSet, id: PackageId, lookaside: bool, words: &mut Interner) -> LockedPackage {
    let package = set.package(id);
    let origin = set.origin(id);
    LockedPackage {
        name: set.name(id).to_owned(),
        version: set.version(id).to_owned(),
        arch: words.intern(set.arch(id)),
        source: set.source_name(id).to_owned(),
        source_version: set.source_version(id).to_owned(),
        archive: words.intern(&origin.archive),
        component: words.intern(&origin.component),
        file: LockedFile { path: set.filename(id).to_owned(), size: package.size, sha256: Sha256::from_bytes(package.sha256) },
        stanza: stanza_text(set.stanza(id)),
        lookaside,
    }
}

fn locked_source(set: &PackageSet, id: SourceId) -> LockedSource {
    let source = set.source(id);
    let origin = set.origin_of(source.origin);
    let file = |file: &charmer_packages::ecosystem::SourceFile| LockedFile {
        path: if source.directory.is_empty() || source.directory == "." {
            file.name.clone()
        } else {
            format!("{}/{}", source.directory, file.name)
        },
        size: file.size,
        sha256: Sha256::from_bytes(file.sha256),
    };
    LockedSource {
        name: set.text(source.name).to_owned(),
        version: set.text(source.version).to_owned(),
        archive: origin.archive.clone(),
        component: origin.component.clone(),
        files: source.files.iter().map(file).collect(),
        stanza: stanza_text(set.source_stanza(id)),
    }
}

/// An entry as the lock has it: every line ended, no empty line behind it. Indexes are checked to be UTF-8 when they are read.
fn stanza_text(stanza: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(stanza).trim_end_matches('\n').to_owned();
    text.push('\n');
    text
}

fn missing_source(set: &PackageSet, missing: &charmer_packages::sources::MissingSource) -> MissingSource {
    let field = missing.field.map_or_else(|| "Source".to_owned(), |field| field.to_string());
    MissingSource {
        name: missing.name.clone(),
        version: missing.version.clone(),
        wanted_by: format!("{} ({field})", package_id(set, missing.package)),
    }
}

#[cfg(test)]
mod tests {
    use charmer_packages::{Deb, Ecosystem as _, IndexFile, IndexKind, Origin};

    use super::*;

    /// Each line is a package with its other fields: `a Depends: b`.
    fn set(packages: &str) -> PackageSet {
        let stanza = |(number, line): (usize, &str)| {
            let (name, fields) = line.trim().split_once(' ').unwrap_or((line.trim(), "Section: misc"));
            format!(
                "Package: {name}\nVersion: 1\nArchitecture: amd64\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {number:064x}\n{fields}\n\n"
            )
        };
        let origin =
            Origin { archive: "debian".into(), suite: String::new(), component: String::new(), priority: 500, lookaside: false };
        let text = packages.lines().enumerate().map(stanza).collect::<String>().into_bytes();
        let kind = IndexKind::Binaries { arch: "amd64".into() };
        Deb.read(vec![IndexFile { name: "index".into(), kind, origin, text }]).unwrap().0
    }

    fn arch(seeds: &[&str]) -> VariantArch {
        VariantArch {
            arch: "amd64".into(),
            seeds: seeds.iter().copied().map(str::to_owned).collect(),
            include: Vec::new(),
            exclude: Vec::new(),
            recommends: false,
            recommends_of: BTreeMap::new(),
            providers: BTreeMap::new(),
            contents: false,
            // So that seeds which select nothing are found here, and not before.
            failable: true,
        }
    }

    /// The names and reasons of what is selected, and what the findings are about.
    fn selected(set: &PackageSet, arch: &VariantArch) -> (Vec<(String, Reason)>, Vec<String>) {
        let question = Question {
            variant: "Base",
            arch,
            optional: false,
            lookaside: &[],
            sources: Sources::None,
            own: BTreeSet::new(),
            parent: None,
            checks: &Checks::default(),
            from_lock: false,
        };
        let (selection, findings) = select(set, &question).unwrap();
        let packages = selection.packages.into_iter().map(|selected| (selected.package.name.clone(), selected.reason));
        (packages.collect(), findings.into_iter().map(|finding| finding.subject).collect())
    }

    #[test]
    fn a_name_wins_over_a_glob_for_recommends() {
        let set = set("apt Recommends: a
                       apt-utils Recommends: b
                       bash Recommends: c
                       a
                       b
                       c");
        let mut arch = arch(&["apt", "apt-utils", "bash"]);
        // In the order of words, the name stands before the glob that it must win over.
        arch.recommends_of = [("apt".to_owned(), true), ("apt*".to_owned(), false), ("*".to_owned(), true)].into();
        let names: Vec<String> = selected(&set, &arch).0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "apt", "apt-utils", "bash", "c"]);
    }

    #[test]
    fn what_is_included_comes_alone_and_must_be_there() {
        let set = set("apt Depends: libc6
                       firmware Depends: loader
                       libc6
                       loader");
        let mut arch = arch(&["apt"]);
        arch.include = vec!["firmware".to_owned(), "firmwere".to_owned()];
        let (packages, findings) = selected(&set, &arch);
        let reasons: Vec<_> = packages.iter().filter(|(name, _)| name != "libc6").cloned().collect();
        let expected = [("apt", Reason::Seed("apt".into())), ("firmware", Reason::Include("firmware".into()))];
        assert_eq!(reasons, expected.map(|(name, reason)| (name.to_owned(), reason)));
        assert_eq!(packages.len(), 3);
        assert_eq!(findings, ["firmwere"]);
    }
}
