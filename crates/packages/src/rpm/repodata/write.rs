//! Records and a few facts of files to XML, with the words, the order and the layout of createrepo_c: for texts of ASCII its very
//! bytes.
//!
//! Must not know: files, compression, digests.

use crate::rpm::dependency::Dependency;
use crate::rpm::package::{Field, FileKind, Package, RelationKind};

/// A package and its place in the repository that is written.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub package: &'a Package,
    /// Relative to the repository: `Packages/b/bash-5.2-1.x86_64.rpm`.
    pub location: &'a str,
    /// The file's digest by the repository's algorithm, in hexadecimal, and the name of that algorithm.
    pub digest: &'a str,
    pub algorithm: &'a str,
}

impl<'a> Entry<'a> {
    /// What createrepo_c sorts by: the file's name, then the folder it is in.
    pub fn order(&self) -> (&'a str, &'a str) {
        let (folder, name) = self.location.rsplit_once('/').unwrap_or(("", self.location));
        (name, folder)
    }
}

/// One of the three indexes that every repository has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Index {
    Primary,
    Filelists,
    Other,
}

impl Index {
    pub const ALL: [Index; 3] = [Index::Primary, Index::Filelists, Index::Other];

    /// As in `repomd.xml` and in file names.
    pub const fn name(self) -> &'static str {
        match self {
            Index::Primary => "primary",
            Index::Filelists => "filelists",
            Index::Other => "other",
        }
    }

    const fn root(self) -> &'static str {
        match self {
            Index::Primary => "metadata",
            Index::Filelists => "filelists",
            Index::Other => "otherdata",
        }
    }

    /// Everything before the first package.
    pub fn head(self, packages: usize) -> String {
        let (root, namespaces) = match self {
            Index::Primary => {
                (self.root(), "xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"")
            }
            Index::Filelists => (self.root(), "xmlns=\"http://linux.duke.edu/metadata/filelists\""),
            Index::Other => (self.root(), "xmlns=\"http://linux.duke.edu/metadata/other\""),
        };
        format!("{DECLARATION}<{root} {namespaces} packages=\"{packages}\">\n")
    }

    /// Adds what this index says of a package.
    pub fn write(self, entry: &Entry<'_>, xml: &mut Vec<u8>) {
        match self {
            Index::Primary => write_primary(entry, xml),
            Index::Filelists => write_filelists(entry, xml),
            Index::Other => write_other(entry, xml),
        }
    }

    /// Everything behind the last package.
    pub fn tail(self) -> String {
        format!("</{}>", self.root())
    }
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn write_primary(entry: &Entry<'_>, xml: &mut Vec<u8>) {
    let Entry { package, location, digest, algorithm } = *entry;
    text(xml, "<package type=\"rpm\">\n");
    element(xml, "  ", "name", package.name());
    element(xml, "  ", "arch", package.arch());
    version(xml, package);
    text(xml, "  <checksum");
    attribute(xml, "type", algorithm);
    text(xml, " pkgid=\"YES\">");
    escaped(xml, digest);
    text(xml, "</checksum>\n");
    for (name, field) in
        [("summary", Field::Summary), ("description", Field::Description), ("packager", Field::Packager), ("url", Field::Url)]
    {
        element(xml, "  ", name, package.field(field));
    }
    numbers(xml, "  <time", &[("file", package.file.time), ("build", package.build_time)]);
    let sizes = [("package", package.file.size), ("installed", package.installed_size), ("archive", package.archive_size)];
    numbers(xml, "  <size", &sizes);
    text(xml, "  <location");
    if let Some(base) = &package.file.location_base {
        attribute(xml, "xml:base", base);
    }
    attribute(xml, "href", location);
    text(xml, "/>\n  <format>\n");
    for (name, field) in [
        ("rpm:license", Field::License),
        ("rpm:vendor", Field::Vendor),
        ("rpm:group", Field::Group),
        ("rpm:buildhost", Field::BuildHost),
        ("rpm:sourcerpm", Field::SourceRpm),
    ] {
        element(xml, "    ", name, package.field(field));
    }
    let (start, end) = package.file.header_range;
    numbers(xml, "    <rpm:header-range", &[("start", start), ("end", end)]);
    for (name, kind) in RELATIONS {
        relations(xml, package, name, kind);
    }
    for file in package.files.iter().filter(crate::rpm::package::File::is_primary) {
        write_file(xml, "    ", &file);
    }
    text(xml, "  </format>\n</package>\n");
}

const RELATIONS: [(&str, RelationKind); 8] = [
    ("provides", RelationKind::Provides),
    ("requires", RelationKind::Requires),
    ("conflicts", RelationKind::Conflicts),
    ("obsoletes", RelationKind::Obsoletes),
    ("suggests", RelationKind::Suggests),
    ("enhances", RelationKind::Enhances),
    ("recommends", RelationKind::Recommends),
    ("supplements", RelationKind::Supplements),
];

fn relations(xml: &mut Vec<u8>, package: &Package, name: &str, kind: RelationKind) {
    let relations = package.relations(kind);
    if relations.len() == 0 {
        return;
    }
    text(xml, "    <rpm:");
    text(xml, name);
    text(xml, ">\n");
    for relation in relations.filter(|relation| !relation.dependency.name.is_empty()) {
        text(xml, "      <rpm:entry");
        dependency(xml, &relation.dependency);
        if relation.pre && kind == RelationKind::Requires {
            text(xml, " pre=\"1\"");
        }
        text(xml, "/>\n");
    }
    text(xml, "    </rpm:");
    text(xml, name);
    text(xml, ">\n");
}

fn dependency(xml: &mut Vec<u8>, dependency: &Dependency<'_>) {
    attribute(xml, "name", dependency.name);
    let Some(constraint) = &dependency.constraint else { return };
    attribute(xml, "flags", constraint.comparison.flags());
    let evr = &constraint.evr;
    if evr.epoch.is_none() && evr.version.is_empty() && evr.release.is_none() {
        return;
    }
    text(xml, " epoch=\"");
    number(xml, evr.epoch.unwrap_or(0).into());
    text(xml, "\"");
    for (name, value) in [("ver", evr.version), ("rel", evr.release.unwrap_or(""))] {
        if !value.is_empty() {
            attribute(xml, name, value);
        }
    }
}

fn write_filelists(entry: &Entry<'_>, xml: &mut Vec<u8>) {
    begin_named_package(xml, entry);
    for file in entry.package.files.iter() {
        write_file(xml, "  ", &file);
    }
    text(xml, "</package>\n");
}

fn write_other(entry: &Entry<'_>, xml: &mut Vec<u8>) {
    begin_named_package(xml, entry);
    for changelog in entry.package.changelogs.iter() {
        text(xml, "  <changelog");
        attribute(xml, "author", changelog.author);
        text(xml, " date=\"");
        number(xml, changelog.time);
        text(xml, "\">");
        escaped(xml, changelog.text);
        text(xml, "</changelog>\n");
    }
    text(xml, "</package>\n");
}

fn begin_named_package(xml: &mut Vec<u8>, entry: &Entry<'_>) {
    text(xml, "<package");
    attribute(xml, "pkgid", entry.digest);
    attribute(xml, "name", entry.package.name());
    attribute(xml, "arch", entry.package.arch());
    text(xml, ">\n");
    version(xml, entry.package);
}

fn version(xml: &mut Vec<u8>, package: &Package) {
    text(xml, "  <version epoch=\"");
    number(xml, package.epoch.into());
    text(xml, "\"");
    attribute(xml, "ver", package.version());
    attribute(xml, "rel", package.release());
    text(xml, "/>\n");
}

fn write_file(xml: &mut Vec<u8>, indent: &str, file: &crate::rpm::package::File<'_>) {
    text(xml, indent);
    text(
        xml,
        match file.kind {
            FileKind::File => "<file>",
            FileKind::Directory => "<file type=\"dir\">",
            FileKind::Ghost => "<file type=\"ghost\">",
        },
    );
    escaped(xml, file.directory);
    escaped(xml, file.name);
    text(xml, "</file>\n");
}

/// A file of the metadata, as `repomd.xml` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFile {
    /// `primary`, `group_gz`, `modules`.
    pub kind: String,
    /// The algorithm of both digests.
    pub algorithm: String,
    pub digest: String,
    /// Relative to the repository.
    pub location: String,
    /// In seconds since 1970.
    pub timestamp: u64,
    pub size: u64,
    /// Digest and size of what is in the file, if it is compressed.
    pub open: Option<(String, u64)>,
}

