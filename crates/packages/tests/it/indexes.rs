//! Reading indexes: what is taken, what is merged, what is refused and where it stands.

use charmer_packages::deb;
use charmer_packages::{IndexFile, PackageSet};

use crate::fixture::{id, index_files, read, set};

fn file(text: &[u8]) -> IndexFile {
    let mut file = index_files("").remove(0);
    file.text = text.to_vec();
    file
}

const BASH: &str = "package: bash\nVersion: 5.2-1+b1\nArchitecture: amd64\nSource: bash-src (5.2-1)\nSection: shells\n\
    Priority: required\nEssential: yes\nmulti-arch: foreign\nInstalled-Size: 7164\nTask: shell, base\n\
    Depends: a (>= 1),\n b | c\nDescription: a shell\nFilename: ./pool/bash.deb\nSize: 1499\n\
    SHA256: 00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\n";

#[test]
fn every_field_is_where_it_belongs() {
    let (set, problems) = read(vec![file(format!("{BASH}\n\n{}", BASH.replace("bash", "dash")).trim_end().as_bytes())]);
    assert_eq!(problems, []);
    let bash = id(&set, "bash");
    let package = set.package(bash);
    assert_eq!((set.name(bash), set.version(bash), set.arch(bash)), ("bash", "5.2-1+b1", "amd64"));
    assert_eq!((set.source_name(bash), set.source_version(bash)), ("bash-src", "5.2-1"));
    assert_eq!((set.section(bash), set.filename(bash)), ("shells", "pool/bash.deb"));
    assert_eq!((package.size, package.installed_size, package.essential, package.protected), (1499, 7164, true, false));
    assert_eq!(package.sha256[..3], [0, 0x11, 0x22]);
    assert_eq!(package.sha256[31], 0xff);
    assert_eq!(set.stanza(bash), BASH.as_bytes());
    assert_eq!(set.stanza(id(&set, "dash")), BASH.replace("bash", "dash").as_bytes());
    let clauses: Vec<&str> = set.relations(bash).iter().map(|relation| set.requirement_text(relation.requirement)).collect();
    assert_eq!(clauses, ["a (>= 1)", "b | c"]);
    assert_eq!(deb::tasks(set.stanza(bash)).collect::<Vec<_>>(), ["shell", "base"]);
    assert_eq!(deb::field(set.stanza(bash), "description"), Some("a shell"));
}

