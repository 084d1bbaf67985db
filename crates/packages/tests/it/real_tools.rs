//! Against dpkg and dose.

#![expect(clippy::disallowed_types, reason = "the tests ask dpkg and dose, and nothing here may depend on the runner")]

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use charmer_packages::deb::version;
use charmer_packages::installability::verdicts;

use crate::fixture::{index_files, set};

const DPKG_SAYS: &str = "while read -r left right; do \
    if dpkg --compare-versions $left lt $right; then echo lt; \
    elif dpkg --compare-versions $left eq $right; then echo eq; else echo gt; fi; done";

#[test]
fn versions_are_ordered_as_dpkg_orders_them() {
    let pairs = version_pairs(2500);
    let questions: String = pairs.iter().map(|(left, right)| format!("{left} {right}\n")).collect();
    let answers = run(Command::new("sh").args(["-c", DPKG_SAYS]), &questions);
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), pairs.len());
    for ((left, right), answer) in pairs.iter().zip(answers) {
        let ours = match version::compare(left, right) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        assert_eq!(ours, answer, "{left} {right}");
        assert!(version::is_valid(left) && version::is_valid(right), "{left} {right}");
    }
}

/// Versions that differ in little, made of the pieces that the order is about; the same ones in each run.
fn version_pairs(count: usize) -> Vec<(String, String)> {
    let mut state = 42_u64;
    let mut pick = move |choices: &[&'static str]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        choices[usize::try_from(state >> 33).unwrap() % choices.len()]
    };
    let mut version = move || {
        let mut text = format!("{}{}", pick(&["", "", "", "0:", "1:", "02:"]), pick(&["0", "1", "1", "01", "10"]));
        for _ in 0..pick(&["", "x", "xx", "xxx"]).len() {
            text.push_str(pick(&[".", "+", "~", "~~", "a", "B", ".0", "1", "rc1", "-", "+b1", "00", "."]));
        }
        let text = text.trim_end_matches('-').to_owned();
        format!("{text}{}", pick(&["", "", "-0", "-1", "-1~bpo1", "-1+b1", "-a.1"]))
    };
    (0..count).map(|_| (version(), version())).collect()
}

/// Everything that verdicts are about, more than once.
const FIXTURE: &str = "base 1 essential
       Pre-Depends: libc (>= 2)
     libc 2 same
     gone-dep 1
       Depends: nothing-has-this
     behind-it 1
       Depends: gone-dep | also-gone
     other-way 1
       Depends: gone-dep | libc
     too-new 1
       Depends: libc (>= 3)
     against-libc 1
       Conflicts: libc
     exim 1
       Provides: mta, smtp (= 2)
       Conflicts: mta
     postfix 1
       Provides: mta
       Conflicts: mta
     both 1
       Depends: exim, postfix
     one-of 1
       Depends: postfix, exim | libc
     versioned 1
       Depends: smtp (>= 2)
     versioned-more 1
       Depends: smtp (>= 3)
     unversioned 1
       Depends: mta (>= 1)
     breaker 1
       Breaks: libc (<< 1), exim (<= 1)
     with-breaker 1
       Depends: breaker, mta
     without-way 1
       Depends: breaker, exim
     circle-a 1
       Depends: circle-b
     circle-b 1
       Depends: circle-a
     search 1
       Depends: x1 | x2, y1 | y2, z
     x1 1
       Conflicts: y1, y2
     x2 1
     y1 1
       Conflicts: z
     y2 1
     z 1";

#[test]
fn verdicts_are_those_of_dose() {
    let set = set(FIXTURE);
    let all: Vec<_> = set.ids().collect();
    let ours: BTreeSet<String> =
        verdicts(&set, "amd64", &all, &[]).iter().map(|broken| set.name(broken.package).to_owned()).collect();

    let packages = String::from_utf8(index_files(FIXTURE)[0].text.clone()).unwrap();
    let report = run(Command::new("dose-debcheck").args(["--deb-native-arch=amd64", "--failures"]), &packages);
    let dose: BTreeSet<String> =
        report.lines().filter_map(|line| line.trim().strip_prefix("package: ")).map(str::to_owned).collect();
    assert!(!dose.is_empty(), "{report}");
    assert_eq!(ours, dose);
}

fn run(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program is installed");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8(output.stdout).expect("text")
}
