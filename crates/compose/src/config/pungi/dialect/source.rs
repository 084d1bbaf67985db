//! Reads the files of a configuration: bounded, as text, with the line ends made one.

use std::io::{ErrorKind, Read as _};

use super::error::{Class, DialectError};

/// The largest file that is read; real configurations have some hundred kilobytes.
const SIZE_LIMIT: u64 = 64 << 20;

/// The text of a file; all line ends are `\n`.
pub(in super::super) fn read(file: &str) -> Result<String, DialectError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => DialectError::new(Class::FileNotFoundError, format!("No such file or directory: {file}")),
        _ => DialectError::new(Class::OsError, error.to_string()),
    };
    if file.contains('\0') {
        return Err(DialectError::new(Class::ValueError, "embedded null byte"));
    }
    let mut bytes = Vec::new();
    let opened = fs_err::File::open(file).map_err(failed)?;
    opened.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(DialectError::new(Class::MemoryError, format!("{file} is larger than {} MiB", SIZE_LIMIT >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[position];
        let message = format!("'utf-8' codec can't decode byte 0x{byte:02x} in position {position}: {file} is no UTF-8 text");
        DialectError::new(Class::UnicodeDecodeError, message)
    })?;
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}
