//! zsync: which parts of an image are which, so that whoever has an older one fetches over HTTP only what has changed.

use std::path::Path;

use super::{ImageError, RequiredProgram, blocking, program};
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] = &[program("zsyncmake", "zsync")];

/// What ends the lines of text, behind which the checksums of the blocks stand.
const END: &[u8] = b"\n\n";

/// Describes an image.
pub(super) async fn make(runner: &Runner, image: &Path, output: &Path) -> Result<(), ImageError> {
    // Compressed content is taken as it is.
    runner.run(&Command::new("zsyncmake").args(["-Z", "-f", "image", "-u", "image", "-o"]).arg(output).arg(image)).await?;
    let output = output.to_owned();
    blocking(move || {
        let described = fs_err::read(&output)?;
        let settled = with_name(&described, "image").ok_or_else(|| std::io::Error::other("zsyncmake wrote no header"))?;
        Ok(fs_err::write(&output, settled)?)
    })
    .await
}

/// The description of an image that has got another name and lies beside it; without the time at which that was. None if it is none.
pub(crate) fn with_name(described: &[u8], image: &str) -> Option<Vec<u8>> {
    let end = described.windows(END.len()).position(|bytes| bytes == END)?;
    let header = std::str::from_utf8(&described[..end]).ok()?;
    let line = |line: &str| match line.split_once(": ")?.0 {
        "MTime" => None,
        key @ ("Filename" | "URL") => Some(format!("{key}: {image}\n")),
        _ => Some(format!("{line}\n")),
    };
    let mut renamed: Vec<u8> = header.lines().filter_map(line).collect::<String>().into();
    renamed.extend(&described[end + 1..]);
    Some(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_can_get_another_name() {
        let described = b"zsync: 0.6.2\nFilename: image\nMTime: Sun, 29 Nov 2026 00:00:00 +0000\nBlocksize: 2048\nURL: image\nSHA-1: 0\n\n\xff\n\n\x00";
        let renamed = b"zsync: 0.6.2\nFilename: b.iso\nBlocksize: 2048\nURL: b.iso\nSHA-1: 0\n\n\xff\n\n\x00";
        assert_eq!(with_name(described, "b.iso").unwrap(), renamed);
        assert_eq!(with_name(b"nothing", "b.iso"), None);
    }
}
