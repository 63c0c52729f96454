// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts that a module is made of.

use std::collections::BTreeMap;
use std::ops::Bound;

use object::elf;

use super::super::elf::{Elf, Section, Symbol, Symbols};
use super::Place;
use super::references::{How, References, Referent};
use crate::text;

/// All parts, by where they begin.
pub(super) struct Parts {
    names: BTreeMap<Place, (u32, Box<str>)>,
}

impl Parts {
    /// Divides the sections that were read: at symbols, and data at the places that something refers to. What of data no
    /// symbol names would be one part otherwise, through which everything leads to everything.
    pub(super) fn new(
        elf: &Elf<'_>,
        symbols: &Symbols<'_>,
        extents: &Extents,
        references: &References,
        starts: &[Place],
    ) -> Self {
        let mut parts: BTreeMap<Place, (u8, Box<str>)> = BTreeMap::new();
        for place in references.sections().map(|section| Place { section, offset: 0 }) {
            parts.entry(place).or_insert_with(|| (u8::MAX, unnamed(elf, place)));
        }
        for (place, symbol) in symbols_of(symbols).filter(|(place, _)| references.has(place.section)) {
            let Some(name) = symbols.name(&symbol).and_then(text::symbol) else { continue };
            let rank = rank(&symbol, name);
            let place = if is_code(elf, place.section) { references.instruction(place) } else { place };
            let part = parts.entry(place).or_insert_with(|| (u8::MAX, unnamed(elf, place)));
            if rank < part.0 {
                *part = (rank, name.into());
            }
        }
        for place in references.sections().filter(|section| is_code(elf, *section)).flat_map(|it| references.begins(it))
        {
            parts.entry(place).or_insert_with(|| (u8::MAX, unnamed(elf, place)));
        }
        // What is read where it is does not tell what it is a part of.
        let referred = references.all().filter_map(|reference| match (reference.to, reference.how) {
            (Referent::Place(place), How::Call | How::Jump | How::Address) => Some(place),
            _ => None,
        });
        for place in referred.chain(starts.iter().copied()).chain(references.entries()) {
            if references.has(place.section) && !is_code(elf, place.section) && !extents.hold(place) {
                parts.entry(place).or_insert_with(|| (u8::MAX, unnamed(elf, place)));
            }
        }
        let names = parts.into_iter().zip(0..).map(|((place, (_, name)), index)| (place, (index, name))).collect();
        Self { names }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn names(&self) -> Vec<Box<str>> {
        self.names.values().map(|(_, name)| name.clone()).collect()
    }

    /// The part that a place is in.
    pub(super) fn at(&self, place: Place) -> Option<u32> {
        let (start, (index, _)) = self.names.range(..=place).next_back()?;
        (start.section == place.section).then_some(*index)
    }

    /// The part behind that which a place is in, in the same section.
    pub(super) fn behind(&self, place: Place) -> Option<u32> {
        let (start, (index, _)) = self.names.range((Bound::Excluded(place), Bound::Unbounded)).next()?;
        (start.section == place.section).then_some(*index)
    }
}

/// Where functions and objects end that have a size, by where they begin.
pub(super) struct Extents(BTreeMap<Place, u64>);

impl Extents {
    pub(super) fn new(symbols: &Symbols<'_>) -> Self {
        let is_sized = |symbol: &Symbol| symbol.size > 0 && matches!(symbol.kind, elf::STT_OBJECT | elf::STT_FUNC);
        let sized = symbols_of(symbols).filter(|(_, symbol)| is_sized(symbol));
        let mut all: Vec<(Place, u64)> =
            sized.map(|(place, symbol)| (place, place.offset.saturating_add(symbol.size))).collect();
        all.sort_unstable();
        let mut ends: BTreeMap<Place, u64> = BTreeMap::new();
        let mut farthest: BTreeMap<u32, u64> = BTreeMap::new();
        // One that lies in another ends no sooner than that.
        for (place, end) in all {
            let farthest = farthest.entry(place.section).or_default();
            *farthest = end.max(*farthest);
            ends.insert(place, *farthest);
        }
        Self(ends)
    }

    /// Whether a place lies within one, but not at its begin: nothing begins there, who takes its address has all of it.
    pub(super) fn hold(&self, place: Place) -> bool {
        let before = self.0.range(..place).next_back();
        before.is_some_and(|(start, end)| start.section == place.section && place.offset < *end)
    }
}

/// The symbols that name a place. Labels of the assembler's and the marks between code and data do not begin anything.
pub(super) fn symbols_of(symbols: &Symbols<'_>) -> impl Iterator<Item = (Place, Symbol)> {
    symbols.iter().filter_map(|symbol| {
        let is_place = !symbol.is_undefined() && symbol.section < elf::SHN_LORESERVE;
        let names = !matches!(symbol.kind, elf::STT_SECTION | elf::STT_FILE);
        let name = symbols.name(&symbol)?;
        let is_label = name.is_empty() || name.starts_with(b".L") || name.starts_with(b"$");
        (is_place && names && !is_label)
            .then(|| (Place { section: symbol.section.into(), offset: symbol.value }, symbol))
    })
}

/// Which of several names a part bears: the least.
fn rank(symbol: &Symbol, name: &str) -> u8 {
    let is_typed = matches!(symbol.kind, elf::STT_FUNC | elf::STT_OBJECT);
    let is_local = symbol.binding == elf::STB_LOCAL;
    u8::from(!is_typed) * 4 + u8::from(is_local) * 2 + u8::from(name.starts_with("__"))
}

pub(super) fn is_code(elf: &Elf<'_>, section: u32) -> bool {
    elf.sections().get(section as usize).is_some_and(|section| section.flags & elf::SHF_EXECINSTR.0 != 0)
}

fn unnamed(elf: &Elf<'_>, place: Place) -> Box<str> {
    let section = elf.sections().get(place.section as usize).map(Section::label).unwrap_or_default();
    format!("{section}+{:#x}", place.offset).into()
}
