//! Notifications: what a compose tells the scripts of those who wait for it, in Pungi's words.
//!
//! A script is run as `SCRIPT MESSAGE` with a JSON object on its standard input, one script at a time: a slow one holds up whoever
//! sends, and some are slow on purpose. What scripts print goes to a log of their own. Must not know: when what is sent.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;

use crate::tools::{Command, Runner, ToolError};

/// What every message says once there is a compose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComposeKeys {
    pub compose_id: String,
    /// The compose's `compose` folder, as others reach it: a path, or the URL that stands for it.
    pub location: String,
    /// `YYYYMMDD`
    pub compose_date: String,
    pub compose_type: String,
    pub compose_respin: u32,
    pub compose_label: Option<String>,
    pub compose_path: String,
    pub release_short: String,
    pub release_name: String,
    pub release_version: String,
    pub release_type: String,
    pub release_is_layered: bool,
    #[serde(flatten)]
    pub base_product: Option<BaseProductKeys>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaseProductKeys {
    pub base_product_name: String,
    pub base_product_version: String,
    pub base_product_short: String,
    pub base_product_type: String,
}

/// Something to tell. The keys of each are those of its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Message {
    /// `STARTED`, `FINISHED` and so on.
    StatusChange {
        status: String,
    },
    PhaseStart {
        phase_name: String,
    },
    PhaseStop {
        phase_name: String,
    },
    /// All ISOs that will be made; sent even if there are none.
    CreateisoTargets {
        deliverables: Vec<String>,
    },
    CreateisoImagedone(IsoKeys),
    CreateisoImagefail(IsoKeys),
    /// A deliverable that may fail did. Pungi has no such message: its readers had to look for it in `deliverables.json`.
    DeliverableFailed(FailedDeliverable),
    /// There is no compose, and will be none.
    FailToStart(FailureToStart),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IsoKeys {
    pub file: String,
    pub arch: String,
    pub variant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedDeliverable {
    pub deliverable: String,
    pub variant: String,
    pub arch: String,
    pub subvariant: Option<String>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureToStart {
    /// The words of the command line.
    pub command: Vec<String>,
    pub target_dir: String,
    pub config: String,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<String>>,
}

/// A script that did not do its work. The compose goes on.
#[derive(Debug, thiserror::Error)]
#[error("Failed to invoke notification script.\n  message: {message}\n  {error}")]
pub struct NotificationFailure {
    pub message: &'static str,
    pub error: ToolError,
}

/// Sends messages to scripts.
#[derive(Debug)]
pub struct Notifier {
    /// Command lines, in the order in which they are run.
    scripts: Vec<String>,
    runner: Runner,
    /// Where scripts' output goes; nowhere before there is a compose.
    logs: Option<PathBuf>,
    keys: Map<String, Json>,
    /// Held while a message is sent.
    turn: Mutex<()>,
}

impl Message {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StatusChange { .. } => "status-change",
            Self::PhaseStart { .. } => "phase-start",
            Self::PhaseStop { .. } => "phase-stop",
            Self::CreateisoTargets { .. } => "createiso-targets",
            Self::CreateisoImagedone(_) => "createiso-imagedone",
            Self::CreateisoImagefail(_) => "createiso-imagefail",
            Self::DeliverableFailed(_) => "deliverable-failed",
            Self::FailToStart(_) => "fail-to-start",
        }
    }
}

impl Notifier {
    /// Before there is a compose. Of the runner count the folder, where charmer was started; the environment, which scripts
    /// expect to be the caller's own; and the token that ends scripts, which must not be that of the jobs: the end of a cancelled
    /// compose is told too.
    pub fn new(scripts: Vec<String>, runner: Runner) -> Self {
        Self { scripts, runner, logs: None, keys: Map::new(), turn: Mutex::new(()) }
    }

    /// From now on messages speak of this compose. `logs` is its `logs/global/notifications`.
    #[must_use]
    pub fn of_compose(self, keys: &ComposeKeys, logs: PathBuf) -> Self {
        Self { keys: object(keys), logs: Some(logs), ..self }
    }

