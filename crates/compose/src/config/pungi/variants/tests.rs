use super::*;

const TEXT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<variants>
  <ref id="unused"/>
  <variant id="Cluster" name="Cluster" type="addon"><arches><arch>x86_64</arch><arch>s390x</arch></arches></variant>
  <variant id="Server" name="Server &amp; more" type="variant" has_optional="true" is_empty="false">
    <arches><arch>x86_64</arch><arch>aarch64</arch></arches>
    <groups><group default="true">web</group><group glob="true">core*</group></groups>
    <environments><environment display_order="3">e</environment></environments>
    <variants><ref id="Cluster"/></variants>
    <modules><module>n:s</module><kojitag>t</kojitag></modules>
  </variant>
  <variant id="Desk" name="Desk" type="variant"><arches><arch>aarch64</arch></arches></variant>
</variants>"#;

fn read(text: &str, tree_arches: &[&str], tree_variants: &[&str]) -> Result<Variants, VariantsError> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    parse("v.xml", text, &Filters { tree_arches: owned(tree_arches), tree_variants: owned(tree_variants) })
}

fn error(text: &str) -> String {
    read(text, &[], &[]).unwrap_err().to_string()
}

#[test]
fn references_and_optional_children_become_variants() {
    let variants = read(TEXT, &[], &[]).unwrap();
    assert_eq!(variants.uids(), ["Desk", "Server", "Server-Cluster", "Server-optional"]);
    let server = variants.get("Server").unwrap();
    assert_eq!(server.name, "Server & more");
    assert!(server.is_empty, "any text of is_empty counts");
    assert_eq!(server.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["core*", "web"]);
    assert_eq!(server.environments[0].display_order, Some(3));
    assert_eq!((server.modules[0].name.as_str(), server.koji_tags[0].as_str()), ("n:s", "t"));
    assert_eq!(variants.get("Server-Cluster").unwrap().arches, ["x86_64"], "only arches of the parent are kept");
    assert_eq!(variants.children("Server").count(), 2);
}

#[test]
fn filters_leave_out_arches_and_variants() {
    assert_eq!(read(TEXT, &["x86_64"], &[]).unwrap().uids(), ["Server", "Server-Cluster", "Server-optional"]);
    let variants = read(TEXT, &[], &["Server", "Server-optional"]).unwrap();
    assert_eq!(variants.uids(), ["Server", "Server-optional"]);
    assert_eq!(variants.excluded, ["Desk", "Server-Cluster"]);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let missing = TEXT.replace("<ref id=\"Cluster\"/>", "<ref id=\"Nope\"/>");
    assert_eq!(error(&missing), "Variant Server references non-existing variant Nope");
    let nested = TEXT.replace("type=\"addon\">", "type=\"addon\" has_optional=\"true\">");
    assert_eq!(error(&nested), "Only 'variant' can contain another variants.");
    assert!(error(&TEXT.replace("id=\"Desk\"", "id=\"../Desk\"")).contains("letters, digits and dashes"));
}

#[test]
fn has_optional_replaces_no_variant_of_that_name() {
    let addon = r#"<variant id="optional" name="o" type="addon"><arches><arch>x86_64</arch></arches></variant>"#;
    let taken = TEXT.replace("<ref id=\"Cluster\"/>", addon);
    assert_eq!(error(&taken), "Variant 'Server-optional' is there twice");
    let declared = taken.replace(addon, &addon.replace("\"addon\"", "\"optional\""));
    assert_eq!(read(&declared, &[], &[]).unwrap().get("Server-optional").unwrap().name, "o");
}

#[test]
fn children_share_an_arch_with_their_parent_or_are_left_out_by_the_filters() {
    let apart = TEXT.replace("<arch>x86_64</arch><arch>s390x</arch>", "<arch>s390x</arch>");
    let nothing_in_common =
        |own| format!("Server-Cluster: arch list ['s390x'] does not intersect with parent arch list: [{own}]");
    assert_eq!(error(&apart), nothing_in_common("'aarch64', 'x86_64'"));
    // What is composed of both counts.
    let filtered = |text: &str, arches: &[&str]| read(text, arches, &[]).map(|variants| variants.uids());
    assert_eq!(filtered(&apart, &["x86_64"]).unwrap(), ["Server", "Server-optional"]);
    assert_eq!(filtered(&apart, &["x86_64", "s390x"]).unwrap_err().to_string(), nothing_in_common("'x86_64'"));
    assert_eq!(read(&apart, &[], &["Server"]).unwrap().uids(), ["Server"]);
    // One called optional that is left out for its arches is made anew, without groups.
    let optional = r#"<variant id="optional" name="o" type="optional"><arches><arch>s390x</arch></arches></variant>"#;
    let left_out = read(&TEXT.replace("<ref id=\"Cluster\"/>", optional), &["x86_64"], &[]).unwrap();
    assert_eq!(left_out.get("Server-optional").unwrap().name, "optional");
}

#[test]
fn hostile_documents_are_refused() {
    let bomb = "<!DOCTYPE v [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><variants>&b;</variants>";
    assert!(error(bomb).contains("entities"));
    assert!(error(&"<variants>".repeat(100_000)).contains("nested too deeply"));
    assert!(error("<variants><variant></variants>").contains("v.xml:1:"));
    assert!(error("").contains("ends too early"));
}
