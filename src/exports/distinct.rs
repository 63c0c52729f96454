// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exports, each symbol once.

use super::Provided;
use super::names::Names;

/// Exports, each symbol once, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    entries: Vec<Provided>,
    names: Names,
}

impl Distinct {
    /// Adds an export, unless its symbol is there already.
    pub(super) fn add(&mut self, provided: Provided) {
        let Self { entries, names } = self;
        if names.insert(&provided.export.name, entries.len(), |index| name_of(entries, index)) {
            entries.push(provided);
        }
    }

    /// Puts another export of the same symbol in its place.
    pub(super) fn replace(&mut self, index: usize, provided: Provided) {
        if let Some(entry) = self.entries.get_mut(index).filter(|entry| entry.export.name == provided.export.name) {
            *entry = provided;
        }
    }

    /// Where a symbol stands.
    pub(super) fn index(&self, symbol: &str) -> Option<usize> {
        self.names.find(symbol, |index| name_of(&self.entries, index))
    }

    pub(super) fn entries(&self) -> &[Provided] {
        &self.entries
    }
}

fn name_of(entries: &[Provided], index: usize) -> &str {
    entries.get(index).map_or("", |entry| &*entry.export.name)
}
