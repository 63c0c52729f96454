// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of arm64, by the Arm Architecture Reference Manual for A-profile, C4.1.

use object::elf::{R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_LO21, R_AARCH64_LDST64_ABS_LO12_NC};

use super::program::Piece;
use super::step::{Base, Callee, Calling, Effect, Memory, Register, Source, Step};
use crate::module::elf::Relocation;
use crate::module::graph::{Referent, up_to, word};

/// The first eight hand something over, and the first nineteen are not the caller's afterwards (AAPCS64, 6.1.1).
pub(super) const CALLING: Calling = Calling {
    arguments: &[0, 1, 2, 3, 4, 5, 6, 7],
    scratch: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
    result: 0,
    stack: STACK,
};

/// The stack pointer where an address is meant, and nothing where a value is.
const STACK: Register = 31;

/// Reads a piece of code.
pub(super) fn read(piece: &mut Piece<'_>, steps: &mut Vec<Step>) {
    for (at, offset) in (0..piece.code.len()).step_by(4).zip((piece.begin..).step_by(4)) {
        let Some(instruction) = word(piece.code, at) else { return };
        let relocation = up_to(&mut piece.relocations, offset + 4).last();
        steps.push(step(piece, instruction, offset, relocation));
    }
}

fn step(piece: &Piece<'_>, instruction: u32, offset: u64, relocation: Option<Relocation>) -> Step {
    let told = relocation.and_then(|of| piece.referent((of, of.addend.unwrap_or(0))));
    let kind = relocation.map(|of| of.kind);
    let near = |distance: i64| offset.checked_add_signed(distance).map(|to| Referent::Place(piece.at(to)));
    // A distance of so many bits from a bit on, in words.
    let distance =
        |bits: u32, from: u32| i64::from((instruction << (32 - bits - from)).cast_signed() >> (32 - bits)) * 4;
    let mut step =
        Step { at: piece.at(offset), effects: Vec::new(), calls: None, jump: None, goes_on: true, returns: false };
    let mut branch = |target: Option<Referent>, is_tail: bool| match target {
        Some(Referent::Place(place)) => {
            step.jump = Some(place);
            step.calls = is_tail.then_some(Callee::Referent(Referent::Place(place)));
        }
        Some(import) => step.calls = Some(Callee::Referent(import)),
        None => {}
    };
    match instruction {
        // B
        it if it & 0xfc00_0000 == 0x1400_0000 => {
            branch(told.or_else(|| near(distance(26, 0))), true);
            step.goes_on = false;
        }
        // BL
        it if it & 0xfc00_0000 == 0x9400_0000 => {
            step.calls = told.or_else(|| near(distance(26, 0))).map(Callee::Referent);
        }
        // B.cond, CBZ and CBNZ
        it if it & 0xff00_0000 == 0x5400_0000 || it & 0x7e00_0000 == 0x3400_0000 => {
            branch(told.or_else(|| near(distance(19, 5))), false);
        }
        // TBZ and TBNZ
        it if it & 0x7e00_0000 == 0x3600_0000 => branch(told.or_else(|| near(distance(14, 5))), false),
        // BR, BLR and RET, with and without authentication
        it if it & 0xfe1f_0000 == 0xd61f_0000 => match it >> 21 & 0b111 {
            0b000 => {
                step.calls = Some(Callee::Pointer);
                step.goes_on = false;
            }
            0b001 => step.calls = Some(Callee::Pointer),
            _ => {
                step.returns = true;
                step.goes_on = false;
            }
        },
        // BRK and UDF
        it if it & 0xffe0_001f == 0xd420_0000 || it >> 16 == 0 => step.goes_on = false,
        it => step.effects = effects(it, told, kind),
    }
    step
}

