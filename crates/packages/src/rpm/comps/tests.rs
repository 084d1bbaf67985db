use super::filter::{Cleanup, OnlyArch, Remove};
use super::xml::Blanks;
use super::*;
use crate::Glob;

const EXTENDED: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<!-- kept -->
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN"   "comps.dtd">
<comps>
  <group>
    <id>core</id>
    <name>R&amp;D "core"</name><name xml:lang="cs">J&#225;dro</name>
    <packagelist>
      <packagereq type="mandatory">zlib</packagereq>
      <packagereq arch="x86_64, aarch64">bash</packagereq>
      <packagereq arch="s390x">s390</packagereq>
      <packagereq variant="Server Client">lantern</packagereq>
    </packagelist>
  </group>
  <group arch="s390x"><id>mainframe</id><packagelist><packagereq>m</packagereq></packagelist></group>
  <group><id>conflicts-server</id><packagelist> </packagelist></group>
  <group><id>hollow</id></group>
  <category><id>all</id><grouplist><groupid>mainframe</groupid></grouplist></category>
  <environment><id>e</id><display_order>3</display_order>
    <grouplist><groupid>parents</groupid><groupid arch="s390x">core</groupid><groupid>core</groupid></grouplist>
    <optionlist><groupid>hollow</groupid></optionlist>
  </environment>
  <langpacks><match name="spell" install="spell-%s"/></langpacks>
</comps>
"#;

fn filtered(filter: &Filter) -> String {
    let mut document = Document::parse(EXTENDED.as_bytes(), Blanks::Drop).unwrap();
    filter.apply(&mut document);
    document.to_xml(true)
}

fn for_arch(arch: &str) -> Filter {
    Filter { arch: arch.to_owned(), ..Filter::default() }
}

#[test]
fn one_arch_and_variant_keeps_its_own_and_what_still_means_something() {
    let cleanup = Cleanup { keep_empty: vec![Glob::lenient("conflicts-*")], lookaside_groups: vec!["parents".to_owned()] };
    let filter = Filter { variant: Some("Server".to_owned()), cleanup: Some(cleanup), ..for_arch("aarch64") };
    let expected = r#"<?xml version='1.0' encoding='UTF-8'?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<!-- kept -->
<comps>
  <group>
    <id>core</id>
    <name>R&amp;D "core"</name>
    <name xml:lang="cs">Jádro</name>
    <packagelist>
      <packagereq type="mandatory">zlib</packagereq>
      <packagereq>bash</packagereq>
      <packagereq>lantern</packagereq>
    </packagelist>
  </group>
  <group>
    <id>conflicts-server</id>
    <packagelist> </packagelist>
  </group>
  <environment>
    <id>e</id>
    <display_order>3</display_order>
    <grouplist>
      <groupid>parents</groupid>
      <groupid>core</groupid>
    </grouplist>
    <optionlist>
      <groupid>hollow</groupid>
    </optionlist>
  </environment>
  <langpacks>
    <match name="spell" install="spell-%s"/>
  </langpacks>
</comps>
"#;
    assert_eq!(filtered(&filter), expected);
}

