//! The metadata of every golden compose, made anew from the values in it, and loaded by productmd.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use charmer_compose::metadata::checksums::{ChecksumKind, ChecksummedFile, TaggedFiles};
use charmer_compose::metadata::composeinfo::{BaseProductRecord, ReleaseRecord, VariantRecord, composeinfo_json};
use charmer_compose::metadata::extra_files::{ExtraFileRecord, extra_files_json, tree_extra_files_json};
use charmer_compose::metadata::images::{ImageRecord, ListedImage, images_json};
use charmer_compose::metadata::media::{Disc, discinfo, media_repo};
use charmer_compose::metadata::modules::modules_json;
use charmer_compose::metadata::reports::{Deliverable, DeliverableNotes, noted_deliverables_json};
use charmer_compose::metadata::rpm_paths::{VariantPlace, variant_paths};
use charmer_compose::metadata::rpms::{RpmCategory, RpmPlace, RpmRecord, rpms_json};
use charmer_compose::metadata::treeinfo::{BootFiles, GeneralNames, TreeInfo, TreeRelease, TreeVariant};
use charmer_compose::metadata::{ComposeRecord, pungi_names, python_format};
use serde_json::Value;

use crate::golden::{Golden, composes, files};

/// What the goldens have in the place of what differs from run to run.
const PLACEHOLDERS: [(&str, &str); 4] =
    [("\"@DATE@\"", "\"20260102\""), ("\"@RESPIN@\"", "0"), ("@DATE@", "20260102"), ("@RESPIN@", "0")];
const IMAGE_PLACEHOLDERS: [(&str, &str); 4] = [
    ("\"@MTIME@\"", "1700000000"),
    ("\"@SIZE@\"", "4096"),
    ("@IMPLANT_MD5@", "0123456789abcdef0123456789abcdef"),
    ("@DIGEST@", "00"),
];

pub(crate) fn filled(golden: &Golden, file: &str) -> Option<Value> {
    let mut text = fs_err::read_to_string(golden.expected().join(file)).ok()?;
    for (placeholder, value) in PLACEHOLDERS.into_iter().chain(IMAGE_PLACEHOLDERS) {
        text = text.replace(placeholder, value);
    }
    Some(serde_json::from_str(&text).unwrap())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

pub(crate) fn compose_record(payload: &Value) -> ComposeRecord {
    serde_json::from_value(payload["compose"].clone()).unwrap()
}

/// Makes a file from the payload of Pungi's.
type Maker = fn(&Golden, &Value) -> String;

/// Each metadata file of a compose as we write it, by its name.
fn remade(golden: &Golden) -> BTreeMap<&'static str, (String, Value)> {
    let makers: [(&str, Maker); 5] = [
        ("composeinfo.json", composeinfo),
        ("rpms.json", rpms),
        ("images.json", images),
        ("modules.json", |_, payload| {
            assert_eq!(payload["modules"], serde_json::json!({}));
            modules_json(&compose_record(payload), &BTreeMap::new())
        }),
        ("extra_files.json", |_, payload| {
            let by_variant = payload["extra_files"].as_object().unwrap().iter().map(|(variant, arches)| {
                let by_arch = arches.as_object().unwrap().iter().map(|(arch, list)| (arch.clone(), extra_files(list)));
                (variant.clone(), by_arch.collect())
            });
            extra_files_json(&compose_record(payload), &by_variant.collect())
        }),
    ];
    let made = makers.into_iter().filter_map(|(name, make)| {
        let expected = filled(golden, &format!("metadata/{name}"))?;
        Some((name, (make(golden, &expected["payload"]), expected)))
    });
    made.collect()
}

fn release(value: &Value) -> ReleaseRecord {
    ReleaseRecord {
        internal: value["internal"].as_bool().unwrap(),
        is_layered: value.get("is_layered").is_some(),
        name: text(&value["name"]),
        short: text(&value["short"]),
        release_type: text(&value["type"]),
        version: text(&value["version"]),
    }
}

