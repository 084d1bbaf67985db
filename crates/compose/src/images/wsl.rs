//! What a distribution for the Windows Subsystem for Linux brings: `wsl-distribution.conf` for its installation, `wsl.conf` for its
//! starts. The formats: Microsoft's documentation of WSL, "Build a custom Linux distribution" and "Advanced settings configuration".

use std::collections::BTreeMap;

use serde::Serialize;

/// What WSL is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WslSpec {
    /// What it is called when nobody names it.
    pub name: String,
    /// Who is logged in; without one it is root.
    pub user: Option<String>,
    /// A program in the distribution that the first start runs, to make an account for example.
    pub first_run: Option<String>,
    /// Whether systemd runs in it.
    pub systemd: bool,
}

/// A name that WSL takes: of letters, digits and `._-`.
pub fn is_distribution_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// A text that stands for itself as a value of an ini file.
pub fn is_plain_value(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"\"'#;\\".contains(c))
}

impl WslSpec {
    /// The two files, by their paths.
    pub(super) fn files(&self) -> BTreeMap<String, String> {
        let Self { name, user, first_run, systemd } = self;
        let command = first_run.as_ref().map(|program| format!("command = {program}\n")).unwrap_or_default();
        let distribution = format!("[oobe]\n{command}defaultUid = 0\ndefaultName = {name}\n\n[shortcut]\nenabled = true\n");
        let user = user.as_ref().map(|user| format!("\n[user]\ndefault = {user}\n")).unwrap_or_default();
        let starts = format!("[boot]\nsystemd = {systemd}\n{user}");
        [("etc/wsl-distribution.conf", distribution), ("etc/wsl.conf", starts)].map(|(path, text)| (path.to_owned(), text)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_say_what_was_asked_for_and_nothing_else() {
        let plain = WslSpec { name: "harbour-13".into(), user: None, first_run: None, systemd: false };
        let files = plain.files();
        assert_eq!(files["etc/wsl.conf"], "[boot]\nsystemd = false\n");
        let text = "[oobe]\ndefaultUid = 0\ndefaultName = harbour-13\n\n[shortcut]\nenabled = true\n";
        assert_eq!(files["etc/wsl-distribution.conf"], text);
        let full =
            WslSpec { user: Some("sailor".into()), first_run: Some("/usr/lib/wsl/first-run".into()), systemd: true, ..plain };
        let files = full.files();
        assert_eq!(files["etc/wsl.conf"], "[boot]\nsystemd = true\n\n[user]\ndefault = sailor\n");
        assert!(files["etc/wsl-distribution.conf"].starts_with("[oobe]\ncommand = /usr/lib/wsl/first-run\n"));
    }

    #[test]
    fn what_would_end_a_line_or_a_value_is_no_value() {
        assert!(is_distribution_name("Harbour-13.1") && is_plain_value("/usr/lib/wsl/first-run"));
        for text in ["", "two words", "a\nb", "a;b", "a#b", "\"a\""] {
            assert!(!is_plain_value(text) && !is_distribution_name(text), "{text:?}");
        }
    }
}