#[test]
fn without_cleanup_and_variant_only_other_arches_go() {
    let text = filtered(&for_arch("x86_64"));
    for kept in ["hollow</id>", "<category>", r#"<groupid arch="s390x">core"#, r#"variant="Server Client""#] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert!(!text.contains("s390</packagereq>") && !text.contains("mainframe</id>"), "{text}");
}

#[test]
fn only_what_names_the_arch_and_whole_kinds_can_go() {
    let packages = OnlyArch { packages: true, ..OnlyArch::default() };
    let text = filtered(&Filter { only_arch: packages, ..for_arch("x86_64") });
    assert!(text.contains(">bash<") && !text.contains("zlib") && text.contains("<id>core</id>"), "{text}");
    let groups = OnlyArch { groups: true, environments: true, ..OnlyArch::default() };
    let text = filtered(&Filter { only_arch: groups, ..for_arch("s390x") });
    assert!(text.contains("<id>mainframe</id>") && !text.contains("<id>core</id>") && !text.contains("<environment>"), "{text}");
    let remove = Remove { categories: true, langpacks: true, translations: true, environments: true };
    let text = filtered(&Filter { remove, ..for_arch("x86_64") });
    for gone in ["category", "langpacks", "xml:lang", "environment"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
}

#[test]
fn without_indenting_the_file_stays_as_it_was_but_for_what_went() {
    let text = "<comps>\n  <group arch=\"s390x\"/>\n  <group arch='x86_64'><id>a</id> <x/></group>\n</comps>";
    let mut document = Document::parse(text.as_bytes(), Blanks::Keep).unwrap();
    for_arch("x86_64").apply(&mut document);
    let expected = "<?xml version='1.0' encoding='UTF-8'?>\n<comps>\n  <group><id>a</id> <x/></group>\n</comps>\n";
    assert_eq!(document.to_xml(false), expected);
}

#[test]
fn the_stable_form_sorts_and_reads_back_as_the_same() {
    let mut comps = Comps::parse(EXTENDED.as_bytes()).unwrap();
    comps.groups[0].packages[1].kind = PackageKind::Conditional;
    comps.groups[0].packages[1].requires = Some("zlib".to_owned());
    let text = comps.to_xml().unwrap();
    let group = r#"  <group>
    <id>core</id>
    <name>R&amp;D &quot;core&quot;</name>
    <name xml:lang="cs">Jádro</name>
    <description/>
    <default>false</default>
    <uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">lantern</packagereq>
      <packagereq type="mandatory">s390</packagereq>
      <packagereq type="mandatory">zlib</packagereq>
      <packagereq requires="zlib" type="conditional">bash</packagereq>
    </packagelist>
  </group>
"#;
    assert!(text.contains(group), "{text}");
    // What it depends on may be missing; libcomps then writes that it is nothing.
    comps.groups[0].packages[1].requires = None;
    let without = comps.to_xml().unwrap();
    assert_eq!(without, text.replace(r#"requires="zlib""#, r#"requires="""#));
    assert!(text.contains("    <packagelist/>\n"), "{text}");
    assert_eq!(Comps::parse(text.as_bytes()).unwrap().to_xml().unwrap(), text);
}

#[test]
fn a_kind_that_nobody_knows_is_read_but_not_written() {
    let comps = Comps::parse(
        br#"<comps><group><id>g</id><packagelist><packagereq type="x">p</packagereq></packagelist></group></comps>"#,
    );
    let error = comps.unwrap().to_xml().unwrap_err();
    assert_eq!((error.package.as_str(), error.group.as_str()), ("p", "g"));
}

#[test]
fn the_first_rule_that_matches_applies_and_the_others_are_named() {
    let mut comps = Comps::parse(EXTENDED.as_bytes()).unwrap();
    let rule = |name: &str, is_glob, default| GroupRule { name: name.to_owned(), is_glob, default, user_visible: Some(false) };
    let rules = [rule("c*", true, Some(true)), rule("core", false, Some(false)), rule("*frame", false, None)];
    assert_eq!(comps.keep_groups(&rules), ["core", "*frame"]);
    let kept: Vec<_> = comps.groups.iter().map(|group| (group.id.as_str(), group.default, group.user_visible)).collect();
    assert_eq!(kept, [("core", true, false), ("conflicts-server", true, false)]);
}

#[test]
fn white_space_around_a_name_is_reported_with_its_group() {
    let text = "<comps><group><id>g</id><packagelist><packagereq> p</packagereq></packagelist></group></comps>";
    let error = Comps::parse(text.as_bytes()).unwrap().check_names().unwrap_err();
    let expected = "Comps file contains errors:\nPackage name  p in group 'g' contains leading or trailing whitespace";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn hostile_files_are_refused() {
    let bomb = r#"<!DOCTYPE comps [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><comps>&b;</comps>"#;
    let deep = "<a>".repeat(100_000);
    for (text, expected) in [
        (bomb, "declarations"),
        ("<></>", "has no name"),
        ("<comps>&b;</comps>", "entity '&b;'"),
        (deep.as_str(), "deeper"),
        ("<comps>", "ends before"),
        ("", "ends before"),
        ("<comps/><comps/>", "more than one root"),
        ("text<comps/>", "outside"),
        ("<comps></group>", "byte"),
        ("<comps a='1' a='2'/>", "byte"),
        ("<?xml version='1.0' encoding='utf-16'?><comps/>", "utf-16"),
    ] {
        let error = Document::parse(text.as_bytes(), Blanks::Keep).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert!(matches!(Document::parse(b"<comps>\xff</comps>", Blanks::Keep), Err(XmlError::NotUtf8 { position: 7 })));
    assert!(matches!(Comps::parse(b"<html/>"), Err(ReadError::WrongRoot(_))));
    assert!(matches!(Comps::parse(b"<comps><group/></comps>"), Err(ReadError::MissingId { number: 1, .. })));
}
