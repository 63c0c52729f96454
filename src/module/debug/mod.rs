// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module's debug info (DWARF): which line of source a place in its code comes from, and which types its own functions
//! handle.
//!
//! It may be in the module or in a file of its own. Either is relocatable: every section begins at 0, so that each gets a
//! range of addresses here (`places.rs`), and the relocations are applied by them. The greater part of it may be in `.dwo` files
//! (`split.rs`), which nobody links.

mod budget;
mod lines;
mod names;
mod own;
mod packed;
mod paths;
mod places;
mod relocate;
mod sections;
mod shape;
mod split;
mod types;
mod units;
mod walk;

use std::collections::BTreeSet;
use std::fmt;

use gimli::{DwoId, SectionId};
use object::elf::ET_REL;

use super::bytes::Bytes;
use super::elf::{Elf, ElfError, Machine, Symbols};
use super::signature;
use crate::limits;
pub use lines::Frame;
pub use shape::Shape;
pub use types::{Handled, HandledTypes, What};

use budget::{Budget, Meter};
use places::Places;
use sections::Sections;
use split::{Split, SplitFile};
use units::{Kind, Unit, Units};

/// Why debug info can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DebugError {
    /// The file is no ELF file that can be read.
    #[error("{0}")]
    Elf(#[from] ElfError),
    /// There is none.
    #[error("has no debug info")]
    None,
    /// It is linked, so that it is no module's.
    #[error("is no relocatable file, as a module's debug info is")]
    NotRelocatable,
    /// It is another module's.
    #[error("is the debug info of another module: that has no section {section} of that size")]
    Other {
        /// A section of code.
        section: String,
    },
    /// The sections of code have no room among the addresses that the machine has.
    #[error("has sections too large for the machine's addresses")]
    Addresses,
    /// More bytes than are read.
    #[error("has more than {} bytes of debug info", limits::DEBUG_BYTES)]
    TooLarge,
    /// More units than are read.
    #[error("has more than {} units of debug info", limits::DEBUG_UNITS)]
    TooManyUnits,
    /// It refers to the same bytes again and again, or has what no compiler writes.
    #[error("takes more work to read than any debug info of its size")]
    TooMuch,
    /// A section can't be read.
    #[error("section {name} can't be read: {reason}")]
    Section {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// A relocation that is not known.
    #[error("section {name} has a relocation of kind {kind}, which is not known in debug info for {machine}")]
    Relocation {
        /// The section.
        name: &'static str,
        /// The kind.
        kind: u32,
        /// The machine.
        machine: String,
    },
    /// A relocation that leads nowhere.
    #[error("section {name} has a relocation at {offset:#x} that is outside of it, or of no symbol")]
    RelocationPlace {
        /// The section.
        name: &'static str,
        /// Where it was to be applied.
        offset: u64,
    },
    /// It is broken.
    #[error("broken debug info: {0}")]
    Dwarf(#[from] gimli::Error),
}

impl DebugError {
    /// Goes on if only what was just read is broken; what would take too long ends everything.
    fn unless_fatal(self) -> Result<(), Self> {
        if self == Self::TooMuch { Err(self) } else { Ok(()) }
    }
}

/// A part of debug info that can't be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// So many units are in `.dwo` files (`CONFIG_DEBUG_INFO_SPLIT`) that were not given: their lines are known, but neither
    /// functions nor types.
    Split(usize),
    /// Names and types that several files share are in another one (`.gnu_debugaltlink`, as dwz makes them).
    Shared,
    /// So many units can't be read.
    Broken(usize),
    /// There may be more units, behind one whose header can't be read.
    Cut,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split(units) => {
                write!(f, "the debug info of {units} source files is in .dwo files that are not found")
            }
            Self::Shared => write!(f, "a part of the debug info is in a file shared with others, which is not read"),
            Self::Broken(units) => write!(f, "the debug info of {units} source files is broken"),
            Self::Cut => write!(f, "the debug info of some source files is broken"),
        }
    }
}

