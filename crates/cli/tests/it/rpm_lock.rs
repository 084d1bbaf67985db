//! `charmer lock` of RPM composes, and composes from locks: without repository metadata, over the network and without it.

use std::collections::BTreeMap;
use std::path::Path;

use charmer_testkit::http_server::HttpServer;
use charmer_testkit::rpm_file::Rpm;

use super::Ran;
use super::native_rpm::{Harbour, REPOSITORY};

const CONFIG: &str = "examples/harbour-rpm.toml";
const LOCK: &str = "examples/charmer.lock";
/// Where a compose of RPM packages has its lock.
pub(super) const COMPOSED_LOCK: &str = "logs/global/charmer.lock";

impl Harbour {
    fn lock(&self, more: &str) -> String {
        let ran = self.charmer(&format!("lock {CONFIG} --quiet{more}"));
        assert_eq!(ran.code, 0, "{ran}");
        ran.stdout
    }

    pub(super) fn compose(&self, target: &str, more: &str, code: i32) -> Ran {
        fs_err::create_dir_all(self.path(target)).unwrap();
        let ran = self.charmer(&format!("compose {CONFIG} --target-dir {target}{more}"));
        assert_eq!(ran.code, code, "{ran}");
        ran
    }

    fn text(&self, path: &str) -> String {
        fs_err::read_to_string(self.path(path)).unwrap()
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.text(path);
        assert!(text.contains(from), "{from}");
        fs_err::write(self.path(path), text.replace(from, to)).unwrap();
    }

    /// The versions that a lock has of a name, in its order.
    fn versions(&self, name: &str) -> Vec<String> {
        let text = self.text(LOCK);
        let stanzas = text.split("\n\n").filter(|stanza| stanza.starts_with(&format!("Package: {name}\n")));
        let field = |stanza: &str, name: &str| {
            let prefix = format!("{name}: ");
            stanza.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
        };
        stanzas.map(|stanza| format!("{}.{}", field(stanza, "Version"), field(stanza, "Architecture"))).collect()
    }

    /// Everything that a compose ships, by path, without the day and number of its name.
    fn shipped(&self, compose: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(compose).canonicalize().unwrap();
        let id = fs_err::read_to_string(root.join("COMPOSE_ID")).unwrap();
        let mut files = BTreeMap::new();
        read_below(&root.join("compose"), "", &mut files);
        let plain = |text: &str| text.replace(&id, "ID");
        files.into_iter().map(|(path, content)| (plain(&path), content)).collect()
    }

    /// From now on the configuration's packages come from a server.
    pub(super) fn serve(&self) -> HttpServer {
        let server = HttpServer::start();
        server.serve_folder("/os/", &self.path(REPOSITORY)).unwrap();
        self.replace(CONFIG, "../target/demo/rpms", &format!("{}/os", server.url()));
        server
    }
}

fn read_below(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            read_below(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs_err::read(path).unwrap());
        }
    }
}

