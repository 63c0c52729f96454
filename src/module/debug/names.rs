// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of functions, which often stand elsewhere than their code: at what they are copies of.

use std::collections::BTreeMap;

use gimli::{AttributeValue, UnitOffset, constants as dw};

use super::budget::Meter;
use super::units::{Unit, Value};
use super::{DebugError, DebugInfo};
use crate::{limits, text};

/// Entries that a name is looked for at.
const HOPS: usize = 16;

/// The names that were looked up.
pub(super) struct Names<'i> {
    info: &'i DebugInfo<'i>,
    known: BTreeMap<UnitOffset, Option<Box<str>>>,
}

impl<'i> Names<'i> {
    pub(super) fn new(info: &'i DebugInfo<'_>) -> Self {
        Self { info, known: BTreeMap::new() }
    }

    /// The name of a function by an entry of it, in the unit that is always the same.
    pub(super) fn of(
        &mut self,
        unit: &Unit<'_>,
        entry: UnitOffset,
        meter: &Meter<'_>,
    ) -> Result<Option<Box<str>>, DebugError> {
        if let Some(name) = self.known.get(&entry) {
            return Ok(name.clone());
        }
        // What is broken elsewhere costs the name only.
        let name = self.find(unit, entry, HOPS, meter).or_else(|error| error.unless_fatal().map(|()| None))?;
        self.known.insert(entry, name.clone());
        Ok(name)
    }

    fn find(
        &self,
        unit: &Unit<'_>,
        mut entry: UnitOffset,
        hops: usize,
        meter: &Meter<'_>,
    ) -> Result<Option<Box<str>>, DebugError> {
        let mut linkage = None;
        for left in (0..hops).rev() {
            let mut origin = None;
            for attribute in unit.entry(entry, meter)?.1 {
                let value = attribute.value();
                match attribute.name() {
                    dw::DW_AT_name => {
                        if let Some(name) = unit.string(&value, limits::NAME_BYTES) {
                            return Ok(Some(shown(name)));
                        }
                    }
                    dw::DW_AT_linkage_name | dw::DW_AT_MIPS_linkage_name => {
                        linkage = linkage.or_else(|| unit.string(&value, limits::NAME_BYTES));
                    }
                    dw::DW_AT_abstract_origin | dw::DW_AT_specification => origin = unit.reference(&value),
                    _ => {}
                }
            }
            let Some(origin) = origin else { break };
            match unit.within(origin) {
                Some(within) => entry = within,
                None => return Ok(self.elsewhere(origin, left, meter)?.or_else(|| linkage.map(shown))),
            }
        }
        Ok(linkage.map(shown))
    }

    /// Looks in another unit.
    fn elsewhere(&self, entry: usize, hops: usize, meter: &Meter<'_>) -> Result<Option<Box<str>>, DebugError> {
        let Some(index) = self.info.units.at(entry) else { return Ok(None) };
        let unit = self.info.units.open(&self.info.sections, index, meter)?;
        match unit.within(entry) {
            Some(entry) => self.find(&unit, entry, hops, meter),
            None => Ok(None),
        }
    }
}

fn shown(name: &[u8]) -> Box<str> {
    text::shown(&String::from_utf8_lossy(name)).into()
}

/// A number that is not negative.
pub(super) fn number(value: &Value<'_>) -> Option<u64> {
    match value {
        AttributeValue::FileIndex(index) => Some(*index),
        value => value.udata_value(),
    }
}
