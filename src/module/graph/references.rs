// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which places of a module refer to which: by relocations, by branches that need none, and by what code puts where.

use std::collections::{BTreeMap, BTreeSet};

use object::elf::{R_386_PC32, R_AARCH64_PREL32, R_ARM_REL32, R_X86_64_PC32};

use super::super::elf::{Elf, Relocation, Section, Symbols};
use super::super::imports::SHN_LIVEPATCH;
use super::code::{Code, Found, Meant};
use super::found::FoundNames;
use super::parts::{Extents, is_code, symbols_of};
use super::{Depth, Grade, Place};

/// What is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::module) enum Referent {
    /// A place in the module.
    Place(Place),
    /// An undefined symbol, by its index.
    Import(u32),
    /// What is found by a name while the module runs, by the number of the name.
    Found(u32),
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Code calls it.
    Call,
    /// Code goes on there.
    Jump,
    /// Its address is taken.
    Address,
    /// So many bytes of it are read or written, where it is.
    Field(u64),
}

impl How {
    pub(super) fn grade(self) -> Grade {
        match self {
            Self::Call | Self::Jump => Grade::Call,
            Self::Address | Self::Field(_) => Grade::Table,
        }
    }
}

/// One reference.
#[derive(Debug, Clone, Copy)]
pub(in crate::module) struct Reference {
    pub(in crate::module) from: Place,
    pub(in crate::module) to: Referent,
    pub(super) how: How,
}

/// How the code of a part ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With something after which it goes on elsewhere.
    Closed,
    /// With the call at this place in bytes, which may not return.
    Call(u64),
    /// It goes on in what follows.
    Open,
}

/// The end of the code that begins at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) begin: Place,
    pub(super) ending: Ending,
    /// Whether any of its ways leads back to who called it.
    pub(super) returns: bool,
}

/// What was read of one section.
#[derive(Debug, Default)]
struct Read {
    references: Vec<Reference>,
    /// Addresses that its code puts into others.
    stored: Vec<Reference>,
    /// Objects that it hands over with others, which whoever gets those may get, too.
    handed: Vec<Reference>,
    ends: Vec<End>,
    /// Where entries of the table of warnings begin.
    entries: Vec<Place>,
}

/// The references in all sections that some places lead to.
pub(super) struct References<'f> {
    read: BTreeMap<u32, Read>,
    /// Where code begins, by section.
    begins: BTreeMap<u32, BTreeSet<u64>>,
    code: Code,
    depth: Depth,
    found: &'f FoundNames,
}

/// The section that holds `struct module`: most code refers to it, and it to the module's first and last function.
pub(in crate::module) const THIS_MODULE: &[u8] = b".gnu.linkonce.this_module";

/// Where each warning has an entry, which begins with the place in the code that warns. In 7.2 such a place hands on its entry
/// (`arch/x86/include/asm/bug.h`, 7.2): its own, and not those that stand behind it.
const BUG_TABLE: &[u8] = b"__bug_table";

/// Kinds of relocations by which an entry tells its place: relative to itself, as no table of functions to be called does.
const PLACE_RELATIVE: [u32; 4] = [R_X86_64_PC32.0, R_386_PC32.0, R_AARCH64_PREL32.0, R_ARM_REL32.0];

/// Tables by which the kernel makes code go on elsewhere: each entry begins with a place in the code, and behind it stands
/// another, to which a branch is made (`include/linux/jump_label.h:struct jump_entry`), from which other instructions come
/// (`struct alt_instr` in `asm/alternative.h`), or at which it goes on after a fault (`struct exception_table_entry` in
/// `asm/extable.h`; all 7.2).
const TABLES: [&[u8]; 3] = [b"__jump_table", ALTERNATIVES, b"__ex_table"];

const ALTERNATIVES: &[u8] = b".altinstructions";

/// How often a section's code is read anew because more was found to begin in it. Real code takes two.
const READINGS: usize = 12;

/// What those tables say.
#[derive(Debug, Default)]
struct Redirected {
    /// From where to where.
    by_section: BTreeMap<u32, Vec<(u64, Place)>>,
    /// Instructions that are put elsewhere: nothing comes behind them.
    replacements: BTreeSet<Place>,
}

impl Redirected {
    fn read(elf: &Elf<'_>, symbols: &Symbols<'_>) -> Option<Self> {
        let mut redirected = Self::default();
        for Detour { from, to, why } in detours(elf, symbols)? {
            if let Why::Replaced { lens } = why {
                if lens.is_none_or(|(_, len)| len == 0) {
                    continue;
                }
                redirected.replacements.insert(to);
            }
            redirected.by_section.entry(from.section).or_default().push((from.offset, to));
        }
        Some(redirected)
    }
}

