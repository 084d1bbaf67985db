//! Containers in a registry: Debian's own docker-registry, with TLS by an authority of its own and logins, read back with skopeo.

#![expect(clippy::disallowed_types, reason = "the registry runs beside the program under test")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use charmer_testkit::http_server::HttpServer;

use super::harbour::{Compose, Harbour, output_of};

/// `sailor` with the password `quay`.
const HTPASSWD: &str = "sailor:$2b$05$abcdefghijklmnopqrstuubTVLEiSvfwZZjGOF8dSx9GSXk065Mey\n";
const LOGIN: &str = "sailor:quay";

/// Signs a token for whoever pushes to `harbour/base`, as registries check it: <https://distribution.github.io/distribution/spec/auth/jwt/>.
const MAKE_TOKEN: &str = r#"
cd "$1"
openssl req -x509 -newkey rsa:2048 -nodes -keyout token.key -out token.pem -days 3650 -subj "/CN=Harbour tokens" 2>errors
url64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
header='{"typ":"JWT","alg":"RS256","x5c":["'$(openssl x509 -in token.pem -outform DER | openssl base64 -A)'"]}'
claims='{"iss":"harbour","sub":"sailor","aud":"quay","exp":4102444800,"nbf":1577836800,"iat":1577836800,"jti":"1",
  "access":[{"type":"repository","name":"harbour/base","actions":["pull","push"]}]}'
signed=$(printf %s "$header" | url64).$(printf %s "$claims" | url64)
printf %s.%s "$signed" "$(printf %s "$signed" | openssl dgst -sha256 -sign token.key -binary | url64)"
"#;

/// What charmer and skopeo ask for.
const TOKEN_QUERIES: [&str; 3] = [
    "scope=repository:harbour/base:pull&service=quay",
    "scope=repository:harbour/base:pull,push&service=quay",
    "account=sailor&scope=repository:harbour/base:pull&service=quay",
];

/// A registry that runs; it ends when this is dropped.
struct Registry {
    process: Child,
    host: String,
    folder: PathBuf,
}

