//! `sources = "all"` over a mirror that may lack files of some sources: they are named, and everything else is there.

use super::apt::Apt;
use super::{Workshop, outcome};

/// Small packages with sources of several files. What they depend on is left out: their sources are hundreds of megabytes.
const NAMES: [&str; 2] = ["hello", "sl"];

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

const CONFIG: &str = r#"
[release]
name = "Jetty"
short = "jetty"
version = "1"

[archives.debian]
mirror = "host"
suites = ["trixie"]
keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

[gather]
sources = "all"

[variants.Pier]
arches = ["amd64"]
include = ["hello", "sl"]

[[failable]]
variants = ["Pier"]
kinds = ["sources"]

[checks]
closure = "off"
installability = "off"
"#;

pub(super) fn failable(workshop: &Workshop) {
    workshop.write_config("jetty.toml", CONFIG);
    let files = source_files(workshop);
    assert!(NAMES.iter().all(|name| files.iter().any(|(package, ..)| package == name)), "{files:?}");
    let missing: Vec<&str> = files.iter().filter(|(.., there)| !there).map(|(_, file, _)| file.as_str()).collect();
    eprintln!("the mirror lacks {missing:?}");

    let compose = workshop.compose("jetty.toml", "jetty", &[], if missing.is_empty() { 0 } else { 3 });
    let status = fs_err::read_to_string(compose.root.join("STATUS")).unwrap();
    assert_eq!(status.trim(), if missing.is_empty() { "FINISHED" } else { "FINISHED_INCOMPLETE" });
    let deliverables = compose.read("metadata/deliverables.json");
    for (name, file, there) in &files {
        assert_eq!(deliverables.contains(file.as_str()), !there, "{file}: {deliverables}");
        let whole = files.iter().all(|(other, _, there)| other != name || *there);
        let pool = compose.repository("Pier").join("pool/main").join(&name[..1]).join(name);
        assert_eq!(pool.join(file).exists(), whole, "a source is there whole or not at all: {file}");
    }
    let mut binaries = NAMES
        .map(|name| super::only_file(&compose.repository("Pier").join("pool/main").join(&name[..1]).join(name), "_amd64.deb"));
    binaries.sort();
    let apt = Apt::new(
        workshop.new_folder("apt-jetty"),
        &format!("deb-src [trusted=yes] file:{} jetty main\n", compose.repository("Pier").display()),
    );
    apt.run(&["apt-get", "update"]);
    for name in NAMES {
        let whole = files.iter().all(|(other, _, there)| other != name || *there);
        let (code, _, errors) = outcome(&mut apt.command(&["apt-get", "source", "--download-only", name]));
        assert_eq!(code == Some(0), whole, "{name}: {errors}");
    }
}

/// Of each source file its package, its name, and whether the mirror has it, by what apt finds.
fn source_files(workshop: &Workshop) -> Vec<(String, String, bool)> {
    let source = format!("deb-src [signed-by={KEYRING}] {} trixie main\n", workshop.mirror);
    let apt = Apt::new(workshop.new_folder("apt-mirror"), &source);
    apt.run(&["apt-get", "update"]);
    let files = |name: &str| {
        let listed = apt.run(&["apt-get", "source", "--print-uris", name]);
        let lines: Vec<String> = listed.lines().filter(|line| line.starts_with('\'')).map(str::to_owned).collect();
        lines
            .into_iter()
            .map(|line| {
                let (uri, rest) = line[1..].split_once('\'').unwrap();
                let file = rest.split_whitespace().next().unwrap();
                let (code, ..) = outcome(&mut apt.command(&["/usr/lib/apt/apt-helper", "download-file", uri, file]));
                (name.to_owned(), file.to_owned(), code == Some(0))
            })
            .collect::<Vec<_>>()
    };
    NAMES.iter().flat_map(|name| files(name)).collect()
}
