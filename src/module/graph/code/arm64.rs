// SPDX-License-Identifier: MIT OR Apache-2.0
//! Code of arm64.

use object::elf::{
    R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_LDST8_ABS_LO12_NC, R_AARCH64_LDST16_ABS_LO12_NC,
    R_AARCH64_LDST32_ABS_LO12_NC, R_AARCH64_LDST64_ABS_LO12_NC, R_AARCH64_LDST128_ABS_LO12_NC,
};
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Opcode, Operand};

use super::registers::{Calling, Does, Goes, Registers, With};
use super::{End, Found, Leaves, Rest, up_to, word};
use crate::module::elf::Relocation;
use crate::module::graph::Depth;
use crate::module::graph::references::{Ending, How};

/// The first eight hand something over, and the first nineteen are not the caller's afterwards (AAPCS64, 6.1.1).
const CALLING: Calling = Calling {
    arguments: &[0, 1, 2, 3, 4, 5, 6, 7],
    scratch: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
    result: 0,
};

const NOP: u32 = 0xd503_201f;

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
        let instruction = decoder.decode(&mut U8Reader::new(bytes)).ok();
        let opcode = instruction.as_ref().map(|it| it.opcode);
        let does = does(word(bytes, 0).unwrap_or(NOP));
        let jumps = matches!(
            opcode,
            Some(Opcode::B | Opcode::Bcc(_) | Opcode::CBZ | Opcode::CBNZ | Opcode::TBZ | Opcode::TBNZ)
        );
        let branch = match opcode {
            Some(Opcode::BL) => Some(How::Call),
            _ => jumps.then_some(How::Jump),
        };
        let (mut callee, mut told, mut made) = (None, None, None);
        for relocation in up_to(relocations, offset + 4) {
            callee = Some(relocation.symbol);
            let meant = (relocation, relocation.addend.unwrap_or(0));
            if relocation.kind == R_AARCH64_ADD_ABS_LO12_NC.0 {
                made = Some(meant);
            } else if relocation.kind != R_AARCH64_ADR_PREL_PG_HI21.0 {
                let bytes = accessed(relocation.kind);
                told = bytes.map(|_| meant);
                let how = branch.or(bytes.map(How::Field)).unwrap_or(How::Address);
                found.push(Found::Relocated { offset, meant, how });
            }
        }
        let goes = match opcode {
            Some(Opcode::BL | Opcode::BLR) => Goes::Calls(offset),
            Some(Opcode::BR | Opcode::RET) => Goes::Elsewhere,
            _ if jumps => Goes::Elsewhere,
            _ => Goes::On,
        };
        // A function's last call may be a jump.
        let hands = matches!(goes, Goes::Calls(_)) || (jumps && callee.is_some());
        let handed = if hands { CALLING.arguments } else { &[] };
        let mut seen = match depth {
            Depth::Everything => registers.stored(&does, told, handed),
            Depth::Exports => Vec::new(),
        };
        seen.extend(registers.used(&does, goes, &CALLING));
        if callee.is_none() {
            seen.extend(registers.added(&does));
        }
        found.extend(seen.into_iter().map(|seen| Found::of(offset, seen)));
        if let Some((to, from)) = moved(word(bytes, 0).unwrap_or(NOP)) {
            registers.copy(to, from);
        } else if callee.is_none() || made.is_some() {
            registers.pass(&does, made, goes, &CALLING);
        } else {
            registers.pass(&Does { adds: None, ..does }, None, goes, &CALLING);
        }
        let distance = instruction.iter().flat_map(|it| it.operands).find_map(|operand| match operand {
            Operand::PCOffset(distance) => Some(distance),
            _ => None,
        });
        let is_address = opcode == Some(Opcode::ADR);
        let near = distance.filter(|_| callee.is_none() && (branch.is_some() || is_address));
        let near = near.and_then(|distance| offset.checked_add_signed(distance));
        let how = branch.unwrap_or(How::Address);
        found.extend(near.map(|target| Found::Near { offset, target, how }));
        if opcode == Some(Opcode::HINT) || !end.is_code(offset, near.filter(|_| branch.is_some())) {
            continue;
        }
        match opcode {
            Some(Opcode::RET | Opcode::ERET) => end.leave(Leaves::Back),
            // To one of several places in the function, or away.
            Some(Opcode::BR) => end.leave(Leaves::Back),
            Some(Opcode::B | Opcode::BRK | Opcode::UDF) | None => end.leave(Leaves::Off),
            Some(Opcode::BL) => end.ending = Ending::Call(offset),
            Some(_) => end.ending = Ending::Open,
        }
        end.is_over = end.ending == Ending::Closed && opcode != Some(Opcode::BR);
    }
    // What nothing was seen to use may be used in what follows.
    let last = start + (piece.len() as u64).saturating_sub(4);
    let left = registers.used(&Does::default(), Goes::Elsewhere, &CALLING);
    found.extend(left.into_iter().map(|seen| Found::of(last, seen)));
    end
}

