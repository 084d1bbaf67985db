//! Another image of an image: with files of folders put on it, and a kickstart among them used by the boot loaders.
//!
//! The image is read by xorriso and not mounted, so that nobody needs to be root.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::boot_arguments::{boot_arguments, boot_file};
use super::error::IsoError;
use super::graft::GraftPoints;
use super::make::{blocking, remove_folder, written_volume_id};
use super::mkisofs;
use super::spec::VolumeSpec;
use super::tree::TreeFiles;
use crate::files::{copy_tree, partial_name};
use crate::tools::{Command, Runner};

const KICKSTART: &str = "ks.cfg";
/// The configurations of boot loaders; yaboot reads a backslash as the beginning of an escape.
const CONFIGURATIONS: [(&str, &str); 5] = [
    ("isolinux/isolinux.cfg", "\\x20"),
    ("etc/yaboot.conf", "\\\\x20"),
    ("ppc/ppc64/yaboot.conf", "\\\\x20"),
    ("EFI/BOOT/BOOTX64.conf", "\\x20"),
    ("EFI/BOOT/grub.cfg", "\\x20"),
];
/// The file system that EFI reads, in which the same configurations lie.
const EFI_IMAGE: &str = "images/efiboot.img";
/// What the tools make anew.
const REMADE: [&str; 3] = ["isolinux/boot.cat", "boot.cat", "boot.catalog"];
/// Where the check value of a medium, and whether its release is supported, stand in a volume.
const APPLICATION_USE: u64 = 16 * 2048 + 883;
const SUPPORTED: &str = "RHLISOSTATUS=1";

/// An image to make of another one.
#[derive(Debug, Clone)]
pub struct Patch {
    pub source: PathBuf,
    pub target: PathBuf,
    /// Folders whose files are put on the image, each over what was there before.
    pub folders: Vec<PathBuf>,
    /// None for what the source says.
    pub is_supported: Option<bool>,
    /// None for that of the source.
    pub volume_id: Option<String>,
    /// None for what the source says of itself.
    pub arch: Option<String>,
    /// A folder for the files of the image; what is in it is removed.
    pub work: PathBuf,
    /// In seconds since 1970.
    pub date: i64,
}

/// What was found out and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patched {
    pub volume_id: String,
    /// None where nothing says what machines it is for: then none starts from it.
    pub arch: Option<String>,
    pub is_supported: bool,
    pub bootable: bool,
}

/// Makes the image. It appears whole or not at all.
pub async fn patch(runner: &Runner, patch: &Patch) -> Result<Patched, IsoError> {
    let tree = patch.work.join("tree");
    let mut patched = {
        let (patch, tree) = (patch.clone(), tree.clone());
        blocking(move || begin(&patch, &tree)).await?
    };
    let source = Command::new("xorriso").args(["-no_rc", "-osirrox", "on", "-indev"]).arg(&patch.source);
    runner.run(&source.args(["-extract", "/"]).arg(&tree)).await?;
    let changed = {
        let (patch, tree, volume_id) = (patch.clone(), tree.clone(), patched.volume_id.clone());
        blocking(move || put_files(&patch, &tree, &volume_id)).await?
    };
    update_efi_image(runner, &tree, &changed).await?;
    patched.arch = patch.arch.clone().or_else(|| arch_of(&tree));
    let boots = |arch: &str| boot_file(arch).is_some_and(|file| tree.join(file).exists());
    patched.bootable = patched.arch.as_deref().is_some_and(boots);
    let partial = partial_name(&patch.target)?;
    let written = write(runner, patch, &patched, &tree, &partial).await;
    if written.is_err() {
        // The first error is the one to know.
        let _ = crate::files::remove_if_there(&partial);
    }
    written?;
    fs_err::rename(partial, &patch.target)?;
    Ok(patched)
}

fn begin(patch: &Patch, tree: &Path) -> Result<Patched, IsoError> {
    let volume_id = match &patch.volume_id {
        Some(id) => id.clone(),
        None => written_volume_id(&patch.source)?,
    };
    let is_supported = match patch.is_supported {
        Some(is_supported) => is_supported,
        None => says_supported(&patch.source)?,
    };
    remove_folder(tree)?;
    fs_err::create_dir_all(tree)?;
    Ok(Patched { volume_id, arch: None, is_supported, bootable: false })
}

/// Whether the check value of an image says that its release is supported.
fn says_supported(image: &Path) -> Result<bool, IsoError> {
    let mut file = fs_err::File::open(image)?;
    file.seek(SeekFrom::Start(APPLICATION_USE))?;
    let mut text = Vec::new();
    file.take(512).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).contains(SUPPORTED))
}

/// Puts the folders' files on the tree, and gives the configurations that were changed for a kickstart.
fn put_files(patch: &Patch, tree: &Path, volume_id: &str) -> Result<Vec<&'static str>, IsoError> {
    make_writable(tree)?;
    for folder in &patch.folders {
        let files = TreeFiles::read(folder)?;
        if let Some(file) = files.files.iter().find(|file| leads_away(tree, &file.path)) {
            return Err(IsoError::LeadsAway { path: file.path.clone() });
        }
        copy_tree(folder, tree, Path::new(""))?;
    }
    let has_kickstart = patch.folders.iter().any(|folder| folder.join(KICKSTART).is_file());
    let mut changed = Vec::new();
    for (path, space) in CONFIGURATIONS.into_iter().filter(|_| has_kickstart) {
        let file = tree.join(path);
        if !file.is_file() || leads_away(tree, path) || file.is_symlink() {
            continue;
        }
        let text = fs_err::read_to_string(&file)?;
        let patched = with_kickstart(&text, &volume_id.replace(' ', space));
        if patched != text {
            crate::files::write_whole(&file, patched.as_bytes())?;
            changed.push(path);
        }
    }
    Ok(changed)
}

