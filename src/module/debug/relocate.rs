// SPDX-License-Identifier: MIT OR Apache-2.0
//! The relocations of debug info: in a file that is not linked yet, whatever refers to another section is one.

use object::elf;

use super::super::elf::{Machine, Relocation, RelocationTable, Symbols};
use super::places::Places;

/// What a relocation does to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It becomes the value.
    Set,
    /// The value is added to it: of machines whose linkers make code shorter.
    Add,
    /// The value is taken from it.
    Subtract,
}

/// A field: how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Bytes(usize),
    /// The lower six bits of a byte.
    SixBits,
    /// A number of variable length, which stays as long as it is.
    Uleb128,
}

/// What a kind of relocation does; nothing if debug info has none of that kind.
fn known(machine: Machine, kind: u32) -> Option<(Effect, Field)> {
    use Effect::{Add, Set, Subtract};
    use Field::{Bytes, SixBits, Uleb128};
    let word = |four: u32, eight: u32| match kind {
        _ if kind == four => Some((Set, Bytes(4))),
        _ if kind == eight => Some((Set, Bytes(8))),
        _ => None,
    };
    match elf::Machine(machine.number) {
        elf::EM_X86_64 => match elf::RelocationType(kind) {
            elf::R_X86_64_64 | elf::R_X86_64_DTPOFF64 => Some((Set, Bytes(8))),
            elf::R_X86_64_32 | elf::R_X86_64_32S | elf::R_X86_64_DTPOFF32 => Some((Set, Bytes(4))),
            _ => None,
        },
        elf::EM_386 => word(elf::R_386_32.0, NONE),
        elf::EM_AARCH64 => word(elf::R_AARCH64_ABS32.0, elf::R_AARCH64_ABS64.0),
        elf::EM_ARM => word(elf::R_ARM_ABS32.0, NONE),
        elf::EM_PPC => word(elf::R_PPC_ADDR32.0, NONE),
        elf::EM_PPC64 => word(elf::R_PPC64_ADDR32.0, elf::R_PPC64_ADDR64.0),
        elf::EM_S390 => word(elf::R_390_32.0, elf::R_390_64.0),
        elf::EM_MIPS => word(elf::R_MIPS_32.0, elf::R_MIPS_64.0),
        elf::EM_ALPHA => word(elf::R_ALPHA_REFLONG.0, elf::R_ALPHA_REFQUAD.0),
        elf::EM_68K => word(elf::R_68K_32.0, NONE),
        elf::EM_SH => word(elf::R_SH_DIR32.0, NONE),
        elf::EM_SPARC | elf::EM_SPARCV9 => {
            word(elf::R_SPARC_32.0, elf::R_SPARC_64.0).or_else(|| word(elf::R_SPARC_UA32.0, elf::R_SPARC_UA64.0))
        }
        elf::EM_PARISC => word(elf::R_PARISC_DIR32.0, elf::R_PARISC_DIR64.0)
            .or_else(|| word(elf::R_PARISC_SECREL32.0, elf::R_PARISC_SECREL64.0)),
        elf::EM_RISCV => Some(match elf::RelocationType(kind) {
            elf::R_RISCV_32 | elf::R_RISCV_SET32 => (Set, Bytes(4)),
            elf::R_RISCV_64 => (Set, Bytes(8)),
            elf::R_RISCV_ADD8 => (Add, Bytes(1)),
            elf::R_RISCV_ADD16 => (Add, Bytes(2)),
            elf::R_RISCV_ADD32 => (Add, Bytes(4)),
            elf::R_RISCV_ADD64 => (Add, Bytes(8)),
            elf::R_RISCV_SUB6 => (Subtract, SixBits),
            elf::R_RISCV_SUB8 => (Subtract, Bytes(1)),
            elf::R_RISCV_SUB16 => (Subtract, Bytes(2)),
            elf::R_RISCV_SUB32 => (Subtract, Bytes(4)),
            elf::R_RISCV_SUB64 => (Subtract, Bytes(8)),
            elf::R_RISCV_SET6 => (Set, SixBits),
            elf::R_RISCV_SET8 => (Set, Bytes(1)),
            elf::R_RISCV_SET16 => (Set, Bytes(2)),
            elf::R_RISCV_SET_ULEB128 => (Set, Uleb128),
            elf::R_RISCV_SUB_ULEB128 => (Subtract, Uleb128),
            _ => return None,
        }),
        elf::EM_LOONGARCH => Some(match elf::RelocationType(kind) {
            elf::R_LARCH_32 => (Set, Bytes(4)),
            elf::R_LARCH_64 => (Set, Bytes(8)),
            elf::R_LARCH_ADD6 => (Add, SixBits),
            elf::R_LARCH_ADD8 => (Add, Bytes(1)),
            elf::R_LARCH_ADD16 => (Add, Bytes(2)),
            elf::R_LARCH_ADD32 => (Add, Bytes(4)),
            elf::R_LARCH_ADD64 => (Add, Bytes(8)),
            elf::R_LARCH_ADD_ULEB128 => (Add, Uleb128),
            elf::R_LARCH_SUB6 => (Subtract, SixBits),
            elf::R_LARCH_SUB8 => (Subtract, Bytes(1)),
            elf::R_LARCH_SUB16 => (Subtract, Bytes(2)),
            elf::R_LARCH_SUB32 => (Subtract, Bytes(4)),
            elf::R_LARCH_SUB64 => (Subtract, Bytes(8)),
            elf::R_LARCH_SUB_ULEB128 => (Subtract, Uleb128),
            _ => return None,
        }),
        _ => None,
    }
}

/// No kind of relocation.
const NONE: u32 = u32::MAX;

