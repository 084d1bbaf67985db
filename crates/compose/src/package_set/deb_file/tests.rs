use std::collections::BTreeMap;

use charmer_testkit::deb::{Deb, ar};
use charmer_testkit::{Compression, tar_of};

use super::*;
use crate::digest::Sha256;

fn tool() -> Deb {
    Deb::new("tool", "1:2.0-1", "amd64")
        .field("Depends", "libc6 (>= 2.36),\n libx")
        .field("Description", "a tool\n Of two\n .\n paragraphs.")
        .program("/usr/bin/tool", b"#!/bin/sh\n")
        .link("/usr/bin/other", "tool")
        .folder("/var/lib/tool")
        .file(&format!("/usr/share/{}file", "long/".repeat(30)), b"x")
        .maintainer_script("postinst", "#!/bin/sh\n")
}

#[expect(clippy::disallowed_types, reason = "what we read is compared with what the tools of users read")]
fn output(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).current_dir(folder).env("LC_ALL", "C").output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// Each field's value by its name.
fn fields(stanza: &str) -> BTreeMap<String, String> {
    let paragraph = Paragraph::read(stanza, 1).unwrap();
    paragraph.fields.iter().map(|field| (field.name.to_owned(), field.value.to_owned())).collect()
}

#[test]
fn control_and_contents_are_what_dpkg_and_apt_read() {
    let folder = tempfile::tempdir().unwrap();
    for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let path = tool().compression(compression).write_to(folder.path());
        let control = control(&path).unwrap();
        let name = path.to_str().unwrap();
        assert_eq!(Some(fields(&control.text)), output("dpkg-deb", &["-f", name], folder.path()).as_deref().map(fields));
        assert_eq!((control.name.as_str(), control.version.as_str(), control.arch.as_str()), ("tool", "1:2.0-1", "amd64"));
        let listed = output("apt-ftparchive", &["contents", "."], folder.path()).unwrap();
        let listed: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(contents(&path).unwrap(), listed, "{compression:?}");
    }
}

#[test]
fn stanza_has_the_fields_and_values_of_apt_ftparchive() {
    let folder = tempfile::tempdir().unwrap();
    let path = tool().field("Filename", "pool/lie.deb").field("SHA256", "lie").write_to(&folder.path().join("pool"));
    let stanza = stanza_of(&path, "pool/tool_2.0-1_amd64.deb").unwrap();
    assert!(
        stanza.starts_with("Package: tool\nVersion: 1:2.0-1\nArchitecture: amd64\nDepends: libc6 (>= 2.36),\n libx\n"),
        "{stanza}"
    );
    let (digest, size) = Sha256::of_file(&path).unwrap();
    assert!(stanza.ends_with(&format!("SHA256: {digest}\n")) && stanza.contains(&format!("\nSize: {size}\n")), "{stanza}");
    let mut theirs = fields(output("apt-ftparchive", &["packages", "pool"], folder.path()).unwrap().trim_end());
    theirs.retain(|name, _| !["SHA1", "SHA512"].contains(&name.as_str()));
    let mut ours = fields(&stanza);
    // apt-ftparchive gives the whole description and its MD5.
    let description = full_description(&stanza).unwrap();
    if let Some(md5) = theirs.remove("Description-md5") {
        assert_eq!(md5, description.md5);
    }
    assert_eq!(ours, theirs);
    let short = with_short_description(&stanza);
    ours.insert("Description".into(), "a tool".into());
    ours.insert("Description-md5".into(), description.md5);
    assert_eq!(fields(&short), ours);
    assert_eq!(with_short_description(&short), short);
    assert_eq!(full_description(&short), None);
}

/// Uses the machine's own mirror.
#[test]
fn description_md5_is_the_one_that_debian_publishes() {
    let folder = tempfile::tempdir().unwrap();
    let index = output("apt-cache", &["show", "--no-all-versions", "hello"], folder.path());
    let published = index.as_deref().and_then(|text| fields(text.trim_end()).remove("Description-md5"));
    let downloaded = output("apt-get", &["-o", "APT::Sandbox::User=root", "download", "hello"], folder.path());
    let (Some(published), Some(_)) = (published, downloaded) else {
        #[expect(clippy::print_stderr, reason = "who reads the test's output sees why it did nothing")]
        {
            eprintln!("skipped: apt on this machine has no mirror with the package hello");
        }
        return;
    };
    let path = fs_err::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let control = control(&path).unwrap();
    assert_eq!(full_description(&control.text).unwrap().md5, published);
    assert!(contents(&path).unwrap().contains(&"usr/bin/hello".to_owned()));
}

/// A file with these members, and what is wrong with it.
fn faults_of(members: &[(&str, Vec<u8>)]) -> (String, String) {
    let members: Vec<_> = members.iter().map(|(name, content)| ((*name).to_owned(), content.clone())).collect();
    faults_of_bytes(&ar(&members))
}

fn faults_of_bytes(bytes: &[u8]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.deb");
    fs_err::write(&path, bytes).unwrap();
    let text = |error: Option<DebFileError>| {
        error.map_or(String::new(), |error| error.to_string().replace(folder.path().to_str().unwrap(), ""))
    };
    (text(inspect(&path).err()), text(contents(&path).err()))
}

