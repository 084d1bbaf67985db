//! Mirrors and folders that lie: what is signed by a key that is believed, and is broken or means harm all the same.

#![expect(clippy::disallowed_types, reason = "what unpacks to very much is made by the program that packs it")]

use std::process::{Command, Stdio};

use charmer_testkit::deb::{Deb, ar};
use charmer_testkit::http_server::Fault;
use charmer_testkit::rpm_file::Rpm;
use charmer_testkit::{Compression, tar_of};

use super::Ran;
use super::harbour::Harbour;
use super::pungi_distribution::Distribution;

const DAY: &str = "2024-06-01";

/// A compose of the archive with its amd64 index changed.
fn composed(change: impl FnOnce(&str) -> Vec<u8>) -> (Harbour, Ran) {
    let harbour = Harbour::new();
    harbour.archive.alter_packages("amd64", DAY, change).unwrap();
    harbour.serve();
    let ran = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "composes"]);
    (harbour, ran)
}

/// The index with something else in the place of a field of the package libc6.
fn with_field(packages: &str, field: &str, text: &str) -> String {
    let changed = |stanza: &str| {
        if !stanza.starts_with("Package: libc6\n") {
            return stanza.to_owned();
        }
        let is_field = |line: &str| line.starts_with(&format!("{field}: "));
        let lines = stanza.lines().map(|line| if is_field(line) { text.to_owned() } else { line.to_owned() });
        lines.collect::<Vec<_>>().join("\n")
    };
    packages.split("\n\n").map(changed).collect::<Vec<_>>().join("\n\n")
}

/// The compose ends in the error, and nothing is where nobody expects it.
fn assert_doomed(change: impl FnOnce(&str) -> Vec<u8>, told: &str) {
    let (harbour, ran) = composed(change);
    assert_eq!(ran.code, 1, "{told}: {ran}");
    assert!(ran.stdout.contains(told) && ran.stdout.contains(" is DOOMED after "), "{told}: {ran}");
    let asked = harbour.server().paths();
    assert!(asked.iter().all(|path| !path.contains("passwd") && !path.contains("..")), "{asked:?}");
}

#[test]
fn entries_that_lie_are_named_and_their_packages_are_not_there() {
    let zeros = "0".repeat(64);
    let index = "Packages.xz of archive mirror, line ";
    for (field, text, told) in [
        ("Filename", "Filename: ../../../etc/passwd", "libc6: `../../../etc/passwd` is no path inside the archive"),
        ("Filename", "Filename: /etc/passwd", "libc6: `/etc/passwd` is no path inside the archive"),
        ("Filename", "Filename: pool/a\n ../../etc/passwd", r"libc6: `pool/a\n ../../etc/passwd` is no path inside the archive"),
        ("Size", "Size: 18446744073709551616", "libc6: the field Size is no number: `18446744073709551616`"),
        ("Version", "Version: 2.41\nVersion: 2.42", "libc6: the field Version stands there twice"),
        ("Package", "Priority: optional", "an entry without a name: the field Package is missing"),
        (
            "Architecture",
            "Architecture: amd64\nDepends: dash (>> ",
            "libc6: in the field Depends, `dash (>>` has no closing parenthesis",
        ),
    ] {
        assert_doomed(|packages| with_field(packages, field, text).into_bytes(), told);
        let (_harbour, ran) = composed(|packages| with_field(packages, field, text).into_bytes());
        assert!(ran.stdout.contains(index) && ran.stdout.contains("nothing answers Depends: libc6"), "{ran}");
    }
    let long = format!("Architecture: amd64\nJunk: {}", "a".repeat(100 << 20));
    assert_doomed(|packages| with_field(packages, "Architecture", &long).into_bytes(), "more than the 4194304 that it may have");
    let bytes = |packages: &str| {
        let marked = with_field(packages, "Description", "Description: \u{1}");
        marked.bytes().map(|byte| if byte == 1 { 0xff } else { byte }).collect()
    };
    assert_doomed(bytes, "libc6: the entry is not UTF-8 at its byte ");

    let file = "/pool/libc6_2.41_amd64.deb: it is not the file that the signed index lists: ";
    for (field, text, told) in
        [("Size", "Size: 1", "instead of 1\n"), ("SHA256", &format!("SHA256: {zeros}"), "instead of SHA-256 000000000000")]
    {
        assert_doomed(|packages| with_field(packages, field, text).into_bytes(), file);
        assert_doomed(|packages| with_field(packages, field, text).into_bytes(), told);
    }
    let huge = |packages: &str| with_field(packages, "Size", "Size: 9223372036854775808").into_bytes();
    assert_doomed(huge, " MiB are to be fetched to ");
}

#[test]
fn an_archive_that_contradicts_itself_is_named_and_the_first_word_counts() {
    let (_harbour, ran) = composed(|packages| {
        let own = packages.split("\n\n").find(|stanza| stanza.starts_with("Package: libc6\n")).unwrap();
        let other = with_field(own, "SHA256", &format!("SHA256: {}", "0".repeat(64)));
        format!("{}\n\n{other}\n", packages.trim_end()).into_bytes()
    });
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stdout.contains("libc6_2.41_amd64 has another SHA256 in ") && ran.stdout.contains("contradicts itself"), "{ran}");
}

