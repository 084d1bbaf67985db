//! Requirements kept once for each way of writing them: indexes repeat the same clauses thousands of times.

use crate::ecosystem::{Requirement, RequirementId};
use crate::strings::Strings;

/// All requirements, and how each is written.
#[derive(Debug)]
pub(crate) struct Requirements {
    values: Vec<Requirement>,
    /// Numbered as the values are.
    texts: Strings,
}

impl Requirements {
    /// With room for this many requirements, and for this many bytes of them.
    pub(crate) fn with_capacity(requirements: usize, bytes: usize) -> Requirements {
        Requirements { values: Vec::with_capacity(requirements), texts: Strings::with_capacity(requirements, bytes) }
    }

    /// The requirement that is written so; it is read only if nothing was written so before.
    pub(crate) fn find_or_read<E>(
        &mut self,
        text: &str,
        read: impl FnOnce() -> Result<Requirement, E>,
    ) -> Result<RequirementId, E> {
        let number = match self.texts.find(text) {
            Ok(known) => known,
            Err(unknown) => {
                self.values.push(read()?);
                self.texts.insert(text, unknown)
            }
        };
        Ok(RequirementId(number))
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn value(&self, id: RequirementId) -> &Requirement {
        &self.values[id.index()]
    }

    pub(crate) fn text(&self, id: RequirementId) -> &str {
        self.texts.get(id.0)
    }

    /// All of them, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Requirement, &str)> {
        self.values.iter().zip(self.texts.iter())
    }

    pub(crate) fn shrink(&mut self) {
        self.values.shrink_to_fit();
        self.texts.shrink();
    }
}
