// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes to sections that somebody would make who knows how a module is read.

use fastrand::Rng;

use super::bytes::important;
use super::draft::Draft;
use super::raw::{
    Field, Head, SHF_ALLOC, SHT_NOBITS, SHT_NULL, SHT_REL, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, SymbolField, index,
};
use super::{Change, Target};

pub const CHANGES: [Change; 16] = [
    flags,
    kind,
    links,
    size,
    duplicate,
    duplicate_before,
    rename,
    swap,
    move_content,
    lay_over,
    second_symbol_table,
    shrink_strings,
    count_elsewhere,
    first_section,
    strings_in_headers,
    signature,
];

fn flags(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    /// Write, alloc, exec, merge, strings, info-link, group, compressed, read-only after init, livepatch.
    const FLAGS: [u64; 10] = [1, SHF_ALLOC, 4, 0x10, 0x20, 0x40, 0x200, 0x800, 0x0020_0000, 0x0010_0000];
    let (Some(section), Some(flag)) = (important(draft, rng), rng.choice(FLAGS)) else { return };
    draft.set(section, Field::Flags, draft.field(section, Field::Flags) ^ flag);
}

fn kind(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    /// From nothing to `SHT_SYMTAB_SHNDX`, and two that nobody knows.
    const KINDS: [u64; 14] =
        [SHT_NULL, 1, SHT_SYMTAB, SHT_STRTAB, 4, 5, 6, 7, SHT_NOBITS, 9, 11, 18, 0x6fff_fff6, 0x8000_0001];
    let (Some(section), Some(kind)) = (important(draft, rng), rng.choice(KINDS)) else { return };
    draft.set(section, Field::Type, kind);
}

fn links(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let count = draft.head(Head::Sections).max(1);
    let (Some(section), Some(field)) = (important(draft, rng), rng.choice([Field::Link, Field::Info, Field::Entry]))
    else {
        return;
    };
    let any = rng.u64(..count);
    let value = rng.choice([0, 1, count - 1, count, 0xff00, u64::from(u32::MAX), any]).unwrap_or(0);
    draft.set(section, field, value);
}

fn size(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(section) = important(draft, rng) else { return };
    let size = draft.field(section, Field::Size);
    let sizes = [0, 1, size / 2, size.saturating_sub(1), size.saturating_sub(24), size + 1, size + 24, u64::MAX];
    draft.set(section, Field::Size, rng.choice(sizes).unwrap_or(0));
}

/// A second header for the same bytes, or for others, that differs in one thing.
fn duplicate(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(section) = important(draft, rng) else { return };
    let header = draft.header_bytes(section);
    let copy = draft.add_header(header);
    draft.log.push(format!("section {copy}: is section {section} again"));
    let changed = if rng.bool() { copy } else { section };
    match rng.u8(..5) {
        0 => draft.set(changed, Field::Flags, draft.field(changed, Field::Flags) ^ SHF_ALLOC),
        1 => draft.set(changed, Field::Type, rng.choice([SHT_NULL, 1, SHT_NOBITS, SHT_STRTAB]).unwrap_or(0)),
        2 => draft.set(changed, Field::Size, rng.choice([0, 1, 24]).unwrap_or(0)),
        3 => {
            let size = index(draft.field(changed, Field::Size)).min(1 << 20);
            draft.replace(changed, &vec![0; size]);
        }
        _ => {}
    }
}

/// The same, and the new one comes first.
fn duplicate_before(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let before = index(draft.head(Head::Sections));
    duplicate(draft, target, rng);
    let Some(map) = draft.map() else { return };
    let named = |section: &super::raw::Section| Some(section.name) == map.sections.get(before).map(|copy| copy.name);
    if let Some(original) = map.sections.iter().position(named).filter(|original| *original < before) {
        exchange(draft, original, before);
    }
}

/// A name that another section has, or that is the end of another's.
fn rename(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let section = if rng.bool() { important(draft, rng).unwrap_or(1) } else { rng.usize(..map.sections.len()) };
    let other = important(draft, rng).unwrap_or(1);
    let name = draft.field(other, Field::Name);
    let name = if rng.u8(..4) == 0 { name + rng.u64(..8) } else { name };
    draft.set(section, Field::Name, name);
}

