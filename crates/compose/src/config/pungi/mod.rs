//! Pungi's configurations: read, checked and completed exactly as Pungi does it.
//!
//! ```text
//! FILE.conf -> dialect (values) -> schema + validate (messages, defaults) -> variant and arch lookups (va) -> variants.xml
//! ```
//!
//! Must not know: what phases do with the options.

pub mod dialect;
mod integer;
pub mod show;
pub mod value;

pub use integer::Integer;
