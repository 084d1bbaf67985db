//! The method hybrid against trying every set of packages, over small random worlds; and over a large one, how long it takes.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use charmer_packages::rpm::Dependency;
use charmer_packages::rpm::gather::{HybridRequest, Reason, Repository, Resolved, gather_hybrid};
use charmer_packages::rpm::package::{Field, Package, PackageBuilder, Relation, RelationKind};
use proptest::prelude::*;

const NAMES: usize = 5;

/// A package `pN-V`; versions of one name exclude each other.
#[derive(Debug, Clone)]
struct Model {
    name: usize,
    version: u8,
    requires: Vec<Expression>,
    conflicts: Vec<Expression>,
    obsoletes: Option<usize>,
    provides: Option<usize>,
}

#[derive(Debug, Clone)]
enum Expression {
    /// A name, and perhaps one version of it.
    Package(usize, Option<u8>),
    Virtual(usize),
    All(Box<[Expression; 2]>),
    Any(Box<[Expression; 2]>),
    If(Box<[Expression; 2]>, Option<Box<Expression>>),
    Unless(Box<[Expression; 2]>, Option<Box<Expression>>),
    With(usize, usize),
    Without(usize, usize),
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Package(name, None) => write!(formatter, "p{name}"),
            Expression::Package(name, Some(version)) => write!(formatter, "p{name} = {version}"),
            Expression::Virtual(name) => write!(formatter, "v{name}"),
            Expression::All(parts) => write!(formatter, "({} and {})", parts[0], parts[1]),
            Expression::Any(parts) => write!(formatter, "({} or {})", parts[0], parts[1]),
            Expression::With(name, virtual_name) => write!(formatter, "(p{name} with v{virtual_name})"),
            Expression::Without(name, virtual_name) => write!(formatter, "(v{virtual_name} without p{name})"),
            Expression::If(parts, otherwise) | Expression::Unless(parts, otherwise) => {
                let word = if matches!(self, Expression::If(..)) { "if" } else { "unless" };
                write!(formatter, "({} {word} {}", parts[0], parts[1])?;
                match otherwise {
                    Some(otherwise) => write!(formatter, " else {otherwise})"),
                    None => formatter.write_str(")"),
                }
            }
        }
    }
}

impl Expression {
    fn holds(&self, members: &[&Model]) -> bool {
        let any = |is_meant: &dyn Fn(&Model) -> bool| members.iter().any(|member| is_meant(member));
        match self {
            Expression::Package(name, version) => {
                any(&|it| it.name == *name && version.is_none_or(|version| version == it.version))
            }
            Expression::Virtual(name) => any(&|it| it.provides == Some(*name)),
            Expression::All(parts) => parts.iter().all(|part| part.holds(members)),
            Expression::Any(parts) => parts.iter().any(|part| part.holds(members)),
            Expression::With(name, other) => any(&|it| it.name == *name && it.provides == Some(*other)),
            Expression::Without(name, other) => any(&|it| it.name != *name && it.provides == Some(*other)),
            // As rpm's manual has it: A or not B, A and not B.
            Expression::If(parts, otherwise) => {
                let [then, when] = &**parts;
                (then.holds(members) || !when.holds(members))
                    && otherwise.as_ref().is_none_or(|otherwise| otherwise.holds(members) || when.holds(members))
            }
            Expression::Unless(parts, otherwise) => {
                let [then, when] = &**parts;
                (then.holds(members) && !when.holds(members))
                    || otherwise.as_ref().is_some_and(|otherwise| otherwise.holds(members) && when.holds(members))
            }
        }
    }
}

