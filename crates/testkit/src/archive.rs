//! A signed apt archive made of fixture packages by the tools that archives are made with: apt-ftparchive and gpg. It lies in a folder,
//! and can be served over HTTP as it is at that moment.

use std::io;
use std::path::{Path, PathBuf};

use crate::deb::debs_from_text;
use crate::dsc::Dsc;
use crate::http_server::HttpServer;
use crate::tarball::Compression;

/// The suite of every fixture archive.
pub const SUITE: &str = "stable";
/// When keys are made: before anything that they sign.
const BIRTH: &str = "20240101T000000!";

/// An OpenPGP key in a folder of its own, to be thrown away.
#[derive(Debug)]
pub struct Key {
    home: PathBuf,
    /// The public key, armoured.
    pub public: PathBuf,
    /// The secret key, armoured and without a passphrase.
    pub secret: PathBuf,
    /// In upper-case hexadecimal digits.
    pub fingerprint: String,
}

impl Key {
    /// Makes a key in a folder that is not there yet.
    pub fn make(folder: &Path, owner: &str) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let home = folder.join("gnupg");
        fs_err::create_dir_all(&home)?;
        fs_err::set_permissions(&home, std::fs::Permissions::from_mode(0o700))?;
        let mut key =
            Self { home, public: folder.join("public.asc"), secret: folder.join("secret.asc"), fingerprint: String::new() };
        let user = format!("{owner} <{owner}@example.invalid>");
        key.gpg(BIRTH, &["--passphrase", "", "--quick-generate-key", &user, "ed25519", "sign", "never"])?;
        let listed = key.gpg(BIRTH, &["--with-colons", "--list-keys"])?;
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap_or_default();
        fingerprint.trim_matches(':').clone_into(&mut key.fingerprint);
        fs_err::write(&key.public, key.gpg(BIRTH, &["--armor", "--export"])?)?;
        fs_err::write(&key.secret, key.gpg(BIRTH, &["--armor", "--export-secret-keys"])?)?;
        Ok(key)
    }

    /// Signs a file in clear text, as if it were `date` (`20240601T000000!`).
    pub fn clear_sign(&self, date: &str, file: &Path, signed: &Path) -> io::Result<()> {
        self.gpg(date, &["--clearsign", "--output", text(signed), text(file)]).map(drop)
    }

    /// Revokes the key, and writes the public key anew.
    pub fn revoke(&self) -> io::Result<()> {
        // gpg makes a certificate with each key, and spoils it against use by mistake.
        let certificate = self.home.join("openpgp-revocs.d").join(format!("{}.rev", self.fingerprint));
        let usable = fs_err::read_to_string(&certificate)?.replace(":-----BEGIN", "-----BEGIN");
        fs_err::write(&certificate, usable)?;
        self.gpg(BIRTH, &["--import", text(&certificate)])?;
        fs_err::write(&self.public, self.gpg(BIRTH, &["--armor", "--export"])?)
    }

    fn gpg(&self, date: &str, arguments: &[&str]) -> io::Result<String> {
        let fixed = ["--homedir", text(&self.home), "--batch", "--quiet", "--yes", "--faked-system-time", date];
        run(Path::new("/"), "gpg", &[&fixed[..], arguments].concat())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // The agent that gpg started; it ends by itself too, when its folder goes.
        let _ = run(Path::new("/"), "gpgconf", &["--homedir", text(&self.home), "--kill", "gpg-agent"]);
    }
}

/// An apt archive of one suite with the component main.
#[derive(Debug)]
pub struct Archive {
    /// What `dists` and `pool` lie in.
    pub folder: PathBuf,
    pub key: Key,
    pub arches: Vec<String>,
}

impl Archive {
    /// An empty archive in a folder that is not there yet; nothing is published.
    pub fn make(folder: &Path, arches: &[&str]) -> io::Result<Self> {
        fs_err::create_dir_all(folder.join("pool"))?;
        let key = Key::make(&folder.join("key"), "archive")?;
        Ok(Self { folder: folder.to_owned(), key, arches: arches.iter().map(|&arch| arch.to_owned()).collect() })
    }

