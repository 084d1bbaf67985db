//! One stanza of a Sources index.

use crate::deb::binary::{file_path, read_number, read_sha256, required};
use crate::deb::control::Fields;
use crate::deb::relation::{clauses, is_package_name};
use crate::deb::version;
use crate::ecosystem::{OriginId, Source, SourceFile};
use crate::set::shard::Shard;
use crate::symbols::Symbol;
use crate::texts::Stanza;

/// Adds the stanza's source package to the shard, or says what is wrong with it.
pub(crate) fn read(shard: &mut Shard, stanza: Stanza<'_>, origin: OriginId) -> Result<(), String> {
    let (mut name, mut source_version, mut directory, mut binaries, mut checksums) = (None, None, None, None, None);
    for field in Fields::of(stanza.text) {
        let field = field?;
        let place = match field.name.to_ascii_lowercase().as_str() {
            "package" => &mut name,
            "version" => &mut source_version,
            "directory" => &mut directory,
            "binary" => &mut binaries,
            "checksums-sha256" => &mut checksums,
            _ => continue,
        };
        if place.replace(field.value).is_some() {
            return Err(format!("the field {} stands there twice", field.name));
        }
    }
    let name = required(name, "Package")?;
    let source_version = required(source_version, "Version")?;
    if !is_package_name(name) || !version::is_valid(source_version) {
        return Err(format!("`{} {}` is no source package", name.escape_debug(), source_version.escape_debug()));
    }
    let directory = match required(directory, "Directory")? {
        "." => "",
        directory => file_path(directory)?,
    };
    let files = required(checksums, "Checksums-Sha256")?.lines().map(read_file).collect::<Result<_, _>>()?;
    let binaries: Vec<Symbol> = clauses(binaries.unwrap_or("")).map(|binary| shard.symbols.intern(binary)).collect();
    shard.sources.push(Source {
        name: shard.symbols.intern(name),
        version: shard.symbols.intern(source_version),
        origin,
        binaries,
        directory: directory.to_owned(),
        files,
        stanza: stanza.span,
    });
    Ok(())
}

/// `sha256 size name`.
fn read_file(line: &str) -> Result<SourceFile, String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [sha256, size, name] = words[..] else {
        return Err(format!("in the field Checksums-Sha256, `{}` is no file", line.escape_debug()));
    };
    if name.contains('/') {
        return Err(format!("in the field Checksums-Sha256, `{}` is no file name", name.escape_debug()));
    }
    Ok(SourceFile {
        name: file_path(name)?.to_owned(),
        size: read_number(size, "Checksums-Sha256")?,
        sha256: read_sha256(sha256)?,
    })
}
