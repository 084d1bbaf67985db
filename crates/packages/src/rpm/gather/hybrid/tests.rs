//! Small worlds, and what a request takes of them.

use std::collections::BTreeSet;

use super::*;
use crate::Glob;
use crate::rpm::comps::Comps;
use crate::rpm::gather::tests::packages;
use crate::rpm::gather::{Flags, Method, Reason, Role};
use crate::rpm::package::Package;

/// What came out, as texts.
struct Found {
    /// `name-version-release.arch`, sorted, with flags other than `input` in parentheses.
    packages: Vec<String>,
    /// The texts of requirements, by the package that came for them.
    because: Vec<String>,
    choices: Vec<String>,
    /// What was not decided, as `name.arch`.
    undecided: Vec<String>,
    /// `name.arch: requirement; ...` and the reasons.
    broken: Vec<(String, Vec<String>)>,
    missing: Vec<String>,
}

impl Found {
    fn has(&self, expected: &[&str]) {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(self.packages, expected, "broken: {:?}", self.broken);
    }

    /// As [`Self::has`], and nothing is broken.
    fn is(&self, expected: &[&str]) {
        self.has(expected);
        assert_eq!(self.broken, [], "{:?}", self.packages);
    }
}

struct Question {
    main: Vec<Package>,
    lookaside: Vec<Package>,
    comps: Option<Comps>,
    request: HybridRequest,
}

impl Question {
    fn new(world: &str, asked: &str) -> Question {
        let request = HybridRequest {
            arch: "x86_64".to_owned(),
            packages: asked.split_whitespace().map(str::to_owned).collect(),
            ..HybridRequest::default()
        };
        Question { main: packages(world), lookaside: Vec::new(), comps: None, request }
    }

    fn lookaside(mut self, world: &str) -> Question {
        self.lookaside = packages(world);
        self
    }

    fn change(mut self, change: impl FnOnce(&mut HybridRequest)) -> Question {
        change(&mut self.request);
        self
    }

    fn ask(&self) -> Found {
        let repositories = [
            Repository { lookaside: false, packages: self.main.iter().collect(), comps: self.comps.as_ref() },
            Repository { lookaside: true, packages: self.lookaside.iter().collect(), comps: None },
        ];
        let resolved = gather_hybrid(&repositories, &self.request).unwrap();
        let package = |place: Place| repositories[place.repository].packages[place.package];
        let nevra = |place: Place| package(place).nevra().to_string();
        let flags = |flags: Flags| match flags.to_string().as_str() {
            "" | "input" => String::new(),
            other => format!("({other})"),
        };
        let selected = &resolved.gathered.packages;
        let mut names: Vec<String> = selected.iter().map(|it| nevra(it.place) + &flags(it.flags)).collect();
        names.sort();
        let because = selected.iter().filter_map(|it| match &it.reason {
            Reason::Requirement { of, text } => Some(format!("{} for {text} of {}", nevra(it.place), nevra(*of))),
            _ => None,
        });
        let choices = resolved.choices.iter().map(|choice| {
            let passed_over: Vec<String> =
                choice.passed_over.iter().map(|it| format!("{} {:?}", nevra(it.package), it.why)).collect();
            format!("{}: {} not {}", choice.requirement, nevra(choice.taken), passed_over.join(", "))
        });
        let undecided = resolved.broken.iter().filter(|broken| !broken.is_proven).map(|broken| package(broken.package));
        let undecided = undecided.map(|package| format!("{}.{}", package.name(), package.arch())).collect();
        let broken = resolved.broken.iter().map(|broken| {
            let of = package(broken.package);
            (format!("{}.{}: {}", of.name(), of.arch(), broken.requirements.join("; ")), broken.reasons.clone())
        });
        Found {
            packages: names,
            because: because.collect(),
            choices: choices.collect(),
            undecided,
            broken: broken.collect(),
            missing: resolved.gathered.missing.iter().chain(&resolved.gathered.missing_prepopulate).cloned().collect(),
        }
    }
}

fn ask(world: &str, asked: &str) -> Found {
    Question::new(world, asked).ask()
}