#[test]
fn a_server_that_leads_elsewhere_is_not_followed() {
    let harbour = Harbour::new();
    let file = "/pool/libc6_2.41_amd64.deb";
    for to in ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"] {
        harbour.server().fail(file, Fault::Status(302, vec![("Location", to.to_owned())]));
        let (ran, compose) = harbour.compose_into("composes", &["--cache-dir", &harbour.text("fresh")], 1);
        assert!(ran.stdout.contains(&format!("{file}: the redirect is not followed: ")), "{ran}");
        assert!(
            ran.stdout.contains(&format!("it leads to '{to}'")) || ran.stdout.contains("it leads to a URL of scheme"),
            "{ran}"
        );
        let resumed = harbour.charmer(&["resume", compose.root()]);
        assert_eq!(resumed.code, 0, "{resumed}");
        fs_err::remove_dir_all(harbour.path("fresh")).unwrap();
    }
    // A loop ends.
    for _ in 0..20 {
        harbour.server().fail(file, Fault::Status(302, vec![("Location", file.to_owned())]));
    }
    let (ran, _) = harbour.compose_into("composes", &["--cache-dir", &harbour.text("fresh")], 1);
    assert!(ran.stdout.contains("more than 5 of them"), "{ran}");
}

#[test]
fn a_release_file_is_believed_as_far_as_its_signature_goes() {
    let harbour = Harbour::new();
    let in_release = harbour.archive.dists().join("InRelease");
    let signed = fs_err::read_to_string(&in_release).unwrap();
    let error = "/dists/stable/InRelease: ";
    let outside = "there is text outside the signed part, at line ";
    let fingerprint = &harbour.archive.key.fingerprint;
    let bad = format!("no signature is good: key {fingerprint} did not sign this text: the signature is bad");
    for (text, told) in [
        (format!("Origin: evil\n{signed}"), "not a signed text: it does not begin with '-----BEGIN PGP SIGNED MESSAGE-----'"),
        (format!("{signed}Origin: evil\n"), outside),
        (format!("{signed}{signed}"), outside),
        (signed.replacen("Suite: stable", "Suite: stabel", 1), bad.as_str()),
        (String::new(), "not a signed text: "),
    ] {
        fs_err::write(&in_release, text).unwrap();
        harbour.serve();
        let ran = harbour.doomed();
        assert!(ran.stdout.contains(&format!("{error}{told}")), "{told}: {ran}");
    }
    fs_err::write(&in_release, signed).unwrap();
    harbour.archive.key.revoke().unwrap();
    harbour.serve();
    let ran = harbour.doomed();
    let told = format!("{error}no signature is good: key {fingerprint} was revoked: ");
    assert!(ran.stdout.contains(&told), "{ran}");
}

/// What a program makes of so many zeros.
fn packed_zeros(program: &str, bytes: u64) -> Vec<u8> {
    let mut zeros = Command::new("head").args(["-c", &bytes.to_string(), "/dev/zero"]).stdout(Stdio::piped()).spawn().unwrap();
    let packed = Command::new(program).args(["-1", "--stdout"]).stdin(zeros.stdout.take().unwrap()).output().unwrap();
    assert!(zeros.wait().unwrap().success() && packed.status.success());
    packed.stdout
}

#[test]
fn an_index_that_unpacks_to_gigabytes_is_stopped_at_the_size_that_was_signed() {
    for (program, form) in [("xz", "xz"), ("gzip", "gz")] {
        let harbour = Harbour::new();
        let folder = harbour.archive.dists().join("main/binary-amd64");
        for form in ["xz", "gz"] {
            fs_err::remove_file(folder.join(format!("Packages.{form}"))).unwrap();
        }
        fs_err::write(folder.join(format!("Packages.{form}")), packed_zeros(program, 4 << 30)).unwrap();
        let size = fs_err::metadata(folder.join("Packages")).unwrap().len();
        harbour.archive.write_release(DAY, &[]).unwrap();
        harbour.serve();
        let like = harbour.command(&[]);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -d 819200; exec \"$0\" \"$@\""]).arg(like.get_program());
        command.args(["compose", "harbour.toml", "--target-dir", "composes"]).current_dir(harbour.path(""));
        command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = Ran::of(command.output().unwrap());
        let told = format!("Packages.{form} of archive mirror: it unpacks to more than the {size} bytes that it may have");
        assert!(ran.code == 1 && ran.stdout.contains(&told), "{told}: {ran}");
    }
}

