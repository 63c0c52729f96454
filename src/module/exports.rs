// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exports of a built module, in every layout from 5.10 to 7.x.
//!
//! `__ksymtab` holds an entry an export: value, name and namespace, either as addresses of
//! the machine's word or, where the kernel has `HAVE_ARCH_PREL32_RELOCATIONS`, as 32-bit distances
//! (`kernel/module/internal.h:struct kernel_symbol`, 7.2). In a module all of them are still
//! relocations, so the layout is told from where those stand and never from a kernel version.
//! The licence class is the section's name up to 7.0 and a byte of `__kflagstab` after that.

use std::collections::HashMap;

use object::elf;

use super::elf::{Elf, Relocation, Section, Symbols, until_nul};
use super::export_marks;
use super::graph::Place;
use super::problem::{Problem, loaded_section};
use crate::exports::{Class, Export, KSYM_FLAG_GPL_ONLY, TABLES};
use crate::{limits, text};

/// Bytes of one CRC in `__kcrctab`.
const CRC_BYTES: u64 = 4;

/// Reads all export tables of a module. What does not fit is a problem, and the export is left out.
pub(super) fn read(elf: &Elf<'_>, symbols: &Symbols<'_>, problems: &mut Vec<Problem>) -> Vec<Export> {
    let flags = kflags(elf, problems);
    let mut exports = Vec::new();
    for (table, crc_table, class) in TABLES {
        let Some((index, section)) = loaded_section(elf, table, problems) else { continue };
        if flags.is_some() && table != "__ksymtab" && section.size() > 0 {
            problems.push(Problem::MixedExportLayouts { section: table.into() });
        }
        match Table::open(elf, symbols, index, section) {
            Ok(table_reader) => {
                let crcs = Crcs::open(elf, symbols, crc_table, table_reader.count, problems);
                let flags = flags.filter(|_| table == "__ksymtab");
                if flags.is_some_and(|flags| flags.len() as u64 != table_reader.count) {
                    problems.push(Problem::FlagCount {
                        flags: flags.map_or(0, |flags| flags.len() as u64),
                        exports: table_reader.count,
                    });
                }
                table_reader.read(table, class, flags, &crcs, &mut exports, problems);
            }
            Err(reason) => problems.push(Problem::ExportTable { section: table.into(), reason }),
        }
    }
    by_name(exports, problems)
}

/// Reads the exports of an object that modpost has not seen: up to 6.4 each has a section of its own, such as
/// `___ksymtab_gpl+NAME` (`include/linux/export.h:___EXPORT_SYMBOL`, 6.1), later a mark in `.export_symbol`.
/// CRCs are modpost's to add.
pub(super) fn read_before_modpost(elf: &Elf<'_>, symbols: &Symbols<'_>, problems: &mut Vec<Problem>) -> Vec<Export> {
    let mut exports = export_marks::read(elf, symbols, problems);
    for (index, section) in elf.sections().iter().enumerate() {
        let Some((_, _, class)) = TABLES.iter().find(|(table, ..)| is_own_table(section, table)) else { continue };
        match Table::open(elf, symbols, index, section) {
            Ok(table) => {
                let crcs = Crcs::none(elf, symbols);
                table.read(&section.label(), *class, None, &crcs, &mut exports, problems);
            }
            Err(reason) => problems.push(Problem::ExportTable { section: section.label().into(), reason }),
        }
    }
    by_name(exports, problems)
}

/// Whether a section is what an object has of a table for one of its exports.
fn is_own_table(section: &Section<'_>, table: &str) -> bool {
    let own = || section.name.strip_prefix(b"_")?.strip_prefix(table.as_bytes())?.strip_prefix(b"+");
    own().is_some()
}

/// The exports by name, each with the place of what it exports; none where that can't be told.
pub(super) fn places<'d>(elf: &Elf<'d>, symbols: &Symbols<'d>) -> Vec<(&'d str, Option<Place>)> {
    let mut places = export_marks::places(elf, symbols);
    for (index, section) in elf.sections().iter().enumerate() {
        if !TABLES.iter().any(|(table, ..)| section.name == table.as_bytes() || is_own_table(section, table)) {
            continue;
        }
        let Ok(table) = Table::open(elf, symbols, index, section) else { continue };
        for entry in (0..table.count.min(limits::EXPORTS as u64)).map(|index| index * table.entry()) {
            let place = table.relocations.get(&entry).and_then(|to| Place::of(symbols, to, table.in_place(entry)));
            places.extend(table.names(entry).map(|(name, _)| (name, place)));
        }
    }
    places.sort_unstable();
    places
}

