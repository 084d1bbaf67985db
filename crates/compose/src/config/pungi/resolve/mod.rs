//! From Pungi's validated values to specs: what the options say for one variant and one arch, with no patterns and no defaults left.
//!
//! Must not know: how specs are carried out.

pub mod isos;
