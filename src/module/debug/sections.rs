// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sections of a file that hold its debug info: found, unpacked, and with their relocations applied.

use std::borrow::Cow;

use gimli::{Dwarf, RunTimeEndian, SectionId};
use rayon::prelude::*;

use super::super::elf::{Elf, RelocationTable};
use super::DebugError;
use super::packed::Packed;
use super::places::Places;
use super::relocate::{self, Fault};
use super::units::Slice;
use crate::limits;

/// The sections that are read. The others tell where variables are, or how to get at the rest faster.
const READ: [SectionId; 9] = [
    SectionId::DebugInfo,
    SectionId::DebugStr,
    SectionId::DebugLine,
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStrOffsets,
];

/// The sections that are read of a `.dwo` file, or of a package of them. Lines and addresses stay in the main file.
const READ_SPLIT: [SectionId; 6] = [
    SectionId::DebugInfo,
    SectionId::DebugStr,
    SectionId::DebugAbbrev,
    SectionId::DebugRngLists,
    SectionId::DebugStrOffsets,
    SectionId::DebugCuIndex,
];

/// The bytes of the sections.
#[derive(Debug, Clone)]
pub(super) struct Sections<'d> {
    bytes: Vec<(SectionId, Cow<'d, [u8]>)>,
    endian: RunTimeEndian,
}

/// A section that is to be read.
struct Found<'d> {
    id: SectionId,
    packed: Packed<'d>,
    relocations: Option<RelocationTable<'d>>,
}

impl<'d> Sections<'d> {
    /// Reads the sections of a file.
    pub(super) fn read(elf: &Elf<'d>, places: &Places) -> Result<Self, DebugError> {
        let mut found = Vec::new();
        for id in READ {
            found.extend(find(elf, id, id.name())?);
        }
        if found.iter().map(|found| found.packed.size()).fold(0, u64::saturating_add) > limits::DEBUG_BYTES {
            return Err(DebugError::TooLarge);
        }
        let symbols = elf.first_symbols();
        let machine = elf.machine;
        // The file's bytes may be read by one thread only; what is read of it can be unpacked by all.
        let bytes = found.into_par_iter().map(|found| {
            let fault = |reason: &'static str| DebugError::Section { name: found.id.name(), reason };
            let mut bytes = found.packed.unpack().map_err(fault)?;
            if let Some(table) = &found.relocations {
                let symbols = symbols.as_ref().ok_or_else(|| fault("it has relocations, but the file no symbols"))?;
                relocate::apply(machine, table, symbols, places, bytes.to_mut()).map_err(|reason| match reason {
                    Fault::Kind(kind) => {
                        DebugError::Relocation { name: found.id.name(), kind, machine: machine.name().into_owned() }
                    }
                    Fault::Place(offset) => DebugError::RelocationPlace { name: found.id.name(), offset },
                })?;
            }
            Ok((found.id, bytes))
        });
        Ok(Self { bytes: bytes.collect::<Result<_, DebugError>>()?, endian: endian(elf) })
    }

    /// Reads the sections of a `.dwo` file, or of a package of them: at most so many bytes. They have names of their own, and
    /// no relocations, because nobody links them (DWARF 5, section 7.3.2.2).
    pub(super) fn read_split(elf: &Elf<'d>, most: u64) -> Result<Self, DebugError> {
        let mut found = Vec::new();
        for id in READ_SPLIT {
            let name = id.dwo_name().unwrap_or(id.name());
            found.extend(find(elf, id, name)?);
        }
        if found.iter().map(|found| found.packed.size()).fold(0, u64::saturating_add) > most {
            return Err(DebugError::TooLarge);
        }
        let mut bytes = Vec::new();
        for Found { id, packed, relocations } in found {
            let fault = |reason: &'static str| DebugError::Section { name: id.name(), reason };
            if relocations.is_some() {
                return Err(fault("it has relocations, and is not to be linked"));
            }
            bytes.push((id, packed.unpack().map_err(fault)?));
        }
        Ok(Self { bytes, endian: endian(elf) })
    }

    /// The same, with bytes of its own.
    pub(super) fn into_owned(self) -> Sections<'static> {
        let own = |(id, bytes): (SectionId, Cow<'_, [u8]>)| (id, Cow::Owned(bytes.into_owned()));
        Sections { bytes: self.bytes.into_iter().map(own).collect(), endian: self.endian }
    }

    /// A section's bytes; none if it is not there.
    pub(super) fn bytes(&self, id: SectionId) -> &[u8] {
        self.bytes.iter().find(|(other, _)| *other == id).map_or(&[], |(_, bytes)| bytes)
    }

    /// The same as the library reads it.
    pub(super) fn slice(&self, id: SectionId) -> Slice<'_> {
        Slice::new(self.bytes(id), self.endian)
    }

    /// How many bytes there are.
    pub(super) fn size(&self) -> u64 {
        self.bytes.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// The sections as the library takes them.
    pub(super) fn dwarf(&self) -> Dwarf<Slice<'_>> {
        match Dwarf::load(|id| Ok::<_, std::convert::Infallible>(self.slice(id))) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        }
    }
}

fn endian(elf: &Elf<'_>) -> RunTimeEndian {
    if elf.machine.big_endian { RunTimeEndian::Big } else { RunTimeEndian::Little }
}

/// Finds a section by either of its names.
fn find<'d>(elf: &Elf<'d>, id: SectionId, name: &'static str) -> Result<Option<Found<'d>>, DebugError> {
    let old = name.replacen(".debug", ".zdebug", 1);
    let mut all = elf.named(name.as_bytes()).chain(elf.named(old.as_bytes()));
    let Some((index, section)) = all.next() else { return Ok(None) };
    let fault = |reason| DebugError::Section { name, reason };
    if all.next().is_some() {
        return Err(fault("it is there more than once"));
    }
    let packed = Packed::read(elf, section).map_err(fault)?;
    if id == SectionId::DebugAbbrev && packed.size() > limits::DEBUG_ABBREVIATION_BYTES {
        return Err(fault("it is larger than any module's"));
    }
    Ok(Some(Found { id, packed, relocations: elf.relocation_table(index).map_err(fault)? }))
}
