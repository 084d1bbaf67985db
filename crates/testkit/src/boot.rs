//! Boots an image under qemu's emulation (no kernel help: it works in every virtual machine) and reads its serial console.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Debian's package ovmf.
const OVMF: &str = "/usr/share/ovmf/OVMF.fd";

/// What the machine starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    Bios,
    Uefi,
}

/// How the machine sees the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// In a CD drive.
    Disc,
    /// As a disk, which an ISO on a stick is.
    Disk,
}

/// A machine that runs; it ends when this is dropped.
#[derive(Debug)]
pub struct Boot {
    machine: Child,
    console: Arc<Mutex<Vec<u8>>>,
    /// What was waited for lies before this.
    read: usize,
    started: Instant,
}

/// What was waited for did not come; the last lines of the console are in it.
pub struct NotSeen {
    pub text: String,
    pub after: Duration,
    pub console: String,
}

impl std::fmt::Display for NotSeen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "'{}' was not seen in {:.0} s; the console's end:\n{}",
            self.text,
            self.after.as_secs_f64(),
            self.console
        )
    }
}

/// As people read it: `unwrap` prints this.
impl std::fmt::Debug for NotSeen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for NotSeen {}

impl Boot {
    /// Starts a machine with two processors, 1.5 GiB and no network. Nothing is written to the image.
    pub fn start(image: &Path, firmware: Firmware, medium: Medium) -> io::Result<Self> {
        let drive = match medium {
            Medium::Disc => format!("{},media=cdrom,readonly=on", raw_file(image)),
            Medium::Disk => raw_file(image),
        };
        Self::of_machine(&[firmware.options(), &["-drive", &drive]].concat())
    }

    /// Starts a machine with a disk in QEMU's format, which is `/dev/vda`, and perhaps a raw second one.
    pub fn start_disk(disk: &Path, second: Option<&Path>, firmware: Firmware) -> io::Result<Self> {
        let drives = [Some(format!("file={},format=qcow2,if=virtio", quoted(disk)))]
            .into_iter()
            .chain([second.map(|second| format!("{},if=virtio", raw_file(second)))]);
        let drives: Vec<_> = drives.flatten().flat_map(|drive| ["-drive".to_owned(), drive]).collect();
        let drives: Vec<_> = drives.iter().map(String::as_str).collect();
        Self::of_machine(&[firmware.options(), &drives].concat())
    }

    /// Starts a machine without a medium, which gets an iPXE script by its URL, where 10.0.2.2 is this machine.
    pub fn start_network(script: &str) -> io::Result<Self> {
        let network = format!("user,model=virtio-net-pci,bootfile={}", quoted(Path::new(script)));
        Self::of_machine(&["-nic", &network, "-boot", "n"])
    }

    /// Starts a machine for arm64, without firmware: by a kernel, its initrd and a raw disk with its root file system, `/dev/vda`.
    pub fn start_arm64(kernel: &Path, initrd: &Path, root: &Path) -> io::Result<Self> {
        let drive = format!("{},if=virtio", raw_file(root));
        let files = [("-kernel", kernel), ("-initrd", initrd)].map(|(option, file)| (option, file.display().to_string()));
        let files: Vec<_> = files.iter().flat_map(|(option, file)| [*option, file.as_str()]).collect();
        let options =
            [&["-machine", "virt", "-append", "root=/dev/vda rw console=ttyAMA0", "-drive", &drive], files.as_slice()].concat();
        Self::of_qemu("qemu-system-aarch64", "cortex-a57", &options)
    }

    fn of_machine(options: &[&str]) -> io::Result<Self> {
        Self::of_qemu("qemu-system-x86_64", "max", options)
    }

    fn of_qemu(program: &str, processor: &str, options: &[&str]) -> io::Result<Self> {
        #[expect(clippy::disallowed_types, reason = "a test drives a machine while it runs")]
        let mut qemu = std::process::Command::new(program);
        // One processor: where several are emulated, kernels that change their own code now and then fall over it.
        qemu.args(["-accel", "tcg", "-cpu", processor, "-m", "1536", "-smp", "1", "-nographic", "-no-reboot"]);
        if !options.contains(&"-nic") {
            qemu.args(["-nic", "none"]);
        }
        qemu.args(["-monitor", "none", "-serial", "stdio", "-snapshot"]).args(options);
        let started = Instant::now();
        let mut machine = qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let console = Arc::new(Mutex::new(Vec::new()));
        let stdout = machine.stdout.take().expect("its output is piped");
        let sink = Arc::clone(&console);
        std::thread::spawn(move || collect(stdout, &sink));
        Ok(Self { machine, console, read: 0, started })
    }

    /// Waits until the console has shown `text` after what was waited for before; gives the time since the start.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<Duration, NotSeen> {
        let end = Instant::now() + limit;
        loop {
            let ended = self.machine.try_wait().is_ok_and(|status| status.is_some());
            if let Some(position) = self.find(text) {
                self.read = position + text.len();
                return Ok(self.started.elapsed());
            }
            if ended || Instant::now() > end {
                return Err(NotSeen { text: text.to_owned(), after: self.started.elapsed(), console: self.tail() });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for the end of the line that the console shows next; gives the line.
    pub fn wait_for_line(&mut self, limit: Duration) -> Result<String, NotSeen> {
        let start = self.read;
        self.wait_for("\n", limit)?;
        let console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(String::from_utf8_lossy(&console[start..self.read]).trim_end().to_owned())
    }

    /// Types a line at the serial console.
    pub fn type_line(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.machine.stdin.as_mut().expect("its input is piped");
        stdin.write_all(format!("{line}\r").as_bytes())?;
        stdin.flush()
    }

    fn find(&self, text: &str) -> Option<usize> {
        let console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        let found = console[self.read..].windows(text.len()).position(|window| window == text.as_bytes());
        found.map(|position| self.read + position)
    }

    fn tail(&self) -> String {
        let console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&console[console.len().saturating_sub(3000)..]).into_owned()
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        // It fails only when the machine has ended by itself.
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

impl Firmware {
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Bios => &[],
            Self::Uefi => &["-machine", "q35", "-bios", OVMF],
        }
    }
}

fn raw_file(image: &Path) -> String {
    format!("file={},format=raw", quoted(image))
}

fn quoted(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

fn collect(mut from: impl Read, console: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        console.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
    }
}
