//! Elements to variants: references put in, optional children made, filters applied, all sorted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::show::repr;
use super::super::value::Value;
use super::document::Element;
use super::{Filters, VariantsError};

/// What a variant is to its parent; the order is that of sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Variant,
    Addon,
    LayeredProduct,
    Optional,
}

impl Kind {
    fn from_name(name: &str) -> Option<Self> {
        [Self::Variant, Self::Addon, Self::LayeredProduct, Self::Optional].into_iter().find(|kind| kind.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Variant => "variant",
            Self::Addon => "addon",
            Self::LayeredProduct => "layered-product",
            Self::Optional => "optional",
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Variant => 0,
            Self::Addon | Self::LayeredProduct => 1,
            Self::Optional => 2,
        }
    }
}

/// A comps group, and what overrides the comps file's own words about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    pub name: String,
    /// The name is a pattern of names.
    pub glob: bool,
    pub default: Option<bool>,
    pub uservisible: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Environment {
    pub name: String,
    pub display_order: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Module {
    /// `N:S`, `N:S:V`, `N:S:V:C`, `*`, or the old form with dashes.
    pub name: String,
    pub glob: bool,
}

/// What a layered product is released as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReleaseIdentity {
    pub name: String,
    pub short: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variant {
    pub id: String,
    /// `Parent-child`; the id where there is no parent.
    pub uid: String,
    pub name: String,
    pub kind: Kind,
    /// Sorted.
    pub arches: Vec<String>,
    pub groups: Vec<Group>,
    pub environments: Vec<Environment>,
    pub modules: Vec<Module>,
    pub koji_tags: Vec<String>,
    pub buildinstall_packages: Vec<String>,
    /// Holds no packages, but may hold images.
    pub is_empty: bool,
    pub release: Option<ReleaseIdentity>,
    /// The parent's UID.
    pub parent: Option<String>,
}

/// The variants of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants {
    /// All of them, children too, in the order in which they are made: by type, then by UID.
    pub all: Vec<Variant>,
    /// UIDs of variants that the configuration's filters left out.
    pub excluded: Vec<String>,
}

impl Variants {
    /// Variants that were not read from `variants.xml`: filtered and put in order as those are. Each one's parent is among them.
    pub fn of_list(list: Vec<Variant>, filters: &Filters) -> Self {
        let (children, parents): (Vec<Variant>, Vec<Variant>) = list.into_iter().partition(|variant| variant.parent.is_some());
        let mut variants = Self::default();
        for mut variant in parents {
            variants.add(filters.exclude(&mut variant), variant);
        }
        for mut variant in children {
            // Of one that is left out the children are not even mentioned.
            let Some(parent) = variant.parent.as_deref().and_then(|parent| variants.get(parent)) else { continue };
            variant.arches.retain(|arch| parent.arches.contains(arch));
            variants.add(filters.exclude(&mut variant), variant);
        }
        variants.sort();
        variants
    }

    fn add(&mut self, is_excluded: bool, variant: Variant) {
        if is_excluded {
            self.excluded.push(variant.uid);
        } else {
            self.all.push(variant);
        }
    }

    fn sort(&mut self) {
        self.all.sort_by(|one, other| (one.kind.rank(), &one.uid).cmp(&(other.kind.rank(), &other.uid)));
        self.excluded.sort();
    }

    pub fn get(&self, uid: &str) -> Option<&Variant> {
        self.all.iter().find(|variant| variant.uid == uid)
    }

    pub fn children<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a Variant> {
        self.all.iter().filter(move |variant| variant.parent.as_deref() == Some(parent))
    }

    /// All UIDs, in order.
    pub fn uids(&self) -> Vec<String> {
        self.all.iter().map(|variant| variant.uid.clone()).collect()
    }

    /// Every arch of any variant.
    pub fn arches(&self) -> BTreeSet<&str> {
        self.all.iter().flat_map(|variant| variant.arches.iter().map(String::as_str)).collect()
    }
}

