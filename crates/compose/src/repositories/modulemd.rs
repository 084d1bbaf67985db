//! Files that describe modules: their default streams, which streams are obsolete, and modules that no package set has. They are
//! checked, and put together to the `modules.yaml` of a repository.
//!
//! Documents keep their own text: what they say is read, never written anew. Must not know: where the files come from.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event, Parser, ScanError};

use super::rpm_md::ExtraFile;
use crate::checksum::Algorithm;
use crate::compression::Compression;

/// How deep values may be nested.
const DEPTH: usize = 100;
/// Stands for the key of what is in a list.
const ITEM: &str = "[]";

/// What a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    Defaults,
    Module,
    Obsoletes,
    /// `modulemd-packager` and whatever else there may be.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub kind: DocumentKind,
    /// The name of the module.
    pub module: String,
    /// Of defaults the default one, if there is one.
    pub stream: Option<String>,
    /// Of a module.
    pub version: Option<String>,
    pub context: Option<String>,
    /// Packages of a module, `name-epoch:version-release.arch` each.
    pub artifacts: BTreeSet<String>,
    /// As it stands in its file, without the line that begins it.
    text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ModulemdError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{}: {source}", path.display())]
    Yaml { path: PathBuf, source: ScanError },
    #[error("{}: values are nested deeper than {DEPTH}", .0.display())]
    TooDeep(PathBuf),
    #[error("Defaults contains not valid default file: {}", .0.display())]
    NotDefaults(PathBuf),
    #[error("{} does not describe any module", .0.display())]
    NotModules(PathBuf),
    #[error("There are duplicated module defaults:\n{}", .0.join("\n"))]
    SeveralDefaults(Vec<String>),
}

/// Reads all `*.yaml` files of a folder.
pub fn read_folder(folder: &Path) -> Result<Vec<Document>, ModulemdError> {
    let mut documents = Vec::new();
    for path in yaml_files(folder)? {
        let of_file = read(&path, &fs_err::read_to_string(&path)?)?;
        if of_file.iter().all(|document| document.kind == DocumentKind::Other) {
            return Err(ModulemdError::NotModules(path));
        }
        documents.extend(of_file);
    }
    Ok(documents)
}

/// Reads a folder of default streams, in which every file must be one and no module may have two.
pub fn read_defaults(folder: &Path) -> Result<Vec<Document>, ModulemdError> {
    let mut documents = Vec::new();
    for path in yaml_files(folder)? {
        let of_file = read(&path, &fs_err::read_to_string(&path)?)?;
        if of_file.is_empty() || of_file.iter().any(|document| document.kind != DocumentKind::Defaults) {
            return Err(ModulemdError::NotDefaults(path));
        }
        documents.extend(of_file);
    }
    let mut streams: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for document in &documents {
        streams.entry(&document.module).or_default().extend(document.stream.as_deref());
    }
    let several = streams.iter().filter(|(_, streams)| streams.len() > 1);
    let line = |(module, streams): (&&str, &BTreeSet<&str>)| {
        let streams: Vec<&str> = streams.iter().copied().collect();
        format!("Module {module} has multiple defaults: {}", streams.join(", "))
    };
    let lines: Vec<String> = several.map(line).collect();
    if lines.is_empty() { Ok(documents) } else { Err(ModulemdError::SeveralDefaults(lines)) }
}

/// Defaults with those of some modules put in the place of what was said of the same modules.
pub fn override_defaults(mut defaults: Vec<Document>, overrides: Vec<Document>) -> Vec<Document> {
    defaults.retain(|document| !overrides.iter().any(|own| own.module == document.module));
    defaults.extend(overrides);
    defaults
}

/// The text of a `modules.yaml`: the streams, and the defaults and obsoletes of their modules. Nothing, if there are no streams.
pub fn modules_yaml(streams: &[Document], defaults: &[Document], obsoletes: &[Document]) -> Option<String> {
    let names: BTreeSet<&str> = streams.iter().map(|document| document.module.as_str()).collect();
    let about_them = |document: &&Document| names.contains(document.module.as_str());
    let mut documents: Vec<&Document> = defaults.iter().chain(obsoletes).filter(about_them).chain(streams).collect();
    documents.sort_by_key(|document| (&document.module, document.kind));
    let text: String = documents.iter().flat_map(|document| ["---\n", &document.text, "...\n"]).collect();
    Some(text).filter(|_| !names.is_empty())
}

