//! The files of a package: folders once, base names one after the other, as RPM headers have them.

use super::TooLarge;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    File,
    Directory,
    /// Belongs to the package without being in it.
    Ghost,
}

/// One file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// With the slash at its end.
    pub directory: &'a str,
    pub name: &'a str,
    pub kind: FileKind,
}

impl File<'_> {
    pub fn path(&self) -> String {
        [self.directory, self.name].concat()
    }

    /// Whether a repository lists it in its primary index: what other packages may name without having read the file lists.
    pub fn is_primary(&self) -> bool {
        self.directory.starts_with("/etc/")
            || memchr::memmem::find(self.directory.as_bytes(), b"bin/").is_some()
            || (self.directory == "/usr/lib/" && self.name == "sendmail")
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// All folders, then nothing else; each with the slash at its end.
    directories: String,
    directory_ends: Vec<u32>,
    names: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    directory: u32,
    name_end: u32,
    kind: FileKind,
}

impl Files {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a file. Files of one folder cost least when they come one after the other.
    pub fn push(&mut self, directory: &str, name: &str, kind: FileKind) -> Result<(), TooLarge> {
        let position = |at: usize| u32::try_from(at).map_err(|_| TooLarge);
        let last = self.directory_ends.len();
        let directory = if last > 0 && self.directory(last - 1) == directory {
            position(last - 1)?
        } else {
            self.directories.push_str(directory);
            self.directory_ends.push(position(self.directories.len())?);
            position(last)?
        };
        self.names.push_str(name);
        self.entries.push(Entry { directory, name_end: position(self.names.len())?, kind });
        Ok(())
    }

    /// Adds a file by its path, which is split behind its last slash.
    pub fn push_path(&mut self, path: &str, kind: FileKind) -> Result<(), TooLarge> {
        let (directory, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        self.push(directory, name, kind)
    }

    /// Gives back the room that was kept for more.
    pub fn shrink(&mut self) {
        self.directories.shrink_to_fit();
        self.directory_ends.shrink_to_fit();
        self.names.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// In the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = File<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let name = &self.names[start..entry.name_end as usize];
            start = entry.name_end as usize;
            File { directory: self.directory(entry.directory as usize), name, kind: entry.kind }
        })
    }

    fn directory(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.directory_ends[index - 1] as usize };
        &self.directories[start..self.directory_ends[index] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_in_their_order() {
        let paths = [
            ("/usr/bin/bash", FileKind::File),
            ("/usr/bin/sh", FileKind::File),
            ("/etc/skel", FileKind::Directory),
            ("/usr/bin/rbash", FileKind::Ghost),
            ("odd", FileKind::File),
            ("/usr/share/", FileKind::File),
        ];
        let mut files = Files::default();
        for (path, kind) in paths {
            files.push_path(path, kind).unwrap();
        }
        files.shrink();
        let read: Vec<_> = files.iter().map(|file| (file.path(), file.kind)).collect();
        assert_eq!(read, paths.map(|(path, kind)| (path.to_owned(), kind)));
    }
}
