//! Small worlds: what a request takes of them. The answers recorded from the real pungi-gather are compared by the tests of the
//! program.

use super::*;
use crate::rpm::Dependency;
use crate::rpm::package::{Field, FileKind, PackageBuilder, Relation, RelationKind};

/// Packages from lines `name-version-release.arch [source NVR] [R requirement]... [P provide]... [F path]...`, separated by `;`; `C` and
/// `O` are conflicts and obsoletes, `W` is a recommendation.
/// Without a source it is the package's own; each package provides its name for its instruction set.
pub(super) fn packages(text: &str) -> Vec<Package> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(package).collect()
}

fn package(line: &str) -> Package {
    let mut parts = line.split(';').map(str::trim);
    let nevra = parts.next().unwrap();
    let (nvr, arch) = nevra.rsplit_once('.').unwrap();
    let (nv, release) = nvr.rsplit_once('-').unwrap();
    let (name, version) = nv.rsplit_once('-').unwrap();
    let mut builder = PackageBuilder::default();
    let mut set = |field, value: &str| builder.set(field, value).unwrap();
    set(Field::Name, name);
    set(Field::Version, version);
    set(Field::Release, release);
    set(Field::Arch, arch);
    if !crate::rpm::arch::is_source(arch) {
        set(Field::SourceRpm, &format!("{nvr}.src.rpm"));
        let own = crate::rpm::arch::instruction_set(arch).map(|set| format!("{name}({set})"));
        for name in own.iter().map(String::as_str) {
            let dependency = Dependency { name, constraint: None };
            builder.relation(RelationKind::Provides, Relation { dependency, pre: false }).unwrap();
        }
    }
    for part in parts {
        let (kind, value) = part.split_once(' ').unwrap();
        let relation = |kind| (kind, Relation { dependency: Dependency::parse(value).unwrap(), pre: false });
        let (kind, relation) = match kind {
            "R" => relation(RelationKind::Requires),
            "P" => relation(RelationKind::Provides),
            "C" => relation(RelationKind::Conflicts),
            "O" => relation(RelationKind::Obsoletes),
            "W" => relation(RelationKind::Recommends),
            "F" => {
                builder.files.push_path(value, FileKind::File).unwrap();
                continue;
            }
            "source" => {
                builder.set(Field::SourceRpm, &format!("{value}.src.rpm")).unwrap();
                continue;
            }
            other => panic!("`{other}` is no part of a fixture's package"),
        };
        builder.relation(kind, relation).unwrap();
    }
    builder.finish()
}

/// What is selected, as `name.arch`, with flags in parentheses; then what is missing, after `!`.
fn check(world: &str, lookaside: &str, lines: &[&str], change: impl FnOnce(&mut Request, &mut Options), expected: &[&str]) {
    let (main, lookaside) = (packages(world), packages(lookaside));
    let repositories = [
        Repository { lookaside: false, packages: main.iter().collect(), comps: None },
        Repository { lookaside: true, packages: lookaside.iter().collect(), comps: None },
    ];
    let mut request = Request::default();
    for line in lines {
        request.packages.push_line(line).unwrap();
    }
    let mut options = Options { arch: "x86_64".to_owned(), ..Options::default() };
    change(&mut request, &mut options);
    let gathered = gather(&repositories, &request, &options).unwrap();
    let package = |place: Place| repositories[place.repository].packages[place.package];
    let name = |place: Place| format!("{}.{}", package(place).name(), package(place).arch());
    let flags = |flags: Flags| if flags == Flags::default() { String::new() } else { format!("({flags})") };
    let mut found: Vec<String> = gathered.packages.iter().map(|it| name(it.place) + &flags(it.flags)).collect();
    found.extend(gathered.unresolved.iter().map(|it| format!("!{} in {}", it.requirement, name(it.of))));
    found.extend(gathered.missing.iter().chain(&gathered.missing_prepopulate).map(|it| format!("!{it}")));
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{lines:?}");
}

fn plain(_: &mut Request, _: &mut Options) {}

