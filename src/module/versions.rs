// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CRCs that a module was built against, with `CONFIG_MODVERSIONS`.

use super::elf::{Class, Elf, until_nul};
use super::imports::loader_name;
use super::problem::{Problem, loaded_section};
use crate::limits;

/// Size of `struct modversion_info` in bytes (`include/linux/module.h`, 7.2): a word of CRC and the name.
const ENTRY_BYTES: usize = 64;

/// The CRCs by name.
#[derive(Debug, Default)]
pub(super) struct Versions<'d>(Vec<(&'d str, u32)>);

impl<'d> Versions<'d> {
    /// Sorts what a table holds; a symbol with two CRCs in it is a problem.
    fn new(mut entries: Vec<(&'d str, u32)>, problems: &mut Vec<Problem>) -> Self {
        // Stable: of two entries the first counts, as for the loader (`kernel/module/version.c:check_version`, 7.2).
        entries.sort_by_key(|(name, _)| *name);
        let differ = |pair: &[(&str, u32)]| matches!(pair, [a, b] if a.0 == b.0 && a.1 != b.1);
        if entries.windows(2).any(differ) {
            problems.push(Problem::Versions { reason: "a symbol is in it with two CRCs" });
        }
        entries.dedup_by_key(|(name, _)| *name);
        Self(entries)
    }

    /// The CRC of a symbol.
    pub(super) fn get(&self, symbol: &str) -> Option<u32> {
        let index = self.0.binary_search_by(|(name, _)| (*name).cmp(symbol)).ok()?;
        self.0.get(index).map(|&(_, crc)| crc)
    }
}

/// Whether a module has a table of versions at all.
pub(super) fn are_in(elf: &Elf<'_>) -> bool {
    [b"__versions".as_slice(), b"__version_ext_crcs"].iter().any(|name| elf.named(name).next().is_some())
}

/// Reads `__versions`, or the extended tables, which hold names of any length and alone count for the loader where
/// they are (`scripts/mod/modpost.c:add_extended_versions`, `kernel/module/version.c:check_version`, 7.2).
pub(super) fn read<'d>(elf: &Elf<'d>, problems: &mut Vec<Problem>) -> Versions<'d> {
    let dedot = |entries: Vec<(&'d str, u32)>| {
        // The loader takes the dots off here, too (`dedotify_versions`).
        entries.into_iter().map(|(name, crc)| (loader_name(name, elf.machine), crc)).collect()
    };
    let basic = basic(elf, problems).map(dedot).map(|entries| Versions::new(entries, problems));
    let Some(extended) = extended(elf, problems).map(dedot).map(|entries| Versions::new(entries, problems)) else {
        return basic.unwrap_or_default();
    };
    let disagrees = |&(name, crc): &(&str, u32)| extended.get(name).is_some_and(|other| other != crc);
    if basic.is_some_and(|basic| basic.0.iter().any(disagrees)) {
        problems.push(Problem::Versions { reason: "the basic and the extended one disagree" });
    }
    extended
}

fn basic<'d>(elf: &Elf<'d>, problems: &mut Vec<Problem>) -> Option<Vec<(&'d str, u32)>> {
    let (_, section) = loaded_section(elf, "__versions", problems)?;
    let data = elf.data(section);
    if !data.len().is_multiple_of(ENTRY_BYTES) {
        problems.push(Problem::Versions { reason: "its size is not a whole number of entries" });
        return None;
    }
    let mut entries = Vec::with_capacity(data.len() / ENTRY_BYTES);
    for entry in data.chunks_exact(ENTRY_BYTES) {
        let (crc, name_at) = match elf.machine.class {
            Class::Elf32 => (elf.u32_at(entry, 0), 4),
            Class::Elf64 => (elf.u64_at(entry, 0).and_then(|crc| u32::try_from(crc).ok()), 8),
        };
        let name = until_nul(entry, name_at, ENTRY_BYTES).and_then(|name| std::str::from_utf8(name).ok());
        let (Some(crc), Some(name)) = (crc, name) else {
            problems.push(Problem::Versions { reason: "an entry has no name that ends or no 32-bit CRC" });
            return None;
        };
        entries.push((name, crc));
    }
    Some(entries)
}

fn extended<'d>(elf: &Elf<'d>, problems: &mut Vec<Problem>) -> Option<Vec<(&'d str, u32)>> {
    let crcs = loaded_section(elf, "__version_ext_crcs", problems);
    let names = loaded_section(elf, "__version_ext_names", problems);
    let (crcs, names) = match (crcs, names) {
        (Some((_, crcs)), Some((_, names))) => (elf.data(crcs), elf.data(names)),
        (None, None) => return None,
        _ => {
            problems.push(Problem::Versions { reason: "one of the two extended tables is missing" });
            return None;
        }
    };
    if !crcs.len().is_multiple_of(4) {
        problems.push(Problem::Versions { reason: "the extended CRCs are not whole numbers" });
        return None;
    }
    let mut entries = Vec::with_capacity(crcs.len() / 4);
    let mut at = 0_u64;
    for index in 0..crcs.len() / 4 {
        let crc = elf.u32_at(crcs, index as u64 * 4);
        let bytes = until_nul(names, at, limits::NAME_BYTES);
        let name = bytes.and_then(|name| std::str::from_utf8(name).ok());
        let (Some(crc), Some(name)) = (crc, name) else {
            problems.push(Problem::Versions { reason: "there are fewer extended names than CRCs" });
            return None;
        };
        at += name.len() as u64 + 1;
        entries.push((name, crc));
    }
    Some(entries)
}