/// One entry of such a table.
pub(in crate::module) struct Detour {
    pub(in crate::module) from: Place,
    pub(in crate::module) to: Place,
    pub(in crate::module) why: Why,
}

/// Why code goes on elsewhere.
#[derive(Clone, Copy)]
pub(in crate::module) enum Why {
    /// Somebody switched it.
    Switched,
    /// It did not get what it wanted to read, or write.
    Fault,
    /// Instructions were put in the place of others: of so many bytes, so many.
    Replaced { lens: Option<(u8, u8)> },
}

/// All entries of those tables.
pub(in crate::module) fn detours(elf: &Elf<'_>, symbols: &Symbols<'_>) -> Option<Vec<Detour>> {
    let mut detours = Vec::new();
    for table in TABLES {
        for (index, section) in elf.named(table) {
            let entries = entries(elf, &in_data(elf, symbols, index)?);
            let ends = entries.iter().skip(1).map(|entry| entry.0).chain([section.size()]);
            for (&(at, from, to), end) in entries.iter().zip(ends) {
                let why = match table {
                    ALTERNATIVES => Why::Replaced { lens: lens(elf.data(section), at, end) },
                    b"__ex_table" => Why::Fault,
                    _ => Why::Switched,
                };
                detours.push(Detour { from, to, why });
            }
        }
    }
    Some(detours)
}

/// The entries of such a table: where each begins, and the two places that it names.
fn entries(elf: &Elf<'_>, references: &[Reference]) -> Vec<(u64, Place, Place)> {
    let mut places = references.iter().filter_map(|reference| match reference.to {
        Referent::Place(to) if is_code(elf, to.section) => Some((reference.from.offset, to)),
        _ => None,
    });
    let mut entries = Vec::new();
    let mut first = places.next();
    while let Some((at, from)) = first {
        let next = places.next();
        first = match next {
            Some((behind, to)) if behind == at.saturating_add(4) => {
                entries.push((at, from, to));
                places.next()
            }
            _ => next,
        };
    }
    entries
}

/// How many bytes an entry of `.altinstructions` replaces, and by how many: that stands at its end, in 5.10 on x86 before a byte for
/// padding (`asm/alternative.h:struct alt_instr` of x86 and arm64, 5.10 and 7.2).
fn lens(table: &[u8], at: u64, end: u64) -> Option<(u8, u8)> {
    let len = match end.saturating_sub(at) {
        12 | 13 => 11,
        _ => 13,
    };
    let at = usize::try_from(at.checked_add(len)?).ok()?;
    Some((*table.get(at.checked_sub(1)?)?, *table.get(at)?))
}

