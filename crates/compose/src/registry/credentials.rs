//! Who charmer is to a registry: what podman, skopeo and docker have written when somebody logged in. containers-auth.json(5).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use crate::files::read_regular;

const LIMIT: u64 = 4 << 20;

#[derive(Deserialize)]
struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
}

/// Why a login could not be read. It never has the login in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCredentials {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{} is no file of logins as `skopeo login` writes it", .0.display())]
    Malformed(PathBuf),
}

/// The login for a repository: of a named file, or of the first of the usual ones that has any. Without one nobody logs in.
pub(super) fn find(reference: &Reference, file: Option<&Path>, usual: &[PathBuf]) -> Result<RegistryAuth, NoCredentials> {
    if let Some(file) = file {
        return Ok(of_file(reference, file)?.unwrap_or(RegistryAuth::Anonymous));
    }
    for file in usual {
        match of_file(reference, file) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(NoCredentials::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(RegistryAuth::Anonymous)
}

/// Where podman, skopeo and docker look, in this order.
pub(crate) fn usual_files(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let at = |name: &str, path: &str| variable(name).map(|folder| folder.join(path));
    let files = [
        variable("REGISTRY_AUTH_FILE"),
        at("XDG_RUNTIME_DIR", "containers/auth.json"),
        at("XDG_CONFIG_HOME", "containers/auth.json").or_else(|| at("HOME", ".config/containers/auth.json")),
        at("DOCKER_CONFIG", "config.json").or_else(|| at("HOME", ".docker/config.json")),
    ];
    files.into_iter().flatten().collect()
}

fn of_file(reference: &Reference, file: &Path) -> Result<Option<RegistryAuth>, NoCredentials> {
    let malformed = || NoCredentials::Malformed(file.to_owned());
    let AuthFile { auths } = serde_json::from_slice(&read_regular(file, LIMIT)?).map_err(|_| malformed())?;
    let Some(entry) = names(reference).into_iter().find_map(|name| auths.get(&name)) else { return Ok(None) };
    if let Some(token) = entry.identitytoken.as_ref().filter(|token| !token.is_empty()) {
        return Ok(Some(RegistryAuth::Bearer(token.clone())));
    }
    let Some(encoded) = &entry.auth else { return Ok(None) };
    let plain = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(malformed)?;
    let (user, password) = plain.split_once(':').ok_or_else(malformed)?;
    Ok(Some(RegistryAuth::Basic(user.to_owned(), password.trim_end_matches('\0').to_owned())))
}

/// What an entry for a repository may be called, the most exact first.
fn names(reference: &Reference) -> Vec<String> {
    let whole = format!("{}/{}", reference.registry(), reference.repository());
    let cuts = whole.match_indices('/').map(|(end, _)| end).collect::<Vec<_>>();
    let shorter = cuts.into_iter().rev().map(|end| whole[..end].to_owned());
    let registry = reference.registry();
    let old = [format!("https://{registry}"), format!("https://{registry}/v1/"), format!("https://{registry}/v2/")];
    [whole.clone()].into_iter().chain(shorter).chain(old).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &str) -> Result<RegistryAuth, NoCredentials> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("auth.json");
        fs_err::write(&file, text).unwrap();
        find(&"registry.example.org/harbour/base:13".parse().unwrap(), Some(&file), &[])
    }

    #[test]
    fn the_most_exact_login_counts() {
        let text = r#"{"auths": {"registry.example.org": {"auth": "YTpi"}, "registry.example.org/harbour": {"auth": "c2FpbG9yOnE6dWF5"}}}"#;
        assert_eq!(login(text).unwrap(), RegistryAuth::Basic("sailor".into(), "q:uay".into()));
        assert_eq!(login(r#"{"auths": {"other.example.org": {"auth": "YTpi"}}}"#).unwrap(), RegistryAuth::Anonymous);
        assert_eq!(
            login(r#"{"auths": {"https://registry.example.org": {"auth": "YTpi"}}}"#).unwrap(),
            RegistryAuth::Basic("a".into(), "b".into())
        );
    }

    #[test]
    fn what_is_no_login_is_said_without_telling_it() {
        for text in ["no json", r#"{"auths": {"registry.example.org": {"auth": "c2VjcmV0"}}}"#] {
            let error = login(text).unwrap_err().to_string();
            assert!(error.contains("skopeo login") && !error.contains("secret") && !error.contains("c2Vj"), "{error}");
        }
    }

    #[test]
    fn the_usual_files_are_looked_for_in_their_order() {
        let files = usual_files(|name| match name {
            "HOME" => Some("/home/sailor".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/7".into()),
            _ => None,
        });
        let expected =
            ["/run/user/7/containers/auth.json", "/home/sailor/.config/containers/auth.json", "/home/sailor/.docker/config.json"];
        assert_eq!(files, expected.map(PathBuf::from));
    }
}
