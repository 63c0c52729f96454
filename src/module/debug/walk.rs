// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of a unit, one after the other; what is below one that does not matter is jumped over.

use gimli::{Abbreviation, Attribute, DwTag, EntriesRaw, UnitOffset, constants as dw};

use super::DebugError;
use super::budget::Meter;
use super::units::{Slice, Unit, check_count};

/// An entry, of which no attribute is read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Where it is in its unit.
    pub(super) offset: UnitOffset,
    pub(super) tag: DwTag,
    /// How many entries it is in.
    pub(super) depth: isize,
}

/// A walk through the entries of a unit.
pub(super) struct Walk<'u, 's> {
    unit: &'u Unit<'s>,
    meter: &'u Meter<'u>,
    entries: EntriesRaw<'u, Slice<'s>>,
    /// What is to be added to the depths of `entries`.
    base: isize,
    /// The entry that was given last, if its attributes are still to be read.
    unread: Option<&'u Abbreviation>,
    attributes: Vec<Attribute<Slice<'s>>>,
    is_begun: bool,
}

impl<'u, 's> Walk<'u, 's> {
    pub(super) fn new(unit: &'u Unit<'s>, meter: &'u Meter<'u>) -> Result<Self, DebugError> {
        let entries = unit.inner.header.entries_raw(&unit.inner.abbreviations, None)?;
        Ok(Self { unit, meter, entries, base: 0, unread: None, attributes: Vec::new(), is_begun: false })
    }

    /// The next entry; those below the last one come first.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, DebugError> {
        if let Some(abbreviation) = self.unread.take() {
            self.entries.skip_attributes(abbreviation.attributes())?;
        }
        while !self.entries.is_empty() {
            let depth = self.depth();
            if self.is_begun && depth <= 0 {
                break;
            }
            let offset = self.entries.next_offset();
            let Some(abbreviation) = self.entries.read_abbreviation()? else {
                self.meter.take(1)?;
                continue;
            };
            check_count(abbreviation.attributes().len())?;
            self.meter.take(1 + abbreviation.attributes().len())?;
            self.is_begun = true;
            self.unread = Some(abbreviation);
            self.attributes.clear();
            return Ok(Some(Entry { offset, tag: abbreviation.tag(), depth }));
        }
        Ok(None)
    }

    /// The attributes of the entry that was given last.
    pub(super) fn attributes(&mut self) -> Result<&[Attribute<Slice<'s>>], DebugError> {
        if let Some(abbreviation) = self.unread.take() {
            self.entries.read_attributes(abbreviation.attributes(), &mut self.attributes)?;
        }
        Ok(&self.attributes)
    }

    /// Passes over what is below the entry that was given last.
    pub(super) fn skip(&mut self, entry: &Entry) -> Result<(), DebugError> {
        let mut next = None;
        if let Some(abbreviation) = self.unread.take() {
            let specs = abbreviation.attributes();
            let place = specs.iter().position(|spec| spec.name() == dw::DW_AT_sibling);
            if let (Some(place), true) = (place, abbreviation.has_children()) {
                let (before, rest) = specs.split_at(place);
                self.entries.skip_attributes(before)?;
                if let Some((sibling, after)) = rest.split_first() {
                    next = self.unit.reference(&self.entries.read_attribute(*sibling)?.value());
                    self.entries.skip_attributes(after)?;
                }
            } else {
                self.entries.skip_attributes(specs)?;
            }
        } else {
            let sibling = self.attributes.iter().find(|attribute| attribute.name() == dw::DW_AT_sibling);
            next = sibling.and_then(|sibling| self.unit.reference(&sibling.value()));
        }
        if self.depth() <= entry.depth {
            return Ok(());
        }
        // Never backwards: that would not end.
        let next = next.and_then(|next| self.unit.within(next)).filter(|next| next.0 > self.entries.next_offset().0);
        if let Some(next) = next {
            self.entries = self.unit.inner.header.entries_raw(&self.unit.inner.abbreviations, Some(next))?;
            self.base = entry.depth;
            return Ok(());
        }
        while self.depth() > entry.depth && !self.entries.is_empty() {
            self.meter.take(1)?;
            if let Some(abbreviation) = self.entries.read_abbreviation()? {
                check_count(abbreviation.attributes().len())?;
                self.meter.take(abbreviation.attributes().len())?;
                self.entries.skip_attributes(abbreviation.attributes())?;
            }
        }
        Ok(())
    }

    fn depth(&self) -> isize {
        self.base.saturating_add(self.entries.next_depth())
    }
}
