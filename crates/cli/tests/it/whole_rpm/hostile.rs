//! Input that was made to do harm: a named error each and a doomed compose, nothing outside of it, and memory that is bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use charmer_testkit::Compression;
use charmer_testkit::rpm_file::{HeaderBuilder, Rpm};

use super::super::Ran;
use super::super::harbour::{Compose, composes};
use super::{Quay, files, is_package, output};

/// What charmer and all that it runs may take, in KiB: the bound that the shell sets for anonymous memory.
const MEMORY: &str = "307200";

impl Quay {
    /// A compose in little memory.
    fn bounded(&self) -> Ran {
        let script = format!("ulimit -d {MEMORY}; exec pungi-koji \"$@\"");
        let words =
            ["-c", &script, "sh", "--config", "quay.conf", "--nightly", "--target-dir", "composes", "--skip-phase", "createiso"];
        let output = self.command("sh", &words).output().unwrap();
        assert!(output.status.code().is_some(), "{output:?}");
        Ran::of(output)
    }

    /// Everything beside composes and the cache.
    fn surroundings(&self) -> BTreeMap<String, Vec<u8>> {
        let is_own = |path: &str| !path.contains("/composes/") && !path.contains("/cache/");
        let found = files(&self.path(""), is_own).into_iter();
        found.map(|path| (path.to_str().unwrap().to_owned(), fs_err::read(&path).unwrap())).collect()
    }

    /// The compose must be doomed by an error that says `said`, and must ship nothing.
    fn is_doomed_by(&self, said: &str) -> Ran {
        let before = self.surroundings();
        let ran = self.bounded();
        assert!(ran.code == 1 && ran.stderr.contains(said) && !ran.stderr.contains("panicked"), "no `{said}` in {ran}");
        assert!(self.surroundings() == before, "{said}: something was written elsewhere");
        for root in composes(&self.path("composes")) {
            let compose = Compose { root };
            assert_eq!(compose.read("STATUS"), "DOOMED\n");
            assert!(files(&compose.path("compose"), is_package).is_empty());
            fs_err::remove_dir_all(&compose.root).unwrap();
        }
        ran
    }

    /// A file of the repository's metadata, unpacked.
    fn metadata(&self, kind: &str) -> String {
        let ending = format!("-{kind}.xml.gz");
        let path = files(&self.path("repository/repodata"), |path| path.ends_with(&ending)).remove(0);
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(fs_err::File::open(path).unwrap());
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        text
    }

    /// Puts other metadata in the place of the repository's, of files by kind and name.
    fn put_metadata(&self, parts: &[(&str, &str, &[u8])]) {
        let mut repomd = "<repomd>".to_owned();
        for (kind, name, content) in parts {
            self.write(&format!("repository/repodata/{name}"), content);
            let sum = output("sha256sum", &[self.path(&format!("repository/repodata/{name}")).to_str().unwrap()]);
            let (digest, size) = (sum.split(' ').next().unwrap(), content.len());
            write!(
                repomd,
                "<data type=\"{kind}\"><checksum type=\"sha256\">{digest}</checksum><location href=\"repodata/{name}\"/>\
                 <size>{size}</size></data>"
            )
            .unwrap();
        }
        self.write("repository/repodata/repomd.xml", repomd + "</repomd>");
    }
}

/// A file that begins as RPM files do, with headers of one's own.
fn file_of_headers(main: &[u8]) -> Vec<u8> {
    let good = Rpm::new("bad", "1", "1", "x86_64").build();
    let mut bytes = good[..96].to_vec();
    let mut signature = HeaderBuilder::new(62);
    signature.int32(1007, &[124]);
    bytes.extend(signature.finish());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(main);
    bytes
}

