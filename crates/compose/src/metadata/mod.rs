//! Metadata: what a compose holds, as files that people and programs read: composeinfo, images, packages, deliverables,
//! findings, checksums; and the names that a compose has: its id and label.
//!
//! Must not know: how anything was made. Plain values in, text out; times are passed in, nothing is read from the compose but
//! the files whose checksums are wanted.
//!
//! # What productmd takes
//!
//! `composeinfo.json` and `images.json` are in productmd's forms, version 1.2, and productmd loads them, with architecture
//! names as Debian has them, within these limits of its (1.51):
//!
//! - `composeinfo.json`: any architecture name.
//! - `images.json`: only names in its `RPM_ARCHES`. amd64, arm64, i386, mips64el, riscv64 and s390x are in that list; armel,
//!   armhf, ppc64el and loong64 are not, and `Images().load()` ends with "Arch not found in `RPM_ARCHES`". Our files keep
//!   Debian's name there too: another one would be wrong for every other reader.
//! - Types and formats of images are closed lists: see [`images::productmd_kind`].
//!
//! productmd has no word for Debian packages; `debs.json` follows the style of its `rpms.json`.
//!
//! A compose of RPM packages has besides: [`rpms`], [`modules`], [`extra_files`], and in each tree [`treeinfo`] and [`media`].

pub mod checksums;
pub mod composeinfo;
pub mod debs;
pub mod extra_files;
pub mod images;
pub mod media;
pub mod modules;
pub mod names;
pub mod ostree;
pub mod plan;
pub mod pungi_names;
pub mod python_format;
pub mod reports;
pub mod rpm_composeinfo;
pub mod rpm_isos;
pub mod rpm_paths;
pub mod rpm_plan;
pub mod rpm_trees;
pub mod rpms;
pub mod treeinfo;

use serde::Serialize;

/// The version of productmd's file formats that we write.
const PRODUCTMD_VERSION: &str = "1.2";
/// The version of the formats that are our own.
const OWN_VERSION: &str = "1.0";

/// What every metadata file says about its compose. Fields stand in alphabetical order, as productmd writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct ComposeRecord {
    /// `YYYYMMDD`
    pub date: String,
    /// Whether the label stands for a supported release; written only with a label.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none", default)]
    pub is_final: Option<bool>,
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<String>,
    pub respin: u32,
    #[serde(rename = "type")]
    pub compose_type: names::ComposeType,
}

#[derive(Serialize)]
struct Document<T> {
    header: Header,
    payload: T,
}

#[derive(Serialize)]
struct Header {
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
}

/// The file's text, laid out as productmd does it.
fn document<T: Serialize>(kind: &'static str, version: &'static str, payload: &T) -> String {
    json(&Document { header: Header { kind, version }, payload })
}

/// JSON as productmd lays it out.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, layout);
    value.serialize(&mut serializer).expect("metadata serialises to memory");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}