/// What a repository says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    pub content: Vec<String>,
    pub repo: Vec<String>,
    /// A product's name, with its CPE if it has one.
    pub distro: Vec<(Option<String>, String)>,
}

/// `repomd.xml`: the three indexes first, then the other files sorted by their kind.
pub fn repomd(revision: &str, tags: &Tags, files: &[MetadataFile]) -> Vec<u8> {
    let mut xml = Vec::new();
    text(&mut xml, DECLARATION);
    text(&mut xml, "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n");
    element(&mut xml, "  ", "revision", revision);
    repomd_tags(&mut xml, tags);
    let mut files: Vec<&MetadataFile> = files.iter().collect();
    let rank = |kind: &str| Index::ALL.iter().position(|index| index.name() == kind).unwrap_or(Index::ALL.len());
    files.sort_by_key(|file| (rank(&file.kind), file.kind.as_str(), file.location.as_str()));
    for file in files {
        repomd_file(&mut xml, file);
    }
    text(&mut xml, "</repomd>\n");
    xml
}

/// What `repomd.xml` says of one file.
pub fn listed_in_repomd(file: &MetadataFile) -> Vec<u8> {
    let mut xml = Vec::new();
    repomd_file(&mut xml, file);
    xml
}

fn repomd_tags(xml: &mut Vec<u8>, tags: &Tags) {
    if *tags == Tags::default() {
        return;
    }
    text(xml, "  <tags>\n");
    for (name, values) in [("content", &tags.content), ("repo", &tags.repo)] {
        for value in values {
            element(xml, "    ", name, value);
        }
    }
    for (cpe, name) in &tags.distro {
        text(xml, "    <distro");
        if let Some(cpe) = cpe {
            attribute(xml, "cpeid", cpe);
        }
        text(xml, ">");
        escaped(xml, name);
        text(xml, "</distro>\n");
    }
    text(xml, "  </tags>\n");
}

