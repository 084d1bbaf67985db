//! Runs commands: the only place in charmer that starts a process.
//!
//! Every command gets a small fixed environment, a closed standard input, a process group of its own and a guard over it; its
//! command line, environment changes, output and exit go to the job's log. When it ends, when the job is cancelled or its time is
//! up, and when charmer itself is killed, the whole group is gone.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::Command;
use super::priority::Priority;

/// Lines of output that an error repeats.
const TAIL_LINES: usize = 20;
/// What is kept of standard output for the caller; a program that says more fails.
const CAPTURE_LIMIT: usize = 64 << 20;
/// What one log takes of one command's output; what is over is counted, not written.
const LOG_LIMIT: u64 = 256 << 20;
/// Runs a command in a process group that does not outlive charmer. `timeout` sets no limit here: it is the guard of the group,
/// whom the kernel wakes with SIGALRM when charmer dies, however it dies, and who then kills all of the group and itself.
const GUARD: [&str; 7] = ["setpriv", "--pdeathsig", "ALRM", "--", "timeout", "--signal=KILL", "0"];
/// Between the polite signal and the last one.
const GRACE: Duration = Duration::from_secs(5);

/// Where a job's commands run and report.
#[derive(Debug, Clone)]
pub struct Runner {
    /// The job's log; commands append to it.
    pub log: PathBuf,
    /// The folder in which commands run that name none.
    pub folder: PathBuf,
    /// Ends every command when it is cancelled.
    pub cancel: CancellationToken,
    /// When it is cancelled too, a command that was asked to end is killed at once.
    pub kill: CancellationToken,
    /// The whole environment of a command, but for what the command itself sets.
    pub environment: BTreeMap<OsString, OsString>,
    /// The limit for a command that names none.
    pub timeout: Duration,
    pub priority: Priority,
}

/// What a command that succeeded left.
#[derive(Debug, Clone)]
pub struct Finished {
    pub stdout: Vec<u8>,
    pub status: i32,
    pub duration: Duration,
}

impl Finished {
    /// Standard output as text, with the last line end removed.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }
}

/// Why a command did not do its work.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}\n  command: {command}\n  log: {}{}", log.display(), Tail(tail))]
pub struct ToolError {
    pub command: String,
    pub cause: ToolFailure,
    /// The last lines it printed, on either stream.
    pub tail: Vec<String>,
    pub log: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolFailure {
    #[error("program '{0}' was not found")]
    NotFound(String),
    #[error("program '{program}' could not be started: {reason}")]
    NotStarted { program: String, reason: String },
    #[error("'{program}' ended with exit status {status}")]
    Exit { program: String, status: i32 },
    #[error("'{program}' was killed by signal {signal}")]
    Signal { program: String, signal: i32 },
    #[error("'{program}' was ended after its limit of {} s", .limit.as_secs())]
    TimedOut { program: String, limit: Duration },
    #[error("'{program}' was ended because the compose stops")]
    Cancelled { program: String },
    #[error("'{program}' printed more than {} MiB on standard output", CAPTURE_LIMIT >> 20)]
    TooMuchOutput { program: String },
    #[error("the log cannot be written: {reason}")]
    Log { reason: String },
}

struct Tail<'a>(&'a [String]);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(formatter, "\n  last lines:")?;
        self.0.iter().try_for_each(|line| write!(formatter, "\n    {line}"))
    }
}

/// How a command came to its end.
enum Ending {
    Exited(ExitStatus),
    TimedOut(Duration),
    Cancelled,
}