    /// Runs every script in turn. A script that fails does not keep the next one from being run.
    pub async fn send(&self, message: &Message) -> Vec<NotificationFailure> {
        let mut failures = Vec::new();
        if self.scripts.is_empty() {
            return failures;
        }
        let _turn = self.turn.lock().await;
        let mut keys = if matches!(message, Message::FailToStart(_)) { Map::new() } else { self.keys.clone() };
        keys.append(&mut object(message));
        let input = Json::Object(keys).to_string();
        let runner = self.runner_of_message(message);
        for script in &self.scripts {
            // A script is a command line: a shell splits it, and gives it the name of the message as its last argument.
            let line = format!("{script} \"$1\"");
            let command = Command::new("sh").args(["-c", &line, "sh", message.name()]).input(input.clone());
            if let Err(error) = runner.run(&command).await {
                failures.push(NotificationFailure { message: message.name(), error });
            }
        }
        failures
    }

    fn runner_of_message(&self, message: &Message) -> Runner {
        let mut runner = self.runner.clone();
        if let Message::FailToStart(failure) = message {
            // It may be what is wrong.
            let target = PathBuf::from(&failure.target_dir);
            if target.is_dir() {
                runner.folder = target;
            }
        }
        let log = self.logs.as_ref().filter(|logs| fs_err::create_dir_all(logs).is_ok());
        // Messages of the same second share a file, to which commands append.
        let now = jiff::Timestamp::now().strftime("%Y-%m-%d_%H-%M-%S");
        runner.log = log.map_or_else(|| "/dev/null".into(), |logs| logs.join(format!("notification-{now}.log")));
        runner
    }
}

fn object(value: &impl Serialize) -> Map<String, Json> {
    match serde_json::to_value(value) {
        Ok(Json::Object(object)) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_util::sync::CancellationToken;

    use super::*;

    fn notifier(folder: &Path, scripts: &[&str]) -> Notifier {
        let path = "/usr/local/bin:/usr/bin:/bin".into();
        let runner = Runner::new(folder.join("log"), folder.to_owned(), path, CancellationToken::new());
        Notifier::new(scripts.iter().map(|&script| script.to_owned()).collect(), runner)
    }

    fn keys() -> ComposeKeys {
        ComposeKeys {
            compose_id: "H-1-20260102.t.0".into(),
            location: "/c/compose".into(),
            compose_date: "20260102".into(),
            compose_type: "test".into(),
            compose_respin: 0,
            compose_label: None,
            compose_path: "/c".into(),
            release_short: "H".into(),
            release_name: "Harbour".into(),
            release_version: "1".into(),
            release_type: "ga".into(),
            release_is_layered: false,
            base_product: None,
        }
    }

    fn sent(folder: &Path) -> Vec<(String, Json)> {
        let text = fs_err::read_to_string(folder.join("sent")).unwrap();
        let line = |line: &str| {
            let (name, json) = line.split_once(' ').unwrap();
            (name.to_owned(), serde_json::from_str(json).unwrap())
        };
        text.lines().map(line).collect()
    }

    #[tokio::test]
    async fn scripts_run_in_order_with_the_name_and_the_keys_and_failures_only_warn() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs/global/notifications");
        let recorder = "sh -c '{ printf \"%s \" \"$0\"; cat; echo; } >> sent; echo told'";
        let notifier = notifier(folder.path(), &["false", recorder]).of_compose(&keys(), logs.clone());
        let failures = notifier.send(&Message::StatusChange { status: "STARTED".into() }).await;
        assert_eq!(failures.len(), 1);
        assert!(failures[0].to_string().starts_with("Failed to invoke notification script."));
        let [(name, json)] = &sent(folder.path())[..] else { panic!() };
        assert_eq!(name, "status-change");
        assert_eq!(
            (&json["status"], &json["compose_label"], &json["compose_respin"]),
            (&"STARTED".into(), &Json::Null, &0.into())
        );
        assert!(json.get("base_product_name").is_none());
        let log = fs_err::read_dir(&logs).unwrap().next().unwrap().unwrap();
        assert!(log.file_name().to_str().unwrap().starts_with("notification-2"));
        assert!(fs_err::read_to_string(log.path()).unwrap().contains("told"));
    }

    #[tokio::test]
    async fn a_compose_that_never_began_is_told_in_its_target_folder() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs_err::create_dir(&target).unwrap();
        let failure = FailureToStart {
            command: vec!["pungi-koji".into()],
            target_dir: target.to_str().unwrap().into(),
            config: "h.conf".into(),
            detail: "no label".into(),
            errors: None,
        };
        let notifier = notifier(folder.path(), &["sh -c 'printf \"%s \" \"$0\" > sent; cat >> sent'"]);
        assert!(notifier.send(&Message::FailToStart(failure)).await.is_empty());
        let [(name, json)] = &sent(&target)[..] else { panic!() };
        assert_eq!((name.as_str(), json.as_object().unwrap().len()), ("fail-to-start", 4));
    }
}