fn repomd_file(xml: &mut Vec<u8>, file: &MetadataFile) {
    let digest = |xml: &mut Vec<u8>, name: &str, value: &str| {
        text(xml, "    <");
        text(xml, name);
        attribute(xml, "type", &file.algorithm);
        text(xml, ">");
        escaped(xml, value);
        text(xml, "</");
        text(xml, name);
        text(xml, ">\n");
    };
    text(xml, "  <data");
    attribute(xml, "type", &file.kind);
    text(xml, ">\n");
    digest(xml, "checksum", &file.digest);
    if let Some((open, _)) = &file.open {
        digest(xml, "open-checksum", open);
    }
    text(xml, "    <location");
    attribute(xml, "href", &file.location);
    text(xml, "/>\n");
    let sizes =
        [("timestamp", Some(file.timestamp)), ("size", Some(file.size)), ("open-size", file.open.as_ref().map(|it| it.1))];
    for (name, value) in sizes {
        if let Some(value) = value {
            element(xml, "    ", name, &value.to_string());
        }
    }
    text(xml, "  </data>\n");
}

fn text(xml: &mut Vec<u8>, text: &str) {
    xml.extend_from_slice(text.as_bytes());
}

fn element(xml: &mut Vec<u8>, indent: &str, name: &str, value: &str) {
    text(xml, indent);
    text(xml, "<");
    text(xml, name);
    text(xml, ">");
    escaped(xml, value);
    text(xml, "</");
    text(xml, name);
    text(xml, ">\n");
}

fn attribute(xml: &mut Vec<u8>, name: &str, value: &str) {
    text(xml, " ");
    text(xml, name);
    text(xml, "=\"");
    escape(xml, value, |byte| match byte {
        b'"' => Some("&quot;"),
        b'\n' => Some("&#10;"),
        b'\t' => Some("&#9;"),
        _ => in_text(byte),
    });
    text(xml, "\"");
}

/// An element without content, and a line end behind it.
fn numbers(xml: &mut Vec<u8>, begin: &str, values: &[(&str, u64)]) {
    text(xml, begin);
    for (name, value) in values {
        text(xml, " ");
        text(xml, name);
        text(xml, "=\"");
        number(xml, *value);
        text(xml, "\"");
    }
    text(xml, "/>\n");
}

fn number(xml: &mut Vec<u8>, value: u64) {
    use std::io::Write as _;
    write!(xml, "{value}").expect("memory takes it");
}

fn escaped(xml: &mut Vec<u8>, value: &str) {
    escape(xml, value, in_text);
}

fn in_text(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    }
}

fn escape(xml: &mut Vec<u8>, value: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
    let bytes = value.as_bytes();
    let mut written = 0;
    for (position, byte) in bytes.iter().enumerate() {
        if let Some(replacement) = replacement(*byte) {
            xml.extend_from_slice(&bytes[written..position]);
            text(xml, replacement);
            written = position + 1;
        }
    }
    xml.extend_from_slice(&bytes[written..]);
}
