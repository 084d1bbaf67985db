//! From a TOML file to a frozen [`Config`], or to everything that is wrong with it.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::json_schema::schema;
use super::places::{SeedPlaces, seed_places};
use super::problem::{ConfigError, Problem, Report};
use super::resolve::resolve;
use super::resolved::Config;
use super::schema::Document;
use super::source::Text;
use super::{shape, validate};

/// The largest file that is read; a configuration of 10,000 variants takes 2 MiB.
const SIZE_LIMIT: u64 = 16 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read the configuration: {0}")]
    Unreadable(#[from] io::Error),
    #[error("{}: the configuration is larger than {} MiB", .0.display(), SIZE_LIMIT >> 20)]
    TooLarge(PathBuf),
    #[error(transparent)]
    Invalid(#[from] ConfigError),
}

/// Reads a configuration file. Its relative paths start at its own folder.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let bytes = read(path)?;
    let file = path.display().to_string();
    let text = utf8(&file, &bytes)?;
    let absolute = std::path::absolute(path)?;
    Ok(parse(text, &file, absolute.parent().unwrap_or(&absolute))?)
}

/// The bytes of a configuration file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    fs_err::File::open(path)?.take(SIZE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(LoadError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

/// Reads a configuration from its text. `file` is its name in errors, `folder` where its relative paths start.
pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Config, ConfigError> {
    let text = Text::new(file, text);
    let (document, places) = parse_document(&text)?;
    Ok(Config { seed_places: places, ..resolve(document, folder) })
}

fn parse_document(text: &Text<'_>) -> Result<(Document, SeedPlaces), ConfigError> {
    let written = parse_toml(text)?;
    let mut mended = written.clone();
    let mut report = Report::new(text, written.get_ref());
    shape::check(schema(), mended.get_mut(), &mut report);
    match Document::deserialize(Deserializer::from(mended.clone())) {
        Ok(document) => {
            report.look_in(mended.get_ref());
            validate::check(&document, &mut report);
            if report.is_empty() { Ok((document, seed_places(text, written.get_ref()))) } else { Err(report.into_error()) }
        }
        Err(error) => {
            // The check of the shape lets through only what serde takes; should they differ, serde is right.
            report.span(error.span().unwrap_or_default(), error.message(), None);
            Err(report.into_error())
        }
    }
}

pub(super) fn parse_toml<'text>(text: &Text<'text>) -> Result<Spanned<DeTable<'text>>, ConfigError> {
    let (root, errors) = DeTable::parse_recoverable(text.content);
    if errors.is_empty() {
        return Ok(root);
    }
    let problem = |error: toml::de::Error| Problem::new(text, error.span().unwrap_or_default(), error.message().to_owned(), None);
    let mut problems: Vec<Problem> = errors.into_iter().map(problem).collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(ConfigError { problems })
}

pub(super) fn utf8<'bytes>(file: &str, bytes: &'bytes [u8]) -> Result<&'bytes str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        let start = error.valid_up_to();
        let message = "the file is not UTF-8 text".to_owned();
        ConfigError { problems: vec![Problem::new(&Text::new(file, &text), start..start + 1, message, None)] }
    })
}
