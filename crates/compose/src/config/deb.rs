//! What the configuration knows of the deb ecosystem: its arches, and the forms of its names.

/// The arches that dpkg knows for Linux, and those that derivatives have added to it.
pub(super) const ARCHES: [&str; 27] = [
    "alpha", "amd64", "amd64v3", "arc", "arm64", "armel", "armhf", "hppa", "i386", "ia64", "loong64", "m68k", "mips", "mips64el",
    "mipsel", "nios2", "or1k", "powerpc", "ppc64", "ppc64el", "riscv32", "riscv64", "s390x", "sh4", "sparc", "sparc64", "x32",
];

/// Debian's name for an arch that others name otherwise.
pub(super) fn own_name(arch: &str) -> Option<&'static str> {
    match arch {
        "x86_64" | "x64" | "x86-64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        "i486" | "i586" | "i686" | "x86" => Some("i386"),
        "armv7hl" | "armv7l" => Some("armhf"),
        "ppc64le" => Some("ppc64el"),
        "loongarch64" => Some("loong64"),
        _ => None,
    }
}

/// Whether a text can be a suite or a component: it becomes a path below `dists/`.
pub(super) fn is_path_below_dists(text: &str) -> bool {
    let allowed = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|character| character.is_ascii_alphanumeric() || "._+~-".contains(character))
    };
    text.split('/').all(allowed)
}
