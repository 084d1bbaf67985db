//! One stanza of a Packages index.

use memchr::memchr;

use crate::deb::control::{Field, Fields};
use crate::deb::relation::{WrittenAtom, alternatives, clauses, has_alternatives, is_arch, is_package_name, read_atom};
use crate::deb::version;
use crate::ecosystem::{
    Atom, MultiArch, Operator, Package, Priority, Qualifier, Relation, RelationKind, RelationRange, Requirement,
};
use crate::set::shard::{Place, Shard, ShardProblem};
use crate::symbols::Symbols;
use crate::texts::{Stanza, number};

/// Reads the stanza's package and puts its relations into the shard, or says what is wrong with it and leaves the shard's
/// relations as they were.
pub(crate) fn read(shard: &mut Shard, stanza: Stanza<'_>, place: Place) -> Result<Package, String> {
    let written = Written::read(stanza.text)?;
    let first_relation = shard.relations.len();
    let package = add_relations(shard, stanza, &written).and_then(|relations| package(shard, stanza, &written, place, relations));
    if package.is_err() {
        shard.relations.truncate(first_relation);
    }
    package
}

const RELATION_KINDS: [RelationKind; 10] = [
    RelationKind::PreDepends,
    RelationKind::Depends,
    RelationKind::Recommends,
    RelationKind::Suggests,
    RelationKind::Enhances,
    RelationKind::Breaks,
    RelationKind::Conflicts,
    RelationKind::Provides,
    RelationKind::BuiltUsing,
    RelationKind::StaticBuiltUsing,
];

/// The fields that a package is made of, as the stanza has them.
#[derive(Debug, Default)]
struct Written<'t> {
    name: Option<&'t str>,
    version: Option<&'t str>,
    arch: Option<&'t str>,
    source: Option<&'t str>,
    section: Option<&'t str>,
    priority: Option<&'t str>,
    multi_arch: Option<&'t str>,
    essential: Option<&'t str>,
    protected: Option<&'t str>,
    important: Option<&'t str>,
    filename: Option<&'t str>,
    size: Option<&'t str>,
    installed_size: Option<&'t str>,
    sha256: Option<&'t str>,
    relations: [Option<&'t str>; RELATION_KINDS.len()],
}

impl<'t> Written<'t> {
    fn read(stanza: &'t str) -> Result<Written<'t>, String> {
        let mut written = Written::default();
        let mut other_names = OtherNames { names: [""; OtherNames::LIMIT], count: 0 };
        for field in Fields::of(stanza) {
            let Field { name, value } = field?;
            let is_second = match written.place(name) {
                Some(place) => place.replace(value).is_some(),
                None => other_names.insert(name)?,
            };
            if is_second {
                return Err(format!("the field {name} stands there twice"));
            }
        }
        Ok(written)
    }

    /// Where the field's value belongs. Looking at the length first leaves one or two names to compare.
    fn place(&mut self, name: &str) -> Option<&mut Option<&'t str>> {
        let is = |known: &str| name == known || name.eq_ignore_ascii_case(known);
        let place = match name.len() {
            4 if is("Size") => &mut self.size,
            6 if is("Source") => &mut self.source,
            6 if is("SHA256") => &mut self.sha256,
            6 if is("Breaks") => &mut self.relations[5],
            7 if is("Package") => &mut self.name,
            7 if is("Version") => &mut self.version,
            7 if is("Section") => &mut self.section,
            7 if is("Depends") => &mut self.relations[1],
            8 if is("Priority") => &mut self.priority,
            8 if is("Filename") => &mut self.filename,
            8 if is("Suggests") => &mut self.relations[3],
            8 if is("Enhances") => &mut self.relations[4],
            8 if is("Provides") => &mut self.relations[7],
            9 if is("Essential") => &mut self.essential,
            9 if is("Protected") => &mut self.protected,
            9 if is("Important") => &mut self.important,
            9 if is("Conflicts") => &mut self.relations[6],
            10 if is("Multi-Arch") => &mut self.multi_arch,
            10 if is("Recommends") => &mut self.relations[2],
            11 if is("Pre-Depends") => &mut self.relations[0],
            11 if is("Built-Using") => &mut self.relations[8],
            12 if is("Architecture") => &mut self.arch,
            14 if is("Installed-Size") => &mut self.installed_size,
            18 if is("Static-Built-Using") => &mut self.relations[9],
            _ => return None,
        };
        Some(place)
    }
}

