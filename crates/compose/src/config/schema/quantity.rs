//! Amounts with units, as people write them: `512 MiB`, `1h 30m`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of bytes. It is written as a number with a unit: `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// A span of time. It is written with units: `90s`, `15m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeout(Duration);

/// The text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    #[error("`{0}` is not an amount of bytes")]
    Size(String),
    #[error("`{0}` is not a span of time")]
    Timeout(String),
}

impl InvalidQuantity {
    /// What is expected instead.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Size(_) => "write a whole number with a unit, such as `500 MB` or `8 GiB`",
            Self::Timeout(_) => "write numbers with units, such as `90s` or `1h 30m`",
        }
    }
}

/// From the largest to the smallest.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    pub const fn from_gib(gib: u64) -> Self {
        Self(gib << 30)
    }

    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Timeout {
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_minutes(hours * 60)
    }

    pub const fn from_minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Size {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let invalid = || InvalidQuantity::Size(text.to_owned());
        let (number, factor) =
            UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor))).ok_or_else(invalid)?;
        let number: u64 = number.trim_end().parse().map_err(|_| invalid())?;
        number.checked_mul(*factor).map(Self).ok_or_else(invalid)
    }
}

impl FromStr for Timeout {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let span = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        span.map(Self).ok_or_else(|| InvalidQuantity::Timeout(text.to_owned()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS.iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor)).unwrap_or(&UNITS[8]);
        write!(formatter, "{} {unit}", self.0 / factor)
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = jiff::SignedDuration::try_from(self.0).map_err(|_| fmt::Error)?;
        write!(formatter, "{span:#}")
    }
}

/// Both are text in TOML and in JSON.
macro_rules! as_text {
    ($type:ident, $pattern:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $pattern })
            }
        }
    };
}

as_text!(Size, "byte-size");
as_text!(Timeout, "duration");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back_as_they_are_written() {
        for (text, bytes) in [("10 GB", 10_000_000_000), ("8 GiB", 8 << 30), ("1500 kB", 1_500_000), ("0 B", 0)] {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes);
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("10GB".parse::<Size>(), "10 GB".parse());
        for text in ["", "10", "GB", "-1 GB", "1.5 GB", "10 gb", "99999999 TiB", "1 0 GB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn timeouts_read_back_as_they_are_written() {
        for (text, seconds) in [("90s", 90), ("1h 30m", 5400), ("48h", 172_800)] {
            assert_eq!(text.parse::<Timeout>().unwrap().duration(), Duration::from_secs(seconds));
            let written = text.parse::<Timeout>().unwrap().to_string();
            assert_eq!(written.parse::<Timeout>().unwrap().duration(), Duration::from_secs(seconds));
        }
        for text in ["", "90", "-1h", "1 fortnight"] {
            assert!(text.parse::<Timeout>().is_err(), "{text}");
        }
    }
}
