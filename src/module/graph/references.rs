// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which places of a module refer to which: by relocations, and by branches that need none.

use std::collections::{BTreeMap, BTreeSet};

use object::elf::{R_386_PC32, R_AARCH64_PREL32, R_ARM_REL32, R_X86_64_PC32};

use super::super::elf::{Elf, Relocation, Symbols};
use super::code::{Code, Found};
use super::parts::{is_code, symbols_of};
use super::{Grade, Place};

/// What is referred to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Referent {
    /// A place in the module.
    Place(Place),
    /// An undefined symbol, by its index.
    Import(u32),
}

/// One reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    pub(super) from: Place,
    pub(super) to: Referent,
    pub(super) grade: Grade,
}

/// How the code of a part ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With something after which it goes on elsewhere.
    Closed,
    /// With a call, which may not return; to this undefined symbol, where it is one.
    Call(Option<u32>),
    /// It goes on in what follows.
    Open,
}

/// The section that holds `struct module`: most code refers to it, and it to the module's first and last function.
const THIS_MODULE: &[u8] = b".gnu.linkonce.this_module";

/// The references in all sections that some places lead to.
pub(super) struct References {
    by_section: BTreeMap<u32, Vec<Reference>>,
    endings: Vec<(Place, Ending)>,
    /// Where entries of the table of warnings begin.
    entries: Vec<Place>,
}

/// Where each warning has an entry, which begins with the place in the code that warns. In 7.2 such a place hands on its entry
/// (`arch/x86/include/asm/bug.h`, 7.2): its own, and not those that stand behind it.
const BUG_TABLE: &[u8] = b"__bug_table";

/// Kinds of relocations by which an entry tells its place: relative to itself, as no table of functions to be called does.
const PLACE_RELATIVE: [u32; 4] = [R_X86_64_PC32.0, R_386_PC32.0, R_AARCH64_PREL32.0, R_ARM_REL32.0];

impl References {
    /// Reads the references of the sections that places lead to. Nothing if there is code that can't be read.
    pub(super) fn from(elf: &Elf<'_>, symbols: &Symbols<'_>, starts: &[Place]) -> Option<Self> {
        let code = Code::of(elf.machine, symbols)?;
        let mut begins: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for (place, _) in symbols_of(symbols) {
            begins.entry(place.section).or_default().insert(place.offset);
        }
        let mut references = Self { by_section: BTreeMap::new(), endings: Vec::new(), entries: Vec::new() };
        let mut open: BTreeSet<u32> = starts.iter().map(|place| place.section).collect();
        while let Some(section) = open.pop_first() {
            let begins = begins.get(&section).cloned().unwrap_or_default();
            let read = references.read(elf, symbols, code, section, &begins)?;
            for reference in &read {
                if let Referent::Place(place) = reference.to
                    && !references.has(place.section)
                    && place.section != section
                {
                    open.insert(place.section);
                }
            }
            references.by_section.insert(section, read);
        }
        Some(references)
    }

    /// Reads one section.
    fn read(
        &mut self,
        elf: &Elf<'_>,
        symbols: &Symbols<'_>,
        code: Code,
        index: u32,
        begins: &BTreeSet<u64>,
    ) -> Option<Vec<Reference>> {
        let section = elf.sections().get(index as usize)?;
        if !section.allocated() || section.name == THIS_MODULE {
            return Some(Vec::new());
        }
        let relocations = elf.many_relocations(index as usize).ok()?;
        let data = elf.data(section);
        let resolve = |relocation: &Relocation, addend: i64| referent(symbols, relocation.symbol, addend);
        let at = |offset: u64| Place { section: index, offset };
        if !is_code(elf, index) {
            let refer = |relocation: &Relocation| {
                // Machines that keep it in the field have fields of 32 bits.
                let in_place = || elf.u32_at(data, relocation.offset).map(|field| i64::from(field.cast_signed()));
                let addend = relocation.addend.or_else(in_place)?;
                let to = resolve(relocation, addend)?;
                Some(Reference { from: at(relocation.offset), to, grade: Grade::Table })
            };
            let read: Vec<Reference> = relocations.iter().filter_map(refer).collect();
            if section.name == BUG_TABLE {
                let is_code = |to| matches!(to, Referent::Place(place) if is_code(elf, place.section));
                let relative = relocations.iter().filter(|relocation| PLACE_RELATIVE.contains(&relocation.kind));
                let offsets: BTreeSet<u64> = relative.map(|relocation| relocation.offset).collect();
                let first = read.iter().filter(|one| is_code(one.to) && offsets.contains(&one.from.offset));
                self.entries.extend(first.map(|one| one.from));
            }
            return Some(read);
        }
        let mut all = Vec::new();
        for found in code.read(data, begins, &relocations)? {
            match found {
                Found::Relocated { offset, relocation, addend, grade } => {
                    if let Some(to) = resolve(&relocation, addend) {
                        all.push(Reference { from: at(offset), to, grade });
                    }
                }
                Found::Near { offset, target, grade } => {
                    all.push(Reference { from: at(offset), to: Referent::Place(at(target)), grade });
                }
                Found::End { offset, ending } => self.endings.push((at(offset), ending)),
            }
        }
        Some(all)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Reference> {
        self.by_section.values().flatten()
    }

    /// Places of data at which something of its own begins, whatever refers to it.
    pub(super) fn entries(&self) -> impl Iterator<Item = Place> {
        self.entries.iter().copied()
    }

    pub(super) fn sections(&self) -> impl Iterator<Item = u32> {
        self.by_section.keys().copied()
    }

    pub(super) fn has(&self, section: u32) -> bool {
        self.by_section.contains_key(&section)
    }

    /// How the code ends that begins at places.
    pub(super) fn endings(&self) -> &[(Place, Ending)] {
        &self.endings
    }
}

/// What a relocation refers to; nothing where that is no place, such as an absolute number.
fn referent(symbols: &Symbols<'_>, index: u32, addend: i64) -> Option<Referent> {
    let symbol = symbols.get(index as usize).filter(|_| index != 0)?;
    if symbol.is_undefined() {
        return Some(Referent::Import(index));
    }
    if symbol.section >= object::elf::SHN_LORESERVE {
        return None;
    }
    // Some code counts from before or behind what it means, as a loop does from an array's end.
    let offset = symbol.value.checked_add_signed(addend).unwrap_or(symbol.value);
    Some(Referent::Place(Place { section: symbol.section.into(), offset }))
}
