//! Whether a configuration makes sense: names that lead somewhere, values that can be, combinations that are possible.
//!
//! All of it is about the configuration alone: no file, archive or program is looked at.

mod archives;
mod images;
mod names;
mod policy;
mod release;
mod variants;

use super::problem::Report;
use super::schema::Document;

/// Reports everything that is wrong with a configuration of the right shape.
pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    release::check(&document.release, report);
    archives::check(document, report);
    variants::check(document, report);
    images::check(document, report);
    policy::check(document, report);
}