/// Why a section can't be relocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A kind of relocation that is not known in debug info.
    Kind(u32),
    /// A relocation outside the section, or of no symbol.
    Place(u64),
}

/// Applies a table of relocations to a section of debug info.
pub(super) fn apply(
    machine: Machine,
    table: &RelocationTable<'_>,
    symbols: &Symbols<'_>,
    places: &Places,
    data: &mut [u8],
) -> Result<(), Fault> {
    table.visit(|relocation| {
        if relocation.kind == 0 {
            return Ok(());
        }
        let (effect, field) = known(machine, relocation.kind).ok_or(Fault::Kind(relocation.kind))?;
        let outside = Fault::Place(relocation.offset);
        let symbol = symbols.get(relocation.symbol as usize).ok_or(outside)?;
        let symbol = places.address_of(&symbol);
        patch(machine, data, &relocation, (effect, field), symbol).ok_or(outside)
    })
}

/// Changes one field.
fn patch(
    machine: Machine,
    data: &mut [u8],
    relocation: &Relocation,
    (effect, field): (Effect, Field),
    symbol: u64,
) -> Option<()> {
    let start = usize::try_from(relocation.offset).ok()?;
    let rest = data.get_mut(start..)?;
    let old = match field {
        Field::Bytes(len) => number(rest.get(..len)?, machine.big_endian),
        Field::SixBits => u64::from(*rest.first()? & 0x3f),
        Field::Uleb128 => uleb128(rest)?,
    };
    let addend = match (relocation.addend, effect) {
        (Some(addend), _) => addend.cast_unsigned(),
        (None, Effect::Set) => old,
        (None, _) => 0,
    };
    let value = symbol.wrapping_add(addend);
    let new = match effect {
        Effect::Set => value,
        Effect::Add => old.wrapping_add(value),
        Effect::Subtract => old.wrapping_sub(value),
    };
    match field {
        Field::Bytes(len) => write(rest.get_mut(..len)?, new, machine.big_endian),
        Field::SixBits => {
            let byte = rest.first_mut()?;
            *byte = (*byte & 0xc0) | (low_byte(new) & 0x3f);
        }
        Field::Uleb128 => write_uleb128(rest, new),
    }
    Some(())
}

/// A number of up to eight bytes.
fn number(bytes: &[u8], big_endian: bool) -> u64 {
    let shift = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
    if big_endian { bytes.iter().fold(0, shift) } else { bytes.iter().rev().fold(0, shift) }
}

/// Writes the lower bytes of a number.
fn write(bytes: &mut [u8], number: u64, big_endian: bool) {
    let little = number.to_le_bytes();
    if big_endian {
        bytes.iter_mut().rev().zip(little).for_each(|(byte, new)| *byte = new);
    } else {
        bytes.iter_mut().zip(little).for_each(|(byte, new)| *byte = new);
    }
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

/// A number of variable length of up to ten bytes.
fn uleb128(bytes: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (byte, shift) in bytes.iter().zip((0..64).step_by(7)) {
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Writes a number of variable length over one, as long as that was.
fn write_uleb128(bytes: &mut [u8], mut number: u64) {
    for byte in bytes {
        let more = *byte & 0x80;
        *byte = more | (low_byte(number) & 0x7f);
        number >>= 7;
        if more == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::elf::Class;

    fn patched(machine: u16, big_endian: bool, kind: u32, addend: Option<i64>, bytes: &[u8]) -> Vec<u8> {
        let machine = Machine { number: machine, class: Class::Elf64, big_endian };
        let relocation = Relocation { offset: 1, symbol: 0, kind, addend };
        let mut data = bytes.to_vec();
        patch(machine, &mut data, &relocation, known(machine, kind).unwrap(), 0x1_2345).unwrap();
        data
    }

    #[test]
    fn fields_become_the_symbols_address_and_the_addend() {
        // Of R_X86_64_32 the field itself does not matter, of R_386_32 it is the addend.
        assert_eq!(patched(62, false, 10, Some(2), &[9, 1, 1, 1, 1, 9]), [9, 0x47, 0x23, 1, 0, 9]);
        assert_eq!(patched(3, false, 1, None, &[9, 1, 0, 0, 0, 9]), [9, 0x46, 0x23, 1, 0, 9]);
        assert_eq!(patched(22, true, 22, Some(0), &[9; 10]), [9, 0, 0, 0, 0, 0, 1, 0x23, 0x45, 9]);
        // R_RISCV_ADD16, R_RISCV_SUB8, R_RISCV_SET6, R_RISCV_SET_ULEB128.
        assert_eq!(patched(243, false, 34, Some(0), &[9, 1, 1, 9]), [9, 0x46, 0x24, 9]);
        assert_eq!(patched(243, false, 37, Some(0), &[9, 0x46, 9]), [9, 1, 9]);
        assert_eq!(patched(243, false, 53, Some(0), &[9, 0xff, 9]), [9, 0xc5, 9]);
        assert_eq!(patched(243, false, 60, Some(0), &[9, 0x80, 0x80, 0, 9]), [9, 0xc5, 0xc6, 4, 9]);
    }

    #[test]
    fn nothing_is_written_outside_and_no_unknown_kind_is_taken() {
        let machine = Machine { number: 62, class: Class::Elf64, big_endian: false };
        let relocation = Relocation { offset: 2, symbol: 0, kind: 1, addend: Some(0) };
        assert_eq!(patch(machine, &mut [0; 9], &relocation, (Effect::Set, Field::Bytes(8)), 0), None);
        assert_eq!(patch(machine, &mut [0x80; 4], &relocation, (Effect::Set, Field::Uleb128), 0), None);
        assert_eq!(known(machine, 2), None);
        assert_eq!(known(Machine { number: 4711, ..machine }, 1), None);
    }
}