/// A `modules.yaml` as a file of a repository.
pub fn extra_file(modules_yaml: String) -> ExtraFile {
    ExtraFile {
        kind: "modules".to_owned(),
        name: "modules.yaml".to_owned(),
        content: modules_yaml.into_bytes(),
        compression: Compression::Gzip,
        checksum: Algorithm::Sha256,
        plain_copy: false,
    }
}

fn yaml_files(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.insert(path);
        }
    }
    Ok(files)
}

/// The documents of a file.
fn read(path: &Path, text: &str) -> Result<Vec<Document>, ModulemdError> {
    let pieces = split(text);
    let mut documents = Vec::new();
    for piece in pieces {
        let values = values_of(path, &piece)?;
        let value = |key: &[&str]| values.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone());
        let kind = match value(&["document"]).as_deref() {
            Some("modulemd-defaults") => DocumentKind::Defaults,
            Some("modulemd" | "modulemd-stream") => DocumentKind::Module,
            Some("modulemd-obsoletes") => DocumentKind::Obsoletes,
            _ => DocumentKind::Other,
        };
        let name = if kind == DocumentKind::Module { "name" } else { "module" };
        let artifacts = values.iter().filter(|(found, _)| found == &["data", "artifacts", "rpms", ITEM]);
        documents.push(Document {
            kind,
            module: value(&["data", name]).unwrap_or_default(),
            stream: value(&["data", "stream"]),
            version: value(&["data", "version"]),
            context: value(&["data", "context"]),
            artifacts: artifacts.map(|(_, value)| value.clone()).collect(),
            text: piece,
        });
    }
    Ok(documents)
}

/// The documents' texts. Markers stand at the beginning of a line, where no value of these files can.
fn split(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for line in text.lines() {
        let is_marker = line.trim_end() == "---" || line.trim_end() == "...";
        let piece = pieces.last_mut().expect("there is a first one");
        if is_marker {
            pieces.push(String::new());
        } else {
            piece.extend([line, "\n"]);
        }
    }
    let has_content = |piece: &String| piece.lines().any(|line| !line.trim().is_empty() && !line.starts_with(['#', '%']));
    pieces.retain(has_content);
    pieces
}

/// The texts of a document with the keys that lead to them. Aliases have no text.
fn values_of(path: &Path, text: &str) -> Result<Vec<(Vec<String>, String)>, ModulemdError> {
    let mut values = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|source| ModulemdError::Yaml { path: path.to_owned(), source })?;
        match event {
            Event::MappingStart(..) => open.push(Open::Mapping(None)),
            Event::SequenceStart(..) => open.push(Open::List),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                end_value(&mut open);
            }
            Event::Alias(_) => end_value(&mut open),
            Event::Scalar(scalar, ..) => {
                if let Some(Open::Mapping(key @ None)) = open.last_mut() {
                    *key = Some(scalar.into_owned());
                    continue;
                }
                values.push((open.iter().map(Open::key).collect(), scalar.into_owned()));
                end_value(&mut open);
            }
            _ => {}
        }
        if open.len() > DEPTH {
            return Err(ModulemdError::TooDeep(path.to_owned()));
        }
    }
    Ok(values)
}

/// A value that has begun and not ended.
enum Open {
    List,
    /// With the key of the value that comes next or is open; without one a key comes next.
    Mapping(Option<String>),
}

impl Open {
    fn key(&self) -> String {
        match self {
            Self::List => ITEM.to_owned(),
            Self::Mapping(key) => key.clone().unwrap_or_default(),
        }
    }
}