struct Builder<'a> {
    filters: &'a Filters,
    /// Addons and layered products of the top level, which references name.
    definitions: BTreeMap<&'a str, &'a Element>,
    found: BTreeMap<String, Variant>,
    excluded: Vec<String>,
}

pub(super) fn build(root: &Element, filters: &Filters) -> Result<Variants, VariantsError> {
    let top = || root.children.iter().filter(|child| child.name == "variant");
    let is_definition = |element: &&Element| matches!(element.attribute("type"), Some("addon" | "layered-product"));
    let definitions = top().filter(is_definition).map(|element| (element.attribute("id").unwrap_or_default(), element));
    let mut builder = Builder { filters, definitions: definitions.collect(), found: BTreeMap::new(), excluded: Vec::new() };
    for element in top().filter(|element| element.attribute("type") == Some("variant")) {
        builder.add(element, None)?;
    }
    let mut variants = Variants { all: builder.found.into_values().collect(), excluded: builder.excluded };
    variants.sort();
    Ok(variants)
}

impl<'a> Builder<'a> {
    /// Adds a variant with its children; false if the filters leave it out.
    fn add(&mut self, element: &'a Element, parent: Option<&Variant>) -> Result<bool, VariantsError> {
        let mut variant = read(element, parent)?;
        if self.filters.exclude(&mut variant) {
            self.excluded.push(variant.uid);
            return Ok(false);
        }
        if let Some(parent) = parent {
            if variant.id == parent.id {
                return contradiction(format!("Child variant id must be different than parent variant id: {}", variant.id));
            }
            let shared: Vec<String> = variant.arches.iter().filter(|arch| parent.arches.contains(arch)).cloned().collect();
            if shared.is_empty() {
                let (own, of_parent) = (list(&variant.arches), list(&parent.arches));
                let message = format!("{}: arch list {own} does not intersect with parent arch list: {of_parent}", variant.uid);
                return contradiction(message);
            }
            variant.arches = shared;
        }
        self.add_children(element, &variant)?;
        self.keep(variant)?;
        Ok(true)
    }

    fn keep(&mut self, variant: Variant) -> Result<(), VariantsError> {
        match self.found.insert(variant.uid.clone(), variant) {
            Some(twin) => unusable(format!("Variant '{}' is there twice", twin.uid)),
            None => Ok(()),
        }
    }

    fn add_children(&mut self, element: &'a Element, variant: &Variant) -> Result<(), VariantsError> {
        let children: Vec<&Element> = element.inner("variants").collect();
        let wants_optional = element.attribute("has_optional") == Some("true");
        if variant.kind != Kind::Variant && (!children.is_empty() || wants_optional) {
            return contradiction("Only 'variant' can contain another variants.".to_owned());
        }
        let mut has_optional = false;
        for child in &children {
            if child.name == "ref" {
                let reference = child.attribute("id").unwrap_or_default();
                let definition = self.definitions.get(reference).copied().ok_or_else(|| VariantsError::MissingReference {
                    variant: variant.uid.clone(),
                    reference: reference.to_owned(),
                })?;
                self.add(definition, Some(variant))?;
            } else if self.add(child, Some(variant))? {
                has_optional |= child.attribute("type") == Some("optional");
            }
        }
        if wants_optional && !has_optional { self.add_optional(variant) } else { Ok(()) }
    }

    fn add_optional(&mut self, parent: &Variant) -> Result<(), VariantsError> {
        let mut variant = Variant {
            id: "optional".to_owned(),
            uid: format!("{}-optional", parent.uid),
            name: "optional".to_owned(),
            kind: Kind::Optional,
            arches: parent.arches.clone(),
            groups: Vec::new(),
            environments: Vec::new(),
            modules: Vec::new(),
            koji_tags: Vec::new(),
            buildinstall_packages: Vec::new(),
            is_empty: false,
            release: None,
            parent: Some(parent.uid.clone()),
        };
        if self.filters.exclude(&mut variant) {
            self.excluded.push(variant.uid);
            return Ok(());
        }
        self.keep(variant)
    }
}

