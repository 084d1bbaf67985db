//! Packages and Sources indexes, read by several threads into one set.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use memchr::memmem;

use crate::deb::control::{Fields, stanzas};
use crate::deb::{binary, source};
use crate::ecosystem::{ArchSet, Ecosystem, IndexError, IndexFile, IndexKind, IndexProblem, OriginId};
use crate::set::PackageSet;
use crate::set::assembly::assemble;
use crate::set::shard::{Place, Shard, ShardProblem};
use crate::texts::{IndexText, Span, Stanza, Texts, number};

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
    let text = |file: IndexFile| IndexText { name: file.name, origin: file.origin, bytes: end_last_line(file.text) };
    let texts = Texts::new(files.into_iter().map(text).collect());
    let shards = read_shards(&texts, &targets);
    Ok(assemble(ecosystem, texts, arches, shards))
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

fn read_shards(texts: &Texts, targets: &[Target]) -> Vec<Shard> {
    let bytes: usize = texts.all().iter().map(|text| text.bytes.len()).sum();
    let available = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = available.min(THREAD_LIMIT).min(bytes / TEXT_PER_THREAD).max(1);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || read_pieces(&share_of(texts, thread, threads), texts, targets)))
            .collect();
        readers.into_iter().map(|reader| reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// What one of the threads reads: the same part of every index. Indexes are sorted by name, so what several arches have in
/// common meets in one thread, which reads it once.
fn share_of(texts: &Texts, thread: usize, threads: usize) -> Vec<Piece> {
    let pieces = texts.all().iter().enumerate().map(|(index, IndexText { bytes, .. })| {
        let border = |part: usize| if part == 0 { 0 } else { border_after(bytes, bytes.len() / threads * part) };
        let end = if thread + 1 == threads { bytes.len() } else { border(thread + 1) };
        Piece { index, range: border(thread)..end }
    });
    pieces.filter(|piece| !piece.range.is_empty()).collect()
}

/// The first place from here on where a stanza may start.
fn border_after(text: &[u8], position: usize) -> usize {
    if position >= text.len() {
        return text.len();
    }
    memmem::find(&text[position..], b"\n\n").map_or(text.len(), |found| position + found + 2)
}

fn read_pieces(pieces: &[Piece], texts: &Texts, targets: &[Target]) -> Shard {
    let mut shard = Shard::for_text(pieces.iter().map(|piece| piece.range.len()).sum());
    for Piece { index, range } in pieces {
        let id = u16::try_from(*index).expect("the number of files is limited");
        for (start, stanza) in stanzas(&texts.all()[*index].bytes[range.clone()]) {
            let offset = range.start + start;
            let span = Span { text: id, start: number(offset), length: number(stanza.len()) };
            let read = match targets[*index] {
                Target::Binaries(arches) => {
                    let place = Place { stanza: span, origin: OriginId(id), arches };
                    shard.add_package(texts, place, |shard| binary::read(shard, utf8(stanza, span)?, place))
                }
                Target::Sources => utf8(stanza, span).and_then(|stanza| source::read(&mut shard, stanza, OriginId(id))),
            };
            if let Err(message) = read {
                shard.problems.push(ShardProblem { index: id, offset, package: name_of(stanza), message });
            }
        }
    }
    shard
}

/// The most that an entry may have, in bytes: ten times what the largest of Debian has.
const ENTRY_LIMIT: usize = 4 << 20;

fn utf8(stanza: &[u8], span: Span) -> Result<Stanza<'_>, String> {
    if stanza.len() > ENTRY_LIMIT {
        return Err(format!("the entry has {} bytes, more than the {ENTRY_LIMIT} that it may have", stanza.len()));
    }
    match std::str::from_utf8(stanza) {
        Ok(text) => Ok(Stanza { text, span }),
        Err(error) => Err(format!("the entry is not UTF-8 at its byte {}", error.valid_up_to())),
    }
}

/// For messages: the name in a stanza that could not be read.
fn name_of(stanza: &[u8]) -> String {
    // The name stands near the beginning, if it is one that can be shown.
    let text = String::from_utf8_lossy(&stanza[..stanza.len().min(ENTRY_LIMIT)]);
    let named = Fields::of(&text)
        .filter_map(Result::ok)
        .find(|field| field.name.eq_ignore_ascii_case("Package"))
        .map(|field| field.value.escape_debug().to_string());
    named.unwrap_or_default()
}
