// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exports of a kernel image, read from its export tables at their final addresses.
//!
//! The tables are those of a module (`module/exports.rs`), but linked: an entry's fields are distances from
//! themselves or addresses, and no relocation is left to tell which, but for the dynamic ones of an image that can
//! be moved (ppc64, s390). No symbol table is needed.

use std::collections::HashMap;

use object::elf;

use crate::exports::{Class, Export, KSYM_FLAG_GPL_ONLY, Provided, TABLES, VMLINUX};
use crate::module::elf::{Elf, Machine, Section, until_nul};
use crate::{limits, text};

/// Why an image's exports can't be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It is not linked, or has no `__ksymtab`.
    #[error(
        "is no module, and no kernel image whose exports can be told (it is not linked, or has no section __ksymtab)"
    )]
    NoTable,
    /// The entries of a table make no sense in any layout.
    #[error("has an export table {section} that can't be read: {reason}")]
    Table {
        /// The section.
        section: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Reads the exports of an image.
pub fn exports(elf: &Elf<'_>) -> Result<Vec<Provided>, ImageError> {
    if !elf.is_linked() || elf.named(b"__ksymtab").next().is_none() {
        return Err(ImageError::NoTable);
    }
    let moved = moved(elf);
    let loaded = Loaded::of(elf);
    let flags = elf.named(b"__kflagstab").next().map(|(_, section)| elf.data(section));
    let mut exports = Vec::new();
    let mut name_bytes = 0;
    for (name, crcs, class) in TABLES {
        let Some((_, section)) = elf.named(name.as_bytes()).next() else { continue };
        let fail = |reason| ImageError::Table { section: name, reason };
        let table = Table { elf, section, data: elf.data(section), moved: &moved, loaded: &loaded };
        if table.is_too_long() {
            return Err(fail("it has more entries than any kernel's"));
        }
        let entries = table.entries().ok_or_else(|| fail("its entries name no symbols in any layout"))?;
        let flags = flags.filter(|_| name == "__ksymtab");
        if flags.is_some_and(|flags| flags.len() != entries.len()) {
            return Err(fail("__kflagstab has not one byte for each entry"));
        }
        let crcs = crcs_of(elf, crcs).filter(|crcs| crcs.len() == entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            name_bytes += entry.name.len() + entry.namespace.map_or(0, str::len);
            if name_bytes > limits::IMAGE_NAME_BYTES {
                return Err(fail("its names are longer than any kernel's"));
            }
            let flag = flags.and_then(|flags| flags.get(index).copied());
            let class = if flag.is_some_and(|flag| flag & KSYM_FLAG_GPL_ONLY != 0) { Class::Gpl } else { class };
            let crc = crcs.as_ref().and_then(|crcs| crcs.get(index).copied());
            let export = Export {
                name: entry.name.into(),
                class,
                namespace: entry.namespace.map(Into::into),
                crc,
                flags: flag,
                declared_userspace_gpl: false,
            };
            exports.push(Provided::by_path(export, VMLINUX));
        }
    }
    Ok(exports)
}

/// What the dynamic relocations put to addresses: `R_*_RELATIVE` names no symbol, and its addend is what will stand
/// there.
fn moved(elf: &Elf<'_>) -> HashMap<u64, u64> {
    let tables: Vec<_> = TABLES.iter().filter_map(|(name, ..)| elf.named(name.as_bytes()).next()).collect();
    let in_table =
        |at: u64| tables.iter().any(|(_, table)| at.checked_sub(table.address).is_some_and(|at| at < table.size()));
    let relocations = elf.dynamic_relocations();
    let relative = relocations.into_iter().filter(|entry| entry.symbol == 0 && in_table(entry.offset));
    relative.filter_map(|entry| Some((entry.offset, entry.addend?.cast_unsigned()))).collect()
}

/// An entry of a table, as it is to be read.
struct Entry<'d> {
    name: &'d str,
    namespace: Option<&'d str>,
}

/// What an entry's fields hold.
#[derive(Clone, Copy)]
enum Layout {
    /// 32-bit distances from the field itself.
    Distances,
    /// Addresses of the machine's word.
    Addresses,
}