    /// Adds packages to the pool, as [`debs_from_text`] makes them.
    pub fn add(&self, packages: &str) -> Vec<PathBuf> {
        debs_from_text(packages, &self.folder.join("pool"))
    }

    /// Adds packages of debian-installer, which have an index of their own, beside the pool.
    pub fn add_udebs(&self, packages: &str) -> io::Result<()> {
        let folder = self.folder.join("udebs");
        for file in debs_from_text(packages, &folder) {
            fs_err::rename(&file, file.with_extension("udeb"))?;
        }
        Ok(())
    }

    /// Adds a source package to the pool.
    pub fn add_source(&self, source: &Dsc) {
        source.write_to(&self.folder.join("pool"));
    }

    /// Removes the files of a package from the pool.
    pub fn remove(&self, package: &str) -> io::Result<()> {
        for entry in fs_err::read_dir(self.folder.join("pool"))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.strip_prefix(package).is_some_and(|rest| rest.starts_with('_')) {
                fs_err::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Writes the indexes of the pool and signs them. `day` is the date of all of it: `2024-06-01`.
    pub fn publish(&self, day: &str) -> io::Result<()> {
        self.write_indexes()?;
        self.write_release(day, &[])
    }

    /// Where the suite's Release files lie.
    pub fn dists(&self) -> PathBuf {
        self.folder.join("dists").join(SUITE)
    }

    /// Writes the indexes of the pool, and nothing about them.
    pub fn write_indexes(&self) -> io::Result<()> {
        let dists = self.dists();
        if dists.exists() {
            fs_err::remove_dir_all(&dists)?;
        }
        for arch in &self.arches {
            let packages = run(&self.folder, "apt-ftparchive", &["--arch", arch, "packages", "pool"])?;
            write_forms(&dists.join(format!("main/binary-{arch}")), "Packages", packages.as_bytes())?;
        }
        for arch in self.arches.iter().filter(|_| self.folder.join("udebs").exists()) {
            let udebs = run(&self.folder, "dpkg-scanpackages", &["--type", "udeb", "--arch", arch, "udebs"])?;
            write_forms(&dists.join(format!("main/debian-installer/binary-{arch}")), "Packages", udebs.as_bytes())?;
        }
        let sources = run(&self.folder, "apt-ftparchive", &["sources", "pool"])?;
        write_forms(&dists.join("main/source"), "Sources", sources.as_bytes())
    }

    /// Writes the index of an arch anew, changed, and signs that: what a mirror says that lies about its own packages.
    pub fn alter_packages(&self, arch: &str, day: &str, change: impl FnOnce(&str) -> Vec<u8>) -> io::Result<()> {
        let folder = self.dists().join(format!("main/binary-{arch}"));
        let packages = fs_err::read_to_string(folder.join("Packages"))?;
        fs_err::remove_dir_all(&folder)?;
        write_forms(&folder, "Packages", &change(&packages))?;
        self.write_release(day, &[])
    }

    /// Describes the indexes that are there and signs that. More fields may stand above: `Valid-Until`.
    pub fn write_release(&self, day: &str, more: &[(&str, &str)]) -> io::Result<()> {
        let dists = self.dists();
        let date = rfc_date(day)?;
        let arches = self.arches.join(" ");
        let fields =
            [("Suite", SUITE), ("Codename", SUITE), ("Components", "main"), ("Architectures", &arches), ("Date", date.as_str())];
        let options = fields.iter().map(|(field, value)| format!("APT::FTPArchive::Release::{field}={value}"));
        let options: Vec<_> = options.chain(["APT::FTPArchive::DoByHash=1".to_owned()]).collect();
        let words = options.iter().flat_map(|option| ["-o", option]).chain(["release", "."]);
        // Not in the folder that it reads: it would list its own output.
        let release = run(&dists, "apt-ftparchive", &words.collect::<Vec<_>>())?;
        let more: Vec<_> = more.iter().map(|(field, value)| format!("{field}: {value}\n")).collect();
        fs_err::write(dists.join("Release"), more.concat() + &release)?;
        self.key.clear_sign(&format!("{}T000000!", day.replace('-', "")), &dists.join("Release"), &dists.join("InRelease"))
    }

    /// Serves the archive as it is now, and nothing of what was served before.
    pub fn serve(&self, server: &HttpServer) -> io::Result<()> {
        server.clear();
        for top in ["dists", "pool", "udebs"].into_iter().filter(|top| self.folder.join(top).exists()) {
            serve_folder(server, &self.folder.join(top), &format!("/{top}"))?;
        }
        Ok(())
    }
}

fn serve_folder(server: &HttpServer, folder: &Path, path: &str) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            serve_folder(server, &entry.path(), &path)?;
        } else {
            server.serve(&path, fs_err::read(entry.path())?);
        }
    }
    Ok(())
}