fn composeinfo(golden: &Golden, payload: &Value) -> String {
    let base_product = payload.get("base_product").map(|value| BaseProductRecord {
        name: text(&value["name"]),
        short: text(&value["short"]),
        release_type: text(&value["type"]),
        version: text(&value["version"]),
    });
    let folders = folders(golden);
    let variant = |value: &Value| {
        let (id, uid, variant_type) = (text(&value["id"]), text(&value["uid"]), text(&value["type"]));
        let place = match variant_type.as_str() {
            "addon" => VariantPlace::Addon { parent_uid: uid.strip_suffix(&format!("-{id}")).unwrap(), id: &id },
            _ => VariantPlace::Own { uid: &uid },
        };
        let arches: BTreeSet<String> = texts(&value["arches"]).into_iter().collect();
        VariantRecord {
            paths: variant_paths(place, &arches, |path| folders.contains(path)),
            arches,
            name: text(&value["name"]),
            release: value.get("release").map(release),
            variants: texts(&value["variants"]).into_iter().collect(),
            id,
            uid,
            variant_type,
        }
    };
    let variants: Vec<VariantRecord> = payload["variants"].as_object().unwrap().values().map(variant).collect();
    composeinfo_json(&compose_record(payload), &release(&payload["release"]), base_product.as_ref(), &variants)
}

/// The folders of the compose that have files, below `compose`.
fn folders(golden: &Golden) -> BTreeSet<String> {
    let listed = fs_err::read_to_string(golden.expected().join("files.txt")).unwrap();
    let paths = listed.lines().map(|line| line.strip_prefix("compose/").unwrap_or(line));
    let folders = paths.flat_map(|path| Path::new(path).ancestors().skip(1).map(|folder| folder.to_str().unwrap().to_owned()));
    // A variant of nothing has folders without files, which the list does not have.
    let empty = ["x86_64/os/Packages", "x86_64/debug/tree/Packages", "source/tree/Packages", "x86_64/iso", "source/iso"];
    folders.chain(empty.map(|folder| format!("Blank/{folder}"))).collect()
}

fn rpms(_: &Golden, payload: &Value) -> String {
    let mut packages = BTreeMap::new();
    for (variant, arches) in payload["rpms"].as_object().unwrap() {
        for (arch, sources) in arches.as_object().unwrap() {
            for (source, members) in sources.as_object().unwrap() {
                for (package, value) in members.as_object().unwrap() {
                    let place = RpmPlace {
                        variant: variant.clone(),
                        arch: arch.clone(),
                        source: source.clone(),
                        package: package.clone(),
                    };
                    let category = match value["category"].as_str().unwrap() {
                        "binary" => RpmCategory::Binary,
                        "debug" => RpmCategory::Debug,
                        _ => RpmCategory::Source,
                    };
                    let sigkey = value["sigkey"].as_str().map(str::to_owned);
                    packages.insert(place, RpmRecord { category, path: text(&value["path"]), sigkey });
                }
            }
        }
    }
    rpms_json(&compose_record(payload), &packages)
}

fn images(_: &Golden, payload: &Value) -> String {
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let image = |value: &Value| ImageRecord {
        additional_variants: value.get("additional_variants").map(texts),
        arch: text(&value["arch"]),
        bootable: value["bootable"].as_bool().unwrap(),
        checksums: strings(&value["checksums"]),
        disc_count: number(&value["disc_count"]),
        disc_number: number(&value["disc_number"]),
        format: text(&value["format"]),
        implant_md5: value["implant_md5"].as_str().map(str::to_owned),
        mtime: value["mtime"].as_i64().unwrap(),
        path: text(&value["path"]),
        size: value["size"].as_u64().unwrap(),
        subvariant: text(&value["subvariant"]),
        image_type: text(&value["type"]),
        unified: value.get("unified").is_some(),
        boot_tests: Vec::new(),
        differs: None,
        volume_id: value["volume_id"].as_str().map(str::to_owned),
    };
    let mut listed = Vec::new();
    for (variant, arches) in payload["images"].as_object().unwrap() {
        for (arch, list) in arches.as_object().unwrap() {
            // Whatever order they come in.
            let images = list.as_array().unwrap().iter().rev();
            listed.extend(images.map(|value| ListedImage { variant: variant.clone(), arch: arch.clone(), image: image(value) }));
        }
    }
    images_json(&compose_record(payload), &listed)
}

fn extra_files(list: &Value) -> Vec<ExtraFileRecord> {
    let record = |value: &Value| ExtraFileRecord {
        checksums: strings(&value["checksums"]),
        file: text(&value["file"]),
        size: value["size"].as_u64().unwrap(),
    };
    list.as_array().unwrap().iter().map(record).collect()
}

