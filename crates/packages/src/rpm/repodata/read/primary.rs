//! `primary.xml`: a record of each package, with only some of its files.

use std::io::BufRead;

use super::repomd::read_checksum;
use super::safe_location;
use crate::rpm::dependency::{Comparison, Constraint, Dependency};
use crate::rpm::package::{Field, FileKind, Package, PackageBuilder, Relation, RelationKind, TooLarge};
use crate::rpm::version::Evr;
use crate::rpm::xml::{XmlError, XmlProblem, XmlReader};

impl From<TooLarge> for XmlProblem {
    fn from(error: TooLarge) -> XmlProblem {
        XmlProblem::Content(error.to_string())
    }
}

/// Gives each package of `primary.xml`, in its order.
pub fn read_primary(input: &mut dyn BufRead, mut take: impl FnMut(Package)) -> Result<(), XmlError> {
    let mut reader = XmlReader::new(input);
    reader.root("metadata")?;
    while reader.child()? {
        match reader.name() {
            "package" => take(read_package(&mut reader)?),
            _ => reader.skip()?,
        }
    }
    Ok(())
}

fn read_package(reader: &mut XmlReader<'_>) -> Result<Package, XmlError> {
    let mut package = PackageBuilder::default();
    while reader.child()? {
        match reader.name() {
            "name" => set_text(reader, &mut package, Field::Name)?,
            "arch" => set_text(reader, &mut package, Field::Arch)?,
            "summary" => set_text(reader, &mut package, Field::Summary)?,
            "description" => set_text(reader, &mut package, Field::Description)?,
            "packager" => set_text(reader, &mut package, Field::Packager)?,
            "url" => set_text(reader, &mut package, Field::Url)?,
            "version" => read_version(reader, &mut package)?,
            "checksum" => package.file.checksum = read_checksum(reader)?,
            "time" => {
                package.file.time = reader.number("file")?;
                package.build_time = reader.number("build")?;
                reader.skip()?;
            }
            "size" => {
                package.file.size = reader.number("package")?;
                package.installed_size = reader.number("installed")?;
                package.archive_size = reader.number("archive")?;
                reader.skip()?;
            }
            "location" => read_location(reader, &mut package)?,
            "format" => read_format(reader, &mut package)?,
            _ => reader.skip()?,
        }
    }
    for (field, name) in [(Field::Name, "name"), (Field::Version, "version"), (Field::Arch, "arch")] {
        if package.field(field).is_empty() {
            return Err(reader.error(XmlProblem::Content(format!("a package has no {name}"))));
        }
    }
    package.files.shrink();
    Ok(package.finish())
}

fn set_text(reader: &mut XmlReader<'_>, package: &mut PackageBuilder, field: Field) -> Result<(), XmlError> {
    let kept = package.set(field, reader.text()?);
    kept.map_err(|error| reader.error(error))
}

fn read_version(reader: &mut XmlReader<'_>, package: &mut PackageBuilder) -> Result<(), XmlError> {
    let (mut epoch, mut kept) = (Some(0), Ok(()));
    reader.attributes(|key, value| match key {
        "epoch" => epoch = value.parse().ok(),
        "ver" => kept = kept.and(package.set(Field::Version, &value)),
        "rel" => kept = kept.and(package.set(Field::Release, &value)),
        _ => {}
    })?;
    kept.map_err(|error| reader.error(error))?;
    package.epoch = epoch.ok_or_else(|| reader.error(XmlProblem::Content("the epoch of a package is no number".to_owned())))?;
    reader.skip()
}

fn read_location(reader: &mut XmlReader<'_>, package: &mut PackageBuilder) -> Result<(), XmlError> {
    let location = reader.required_attribute("href")?;
    safe_location(&location).map_err(|problem| reader.error(problem))?;
    package.file.location = location.into_boxed_str();
    package.file.location_base = reader.attribute("base")?.map(String::into_boxed_str);
    reader.skip()
}

