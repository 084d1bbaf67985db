//! `[[images]]`: variants and arches that are there, names that differ, values that the image's kind can have.

use std::collections::BTreeMap;

use super::names;
use crate::config::problem::Report;
use crate::config::schema::images::{
    BootLoader, Bootc, Container, DataIso, Disk, DiskFilesystem, DiskFormat, Firmware, Image, ImageKind, Installer, Live, Ostree,
    RootFilesystem, TestFirmware, Wsl,
};
use crate::config::schema::{Document, Ecosystem};
use crate::config::source::Place;
use crate::config::suggest;
use crate::images::data_iso::SMALLEST_MEDIUM;
use crate::images::{BaseSet, bootc, live, ostree, wsl};
use crate::registry;

pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    // By variant, arch and name: the image's position.
    let mut seen = BTreeMap::new();
    for (position, image) in document.images.iter().enumerate() {
        let place = Place::of(&["images"]).item(position);
        check_name(image, &place, report);
        check_origin(image, document, &place, report);
        if report.is_damaged(&place.key("kind")) {
            continue;
        }
        check_possible(image, document, &place, report);
        check_boot_test(image, &place, report);
        match &image.kind {
            ImageKind::Container(container) => {
                check_container(container, &place, report);
                check_push(&container.push, document, &place, report);
            }
            ImageKind::Live(spec) => check_live(spec, &place, report),
            ImageKind::Wsl(spec) => check_wsl(spec, &place, report),
            ImageKind::Tar(_) | ImageKind::Squashfs(_) | ImageKind::Lxc(_) => {}
            ImageKind::Disk(spec) => {
                check_disk(spec, &place, report);
                check_backend(image, spec, &place, report);
                check_deployment(image, spec, document, &place, report);
            }
            ImageKind::Bootc(spec) => {
                check_bootc(spec, &place, report);
                check_encapsulation(image, spec, document, &place, report);
                check_push(&spec.push, document, &place, report);
            }
            ImageKind::Ostree(spec) => check_ostree(spec, &place, report),
            ImageKind::Installer(spec) => check_installer(image, spec, document, &place, report),
            ImageKind::DataIso(spec) => check_data_iso(image, spec, &place, report),
        }
        for arch in image.arches_in(document) {
            let key = (image.variant.as_str(), arch.as_str(), image.name());
            let Some(other) = seen.insert(key, position) else { continue };
            let line = report.line_of(&Place::of(&["images"]).item(other));
            let what = format!("`{}` of variant `{}` on `{arch}`", image.name(), image.variant);
            let hint = format!("the other one is on line {line}; give one of them another `name`");
            report.key(&place, format!("there are two images {what}"), hint);
            break;
        }
    }
}

fn check_name(image: &Image, place: &Place, report: &mut Report<'_>) {
    if let Some(name) = image.name.as_deref().filter(|name| !names::is_path_part(name)) {
        let hint = "it becomes part of file names: letters, digits, `.`, `_`, `+` and `-`";
        report.value(&place.key("name"), format!("`{}` cannot be the name of an image", name.escape_debug()), hint);
    }
}

/// The variant, its arches, and the packages.
fn check_origin(image: &Image, document: &Document, place: &Place, report: &mut Report<'_>) {
    let Some(variant) = document.variants.get(&image.variant) else {
        if !report.is_damaged(&Place::of(&["variants", &image.variant])) {
            let hint = suggest::hint(&image.variant, "variants", document.variants.keys().map(String::as_str));
            report.value(&place.key("variant"), format!("unknown variant `{}`", image.variant), hint);
        }
        return;
    };
    if let Some(arches) = &image.arches {
        names::check_arches_within(arches, &image.variant, &variant.arches, &place.key("arches"), report);
    }
    let packages = place.key("packages");
    names::check_seed_arches(&image.packages, &image.variant, &variant.arches, &packages, report);
    for (position, package) in image.packages.iter().enumerate() {
        check_package(&package.seed, document.ecosystem, &packages.item(position), report);
    }
    let has_none = match &image.kind {
        ImageKind::DataIso(_) | ImageKind::Installer(_) => true,
        ImageKind::Disk(disk) => disk.ostree.is_some() || disk.backend.is_some(),
        ImageKind::Bootc(bootc) => bootc.ostree.is_some(),
        _ => false,
    };
    if image.packages.is_empty() && !has_none && !report.is_damaged(&packages) {
        report.value(&packages, "an image needs packages", "name at least one to install");
    }
}