const SHELLS: &str = "
    glibc-2-1.x86_64; R glibc-common; R filesystem
    glibc-2-1.i686; R glibc-common; R filesystem
    glibc-common-2-1.x86_64; source glibc-2-1
    nscd-2-1.x86_64; source glibc-2-1
    filesystem-3-1.x86_64
    filesystem-3-1.i686
    bash-5-1.x86_64; R glibc(x86-64)
    bash-6-1.x86_64; R glibc(x86-64)
    bash-6-1.i686; R glibc(x86-32)
    bash-doc-6-1.noarch; source bash-6-1; R bash
    bash-debuginfo-6-1.x86_64; source bash-6-1
    bash-debuginfo-6-1.i686; source bash-6-1
    bash-debugsource-6-1.x86_64; source bash-6-1
    vacation-1-1.x86_64; R smtpdaemon
    postfix-1-1.x86_64; P smtpdaemon
    sendmail-1-1.x86_64; P smtpdaemon
    glibc-2-1.src
    bash-6-1.src; R bison
    bison-1-1.x86_64
    vacation-1-1.src";

#[test]
fn the_newest_build_comes_with_what_it_needs_its_source_and_its_debug_packages() {
    let all = [
        "bash.x86_64(input)",
        "glibc.x86_64",
        "glibc-common.x86_64",
        "filesystem.x86_64",
        "bash.src",
        "glibc.src",
        "bash-debuginfo.x86_64",
        "bash-debugsource.x86_64",
    ];
    check(SHELLS, "", &["bash"], plain, &all);
    let no_debug = |_: &mut Request, options: &mut Options| options.exclude_debug = true;
    check(SHELLS, "", &["bash", "-glibc.src"], no_debug, &[&all[..4], &["bash.src"]].concat());
    let only_bash = |_: &mut Request, options: &mut Options| (options.nodeps, options.exclude_debug) = (true, true);
    check(SHELLS, "", &["bash"], only_bash, &["bash.x86_64(input)", "bash.src"]);
}

#[test]
fn a_plus_asks_for_the_second_word_size() {
    let no_debug = |_: &mut Request, options: &mut Options| options.exclude_debug = true;
    let multilib = ["bash.i686(input)", "glibc.i686", "glibc-common.x86_64", "filesystem.x86_64", "bash.src", "glibc.src"];
    check(SHELLS, "", &["bash.+"], no_debug, &multilib);
    check(SHELLS, "", &["nscd.+", "nobody"], plain, &["!nobody", "!nscd.+"]);
    check(
        SHELLS,
        "",
        &["glibc*", "-glibc-common.+"],
        no_debug,
        &["glibc.x86_64(input)", "glibc-common.x86_64(input)", "filesystem.x86_64", "glibc.src"],
    );
}

#[test]
fn one_provider_is_enough_unless_all_are_wanted() {
    let shortest = ["vacation.x86_64(input)", "postfix.x86_64", "vacation.src"];
    check(SHELLS, "", &["vacation"], plain, &shortest);
    let selected = ["vacation.x86_64(input)", "sendmail.x86_64(input)", "vacation.src"];
    check(SHELLS, "", &["vacation", "sendmail"], plain, &selected);
    let greedy = |_: &mut Request, options: &mut Options| options.greedy = Greedy::All;
    check(SHELLS, "", &["vacation"], greedy, &["vacation.x86_64(input)", "postfix.x86_64", "sendmail.x86_64", "vacation.src"]);
    check(SHELLS, "", &["vacation", "-*m*i*"], plain, &["vacation.x86_64(input)", "postfix.x86_64", "vacation.src"]);
    check(
        SHELLS,
        "",
        &["vacation", "-postfix", "-sendmail"],
        plain,
        &["vacation.x86_64(input)", "vacation.src", "!smtpdaemon in vacation.x86_64"],
    );
}

