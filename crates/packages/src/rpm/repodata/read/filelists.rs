//! `filelists.xml`: all files of each package.

use std::io::BufRead;

use super::primary::read_file_kind;
use crate::rpm::package::Files;
use crate::rpm::xml::{XmlError, XmlReader};

/// Gives the files of each package of `filelists.xml`, with the digest that `primary.xml` has of the package as well.
pub fn read_filelists(input: &mut dyn BufRead, mut take: impl FnMut(&str, Files)) -> Result<(), XmlError> {
    let mut reader = XmlReader::new(input);
    reader.root("filelists")?;
    while reader.child()? {
        match reader.name() {
            "package" => {
                let digest = reader.required_attribute("pkgid")?;
                take(&digest, read_files(&mut reader)?);
            }
            _ => reader.skip()?,
        }
    }
    Ok(())
}

fn read_files(reader: &mut XmlReader<'_>) -> Result<Files, XmlError> {
    let mut files = Files::default();
    while reader.child()? {
        match reader.name() {
            "file" => {
                let kind = read_file_kind(reader)?;
                let kept = files.push_path(reader.text()?, kind);
                kept.map_err(|error| reader.error(error))?;
            }
            _ => reader.skip()?,
        }
    }
    files.shrink();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_with_their_packages_digest() {
        let text = r#"<filelists packages="2"><package pkgid="aa" name="a" arch="noarch"><version epoch="0" ver="1" rel="1"/>
<file>/usr/bin/a</file><file type="dir">/d</file></package><package pkgid="bb" name="b" arch="noarch"/></filelists>"#;
        let mut read = Vec::new();
        read_filelists(&mut text.as_bytes(), |digest, files| {
            read.push((digest.to_owned(), files.iter().map(|file| file.path()).collect::<Vec<_>>()));
        })
        .unwrap();
        assert_eq!(read, [("aa".to_owned(), vec!["/usr/bin/a".to_owned(), "/d".to_owned()]), ("bb".to_owned(), vec![])]);
    }
}
