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

mod deb;
mod validate;

mod places;
mod resolve;
pub mod resolved;

pub mod host;
mod reference;

pub use json_schema::schema;
pub use load::{LoadError, load, parse};
pub use places::SeedPlaces;
pub use problem::{ConfigError, Problem};
pub use reference::reference;
pub use resolved::Config;
