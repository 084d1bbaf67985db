//! Verdicts and their reasons. `real_tools` compares them with dose's.

use charmer_packages::installability::{of_arch, verdicts};
use charmer_packages::{PackageId, PackageSet};

use crate::fixture::{id, set};

fn all(set: &PackageSet) -> Vec<PackageId> {
    set.ids().collect()
}

#[track_caller]
fn check(fixture: &str, expected: &[&str]) {
    let set = set(fixture);
    let broken = verdicts(&set, "amd64", &all(&set), &[]);
    let lines: Vec<String> =
        broken.iter().map(|broken| format!("{}: {}", set.name(broken.package), broken.describe(&set))).collect();
    assert_eq!(lines, expected);
}

#[test]
fn of_an_arch_only_the_versions_that_are_taken_are_judged() {
    let set = set("a 1
                     Depends: c (= 1)
                   b 1
                     Depends: c (= 2)
                   c 1
                   @ new priority=900
                   c 2
                   @ debian arch=arm64
                   d 1 arm64
                     Depends: gone");
    let names = |arch| of_arch(&set, arch).iter().map(|broken| set.name(broken.package)).collect::<Vec<_>>();
    assert_eq!(names("amd64"), ["a"]);
    assert_eq!(names("arm64"), ["d"]);
    assert_eq!(names("mips"), [""; 0]);
}

#[test]
fn what_is_missing_is_followed_to_its_end() {
    check(
        "a 1
           Depends: b | c
         b 1
           Depends: gone
         c 1
           Pre-Depends: d (>= 2)
         d 1",
        &[
            "a: a_1_amd64 Depends: b | c, which only b_1_amd64, c_1_amd64 could answer; \
             b_1_amd64 Depends: gone, which nothing answers; c_1_amd64 Pre-Depends: d (>= 2), which nothing answers",
            "b: b_1_amd64 Depends: gone, which nothing answers",
            "c: c_1_amd64 Pre-Depends: d (>= 2), which nothing answers",
        ],
    );
}

#[test]
fn a_conflict_names_both_sides_and_the_way_there() {
    check(
        "a 1
           Depends: b, c
         b 1
           Depends: d
         c 1
           Breaks: d (<< 2)
         d 1
         e 1",
        &["a: a_1_amd64 Depends: b, which only b_1_amd64 could answer; a_1_amd64 Depends: c, which only c_1_amd64 could \
           answer; b_1_amd64 Depends: d, which only d_1_amd64 could answer; c_1_amd64 Breaks: d (<< 2), which d_1_amd64 is"],
    );
}

#[test]
fn only_a_search_finds_the_way_out() {
    check(
        "a 1
           Depends: x1 | x2, y1 | y2, z
         x1 1
           Conflicts: y1, y2
         x2 1
         y1 1
           Conflicts: z
         y2 1
         z 1",
        &[],
    );
}

#[test]
fn a_package_does_not_conflict_with_itself() {
    check(
        "exim4 1
           Provides: mta
           Conflicts: mta
         postfix 1
           Provides: mta
           Conflicts: mta
         a 1
           Depends: exim4, postfix",
        &["a: a_1_amd64 Depends: exim4, which only exim4_1_amd64 could answer; a_1_amd64 Depends: postfix, which only \
           postfix_1_amd64 could answer; exim4_1_amd64 Conflicts: mta, which postfix_1_amd64 is"],
    );
}

#[test]
fn essential_packages_are_on_every_system() {
    check(
        "base 1 essential
           Depends: libc
         libc 1
         a 1
           Conflicts: libc",
        &["a: base_1_amd64 Depends: libc, which only libc_1_amd64 could answer; a_1_amd64 Conflicts: libc, which \
           libc_1_amd64 is; base_1_amd64 is essential"],
    );
    check(
        "base 1 essential
           Depends: gone
         a 1",
        &["base: base_1_amd64 Depends: gone, which nothing answers"],
    );
    check(
        "base 1 essential
         @ debian suite=updates
         base 2 essential
         a 1
           Depends: base (= 1)",
        &[],
    );
}

#[test]
fn versions_of_one_package_exclude_each_other_but_arches_may_not() {
    check(
        "a 1
           Depends: b, c
         b 1
           Depends: d (= 1)
         c 1
           Depends: d (= 2)
         d 1
         d 2
         lib 1 same
         e 1
           Depends: lib, lib:i386
         tool 1
         f 1
           Depends: tool, tool:i386
         @ debian arch=i386
         lib 1 same
         tool 1",
        &[
            "a: a_1_amd64 Depends: b, which only b_1_amd64 could answer; a_1_amd64 Depends: c, which only c_1_amd64 could \
             answer; b_1_amd64 Depends: d (= 1), which only d_1_amd64 could answer; c_1_amd64 Depends: d (= 2), which only \
             d_2_amd64 could answer; d_1_amd64 and d_2_amd64 are the same package",
            "f: f_1_amd64 Depends: tool, which only tool_1_amd64 could answer; f_1_amd64 Depends: tool:i386, which only \
             tool_1_i386 could answer; tool_1_amd64 and tool_1_i386 are the same package",
        ],
    );
}

#[test]
fn the_background_answers_but_is_not_judged() {
    let set = set("a 1
                     Depends: b
                   b 1
                   c 1
                     Depends: gone");
    let (a, b, c) = (id(&set, "a"), id(&set, "b"), id(&set, "c"));
    assert_eq!(verdicts(&set, "amd64", &[a], &[b, c]), []);
    assert_eq!(verdicts(&set, "amd64", &[a], &[c]).len(), 1);
}
