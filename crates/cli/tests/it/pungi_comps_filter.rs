//! `comps_filter`, as Pungi's callers call it.

use super::{Charmer, charmer};

const COMPS: &str = r#"<comps>
  <group><id>a</id><packagelist><packagereq arch="s390x">x</packagereq></packagelist></group>
  <group><id>b</id><packagelist><packagereq arch="x86_64">y</packagereq></packagelist></group>
</comps>
"#;

#[test]
fn one_arch_is_written_to_stdout_or_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("comps.xml"), COMPS).unwrap();
    let run = |arguments: &[&str]| Charmer { folder: Some(folder.path()), ..Charmer::default() }.run(arguments);

    let ran = run(&["comps_filter", "--arch=x86_64", "comps.xml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("<packagereq>y</packagereq>") && !ran.stdout.contains("<id>a</id>"), "{}", ran.stdout);

    let kept = run(&["comps_filter", "--arch=x86_64", "--keep-empty-group=?", "--output", "out.xml", "comps.xml"]);
    assert_eq!((kept.code, kept.stdout.as_str()), (0, ""));
    let written = fs_err::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(written.contains("<id>a</id>"), "{written}");

    let plain = run(&["comps_filter", "--arch=x86_64", "--no-cleanup", "--no-reindent", "comps.xml"]);
    assert!(plain.stdout.contains("  <group><id>a</id><packagelist/></group>\n"), "{}", plain.stdout);
}

#[test]
fn without_an_arch_or_a_file_it_says_so() {
    assert_eq!(charmer(&["comps_filter", "comps.xml"]).code, 2);
    let absent = charmer(&["comps_filter", "--arch=x86_64", "/nonexistent/comps.xml"]);
    assert_eq!(absent.code, 1);
    assert!(absent.stderr.contains("/nonexistent/comps.xml"), "{}", absent.stderr);
}