#[test]
fn requirements_of_all_kinds_are_followed_and_weak_ones_are_not() {
    let world = "
        app-1-1.x86_64; R lib(x86-64); R /usr/bin/tool; R virtual >= 2; W nice
        lib-1-1.x86_64; R base
        base-1-1.noarch
        tool-1-1.x86_64; F /usr/bin/tool
        old-1-1.x86_64; P virtual = 1
        new-1-1.x86_64; P virtual = 2
        nice-1-1.x86_64
        other-1-1.x86_64";
    let found = ask(world, "app");
    found.is(&["app-1-1.x86_64", "base-1-1.noarch", "lib-1-1.x86_64", "new-1-1.x86_64", "tool-1-1.x86_64"]);
    assert_eq!(
        found.because,
        [
            "lib-1-1.x86_64 for lib(x86-64) of app-1-1.x86_64",
            "tool-1-1.x86_64 for /usr/bin/tool of app-1-1.x86_64",
            "new-1-1.x86_64 for virtual >= 2 of app-1-1.x86_64",
            "base-1-1.noarch for base of lib-1-1.x86_64",
        ]
    );
    assert_eq!(found.choices, [""; 0]);
}

const PARTS: &str = "
    a-1-1.noarch
    b-1-1.noarch
    c-1-1.noarch
    d-1-1.noarch; P a = 1; P b = 1
    e-1-1.noarch; P a = 3";

/// What an app that requires something takes of [`PARTS`], besides what is asked for.
fn taken_for(requirement: &str, asked: &str) -> String {
    let found = ask(&format!("app-1-1.noarch; R {requirement}\n{PARTS}"), &format!("app {asked}"));
    assert_eq!(found.broken, [], "{requirement}");
    let names = found.packages.iter().map(|nevra| nevra.split('-').next().unwrap());
    let came: Vec<&str> = names.filter(|name| *name != "app" && !asked.split(' ').any(|it| it == *name)).collect();
    came.join(" ")
}

#[test]
fn rich_requirements_count_with_all_that_they_say() {
    for (requirement, asked, taken) in [
        ("(a and c)", "", "a c"),
        ("(c and (a and b))", "", "a b c"),
        ("(c or b)", "", "b"),
        ("(b or c)", "c", ""),
        ("((a and b) or c)", "", "a b"),
        ("((a and b) or c)", "c", ""),
        ("(a if c)", "", ""),
        ("(a if c)", "c", "a"),
        ("(a if c else b)", "", "b"),
        ("(a if c else b)", "c", "a"),
        ("((a and b) if (c or e))", "c", "a b"),
        ("((a and b) if (c and e))", "c", ""),
        ("(a unless c)", "", "a"),
        ("(a unless c else b)", "", "a"),
        ("(a with b)", "", "d"),
        ("(a with a >= 2)", "", "e"),
        ("(a without a >= 2)", "", "a"),
        ("((a without a >= 2) without b)", "", "a"),
        ("(a without a = 1)", "", "e"),
        ("(a >= 2 or c)", "", "c"),
        ("(a >= 2 and (c or nothing))", "", "c e"),
    ] {
        assert_eq!(taken_for(requirement, asked), taken, "{requirement} beside {asked}");
    }
}

#[test]
fn what_comes_as_well_is_not_passed_over() {
    let world = format!("app-1-1.noarch; R (c and (b and b)); R (a or c)\nz-1-1.noarch; R (a or b)\n{PARTS}");
    let found = ask(&world, "app");
    found.is(&["app-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"]);
    let found = ask(&world, "z");
    assert_eq!(
        found.choices,
        ["(a or b): a-1-1.noarch not b-1-1.noarch LessPreferred, d-1-1.noarch LessPreferred, e-1-1.noarch LessPreferred"]
    );
}

#[test]
fn what_leaves_no_choice_comes_first() {
    let world = "
        app-1-1.noarch; R mta; R sendmail
        exim-1-1.noarch; P mta
        sendmail-1-1.noarch; P mta";
    ask(world, "app").is(&["app-1-1.noarch", "sendmail-1-1.noarch"]);
}

#[test]
fn unless_keeps_packages_apart_and_both_are_gathered() {
    let world = format!(
        "app-1-1.noarch; R (a unless c else b)\napp-late-1-1.noarch; R c; R (a unless c else b)\nlib-1-1.noarch; R (a unless c)\n{PARTS}"
    );
    // With c it is b that app requires; lib can only be where c is not.
    ask(&world, "app c").is(&["app-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"]);
    ask(&world, "c app-late").is(&["app-late-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"]);
    ask(&world, "c lib").is(&["a-1-1.noarch", "c-1-1.noarch", "lib-1-1.noarch"]);
}