#[test]
fn the_lock_changes_only_as_far_as_it_is_told_to() {
    let harbour = Harbour::new().with_packages();
    assert_eq!(harbour.lock(""), format!("{LOCK}: 17 packages locked\n"));
    let first = harbour.text(LOCK);
    let beginning = "Charmer-Lock: 1\nEcosystem: rpm\n\nRepository: ";
    assert!(first.starts_with(beginning) && first.contains("/target/demo/rpms\nRepomd-Sha256: "), "{first}");
    assert!(first.contains("\n\nPackage: nginx\nEpoch: 0\nVersion: 1\nRelease: 1\nArchitecture: x86_64\nSha256: "), "{first}");
    assert!(first.contains("\nSource: nginx-1-1.src.rpm\n") && first.contains("\nPath: nginx-1-1.x86_64.rpm\n"), "{first}");
    assert!(!first.contains("harbour-firmware-1-1.aarch64.rpm"), "what nothing takes is not locked: {first}");
    assert_eq!(harbour.lock(""), format!("{LOCK}: 17 packages, nothing changed\n"));
    assert_eq!(harbour.text(LOCK), first);

    for name in ["nginx", "bash"] {
        harbour.add(name, "2");
    }
    harbour.publish(&[]);
    let old = ["1.aarch64", "1.src", "1.x86_64"];
    let new = ["2.aarch64", "2.src", "2.x86_64"];
    harbour.lock("");
    assert_eq!((harbour.versions("nginx"), harbour.versions("bash")), (old.map(Into::into).into(), old.map(Into::into).into()));

    let said = harbour.lock(" --update nginx");
    assert_eq!((harbour.versions("nginx"), harbour.versions("bash")), (new.map(Into::into).into(), old.map(Into::into).into()));
    let expected = "changed nginx:aarch64 1-1 -> 2-1\nchanged nginx:src 1-1 -> 2-1\nchanged nginx:x86_64 1-1 -> 2-1\n";
    assert_eq!(said, format!("{expected}{LOCK}: 17 packages, 3 changes\n"));

    let said = harbour.lock(" --update");
    assert_eq!(harbour.versions("bash"), new);
    assert!(said.contains("changed bash:src 1-1 -> 2-1") && !said.contains("nginx"), "{said}");

    let unknown = harbour.charmer(&format!("lock {CONFIG} --update ngin"));
    assert_eq!(unknown.code, 2, "{unknown}");
    assert!(unknown.stderr.contains("the lock has no package or source of the name 'ngin'"), "{unknown}");
    assert_eq!(
        fs_err::read_dir(harbour.path(".cache/charmer"))
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("locking-") })
            .count(),
        0
    );
}

#[test]
fn what_the_repository_lists_no_more_stays_locked() {
    let harbour = Harbour::new().with_packages();
    harbour.lock("");
    let first = harbour.text(LOCK);
    harbour.add("nginx", "2");
    harbour.publish(&["nginx-1-*"]);
    assert_eq!(harbour.lock(""), format!("{LOCK}: 17 packages, nothing changed\n"));
    let packages = |text: &str| text.split_once("\n\nPackage: ").unwrap().1.to_owned();
    assert_eq!(packages(&harbour.text(LOCK)), packages(&first));
    harbour.compose("composes", " --locked", 0);
    assert!(harbour.files("composes/latest-Harbour-1/compose", ".rpm").contains(&"nginx-1-1.x86_64.rpm".to_owned()));

    fs_err::remove_file(harbour.path(REPOSITORY).join("nginx-1-1.aarch64.rpm")).unwrap();
    let gone = harbour.charmer(&format!("lock {CONFIG} --quiet"));
    assert_eq!(gone.code, 1, "{gone}");
    assert!(gone.stderr.contains("nginx-1-1.aarch64.rpm"), "{gone}");
    harbour.lock(" --update nginx");
    assert_eq!(harbour.versions("nginx"), ["2.aarch64", "2.src", "2.x86_64"]);
}

