// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes to symbols, their names, and tags that somebody would make who wants to get at a symbol unseen.

use fastrand::Rng;

use super::draft::{Draft, Map};
use super::raw::{EM_PPC64, Field, SHN_ABS, SHN_COMMON, SHN_LIVEPATCH, SHN_UNDEF, SymbolField};
use super::{Change, Target};

pub const CHANGES: [Change; 12] = [
    binding,
    place,
    into_another,
    behind_a_nul,
    at_the_end,
    beyond_the_table,
    dotted,
    livepatched,
    exchanged,
    nowhere,
    licence,
    tags_again,
];

/// One of the wanted symbols.
fn wanted<'t>(draft: &Draft, target: &'t Target, rng: &mut Rng) -> Option<(Map, usize, &'t [u8])> {
    let (symbol, name) = rng.choice(&target.wanted)?;
    Some((draft.map()?, *symbol, name))
}

/// Puts a string behind all names, and returns its place in their table.
fn add_name(draft: &mut Draft, map: &Map, name: &[u8]) -> u64 {
    let mut names = draft.content(&map.strings);
    let place = names.len() as u64;
    names.extend_from_slice(name);
    if let Some(strings) = map.sections.iter().position(|section| *section == map.strings) {
        draft.replace(strings, &names);
    }
    draft.log.push(format!("a name is added: {:?}", String::from_utf8_lossy(name)));
    place
}

fn binding(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, _)) = wanted(draft, target, rng) else { return };
    let (binding, kind) = (rng.choice([0, 1, 2, 3, 10, 13, 15]).unwrap_or(0), rng.u64(..16));
    draft.set_symbol(&map, symbol, SymbolField::Info, binding << 4 | kind);
    if rng.bool() {
        draft.set_symbol(&map, symbol, SymbolField::Other, rng.u64(..256));
    }
}

fn place(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, _)) = wanted(draft, target, rng) else { return };
    let count = map.sections.len() as u64;
    let places = [SHN_UNDEF, SHN_ABS, SHN_COMMON, SHN_LIVEPATCH, 0xff00, 0xffff, count, count - 1, 1];
    draft.set_symbol(&map, symbol, SymbolField::Section, rng.choice(places).unwrap_or(0));
    draft.set_symbol(&map, symbol, SymbolField::Value, rng.choice([0, 8, u64::MAX]).unwrap_or(0));
}

/// The name is the end of another one.
fn into_another(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, name)) = wanted(draft, target, rng) else { return };
    let before = rng.choice([&b"__ksymtab_"[..], b"x", b"my_", b"\xff\xfe", b"a b", b"."]).unwrap_or(b"x");
    let at = add_name(draft, &map, &[before, name, b"\0"].concat());
    draft.set_symbol(&map, symbol, SymbolField::Name, at + before.len() as u64);
}

/// Something follows the name's NUL.
fn behind_a_nul(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, name)) = wanted(draft, target, rng) else { return };
    let behind =
        rng.choice([&b"\0_harmless\0"[..], b"\0\0", b" \0", b"\n\0", b"\x7f\0", b"\xc2\xa0\0"]).unwrap_or(b"\0");
    let at = add_name(draft, &map, &[name, behind].concat());
    draft.set_symbol(&map, symbol, SymbolField::Name, at);
}

/// The name is the last in its table, with no NUL of its own.
fn at_the_end(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, name)) = wanted(draft, target, rng) else { return };
    let at = add_name(draft, &map, name);
    draft.set_symbol(&map, symbol, SymbolField::Name, at);
    if rng.bool() {
        let zeros = vec![0; rng.usize(1..9)];
        draft.bytes.extend(zeros);
    }
}

/// The name stands somewhere else in the file.
fn beyond_the_table(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, name)) = wanted(draft, target, rng) else { return };
    let at = draft.append(&[name, b"\0"].concat());
    draft.set_symbol(&map, symbol, SymbolField::Name, at.wrapping_sub(map.strings.offset));
}

fn dotted(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, name)) = wanted(draft, target, rng) else { return };
    let one = draft.machine.number == EM_PPC64 && rng.u8(..4) > 0;
    let dots = if one { &b"."[..] } else { rng.choice([&b".."[..], b"..."]).unwrap_or(b"..") };
    let at = add_name(draft, &map, &[dots, name, b"\0"].concat());
    draft.set_symbol(&map, symbol, SymbolField::Name, at);
}

