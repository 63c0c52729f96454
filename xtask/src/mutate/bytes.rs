// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes that do not ask what a byte is for, each in one part of a module.

use fastrand::Rng;

use super::draft::Draft;
use super::raw::{Field, Head, SHT_REL, SHT_RELA, Section, SymbolField, index};
use super::{Change, Target};

pub const CHANGES: [Change; 12] = [
    head_bytes,
    head_field,
    section_field,
    important_section_field,
    section_bytes,
    symbol_field,
    wanted_symbol_field,
    names_of_wanted,
    symbol_names,
    tags,
    relocations,
    anywhere,
];

/// Sections that the loader looks for by name or type.
pub const IMPORTANT: [&str; 13] = [
    ".symtab",
    ".strtab",
    ".shstrtab",
    ".modinfo",
    ".gnu.linkonce.this_module",
    "__versions",
    "__version_ext_crcs",
    "__version_ext_names",
    "__ksymtab",
    "__kflagstab",
    "__ksymtab_strings",
    ".data..percpu",
    ".stubs",
];

/// One of the important sections that are there.
pub fn important(draft: &Draft, rng: &mut Rng) -> Option<usize> {
    let map = draft.map()?;
    let there: Vec<usize> = IMPORTANT.iter().filter_map(|name| map.find(draft, name)).collect();
    rng.choice(there)
}

/// A number that is at a limit, is somebody else's, or is any.
pub fn number(draft: &Draft, rng: &mut Rng) -> u64 {
    let len = draft.bytes.len() as u64;
    match rng.u8(..10) {
        0 => 0,
        1 => rng.u64(..16),
        2 => u64::MAX - rng.u64(..16),
        3 => 1 << rng.u8(..64),
        4 => (1_u64 << rng.u8(..64)).wrapping_sub(1),
        5 => len - rng.u64(..len.min(64)),
        6 => rng.u64(..len),
        7 => rng.u64(..1 << 16),
        8 => draft.map().and_then(|map| rng.choice(map.sections)).map_or(0, |section| section.offset),
        _ => rng.u64(..),
    }
}

/// Changes up to four bytes of a range.
fn change_bytes(draft: &mut Draft, rng: &mut Rng, start: u64, len: u64) {
    if len == 0 {
        return;
    }
    for _ in 0..rng.usize(1..=4) {
        let at = index(start.saturating_add(rng.u64(..len)));
        let other = rng.usize(..draft.bytes.len());
        let copied = draft.bytes.get(other).copied().unwrap_or(0);
        let Some(byte) = draft.bytes.get_mut(at) else { continue };
        let before = *byte;
        *byte = match rng.u8(..6) {
            0 => 0,
            1 => 0xff,
            2 => before ^ 1 << rng.u8(..8),
            3 => copied,
            4 => b'.',
            _ => rng.u8(..),
        };
        let after = *byte;
        draft.log.push(format!("byte {at:#x}: {before:#x} becomes {after:#x}"));
    }
}

fn in_section(draft: &mut Draft, rng: &mut Rng, section: Section) {
    change_bytes(draft, rng, section.offset, section.size);
}

fn head_bytes(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let len = draft.machine.header_len() as u64;
    change_bytes(draft, rng, 0, len);
}

fn head_field(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let value = number(draft, rng);
    if let Some(field) = rng.choice(Head::ALL) {
        draft.set_head(field, value);
    }
}

fn set_any_field(draft: &mut Draft, rng: &mut Rng, section: usize) {
    let Some(field) = rng.choice(Field::ALL) else { return };
    let before = draft.field(section, field);
    let value = match rng.u8(..4) {
        0 => before ^ 1 << rng.u8(..64),
        1 => before.wrapping_add_signed(rng.i64(-9..=9)),
        _ => number(draft, rng),
    };
    draft.set(section, field, value);
}

fn section_field(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let count = index(draft.head(Head::Sections)).max(1);
    let section = rng.usize(..count);
    set_any_field(draft, rng, section);
}

fn important_section_field(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    if let Some(section) = important(draft, rng) {
        set_any_field(draft, rng, section);
    }
}

fn section_bytes(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let (start, end) = (draft.header(0), draft.header(index(draft.head(Head::Sections))));
    change_bytes(draft, rng, start as u64, end.saturating_sub(start) as u64);
}

fn set_any_symbol_field(draft: &mut Draft, rng: &mut Rng, symbol: usize) {
    let (Some(map), Some(field)) = (draft.map(), rng.choice(SymbolField::ALL)) else { return };
    let before = draft.symbol_field(&map, symbol, field);
    let value = match rng.u8(..4) {
        0 => before ^ 1 << rng.u8(..16),
        1 => before.wrapping_add_signed(rng.i64(-9..=9)),
        _ => number(draft, rng),
    };
    draft.set_symbol(&map, symbol, field, value);
}

fn symbol_field(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let count = draft.map().map_or(0, |map| map.symbol_count(draft)).max(1);
    let symbol = rng.usize(..count);
    set_any_symbol_field(draft, rng, symbol);
}

fn wanted_symbol_field(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    if let Some((symbol, _)) = rng.choice(&target.wanted) {
        set_any_symbol_field(draft, rng, *symbol);
    }
}

fn names_of_wanted(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let (Some(map), Some((symbol, name))) = (draft.map(), rng.choice(&target.wanted)) else { return };
    let at = map.strings.offset.saturating_add(draft.symbol_field(&map, *symbol, SymbolField::Name));
    change_bytes(draft, rng, at.saturating_sub(1), name.len() as u64 + 2);
}

fn symbol_names(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let table = if rng.bool() { map.strings } else { map.names };
    in_section(draft, rng, table);
}

fn tags(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let name = if rng.u8(..4) > 0 { ".modinfo" } else { ".gnu.linkonce.this_module" };
    let section = map.find(draft, name).and_then(|section| map.sections.get(section).copied());
    if let Some(section) = section {
        in_section(draft, rng, section);
    }
}

fn relocations(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let tables: Vec<Section> =
        map.sections.into_iter().filter(|section| matches!(section.kind, SHT_REL | SHT_RELA)).collect();
    if let Some(table) = rng.choice(tables) {
        in_section(draft, rng, table);
    }
}

fn anywhere(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let len = draft.bytes.len() as u64;
    change_bytes(draft, rng, 0, len);
}
