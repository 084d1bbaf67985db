//! What each check finds, and that its severity decides what becomes of it: the compose is doomed, or warned of, or neither.

use super::harbour::Harbour;

/// Composes with the check as `fatal`, `warn` and `off`. `found` is what findings of it are called, `more` other lines of `[checks]`.
fn assert_severity_decides(harbour: &Harbour, seeds: &str, check: &str, found: &str, more: &str, phase: &str) {
    for (severity, code) in [("fatal", 1), ("warn", 0), ("off", 0)] {
        let checks = format!("[checks]\n{check} = \"{severity}\"\n{more}\n\n[limits]");
        harbour.configure(&[("seeds = [\"openssh-server\"]", &format!("seeds = [{seeds}]")), ("[limits]", &checks)]);
        let (ran, compose) = harbour.compose_into("composes", &["--only", phase], code);
        let report = compose.json("compose/metadata/findings.json");
        let findings = report["payload"]["findings"].as_array().unwrap();
        let severities: Vec<_> = findings
            .iter()
            .filter(|finding| finding["check"] == found)
            .map(|finding| finding["severity"].as_str().unwrap())
            .collect();
        assert_eq!(severities.is_empty(), severity == "off", "{check} = {severity}: {report}: {ran}");
        assert!(severities.iter().all(|found| *found == severity), "{check} = {severity}: {report}");
    }
}

#[test]
fn seeds() {
    let harbour = Harbour::new();
    assert_severity_decides(&harbour, "\"openssh-server\", \"nonesuch\"", "seeds", "unresolved-seed", "", "gather");
}

#[test]
fn closure() {
    let harbour = Harbour::new();
    harbour.add("Package: orphan\nDepends: nowhere\n");
    harbour.publish("2024-06-02");
    assert_severity_decides(
        &harbour,
        "\"orphan\"",
        "closure",
        "unresolved-dependency",
        "installability = \"off\"",
        "repoclosure",
    );
}

#[test]
fn ambiguity() {
    let harbour = Harbour::new();
    harbour.add("Package: left\nProvides: side\n\nPackage: right\nProvides: side\n\nPackage: undecided\nDepends: side\n");
    harbour.publish("2024-06-02");
    assert_severity_decides(&harbour, "\"undecided\"", "ambiguity", "ambiguous-provider", "", "gather");
}

#[test]
fn installability() {
    let harbour = Harbour::new();
    harbour.add("Package: torn\nDepends: left, right\n\nPackage: left\nConflicts: right\n\nPackage: right\n");
    harbour.publish("2024-06-02");
    assert_severity_decides(&harbour, "\"torn\"", "installability", "installability", "", "repoclosure");
}

#[test]
fn same_versions() {
    let harbour = Harbour::new();
    harbour
        .archive
        .add("Package: uneven\nVersion: 1.0\nArchitecture: amd64\n\nPackage: uneven\nVersion: 1.1\nArchitecture: arm64\n");
    harbour.publish("2024-06-02");
    assert_severity_decides(&harbour, "\"uneven\"", "same-versions", "same-versions", "", "repoclosure");
}

#[test]
fn image_equals_lock() {
    let harbour = Harbour::new();
    harbour.tools.smuggle().unwrap();
    assert_severity_decides(&harbour, "\"openssh-server\"", "image-equals-lock", "image-equals-lock", "", "test");
}