#[test]
fn a_package_that_lies_is_named_and_nothing_of_it_is_used() {
    let regular = b'0';
    let control = |name: &str| format!("Package: {name}\nVersion: 9\nArchitecture: all\nMaintainer: x\nDescription: x\n");
    for (name, data, told) in [
        ("../../evil", ("./a", regular), "evil_9_all.deb: control.tar: control file: Package '../../evil' is not valid"),
        ("evil", ("./dev/sda", b'4'), "data.tar: entry './dev/sda': it is a device node, which no package may hold"),
        ("evil", ("./../../etc/passwd", regular), "entry './../../etc/passwd': its name has a part that is empty, '.' or '..'"),
        ("evil", ("/etc/passwd", regular), "entry '/etc/passwd': its name is absolute"),
    ] {
        let harbour = Harbour::new();
        harbour.configure(&[("seeds = [\"htop\"]", "seeds = [\"htop\", \"evil\"]\ncontents = true\nsources = \"none\"")]);
        let members = [
            ("debian-binary".to_owned(), b"2.0\n".to_vec()),
            ("control.tar".to_owned(), tar_of("./control", regular, control(name).as_bytes())),
            ("data.tar".to_owned(), tar_of(data.0, data.1, b"")),
        ];
        fs_err::write(harbour.path("overlay/evil_9_all.deb"), ar(&members)).unwrap();
        let ran = harbour.doomed();
        assert!(ran.stdout.contains(told), "{told}: {ran}");
    }
    // Its file is called otherwise than it: it counts as what it says of itself.
    let harbour = Harbour::new();
    let package = Deb::new("anchor", "1", "all").compression(Compression::Gzip).build();
    fs_err::write(harbour.path("overlay/harbour-release_9.0_all.deb"), package).unwrap();
    let (_, compose) = harbour.compose(&["--skip", "rootfs"]);
    assert!(compose.packages("Base", "amd64").contains(&"harbour-release_1.0_all".to_owned()));
}

#[test]
fn a_target_in_a_folder_that_is_searched_for_packages_is_refused() {
    let harbour = Harbour::new();
    fs_err::create_dir(harbour.path("overlay/composes")).unwrap();
    let ran = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "overlay/composes"]);
    let told = format!(
        "the target folder {} lies in {}, which is searched for packages\n",
        harbour.text("overlay/composes"),
        harbour.text("overlay")
    );
    assert!(ran.code == 2 && ran.stderr.contains(&told) && ran.stderr.contains("--target-dir"), "{ran}");
    assert_eq!(fs_err::read_dir(harbour.path("overlay/composes")).unwrap().count(), 0);

    let distribution = Distribution::new(&["pond"], "pkgset_repos = {'*': ['composes']}");
    distribution.add("composes", &Rpm::new("pond", "1", "1", "x86_64"));
    let ran = distribution.compose(&[]);
    assert!(ran.code == 1 && ran.stderr.contains("which is searched for packages\n"), "{ran}");
}

#[test]
fn ten_thousand_variants_are_many_and_no_danger() {
    use std::fmt::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let release = "[release]\nname = \"Bench\"\nshort = \"bench\"\nversion = \"1\"\n";
    let mut deb = format!("{release}codename = \"bench\"\n[archives.own]\noverlay = \"overlay\"\n");
    let mut rpm = format!(
        "ecosystem = \"rpm\"\n{release}[packages]\nrepositories = {{ \"*\" = [\"served\"] }}\n[comps]\nfile = \"comps.xml\"\n"
    );
    for number in 0..10_000 {
        let _ = write!(deb, "[variants.V{number}]\narches = [\"amd64\"]\nseeds = [\"a\"]\n");
        let _ = write!(rpm, "[variants.V{number}]\narches = [\"x86_64\"]\ngroups = [\"core\"]\n");
    }
    fs_err::write(folder.path().join("deb.toml"), deb).unwrap();
    fs_err::write(folder.path().join("rpm.toml"), rpm).unwrap();
    fs_err::write(folder.path().join("comps.xml"), "<comps></comps>").unwrap();
    fs_err::create_dir(folder.path().join("overlay")).unwrap();
    let charmer = |words: &[&str]| super::Charmer { folder: Some(folder.path()), variables: &[] }.run(words);
    for config in ["deb.toml", "rpm.toml"] {
        let ran = charmer(&["config", "check", config]);
        assert!(
            ran.code == 0 && ran.stdout.contains("10000 variants"),
            "{} {}",
            ran.code,
            &ran.stderr[..ran.stderr.len().min(2000)]
        );
    }
    // The same mistake in each of them is shown often enough.
    let text = fs_err::read_to_string(folder.path().join("deb.toml")).unwrap().replace("seeds = ", "seed = ");
    fs_err::write(folder.path().join("wrong.toml"), text).unwrap();
    let ran = charmer(&["config", "check", "wrong.toml"]);
    assert!(ran.code == 2 && ran.stderr.starts_with("error: 10000 problems in the configuration\n"), "{}", ran.code);
    assert!(ran.stderr.len() < 20_000 && ran.stderr.contains("\n... and 9950 more\n"), "{}", ran.stderr);
    let plan = charmer(&["plan", "deb.toml", "--format", "json"]);
    assert!(plan.code == 0 && plan.stdout.contains("\"gather:V9999.amd64\""), "{}", plan.code);
}
