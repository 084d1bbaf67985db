//! A live system over the network: kernel, initrd and squashfs as files for an HTTP server, with a script by which iPXE starts them.
//! iPXE's documentation, "Scripting" and the setting `cwduri`; live-boot(7), `fetch`.

use std::path::Path;

use serde::Serialize;

use super::live::{INITRD, KERNEL, LiveSpec, SQUASHFS};
use super::tree::remove_folder;
use super::{ImageError, RequiredProgram, Rootfs, program};
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] = &[program("tar", "tar")];

/// What files for the network are made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Netboot {
    /// Where the folder is published, for an iPXE that does not know where its script lies.
    pub url: Option<String>,
}

/// What firmware or a DHCP server names to iPXE.
const SCRIPT: &str = "boot.ipxe";
/// The files beside it, as the script names them.
const NAMES: [(&str, &str); 3] = [("vmlinuz", KERNEL), ("initrd.img", INITRD), ("filesystem.squashfs", SQUASHFS)];

/// Writes an archive of the files to `output`, taking them from a live system's medium.
pub(super) async fn build(
    runner: &Runner,
    (spec, netboot): (&LiveSpec, &Netboot),
    rootfs: &Rootfs,
    medium: &Path,
    work: &Path,
    output: &Path,
) -> Result<(), ImageError> {
    let folder = work.join("netboot");
    fs_err::create_dir(&folder)?;
    for (name, file) in NAMES {
        fs_err::hard_link(medium.join(file), folder.join(name))?;
    }
    fs_err::write(folder.join(SCRIPT), spec.ipxe_script(netboot))?;
    let pack = Command::new("tar")
        .args(["--create", "--format=gnu", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=a=rX,u+w"])
        .args([&format!("--mtime=@{}", rootfs.epoch), "--file"])
        .arg(output)
        .arg("--directory")
        .arg(&folder)
        .args(NAMES.map(|(name, _)| name))
        .arg(SCRIPT);
    runner.run(&pack).await?;
    remove_folder(folder).await
}

impl LiveSpec {
    /// The files are looked for where the script says that it lies, which iPXE knows since 2024; before, or where somebody wants it
    /// otherwise, `base` is set by who starts it, or by the configuration.
    fn ipxe_script(&self, netboot: &Netboot) -> String {
        let parameters = [&["console=ttyS0,115200 console=tty0".to_owned()], self.boot_parameters.as_slice()].concat().join(" ");
        let title: String = self.title.chars().filter(|c| c.is_alphanumeric() || " ._-".contains(*c)).collect();
        let known = netboot.url.as_ref().map(|url| format!("isset ${{base}} || set base {}/\n", url.trim_end_matches('/')));
        format!(
            "#!ipxe\necho {title}\nisset ${{base}} || set base ${{cwduri}}\n{}isset ${{base}} || goto unknown\n\
             kernel ${{base}}vmlinuz initrd=initrd.img boot=live fetch=${{base}}filesystem.squashfs {parameters}\n\
             initrd ${{base}}initrd.img\nboot\n\n:unknown\n\
             echo This iPXE does not know where its script lies. Set base to the URL of the folder, with a slash at its end, and chain again.\n\
             exit 1\n",
            known.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Overlay;
    use super::*;

    #[test]
    fn the_script_finds_its_neighbours_and_quotes_nothing() {
        let spec = LiveSpec {
            title: "Harbour's ${x} 13.1".into(),
            volume_id: "X".into(),
            boot_parameters: vec!["quiet".into()],
            persistence: false,
            calamares: false,
            netboot: None,
            zsync: false,
            overlay: Overlay::default(),
        };
        let script = spec.ipxe_script(&Netboot { url: None });
        assert!(script.starts_with("#!ipxe\necho Harbours x 13.1\nisset ${base} || set base ${cwduri}\nisset "), "{script}");
        assert!(script.contains(" fetch=${base}filesystem.squashfs console=ttyS0,115200 console=tty0 quiet\n"), "{script}");
        let known = spec.ipxe_script(&Netboot { url: Some("http://download.example.org/live/".into()) });
        assert!(known.contains("\nisset ${base} || set base http://download.example.org/live/\n"), "{known}");
    }
}