/// Exchanges two headers; what refers to them by number follows, or not.
fn swap(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let count = index(draft.head(Head::Sections)).max(1);
    let one = important(draft, rng).unwrap_or(0);
    let other = if rng.bool() { important(draft, rng).unwrap_or(0) } else { rng.usize(..count) };
    if rng.u8(..4) == 0 {
        exchange_headers(draft, one, other);
    } else {
        exchange(draft, one, other);
    }
}

fn exchange_headers(draft: &mut Draft, one: usize, other: usize) {
    draft.change_table(|headers| {
        if one.max(other) < headers.len() {
            headers.swap(one, other);
        }
    });
    draft.log.push(format!("sections {one} and {other} are exchanged"));
}

/// Exchanges two headers, so that all that refers to them still does.
fn exchange(draft: &mut Draft, one: usize, other: usize) {
    exchange_headers(draft, one, other);
    let renumbered = |number: u64| match number {
        number if number == one as u64 => other as u64,
        number if number == other as u64 => one as u64,
        number => number,
    };
    let names = renumbered(draft.head(Head::Names));
    draft.set_head(Head::Names, names);
    let Some(map) = draft.map() else { return };
    for (section, header) in map.sections.iter().enumerate() {
        draft.put(section, Field::Link, renumbered(header.link));
        if matches!(header.kind, SHT_RELA | SHT_REL) {
            draft.put(section, Field::Info, renumbered(draft.field(section, Field::Info)));
        }
    }
    let Some(map) = draft.map() else { return };
    for symbol in 1..map.symbol_count(draft) {
        let section = draft.symbol_field(&map, symbol, SymbolField::Section);
        if renumbered(section) != section {
            draft.put_symbol(&map, symbol, SymbolField::Section, renumbered(section));
        }
    }
}

/// The same bytes elsewhere, with something else where they were.
fn move_content(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let Some(section) = important(draft, rng) else { return };
    let Some(header) = map.sections.get(section) else { return };
    let content = draft.content(header);
    draft.replace(section, &content);
    if rng.bool() {
        let (start, len) = (index(header.offset), content.len());
        if let Some(old) = draft.bytes.get_mut(start..start.saturating_add(len)) {
            old.fill(rng.u8(..));
        }
    }
}

/// One section over another, or over the section headers.
fn lay_over(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let (Some(section), Some(other)) = (important(draft, rng), important(draft, rng)) else { return };
    let table = draft.head(Head::Table);
    let at = if rng.u8(..3) == 0 { table } else { draft.field(other, Field::Offset) };
    let at = at.wrapping_add_signed(rng.i64(-64..=64));
    if rng.bool() {
        draft.set(section, Field::Offset, at);
    } else {
        // From where it was up to there.
        let start = draft.field(section, Field::Offset);
        draft.set(section, Field::Size, at.wrapping_sub(start));
    }
}

/// A second symbol table without what is wanted, before or behind the first.
fn second_symbol_table(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let first = map.symbols;
    let header = draft.header_bytes(first);
    let second = draft.add_header(header);
    let harmless = vec![0; draft.machine.symbol_len() * rng.usize(0..3)];
    draft.replace(second, &harmless);
    if rng.bool() {
        let kind = rng.choice([1, SHT_NULL, 11, SHT_NOBITS, 18]).unwrap_or(1);
        let hidden = if rng.bool() { first } else { second };
        draft.set(hidden, Field::Type, kind);
    }
    if rng.bool() {
        exchange(draft, first, second);
    }
}

/// The table of symbol names ends before the names that are wanted, or is none by its type; the bytes stay.
fn shrink_strings(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let Some(strings) = map.sections.iter().position(|section| *section == map.strings) else { return };
    let Some((symbol, _)) = rng.choice(&target.wanted) else { return };
    let name = draft.symbol_field(&map, *symbol, SymbolField::Name);
    if rng.bool() {
        draft.set(strings, Field::Size, name.saturating_sub(rng.u64(..2)));
    }
    if rng.bool() {
        draft.set(strings, Field::Type, rng.choice([SHT_NOBITS, SHT_NULL, 1]).unwrap_or(1));
    }
}

