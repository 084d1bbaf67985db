//! Fake tools for tests that are about charmer and not about root file systems: real executables in a folder for the front of `PATH`.

use std::io;
use std::path::{Path, PathBuf};

/// A mmdebstrap that installs nothing: see the script itself.
const MMDEBSTRAP: &str = include_str!("fake-mmdebstrap.sh");
/// A lorax that makes boot media which do not start: see the script itself.
const LORAX: &str = include_str!("fake-lorax.sh");

/// Writes a fake lorax into a folder, which is made if need be. A file `fail` there makes it fail, and it lists its command lines in
/// `calls`.
pub fn write_fake_lorax(folder: &Path) -> io::Result<()> {
    fs_err::create_dir_all(folder)?;
    write_program(&folder.join("lorax"), LORAX)
}

fn write_program(path: &Path, script: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::write(path, script)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// A folder with a fake mmdebstrap, and the files by which it is told what to do.
#[derive(Debug, Clone)]
pub struct FakeTools {
    pub folder: PathBuf,
}

impl FakeTools {
    /// Writes the tools into a folder, which is made if need be.
    pub fn write(folder: &Path) -> io::Result<Self> {
        fs_err::create_dir_all(folder)?;
        write_program(&folder.join("mmdebstrap"), MMDEBSTRAP)?;
        // The fake needs no programs of the arch.
        write_program(&folder.join("arch-test"), "#!/bin/sh\ncase $* in amd64 | arm64) ;; *) exit 1 ;; esac\n")?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// From now on mmdebstrap prints 30 lines and ends with exit status 7.
    pub fn fail(&self) -> io::Result<()> {
        fs_err::write(self.folder.join("fail"), "")
    }

    /// From now on mmdebstrap starts a child of its own and does nothing until it is told to go on.
    pub fn hang(&self) -> io::Result<()> {
        fs_err::write(self.folder.join("hang"), "")
    }

    /// From now on every root file system holds a package `stranger` too, which no repository has.
    pub fn smuggle(&self) -> io::Result<()> {
        fs_err::write(self.folder.join("stranger"), "")
    }

    /// From now on root file systems have a shell, a kernel and a dracut, all of them made up.
    pub fn make_bootable(&self) -> io::Result<()> {
        fs_err::write(self.folder.join("bootable"), "")
    }

    /// Whether a mmdebstrap has begun to do nothing.
    pub fn hangs(&self) -> bool {
        self.folder.join("hanging").exists()
    }

    /// Tells all who do nothing to go on.
    pub fn go_on(&self) -> io::Result<()> {
        fs_err::write(self.folder.join("go-on"), "")
    }

    /// From now on mmdebstrap does its work.
    pub fn work(&self) -> io::Result<()> {
        for order in ["fail", "hang", "hanging", "go-on"] {
            match fs_err::remove_file(self.folder.join(order)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The command lines of all runs so far.
    pub fn calls(&self) -> Vec<String> {
        let text = fs_err::read_to_string(self.folder.join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
