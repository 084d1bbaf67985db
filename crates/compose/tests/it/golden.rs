//! What the real Pungi made of the golden composes. They lie beside the checkout, in `../shared/golden`, or where `CHARMER_SHARED` says.

use std::path::{Path, PathBuf};

/// The folder of one golden compose.
pub(crate) struct Golden {
    pub name: String,
    pub folder: PathBuf,
}

impl Golden {
    pub(crate) fn expected(&self) -> PathBuf {
        self.folder.join("expected")
    }

    pub(crate) fn input(&self, file: &str) -> Vec<u8> {
        fs_err::read(self.folder.join(file)).unwrap()
    }
}

/// All golden composes; none where there are none, which the test says.
pub(crate) fn composes() -> Vec<Golden> {
    #[expect(clippy::disallowed_methods, reason = "where the recorded answers lie is for whoever runs the tests to say")]
    let shared = std::env::var_os("CHARMER_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let Ok(entries) = fs_err::read_dir(shared.join("golden/compose")) else {
        #[expect(clippy::print_stderr, reason = "whoever runs the tests should know that this one did nothing")]
        {
            eprintln!("skipped: there are no golden composes in {}", shared.display());
        }
        return Vec::new();
    };
    let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("expected").is_dir());
    let mut composes: Vec<Golden> =
        folders.map(|folder| Golden { name: folder.file_name().unwrap().to_str().unwrap().to_owned(), folder }).collect();
    composes.sort_by(|left, right| left.name.cmp(&right.name));
    composes
}

/// The files under a folder, sorted, with paths relative to it.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs_err::read_dir(&next) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}
