//! The default values as a file that explains them. The structs of [`mod@super::schema`] hold the same values; a test compares.

/// Every key that has a default, with its value, as TOML for people to read.
pub const DEFAULTS: &str = include_str!("default.toml");

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::config::schema::gather::Gather;
    use crate::config::schema::policy::{Checks, Limits, Publish};

    #[derive(Debug, Default, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Defaults {
        gather: Gather,
        checks: Checks,
        limits: Limits,
        publish: Publish,
    }

    #[test]
    fn the_file_says_what_the_structs_do() {
        assert_eq!(toml::from_str::<Defaults>(DEFAULTS).unwrap(), Defaults::default());
    }

    #[test]
    fn the_file_names_every_key() {
        let schema = crate::config::schema();
        for section in ["Gather", "Checks", "Limits", "Publish"] {
            for key in schema["$defs"][section]["properties"].as_object().unwrap().keys() {
                let is_named = DEFAULTS.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
                assert!(is_named, "{section}: {key}");
            }
        }
    }
}