#[test]
fn a_lock_gives_the_same_tree_without_any_metadata() {
    let harbour = Harbour::new().with_packages();
    harbour.compose("composes", "", 0);
    let lock = format!("composes/latest-Harbour-1/{COMPOSED_LOCK}");
    harbour.lock("");
    assert_eq!(harbour.text(&lock), harbour.text(LOCK), "a compose has the lock that `charmer lock` writes");
    harbour.add("nginx", "2");
    fs_err::remove_dir_all(harbour.path(REPOSITORY).join("repodata")).unwrap();
    harbour.compose("again", &format!(" --lock {lock}"), 0);
    harbour.compose("locked", " --locked", 0);
    let first = harbour.shipped("composes/latest-Harbour-1");
    assert!(first.keys().any(|path| path.contains("/iso/")) && first.contains_key("Server/x86_64/os/repodata/repomd.xml"));
    for target in ["again", "locked"] {
        let compose = format!("{target}/latest-Harbour-1");
        assert_eq!(harbour.text(&format!("{compose}/{COMPOSED_LOCK}")), harbour.text(LOCK));
        let other = harbour.shipped(&compose);
        assert_eq!(first.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (path, content) in &first {
            assert!(other[path] == *content, "{target}: {path} differs");
        }
        let resumed = harbour.charmer(&format!("resume {compose}"));
        assert_eq!(resumed.code, 0, "{resumed}");
    }
    // Newer packages are there, for who asks for them.
    harbour.publish(&[]);
    harbour.compose("newer", "", 0);
    assert!(harbour.files("newer/latest-Harbour-1/compose", ".rpm").contains(&"nginx-2-1.x86_64.rpm".to_owned()));
}

#[test]
fn a_lock_that_does_not_fit_is_refused_before_the_compose_begins() {
    let harbour = Harbour::new().with_packages();
    let refused = |more: &str, reasons: &[&str]| {
        let ran = harbour.compose("composes", more, 2);
        for reason in reasons {
            assert!(ran.stdout.is_empty() && ran.stderr.contains(reason), "{reason}: {ran}");
        }
        assert_eq!(fs_err::read_dir(harbour.path("composes")).unwrap().count(), 0, "no folder is made for it");
    };
    refused(" --locked", &["charmer.lock"]);
    harbour.lock("");
    let example = harbour.text(CONFIG);
    harbour.replace(CONFIG, "additional_packages = [\"harbour-firmware\"]", "additional_packages = [\"harbour-logo\"]");
    let reason = "the package `harbour-logo` is asked for, and not locked";
    refused(" --locked", &["the lock does not fit the configuration:\n", reason, "run `charmer lock`"]);
    refused(&format!(" --lock {LOCK}"), &[reason]);
    fs_err::write(harbour.path(CONFIG), &example).unwrap();

    harbour.replace(CONFIG, "../target/demo/rpms", "../target/demo/others");
    refused(" --locked", &["it takes packages from the repository /", "/target/demo/rpms, which is not configured"]);
    harbour.replace(CONFIG, "\"../target/demo/others\"", "\"../target/demo/rpms\", \"../target/demo/others\"");
    refused(" --locked", &["the lock was not made from the repository /", "/target/demo/others"]);
    fs_err::write(harbour.path(CONFIG), &example).unwrap();

    let file = harbour.path(REPOSITORY).join("bash-1-1.x86_64.rpm");
    let bytes = fs_err::read(&file).unwrap();
    fs_err::write(&file, [&bytes[..], b"more"].concat()).unwrap();
    refused(" --locked", &["bash-1-1.x86_64: /", &format!("has {} bytes, not {}", bytes.len() + 4, bytes.len())]);
    fs_err::remove_file(&file).unwrap();
    refused(" --locked", &["bash-1-1.x86_64: ", "bash-1-1.x86_64.rpm"]);

    let deb = harbour.text(LOCK).split("\n\n").next().unwrap().replace("rpm", "deb\nDate: 1") + "\n";
    fs_err::write(harbour.path("deb.lock"), deb).unwrap();
    refused(" --lock deb.lock", &["the lock holds Debian packages, but the configuration is one of RPM packages"]);
}

#[test]
fn what_only_gathering_tells_dooms_a_compose_from_a_lock() {
    let harbour = Harbour::new().with_packages();
    harbour.lock("");
    let comps = "examples/harbour-rpm/comps.xml";
    let groups = harbour.text(comps);
    harbour.replace(comps, ">nginx<", ">lighttpd<");
    harbour.add("lighttpd", "1");
    harbour.publish(&[]);
    for lock in [" --locked".to_owned(), format!(" --lock {LOCK}")] {
        let ran = harbour.compose("composes", &lock, 1);
        // On one arch or the other: with the first failure nothing more is begun.
        let reason =
            |arch| format!("the lock does not fit the configuration: Server.{arch}: No package matches pattern lighttpd");
        assert!(["x86_64", "aarch64"].into_iter().any(|arch| ran.stdout.contains(&reason(arch))), "{ran}");
        assert!(ran.stdout.contains("run `charmer lock`"), "{ran}");
        assert!(!harbour.path("composes").join("latest-Harbour-1").exists());
    }
    // What is not needed any more is no reason to refuse a lock that is given by name.
    fs_err::write(harbour.path(comps), groups.replace(">nginx<", ">bash<")).unwrap();
    let ran = harbour.compose("composes", " --locked", 1);
    assert!(ran.stdout.contains("the lock does not fit the configuration: removed nginx:aarch64 1-1, "), "{ran}");
    let ran = harbour.compose("composes", &format!(" --lock {LOCK}"), 0);
    assert!(ran.stdout.contains("removed nginx:aarch64 1-1") && ran.stdout.contains("hint: run `charmer lock`"), "{ran}");
    assert!(!harbour.text(&format!("composes/latest-Harbour-1/{COMPOSED_LOCK}")).contains("nginx"));
    fs_err::write(harbour.path(comps), groups).unwrap();

    let file = harbour.path(REPOSITORY).join("nginx-1-1.src.rpm");
    let mut bytes = fs_err::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs_err::write(&file, bytes).unwrap();
    let ran = harbour.compose("composes", " --locked", 1);
    assert!(ran.stdout.contains("nginx-1-1.src.rpm: it is not the package that its repository names"), "{ran}");
}

#[test]
fn from_servers_a_lock_needs_the_packages_only_and_offline_the_cache() {
    let harbour = Harbour::new().with_packages();
    let server = harbour.serve();
    assert_eq!(harbour.lock(""), format!("{LOCK}: 17 packages locked\n"));
    harbour.compose("first", "", 0);
    server.remove_all("/os/repodata/");
    fs_err::remove_dir_all(harbour.path(".cache")).unwrap();
    let asked = server.paths().len();
    harbour.compose("locked", " --locked", 0);
    let paths = server.paths().split_off(asked);
    assert_eq!(paths.len(), 17, "each package once, and nothing else: {paths:?}");
    drop(server);
    harbour.compose("offline", " --locked --offline", 0);
    let first = harbour.shipped("first/latest-Harbour-1");
    for target in ["locked", "offline"] {
        assert!(harbour.shipped(&format!("{target}/latest-Harbour-1")) == first, "{target}");
    }
    fs_err::remove_dir_all(harbour.path(".cache")).unwrap();
    let ran = harbour.compose("none", " --locked --offline", 1);
    for package in ["bash-1-1.src.rpm", "nginx-1-1.x86_64.rpm"] {
        let line = format!("/os/{package}: it is not in the cache, and the network is not to be used");
        assert!(ran.stdout.contains(&line), "{package}: {ran}");
    }
}

#[test]
fn a_server_that_moved_on_has_its_older_packages_kept_and_others_refused() {
    let harbour = Harbour::new().with_packages();
    let server = harbour.serve();
    harbour.lock("");
    harbour.add("nginx", "2");
    harbour.publish(&["nginx-1-*"]);
    server.clear();
    server.serve_folder("/os/", &harbour.path(REPOSITORY)).unwrap();
    server.remove("/os/nginx-1-1.x86_64.rpm");
    assert_eq!(harbour.lock(""), format!("{LOCK}: 17 packages, nothing changed\n"), "the cache has it");
    fs_err::remove_dir_all(harbour.path(".cache")).unwrap();
    let gone = harbour.charmer(&format!("lock {CONFIG} --quiet"));
    assert_eq!(gone.code, 1, "{gone}");
    assert!(gone.stderr.contains("/os/nginx-1-1.x86_64.rpm: the server does not have it"), "{gone}");
    server.serve("/os/nginx-1-1.x86_64.rpm", fs_err::read(harbour.path(REPOSITORY).join("bash-1-1.x86_64.rpm")).unwrap());
    let other = harbour.compose("composes", " --locked", 1);
    assert!(other.stdout.contains("/os/nginx-1-1.x86_64.rpm: it is not the file"), "{other}");
}

#[test]
fn hostile_locks_are_errors_at_their_lines() {
    let harbour = Harbour::new().with_packages();
    harbour.lock("");
    let lock = harbour.text(LOCK);
    let first = lock.split("\n\n").find(|entry| entry.starts_with("Package: ")).unwrap();
    for (from, to, reason) in [
        ("\nPath: bash-1-1.src.rpm", "\nPath: ../../bash-1-1.src.rpm", "is not a plain relative path"),
        ("\nPath: bash-1-1.src.rpm", "\nPath: /etc/passwd", "is not a plain relative path"),
        ("\nSize: ", "\nSize: 99999999999999", "is not the size of such a file"),
        ("\nVersion: 1\n", "\nVersion: 1\u{1b}[2J\n", "is not one word"),
        ("\n\nPackage: ", &format!("\n\n{first}\n\nPackage: "), "is there twice, first in line"),
        ("\nEcosystem: rpm", "\nEcosystem: tar", "Ecosystem is 'tar', neither deb nor rpm"),
    ] {
        assert!(lock.contains(from), "{from}");
        fs_err::write(harbour.path(LOCK), lock.replacen(from, to, 1)).unwrap();
        for ran in [harbour.charmer(&format!("lock {CONFIG} --quiet")), harbour.compose("composes", " --locked", 2)] {
            assert_eq!(ran.code, 2, "{from}: {ran}");
            assert!(ran.stderr.contains("charmer.lock:") && ran.stderr.contains(reason), "{reason}: {ran}");
            assert!(!ran.stderr.contains('\u{1b}'), "{ran}");
        }
    }
    assert_eq!(fs_err::read_dir(harbour.path("composes")).unwrap().count(), 0);

    // What only the file tells: the lock says of it that it is another package.
    fs_err::write(
        harbour.path(LOCK),
        lock.replacen("Version: 1\nRelease: 1\nArchitecture: aarch64", "Version: 9\nRelease: 1\nArchitecture: aarch64", 1),
    )
    .unwrap();
    let ran = harbour.compose("composes", " --locked", 1);
    assert!(ran.stdout.contains("it holds bash-1-1.aarch64 of bash-1-1.src.rpm, but the lock says bash-9-1.aarch64"), "{ran}");
}

#[test]
fn a_configuration_of_pungi_is_locked_too() {
    let harbour = Harbour::new().with_packages();
    harbour.pungi();
    let ran = harbour.charmer("lock pungi/harbour.conf --quiet");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "pungi/charmer.lock: 6 packages locked\n"), "{ran}");
    fs_err::remove_dir_all(harbour.path(REPOSITORY).join("repodata")).unwrap();
    fs_err::create_dir(harbour.path("composes")).unwrap();
    let ran = harbour.charmer("compose pungi/harbour.conf --target-dir composes --locked");
    assert_eq!(ran.code, 0, "{ran}");
    let compose = "composes/latest-Harbour-1";
    assert_eq!(harbour.text(&format!("{compose}/{COMPOSED_LOCK}")), harbour.text("pungi/charmer.lock"));
    assert!(!harbour.path(compose).join("compose/metadata/charmer.lock").exists(), "Pungi's trees have no such file");
    let ran = harbour.charmer(&format!("verify {compose}"));
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn a_package_that_was_built_anew_under_its_name_empties_no_lock() {
    let harbour = Harbour::new().with_packages();
    harbour.lock("");
    let first = harbour.text(LOCK);
    let rebuilt = Rpm { description: "built anew".to_owned(), ..Rpm::new("nginx", "1", "1", "x86_64") };
    rebuilt.write_to(&harbour.path(REPOSITORY));
    harbour.publish(&[]);
    let refused = harbour.charmer(&format!("lock {CONFIG} --quiet"));
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("nginx-1-1.x86_64.rpm is another file than the lock has"), "{refused}");
    assert_eq!(harbour.text(LOCK), first, "the lock stays as it was");
    let logs = refused.stderr.split_whitespace().map(|word| word.trim_matches(['\'', '(', ')', ',', ':']));
    let logs: Vec<&str> = logs.filter(|word| Path::new(word).extension().is_some_and(|ending| ending == "log")).collect();
    assert!(!logs.is_empty() && logs.iter().all(|log| harbour.path(log).is_file()), "logs are there to be read: {refused}");
}

