//! A recorded gather case as the repositories and the kickstart that it stands for.
//!
//! The form of a case is described beside the recorded ones, in `shared/golden/gather/README.md`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::tarball::hexadecimal;

/// Writes the case's repositories and its kickstart into a folder, and gives the arguments of pungi-gather.
pub fn write_case(case: &Value, folder: &Path) -> Vec<String> {
    let mut kickstart = String::new();
    let mut arguments = vec!["--arch".to_owned(), text(&case["arch"]).to_owned()];
    for repository in list(&case["repos"]) {
        let id = text(&repository["id"]);
        write_repository(repository, &folder.join(id));
        line(&mut kickstart, &format!("repo --name={id} --baseurl=file://{}/{id}", folder.display()));
        if repository["lookaside"] == true {
            arguments.push(format!("--lookaside={id}"));
        }
    }
    for (section, key) in [
        ("packages", "request"),
        ("fulltree-excludes", "fulltree_excludes"),
        ("multilib-blacklist", "multilib_blacklist"),
        ("multilib-whitelist", "multilib_whitelist"),
        ("prepopulate", "prepopulate"),
    ] {
        let lines = list(&case[key]);
        if !lines.is_empty() || section == "packages" {
            line(&mut kickstart, &format!("%{section}"));
            for entry in lines {
                line(&mut kickstart, text(entry));
            }
            line(&mut kickstart, "%end");
        }
    }
    let path = folder.join("case.ks");
    fs_err::write(&path, kickstart).expect("a test's folder is writable");
    arguments.push(format!("--config={}", path.display()));
    arguments.extend(options(&case["options"]));
    arguments
}

fn options(options: &Value) -> Vec<String> {
    let mut arguments = vec![format!("--greedy={}", text(&options["greedy"]))];
    for key in ["fulltree", "selfhosting", "nodeps", "exclude_source", "exclude_debug"] {
        if options[key] == true {
            arguments.push(format!("--{}", key.replace('_', "-")));
        }
    }
    arguments.extend(list(&options["multilib"]).iter().map(|method| format!("--multilib={}", text(method))));
    arguments
}