#[test]
fn fulltree_completes_builds_and_selfhosting_follows_sources() {
    let complete = |request: &mut Request, options: &mut Options| {
        (options.fulltree, options.exclude_debug, options.selfhosting) = (true, true, true);
        request.fulltree_excludes.insert("filesystem".to_owned());
    };
    let expected = [
        "bash.x86_64(input)",
        "bash-doc.noarch(fulltree)",
        "glibc.x86_64",
        "glibc-common.x86_64",
        "nscd.x86_64(fulltree)",
        "filesystem.x86_64(fulltree-exclude)",
        "bison.x86_64",
        "bash.src(self-hosting)",
        "glibc.src",
    ];
    check(SHELLS, "", &["bash"], complete, &expected);
}

#[test]
fn lookaside_packages_satisfy_and_are_not_followed() {
    let world = "app-1-1.x86_64; R lib; R tool\n tool-1-1.x86_64\n app-1-1.src";
    let lookaside = "lib-1-1.x86_64; R nothing-has-this\n tool-1-1.x86_64\n tool-1-1.src";
    let expected = ["app.x86_64(input)", "lib.x86_64(lookaside)", "tool.x86_64(lookaside)", "app.src", "tool.src(lookaside)"];
    check(world, lookaside, &["app", "-tool"], plain, &expected);
}

#[test]
fn files_and_rich_requirements_are_met() {
    let world = "
        a-1-1.x86_64; R /usr/share/data; R (b with b > 1); R (nobody or c); R (missing and nothing)
        b-1-1.i686
        b-2-1.x86_64
        c-1-1.noarch
        d-1-1.x86_64; F /usr/share/data; F /usr/share/other";
    let expected = ["a.x86_64(input)", "b.x86_64", "c.noarch", "d.x86_64", "!(missing and nothing) in a.x86_64"];
    check(world, "", &["a"], plain, &expected);
}

#[test]
fn methods_and_lists_choose_builds_of_the_second_word_size() {
    let world = "
        lib-1-1.x86_64; P lib.so.1()(64bit); F /usr/lib64/lib.so.1
        lib-1-1.i686; P lib.so.1; F /usr/lib/lib.so.1
        lib-devel-1-1.x86_64
        lib-devel-1-1.i686
        tool-1-1.x86_64
        tool-1-1.i686";
    let native = ["lib.x86_64(input)", "lib-devel.x86_64(input)", "tool.x86_64(input)"];
    let by = |methods: &[Method], more: &[&str]| {
        let change = |_: &mut Request, options: &mut Options| options.multilib = methods.to_vec();
        check(world, "", &["*"], change, &[&native, more].concat());
    };
    by(&[Method::None], &[]);
    by(&[Method::Runtime], &["lib.i686(multilib)"]);
    by(&[Method::Devel], &["lib.i686(multilib)", "lib-devel.i686(multilib)"]);
    by(&[Method::All], &["lib.i686(multilib)", "lib-devel.i686(multilib)", "tool.i686(multilib)"]);
    let lists = |request: &mut Request, options: &mut Options| {
        options.multilib = vec![Method::All];
        request.multilib_blacklist = vec![Glob::lenient("lib*")];
        request.prepopulate = vec!["lib.i686".to_owned(), "tool.i686".to_owned()];
    };
    let expected = [&native[..], &["tool.i686(multilib,prepopulate)", "!lib.i686"]].concat();
    check(world, "", &["*"], lists, &expected);
}

#[test]
fn what_cannot_be_selected_from_is_an_error() {
    let of = |world: &str, lines: &[&str], prepopulate: &[&str]| {
        let packages = packages(world);
        let mut request =
            Request { prepopulate: prepopulate.iter().map(|&line| line.to_owned()).collect(), ..Request::default() };
        for line in lines {
            request.packages.push_line(line).unwrap();
        }
        let options = Options { arch: "x86_64".to_owned(), ..Options::default() };
        gather(&[Repository { lookaside: false, packages: packages.iter().collect(), comps: None }], &request, &options)
            .unwrap_err()
    };
    assert_eq!(of("", &["@core"], &[]), GatherError::UnknownGroup("core".to_owned()));
    assert_eq!(of("", &[], &["bash"]), GatherError::NoArch("bash".to_owned()));
    let mut orphan = PackageBuilder::default();
    for (field, value) in [(Field::Name, "orphan"), (Field::Version, "1"), (Field::Release, "1"), (Field::Arch, "noarch")] {
        orphan.set(field, value).unwrap();
    }
    let packages = [orphan.finish()];
    let mut request = Request::default();
    request.packages.push_line("orphan").unwrap();
    let repositories = [Repository { lookaside: false, packages: packages.iter().collect(), comps: None }];
    let error = gather(&repositories, &request, &Options { arch: "x86_64".to_owned(), ..Options::default() }).unwrap_err();
    assert_eq!(error, GatherError::NoSource("orphan-1-1.noarch".to_owned()));
}

