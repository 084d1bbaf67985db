//! QEMU with an image, watched by its serial console and ended by its monitor, which also takes a picture of the screen.
//!
//! The image stays as it is: what the system writes goes to the work folder. The network leads nowhere.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex::bytes::Regex;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::accelerator::Accelerator;
use super::console::{Console, Seen};
use super::{MachineSpec, Medium, QEMU, TestFirmware, board, flash};
use crate::engine::JobError;
use crate::tools::{Command, Runner, ToolError};

const LOOK: Duration = Duration::from_millis(200);
/// A machine that runs with KVM and works has said something by then.
const SILENCE: Duration = Duration::from_secs(30);
/// A machine that was told to end has ended by then.
const FAREWELL: Duration = Duration::from_secs(30);
/// How much of the console people are shown.
const SHOWN: usize = 15;

/// How a machine was watched to its end.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) outcome: Outcome,
    pub(super) after: Duration,
    pub(super) last_lines: Vec<String>,
    /// In the work folder.
    pub(super) console: PathBuf,
    pub(super) screenshot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Found,
    /// The limit came first.
    NotFound,
    /// The machine ended by itself.
    Ended,
    /// The console said more than anybody reads.
    TooMuch,
    /// With KVM, nothing came for a while and no kernel ever spoke: KVM may not be able to run it.
    Stalled,
}

/// Starts a machine and watches it. `work` is an empty folder.
pub(super) async fn watch(
    runner: &Runner,
    machine: &MachineSpec,
    accelerator: Accelerator,
    until: &Regex,
    within: Duration,
    work: &Path,
) -> Result<Watched, JobError> {
    let control = Control::new(work)?;
    let command = machine.command(accelerator, work)?.timeout(within + 2 * FAREWELL);
    let cancel = runner.cancel.child_token();
    let runner = Runner { cancel: cancel.clone(), ..runner.clone() };
    let run = runner.run(&command);
    tokio::pin!(run);
    let (started, mut console) = (Instant::now(), Console::new(&work.join("console.log")));
    let outcome = loop {
        tokio::select! {
            ended = &mut run => {
                ended?;
                break match console.look(until)? {
                    Seen::Found => Outcome::Found,
                    _ => Outcome::Ended,
                };
            }
            () = tokio::time::sleep(LOOK) => {}
        }
        let outcome = match console.look(until)? {
            Seen::Found => Some(Outcome::Found),
            Seen::TooMuch => Some(Outcome::TooMuch),
            Seen::NotYet if started.elapsed() > within => Some(Outcome::NotFound),
            Seen::NotYet if accelerator == Accelerator::Kvm && console.is_stalled(SILENCE) => Some(Outcome::Stalled),
            Seen::NotYet => None,
        };
        if let Some(outcome) = outcome {
            control.take_picture_and_end()?;
            if let Ok(ended) = tokio::time::timeout(FAREWELL, &mut run).await {
                ended?;
            } else {
                // It hears nothing any more; what it says when it is killed is of no interest.
                cancel.cancel();
                let _: Result<_, ToolError> = run.await;
            }
            break outcome;
        }
    };
    let screenshot = Some(work.join("screen.png")).filter(|path| fs_err::metadata(path).is_ok_and(|data| data.len() > 0));
    Ok(Watched {
        outcome,
        after: started.elapsed(),
        last_lines: console.last_lines(SHOWN),
        console: work.join("console.log"),
        screenshot,
    })
}

impl MachineSpec {
    fn command(&self, accelerator: Accelerator, work: &Path) -> Result<Command, JobError> {
        // Where several processors are emulated, kernels that change their own code now and then fall over it (seen with QEMU 7.2).
        let (accelerator, processor, processors) = match accelerator {
            Accelerator::Kvm => ("kvm", "host", "2"),
            Accelerator::Emulated => ("tcg", "max", "1"),
        };
        let mut command = Command::new(QEMU)
            .args(board(self.firmware))
            .args(["-accel", accelerator, "-cpu", processor, "-smp", processors, "-m", &(self.memory >> 20).to_string()])
            .args(["-display", "none", "-vga", "std", "-no-reboot", "-snapshot", "-nic", "user,restrict=on,model=virtio-net-pci"])
            .args(["-device", "virtio-rng-pci", "-monitor", "none", "-parallel", "none"])
            .args(["-chardev", "file,id=console,path=console.log", "-serial", "chardev:console"])
            .args(["-chardev", "pipe,id=control,path=control", "-mon", "chardev=control,mode=control"])
            .env("TMPDIR", work)
            .folder(work);
        if let Some([code, variables]) = flash(self.firmware) {
            fs_err::copy(variables, work.join("variables.fd"))?;
            let code = format!("if=pflash,format=raw,unit=0,readonly=on,file={code}");
            command = command.args(["-drive", &code, "-drive", "if=pflash,format=raw,unit=1,file=variables.fd"]);
        }
        if self.firmware == TestFirmware::SecureBoot {
            command = command.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        }
        // A comma would end the name.
        let image = self.image.to_string_lossy().replace(',', ",,");
        let drive = match self.medium {
            Medium::Disc => format!("media=cdrom,readonly=on,format=raw,file={image}"),
            Medium::Disk(format) => format!("if=virtio,format={format},file={image}"),
        };
        Ok(command.args(["-drive", &drive]))
    }
}

/// The monitor of a machine: QEMU's documentation, "QEMU Machine Protocol". Its answers are of no interest.
#[derive(Debug)]
struct Control(fs_err::File);

impl Control {
    fn new(work: &Path) -> Result<Self, JobError> {
        for name in ["control.in", "control.out"] {
            mknodat(CWD, work.join(name), FileType::Fifo, Mode::from_raw_mode(0o600), 0).map_err(std::io::Error::from)?;
        }
        // For reading too: it is there before anybody listens.
        Ok(Self(fs_err::OpenOptions::new().read(true).write(true).open(work.join("control.in"))?))
    }

    fn take_picture_and_end(&self) -> std::io::Result<()> {
        let commands = [
            r#"{"execute": "qmp_capabilities"}"#,
            r#"{"execute": "screendump", "arguments": {"filename": "screen.png", "format": "png"}}"#,
            r#"{"execute": "quit"}"#,
        ];
        (&self.0).write_all(commands.join("\n").as_bytes())?;
        (&self.0).write_all(b"\n")
    }
}
