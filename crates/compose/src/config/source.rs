//! The text of a configuration file, and where in it each value stands.
//!
//! Must not know: what any key means.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The text of a file, with its name and where its lines begin.
#[derive(Debug)]
pub(super) struct Text<'text> {
    pub(super) file: &'text str,
    pub(super) content: &'text str,
    line_starts: Vec<usize>,
}

impl<'text> Text<'text> {
    pub(super) fn new(file: &'text str, content: &'text str) -> Self {
        let after_line_ends = content.match_indices('\n').map(|(end, _)| end + 1);
        Self { file, content, line_starts: std::iter::once(0).chain(after_line_ends).collect() }
    }

    /// The line, from 1, that holds a byte.
    pub(super) fn line(&self, position: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= position)
    }

    /// `harbour.toml:52:5`; columns count characters.
    pub(super) fn place(&self, position: usize) -> String {
        let line = self.line(position);
        let start = self.line_span(line).start;
        let column = self.content[start..self.boundary(position)].chars().count() + 1;
        format!("{}:{line}:{column}", self.file)
    }

    /// The position itself or, within a character, where that begins.
    pub(super) fn boundary(&self, position: usize) -> usize {
        (0..=position).rev().find(|position| self.content.is_char_boundary(*position)).unwrap_or_default()
    }

    /// Where a line, from 1, begins and ends, without its line end.
    pub(super) fn line_span(&self, line: usize) -> Range<usize> {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.content.len(), |next| next - 1);
        start..start + self.content[start..end].trim_end_matches('\r').len()
    }
}

/// Where a value stands: keys and positions in lists, from the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    Key(String),
    Item(usize),
}

impl Place {
    pub(super) fn root() -> Self {
        Self::default()
    }

    pub(super) fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(super) fn item(&self, position: usize) -> Self {
        self.with(Step::Item(position))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Where the value stands in the text or, if there is no such value, the nearest thing around it.
    pub(super) fn of_value(&self, root: &DeTable<'_>) -> Range<usize> {
        self.find(root).1
    }

    /// Where the key of the value stands in the text; for an item of a list, the item.
    pub(super) fn of_key(&self, root: &DeTable<'_>) -> Range<usize> {
        self.find(root).0
    }

    fn find(&self, root: &DeTable<'_>) -> (Range<usize>, Range<usize>) {
        let mut found = (0..0, 0..0);
        let mut steps = self.0.iter();
        let Some(Step::Key(first)) = steps.next() else { return found };
        let Some((key, mut value)) = root.get_key_value(first.as_str()) else { return found };
        found = (key.span(), value.span());
        for step in steps {
            let next = match (step, value.get_ref()) {
                (Step::Key(key), DeValue::Table(table)) => {
                    table.get_key_value(key.as_str()).map(|(key, value)| (key.span(), value))
                }
                (Step::Item(position), DeValue::Array(items)) => items.get(*position).map(|item| (item.span(), item)),
                _ => None,
            };
            let Some((key, inner)) = next else { return found };
            value = inner;
            found = (key, value.span());
        }
        found
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the place itself, or in it.
    pub(super) fn is_in(&self, place: &Self) -> bool {
        self.0.starts_with(&place.0)
    }

    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parents) = self.0.split_last()?;
        Some(Self(parents.to_vec()))
    }
}

/// As it would be written in TOML: `variants.Server.arches`. Positions in lists are left out, since the line says which it is.
impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Item(_) => None,
        });
        formatter.write_str(&keys.collect::<Vec<_>>().join("."))
    }
}