/// The image is one that starts, with what it is started with, and says something that can be looked for.
fn check_boot_test(image: &Image, place: &Place, report: &mut Report<'_>) {
    let Some(test) = &image.boot_test else { return };
    let (place, possible) = (place.key("boot-test"), image.kind.boot_firmware());
    if possible.is_empty() {
        let message = format!("{} images are not started by charmer", image.kind.name());
        return report.key(&place, message, "live images, installers and disks are");
    }
    if let ImageKind::Disk(disk) = &image.kind
        && disk.formats.iter().all(|format| *format == DiskFormat::RawXz)
    {
        report.key(&place, "a machine takes no compressed disk", "add a format such as `qcow2` or `raw`");
    }
    for (position, firmware) in test.firmware.iter().flatten().enumerate() {
        let needed = if *firmware == TestFirmware::SecureBoot { TestFirmware::Uefi } else { *firmware };
        if !possible.contains(&needed) {
            let message = format!("the image cannot be started with `{}`", firmware.name());
            let hint = format!("it is made for {}", suggest::list(possible.iter().map(|firmware| firmware.name())));
            report.value(&place.key("firmware").item(position), message, hint);
        }
    }
    if let Err(error) = regex::bytes::Regex::new(&test.until) {
        let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        report.value(&place.key("until"), format!("this is no regular expression: {reason}"), None);
    }
}

/// Images of this kind can be made for each of the image's arches.
fn check_possible(image: &Image, document: &Document, place: &Place, report: &mut Report<'_>) {
    let (here, variant) = (place.key("arches"), Place::of(&["variants", &image.variant, "arches"]));
    if report.is_damaged(&here) || report.is_damaged(&variant) {
        return;
    }
    let Some(possible) = image.kind.possible_arches() else { return };
    for (position, arch) in image.arches_in(document).iter().enumerate().filter(|(_, arch)| !possible.contains(&arch.as_str())) {
        let message = format!("{} images cannot be made for `{arch}`", image.kind.name());
        let list = suggest::list(possible.iter().copied());
        if image.arches.is_some() {
            report.value(&here.item(position), message, format!("they can be made for {list}"));
        } else {
            let hint =
                format!("variant `{}` has this arch; with `arches` the image is made for some only: {list}", image.variant);
            report.key(&place.key("kind"), message, hint);
        }
    }
}

/// A package by its name: an image holds what is named, so nothing here stands for several packages.
fn check_package(text: &str, ecosystem: Ecosystem, place: &Place, report: &mut Report<'_>) {
    let (name, arch) = text.split_once(':').map_or((text, None), |(name, arch)| (name, Some(arch)));
    let is_word_of_seeds = matches!((name, arch), ("essential", None) | ("priority" | "source", Some(_)));
    if is_word_of_seeds || !is_package_name(name) {
        let message = format!("`{}` is not the name of a package", text.escape_debug());
        report.value(
            place,
            message,
            "images are made of packages by name; globs, priorities and sources are for the seeds of variants",
        );
    } else {
        names::check_seed(text, ecosystem, place, report);
    }
}

fn is_package_name(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || ".+-".contains(character);
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.chars().all(allowed)
}

fn check_container(container: &Container, place: &Place, report: &mut Report<'_>) {
    for name in container.env.keys() {
        let is_sound = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
        if !is_sound {
            let message = format!("`{}` cannot be the name of an environment variable", name.escape_debug());
            report.key(&place.key("env").key(name), message, None);
        }
    }
    for name in container.labels.keys().filter(|name| name.is_empty()) {
        report.key(&place.key("labels").key(name), "a label has no name", None);
    }
    if let Some(user) = &container.user
        && !user.split(':').all(is_account)
    {
        let message = format!("`{}` is not a user", user.escape_debug());
        report.value(&place.key("user"), message, "a name or number, with `:GROUP` if need be");
    }
    if let Some(folder) = container.workdir.as_deref().filter(|folder| !folder.starts_with('/')) {
        report.value(&place.key("workdir"), format!("`{folder}` is not an absolute path"), None);
    }
}

