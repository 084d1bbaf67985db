//! Container registries: finished images are pushed, one tag for all arches.
//!
//! Must not know: how an image was made; it reads OCI archives.

mod archive;
mod credentials;
pub mod plan;
mod push;

use oci_client::Reference;

pub(crate) use credentials::usual_files as usual_logins;

pub use push::{Pushed, RegistrySettings};

/// What stands for parts of a reference that differ from compose to compose.
pub const VERSION: &str = "{version}";
pub const COMPOSE: &str = "{compose}";

/// Why a text is no place for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReference {
    #[error("a registry, a repository and a tag are expected: `registry.example.org/harbour/base:13.1`")]
    Malformed,
    #[error("it does not begin with the host name of a registry")]
    NoRegistry,
    #[error("it has no tag: add one, such as `:13.1`")]
    NoTag,
    #[error("a digest is what comes out of a push, and no place for one")]
    Digest,
}

/// A place for an image in a registry, with a tag.
pub fn parse_reference(text: &str) -> Result<Reference, NoReference> {
    let host = text.split('/').next().unwrap_or_default();
    let reference: Reference = text.parse().map_err(|_| NoReference::Malformed)?;
    if !text.contains('/') || !(host.contains(['.', ':']) || host == "localhost") {
        return Err(NoReference::NoRegistry);
    }
    if reference.digest().is_some() {
        return Err(NoReference::Digest);
    }
    // The default is `latest`, which nobody wrote.
    let has_tag = text.rsplit('/').next().is_some_and(|name| name.contains(':'));
    if has_tag { Ok(reference) } else { Err(NoReference::NoTag) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_registry_a_repository_and_a_tag() {
        let reference = parse_reference("registry.example.org:5000/harbour/base:13.1").unwrap();
        assert_eq!(
            (reference.registry(), reference.repository(), reference.tag()),
            ("registry.example.org:5000", "harbour/base", Some("13.1"))
        );
        assert!(parse_reference("localhost/base:1").is_ok());
        assert_eq!(parse_reference("harbour/base:13"), Err(NoReference::NoRegistry));
        assert_eq!(parse_reference("base:13"), Err(NoReference::NoRegistry));
        assert_eq!(parse_reference("registry.example.org:5000/base"), Err(NoReference::NoTag));
        assert_eq!(parse_reference("registry.example.org/Base:1"), Err(NoReference::Malformed));
        let digest = format!("registry.example.org/base@sha256:{}", "0".repeat(64));
        assert_eq!(parse_reference(&digest), Err(NoReference::Digest));
    }
}
