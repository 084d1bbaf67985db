//! Python with the libraries that read what charmer writes, in one environment for all tests of a checkout.

use std::path::{Path, PathBuf};

/// The interpreter of an environment with productmd below `folder`, where Cargo lets tests keep files. Whoever asks first makes it;
/// none where it cannot be had.
pub fn with_productmd(folder: &Path) -> Option<PathBuf> {
    fs_err::create_dir_all(folder).ok()?;
    let lock = fs_err::File::create(folder.join("productmd.lock")).ok()?;
    lock.file().lock().ok()?;
    let (environment, complete) = (folder.join("productmd"), folder.join("productmd/complete"));
    let interpreter = environment.join("bin/python3");
    if !complete.exists() || !succeeds(&interpreter, &["-c", "import productmd"]) {
        let made = succeeds(Path::new("python3"), &["-m", "venv", "--clear", environment.to_str()?]);
        let installed = made && succeeds(&environment.join("bin/pip"), &["install", "--quiet", "productmd"]);
        if !installed {
            return None;
        }
        fs_err::write(&complete, "").ok()?;
    }
    Some(interpreter)
}

fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    #[expect(clippy::disallowed_types, reason = "test fixtures are made by real tools")]
    let output = std::process::Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}
