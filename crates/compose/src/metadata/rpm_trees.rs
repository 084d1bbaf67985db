//! What the trees of a compose say of themselves: `.treeinfo`, `.discinfo` and `media.repo` of each variant and arch.
//!
//! Must not know: what lies in the trees, but for what they start from.

use super::media::{Disc, configured_description, discinfo, media_repo, medium_description};
use super::pungi_names::major_version;
use super::python_format::FormatError;
use super::treeinfo::{BootFiles, GeneralNames, TreeInfo, TreeRelease, TreeVariant};
use crate::config::RpmConfig;
use crate::config::pungi::variants::{Kind, Variant};

/// What a tree says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeDescription {
    pub treeinfo: TreeInfo,
    /// What it is called for people.
    pub description: String,
    /// What tells its media from others'.
    pub timestamp: i64,
}

impl TreeDescription {
    /// The files of the tree, by their names.
    pub fn files(&self) -> [(&'static str, String); 3] {
        let timestamp = self.timestamp.to_string();
        [
            (".treeinfo", self.treeinfo.text()),
            (".discinfo", discinfo(&timestamp, &self.description, &self.treeinfo.arch, Disc::All)),
            ("media.repo", media_repo(&self.description, Some(&timestamp))),
        ]
    }
}

/// Describes the tree of a variant that has one of its own. The arch of sources is `src`.
pub fn describe(
    config: &RpmConfig,
    variant: &Variant,
    arch: &str,
    timestamp: i64,
    boot: BootFiles,
) -> Result<TreeDescription, FormatError> {
    let (release, base_product) = releases(config, variant);
    let described = base_product.as_ref().map(|base| (base.name.as_str(), base.version.as_str()));
    let description = match &config.release.discinfo_description {
        Some(format) => configured_description(format, &variant.name, arch)?,
        None => medium_description((&release.name, medium_version(config, variant)), described),
    };
    let treeinfo = TreeInfo {
        release,
        base_product,
        arch: arch.to_owned(),
        build_timestamp: timestamp,
        variants: vec![tree_variant(config, variant, arch)],
        general_names: GeneralNames::Ids,
        boot,
        ..TreeInfo::default()
    };
    Ok(TreeDescription { treeinfo, description, timestamp })
}

/// Media always have the release's version, though trees can be told another one.
fn medium_version<'a>(config: &'a RpmConfig, variant: &'a Variant) -> &'a str {
    let own = variant.release.as_ref().filter(|_| variant.kind == Kind::LayeredProduct);
    own.map_or(&config.release.version, |own| &own.version)
}

/// A layered product is a release of its own, on top of the compose's.
fn releases(config: &RpmConfig, variant: &Variant) -> (TreeRelease, Option<TreeRelease>) {
    let release = &config.release;
    if let (Kind::LayeredProduct, Some(own)) = (variant.kind, &variant.release) {
        let base = TreeRelease {
            name: release.name.clone(),
            short: release.short.clone(),
            version: major_version(&release.version).to_owned(),
        };
        return (TreeRelease { name: own.name.clone(), short: own.short.clone(), version: own.version.clone() }, Some(base));
    }
    let main =
        TreeRelease { name: release.name.clone(), short: release.short.clone(), version: release.treeinfo_version.clone() };
    let base = config.base_product.as_ref().map(|base| TreeRelease {
        name: base.name.clone(),
        short: base.short.clone(),
        version: base.version.clone(),
    });
    (main, base)
}

/// The tree of a layered product names its parent.
fn tree_variant(config: &RpmConfig, variant: &Variant, arch: &str) -> TreeVariant {
    let parent = variant.parent.as_deref().and_then(|parent| config.variant(parent));
    let named = match parent {
        Some(parent) if variant.kind == Kind::LayeredProduct => &parent.identity,
        _ => variant,
    };
    let is_addon_here = |child: &&crate::config::rpm::RpmVariant| {
        child.is_addon() && (arch == "src" || child.identity.arches.iter().any(|own| own == arch))
    };
    let addon = |child: &Variant| TreeVariant {
        id: plain_id(&child.id),
        uid: child.uid.clone(),
        name: child.name.clone(),
        kind: child.kind.name().to_owned(),
        packages: format!("addons/{}", child.id),
        repository: format!("addons/{}", child.id),
        addons: Vec::new(),
    };
    TreeVariant {
        id: plain_id(&named.id),
        uid: named.uid.clone(),
        name: named.name.clone(),
        kind: named.kind.name().to_owned(),
        packages: "Packages".to_owned(),
        repository: ".".to_owned(),
        addons: config.children(&variant.uid).filter(is_addon_here).map(|child| addon(&child.identity)).collect(),
    }
}

/// A variant as it stands in the tree of another one.
pub fn included_variant(variant: &Variant) -> TreeVariant {
    TreeVariant {
        id: plain_id(&variant.id),
        uid: variant.uid.clone(),
        name: variant.name.clone(),
        kind: variant.kind.name().to_owned(),
        packages: format!("{}/Packages", variant.uid),
        repository: variant.uid.clone(),
        addons: Vec::new(),
    }
}

/// An id as metadata has it: letters and digits only.
pub fn plain_id(id: &str) -> String {
    id.replace('-', "")
}
