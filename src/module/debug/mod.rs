// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module's debug info (DWARF): which line of source a place in its code comes from, and which types its own functions
//! handle.
//!
//! It may be in the module or in a file of its own. Either is relocatable: every section begins at 0, so that each gets a
//! range of addresses here (`places.rs`), and the relocations are applied by them.

mod budget;
mod lines;
mod names;
mod own;
mod packed;
mod paths;
mod places;
mod relocate;
mod sections;
mod types;
mod units;
mod walk;

use std::collections::BTreeSet;
use std::fmt;

use gimli::SectionId;
use object::elf::ET_REL;

use super::bytes::Bytes;
use super::elf::{Elf, ElfError};
use super::signature;
use crate::limits;
pub use lines::Frame;
pub use types::{Handled, HandledTypes, What};

use budget::Budget;
use places::Places;
use sections::Sections;
use units::{Kind, Units};

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
    fn is_fatal(self) -> Result<(), Self> {
        if self == Self::TooMuch { Err(self) } else { Ok(()) }
    }
}

/// A part of debug info that can't be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// So many units are in `.dwo` files (`CONFIG_DEBUG_INFO_SPLIT`): their lines are known, but neither functions nor types.
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
                write!(f, "the debug info of {units} source files is in .dwo files, which are not read")
            }
            Self::Shared => write!(f, "a part of the debug info is in a file shared with others, which is not read"),
            Self::Broken(units) => write!(f, "the debug info of {units} source files is broken"),
            Self::Cut => write!(f, "the debug info of some source files is broken"),
        }
    }
}

/// A module's debug info.
#[derive(Debug, Clone)]
pub struct DebugInfo<'d> {
    sections: Sections<'d>,
    places: Places,
    units: Units,
    has_shared: bool,
}

impl<'d> DebugInfo<'d> {
    /// Reads the debug info that is in a module, or in a file of its own. Sections have the numbers of this file.
    pub fn load(bytes: Bytes<'d>) -> Result<Self, DebugError> {
        Self::read(&parse(bytes)?)
    }

    /// Reads the debug info that is in a file of its own for a module, whose sections' numbers can be others.
    pub fn load_for(bytes: Bytes<'d>, module: Bytes<'_>) -> Result<Self, DebugError> {
        let (debug, module) = (parse(bytes)?, parse(module)?);
        let mut info = Self::read(&debug)?;
        info.places = info.places.of_module(&debug, &module).map_err(|section| DebugError::Other { section })?;
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
        let units = Units::list(&sections, &budget(&sections))?;
        let has_shared = elf.named(b".gnu_debugaltlink").next().is_some();
        Ok(Self { sections, places, units, has_shared })
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
        lines::of_sites(self, sites, &budget(&self.sections))
    }

    /// Which of these structures the module's own functions handle: as parameters, as variables, or as members of their
    /// own structures.
    ///
    /// A function is the module's own if its source is; what is inlined of the kernel's headers is not.
    pub fn handled_types(&self, wanted: &BTreeSet<String>) -> Result<HandledTypes, DebugError> {
        types::handled(self, wanted, &budget(&self.sections))
    }
}

/// The file, without a signature.
fn parse(bytes: Bytes<'_>) -> Result<Elf<'_>, DebugError> {
    let signed = signature::find(bytes).ok().flatten();
    Ok(Elf::parse(signed.map_or(bytes, |signature| bytes.up_to(signature.offset)))?)
}

/// The steps that may be taken at a time.
fn budget(sections: &Sections<'_>) -> Budget {
    Budget::new(sections.size().saturating_mul(limits::DEBUG_STEPS_PER_BYTE).saturating_add(1 << 20))
}
