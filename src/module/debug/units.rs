// SPDX-License-Identifier: MIT OR Apache-2.0
//! The units of debug info: one for each file that was compiled, with a header, a table of abbreviations and a root entry.
//!
//! A library reads them; what it does for as long as a file wants is bounded here. A table of abbreviations ends where the
//! next begins, a header of a table of lines has a size that is looked at first, strings have a longest.

use std::collections::BTreeMap;
use std::sync::Arc;

use gimli::{
    Abbreviations, Attribute, AttributeValue, DebugAbbrev, DebugAbbrevOffset, DebugInfoOffset, DebugLineOffset, DwTag,
    DwoId, EndianSlice, IncompleteLineProgram, Reader as _, RunTimeEndian, Section as _, UnitHeader, UnitOffset,
    UnitType, constants as dw,
};
use rayon::prelude::*;

use super::super::elf::until_nul;
use super::DebugError;
use super::budget::{Budget, Meter};
use super::sections::Sections;
use crate::limits;

/// Bytes of debug info.
pub(super) type Slice<'s> = EndianSlice<'s, RunTimeEndian>;

/// The value of an attribute.
pub(super) type Value<'s> = AttributeValue<Slice<'s>>;

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole one.
    Compiled,
    /// A part of one, which others refer to.
    Partial,
    /// What is left of one whose debug info is in a `.dwo` file, which is not at hand.
    Skeleton,
    /// It can't be read.
    Broken,
}

/// A unit as it stands in the list.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Where its header is.
    offset: usize,
    pub(super) kind: Kind,
    /// The number by which its debug info is known in a `.dwo` file, if it is there.
    pub(super) dwo_id: Option<DwoId>,
    /// The addresses of its code; none if it does not say.
    pub(super) ranges: Option<Vec<(u64, u64)>>,
}

impl Listed {
    fn broken(offset: usize) -> Self {
        Self { offset, kind: Kind::Broken, dwo_id: None, ranges: None }
    }
}

/// All units of a file, in its order.
#[derive(Debug, Clone, Default)]
pub(super) struct Units {
    pub(super) listed: Vec<Listed>,
    /// The units of which only the skeletons are here, by their numbers.
    by_number: BTreeMap<u64, Vec<usize>>,
    /// Where tables of abbreviations begin, sorted.
    tables: Vec<usize>,
    /// Whether a header could not be read, so that there may be more units than are listed.
    pub(super) is_cut: bool,
}

impl Units {
    /// Lists the units.
    pub(super) fn list(sections: &Sections<'_>, budget: &Budget) -> Result<Self, DebugError> {
        let dwarf = sections.dwarf();
        let mut headers = Vec::new();
        let mut is_cut = false;
        let mut next = dwarf.units();
        loop {
            match next.next() {
                Ok(None) => break,
                Ok(Some(header)) => headers.push(header),
                Err(_) => {
                    is_cut = true;
                    break;
                }
            }
            if headers.len() > limits::DEBUG_UNITS {
                return Err(DebugError::TooManyUnits);
            }
        }
        let mut units = Self { tables: tables(&headers), is_cut, ..Self::default() };
        let listed: Vec<Result<Listed, DebugError>> = headers
            .into_par_iter()
            .filter_map(|header| {
                let offset = header.debug_info_offset()?.0;
                let kind = match header.type_() {
                    UnitType::Compilation => Kind::Compiled,
                    UnitType::Partial => Kind::Partial,
                    UnitType::Skeleton(_) => Kind::Skeleton,
                    // One of types has no code, and one that is split does not stand here.
                    _ => return None,
                };
                Some(units.root(sections, header, kind, offset, &budget.meter()))
            })
            .collect();
        budget.check()?;
        units.listed = listed.into_iter().collect::<Result<_, _>>()?;
        for (index, listed) in units.listed.iter().enumerate() {
            if let Some(id) = listed.dwo_id {
                units.by_number.entry(id.0).or_default().push(index);
            }
        }
        Ok(units)
    }

