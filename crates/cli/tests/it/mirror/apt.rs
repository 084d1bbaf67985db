//! Repositories, as apt, debootstrap and mmdebstrap take them over HTTP: from the composed repository alone, by its key.

use std::path::{Path, PathBuf};
use std::process::Command;

use charmer_testkit::http_server::HttpServer;

use super::{Compose, DPKG_FORMAT, Workshop, outcome, run};

/// An apt of its own, with no package installed.
pub(super) struct Apt {
    folder: PathBuf,
}

impl Apt {
    pub(super) fn new(folder: PathBuf, source: &str) -> Self {
        for name in ["lists/partial", "cache/archives/partial", "downloads"] {
            fs_err::create_dir_all(folder.join(name)).unwrap();
        }
        fs_err::write(folder.join("status"), "").unwrap();
        fs_err::write(folder.join("sources.list"), source).unwrap();
        let root = folder.display();
        let configuration = format!(
            "Dir::State \"{root}\";\nDir::State::lists \"{root}/lists\";\nDir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}/cache\";\nDir::Etc::SourceList \"{root}/sources.list\";\nDir::Etc::SourceParts \"/dev/null\";\n\
             Dir::Etc::Preferences \"/dev/null\";\nDir::Etc::PreferencesParts \"/dev/null\";\nDir::Etc::Trusted \"/dev/null\";\n\
             Dir::Etc::TrustedParts \"/dev/null\";\nAPT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; \"arm64\"; }};\n\
             APT::Sandbox::User \"root\";\nAcquire::By-Hash \"force\";\nDebug::NoLocking \"1\";\n"
        );
        fs_err::write(folder.join("apt.conf"), configuration).unwrap();
        Self { folder }
    }

    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        // On the command line, because images of Debian for containers have settings that leave descriptions out.
        command
            .args(["-o", "Acquire::Languages=en"])
            .args(&words[1..])
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .current_dir(self.folder.join("downloads"));
        command
    }

    pub(super) fn run(&self, words: &[&str]) -> String {
        run(&mut self.command(words))
    }
}

/// The repository of a variant, over HTTP.
fn serve(compose: &Compose, variant: &str) -> HttpServer {
    let server = HttpServer::start();
    server.serve_folder("/", &compose.repository(variant)).unwrap();
    server
}

fn entry(kind: &str, key: &Path, server: &HttpServer) -> String {
    format!("{kind} [signed-by={}] {}/ quay main\n", key.display(), server.url())
}

pub(super) fn updates(workshop: &Workshop, compose: &Compose) {
    let server = serve(compose, "Base");
    let key = compose.public_key();
    let apt = Apt::new(workshop.new_folder("apt"), &(entry("deb", &key, &server) + &entry("deb-src", &key, &server)));
    let (code, _, warnings) = outcome(&mut apt.command(&["apt-get", "update"]));
    assert_eq!((code, warnings.as_str()), (Some(0), ""));
    let asked = server.paths();
    let indexes: Vec<_> = asked.iter().filter(|path| path.contains("/main/")).collect();
    let by_digest = |path: &&&String| path.contains("/by-hash/SHA256/");
    assert!(indexes.len() >= 4 && indexes.iter().all(|path| by_digest(&path)), "{indexes:?}");

    apt.run(&["apt-get", "download", "harbour-release", "libc6", "libc6:arm64"]);
    let downloads = fs_err::read_dir(apt.folder.join("downloads")).unwrap().count();
    assert_eq!(downloads, 3);

    let other = Apt::new(workshop.new_folder("apt-other-key"), &entry("deb", &other_key(workshop), &server));
    let (code, _, errors) = outcome(&mut other.command(&["apt-get", "update"]));
    assert!(code == Some(100) && errors.contains("NO_PUBKEY"), "{errors}");
}

fn other_key(workshop: &Workshop) -> PathBuf {
    let (secret, public) = (workshop.path("other/secret.asc"), workshop.path("other/public.asc"));
    run(Command::new(Path::new(super::EXAMPLES).join("harbour/make-key")).arg(secret).arg(&public));
    public
}

pub(super) fn sources(workshop: &Workshop, compose: &Compose) {
    let server = serve(compose, "Base");
    let apt = Apt::new(workshop.new_folder("apt-source"), &entry("deb-src", &compose.public_key(), &server));
    apt.run(&["apt-get", "update"]);
    apt.run(&["apt-get", "source", "harbour-release"]);
    let text = fs_err::read_to_string(apt.folder.join("downloads/harbour-release-13.1/harbour-release")).unwrap();
    assert_eq!(text, "Harbour Linux 13.1 (quay)\n");
}