#[test]
fn a_condition_that_comes_true_later_counts() {
    let world = "
        app-1-1.noarch; R (app-desk if desk); R z
        app-desk-1-1.noarch
        z-1-1.noarch; R y
        y-1-1.noarch; P desk";
    let found = ask(world, "app");
    found.is(&["app-1-1.noarch", "app-desk-1-1.noarch", "y-1-1.noarch", "z-1-1.noarch"]);
    assert_eq!(found.because[2], "app-desk-1-1.noarch for (app-desk if desk) of app-1-1.noarch");
}

#[test]
fn requested_packages_in_conflict_are_both_gathered_with_what_each_needs() {
    let world = "
        sendmail-1-1.x86_64; P mta; C postfix; R m4
        postfix-1-1.x86_64; P mta; R db
        vacation-1-1.x86_64; R mta
        m4-1-1.x86_64
        db-1-1.x86_64; C m4
        exim-1-1.x86_64; P mta";
    let all = ["db-1-1.x86_64", "m4-1-1.x86_64", "postfix-1-1.x86_64", "sendmail-1-1.x86_64", "vacation-1-1.x86_64"];
    ask(world, "vacation sendmail postfix").is(&all);
    ask(world, "vacation").is(&["exim-1-1.x86_64", "vacation-1-1.x86_64"]);
    ask(world, "vacation postfix").is(&["db-1-1.x86_64", "postfix-1-1.x86_64", "vacation-1-1.x86_64"]);
}

#[test]
fn the_solver_finds_what_trying_does_not() {
    // The best of `x` needs what conflicts with the only `y`; the best of `z` is only known to be wrong deep down.
    let world = "
        app-1-1.noarch; R x; R y; R z
        x1-1-1.noarch; P x; R q
        x2-1-1.noarch; P x
        y1-1-1.noarch; P y; C q
        q1-1-1.noarch; P q
        z1-1-1.noarch; P z; R deep
        z2-1-1.noarch; P z
        deep-1-1.noarch; R (x1 or nothing)";
    let found = ask(world, "app");
    found.is(&["app-1-1.noarch", "x2-1-1.noarch", "y1-1-1.noarch", "z2-1-1.noarch"]);
    assert_eq!(
        found.choices,
        ["x: x2-1-1.noarch not x1-1-1.noarch RulesOutOthers", "z: z2-1-1.noarch not z1-1-1.noarch RulesOutOthers",]
    );
}

#[test]
fn the_newest_version_is_taken_unless_it_does_not_fit() {
    let world = "
        app-1-1.x86_64; R lib
        pinned-1-1.x86_64; R lib < 2
        lib-1-1.x86_64
        lib-2-1.x86_64
        lib-3-1.x86_64; R gone";
    let found = ask(world, "app");
    found.is(&["app-1-1.x86_64", "lib-2-1.x86_64"]);
    assert_eq!(found.choices, ["lib: lib-2-1.x86_64 not lib-3-1.x86_64 Uninstallable"]);
    ask(world, "pinned").is(&["lib-1-1.x86_64", "pinned-1-1.x86_64"]);
    // One package of a name is installed at a time; each request has its own.
    ask(world, "app pinned").is(&["app-1-1.x86_64", "lib-1-1.x86_64", "lib-2-1.x86_64", "pinned-1-1.x86_64"]);
    ask(world, "lib").has(&["lib-3-1.x86_64"]);
}

#[test]
fn obsoletes_exclude_and_are_preferred() {
    let world = "
        app-1-1.x86_64; R service
        aged-1-1.x86_64; P service
        fresh-1-1.x86_64; P service; O aged < 2
        old-1-1.x86_64; R aged
        mixed-1-1.x86_64; R aged; R fresh";
    let found = ask(world, "app");
    found.is(&["app-1-1.x86_64", "fresh-1-1.x86_64"]);
    assert_eq!(found.choices, ["service: fresh-1-1.x86_64 not aged-1-1.x86_64 LessPreferred"]);
    ask(world, "old").is(&["aged-1-1.x86_64", "old-1-1.x86_64"]);
    ask(world, "old fresh").is(&["aged-1-1.x86_64", "fresh-1-1.x86_64", "old-1-1.x86_64"]);
    let found = ask(world, "mixed");
    found.has(&["mixed-1-1.x86_64"]);
    assert_eq!(
        found.broken,
        [(
            "mixed.x86_64: aged; fresh".to_owned(),
            vec![
                "mixed-1-1.x86_64 requires aged, which only aged-1-1.x86_64 could provide".to_owned(),
                "mixed-1-1.x86_64 requires fresh, which only fresh-1-1.x86_64 could provide".to_owned(),
                "fresh-1-1.x86_64 obsoletes aged < 2, which means aged-1-1.x86_64".to_owned(),
            ]
        )]
    );
}