/// Sorts exports by name, and tells of names that are there again.
fn by_name(mut exports: Vec<Export>, problems: &mut Vec<Problem>) -> Vec<Export> {
    exports.sort_by(|a, b| a.name.cmp(&b.name));
    let pairs = exports.iter().zip(exports.iter().skip(1));
    let mut twice: Vec<Box<str>> = pairs.filter(|(a, b)| a.name == b.name).map(|(a, _)| a.name.clone()).collect();
    twice.dedup();
    if !twice.is_empty() {
        problems.push(Problem::ExportedTwice { names: twice });
    }
    exports
}

fn kflags<'d>(elf: &Elf<'d>, problems: &mut Vec<Problem>) -> Option<&'d [u8]> {
    let (_, section) = loaded_section(elf, "__kflagstab", problems)?;
    Some(elf.data(section))
}

/// Fields of an entry: value, name, namespace.
const FIELDS: u64 = 3;

/// The relocations of a section by offset. Two at one offset are an error: which of them counts would depend on who
/// reads.
type Relocations = HashMap<u64, Relocation>;

fn relocations(elf: &Elf<'_>, index: usize) -> Result<Relocations, &'static str> {
    let all = elf.relocations(index)?;
    let count = all.len();
    let by_offset: Relocations = all.into_iter().map(|entry| (entry.offset, entry)).collect();
    if by_offset.len() == count { Ok(by_offset) } else { Err("two of its relocations are for the same place") }
}

/// One `__ksymtab*` section and how its entries are laid out.
struct Table<'e, 'd> {
    elf: &'e Elf<'d>,
    symbols: &'e Symbols<'d>,
    data: &'d [u8],
    relocations: Relocations,
    /// Bytes of one field.
    field: u64,
    count: u64,
}

impl<'e, 'd> Table<'e, 'd> {
    fn open(
        elf: &'e Elf<'d>,
        symbols: &'e Symbols<'d>,
        index: usize,
        section: &Section<'d>,
    ) -> Result<Self, &'static str> {
        let data = elf.data(section);
        let size = data.len() as u64;
        if size != section.size() {
            return Err("it has no bytes in the file");
        }
        let mut table = Self { elf, symbols, data, relocations: relocations(elf, index)?, field: 4, count: 0 };
        if size == 0 {
            return Ok(table);
        }
        // An entry's name is its second field: four bytes in where fields are four bytes, eight where
        // they are addresses of a 64-bit machine.
        if !table.relocations.contains_key(&4) {
            table.field = u64::from(elf.machine.word());
        }
        if !size.is_multiple_of(table.entry()) {
            return Err("its size is not a whole number of entries");
        }
        table.count = size / table.entry();
        Ok(table)
    }

    /// Bytes of one entry.
    fn entry(&self) -> u64 {
        self.field * FIELDS
    }

    fn read(
        &self,
        name: &str,
        class: Class,
        flags: Option<&[u8]>,
        crcs: &Crcs<'_, '_>,
        exports: &mut Vec<Export>,
        problems: &mut Vec<Problem>,
    ) {
        let mut unreadable: Option<(u64, u64)> = None;
        for index in 0..self.count {
            if exports.len() == limits::EXPORTS || index == limits::EXPORTS as u64 {
                problems.push(Problem::ExportTable {
                    section: name.into(),
                    reason: "it has more entries than any module's",
                });
                break;
            }
            let Some((symbol, namespace)) = self.names(index * self.entry()) else {
                let (count, first) = unreadable.unwrap_or((0, index));
                unreadable = Some((count + 1, first));
                continue;
            };
            let flag = flags.and_then(|flags| flags.get(usize::try_from(index).ok()?).copied());
            let class = if flag.is_some_and(|flag| flag & KSYM_FLAG_GPL_ONLY != 0) { Class::Gpl } else { class };
            exports.push(Export {
                name: symbol.into(),
                class,
                namespace: namespace.map(Into::into),
                crc: crcs.get(index),
                flags: flag,
                declared_userspace_gpl: false,
            });
        }
        if let Some((count, first)) = unreadable {
            problems.push(Problem::ExportEntries { section: name.into(), count, first });
        }
    }

    /// Name and namespace of the entry at `offset`.
    fn names(&self, offset: u64) -> Option<(&'d str, Option<&'d str>)> {
        // The value has to be there; where it points to is for later.
        self.relocations.get(&offset)?;
        let name = text::symbol(self.string(offset + self.field, limits::NAME_BYTES)?)?;
        let namespace = offset + self.field * 2;
        // A namespace of zero, with no relocation, is none (`kernel_symbol_namespace`, 7.2).
        if !self.relocations.contains_key(&namespace) {
            return Some((name, None));
        }
        match self.string(namespace, limits::NAMESPACE_BYTES)? {
            [] => Some((name, None)),
            namespace => Some((name, Some(text::symbol(namespace)?))),
        }
    }

    /// Section and offset that the field at `offset` points to.
    fn target(&self, offset: u64) -> Option<(usize, u64)> {
        let place = Place::of(self.symbols, self.relocations.get(&offset)?, self.in_place(offset))?;
        Some((place.section as usize, place.offset))
    }

    /// The addend that a REL machine keeps in the field itself.
    fn in_place(&self, offset: u64) -> Option<i64> {
        match self.field {
            4 => Some(i64::from(self.elf.u32_at(self.data, offset)?.cast_signed())),
            _ => Some(self.elf.u64_at(self.data, offset)?.cast_signed()),
        }
    }

    fn string(&self, offset: u64, limit: usize) -> Option<&'d [u8]> {
        let (section, at) = self.target(offset)?;
        until_nul(self.elf.data_at(section)?, at, limit)
    }
}

