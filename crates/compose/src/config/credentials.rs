//! Logins that stand in URLs of a configuration, where they may not stand: its text is in logs and locks.

/// Whether a URL has a login or password in it: for http and https any user is one, elsewhere a password is.
pub(super) fn has_credentials(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    !user.is_empty() && (user.contains(':') || matches!(scheme, "http" | "https"))
}

/// What helps when a configuration has one.
pub(super) const CREDENTIALS_HINT: &str = "put login and password into /etc/apt/auth.conf.d or ~/.netrc (apt_auth.conf(5)); for git, into its \
                                    credential helper";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_secrets_are_known() {
        for url in ["http://u:p@h/", "https://token@h", "git+https://u:p@h/r.git?#HEAD", "ftp://u:p@h/x"] {
            assert!(has_credentials(url), "{url}");
        }
        for url in ["http://h/a@b", "ssh://git@h/r.git", "git@h:r.git", "https://h/?a=u:p@x", "/srv/u:p@x", "http://@h/"] {
            assert!(!has_credentials(url), "{url}");
        }
    }
}
