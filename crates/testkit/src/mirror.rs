//! Repositories of real Debian packages, taken from the mirror that this machine's own apt sources name.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The suite that is taken, which need not be the machine's own.
pub const SUITE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A folder for repositories and a throw-away key that signs them.
#[derive(Debug)]
pub struct Mirror {
    folder: PathBuf,
    /// The public key.
    pub keyring: PathBuf,
}

impl Mirror {
    /// Reads the mirror's index; `None` if this machine has no Debian mirror in its apt sources.
    pub fn open(folder: &Path) -> io::Result<Option<Self>> {
        let targets = run("apt-get", &["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], &[])?;
        let Some(url) = targets.lines().find(|url| url.trim_end_matches('/').ends_with("/debian")) else { return Ok(None) };
        for name in ["apt/lists/partial", "apt/cache/archives/partial", "apt/etc"] {
            fs_err::create_dir_all(folder.join(name))?;
        }
        fs_err::write(folder.join("apt/status"), "")?;
        fs_err::write(folder.join("apt/etc/sources.list"), format!("deb [signed-by={KEYRING}] {url} {SUITE} main\n"))?;
        let mirror = Self { folder: folder.to_owned(), keyring: folder.join("key.gpg") };
        fs_err::write(folder.join("apt/conf"), mirror.apt_configuration())?;
        mirror.apt(&["update"])?;
        mirror.make_key()?;
        Ok(Some(mirror))
    }

    /// Takes the packages with what they need into a signed repository, without those that `others` have.
    pub fn repository(&self, name: &str, packages: &[&str], others: &[&Path]) -> io::Result<PathBuf> {
        let repository = self.folder.join(name);
        fs_err::create_dir_all(repository.join("pool"))?;
        let mut arguments = vec!["install", "--yes", "--download-only"];
        arguments.extend(packages);
        self.apt(&arguments)?;
        for entry in fs_err::read_dir(self.folder.join("apt/cache/archives"))? {
            let entry = entry?;
            let known = others.iter().any(|other| other.join("pool").join(entry.file_name()).exists());
            if entry.path().extension().is_some_and(|extension| extension == "deb") && !known {
                fs_err::hard_link(entry.path(), repository.join("pool").join(entry.file_name()))?;
            }
        }
        self.index(&repository)?;
        Ok(repository)
    }

    fn index(&self, repository: &Path) -> io::Result<()> {
        let dists = repository.join("dists").join(SUITE);
        fs_err::create_dir_all(dists.join("main/binary-amd64"))?;
        let packages = run_in(repository, "apt-ftparchive", &["packages", "pool"], &[])?;
        fs_err::write(dists.join("main/binary-amd64/Packages"), packages)?;
        let fields = [("Suite", SUITE), ("Codename", SUITE), ("Components", "main"), ("Architectures", "amd64")];
        let mut arguments = Vec::new();
        for (field, value) in fields {
            arguments.extend(["-o".to_owned(), format!("APT::FTPArchive::Release::{field}={value}")]);
        }
        arguments.extend(["release".to_owned(), ".".to_owned()]);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let release = run_in(&dists, "apt-ftparchive", &arguments, &[])?;
        fs_err::write(dists.join("Release"), release)?;
        self.gpg(&["--clearsign", "--output", &text(&dists.join("InRelease")), &text(&dists.join("Release"))])
    }

    fn make_key(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let home = self.folder.join("gnupg");
        fs_err::create_dir(&home)?;
        fs_err::set_permissions(&home, std::fs::Permissions::from_mode(0o700))?;
        self.gpg(&["--passphrase", "", "--quick-generate-key", "Test <test@example.org>", "ed25519", "sign", "never"])?;
        self.gpg(&["--output", &text(&self.keyring), "--export"])
    }

    fn gpg(&self, arguments: &[&str]) -> io::Result<()> {
        let home = text(&self.folder.join("gnupg"));
        let mut all = vec!["--homedir", &home, "--batch", "--quiet", "--yes"];
        all.extend(arguments);
        run("gpg", &all, &[]).map(|_| ())
    }

    fn apt(&self, arguments: &[&str]) -> io::Result<()> {
        let configuration = text(&self.folder.join("apt/conf"));
        run("apt-get", arguments, &[("APT_CONFIG", &configuration)]).map(|_| ())
    }

    fn apt_configuration(&self) -> String {
        let apt = text(&self.folder.join("apt"));
        format!(
            "Dir::State \"{apt}\";\nDir::State::status \"{apt}/status\";\nDir::Cache \"{apt}/cache\";\nDir::Etc \"{apt}/etc\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\nAPT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
             APT::Install-Recommends \"0\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nDebug::NoLocking \"1\";\n"
        )
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let home = text(&self.folder.join("gnupg"));
        // The agent that gpg started; it ends by itself too, when its folder goes.
        let _ = run("gpgconf", &["--homedir", &home, "--kill", "gpg-agent"], &[]);
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("the paths of tests are plain text").to_owned()
}

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> io::Result<String> {
    run_in(Path::new("/"), program, arguments, environment)
}

fn run_in(folder: &Path, program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> io::Result<String> {
    #[expect(clippy::disallowed_types, reason = "test fixtures are made by real tools")]
    let mut command = std::process::Command::new(program);
    let output = command.args(arguments).envs(environment.iter().copied()).current_dir(folder).output()?;
    let Output { status, stdout, stderr } = output;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(io::Error::other(format!("{program} {}: {status}: {}", arguments.join(" "), String::from_utf8_lossy(&stderr))))
}