pub(super) fn descriptions_and_contents(workshop: &Workshop, compose: &Compose) {
    let server = serve(compose, "Base");
    let apt = Apt::new(workshop.new_folder("apt-cache"), &entry("deb", &compose.public_key(), &server));
    apt.run(&["apt-get", "update"]);
    for (package, sentence) in
        [("harbour-release", "The name and version of the release"), ("coreutils", "basic file, shell and text manipulation")]
    {
        let shown = apt.run(&["apt-cache", "show", package]);
        assert!(shown.contains("\nDescription-en: ") && shown.contains(sentence), "{shown}");
    }

    apt.run(&["apt-get", "download", "fping"]);
    let deb = super::only_file(&apt.folder.join("downloads"), ".deb");
    let listed = run(Command::new("dpkg-deb").arg("--contents").arg(&deb));
    // Contents has files and links, no folders, each without the leading `./`.
    let files = listed.lines().filter(|line| !line.starts_with('d')).map(|line| line.split_whitespace().nth(5).unwrap());
    let mut expected: Vec<String> = files.map(|path| path.trim_start_matches("./").to_owned()).collect();
    expected.sort();
    let contents = run(Command::new("zcat").arg(compose.repository("Base").join("dists/quay/main/Contents-amd64.gz")));
    let line =
        |line: &str| line.rsplit_once(char::is_whitespace).map(|(path, packages)| (path.trim().to_owned(), packages.to_owned()));
    let of_fping = contents.lines().filter_map(line).filter(|(_, packages)| packages == "net/fping").map(|(path, _)| path);
    let mut found: Vec<String> = of_fping.collect();
    found.sort();
    assert!(expected.len() > 3, "{expected:?}");
    assert_eq!(found, expected);
}

pub(super) fn mmdebstrap(workshop: &Workshop, compose: &Compose) {
    let server = serve(compose, "Base");
    let tree = workshop.path("mmdebstrap");
    let mut command = Command::new("mmdebstrap");
    command.args(["--mode=root", "--variant=apt", "--arch=amd64", "--include=harbour-release", "quay"]).arg(&tree);
    run(command.arg(entry("deb", &compose.public_key(), &server)));

    let chroot = |words: &[&str]| run(Command::new("chroot").arg(&tree).args(words).env("DEBIAN_FRONTEND", "noninteractive"));
    assert_eq!(chroot(&["cat", "/etc/harbour-release"]), "Harbour Linux 13.1 (quay)\n");
    // The suite's own apt, which verifies with other code than this machine's, by the key that a package has brought.
    let keyring = "/usr/share/keyrings/harbour-archive-keyring.asc";
    fs_err::write(tree.join("etc/apt/sources.list"), entry("deb", Path::new(keyring), &server)).unwrap();
    chroot(&["apt-get", "update", "--error-on=any", "-o", "Acquire::By-Hash=force"]);
    chroot(&["apt-get", "install", "--yes", "fping", "ca-certificates"]);
    assert!(chroot(&["apt-cache", "policy", "fping"]).contains(&server.url()));
    assert_eq!(chroot(&["dpkg", "--audit"]), "");
    compose.assert_locked(&chroot(&["dpkg-query", "--show", "--showformat", DPKG_FORMAT]));
}

pub(super) fn debootstrap(workshop: &Workshop, compose: &Compose) {
    let server = serve(compose, "Base");
    let (tree, keyring) = (workshop.path("debootstrap"), workshop.path("harbour.gpg"));
    run(Command::new("gpg").args(["--batch", "--dearmor", "--output"]).arg(&keyring).arg(compose.public_key()));
    let key = format!("--keyring={}", keyring.display());
    let mut command = Command::new("debootstrap");
    run(command.args(["--arch=amd64", "--variant=minbase", &key, "quay"]).arg(&tree).args([&server.url(), "sid"]));
    let chroot = |words: &[&str]| run(Command::new("chroot").arg(&tree).args(words));
    assert_eq!(chroot(&["dpkg", "--audit"]), "");
    compose.assert_locked(&chroot(&["dpkg-query", "--show", "--showformat", DPKG_FORMAT]));
}
