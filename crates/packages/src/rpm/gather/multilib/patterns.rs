//! Which files a program needs in its own word size: libraries, plug-ins, and what the loader reads.

use std::sync::LazyLock;

use crate::Glob;

/// Where the libraries of the base system lie, and those of all else; each also below the roots of software collections.
const ROOT_FOLDERS: [&str; 2] = ["/lib/", "/lib64/"];
const USER_FOLDERS: [&str; 2] = ["/usr/lib/", "/usr/lib64/"];

/// Below a folder of the base system: a folder, with `/` at its end, and the names of files in it. A system that has merged
/// `/lib` into `/usr/lib` has none of them.
const ROOT_PLUGINS: &[(&str, &str)] = &[("", "libdb-*.so"), ("", "libnss_*.so"), ("security/", "*")];

/// The same below a folder of all else.
const USER_PLUGINS: &[(&str, &str)] = &[
    ("alsa-lib/", "*"),
    ("dri/", "*"),
    ("gdk-pixbuf-2.0/*/loaders/", "*"),
    ("gstreamer-*/", "*.so"),
    ("gtk-2.0/*/engines/", "*"),
    ("gtk-2.0/*/filesystems/", "*"),
    ("gtk-2.0/*/immodules/", "*"),
    ("gtk-2.0/*/loaders/", "*"),
    ("gtk-2.0/*/printbackends/", "*"),
    ("gtk-2.0/immodules/", "*"),
    ("gtk-2.0/modules/", "*"),
    ("kde*/plugins/*/", "*"),
    ("krb5/plugins/", "*"),
    ("oprofile/", "*.so.*"),
    ("qt*/plugins/*/", "*"),
    ("sane/", "libsane-*"),
    ("sasl2/", "*"),
    ("vdpau/", "*"),
    ("wine/", "*.so"),
    ("xine/plugins/*/", "*"),
];

type Patterns = Vec<(Glob, Glob)>;

static ROOT_GLOBS: LazyLock<Patterns> = LazyLock::new(|| globs(ROOT_PLUGINS));
static USER_GLOBS: LazyLock<Patterns> = LazyLock::new(|| globs(USER_PLUGINS));
static LIBRARIES: LazyLock<Glob> = LazyLock::new(|| Glob::lenient("*.so.*"));
static LOADER_SETTINGS: LazyLock<Glob> = LazyLock::new(|| Glob::lenient("*.conf"));

fn globs(plugins: &[(&str, &str)]) -> Patterns {
    plugins.iter().map(|(folder, name)| (Glob::lenient(folder), Glob::lenient(name))).collect()
}

/// Libraries count only if the package provides their names: others are no concern of the loader.
pub(super) fn is_runtime_file(folder: &str, name: &str, provides_soname: impl Fn(&str) -> bool) -> bool {
    let folder = below_collection(folder);
    if folder == "/etc/ld.so.conf.d/" {
        return LOADER_SETTINGS.matches(name);
    }
    let below = |folders: [&str; 2]| folders.into_iter().find_map(|libraries| folder.strip_prefix(libraries));
    let (below, plugins) = match (below(ROOT_FOLDERS), below(USER_FOLDERS)) {
        (Some(below), _) => (below, &*ROOT_GLOBS),
        (None, Some(below)) => (below, &*USER_GLOBS),
        (None, None) => return false,
    };
    let is_library = below.is_empty() && LIBRARIES.matches(name) && provides_soname(name);
    is_library || plugins.iter().any(|(folders, names)| folders.matches(below) && names.matches(name))
}

/// A folder as seen from the root of a software collection, `/opt/VENDOR/NAME/root`; others as they are.
fn below_collection(folder: &str) -> &str {
    let below = || {
        let (_vendor, rest) = folder.strip_prefix("/opt/")?.split_once('/')?;
        let (_collection, rest) = rest.split_once('/')?;
        rest.strip_prefix("root").filter(|rest| rest.starts_with('/'))
    };
    below().unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_plugins_and_loader_settings_are_runtime_files() {
        for (folder, name, expected) in [
            ("/usr/lib/", "libx.so.1", true),
            ("/usr/lib64/", "libx.so.1", true),
            ("/usr/lib/", "liby.so.1", false),
            ("/usr/lib/private/", "libx.so.1", false),
            ("/usr/lib/", "libx.so", false),
            ("/opt/rh/php/root/usr/lib64/", "libx.so.1", true),
            ("/opt/rh/root/usr/lib64/", "libx.so.1", false),
            ("/usr/lib64/dri/", "gfx_dri.so", true),
            ("/usr/lib/dri-extra/", "gfx_dri.so", false),
            ("/lib64/security/", "pam_x.so", true),
            ("/usr/lib64/security/", "pam_x.so", false),
            ("/usr/lib/krb5/plugins/", "x.so", true),
            ("/usr/lib/gtk-2.0/2.10.0/immodules/", "im.so", true),
            ("/lib/", "libnss_files.so", true),
            ("/usr/lib/", "libnss_files.so", false),
            ("/etc/ld.so.conf.d/", "x.conf", true),
            ("/etc/ld.so.conf.d/", "x", false),
            ("/usr/bin/", "x", false),
        ] {
            assert_eq!(is_runtime_file(folder, name, |soname| soname == "libx.so.1"), expected, "{folder}{name}");
        }
    }
}
