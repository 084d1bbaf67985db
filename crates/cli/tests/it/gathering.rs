//! What the configuration says about packages, and what variants then hold.

use charmer_testkit::deb::debs_from_text;

use super::harbour::{Compose, Harbour};

const SERVER: &str = "seeds = [\"openssh-server\"]";
const NO_SOURCES: (&str, &str) = ("[limits]", "[gather]\nsources = \"none\"\n\n[limits]");

impl Harbour {
    /// A compose as far as its lock and its repositories, from a mirror with more packages.
    fn with(&self, packages: &str, changes: &[(&str, &str)]) -> Compose {
        self.add(packages);
        self.publish("2024-06-02");
        self.configure(changes);
        self.compose(&["--skip", "rootfs"]).1
    }
}

/// What the server holds over its parent, without versions.
fn server(compose: &Compose, arch: &str) -> Vec<String> {
    let base = compose.packages("Base", arch);
    let names = compose.packages("Server", arch).into_iter().filter(|package| !base.contains(package));
    names.map(|package| package.split('_').next().unwrap().to_owned()).collect()
}

#[test]
fn seeds_may_be_classes_tasks_sources_patterns_and_of_one_arch() {
    let harbour = Harbour::new();
    let compose = harbour.with(
        "Package: init\nPriority: important\n\nPackage: mail\nPriority: standard\n\nPackage: task-web\nDepends: web\n\nPackage: web\n\n\
         Package: task-print\n\nPackage: libquay1\nSource: quay\n\nPackage: quay-tools\nSource: quay (2.0)\n\n\
         Package: grub-pc\nArchitecture: amd64\n\nPackage: unwanted\n",
        &[(
            SERVER,
            "seeds = [\"priority:important\", \"task-*\", \"source:quay\", \"lib?sl3\", { seed = \"grub-pc\", arches = [\"amd64\"] }]",
        )],
    );
    let all = ["init", "libquay1", "libssl3", "quay-tools", "task-print", "task-web", "web"];
    assert_eq!(server(&compose, "arm64"), all);
    assert_eq!(server(&compose, "amd64"), [&["grub-pc"], &all[..]].concat());
}

#[test]
fn recommendations_follow_the_policy_of_all_of_a_variant_and_of_a_package() {
    let harbour = Harbour::new();
    let packages = "Package: mailer\nDepends: agent\nRecommends: docs\n\nPackage: agent\nRecommends: spam-filter\n\nPackage: docs\n\n\
                    Package: spam-filter\nRecommends: gone\n";
    let seeds = (SERVER, "seeds = [\"mailer\"]");
    assert_eq!(server(&harbour.with(packages, &[seeds]), "amd64"), ["agent", "mailer"]);
    let of_all = ("[limits]", "[gather]\nrecommends = true\n\n[limits]");
    assert_eq!(server(&harbour.with("", &[seeds, of_all]), "amd64"), ["agent", "docs", "mailer", "spam-filter"]);
    let of_variant = (SERVER, "seeds = [\"mailer\"]\nrecommends = false");
    assert_eq!(server(&harbour.with("", &[of_variant, of_all]), "amd64"), ["agent", "mailer"]);
    let of_package = (SERVER, "seeds = [\"mailer\"]\nrecommends-of = { agent = true }");
    assert_eq!(server(&harbour.with("", &[of_package]), "amd64"), ["agent", "mailer", "spam-filter"]);
}