fn read_format(reader: &mut XmlReader<'_>, package: &mut PackageBuilder) -> Result<(), XmlError> {
    while reader.child()? {
        let relations =
            |kind| move |reader: &mut XmlReader<'_>, package: &mut PackageBuilder| read_relations(reader, package, kind);
        match reader.name() {
            "license" => set_text(reader, package, Field::License)?,
            "vendor" => set_text(reader, package, Field::Vendor)?,
            "group" => set_text(reader, package, Field::Group)?,
            "buildhost" => set_text(reader, package, Field::BuildHost)?,
            "sourcerpm" => set_text(reader, package, Field::SourceRpm)?,
            "header-range" => {
                package.file.header_range = (reader.number("start")?, reader.number("end")?);
                reader.skip()?;
            }
            "provides" => relations(RelationKind::Provides)(reader, package)?,
            "requires" => relations(RelationKind::Requires)(reader, package)?,
            "conflicts" => relations(RelationKind::Conflicts)(reader, package)?,
            "obsoletes" => relations(RelationKind::Obsoletes)(reader, package)?,
            "recommends" => relations(RelationKind::Recommends)(reader, package)?,
            "suggests" => relations(RelationKind::Suggests)(reader, package)?,
            "supplements" => relations(RelationKind::Supplements)(reader, package)?,
            "enhances" => relations(RelationKind::Enhances)(reader, package)?,
            "file" => read_file(reader, package)?,
            _ => reader.skip()?,
        }
    }
    Ok(())
}

/// One file of a package, in this document or in `filelists.xml`.
fn read_file(reader: &mut XmlReader<'_>, package: &mut PackageBuilder) -> Result<(), XmlError> {
    let kind = read_file_kind(reader)?;
    let kept = package.files.push_path(reader.text()?, kind);
    kept.map_err(|error| reader.error(error))
}

pub(super) fn read_file_kind(reader: &XmlReader<'_>) -> Result<FileKind, XmlError> {
    let mut kind = FileKind::File;
    reader.attributes(|key, value| match (key, &*value) {
        ("type", "dir") => kind = FileKind::Directory,
        ("type", "ghost") => kind = FileKind::Ghost,
        _ => {}
    })?;
    Ok(kind)
}

fn read_relations(reader: &mut XmlReader<'_>, package: &mut PackageBuilder, kind: RelationKind) -> Result<(), XmlError> {
    let mut entry = Entry::default();
    while reader.child()? {
        if reader.name() == "entry" {
            entry.read(reader)?;
            let relation = entry.relation(reader)?;
            package.relation(kind, relation).map_err(|error| reader.error(error))?;
        }
        reader.skip()?;
    }
    Ok(())
}

/// The attributes of an entry, kept from one to the next for their room.
#[derive(Default)]
struct Entry {
    name: String,
    version: String,
    release: Option<String>,
    epoch: Option<String>,
    comparison: Option<Comparison>,
    pre: bool,
}

impl Entry {
    fn read(&mut self, reader: &XmlReader<'_>) -> Result<(), XmlError> {
        self.name.clear();
        self.version.clear();
        (self.release, self.epoch, self.comparison, self.pre) = (None, None, None, false);
        reader.attributes(|key, value| match key {
            "name" => self.name.push_str(&value),
            "ver" => self.version.push_str(&value),
            "rel" => self.release = Some(value.into_owned()),
            "epoch" => self.epoch = Some(value.into_owned()),
            "flags" => self.comparison = Comparison::from_flags(&value),
            "pre" => self.pre = &*value == "1",
            _ => {}
        })
    }

