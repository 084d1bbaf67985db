//! OSTree: commits of trees, and the repository of a compose that has them all.
//!
//! ```text
//! rootfs ─► tree (kernel, initramfs, /var) ─► commit ─► test ─► repository (deltas, summary, signatures)
//! ```
//!
//! What ostree(1) does is left to it. Must not know: mirrors, locks; packages come with the root file system.

pub mod commit;
pub(super) mod encapsulation;
pub mod plan;
mod repository;
mod signature;
pub(crate) mod tree;

pub(crate) use repository::check;

use crate::images::{RequiredProgram, program};

pub(super) const PROGRAMS: &[RequiredProgram] = &[program("ostree", "ostree"), program("tar", "tar")];

/// Where the repository lies in the compose.
pub const REPOSITORY: &str = "compose/ostree/repo";

/// A name that ostree takes for a branch: `harbour/13/amd64/server`.
pub fn is_ref(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    !name.is_empty() && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_paths_of_words() {
        assert!(is_ref("harbour/13/amd64/server") && is_ref("a_b.c-d"));
        for name in ["", "/a", "a/", "a//b", "../x", "a b", "-x", "a/.b", "a\nb"] {
            assert!(!is_ref(name), "{name:?}");
        }
    }
}