/// The CRCs of one export table.
///
/// Since 5.19 they stand in `__kcrctab` as they are. Before that the field is a relocation against
/// `__crc_NAME`, whose value is the CRC itself or, with `CONFIG_MODULE_REL_CRCS`, the place where it
/// stands (`include/linux/export.h`, 5.10).
struct Crcs<'e, 'd> {
    elf: &'e Elf<'d>,
    symbols: &'e Symbols<'d>,
    data: &'d [u8],
    relocations: Relocations,
}

impl<'e, 'd> Crcs<'e, 'd> {
    fn none(elf: &'e Elf<'d>, symbols: &'e Symbols<'d>) -> Self {
        Self { elf, symbols, data: &[], relocations: HashMap::new() }
    }

    fn open(elf: &'e Elf<'d>, symbols: &'e Symbols<'d>, name: &str, count: u64, problems: &mut Vec<Problem>) -> Self {
        let mut crcs = Self::none(elf, symbols);
        let Some((index, section)) = loaded_section(elf, name, problems) else { return crcs };
        let whole = count.checked_mul(CRC_BYTES) == Some(elf.data(section).len() as u64);
        match relocations(elf, index) {
            Ok(relocations) if whole => {
                crcs.data = elf.data(section);
                crcs.relocations = relocations;
            }
            Ok(_) if count == 0 => {}
            Ok(_) => {
                let reason = "it has not one CRC for each export";
                problems.push(Problem::ExportTable { section: name.into(), reason });
            }
            Err(reason) => problems.push(Problem::ExportTable { section: name.into(), reason }),
        }
        crcs
    }

    fn get(&self, index: u64) -> Option<u32> {
        let offset = index * CRC_BYTES;
        let in_place = self.elf.u32_at(self.data, offset)?;
        let Some(relocation) = self.relocations.get(&offset) else { return Some(in_place) };
        let symbol = self.symbols.get(relocation.symbol as usize)?;
        let addend = relocation.addend.unwrap_or_else(|| i64::from(in_place.cast_signed()));
        let value = symbol.value.checked_add_signed(addend)?;
        if symbol.section == elf::SHN_ABS.0 {
            return u32::try_from(value).ok();
        }
        self.elf.u32_at(self.elf.data_at(usize::from(symbol.section))?, value)
    }
}
