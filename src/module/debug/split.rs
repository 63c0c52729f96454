// SPDX-License-Identifier: MIT OR Apache-2.0
//! Units whose debug info is in files of their own (`gcc -gsplit-dwarf`, `CONFIG_DEBUG_INFO_SPLIT`): a `.dwo` file for each
//! source file, or a package of them (`.dwp`). Both are defined by DWARF 5, sections 7.3.2 and 7.3.5; of DWARF 4 it is an
//! extension of GNU's.
//!
//! What is left of a unit in the main file, its skeleton, has a number, and nothing else proves that debug info is its own: a
//! file's name and place are told by whoever built it.

use std::collections::BTreeMap;

use gimli::{
    DebugCuIndex, DebugInfoOffset, Dwarf, DwoId, Reader as _, SectionId, UnitHeader, UnitIndex, UnitIndexSection,
    UnitType,
};

use super::DebugError;
use super::budget::Meter;
use super::sections::Sections;
use super::units::{Slice, Unit, abbreviations, tables};
use crate::limits;

/// Bytes of a package's index before its numbers: version, and how many sections, units and slots there are (DWARF 5, section
/// 7.3.5.3).
const INDEX_HEADER_BYTES: usize = 16;

/// The files that were found, and which units are in them.
#[derive(Debug, Clone, Default)]
pub(super) struct Split {
    files: Vec<SplitFile<'static>>,
    /// Where the units are, by their places in the list of the main file's.
    places: BTreeMap<usize, Place>,
}

/// A `.dwo` file, or a package.
#[derive(Debug, Clone)]
pub(super) struct SplitFile<'f> {
    sections: Sections<'f>,
    /// Where tables of abbreviations begin, sorted; not known of a package, in which each unit has a section of its own.
    tables: Vec<usize>,
}

/// A unit in a file.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: usize,
    within: Within,
}

/// Where in its file a unit is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    /// Its row in the index of a package.
    row: Option<u32>,
    /// Where its header is.
    offset: usize,
}

impl Split {
    /// How many bytes there are.
    pub(super) fn size(&self) -> u64 {
        self.files.iter().map(|file| file.sections.size()).fold(0, u64::saturating_add)
    }

    /// The whole of a unit of which the main file has the skeleton; that itself if the rest is nowhere.
    pub(super) fn open<'s>(
        &'s self,
        index: usize,
        skeleton: Unit<'s>,
        meter: &Meter<'_>,
    ) -> Result<Unit<'s>, DebugError> {
        let Some(place) = self.places.get(&index) else { return Ok(skeleton) };
        match self.files.get(place.file) {
            Some(file) => file.open(place.within, skeleton, meter),
            None => Ok(skeleton),
        }
    }

    /// Takes a file with the units that it has.
    pub(super) fn add(&mut self, file: SplitFile<'static>, units: &[(usize, Within)]) {
        let number = self.files.len();
        self.files.push(file);
        self.places.extend(units.iter().map(|(index, within)| (*index, Place { file: number, within: *within })));
    }
}

impl<'f> SplitFile<'f> {
    /// Takes the sections of a file; an error if there are more units in it than are read.
    pub(super) fn new(sections: Sections<'f>, meter: &Meter<'_>) -> Result<Self, DebugError> {
        let mut file = Self { sections, tables: Vec::new() };
        if !file.is_package() {
            file.tables = tables(&headers(&file.sections.dwarf(), meter)?);
        }
        Ok(file)
    }