/// The names of the fields so far that a package is not made of. On the stack, as there are such for each of a hundred
/// thousand stanzas.
#[derive(Debug)]
struct OtherNames<'t> {
    names: [&'t str; OtherNames::LIMIT],
    count: usize,
}

impl OtherNames<'_> {
    /// Debian's stanzas have a quarter of it.
    const LIMIT: usize = 32;
}

impl<'t> OtherNames<'t> {
    /// Whether the name was among them.
    fn insert(&mut self, name: &'t str) -> Result<bool, String> {
        if self.names[..self.count].iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Ok(true);
        }
        let Some(place) = self.names.get_mut(self.count) else {
            return Err(format!("the entry has more than {} fields that are not known", OtherNames::LIMIT));
        };
        *place = name;
        self.count += 1;
        Ok(false)
    }
}

fn package(
    shard: &mut Shard,
    stanza: Stanza<'_>,
    written: &Written<'_>,
    place: Place,
    relations: RelationRange,
) -> Result<Package, String> {
    let symbols = &mut shard.symbols;
    let filename = stanza.span_of(file_path(required(written.filename, "Filename")?)?);
    let name = required(written.name, "Package")?;
    if !is_package_name(name) {
        return Err(format!("`{}` is no package name", name.escape_debug()));
    }
    let package_version = required(written.version, "Version")?;
    if !version::is_valid(package_version) {
        return Err(format!("`{}` is no version", package_version.escape_debug()));
    }
    let arch = required(written.arch, "Architecture")?;
    if !is_arch(arch) {
        return Err(format!("`{}` is no architecture", arch.escape_debug()));
    }
    let (source, source_version) = match written.source {
        Some(source) => read_source(source, package_version)?,
        None => (name, package_version),
    };
    Ok(Package {
        name: symbols.intern(name),
        version: symbols.intern(package_version),
        arch: symbols.intern(arch),
        source: symbols.intern(source),
        source_version: symbols.intern(source_version),
        section: symbols.intern(written.section.unwrap_or("")),
        origin: place.origin,
        multi_arch: multi_arch(written.multi_arch, arch),
        priority: written.priority.map_or(Priority::Optional, |name| Priority::from_name(name).unwrap_or(Priority::Extra)),
        independent: arch == "all",
        essential: is_yes(written.essential),
        protected: is_yes(written.protected) || is_yes(written.important),
        arches: place.arches,
        size: read_number(required(written.size, "Size")?, "Size")?,
        installed_size: written.installed_size.map_or(Ok(0), |size| read_number(size, "Installed-Size"))?,
        sha256: read_sha256(required(written.sha256, "SHA256")?)?,
        stanza: stanza.span,
        filename,
        relations,
    })
}

/// `name` or `name (version)`; the version is the binary's own where it is not said.
fn read_source<'t>(text: &'t str, binary_version: &'t str) -> Result<(&'t str, &'t str), String> {
    let (name, version) = match memchr(b'(', text.as_bytes()) {
        Some(opening) => (text[..opening].trim_ascii(), text[opening + 1..].strip_suffix(')').map(str::trim_ascii)),
        None => (text, Some(binary_version)),
    };
    match version {
        Some(version) if is_package_name(name) && version::is_valid(version) => Ok((name, version)),
        _ => Err(format!("`{}` is no source package with its version", text.escape_debug())),
    }
}

/// As apt has it: a package for all arches cannot be `same`, and an unknown word is `no`.
fn multi_arch(word: Option<&str>, arch: &str) -> MultiArch {
    match word {
        Some("same") if arch != "all" => MultiArch::Same,
        Some("foreign") => MultiArch::Foreign,
        Some("allowed") => MultiArch::Allowed,
        _ => MultiArch::No,
    }
}

fn is_yes(word: Option<&str>) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case("yes"))
}

