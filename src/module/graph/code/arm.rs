// SPDX-License-Identifier: MIT OR Apache-2.0
//! Code of 32-bit ARM.

use object::elf::{self, R_ARM_MOVT_ABS};
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv7::{ConditionCode, InstDecoder, Opcode, Operand};

use super::registers::{Calling, Does, Goes, Registers, With};
use super::{End, Found, Leaves, Rest, up_to, word};
use crate::module::elf::Relocation;
use crate::module::graph::Depth;
use crate::module::graph::references::{Ending, How};

/// The first four hand something over, and with the twelfth are not the caller's afterwards (AAPCS32, 6.1.1).
const CALLING: Calling = Calling { arguments: &[0, 1, 2, 3], scratch: &[0, 1, 2, 3, 12], result: 0 };

pub(super) fn read(
    depth: Depth,
    piece: &[u8],
    start: u64,
    relocations: &mut Rest<impl Iterator<Item = Relocation>>,
    found: &mut Vec<Found>,
) -> End {
    let decoder = InstDecoder::default();
    let (mut end, mut registers) = (End::new(), Registers::default());
    for (bytes, offset) in piece.chunks_exact(4).zip((start..).step_by(4)) {
        let field = word(bytes, 0).unwrap_or(0);
        let is_code = !asks_for_a_seventeenth(field);
        let instruction = is_code.then(|| decoder.decode(&mut U8Reader::new(bytes)).ok()).flatten();
        let opcode = instruction.as_ref().map(|it| it.opcode);
        let distance = instruction.iter().flat_map(|it| it.operands).find_map(|operand| match operand {
            // In words, from the instruction itself: the decoder has added the two that the processor is ahead.
            Operand::BranchOffset(words) => Some(i64::from(words) * 4),
            _ => None,
        });
        let calls = matches!(opcode, Some(Opcode::BL | Opcode::BLX));
        let how = match distance {
            Some(_) if calls => How::Call,
            Some(_) => How::Jump,
            None => How::Address,
        };
        let (mut callee, mut made) = (None, None);
        for relocation in up_to(relocations, offset + 4) {
            callee = Some(relocation.symbol);
            let meant = (relocation, relocation.addend.unwrap_or_else(|| addend(relocation.kind, field, distance)));
            made = (relocation.kind == R_ARM_MOVT_ABS.0).then_some(meant);
            found.push(Found::Relocated { offset, meant, how });
        }
        let does = does(field);
        // A function's last call may be a jump.
        let hands = calls || (how == How::Jump && callee.is_some());
        let handed = if hands { CALLING.arguments } else { &[] };
        let mut seen = match depth {
            Depth::Everything => registers.stored(&does, None, handed),
            Depth::Exports => Vec::new(),
        };
        if callee.is_none() {
            seen.extend(registers.added(&does));
        }
        found.extend(seen.into_iter().map(|seen| Found::of(offset, seen)));
        let does = if callee.is_none() || made.is_some() { does } else { Does { adds: None, ..does } };
        registers.pass(&does, made, if calls { Goes::Calls(offset) } else { Goes::On }, &CALLING);
        let target = distance.filter(|_| callee.is_none()).and_then(|distance| offset.checked_add_signed(distance));
        found.extend(target.map(|target| Found::Near { offset, target, how }));
        if opcode == Some(Opcode::NOP) || !end.is_code(offset, target) {
            continue;
        }
        let always = instruction.as_ref().is_some_and(|it| it.condition == ConditionCode::AL);
        // A return by popping the program counter, among others.
        let is_to_pc = matches!(opcode, Some(Opcode::LDM(..) | Opcode::LDR | Opcode::MOV)) && is_to_pc(field);
        let is_back = is_to_pc || opcode == Some(Opcode::BX);
        end.returns |= is_back;
        match opcode {
            Some(Opcode::BL) => end.ending = Ending::Call(offset),
            Some(_) if is_back && always => end.leave(Leaves::Back),
            Some(Opcode::B | Opcode::UDF) if always => end.leave(Leaves::Off),
            None => end.leave(Leaves::Off),
            Some(_) => end.ending = Ending::Open,
        }
        end.is_over = end.ending == Ending::Closed;
    }
    end
}