    /// Reads a unit's root for the list; a broken one is listed as such.
    fn root(
        &self,
        sections: &Sections<'_>,
        header: UnitHeader<Slice<'_>>,
        kind: Kind,
        offset: usize,
        meter: &Meter<'_>,
    ) -> Result<Listed, DebugError> {
        match self.unit(sections, header, meter) {
            Ok(unit) => {
                let kind = if unit.root.dwo_name.is_some() { Kind::Skeleton } else { kind };
                let dwo_id = unit.inner.dwo_id.filter(|_| kind == Kind::Skeleton);
                match unit.root.ranges(&unit, meter) {
                    Ok(ranges) => Ok(Listed { offset, kind, dwo_id, ranges }),
                    Err(error) => error.unless_fatal().map(|()| Listed::broken(offset)),
                }
            }
            Err(error) => error.unless_fatal().map(|()| Listed::broken(offset)),
        }
    }

    /// Opens a unit of the list.
    pub(super) fn open<'s>(
        &self,
        sections: &'s Sections<'_>,
        index: usize,
        meter: &Meter<'_>,
    ) -> Result<Unit<'s>, DebugError> {
        let listed = self.listed.get(index).ok_or(gimli::Error::MissingUnitDie)?;
        let header = sections.dwarf().debug_info.header_from_offset(DebugInfoOffset(listed.offset))?;
        self.unit(sections, header, meter)
    }

    fn unit<'s>(
        &self,
        sections: &'s Sections<'_>,
        header: UnitHeader<Slice<'s>>,
        meter: &Meter<'_>,
    ) -> Result<Unit<'s>, DebugError> {
        let dwarf = sections.dwarf();
        let abbreviations = abbreviations(&dwarf, &self.tables, header.debug_abbrev_offset(), meter)?;
        Unit::of_header(dwarf, header, abbreviations, None, meter)
    }

    /// Whether a unit's debug info is elsewhere, and not at hand.
    pub(super) fn is_skeleton(&self, index: usize) -> bool {
        self.listed.get(index).is_some_and(|listed| listed.kind == Kind::Skeleton)
    }

    /// The units whose debug info is elsewhere, under this number. Two bear the same if a source was compiled twice.
    pub(super) fn of_number(&self, id: DwoId) -> impl Iterator<Item = usize> {
        self.by_number.get(&id.0).into_iter().flatten().copied().filter(|index| self.is_skeleton(*index))
    }

    /// Notes that the rest of a unit is at hand.
    pub(super) fn complete(&mut self, index: usize) {
        if let Some(listed) = self.listed.get_mut(index) {
            listed.kind = Kind::Compiled;
        }
    }

    /// The unit in which an offset of `.debug_info` lies.
    pub(super) fn at(&self, offset: usize) -> Option<usize> {
        self.listed.partition_point(|listed| listed.offset <= offset).checked_sub(1)
    }
}

/// What an entry says of the addresses of its code.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent<'s> {
    low: Option<Value<'s>>,
    high: Option<Value<'s>>,
    list: Option<Value<'s>>,
}

impl<'s> Extent<'s> {
    /// Takes an attribute, if it is one of these.
    pub(super) fn take(&mut self, attribute: &Attribute<Slice<'s>>) {
        let value = Some(attribute.value());
        match attribute.name() {
            dw::DW_AT_low_pc => self.low = value,
            dw::DW_AT_high_pc => self.high = value,
            dw::DW_AT_ranges => self.list = value,
            _ => {}
        }
    }

    /// Whether it says anything.
    fn is_there(&self) -> bool {
        self.list.is_some() || (self.low.is_some() && self.high.is_some())
    }
}

/// What a unit's root entry says.
#[derive(Debug, Default)]
pub(super) struct Root<'s> {
    pub(super) name: Option<&'s [u8]>,
    /// The name of the `.dwo` file with its debug info, in a unit of which this is what is left.
    pub(super) dwo_name: Option<&'s [u8]>,
    extent: Extent<'s>,
    lines: Option<DebugLineOffset>,
}