/// Whether a folder on the way to a file is a link: an image may have links to anywhere.
fn leads_away(tree: &Path, path: &str) -> bool {
    Path::new(path).ancestors().skip(1).any(|folder| tree.join(folder).is_symlink())
}

/// Files of an image are read-only, their folders too.
fn make_writable(folder: &Path) -> std::io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o755))?;
        for entry in fs_err::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let mode = entry.metadata()?.permissions().mode();
                fs_err::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode | 0o200))?;
            }
        }
    }
    Ok(())
}

/// Where a boot loader is told the volume that the installer is on, it is also told the kickstart there. `label` is the volume id
/// with its spaces escaped.
fn with_kickstart(text: &str, label: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(position) = [":LABEL=", ":CDLABEL="].iter().filter_map(|mark| rest.find(mark)).min() {
        let value = position + rest[position..].find('=').unwrap_or_default() + 1;
        let end = rest[value..].find(|c: char| c.is_whitespace() || c == ':').map_or(rest.len(), |length| value + length);
        out.push_str(&rest[..value]);
        out.push_str(label);
        // A path on the volume may follow.
        let (path, after) = rest[end..].split_at(rest[end..].find(char::is_whitespace).unwrap_or(rest.len() - end));
        out.extend([path, " inst.ks=hd:LABEL=", label, ":/", KICKSTART]);
        rest = after;
    }
    out + rest
}

/// Puts changed configurations into the file system that EFI reads.
async fn update_efi_image(runner: &Runner, tree: &Path, changed: &[&str]) -> Result<(), IsoError> {
    let image = tree.join(EFI_IMAGE);
    let changed = changed.iter().filter(|path| path.starts_with("EFI/"));
    for path in changed.filter(|_| image.is_file()) {
        let command = Command::new("mcopy").args(["-o", "-i"]).arg(&image).arg(tree.join(path)).arg(format!("::/{path}"));
        runner.run(&command).await?;
    }
    Ok(())
}

/// What machines a tree is for, by its own words.
fn arch_of(tree: &Path) -> Option<String> {
    let read = |name: &str| fs_err::read_to_string(tree.join(name)).ok();
    let by_discinfo = || read(".discinfo")?.lines().nth(2).map(|line| line.trim().to_owned());
    let by_treeinfo = || {
        let text = read(".treeinfo")?;
        let key = |line: &str| Some(line.split_once('=').filter(|(key, _)| key.trim() == "arch")?.1.trim().to_owned());
        text.lines().find_map(key)
    };
    by_discinfo().filter(|arch| !arch.is_empty()).or_else(by_treeinfo)
}

async fn write(runner: &Runner, patch: &Patch, patched: &Patched, tree: &Path, partial: &Path) -> Result<(), IsoError> {
    let list = patch.work.join("graft-points");
    {
        let (tree, list) = (tree.to_owned(), list.clone());
        blocking(move || write_list(&tree, &list)).await?;
    }
    let spec = VolumeSpec {
        xorriso: false,
        iso_level: None,
        bootable: patched.bootable,
        hfs: true,
        breaks_hardlinks: false,
        jigdo: false,
    };
    let arch = patched.arch.as_deref().unwrap_or_default();
    let boot = if patched.bootable { boot_arguments(arch, false, None)? } else { Vec::new() };
    let name = partial.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = patch.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let run = |command: Command| async move { runner.run(&command.folder(folder)).await };
    let command = mkisofs::volume_command(mkisofs::Volume {
        spec: &spec,
        id: &patched.volume_id,
        arch,
        boot_arguments: &boot,
        list: &list,
        output: &name,
        date: patch.date,
    })?;
    run(command).await?;
    if patched.bootable && mkisofs::needs_isohybrid(arch) {
        run(mkisofs::isohybrid_command(arch, &name, patch.date)).await?;
    }
    run(mkisofs::implant_command(&name, patched.is_supported)).await?;
    Ok(())
}

fn write_list(tree: &Path, list: &Path) -> Result<(), IsoError> {
    let files = TreeFiles::read(tree)?;
    let mut graft = GraftPoints::default();
    for folder in &files.empty_folders {
        graft.add(folder.clone(), tree.join(folder));
    }
    for file in &files.files {
        let is_remade = REMADE.contains(&file.path.as_str()) || file.path.rsplit('/').next() == Some("TRANS.TBL");
        if !is_remade {
            graft.add(file.path.clone(), files.source(file));
        }
    }
    crate::files::write_whole(list, &graft.list())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_loaders_are_told_the_kickstart_behind_the_volume() {
        let text = "append initrd=initrd.img inst.stage2=hd:LABEL=Old\\x20One quiet\nlinux root=live:CDLABEL=Old:/x rd\nplain\n";
        let expected = "append initrd=initrd.img inst.stage2=hd:LABEL=N\\x20W inst.ks=hd:LABEL=N\\x20W:/ks.cfg quiet\n\
                        linux root=live:CDLABEL=N\\x20W:/x inst.ks=hd:LABEL=N\\x20W:/ks.cfg rd\nplain\n";
        assert_eq!(with_kickstart(text, "N\\x20W"), expected);
        assert_eq!(with_kickstart("linux :LABEL=", "A"), "linux :LABEL=A inst.ks=hd:LABEL=A:/ks.cfg");
    }
}