/// Whether a word loads or stores the register behind the last one: LDRD, STRD and STREXD name the first of two (Arm Architecture
/// Reference Manual for A-profile, F5.1). No such instruction is executed, so that it is data; the decoder panics on it.
fn asks_for_a_seventeenth(word: u32) -> bool {
    let is_double = word & 0x0e10_00d0 == 0x0000_00d0 && word >> 12 & 15 == 15;
    let is_exclusive = word & 0x0ff0_00f0 == 0x01a0_0090 && word & 15 == 15;
    is_double || is_exclusive
}

/// Whether an instruction that loads or moves may write the program counter.
fn is_to_pc(field: u32) -> bool {
    // A list of registers has a bit for each; others name the one in bits 12 to 15.
    let is_list = field >> 25 & 0b111 == 0b100;
    if is_list { field >> 15 & 1 == 1 } else { field >> 12 & 0xf == 0xf }
}

/// The addend that stands in an instruction (ELF for the Arm architecture, 5.6.1).
fn addend(kind: u32, field: u32, distance: Option<i64>) -> i64 {
    match elf::RelocationType(kind) {
        elf::R_ARM_CALL | elf::R_ARM_JUMP24 | elf::R_ARM_PC24 | elf::R_ARM_PLT32 => distance.unwrap_or(0),
        elf::R_ARM_MOVW_ABS_NC | R_ARM_MOVT_ABS => {
            let immediate = (field >> 4 & 0xf000) | (field & 0xfff);
            i64::from((immediate << 16).cast_signed() >> 16)
        }
        _ => i64::from(field.cast_signed()),
    }
}

/// What an instruction does, by the Arm Architecture Reference Manual for A-profile, F4.1.
fn does(word: u32) -> Does {
    let register = |shift: u32| (word >> shift & 15) as usize;
    let rotated = || i64::from((word & 0xff).rotate_right((word >> 8 & 15) * 2));
    // LDR and STR (immediate), which add or subtract.
    let offset = || i64::from(word & 0xfff) * if word >> 23 & 1 == 1 { 1 } else { -1 };
    let (adds, with) = match (word & 0x0fe0_0000, word & 0x0f50_0000) {
        (0x0280_0000, _) => (Some((register(16), rotated())), With::Takes),
        (0x0240_0000, _) => (Some((register(16), -rotated())), With::Takes),
        (_, 0x0510_0000) => (Some((register(16), offset())), With::Loads(4)),
        (_, 0x0500_0000) => (Some((register(16), offset())), With::Stores([Some(register(12)), None])),
        _ => (None, With::Takes),
    };
    let is_load = word >> 26 & 0b11 == 0b01 && word >> 20 & 1 == 1;
    // To compare writes no register; with the same numbers, but for the flags, MOVW and MOVT do.
    let compares = word >> 23 & 0b11 == 0b10 && word >> 20 & 1 == 1;
    let is_data_processing = word & 0x0c00_0000 == 0 && !compares;
    let writes = (is_load || is_data_processing).then(|| register(12));
    Does { adds, with, writes: [writes, None], ..Does::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_too_much_for_the_decoder() {
        // All operations, always executed or of those without a condition, with the registers that are nearest to an end.
        let (mut words, mut empty) = (Vec::new(), Vec::new());
        for operation in 0xe00..=0xfff_u32 {
            for registers in [0xf_f000, 0xf_ff00, 0x0_f000] {
                for low in 0..1_u32 << 8 {
                    words.extend((operation << 20 | registers | low).to_le_bytes());
                }
            }
            let mut relocations = none();
            for word in words.chunks_exact(4) {
                read(Depth::Exports, word, 0, &mut relocations, &mut empty);
            }
            words.clear();
        }
    }

    fn none() -> Rest<std::iter::Empty<Relocation>> {
        std::iter::empty().peekable()
    }
}