fn write_forms(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    fs_err::create_dir_all(folder)?;
    for form in [Compression::None, Compression::Gzip, Compression::Xz] {
        fs_err::write(folder.join(format!("{name}{}", form.suffix())), form.compress(content))?;
    }
    Ok(())
}

/// A day as Release files have it.
fn rfc_date(day: &str) -> io::Result<String> {
    let date = run(Path::new("/"), "date", &["--utc", "--date", day, "+%a, %d %b %Y %H:%M:%S UTC"])?;
    Ok(date.trim().to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the paths of tests are plain text")
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> io::Result<String> {
    #[expect(clippy::disallowed_types, reason = "test fixtures are made by real tools")]
    let mut command = std::process::Command::new(program);
    let output = command.args(arguments).env("LC_ALL", "C").current_dir(folder).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program} {}: {}: {said}", arguments.join(" "), output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_reads_and_believes_it() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::make(&folder.path().join("archive"), &["amd64", "arm64"]).unwrap();
        archive.add("Package: one\n\nPackage: two\nVersion: 2.1\nArchitecture: arm64\n\nPackage: gone\n");
        archive.add_source(&Dsc::new("one", "1.0"));
        archive.remove("gone").unwrap();
        archive.publish("2024-06-01").unwrap();
        let server = HttpServer::start();
        archive.serve(&server).unwrap();

        let apt = folder.path().join("apt");
        for name in ["state/lists/partial", "cache/archives/partial", "etc"] {
            fs_err::create_dir_all(apt.join(name)).unwrap();
        }
        fs_err::write(apt.join("state/status"), "").unwrap();
        let sources = format!("deb [signed-by={}] {} {SUITE} main\n", text(&archive.key.public), server.url());
        fs_err::write(apt.join("etc/sources.list"), sources).unwrap();
        let options = [
            format!("Dir::State={}", text(&apt.join("state"))),
            format!("Dir::State::status={}", text(&apt.join("state/status"))),
            format!("Dir::Cache={}", text(&apt.join("cache"))),
            format!("Dir::Etc={}", text(&apt.join("etc"))),
            "APT::Architecture=arm64".to_owned(),
            "APT::Architectures=arm64".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::By-Hash=force".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ];
        let options: Vec<&str> = options.iter().flat_map(|option| ["-o", option]).collect();
        run(Path::new("/"), "apt-get", &[&options[..], &["-eany", "update"]].concat()).unwrap();
        let names = run(Path::new("/"), "apt-cache", &[&options[..], &["pkgnames"]].concat()).unwrap();
        let mut names: Vec<_> = names.lines().collect();
        names.sort_unstable();
        assert_eq!(names, ["one", "two"]);
        assert!(server.paths().iter().any(|path| path.contains("/by-hash/")), "{:?}", server.paths());
    }
}
