//! What a machine writes to its serial console, while it does: looked through as it grows, and shortened for people.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use regex::bytes::Regex;

/// What was looked through and may still be the beginning of something.
const KEPT: usize = 8 << 10;
/// A console that says more than this says nothing any more.
const LIMIT: u64 = 64 << 20;

/// What Linux writes before its messages.
static KERNEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[ *[0-9]+\.[0-9]{6}\] ").expect("it is well-formed"));

/// A console's file, as far as it was read.
#[derive(Debug)]
pub(super) struct Console {
    path: PathBuf,
    read: u64,
    recent: Vec<u8>,
    grew: Instant,
    /// A kernel has spoken, with its time before each line.
    has_kernel: bool,
}

/// What is known of a console.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    NotYet,
    Found,
    TooMuch,
}

impl Console {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: 0, recent: Vec::new(), grew: Instant::now(), has_kernel: false }
    }

    /// Reads what is new, and looks for the pattern in it.
    pub(super) fn look(&mut self, until: &Regex) -> std::io::Result<Seen> {
        let mut file = match fs_err::File::open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Seen::NotYet),
            file => file?,
        };
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(self.read))?;
        loop {
            let count = (&mut file).take(1 << 16).read_to_end(&mut self.recent)?;
            if count == 0 {
                return Ok(Seen::NotYet);
            }
            self.read += count as u64;
            self.grew = Instant::now();
            self.has_kernel |= KERNEL.is_match(&self.recent);
            if until.is_match(&self.recent) {
                return Ok(Seen::Found);
            }
            if self.read > LIMIT {
                return Ok(Seen::TooMuch);
            }
            let old = self.recent.len().saturating_sub(KEPT);
            self.recent.drain(..old);
        }
    }

    /// Nothing has come for so long, and a kernel never spoke.
    pub(super) fn is_stalled(&self, silence: Duration) -> bool {
        !self.has_kernel && self.grew.elapsed() > silence
    }

    /// The last lines, without what moves a cursor or colours a text.
    pub(super) fn last_lines(&self, count: usize) -> Vec<String> {
        let text = readable(&self.recent);
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
    }
}

/// Text without escape sequences (ECMA-48, section 5.4) and other control characters.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' if characters.next_if_eq(&'[').is_some() => {
                while characters.next_if(|next| !('@'..='~').contains(next)).is_some() {}
                characters.next();
            }
            '\x1b' => drop(characters.next()),
            '\n' => plain.push('\n'),
            other if !other.is_control() => plain.push(other),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_as_the_console_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        let mut console = Console::new(&path);
        let until = Regex::new("quay login:").unwrap();
        assert_eq!(console.look(&until).unwrap(), Seen::NotYet);
        fs_err::write(&path, [vec![b'x'; 100_000], b"\nquay lo".to_vec()].concat()).unwrap();
        assert_eq!(console.look(&until).unwrap(), Seen::NotYet);
        let text = fs_err::read(&path).unwrap();
        fs_err::write(&path, [text, b"gin: ".to_vec()].concat()).unwrap();
        assert_eq!(console.look(&until).unwrap(), Seen::Found);
    }

    #[test]
    fn a_silence_means_something_only_before_a_kernel_has_spoken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        let (mut console, until) = (Console::new(&path), Regex::new("login:").unwrap());
        fs_err::write(&path, "GRUB\n").unwrap();
        console.look(&until).unwrap();
        assert!(console.is_stalled(Duration::ZERO) && !console.is_stalled(Duration::from_secs(3600)));
        fs_err::write(&path, "GRUB\n[    0.000000] Linux version 6.12\n").unwrap();
        console.look(&until).unwrap();
        assert!(!console.is_stalled(Duration::ZERO));
    }

    #[test]
    fn a_console_that_never_ends_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        fs_err::File::create(&path).unwrap().file().set_len(LIMIT + 10).unwrap();
        assert_eq!(Console::new(&path).look(&Regex::new("login:").unwrap()).unwrap(), Seen::TooMuch);
    }

    #[test]
    fn people_see_the_last_lines_as_text() {
        let recent = b"one\r\n\x1b[0;32m  OK  \x1b[0m\x07 two\r\n\r\n\x1b]three\xff".to_vec();
        let console = Console { recent, ..Console::new(Path::new("")) };
        assert_eq!(console.last_lines(2), ["  OK   two", "three\u{fffd}"]);
    }
}