impl Runner {
    /// A runner with the environment that all commands share: no locale, no time zone, the caller's `PATH`.
    pub fn new(log: PathBuf, folder: PathBuf, path: OsString, cancel: CancellationToken) -> Self {
        let fixed = [("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("HOME", "/nonexistent"), ("DEBIAN_FRONTEND", "noninteractive")];
        let mut environment: BTreeMap<OsString, OsString> = fixed.map(|(name, value)| (name.into(), value.into())).into();
        environment.insert("PATH".into(), path);
        Self {
            log,
            folder,
            cancel,
            kill: CancellationToken::new(),
            environment,
            timeout: Duration::from_secs(4 * 3600),
            priority: Priority::default(),
        }
    }

    /// Runs a command to its end.
    pub async fn run(&self, command: &Command) -> Result<Finished, ToolError> {
        let output = Arc::new(Mutex::new(
            Output::open(&self.log, command).map_err(|error| self.failure(command, Log::reason(&error), Vec::new()))?,
        ));
        let started = Instant::now();
        let mut child = self.spawn(command).map_err(|cause| {
            lock(&output).end(&cause.to_string(), started.elapsed());
            self.failure(command, cause, Vec::new())
        })?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let readers = [
            tokio::spawn(collect(child.stdout.take().expect("stdout is piped"), output.clone(), true)),
            tokio::spawn(collect(child.stderr.take().expect("stderr is piped"), output.clone(), false)),
        ];
        let input = feed(child.stdin.take(), command.input.clone());
        let ending = tokio::select! {
            ending = self.wait(&mut child, command.timeout.unwrap_or(self.timeout), group) => ending,
            ending = async { input.await; std::future::pending::<Ending>().await } => ending,
        };
        // What it left behind in its group would keep the pipes open.
        kill_all(group);
        for reader in readers {
            let abort = reader.abort_handle();
            if tokio::time::timeout(GRACE, reader).await.is_err() {
                abort.abort();
            }
        }
        self.conclude(command, ending, &output, started)
    }

    fn spawn(&self, command: &Command) -> Result<tokio::process::Child, ToolFailure> {
        // A folder that cannot be made is told when the command cannot start in it.
        let _ = fs_err::create_dir_all(&self.folder);
        let program = command.program.to_string_lossy().into_owned();
        // The launcher's own message would hide that the program does not exist.
        self.find(command, &command.program)?;
        // By its path: a program that is looked up in an environment of its own can only be started from a copy of this process.
        let guard = self.find(command, GUARD[0].as_ref())?;
        let mut words = vec![guard.into_os_string()];
        words.extend(GUARD[1..].iter().map(OsString::from));
        words.extend(self.priority.words().into_iter().map(OsString::from));
        if command.contained {
            words
                .extend(["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"].map(OsString::from));
        }
        words.push(command.program.clone());
        words.extend(command.arguments.iter().cloned());
        #[expect(clippy::disallowed_types, reason = "the runner is the only place that starts processes")]
        let mut process = tokio::process::Command::new(&words[0]);
        process
            .args(&words[1..])
            .env_clear()
            .envs(&self.environment)
            .envs(&command.environment)
            .current_dir(command.folder.as_deref().unwrap_or(&self.folder))
            .stdin(if command.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        process.spawn().map_err(|error| ToolFailure::NotStarted { program, reason: error.to_string() })
    }

    /// Where a program lies that a command needs.
    fn find(&self, command: &Command, program: &OsStr) -> Result<PathBuf, ToolFailure> {
        let path = command.environment.get(OsStr::new("PATH")).or_else(|| self.environment.get(OsStr::new("PATH")));
        let found = find_program(program, path.map_or("".as_ref(), |path| path.as_os_str()));
        found.ok_or_else(|| ToolFailure::NotFound(program.to_string_lossy().into_owned()))
    }

    async fn wait(&self, child: &mut tokio::process::Child, limit: Duration, group: Option<Pid>) -> Ending {
        let ending = tokio::select! {
            status = child.wait() => return Ending::Exited(status.unwrap_or_else(|_| ExitStatus::from_raw(-1))),
            () = tokio::time::sleep(limit) => Ending::TimedOut(limit),
            () = self.cancel.cancelled() => Ending::Cancelled,
        };
        if let Some(guard) = group {
            // The guard passes it on to all of the group. It fails only when nothing of the group is left, which is what we want.
            let _ = kill_process(guard, Signal::TERM);
        }
        tokio::select! {
            _ = child.wait() => return ending,
            () = tokio::time::sleep(GRACE) => {}
            () = self.kill.cancelled() => {}
        }
        kill_all(group);
        let _ = child.wait().await;
        ending
    }

    fn conclude(
        &self,
        command: &Command,
        ending: Ending,
        output: &Mutex<Output>,
        started: Instant,
    ) -> Result<Finished, ToolError> {
        let program = command.program.to_string_lossy().into_owned();
        let mut output = lock(output);
        let duration = started.elapsed();
        let cause = match ending {
            Ending::Exited(status) if status.code().is_some_and(|code| command.success.contains(&code)) => {
                output.end(&format!("exit status {}", status.code().unwrap_or_default()), duration);
                if !output.captured_too_much {
                    let status = status.code().unwrap_or_default();
                    return Ok(Finished { stdout: std::mem::take(&mut output.captured), status, duration });
                }
                ToolFailure::TooMuchOutput { program }
            }
            Ending::Exited(status) => match status.signal() {
                Some(signal) => ToolFailure::Signal { program, signal },
                None => ToolFailure::Exit { program, status: status.code().unwrap_or(-1) },
            },
            Ending::TimedOut(limit) => ToolFailure::TimedOut { program, limit },
            Ending::Cancelled => ToolFailure::Cancelled { program },
        };
        output.end(&cause.to_string(), duration);
        let tail = output.tail();
        Err(self.failure(command, cause, tail))
    }

    fn failure(&self, command: &Command, cause: ToolFailure, tail: Vec<String>) -> ToolError {
        ToolError { command: command.to_string(), cause, tail, log: self.log.clone() }
    }
}

/// The file that a program's name stands for: itself if it is a path, else the first executable of that name in `path`.
pub fn find_program(program: &std::ffi::OsStr, path: &std::ffi::OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let executable =
        |file: &Path| fs_err::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    if program.to_string_lossy().contains('/') {
        return Some(PathBuf::from(program)).filter(|file| executable(file));
    }
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| executable(file))
}

fn kill_all(group: Option<Pid>) {
    if let Some(group) = group {
        // It fails only when nothing of the group is left, which is what we want.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

async fn feed(stdin: Option<tokio::process::ChildStdin>, input: Option<Vec<u8>>) {
    if let (Some(mut stdin), Some(input)) = (stdin, input) {
        // A program that does not read its input to the end is judged by its exit status.
        let _ = stdin.write_all(&input).await;
    }
}

async fn collect(mut stream: impl AsyncRead + Unpin, output: Arc<Mutex<Output>>, capture: bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        lock(&output).take(&buffer[..count], capture);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What a running command has said so far, and its log.
struct Output {
    log: fs_err::File,
    logged: u64,
    captured: Vec<u8>,
    captured_too_much: bool,
    /// The last lines, each with whether it came on standard error.
    lines: VecDeque<(bool, Vec<u8>)>,
    open_line: bool,
}

struct Log;

impl Log {
    fn reason(error: &std::io::Error) -> ToolFailure {
        ToolFailure::Log { reason: error.to_string() }
    }
}

impl Output {
    fn open(log: &Path, command: &Command) -> std::io::Result<Self> {
        let mut log = fs_err::OpenOptions::new().create(true).append(true).open(log)?;
        writeln!(log, "$ {command}")?;
        if let Some(folder) = &command.folder {
            writeln!(log, "# in {}", folder.display())?;
        }
        Ok(Self { log, logged: 0, captured: Vec::new(), captured_too_much: false, lines: VecDeque::new(), open_line: false })
    }

    fn take(&mut self, bytes: &[u8], capture: bool) {
        if self.logged < LOG_LIMIT {
            // A full disk shows at the job's own files; the command's result does not depend on its log.
            let _ = self.log.write_all(bytes);
        }
        self.logged += bytes.len() as u64;
        if capture {
            let room = CAPTURE_LIMIT - self.captured.len();
            self.captured_too_much |= bytes.len() > room;
            self.captured.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            self.take_line(piece, !capture);
        }
    }

    fn take_line(&mut self, piece: &[u8], is_error: bool) {
        let ended = piece.ends_with(b"\n") || piece.ends_with(b"\r");
        let text = piece.trim_ascii_end();
        match self.lines.back_mut() {
            Some((own, line)) if self.open_line && *own == is_error => {
                line.extend_from_slice(&text[..text.len().min(4096usize.saturating_sub(line.len()))]);
            }
            _ if text.is_empty() => {}
            _ => self.lines.push_back((is_error, text[..text.len().min(4096)].to_vec())),
        }
        self.open_line = !ended;
        if self.lines.len() > TAIL_LINES {
            self.drop_line();
        }
    }

    /// The two streams come in no order, and much on one shall not hide what the other says last: errors keep half of the lines.
    fn drop_line(&mut self) {
        let errors = self.lines.iter().filter(|(is_error, _)| *is_error).count();
        let oldest = self.lines.iter().position(|(is_error, _)| *is_error == (errors > TAIL_LINES / 2));
        self.lines.remove(oldest.unwrap_or(0));
    }

    fn end(&mut self, how: &str, duration: Duration) {
        let dropped = self.logged.saturating_sub(LOG_LIMIT);
        if dropped > 0 {
            let _ = writeln!(self.log, "\n# {dropped} bytes of output are left out here");
        }
        let _ = writeln!(self.log, "# {how} after {:.1} s\n", duration.as_secs_f64());
    }

    fn tail(&self) -> Vec<String> {
        let printable = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        self.lines.iter().map(|(_, line)| String::from_utf8_lossy(line).chars().map(printable).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::priority::IoClass;
    use super::*;

    fn runner(folder: &Path) -> Runner {
        let path = OsString::from("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        Runner::new(folder.join("job.log"), folder.to_owned(), path, CancellationToken::new())
    }

    fn shell(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[tokio::test]
    async fn a_failure_names_status_last_lines_and_log() {
        let folder = tempfile::tempdir().unwrap();
        let error = runner(folder.path()).run(&shell("seq 30; echo oops >&2; exit 7")).await.unwrap_err();
        assert_eq!(error.cause, ToolFailure::Exit { program: "sh".into(), status: 7 });
        assert_eq!(error.tail.len(), 20);
        assert!(error.tail.contains(&"oops".to_owned()), "{error}");
        let log = fs_err::read_to_string(folder.path().join("job.log")).unwrap();
        assert!(log.starts_with("$ sh -c 'seq 30;") && log.contains("exit status 7"), "{log}");
    }

    #[tokio::test]
    async fn commands_stand_behind_others_as_they_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut runner = runner(folder.path());
        runner.priority = Priority { nice: 7, io: Some(IoClass::Idle) };
        assert_eq!(runner.run(&shell("nice; ionice")).await.unwrap().text(), "7\nidle");
        runner.priority.io = Some(IoClass::LastOfBestEffort);
        assert_eq!(runner.run(&shell("ionice").contained()).await.unwrap().text(), "best-effort: prio 7");
    }

    #[test]
    fn what_is_said_on_standard_error_is_not_hidden_by_what_follows_on_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::open(&folder.path().join("log"), &shell("true")).unwrap();
        output.take(b"oops\n", false);
        (1..=30).for_each(|number| output.take(format!("{number}\n").as_bytes(), true));
        let tail = output.tail();
        assert_eq!((tail.len(), tail[0].as_str(), tail[19].as_str()), (20, "oops", "30"));
        (1..=30).for_each(|number| output.take(format!("error {number}\n").as_bytes(), false));
        let tail = output.tail();
        assert_eq!((tail.len(), tail[19].as_str()), (20, "error 30"));
        assert!(tail.contains(&"30".to_owned()) && !tail.contains(&"oops".to_owned()), "{tail:?}");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = runner(folder.path()).run(&Command::new("no-such-program")).await.unwrap_err();
        assert_eq!(error.cause, ToolFailure::NotFound("no-such-program".into()));
    }

    #[tokio::test]
    async fn time_up_and_cancel_end_the_children_too() {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner(folder.path());
        let pid_of_child = || fs_err::read_to_string(folder.path().join("pid")).unwrap().trim().to_owned();
        let script = shell("sleep 1000 & echo $! > pid; wait");
        let error = runner.run(&script.clone().timeout(Duration::from_millis(500))).await.unwrap_err();
        assert!(matches!(error.cause, ToolFailure::TimedOut { .. }), "{error}");
        assert!(gone(&pid_of_child()).await);
        let cancel = runner.cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            cancel.cancel();
        });
        let error = runner.run(&script).await.unwrap_err();
        assert!(matches!(error.cause, ToolFailure::Cancelled { .. }), "{error}");
        assert!(gone(&pid_of_child()).await);
    }

    #[tokio::test]
    async fn a_child_left_behind_does_not_hold_up_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let finished = runner(folder.path()).run(&shell("sleep 1000 & echo $!")).await.unwrap();
        assert!(finished.duration < Duration::from_secs(60));
        assert!(gone(&finished.text()).await);
    }

    #[tokio::test]
    async fn input_and_environment_reach_the_program_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let command = shell("cat; env | cut -d= -f1 | grep -v ^_ | sort | tr '\\n' ' '").input("given ").env("MINE", "1");
        let finished = runner(folder.path()).run(&command).await.unwrap();
        assert_eq!(finished.text(), "given DEBIAN_FRONTEND HOME LC_ALL MINE PATH PWD TZ ");
    }

    /// A process is gone when it has no entry, or is a zombie that its new parent has not collected yet.
    async fn gone(pid: &str) -> bool {
        for _ in 0..100 {
            match fs_err::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) if !stat.contains(") Z ") => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => return true,
            }
        }
        false
    }
}
