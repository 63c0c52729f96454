// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CRCs that a module was built against, with `CONFIG_MODVERSIONS`.

use super::elf::{Class, Elf, until_nul};
use super::problem::{Problem, loaded_section};

/// Size of `struct modversion_info` in bytes (`include/linux/module.h`, 7.2): a word of CRC and the name.
const ENTRY_BYTES: usize = 64;

/// The CRCs by name.
#[derive(Debug, Default)]
pub(super) struct Versions<'d>(Vec<(&'d str, u32)>);

impl Versions<'_> {
    /// The CRC of a symbol.
    pub(super) fn get(&self, symbol: &str) -> Option<u32> {
        let index = self.0.binary_search_by(|(name, _)| (*name).cmp(symbol)).ok()?;
        self.0.get(index).map(|&(_, crc)| crc)
    }
}

/// Reads `__versions`, and the extended tables of 6.14 and later, which hold names of any length
/// (`scripts/mod/modpost.c:add_versions` and `add_extended_versions`, 7.2).
pub(super) fn read<'d>(elf: &Elf<'d>, problems: &mut Vec<Problem>) -> Versions<'d> {
    let mut versions = Versions::default();
    basic(elf, &mut versions, problems);
    extended(elf, &mut versions, problems);
    versions.0.sort_unstable();
    versions
}

fn basic<'d>(elf: &Elf<'d>, versions: &mut Versions<'d>, problems: &mut Vec<Problem>) {
    let Some((_, section)) = loaded_section(elf, "__versions", problems) else { return };
    let data = elf.data(section);
    if !data.len().is_multiple_of(ENTRY_BYTES) {
        problems.push(Problem::Versions { reason: "its size is not a whole number of entries" });
        return;
    }
    for entry in data.chunks_exact(ENTRY_BYTES) {
        let (crc, name_at) = match elf.machine.class {
            Class::Elf32 => (elf.u32_at(entry, 0), 4),
            Class::Elf64 => (elf.u64_at(entry, 0).and_then(|crc| u32::try_from(crc).ok()), 8),
        };
        let name = until_nul(entry, name_at).and_then(|name| std::str::from_utf8(name).ok());
        let (Some(crc), Some(name)) = (crc, name) else {
            problems.push(Problem::Versions { reason: "an entry has no name that ends or no 32-bit CRC" });
            return;
        };
        versions.0.push((name, crc));
    }
}

fn extended<'d>(elf: &Elf<'d>, versions: &mut Versions<'d>, problems: &mut Vec<Problem>) {
    let crcs = loaded_section(elf, "__version_ext_crcs", problems);
    let names = loaded_section(elf, "__version_ext_names", problems);
    let (crcs, names) = match (crcs, names) {
        (Some((_, crcs)), Some((_, names))) => (elf.data(crcs), elf.data(names)),
        (None, None) => return,
        _ => {
            problems.push(Problem::Versions { reason: "one of the two extended tables is missing" });
            return;
        }
    };
    if !crcs.len().is_multiple_of(4) {
        problems.push(Problem::Versions { reason: "the extended CRCs are not whole numbers" });
        return;
    }
    let mut at = 0_u64;
    for index in 0..crcs.len() / 4 {
        let crc = elf.u32_at(crcs, index as u64 * 4);
        let bytes = until_nul(names, at);
        let name = bytes.and_then(|name| std::str::from_utf8(name).ok());
        let (Some(crc), Some(name)) = (crc, name) else {
            problems.push(Problem::Versions { reason: "there are fewer extended names than CRCs" });
            return;
        };
        at += name.len() as u64 + 1;
        versions.0.push((name, crc));
    }
}