pub(super) fn required<'t>(value: Option<&'t str>, name: &str) -> Result<&'t str, String> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(format!("the field {name} is missing")),
    }
}

pub(super) fn read_number(text: &str, name: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("the field {name} is no number: `{}`", text.escape_debug()))
}

pub(super) fn read_sha256(text: &str) -> Result<[u8; 32], String> {
    let mut digest = [0; 32];
    let mut digits = 0;
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        let (high, low) = (HEXADECIMAL[usize::from(*high)], HEXADECIMAL[usize::from(*low)]);
        *byte = high << 4 | low;
        digits |= high | low;
    }
    let is_digest = pairs.len() == digest.len() && rest.is_empty() && digits < 16;
    if is_digest { Ok(digest) } else { Err(format!("`{}` is no SHA256", text.escape_debug())) }
}

/// The value of each byte as a digit; 16 and more for what is none.
const HEXADECIMAL: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut digit: u8 = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit as usize] as usize] = digit;
        values[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};

/// The path inside the archive, without a `./` before it. It cannot leave the archive's folder.
pub(super) fn file_path(text: &str) -> Result<&str, String> {
    let path = text.strip_prefix("./").unwrap_or(text);
    let bytes = path.as_bytes();
    let is_plain = !bytes.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\');
    let is_safe = is_plain && bytes.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."));
    if is_safe { Ok(path) } else { Err(format!("`{}` is no path inside the archive", text.escape_debug())) }
}

/// What a package needs must be understood; of its sources, an entry that is not is left out and reported, as Debian's own
/// indexes have such.
fn add_relations(shard: &mut Shard, stanza: Stanza<'_>, written: &Written<'_>) -> Result<RelationRange, String> {
    let start = number(shard.relations.len());
    for (kind, field) in RELATION_KINDS.into_iter().zip(written.relations) {
        for clause in clauses(field.unwrap_or("")) {
            let requirement = shard
                .requirement(clause, read_requirement)
                .and_then(|id| check_form(kind, shard.requirements.value(id), clause).map(|()| id))
                .map_err(|message| format!("in the field {kind}, {message}"));
            match requirement {
                Ok(requirement) => shard.relations.push(Relation { kind, requirement }),
                Err(message) if kind.is_source() => shard.problems.push(ShardProblem {
                    index: stanza.span.text,
                    offset: stanza.span.start as usize,
                    package: written.name.unwrap_or("").to_owned(),
                    message,
                }),
                Err(message) => return Err(message),
            }
        }
    }
    Ok(RelationRange { start, length: number(shard.relations.len()) - start })
}

fn read_requirement(symbols: &mut Symbols, clause: &str) -> Result<Requirement, String> {
    let mut intern = |written: WrittenAtom<'_>| {
        if written.arches.is_some() || written.profiles.is_some() {
            return Err(format!("`{clause}` has an arch list or a build profile, which only source packages have"));
        }
        Ok(Atom {
            name: symbols.intern(written.name),
            qualifier: match written.qualifier {
                None => Qualifier::Unqualified,
                Some("any") => Qualifier::Any,
                Some("native") => Qualifier::Native,
                Some(arch) => Qualifier::Arch(symbols.intern(arch)),
            },
            operator: written.operator,
            version: symbols.intern(written.version),
        })
    };
    if has_alternatives(clause) {
        let atoms: Result<_, String> = alternatives(clause).map(|written| intern(written?)).collect();
        Ok(Requirement::Any(atoms?))
    } else {
        Ok(Requirement::One(intern(read_atom(clause)?)?))
    }
}

fn check_form(kind: RelationKind, requirement: &Requirement, clause: &str) -> Result<(), String> {
    let operators: &[Operator] = match kind {
        RelationKind::BuiltUsing | RelationKind::StaticBuiltUsing => &[Operator::Equal],
        RelationKind::Provides => &[Operator::Always, Operator::Equal],
        _ => return Ok(()),
    };
    match requirement {
        Requirement::One(atom) if operators.contains(&atom.operator) => Ok(()),
        Requirement::One(_) => Err(format!("`{clause}` has no exact version")),
        Requirement::Any(_) => Err(format!("`{clause}` cannot have alternatives")),
    }
}