/// Each place is one in a registry, with what stands for other text filled in.
fn check_push(places: &[String], document: &Document, place: &Place, report: &mut Report<'_>) {
    for (position, text) in places.iter().enumerate() {
        let filled =
            text.replace(registry::VERSION, &document.release.version).replace(registry::COMPOSE, "harbour-13.1-20260101.0");
        if let Err(error) = registry::parse_reference(&filled) {
            let message = format!("nothing can be pushed to `{}`", text.escape_debug());
            report.value(&place.key("push").item(position), message, error.to_string());
        }
    }
}

fn check_live(spec: &Live, place: &Place, report: &mut Report<'_>) {
    if let Some(url) = &spec.netboot_url {
        let place = place.key("netboot-url");
        // live-boot fetches by these.
        let is_url = ["http://", "https://", "ftp://"].iter().any(|start| url.len() > start.len() && url.starts_with(start));
        if !is_url || url.contains(|c: char| c.is_whitespace() || c.is_control() || "${}".contains(c)) {
            report.value(
                &place,
                format!("`{}` is not a URL", url.escape_debug()),
                "write where the folder will be, with `http://`",
            );
        } else if !spec.netboot {
            report.key(&place, "there are no files for the network", "set `netboot = true`");
        }
    }
    check_system(&spec.boot_parameters, spec.hostname.as_deref(), spec.root_password.as_deref(), place, report);
}

fn check_disk(spec: &Disk, place: &Place, report: &mut Report<'_>) {
    check_system(&spec.boot_parameters, spec.hostname.as_deref(), spec.root_password.as_deref(), place, report);
    for (position, format) in
        spec.formats.iter().enumerate().filter(|(position, format)| spec.formats[..*position].contains(format))
    {
        report.value(&place.key("formats").item(position), format!("`{}` is there twice", format.name()), None);
    }
    let bios = |firmware: &Vec<Firmware>| firmware.contains(&Firmware::Bios);
    if spec.boot_loader == BootLoader::SystemdBoot && spec.firmware.as_ref().is_some_and(bios) {
        report.value(
            &place.key("firmware"),
            "systemd-boot is started by UEFI alone",
            "leave `bios` out, or take `boot-loader = \"grub\"`",
        );
    }
}

/// How a started system presents itself.
fn check_system(
    boot_parameters: &[String],
    hostname: Option<&str>,
    root_password: Option<&str>,
    place: &Place,
    report: &mut Report<'_>,
) {
    for (position, parameter) in boot_parameters.iter().enumerate() {
        if !live::is_boot_parameter(parameter) {
            let message = format!("`{}` is not one boot parameter", parameter.escape_debug());
            let hint = format!("write each as a string of its own; {}", live::BOOT_PARAMETER_FORM);
            report.value(&place.key("boot-parameters").item(position), message, hint);
        }
    }
    if let Some(hostname) = hostname
        && !is_hostname(hostname)
    {
        let message = format!("`{}` cannot be a host name", hostname.escape_debug());
        report.value(&place.key("hostname"), message, "letters, digits and `-`, at most 63");
    }
    if let Some(password) = root_password
        && !is_password_hash(password)
    {
        let hint = "hash it, so that the image does not tell it to everybody: `mkpasswd` prints what to write here";
        report.value(&place.key("root-password"), "this is not the hash of a password", hint);
    }
}

/// A disk that another program makes has what that program's configuration says.
fn check_backend(image: &Image, spec: &Disk, place: &Place, report: &mut Report<'_>) {
    let Some(backend) = spec.backend else {
        if spec.configuration.is_some() {
            report.key(&place.key("configuration"), "no other program makes this disk", "say which: `backend`");
        }
        return;
    };
    if spec.configuration.is_none() {
        let hint = format!("set `configuration` to the folder with {}'s `{}`", backend.name(), backend.configuration_files()[0]);
        report.key(&place.key("backend"), format!("{} needs a configuration of its own", backend.name()), hint);
    }
    let not_ours = [
        ("base", image.base != BaseSet::default()),
        ("ostree", spec.ostree.is_some()),
        ("size", spec.size.is_some()),
        ("filesystem", spec.filesystem != DiskFilesystem::default()),
        ("boot-loader", spec.boot_loader != BootLoader::default()),
        ("boot-parameters", !spec.boot_parameters.is_empty()),
        ("hostname", spec.hostname.is_some()),
        ("cloud-init", spec.cloud_init),
        ("root-password", spec.root_password.is_some()),
    ];
    for (key, _) in not_ours.iter().filter(|(_, is_there)| *is_there) {
        let message = format!("a disk that {} makes has none of charmer's", backend.name());
        report.key(&place.key(key), message, format!("write it in {}'s configuration", backend.name()));
    }
}