#[test]
fn lookaside_packages_satisfy_and_are_not_taken() {
    let world = "
        app-1-1.x86_64; R lib; R tool; R service
        lib-1-1.x86_64
        tool-2-1.x86_64
        a-service-1-1.x86_64; P service";
    let lookaside = "
        lib-1-1.x86_64; R base
        base-1-1.x86_64
        tool-1-1.x86_64
        z-service-1-1.x86_64; P service";
    // The same build and another provider satisfy; an older build does not where there is a newer one.
    let found = Question::new(world, "app").lookaside(lookaside).ask();
    found.is(&["app-1-1.x86_64", "tool-2-1.x86_64"]);
    // What is asked for and is in a lookaside repository is not repeated.
    Question::new(world, "app lib").lookaside(lookaside).ask().is(&["app-1-1.x86_64", "tool-2-1.x86_64"]);
    // Excludes do not touch it.
    let excluded = Question::new(world, "app").lookaside(lookaside).change(|request| {
        request.excludes.extend(["tool", "lib"].map(str::to_owned));
    });
    excluded.ask().is(&["app-1-1.x86_64"]);
}

#[test]
fn what_is_excluded_is_not_there() {
    let world = "
        app-1-1.x86_64; R service
        app-1-1.src
        app-debuginfo-1-1.x86_64; source app-1-1
        a-1-1.x86_64; P service
        a-1-1.i686; P service
        b-1-1.x86_64; P service";
    let without = |exclude: &str| {
        let exclude = exclude.to_owned();
        Question::new(world, "app").change(|request| request.excludes.extend([exclude])).ask().packages.join(" ")
    };
    let all = "a-1-1.x86_64 app-1-1.src app-1-1.x86_64 app-debuginfo-1-1.x86_64";
    assert_eq!(without("nothing"), all);
    assert_eq!(without("a.i686"), all);
    assert_eq!(without("a"), all.replace("a-1-1.x86_64 app-1-1.src", "app-1-1.src") + " b-1-1.x86_64");
    assert_eq!(without("a.x86_64"), all.replace("a-1-1.x86_64 app-1-1.src", "app-1-1.src") + " b-1-1.x86_64");
    assert_eq!(without("app.src"), all.replace("app-1-1.src ", ""));
    assert_eq!(without("*-debuginfo"), all.replace(" app-debuginfo-1-1.x86_64", ""));
    assert_eq!(without("app*"), "");
}

#[test]
fn names_mean_the_best_build_and_patterns_never_debug_packages() {
    let world = "
        foo-1-1.x86_64
        foo-2-1.i686
        foo-1-1.i686
        foo-bar-1-1.i686
        foo-debuginfo-1-1.x86_64; source foo-9-9
        foo.d-1-1.noarch
        mta-a-1-1.x86_64; P mail
        mta-b-1-1.x86_64; P mail";
    for (asked, expected) in [
        ("foo", "foo-1-1.x86_64"),
        ("foo.i686", "foo-2-1.i686"),
        ("foo.+", "foo-2-1.i686"),
        ("foo.d", "foo.d-1-1.noarch"),
        ("foo.d.+", "foo.d-1-1.noarch"),
        ("foo*", "foo-1-1.x86_64 foo.d-1-1.noarch"),
        ("f?o*.i686", "foo-2-1.i686 foo-bar-1-1.i686"),
        ("foo-bar", "foo-bar-1-1.i686"),
        ("foo-debuginfo", "foo-debuginfo-1-1.x86_64"),
        ("mail", "mta-a-1-1.x86_64 mta-b-1-1.x86_64"),
    ] {
        assert_eq!(ask(world, asked).packages.join(" "), expected, "{asked}");
    }
    let found = ask(world, "nothing foo nix*");
    assert_eq!(found.missing, ["nix*", "nothing"]);
}

