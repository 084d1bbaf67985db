//! jigdo: a disc as a list of the packages on it and a template of the rest, so that people fetch packages from any mirror.

use std::path::Path;

use crate::tools::Command;

const FILE_NAME: &str = "Filename=";
const TEMPLATE: &str = "Template=";

/// Describes an image by the package files of the folder that it was made from. `label` stands for the repository at `url`.
pub(super) fn command(image: &Path, jigdo: &Path, template: &Path, folder: &Path, label: &str, url: &str) -> Command {
    let option = |name: &str, path: &Path| {
        let mut text = std::ffi::OsString::from(name);
        text.push(path);
        text
    };
    // jigdo-file takes what stands behind `//` for the path below the label.
    let mut pool = folder.as_os_str().to_owned();
    pool.push("//pool");
    Command::new("jigdo-file")
        .args(["make-template", "--force", "--report=noprogress", "--no-cache", "--checksum-algorithm=sha256"])
        .args([option("--image=", image), option("--jigdo=", jigdo), option("--template=", template)])
        .arg("--label")
        .arg(option(&format!("{label}="), folder))
        .arg("--uri")
        .arg(format!("{label}={}/", url.trim_end_matches('/')))
        .arg(pool)
}

/// The description of an image that has got another name, with a template of another name.
pub(crate) fn with_names(jigdo: &str, image: &str, template: &str) -> String {
    let renamed = |line: &str| {
        if line.starts_with(FILE_NAME) {
            return format!("{FILE_NAME}{image}\n");
        }
        if line.starts_with(TEMPLATE) {
            return format!("{TEMPLATE}{template}\n");
        }
        format!("{line}\n")
    };
    jigdo.lines().map(renamed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_place_of_packages() {
        let [image, jigdo, template] = ["/w/disc1.iso", "/w/disc1.jigdo", "/w/disc1.template"].map(Path::new);
        let command = command(image, jigdo, template, Path::new("/w/disc1"), "Server", "https://example.org/repository/");
        assert_eq!(
            command.to_string(),
            "jigdo-file make-template --force --report=noprogress --no-cache --checksum-algorithm=sha256 --image=/w/disc1.iso \
             --jigdo=/w/disc1.jigdo --template=/w/disc1.template --label Server=/w/disc1 \
             --uri Server=https://example.org/repository/ /w/disc1//pool"
        );
    }

    #[test]
    fn an_image_can_get_another_name() {
        let text = "[Image]\nFilename=disc1.iso\nTemplate=disc1.template\nTemplate-SHA256Sum=x\n[Parts]\na=Server:pool/a.deb\n";
        assert_eq!(
            with_names(text, "b.iso", "b.template"),
            "[Image]\nFilename=b.iso\nTemplate=b.template\nTemplate-SHA256Sum=x\n[Parts]\na=Server:pool/a.deb\n"
        );
    }
}