/// The registers of a MOV of 64 bits, which is an ORR with none: to which, and from which.
fn moved(word: u32) -> Option<(usize, usize)> {
    (word & 0xffe0_ffe0 == 0xaa00_03e0).then_some(((word & 31) as usize, (word >> 16 & 31) as usize))
}

/// How many bytes an instruction reads or writes that bears a relocation of this kind (ELF for the Arm 64-bit Architecture,
/// 5.7.6); nothing of other kinds.
fn accessed(kind: u32) -> Option<u64> {
    let kinds = [
        (R_AARCH64_LDST8_ABS_LO12_NC, 1),
        (R_AARCH64_LDST16_ABS_LO12_NC, 2),
        (R_AARCH64_LDST32_ABS_LO12_NC, 4),
        (R_AARCH64_LDST64_ABS_LO12_NC, 8),
        (R_AARCH64_LDST128_ABS_LO12_NC, 16),
    ];
    kinds.iter().find(|(of, _)| of.0 == kind).map(|(_, bytes)| *bytes)
}

/// What an instruction does, by the Arm Architecture Reference Manual for A-profile, C4.1.
fn does(word: u32) -> Does {
    let register = |shift: u32| (word >> shift & 31) as usize;
    let number = i64::from(word >> 10 & 0xfff);
    let none = [None; 4];
    // LDR and STR (immediate), unsigned offset, of 64 bits.
    match word & 0xffc0_0000 {
        0xf940_0000 => {
            let (adds, writes) = (Some((register(5), number * 8)), [Some(register(0)), None]);
            return Does { adds, with: With::Loads(8), reads: none, writes };
        }
        0xf900_0000 => {
            let (adds, with) = (Some((register(5), number * 8)), With::Stores([Some(register(0)), None]));
            return Does { adds, with, reads: [Some(register(0)), None, None, None], writes: [None; 2] };
        }
        // STP, signed offset, of 64 bits.
        0xa900_0000 => {
            let number = i64::from(((word << 10).cast_signed()) >> 25) * 8;
            let values = [Some(register(0)), Some(register(10))];
            let reads = [values[0], values[1], None, None];
            return Does { adds: Some((register(5), number)), with: With::Stores(values), reads, writes: [None; 2] };
        }
        _ => {}
    }
    // ADD (immediate), of 64 bits.
    let is_add = word & 0xff80_0000 == 0x9100_0000;
    let adds = is_add.then(|| (register(5), if word >> 22 & 1 == 1 { number << 12 } else { number }));
    // Loads of one or two general registers; conditional comparisons have flags where others have a register.
    let is_load = matches!(word >> 24 & 0x3f, 0x28 | 0x29 | 0x38 | 0x39) && word >> 22 & 1 == 1;
    let compares = word & 0x1fe0_0000 == 0x1a40_0000;
    let is_data_processing = word >> 26 & 0b111 == 0b100 || (word >> 25 & 0b111 == 0b101 && !compares);
    let is_address = word >> 24 & 0x1f == 0x10;
    let writes = (is_load || is_data_processing).then(|| register(0));
    let reads = if is_add || is_address {
        none
    } else {
        let first = if writes.is_none() { Some(register(0)) } else { None };
        [first, Some(register(5)), Some(register(10)), Some(register(16))]
    };
    Does { adds, with: With::Takes, reads, writes: [writes, None] }
}