fn plain() -> impl Strategy<Value = Expression> {
    // One name more than there are packages: nothing has it.
    prop_oneof![
        6 => (0..=NAMES).prop_map(|name| Expression::Package(name, None)),
        1 => (0..NAMES, 1..3_u8).prop_map(|(name, version)| Expression::Package(name, Some(version))),
        3 => (0..2_usize).prop_map(Expression::Virtual),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    let sets = prop_oneof![
        (0..NAMES, 0..2_usize).prop_map(|(name, other)| Expression::With(name, other)),
        (0..NAMES, 0..2_usize).prop_map(|(name, other)| Expression::Without(name, other)),
    ];
    prop_oneof![6 => plain(), 1 => sets].prop_recursive(2, 6, 2, |inner| {
        let two = (inner.clone(), inner.clone()).prop_map(|(one, other)| Box::new([one, other]));
        let three = (two.clone(), prop::option::of(inner.prop_map(Box::new)));
        prop_oneof![
            two.clone().prop_map(Expression::All),
            two.prop_map(Expression::Any),
            three.clone().prop_map(|(parts, otherwise)| Expression::If(parts, otherwise)),
            three.prop_map(|(parts, otherwise)| Expression::Unless(parts, otherwise)),
        ]
    })
}

/// Up to eight packages: one or two versions of each name.
fn models() -> impl Strategy<Value = Vec<Model>> {
    let model = (
        prop::collection::vec(expression(), 0..3),
        prop::collection::vec(prop_oneof![3 => plain(), 1 => expression()], 0..2),
        prop::option::weighted(0.1, 0..NAMES),
        prop::option::of(0..2_usize),
    );
    let versions = prop::collection::vec(model, 1..3);
    prop::collection::vec(versions, NAMES).prop_map(|names| {
        let mut models = Vec::new();
        for (name, versions) in names.into_iter().enumerate() {
            for (version, (requires, conflicts, obsoletes, provides)) in (1..).zip(versions) {
                models.push(Model { name, version, requires, conflicts, obsoletes, provides });
            }
        }
        models.truncate(8);
        models
    })
}

fn package(model: &Model) -> Package {
    let mut builder = PackageBuilder::default();
    let name = format!("p{}", model.name);
    let version = model.version.to_string();
    let source = format!("{name}-{version}-1.src.rpm");
    for (field, value) in [
        (Field::Name, &*name),
        (Field::Version, &version),
        (Field::Release, "1"),
        (Field::Arch, "noarch"),
        (Field::SourceRpm, &source),
    ] {
        builder.set(field, value).unwrap();
    }
    let mut relation = |kind, text: &str| {
        builder.relation(kind, Relation { dependency: Dependency::parse(text).unwrap(), pre: false }).unwrap();
    };
    model.requires.iter().for_each(|it| relation(RelationKind::Requires, &it.to_string()));
    model.conflicts.iter().for_each(|it| relation(RelationKind::Conflicts, &it.to_string()));
    model.obsoletes.iter().for_each(|it| relation(RelationKind::Obsoletes, &format!("p{it}")));
    model.provides.iter().for_each(|it| relation(RelationKind::Provides, &format!("v{it}")));
    builder.finish()
}

fn members(models: &[Model], packages: u32) -> Vec<&Model> {
    models.iter().enumerate().filter(|(number, _)| packages & 1 << number != 0).map(|(_, model)| model).collect()
}

/// Whether a set of packages, as bits, could be installed.
fn is_installation(models: &[Model], packages: u32) -> bool {
    let all = members(models, packages);
    all.iter().all(|member| {
        let others: Vec<&Model> = all.iter().copied().filter(|other| !std::ptr::eq(*other, *member)).collect();
        member.requires.iter().all(|requirement| requirement.holds(&all))
            && !member.conflicts.iter().any(|conflict| conflict.holds(&others))
            && !others.iter().any(|other| other.name == member.name || member.obsoletes == Some(other.name))
    })
}

fn gather(models: &[Model], asked: &BTreeSet<usize>) -> Resolved {
    let packages: Vec<Package> = models.iter().map(package).collect();
    let repositories = [Repository { lookaside: false, packages: packages.iter().collect(), comps: None }];
    let request = HybridRequest {
        arch: "x86_64".to_owned(),
        packages: asked.iter().map(|name| format!("p{name}")).collect(),
        ..HybridRequest::default()
    };
    gather_hybrid(&repositories, &request).unwrap()
}

fn text(models: &[Model]) -> String {
    let list = |word: &str, all: &[Expression]| all.iter().map(|it| format!("; {word} {it}")).collect::<Vec<_>>().concat();
    let line = |model: &Model| {
        let obsoletes = model.obsoletes.map(|name| format!("; O p{name}")).unwrap_or_default();
        let provides = model.provides.map(|name| format!("; P v{name}")).unwrap_or_default();
        let (requires, conflicts) = (list("R", &model.requires), list("C", &model.conflicts));
        format!("p{}-{}{requires}{conflicts}{obsoletes}{provides}\n", model.name, model.version)
    };
    models.iter().map(line).collect()
}

/// The newest package of each name that is asked for.
fn requested(models: &[Model], asked: &BTreeSet<usize>) -> BTreeSet<usize> {
    let newest = |name: &usize| (0..models.len()).rev().find(|number| models[*number].name == *name);
    asked.iter().filter_map(newest).collect()
}

/// For one plain requirement, all packages that answer, the best first: what others of them obsolete comes last, then old versions.
fn answers(models: &[Model], requirement: &Expression) -> Vec<usize> {
    let mut all: Vec<usize> = (0..models.len()).filter(|number| requirement.holds(&[&models[*number]])).collect();
    let obsolete: BTreeSet<usize> = all
        .iter()
        .copied()
        .filter(|number| {
            all.iter().any(|other| {
                models[*other].obsoletes == Some(models[*number].name) && models[*other].name != models[*number].name
            })
        })
        .collect();
    let is_old = |number: usize| all.iter().any(|other| models[*other].name == models[number].name && *other > number);
    let old: BTreeSet<usize> = all.iter().copied().filter(|number| is_old(*number)).collect();
    all.sort_by_key(|number| (obsolete.contains(number), old.contains(number), models[*number].name, std::cmp::Reverse(*number)));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_gathered_can_be_installed_and_what_is_broken_cannot(models in models(), asked in prop::collection::btree_set(0..NAMES, 1..4)) {
        let resolved = gather(&models, &asked);
        let selected: BTreeSet<usize> = resolved.gathered.packages.iter().map(|it| it.place.package).collect();
        let requested = requested(&models, &asked);
        prop_assert!(requested.is_subset(&selected), "{}", text(&models));

        let installations: Vec<u32> = (0..1 << models.len()).filter(|packages| is_installation(&models, *packages)).collect();
        let expected: BTreeSet<usize> =
            requested.iter().copied().filter(|number| !installations.iter().any(|packages| packages & 1 << number != 0)).collect();
        let broken: BTreeSet<usize> = resolved.broken.iter().map(|broken| broken.package.package).collect();
        prop_assert_eq!(&broken, &expected, "{}", text(&models));
        for broken in &resolved.broken {
            prop_assert!(!broken.requirements.is_empty() && !broken.reasons.is_empty());
        }

        // Each package can be installed out of what was gathered.
        let bits: u32 = selected.iter().map(|number| 1 << number).sum();
        for number in selected.difference(&broken) {
            let inside = installations.iter().any(|packages| packages & 1 << number != 0 && packages & !bits == 0);
            prop_assert!(inside, "p{}-{} of {:?} in {}", models[*number].name, models[*number].version, selected, text(&models));
        }
        // All is there for a reason.
        for package in resolved.gathered.packages.iter().filter(|package| !requested.contains(&package.place.package)) {
            let Reason::Requirement { of, .. } = &package.reason else { panic!("{package:?}") };
            prop_assert!(selected.contains(&of.package) && of != &package.place);
        }
    }

    #[test]
    fn one_request_gives_one_installation_with_the_best_package_that_fits(models in models(), name in 0..NAMES) {
        let asked = BTreeSet::from([name]);
        let resolved = gather(&models, &asked);
        let Some(root) = requested(&models, &asked).first().copied() else { return Ok(()) };
        if !resolved.broken.is_empty() {
            return Ok(());
        }
        let bits: u32 = resolved.gathered.packages.iter().map(|it| 1 << it.place.package).sum();
        prop_assert!(is_installation(&models, bits), "{:b} of {}", bits, text(&models));

        // The first requirement has the first choice, unless something that came for another one meets it.
        let is_plain = |it: &&Expression| matches!(it, Expression::Package(..) | Expression::Virtual(_));
        let Some(first) = models[root].requires.iter().find(is_plain).filter(|it| !it.holds(&[&models[root]])) else { return Ok(()) };
        let fits = |answer: &usize| {
            let both = 1 << answer | 1 << root;
            (0..1 << models.len()).any(|packages| packages & both == both && is_installation(&models, packages))
        };
        let best = answers(&models, first).into_iter().find(fits).unwrap();
        let came_for_another = resolved.gathered.packages.iter().any(|it| {
            let is_other = |of: usize, text: &str| of != root || text != first.to_string();
            first.holds(&[&models[it.place.package]])
                && matches!(&it.reason, Reason::Requirement { of, text } if is_other(of.package, text))
        });
        prop_assert!(came_for_another || bits & 1 << best != 0, "{} of {:b} for {} of {}", best, bits, first, text(&models));
    }
}

/// A package from texts of what it provides, requires and conflicts with.
fn written(name: &str, version: &str, provides: &[String], requires: &[String], conflicts: &[String]) -> Package {
    let mut builder = PackageBuilder::default();
    let source = format!("{name}-{version}-1.src.rpm");
    for (field, value) in [
        (Field::Name, name),
        (Field::Version, version),
        (Field::Release, "1"),
        (Field::Arch, "x86_64"),
        (Field::SourceRpm, &source),
    ] {
        builder.set(field, value).unwrap();
    }
    for (kind, texts) in
        [(RelationKind::Provides, provides), (RelationKind::Requires, requires), (RelationKind::Conflicts, conflicts)]
    {
        for text in texts {
            builder.relation(kind, Relation { dependency: Dependency::parse(text).unwrap(), pre: false }).unwrap();
        }
    }
    builder.finish()
}

fn gather_of(packages: &[Package], asked: &[&str]) -> (Resolved, Duration) {
    let repositories = [Repository { lookaside: false, packages: packages.iter().collect(), comps: None }];
    let request = HybridRequest {
        arch: "x86_64".to_owned(),
        packages: asked.iter().map(|name| (*name).to_owned()).collect(),
        ..HybridRequest::default()
    };
    let start = Instant::now();
    let resolved = gather_hybrid(&repositories, &request).unwrap();
    (resolved, start.elapsed())
}

/// 20,000 packages in layers, each of which requires some of those below: libraries with and without versions, one of several
/// providers, conditions; some exclude others.
fn distribution() -> Vec<Package> {
    const COUNT: usize = 20_000;
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut packages = Vec::new();
    for number in 0..COUNT {
        let (name, below) = (format!("package{number}"), number.max(1).min(number / 2 + 50));
        let provides: Vec<String> = (0..10)
            .map(|library| format!("lib{number}-{library}.so()(64bit)"))
            .chain([format!("{name} = 1-1"), format!("service{}", number % 500)])
            .collect();
        let mut requires = Vec::new();
        for _ in 0..random(20).min(number) {
            requires.push(match random(40) {
                0 => format!("service{}", random(500.min(below))),
                1 => format!("(package{} if package{})", random(below), random(COUNT)),
                2 => format!("(package{} or package{})", random(below), random(below)),
                3 => format!("package{} >= 1", random(below)),
                _ => format!("lib{}-{}.so()(64bit)", random(below), random(10)),
            });
        }
        let conflicts = if number > 10_100 && random(50) == 0 { vec![format!("package{}", number - 1)] } else { Vec::new() };
        packages.push(written(&name, "1", &provides, &requires, &conflicts));
    }
    packages
}

#[test]
fn a_hundred_of_twenty_thousand_packages_are_gathered_soon() {
    let packages = distribution();
    let asked: Vec<String> = (0..100).map(|number| format!("package{}", 19_999 - number * 97)).collect();
    let (resolved, took) = gather_of(&packages, &asked.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(resolved.gathered.packages.len() > 1000 && resolved.broken.is_empty());
    // A second on an idle machine; what is wrong takes minutes.
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn worlds_made_to_take_long_do_not() {
    let many = |count: usize, package: &dyn Fn(usize) -> Package| (0..count).map(package).collect::<Vec<Package>>();
    let text = |text: String| vec![text];
    // All exclude all others, and all are asked for.
    let quarrel = many(2000, &|number| written(&format!("q{number}"), "1", &text("peace".into()), &[], &text("peace".into())));
    // One package of so many versions, all of which need what only another version is.
    let versions =
        many(2000, &|number| written("v", &number.to_string(), &[], &text(format!("v = {}", (number + 1) % 2000)), &[]));
    // More pigeons than holes: no solver proves that soon.
    let mut pigeons = Vec::new();
    for pigeon in 0..13 {
        pigeons.push(written(&format!("pigeon{pigeon}"), "1", &[], &text(format!("sits{pigeon}")), &[]));
        for hole in 0..12 {
            let provides = [format!("sits{pigeon}"), format!("hole{hole}")];
            pigeons.push(written(&format!("seat{pigeon}-{hole}"), "1", &provides, &[], &text(format!("hole{hole}"))));
        }
    }
    let all: Vec<String> = (0..13).map(|pigeon| format!("pigeon{pigeon}")).collect();
    pigeons.push(written("loft", "1", &[], &all, &[]));
    // Nested as deep as can be read.
    let deep = (0..30).fold("a".to_owned(), |inner, level| format!("(b{level} unless (c{level} if {inner} else d{level}))"));
    let deep = vec![written("deep", "1", &[], &text(deep), &[])];
    for (packages, asked) in [(&quarrel, "q*"), (&versions, "v"), (&pigeons, "loft"), (&deep, "deep")] {
        let (resolved, took) = gather_of(packages, &[asked]);
        assert!(took < Duration::from_secs(60), "{asked}: {took:?}");
        for broken in &resolved.broken {
            assert!(!broken.requirements.is_empty() && !broken.reasons.is_empty() && broken.reasons.len() < 30);
        }
    }
}