#[test]
fn metadata_is_what_pungi_writes() {
    for golden in composes() {
        for (name, (text, expected)) in remade(&golden) {
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected, "{} {name}", golden.name);
        }
        let Some(expected) = filled(&golden, "logs/deliverables.json") else { continue };
        let notes = |name: &str| {
            let kinds = expected[name].as_object().unwrap().iter();
            let places = kinds.flat_map(|(kind, list)| list.as_array().unwrap().iter().map(move |place| (kind, place)));
            let deliverable = |(kind, place): (&String, &Value)| Deliverable {
                kind: kind.clone(),
                variant: text(&place[0]),
                arch: text(&place[1]),
                subvariant: place[2].as_str().map(str::to_owned),
            };
            places.map(deliverable).collect()
        };
        let notes = DeliverableNotes { required: notes("required"), failed: notes("failed"), attempted: notes("attempted") };
        assert_eq!(serde_json::from_str::<Value>(&noted_deliverables_json(&notes)).unwrap(), expected, "{}", golden.name);
    }
}

#[test]
fn files_of_trees_are_what_pungi_writes() {
    for golden in composes() {
        let folder = golden.expected().join("trees");
        for file in files(&folder) {
            let expected = fs_err::read_to_string(folder.join(&file)).unwrap().replace("@TIME@", "1767225600");
            let made = match file.rsplit('/').next().unwrap() {
                ".treeinfo" => treeinfo(&expected).text(),
                ".discinfo" => {
                    let lines: Vec<&str> = expected.lines().collect();
                    assert_eq!(lines[3], "ALL");
                    discinfo(lines[0], lines[1], lines[2], Disc::All)
                }
                "media.repo" => {
                    let value = |key: &str| expected.lines().find_map(|line| line.strip_prefix(key)).unwrap();
                    media_repo(value("name="), Some(value("mediaid=")))
                }
                "extra_files.json" => {
                    let value: Value = serde_json::from_str(&expected).unwrap();
                    let made = tree_extra_files_json(&extra_files(&value["data"]));
                    assert_eq!(serde_json::from_str::<Value>(&made).unwrap(), value);
                    continue;
                }
                other => panic!("{other}"),
            };
            assert_eq!(made, expected, "{} {file}", golden.name);
        }
        // Those inside of ISOs speak of media, and the ones of split discs of checksums.
        let isos = golden.expected().join("isos");
        for file in files(&isos).iter().filter(|file| file.strip_suffix(".txt").is_some()) {
            let text = fs_err::read_to_string(isos.join(file)).unwrap().replace("@TIME@", "1767225600");
            let Some((_, rest)) = text.split_once("--- .treeinfo\n") else { continue };
            let expected = rest.split("--- ").next().unwrap();
            let treeinfo = TreeInfo { general_names: GeneralNames::Uids, ..treeinfo(expected) };
            assert_eq!(treeinfo.text(), expected, "{} {file}", golden.name);
        }
    }
}

/// The values that a `.treeinfo` was made from.
pub(crate) fn treeinfo(text: &str) -> TreeInfo {
    let mut sections: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut section = "";
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix('[') {
            Some(name) => section = name.trim_end_matches(']'),
            None => _ = line.split_once(" = ").map(|(key, value)| sections.entry(section).or_default().insert(key, value)),
        }
    }
    let release = |name: &str| {
        sections.get(name).map(|values| TreeRelease {
            name: values["name"].to_owned(),
            short: values["short"].to_owned(),
            version: values["version"].to_owned(),
        })
    };
    let variant = |name: String| {
        let values = &sections[name.as_str()];
        TreeVariant {
            id: values["id"].to_owned(),
            uid: values["uid"].to_owned(),
            name: values["name"].to_owned(),
            kind: values["type"].to_owned(),
            packages: values["packages"].to_owned(),
            repository: values["repository"].to_owned(),
            addons: Vec::new(),
        }
    };
    let list = |section: &str, key: &str| {
        let value = sections[section].get(key).copied().unwrap_or_default();
        value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let variants = list("tree", "variants").into_iter().map(|uid| {
        let addons = list(&format!("variant-{uid}"), "addons");
        let addons = addons.into_iter().map(|addon| variant(format!("addon-{addon}"))).collect();
        TreeVariant { addons, ..variant(format!("variant-{uid}")) }
    });
    TreeInfo {
        release: release("release").unwrap(),
        base_product: release("base_product"),
        arch: sections["tree"]["arch"].to_owned(),
        platforms: BTreeSet::new(),
        build_timestamp: sections["tree"]["build_timestamp"].parse().unwrap(),
        variants: variants.collect(),
        main_variant: None,
        general_names: GeneralNames::Ids,
        boot: BootFiles::read(text).unwrap(),
        media: sections.get("media").map(|media| (media["discnum"].parse().unwrap(), media["totaldiscs"].parse().unwrap())),
    }
}