impl<'s> Root<'s> {
    /// The addresses of the unit's code.
    fn ranges(&self, unit: &Unit<'s>, meter: &Meter<'_>) -> Result<Option<Vec<(u64, u64)>>, DebugError> {
        let mut all = Vec::new();
        unit.ranges(&self.extent, meter, &mut |low, high| {
            all.push((low, high));
            Ok(())
        })?;
        Ok(self.extent.is_there().then_some(all))
    }
}

/// An open unit.
#[derive(Debug)]
pub(super) struct Unit<'s> {
    pub(super) dwarf: gimli::Dwarf<Slice<'s>>,
    pub(super) inner: gimli::Unit<Slice<'s>>,
    pub(super) root: Root<'s>,
    /// Where it begins in `.debug_info`.
    pub(super) start: usize,
    /// What is left of it in the main file, if it is in a `.dwo` file.
    skeleton: Option<Box<Unit<'s>>>,
}

impl<'s> Unit<'s> {
    /// Reads the root of a unit, and whatever else it is read by. One in a `.dwo` file has a skeleton, whose addresses and table of
    /// lines are its own (DWARF 5, section 3.1.3).
    pub(super) fn of_header(
        dwarf: gimli::Dwarf<Slice<'s>>,
        header: UnitHeader<Slice<'s>>,
        abbreviations: Abbreviations,
        skeleton: Option<Self>,
        meter: &Meter<'_>,
    ) -> Result<Self, DebugError> {
        let dwo_id = match header.type_() {
            UnitType::Skeleton(id) | UnitType::SplitCompilation(id) => Some(id),
            _ => None,
        };
        let start = header.debug_info_offset().ok_or(gimli::Error::MissingUnitDie)?.0;
        let (encoding, file) = (header.encoding(), dwarf.file_type);
        let mut inner = gimli::Unit {
            abbreviations: Arc::new(abbreviations),
            name: None,
            comp_dir: None,
            low_pc: 0,
            str_offsets_base: gimli::DebugStrOffsetsBase::default_for_encoding_and_file(encoding, file),
            addr_base: gimli::DebugAddrBase(0),
            loclists_base: gimli::DebugLocListsBase::default_for_encoding_and_file(encoding, file),
            rnglists_base: gimli::DebugRngListsBase::default_for_encoding_and_file(encoding, file),
            line_program: None,
            dwo_id,
            header,
        };
        if let Some(skeleton) = &skeleton {
            inner.comp_dir = skeleton.inner.comp_dir;
            inner.copy_relocated_attributes(&skeleton.inner);
        }
        let mut this = Self { dwarf, inner, root: Root::default(), start, skeleton: skeleton.map(Box::new) };
        this.read_root(meter)?;
        Ok(this)
    }

    /// What of it is in the main file: all of it, or its skeleton.
    pub(super) fn main(&self) -> &Self {
        self.skeleton.as_deref().unwrap_or(self)
    }

