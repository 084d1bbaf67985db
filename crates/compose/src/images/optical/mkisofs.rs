//! The command lines that write, finish and list volumes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::discs::Disc;
use super::error::IsoError;
use super::spec::VolumeSpec;
use crate::metadata::pungi_names::squeezed_volume_id;
use crate::tools::Command;

/// A volume to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Volume<'a> {
    pub spec: &'a VolumeSpec,
    pub id: &'a str,
    pub arch: &'a str,
    pub boot_arguments: &'a [OsString],
    /// The file with the list of graft points.
    pub list: &'a Path,
    /// A name in the folder that the command runs in.
    pub output: &'a str,
    pub date: i64,
}

/// genisoimage or xorrisofs over a list of graft points.
pub(super) fn volume_command(volume: Volume<'_>) -> Result<Command, IsoError> {
    let xorriso = volume.spec.xorriso;
    let mut command = Command::new(if xorriso { "xorrisofs" } else { "genisoimage" });
    if let Some(level) = volume.spec.iso_level {
        command = command.args(["-iso-level", &level.to_string()]);
    }
    command = command.args(["-untranslated-filenames", "-volid", &squeezed_volume_id(volume.id)?]).args([
        "-J",
        "-joliet-long",
        "-rational-rock",
    ]);
    if !xorriso {
        command = command.arg("-translation-table");
    }
    // Apple's file system knows another set of characters.
    if !volume.arch.starts_with("ppc") {
        command = command.args(["-input-charset", "utf-8"]);
    }
    let command = command.args(["-x", "./lost+found"]).args(volume.boot_arguments);
    let command = command.args(["-o", volume.output, "-graft-points", "-path-list"]).arg(volume.list);
    Ok(command.env("SOURCE_DATE_EPOCH", volume.date.to_string()))
}

/// xorriso taking over from another image how a machine starts. `script` holds [`replay_script`].
pub(super) fn replay_command(script: &Path, date: i64) -> Command {
    Command::new("xorriso").args(["-no_rc", "-options_from_file"]).arg(script).env("SOURCE_DATE_EPOCH", date.to_string())
}

/// xorriso's own commands: a copy of the image that boots, with the files of the disc on it.
pub(super) fn replay_script(disc: &Disc, output: &Path) -> Result<Vec<u8>, IsoError> {
    let mut script = Vec::new();
    let mut line = |words: &[&[u8]]| {
        let quoted: Vec<Vec<u8>> = words.iter().map(|word| quoted(word)).collect();
        script.extend(quoted.join(&b' '));
        script.push(b'\n');
    };
    line(&[b"-indev", disc.boot_iso.as_os_str().as_bytes()]);
    line(&[b"-outdev", output.as_os_str().as_bytes()]);
    line(&[b"-boot_image", b"any", b"replay"]);
    line(&[b"-joliet", b"on"]);
    line(&[b"-compliance", b"joliet_long_names"]);
    line(&[b"-volid", squeezed_volume_id(&disc.volume_id)?.as_bytes()]);
    for (path, file) in disc.graft.ordered() {
        line(&[b"-map", file.as_os_str().as_bytes(), format!("/{path}").as_bytes()]);
    }
    if disc.arch == "ppc64le" {
        // The firmware looks for names in lower case.
        line(&[b"-as", b"mkisofs", b"-U", b"--"]);
    }
    line(&[b"-end"]);
    Ok(script)
}

/// A word as xorriso reads it from a file: it joins quoted parts that touch.
fn quoted(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' => quoted.extend(b"'\"'\"'"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// Makes an image start from sticks too. Its mark is made of the date, where the tool would throw dice.
pub(super) fn isohybrid_command(arch: &str, image: &str, date: i64) -> Command {
    let uefi = (arch == "x86_64").then_some("--uefi");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any number will do")]
    let mark = (date as u32).max(1);
    Command::new("isohybrid").args(uefi).args(["--id", &format!("0x{mark:08x}")]).arg(image)
}

/// Whether sticks need more than discs do.
pub(super) fn needs_isohybrid(arch: &str) -> bool {
    matches!(arch, "x86_64" | "i386" | "i686")
}

pub(super) fn implant_command(image: &str, is_supported: bool) -> Command {
    Command::new("implantisomd5").args(is_supported.then_some("--supported-iso")).arg(image)
}

/// Makes the databases of a repository's metadata.
pub(super) fn databases_command(repository: &Path, checksum: &str) -> Command {
    let checksum = format!("--checksum={checksum}");
    Command::new("sqliterepo_c").args(["--quiet", "--force", "--compress-type=bz2", &checksum]).arg(repository)
}

pub(super) fn jigdo_command(image: &str, jigdo: &str, template: &str, tree: &Path) -> Command {
    // jigdo-file takes what stands after `//` for the path below a mirror.
    let mut tree = tree.as_os_str().to_owned();
    tree.push("//");
    let options = [format!("--image={image}"), format!("--jigdo={jigdo}"), format!("--template={template}")];
    Command::new("jigdo-file")
        .args(["make-template", "--force"])
        .args(options)
        .args(["--no-servers-section", "--report=noprogress"])
        .arg(tree)
}

/// Prints every path of a volume.
pub(super) fn listing_command(volume: &VolumeSpec, image: &str) -> Command {
    if volume.xorriso {
        Command::new("xorriso").args(["-no_rc", "-indev", image, "-find", "/"])
    } else {
        Command::new("isoinfo").args(["-R", "-f", "-i", image])
    }
}

/// A manifest: the paths of a volume but for what genisoimage makes for systems that know no long names.
pub(super) fn manifest(volume: &VolumeSpec, listing: &str) -> String {
    let unquoted = |line: &str| match line.strip_prefix('\'').and_then(|line| line.strip_suffix('\'')) {
        Some(quoted) if volume.xorriso => quoted.replace("'\"'\"'", "'"),
        _ => line.to_owned(),
    };
    let mut paths: Vec<String> = listing.lines().map(unquoted).collect();
    paths.retain(|path| path.len() > 1 && path.starts_with('/') && !path.ends_with("/TRANS.TBL"));
    paths.sort_unstable();
    paths.iter().fold(String::new(), |text, path| text + path + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(xorriso: bool) -> VolumeSpec {
        VolumeSpec { xorriso, iso_level: None, bootable: false, hfs: true, breaks_hardlinks: false, jigdo: false }
    }

    #[test]
    fn manifests_are_the_same_from_both_tools() {
        let expected = "/a\n/a/b\n/it's\n";
        assert_eq!(manifest(&volume(false), "/it's\n/a\n/TRANS.TBL\n/a/b\n/a/TRANS.TBL"), expected);
        assert_eq!(manifest(&volume(true), "'/'\n'/it'\"'\"'s'\n'/a'\n'/a/b'"), expected);
    }

    #[test]
    fn finishing_commands_are_lists_of_words() {
        let shown = |command: Command| command.to_string();
        assert_eq!(shown(isohybrid_command("x86_64", "a.iso", 1_767_225_600)), "isohybrid --uefi --id 0x6955b900 a.iso");
        assert_eq!(shown(isohybrid_command("i386", "a.iso", 0)), "isohybrid --id 0x00000001 a.iso");
        assert_eq!(shown(implant_command("a.iso", true)), "implantisomd5 --supported-iso a.iso");
        assert_eq!(
            shown(jigdo_command("a.iso", "a.iso.jigdo", "a.iso.template", Path::new("/t"))),
            "jigdo-file make-template --force --image=a.iso --jigdo=a.iso.jigdo --template=a.iso.template \
             --no-servers-section --report=noprogress /t//"
        );
    }
}