    /// The same, with bytes of its own.
    pub(super) fn into_owned(self) -> SplitFile<'static> {
        SplitFile { sections: self.sections.into_owned(), tables: self.tables }
    }

    fn is_package(&self) -> bool {
        !self.sections.bytes(SectionId::DebugCuIndex).is_empty()
    }

    /// The units of these numbers, with the numbers; of several the first.
    pub(super) fn find<'s>(
        &'s self,
        wanted: &dyn Fn(DwoId) -> bool,
        main: &Dwarf<Slice<'s>>,
        meter: &Meter<'_>,
    ) -> Result<BTreeMap<u64, Within>, DebugError> {
        let mut found = BTreeMap::new();
        let parts: Vec<Option<u32>> =
            if self.is_package() { self.rows(wanted, meter)?.into_iter().map(Some).collect() } else { vec![None] };
        for row in parts {
            let dwarf = self.dwarf(row, main)?;
            for header in headers(&dwarf, meter)? {
                let Some(offset) = header.debug_info_offset() else { continue };
                // One that is broken is none; others may be whole.
                let id = self.number(row, header, main, meter).or_else(|error| error.unless_fatal().map(|()| None))?;
                if let Some(id) = id.filter(|id| wanted(*id)) {
                    found.entry(id.0).or_insert(Within { row, offset: offset.0 });
                }
            }
        }
        Ok(found)
    }

    /// Opens a unit, of which the main file has the skeleton.
    pub(super) fn open<'s>(
        &'s self,
        within: Within,
        skeleton: Unit<'s>,
        meter: &Meter<'_>,
    ) -> Result<Unit<'s>, DebugError> {
        let dwarf = self.dwarf(within.row, &skeleton.dwarf)?;
        let header = dwarf.debug_info.header_from_offset(DebugInfoOffset(within.offset))?;
        let abbreviations = abbreviations(&dwarf, &self.tables, header.debug_abbrev_offset(), meter)?;
        Unit::of_header(dwarf, header, abbreviations, Some(skeleton), meter)
    }

    /// The sections that a unit is read by: of a package those of one row, and of the main file what is there only.
    fn dwarf<'s>(&'s self, row: Option<u32>, main: &Dwarf<Slice<'s>>) -> Result<Dwarf<Slice<'s>>, DebugError> {
        let mut dwarf = match row {
            None => self.sections.dwarf(),
            Some(row) => self.of_row(row)?,
        };
        dwarf.make_dwo(main);
        Ok(dwarf)
    }

    /// The parts of a package's sections that a row of its index names; strings are common to all units. Not done by the library,
    /// which wants what is not read here, too.
    fn of_row(&self, row: u32) -> Result<Dwarf<Slice<'_>>, gimli::Error> {
        let index = self.index()?;
        let parts: Vec<UnitIndexSection> = index.sections(row)?.collect();
        Dwarf::load(|id| {
            let mut section = self.sections.slice(id);
            let Some(part) = parts.iter().find(|part| part.section.section_id() == id) else {
                return Ok(if id == SectionId::DebugStr { section } else { Slice::new(&[], section.endian()) });
            };
            // What is not read is empty, and nobody asks for it.
            if !section.is_empty() {
                section.skip(usize::try_from(part.offset).unwrap_or(usize::MAX))?;
                section.truncate(usize::try_from(part.size).unwrap_or(usize::MAX))?;
            }
            Ok(section)
        })
    }

    fn index(&self) -> Result<UnitIndex<Slice<'_>>, gimli::Error> {
        let section = self.sections.slice(SectionId::DebugCuIndex);
        DebugCuIndex::from(section).index()
    }

    /// The rows of a package's index that have one of these numbers. Each slot is looked at once, whatever its place says.
    fn rows(&self, wanted: &dyn Fn(DwoId) -> bool, meter: &Meter<'_>) -> Result<Vec<u32>, DebugError> {
        let index = self.index()?;
        let mut ids = self.sections.slice(SectionId::DebugCuIndex);
        ids.skip(INDEX_HEADER_BYTES)?;
        let slots = usize::try_from(index.slot_count()).unwrap_or(usize::MAX);
        let mut rows = ids;
        rows.skip(slots.saturating_mul(8))?;
        let mut found = Vec::new();
        for _ in 0..slots {
            meter.take(1)?;
            let (id, row) = (ids.read_u64()?, rows.read_u32()?);
            // A slot that is free has row 0.
            if row > 0 && wanted(DwoId(id)) {
                found.push(row);
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The number of a unit: in its header, or in DWARF 4 in its root.
    fn number<'s>(
        &'s self,
        row: Option<u32>,
        header: UnitHeader<Slice<'s>>,
        main: &Dwarf<Slice<'s>>,
        meter: &Meter<'_>,
    ) -> Result<Option<DwoId>, DebugError> {
        match header.type_() {
            UnitType::SplitCompilation(id) => Ok(Some(id)),
            UnitType::Compilation => {
                let dwarf = self.dwarf(row, main)?;
                let abbreviations = abbreviations(&dwarf, &self.tables, header.debug_abbrev_offset(), meter)?;
                Ok(Unit::of_header(dwarf, header, abbreviations, None, meter)?.inner.dwo_id)
            }
            _ => Ok(None),
        }
    }
}

/// The headers of all units, up to one that is broken.
fn headers<'s>(dwarf: &Dwarf<Slice<'s>>, meter: &Meter<'_>) -> Result<Vec<UnitHeader<Slice<'s>>>, DebugError> {
    let mut headers = Vec::new();
    let mut next = dwarf.units();
    while let Ok(Some(header)) = next.next() {
        meter.take(1)?;
        headers.push(header);
        if headers.len() > limits::DEBUG_UNITS {
            return Err(DebugError::TooManyUnits);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::super::bytes::Bytes;
    use super::super::{DebugInfo, Frame, HandledTypes, Missing};

    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../../testdata/debug/", $name))
        };
    }

    const WHOLE: &[u8] = data!("dwarf5.ko");

    /// What a compiler leaves of one module: the module, the two `.dwo` files, their package, and all of it in one file.
    const OF_4: [&[u8]; 5] =
        [data!("split4.ko"), data!("split4.dwo"), data!("split4.mod.dwo"), data!("split4.dwp"), data!("split4.all")];
    const OF_5: [&[u8]; 5] =
        [data!("split5.ko"), data!("split5.dwo"), data!("split5.mod.dwo"), data!("split5.dwp"), data!("split5.all")];

    fn load(bytes: &[u8]) -> DebugInfo<'_> {
        DebugInfo::load(Bytes::in_memory(bytes)).unwrap()
    }

    /// All frames of the first sections, and all types. Of a member the order of files does not matter.
    fn told(info: &DebugInfo<'_>) -> (Vec<Vec<Frame>>, HandledTypes) {
        let sites: Vec<(u32, u64)> = (1..10).flat_map(|section| (0..0x50).map(move |at| (section, at))).collect();
        let wanted: BTreeSet<String> = ["dma_buf", "dma_buf_attachment", "dma_buf_ops"].map(str::to_owned).into();
        (info.frames_of(&sites).unwrap(), info.handled_types(&wanted).unwrap())
    }

    fn joined<'d>(main: &'d [u8], files: &[&[u8]]) -> (DebugInfo<'d>, usize) {
        let mut info = load(main);
        let units = files.iter().map(|file| info.join(Bytes::in_memory(file)).unwrap_or(0)).sum();
        (info, units)
    }

    #[test]
    fn what_is_joined_tells_what_one_file_would() {
        let whole = told(&load(WHOLE));
        for [main, first, second, package, all] in [OF_4, OF_5] {
            for files in [&[first, second][..], &[second, first], &[package], &[all]] {
                let (info, units) = joined(main, files);
                assert_eq!((units, info.missing()), (2, vec![]));
                assert_eq!(told(&info), whole);
            }
            let (info, units) = joined(all, &[all]);
            assert_eq!((units, info.missing()), (2, vec![]));
            assert_eq!(told(&info), whole);
        }
    }

    #[test]
    fn a_part_is_taken_once_and_the_rest_is_missing() {
        for [main, first, _, package, _] in [OF_4, OF_5] {
            let (info, units) = joined(main, &[first, first]);
            assert_eq!((units, info.missing()), (1, vec![Missing::Split(1)]));
            let (info, units) = joined(main, &[first, package]);
            assert_eq!((units, info.missing()), (2, vec![]));
            assert_eq!(told(&info), told(&load(WHOLE)));
        }
    }

    #[test]
    fn what_is_missing_is_told_by_its_path() {
        for [main, first, second, ..] in [OF_4, OF_5] {
            let mut info = load(main);
            let paths = |info: &DebugInfo<'_>, sites: Option<&[(u32, u64)]>| -> Vec<String> {
                info.missing_files(sites).unwrap().into_iter().map(|file| file.path).collect()
            };
            let (of_module, of_build) = ("/src/debug/split/sg_debug.dwo", "/src/debug/split/sg_debug.mod.dwo");
            assert_eq!(paths(&info, None), [of_module, of_build]);
            // Code is in one of them only.
            assert_eq!(paths(&info, Some(&[(2, 0x25), (4, 0x6)])), [of_module]);
            assert_eq!(paths(&info, Some(&[])), Vec::<String>::new());
            info.join(Bytes::in_memory(first)).unwrap();
            assert_eq!(paths(&info, None), [of_build]);
            info.join(Bytes::in_memory(second)).unwrap();
            assert_eq!(paths(&info, None), Vec::<String>::new());
        }
    }

    #[test]
    fn nothing_is_taken_without_the_number() {
        let [main, first, ..] = OF_5;
        let whole = told(&load(main));
        // Behind length, version, type, size of addresses and the place of the abbreviations.
        let mut renumbered = first.to_vec();
        renumbered[0x40 + 12] ^= 1;
        for other in
            [&renumbered, OF_4[1], OF_4[3], WHOLE, data!("arm64.ko"), &first[..first.len() / 2], b"", b"\x7fELF"]
        {
            let (info, units) = joined(main, &[other]);
            assert_eq!((units, info.missing()), (0, vec![Missing::Split(2)]));
            assert_eq!(told(&info), whole);
        }
    }

    #[test]
    fn nothing_that_is_changed_or_cut_takes_the_lines_away() {
        // The place of `dma_buf_get()` in `sg_probe()`.
        const SITE: (u32, u64) = (2, 0x25);
        for [main, first, _, package, _] in [OF_4, OF_5] {
            let lines = load(main).frames(SITE.0, SITE.1).first().cloned().unwrap();
            let read = |bytes: &[u8]| {
                let (info, _) = joined(main, &[bytes]);
                let frames = info.frames(SITE.0, SITE.1);
                assert!(frames.first().is_some_and(|frame| frame.line == lines.line && frame.file == lines.file));
                let _ = info.handled_types(&BTreeSet::from(["dma_buf".to_owned()]));
            };
            for bytes in [first, package] {
                for place in (0..bytes.len()).step_by(7) {
                    for change in [0x01, 0xff] {
                        let mut changed = bytes.to_vec();
                        changed[place] ^= change;
                        read(&changed);
                    }
                }
                (0..bytes.len()).step_by(31).for_each(|len| read(&bytes[..len]));
            }
        }
    }
}
