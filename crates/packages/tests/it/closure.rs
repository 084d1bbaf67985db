//! What is selected, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use charmer_packages::closure::{Reason, Request, close};
use charmer_packages::{Glob, Seed};

use crate::fixture::{check, check_request, id, request, set};

#[test]
fn dependencies_follow_in_the_order_of_apt() {
    check(
        "a 1
           Depends: b, c (>= 1)
           Pre-Depends: d
         b 1
           Depends: e
         c 1
         d 1
         e 1
           Depends: a
         f 1",
        "a",
        "a_1_amd64: seed a
         d_1_amd64: a Pre-Depends: d
         b_1_amd64: a Depends: b
         e_1_amd64: b Depends: e
         c_1_amd64: a Depends: c (>= 1)",
    );
}

#[test]
fn what_is_included_is_taken_as_it_is() {
    let fixture = "a 1
                     Depends: b
                   b 1
                     Depends: c
                   c 1
                   d 1
                     Depends: e
                   e 1";
    let include = ["b", "d", "f"].map(|word| Seed::parse(word).unwrap()).into();
    check_request(
        fixture,
        &Request { include, ..request("a") },
        "a_1_amd64: seed a
         b_1_amd64: a Depends: b
         c_1_amd64: b Depends: c
         d_1_amd64: include d
         unresolved-seed f: the seed `f` selects nothing: no package has or provides this name
         hint: did you mean a, b, c?",
    );
}

#[test]
fn the_first_alternative_wins_unless_another_is_there() {
    let fixture = "a 1
                     Depends: x | y
                   b 1
                     Depends: y
                   x 1
                   y 1";
    check(
        fixture,
        "a",
        "a_1_amd64: seed a
         x_1_amd64: a Depends: x | y
         chose x out of x, y to satisfy \"x | y\"",
    );
    check(
        fixture,
        "a y",
        "a_1_amd64: seed a
         y_1_amd64: seed y",
    );
    check(
        fixture,
        "b a",
        "b_1_amd64: seed b
         a_1_amd64: seed a
         y_1_amd64: b Depends: y",
    );
}

#[test]
fn an_alternative_that_is_not_there_is_passed_over() {
    check(
        "a 1
           Depends: gone | x (>= 2) | y
         x 1
         y 1",
        "a",
        "a_1_amd64: seed a
         y_1_amd64: a Depends: gone | x (>= 2) | y",
    );
}

#[test]
fn a_broken_package_is_taken_only_if_nothing_else_answers() {
    let fixture = "a 1
                     Depends: x | y
                   x 1
                     Depends: gone
                   y 1";
    let set = set(fixture);
    let mut request = request("a");
    request.broken = [id(&set, "x")].into();
    check_request(
        fixture,
        &request,
        "a_1_amd64: seed a
         y_1_amd64: a Depends: x | y
         chose y out of y to satisfy \"x | y\", not x, which cannot be installed",
    );
    request.broken.insert(id(&set, "y"));
    check_request(
        fixture,
        &request,
        "a_1_amd64: seed a
         x_1_amd64: a Depends: x | y
         unresolved-dependency x_1_amd64: nothing answers Depends: gone (gone: no package has or provides this name)",
    );
}

#[test]
fn an_alternative_that_conflicts_with_the_selection_is_taken_all_the_same() {
    // As python3-uno and libreoffice-calc are: a repository holds both, of which apt would install one.
    check(
        "calc 1
           Pre-Depends: common
           Depends: core
         common 1
           Depends: core-nogui | core
         core 1
         core-nogui 1
           Conflicts: core",
        "calc",
        "calc_1_amd64: seed calc
         common_1_amd64: calc Pre-Depends: common
         core-nogui_1_amd64: common Depends: core-nogui | core
         core_1_amd64: calc Depends: core
         chose core-nogui out of core-nogui, core to satisfy \"core-nogui | core\"",
    );
}