struct Table<'e, 'd> {
    elf: &'e Elf<'d>,
    section: &'e Section<'d>,
    data: &'d [u8],
    moved: &'e HashMap<u64, u64>,
    loaded: &'e Loaded<'e, 'd>,
}

/// The sections that are loaded, by address.
struct Loaded<'e, 'd>(Vec<&'e Section<'d>>);

impl<'e, 'd> Loaded<'e, 'd> {
    fn of(elf: &'e Elf<'d>) -> Self {
        let is_loaded = |section: &&Section<'d>| section.allocated() && section.kind != elf::SHT_NOBITS;
        let mut sections: Vec<_> =
            elf.sections().iter().filter(is_loaded).filter(|section| section.size() > 0).collect();
        sections.sort_by_key(|section| section.address);
        Self(sections)
    }

    /// The section that is loaded to an address, and the place in it.
    fn at(&self, address: u64) -> Option<(&'e Section<'d>, u64)> {
        let behind = self.0.partition_point(|section| section.address <= address);
        let section = self.0.get(behind.checked_sub(1)?)?;
        let place = address.checked_sub(section.address).filter(|place| *place < section.size())?;
        Some((section, place))
    }
}

impl<'d> Table<'_, 'd> {
    /// All entries, by the layout in which every one of them names a symbol.
    fn entries(&self) -> Option<Vec<Entry<'d>>> {
        [Layout::Distances, Layout::Addresses].into_iter().find_map(|layout| self.read(layout))
    }

    fn is_too_long(&self) -> bool {
        self.section.size() > limits::IMAGE_TABLE_BYTES
    }

    fn read(&self, layout: Layout) -> Option<Vec<Entry<'d>>> {
        let field = match layout {
            Layout::Distances => 4,
            Layout::Addresses => u64::from(self.elf.machine.word()),
        };
        let size = self.data.len() as u64;
        if !size.is_multiple_of(field * 3) || size != self.section.size() {
            return None;
        }
        let entry = |at: u64| {
            let name = text::symbol(self.string(layout, at + field, limits::NAME_BYTES)??)?;
            let namespace = match self.string(layout, at + field * 2, limits::NAMESPACE_BYTES)? {
                None | Some([]) => None,
                Some(namespace) => Some(text::symbol(namespace)?),
            };
            Some(Entry { name, namespace })
        };
        (0..size / (field * 3)).map(|index| entry(index * field * 3)).collect()
    }

    /// The string that a field points to; the inner is none if the field is empty.
    #[expect(clippy::option_option, reason = "the outer is whether it can be read, the inner whether there is one")]
    fn string(&self, layout: Layout, at: u64, limit: usize) -> Option<Option<&'d [u8]>> {
        let place = self.section.address.checked_add(at)?;
        let target = match layout {
            Layout::Distances => match self.elf.u32_at(self.data, at)?.cast_signed() {
                0 => return Some(None),
                distance => place.checked_add_signed(distance.into())?,
            },
            Layout::Addresses => match self.moved.get(&place).copied().or_else(|| self.word(at))? {
                0 => return Some(None),
                address => address,
            },
        };
        let (section, offset) = self.loaded.at(target)?;
        until_nul(self.elf.data(section), offset, limit).map(Some)
    }

    fn word(&self, at: u64) -> Option<u64> {
        match self.elf.machine.word() {
            4 => self.elf.u32_at(self.data, at).map(u64::from),
            _ => self.elf.u64_at(self.data, at),
        }
    }
}

/// The CRCs of a table, where it is sure that they stand there as they are: on x86. Other machines had distances to
/// them before 5.19 (`CONFIG_MODULE_REL_CRCS`), and nothing in an image tells which it is.
fn crcs_of(elf: &Elf<'_>, name: &str) -> Option<Vec<u32>> {
    let Machine { number, .. } = elf.machine;
    if !matches!(elf::Machine(number), elf::EM_X86_64 | elf::EM_386) {
        return None;
    }
    let (_, section) = elf.named(name.as_bytes()).next()?;
    let data = elf.data(section);
    (0..data.len() as u64 / 4).map(|index| elf.u32_at(data, index * 4)).collect()
}