#[test]
fn what_was_broken_when_it_was_locked_may_be_broken_in_other_words() {
    let harbour = Harbour::new().with_packages();
    let add = |name: &str, version: &str, requires: &[&str]| {
        let mut package = Rpm::new(name, version, "1", "noarch");
        package.provides.add_text(&format!("{name} = {version}-1"));
        for requirement in requires {
            package.requires.add_text(requirement);
        }
        package.write_to(&harbour.path(REPOSITORY));
    };
    add("harbour-logo", "1", &["torn", "plain"]);
    add("torn", "1", &["sail < 2", "sail > 1"]);
    add("plain", "1", &[]);
    add("sail", "1", &[]);
    add("sail", "2", &[]);
    harbour.publish(&[]);
    harbour.replace(CONFIG, "createrepo_checksum", "check_deps = false\ngather_method = \"hybrid\"\ncreaterepo_checksum");
    harbour.replace(CONFIG, "[\"harbour-firmware\"]", "[\"harbour-firmware\", \"harbour-logo\"]");
    harbour.lock("");
    let locked = harbour.text(LOCK);
    assert!(locked.contains("harbour-logo.noarch requires torn"), "{locked}");
    assert!(!locked.contains("harbour-logo.noarch requires plain") && !locked.contains("Package: plain\n"), "{locked}");
    let ran = harbour.compose("composes", " --locked", 0);
    assert!(ran.stdout.contains("harbour-logo"), "{ran}");
}

