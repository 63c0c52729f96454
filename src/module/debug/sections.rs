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
            found.extend(find(elf, id)?);
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
        let endian = if machine.big_endian { RunTimeEndian::Big } else { RunTimeEndian::Little };
        Ok(Self { bytes: bytes.collect::<Result<_, DebugError>>()?, endian })
    }

    /// A section's bytes; none if it is not there.
    pub(super) fn bytes(&self, id: SectionId) -> &[u8] {
        self.bytes.iter().find(|(other, _)| *other == id).map_or(&[], |(_, bytes)| bytes)
    }

    /// The order of bytes.
    pub(super) fn endian(&self) -> RunTimeEndian {
        self.endian
    }

    /// How many bytes there are.
    pub(super) fn size(&self) -> u64 {
        self.bytes.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// The sections as the library takes them.
    pub(super) fn dwarf(&self) -> Dwarf<Slice<'_>> {
        let section = |id| Ok::<_, std::convert::Infallible>(Slice::new(self.bytes(id), self.endian));
        match Dwarf::load(section) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        }
    }
}

/// Finds a section by either of its names.
fn find<'d>(elf: &Elf<'d>, id: SectionId) -> Result<Option<Found<'d>>, DebugError> {
    let name = id.name();
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