impl Filters {
    /// Takes away arches that are not wanted, and says whether the variant is left out altogether.
    fn exclude(&self, variant: &mut Variant) -> bool {
        let Self { tree_arches, tree_variants } = self;
        if !tree_arches.is_empty() {
            variant.arches.retain(|arch| tree_arches.contains(arch));
        }
        variant.arches.is_empty() || (!tree_variants.is_empty() && !tree_variants.contains(&variant.uid))
    }
}

fn contradiction<T>(message: String) -> Result<T, VariantsError> {
    Err(VariantsError::Contradiction(message))
}

fn unusable<T>(message: String) -> Result<T, VariantsError> {
    Err(VariantsError::Unusable(message))
}

/// As Python shows a list of texts.
fn list(texts: &[String]) -> String {
    repr(&Value::List(texts.iter().map(|text| Value::text(text)).collect::<Vec<_>>().into()))
}

/// One variant without its children.
fn read(element: &Element, parent: Option<&Variant>) -> Result<Variant, VariantsError> {
    let attribute = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
    let id = attribute("id");
    // Ids become names of folders.
    let sound = |id: &str| !id.is_empty() && id.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
    if !sound(&id) {
        return unusable(format!("The id '{id}' of a variant must have only letters, digits and dashes"));
    }
    let arches: BTreeSet<&str> = element.inner("arches").map(|arch| arch.text.as_str()).collect();
    if let Some(wrong) = arches.iter().find(|arch| !is_sound_arch(arch)) {
        return unusable(format!("The arch '{wrong}' of the variant '{id}' must have only letters, digits and underscores"));
    }
    let kind = Kind::from_name(&attribute("type")).unwrap_or(Kind::Variant);
    let release = element.children.iter().find(|child| child.name == "release").map(|release| {
        let attribute = |name: &str| release.attribute(name).unwrap_or_default().to_owned();
        ReleaseIdentity { name: attribute("name"), short: attribute("short"), version: attribute("version") }
    });
    let is_named =
        |release: &ReleaseIdentity| ![&release.name, &release.short, &release.version].iter().any(|text| text.is_empty());
    if kind == Kind::LayeredProduct && !release.as_ref().is_some_and(is_named) {
        return unusable(format!("The layered product '{id}' has no release with name, short and version"));
    }
    let names = |list: &str, name: &str| -> Vec<String> {
        element.inner(list).filter(|item| item.name == name).map(|item| item.text.clone()).collect()
    };
    Ok(Variant {
        uid: parent.map_or_else(|| id.clone(), |parent| format!("{}-{id}", parent.uid)),
        id,
        name: attribute("name"),
        kind,
        arches: arches.into_iter().map(str::to_owned).collect(),
        groups: sorted(element.inner("groups").map(group)),
        environments: sorted(element.inner("environments").map(environment)),
        modules: sorted(element.inner("modules").filter(|item| item.name == "module").map(module)),
        koji_tags: names("modules", "kojitag"),
        buildinstall_packages: names("buildinstallpackages", "package"),
        // Any text counts, even "false": that is how Pungi reads it.
        is_empty: element.attribute("is_empty").is_some_and(|text| !text.is_empty()),
        release,
        parent: parent.map(|parent| parent.uid.clone()),
    })
}

fn is_sound_arch(arch: &str) -> bool {
    !arch.is_empty() && arch.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

fn flag(element: &Element, name: &str) -> Option<bool> {
    element.attribute(name).map(|text| text == "true")
}

fn group(element: &Element) -> Group {
    Group {
        name: element.text.clone(),
        glob: flag(element, "glob").unwrap_or(false),
        default: flag(element, "default"),
        uservisible: flag(element, "uservisible"),
    }
}

fn environment(element: &Element) -> Environment {
    let display_order = element.attribute("display_order").and_then(|text| text.trim().parse().ok());
    Environment { name: element.text.clone(), display_order }
}

fn module(element: &Element) -> Module {
    Module { name: element.text.clone(), glob: flag(element, "glob").unwrap_or(false) }
}