    fn relation(&self, reader: &XmlReader<'_>) -> Result<Relation<'_>, XmlError> {
        if self.name.is_empty() {
            return Err(reader.error(XmlProblem::NoAttribute { element: "entry".to_owned(), attribute: "name" }));
        }
        let number = |epoch: &String| epoch.parse::<u32>().map_err(|_| epoch.clone());
        let epoch =
            self.epoch.as_ref().map(number).transpose().map_err(|value| {
                reader.error(XmlProblem::NotANumber { element: "entry".to_owned(), attribute: "epoch", value })
            })?;
        let evr = Evr { epoch, version: &self.version, release: self.release.as_deref() };
        let constraint = self.comparison.map(|comparison| Constraint { comparison, evr });
        Ok(Relation { dependency: Dependency { name: &self.name, constraint }, pre: self.pre })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">
<package type="rpm">
  <name>bash</name><arch>x86_64</arch><version epoch="1" ver="5.2" rel="1.fc40"/>
  <checksum type="sha256" pkgid="YES">abc</checksum><summary>A shell</summary><description>Long &amp; good</description>
  <packager>P</packager><url>http://u/</url><time file="7" build="6"/><size package="5" installed="4" archive="3"/>
  <location href="b/bash.rpm"/>
  <format>
    <rpm:license>GPL</rpm:license><rpm:vendor>V</rpm:vendor><rpm:group>G</rpm:group><rpm:buildhost>h</rpm:buildhost>
    <rpm:sourcerpm>bash-5.2-1.fc40.src.rpm</rpm:sourcerpm><rpm:header-range start="10" end="20"/>
    <rpm:provides><rpm:entry name="bash" flags="EQ" epoch="1" ver="5.2" rel="1.fc40"/></rpm:provides>
    <rpm:requires>
      <rpm:entry name="/bin/sh" pre="1"/><rpm:entry name="glibc" flags="GE" epoch="0" ver="2.38"/><rpm:entry name="(a or b &lt; 2)"/>
    </rpm:requires>
    <rpm:supplements><rpm:entry name="x"/></rpm:supplements>
    <file>/usr/bin/bash</file><file type="dir">/etc/skel</file><file type="ghost">/etc/g</file>
  </format>
</package></metadata>"#;

    fn read(text: &str) -> Result<Vec<Package>, XmlError> {
        let mut packages = Vec::new();
        read_primary(&mut text.as_bytes(), |package| packages.push(package)).map(|()| packages)
    }

    #[test]
    fn every_part_of_a_record_is_read() {
        let packages = read(PRIMARY).unwrap();
        let [package] = &packages[..] else { panic!("one package: {packages:?}") };
        assert_eq!(package.nevra().to_string(), "bash-1:5.2-1.fc40.x86_64");
        let fields = [
            (Field::Summary, "A shell"),
            (Field::Description, "Long & good"),
            (Field::Packager, "P"),
            (Field::Url, "http://u/"),
            (Field::License, "GPL"),
            (Field::Vendor, "V"),
            (Field::Group, "G"),
            (Field::BuildHost, "h"),
            (Field::SourceRpm, "bash-5.2-1.fc40.src.rpm"),
        ];
        for (field, value) in fields {
            assert_eq!(package.field(field), value, "{field:?}");
        }
        let file = &package.file;
        assert_eq!((&*file.location, &*file.checksum.digest, file.header_range), ("b/bash.rpm", "abc", (10, 20)));
        assert_eq!((file.time, package.build_time, file.size), (7, 6, 5));
        assert_eq!((package.installed_size, package.archive_size), (4, 3));
        let requires: Vec<_> = package.requires().map(|it| (it.dependency.to_string(), it.pre)).collect();
        let expected = [("/bin/sh", true), ("glibc >= 2.38", false), ("(a or b < 2)", false)];
        assert_eq!(requires, expected.map(|(text, pre)| (text.to_owned(), pre)));
        assert_eq!(package.provides().next().unwrap().to_string(), "bash = 1:5.2-1.fc40");
        assert_eq!(package.relations(RelationKind::Supplements).len(), 1);
        let files: Vec<_> = package.files.iter().map(|file| (file.path(), file.kind)).collect();
        let expected = [("/usr/bin/bash", FileKind::File), ("/etc/skel", FileKind::Directory), ("/etc/g", FileKind::Ghost)];
        assert_eq!(files, expected.map(|(path, kind)| (path.to_owned(), kind)));
    }

    #[test]
    fn what_no_repository_should_have_is_refused() {
        for (from, to) in [
            ("href=\"b/bash.rpm\"", "href=\"../../bash.rpm\""),
            ("href=\"b/bash.rpm\"", "href=\"/bash.rpm\""),
            ("<name>bash</name>", ""),
            ("epoch=\"1\" ver=\"5.2\" rel=\"1.fc40\"/>\n  <checksum", "epoch=\"x\" ver=\"5.2\"/>\n  <checksum"),
            ("epoch=\"0\"", "epoch=\"-1\""),
            ("name=\"/bin/sh\"", "nam=\"x\""),
            ("start=\"10\"", "start=\"ten\""),
        ] {
            let text = PRIMARY.replace(from, to);
            assert_ne!(text, PRIMARY, "{from}");
            assert!(read(&text).is_err(), "{to}");
        }
        for length in (0..PRIMARY.len()).step_by(7) {
            assert!(PRIMARY.get(..length).is_none_or(|cut| read(cut).is_err()), "cut at {length}");
        }
    }
}