impl<'f> References<'f> {
    /// Reads the references of the sections that places lead to. Nothing if there is code that can't be read.
    pub(super) fn from(
        elf: &Elf<'_>,
        symbols: &Symbols<'_>,
        extents: &Extents,
        starts: &[Place],
        (depth, found): (Depth, &'f FoundNames),
    ) -> Option<Self> {
        let code = Code::of(elf.machine, symbols)?;
        let redirected = Redirected::read(elf, symbols)?;
        let mut references = Self { read: BTreeMap::new(), begins: BTreeMap::new(), code, depth, found };
        for (place, _) in symbols_of(symbols) {
            references.begin(place);
        }
        for start in starts {
            references.begin(*start);
        }
        let mut readings: BTreeMap<u32, usize> = BTreeMap::new();
        let mut open: BTreeSet<u32> = starts.iter().map(|place| place.section).collect();
        // What code puts into data may be got from there by any other.
        if depth == Depth::Everything {
            open.extend((0..).take(elf.sections().len()).filter(|section| is_code(elf, *section)));
        }
        // All that are open are read before one is read anew.
        let mut round: BTreeSet<u32> = BTreeSet::new();
        loop {
            if round.is_empty() {
                round = std::mem::take(&mut open);
            }
            let Some(section) = round.pop_first() else { break };
            let times = readings.entry(section).or_default();
            *times += 1;
            if *times > READINGS {
                return None;
            }
            let read = references.read(elf, symbols, &redirected, section)?;
            for reference in read.references.iter().chain(&read.stored).chain(&read.handed) {
                let to = match reference.to {
                    Referent::Place(place) => Some(place),
                    Referent::Import(_) | Referent::Found(_) => None,
                };
                for place in to.into_iter().chain([reference.from]) {
                    // Code that no symbol tells the size of begins wherever something leads to.
                    let is_new = is_code(elf, place.section) && !extents.hold(place) && references.begin(place);
                    let is_unread = place.section != section && !references.has(place.section);
                    if is_unread || (is_new && Some(place) == to) {
                        open.insert(place.section);
                    }
                }
            }
            references.read.insert(section, read);
        }
        Some(references)
    }

    /// Makes code begin at a place; false if it does already.
    fn begin(&mut self, place: Place) -> bool {
        let begin = self.code.begin(place.offset);
        self.begins.entry(place.section).or_default().insert(begin)
    }

    /// Reads one section.
    fn read(&self, elf: &Elf<'_>, symbols: &Symbols<'_>, redirected: &Redirected, index: u32) -> Option<Read> {
        let mut read = Read::default();
        let Some(section) = elf.sections().get(index as usize).filter(|section| section.allocated()) else {
            return Some(read);
        };
        if !is_code(elf, index) {
            read.references = in_data(elf, symbols, index as usize)?;
            if section.name == BUG_TABLE {
                read.entries = self.warnings(elf, index, &read.references)?;
            }
            return Some(read);
        }
        let at = |offset: u64| Place { section: index, offset };
        let resolve = |(relocation, addend): &Meant| referent(symbols, relocation.symbol, *addend);
        let store = |at: &Meant, value: &Meant| match (resolve(at)?, resolve(value)?) {
            (Referent::Place(from), to) if is_written(elf, from.section) => {
                Some(Reference { from, to, how: How::Address })
            }
            _ => None,
        };
        let (mut filled, mut kept) = (Vec::new(), Vec::new());
        let none = BTreeSet::new();
        let begins = self.begins.get(&index).unwrap_or(&none);
        let relocations = elf.many_relocations(index as usize).ok()?;
        for found in self.code.read(elf.data(section), begins, &relocations, self.depth)? {
            match found {
                Found::Relocated { offset, meant, how } => {
                    let to = resolve(&meant);
                    // A call that finds what is told leads there, and nowhere else.
                    let is_told = matches!(to, Some(Referent::Import(_))) && self.found.is_told(at(offset));
                    read.references.extend(to.filter(|_| !is_told).map(|to| Reference { from: at(offset), to, how }));
                }
                Found::Near { offset, target, how } => {
                    read.references.push(Reference { from: at(offset), to: Referent::Place(at(target)), how });
                }
                Found::Stored { at, value } => read.stored.extend(store(&at, &value)),
                // A lock's third is the key of its class, which may be empty, and so the same as what stands behind it.
                Found::Handed { at, value, is_next } => {
                    let is_data = |to| matches!(to, Referent::Place(to) if !is_code(elf, to.section));
                    match store(&at, &value) {
                        Some(stored) if !is_data(stored.to) => read.stored.push(stored),
                        Some(handed) if is_next => read.handed.push(handed),
                        _ => {}
                    }
                }
                Found::Filled { call, value } => filled.extend(resolve(&value).map(|value| (call, value))),
                Found::Kept { call, at } => kept.extend(match resolve(&at) {
                    Some(Referent::Place(place)) if is_written(elf, place.section) => Some((call, place)),
                    _ => None,
                }),
                Found::End { offset, ending, returns } => {
                    for (call, from) in &kept {
                        let names = self.found.at(at(*call));
                        read.stored.extend(names.map(|to| Reference { from: *from, to, how: How::Address }));
                    }
                    read.stored.extend(told_together(&mut filled, &mut kept)?);
                    let begin = at(offset);
                    let is_replacement = redirected.replacements.contains(&begin);
                    let ending = if is_replacement { Ending::Closed } else { ending };
                    read.ends.push(End { begin, ending, returns });
                }
            }
        }
        read.references.extend(self.found.in_section(index).map(|(from, to)| Reference { from, to, how: How::Call }));
        let elsewhere = redirected.by_section.get(&index).into_iter().flatten();
        read.references.extend(elsewhere.map(|(offset, to)| Reference {
            from: at(*offset),
            to: Referent::Place(*to),
            how: How::Jump,
        }));
        Some(read)
    }

    /// Where the entries of the table of warnings begin. A warning is never the first that a function does.
    fn warnings(&self, elf: &Elf<'_>, index: u32, references: &[Reference]) -> Option<Vec<Place>> {
        let relocations = elf.many_relocations(index as usize).ok()?;
        let relative = relocations.iter().filter(|relocation| PLACE_RELATIVE.contains(&relocation.kind));
        let relative: BTreeSet<u64> = relative.map(|relocation| relocation.offset).collect();
        let warns = |to: Referent| match to {
            Referent::Place(to) => {
                is_code(elf, to.section)
                    && !self.begins.get(&to.section).is_some_and(|begins| begins.contains(&to.offset))
            }
            Referent::Import(_) | Referent::Found(_) => false,
        };
        let entries = references.iter().filter(|one| relative.contains(&one.from.offset) && warns(one.to));
        Some(entries.map(|one| one.from).collect())
    }

    /// The name of what is found.
    pub(super) fn found_name(&self, number: u32) -> Option<&'f str> {
        self.found.name(number)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Reference> {
        self.read.values().flat_map(|read| &read.references)
    }

    /// All of a section.
    pub(super) fn of(&self, section: u32) -> &[Reference] {
        self.read.get(&section).map(|read| &*read.references).unwrap_or_default()
    }

    /// What code puts where, as references of the data that holds it then.
    pub(super) fn stored(&self) -> impl Iterator<Item = &Reference> {
        self.read.values().flat_map(|read| &read.stored)
    }

    /// What code hands over together, in the same way: whoever gets the one as a whole has the other.
    pub(super) fn handed(&self) -> impl Iterator<Item = &Reference> {
        self.read.values().flat_map(|read| &read.handed)
    }

    /// Places of data at which something of its own begins, whatever refers to it.
    pub(super) fn entries(&self) -> impl Iterator<Item = Place> {
        self.read.values().flat_map(|read| &read.entries).copied()
    }

    /// Places of a section's code at which something begins.
    pub(super) fn begins(&self, section: u32) -> impl Iterator<Item = Place> {
        let begins = self.begins.get(&section).into_iter().flatten();
        begins.map(move |offset| Place { section, offset: *offset })
    }

    /// Where the instruction begins that a place in code is in, as far as that is known without reading it.
    pub(super) fn instruction(&self, place: Place) -> Place {
        Place { offset: self.code.begin(place.offset), ..place }
    }

    pub(super) fn sections(&self) -> impl Iterator<Item = u32> {
        self.read.keys().copied()
    }

    pub(super) fn has(&self, section: u32) -> bool {
        self.read.contains_key(&section)
    }

    /// How the code ends that begins at places.
    pub(super) fn ends(&self) -> impl Iterator<Item = &End> {
        self.read.values().flat_map(|read| &read.ends)
    }
}

/// What one function puts into memory that a call gave it, by where it keeps the address of that memory: who reads the latter may
/// get at the former. Nothing if that is more than any function does.
fn told_together(filled: &mut Vec<(u64, Referent)>, kept: &mut Vec<(u64, Place)>) -> Option<Vec<Reference>> {
    const PAIRS: usize = 1 << 10;
    let (filled, kept) = (std::mem::take(filled), std::mem::take(kept));
    let mut stored = Vec::new();
    for (call, from) in kept {
        let of_it = filled.iter().filter(|(of, _)| *of == call);
        stored.extend(of_it.map(|(_, to)| Reference { from, to: *to, how: How::Address }));
        if stored.len() > PAIRS {
            return None;
        }
    }
    Some(stored)
}

/// The references of a section of data.
pub(in crate::module) fn in_data(elf: &Elf<'_>, symbols: &Symbols<'_>, index: usize) -> Option<Vec<Reference>> {
    let Some(data) = elf.sections().get(index).map(|section| elf.data(section)) else { return Some(Vec::new()) };
    let relocations = elf.many_relocations(index).ok()?;
    let refer = |relocation: &Relocation| {
        // Machines that keep it in the field have fields of 32 bits.
        let in_place = || elf.u32_at(data, relocation.offset).map(|field| i64::from(field.cast_signed()));
        let addend = relocation.addend.or_else(in_place)?;
        let to = referent(symbols, relocation.symbol, addend)?;
        let from = Place { section: u32::try_from(index).ok()?, offset: relocation.offset };
        Some(Reference { from, to, how: How::Address })
    };
    Some(relocations.iter().filter_map(refer).collect())
}

/// Whether what is in a section may change: data that is written, and code that only goes where the kernel is told to make it go
/// (`include/linux/static_call.h`, 7.2).
pub(in crate::module) fn is_written(elf: &Elf<'_>, section: u32) -> bool {
    let is_written =
        |section: &Section<'_>| section.flags & object::elf::SHF_WRITE.0 != 0 || section.name == b".static_call.text";
    elf.sections().get(section as usize).is_some_and(is_written)
}

/// What a relocation refers to; nothing where that is no place, such as an absolute number.
pub(in crate::module) fn referent(symbols: &Symbols<'_>, index: u32, addend: i64) -> Option<Referent> {
    let symbol = symbols.get(index as usize).filter(|_| index != 0)?;
    if symbol.is_undefined() {
        return Some(Referent::Import(index));
    }
    // What livepatch resolves is outside, too.
    if symbol.section == SHN_LIVEPATCH {
        return Some(Referent::Import(index));
    }
    if symbol.section >= object::elf::SHN_LORESERVE {
        return None;
    }
    // Some code counts from before or behind what it means, as a loop does from an array's end.
    let offset = symbol.value.checked_add_signed(addend).unwrap_or(symbol.value);
    Some(Referent::Place(Place { section: symbol.section.into(), offset }))
}
