// SPDX-License-Identifier: MIT OR Apache-2.0
//! What calls find by name while the module runs: they lead to that as they would to an import.

use std::collections::BTreeMap;

use super::references::Referent;
use super::{Lookups, Place};

/// The names that calls find, by the places of these.
#[derive(Debug, Default)]
pub(super) struct FoundNames {
    names: Vec<Box<str>>,
    by_place: BTreeMap<Place, Call>,
}

#[derive(Debug, Default)]
struct Call {
    names: Vec<u32>,
    /// Whether that is all, and no import is called for more.
    is_told: bool,
}

impl FoundNames {
    pub(super) fn of(lookups: &Lookups) -> Self {
        let mut found = Self::default();
        for lookup in &lookups.calls {
            let mut numbers: Vec<u32> = lookup.names.iter().filter_map(|name| found.number(name)).collect();
            if lookup.is_by_pointer && lookup.is_open {
                // No import shows that it may find anything.
                numbers.extend(found.number(&lookup.by));
            }
            let call = found.by_place.entry(lookup.at).or_default();
            call.names.extend(numbers);
            call.is_told = !lookup.is_open;
        }
        found
    }

    fn number(&mut self, name: &str) -> Option<u32> {
        self.names.push(name.into());
        u32::try_from(self.names.len() - 1).ok()
    }

    pub(super) fn name(&self, number: u32) -> Option<&str> {
        self.names.get(number as usize).map(|name| &**name)
    }

    /// Whether all is told that is found by the call at a place.
    pub(super) fn is_told(&self, place: Place) -> bool {
        self.by_place.get(&place).is_some_and(|call| call.is_told)
    }

    /// What is found by the call at a place.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = Referent> {
        let names = self.by_place.get(&place).into_iter().flat_map(|call| &call.names);
        names.map(|number| Referent::Found(*number))
    }

    /// What is found by the calls in a section, with their places.
    pub(super) fn in_section(&self, section: u32) -> impl Iterator<Item = (Place, Referent)> {
        let calls = self.by_place.iter().filter(move |(place, _)| place.section == section);
        calls.flat_map(|(place, call)| call.names.iter().map(|number| (*place, Referent::Found(*number))))
    }
}
