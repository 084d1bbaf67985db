//! `[archives.NAME]`: where packages come from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// What `mirror` is where neither it nor `overlay` is given.
pub const HOST: &str = "host";

/// Where packages come from: a mirror of an archive, or a folder with packages of your own (an overlay).
///
/// It is the mirror that this machine's apt sources name unless `mirror` or `overlay` says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Archive {
    /// The base URL of the mirror: `https://mirror.example.org/debian`; what follows in it is `dists/` and `pool/`.
    ///
    /// `host` is the mirror that this machine's apt sources name for Debian, and `host-security` the one they name for its
    /// security updates. Without this, and without `overlay`, it is `host`.
    #[serde(default)]
    pub mirror: Option<String>,
    /// The suites to read, by codename: `["trixie", "trixie-updates"]`. Only for a mirror, which needs at least one.
    #[serde(default)]
    pub suites: Vec<String>,
    /// The components to read of each suite; without this only `main`. Only for a mirror.
    #[serde(default)]
    pub components: Option<Vec<String>>,
    /// The file with the OpenPGP keys that sign the archive. Only for a mirror.
    #[serde(default)]
    pub keyring: Option<PathBuf>,
    /// Takes the archive as it is, without any check of its signature. Every summary says so. Only for a mirror.
    #[serde(default)]
    pub trusted: bool,
    /// A folder with .deb and .dsc files, searched with its subfolders, instead of a mirror.
    #[serde(default)]
    pub overlay: Option<PathBuf>,
    /// The pin priority. Of two versions of a package the one with the higher priority is taken, and at the same
    /// priority the higher version: the rule of apt_preferences(5), for priorities from 1 to 1000.
    ///
    /// Without this it is apt's: 500, or less for a suite that says it is not to be taken from by itself, as
    /// `trixie-backports` does: 100 with `ButAutomaticUpgrades`, else 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub priority: Option<i32>,
    /// The arches to read; without this those of the variants, and of seeds such as `libc6:i386`.
    #[serde(default)]
    pub arches: Option<Vec<String>>,
    /// Packages of this archive satisfy dependencies but are put into no repository: users get them from the archive itself.
    #[serde(default)]
    pub lookaside: bool,
}