#[test]
fn multilib_builds_debug_packages_and_translations_come_along_with_what_they_need() {
    let world = "
        lib-devel-1-1.x86_64; source lib-1-1; R lib(x86-64)
        lib-devel-1-1.i686; source lib-1-1; R lib(x86-32); R extra(x86-32)
        lib-1-1.x86_64
        lib-1-1.i686
        lib-2-1.i686
        extra-1-1.i686
        lib-1-1.src
        extra-1-1.src
        lib-debuginfo-1-1.x86_64; source lib-1-1; R lib-common-debuginfo
        lib-debuginfo-1-1.i686; source lib-1-1
        lib-debuginfo-0-1.x86_64; source lib-0-1
        lib-common-debuginfo-1-1.x86_64; source lib-1-1
        lib-debugsource-1-1.x86_64; source lib-1-1
        lib-lang-cs-1-1.noarch; R fonts-cs
        lib-lang-devel-1-1.noarch
        fonts-cs-1-1.noarch";
    let mut question = Question::new(world, "lib-devel").change(|request| request.multilib.push(Method::Devel));
    question.comps = Some(Comps { langpacks: [("lib".to_owned(), "lib-lang-%s".to_owned())].into(), ..Comps::default() });
    question.ask().is(&[
        "lib-devel-1-1.x86_64",
        "lib-1-1.x86_64",
        "lib-devel-1-1.i686(multilib)",
        "lib-2-1.i686",
        "extra-1-1.i686",
        "lib-1-1.src",
        "extra-1-1.src",
        "lib-debuginfo-1-1.x86_64",
        "lib-common-debuginfo-1-1.x86_64",
        "lib-debugsource-1-1.x86_64",
        "lib-lang-cs-1-1.noarch(langpack)",
        "fonts-cs-1-1.noarch",
    ]);
    let black = question.change(|request| request.multilib_blacklist.push(Glob::lenient("lib-*")));
    assert!(!black.ask().packages.join(" ").contains("i686"));
    let white = black.change(|request| {
        request.multilib_blacklist.clear();
        request.multilib = vec![Method::None];
        request.multilib_whitelist.push(Glob::lenient("lib"));
    });
    let i686: Vec<String> = white.ask().packages.into_iter().filter(|name| name.contains("i686")).collect();
    assert_eq!(i686, ["lib-1-1.i686(multilib)", "lib-debuginfo-1-1.i686"]);
}

#[test]
fn what_cannot_be_had_is_named_with_its_reasons_and_shipped_alone() {
    let world = "
        foo-1-1.noarch; R valid; R broken
        broken-1-1.noarch; R /usr/share/file; R valid
        valid-1-1.noarch
        split-1-1.noarch; R left; R right
        left-1-1.noarch; R lib = 1
        right-1-1.noarch; R lib = 2
        lib-1-1.noarch
        lib-2-1.noarch
        odd-1-1.noarch; R (valid and
        fine-1-1.noarch; R valid";
    let found = ask(world, "foo split odd fine");
    found.has(&["fine-1-1.noarch", "foo-1-1.noarch", "odd-1-1.noarch", "split-1-1.noarch", "valid-1-1.noarch"]);
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found.broken,
        [
            (
                "foo.noarch: broken".to_owned(),
                texts(&[
                    "foo-1-1.noarch requires broken, which only broken-1-1.noarch could provide",
                    "broken-1-1.noarch requires /usr/share/file, which nothing provides",
                ])
            ),
            ("odd.noarch: (valid and".to_owned(), texts(&["odd-1-1.noarch requires (valid and, which nothing provides"])),
            (
                "split.noarch: left; right".to_owned(),
                texts(&[
                    "split-1-1.noarch requires left, which only left-1-1.noarch could provide",
                    "split-1-1.noarch requires right, which only right-1-1.noarch could provide",
                    "left-1-1.noarch requires lib = 1, which only lib-1-1.noarch could provide",
                    "right-1-1.noarch requires lib = 2, which only lib-2-1.noarch could provide",
                    "only one package of the name lib can be installed, of lib-1-1.noarch and lib-2-1.noarch",
                ])
            ),
        ]
    );
}

#[test]
fn rich_conflicts_count_and_nothing_is_in_conflict_with_itself() {
    let world = "
        mta-1-1.noarch; P smtp; C smtp; C (smtp unless peace)
        mtb-1-1.noarch; P smtp; C smtp
        peace-1-1.noarch
        war-1-1.noarch; C (peace and smtp)
        user-1-1.noarch; R smtp; R war; R peace";
    ask(world, "mta mtb").is(&["mta-1-1.noarch", "mtb-1-1.noarch"]);
    ask(world, "war mta").is(&["mta-1-1.noarch", "war-1-1.noarch"]);
    let found = ask(world, "user");
    assert_eq!(found.broken[0].0, "user.noarch: peace; smtp; war");
    assert_eq!(
        found.broken[0].1[3],
        "war-1-1.noarch conflicts with (peace and smtp), which means peace-1-1.noarch and mta-1-1.noarch and mtb-1-1.noarch"
    );
}

