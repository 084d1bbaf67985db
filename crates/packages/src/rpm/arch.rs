//! Arches of RPM packages: which can be installed where, which of them are a second word size, and what they are called.
//!
//! Unknown arches are not refused: packages of an arch run on that arch, and `noarch` ones everywhere.

/// Packages that run everywhere.
pub const NOARCH: &str = "noarch";
/// Source packages: `nosrc` ones lack some of their sources.
pub const SOURCE_ARCHES: [&str; 2] = ["src", "nosrc"];

pub fn is_source(arch: &str) -> bool {
    SOURCE_ARCHES.contains(&arch)
}

/// Each arch and the next best whose packages it runs as well; arches without one run only their own.
const NEXT_BEST: &[(&str, &str)] = &[
    ("x86_64", "athlon"),
    ("amd64", "x86_64"),
    ("ia32e", "x86_64"),
    ("athlon", "i686"),
    ("geode", "i686"),
    ("i686", "i586"),
    ("i586", "i486"),
    ("i486", "i386"),
    ("ppc64pseries", "ppc64"),
    ("ppc64iseries", "ppc64"),
    ("ppc64p7", "ppc64"),
    ("ppc64", "ppc"),
    ("s390x", "s390"),
    ("sparc64v", "sparcv9v"),
    ("sparc64", "sparcv9"),
    ("sparcv9v", "sparcv9"),
    ("sparcv9", "sparcv8"),
    ("sparcv8", "sparc"),
    ("alphaev68", "alphaev67"),
    ("alphaev67", "alphaev6"),
    ("alphaev6", "alphapca56"),
    ("alphapca56", "alphaev56"),
    ("alphaev56", "alphaev5"),
    ("alphaev5", "alphaev45"),
    ("alphaev45", "alphaev4"),
    ("alphaev4", "alpha"),
    ("armv8l", "armv7l"),
    ("armv7l", "armv6l"),
    ("armv6l", "armv5tejl"),
    ("armv5tejl", "armv5tel"),
    ("armv7hnl", "armv7hl"),
    ("armv7hl", "armv6hl"),
    ("sh4a", "sh4"),
];

/// Arches with a second word size, and the best arch of that.
const MULTILIB: &[(&str, &str)] =
    &[("x86_64", "athlon"), ("sparc64v", "sparcv9v"), ("sparc64", "sparcv9"), ("ppc64", "ppc"), ("s390x", "s390")];

/// The arches whose packages an arch runs, the best first, and `noarch` last.
pub fn compatible(arch: &str) -> Vec<&str> {
    let mut chain = vec![arch];
    let mut current = arch;
    while let Some((_, next)) = NEXT_BEST.iter().find(|(from, _)| *from == current) {
        chain.push(next);
        current = next;
    }
    if arch != NOARCH {
        chain.push(NOARCH);
    }
    chain
}

/// The arches of the second word size of an arch, the best first; without `noarch`.
pub fn multilib(arch: &str) -> Vec<&'static str> {
    let Some((_, best)) = MULTILIB.iter().find(|(of, _)| *of == arch) else { return Vec::new() };
    compatible(best).into_iter().filter(|arch| *arch != NOARCH).collect()
}

/// The arches that run on an arch in its own word size, the best first, and `noarch` last.
pub fn native(arch: &str) -> Vec<&str> {
    let multilib = multilib(arch);
    compatible(arch).into_iter().filter(|arch| !multilib.contains(arch)).collect()
}

/// The package arch that stands for an arch of a compose's tree.
pub fn of_tree(tree: &str) -> &str {
    match tree {
        "i386" => "i686",
        "armhfp" => "armv7hnl",
        "arm" => "armv7l",
        other => other,
    }
}

/// The arch of the tree that packages of an arch belong to; `noarch` and source packages are of any, and stand for themselves.
pub fn to_tree(arch: &str) -> &str {
    match arch {
        "i386" | "i486" | "i586" | "i686" | "athlon" | "geode" => "i386",
        "amd64" | "ia32e" => "x86_64",
        "ppc64p7" | "ppc64pseries" | "ppc64iseries" => "ppc64",
        "armv6hl" | "armv7hl" | "armv7hnl" => "armhfp",
        "armv5tel" | "armv5tejl" | "armv6l" | "armv7l" | "armv8l" => "arm",
        "sh4a" => "sh4",
        other if other.starts_with("sparc") => "sparc",
        other if other.starts_with("alpha") => "alpha",
        other => other,
    }
}

/// What rpm puts behind the name in provides such as `bash(x86-64)`.
pub fn instruction_set(arch: &str) -> Option<&'static str> {
    Some(match arch {
        "x86_64" | "amd64" | "ia32e" => "x86-64",
        "i386" | "i486" | "i586" | "i686" | "athlon" | "geode" => "x86-32",
        "aarch64" => "aarch-64",
        "ppc64le" | "ppc64" | "ppc64p7" | "ppc64pseries" | "ppc64iseries" => "ppc-64",
        "ppc" => "ppc-32",
        "s390x" => "s390-64",
        "s390" => "s390-32",
        "riscv64" => "riscv-64",
        "loongarch64" => "loongarch-64",
        "armv7hl" | "armv7hnl" | "armv6hl" | "armv7l" | "armv6l" | "armv5tel" | "armv5tejl" => "arm-32",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_those_of_yum() {
        assert_eq!(compatible("x86_64"), ["x86_64", "athlon", "i686", "i586", "i486", "i386", "noarch"]);
        assert_eq!(compatible("ppc64"), ["ppc64", "ppc", "noarch"]);
        assert_eq!(compatible("s390x"), ["s390x", "s390", "noarch"]);
        assert_eq!(compatible("aarch64"), ["aarch64", "noarch"]);
        assert_eq!(compatible("ppc64le"), ["ppc64le", "noarch"]);
        assert_eq!(compatible("noarch"), ["noarch"]);
        assert_eq!(compatible("unheard-of"), ["unheard-of", "noarch"]);
    }

    #[test]
    fn the_second_word_size_is_apart_from_the_native_one() {
        assert_eq!(native("x86_64"), ["x86_64", "noarch"]);
        assert_eq!(multilib("x86_64"), ["athlon", "i686", "i586", "i486", "i386"]);
        assert_eq!(native("i686"), ["i686", "i586", "i486", "i386", "noarch"]);
        assert!(multilib("i686").is_empty() && multilib("aarch64").is_empty());
        assert_eq!(multilib("s390x"), ["s390"]);
    }

    #[test]
    fn no_chain_comes_back_to_itself() {
        for (arch, _) in NEXT_BEST {
            assert!(compatible(arch).len() < 12, "{arch}");
        }
    }
}