#[test]
fn names_in_headers_stay_names() {
    let quay = Quay::small();
    let change = |change: fn(&mut Rpm)| {
        let mut package = Rpm::new("evil", "1", "1", "x86_64");
        change(&mut package);
        package.build()
    };
    for (bytes, said) in [
        (change(|rpm| rpm.name = "../../evil".into()), "its name `../../evil` cannot be part of a file name"),
        (change(|rpm| rpm.name = "/etc/evil".into()), "its name `/etc/evil` cannot be part of a file name"),
        (change(|rpm| rpm.name = "..".into()), "its name `..` cannot be part of a file name"),
        (change(|rpm| rpm.name = "a\nb".into()), "its name `a\\nb` cannot be part of a file name"),
        (change(|rpm| rpm.version = "1/../../2".into()), "its version `1/../../2` cannot be part of a file name"),
        (change(|rpm| rpm.release = "1/2".into()), "its release `1/2` cannot be part of a file name"),
        (change(|rpm| rpm.arch = "../x86_64".into()), "its arch `../x86_64` cannot be part of a file name"),
        (
            change(|rpm| rpm.source_rpm = Some("../../evil.src.rpm".into())),
            "its source package `../../evil.src.rpm` cannot be part of a file name",
        ),
    ] {
        quay.write("repository/evil.rpm", bytes);
        let ran = quay.is_doomed_by(said);
        assert!(ran.stderr.contains("repository/evil.rpm: "), "{ran}");
    }
}

#[test]
fn broken_headers_are_named_and_their_claims_not_believed() {
    let quay = Quay::small();
    let good = Rpm::new("bad", "1", "1", "x86_64").build();
    let introduction = |entries: u32, data: u32| {
        let words = [[0x8e, 0xad, 0xe8, 1], [0; 4], entries.to_be_bytes(), data.to_be_bytes()];
        file_of_headers(&words.concat())
    };
    let with = |tag, kind, count, data: &[u8]| {
        let mut header = HeaderBuilder::new(63);
        for (tag, value) in [(1000, "bad"), (1001, "1"), (1002, "1"), (1022, "x86_64"), (1044, "bad-1-1.src.rpm")] {
            header.string(tag, value);
        }
        header.strings(1047, &["bad"]);
        header.int32(1112, &[8]);
        header.entry(tag, kind, count, 4, data);
        file_of_headers(&header.finish())
    };
    for (bytes, said) in [
        (Vec::new(), "it ends inside its headers"),
        (b"no package at all".to_vec(), "it does not begin as RPM files do"),
        (good[..good.len() / 2].to_vec(), "it ends inside its headers"),
        (introduction(0x7fff_ffff, 16), "its main header claims 2147483647 entries, and at most 65535 are allowed"),
        (introduction(4, 0x7fff_ffff), "its main header claims 2147483647 bytes, and at most 268435456 are allowed"),
        (introduction(4, 0x0fff_ffff), "it ends inside its headers: 268435"),
        (file_of_headers(b"not a header at all"), "its main header does not begin as headers do"),
        (with(1113, 8, 0x7fff_ffff, b"1\0"), "tag 1113 of its main header "),
        (with(1106, 4, 0x7fff_ffff, &[0; 4]), "tag 1106 of its main header points outside of it"),
        (with(1113, 4, 1, &[0; 4]), "tag 1113 of its main header has type 4, which it cannot have"),
        (file_of_headers(&HeaderBuilder::new(63).finish()), "its name is missing or empty"),
    ] {
        quay.write("repository/bad.rpm", bytes);
        let ran = quay.is_doomed_by(said);
        assert!(ran.stderr.contains("repository/bad.rpm: "), "{ran}");
    }
}

#[test]
fn metadata_cannot_lead_out_of_its_repository() {
    let quay = Quay::small();
    Rpm::new("evil", "1", "1", "x86_64").write_to(&quay.path(""));
    quay.index();
    let (primary, repomd) =
        (quay.metadata("primary"), fs_err::read_to_string(quay.path("repository/repodata/repomd.xml")).unwrap());
    let evil = quay.path("evil-1-1.x86_64.rpm");
    for location in
        ["../evil-1-1.x86_64.rpm", evil.to_str().unwrap(), "a/../../evil-1-1.x86_64.rpm", "./evil.rpm", "file:///etc/passwd", ""]
    {
        let text = primary.replace("href=\"harbour-tool-1-1.x86_64.rpm\"", &format!("href=\"{location}\""));
        assert_ne!(text, primary);
        quay.put_metadata(&[("primary", "primary.xml", text.as_bytes())]);
        let ran = quay.is_doomed_by(&format!("the location `{location}` leaves the repository"));
        assert!(ran.stderr.contains("primary.xml: byte "), "{ran}");
    }
    let own = repomd.split("href=\"").find(|part| part.contains("-primary.xml.gz\"")).unwrap().split('"').next().unwrap();
    for location in [
        "../../../../../etc/passwd",
        "/etc/passwd",
        "repodata/../../evil",
        "http://127.0.0.1:1/primary.xml",
        "file:///etc/passwd",
    ] {
        quay.write("repository/repodata/repomd.xml", repomd.replace(own, location));
        let ran = quay.is_doomed_by(&format!("the location `{location}` leaves the repository"));
        assert!(ran.stderr.contains("repodata/repomd.xml: byte "), "{ran}");
    }
}