fn write_repository(repository: &Value, folder: &Path) {
    let packages = list(&repository["packages"]);
    let (mut primary, mut filelists) = (String::new(), String::new());
    line(&mut primary, &format!(r#"<metadata xmlns="{COMMON}" xmlns:rpm="{RPM}" packages="{}">"#, packages.len()));
    line(&mut filelists, &format!(r#"<filelists xmlns="{FILELISTS}" packages="{}">"#, packages.len()));
    for (number, package) in packages.iter().enumerate() {
        let digest = hexadecimal(&Sha256::digest(format!("{number} {package}")));
        write_package(&mut primary, package, &digest);
        write_files(&mut filelists, package, &digest);
    }
    line(&mut primary, "</metadata>");
    line(&mut filelists, "</filelists>");
    let mut data = vec![("primary", primary), ("filelists", filelists)];
    if repository["comps"].is_object() {
        data.push(("group", comps(&repository["comps"])));
    }
    let repodata = folder.join("repodata");
    fs_err::create_dir_all(&repodata).expect("a test's folder can be made");
    let mut repomd = format!("<repomd xmlns=\"{REPO}\"><revision>1</revision>\n");
    for (kind, content) in data {
        let digest = hexadecimal(&Sha256::digest(&content));
        line(
            &mut repomd,
            &format!(
                r#"<data type="{kind}"><checksum type="sha256">{digest}</checksum><location href="repodata/{kind}.xml"/></data>"#
            ),
        );
        fs_err::write(repodata.join(format!("{kind}.xml")), content).expect("a test's folder is writable");
    }
    line(&mut repomd, "</repomd>");
    fs_err::write(repodata.join("repomd.xml"), repomd).expect("a test's folder is writable");
}

const COMMON: &str = "http://linux.duke.edu/metadata/common";
const FILELISTS: &str = "http://linux.duke.edu/metadata/filelists";
const REPO: &str = "http://linux.duke.edu/metadata/repo";
const RPM: &str = "http://linux.duke.edu/metadata/rpm";

/// `name-[epoch:]version-release.arch`, taken apart.
struct Nevra<'a> {
    name: &'a str,
    epoch: &'a str,
    version: &'a str,
    release: &'a str,
    arch: &'a str,
}

impl Nevra<'_> {
    fn of(package: &Value) -> Nevra<'_> {
        let (rest, arch) = text(&package["nevra"]).rsplit_once('.').expect("a case's package has an arch");
        let (rest, release) = rest.rsplit_once('-').expect("a case's package has a release");
        let (name, evr) = rest.rsplit_once('-').expect("a case's package has a version");
        let (epoch, version) = evr.split_once(':').unwrap_or(("0", evr));
        Nevra { name, epoch, version, release, arch }
    }

    fn is_source(&self) -> bool {
        matches!(self.arch, "src" | "nosrc")
    }

    /// What rpmbuild adds to the provides.
    fn own_provides(&self) -> Vec<String> {
        let Self { name, epoch, version, release, arch } = self;
        let instruction_set = match *arch {
            "x86_64" => Some("x86-64"),
            "i386" | "i486" | "i586" | "i686" | "athlon" => Some("x86-32"),
            "aarch64" => Some("aarch-64"),
            "ppc64le" | "ppc64" => Some("ppc-64"),
            "ppc" => Some("ppc-32"),
            "s390x" => Some("s390-64"),
            "s390" => Some("s390-32"),
            _ => None,
        };
        let evr = format!("{epoch}:{version}-{release}");
        let mut provides = vec![format!("{name} = {evr}")];
        provides.extend(instruction_set.map(|set| format!("{name}({set}) = {evr}")));
        provides
    }

    fn version_element(&self) -> String {
        format!(r#"<version epoch="{}" ver="{}" rel="{}"/>"#, self.epoch, escape(self.version), escape(self.release))
    }
}

fn write_package(out: &mut String, package: &Value, digest: &str) {
    let nevra = Nevra::of(package);
    let Nevra { name, version, release, arch, .. } = nevra;
    let (name, evr) = (escape(name), nevra.version_element());
    line(out, &format!(r#"<package type="rpm"><name>{name}</name><arch>{arch}</arch>{evr}"#));
    line(out, &format!(r#"<checksum type="sha256" pkgid="YES">{digest}</checksum><summary>s</summary>"#));
    line(out, &format!(r#"<location href="{name}-{}-{}.{arch}.rpm"/><format>"#, escape(version), escape(release)));
    line(out, &format!("<rpm:sourcerpm>{}</rpm:sourcerpm>", escape(package["sourcerpm"].as_str().unwrap_or_default())));
    let own = if nevra.is_source() || package["self_provides"] == false { Vec::new() } else { nevra.own_provides() };
    let strings = |key: &str| list(&package[key]).iter().map(|entry| text(entry).to_owned()).collect::<Vec<_>>();
    relations(out, "provides", &[own, strings("provides")].concat(), &[]);
    relations(out, "requires", &strings("requires"), &strings("requires_pre"));
    for kind in ["conflicts", "obsoletes", "recommends", "suggests"] {
        relations(out, kind, &strings(kind), &[]);
    }
    for path in strings("files").iter().filter(|path| is_in_primary(path)) {
        line(out, &format!("<file>{}</file>", escape(path)));
    }
    line(out, "</format></package>");
}

fn is_in_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

fn write_files(out: &mut String, package: &Value, digest: &str) {
    let nevra = Nevra::of(package);
    let (name, arch, evr) = (escape(nevra.name), nevra.arch, nevra.version_element());
    line(out, &format!(r#"<package pkgid="{digest}" name="{name}" arch="{arch}">{evr}"#));
    for path in list(&package["files"]) {
        line(out, &format!("<file>{}</file>", escape(text(path))));
    }
    line(out, "</package>");
}

fn relations(out: &mut String, kind: &str, texts: &[String], pre: &[String]) {
    if texts.is_empty() && pre.is_empty() {
        return;
    }
    line(out, &format!("<rpm:{kind}>"));
    for (texts, more) in [(texts, ""), (pre, " pre=\"1\"")] {
        for text in texts {
            line(out, &format!("<rpm:entry {}{more}/>", relation(text)));
        }
    }
    line(out, &format!("</rpm:{kind}>"));
}

/// The attributes of `name`, `name OP [epoch:]version[-release]`, or a rich expression.
fn relation(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let [name, sign, evr] = words[..] else { return format!("name=\"{}\"", escape(text)) };
    if name.starts_with('(') {
        return format!("name=\"{}\"", escape(text));
    }
    let flags = match sign {
        "=" => "EQ",
        "<" => "LT",
        "<=" => "LE",
        ">" => "GT",
        ">=" => "GE",
        other => panic!("`{other}` in a case is no comparison"),
    };
    let (epoch, rest) = evr.split_once(':').unwrap_or(("0", evr));
    let (version, release) = rest.rsplit_once('-').map_or((rest, None), |(version, release)| (version, Some(release)));
    let release = release.map(|release| format!(" rel=\"{}\"", escape(release))).unwrap_or_default();
    format!("name=\"{}\" flags=\"{flags}\" epoch=\"{epoch}\" ver=\"{}\"{release}", escape(name), escape(version))
}

fn comps(comps: &Value) -> String {
    let mut out = "<comps>\n".to_owned();
    for group in list(&comps["groups"]) {
        let id = escape(text(&group["id"]));
        line(&mut out, &format!("<group><id>{id}</id><name>{id}</name><packagelist>"));
        for kind in ["mandatory", "default", "optional"] {
            for name in list(&group[kind]) {
                line(&mut out, &format!("<packagereq type=\"{kind}\">{}</packagereq>", escape(text(name))));
            }
        }
        for condition in list(&group["conditional"]) {
            let (name, requires) = (escape(text(&condition["name"])), escape(text(&condition["requires"])));
            line(&mut out, &format!("<packagereq type=\"conditional\" requires=\"{requires}\">{name}</packagereq>"));
        }
        line(&mut out, "</packagelist></group>");
    }
    line(&mut out, "<langpacks>");
    for langpack in list(&comps["langpacks"]) {
        let (name, install) = (escape(text(&langpack["name"])), escape(text(&langpack["install"])));
        line(&mut out, &format!("<match name=\"{name}\" install=\"{install}\"/>"));
    }
    line(&mut out, "</langpacks></comps>");
    out
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a case has a string here")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("memory takes it");
}
