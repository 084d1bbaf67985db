//! Options of the package set and of what variants take of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use charmer_packages::rpm::arch;

use super::{ResolveError, Surroundings, is_on, text};
use crate::config::pungi::early::early_file;
use crate::config::pungi::git::References;
use crate::config::pungi::va::{VariantArch, for_arch, for_variant};
use crate::config::pungi::value::{Dict, Value};
use crate::config::pungi::variants::{Variant, Variants};
use crate::gather::rpm::{GatherMethod, GatherRules, GatherSource, GatherSpec, GreedyRule};
use crate::package_set::rpm_set::{ArchSpec, PackageSetSpec, SigningKeys};

/// Options of all variants, compiled once.
pub(super) struct GatherOptions<'a> {
    values: &'a Dict,
    additional: VariantArch,
    filters: VariantArch,
    multilib: VariantArch,
    lookasides: VariantArch,
    /// Arches and names by UID, then by arch, then by package.
    mapping: Option<serde_json::Value>,
    prepopulate: Option<serde_json::Value>,
    folder: &'a Path,
}

pub(super) fn rules(values: &Dict) -> GatherRules {
    GatherRules {
        greedy: match text(values, "greedy_method") {
            Some("all") => GreedyRule::All,
            Some("build") => GreedyRule::Build,
            _ => GreedyRule::None,
        },
        fulltree: is_on(values, "gather_fulltree"),
        selfhosting: is_on(values, "gather_selfhosting"),
        check_deps: is_on(values, "check_deps"),
        require_comps_packages: is_on(values, "require_all_comps_packages"),
    }
}