#[test]
fn bombs_do_not_go_off() {
    let quay = Quay::small();
    quay.index();
    let (primary, comps) = (quay.metadata("primary"), fs_err::read_to_string(quay.path("comps.xml")).unwrap());
    let gzip = |bytes: &[u8]| Compression::Gzip.compress(bytes);
    let entities = "<!DOCTYPE metadata [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let bomb = primary.replace("<metadata ", &format!("{entities}<metadata "));
    quay.put_metadata(&[("primary", "primary.xml.gz", &gzip(bomb.as_bytes()))]);
    quay.is_doomed_by("the document declares entities of its own");

    let spaces = vec![b' '; 400 << 20];
    quay.put_metadata(&[("primary", "primary.xml.gz", &gzip(&spaces))]);
    quay.is_doomed_by("primary.xml.gz: byte ");
    let parts = [("primary", "primary.xml", primary.as_bytes()), ("group", "comps.xml.gz", &gzip(&spaces))];
    quay.put_metadata(&parts);
    quay.is_doomed_by("comps.xml.gz: malformed XML: the file is larger than 16777216 bytes");
    drop(spaces);

    // Small elements take far more memory than they have bytes.
    let many = format!("<comps>{}</comps>", "<a/>".repeat(3_000_000));
    quay.put_metadata(&[("primary", "primary.xml", primary.as_bytes()), ("group", "comps.xml.gz", &gzip(many.as_bytes()))]);
    quay.is_doomed_by("there are more than 500000 elements and texts");
    quay.index();

    for (bomb, said) in [
        (
            comps.replace("<!DOCTYPE comps", "<!DOCTYPE x [<!ENTITY a \"b\">]><!DOCTYPE comps"),
            "declarations inside a DOCTYPE are not read",
        ),
        (comps.replace("What every", "&lol9;"), "the entity '&lol9;' is not known"),
        (comps.replace("<name>Core</name>", &"<name>".repeat(10_000)), "elements are nested deeper than 64"),
        (many, "there are more than 500000 elements and texts"),
    ] {
        quay.write("comps.xml", bomb);
        let ran = quay.is_doomed_by(said);
        assert!(ran.stderr.contains("comps.xml: "), "{ran}");
    }
    quay.write("comps.xml", comps);

    let variants = fs_err::read_to_string(quay.path("variants.xml")).unwrap();
    for (bomb, said) in [
        (format!("<!DOCTYPE variants [<!ENTITY a \"b\">]>{variants}"), "entities are not taken"),
        (variants.replace("Quay Server", "&lol9;"), "lol9"),
        (variants.replace("<groups>", &"<groups>".repeat(10_000)), "elements are nested too deeply"),
        (format!("<variants>{}</variants>", "<a/>".repeat(1_100_000)), "there are too many elements"),
    ] {
        quay.write("variants.xml", bomb);
        let ran = quay.is_doomed_by(said);
        assert!(ran.stderr.contains("variants.xml"), "{ran}");
    }
}

