//! From a configuration that was found sound to the frozen [`Config`]: defaults and overrides are applied, patterns are matched,
//! paths are joined to the folder of the configuration, variants are put in order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use charmer_packages::Glob;

use super::resolved::{
    Archive, Config, DebMirror, ExtraFiles, ImageSpec, MirrorUrl, Origin, Signing, Trust, Variant, VariantArch,
};
use super::schema::archives::HOST;
use super::schema::images::{Disk, Image, ImageKind, Ostree};
use super::schema::policy::DeliverableKind;
use super::schema::variants::Seed;
use super::schema::{self, Document};
use crate::registry::RegistrySettings;

/// Resolves a document in which [`super::validate`] found nothing wrong.
pub(super) fn resolve(document: Document, folder: &Path) -> Config {
    let resolver = Resolver { folder, arches: document.package_arches(), rules: Rules::new(&document), document: &document };
    let archives = document.archives.iter().map(|(name, archive)| (name.clone(), resolver.archive(archive))).collect();
    let variants: Vec<Variant> =
        parents_first(&document).into_iter().map(|(name, variant)| resolver.variant(name, variant)).collect();
    let by_name = variants.iter().map(|variant| (variant.name.as_str(), variant)).collect();
    let images = document.images.iter().flat_map(|image| resolver.images(image, &by_name)).collect();
    let signing = document.signing.as_ref().map(|signing| resolver.signing(signing));
    let registries = document.registries.iter().map(|(host, registry)| (host.clone(), resolver.registry(registry))).collect();
    Config {
        ecosystem: document.ecosystem,
        folder: folder.to_owned(),
        archives,
        variants,
        images,
        signing,
        release: document.release,
        checks: document.checks,
        limits: document.limits,
        publish: document.publish,
        registries,
        seed_places: BTreeMap::new(),
    }
}

struct Resolver<'a> {
    folder: &'a Path,
    document: &'a Document,
    /// Every arch of which packages are wanted.
    arches: BTreeSet<String>,
    rules: Rules,
}

/// The patterns of the document, parsed.
struct Rules {
    overrides: Vec<Rule>,
    failable: Vec<Rule>,
    extra_files: Vec<Rule>,
}

struct Rule {
    variants: Vec<Glob>,
    arches: Vec<Glob>,
}

impl Rules {
    fn new(document: &Document) -> Self {
        let overrides = document.overrides.iter().map(|change| Rule::new(&change.variants, &change.arches));
        let failable = document.failable.iter().map(|failable| Rule::new(&failable.variants, &failable.arches));
        let extra_files = document.extra_files.iter().map(|files| Rule::new(&files.variants, &[]));
        Self { overrides: overrides.collect(), failable: failable.collect(), extra_files: extra_files.collect() }
    }
}

impl Rule {
    fn new(variants: &[String], arches: &[String]) -> Self {
        let parse = |texts: &[String]| texts.iter().filter_map(|text| Glob::parse(text).ok()).collect();
        Self { variants: parse(variants), arches: parse(arches) }
    }

    fn matches_variant(&self, variant: &str) -> bool {
        self.variants.iter().any(|pattern| pattern.matches(variant))
    }

    fn matches(&self, variant: &str, arch: &str) -> bool {
        self.matches_variant(variant) && self.arches.iter().any(|pattern| pattern.matches(arch))
    }
}

