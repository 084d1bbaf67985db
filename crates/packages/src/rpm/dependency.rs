//! What packages say of each other: a name, perhaps with a range of versions, or a rich expression in parentheses.

mod rich;

use std::cmp::Ordering;
use std::fmt;

pub use rich::{Condition, Operator, Rich, RichError};

use super::version::Evr;

/// How a version must stand to the one that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    pub const ALL: [Comparison; 5] =
        [Comparison::Less, Comparison::LessOrEqual, Comparison::Equal, Comparison::GreaterOrEqual, Comparison::Greater];

    /// As in spec files.
    pub const fn sign(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Equal => "=",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Greater => ">",
        }
    }

    /// As in rpm-md.
    pub const fn flags(self) -> &'static str {
        match self {
            Comparison::Less => "LT",
            Comparison::LessOrEqual => "LE",
            Comparison::Equal => "EQ",
            Comparison::GreaterOrEqual => "GE",
            Comparison::Greater => "GT",
        }
    }

    pub fn from_flags(flags: &str) -> Option<Comparison> {
        Comparison::ALL.into_iter().find(|comparison| comparison.flags() == flags)
    }

    /// rpm also takes `==`, and the equals sign first.
    pub fn from_sign(sign: &str) -> Option<Comparison> {
        match sign {
            "==" => Some(Comparison::Equal),
            "=<" => Some(Comparison::LessOrEqual),
            "=>" => Some(Comparison::GreaterOrEqual),
            _ => Comparison::ALL.into_iter().find(|comparison| comparison.sign() == sign),
        }
    }

    fn allows(self, order: Ordering) -> bool {
        match order {
            Ordering::Less => matches!(self, Comparison::Less | Comparison::LessOrEqual),
            Ordering::Equal => matches!(self, Comparison::LessOrEqual | Comparison::Equal | Comparison::GreaterOrEqual),
            Ordering::Greater => matches!(self, Comparison::Greater | Comparison::GreaterOrEqual),
        }
    }
}

/// A range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Constraint<'a> {
    pub comparison: Comparison,
    pub evr: Evr<'a>,
}

impl Constraint<'_> {
    /// Whether a version is in both ranges, that of a provide and that of a requirement. A release that one side does not name
    /// matches any, but `> 1` is not met by `1-2`.
    pub fn is_met_by(&self, provided: &Constraint<'_>) -> bool {
        let (wanted, offered) = (self.comparison, provided.comparison);
        let both = |order| wanted.allows(order) && offered.allows(order);
        if both(Ordering::Less) || both(Ordering::Greater) {
            return true;
        }
        let order = match provided.evr.compare_without_release(&self.evr) {
            Ordering::Equal => match (provided.evr.release, self.evr.release) {
                (None, Some(_)) => return offered.allows(Ordering::Equal),
                (Some(_), None) => return wanted.allows(Ordering::Equal),
                (None, None) => Ordering::Equal,
                (Some(offered), Some(wanted)) => super::version::compare_parts(offered, wanted),
            },
            order => order,
        };
        match order {
            Ordering::Equal => both(Ordering::Equal),
            order => wanted.allows(order) || offered.allows(order.reverse()),
        }
    }
}

impl fmt::Display for Constraint<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.comparison.sign(), self.evr)
    }
}

/// A name and the versions of it that are meant; all without a constraint. The name may be a path, or a whole rich expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dependency<'a> {
    pub name: &'a str,
    pub constraint: Option<Constraint<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DependencyError {
    #[error("`{0}` is no comparison; write one of <, <=, =, >=, >")]
    Comparison(String),
    #[error("`{0}` is not a name, or a name, a comparison and a version")]
    Words(String),
}

impl<'a> Dependency<'a> {
    /// Reads `name`, `name >= 1:2-3`, a path, or a rich expression, which is not looked into.
    pub fn parse(text: &'a str) -> Result<Dependency<'a>, DependencyError> {
        let text = text.trim();
        if text.starts_with('(') {
            return Ok(Dependency { name: text, constraint: None });
        }
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(name), None, ..) => Ok(Dependency { name, constraint: None }),
            (Some(name), Some(sign), Some(evr), None) => {
                let comparison = Comparison::from_sign(sign).ok_or_else(|| DependencyError::Comparison(sign.to_owned()))?;
                Ok(Dependency { name, constraint: Some(Constraint { comparison, evr: Evr::parse(evr) }) })
            }
            _ => Err(DependencyError::Words(text.to_owned())),
        }
    }

    pub fn is_rich(&self) -> bool {
        self.constraint.is_none() && self.name.starts_with('(')
    }

    /// Whether a package that provides this has what the other asks for. A provide without a version stands for all versions.
    pub fn provides(&self, wanted: &Dependency<'_>) -> bool {
        self.name == wanted.name
            && match (&wanted.constraint, &self.constraint) {
                (Some(wanted), Some(provided)) => wanted.is_met_by(provided),
                _ => true,
            }
    }
}

impl fmt::Display for Dependency<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)?;
        match self.constraint {
            Some(constraint) => write!(formatter, " {constraint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_spec_files_have() {
        for (text, printed) in [
            ("bash", "bash"),
            ("  glibc  >=  0:2.38 ", "glibc >= 2.38"),
            ("a == 1:2-3", "a = 1:2-3"),
            ("a => 1", "a >= 1"),
            ("/usr/bin/perl", "/usr/bin/perl"),
            ("libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)"),
            ("(a or b >= 2)", "(a or b >= 2)"),
        ] {
            assert_eq!(Dependency::parse(text).unwrap().to_string(), printed);
        }
        assert_eq!(Dependency::parse("a != 1").unwrap_err(), DependencyError::Comparison("!=".into()));
        for wrong in ["", "a >=", "a b", "a >= 1 2"] {
            assert!(Dependency::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_meet() {
        for (provided, wanted, expected) in [
            ("a = 1-1", "a", true),
            ("a", "a = 1", true),
            ("a = 1-1", "a = 1-1", true),
            ("a = 1-1", "a = 1-2", false),
            ("a = 1-1", "a = 1", true),
            ("a = 1", "a = 1-7", true),
            ("a = 1-2", "a > 1", false),
            ("a = 1-2", "a >= 1", true),
            ("a = 1-2", "a < 1", false),
            ("a = 2-1", "a > 1", true),
            ("a = 1:1-1", "a > 9", true),
            ("a = 1~rc-1", "a < 1", true),
            ("a >= 1", "a < 1", false),
            ("a >= 1", "a <= 1", true),
            ("a > 1", "a >= 5", true),
            ("a < 3", "a > 1", true),
            ("a < 1", "a > 3", false),
            ("b = 1", "a = 1", false),
        ] {
            let (provided, wanted) = (Dependency::parse(provided).unwrap(), Dependency::parse(wanted).unwrap());
            assert_eq!(provided.provides(&wanted), expected, "{provided} for {wanted}");
        }
    }
}
