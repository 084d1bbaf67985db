//! Reading `.treeinfo`: the whole of one that productmd or we wrote, or what an installer's builder says of its files.
//!
//! What is read may come from anywhere: paths that leave the tree are refused, and whatever is missing is named. Sections and keys
//! that are of no interest are passed over. Must not know: where the files lie.

use std::collections::BTreeMap;

use super::{BootFiles, GeneralNames, Sections, TreeInfo, TreeRelease, TreeVariant};

/// Why a `.treeinfo` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeInfoError {
    #[error("line {0}: neither a section nor 'key = value'")]
    UnknownLine(usize),
    #[error("line {0}: a value outside of any section")]
    NoSection(usize),
    #[error("[{section}] {key}: the path '{path}' leaves the tree")]
    PathOutside { section: String, key: String, path: String },
    #[error("[{section}] {key} is missing")]
    Missing { section: String, key: &'static str },
    #[error("[{section}] {key}: '{value}' is no number")]
    NoNumber { section: String, key: &'static str, value: String },
}

impl TreeInfo {
    /// Everything that a `.treeinfo` in productmd's form says; the section for older readers repeats it, and is not read.
    pub fn read(text: &str) -> Result<Self, TreeInfoError> {
        let sections = read_sections(text)?;
        let tree = Section::of(&sections, "tree");
        let release = Section::of(&sections, "release");
        let is_layered = release.text("is_layered").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let variants = tree.list("variants").into_iter().map(|uid| read_variant(&sections, "variant", uid));
        Ok(Self {
            release: release.release()?,
            base_product: if is_layered { Some(Section::of(&sections, "base_product").release()?) } else { None },
            arch: tree.required("arch")?.to_owned(),
            platforms: tree.list("platforms").into_iter().map(str::to_owned).collect(),
            build_timestamp: tree.timestamp("build_timestamp")?,
            variants: variants.collect::<Result<_, _>>()?,
            main_variant: None,
            general_names: GeneralNames::Uids,
            boot: boot_files(&sections)?,
            media: read_media(&sections)?,
        })
    }
}

impl BootFiles {
    /// What the `.treeinfo` of an installer's builder says. Sections that are of no interest here are passed over.
    pub fn read(text: &str) -> Result<BootFiles, TreeInfoError> {
        boot_files(&read_sections(text)?)
    }
}

/// One section; one that is not there has no keys.
#[derive(Clone, Copy)]
struct Section<'a> {
    name: &'a str,
    values: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Section<'a> {
    fn of(sections: &'a Sections, name: &'a str) -> Self {
        Self { name, values: sections.get(name) }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.values?.get(key).map(String::as_str)
    }

    fn required(&self, key: &'static str) -> Result<&'a str, TreeInfoError> {
        let found = self.text(key).filter(|value| !value.is_empty());
        found.ok_or_else(|| TreeInfoError::Missing { section: self.name.to_owned(), key })
    }

    /// Names with commas between them.
    fn list(&self, key: &str) -> Vec<&'a str> {
        let names = self.text(key).unwrap_or_default().split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).collect()
    }

    fn number<T: std::str::FromStr>(&self, key: &'static str) -> Result<T, TreeInfoError> {
        let value = self.required(key)?;
        value.parse().map_err(|_| self.no_number(key, value))
    }

    /// Old tools wrote fractions of seconds.
    fn timestamp(&self, key: &'static str) -> Result<i64, TreeInfoError> {
        let value = self.required(key)?;
        let seconds = value.split('.').next().unwrap_or(value);
        seconds.parse().map_err(|_| self.no_number(key, value))
    }

    fn no_number(&self, key: &'static str, value: &str) -> TreeInfoError {
        TreeInfoError::NoNumber { section: self.name.to_owned(), key, value: value.to_owned() }
    }

    fn path(&self, key: &'static str) -> Result<String, TreeInfoError> {
        let path = self.required(key)?;
        if path == "." || stays_inside(path) {
            return Ok(path.to_owned());
        }
        Err(TreeInfoError::PathOutside { section: self.name.to_owned(), key: key.to_owned(), path: path.to_owned() })
    }

    fn release(&self) -> Result<TreeRelease, TreeInfoError> {
        let required = |key| self.required(key).map(str::to_owned);
        Ok(TreeRelease { name: required("name")?, short: required("short")?, version: required("version")? })
    }
}

/// `kind` is `variant` or `addon`, which begins the section's name.
fn read_variant(sections: &Sections, kind: &str, uid: &str) -> Result<TreeVariant, TreeInfoError> {
    let name = format!("{kind}-{uid}");
    let section = Section::of(sections, &name);
    // Addons have none themselves, so that nothing that is read can lead in a circle.
    let addons = if kind == "variant" { section.list("addons") } else { Vec::new() };
    Ok(TreeVariant {
        id: section.required("id")?.to_owned(),
        uid: uid.to_owned(),
        name: section.required("name")?.to_owned(),
        kind: section.required("type")?.to_owned(),
        packages: section.path("packages")?,
        repository: section.path("repository")?,
        addons: addons.into_iter().map(|uid| read_variant(sections, "addon", uid)).collect::<Result<_, _>>()?,
    })
}