    /// Reads the root entry. What other attributes are read by comes first.
    fn read_root(&mut self, meter: &Meter<'_>) -> Result<(), DebugError> {
        let mut entries = self.inner.header.entries_raw(&self.inner.abbreviations, None)?;
        let abbreviation = entries.read_abbreviation()?.ok_or(gimli::Error::MissingUnitDie)?;
        let specs = abbreviation.attributes();
        check_count(specs.len())?;
        meter.take(specs.len())?;
        let endian = self.dwarf.debug_info.reader().endian();
        let mut attributes: Vec<Attribute<Slice<'s>>> = Vec::new();
        entries.read_attributes(specs, &mut attributes)?;
        for attribute in &attributes {
            match (attribute.name(), attribute.value()) {
                (dw::DW_AT_str_offsets_base, AttributeValue::DebugStrOffsetsBase(base)) => {
                    self.inner.str_offsets_base = base;
                }
                (dw::DW_AT_addr_base | dw::DW_AT_GNU_addr_base, AttributeValue::DebugAddrBase(base)) => {
                    self.inner.addr_base = base;
                }
                (dw::DW_AT_rnglists_base | dw::DW_AT_GNU_ranges_base, AttributeValue::DebugRngListsBase(base)) => {
                    self.inner.rnglists_base = base;
                }
                _ => {}
            }
        }
        for attribute in attributes {
            self.root.extent.take(&attribute);
            let value = attribute.value();
            match attribute.name() {
                dw::DW_AT_name => self.root.name = self.string(&value, limits::DEBUG_PATH_BYTES),
                dw::DW_AT_comp_dir => {
                    let folder = self.string(&value, limits::DEBUG_PATH_BYTES);
                    self.inner.comp_dir = folder.map(|folder| EndianSlice::new(folder, endian));
                }
                dw::DW_AT_low_pc => {
                    self.inner.low_pc = self.dwarf.attr_address(&self.inner, value)?.unwrap_or(0);
                }
                dw::DW_AT_dwo_name | dw::DW_AT_GNU_dwo_name => {
                    // Whatever it is called, the debug info is elsewhere.
                    self.root.dwo_name = Some(self.string(&value, limits::DEBUG_PATH_BYTES).unwrap_or_default());
                }
                dw::DW_AT_GNU_dwo_id => {
                    if let AttributeValue::DwoId(id) = value {
                        self.inner.dwo_id.get_or_insert(id);
                    }
                }
                dw::DW_AT_stmt_list => {
                    if let AttributeValue::DebugLineRef(offset) = value {
                        self.root.lines = Some(offset);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The unit's table of lines, of which so far only the header is read; none if it has none. Its strings are in the main file,
    /// as it is.
    pub(super) fn lines(&self, meter: &Meter<'_>) -> Result<Option<IncompleteLineProgram<Slice<'s>>>, DebugError> {
        if let Some(skeleton) = &self.skeleton {
            return skeleton.lines(meter);
        }
        let Some(offset) = self.root.lines else { return Ok(None) };
        let section = self.dwarf.debug_line.reader();
        let bytes = section.slice().get(offset.0..).ok_or(gimli::Error::UnexpectedEof(gimli::ReaderOffsetId(0)))?;
        let header = header_len(EndianSlice::new(bytes, section.endian()))?;
        if header > limits::DEBUG_LINE_HEADER_BYTES {
            return Err(DebugError::TooMuch);
        }
        meter.take(usize::try_from(header).unwrap_or(usize::MAX))?;
        let name = self.root.name.map(|name| EndianSlice::new(name, section.endian()));
        let size = self.inner.header.address_size();
        Ok(Some(self.dwarf.debug_line.program(offset, size, self.inner.comp_dir, name)?))
    }

    /// A string; none if it is longer than that, or not there.
    pub(super) fn string(&self, value: &Value<'s>, limit: usize) -> Option<&'s [u8]> {
        let at = |section: &Slice<'s>, offset: usize| until_nul(section.slice(), offset as u64, limit);
        match value {
            AttributeValue::String(string) => Some(string.slice()).filter(|string| string.len() <= limit),
            AttributeValue::DebugStrRef(offset) => at(self.dwarf.debug_str.reader(), offset.0),
            AttributeValue::DebugLineStrRef(offset) => at(self.dwarf.debug_line_str.reader(), offset.0),
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let offset = self.dwarf.string_offset(&self.inner, *index).ok()?;
                at(self.dwarf.debug_str.reader(), offset.0)
            }
            _ => None,
        }
    }

    /// Gives all ranges of addresses that an entry has.
    pub(super) fn ranges(
        &self,
        extent: &Extent<'s>,
        meter: &Meter<'_>,
        give: &mut dyn FnMut(u64, u64) -> Result<(), DebugError>,
    ) -> Result<(), DebugError> {
        let mut give = |low: u64, high: u64| if low < high { give(low, high) } else { Ok(()) };
        if let Some(list) = extent.list
            && let Some(offset) = self.dwarf.attr_ranges_offset(&self.inner, list)?
        {
            let mut ranges = self.dwarf.ranges(&self.inner, offset)?;
            while let Some(range) = ranges.next()? {
                meter.take(1)?;
                give(range.begin, range.end)?;
            }
            return Ok(());
        }
        let (Some(low), Some(high)) = (extent.low, extent.high) else { return Ok(()) };
        let Some(low) = self.dwarf.attr_address(&self.inner, low)? else { return Ok(()) };
        match (high.udata_value(), self.dwarf.attr_address(&self.inner, high)?) {
            (Some(size), _) => give(low, low.saturating_add(size)),
            (None, Some(high)) => give(low, high),
            (None, None) => Ok(()),
        }
    }

    /// The place in `.debug_info` that an attribute refers to. What is in a `.dwo` file refers to its own unit only.
    pub(super) fn reference(&self, value: &Value<'s>) -> Option<usize> {
        let place = match value {
            AttributeValue::UnitRef(offset) => self.start.checked_add(offset.0),
            AttributeValue::DebugInfoRef(offset) => Some(offset.0),
            _ => None,
        };
        place.filter(|place| self.skeleton.is_none() || self.within(*place).is_some())
    }

    /// The place in this unit of a place in `.debug_info`; none if it is in another.
    pub(super) fn within(&self, offset: usize) -> Option<UnitOffset> {
        DebugInfoOffset(offset).to_unit_offset(&self.inner.header)
    }

    /// The entry at a place: its tag and attributes.
    pub(super) fn entry(
        &self,
        offset: UnitOffset,
        meter: &Meter<'_>,
    ) -> Result<(DwTag, Vec<Attribute<Slice<'s>>>), DebugError> {
        let mut entries = self.inner.header.entries_raw(&self.inner.abbreviations, Some(offset))?;
        let abbreviation = entries.read_abbreviation()?.ok_or(gimli::Error::MissingUnitDie)?;
        let specs = abbreviation.attributes();
        check_count(specs.len())?;
        meter.take(1 + specs.len())?;
        let mut attributes = Vec::new();
        entries.read_attributes(specs, &mut attributes)?;
        // A string or block that stands in the entry itself can be long, and read again.
        meter.take(entries.next_offset().0.saturating_sub(offset.0))?;
        Ok((abbreviation.tag(), attributes))
    }
}

/// Whether an entry's attributes are not too many.
pub(super) fn check_count(attributes: usize) -> Result<(), DebugError> {
    if attributes > limits::DEBUG_ATTRIBUTES { Err(DebugError::TooMuch) } else { Ok(()) }
}

/// Where the tables of abbreviations of these units begin, sorted.
pub(super) fn tables(headers: &[UnitHeader<Slice<'_>>]) -> Vec<usize> {
    let mut tables: Vec<usize> = headers.iter().map(|header| header.debug_abbrev_offset().0).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// Reads a table of abbreviations, up to where the next begins.
pub(super) fn abbreviations(
    dwarf: &gimli::Dwarf<Slice<'_>>,
    tables: &[usize],
    offset: DebugAbbrevOffset,
    meter: &Meter<'_>,
) -> Result<Abbreviations, DebugError> {
    let section = dwarf.debug_abbrev.reader();
    let next = tables.partition_point(|table| *table <= offset.0);
    let end = tables.get(next).copied().unwrap_or(section.len()).min(section.len());
    let table = section.slice().get(..end).unwrap_or_default();
    meter.take(end.saturating_sub(offset.0))?;
    Ok(DebugAbbrev::new(table, section.endian()).abbreviations(offset)?)
}

/// How long the header of a table of lines says that it is, behind its first fields.
fn header_len(mut bytes: Slice<'_>) -> Result<u64, gimli::Error> {
    let (_, format) = bytes.read_initial_length()?;
    if bytes.read_u16()? >= 5 {
        bytes.skip(2)?;
    }
    Ok(bytes.read_offset(format)? as u64)
}
