//! Reports about the making of a compose: which deliverables were wanted, tried and failed; and what checks found.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{ComposeRecord, OWN_VERSION, document};
use crate::finding::Finding;

/// A kind of thing that a compose delivers, for one variant and architecture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deliverable {
    /// `repository`, `container`, `live`, `sources`.
    pub kind: String,
    pub variant: String,
    pub arch: String,
    pub subvariant: Option<String>,
}

/// How a deliverable fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverableOutcome {
    pub deliverable: Deliverable,
    /// Without it the compose is doomed.
    pub required: bool,
    /// Why it is not there, if it is not.
    pub failure: Option<String>,
}

type Places = BTreeMap<String, BTreeSet<(String, String, Option<String>)>>;

/// In Pungi's form, with the reasons beside it.
#[derive(Serialize, Default)]
struct Deliverables {
    attempted: Places,
    failed: Places,
    reasons: Vec<FailureReason>,
    required: Places,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct FailureReason {
    deliverable: String,
    variant: String,
    arch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subvariant: Option<String>,
    reason: String,
}

/// The text of `deliverables.json`. `attempted` names what may fail and was tried, `required` what may not.
pub fn deliverables_json(outcomes: &[DeliverableOutcome]) -> String {
    let mut report = Deliverables::default();
    for DeliverableOutcome { deliverable, required, failure } in outcomes {
        let Deliverable { kind, variant, arch, subvariant } = deliverable.clone();
        let place = (variant.clone(), arch.clone(), subvariant.clone());
        let list = if *required { &mut report.required } else { &mut report.attempted };
        list.entry(kind.clone()).or_default().insert(place.clone());
        if let Some(reason) = failure {
            report.failed.entry(kind.clone()).or_default().insert(place);
            report.reasons.push(FailureReason { deliverable: kind, variant, arch, subvariant, reason: reason.clone() });
        }
    }
    report.reasons.sort();
    let mut text = serde_json::to_string_pretty(&report).expect("reports serialise to memory");
    text.push('\n');
    text
}

/// What a compose tried to deliver, in the order in which it did: one deliverable can be named more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliverableNotes {
    /// What may not fail.
    pub required: Vec<Deliverable>,
    /// What failed and may.
    pub failed: Vec<Deliverable>,
    /// What may fail.
    pub attempted: Vec<Deliverable>,
}

type Notes<'a> = BTreeMap<&'a str, Vec<(&'a str, &'a str, Option<&'a str>)>>;

/// The text of `deliverables.json` as Pungi writes it.
pub fn noted_deliverables_json(notes: &DeliverableNotes) -> String {
    let report = BTreeMap::from([
        ("attempted", by_kind(&notes.attempted)),
        ("failed", by_kind(&notes.failed)),
        ("required", by_kind(&notes.required)),
    ]);
    super::json(&report)
}

fn by_kind(deliverables: &[Deliverable]) -> Notes<'_> {
    let mut kinds = Notes::new();
    for Deliverable { kind, variant, arch, subvariant } in deliverables {
        kinds.entry(kind).or_default().push((variant, arch, subvariant.as_deref()));
    }
    kinds
}

#[derive(Serialize)]
struct Findings<'a> {
    compose: &'a ComposeRecord,
    findings: BTreeSet<&'a Finding>,
}

/// The text of `findings.json`, sorted, each finding once.
pub fn findings_json(compose: &ComposeRecord, findings: &[Finding]) -> String {
    document("charmer.findings", OWN_VERSION, &Findings { compose, findings: findings.iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_stand_in_pungis_form_with_their_reasons() {
        let outcome = |kind: &str, required, failure: Option<&str>| DeliverableOutcome {
            deliverable: Deliverable { kind: kind.into(), variant: "Server".into(), arch: "amd64".into(), subvariant: None },
            required,
            failure: failure.map(Into::into),
        };
        let text = deliverables_json(&[outcome("repository", true, None), outcome("live", false, Some("no kernel"))]);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let place = serde_json::json!([["Server", "amd64", null]]);
        assert_eq!(report["required"], serde_json::json!({ "repository": place }));
        assert_eq!(report["attempted"], serde_json::json!({ "live": place }));
        assert_eq!(report["failed"], serde_json::json!({ "live": place }));
        assert_eq!(report["reasons"][0]["reason"], "no kernel");
    }
}
