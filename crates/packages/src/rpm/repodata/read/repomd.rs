//! `repomd.xml`: which files the metadata is made of.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::safe_location;
use crate::rpm::package::Checksum;
use crate::rpm::xml::{XmlError, XmlReader};

/// What `repomd.xml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repomd {
    pub revision: String,
    /// By type: `primary`, `filelists`, `other`, `group`, `modules`...
    pub data: BTreeMap<String, Data>,
}

/// One file of the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// Path below the repository's folder.
    pub location: String,
    pub checksum: Checksum,
    /// Of the unpacked file.
    pub open_checksum: Option<Checksum>,
    pub size: Option<u64>,
    pub open_size: Option<u64>,
    pub timestamp: Option<u64>,
}

/// Reads a whole `repomd.xml`.
pub fn read_repomd(input: &mut dyn BufRead) -> Result<Repomd, XmlError> {
    let mut reader = XmlReader::new(input);
    reader.root("repomd")?;
    let mut repomd = Repomd::default();
    while reader.child()? {
        match reader.name() {
            "revision" => reader.text()?.trim().clone_into(&mut repomd.revision),
            "data" => {
                let kind = reader.required_attribute("type")?;
                let data = read_data(&mut reader)?;
                repomd.data.insert(kind, data);
            }
            _ => reader.skip()?,
        }
    }
    Ok(repomd)
}

fn read_data(reader: &mut XmlReader<'_>) -> Result<Data, XmlError> {
    let mut data = Data::default();
    while reader.child()? {
        match reader.name() {
            "location" => {
                let location = reader.required_attribute("href")?;
                safe_location(&location).map_err(|problem| reader.error(problem))?;
                data.location = location;
                reader.skip()?;
            }
            "checksum" => data.checksum = read_checksum(reader)?,
            "open-checksum" => data.open_checksum = Some(read_checksum(reader)?),
            "size" => data.size = reader.text()?.trim().parse().ok(),
            "open-size" => data.open_size = reader.text()?.trim().parse().ok(),
            // Old tools write fractions of seconds.
            "timestamp" => data.timestamp = reader.text()?.trim().split('.').next().and_then(|seconds| seconds.parse().ok()),
            _ => reader.skip()?,
        }
    }
    Ok(data)
}

pub(super) fn read_checksum(reader: &mut XmlReader<'_>) -> Result<Checksum, XmlError> {
    let algorithm = reader.required_attribute("type")?.into_boxed_str();
    Ok(Checksum { algorithm, digest: reader.text()?.trim().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_file() {
        let text = r#"<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1700000000</revision>
  <data type="primary">
    <checksum type="sha256">aa</checksum><open-checksum type="sha256">bb</open-checksum>
    <location href="repodata/aa-primary.xml.gz"/><timestamp>1700000001.5</timestamp><size>10</size><open-size>20</open-size>
  </data>
  <data type="group"><checksum type="sha256">cc</checksum><location href="repodata/comps.xml"/></data>
</repomd>"#;
        let repomd = read_repomd(&mut text.as_bytes()).unwrap();
        assert_eq!(repomd.revision, "1700000000");
        assert_eq!(repomd.data.keys().collect::<Vec<_>>(), ["group", "primary"]);
        let primary = &repomd.data["primary"];
        assert_eq!(
            (primary.location.as_str(), primary.size, primary.open_size),
            ("repodata/aa-primary.xml.gz", Some(10), Some(20))
        );
        assert_eq!((primary.timestamp, &*primary.checksum.digest), (Some(1_700_000_001), "aa"));
        assert_eq!(primary.open_checksum.as_ref().unwrap().algorithm.as_ref(), "sha256");
    }

    #[test]
    fn paths_that_leave_the_repository_are_refused() {
        for location in ["../x", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "a&#10;b"] {
            let text = format!("<repomd><data type='primary'><location href='{location}'/></data></repomd>");
            assert!(read_repomd(&mut text.as_bytes()).is_err(), "{location}");
        }
    }
}