/// Where the debug info of a unit is that has only its skeleton in the module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elsewhere {
    /// The path of its `.dwo` file as the compiler was told it, made plain. It is the module's word.
    pub path: String,
    /// The unit's place in the list.
    unit: usize,
}

/// A module's debug info.
#[derive(Debug, Clone)]
pub struct DebugInfo<'d> {
    machine: Machine,
    sections: Sections<'d>,
    /// What is in files of its own.
    split: Split,
    /// The functions' names where debug info has none.
    symbols: Option<Symbols<'d>>,
    /// Where the sections are.
    places: Places,
    /// The same by the numbers that the caller knows the sections by.
    asked: Places,
    units: Units,
    has_shared: bool,
}

impl<'d> DebugInfo<'d> {
    /// Reads the debug info that is in a module, or in a file of its own. Sections have the numbers of this file.
    pub fn load(bytes: Bytes<'d>) -> Result<Self, DebugError> {
        Self::read(&parse(bytes)?)
    }

    /// Reads the debug info that is in a file of its own for a module, whose sections' numbers can be others.
    pub fn load_for(bytes: Bytes<'d>, module: &Shape) -> Result<Self, DebugError> {
        let debug = parse(bytes)?;
        let mut info = Self::read(&debug)?;
        info.asked = info.places.of_module(&debug, module).map_err(|section| DebugError::Other { section })?;
        Ok(info)
    }

    fn read(elf: &Elf<'d>) -> Result<Self, DebugError> {
        if elf.kind != ET_REL {
            return Err(DebugError::NotRelocatable);
        }
        let places = Places::new(elf).ok_or(DebugError::Addresses)?;
        let sections = Sections::read(elf, &places)?;
        if sections.bytes(SectionId::DebugInfo).is_empty() {
            return Err(DebugError::None);
        }
        let units = Units::list(&sections, &budget(sections.size()))?;
        Ok(Self {
            machine: elf.machine,
            sections,
            split: Split::default(),
            symbols: elf.first_symbols(),
            asked: places.clone(),
            places,
            units,
            has_shared: elf.named(b".gnu_debugaltlink").next().is_some(),
        })
    }

    /// Which `.dwo` files are missing: all, or those that tell of these places in code, section and offset each.
    pub fn missing_files(&self, sites: Option<&[(u32, u64)]>) -> Result<Vec<Elsewhere>, DebugError> {
        let budget = budget(self.size());
        let meter = budget.meter();
        let missing = match sites {
            None => (0..self.units.listed.len()).collect(),
            Some(sites) => lines::units_of(self, sites, &meter)?,
        };
        let mut all = Vec::new();
        for unit in missing.into_iter().filter(|unit| self.units.is_skeleton(*unit)) {
            let path = paths::of_dwo(&self.units.open(&self.sections, unit, &meter)?);
            let Some(path) = path else { continue };
            meter.take(path.len())?;
            all.push(Elsewhere { path, unit });
        }
        all.sort();
        Ok(all)
    }

    /// Whether a `.dwo` file is still missing.
    #[must_use]
    pub fn lacks(&self, file: &Elsewhere) -> bool {
        self.units.is_skeleton(file.unit)
    }