#[test]
fn a_lookaside_archive_answers_and_is_not_shipped() {
    let harbour = Harbour::new();
    debs_from_text(
        "Package: harbour-tools\nVersion: 1.0\nDepends: libssl3\n\nPackage: harbour-extra\n",
        &harbour.path("overlay"),
    );
    harbour.configure(&[
        ("suites = [\"stable\"]", "suites = [\"stable\"]\nlookaside = true"),
        ("seeds = [\"essential\", \"apt\", \"harbour-release\"]", "seeds = [\"harbour-release\"]"),
        (SERVER, "seeds = [\"harbour-tools\"]"),
        ("seeds = [\"htop\"]", "seeds = [\"harbour-extra\"]"),
        NO_SOURCES,
    ]);
    let (ran, compose) = harbour.compose(&["--skip", "rootfs"]);
    assert_eq!(compose.packages("Server", "arm64"), ["harbour-release_1.0_all", "harbour-tools_1.0_all"]);
    assert!(!ran.stdout.contains("warning"), "what the lookaside answers is no finding: {ran}");
    let lock = compose.read("compose/metadata/charmer.lock");
    let libssl = lock.split("\nPackage: ").find(|entry| entry.starts_with("libssl3\n")).unwrap();
    assert!(libssl.contains("\nLookaside: yes\n"), "{libssl}");
    let why = harbour.charmer(&["why", compose.root(), "libc6:arm64"]);
    let chain =
        "  harbour-tools 1.0 all  the seed harbour-tools\n    libssl3 3.5.0 arm64  Depends: libssl3\n      libc6 2.41 arm64  ";
    assert!(why.stdout.contains(chain), "{why}");
    assert!(harbour.server().paths().iter().all(|path| !path.starts_with("/pool/")), "nothing of it is fetched");
    let again = compose.path("compose/metadata/charmer.lock");
    let (_, again) = harbour.compose(&["--skip", "rootfs", "--lock", again.to_str().unwrap()]);
    assert_eq!(again.read("compose/metadata/charmer.lock"), lock);
}

#[test]
fn a_suite_that_is_not_automatic_is_taken_from_only_when_told_to() {
    let harbour = Harbour::new();
    debs_from_text("Package: libssl3\nVersion: 3.0\nArchitecture: amd64\n", &harbour.path("overlay"));
    debs_from_text("Package: libssl3\nVersion: 3.0\nArchitecture: arm64\n", &harbour.path("overlay"));
    let own_packages = [("priority = 990\n", ""), NO_SOURCES];
    let libssl = |more: &[(&str, &str)]| {
        harbour.configure(&[&own_packages[..], more].concat());
        let (_, compose) = harbour.compose(&["--skip", "rootfs"]);
        compose.packages("Server", "amd64").into_iter().find(|package| package.starts_with("libssl3_")).unwrap()
    };
    assert_eq!(libssl(&[]), "libssl3_3.5.0_amd64", "of equal priorities the newer version");
    for more in [&[("NotAutomatic", "yes")][..], &[("NotAutomatic", "yes"), ("ButAutomaticUpgrades", "yes")]] {
        harbour.archive.write_release("2024-06-02", more).unwrap();
        harbour.serve();
        assert_eq!(libssl(&[]), "libssl3_3.0_amd64", "{more:?}");
        let wanted = ("suites = [\"stable\"]", "suites = [\"stable\"]\npriority = 500");
        assert_eq!(libssl(&[wanted]), "libssl3_3.5.0_amd64", "the configuration wins over {more:?}");
    }
}

#[test]
fn a_lock_is_not_asked_again_what_can_be_installed() {
    let harbour = Harbour::new();
    // Of all that the archive has, `uno` can be installed with `core`; of what the selection has, only with what excludes it.
    let compose = harbour.with(
        "Package: desktop\nRecommends: uno\n\nPackage: uno\nDepends: core-nogui | core\n\n\
         Package: core-nogui\nConflicts: uno\n\nPackage: core\n",
        &[(SERVER, "seeds = [\"desktop\"]\nrecommends = true"), ("[limits]", "[checks]\ninstallability = \"warn\"\n\n[limits]")],
    );
    assert_eq!(server(&compose, "amd64"), ["core-nogui", "desktop", "uno"]);
    let lock = compose.path("compose/metadata/charmer.lock");
    fs_err::copy(&lock, harbour.path("charmer.lock")).unwrap();
    let (_, again) = harbour.compose(&["--skip", "rootfs", "--locked"]);
    assert_eq!(again.read("compose/metadata/charmer.lock"), fs_err::read_to_string(&lock).unwrap());
}