/// The settings of names that golden composes have which differ from the defaults: image name, volume ids, layered volume ids.
#[test]
fn names_of_images_are_those_that_pungi_gives() {
    let layered = [
        "{release_short}-{version}-for-{base_product_short}-{base_product_version} {variant} {disc_type} {arch}",
        "{release_short}-{label_major_version}-{base_product_short} {variant}.{arch}",
        "%(release_short)s-%(version)s %(label)s %(variant)s.%(arch)s",
        "{release_short} {arch}",
    ]
    .map(str::to_owned);
    let plain = ["{release_short}-{version} {variant}.{arch}", "{release_short}-{version} {arch}"].map(str::to_owned);
    let substitutions = [("Storage", "Sto"), ("Harbour", "Hb"), ("Stor", "X")].map(|(word, by)| (word.to_owned(), by.to_owned()));
    for golden in composes() {
        let Some(metadata) = filled(&golden, "metadata/images.json") else { continue };
        let compose = compose_record(&metadata["payload"]);
        let is_layered = golden.name == "f-layered";
        for (variant, arches) in metadata["payload"]["images"].as_object().unwrap() {
            for image in arches.as_object().unwrap().values().flat_map(|list| list.as_array().unwrap()) {
                if image.get("unified").is_some() {
                    continue;
                }
                let is_product = variant == "Storage-Atoll";
                let release = match (is_layered, is_product) {
                    (_, true) => ("Atoll", "11.1", "HS", "3"),
                    (true, false) => ("HS", "3.2.1", "Harbour", "1"),
                    (false, false) => (compose.id.split('-').next().unwrap(), "1.0", "", ""),
                };
                let id = if is_product {
                    pungi_names::layered_product_compose_id(("Atoll", "11.1"), ("HS", "3.2.1"), "20260102.0")
                } else {
                    compose.id.clone()
                };
                let label = if is_layered { "RC-1.0" } else { "None" };
                let shown_variant = if is_product { "Storage" } else { variant };
                let mut values = python_format::Values::from([
                    ("compose_id", id),
                    ("release_short", release.0.to_owned()),
                    ("version", release.1.to_owned()),
                    ("base_product_short", release.2.to_owned()),
                    ("base_product_version", release.3.to_owned()),
                    ("variant", shown_variant.to_owned()),
                    ("arch", text(&image["arch"])),
                    ("label", label.to_owned()),
                    ("label_major_version", pungi_names::label_major_version(label).to_owned()),
                    ("disc_type", if is_layered { "disc" } else { "dvd" }.to_owned()),
                    ("disc_num", image["disc_number"].to_string()),
                    ("suffix", ".iso".to_owned()),
                ]);
                let rules = pungi_names::VolumeIdRules {
                    formats: if is_layered { &layered } else { &plain },
                    substitutions: if is_layered { &substitutions } else { &[] },
                    restricted: is_layered,
                };
                let path = text(&image["path"]);
                assert_eq!(pungi_names::volume_id(rules, &values).unwrap(), text(&image["volume_id"]), "{path}");
                let format = match (is_layered, variant.as_str()) {
                    (true, "Storage") => "%(release_short)s-%(version)s-%(variant)s-%(arch)s-%(disc_type)s%(disc_num)s%(suffix)s",
                    (true, _) => "{compose_id}-{variant}-{arch}-{label}{suffix}",
                    (false, _) => pungi_names::DEFAULT_IMAGE_NAME,
                };
                if is_product {
                    values.insert("release_short", "HS".to_owned());
                }
                assert_eq!(pungi_names::image_name(format, &values).unwrap(), path.rsplit('/').next().unwrap());
            }
        }
    }
}

