//! The comps files of every golden compose, made anew from its comps.xml and what its variants ask for.

use std::collections::{BTreeMap, BTreeSet};

use charmer_packages::rpm::comps::select::{EnvironmentRule, GroupRule, Wanted, unmatched_group_warning, variant_comps};
use charmer_packages::rpm::comps::xml::{Blanks, Document, Element, Node};
use charmer_packages::rpm::comps::{Comps, Filter};

use crate::golden::{Golden, composes, files};

#[test]
fn comps_files_are_those_that_pungi_makes() {
    for golden in composes() {
        let global = Document::parse(&golden.input("comps.xml"), Blanks::Drop).unwrap();
        Comps::from_document(&global).unwrap().check_names().unwrap();
        let variants = variants(&golden);
        let folder = golden.expected().join("gather/comps");
        let mut warnings = BTreeSet::new();
        for file in files(&folder) {
            let expected = fs_err::read_to_string(folder.join(&file)).unwrap();
            let part = file.strip_prefix("comps-").unwrap().strip_suffix(".xml").unwrap();
            let text = match part.split_once('.') {
                None if part == "global" => global.to_xml(true),
                None => arch_comps(&global, part),
                Some((variant, arch)) => {
                    let (comps, unmatched) = variant_comps(&global, variant, arch, &variants[variant]).unwrap();
                    warnings.extend(unmatched.iter().map(|group| unmatched_group_warning(variant, arch, group)));
                    comps.to_xml().unwrap()
                }
            };
            assert_eq!(outline(&text), expected, "{} {file}", golden.name);
            let shipped = golden.expected().join("comps").join(&file);
            if shipped.exists() {
                assert_eq!(outline(&text), fs_err::read_to_string(shipped).unwrap(), "{} {file}, shipped", golden.name);
            }
        }
        let messages = fs_err::read_to_string(golden.expected().join("logs/messages.txt")).unwrap_or_default();
        let expected =
            messages.lines().filter_map(|line| line.strip_prefix("WARNING ").filter(|line| line.contains(" comps group ")));
        assert_eq!(warnings, expected.map(str::to_owned).collect(), "{}", golden.name);
    }
}

fn arch_comps(global: &Document, arch: &str) -> String {
    let mut document = global.clone();
    Filter { arch: arch.to_owned(), ..Filter::default() }.apply(&mut document);
    document.to_xml(true)
}

/// What each variant asks for, by its uid: as much of the rules of variants.xml as the golden composes need.
fn variants(golden: &Golden) -> BTreeMap<String, Wanted> {
    let document = Document::parse(&golden.input("variants.xml"), Blanks::Drop).unwrap();
    let top: Vec<&Element> = document.root.elements("variant").collect();
    let filter_environments = golden.name != "h-options";
    let mut variants = BTreeMap::new();
    for parent in &top {
        let uid = parent.attribute("id").unwrap();
        variants.insert(uid.to_owned(), wanted(parent, None, filter_environments));
        let references = parent.elements("variants").flat_map(|inner| inner.elements("ref"));
        let referred = references
            .filter_map(|reference| top.iter().copied().find(|variant| variant.attribute("id") == reference.attribute("id")));
        let inner = parent.elements("variants").flat_map(|inner| inner.elements("variant"));
        for child in referred.chain(inner) {
            let uid = format!("{uid}-{}", child.attribute("id").unwrap());
            variants.insert(uid, wanted(child, Some(parent), filter_environments));
        }
        if parent.attribute("has_optional") == Some("true") {
            let optional = Element { attributes: vec![("type".into(), "optional".into())], ..Element::default() };
            variants.entry(format!("{uid}-optional")).or_insert_with(|| wanted(&optional, Some(parent), filter_environments));
        }
    }
    if golden.name == "e-lookaside" {
        for (variant, lookaside) in [("Client", "Server"), ("Desk", "Client")] {
            let groups = variants[lookaside].groups.iter().flatten().map(|rule| rule.name.clone()).collect();
            variants.get_mut(variant).unwrap().lookaside_groups = groups;
        }
    }
    variants
}

fn wanted(variant: &Element, parent: Option<&&Element>, filter_environments: bool) -> Wanted {
    let groups = groups(variant);
    let environments: Vec<EnvironmentRule> = variant
        .elements("environments")
        .flat_map(|list| list.elements("environment"))
        .map(|environment| EnvironmentRule {
            id: environment.text(),
            display_order: environment.attribute("display_order").map(|order| order.parse().unwrap()),
        })
        .collect();
    let has_own_environments = filter_environments && !(groups.is_empty() && environments.is_empty());
    Wanted {
        lookaside_groups: parent
            .map(|parent| self::groups(parent))
            .unwrap_or_default()
            .into_iter()
            .map(|rule| rule.name)
            .collect(),
        environments: has_own_environments.then_some(environments),
        groups: (!groups.is_empty() || variant.attribute("type") != Some("variant")).then_some(groups),
    }
}

fn groups(variant: &Element) -> Vec<GroupRule> {
    let groups = variant.elements("groups").flat_map(|list| list.elements("group")).map(|group| GroupRule {
        name: group.text(),
        is_glob: group.attribute("glob") == Some("true"),
        default: group.attribute("default").map(|value| value == "true"),
        user_visible: group.attribute("uservisible").map(|value| value == "true"),
    });
    groups.collect()
}

/// The form in which the goldens hold XML: a line for each element, its attributes sorted, its text quoted.
fn outline(text: &str) -> String {
    let document = Document::parse(text.as_bytes(), Blanks::Keep).unwrap();
    let mut out = String::new();
    outline_element(&document.root, 0, &mut out);
    out
}

fn outline_element(element: &Element, level: usize, out: &mut String) {
    use std::fmt::Write as _;
    let mut attributes = element.attributes.clone();
    attributes.sort();
    write!(out, "{}{}", "  ".repeat(level), element.name).unwrap();
    for (name, value) in attributes {
        write!(out, " {name}={value:?}").unwrap();
    }
    let text = element.text();
    if !text.trim().is_empty() {
        write!(out, " {:?}", text.trim()).unwrap();
    }
    out.push('\n');
    for child in &element.children {
        if let Node::Element(child) = child {
            outline_element(child, level + 1, out);
        }
    }
}
