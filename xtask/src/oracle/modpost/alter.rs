// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random changes to a module: of its licence, its namespaces, or how an undefined symbol is bound. Nothing is moved.

use std::ops::Range;

use fastrand::Rng;
use object::elf::{STB_LOCAL, STB_WEAK};
use object::{Object, ObjectSection, ObjectSymbol};

use super::mutate::pick;

/// A module that was changed.
#[derive(Debug)]
pub(super) struct Altered {
    pub(super) bytes: Vec<u8>,
    pub(super) change: Change,
}

/// What was changed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The value of licence tags.
    License,
    /// It has no licence tag any more.
    NoLicense,
    /// What it declares to import.
    Imports,
    /// An undefined symbol has become weak.
    Weak(String),
    /// An undefined symbol has become local.
    Local(String),
}

/// Licences by which a module is not GPL-compatible.
const INCOMPATIBLE: [&str; 9] = [
    "BSD",
    "MIT",
    "GPL v3",
    "MIT\0v2",
    "NVIDIA",
    "Proprietary",
    "Dual BSD/MIT",
    "Linux-OpenIB",
    "GPL and additional duties",
];

/// Licences by which it is, and which are as long as another.
const COMPATIBLE: [&str; 4] = ["GPL\0v2", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

/// Changes one thing about a module, if what was picked is there.
pub(super) fn alter(rng: &mut Rng, mut bytes: Vec<u8>, undefined: &[&str]) -> Option<Altered> {
    // Few modules declare a namespace, so those that do are mostly changed there.
    let imports = if rng.bool() { imports(rng, &mut bytes) } else { None };
    let change = match imports {
        Some(change) => change,
        None => match rng.u8(..9) {
            0..5 => license(rng, &mut bytes, &INCOMPATIBLE)?,
            5 => license(rng, &mut bytes, &COMPATIBLE)?,
            6 => rename(&mut bytes, "license", "lizense").map(|()| Change::NoLicense)?,
            7 => bind(&mut bytes, pick(rng, undefined)?, STB_WEAK.0).map(Change::Weak)?,
            _ => bind(&mut bytes, pick(rng, undefined)?, STB_LOCAL.0).map(Change::Local)?,
        },
    };
    Some(Altered { bytes, change })
}

/// Gives one licence tag, or all, a value of the same length.
fn license(rng: &mut Rng, bytes: &mut [u8], licenses: &[&str]) -> Option<Change> {
    let mut tags = values(bytes, "license");
    if rng.bool() {
        tags = vec![pick(rng, &tags)?.clone()];
    }
    let mut change = None;
    for place in tags {
        let fitting: Vec<&str> = licenses.iter().copied().filter(|license| license.len() == place.len()).collect();
        if let (Some(license), Some(value)) = (pick(rng, &fitting), bytes.get_mut(place)) {
            value.copy_from_slice(license.as_bytes());
            change = Some(Change::License);
        }
    }
    change
}

/// Takes a namespace away, or makes a list of modules of it.
fn imports(rng: &mut Rng, bytes: &mut [u8]) -> Option<Change> {
    const LIST: &[u8] = b"module:";
    let tags = values(bytes, "import_ns");
    let namespace = bytes.get(pick(rng, &tags)?.clone())?.to_owned();
    let list = rng.bool();
    for place in tags {
        let Some(value) = bytes.get_mut(place).filter(|value| **value == *namespace) else { continue };
        // Some modules declare the same one a hundred times.
        match value.get_mut(..LIST.len()).filter(|_| list) {
            Some(start) => start.copy_from_slice(LIST),
            None => value.first_mut().into_iter().for_each(|first| *first = b'?'),
        }
    }
    Some(Change::Imports)
}

/// Gives all tags of a name another.
fn rename(bytes: &mut [u8], tag: &str, other: &str) -> Option<()> {
    let tags = values(bytes, tag);
    for value in &tags {
        let start = value.start.checked_sub(tag.len() + 1)?;
        bytes.get_mut(start..start + tag.len())?.copy_from_slice(other.as_bytes());
    }
    (!tags.is_empty()).then_some(())
}

/// The places of the values of a tag.
fn values(bytes: &[u8], tag: &str) -> Vec<Range<usize>> {
    let modinfo = match object::File::parse(bytes) {
        Ok(file) => file.section_by_name(".modinfo").and_then(|section| section.file_range()),
        Err(_) => None,
    };
    let Some((start, len)) =
        modinfo.and_then(|(start, len)| Some((usize::try_from(start).ok()?, usize::try_from(len).ok()?)))
    else {
        return Vec::new();
    };
    let mut at = start;
    let mut places = Vec::new();
    for entry in bytes.get(start..start + len).unwrap_or_default().split(|byte| *byte == 0) {
        let value = entry.strip_prefix(tag.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        places.extend(value.map(|value| at + entry.len() - value.len()..at + entry.len()));
        at += entry.len() + 1;
    }
    places
}

/// Binds an undefined symbol otherwise.
fn bind(bytes: &mut [u8], symbol: &str, binding: u8) -> Option<String> {
    // Bytes of an entry of the symbol table, and where in it type and binding stand.
    let (entry, info) = if bytes.get(4) == Some(&1) { (16, 12) } else { (24, 4) };
    let file = object::File::parse(&*bytes).ok()?;
    let (table, _) = file.section_by_name(".symtab")?.file_range()?;
    let found = file.symbols().find(|other| other.is_undefined() && other.name() == Ok(symbol))?;
    let place = usize::try_from(table).ok()? + found.index().0 * entry + info;
    drop(file);
    let info = bytes.get_mut(place)?;
    *info = *info & 0xf | binding << 4;
    Some(symbol.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::repository;

    fn module() -> Vec<u8> {
        std::fs::read(repository().join("testdata/6.1/sg_get.ko")).unwrap()
    }

    /// The values of a tag, as text.
    fn texts(bytes: &[u8], tag: &str) -> Vec<String> {
        values(bytes, tag).into_iter().map(|place| String::from_utf8(bytes[place].to_vec()).unwrap()).collect()
    }

    #[test]
    fn finds_tags() {
        assert_eq!(texts(&module(), "license"), ["GPL"]);
        assert_eq!(texts(&module(), "import_ns"), ["DMA_BUF"]);
        assert_eq!(texts(&module(), "none"), [""; 0]);
    }

    #[test]
    fn changes_what_was_asked_for_and_nothing_else() {
        let mut bytes = module();
        assert_eq!(license(&mut Rng::with_seed(1), &mut bytes, &["MIT"]), Some(Change::License));
        assert_eq!(texts(&bytes, "license"), ["MIT"]);
        assert_eq!(license(&mut Rng::with_seed(1), &mut bytes, &["NVIDIA"]), None);
        rename(&mut bytes, "license", "lizense").unwrap();
        assert_eq!((texts(&bytes, "license").len(), texts(&bytes, "lizense")), (0, vec!["MIT".to_owned()]));
        assert_eq!(bytes.len(), module().len());
        let changed = bytes.iter().zip(module()).filter(|(now, before)| **now != *before).count();
        assert_eq!(changed, 4);
    }

    #[test]
    fn takes_namespaces_away_or_makes_lists_of_them() {
        let mut seen: Vec<String> = (0..20)
            .flat_map(|seed| {
                let mut bytes = module();
                imports(&mut Rng::with_seed(seed), &mut bytes).unwrap();
                texts(&bytes, "import_ns")
            })
            .collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["?MA_BUF", "module:"]);
    }

    #[test]
    fn binds_a_symbol_otherwise() {
        let mut bytes = module();
        assert_eq!(bind(&mut bytes, "dma_buf_get", STB_WEAK.0), Some("dma_buf_get".to_owned()));
        assert_eq!(bind(&mut bytes, "nothing", STB_WEAK.0), None);
        let file = object::File::parse(&*bytes).unwrap();
        let weak: Vec<&str> =
            file.symbols().filter(ObjectSymbol::is_weak).map(|symbol| symbol.name().unwrap()).collect();
        assert_eq!(weak, ["dma_buf_get"]);
    }
}
