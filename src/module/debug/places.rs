// SPDX-License-Identifier: MIT OR Apache-2.0
//! One address for each place of a module: in its file every section begins at 0, and debug info knows addresses only.

use object::elf;

use super::super::elf::{Class, Elf, Section, Symbol};
use super::shape::Shape;

/// Where the first section begins, so that no place has the address 0, which stands for none.
const FIRST: u64 = 1 << 16;

/// What sections begin at a multiple of.
const ALIGNMENT: u64 = 1 << 12;

/// Where the sections are put.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// By the sections' indices: the address and the size; none for those that are not loaded.
    sections: Vec<Option<(u64, u64)>>,
}

impl Places {
    /// Gives all sections that are loaded addresses of their own; nothing if they do not fit.
    pub(super) fn new(elf: &Elf<'_>) -> Option<Self> {
        let most = match elf.machine.class {
            Class::Elf32 => u64::from(u32::MAX),
            Class::Elf64 => u64::MAX >> 1,
        };
        let mut next = FIRST;
        let mut sections = Vec::with_capacity(elf.sections().len());
        for (index, section) in elf.sections().iter().enumerate() {
            if index == 0 || !section.allocated() {
                sections.push(None);
                continue;
            }
            sections.push(Some((next, section.size())));
            // One unit of room at least: the end of one section is not the beginning of the next.
            let end = next.checked_add(section.size())?.checked_add(1)?;
            next = end.checked_next_multiple_of(ALIGNMENT).filter(|next| *next <= most)?;
        }
        Some(Self { sections })
    }

    /// The address of a place in a section; nothing if there is none.
    pub(super) fn address(&self, section: u32, offset: u64) -> Option<u64> {
        let (start, size) = (*self.sections.get(section as usize)?)?;
        (offset < size).then(|| start.saturating_add(offset))
    }

    /// What a symbol comes to in a relocation: its place in a section of debug info, or its address.
    pub(super) fn address_of(&self, symbol: &Symbol) -> u64 {
        if symbol.is_undefined() || symbol.section == elf::SHN_COMMON.0 {
            return 0;
        }
        let start = self.sections.get(usize::from(symbol.section)).copied().flatten();
        symbol.value.wrapping_add(start.map_or(0, |(start, _)| start))
    }

    /// The same places by the indices of another file's sections, of which this one is the debug info: they have the same
    /// names and sizes. An error names a section of code that has no such fellow.
    pub(super) fn of_module(&self, debug: &Elf<'_>, module: &Shape) -> Result<Self, String> {
        let mut left: Vec<(usize, &Section<'_>)> =
            debug.sections().iter().enumerate().skip(1).filter(|(_, section)| section.allocated()).collect();
        // Sorted stably, so that of several of one name the first is the first's fellow.
        left.sort_by_key(|(_, section)| section.name);
        // How many of a name are taken, at the place of its first.
        let mut taken = vec![0; left.len()];
        let mut sections = vec![None; module.count];
        for loaded in &module.loaded {
            let first = left.partition_point(|(_, other)| other.name < &*loaded.name);
            let fellow = taken.get_mut(first).and_then(|taken| {
                let fellow = left.get(first + *taken)?;
                *taken += 1;
                Some(fellow)
            });
            match fellow {
                Some((index, other)) if *other.name == *loaded.name && other.size() == loaded.size => {
                    if let Some(place) = sections.get_mut(loaded.index) {
                        *place = self.sections.get(*index).copied().flatten();
                    }
                }
                _ if loaded.is_code && loaded.size > 0 => return Err(loaded.label()),
                _ => {}
            }
        }
        Ok(Self { sections })
    }
}
