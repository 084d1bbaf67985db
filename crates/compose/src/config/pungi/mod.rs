//! Pungi's configurations: read, checked and completed exactly as Pungi does it.
//!
//! ```text
//! FILE.conf -> dialect (values) -> schema + validate (messages, defaults) -> variant and arch lookups (va)
//! FILE.json -> load ----------------^                       variants.xml -> variants
//! ```
//!
//! Must not know: what phases do with the options.

pub mod dialect;
mod integer;
pub mod show;
pub mod value;

mod pattern;
pub mod va;

pub mod git;
pub mod resolve;
pub mod schema;
pub mod validate;

pub mod variants;

mod early;
mod findings;
mod load;
mod logins;
mod open;
mod phases;

pub use early::EarlyFileError;
pub use findings::{findings, options_only};
pub use integer::Integer;
pub use load::{load, load_json};
pub(in crate::config) use open::read_variants;
pub use open::{OpenError, Opened, open};
pub use pattern::{Pattern, PatternError};
pub use phases::messages as phase_messages;
