//! The configuration of RPM packages in TOML: another way to write Pungi's options and variants, without patterns.
//!
//! ```text
//! TOML text -> document (positions) -> shape (keys and types) -> options + variants -> pungi: validate, phases, resolve -> RpmConfig
//! FILE.conf or FILE.json -> convert -> TOML text
//! ```
//!
//! Must not know: what options mean. They are checked and resolved where those of Pungi's files are, so that both ways of
//! writing them mean the same.

mod homes;
mod schema;
mod values;
mod variants;

mod open;

pub mod convert;

mod json_schema;

pub use json_schema::schema;
pub use open::{is_rpm, open};
