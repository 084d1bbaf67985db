//! Closure and verdicts against formulations that share no code with them, over small random sets.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use charmer_packages::closure::close;
use charmer_packages::installability::verdicts;
use proptest::prelude::*;

use crate::fixture::{request, set};

const COUNT: usize = 6;

/// A package `pN` of version one: clauses of alternatives, conflicts, and a virtual name it may provide.
#[derive(Debug, Clone)]
struct Model {
    depends: Vec<Vec<Target>>,
    conflicts: Vec<Target>,
    provides: Option<usize>,
    essential: bool,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Package(usize),
    Virtual(usize),
}

impl Target {
    fn name(self) -> String {
        match self {
            Target::Package(number) => format!("p{number}"),
            Target::Virtual(number) => format!("v{number}"),
        }
    }

    fn is_answered_by(self, models: &[Model], package: usize) -> bool {
        match self {
            Target::Package(number) => number == package,
            Target::Virtual(number) => models[package].provides == Some(number),
        }
    }
}

fn target() -> impl Strategy<Value = Target> {
    // One name more than there are packages: nothing has it.
    prop_oneof![4 => (0..=COUNT).prop_map(Target::Package), 1 => (0..2_usize).prop_map(Target::Virtual)]
}

fn models() -> impl Strategy<Value = Vec<Model>> {
    let clause = prop::collection::vec(target(), 1..3);
    let model = (
        prop::collection::vec(clause, 0..3),
        prop::collection::vec(target(), 0..2),
        prop::option::of(0..2_usize),
        prop::bool::weighted(0.1),
    );
    let model = model.prop_map(|(depends, conflicts, provides, essential)| Model { depends, conflicts, provides, essential });
    prop::collection::vec(model, COUNT)
}

fn fixture(models: &[Model]) -> String {
    let mut text = String::new();
    for (number, model) in models.iter().enumerate() {
        writeln!(text, "p{number} 1{}", if model.essential { " essential" } else { "" }).unwrap();
        let names = |targets: &[Target], separator| targets.iter().map(|it| it.name()).collect::<Vec<_>>().join(separator);
        let clauses: Vec<String> = model.depends.iter().map(|clause| names(clause, " | ")).collect();
        if !clauses.is_empty() {
            writeln!(text, "  Depends: {}", clauses.join(", ")).unwrap();
        }
        if !model.conflicts.is_empty() {
            writeln!(text, "  Conflicts: {}", names(&model.conflicts, ", ")).unwrap();
        }
        if let Some(number) = model.provides {
            writeln!(text, "  Provides: v{number}").unwrap();
        }
    }
    text
}

/// Whether a set of packages, as bits, has all its needs and no conflict.
fn is_installation(models: &[Model], packages: u32) -> bool {
    let members: Vec<usize> = (0..COUNT).filter(|number| packages & 1 << number != 0).collect();
    let answered = |target: Target| members.iter().any(|member| target.is_answered_by(models, *member));
    members.iter().all(|member| {
        let model = &models[*member];
        model.depends.iter().all(|clause| clause.iter().any(|target| answered(*target)))
            && !model
                .conflicts
                .iter()
                .any(|target| members.iter().any(|other| other != member && target.is_answered_by(models, *other)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verdicts_are_those_of_trying_every_set(models in models()) {
        let set = set(&fixture(&models));
        let all: Vec<_> = set.ids().collect();
        let broken: BTreeSet<usize> =
            verdicts(&set, "amd64", &all, &[]).iter().map(|broken| broken.package.index()).collect();

        let installations: Vec<u32> = (0..1 << COUNT).filter(|packages| is_installation(&models, *packages)).collect();
        let installable_at_all = |bits: u32| installations.iter().any(|packages| packages & bits == bits);
        // Essential packages that are dead do not count; dead is what no closed set has, conflicts aside.
        let closed: Vec<u32> = (0..1 << COUNT).filter(|packages| {
            let without_conflicts: Vec<Model> =
                models.iter().map(|model| Model { conflicts: Vec::new(), ..model.clone() }).collect();
            is_installation(&without_conflicts, *packages)
        }).collect();
        let is_alive = |number: usize| closed.iter().any(|packages| packages & 1 << number != 0);
        let mut essential: u32 =
            (0..COUNT).filter(|number| models[*number].essential && is_alive(*number)).map(|number| 1 << number).sum();
        if !installable_at_all(essential) {
            essential = 0;
        }
        let expected: BTreeSet<usize> = (0..COUNT).filter(|number| !installable_at_all(essential | 1 << number)).collect();
        prop_assert_eq!(broken, expected, "{}", fixture(&models));
    }

    #[test]
    fn closures_are_closed_minimal_in_reason_and_honest(models in models()) {
        let set = set(&fixture(&models));
        let selection = close(&set, &request("p0 p1"));
        let selected: BTreeSet<usize> = selection.ids().map(|id| id.index()).collect();
        prop_assert!(selected.contains(&0) && selected.contains(&1));

        // Closed: each clause is answered in the selection, or by nothing at all and reported.
        let mut unanswered = 0;
        for member in &selected {
            for clause in &models[*member].depends {
                let answers = |number: usize| clause.iter().any(|target| target.is_answered_by(&models, number));
                if !selected.iter().any(|number| answers(*number)) {
                    prop_assert!(!(0..COUNT).any(answers), "{}", fixture(&models));
                    unanswered += 1;
                }
            }
        }
        let unresolved = selection.problems.iter().filter(|problem| problem.check() == "unresolved-dependency").count();
        prop_assert_eq!(unresolved, unanswered);

        // In for a reason: some selected package's clause names it, and the chain of reasons ends at a seed.
        for member in selected.iter().filter(|member| **member > 1) {
            let is_named = selected.iter().any(|other| {
                models[*other].depends.iter().flatten().any(|target| target.is_answered_by(&models, *member))
            });
            prop_assert!(is_named);
            let id = selection.ids().find(|id| id.index() == *member).unwrap();
            let chain = selection.why(id);
            prop_assert!(chain.len() > 1 && chain[0].package.index() < 2 && chain[chain.len() - 1].package == id);
        }
    }
}