#[test]
fn a_broken_package_is_not_taken_for_a_recommendation() {
    let fixture = "a 1
                     Recommends: x, x | y
                   x 1
                     Depends: gone
                   y 1";
    let mut request = request("a");
    request.recommends.default = true;
    request.broken = [id(&set(fixture), "x")].into();
    check_request(
        fixture,
        &request,
        "a_1_amd64: seed a
         y_1_amd64: a Recommends: x | y
         chose y out of y to satisfy \"x | y\", not x, which cannot be installed",
    );
}

#[test]
fn a_versioned_dependency_needs_a_versioned_provides() {
    let fixture = "a 1
                     Depends: v (>= 2)
                   b 1
                     Provides: v
                   c 1
                     Provides: v (= 1)
                   d 1
                     Provides: v (= 2)";
    check(
        fixture,
        "a",
        "a_1_amd64: seed a
         d_1_amd64: a Depends: v (>= 2)",
    );
    check(
        &fixture.replace("(= 2)", "(= 1.9)"),
        "a",
        "a_1_amd64: seed a
         unresolved-dependency a_1_amd64: nothing answers Depends: v (>= 2) (v: there is only what b 1 provides, what c 1 \
         provides, what d 1 provides)",
    );
}

#[test]
fn providers_are_ranked_and_a_package_of_the_name_wins() {
    check(
        "a 1
           Depends: v, w
         b 1
           Provides: v, w
         c 1 important
           Provides: v
         w 1",
        "a",
        "a_1_amd64: seed a
         c_1_amd64: a Depends: v
         w_1_amd64: a Depends: w
         chose c out of c, b to satisfy \"v\"
         chose w out of w, b to satisfy \"w\"",
    );
    check(
        "a 1
           Source: s
           Depends: v
         b 1
           Provides: v
         c 1
           Source: s
           Provides: v",
        "a",
        "a_1_amd64: seed a
         c_1_amd64: a Depends: v
         chose c out of c, b to satisfy \"v\"",
    );
}

#[test]
fn equal_providers_are_reported_and_can_be_pinned() {
    let fixture = "a 1
                     Depends: v
                   c 1
                     Provides: v
                   b 1
                     Provides: v";
    check(
        fixture,
        "a",
        "a_1_amd64: seed a
         b_1_amd64: a Depends: v
         chose b out of b, c to satisfy \"v\"
         ambiguous-provider a_1_amd64: Depends: v is provided by b, c; b was taken as the first in the order of names
         hint: name the one to take for `v` under `providers`",
    );
    let request = Request { providers: BTreeMap::from([("v".to_owned(), "c".to_owned())]), ..request("a v") };
    check_request(
        fixture,
        &request,
        "a_1_amd64: seed a
         c_1_amd64: seed v",
    );
    check_request(
        &fixture.replace("Depends: v", "Depends: b | v"),
        &Request { seeds: request.seeds[..1].to_vec(), ..request },
        "a_1_amd64: seed a
         c_1_amd64: a Depends: b | v
         chose c out of b, c to satisfy \"b | v\"",
    );
}

#[test]
fn recommends_follow_the_policy() {
    let fixture = "a 1
                     Depends: b
                     Recommends: r, gone
                   b 1
                     Recommends: s
                   r 1
                   s 1";
    let mut request = request("a");
    check_request(
        fixture,
        &request,
        "a_1_amd64: seed a
         b_1_amd64: a Depends: b",
    );
    request.recommends.default = true;
    request.recommends.overrides = vec![(Glob::parse("?").unwrap(), false), (Glob::parse("a").unwrap(), true)];
    check_request(
        fixture,
        &request,
        "a_1_amd64: seed a
         b_1_amd64: a Depends: b
         r_1_amd64: a Recommends: r",
    );
}