#[test]
fn checksum_files_are_those_that_pungi_writes() {
    let kinds = [ChecksumKind::Md5, ChecksumKind::Sha1, ChecksumKind::Sha256, ChecksumKind::Sha512];
    for golden in composes() {
        let folder = golden.expected().join("checksums");
        let mut by_folder: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for file in files(&folder) {
            let Some((place, name)) = file.split_once("_iso_") else { panic!("{file}") };
            let text = fs_err::read_to_string(folder.join(&file)).unwrap().replace("@SIZE@", "5").replace("@DIGEST@", "00");
            by_folder.entry(place.to_owned()).or_default().insert(name.to_owned(), text);
        }
        for (place, expected) in by_folder {
            let is_own = |name: &str| name.starts_with("CHECKSUM") || !name.contains(".iso.");
            let wanted: BTreeSet<ChecksumKind> = kinds
                .into_iter()
                .filter(|kind| expected.values().any(|text| text.contains(&format!("\n{} (", kind.name().to_uppercase()))))
                .collect();
            let named = |text: &str| -> BTreeSet<String> {
                text.lines().filter_map(|line| Some(line.strip_prefix("# ")?.split_once(": ")?.0.to_owned())).collect()
            };
            let listed: BTreeSet<String> = expected.values().flat_map(|text| named(text)).collect();
            let checksummed: Vec<ChecksummedFile> = listed
                .iter()
                .rev()
                .map(|name| ChecksummedFile {
                    name: name.clone(),
                    size: 5,
                    checksums: wanted.iter().map(|kind| (*kind, "00".to_owned())).collect(),
                })
                .collect();
            // A folder of sources is given files by each arch.
            let mut made = BTreeMap::new();
            for own in expected.keys().filter(|name| is_own(name)) {
                let base_name = own.rsplit_once('-').map_or("", |(base, _)| base);
                let files = TaggedFiles { kinds: &wanted, one_file: own.ends_with("CHECKSUM"), base_name };
                made.extend(files.texts(&checksummed));
            }
            assert_eq!(made, expected, "{} {place}", golden.name);
        }
    }
}

const LOAD: &str = r"
import os, sys, productmd.composeinfo, productmd.images, productmd.rpms, productmd.modules, productmd.extra_files, productmd.treeinfo
kinds = {'composeinfo.json': productmd.composeinfo.ComposeInfo, 'images.json': productmd.images.Images, 'rpms.json': productmd.rpms.Rpms,
         'modules.json': productmd.modules.Modules, 'extra_files.json': productmd.extra_files.ExtraFiles}
count = 0
for folder, _, names in os.walk('.'):
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith('.treeinfo'):
            metadata, end = productmd.treeinfo.TreeInfo(), ''
        elif name in kinds:
            metadata, end = kinds[name](), '\n'
        else:
            continue
        metadata.load(path)
        written = metadata.dumps() + end
        assert written == open(path).read(), path + ' differs:\n' + written
        count += 1
print(count)
";

#[test]
#[expect(clippy::disallowed_types, reason = "the test asks productmd itself")]
fn productmd_loads_all_of_it_and_writes_it_the_same() {
    let goldens = composes();
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = (!goldens.is_empty()).then(crate::metadata::productmd).flatten() else { return };
    let made = folder.path().join("made");
    let mut count = 0;
    for golden in goldens {
        let own = made.join(&golden.name);
        fs_err::create_dir_all(&own).unwrap();
        let mut write = |name: &str, text: &str| {
            count += 1;
            fs_err::write(own.join(name), text).unwrap();
        };
        for (name, (text, _)) in remade(&golden) {
            write(name, &text);
        }
        let trees = golden.expected().join("trees");
        for file in files(&trees).iter().filter(|file| file.ends_with(".treeinfo")) {
            let text = fs_err::read_to_string(trees.join(file)).unwrap().replace("@TIME@", "1767225600");
            // It does not write the ids that it finds in `[general]`.
            let treeinfo = TreeInfo { general_names: GeneralNames::Uids, ..treeinfo(&text) };
            write(&file.replace('/', "_"), &treeinfo.text());
        }
    }
    let output = std::process::Command::new(python).args(["-c", LOAD]).current_dir(&made).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{count}\n"));
}