impl<'a> GatherOptions<'a> {
    pub(super) fn new(
        values: &'a Dict,
        surroundings: &'a Surroundings,
        references: Option<&mut (dyn References + '_)>,
    ) -> Result<Self, ResolveError> {
        let by_variant = |option: &str| VariantArch::new(values.get(option));
        Ok(Self {
            values,
            additional: by_variant("additional_packages")?,
            filters: by_variant("filter_packages")?,
            multilib: by_variant("multilib")?,
            lookasides: by_variant("gather_lookaside_repos")?,
            mapping: json_file("gather_source_mapping", values.get("gather_source_mapping"), &surroundings.folder)?,
            prepopulate: prepopulate_file(values, surroundings, references)?,
            folder: &surroundings.folder,
        })
    }

    /// What a variant takes on an arch.
    pub(super) fn tree(&self, variant: &Variant, arch: &str) -> Result<GatherSpec, ResolveError> {
        let of = |option: &VariantArch| texts(&option.get(Some(&variant.uid), arch));
        let by_arch = |option: &str| {
            self.values.get(option).and_then(Value::as_dict).map(|dict| texts(&for_arch(dict, arch))).unwrap_or_default()
        };
        let multilib: Vec<String> = of(&self.multilib).into_iter().filter(|method| method != "none").collect();
        Ok(GatherSpec {
            sources: self.sources(variant, arch)?,
            additional: of(&self.additional),
            filters: of(&self.filters),
            multilib,
            multilib_whitelist: by_arch("multilib_whitelist"),
            multilib_blacklist: by_arch("multilib_blacklist"),
            prepopulate: self.prepopulated(Some(&variant.uid), arch),
            lookasides: of(&self.lookasides).iter().map(|place| absolute(place, self.folder)).collect(),
        })
    }

    fn sources(&self, variant: &Variant, arch: &str) -> Result<Vec<(GatherSource, GatherMethod)>, ResolveError> {
        let mut sources = Vec::new();
        if let Some(method) = self.method(variant, "comps")? {
            sources.push((GatherSource::Comps, method));
        }
        let mapped = self.mapped(&variant.uid, arch);
        if !mapped.is_empty() {
            let method = self.method(variant, "json")?.ok_or_else(|| {
                ResolveError::Option(format!("Variant {} has no configured gather_method for source json", variant.uid))
            })?;
            sources.push((GatherSource::Json(mapped), method));
        }
        Ok(sources)
    }

    /// The method of a source: the last pattern that matches the variant counts.
    fn method(&self, variant: &Variant, source: &str) -> Result<Option<GatherMethod>, ResolveError> {
        let missing = || ResolveError::Option(format!("Variant {} has no configured gather_method", variant.uid));
        let named = match self.values.get("gather_method") {
            Some(Value::Text(name)) => Some(name.to_string()),
            Some(Value::Dict(by_variant)) => {
                let last = for_variant(by_variant, &variant.uid)?.pop().ok_or_else(missing)?;
                match &last {
                    Value::Text(name) => Some(name.to_string()),
                    Value::Dict(by_source) => by_source.get(source).and_then(Value::as_text).map(str::to_owned),
                    _ => return Err(missing()),
                }
            }
            _ => return Err(missing()),
        };
        match named.as_deref() {
            Some("deps") => Ok(Some(GatherMethod::Deps)),
            Some("nodeps") => Ok(Some(GatherMethod::Nodeps)),
            Some("hybrid") => Ok(Some(GatherMethod::Hybrid)),
            _ => Ok(None),
        }
    }

    /// What the mapping names, with arches.
    fn mapped(&self, uid: &str, arch: &str) -> BTreeMap<String, Vec<Option<String>>> {
        let of_tree = self.mapping.as_ref().and_then(|mapping| mapping.get(uid)?.get(arch)?.as_object());
        let arches = |arches: &serde_json::Value| {
            arches.as_array().into_iter().flatten().map(|arch| arch.as_str().map(str::to_owned)).collect()
        };
        of_tree.into_iter().flatten().map(|(name, value)| (name.clone(), arches(value))).collect()
    }

    /// `name.arch` of a variant, or of all of them.
    fn prepopulated(&self, uid: Option<&str>, arch: &str) -> Vec<String> {
        let variants = self.prepopulate.as_ref().and_then(serde_json::Value::as_object).into_iter().flatten();
        let builds =
            variants.filter(|(own, _)| uid.is_none_or(|uid| uid == own.as_str())).filter_map(|(_, arches)| arches.get(arch));
        let names = builds.flat_map(|builds| builds.as_object().into_iter().flatten()).filter_map(|(_, names)| names.as_array());
        let names: BTreeSet<String> = names.flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        names.into_iter().collect()
    }

    /// Refuses packages of arches that do not run on that of the tree. As Pungi does it, an arch is held against what any variant
    /// asks for there, because all of that is looked for in the package set.
    fn check_arches(&self, tree: &str) -> Result<(), ResolveError> {
        let usable = arch::compatible(arch::of_tree(tree));
        let incompatible = |name: &str, own: Option<&str>, of: &str, option: &str| {
            let name = own.map_or(name, |own| name.strip_suffix(own).and_then(|name| name.strip_suffix('.')).unwrap_or(name));
            let own = own.unwrap_or("None");
            let message = format!("Incompatible package arch '{own}' for tree arch '{tree}' in {of} package '{name}'");
            ResolveError::Option(format!("{option}: {message}"))
        };
        for name in texts(&self.additional.get(None, tree)) {
            if let Some(own) = arch_of(&name).filter(|own| !usable.contains(own)) {
                return Err(incompatible(&name, Some(own), "additional", "additional_packages"));
            }
        }
        for name in self.prepopulated(None, tree) {
            let own = arch_of(&name);
            if own.is_none_or(|own| !usable.contains(&own)) {
                return Err(incompatible(&name, own, "prepopulate", "gather_prepopulate"));
            }
        }
        Ok(())
    }

    /// Where packages come from, and what all variants together ask for.
    pub(super) fn package_set(&self, variants: &Variants) -> Result<PackageSetSpec, ResolveError> {
        variants.arches().into_iter().try_for_each(|arch| self.check_arches(arch))?;
        let places = |arch: &str| {
            let configured = self.values.get("pkgset_repos").and_then(Value::as_dict);
            let places = configured.map(|dict| texts(&for_arch(dict, arch))).unwrap_or_default();
            places.iter().map(|place| absolute(place, self.folder)).collect()
        };
        let mut arches = BTreeMap::new();
        for arch in variants.arches() {
            let spec = ArchSpec {
                repositories: places(arch),
                // As Pungi does it, patterns of variants do not count here either.
                multilib: !texts(&self.multilib.get(None, arch)).is_empty(),
                packages: self.asked_by_all(variants, arch),
                prepopulate: self.prepopulated(None, arch),
                alternatives: self.is_hybrid_on(variants, arch)?,
            };
            arches.insert(arch.to_owned(), spec);
        }
        let keys = self.values.get("sigkeys").and_then(Value::as_items).unwrap_or_default();
        let inherits = self.values.get("pkgset_inherit_exclusive_arch_to_noarch");
        Ok(PackageSetSpec {
            arches,
            exclusive_arch_considers_noarch: is_on(self.values, "pkgset_exclusive_arch_considers_noarch"),
            noarch_inherits_exclusive_arch: inherits.is_none_or(Value::is_truthy),
            signing_keys: SigningKeys::new(keys.iter().map(Value::as_text)),
        })
    }

    /// Whether some variant of an arch is gathered by the solver.
    fn is_hybrid_on(&self, variants: &Variants, arch: &str) -> Result<bool, ResolveError> {
        for variant in variants.all.iter().filter(|variant| !variant.is_empty && variant.arches.iter().any(|own| own == arch)) {
            if self.method(variant, "comps")? == Some(GatherMethod::Hybrid) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// As Pungi does it, patterns of variants do not count here: what one variant asks for is in the set of all.
    fn asked_by_all(&self, variants: &Variants, arch: &str) -> Vec<String> {
        let mut asked: BTreeSet<String> = texts(&self.additional.get(None, arch)).into_iter().collect();
        for variant in &variants.all {
            for (name, arches) in self.mapped(&variant.uid, arch) {
                asked.extend(arches.into_iter().map(|arch| arch.map_or_else(|| name.clone(), |arch| format!("{name}.{arch}"))));
            }
        }
        asked.into_iter().collect()
    }
}

/// What stands behind the last dot, if that is an arch.
fn arch_of(name: &str) -> Option<&str> {
    let (_, last) = name.rsplit_once('.')?;
    (last == arch::NOARCH || arch::is_source(last) || arch::instruction_set(last).is_some()).then_some(last)
}

/// A folder is relative to the configuration's; a URL stays.
fn absolute(place: &str, folder: &Path) -> String {
    if place.contains("://") { place.to_owned() } else { folder.join(place).to_string_lossy().into_owned() }
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_text).map(str::to_owned).collect()
}

fn json_file(option: &str, value: Option<&Value>, folder: &Path) -> Result<Option<serde_json::Value>, ResolveError> {
    let Some(path) = value.and_then(Value::as_text) else { return Ok(None) };
    read_json(option, &folder.join(path)).map(Some)
}

fn prepopulate_file(
    values: &Dict,
    surroundings: &Surroundings,
    references: Option<&mut (dyn References + '_)>,
) -> Result<Option<serde_json::Value>, ResolveError> {
    let option = "gather_prepopulate";
    let Some(value) = values.get(option).filter(|value| value.is_truthy()) else { return Ok(None) };
    let file = early_file(option, value, surroundings, references)?;
    read_json(option, &file.path).map(Some)
}

fn read_json(option: &str, path: &Path) -> Result<serde_json::Value, ResolveError> {
    let failed = |reason: String| ResolveError::Option(format!("{option}: {}: {reason}", path.display()));
    let text = fs_err::read(path).map_err(|error| ResolveError::Option(format!("{option}: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}
