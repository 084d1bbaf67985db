//! Packages and Sources indexes, read by several threads into one set.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use memchr::memmem;

use crate::deb::control::{Fields, stanzas};
use crate::deb::{binary, source};
use crate::ecosystem::{ArchSet, Ecosystem, IndexError, IndexFile, IndexKind, IndexProblem, OriginId, Span};
use crate::set::{Index, PackageSet, Shard, ShardProblem, number};

/// All of Debian's nine arches are 0.6 GB. What is interned from this much text has less than 4 GiB.
const TEXT_LIMIT: u64 = 1 << 30;
const FILE_LIMIT: usize = u16::MAX as usize;
/// Less text than this is not worth a thread.
const TEXT_PER_THREAD: usize = 1 << 20;
const THREAD_LIMIT: usize = 8;

pub(crate) fn read(
    ecosystem: &'static dyn Ecosystem,
    files: Vec<IndexFile>,
) -> Result<(PackageSet, Vec<IndexProblem>), IndexError> {
    let arches = arches_of(&files);
    check_limits(&files, &arches)?;
    let targets: Vec<Target> = files.iter().map(|file| Target::of(&file.kind, &arches)).collect();
    let mut origins = Vec::with_capacity(files.len());
    let mut indexes = Vec::with_capacity(files.len());
    for file in files {
        origins.push(file.origin);
        indexes.push(Index { name: file.name, text: end_last_line(file.text) });
    }
    let shards = read_shards(&indexes, &targets);
    Ok(PackageSet::assemble(ecosystem, indexes, origins, arches, shards))
}

fn arches_of(files: &[IndexFile]) -> Vec<String> {
    let mut arches = Vec::new();
    for file in files {
        if let IndexKind::Binaries { arch } = &file.kind
            && !arches.contains(arch)
        {
            arches.push(arch.clone());
        }
    }
    arches
}

fn check_limits(files: &[IndexFile], arches: &[String]) -> Result<(), IndexError> {
    let bytes = files.iter().map(|file| file.text.len() as u64).sum();
    if bytes > TEXT_LIMIT {
        return Err(IndexError::TooLarge { bytes, limit: TEXT_LIMIT });
    }
    if files.len() > FILE_LIMIT {
        return Err(IndexError::TooManyFiles { count: files.len(), limit: FILE_LIMIT });
    }
    if arches.len() > ArchSet::CAPACITY {
        return Err(IndexError::TooManyArches { count: arches.len(), limit: ArchSet::CAPACITY });
    }
    Ok(())
}

/// So that the last stanza ends as all others do.
fn end_last_line(mut text: Vec<u8>) -> Vec<u8> {
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    text
}

/// What the stanzas of an index are.
#[derive(Debug, Clone, Copy)]
enum Target {
    Binaries(ArchSet),
    Sources,
}

impl Target {
    fn of(kind: &IndexKind, arches: &[String]) -> Target {
        match kind {
            IndexKind::Binaries { arch } => {
                let index = arches.iter().position(|known| known == arch);
                Target::Binaries(index.map_or(ArchSet::default(), ArchSet::only))
            }
            IndexKind::Sources => Target::Sources,
        }
    }
}

/// A part of an index, from the start of a stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    index: usize,
    range: Range<usize>,
}

fn read_shards(indexes: &[Index], targets: &[Target]) -> Vec<Shard> {
    let bytes: usize = indexes.iter().map(|index| index.text.len()).sum();
    let available = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = available.min(THREAD_LIMIT).min(bytes / TEXT_PER_THREAD).max(1);
    let shares = share_out(indexes, threads);
    thread::scope(|scope| {
        let readers: Vec<_> =
            shares.into_iter().map(|pieces| scope.spawn(move || read_pieces(&pieces, indexes, targets))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Cuts the indexes, one after the other, into shares of about the same size, at the borders of stanzas.
fn share_out(indexes: &[Index], shares: usize) -> Vec<Vec<Piece>> {
    let bytes: usize = indexes.iter().map(|index| index.text.len()).sum();
    let share = bytes.div_ceil(shares).max(1);
    let mut pieces = vec![Vec::new()];
    let mut room = share;
    for (index, Index { text, .. }) in indexes.iter().enumerate() {
        let mut start = 0;
        while start < text.len() {
            let end = border_after(text, start + room);
            if let Some(last) = pieces.last_mut() {
                last.push(Piece { index, range: start..end });
            }
            room = room.saturating_sub(end - start);
            if room == 0 {
                pieces.push(Vec::new());
                room = share;
            }
            start = end;
        }
    }
    pieces.retain(|share| !share.is_empty());
    pieces
}

/// The first place from here on where a stanza may start.
fn border_after(text: &[u8], position: usize) -> usize {
    if position >= text.len() {
        return text.len();
    }
    memmem::find(&text[position..], b"\n\n").map_or(text.len(), |found| position + found + 2)
}

fn read_pieces(pieces: &[Piece], indexes: &[Index], targets: &[Target]) -> Shard {
    let mut shard = Shard::default();
    for Piece { index, range } in pieces {
        let id = u16::try_from(*index).expect("the number of files is limited");
        for (start, stanza) in stanzas(&indexes[*index].text[range.clone()]) {
            let offset = range.start + start;
            let span = Span { text: id, start: number(offset), length: number(stanza.len()) };
            if let Err(message) = read_stanza(&mut shard, targets[*index], OriginId(id), stanza, span) {
                shard.problems.push(ShardProblem { index: id, offset, package: name_of(stanza), message });
            }
        }
    }
    shard
}

fn read_stanza(shard: &mut Shard, target: Target, origin: OriginId, stanza: &[u8], span: Span) -> Result<(), String> {
    let text =
        std::str::from_utf8(stanza).map_err(|error| format!("the entry is not UTF-8 at its byte {}", error.valid_up_to()))?;
    match target {
        Target::Binaries(arches) => binary::read(shard, text, span, origin, arches),
        Target::Sources => source::read(shard, text, span, origin),
    }
}

/// For messages: the name in a stanza that could not be read.
fn name_of(stanza: &[u8]) -> String {
    let text = String::from_utf8_lossy(stanza);
    let named = Fields::of(&text)
        .filter_map(Result::ok)
        .find(|field| field.name.eq_ignore_ascii_case("Package"))
        .map(|field| field.value.escape_debug().to_string());
    named.unwrap_or_default()
}