#[test]
fn word_sizes_are_installed_beside_each_other() {
    let world = "
        wine-1-1.x86_64; R lib(x86-64); R lib(x86-32); R data
        lib-1-1.x86_64
        lib-1-1.i686
        data-1-1.x86_64
        data-2-1.noarch";
    ask(world, "wine").is(&["data-2-1.noarch", "lib-1-1.i686", "lib-1-1.x86_64", "wine-1-1.x86_64"]);
}

#[test]
fn the_order_of_packages_changes_nothing() {
    let world = "
        app-1-1.x86_64; R x; R (y or z); R w
        x1-1-1.x86_64; P x; C z
        x2-1-1.x86_64; P x; C y1
        y1-1-1.x86_64; P y; R w1
        y2-1-1.x86_64; P y; C x1
        z-1-1.x86_64; C w2
        w1-1-1.x86_64; P w; C y2
        w2-1-1.x86_64; P w
        w2-2-1.x86_64; P w; R gone
        bad-1-1.x86_64; R x1; R z
        other-1-1.x86_64; R x2; R y2; R y1";
    let question = Question::new(world, "app bad other w2");
    let first = question.ask();
    assert!(first.broken.len() == 3 && first.choices.len() > 1, "{:?} {:?}", first.broken, first.choices);
    let mut lines: Vec<&str> = world.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for round in 0..50 {
        // A few turns of a simple shuffle reach most orders.
        for position in 0..lines.len() {
            lines.swap(position, (position * 7 + round * 3 + 1) % (position + 1));
        }
        let again = Question::new(&lines.join("\n"), "app bad other w2").ask();
        assert_eq!(again.packages, first.packages, "{lines:?}");
        assert_eq!((&again.because, &again.choices, &again.broken), (&first.because, &first.choices, &first.broken), "{lines:?}");
    }
}

#[test]
fn everything_that_comes_out_is_in_reach() {
    let world = "
        app-1-1.x86_64; R (a and (b or c)); R (d if e); R f
        app-1-1.src
        a-1-1.x86_64
        a-1-1.i686; R g
        b-1-1.x86_64
        c-1-1.x86_64
        d-1-1.x86_64
        e-1-1.x86_64
        f-1-1.x86_64
        f-2-1.x86_64
        g-1-1.x86_64
        stranger-1-1.x86_64
        stranger-1-1.src
        a-debuginfo-1-1.x86_64; source a-1-1";
    let Question { main, request, .. } = Question::new(world, "app").change(|request| request.multilib.push(Method::All));
    let repositories = [Repository { lookaside: false, packages: main.iter().collect(), comps: None }];
    let reached = reach(&repositories, &request).unwrap();
    let names: Vec<String> = reached.iter().map(|place| repositories[0].packages[place.package].nevra().to_string()).collect();
    assert_eq!(names.len(), 12, "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("stranger")));
    let resolved = gather_hybrid(&repositories, &request).unwrap();
    assert!(resolved.gathered.packages.iter().all(|selected| reached.contains(&selected.place)));
    let roles: BTreeSet<Role> = resolved.gathered.packages.iter().map(|selected| selected.role).collect();
    assert_eq!(roles.len(), 3);
}

/// Eleven ships that need a berth each, and ten berths: every way to moor them must be looked at to know that there is none.
#[test]
fn a_search_that_is_given_up_proves_nothing() {
    const BERTHS: usize = 10;
    let ships: Vec<String> = (0..=BERTHS).map(|ship| format!("R moored-{ship}")).collect();
    let berths = (0..=BERTHS).flat_map(|ship| (0..BERTHS).map(move |berth| (ship, berth)));
    let berths =
        berths.map(|(ship, berth)| format!("at-{ship}-{berth}-1-1.noarch; P moored-{ship}; P berth-{berth}; C berth-{berth}\n"));
    let world = format!("fleet-1-1.noarch; {}\n{}", ships.join("; "), berths.collect::<String>());
    let found = ask(&world, "fleet");
    assert_eq!(found.undecided, ["fleet.noarch"]);
    assert!(found.broken[0].1[0].contains("the search was given up after 20000 dead ends"), "{:?}", found.broken);
    assert_eq!(ask("a-1-1.noarch; R gone", "a").undecided, [""; 0], "that is proven");
}