fn read_media(sections: &Sections) -> Result<Option<(u32, u32)>, TreeInfoError> {
    let media = Section::of(sections, "media");
    media.values.map(|_| Ok((media.number("discnum")?, media.number("totaldiscs")?))).transpose()
}

fn boot_files(sections: &Sections) -> Result<BootFiles, TreeInfoError> {
    let mut files = BootFiles::default();
    for (section, values) in sections {
        let is_checksums = section == "checksums";
        for (key, value) in values {
            let path = if is_checksums { key } else { value };
            let names_file = is_checksums || section == "stage2" || section.starts_with("images-");
            if names_file && !stays_inside(path) {
                return Err(TreeInfoError::PathOutside { section: section.clone(), key: key.clone(), path: path.clone() });
            }
        }
        if is_checksums {
            files.checksums.clone_from(values);
        } else if section == "stage2" {
            files.main_image = values.get("mainimage").cloned();
            files.install_image = values.get("instimage").cloned();
        } else if let Some(platform) = section.strip_prefix("images-") {
            files.images.insert(platform.to_owned(), values.clone());
        }
    }
    Ok(files)
}

fn stays_inside(path: &str) -> bool {
    !path.starts_with('/') && !path.contains(['\0', '\n']) && path.split('/').all(|part| !part.is_empty() && part != "..")
}

/// Comments and empty lines are passed over.
fn read_sections(text: &str) -> Result<Sections, TreeInfoError> {
    let mut sections = Sections::new();
    let mut section: Option<String> = None;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            sections.entry(name.to_owned()).or_default();
            section = Some(name.to_owned());
            continue;
        }
        let (key, value) = line.split_once(['=', ':']).ok_or(TreeInfoError::UnknownLine(number))?;
        let section = section.as_ref().ok_or(TreeInfoError::NoSection(number))?;
        sections.entry(section.clone()).or_default().insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_files_of_an_installer_are_taken_over() {
        let text = "[general]\nname: x\n; comment\n\n[images-x86_64]\nkernel = images/pxeboot/vmlinuz\n\n[images-xen]\nkernel = xen/vmlinuz\n\n\
                    [stage2]\nmainimage = images/install.img\n\n[checksums]\nimages/install.img = sha256:00\n";
        let boot = BootFiles::read(text).unwrap();
        assert_eq!(boot.main_image.as_deref(), Some("images/install.img"));
        let tree = TreeInfo { arch: "x86_64".to_owned(), boot: boot.clone(), ..TreeInfo::default() };
        let written = tree.text();
        assert!(written.contains("platforms = x86_64,xen\n"), "{written}");
        assert_eq!(BootFiles::read(&written).unwrap(), boot);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let release = |name: &str| TreeRelease { name: name.to_owned(), short: "H".to_owned(), version: "1.0".to_owned() };
        let variant = |uid: &str, kind: &str, addons: Vec<TreeVariant>| TreeVariant {
            id: uid.replace('-', ""),
            uid: uid.to_owned(),
            name: format!("{uid} of Harbour"),
            kind: kind.to_owned(),
            packages: "Packages".to_owned(),
            repository: ".".to_owned(),
            addons,
        };
        let tree = TreeInfo {
            release: release("Harbour Storage"),
            base_product: Some(release("Harbour")),
            arch: "x86_64".to_owned(),
            platforms: ["x86_64".to_owned()].into(),
            build_timestamp: 1_767_225_600,
            variants: vec![
                variant("Client", "variant", vec![]),
                variant("Server", "variant", vec![variant("Server-HA", "addon", vec![])]),
            ],
            general_names: GeneralNames::Uids,
            media: Some((2, 3)),
            ..TreeInfo::default()
        };
        assert_eq!(TreeInfo::read(&tree.text()).unwrap(), tree);
        let fraction = tree.text().replace("build_timestamp = 1767225600", "build_timestamp = 1767225600.25");
        assert_eq!(TreeInfo::read(&fraction).unwrap(), tree);
    }

    #[test]
    fn hostile_treeinfos_are_refused() {
        for text in
            ["[stage2]\nmainimage = ../../etc/passwd\n", "[checksums]\n/etc/passwd = sha256:0\n", "[images-x]\nkernel = a//b\n"]
        {
            assert!(matches!(BootFiles::read(text), Err(TreeInfoError::PathOutside { .. })), "{text}");
        }
        assert_eq!(BootFiles::read("a = b"), Err(TreeInfoError::NoSection(1)));
        assert_eq!(BootFiles::read("[a]\nword"), Err(TreeInfoError::UnknownLine(2)));
        let of_variant = |tree: &str, variant: &str| {
            let text = format!(
                "[release]\nname = H\nshort = H\nversion = 1\n[tree]\narch = a\n{tree}\nvariants = S\n[variant-S]\nid = S\nname = S\n{variant}\n"
            );
            TreeInfo::read(&text).unwrap_err().to_string()
        };
        let time = "build_timestamp = 1";
        assert_eq!(of_variant("build_timestamp = soon", ""), "[tree] build_timestamp: 'soon' is no number");
        assert_eq!(of_variant(time, ""), "[variant-S] type is missing");
        assert_eq!(of_variant(time, "type = variant\npackages = ../x"), "[variant-S] packages: the path '../x' leaves the tree");
        assert_eq!(TreeInfo::read("").unwrap_err().to_string(), "[release] name is missing");
    }
}