    /// Takes what a `.dwo` file, or a package of them (`.dwp`), has of what is missing, and tells how many units that is. Which
    /// these are the numbers tell that both bear; what is broken of it, or another machine's, is not taken.
    pub fn join(&mut self, bytes: Bytes<'_>) -> Result<usize, DebugError> {
        let elf = parse(bytes)?;
        if elf.machine != self.machine {
            return Ok(0);
        }
        let sections = Sections::read_split(&elf, limits::DEBUG_BYTES.saturating_sub(self.size()))?;
        let budget = budget(sections.size().saturating_add(self.sections.size()));
        let meter = budget.meter();
        let file = SplitFile::new(sections, &meter)?;
        let main = self.sections.dwarf();
        let found = file.find(&|id| self.units.of_number(id).next().is_some(), &main, &meter)?;
        let mut units = Vec::new();
        for (id, within) in found {
            for unit in self.units.of_number(DwoId(id)) {
                let skeleton = self.units.open(&self.sections, unit, &meter)?;
                match file.open(within, skeleton, &meter) {
                    Ok(_) => units.push((unit, within)),
                    Err(error) => error.unless_fatal()?,
                }
            }
        }
        drop(meter);
        budget.check()?;
        if !units.is_empty() {
            self.split.add(file.into_owned(), &units);
            for (unit, _) in &units {
                self.units.complete(*unit);
            }
        }
        Ok(units.len())
    }

    /// Opens a unit of the list: all of it that there is.
    fn open(&self, index: usize, meter: &Meter<'_>) -> Result<Unit<'_>, DebugError> {
        self.split.open(index, self.units.open(&self.sections, index, meter)?, meter)
    }

    /// How many bytes there are.
    fn size(&self) -> u64 {
        self.sections.size().saturating_add(self.split.size())
    }

    /// What of it can't be seen.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let count = |kind| self.units.listed.iter().filter(|unit| unit.kind == kind).count();
        let mut missing = Vec::new();
        missing.extend(Some(count(Kind::Skeleton)).filter(|units| *units > 0).map(Missing::Split));
        missing.extend(self.has_shared.then_some(Missing::Shared));
        missing.extend(Some(count(Kind::Broken)).filter(|units| *units > 0).map(Missing::Broken));
        missing.extend(self.units.is_cut.then_some(Missing::Cut));
        missing
    }

    /// The lines of source of a place in code, the innermost first: where something is inlined there, the line in it, then
    /// the line that calls it, and so on up to the function that is one in the file as well. None if nothing is known of it.
    ///
    /// Each call reads a unit; for several places, [`frames_of`](Self::frames_of) reads each one once.
    #[must_use]
    pub fn frames(&self, section: u32, offset: u64) -> Vec<Frame> {
        self.frames_of(&[(section, offset)]).ok().and_then(|mut frames| frames.pop()).unwrap_or_default()
    }

    /// The same for many places, section and offset each, in their order.
    pub fn frames_of(&self, sites: &[(u32, u64)]) -> Result<Vec<Vec<Frame>>, DebugError> {
        lines::of_sites(self, sites, &budget(self.size()))
    }

    /// The files that were compiled, but for those that the build adds to each module; sorted, each once.
    pub fn compiled_files(&self) -> Result<Vec<String>, DebugError> {
        Ok(own::Own::of(self, &budget(self.size()))?.compiled())
    }

    /// Which of these structures the module's own functions handle: as parameters, as variables, or as members of their
    /// own structures.
    ///
    /// A function is the module's own if its source is; what is inlined of the kernel's headers is not.
    pub fn handled_types(&self, wanted: &BTreeSet<String>) -> Result<HandledTypes, DebugError> {
        types::handled(self, wanted, &budget(self.size()))
    }
}