#[test]
fn what_filters_leave_out_of_groups_is_no_fault_of_a_lock() {
    let harbour = Harbour::new().with_packages();
    harbour.replace(CONFIG, "createrepo_checksum", "require_all_comps_packages = true\ncreaterepo_checksum");
    harbour.replace(CONFIG, "additional_packages = [\"harbour-release\"]", "filter_packages = [\"nginx\"]");
    let optional = "[variants.Server-optional.options]\nfilter_packages = [\"nginx\"]\n";
    fs_err::write(harbour.path(CONFIG), format!("{}\n{optional}", harbour.text(CONFIG))).unwrap();
    harbour.lock("");
    assert_eq!(harbour.versions("nginx"), [""; 0], "it is filtered");
    harbour.compose("composes", " --locked", 0);
}

#[test]
fn a_stale_lock_is_refused_also_when_selections_are_taken_over() {
    let harbour = Harbour::new().with_packages();
    harbour.lock("");
    let stale = harbour.text(LOCK);
    let nginx = "<packagereq type=\"mandatory\">nginx</packagereq>";
    let more = format!("{nginx}<packagereq type=\"mandatory\">lighttpd</packagereq>");
    harbour.replace("examples/harbour-rpm/comps.xml", nginx, &more);
    harbour.lock("");
    assert!(harbour.text(LOCK).contains("lighttpd"), "that it is not there is locked too");
    harbour.compose("composes", " --locked", 0);
    fs_err::write(harbour.path(LOCK), stale).unwrap();
    let ran = harbour.compose("composes", " --locked --old-composes composes", 1);
    let reason = |arch| format!("the lock does not fit the configuration: Server.{arch}: No package matches pattern lighttpd");
    assert!(["x86_64", "aarch64"].into_iter().any(|arch| ran.stdout.contains(&reason(arch))), "{ran}");
}