impl Resolver<'_> {
    fn archive(&self, archive: &schema::archives::Archive) -> Archive {
        let own = archive.arches.as_ref().map(|own| own.iter().cloned().collect::<BTreeSet<_>>());
        Archive {
            origin: self.origin(archive),
            priority: archive.priority,
            arches: own.unwrap_or_else(|| self.arches.clone()).into_iter().collect(),
            lookaside: archive.lookaside,
        }
    }

    fn origin(&self, archive: &schema::archives::Archive) -> Origin {
        if let Some(folder) = &archive.overlay {
            return Origin::Overlay { folder: self.path(folder) };
        }
        let url = match archive.mirror.as_deref().unwrap_or(HOST) {
            HOST => MirrorUrl::Host,
            "host-security" => MirrorUrl::HostSecurity,
            url => MirrorUrl::Url(url.trim_end_matches('/').to_owned()),
        };
        Origin::DebMirror(DebMirror {
            url,
            suites: archive.suites.clone(),
            components: archive.components.clone().unwrap_or_else(|| vec!["main".to_owned()]),
            trust: archive.keyring.as_ref().map_or(Trust::Unchecked, |keyring| Trust::Keyring(self.path(keyring))),
        })
    }

    fn variant(&self, name: &str, variant: &schema::variants::Variant) -> Variant {
        let mut arches: Vec<VariantArch> = variant.arches.iter().map(|arch| self.variant_arch(name, arch, variant)).collect();
        arches.sort_by(|one, other| one.arch.cmp(&other.arch));
        let for_all = self.document.archives.iter().filter(|(_, archive)| archive.lookaside).map(|(name, _)| name);
        let lookaside: BTreeSet<&String> = variant.lookaside.iter().chain(for_all).collect();
        Variant {
            name: name.to_owned(),
            title: variant.title.clone().unwrap_or_else(|| name.to_owned()),
            parent: variant.parent.clone(),
            optional: variant.optional,
            arches,
            sources: variant.sources.unwrap_or(self.document.gather.sources),
            sources_failable: self.is_failable(name, "source", DeliverableKind::Sources),
            lookaside: lookaside.into_iter().cloned().collect(),
            extra_files: self.extra_files(name),
        }
    }

    fn variant_arch(&self, name: &str, arch: &str, variant: &schema::variants::Variant) -> VariantArch {
        let gather = &self.document.gather;
        let mut resolved = VariantArch {
            arch: arch.to_owned(),
            seeds: on_arch(&variant.seeds, arch),
            include: on_arch(&variant.include, arch),
            exclude: on_arch(&variant.exclude, arch),
            recommends: variant.recommends.unwrap_or(gather.recommends),
            recommends_of: merged(&gather.recommends_of, &variant.recommends_of),
            providers: merged(&gather.providers, &variant.providers),
            contents: variant.contents,
            failable: self.is_failable(name, arch, DeliverableKind::Repository),
        };
        for (change, rule) in self.document.overrides.iter().zip(&self.rules.overrides) {
            if rule.matches(name, arch) {
                resolved.seeds.extend_from_slice(&change.seeds);
                resolved.include.extend_from_slice(&change.include);
                resolved.exclude.extend_from_slice(&change.exclude);
                resolved.recommends = change.recommends.unwrap_or(resolved.recommends);
                resolved.recommends_of = merged(&resolved.recommends_of, &change.recommends_of);
                resolved.providers = merged(&resolved.providers, &change.providers);
                resolved.contents = change.contents.unwrap_or(resolved.contents);
            }
        }
        resolved.seeds = each_once(resolved.seeds);
        resolved.include = each_once(resolved.include);
        resolved.exclude = each_once(resolved.exclude);
        resolved
    }

    fn extra_files(&self, variant: &str) -> Vec<ExtraFiles> {
        let own = self.document.extra_files.iter().zip(&self.rules.extra_files);
        let own = own.filter(|(_, rule)| rule.matches_variant(variant));
        own.map(|(files, _)| {
            let to = files.to.clone().or_else(|| files.from.file_name().map(PathBuf::from)).unwrap_or_default();
            ExtraFiles { from: self.path(&files.from), to: without_dots(&to) }
        })
        .collect()
    }

    fn images(&self, image: &Image, variants: &BTreeMap<&str, &Variant>) -> Vec<ImageSpec> {
        let variant = variants.get(image.variant.as_str());
        let arches = variant.into_iter().flat_map(|variant| &variant.arches);
        let wanted = |arch: &&VariantArch| image.arches.as_ref().is_none_or(|arches| arches.contains(&arch.arch));
        arches.filter(wanted).map(|arch| self.image(image, arch)).collect()
    }

    fn image(&self, image: &Image, arch: &VariantArch) -> ImageSpec {
        let kind = match &image.kind {
            ImageKind::Container(_) => DeliverableKind::Container,
            ImageKind::Live(_) => DeliverableKind::Live,
            ImageKind::Tar(_) => DeliverableKind::Tar,
            ImageKind::Squashfs(_) => DeliverableKind::Squashfs,
            ImageKind::Wsl(_) => DeliverableKind::Wsl,
            ImageKind::Lxc(_) => DeliverableKind::Lxc,
            ImageKind::Bootc(_) => DeliverableKind::Bootc,
            ImageKind::Disk(_) => DeliverableKind::Disk,
            ImageKind::Ostree(_) => DeliverableKind::Ostree,
            ImageKind::Installer(_) => DeliverableKind::Installer,
            ImageKind::DataIso(_) => DeliverableKind::DataIso,
        };
        ImageSpec {
            name: image.name().to_owned(),
            variant: image.variant.clone(),
            arch: arch.arch.clone(),
            packages: each_once(on_arch(&image.packages, &arch.arch)),
            base: image.base,
            timeout: image.timeout.unwrap_or(self.document.limits.timeout),
            failable: self.is_failable(&image.variant, &arch.arch, kind),
            boot_test: image.boot_test.clone(),
            kind: match &image.kind {
                ImageKind::Ostree(ostree) => {
                    let key = ostree.ed25519_key.as_ref().map(|key| self.path(key));
                    ImageKind::Ostree(Ostree { ed25519_key: key, ..ostree.clone() })
                }
                ImageKind::Disk(disk) => {
                    let configuration = disk.configuration.as_ref().map(|folder| self.path(folder));
                    ImageKind::Disk(Disk { configuration, ..disk.clone() })
                }
                kind => kind.clone(),
            },
        }
    }

    fn registry(&self, registry: &schema::policy::Registry) -> RegistrySettings {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| self.path(path));
        RegistrySettings { auth_file: path(&registry.auth_file), ca: path(&registry.ca), http: registry.http }
    }

    fn signing(&self, signing: &schema::policy::Signing) -> Signing {
        match &signing.key {
            Some(key) => Signing::Key {
                key: self.path(key),
                passphrase_file: signing.passphrase_file.as_ref().map(|file| self.path(file)),
            },
            None => Signing::Command { command: signing.command.clone().unwrap_or_default() },
        }
    }

    fn is_failable(&self, variant: &str, arch: &str, kind: DeliverableKind) -> bool {
        let rules = self.document.failable.iter().zip(&self.rules.failable);
        rules.into_iter().any(|(failable, rule)| failable.kinds.contains(&kind) && rule.matches(variant, arch))
    }

    fn path(&self, path: &Path) -> PathBuf {
        without_dots(&self.folder.join(path))
    }
}

