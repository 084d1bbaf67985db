//! The event stream: everything that happens, in one order, in one file. Progress, JSON output and reports only read it.

use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

use super::error::FailureReport;
use super::job::{JobId, Phase};

/// One line of `logs/events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// Counts from 1 and goes on after a resume.
    pub sequence: u64,
    /// RFC 3339, UTC.
    pub time: String,
    #[serde(flatten)]
    pub event: Event,
}

/// What happens in a compose. The set is closed: new kinds are new variants here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// A run begins: the first of a compose, or a resumed one.
    RunStarted {
        compose_id: String,
        /// charmer's version.
        version: String,
        /// Whether an earlier run of this compose has left something.
        resumed: bool,
        /// The version of each program that shapes outputs.
        programs: std::collections::BTreeMap<String, String>,
        /// Every job of this run, each after those that it needs.
        jobs: Vec<JobPlan>,
    },
    /// The content of STATUS changed.
    StatusChanged { status: Status },
    /// A job runs, because there is no older output that could be used.
    JobStarted {
        job: JobId,
        /// Why its earlier output could not be used again.
        reason: MissReason,
        /// Relative to the compose's folder.
        log: String,
    },
    /// How far a job is; not kept in the journal.
    Progress { job: JobId, done: u64, total: u64, unit: Unit },
    /// A job has something to say that people may want to see.
    JobMessage { job: JobId, text: String },
    /// Something failed in a way that may pass, and is tried again.
    JobRetried {
        job: JobId,
        /// The attempt that failed, counted from 1.
        attempt: u32,
        reason: String,
        /// Seconds until the next attempt.
        delay: f64,
    },
    /// A job found something that somebody should know.
    Finding { job: JobId, finding: Finding },
    /// A job's output is there.
    JobFinished {
        job: JobId,
        how: Finish,
        /// Seconds; 0 for a job that was not done again.
        duration: f64,
    },
    /// A job gave no output.
    JobFailed {
        job: JobId,
        /// Whether the compose goes on without it.
        failable: bool,
        failure: FailureReport,
        /// Seconds.
        duration: f64,
    },
    /// It was not done, because something that it needs is not there.
    JobSkipped {
        job: JobId,
        /// The job whose output is missing.
        because: JobId,
    },
    /// The run is over.
    RunFinished {
        status: Status,
        /// Seconds of this run.
        duration: f64,
    },
}

/// A job as the plan has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct JobPlan {
    pub job: JobId,
    pub phase: Phase,
    /// `Server.amd64`, `Base`, or empty for the whole compose.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<JobId>,
    pub failable: bool,
    /// Seconds that it is expected to take.
    pub estimate: f64,
}

/// The content of STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Started,
    Finished,
    FinishedIncomplete,
    Doomed,
    Terminated,
}

impl Status {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Finished => "FINISHED",
            Self::FinishedIncomplete => "FINISHED_INCOMPLETE",
            Self::Doomed => "DOOMED",
            Self::Terminated => "TERMINATED",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Started, Self::Finished, Self::FinishedIncomplete, Self::Doomed, Self::Terminated];
        all.into_iter().find(|status| status.word() == word.trim())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Bytes,
    Packages,
    Files,
}

/// How a job came to its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// It ran.
    Done,
    /// An earlier run of this compose had done it.
    Resumed,
    /// It was taken from an older compose.
    Reused {
        /// That compose's folder.
        from: String,
    },
}

/// Why a job runs although it may have run before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", rename_all_fields = "kebab-case")]
pub enum MissReason {
    /// There is no older output of this job.
    New,
    /// Its output is only ever held in memory.
    Volatile,
    /// These inputs have changed.
    Inputs { jobs: Vec<JobId> },
    /// Its part of the configuration has changed.
    Configuration,
    /// It belongs to one compose: the name is part of it, or what archives have at that moment.
    Compose,
    /// These programs have another version now.
    Tools { programs: Vec<String> },
    /// This version of charmer does it in another way.
    Charmer,
    /// A file that it had made is missing or has another content.
    File { path: String },
    /// The older record cannot be read.
    Record { reason: String },
}

