//! Notifications as a script gets them, against those that Pungi sent for the golden composes.

use std::collections::BTreeMap;
use std::path::Path;

use charmer_compose::notifications::{BaseProductKeys, ComposeKeys, IsoKeys, Message, Notifier};
use charmer_compose::tools::Runner;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A message without values that differ from compose to compose.
type Keys = BTreeMap<String, String>;

fn keys_of(text: &str) -> BTreeMap<String, Keys> {
    let line = |line: &str| {
        let (name, json) = line.split_once(' ').unwrap();
        let keys: BTreeMap<String, Json> = serde_json::from_str(json).unwrap();
        let kind = |value: Json| match value {
            // The recorded ones have a text in the place of the respin, which differs.
            Json::String(_) | Json::Number(_) => "text",
            Json::Null => "null",
            Json::Bool(_) => "flag",
            Json::Array(_) => "list",
            Json::Object(_) => "object",
        };
        (name.to_owned(), keys.into_iter().map(|(key, value)| (key, kind(value).to_owned())).collect())
    };
    text.lines().map(line).collect()
}

fn compose_keys(base_product: Option<BaseProductKeys>) -> ComposeKeys {
    let text = || "x".to_owned();
    ComposeKeys {
        compose_id: text(),
        location: text(),
        compose_date: text(),
        compose_type: text(),
        compose_respin: 0,
        compose_label: None,
        compose_path: text(),
        release_short: text(),
        release_name: text(),
        release_version: text(),
        release_type: text(),
        release_is_layered: base_product.is_some(),
        base_product,
    }
}

fn notifier(folder: &Path, script: &Path) -> Notifier {
    let mut runner =
        Runner::new(folder.join("log"), folder.to_owned(), "/usr/local/bin:/usr/bin:/bin".into(), CancellationToken::new());
    runner.environment.insert("NOTIFY_LOG".into(), folder.join("sent").into());
    Notifier::new(vec![format!("sh {}", script.display())], runner)
}

#[tokio::test]
async fn scripts_get_what_pungi_sent_them() {
    let Some(golden) = crate::shared_golden().map(|golden| golden.join("compose/e-lookaside")) else { return };
    let recorded = keys_of(&fs_err::read_to_string(golden.join("expected/logs/notifications.txt")).unwrap());
    let folder = TempDir::new().unwrap();
    let notifier = notifier(folder.path(), &golden.join("notify.sh"));
    let notifier = notifier.of_compose(&compose_keys(None), folder.path().join("logs"));
    let text = || "x".to_owned();
    for message in [
        Message::StatusChange { status: text() },
        Message::PhaseStart { phase_name: text() },
        Message::PhaseStop { phase_name: text() },
        Message::CreateisoTargets { deliverables: vec![text()] },
        Message::CreateisoImagedone(IsoKeys { file: text(), arch: text(), variant: text() }),
    ] {
        assert!(notifier.send(&message).await.is_empty());
    }
    assert_eq!(keys_of(&fs_err::read_to_string(folder.path().join("sent")).unwrap()), recorded);
}

#[tokio::test]
async fn messages_of_layered_products_name_what_they_stand_on() {
    let folder = TempDir::new().unwrap();
    let script = folder.path().join("notify.sh");
    fs_err::write(&script, "{ printf '%s ' \"$1\"; cat; echo; } >> \"$NOTIFY_LOG\"\n").unwrap();
    let text = || "x".to_owned();
    let base = BaseProductKeys {
        base_product_name: text(),
        base_product_version: text(),
        base_product_short: text(),
        base_product_type: text(),
    };
    let notifier = notifier(folder.path(), &script).of_compose(&compose_keys(Some(base)), folder.path().join("logs"));
    notifier.send(&Message::PhaseStart { phase_name: text() }).await;
    let sent = keys_of(&fs_err::read_to_string(folder.path().join("sent")).unwrap());
    let base_keys: Vec<&String> = sent["phase-start"].keys().filter(|key| key.starts_with("base_product_")).collect();
    assert_eq!(base_keys, ["base_product_name", "base_product_short", "base_product_type", "base_product_version"]);
}
