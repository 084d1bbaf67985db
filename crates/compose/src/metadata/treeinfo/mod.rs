//! `.treeinfo`: what a tree holds, for installers. An INI file in productmd's form, version 1.2, with a section for older readers.

mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::PRODUCTMD_VERSION;

pub use read::TreeInfoError;

/// Everything that a `.treeinfo` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeInfo {
    pub release: TreeRelease,
    /// The product that a layered product stands on.
    pub base_product: Option<TreeRelease>,
    /// `src` for a tree of sources.
    pub arch: String,
    /// What the tree can start besides its own arch: `xen`.
    pub platforms: BTreeSet<String>,
    /// Seconds since 1970.
    pub build_timestamp: i64,
    pub variants: Vec<TreeVariant>,
    /// The uid of the variant that readers of the old form get to see; the first one by name if there is none.
    pub main_variant: Option<String>,
    pub general_names: GeneralNames,
    pub boot: BootFiles,
    /// Which disc of how many.
    pub media: Option<(u32, u32)>,
}

/// What variants are called for readers of the old form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GeneralNames {
    /// Their ids: in trees, whose files are made anew.
    #[default]
    Ids,
    /// Their uids: on ISOs, whose files productmd has read from those of trees.
    Uids,
    /// The uids of so many, the ids of all behind them: on ISOs of several trees, where one was read and the others were added.
    UidsOfFirst(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeRelease {
    pub name: String,
    pub short: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeVariant {
    pub id: String,
    pub uid: String,
    pub name: String,
    /// `variant`, `optional`, `addon` or `layered-product`.
    pub kind: String,
    /// Relative to the tree.
    pub packages: String,
    /// Relative to the tree.
    pub repository: String,
    /// The addons inside it.
    pub addons: Vec<TreeVariant>,
}

/// What a tree starts from. Paths are relative to the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BootFiles {
    /// `sha256:...` by path.
    pub checksums: BTreeMap<String, String>,
    /// Paths by platform and by what they are: `kernel`, `initrd`, `boot.iso`.
    pub images: BTreeMap<String, BTreeMap<String, String>>,
    /// The system that the installer runs in.
    pub main_image: Option<String>,
    pub install_image: Option<String>,
}

/// Keys and values by section.
type Sections = BTreeMap<String, BTreeMap<String, String>>;

impl TreeInfo {
    /// The text of the file: sections and keys are sorted.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (section, values) in self.sections() {
            writeln!(text, "[{section}]").expect("memory takes it");
            for (key, value) in values {
                writeln!(text, "{key} = {}", value.replace('\n', "\n\t")).expect("memory takes it");
            }
            text.push('\n');
        }
        text
    }

    fn sections(&self) -> Sections {
        let mut sections = Sections::new();
        let mut add = |name: &str, values: Vec<(&str, String)>| {
            let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            sections.insert(name.to_owned(), values);
        };
        add("header", vec![("type", "productmd.treeinfo".to_owned()), ("version", PRODUCTMD_VERSION.to_owned())]);
        let mut release = self.release.values();
        if let Some(base_product) = &self.base_product {
            release.push(("is_layered", "true".to_owned()));
            add("base_product", base_product.values());
        }
        add("release", release);
        add(
            "tree",
            vec![
                ("arch", self.arch.clone()),
                ("build_timestamp", self.build_timestamp.to_string()),
                ("platforms", self.all_platforms()),
                ("variants", sorted_list(self.variants.iter().map(|variant| &variant.uid))),
            ],
        );
        for variant in &self.variants {
            add(&format!("variant-{}", variant.uid), variant.values(None));
            for addon in &variant.addons {
                add(&format!("addon-{}", addon.uid), addon.values(Some(&variant.uid)));
            }
        }
        if let Some((number, count)) = self.media {
            add("media", vec![("discnum", number.to_string()), ("totaldiscs", count.to_string())]);
        }
        add("general", self.general());
        self.boot.add_to(&mut sections);
        sections
    }

    /// What readers from before productmd look for.
    fn general(&self) -> Vec<(&'static str, String)> {
        let TreeRelease { name, version, .. } = &self.release;
        let name_of = |(number, variant): (usize, &TreeVariant)| match self.general_names {
            GeneralNames::Uids => variant.uid.clone(),
            GeneralNames::UidsOfFirst(count) if number < count => variant.uid.clone(),
            GeneralNames::Ids | GeneralNames::UidsOfFirst(_) => variant.id.clone(),
        };
        let names: Vec<String> = self.variants.iter().enumerate().map(name_of).collect();
        let mut values = vec![
            ("; WARNING.0", "This section provides compatibility with pre-productmd treeinfos.".to_owned()),
            ("; WARNING.1", "Read productmd documentation for details about new format.".to_owned()),
            ("name", format!("{name} {version}")),
            ("family", name.clone()),
            ("version", version.clone()),
            ("arch", self.arch.clone()),
            ("platforms", self.all_platforms()),
            ("timestamp", self.build_timestamp.to_string()),
            ("variants", sorted_list(names.iter())),
        ];
        let mut named = names.iter().zip(&self.variants);
        let main = match &self.main_variant {
            Some(main) => named.find(|(_, variant)| variant.uid == *main),
            None => named.min_by_key(|(name, _)| *name),
        };
        if let Some((name, main)) = main {
            values.extend([
                ("variant", name.clone()),
                ("packagedir", main.packages.clone()),
                ("repository", main.repository.clone()),
            ]);
        }
        values
    }

    fn all_platforms(&self) -> String {
        sorted_list(self.platforms.iter().chain(self.boot.images.keys()).chain([&self.arch]))
    }
}

impl TreeRelease {
    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("name", self.name.clone()), ("short", self.short.clone()), ("version", self.version.clone())]
    }
}

impl TreeVariant {
    fn values(&self, parent: Option<&str>) -> Vec<(&'static str, String)> {
        let mut values = vec![
            ("id", self.id.clone()),
            ("uid", self.uid.clone()),
            ("name", self.name.clone()),
            ("type", self.kind.clone()),
            ("packages", self.packages.clone()),
            ("repository", self.repository.clone()),
        ];
        if let Some(parent) = parent {
            values.push(("parent", parent.to_owned()));
        }
        if !self.addons.is_empty() {
            values.push(("addons", sorted_list(self.addons.iter().map(|addon| &addon.uid))));
        }
        values
    }
}

fn sorted_list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    names.into_iter().collect::<Vec<_>>().join(",")
}

impl BootFiles {
    fn add_to(&self, sections: &mut Sections) {
        if !self.checksums.is_empty() {
            sections.insert("checksums".to_owned(), self.checksums.clone());
        }
        for (platform, images) in &self.images {
            sections.insert(format!("images-{platform}"), images.clone());
        }
        let stage2 = [("mainimage", &self.main_image), ("instimage", &self.install_image)];
        let stage2: BTreeMap<String, String> =
            stage2.into_iter().filter_map(|(key, path)| Some((key.to_owned(), path.clone()?))).collect();
        if !stage2.is_empty() {
            sections.insert("stage2".to_owned(), stage2);
        }
    }
}
