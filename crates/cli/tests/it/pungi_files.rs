//! Files that a configuration takes from elsewhere before and while a compose is made.

use charmer_testkit::rpm_file::Rpm;

use super::output;
use super::pungi_distribution::{Distribution, VARIANTS, names};

#[test]
fn what_decides_what_a_compose_is_may_come_from_git() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    distribution.add("one", &Rpm::new("reed", "1", "1", "x86_64"));
    let repository = distribution.path("settings");
    fs_err::create_dir_all(repository.join("deep")).unwrap();
    fs_err::rename(distribution.path("variants.xml"), repository.join("deep/variants.xml")).unwrap();
    fs_err::rename(distribution.path("comps.xml"), repository.join("comps.xml")).unwrap();
    fs_err::write(repository.join("more.json"), r#"{"Server": {"x86_64": {"reed-1-1": ["reed.x86_64"]}}}"#).unwrap();
    output(&repository, "git", &["init", "--quiet", "--initial-branch=stable"]);
    output(&repository, "git", &["add", "."]);
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"];
    output(&repository, "git", &[&identity[..], &["commit", "--quiet", "-m", "settings"]].concat());
    let git =
        |file: &str| format!("{{'scm': 'git', 'repo': 'file://{}', 'branch': 'stable', 'file': '{file}'}}", repository.display());
    let options = |variants: &str| {
        format!(
            "pkgset_repos = {{'*': ['one']}}\nvariants_file = {}\ncomps_file = {}\ngather_prepopulate = {}",
            git(variants),
            git("comps.xml"),
            git("more.json")
        )
    };
    distribution.configure(&options("deep/variants.xml"));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    let compose = distribution.newest();
    let packages = compose.join("compose/Server/x86_64/os/Packages");
    assert_eq!(names(&packages, ".rpm"), ["pond-1-1.x86_64.rpm", "reed-1-1.x86_64.rpm"]);
    let commit = output(&repository, "git", &["rev-parse", "HEAD"]);
    let dump = fs_err::read_to_string(compose.join("logs/global/config-dump.global.log")).unwrap();
    assert_eq!(dump.matches(commit.trim()).count(), 3, "each is of the commit that the branch was at: {dump}");

    // Resumed, a compose is what it began as, whatever the repository says by then.
    fs_err::remove_dir_all(&repository).unwrap();
    let again = distribution.charmer(&["resume", compose.to_str().unwrap()]);
    assert_eq!(again.code, 0, "{again}");
}

#[test]
fn mistakes_in_a_fetched_file_of_variants_are_shown_by_its_name() {
    let distribution = Distribution::new(&["pond"], "");
    let repository = distribution.path("settings");
    fs_err::create_dir(&repository).unwrap();
    fs_err::write(repository.join("variants.xml"), VARIANTS.replace("type=\"variant\"", "type=\"unheard-of\"")).unwrap();
    let variants = format!("{{'scm': 'file', 'file': '{}/variants.xml'}}", repository.display());
    distribution.configure(&format!("pkgset_repos = {{'*': ['one']}}\nvariants_file = {variants}"));
    let ran = distribution.compose(&[]);
    assert!(ran.code == 1 && ran.stderr.contains("Variants XML doesn't validate"), "{ran}");
    for scm in ["cvs", "koji"] {
        let variants = format!("{{'scm': '{scm}', 'repo': 'settings', 'file': 'variants.xml'}}");
        distribution.configure(&format!("pkgset_repos = {{'*': ['one']}}\nvariants_file = {variants}"));
        let ran = distribution.compose(&[]);
        let expected = format!("variants_file: charmer does not read scm '{scm}' yet; it reads file, git and rpm");
        assert!(ran.code == 1 && ran.stderr.contains(&expected), "{ran}");
    }
}

#[test]
fn defaults_of_modules_can_be_overridden() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    let write = |path: &str, text: &str| {
        let path = distribution.path(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    let defaults =
        |stream: &str| format!("document: modulemd-defaults\nversion: 1\ndata:\n  module: tool\n  stream: '{stream}'\n");
    write("defaults/tool.yaml", &defaults("1"));
    write("overrides/tool.yaml", &defaults("2"));
    write("modules/x86_64/tool.yaml", "document: modulemd\nversion: 2\ndata:\n  name: tool\n  stream: '2'\n");
    distribution.configure(
        "pkgset_repos = {'*': ['one']}\nmodule_defaults_dir = 'defaults'\nmodule_defaults_override_dir = 'overrides'\n\
         createrepo_extra_modulemd = {'Server': {'scm': 'file', 'repo': '', 'dir': 'modules'}}",
    );
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    let repodata = distribution.newest().join("compose/Server/x86_64/os/repodata");
    let modules = names(&repodata, "-modules.yaml.gz");
    let text = output(&repodata, "gzip", &["-dc", &modules[0]]);
    assert!(text.contains("stream: '2'\n...\n") && !text.contains("stream: '1'"), "{text}");
}