impl std::fmt::Display for MissReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::New => formatter.write_str("no older output"),
            Self::Volatile => formatter.write_str("held in memory only"),
            Self::Inputs { jobs } => write!(formatter, "changed input: {}", join(jobs)),
            Self::Configuration => formatter.write_str("its part of the configuration changed"),
            Self::Compose => formatter.write_str("done anew for each compose"),
            Self::Tools { programs } => write!(formatter, "other version of {}", join(programs)),
            Self::Charmer => formatter.write_str("this charmer does it in another way"),
            Self::File { path } => write!(formatter, "{path} is missing or changed"),
            Self::Record { reason } => write!(formatter, "unreadable record: {reason}"),
        }
    }
}

fn join(words: &[impl ToString]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Where events are sent. Cloned freely; sending never blocks and never fails.
#[derive(Debug, Clone)]
pub struct Events {
    sender: mpsc::Sender<Message>,
}

enum Message {
    Event(Box<Event>),
    /// Answer when everything before is on disk.
    Sync(mpsc::Sender<()>),
    /// The journal ends here, whoever still holds a sender.
    Close,
}

/// The one thread that orders events, appends them to the journal and hands them to the reader.
#[derive(Debug)]
pub struct EventLog {
    thread: std::thread::JoinHandle<std::io::Result<()>>,
    sender: mpsc::Sender<Message>,
}

impl EventLog {
    /// Opens the journal, goes on counting where it ends, and starts the thread. `reader` sees each entry after it is written.
    pub fn open(path: &Path, mut reader: impl FnMut(&Entry) + Send + 'static) -> std::io::Result<(Self, Events)> {
        let mut sequence = mend_journal(path)?;
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut result = Ok(());
            for message in receiver {
                match message {
                    Message::Event(event) => {
                        let kept = !matches!(*event, Event::Progress { .. });
                        sequence += u64::from(kept);
                        let entry = Entry { sequence, time: now(), event: *event };
                        if kept && result.is_ok() {
                            let mut line = serde_json::to_vec(&entry).expect("events serialise to JSON");
                            line.push(b'\n');
                            result = file.write_all(&line);
                        }
                        reader(&entry);
                    }
                    Message::Sync(answer) => {
                        result = result.and_then(|()| file.sync_data());
                        // The one who asked may be gone.
                        let _ = answer.send(());
                    }
                    Message::Close => break,
                }
            }
            result.and_then(|()| file.sync_all())
        });
        Ok((Self { thread, sender: sender.clone() }, Events { sender }))
    }

    /// Writes what was sent and ends the thread.
    pub fn close(self) -> std::io::Result<()> {
        let _ = self.sender.send(Message::Close);
        self.thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the thread that writes events panicked")))
    }
}

impl Events {
    pub fn send(&self, event: Event) {
        // After the journal has closed nobody is left who would read.
        let _ = self.sender.send(Message::Event(Box::new(event)));
    }

    /// Waits until everything sent so far is on disk.
    pub fn sync(&self) {
        let (sender, receiver) = mpsc::channel();
        if self.sender.send(Message::Sync(sender)).is_ok() {
            let _ = receiver.recv();
        }
    }
}

/// Cuts off a last line that was being written when the machine died, and gives the last sequence number.
fn mend_journal(path: &Path) -> std::io::Result<u64> {
    let Ok(bytes) = fs_err::read(path) else { return Ok(0) };
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    if whole < bytes.len() {
        fs_err::OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
    }
    Ok(read_journal_bytes(&bytes[..whole]).last().map_or(0, |entry| entry.sequence))
}

fn read_journal_bytes(bytes: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

/// The entries of a journal; lines that are no entries (of a newer charmer, or cut off) are left out.
pub fn read_journal(path: &Path) -> std::io::Result<Vec<Entry>> {
    Ok(read_journal_bytes(&fs_err::read(path)?).collect())
}

fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_cut_in_the_middle_of_a_line_goes_on_after_its_last_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let status = |status| Event::StatusChanged { status };
        let (log, events) = EventLog::open(&path, |_| {}).unwrap();
        events.send(status(Status::Started));
        events.send(Event::Progress { job: "fetch:Base".into(), done: 1, total: 2, unit: Unit::Bytes });
        events.send(status(Status::Doomed));
        log.close().unwrap();
        let whole = fs_err::read(&path).unwrap();
        fs_err::write(&path, &whole[..whole.len() - 5]).unwrap();

        let (log, events) = EventLog::open(&path, |_| {}).unwrap();
        events.send(status(Status::Finished));
        log.close().unwrap();
        let read: Vec<_> = read_journal(&path).unwrap().into_iter().map(|entry| (entry.sequence, entry.event)).collect();
        assert_eq!(read, [(1, status(Status::Started)), (2, status(Status::Finished))]);
    }
}
