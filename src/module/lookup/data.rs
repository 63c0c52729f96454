// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a module's data holds before it runs: pointers and names.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use object::elf::{R_AARCH64_ABS64, R_AARCH64_PREL64, R_X86_64_64, R_X86_64_PC64, SHT_NOBITS, STT_OBJECT};

use crate::limits;
use crate::module::elf::{Elf, Section, Symbols, until_nul};
use crate::module::graph::{Place, Referent, in_data, is_code, is_written, symbols_of};
use crate::text;

/// All data that is loaded.
pub(super) struct Data<'e, 'd> {
    elf: &'e Elf<'d>,
    symbols: &'e Symbols<'d>,
    /// Read when something hangs on it: most names stand where they are passed.
    pointers: OnceCell<Pointers>,
}

/// What stands where.
#[derive(Default)]
struct Pointers {
    by_place: BTreeMap<Place, Referent>,
    /// Where objects end that have a size, by where they begin.
    objects: BTreeMap<Place, u64>,
    /// Places of data that whoever loads the module may set.
    parameters: BTreeSet<Place>,
    /// Places whose address stands in data.
    pointed_at: BTreeSet<Place>,
    /// Where the loader writes something, each of four bytes.
    relocated: BTreeSet<Place>,
}

/// Tables of all functions, or of places in them, for those who patch code, unwind the stack or warn: that one is there says
/// nothing of who calls it.
const OF_ALL: [&[u8]; 17] = [
    b"__mcount_loc",
    b"__patchable_function_entries",
    b"__bug_table",
    b"__ex_table",
    b"__jump_table",
    b".altinstructions",
    b".call_sites",
    b".cfi_sites",
    b".eh_frame",
    b".ibt_endbr_seal",
    b".orc_unwind_ip",
    b".parainstructions",
    b".retpoline_sites",
    b".return_sites",
    b".smp_locks",
    b".static_call_sites",
    b".ARM.exidx",
];

/// Parameters, each with a pointer to what it sets (`include/linux/moduleparam.h:struct kernel_param`, 7.2).
const PARAMETERS: &[u8] = b"__param";

/// Kinds of relocations that write eight bytes.
const WIDE: [u32; 4] = [R_X86_64_64.0, R_X86_64_PC64.0, R_AARCH64_ABS64.0, R_AARCH64_PREL64.0];

/// Bytes of an object that no symbol tells the size of.
const UNSIZED: u64 = 4096;

impl Pointers {
    fn read(elf: &Elf<'_>, symbols: &Symbols<'_>) -> Self {
        let mut pointers = Self::default();
        for (index, section) in sections(elf) {
            let Ok(number) = u32::try_from(index) else { continue };
            for relocation in elf.many_relocations(index).unwrap_or_default() {
                let place = Place { section: number, offset: relocation.offset };
                let rest = Place { offset: place.offset.saturating_add(4), ..place };
                pointers.relocated.insert(place);
                pointers.relocated.extend(WIDE.contains(&relocation.kind).then_some(rest));
            }
            for reference in in_data(elf, symbols, index).unwrap_or_default() {
                if let Referent::Place(place) = reference.to {
                    if section.name == PARAMETERS {
                        pointers.parameters.insert(place);
                    }
                    pointers.pointed_at.insert(place);
                }
                pointers.by_place.insert(reference.from, reference.to);
            }
        }
        for (place, symbol) in symbols_of(symbols) {
            if symbol.kind == STT_OBJECT && symbol.size > 0 {
                let end = place.offset.saturating_add(symbol.size);
                pointers.objects.entry(place).and_modify(|old| *old = end.max(*old)).or_insert(end);
            }
        }
        // What `module_param_string()` sets is named by a structure of its own that the parameter points to.
        let named: Vec<Place> = pointers.parameters.iter().copied().collect();
        for place in named {
            let of_it: Vec<Place> =
                pointers.all_in(pointers.object(place)).filter_map(|(_, to)| as_place(to)).collect();
            pointers.parameters.extend(of_it);
        }
        pointers
    }

    fn object(&self, place: Place) -> (Place, u64) {
        match self.objects.range(..=place).next_back() {
            Some((begin, end)) if begin.section == place.section && place.offset < *end => (*begin, *end),
            _ => {
                let next = self.objects.range(place..).next().filter(|(next, _)| next.section == place.section);
                let end = place.offset.saturating_add(UNSIZED);
                (place, next.map_or(end, |(next, _)| end.min(next.offset)))
            }
        }
    }

    fn all_in(&self, (begin, end): (Place, u64)) -> impl Iterator<Item = (Place, Referent)> {
        let end = Place { offset: end.max(begin.offset), ..begin };
        self.by_place.range(begin..end).map(|(at, to)| (*at, *to))
    }
}

