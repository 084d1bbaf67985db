//! The Debian mirror that this machine's own apt sources name, as apt reads them.

/// The mirror's URL without a slash at its end; `None` if there is no such mirror.
pub fn host_mirror() -> Option<String> {
    #[expect(clippy::disallowed_types, reason = "apt is asked, so that charmer's own reading of its sources is not trusted here")]
    let mut command = std::process::Command::new("apt-get");
    let output = command.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut urls = text.lines().map(|url| url.trim_end_matches('/'));
    urls.find(|url| url.ends_with("/debian")).map(str::to_owned)
}