fn check_deployment(image: &Image, spec: &Disk, document: &Document, place: &Place, report: &mut Report<'_>) {
    if let Some(url) = &spec.ostree_url {
        let is_url = ["http://", "https://"].iter().any(|start| url.len() > start.len() && url.starts_with(start));
        if !is_url || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            report.value(&place.key("ostree-url"), format!("`{}` is not a URL", url.escape_debug()), None);
        } else if spec.ostree.is_none() {
            report.key(
                &place.key("ostree-url"),
                "only a disk of an OSTree commit updates from a repository of commits",
                "say which: `ostree`",
            );
        }
    }
    let Some(name) = &spec.ostree else { return };
    check_made_of_commit(image, name, document, place, report);
    if spec.boot_loader != BootLoader::Grub {
        report.value(&place.key("boot-loader"), "OSTree's menu is read by GRUB alone", None);
    }
    if spec.filesystem != DiskFilesystem::Ext4 {
        report.value(&place.key("filesystem"), "a disk of an OSTree commit has ext4", None);
    }
}

fn check_encapsulation(image: &Image, spec: &Bootc, document: &Document, place: &Place, report: &mut Report<'_>) {
    let Some(name) = &spec.ostree else { return };
    check_made_of_commit(image, name, document, place, report);
    let of_files = [
        ("kernel-arguments", !spec.kernel_arguments.is_empty()),
        ("root-filesystem", spec.root_filesystem != RootFilesystem::default()),
    ];
    for (key, _) in of_files.iter().filter(|(_, is_there)| *is_there) {
        let hint = "leave it out, or make the container of packages";
        report.key(&place.key(key), "it would be a file in the container, which has those of its commit alone", hint);
    }
}

/// The commit that an image is made of is there, and the image has nothing that would have to be in it.
fn check_made_of_commit(image: &Image, name: &str, document: &Document, place: &Place, report: &mut Report<'_>) {
    let is_it = |other: &&Image| {
        let arches = other.arches_in(document);
        matches!(other.kind, ImageKind::Ostree(_))
            && other.variant == image.variant
            && other.name() == name
            && image.arches_in(document).iter().all(|arch| arches.contains(arch))
    };
    if !document.images.iter().any(|other| is_it(&other)) {
        let message = format!(
            "variant `{}` has no image `{}` of kind `ostree` for all arches of this one",
            image.variant,
            name.escape_debug()
        );
        report.value(
            &place.key("ostree"),
            message,
            "the commit is an image of its own: its `name`, or `ostree` where it has none",
        );
    }
    let from_commit = "an image of an OSTree commit has what the commit has";
    for (key, is_there) in [("packages", !image.packages.is_empty()), ("base", image.base != BaseSet::default())] {
        if is_there {
            report.key(&place.key(key), from_commit, "write it at the commit");
        }
    }
}

/// It holds the variant's packages, and installs none.
fn check_wsl(spec: &Wsl, place: &Place, report: &mut Report<'_>) {
    if let Some(name) = spec.distribution.as_deref().filter(|name| !wsl::is_distribution_name(name)) {
        let message = format!("`{}` cannot be the name of a distribution", name.escape_debug());
        report.value(&place.key("distribution"), message, "letters, digits, `.`, `_` and `-` are expected");
    }
    if let Some(user) = spec.user.as_deref().filter(|user| !is_account(user)) {
        report.value(
            &place.key("user"),
            format!("`{}` is not a user", user.escape_debug()),
            "the name of an account is expected",
        );
    }
    let is_program = |path: &&str| path.starts_with('/') && wsl::is_plain_value(path);
    if let Some(path) = spec.first_run.as_deref().filter(|path| !is_program(path)) {
        let message = format!("`{}` is not the path of a program", path.escape_debug());
        report.value(
            &place.key("first-run"),
            message,
            "an absolute path in the distribution, without blanks or quotes, is expected",
        );
    }
}

fn check_bootc(spec: &Bootc, place: &Place, report: &mut Report<'_>) {
    for (position, argument) in
        spec.kernel_arguments.iter().enumerate().filter(|(_, argument)| !bootc::is_kernel_argument(argument))
    {
        let message = format!("`{}` is not one kernel argument", argument.escape_debug());
        report.value(
            &place.key("kernel-arguments").item(position),
            message,
            "write each as a string of its own, without quotes in it",
        );
    }
    for name in spec.labels.keys().filter(|name| name.is_empty()) {
        report.key(&place.key("labels").key(name), "a label has no name", None);
    }
}