/// The sections of data that say something.
fn sections<'e, 'd>(elf: &'e Elf<'d>) -> impl Iterator<Item = (usize, &'e Section<'d>)> {
    elf.sections().iter().enumerate().filter(|(index, section)| {
        let is_code = u32::try_from(*index).is_ok_and(|index| is_code(elf, index));
        section.allocated() && !is_code && !OF_ALL.contains(&section.name)
    })
}

impl<'e, 'd> Data<'e, 'd> {
    pub(super) fn new(elf: &'e Elf<'d>, symbols: &'e Symbols<'d>) -> Self {
        Self { elf, symbols, pointers: OnceCell::new() }
    }

    fn pointers(&self) -> &Pointers {
        self.pointers.get_or_init(|| Pointers::read(self.elf, self.symbols))
    }

    /// Places whose address stands in data.
    pub(super) fn pointed_at(&self) -> &BTreeSet<Place> {
        &self.pointers().pointed_at
    }

    /// The undefined symbols that anything refers to and that are wanted, by their indices, with where they do.
    pub(super) fn imports(&self, is_wanted: &dyn Fn(u32) -> bool) -> Vec<(Place, Referent)> {
        let mut imports = Vec::new();
        for (index, section) in self.elf.sections().iter().enumerate().filter(|(_, section)| section.allocated()) {
            let (Ok(section), true) = (u32::try_from(index), section.size() > 0) else { continue };
            let relocations = self.elf.many_relocations(index).unwrap_or_default();
            let wanted = relocations.iter().filter(|relocation| is_wanted(relocation.symbol));
            imports.extend(
                wanted.map(|relocation| {
                    (Place { section, offset: relocation.offset }, Referent::Import(relocation.symbol))
                }),
            );
        }
        imports
    }

    /// Where the object begins and ends that a place is in.
    pub(super) fn object(&self, place: Place) -> (Place, u64) {
        self.pointers().object(place)
    }

    /// What stands at a place.
    pub(super) fn pointer(&self, place: Place) -> Option<Referent> {
        self.pointers().by_place.get(&place).copied()
    }

    /// All that stands in an object.
    pub(super) fn all_in(&self, object: (Place, u64)) -> impl Iterator<Item = (Place, Referent)> {
        self.pointers().all_in(object)
    }

    /// Whether the module, or who loads it, may change what is at a place.
    pub(super) fn may_change(&self, place: Place) -> bool {
        is_written(self.elf, place.section)
    }

    /// Whether the loader writes into the name that stands at a place.
    pub(super) fn is_patched(&self, place: Place) -> bool {
        let has_none = self.elf.relocation_table(place.section as usize).is_ok_and(|table| table.is_none());
        if has_none || self.is_code(place) {
            return false;
        }
        let bytes = self.name(place).map_or(0, |name| name.len() as u64);
        let first = Place { offset: place.offset.saturating_sub(3), ..place };
        let last = Place { offset: place.offset.saturating_add(bytes), ..place };
        self.pointers().relocated.range(first..=last).next().is_some()
    }

    /// Whether who loads the module may set what is at a place.
    pub(super) fn is_parameter(&self, place: Place) -> bool {
        self.pointers().parameters.contains(&place)
    }

    pub(super) fn is_code(&self, place: Place) -> bool {
        is_code(self.elf, place.section)
    }

    /// The name that stands at a place, if it is one.
    pub(super) fn name(&self, place: Place) -> Option<&'d str> {
        let section = self.elf.sections().get(place.section as usize).filter(|section| section.kind != SHT_NOBITS)?;
        if !section.allocated() {
            return None;
        }
        text::symbol(until_nul(self.elf.data(section), place.offset, limits::NAME_BYTES)?)
    }

    /// All names in an object that holds them one behind the other.
    pub(super) fn names_in(&self, (begin, end): (Place, u64)) -> impl Iterator<Item = &'d str> + use<'d> {
        let data = self.elf.data_at(begin.section as usize).unwrap_or_default();
        let range = usize::try_from(begin.offset).ok().zip(usize::try_from(end.min(data.len() as u64)).ok());
        let bytes = range.and_then(|(begin, end)| data.get(begin..end)).unwrap_or_default();
        bytes.split(|byte| *byte == 0).filter_map(text::symbol)
    }
}

/// The place of a referent that is one.
pub(super) fn as_place(referent: Referent) -> Option<Place> {
    match referent {
        Referent::Place(place) => Some(place),
        Referent::Import(_) | Referent::Found(_) => None,
    }
}