#[test]
fn pin_priority_counts_before_version() {
    check(
        "a 1
           Depends: b
         b 3
         @ own priority=900
         b 2
         @ hidden priority=-1
         b 4
         c 1",
        "a c",
        "a_1_amd64: seed a
         b_2_amd64: a Depends: b
         unresolved-seed c: the seed `c` selects nothing: pin priorities hide 1",
    );
    check(
        "a 1
           Depends: b (>= 3)
         b 3
         @ own priority=900
         b 2",
        "a",
        "a_1_amd64: seed a
         unresolved-dependency a_1_amd64: nothing answers Depends: b (>= 3) (b: pin priorities hide 3)",
    );
}

#[test]
fn seeds_name_classes_patterns_and_sources() {
    check(
        "base 1 essential required
         mail 1 standard
         task-web 1 all
         task-print 1 all
         x 1
           Source: s (9)
         y 1
           Source: s",
        "essential priority:standard task-* source:s",
        "base_1_amd64: seed essential
         mail_1_amd64: seed priority:standard
         task-print_1_all: seed task-*
         task-web_1_all: seed task-*
         x_1_amd64: seed source:s
         y_1_amd64: seed source:s",
    );
}

#[test]
fn seeds_that_select_nothing_say_why() {
    check(
        "python3 3
         postfix 1
           Provides: mta
         exim4 1
           Provides: mta
         only 1
           Provides: unique
         @ debian arch=arm64
         firmware 1
         @ base lookaside
         libc6 1",
        "pyhton3 mta unique firmware libc6 task-* source:pyton3 priority:required",
        "only_1_amd64: seed unique
         unresolved-seed pyhton3: the seed `pyhton3` selects nothing: no package has or provides this name
         hint: did you mean python3?
         unresolved-seed mta: the seed `mta` selects nothing: it is provided by exim4, postfix; name one of them
         unresolved-seed firmware: the seed `firmware` selects nothing: it is there only for arm64
         unresolved-seed libc6: the seed `libc6` selects nothing: it is only in a lookaside archive, which nothing is \
         selected from
         unresolved-seed task-*: the seed `task-*` selects nothing: no package matches
         unresolved-seed source:pyton3: the seed `source:pyton3` selects nothing: no package has or provides this name
         hint: did you mean python3?
         unresolved-seed priority:required: the seed `priority:required` selects nothing: no package matches",
    );
}

#[test]
fn excluded_packages_are_never_taken() {
    let request = Request { exclude: vec![Glob::parse("x*").unwrap()], ..request("a x1") };
    check_request(
        "a 1
           Depends: x1 | y, x2
         x1 1
         x2 1
         y 1",
        &request,
        "a_1_amd64: seed a
         y_1_amd64: a Depends: x1 | y
         unresolved-seed x1: the seed `x1` selects nothing: the configuration excludes it
         unresolved-dependency a_1_amd64: nothing answers Depends: x2 (x2: the configuration excludes it)",
    );
}

#[test]
fn what_is_a_seed_or_excluded_is_not_included() {
    let include = ["a", "b"].map(|word| Seed::parse(word).unwrap()).into();
    let request = Request { include, exclude: vec![Glob::parse("b").unwrap()], ..request("a") };
    check_request(
        "a 1
           Depends: c
         b 1
         c 1",
        &request,
        "a_1_amd64: seed a
         c_1_amd64: a Depends: c
         unresolved-seed b: the seed `b` selects nothing: the configuration excludes it",
    );
}

#[test]
fn lookaside_packages_answer_but_are_not_selected() {
    check(
        "a 1
           Depends: b, c
         b 1
         @ base lookaside
         b 1
           Depends: d, a-new-thing
         c 1
         d 1",
        "a b",
        "a_1_amd64: seed a
         b_1_amd64: seed b
         lookaside c_1_amd64: a Depends: c",
    );
    check(
        "a 1
           Depends: b
         b 1
         d 1
         @ base lookaside
         b 1
           Depends: d, gone",
        "a",
        "a_1_amd64: seed a
         lookaside b_1_amd64: a Depends: b",
    );
}

