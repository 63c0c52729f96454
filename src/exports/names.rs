// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a name stands in a list that has each once.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// The places of names in a list that holds them itself: a kernel has thirty thousand, and none is kept twice.
#[derive(Debug, Default)]
pub(crate) struct Names {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Names {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { places: HashTable::with_capacity(count), hasher: DefaultHashBuilder::default() }
    }

    /// Notes where a name will stand, unless it is there already; whether it was noted. `at` tells the name of a place.
    pub(crate) fn insert<'n>(&mut self, name: &str, place: usize, at: impl Fn(usize) -> &'n str) -> bool {
        let Self { places, hasher } = self;
        let Ok(number) = u32::try_from(place) else { return false };
        let is_it = |&place: &u32| at(place as usize) == name;
        let rehash = |&place: &u32| hasher.hash_one(at(place as usize));
        match places.entry(hasher.hash_one(name), is_it, rehash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(number);
                true
            }
        }
    }

    /// Where a name stands.
    pub(crate) fn find<'n>(&self, name: &str, at: impl Fn(usize) -> &'n str) -> Option<usize> {
        let is_it = |&place: &u32| at(place as usize) == name;
        self.places.find(self.hasher.hash_one(name), is_it).map(|&place| place as usize)
    }
}
