//! The rules by which a build in the second word size is useful beside the native one.

use super::patterns::is_runtime_file;
use crate::rpm::package::Package;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    None,
    All,
    /// What programs are built with, and what they run with.
    Devel,
    /// What programs run with.
    Runtime,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no multilib method: there are none, all, devel and runtime")]
pub struct UnknownMethod(pub String);

impl std::str::FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Method, UnknownMethod> {
        Ok(match name {
            "none" => Method::None,
            "all" => Method::All,
            "devel" => Method::Devel,
            "runtime" => Method::Runtime,
            other => return Err(UnknownMethod(other.to_owned())),
        })
    }
}

impl Method {
    /// Whether a build of the second word size comes along.
    pub(in crate::rpm::gather) fn selects(self, package: &Package) -> bool {
        match self {
            Method::None => false,
            Method::All => true,
            Method::Devel if is_never_for_building(package.name()) => false,
            Method::Devel => BUILD_ALWAYS.contains(&package.name()) || is_for_building(package) || is_for_running(package),
            Method::Runtime => is_for_running(package),
        }
    }

    pub(in crate::rpm::gather) fn looks_at_files(self) -> bool {
        matches!(self, Method::Devel | Method::Runtime)
    }
}

fn provides(package: &Package, is_meant: impl Fn(&str) -> bool) -> bool {
    package.provides().any(|provide| is_meant(provide.name))
}

fn is_development_name(name: &str) -> bool {
    name.ends_with("-devel") || name.ends_with("-static")
}

/// Programs and libraries that run in the second word size although no library of theirs is for others.
const RUN_ALWAYS: [&str; 9] = [
    "libflashsupport",
    "libgnat",
    "lmms-vst",
    "nspluginwrapper",
    "perl-libs",
    "pulseaudio-utils",
    "redhat-lsb",
    "valgrind",
    "wine",
];
const RUN_NEVER: [&str; 2] = ["kernel", "tomcat-native"];
/// What programs are built with in both word sizes, whatever the rules say.
const BUILD_ALWAYS: [&str; 2] = ["glibc-static", "libstdc++-static"];
const BUILD_NEVER: [&str; 5] = ["dmraid-devel", "kdeutils-devel", "kernel-devel", "mkinitrd-devel", "php-devel"];

/// Files that are there to build with, but never in the second word size.
fn is_never_for_building(name: &str) -> bool {
    BUILD_NEVER.contains(&name) || (name.starts_with("java-") && name.ends_with("-devel"))
}

/// Goes by names; only of kernels, what they provide counts as well.
fn is_for_building(package: &Package) -> bool {
    let name = package.name();
    if name.starts_with("kernel") {
        return !provides(package, |it| matches!(it, "kernel" | "kernel-devel"))
            && (is_development_name(name) || provides(package, is_development_name));
    }
    !name.starts_with("ghc-") && is_development_name(name)
}

fn is_for_running(package: &Package) -> bool {
    if RUN_NEVER.contains(&package.name()) {
        return false;
    }
    if RUN_ALWAYS.contains(&package.name()) {
        return true;
    }
    // `libx.so.1(VERSION)(64bit)` stands for the file libx.so.1.
    let provides_soname = |file: &str| provides(package, |it| it.split('(').next() == Some(file));
    !provides(package, |it| it == "kernel")
        && package.files.iter().any(|file| is_runtime_file(file.directory, file.name, provides_soname))
}
