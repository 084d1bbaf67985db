//! Requirements kept once for each way of writing them: indexes repeat the same clauses thousands of times.

use std::convert::Infallible;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::ecosystem::{Requirement, RequirementId};
use crate::number_table::NumberTable;
use crate::texts::{Span, Texts, number};

/// All requirements, and how each is written where it was met first.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    values: Vec<Requirement>,
    texts: Vec<Span>,
}

impl Requirements {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn value(&self, id: RequirementId) -> &Requirement {
        &self.values[id.index()]
    }

    pub(crate) fn text(&self, id: RequirementId) -> Span {
        self.texts[id.index()]
    }

    /// All of them, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Requirement, Span)> {
        self.values.iter().zip(self.texts.iter().copied())
    }
}

/// Requirements that are still being collected.
#[derive(Debug)]
pub(crate) struct RequirementTable {
    requirements: Requirements,
    by_text: NumberTable,
    hasher: FixedState,
}

impl RequirementTable {
    pub(crate) fn with_capacity(requirements: usize) -> RequirementTable {
        RequirementTable {
            requirements: Requirements { values: Vec::with_capacity(requirements), texts: Vec::with_capacity(requirements) },
            by_text: NumberTable::with_capacity(requirements),
            hasher: FixedState::with_seed(0),
        }
    }

    pub(crate) fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// The requirement that is written so; it is read only if nothing was written so before.
    pub(crate) fn find_or_read<E>(
        &mut self,
        texts: &Texts,
        span: Span,
        read: impl FnOnce() -> Result<Requirement, E>,
    ) -> Result<RequirementId, E> {
        let text = texts.bytes(span);
        let hash = self.hasher.hash_one(text);
        let is_written_so = |number| texts.bytes(self.requirements.texts[number as usize]) == text;
        if let Some(known) = self.by_text.find(hash, is_written_so) {
            return Ok(RequirementId(known));
        }
        let next = number(self.requirements.len());
        self.requirements.values.push(read()?);
        self.requirements.texts.push(span);
        self.by_text.insert(hash, next);
        Ok(RequirementId(next))
    }

    /// The requirement that is written so, or this one.
    pub(crate) fn find_or_insert(&mut self, texts: &Texts, span: Span, make: impl FnOnce() -> Requirement) -> RequirementId {
        let Ok(id) = self.find_or_read(texts, span, || Ok::<_, Infallible>(make()));
        id
    }

    pub(crate) fn finish(mut self) -> Requirements {
        self.requirements.values.shrink_to_fit();
        self.requirements.texts.shrink_to_fit();
        self.requirements
    }
}