#[test]
fn what_a_parent_has_is_not_repeated() {
    let fixture = "a 1
                     Depends: b
                   b 1
                     Depends: c
                   c 1";
    let set = set(fixture);
    let request = Request { available: vec![id(&set, "b"), id(&set, "c")], ..request("a c") };
    check_request(fixture, &request, "a_1_amd64: seed a");
}

#[test]
fn arches_are_kept_apart() {
    let fixture = "a 1
                     Depends: lib, tool, lang:any, data
                   lib 1 same
                   tool 1
                   lang 1 allowed
                   data 1 all
                   @ debian arch=i386
                   a 1
                     Depends: lib, tool, lang:any, data
                   lib 1 same
                   tool 1
                   lang 1 allowed
                   data 1 all
                   wine 1
                     Depends: lib:amd64, helper
                   helper 1 foreign";
    check(
        fixture,
        "a",
        "a_1_amd64: seed a
         lib_1_amd64: a Depends: lib
         tool_1_amd64: a Depends: tool
         lang_1_amd64: a Depends: lang:any
         data_1_all: a Depends: data",
    );
    check(
        fixture,
        "a:i386 lang",
        "a_1_i386: seed a:i386
         lang_1_amd64: seed lang
         lib_1_i386: a Depends: lib
         tool_1_i386: a Depends: tool
         unresolved-dependency a_1_i386: nothing answers Depends: data (data: it is there only for amd64)",
    );
    check(
        fixture,
        "wine:i386",
        "wine_1_i386: seed wine:i386
         lib_1_amd64: wine Depends: lib:amd64
         helper_1_i386: wine Depends: helper",
    );
}

#[test]
fn any_arch_asks_for_a_package_that_allows_it() {
    check(
        "a 1
           Depends: lang:any
         lang 1 foreign",
        "a",
        "a_1_amd64: seed a
         unresolved-dependency a_1_amd64: nothing answers Depends: lang:any (lang: it does not answer for other arches, as \
         `:any` asks)",
    );
}

#[test]
fn a_foreign_package_answers_for_all_arches() {
    check(
        "a 1
           Depends: tool
         tool 1 foreign
         @ debian arch=i386
         b 1
           Depends: tool
         tool 1 foreign",
        "a b:i386",
        "a_1_amd64: seed a
         b_1_i386: seed b:i386
         tool_1_amd64: a Depends: tool
         chose tool out of tool, tool to satisfy \"tool\"",
    );
}

#[test]
fn a_package_of_two_arches_has_one_version() {
    check(
        "lib 2 same
         @ debian arch=i386
         lib 1 same",
        "lib lib:i386",
        "lib_2_amd64: seed lib
         lib_1_i386: seed lib:i386
         uneven-arches lib: lib_2_amd64 and lib_1_i386 can only be installed together in one version",
    );
}

#[test]
fn why_leads_from_the_seed_to_the_package() {
    let set = set("a 1
                     Depends: b
                   b 1
                     Depends: c
                   c 1");
    let selection = close(&set, &request("a"));
    let chain: Vec<&str> = selection.why(id(&set, "c")).iter().map(|selected| set.name(selected.package)).collect();
    assert_eq!(chain, ["a", "b", "c"]);
    assert_eq!(selection.why(id(&set, "a"))[0].reason, Reason::Seed("a".to_owned()));
    assert!(close(&set, &request("c")).why(id(&set, "a")).is_empty());
}

#[test]
fn a_chain_of_any_length_needs_no_stack() {
    let mut fixture = String::new();
    for number in 0..50_000 {
        writeln!(fixture, "p{number} 1\n  Depends: p{}", (number + 1) % 50_000).unwrap();
    }
    let set = set(&fixture);
    let selection = close(&set, &request("p0"));
    assert_eq!(selection.packages.len(), 50_000);
    assert_eq!(selection.why(id(&set, "p49999")).len(), 50_000);
}