/// After a value comes a key again. What stands in a key's place and is no text is a key without a name.
fn end_value(open: &mut [Open]) {
    if let Some(Open::Mapping(key)) = open.last_mut() {
        *key = if key.is_some() { None } else { Some(String::new()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs_err::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn defaults(module: &str, stream: &str) -> String {
        format!(
            "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: {module}\n  stream: {stream}\n  profiles: {{'1.10': [a]}}\n...\n"
        )
    }

    const STREAM: &str =
        "document: modulemd\nversion: 2\ndata:\n  name: tool\n  stream: '1.10'\n  xmd: {list: [{name: other}]}\n";

    #[test]
    fn a_module_has_one_default_stream() {
        let good = folder(&[("a.yaml", &defaults("tool", "'1.10'")), ("b.yaml", &defaults("other", "2")), ("README", "text")]);
        let documents = read_defaults(good.path()).unwrap();
        assert_eq!(documents[0].stream.as_deref(), Some("1.10"));
        let bad =
            folder(&[("a.yaml", &defaults("tool", "1")), ("b.yaml", &[defaults("tool", "2"), defaults("x", "1")].concat())]);
        let error = read_defaults(bad.path()).unwrap_err().to_string();
        assert_eq!(error, "There are duplicated module defaults:\nModule tool has multiple defaults: 1, 2");
    }

    #[test]
    fn what_overrides_defaults_takes_their_place_module_by_module() {
        let read = |text: &str| read_defaults(folder(&[("a.yaml", text)]).path()).unwrap();
        let usual = read(&[defaults("tool", "1"), defaults("other", "2")].concat());
        let documents = override_defaults(usual, read(&[defaults("tool", "3"), defaults("new", "4")].concat()));
        let said: Vec<_> = documents.iter().map(|document| (&*document.module, document.stream.as_deref().unwrap())).collect();
        assert_eq!(said, [("other", "2"), ("tool", "3"), ("new", "4")]);
    }

    #[test]
    fn a_module_says_which_one_it_is_and_what_is_in_it() {
        let text = "document: modulemd\ndata:\n  name: tool\n  stream: 2\n  version: 7\n  context: c0\n  \
                    artifacts: {rpms: [a-0:1-1.src, b-0:1-1.noarch]}\n  filter: {rpms: [c]}\n";
        let documents = read_folder(folder(&[("x.yaml", text)]).path()).unwrap();
        let [module] = documents.as_slice() else { panic!("{documents:?}") };
        let identity = [&module.stream, &module.version, &module.context].map(|part| part.as_deref().unwrap());
        assert_eq!((module.module.as_str(), identity), ("tool", ["2", "7", "c0"]));
        assert_eq!(module.artifacts.iter().map(String::as_str).collect::<Vec<_>>(), ["a-0:1-1.src", "b-0:1-1.noarch"]);
    }

    #[test]
    fn files_that_are_no_defaults_are_named() {
        for text in [STREAM, "", "just text", "- a\n- b\n"] {
            let error = read_defaults(folder(&[("x.yaml", text)]).path()).unwrap_err().to_string();
            assert!(error.starts_with("Defaults contains not valid default file: ") && error.ends_with("x.yaml"), "{error}");
        }
        assert!(matches!(read_defaults(folder(&[("x.yaml", "a: [")]).path()), Err(ModulemdError::Yaml { .. })));
        let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
        assert!(matches!(
            read_defaults(folder(&[("x.yaml", &deep)]).path()),
            Err(ModulemdError::TooDeep(_) | ModulemdError::Yaml { .. })
        ));
    }

    #[test]
    fn a_repository_tells_of_its_own_modules_only() {
        let world = folder(&[("a.yaml", &[defaults("tool", "'1.10'"), defaults("other", "2")].concat())]);
        let defaults = read_defaults(world.path()).unwrap();
        let streams = read_folder(folder(&[("m.yaml", STREAM)]).path()).unwrap();
        assert_eq!((streams[0].module.as_str(), streams[0].stream.as_deref()), ("tool", Some("1.10")));
        let text = modules_yaml(&streams, &defaults, &[]).unwrap();
        assert!(text.starts_with("---\ndocument: modulemd-defaults\n") && text.ends_with("[{name: other}]}\n...\n"), "{text}");
        assert!(!text.contains("module: other"));
        assert_eq!(modules_yaml(&[], &defaults, &[]), None);
    }
}