#[test]
fn a_package_for_all_arches_is_one_package() {
    let set = set("data 1 all
                   @ debian arch=arm64
                   data 1 all
                   lib 1
                   @ debian arch=i386
                   lib 1");
    assert_eq!(set.len(), 3);
    let data = id(&set, "data");
    assert_eq!(set.arches_of(data).collect::<Vec<_>>(), ["amd64", "arm64"]);
    assert!(!set.is_for(data, "i386") && !set.is_for(data, "riscv64"));
    assert_eq!(set.arches_of(id(&set, "lib")).collect::<Vec<_>>(), ["arm64"]);
}

#[test]
fn of_a_package_in_two_suites_the_higher_priority_counts() {
    let set = set("a 1
                   @ debian suite=updates priority=600
                   a 1");
    assert_eq!(set.len(), 1);
    assert_eq!(set.origin(id(&set, "a")).suite, "updates");
}

#[test]
fn other_contents_under_the_same_name_are_reported() {
    let mut files = index_files("a 1\n@ debian suite=updates\na 1\n@ own\na 1");
    for file in &mut files[1..] {
        file.text = String::from_utf8_lossy(&file.text).replace("SHA256: 0", "SHA256: f").into_bytes();
    }
    let (set, problems) = read(files);
    assert_eq!(set.len(), 2, "another archive may have its own");
    let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        ["debian/updates/amd64, line 2, a: a_1_amd64 has another SHA256 in debian/stable/amd64; the archive contradicts \
          itself, and the first entry is taken"]
    );
}

#[test]
fn bad_entries_are_left_out_and_named() {
    let bad = [
        (BASH.replace("package: bash\n", ""), "an entry without a name: the field Package is missing"),
        (BASH.replace("package: bash", "Package: ../x"), "../x: `../x` is no package name"),
        (BASH.replace("Version: 5.2-1+b1\n", ""), "bash: the field Version is missing"),
        (BASH.replace("5.2-1+b1", "5 2"), "bash: `5 2` is no version"),
        (BASH.replace("amd64", "am/d64"), "bash: `am/d64` is no architecture"),
        (BASH.replace("(5.2-1)", "(5.2-1"), "bash: `bash-src (5.2-1` is no source package with its version"),
        (BASH.replace("pool/bash.deb", "../bash.deb"), "bash: `./../bash.deb` is no path inside the archive"),
        (BASH.replace("./pool/bash.deb", "/bash.deb"), "bash: `/bash.deb` is no path inside the archive"),
        (BASH.replace("Size: 1499", "Size: 1k"), "bash: the field Size is no number: `1k`"),
        (BASH.replace("EEFF", "EEF"), "bash: `00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEF` is no SHA256"),
        (BASH.replace("Section", "Version"), "bash: the field Version stands there twice"),
        (BASH.replace("Section", "X-Field: 1\nX-field"), "bash: the field X-field stands there twice"),
        (BASH.replace("b | c", "b | (c"), "bash: in the field Depends, `(c` does not start with a package name"),
        (
            BASH.replace("b | c", "b [amd64]"),
            "bash: in the field Depends, `b [amd64]` has an arch list or a build profile, which only source packages have",
        ),
        (BASH.replace("Depends", "Provides"), "bash: in the field Provides, `a (>= 1)` has no exact version"),
        (BASH.replace("Section: shells", "Section"), "bash: the line `Section` is no field"),
        (
            BASH.replace('\n', "\r\n"),
            "an entry without a name: the field package has a carriage return; a line ends with a line feed alone",
        ),
    ];
    for (stanza, expected) in bad {
        let text = format!("{}\n{stanza}\n{}", BASH.replace("bash", "first"), BASH.replace("bash", "last"));
        let (set, problems) = read(vec![file(text.as_bytes())]);
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let line = BASH.lines().count() + 2;
        assert_eq!(messages, [format!("debian/stable/amd64, line {line}, {expected}")]);
        assert_eq!(names(&set), ["first", "last"], "{expected}");
    }
}

#[test]
fn an_entry_that_is_not_utf8_is_named() {
    let mut text = BASH.as_bytes().to_vec();
    let place = BASH.find("a shell").unwrap();
    text[place] = 0xff;
    let (set, problems) = read(vec![file(&text)]);
    assert!(set.is_empty());
    assert_eq!(problems[0].to_string(), format!("debian/stable/amd64, line 1, bash: the entry is not UTF-8 at its byte {place}"));
}

#[test]
fn a_source_that_cannot_be_read_costs_only_itself() {
    let text = BASH.replace("Depends:", "Built-Using: gcc (= 1), linux\nDepends:");
    let (set, problems) = read(vec![file(text.as_bytes())]);
    assert_eq!(names(&set), ["bash"]);
    assert_eq!(problems[0].message, "in the field Built-Using, `linux` has no exact version");
}

#[test]
fn sources_have_their_files() {
    let mut sources = index_files("@ debian arch=source").remove(1);
    sources.text = b"Package: hello\nBinary: hello,\n hello-doc\nVersion: 2.10-5\nDirectory: pool/h\n\
        Checksums-Sha256:\n 0000000000000000000000000000000000000000000000000000000000000001 5 hello.dsc\n \
        0000000000000000000000000000000000000000000000000000000000000002 6 hello.tar.gz\n\n\
        Package: bad\nVersion: 1\nDirectory: pool/../..\n\n"
        .to_vec();
    let (set, problems) = read(vec![sources]);
    assert_eq!(problems[0].to_string(), "debian/stable/source, line 10, bad: `pool/../..` is no path inside the archive");
    let hello = set.source(set.source_ids().next().unwrap());
    assert_eq!((set.text(hello.name), hello.directory.as_str()), ("hello", "pool/h"));
    assert_eq!(hello.binaries.iter().map(|binary| set.text(*binary)).collect::<Vec<_>>(), ["hello", "hello-doc"]);
    assert_eq!((hello.files[1].name.as_str(), hello.files[1].size, hello.files[1].sha256[31]), ("hello.tar.gz", 6, 2));
}

#[test]
fn threads_cannot_be_seen_in_the_result() {
    let many = |prefix: &str| -> String {
        let stanzas: Vec<String> = (0..40_000).map(|number| BASH.replace("bash", &format!("{prefix}{number}"))).collect();
        stanzas.join("\n")
    };
    let (set, problems) = read(vec![file(many("b").as_bytes()), file(many("c").as_bytes())]);
    assert_eq!(problems, []);
    let expected: Vec<String> = ["b", "c"].iter().flat_map(|prefix| (0..40_000).map(move |n| format!("{prefix}{n}"))).collect();
    assert!(names(&set) == expected);
    assert!(set.ids().all(|id| set.stanza(id).starts_with(format!("package: {}\n", set.name(id)).as_bytes())));
}

/// The indexes are cut at other names, so that some packages are read by two threads.
#[test]
fn packages_for_all_arches_are_one_wherever_the_indexes_are_cut() {
    let index = |arch: &str, numbers: std::ops::Range<usize>| {
        let mut file = index_files(&format!("@ debian arch={arch}")).remove(1);
        let stanza = |number| {
            BASH.replace("bash", &format!("p{number:05}")).replace(": amd64", ": all").replace("b | c", &format!("b{number}"))
        };
        file.text = numbers.map(stanza).collect::<Vec<_>>().join("\n").into_bytes();
        file
    };
    let (set, problems) = read(vec![index("amd64", 5_000..30_000), index("arm64", 0..25_000)]);
    assert_eq!(problems, []);
    assert_eq!(set.len(), 30_000);
    for id in set.ids() {
        let number: usize = set.name(id)[1..].parse().unwrap();
        let arches: Vec<&str> = set.arches_of(id).collect();
        let expected: &[&str] = if number < 5_000 {
            &["arm64"]
        } else if number < 25_000 {
            &["amd64", "arm64"]
        } else {
            &["amd64"]
        };
        assert_eq!(arches, expected, "{number}");
        let clauses: Vec<&str> = set.relations(id).iter().map(|relation| set.requirement_text(relation.requirement)).collect();
        assert_eq!(clauses, ["a (>= 1)", &format!("b{number}")]);
        assert!(set.filename(id).ends_with(&format!("p{number:05}.deb")));
        assert_eq!(set.section(id), "shells");
    }
}

fn names(set: &PackageSet) -> Vec<String> {
    set.ids().map(|id| set.name(id).to_owned()).collect()
}