/// What an instruction that goes on changes.
fn effects(instruction: u32, told: Option<Referent>, kind: Option<u32>) -> Vec<Effect> {
    let register = |shift: u32| (instruction >> shift & 31) as Register;
    let (to, from, other) = (register(0), register(5), register(16));
    let value = |register| if register == STACK { Source::Number } else { Source::register(register, Some(0)) };
    let number = i64::from(instruction >> 10 & 0xfff);
    let is = |wanted: object::elf::RelocationType| kind == Some(wanted.0);
    let anywhere = |register| Memory { base: Base::Register(register), offset: None };
    let access = |number: i64| match told {
        Some(referent) if is(R_AARCH64_LDST64_ABS_LO12_NC) => {
            Memory { base: Base::Referent(referent), offset: Some(0) }
        }
        _ => Memory { base: Base::Register(from), offset: Some(number) },
    };
    // Of LDUR and its like, and of pairs.
    let signed = i64::from((instruction << 11).cast_signed() >> 23);
    let pair = i64::from((instruction << 10).cast_signed() >> 25) * 8;
    match instruction {
        // ADD (immediate), of 64 bits
        it if it & 0xff80_0000 == 0x9100_0000 => {
            let number = if it >> 22 & 1 == 1 { number << 12 } else { number };
            let source = match told {
                Some(referent) if is(R_AARCH64_ADD_ABS_LO12_NC) => Source::referent(referent),
                _ => Source::register(from, Some(number)),
            };
            vec![Effect::Writes(to, source)]
        }
        // SUB (immediate), of 64 bits
        it if it & 0xff80_0000 == 0xd100_0000 => {
            let number = if it >> 22 & 1 == 1 { number << 12 } else { number };
            vec![Effect::Writes(to, Source::register(from, Some(-number)))]
        }
        // ADD (shifted or extended register), of 64 bits: what is shifted is no address; else either is, and the other how far
        // behind it
        it if it & 0xff00_0000 == 0x8b00_0000 => {
            let mut effects = vec![Effect::Writes(to, Source::register(from, None))];
            if it & 0x00e0_fc00 == 0 {
                effects.push(Effect::MayWrite(to, Source::register(other, None)));
            }
            effects
        }
        // ADR
        it if it & 0x9f00_0000 == 0x1000_0000 => {
            let source = told.filter(|_| is(R_AARCH64_ADR_PREL_LO21)).map_or(Source::Unknown, Source::referent);
            vec![Effect::Writes(to, source)]
        }
        // ORR (shifted register) with nothing: MOV
        it if it & 0xffe0_ffe0 == 0xaa00_03e0 => vec![Effect::Writes(to, value(other))],
        // MOVN, MOVZ and MOVK
        it if it & 0x1f80_0000 == 0x1280_0000 => vec![Effect::Writes(to, Source::Number)],
        // CSEL, of 64 bits
        it if it & 0xffe0_0c00 == 0x9a80_0000 => {
            vec![Effect::Writes(to, value(from)), Effect::MayWrite(to, value(other))]
        }
        // LDR and STR (immediate, unsigned offset), of 64 bits
        it if it & 0xffc0_0000 == 0xf940_0000 => vec![Effect::Writes(to, Source::Loaded(access(number * 8)))],
        it if it & 0xffc0_0000 == 0xf900_0000 => vec![Effect::Stores(access(number * 8), value(to))],
        // LDUR, and LDR before or behind which the address changes
        it if it & 0xffe0_0000 == 0xf840_0000 => {
            let behind = it >> 10 & 0b11 == 0b01;
            let memory = Memory { base: Base::Register(from), offset: Some(if behind { 0 } else { signed }) };
            let mut effects = vec![Effect::Writes(to, Source::Loaded(memory))];
            effects.extend(moves(it, from, signed));
            effects
        }
        it if it & 0xffe0_0000 == 0xf800_0000 => {
            let behind = it >> 10 & 0b11 == 0b01;
            let memory = Memory { base: Base::Register(from), offset: Some(if behind { 0 } else { signed }) };
            let mut effects = vec![Effect::Stores(memory, value(to))];
            effects.extend(moves(it, from, signed));
            effects
        }
        // LDR and STR (register), of 64 bits
        it if it & 0xffe0_0c00 == 0xf860_0800 => {
            let mut effects = vec![Effect::Writes(to, Source::Loaded(anywhere(from)))];
            if it >> 12 & 1 == 0 {
                effects.push(Effect::MayWrite(to, Source::Loaded(anywhere(other))));
            }
            effects
        }
        it if it & 0xffe0_0c00 == 0xf820_0800 => vec![Effect::Stores(anywhere(from), value(to))],
        // LDP and STP, of 64 bits
        it if it & 0xfe00_0000 == 0xa800_0000 => {
            let behind = it >> 23 & 0b11 == 0b01;
            let memory = |more: i64| Memory {
                base: Base::Register(from),
                offset: Some(if behind { more } else { pair + more }),
            };
            let loads = it >> 22 & 1 == 1;
            let each = |to: Register, more: i64| {
                if loads {
                    Effect::Writes(to, Source::Loaded(memory(more)))
                } else {
                    Effect::Stores(memory(more), value(to))
                }
            };
            let mut effects = vec![each(to, 0), each(register(10), 8)];
            if matches!(it >> 23 & 0b11, 0b01 | 0b11) {
                effects.push(Effect::Writes(from, Source::register(from, Some(pair))));
            }
            effects
        }
        // Other loads of general registers; what is narrower than an address holds none.
        it if it & 0x3b00_0000 == 0x3900_0000 || it & 0x3b00_0000 == 0x3800_0000 => {
            if it >> 22 & 0b11 == 0 {
                Vec::new()
            } else {
                vec![Effect::Writes(to, Source::Number)]
            }
        }
        // Data processing, by numbers and by registers; conditional comparisons have flags where others have a register.
        it if it >> 26 & 0b111 == 0b100 || (it >> 25 & 0b111 == 0b101 && it & 0x1fe0_0000 != 0x1a40_0000) => {
            // With 31 it only compares, or it is the stack pointer in a way that no compiler uses.
            if to == STACK { Vec::new() } else { vec![Effect::Writes(to, Source::Unknown)] }
        }
        _ => Vec::new(),
    }
}

/// How a load or store moves its address.
fn moves(instruction: u32, register: Register, by: i64) -> Option<Effect> {
    let moves = matches!(instruction >> 10 & 0b11, 0b01 | 0b11);
    moves.then(|| Effect::Writes(register, Source::register(register, Some(by))))
}
