//! Files of repositories: how they come in, and what lies beside the packages.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use charmer_compose::digest::Sha256;
use charmer_compose::engine::event::Event;
use charmer_testkit::deb::Deb;
use charmer_testkit::dsc::Dsc;

use super::harbour::{Compose, Harbour};

impl Harbour {
    /// A file of the cache.
    fn cached(&self, sha256: &Sha256) -> std::path::PathBuf {
        let digits = sha256.to_string();
        self.path("cache/charmer/sha256").join(&digits[..2]).join(&digits[2..])
    }
}

#[test]
fn packages_are_hard_links_to_the_cache() {
    let harbour = Harbour::new();
    let (_, compose) = harbour.compose(&["--skip", "rootfs"]);
    let pools =
        ["Base", "Server"].map(|variant| format!("compose/{variant}/repository/pool/main/libc/libc6/libc6_2.41_amd64.deb"));
    let cached = harbour.cached(&Sha256::of_file(&compose.path(&pools[0])).unwrap().0);
    let inode = |path: &std::path::Path| fs_err::metadata(path).unwrap().ino();
    for pool in pools {
        assert_eq!(inode(&compose.path(&pool)), inode(&cached), "{pool}");
    }
    assert!(fs_err::metadata(&cached).unwrap().permissions().readonly() || rustix::process::getuid().is_root());
}

#[test]
fn contents_are_there_when_asked_for_and_each_package_is_unpacked_once() {
    let harbour = Harbour::new();
    let contents = |compose: &Compose| {
        let packed = fs_err::File::open(compose.path("compose/Extra/repository/dists/quay/main/Contents-amd64.gz")).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
        text
    };
    harbour.configure(&[("seeds = [\"htop\"]", "seeds = [\"htop\"]\ncontents = true")]);
    let (_, compose) = harbour.compose(&["--skip", "rootfs"]);
    assert_eq!(contents(&compose).split_whitespace().collect::<Vec<_>>(), ["usr/bin/htop", "htop"]);
    assert!(!compose.path("compose/Server/repository/dists/quay/main/Contents-amd64.gz").exists(), "nobody asked for it");

    let mut listings = Vec::new();
    for folder in fs_err::read_dir(harbour.path("cache/charmer/contents")).unwrap() {
        listings.extend(fs_err::read_dir(folder.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    let [listing] = listings.as_slice() else { panic!("{listings:?}") };
    let list = "usr/bin/from-the-cache\n";
    fs_err::write(listing, format!("{}\n{list}", charmer_compose::digest::Sha256::of(list.as_bytes()))).unwrap();
    let (_, compose) = harbour.compose(&["--skip", "rootfs"]);
    assert!(contents(&compose).starts_with("usr/bin/from-the-cache "));
    // A listing that was damaged is made anew.
    fs_err::write(listing, fs_err::read_to_string(listing).unwrap().replace("from-the-cache", "from-the-crash")).unwrap();
    let (_, compose) = harbour.compose(&["--skip", "rootfs"]);
    assert_eq!(contents(&compose).split_whitespace().collect::<Vec<_>>(), ["usr/bin/htop", "htop"]);
}

#[test]
fn sources_come_with_what_is_built_in_and_only_whole() {
    let harbour = Harbour::new();
    harbour.add("Package: boat\nBuilt-Using: gcc-14 (= 14.2), linux (= 6.1)\nStatic-Built-Using: rust-sail (= 0.3)\n");
    for (name, version) in [("boat", "1.0"), ("gcc-14", "14.2"), ("linux", "6.12"), ("rust-sail", "0.3")] {
        harbour.archive.add_source(&Dsc::new(name, version));
    }
    harbour.publish("2024-06-02");
    harbour.server().serve("/pool/rust-sail_0.3.tar.xz", b"another file".to_vec());
    let seeds = ("seeds = [\"htop\"]", "seeds = [\"boat\"]\nsources = \"all\"");
    harbour.configure(&[seeds, ("[limits]", "[[failable]]\nkinds = [\"sources\"]\n\n[limits]")]);
    let (ran, compose) = harbour.compose_into("composes", &["--skip", "rootfs"], 3);
    for line in [
        "  sources:Extra (allowed to fail)\n    2 sources or files of sources cannot be had:\n",
        "linux 6.1, wanted by boat_1.0_all (Built-Using): no archive has it\n",
        "/pool/rust-sail_0.3.tar.xz: it is not the file that the signed index lists",
    ] {
        assert!(ran.stdout.contains(line), "{line} is not in {ran}");
    }
    let folder = |name: &str| compose.path(&format!("compose/Extra/repository/pool/main/{}/{name}", &name[..1]));
    assert!(folder("boat").join("boat_1.0.tar.xz").is_file() && folder("gcc-14").join("gcc-14_14.2.dsc").is_file());
    assert!(!folder("rust-sail").exists() && !folder("linux").exists(), "a source is there whole or not at all");
    let deliverables = compose.json("compose/metadata/deliverables.json");
    assert!(deliverables["reasons"].to_string().contains("rust-sail_0.3.tar.xz"), "{deliverables}");

    harbour.configure(&[("seeds = [\"htop\"]", "seeds = [\"boat\"]\nsources = \"none\"")]);
    let (_, compose) = harbour.compose(&["--skip", "rootfs"]);
    assert!(!compose.path("compose/Extra/repository/dists/quay/main/source").exists());
}

#[test]
fn the_download_rate_holds_for_all_jobs_together() {
    let harbour = Harbour::new();
    // Noise, which no compression makes smaller.
    let noise = |seed: u32| -> Vec<u8> {
        let next = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(*state)
        };
        std::iter::successors(Some(seed), |state| next(&mut state.clone()))
            .take(600_000)
            .map(|state| state.to_be_bytes()[0])
            .collect()
    };
    for (seed, name) in [(1, "hull"), (2, "mast")] {
        Deb::new(name, "1.0", "all").file("/usr/share/noise", &noise(seed)).write_to(&harbour.archive.folder.join("pool"));
    }
    harbour.publish("2024-06-02");
    harbour.configure(&[
        ("\"apt\", \"harbour-release\"", "\"apt\", \"harbour-release\", \"hull\""),
        ("seeds = [\"htop\"]", "seeds = [\"mast\"]"),
        ("[limits]", "[limits]\njobs = 4\ndownload-rate = \"400 kB\""),
    ]);
    let (ran, compose) = harbour.compose(&["--skip", "rootfs"]);
    let times = compose.journal().into_iter().filter_map(|entry| match &entry.event {
        Event::JobStarted { job, .. } | Event::JobFinished { job, .. } if job.as_str().starts_with("fetch:") => {
            Some(entry.time.parse::<jiff::Timestamp>().unwrap())
        }
        _ => None,
    });
    let times: Vec<_> = times.collect();
    let seconds = times.iter().max().unwrap().duration_since(*times.iter().min().unwrap()).as_secs_f64();
    assert!(seconds > 2.6, "1.2 MB at 400 kB a second took {seconds} s: {ran}");
}
