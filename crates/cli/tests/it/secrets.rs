//! Logins of servers: where they are taken from, and that they are shown to nobody else.

use std::path::Path;

use super::harbour::{Compose, Harbour};
use super::native_rpm::Harbour as RpmHarbour;
use super::{Charmer, Ran};

const LOGIN: &str = "login harbour password s3cret-pass";
/// `harbour:s3cret-pass` as browsers say it.
const AUTHORIZATION: &str = "Basic aGFyYm91cjpzM2NyZXQtcGFzcw==";
/// What nothing may show: the password, in either form.
const SECRETS: [&str; 2] = ["s3cret-pass", "aGFyYm91cjpzM2NyZXQtcGFzcw"];

/// Files below a folder that have one of the texts in them.
fn files_with(folder: &Path, texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path.is_file() {
                let content = fs_err::read(&path).unwrap();
                let has = |text: &&str| content.windows(text.len()).any(|window| window == text.as_bytes());
                found.extend(texts.iter().filter(|text| has(text)).map(|text| format!("{}: {text}", path.display())));
            }
        }
    }
    found
}

fn assert_kept(ran: &Ran, folders: &[&Path], secrets: &[&str]) {
    for secret in secrets {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{secret}: {ran}");
    }
    for folder in folders {
        let found = files_with(folder, secrets);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn a_mirror_gets_the_login_of_its_file_and_nobody_else_sees_it() {
    let harbour = Harbour::new();
    harbour.server().require(AUTHORIZATION);
    let netrc = harbour.path("logins");
    let server = harbour.server().url();
    let host = server.strip_prefix("http://").unwrap();
    let compose = |code: i32| {
        let variables = [("NETRC", netrc.to_str().unwrap()), ("https_proxy", "http://proxy-user:pr0xy-pass@127.0.0.1:9")];
        let ran = harbour.start_with(&["compose", "harbour.toml", "--target-dir", "composes", "--verbose"], &variables).finish();
        assert_eq!(ran.code, code, "{ran}");
        ran
    };
    fs_err::write(&netrc, format!("machine example.org {LOGIN}\n")).unwrap();
    let refused = compose(1);
    assert!(refused.stdout.contains("401"), "{refused}");
    fs_err::write(&netrc, format!("machine example.org login a password b\nmachine {host} {LOGIN}\n")).unwrap();
    let ran = compose(0);
    let key = harbour.text("signing/secret.asc");
    let secrets = [&SECRETS[..], &["pr0xy-pass", key.as_str()]].concat();
    let composes = super::harbour::composes(&harbour.path("composes"));
    for root in composes {
        let compose = Compose { root };
        assert_kept(&ran, &[&compose.path("logs"), &compose.path("compose")], &secrets);
    }
    // The cache is the user's own, and has no password either.
    assert_kept(&ran, &[&harbour.path("cache")], &SECRETS);
}

#[test]
fn repositories_of_rpm_packages_get_theirs_too() {
    let harbour = RpmHarbour::new().with_packages();
    let server = harbour.serve();
    server.require(AUTHORIZATION);
    fs_err::create_dir(harbour.path("composes")).unwrap();
    let compose = "compose examples/harbour-rpm.toml --target-dir composes";
    let refused = harbour.charmer(compose);
    assert!(refused.code == 1 && refused.stdout.contains("401"), "{refused}");
    let host = server.url();
    fs_err::write(harbour.path(".netrc"), format!("machine {} {LOGIN}\n", host.strip_prefix("http://").unwrap())).unwrap();
    let ran = harbour.charmer(compose);
    assert_eq!(ran.code, 0, "{ran}");
    assert_kept(&ran, &[&harbour.path("composes"), &harbour.path(".cache")], &SECRETS);
}

#[test]
fn logins_in_configurations_are_refused() {
    let harbour = Harbour::new();
    let url = harbour.server().url();
    let with_login = url.replace("http://", "http://harbour:s3cret-pass@");
    harbour.configure(&[(url.as_str(), with_login.as_str())]);
    let ran = harbour.refused();
    assert!(ran.stderr.contains("has a login in its URL") && ran.stderr.contains("auth.conf.d"), "{ran}");

    let folder = tempfile::tempdir().unwrap();
    let rpm = RpmHarbour::new();
    rpm.pungi();
    let conf = rpm.path("pungi/harbour.conf");
    let text = fs_err::read_to_string(&conf).unwrap();
    fs_err::write(
        &conf,
        format!("{text}\ngather_lookaside_repos = [('^.*$', {{'*': 'https://u:s3cret-pass@repo.example/os'}})]\n"),
    )
    .unwrap();
    let words = ["pungi-koji", "--config", conf.to_str().unwrap(), "--test", "--target-dir", folder.path().to_str().unwrap()];
    let ran = Charmer { folder: Some(folder.path()), variables: &[] }.run(&words);
    assert!(ran.code != 0 && ran.stderr.contains("gather_lookaside_repos: a URL has a login in it"), "{ran}");
    assert_kept(&ran, &[folder.path()], &SECRETS);
}
