// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts that a module is made of.

use object::elf;

use super::super::elf::{Elf, Section, Symbol, Symbols};
use super::Place;
use super::references::{How, References, Referent};
use crate::text;

/// All parts, by where they begin.
pub(super) struct Parts {
    begins: Vec<Place>,
    names: Vec<Box<str>>,
}

impl Parts {
    /// Divides the sections that were read: at symbols, and data at the places that something refers to. What of data no
    /// symbol names would be one part otherwise, through which everything leads to everything.
    pub(super) fn new(
        elf: &Elf<'_>,
        symbols: &Symbols<'_>,
        extents: &Extents,
        references: &References<'_>,
        starts: &[Place],
    ) -> Self {
        let mut named: Vec<(Place, u8, Option<&str>)> = Vec::new();
        named.extend(references.sections().map(|section| (Place { section, offset: 0 }, u8::MAX, None)));
        for (place, symbol) in symbols_of(symbols).filter(|(place, _)| references.has(place.section)) {
            let Some(name) = symbols.name(&symbol).and_then(text::symbol) else { continue };
            let place = if is_code(elf, place.section) { references.instruction(place) } else { place };
            named.push((place, rank(&symbol, name), Some(name)));
        }
        let code = references.sections().filter(|section| is_code(elf, *section));
        named.extend(code.flat_map(|section| references.begins(section)).map(|place| (place, u8::MAX, None)));
        // What is read where it is does not tell what it is a part of.
        let referred = references.all().filter_map(|reference| match (reference.to, reference.how) {
            (Referent::Place(place), How::Call | How::Jump | How::Address) => Some(place),
            _ => None,
        });
        for place in referred.chain(starts.iter().copied()).chain(references.entries()) {
            if references.has(place.section) && !is_code(elf, place.section) && !extents.hold(place) {
                named.push((place, u8::MAX, None));
            }
        }
        named.sort_by_key(|(place, rank, _)| (*place, *rank));
        named.dedup_by_key(|(place, ..)| *place);
        let name = |(place, _, name): &(Place, u8, Option<&str>)| name.map_or_else(|| unnamed(elf, *place), Into::into);
        Self { begins: named.iter().map(|(place, ..)| *place).collect(), names: named.iter().map(name).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.begins.len()
    }

    pub(super) fn names(&self) -> Vec<Box<str>> {
        self.names.clone()
    }

    /// The part that a place is in.
    pub(super) fn at(&self, place: Place) -> Option<u32> {
        self.index(self.begins.partition_point(|begin| *begin <= place).checked_sub(1)?, place)
    }

    /// The part behind that which a place is in, in the same section.
    pub(super) fn behind(&self, place: Place) -> Option<u32> {
        self.index(self.begins.partition_point(|begin| *begin <= place), place)
    }

    /// A part's index, if it is in the section of a place.
    fn index(&self, part: usize, place: Place) -> Option<u32> {
        let begin = self.begins.get(part)?;
        u32::try_from(part).ok().filter(|_| begin.section == place.section)
    }
}

/// Where functions and objects end that have a size, by where they begin.
pub(super) struct Extents(Vec<(Place, u64)>);

impl Extents {
    pub(super) fn new(symbols: &Symbols<'_>) -> Self {
        let is_sized = |symbol: &Symbol| symbol.size > 0 && matches!(symbol.kind, elf::STT_OBJECT | elf::STT_FUNC);
        let sized = symbols_of(symbols).filter(|(_, symbol)| is_sized(symbol));
        let mut all: Vec<(Place, u64)> =
            sized.map(|(place, symbol)| (place, place.offset.saturating_add(symbol.size))).collect();
        all.sort_unstable();
        // One that lies in another ends no sooner than that.
        let mut before: Option<(u32, u64)> = None;
        for (place, end) in &mut all {
            if let Some((_, farthest)) = before.filter(|(section, _)| *section == place.section) {
                *end = farthest.max(*end);
            }
            before = Some((place.section, *end));
        }
        Self(all)
    }

    /// Whether a place lies within one, but not at its begin: nothing begins there, who takes its address has all of it.
    pub(super) fn hold(&self, place: Place) -> bool {
        let before = self.0.partition_point(|(start, _)| *start < place).checked_sub(1).and_then(|at| self.0.get(at));
        before.is_some_and(|(start, end)| start.section == place.section && place.offset < *end)
    }
}

/// The symbols that name a place. Labels of the assembler's and the marks between code and data do not begin anything.
pub(in crate::module) fn symbols_of(symbols: &Symbols<'_>) -> impl Iterator<Item = (Place, Symbol)> {
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

pub(in crate::module) fn is_code(elf: &Elf<'_>, section: u32) -> bool {
    elf.sections().get(section as usize).is_some_and(|section| section.flags & elf::SHF_EXECINSTR.0 != 0)
}

fn unnamed(elf: &Elf<'_>, place: Place) -> Box<str> {
    let section = elf.sections().get(place.section as usize).map(Section::label).unwrap_or_default();
    format!("{section}+{:#x}", place.offset).into()
}
