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
            let told = places.by_ref().take(NAMES).filter_map(|place| symbol_of(data.name(place)?, true));
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