/// The count of sections in the first header, or another one in both places.
fn count_elsewhere(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let count = draft.head(Head::Sections);
    draft.set(0, Field::Size, rng.choice([count, count + 1, 1 << 32, u64::MAX]).unwrap_or(0));
    if rng.bool() {
        draft.set_head(Head::Sections, 0);
    }
    if rng.bool() {
        draft.set(0, Field::Link, draft.head(Head::Names));
        draft.set_head(Head::Names, 0xffff);
    }
}

/// Tags where the loader looks for them if there are none: at the offset of the first section.
fn first_section(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let at = draft.append(b"license=GPL\0");
    draft.set(0, Field::Offset, at);
    let Some(tags) = draft.map().and_then(|map| map.find(draft, ".modinfo")) else { return };
    match rng.u8(..3) {
        0 => draft.set(tags, Field::Flags, 0),
        1 => draft.set(tags, Field::Name, 0),
        _ => draft.set(tags, Field::Type, SHT_NULL),
    }
}

/// A name in a section header that becomes the wanted one when the loader marks the section: the string table reaches
/// over the section headers, in which `uF_g` is to become `uf_g` by `SHF_RO_AFTER_INIT`.
fn strings_in_headers(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let fits = |name: &[u8]| name.len() < 12 && name.get(6).is_some_and(u8::is_ascii_lowercase);
    let wanted: Vec<_> = target.wanted.iter().filter(|(_, name)| fits(name)).collect();
    let Some((symbol, name)) = rng.choice(wanted) else { return };
    let Some(strings) = map.sections.iter().position(|section| *section == map.strings) else { return };
    // The strings, a section's name for the loader to mark, and then the headers.
    let mut content = draft.content(&map.strings);
    content.resize(content.len().next_multiple_of(8), 0);
    let at = draft.append(&content);
    let mut hidden = name.clone();
    hidden.resize(12, 0);
    if let Some(byte) = hidden.get_mut(6) {
        *byte = byte.to_ascii_uppercase();
    }
    let (jumps, names) = with_name(draft, &map, b"__jump_table\0");
    let mut header = vec![0; draft.machine.section_len()];
    if let Some(place) = header.get_mut(4..16) {
        place.copy_from_slice(&hidden);
    }
    draft.machine.put(&mut header, 0, 4, jumps);
    let section = draft.add_header(header);
    let end = draft.bytes.len() as u64;
    draft.set(strings, Field::Offset, at);
    draft.set(strings, Field::Size, end - at);
    draft.set_symbol(&map, *symbol, SymbolField::Name, draft.header(section) as u64 + 4 - at);
    draft.log.push(format!("the names of sections are at {names:#x} now"));
}

/// Adds a section's name, and returns where it is in the table and where the table is.
fn with_name(draft: &mut Draft, map: &super::draft::Map, name: &[u8]) -> (u64, u64) {
    let mut names = draft.content(&map.names);
    let place = names.len() as u64;
    names.extend_from_slice(name);
    let at = draft.append(&names);
    let number = index(draft.head(Head::Names));
    draft.set(number, Field::Offset, at);
    draft.set(number, Field::Size, names.len() as u64);
    (place, at)
}

/// What looks like a signature, over some of the module.
fn signature(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let len = rng.choice([0, 1, 16, draft.bytes.len() / 2, draft.bytes.len() - 64, draft.bytes.len()]).unwrap_or(0);
    let len = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let kind = if rng.bool() { 2 } else { 0 };
    draft.bytes.extend_from_slice(&[0, 0, kind, 0, 0, 0, 0, 0]);
    draft.bytes.extend_from_slice(&len);
    draft.bytes.extend_from_slice(b"~Module signature appended~\n");
    draft.log.push(format!("a signature of kind {kind} and length {len:?} is put behind it"));
}