/// A path without `.`, and without `..` where the part before it can be left out instead.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => _ = plain.pop(),
            other => plain.push(other),
        }
    }
    plain
}

fn on_arch(seeds: &[Seed], arch: &str) -> Vec<String> {
    seeds.iter().filter(|seed| seed.is_for(arch)).map(|seed| seed.seed.clone()).collect()
}

/// The entries in their order, each where it stands first.
fn each_once(entries: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    entries.into_iter().filter(|entry| seen.insert(entry.clone())).collect()
}

fn merged<V: Clone>(below: &BTreeMap<String, V>, above: &BTreeMap<String, V>) -> BTreeMap<String, V> {
    below.iter().chain(above).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The variants by how many parents they have above them, and then by name.
fn parents_first(document: &Document) -> Vec<(&String, &schema::variants::Variant)> {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for name in document.variants.keys() {
        let mut above: Vec<&str> = Vec::new();
        let mut next = Some(name.as_str());
        let mut depth = 0;
        while let Some(name) = next {
            if let Some(known) = depths.get(name) {
                depth = known + 1;
                break;
            }
            above.push(name);
            next = document.variants.get(name).and_then(|variant| variant.parent.as_deref());
        }
        for name in above.into_iter().rev() {
            depths.insert(name, depth);
            depth += 1;
        }
    }
    let mut variants: Vec<_> = document.variants.iter().collect();
    variants.sort_by_key(|(name, _)| (depths.get(name.as_str()).copied(), *name));
    variants
}