#[test]
fn every_package_says_why_it_is_there() {
    let packages = packages("a-1-1.x86_64; R b >= 1\n b-1-1.x86_64\n b-1-1.src");
    let mut request = Request::default();
    request.packages.push_line("a*").unwrap();
    let options = Options { arch: "x86_64".to_owned(), ..Options::default() };
    let gathered =
        gather(&[Repository { lookaside: false, packages: packages.iter().collect(), comps: None }], &request, &options).unwrap();
    let place = |package| Place { repository: 0, package };
    let reasons: Vec<&Reason> = gathered.packages.iter().map(|selected| &selected.reason).collect();
    let because = Reason::Requirement { of: place(0), text: "b >= 1".to_owned() };
    assert_eq!(reasons, [&Reason::Requested("a*".to_owned()), &because, &Reason::SourceOf(place(1))]);
}

/// Twenty thousand packages, each needing five others, and all asked for by name: more than a second would mean that something
/// looks at every package for every package.
#[test]
fn large_worlds_are_no_burden() {
    use std::fmt::Write as _;
    let mut world = String::new();
    for number in 0..20_000_u32 {
        write!(world, "package-{number}-1-1.x86_64; P cap({number})").unwrap();
        for step in 1..=5 {
            write!(world, "; R cap({})", (number + step * 997) % 20_000).unwrap();
        }
        world.push('\n');
    }
    let packages = packages(&world);
    let repositories = [Repository { lookaside: false, packages: packages.iter().collect(), comps: None }];
    let options = Options { arch: "x86_64".to_owned(), ..Options::default() };
    for lines in [vec!["*".to_owned()], (0..4_000).map(|number| format!("package-{number}")).collect()] {
        let mut request = Request::default();
        for line in &lines {
            request.packages.push_line(line).unwrap();
        }
        let started = std::time::Instant::now();
        let gathered = gather(&repositories, &request, &options).unwrap();
        assert_eq!((gathered.packages.len(), gathered.unresolved.len()), (20_000, 0));
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}

#[test]
fn debug_packages_asked_for_are_found_though_excluded_and_taken_so_only_by_greed() {
    let world = "
        kiosk-debuginfo-1-1.x86_64; source kiosk-1-1
        kiosk-debuginfo-2-1.x86_64; source kiosk-2-1";
    let all = |_: &mut Request, options: &mut Options| options.greedy = Greedy::All;
    let (newest, both) = (["kiosk-debuginfo.x86_64(input)"], ["kiosk-debuginfo.x86_64(input)"; 2]);
    check(world, "", &["kiosk-debuginfo"], plain, &newest);
    check(world, "", &["kiosk-debuginfo"], all, &both);
    check(world, "", &["kiosk-debuginfo*", "-kiosk-debuginfo"], plain, &[]);
    check(world, "", &["kiosk-debuginfo*", "-kiosk-debuginfo"], all, &both);
}

#[test]
fn greed_for_all_takes_every_build_of_the_second_word_size() {
    let world = "
        gfx-1-1.x86_64
        gfx-1-1.i686
        gfx-1-1.i386";
    let all = |greedy| {
        move |_: &mut Request, options: &mut Options| {
            options.multilib = vec![Method::All];
            options.greedy = greedy;
        }
    };
    let flagged = ["gfx.x86_64(input)", "gfx.i686(input,multilib)", "gfx.i386(input,multilib)"];
    check(world, "", &["gfx"], all(Greedy::All), &flagged);
    check(world, "", &["gfx"], all(Greedy::None), &["gfx.x86_64(input)", "gfx.i686(multilib)"]);
}
