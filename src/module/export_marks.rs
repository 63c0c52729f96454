// SPDX-License-Identifier: MIT OR Apache-2.0
//! The marks that `EXPORT_SYMBOL` leaves in an object for modpost, which makes the export tables of them and drops the
//! section (`include/linux/export.h:___EXPORT_SYMBOL`, since 6.5).
//!
//! Behind a label `__export_symbol_NAME` stand the licence, the namespace, both ended by a NUL, and, aligned to a
//! word, a pointer to what is exported.

use std::collections::BTreeMap;

use super::elf::{Elf, Relocation, Section, Symbols, until_nul};
use super::graph::Place;
use super::problem::{Problem, loaded_section};
use crate::exports::{Class, Export, USERSPACE_GPL_LICENCE};
use crate::{limits, text};

const LABEL: &str = "__export_symbol_";

/// Reads the marks as `scripts/mod/modpost.c:check_export_symbol` (7.2) does: from each pointer to the label before it.
pub(super) fn read(elf: &Elf<'_>, symbols: &Symbols<'_>, problems: &mut Vec<Problem>) -> Vec<Export> {
    let Some((index, section)) = loaded_section(elf, ".export_symbol", problems) else { return Vec::new() };
    let relocations = match elf.relocations(index) {
        Ok(relocations) => relocations,
        Err(reason) => {
            problems.push(Problem::ExportTable { section: ".export_symbol".into(), reason });
            return Vec::new();
        }
    };
    let marks = Marks { data: elf.data(section), labels: labels(symbols, index), symbols };
    let mut exports = Vec::with_capacity(relocations.len());
    let mut refused: Option<(usize, &str)> = None;
    for relocation in relocations.iter().take(limits::EXPORTS) {
        match marks.read(relocation) {
            Ok(export) => exports.push(export),
            Err(reason) => refused = Some(refused.map_or((1, reason), |(count, first)| (count + 1, first))),
        }
    }
    if refused.is_none() && marks.labels.len() != relocations.len() {
        refused = Some((marks.labels.len(), "one without a pointer, or a pointer without one"));
    }
    if let Some((count, first)) = refused {
        problems.push(Problem::ExportMarks { count, first: first.into() });
    }
    exports
}

/// The marked exports by name, each with the place of what it exports; none where that can't be told.
pub(super) fn places<'d>(elf: &Elf<'d>, symbols: &Symbols<'d>) -> Vec<(&'d str, Option<Place>)> {
    let mut places = Vec::new();
    for (index, section) in elf.named(b".export_symbol") {
        let labels = labels(symbols, index);
        for pointer in elf.relocations(index).unwrap_or_default().iter().take(limits::EXPORTS) {
            let word = || elf.u32_at(elf.data(section), pointer.offset).map(|word| i64::from(word.cast_signed()));
            let name = labels.range(..=pointer.offset).next_back();
            places.extend(name.map(|(_, name)| (*name, Place::of(symbols, pointer, word()))));
        }
    }
    places
}

/// Whether a file has exports that modpost has not seen, of any kernel: no finished module has.
pub(super) fn are_in(elf: &Elf<'_>) -> bool {
    let is_mark = |section: &Section<'_>| section.name == b".export_symbol" || section.name.starts_with(b"___ksymtab");
    elf.sections().iter().any(is_mark)
}

/// The labels of the section by their places.
fn labels<'d>(symbols: &Symbols<'d>, section: usize) -> BTreeMap<u64, &'d str> {
    let inside = symbols.iter().filter(|symbol| usize::from(symbol.section) == section);
    inside
        .filter_map(|symbol| Some((symbol.value, text::symbol(symbols.name(&symbol)?)?.strip_prefix(LABEL)?)))
        .collect()
}

struct Marks<'e, 'd> {
    data: &'d [u8],
    labels: BTreeMap<u64, &'d str>,
    symbols: &'e Symbols<'d>,
}

impl Marks<'_, '_> {
    fn read(&self, pointer: &Relocation) -> Result<Export, &'static str> {
        let (&at, &label) = self.labels.range(..=pointer.offset).next_back().ok_or("a pointer without a label")?;
        let exported = self.symbols.get(pointer.symbol as usize);
        let exported = exported.and_then(|symbol| text::symbol(self.symbols.name(&symbol)?));
        if exported != Some(label) {
            return Err("a label that names something else than its pointer");
        }
        let string = |at| until_nul(self.data, at, limits::NAMESPACE_BYTES).ok_or("a string that does not end");
        let licence = string(at)?;
        let namespace = string(at + licence.len() as u64 + 1)?;
        let (class, declared_userspace_gpl) = match licence {
            b"" => (Class::Plain, false),
            b"GPL" => (Class::Gpl, false),
            licence if licence == USERSPACE_GPL_LICENCE.as_bytes() => (Class::Gpl, true),
            _ => return Err("a licence that is neither empty nor GPL"),
        };
        let namespace = match namespace {
            [] => None,
            namespace => Some(text::symbol(namespace).ok_or("a namespace that is no name")?.into()),
        };
        Ok(Export { name: label.into(), class, namespace, crc: None, flags: None, declared_userspace_gpl })
    }
}
