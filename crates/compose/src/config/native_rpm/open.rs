//! From a TOML file to what a compose is made from, or to everything that is wrong with it.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value as Json;
use toml::de::{DeTable, Deserializer};

use super::schema::Document;
use super::values::{Written, collect};
use super::{json_schema, variants};
use crate::config::load::{LoadError, parse_toml, read, utf8};
use crate::config::problem::{ConfigError, Report};
use crate::config::pungi::git::References;
use crate::config::pungi::resolve::{Surroundings, resolve};
use crate::config::pungi::validate::{Message, validate};
use crate::config::pungi::variants::{Filters, Variant, Variants};
use crate::config::pungi::{Opened, phase_messages, schema as pungi_schema};
use crate::config::schema::policy::Limits;
use crate::config::source::{Place, Text};
use crate::config::{RpmConfig, shape};

/// Whether a TOML file says that it is a configuration of RPM packages. One that cannot be read does not say so.
pub fn is_rpm(path: &Path) -> bool {
    let bytes = read(path).unwrap_or_default();
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let (root, _) = DeTable::parse_recoverable(text);
    root.get_ref().get("ecosystem").is_some_and(|value| value.get_ref().as_str() == Some("rpm"))
}

/// Reads, checks and resolves a configuration. Its relative paths start at its own folder. Without references, branches of git
/// repositories stay branches.
pub fn open(path: &Path, old_composes: bool, references: Option<&mut dyn References>) -> Result<Opened, LoadError> {
    let bytes = read(path)?;
    let file = path.display().to_string();
    let text = Text::new(&file, utf8(&file, &bytes)?);
    let absolute = std::path::absolute(path)?;
    Ok(parse(&text, &absolute, old_composes, references)?)
}

fn parse(
    text: &Text<'_>,
    file: &Path,
    old_composes: bool,
    references: Option<&mut dyn References>,
) -> Result<Opened, ConfigError> {
    let written = parse_toml(text)?;
    let mut mended = written.clone();
    let mut report = Report::new(text, written.get_ref());
    shape::check(json_schema::schema(), mended.get_mut(), &mut report);
    let document = match Document::deserialize(Deserializer::from(mended.clone())) {
        Ok(document) => document,
        Err(error) => {
            report.span(error.span().unwrap_or_default(), error.message(), None);
            return Err(report.into_error());
        }
    };
    report.look_in(mended.get_ref());
    let variants = variants::read(&document.variants, &mut report);
    let schema = options_schema();
    let options = collect(mended.get_ref(), &variants, &schema, &mut report);
    let request = Request { file, old_composes, limits: document.limits };
    match request.resolve(options, variants, &schema, references, &mut report) {
        Some(opened) if report.is_empty() => Ok(opened),
        _ => Err(report.into_error()),
    }
}

/// Pungi's schema, but for the file of variants, which here are tables.
fn options_schema() -> Json {
    let mut schema = pungi_schema::schema(std::thread::available_parallelism().map_or(1, NonZero::get));
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| name != "variants_file");
    }
    schema
}

/// What a configuration is resolved for.
struct Request<'a> {
    file: &'a Path,
    old_composes: bool,
    limits: Limits,
}

impl Request<'_> {
    /// What a compose is made from; what is wrong is reported.
    fn resolve(
        self,
        options: Written,
        variants: Vec<Variant>,
        schema: &Json,
        mut references: Option<&mut dyn References>,
        report: &mut Report<'_>,
    ) -> Option<Opened> {
        let checked = validate(options.values.clone(), schema, references.as_deref_mut());
        for message in &checked.errors {
            let place = options.place(&message.path);
            if !place.is_root() || report.is_empty() {
                report.value(&place, error_text(message, &place), None);
            }
        }
        if !report.is_empty() {
            return None;
        }
        let variants = Variants::of_list(variants, &Filters::of(&checked.values));
        let messages = phase_messages(&checked.values, Some(&variants), self.old_composes);
        let messages = messages.unwrap_or_else(|error| vec![error.to_string()]);
        let resolved = if messages.is_empty() {
            resolve(&checked.values, &variants, &self.surroundings(), references).map_err(|error| vec![error.to_string()])
        } else {
            Err(messages)
        };
        let config = resolved.map_err(|messages| {
            for message in messages {
                report.value(&named_option(&message, &options), message, None);
            }
        });
        let warnings = checked.warnings.iter().map(|message| {
            let text = message.text.trim_start_matches("WARNING: ");
            format!("{}: {}", report.text_place(&options.place(&message.path)), text)
        });
        Some(Opened { config: RpmConfig { limits: self.limits, ..config.ok()? }, warnings: warnings.collect() })
    }

    fn surroundings(&self) -> Surroundings {
        let folder: PathBuf = self.file.parent().unwrap_or(self.file).to_owned();
        Surroundings { current: folder.clone(), folder, files: vec![self.file.to_owned()] }
    }
}

/// Pungi's message, without the path, which leads through patterns that nobody wrote.
fn error_text(message: &Message, place: &Place) -> String {
    let before = format!("Failed validation in {}: ", message.path.join("."));
    match message.text.strip_prefix(&before) {
        Some(text) => format!("`{place}`: {}", text.replace("\n    Possible reason: ", "; ")),
        None => message.text.trim_start_matches("ERROR: ").trim_end_matches('.').to_owned(),
    }
}

/// Where the first option stands that a message names.
fn named_option(message: &str, options: &Written) -> Place {
    let words = message.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let places = words.map(|word| options.place(&[word.to_owned()]));
    places.into_iter().find(|place| !place.is_root()).unwrap_or_default()
}