/// The file, without a signature.
fn parse(bytes: Bytes<'_>) -> Result<Elf<'_>, DebugError> {
    let signed = signature::find(bytes).ok().flatten();
    Ok(Elf::parse(signed.map_or(bytes, |signature| bytes.up_to(signature.offset)))?)
}

/// The steps that may be taken at a time to read so many bytes.
fn budget(size: u64) -> Budget {
    Budget::new(size.saturating_mul(limits::DEBUG_STEPS_PER_BYTE).saturating_add(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DWARF5: &[u8] = include_bytes!("../../../testdata/debug/dwarf5.ko");
    const DWARF4: &[u8] = include_bytes!("../../../testdata/debug/dwarf4.ko");
    const ZLIB: &[u8] = include_bytes!("../../../testdata/debug/zlib.ko");
    const ZSTD: &[u8] = include_bytes!("../../../testdata/debug/zstd.ko");
    const ZDEBUG: &[u8] = include_bytes!("../../../testdata/debug/zdebug.ko");
    const I386: &[u8] = include_bytes!("../../../testdata/debug/i386.ko");
    const ARM64: &[u8] = include_bytes!("../../../testdata/debug/arm64.ko");
    const SPLIT: &[u8] = include_bytes!("../../../testdata/debug/split.ko");
    const ONLY: &[u8] = include_bytes!("../../../testdata/debug/only.debug");
    const STRIPPED: &[u8] = include_bytes!("../../../testdata/debug/stripped.ko");

    const HEADER: &str = "/src/debug/kernel/include/linux/dma-buf.h";
    const SOURCE: &str = "/src/debug/sg_debug.c";

    fn load(bytes: &[u8]) -> DebugInfo<'_> {
        DebugInfo::load(Bytes::in_memory(bytes)).unwrap()
    }

    fn shape(bytes: &[u8]) -> Shape {
        Shape::of(Bytes::in_memory(bytes)).unwrap()
    }

    /// The index of a section.
    fn section(bytes: &[u8], name: &str) -> u32 {
        let elf = Elf::parse(Bytes::in_memory(bytes)).unwrap();
        elf.named(name.as_bytes()).next().unwrap().0.try_into().unwrap()
    }

    /// Frames as text, the innermost first.
    fn shown(frames: &[Frame]) -> Vec<String> {
        let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or("?").to_owned();
        let line = |line: Option<u32>| line.map_or("?".to_owned(), |line| line.to_string());
        let all = frames.iter();
        all.map(|frame| format!("{} {}:{}", text(&frame.function), text(&frame.file), line(frame.line))).collect()
    }

    /// The calls of the test module, as `addr2line -fi` has them.
    fn check_calls(info: &DebugInfo<'_>, text: u32, init: u32, calls: [u64; 5]) {
        let probe = |line: u32| vec![format!("kernel_probe {HEADER}:{line}"), format!("sg_probe {SOURCE}:31")];
        let hold = |line: u32| {
            let outer = [format!("take {SOURCE}:25"), format!("sg_hold {SOURCE}:36")];
            [vec![format!("kernel_probe {HEADER}:{line}")], outer.to_vec()].concat()
        };
        let own = vec![format!("take {SOURCE}:23"), format!("sg_hold {SOURCE}:36")];
        let sites: Vec<(u32, u64)> = [text, text, init, init, init].into_iter().zip(calls).collect();
        let frames = info.frames_of(&sites).unwrap();
        let found: Vec<Vec<String>> = frames.iter().map(|frames| shown(frames)).collect();
        assert_eq!(found, [probe(17), probe(21), own, hold(17), hold(21)]);
        for ((section, offset), frames) in sites.into_iter().zip(frames) {
            assert_eq!(info.frames(section, offset), frames);
        }
    }

    #[test]
    fn a_call_has_the_lines_of_all_functions_that_it_is_inlined_in() {
        for bytes in [DWARF5, DWARF4, ZLIB, ZSTD, ZDEBUG] {
            let (text, init) = (section(bytes, ".text"), section(bytes, ".init.text"));
            check_calls(&load(bytes), text, init, [0x25, 0x32, 0x6, 0x13, 0x20]);
            assert_eq!(load(bytes).missing(), []);
        }
        let (text, init) = (section(I386, ".text"), section(I386, ".init.text"));
        check_calls(&load(I386), text, init, [0x28, 0x38, 0xc, 0x1f, 0x2f]);
        let (text, init) = (section(ARM64, ".text"), section(ARM64, ".init.text"));
        check_calls(&load(ARM64), text, init, [0x18, 0x20, 0x14, 0x20, 0x28]);
    }

    #[test]
    fn a_file_of_its_own_is_read_by_the_modules_sections() {
        let info = DebugInfo::load_for(Bytes::in_memory(ONLY), &shape(STRIPPED)).unwrap();
        let (text, init) = (section(STRIPPED, ".text"), section(STRIPPED, ".init.text"));
        check_calls(&info, text, init, [0x25, 0x32, 0x6, 0x13, 0x20]);
        let other = DebugInfo::load_for(Bytes::in_memory(ONLY), &shape(ARM64)).unwrap_err();
        assert_eq!(other, DebugError::Other { section: ".text".to_owned() });
        assert_eq!(DebugInfo::load(Bytes::in_memory(STRIPPED)).unwrap_err(), DebugError::None);
    }

    #[test]
    fn places_without_code_have_no_frames() {
        let info = load(DWARF5);
        let text = section(DWARF5, ".text");
        for (section, offset) in [(0, 0), (text, 0x1000), (text, u64::MAX), (u32::MAX, 0), (text + 1, 0x25)] {
            assert_eq!(info.frames(section, offset), [], "{section} {offset:#x}");
        }
    }

    #[test]
    fn what_is_in_dwo_files_is_missing_but_for_lines_and_symbols() {
        let info = load(SPLIT);
        assert_eq!(info.missing(), [Missing::Split(1)]);
        let frames = info.frames(section(SPLIT, ".text"), 0x25);
        assert_eq!(shown(&frames), [format!("sg_probe {HEADER}:17")]);
        let types = info.handled_types(&BTreeSet::from(["dma_buf".to_owned()])).unwrap();
        assert_eq!((types.seen, types.of, types.handled.len()), (0, 1, 0));
    }

    #[test]
    fn own_functions_handle_types_and_inlined_headers_do_not() {
        let wanted = ["dma_buf", "dma_buf_attachment", "dma_buf_ops"].map(str::to_owned).into();
        for bytes in [DWARF5, DWARF4, ZSTD, I386, ARM64] {
            let types = load(bytes).handled_types(&wanted).unwrap();
            assert_eq!((types.seen, types.of), (1, 1));
            let shown = |handled: &Handled| {
                let file = handled.file.strip_prefix("/src/debug/").unwrap();
                let line = handled.line.unwrap();
                format!("{} {:?} {} {file}:{line}", handled.type_name, handled.what, handled.within)
            };
            let found: Vec<String> = types.handled.iter().map(shown).collect();
            assert_eq!(
                found,
                [
                    "dma_buf Parameter attach sg_debug.c:13",
                    "dma_buf Variable take sg_debug.c:23",
                    "dma_buf_attachment Parameter attach sg_debug.c:13",
                    "dma_buf_attachment Member sg_object sg_debug.h:5",
                    "dma_buf_ops Variable ops sg_debug.c:18",
                    "dma_buf_ops Variable sg_ops sg_debug.c:19",
                ]
            );
        }
    }

    #[test]
    fn nothing_that_is_changed_or_cut_makes_it_fail_otherwise_than_by_an_error() {
        let wanted = ["dma_buf", "dma_buf_ops"].map(str::to_owned).into();
        let read = |bytes: &[u8]| {
            if let Ok(info) = DebugInfo::load(Bytes::in_memory(bytes)) {
                let sites: Vec<(u32, u64)> = (0..8).flat_map(|section| [(section, 0x6), (section, 0x25)]).collect();
                let _ = info.frames_of(&sites);
                let _ = info.handled_types(&wanted);
            }
        };
        for bytes in [DWARF5, DWARF4, ZDEBUG] {
            for place in (0..bytes.len()).step_by(13) {
                for change in [0x01, 0xff] {
                    let mut changed = bytes.to_vec();
                    changed[place] ^= change;
                    read(&changed);
                }
            }
            (0..bytes.len()).step_by(61).for_each(|len| read(&bytes[..len]));
        }
    }
}