#[test]
fn packages_that_are_not_packages_are_named_with_their_member() {
    let format = || ("debian-binary", b"2.0\n".to_vec());
    let control = || ("control.tar", tar_of("./control", b'0', b"Package: x\nVersion: 1\nArchitecture: all\n"));
    let data = || ("data.tar", tar_of("./a", b'0', b""));
    assert_eq!(faults_of(&[format(), control(), data()]), (String::new(), String::new()));

    assert_eq!(faults_of_bytes(b"PK\x03\x04").0, "/x.deb: it is not a Debian package: an ar archive is expected");
    assert_eq!(faults_of(&[control(), data()]).0, "/x.deb: control.tar: it has no member debian-binary at its beginning");
    assert_eq!(
        faults_of(&[("debian-binary", b"3.0\n".to_vec())]).0,
        "/x.deb: debian-binary: its format is '3.0', and only 2.x is known"
    );
    assert_eq!(faults_of(&[format(), data()]).0, "/x.deb: data.tar: dpkg does not take a member of this name here");
    assert_eq!(faults_of(&[format()]).0, "/x.deb: it has no member control.tar");
    assert_eq!(faults_of(&[format(), control()]).0, "/x.deb: it has no member data.tar");
    assert!(
        faults_of(&[format(), ("control.tar.bz2", vec![])]).0.contains("control.tar.bz2: compression '.bz2' is not supported")
    );
    assert!(faults_of(&[format(), ("control.tar.xz", b"no xz at all".to_vec())]).0.starts_with("/x.deb: control.tar.xz: "));
    let other = ("control.tar", tar_of("./postinst", b'0', b"x"));
    assert_eq!(faults_of(&[format(), other, data()]).0, "/x.deb: control.tar: it has no member control");
    let signed = [("_gpgorigin", b"x".to_vec()), format(), control(), data()];
    assert_eq!(faults_of(&[signed[1].clone(), signed[0].clone(), signed[2].clone(), signed[3].clone()]), Default::default());
}

#[test]
fn control_files_that_could_mislead_an_index_are_refused() {
    let fault = |control: &[u8]| {
        let control = ("control.tar", tar_of("control", b'0', control));
        let fault = faults_of(&[("debian-binary", b"2.0\n".to_vec()), control, ("data.tar", vec![])]).0;
        fault.strip_prefix("/x.deb: control.tar: control file: ").map(str::to_owned).unwrap_or(fault)
    };
    assert_eq!(fault(b"Package: x\nVersion: 1\nArchitecture: all\n\n\n"), "");
    assert_eq!(fault(b"Package: x\nVersion: 1\n"), "it has no Architecture");
    assert_eq!(fault(b"Package: ../x\nVersion: 1\nArchitecture: all\n"), "Package '../x' is not valid");
    assert_eq!(fault(b"Package: x\nVersion: 1/2\nArchitecture: all\n"), "Version '1/2' is not valid");
    assert_eq!(fault(b"Package: x\nVersion: 1\nArchitecture: a/b\n"), "Architecture 'a/b' is not valid");
    assert_eq!(fault(b"Package: x\n\nPackage: y\n"), "line 2: '' is not a field");
    assert_eq!(fault(b"Package: x\nDescription: y\n \nPackage: y\n"), "line 3: a blank line in the value of Description");
    assert_eq!(fault(b"Package: x\npackage: y\n"), "line 2: package is there twice, first in line 1");
    assert_eq!(fault(b" x\n"), "line 1: a continuation line without a field");
    assert_eq!(fault(b"Package: \xff\n"), "it is not UTF-8");
    assert_eq!(fault(&vec![b'a'; 2 << 20]), "it has more than 1048576 bytes");
}

#[test]
fn entries_that_no_package_may_have_are_named() {
    let control = tar_of("./control", b'0', b"Package: x\nVersion: 1\nArchitecture: all\n");
    let fault = |name: &str, kind| {
        let data = ("data.tar", tar_of(name, kind, b""));
        faults_of(&[("debian-binary", b"2.0\n".to_vec()), ("control.tar", control.clone()), data]).1
    };
    let regular = b'0';
    assert_eq!(fault("./dev/sda", b'4'), "/x.deb: data.tar: entry './dev/sda': it is a device node, which no package may hold");
    assert!(fault("./pipe", b'6').contains("named pipe"));
    assert!(fault("./x", b'x').contains("dpkg does not take"));
    for name in ["./../etc/passwd", "a/../b", "..", "a//b", "././a"] {
        assert!(fault(name, regular).ends_with("its name has a part that is empty, '.' or '..'"), "{name}");
    }
    assert!(fault("/etc/passwd", regular).ends_with("entry '/etc/passwd': its name is absolute"));
    assert!(fault("./a\nb", regular).ends_with("entry './a\\nb': its name holds a control character"));
    let long = ("data.tar", tar_of("././@LongLink", b'L', &vec![b'a'; 1 << 20]));
    assert!(faults_of(&[("debian-binary", b"2.0\n".to_vec()), ("control.tar", control.clone()), long]).1.ends_with("too long"));
}

#[test]
fn a_bomb_ends_at_its_limit() {
    let zeros = tar_of("./md5sums", b'0', &vec![0; 300 << 20]);
    let control = ("control.tar.zst".to_owned(), Compression::Zstd.compress(&zeros));
    let fault = faults_of_bytes(&ar(&[("debian-binary".into(), b"2.0\n".to_vec()), control])).0;
    assert_eq!(fault, "/x.deb: control.tar.zst: it holds more than 268435456 bytes when it is unpacked");
}

#[test]
fn no_damage_is_silent_for_a_whole_reading_and_none_panics() {
    let bytes = Deb::new("x", "1", "all").file("/a", b"b").compression(Compression::None).build();
    let inspect = |bytes: &[u8]| Context::default().inspect(bytes);
    let contents = |bytes: &[u8]| Members::open(bytes).and_then(|mut members| Context::default().contents(&mut members));
    for length in 0..bytes.len() {
        assert!(inspect(&bytes[..length]).is_err(), "cut at {length} of {}", bytes.len());
        let _ = contents(&bytes[..length]);
    }
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x55;
        let _ = (inspect(&damaged), contents(&damaged));
    }
}