fn check_ostree(spec: &Ostree, place: &Place, report: &mut Report<'_>) {
    if let Some(name) = spec.reference.as_deref().filter(|name| !ostree::is_ref(&name.replace("{arch}", "arch"))) {
        let message = format!("`{}` cannot be the name of a branch", name.escape_debug());
        report.value(&place.key("ref"), message, "words of letters, digits, `.`, `_` and `-` with `/` between them are expected");
    }
    let is_version = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+~".contains(c));
    if let Some(version) = spec.version.as_deref().filter(|version| !is_version(version)) {
        let message = format!("`{}` cannot be a version", version.escape_debug());
        report.value(&place.key("version"), message, "letters, digits, `.`, `_`, `-`, `+` and `~` are expected");
    }
}

fn check_data_iso(image: &Image, spec: &DataIso, place: &Place, report: &mut Report<'_>) {
    let nothing_installed = "a data ISO holds the packages of its variant, and nothing is installed on it";
    if !image.packages.is_empty() {
        report.key(&place.key("packages"), nothing_installed, "what is on it are the variant's `seeds`");
    }
    if image.base != BaseSet::default() {
        report.key(&place.key("base"), nothing_installed, None);
    }
    if let Some(size) = spec.media_size.filter(|size| size.bytes() < SMALLEST_MEDIUM) {
        let hint = "a CD holds 700 MB, a DVD 4700 MB";
        report.value(&place.key("media-size"), format!("media of {size} are too small"), hint);
    }
    if let Some(url) = &spec.jigdo_url {
        let is_url = url.split_once("://").is_some_and(|(scheme, rest)| {
            ["http", "https", "ftp"].contains(&scheme) && !rest.is_empty() && !rest.starts_with('/')
        });
        if !is_url || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let hint = "write where the variant's repository will be, such as `https://example.org/13/Server/repository/`";
            report.value(&place.key("jigdo-url"), format!("`{}` is not a URL", url.escape_debug()), hint);
        } else if url.contains('@') {
            let hint = "it stands in a file that everybody can read";
            report.value(&place.key("jigdo-url"), "the URL has a login in it", hint);
        }
    }
}

fn check_installer(image: &Image, spec: &Installer, document: &Document, place: &Place, report: &mut Report<'_>) {
    check_system(&spec.boot_parameters, None, None, place, report);
    if image.base != BaseSet::default() {
        report.key(&place.key("base"), "debian-installer chooses what it installs first", None);
    }
    for (position, word) in spec.udebs.iter().flatten().enumerate() {
        if !is_package_name(&word.replace(['*', '?'], "x")) {
            let message = format!("`{}` is not the name of a udeb", word.escape_debug());
            report.value(&place.key("udebs").item(position), message, "`*` stands for any characters");
        }
    }
    if let Some(name) = spec.netboot.as_deref().filter(|name| !is_package_name(name)) {
        report.value(&place.key("netboot"), format!("`{}` is not the name of a package", name.escape_debug()), None);
    }
    if document.signing.is_none() {
        let hint = "with `[signing]` its key is put into the installer";
        report.key(&place.key("kind"), "an installer installs from a signed repository", hint);
    }
    let is_other = |other: &&Image| matches!(other.kind, ImageKind::Installer(_)) && other.variant == image.variant;
    let arches = image.arches_in(document);
    let shares = |other: &&Image| other.arches_in(document).iter().any(|arch| arches.contains(arch));
    if document.images.iter().filter(is_other).filter(shares).count() > 1 {
        let hint = "its udebs are the variant's: make a variant for the other one";
        report.key(&place.key("kind"), format!("variant `{}` has two installers for an arch", image.variant), hint);
    }
}

/// As crypt(5) has them: `$method$...`.
fn is_password_hash(text: &str) -> bool {
    let allowed = |character: char| character.is_ascii_graphic() && !":;*!\\".contains(character);
    text.starts_with('$') && text.matches('$').count() >= 3 && text.chars().all(allowed)
}

fn is_account(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "_-".contains(character);
    !name.is_empty() && name.len() <= 32 && !name.starts_with('-') && name.chars().all(allowed)
}

fn is_hostname(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '-';
    (1..=63).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}