impl Registry {
    /// One that asks for a name and a password.
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, |folder| {
            fs_err::write(folder.join("htpasswd"), HTPASSWD).unwrap();
            format!("htpasswd: {{realm: harbour, path: \"{}\"}}", folder.join("htpasswd").display())
        })
    }

    /// One that lets in who has a token, and says where to get one.
    fn start_with_tokens(folder: &Path, server: &HttpServer) -> Self {
        Self::start_with(folder, |folder| {
            let token = output_of("sh", &["-ec", MAKE_TOKEN, "sh", folder.to_str().unwrap()]);
            let answer = format!("{{\"token\": \"{token}\", \"access_token\": \"{token}\", \"expires_in\": 300}}");
            for query in TOKEN_QUERIES {
                server.serve(&format!("/token?{query}"), answer.clone());
            }
            let certificates = folder.join("token.pem");
            format!(
                "token: {{realm: \"{}/token\", service: quay, issuer: harbour, rootcertbundle: \"{}\"}}",
                server.url(),
                certificates.display()
            )
        })
    }

    /// `auth` writes what the registry asks its users for, and gives the words of its configuration.
    fn start_with(folder: &Path, auth: impl FnOnce(&Path) -> String) -> Self {
        fs_err::create_dir(folder).unwrap();
        let script = r#"
            cd "$1"
            openssl req -quiet -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 -subj "/CN=Harbour authority" 2>errors ||
                openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 -subj "/CN=Harbour authority" 2>errors
            openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj "/CN=localhost" 2>errors
            printf 'subjectAltName=DNS:localhost\n' >names
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile names -out server.pem 2>errors
            mkdir certificates && cp ca.pem certificates/ca.crt"#;
        output_of("sh", &["-ec", script, "sh", folder.to_str().unwrap()]);
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: \"{}\"}}}}\n\
             http: {{addr: \"localhost:0\", tls: {{certificate: \"{}\", key: \"{}\"}}}}\nauth: {{{}}}\n",
            at("storage"),
            at("server.pem"),
            at("server.key"),
            auth(folder)
        );
        fs_err::write(folder.join("config.yml"), config).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(folder.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("the registry says where it listens").unwrap();
            let Some((_, rest)) = line.split_once("listening on ") else { continue };
            let address = rest.split([',', '"']).next().unwrap();
            break address.rsplit(':').next().unwrap().to_owned();
        };
        // Nobody reads what it says; a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, host: format!("localhost:{port}"), folder: folder.to_owned() }
    }

    /// The configuration's words for it, with a login.
    fn section(&self, login: &str) -> String {
        let encoded = output_of("sh", &["-c", "printf %s \"$1\" | base64 -w0", "sh", login]);
        let auth = self.folder.join("auth.json");
        fs_err::write(&auth, format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{encoded}\"}}}}}}", self.host)).unwrap();
        let ca = self.folder.join("ca.pem");
        format!("[registries.\"{}\"]\nauth-file = \"{}\"\nca = \"{}\"\n\n", self.host, auth.display(), ca.display())
    }

    fn skopeo(&self, arguments: &[&str]) -> String {
        let certificates = self.folder.join("certificates");
        let (verb, rest) = arguments.split_first().unwrap();
        let (certificate, login) = match *verb {
            "copy" => ("--src-cert-dir", "--src-creds"),
            _ => ("--cert-dir", "--creds"),
        };
        output_of("skopeo", &[&[*verb, certificate, certificates.to_str().unwrap(), login, LOGIN], rest].concat())
    }

    fn is_empty(&self) -> bool {
        !self.folder.join("storage/docker/registry/v2/repositories").exists()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A distribution whose container, for both arches, is pushed under two tags.
fn with_push(registry: &Registry, harbour: &Harbour, login: &str) {
    let push = format!("push = [\"{0}/harbour/base:{{version}}\", \"{0}/harbour/base:{{compose}}\"]\n", registry.host);
    harbour
        .edit("arches = [\"amd64\"]\npackages = [\"harbour-release\"]\n", &format!("packages = [\"harbour-release\"]\n{push}"));
    harbour.edit("[limits]", &format!("{}[limits]", registry.section(login)));
}

fn archive(compose: &Compose, arch: &str) -> String {
    let file = format!("{}-Base-{arch}-container.oci.tar", compose.id());
    format!("oci-archive:{}", compose.path(&format!("compose/Base/{arch}/images")).join(file).display())
}

#[test]
fn one_tag_has_the_images_of_all_arches_and_they_are_those_that_are_shipped() {
    let harbour = Harbour::new();
    let registry = Registry::start(&harbour.path("registry"));
    with_push(&registry, &harbour, LOGIN);
    let (ran, compose) = harbour.compose(&[]);
    let place = format!("docker://{}/harbour/base", registry.host);
    let raw = registry.skopeo(&["inspect", "--raw", &format!("{place}:13.1")]);
    assert_eq!(raw, registry.skopeo(&["inspect", "--raw", &format!("{place}:{}", compose.id())]), "{ran}");
    let index: serde_json::Value = serde_json::from_str(&raw).unwrap();
    for (arch, entry) in ["amd64", "arm64"].iter().zip(index["manifests"].as_array().unwrap()) {
        assert_eq!(entry["platform"]["architecture"], *arch, "{raw}");
        let shipped: serde_json::Value =
            serde_json::from_str(&output_of("skopeo", &["inspect", &archive(&compose, arch)])).unwrap();
        assert_eq!(entry["digest"], shipped["Digest"], "{raw}");
        let copy = format!("dir:{}", harbour.path(&format!("copy-{arch}")).display());
        registry.skopeo(&["copy", "--quiet", "--override-arch", arch, &format!("{place}:13.1"), &copy]);
    }
    let told = |line: &str| line.starts_with("pushed Base ") && line.ends_with("/harbour/base:13.1");
    assert!(ran.stdout.lines().any(told), "{ran}");
}

#[test]
fn tokens_are_fetched_with_the_login_for_reading_and_for_writing() {
    let (harbour, server) = (Harbour::new(), HttpServer::start());
    let registry = Registry::start_with_tokens(&harbour.path("registry"), &server);
    server.require("Basic c2FpbG9yOnF1YXk=");
    with_push(&registry, &harbour, LOGIN);
    let (ran, compose) = harbour.compose(&[]);
    let raw = registry.skopeo(&["inspect", "--raw", &format!("docker://{}/harbour/base:13.1", registry.host)]);
    assert!(raw.contains("\"arm64\""), "{raw}\n{ran}");
    for query in TOKEN_QUERIES {
        assert!(!server.received(&format!("/token?{query}")).is_empty(), "{query}: {:?}", server.paths());
    }
    let log = fs_err::read_to_string(compose.path("logs/events.jsonl")).unwrap();
    assert!(!log.contains("c2FpbG9y") && !ran.stdout.contains("eyJ") && !log.contains("eyJ"), "{ran}");
}

#[test]
fn a_login_that_gives_no_token_is_told() {
    let (harbour, server) = (Harbour::new(), HttpServer::start());
    let registry = Registry::start_with_tokens(&harbour.path("registry"), &server);
    server.require("Basic c2FpbG9yOnF1YXk=");
    with_push(&registry, &harbour, "sailor:wrong");
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stderr.contains(&format!("skopeo login {}", registry.host)), "{ran}");
    assert!(registry.is_empty());
}

#[test]
fn a_wrong_login_is_told_and_a_resume_with_the_right_one_only_pushes() {
    let harbour = Harbour::new();
    let registry = Registry::start(&harbour.path("registry"));
    with_push(&registry, &harbour, "sailor:wrong");
    let (ran, compose) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stderr.contains(&format!("skopeo login {}", registry.host)), "{ran}");
    assert!(!ran.stderr.contains("wrong") && !ran.stderr.contains("c2FpbG9y"), "{ran}");
    assert!(registry.is_empty());
    registry.section(LOGIN);
    let resumed = harbour.charmer(&["resume", compose.root()]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert!(compose.done().contains(&"push:Base.container".to_owned()), "{resumed}");
    assert!(!compose.done().iter().any(|job| job.starts_with("container:")), "{resumed}");
    registry.skopeo(&["inspect", &format!("docker://{}/harbour/base:13.1", registry.host)]);
}

#[test]
fn nothing_is_pushed_of_a_compose_that_is_doomed() {
    let harbour = Harbour::bootable(&[("disk", "size = \"100 MB\"\n")]);
    let registry = Registry::start(&harbour.path("registry"));
    with_push(&registry, &harbour, LOGIN);
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stderr.contains("see `size` of the image"), "{ran}");
    assert!(registry.is_empty(), "{ran}");
}

#[test]
fn a_registry_of_an_authority_that_nobody_trusts_is_told() {
    let harbour = Harbour::new();
    let registry = Registry::start(&harbour.path("registry"));
    with_push(&registry, &harbour, LOGIN);
    harbour.edit(&format!("ca = \"{}\"\n", registry.folder.join("ca.pem").display()), "");
    harbour.edit("[limits]", "[limits]\nretries = 0");
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stderr.contains("certificate"), "{ran}");
    assert!(registry.is_empty());
}
