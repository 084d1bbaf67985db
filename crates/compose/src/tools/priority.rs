//! How commands stand behind other programs of the machine, by nice(1) and ionice(1).

/// How commands stand behind other programs of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Priority {
    /// As nice(1) counts it: up to 19; 0 changes nothing.
    pub nice: u8,
    /// As ionice(1) has it.
    pub io: Option<IoClass>,
}

/// Classes of programs that read and write disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoClass {
    /// The last of those that take turns.
    LastOfBestEffort,
    /// Only while nobody else wants the disk.
    Idle,
}

impl Priority {
    /// The words before a command that has it.
    pub(super) fn words(self) -> Vec<String> {
        let mut words = Vec::new();
        if self.nice > 0 {
            words.extend(["nice".to_owned(), "-n".to_owned(), self.nice.to_string()]);
        }
        let class: &[&str] = match self.io {
            None => &[],
            Some(IoClass::LastOfBestEffort) => &["ionice", "-c", "2", "-n", "7"],
            Some(IoClass::Idle) => &["ionice", "-c", "3"],
        };
        words.extend(class.iter().map(|word| (*word).to_owned()));
        words
    }
}
