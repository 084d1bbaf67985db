//! The plan: which jobs there are and what they need; and that planning does nothing.

use std::path::Path;
use std::time::SystemTime;

use charmer_compose::config;
use charmer_compose::engine::Part;
use charmer_compose::package_set::download::Proxies;
use charmer_compose::session::{Surroundings, preview};

const CONFIG: &str = r#"
[release]
name = "Small"
short = "small"
version = "1"

[archives.debian]
mirror = "host"
suites = ["trixie"]
components = ["main"]
keyring = "/nonexistent/keyring.gpg"

[archives.own]
overlay = "/nonexistent/debs"

[variants.Base]
arches = ["amd64", "arm64"]
seeds = ["essential"]

[variants.Extra]
parent = "Base"
optional = true
arches = ["amd64"]
seeds = ["hello"]

[[images]]
kind = "container"
variant = "Extra"
arches = ["amd64"]
packages = ["hello"]

[[failable]]
kinds = ["container"]
"#;

/// Nothing that the configuration names is there: a plan that looked at it, or at the network, would fail or leave something.
#[test]
fn plan_touches_nothing_and_has_every_job_after_those_it_needs() {
    let config = config::parse(CONFIG, "small.toml", Path::new("/nonexistent")).unwrap();
    let nowhere = Surroundings {
        path: "".into(),
        environment: std::collections::BTreeMap::new(),
        current_dir: "/".into(),
        now: SystemTime::UNIX_EPOCH,
        netrc: None,
        apt_folder: "/nonexistent".into(),
        proxies: Proxies::default(),
    };
    let graph = preview(&charmer_compose::config::Configuration::Deb(config.into()), &Part::default(), &nowhere).unwrap();
    let line = |planned: &charmer_compose::engine::graph::PlannedJob<'_>| {
        let needs: Vec<_> = planned.needs.iter().map(|job| job.as_str()).collect();
        format!("{}{} <- {}", planned.job.id, if planned.job.failable { " (may fail)" } else { "" }, needs.join(" "))
    };
    let jobs: Vec<_> = graph.jobs().iter().map(line).collect();
    insta::assert_snapshot!(jobs.join("\n"));
    assert!(!Path::new("/nonexistent").exists());
}