#[test]
fn packages_of_one_name_with_other_bytes_are_named() {
    let quay = Quay::small();
    let mut other = Rpm::new("harbour-tool", "1", "1", "x86_64");
    other.provides.add_text("harbour-tool = 1-1");
    let same = other.build();
    other.summary = "something else".into();
    // In the same repository, there under another name, and in another repository.
    for place in ["repository/a/harbour-tool-1-1.x86_64.rpm", "repository/tool.rpm", "second/harbour-tool-1-1.x86_64.rpm"] {
        if place.starts_with("second") {
            quay.change("quay.conf", "[\"repository\"]", "[\"repository\", \"second\"]");
        }
        quay.write(place, other.build());
        let ran = quay.is_doomed_by("there are two packages harbour-tool-1-1.x86_64 with different content: ");
        assert!(ran.stderr.contains(quay.path(place).to_str().unwrap()), "{place} in {ran}");
        quay.write(place, &same);
    }
    let ran = quay.bounded();
    assert_eq!(ran.code, 0, "copies of one package are one package: {ran}");
}

#[test]
fn groups_that_lead_to_themselves_end() {
    let quay = Quay::small();
    let comps = fs_err::read_to_string(quay.path("comps.xml")).unwrap();
    let cycles = comps
        .replace("<groupid>core</groupid>", "<groupid>core</groupid><groupid>server</groupid>")
        .replace(
            "</packagelist>",
            "<packagereq type=\"conditional\" requires=\"harbour-release\">harbour-tool</packagereq>\
                  <packagereq type=\"conditional\" requires=\"harbour-tool\">harbour-release</packagereq></packagelist>",
        )
        .replace(
            "</comps>",
            "<category><id>all</id><name>All</name><description/><grouplist><groupid>all</groupid>\
                  <groupid>core</groupid></grouplist></category></comps>",
        );
    quay.write("comps.xml", cycles);
    let ran = quay.bounded();
    assert_eq!(ran.code, 0, "{ran}");
    let made = Compose { root: composes(&quay.path("composes")).remove(0) };
    let written =
        files(&made.path("compose/Server/x86_64/os/repodata"), |path| path.ends_with("comps-Server.x86_64.xml")).remove(0);
    let written = fs_err::read_to_string(written).unwrap();
    assert!(written.contains("<groupid>core</groupid>") && !written.contains("<groupid>server</groupid>"), "{written}");
    fs_err::remove_dir_all(&made.root).unwrap();

    let variants = fs_err::read_to_string(quay.path("variants.xml")).unwrap();
    quay.write("variants.xml", variants.replace("</groups>", "</groups><variants><ref id=\"Server\"/></variants>"));
    quay.is_doomed_by("Server");
}

#[test]
fn metadata_that_ends_too_early_or_is_something_else_is_named() {
    let quay = Quay::small();
    quay.index();
    let primary = quay.metadata("primary");
    for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let packed = compression.compress(primary.as_bytes());
        let name = format!("primary.xml{}", compression.suffix());
        quay.put_metadata(&[("primary", &name, &packed[..packed.len() / 2])]);
        quay.is_doomed_by(&format!("{name}: byte "));
        quay.put_metadata(&[("primary", &name, &packed)]);
        quay.change("repository/repodata/repomd.xml", "<checksum type=\"sha256\">", "<checksum type=\"sha256\">0");
        quay.is_doomed_by(&format!("{name}: it is not the file that repomd.xml names: its sha256 digest differs"));
        quay.change("repository/repodata/repomd.xml", "sha256\">0", "sha512\">0");
        quay.is_doomed_by(&format!("{name}: it is not the file that repomd.xml names: its sha512 digest differs"));
    }
    quay.put_metadata(&[("primary", "primary.xml.gz", b"this is no gzip")]);
    quay.is_doomed_by("primary.xml.gz: ");
    quay.put_metadata(&[]);
    quay.is_doomed_by("there is no primary metadata");
    quay.write("repository/repodata/repomd.xml", "");
    quay.is_doomed_by("repomd.xml: byte 0: the document has no element");

    fs_err::remove_dir_all(quay.path("repository/repodata")).unwrap();
    quay.index();
    let changed = Path::new("repository/harbour-tool-1-1.x86_64.rpm");
    let mut bytes = fs_err::read(quay.path(changed.to_str().unwrap())).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    quay.write(changed.to_str().unwrap(), bytes);
    quay.is_doomed_by("it is not the package that its repository names: its sha256 checksum differs");
}
