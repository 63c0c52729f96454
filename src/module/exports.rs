// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exports of a built module, in every layout from 5.10 to 7.x.
//!
//! `__ksymtab` holds an entry an export: value, name and (since 5.4) namespace, either as addresses of
//! the machine's word or, where the kernel has `HAVE_ARCH_PREL32_RELOCATIONS`, as 32-bit distances
//! (`kernel/module/internal.h:struct kernel_symbol`, 7.2). In a module all of them are still
//! relocations, so the layout is told from where those stand and never from a kernel version.
//! The licence class is the section's name up to 7.0 and a byte of `__kflagstab` after that.

use std::collections::HashMap;

use object::elf;

use super::elf::{Elf, Relocation, Section, Symbols, until_nul};
use super::problem::{Problem, loaded_section};
use crate::exports::{Class, Export, KSYM_FLAG_GPL_ONLY};

/// The export tables that any kernel has had, with what they make of an export.
const TABLES: [(&str, &str, Class); 5] = [
    ("__ksymtab", "__kcrctab", Class::Plain),
    ("__ksymtab_gpl", "__kcrctab_gpl", Class::Gpl),
    ("__ksymtab_gpl_future", "__kcrctab_gpl_future", Class::GplFuture),
    ("__ksymtab_unused", "__kcrctab_unused", Class::Unused),
    ("__ksymtab_unused_gpl", "__kcrctab_unused_gpl", Class::UnusedGpl),
];

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
    exports.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in exports.windows(2) {
        if let [a, b] = pair
            && a.name == b.name
        {
            problems.push(Problem::ExportedTwice { symbol: a.name.clone() });
        }
    }
    exports
}

fn kflags<'d>(elf: &Elf<'d>, problems: &mut Vec<Problem>) -> Option<&'d [u8]> {
    let (_, section) = loaded_section(elf, "__kflagstab", problems)?;
    Some(elf.data(section))
}

/// One `__ksymtab*` section and how its entries are laid out.
struct Table<'e, 'd> {
    elf: &'e Elf<'d>,
    symbols: &'e Symbols<'d>,
    data: &'d [u8],
    relocations: HashMap<u64, Relocation>,
    /// Bytes of one field.
    field: u64,
    /// Fields of one entry: 3, or 2 before namespaces.
    fields: u64,
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
        let relocations = elf.relocations(index).ok_or("its relocations are not whole entries")?;
        let relocations: HashMap<_, _> = relocations.into_iter().map(|entry| (entry.offset, entry)).collect();
        let mut table = Self { elf, symbols, data, relocations, field: 4, fields: 3, count: 0 };
        if section.size() == 0 {
            return Ok(table);
        }
        // An entry's name is its second field: four bytes in where fields are four bytes, eight where
        // they are addresses of a 64-bit machine.
        let word = u64::from(elf.machine.word());
        if !table.relocations.contains_key(&4) {
            table.field = word;
        }
        if !table.relocations.contains_key(&0) || !table.relocations.contains_key(&table.field) {
            return Err("its first entry has no relocations");
        }
        // Behind the name stands either a namespace, which is a string like the name, or (before 5.4)
        // the next entry's value.
        let strings = |field: u64| table.target(field).map(|(section, _)| section);
        let third = table.field * 2;
        if table.relocations.contains_key(&third) && strings(third) != strings(table.field) {
            table.fields = 2;
        }
        let entry = table.field * table.fields;
        if !section.size().is_multiple_of(entry) {
            return Err("its size is not a whole number of entries");
        }
        table.count = section.size() / entry;
        Ok(table)
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
        for index in 0..self.count {
            let entry = index * self.field * self.fields;
            let symbol = self.string(entry + self.field).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let Some(symbol) = symbol.filter(|symbol| !symbol.is_empty()) else {
                problems.push(Problem::ExportEntry { section: name.into(), index });
                continue;
            };
            let namespace_at = entry + self.field * 2;
            let namespace = match self.fields {
                // A namespace of zero, with no relocation, is none (`kernel_symbol_namespace`, 7.2).
                3 if self.relocations.contains_key(&namespace_at) => {
                    let Some(text) = self.string(namespace_at).and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
                        problems.push(Problem::ExportEntry { section: name.into(), index });
                        continue;
                    };
                    Some(text).filter(|text| !text.is_empty())
                }
                _ => None,
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
    }

    /// Section and offset that the field at `offset` points to.
    fn target(&self, offset: u64) -> Option<(usize, u64)> {
        let relocation = self.relocations.get(&offset)?;
        let symbol = self.symbols.get(relocation.symbol as usize)?;
        let addend = match relocation.addend {
            Some(addend) => addend,
            None => self.in_place(offset)?,
        };
        if symbol.is_undefined() || symbol.section >= elf::SHN_LORESERVE {
            return None;
        }
        Some((usize::from(symbol.section), symbol.value.checked_add_signed(addend)?))
    }

    /// The addend that a REL machine keeps in the field itself.
    fn in_place(&self, offset: u64) -> Option<i64> {
        match self.field {
            4 => Some(i64::from(self.elf.u32_at(self.data, offset)?.cast_signed())),
            _ => Some(self.elf.u64_at(self.data, offset)?.cast_signed()),
        }
    }

    fn string(&self, offset: u64) -> Option<&'d [u8]> {
        let (section, at) = self.target(offset)?;
        until_nul(self.elf.data_at(section)?, at)
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
    relocations: HashMap<u64, Relocation>,
}

impl<'e, 'd> Crcs<'e, 'd> {
    fn open(elf: &'e Elf<'d>, symbols: &'e Symbols<'d>, name: &str, count: u64, problems: &mut Vec<Problem>) -> Self {
        let mut crcs = Self { elf, symbols, data: &[], relocations: HashMap::new() };
        let Some((index, section)) = loaded_section(elf, name, problems) else { return crcs };
        crcs.data = elf.data(section);
        match elf.relocations(index) {
            Some(relocations) => {
                crcs.relocations = relocations.into_iter().map(|entry| (entry.offset, entry)).collect();
            }
            None => problems
                .push(Problem::ExportTable { section: name.into(), reason: "its relocations are not whole entries" }),
        }
        if count > 0 && section.size() != count * CRC_BYTES {
            problems.push(Problem::ExportTable { section: name.into(), reason: "it has not one CRC for each export" });
            crcs.data = &[];
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
