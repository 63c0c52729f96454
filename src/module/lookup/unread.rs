// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same of a module whose code nobody here can read.

use std::collections::{BTreeMap, BTreeSet};

use super::Lookup;
use super::data::{self, Data};
use super::reader::{Finders, NAMES, symbol_of};
use crate::module::elf::{Elf, Symbols};
use crate::module::graph::{Place, Referent, in_data, is_code, symbols_of};

/// The calls of a module: each is taken to be told all to which the function refers that it is in.
pub(super) fn calls(elf: &Elf<'_>, symbols: &Symbols<'_>, finders: &Finders<'_>) -> Vec<Lookup> {
    let data = Data::new(elf, symbols);
    let mut ends: BTreeMap<Place, u64> = BTreeMap::new();
    for (place, symbol) in symbols_of(symbols).filter(|(_, symbol)| symbol.size > 0) {
        ends.insert(place, place.offset.saturating_add(symbol.size));
    }
    let mut calls = Vec::new();
    for (index, section) in elf.sections().iter().enumerate() {
        if !u32::try_from(index).is_ok_and(|index| is_code(elf, index)) {
            continue;
        }
        let references = in_data(elf, symbols, index).unwrap_or_default();
        for reference in &references {
            let Referent::Import(symbol) = reference.to else { continue };
            let Some((name, finds)) = finders.by_symbol.get(&symbol) else { continue };
            let before = ends.range(..=reference.from).next_back();
            let own =
                before.filter(|(begin, end)| begin.section == reference.from.section && reference.from.offset < **end);
            let (begin, end) = own.map_or((0, section.size()), |(begin, end)| (begin.offset, *end));
            let first = references.partition_point(|other| other.from.offset < begin);
            let within = references.iter().skip(first).take_while(|other| other.from.offset < end);
            let places = within.filter_map(|other| data::as_place(other.to)).filter(|place| !data.is_code(*place));
            let pointed = |place: Place| data.all_in(data.object(place)).filter_map(|(_, to)| data::as_place(to));
            let mut places = places.flat_map(|place| pointed(place).chain([place]));
            let is_pattern = finds.takes_patterns();
            let told = places.by_ref().take(NAMES).filter_map(|place| symbol_of(data.name(place)?, is_pattern));
            let names: BTreeSet<Box<str>> = told.map(Into::into).collect();
            let is_open = names.is_empty() || places.next().is_some();
            let names = names.into_iter().collect();
            calls.push(Lookup {
                by: (*name).into(),
                gives: finds.gives(),
                is_by_pointer: false,
                names,
                is_open,
                at: reference.from,
            });
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use object::write::{Object, Relocation, Symbol, SymbolSection};
    use object::{
        Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf,
    };

    use super::*;
    use crate::module::Bytes;

    /// What a function refers to that calls this finder: `"printk"`, `"*"`, and the finder.
    fn told(finder: &str) -> (Vec<String>, bool) {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::S390x, Endianness::Big);
        let data = object.add_section(Vec::new(), ".rodata".into(), SectionKind::ReadOnlyData);
        object.append_section_data(data, b"printk\0*\0", 1);
        let text = object.add_section(Vec::new(), ".text".into(), SectionKind::Text);
        object.append_section_data(text, &[0; 32], 8);
        let add = |object: &mut Object<'_>, name: &str, section, size| {
            let (name, kind, scope) = (name.into(), SymbolKind::Text, SymbolScope::Compilation);
            let flags = SymbolFlags::None;
            object.add_symbol(Symbol { name, value: 0, size, kind, scope, weak: false, section, flags })
        };
        add(&mut object, "function", SymbolSection::Section(text), 32);
        let finder = add(&mut object, finder, SymbolSection::Undefined, 0);
        let names = object.section_symbol(data);
        for (offset, symbol, addend) in [(0, names, 0), (8, names, 7), (16, finder, 0)] {
            let flags = RelocationFlags::Elf { r_type: elf::R_390_64 };
            object.add_relocation(text, Relocation { offset, symbol, addend, flags }).unwrap();
        }
        let bytes = object.write().unwrap();
        let elf = Elf::parse(Bytes::in_memory(&bytes)).unwrap();
        let symbols = elf.first_symbols().unwrap();
        let calls = calls(&elf, &symbols, &Finders::of(&symbols, &|_| false));
        assert_eq!(calls.len(), 1);
        (calls[0].names.iter().map(ToString::to_string).collect(), calls[0].is_open)
    }

    #[test]
    fn a_pattern_is_a_name_only_to_who_takes_patterns() {
        assert_eq!(told("ftrace_set_filter"), (vec!["*".to_owned(), "printk".to_owned()], false));
        assert_eq!(told("__symbol_get"), (vec!["printk".to_owned()], false));
    }
}
