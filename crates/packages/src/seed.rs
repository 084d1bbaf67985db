//! Seeds: what a distribution's maker asks for by name; everything else follows from it.

use std::fmt;

use crate::ecosystem::Priority;
use crate::glob::{Glob, GlobError};

/// One wish. See [`Seed::parse`] for how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    text: String,
    pub(crate) wish: Wish,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Packages by name; for another arch than the tree's where one is said.
    Named {
        name: Glob,
        arch: Option<String>,
    },
    Essential,
    Priority(Priority),
    Source(Glob),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    #[error("the seed is empty")]
    Empty,
    #[error("`{0}` is no priority; there are required, important, standard, optional and extra")]
    UnknownPriority(String),
    #[error("the seed `{0}` does not end with an arch")]
    NoArch(String),
    #[error("the seed `{0}` has a space or a control character")]
    Space(String),
    #[error(transparent)]
    Glob(#[from] GlobError),
}

impl Seed {
    /// - `bash`: the package of that name, or the only one that provides it;
    /// - `libc6:i386`: the same for another arch, whose index must be there;
    /// - `task-*`, `fonts-[a-n]*`, `linux-image-?`: all packages that match; also with `:arch`;
    /// - `essential`: all packages that every system must have;
    /// - `priority:required` (`important`, `standard`, ...): all packages of exactly this priority;
    /// - `source:hello`: all packages that are built from this source; patterns are allowed here too.
    pub fn parse(text: &str) -> Result<Seed, SeedError> {
        if text.is_empty() {
            return Err(SeedError::Empty);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(SeedError::Space(text.escape_debug().to_string()));
        }
        let wish = match text.split_once(':') {
            None if text == "essential" => Wish::Essential,
            Some(("priority", name)) => {
                let priority = Priority::from_name(name);
                Wish::Priority(priority.ok_or_else(|| SeedError::UnknownPriority(name.to_owned()))?)
            }
            Some(("source", name)) => Wish::Source(Glob::parse(name)?),
            Some((_, "")) => return Err(SeedError::NoArch(text.to_owned())),
            Some((name, arch)) => Wish::Named { name: Glob::parse(name)?, arch: Some(arch.to_owned()) },
            None => Wish::Named { name: Glob::parse(text)?, arch: None },
        };
        Ok(Seed { text: text.to_owned(), wish })
    }

    /// The arch that the seed names itself.
    pub fn arch(&self) -> Option<&str> {
        match &self.wish {
            Wish::Named { arch, .. } => arch.as_deref(),
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_told_apart() {
        let wish = |text| Seed::parse(text).unwrap().wish;
        let named = |name, arch: Option<&str>| Wish::Named { name: Glob::parse(name).unwrap(), arch: arch.map(str::to_owned) };
        assert_eq!(wish("bash"), named("bash", None));
        assert_eq!(wish("task-*:i386"), named("task-*", Some("i386")));
        assert_eq!(wish("essential"), Wish::Essential);
        assert_eq!(wish("priority:important"), Wish::Priority(Priority::Important));
        assert_eq!(wish("source:gtk*"), Wish::Source(Glob::parse("gtk*").unwrap()));
    }

    #[test]
    fn what_is_no_seed_is_refused() {
        let error = |text| Seed::parse(text).unwrap_err().to_string();
        assert_eq!(error(""), "the seed is empty");
        assert_eq!(error("bash dash"), "the seed `bash dash` has a space or a control character");
        assert_eq!(error("priority:high"), "`high` is no priority; there are required, important, standard, optional and extra");
        assert_eq!(error("bash:"), "the seed `bash:` does not end with an arch");
        assert_eq!(error("lib[x"), "the pattern `lib[x` has no closing bracket");
    }
}