fn livepatched(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, name)) = wanted(draft, target, rng) else { return };
    let object = rng.choice([&b"vmlinux"[..], b"drm", b"", b"a-b"]).unwrap_or(b"vmlinux");
    let position = rng.choice([&b",0"[..], b",1", b"", b",", b",99x", b",0,1"]).unwrap_or(b",0");
    let at = add_name(draft, &map, &[b".klp.sym.", object, b".", name, position, b"\0"].concat());
    draft.set_symbol(&map, symbol, SymbolField::Name, at);
    draft.set_symbol(&map, symbol, SymbolField::Section, SHN_LIVEPATCH);
}

/// The wanted symbol in another one's place; the other is the first one, which the loader passes over, or any.
fn exchanged(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, _)) = wanted(draft, target, rng) else { return };
    let count = map.symbol_count(draft).max(1);
    let other = if rng.u8(..4) == 0 { 0 } else { rng.usize(..count) };
    let len = draft.machine.symbol_len();
    let (one, two) = (draft.symbol(&map, symbol), draft.symbol(&map, other));
    for byte in 0..len {
        if one.max(two) + byte < draft.bytes.len() {
            draft.bytes.swap(one + byte, two + byte);
        }
    }
    draft.log.push(format!("symbols {symbol} and {other} are exchanged"));
}

/// Cuts the symbol table off before or behind the wanted symbol.
fn nowhere(draft: &mut Draft, target: &Target, rng: &mut Rng) {
    let Some((map, symbol, _)) = wanted(draft, target, rng) else { return };
    let len = draft.machine.symbol_len() as u64;
    let size = (symbol as u64 + rng.u64(..2)) * len + rng.u64(..len);
    draft.set(map.symbols, Field::Size, size);
}

/// The tags, one by one.
fn read_tags(draft: &Draft, map: &Map) -> Option<(usize, Vec<Vec<u8>>)> {
    let section = map.find(draft, ".modinfo")?;
    let content = draft.content(map.sections.get(section)?);
    Some((section, content.split(|byte| *byte == 0).filter(|tag| !tag.is_empty()).map(<[u8]>::to_vec).collect()))
}

fn write_tags(draft: &mut Draft, section: usize, tags: &[Vec<u8>]) {
    let bytes: Vec<u8> = tags.iter().flat_map(|tag| [tag, &b"\0"[..]].concat()).collect();
    draft.replace(section, &bytes);
}

/// Another licence, before the first or instead of it.
fn licence(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let Some((section, mut tags)) = read_tags(draft, &map) else { return };
    let other =
        rng.choice(["GPL", "GPL v2", "Proprietary", "GPL\0x", "GPL ", "gpl", "Dual MIT/GPL", "", "GPL\0=Proprietary"]);
    let other = format!("license={}", other.unwrap_or_default()).into_bytes();
    draft.log.push(format!("tag: {:?}", String::from_utf8_lossy(&other)));
    match rng.u8(..4) {
        0 => tags.insert(0, other),
        1 => tags.push(other),
        2 => tags.iter_mut().filter(|tag| tag.starts_with(b"license=")).for_each(|tag| tag.clone_from(&other)),
        _ => tags.retain(|tag| !tag.starts_with(b"license=")),
    }
    write_tags(draft, section, &tags);
}

/// Tags twice, in another order, or gone.
fn tags_again(draft: &mut Draft, _: &Target, rng: &mut Rng) {
    let Some(map) = draft.map() else { return };
    let Some((section, mut tags)) = read_tags(draft, &map) else { return };
    let wanted = rng.choice(["name=", "license=", "import_ns=", "vermagic=", "depends=", "intree="]).unwrap_or("name=");
    draft.log.push(format!("tags {wanted} are changed"));
    let mut found: Vec<Vec<u8>> = tags.iter().filter(|tag| tag.starts_with(wanted.as_bytes())).cloned().collect();
    match rng.u8(..5) {
        0 => tags.retain(|tag| !tag.starts_with(wanted.as_bytes())),
        1 => tags.append(&mut found),
        2 => rng.shuffle(&mut tags),
        3 => tags.extend(found.into_iter().map(|tag| [&tag[..], b"x"].concat())),
        _ => tags.insert(0, b"without_a_value".to_vec()),
    }
    write_tags(draft, section, &tags);
}
