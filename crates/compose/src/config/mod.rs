//! The configuration: what the user writes ([`mod@schema`]), and what the rest of charmer sees ([`Config`]): one frozen value
//! without patterns, defaults or references that lead nowhere.
//!
//! ```text
//! TOML text -> document (positions) -> shape (keys and types, by the JSON schema) -> schema -> validate -> resolve -> Config
//! ```
//!
//! Every step before `Config` reports all the problems it finds, each with its place in the file.
//!
//! Must not know: what archives hold, how anything is made.

pub mod schema;

mod json_schema;
mod load;
mod problem;
mod shape;
mod source;
mod suggest;

pub mod pungi;

mod credentials;
mod deb;
mod validate;

mod places;
mod resolve;
pub mod resolved;

pub mod native_rpm;
pub mod rpm;

pub mod host;
mod reference;

pub use json_schema::schema;
pub use load::{LoadError, load, parse};
pub use places::SeedPlaces;
pub use problem::{ConfigError, Problem};
pub use reference::reference;
pub use resolved::Config;
pub use rpm::RpmConfig;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use resolved::Signing;
use schema::policy::Limits;

/// The frozen configuration of a compose of either package world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "packages", content = "config")]
pub enum Configuration {
    Deb(Arc<Config>),
    Rpm(Arc<RpmConfig>),
}

impl Configuration {
    /// The name and version of the release, for people.
    pub fn title(&self) -> String {
        match self {
            Self::Deb(config) => format!("{} {}", config.release.name, config.release.version),
            Self::Rpm(config) => format!("{} {}", config.release.name, config.release.version),
        }
    }

    /// What the names of all its composes begin with.
    pub fn short(&self) -> &str {
        match self {
            Self::Deb(config) => &config.release.short,
            Self::Rpm(config) => &config.release.short,
        }
    }

    pub fn version(&self) -> &str {
        match self {
            Self::Deb(config) => &config.release.version,
            Self::Rpm(config) => &config.release.version,
        }
    }

    pub fn limits(&self) -> &Limits {
        match self {
            Self::Deb(config) => &config.limits,
            Self::Rpm(config) => &config.limits,
        }
    }

    pub fn signing(&self) -> Option<&Signing> {
        match self {
            Self::Deb(config) => config.signing.as_ref(),
            Self::Rpm(_) => None,
        }
    }
}
