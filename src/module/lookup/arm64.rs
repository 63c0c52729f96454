// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of arm64, by the Arm Architecture Reference Manual for A-profile, C4.1.

use object::elf::{
    R_AARCH64_ABS64, R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_LO21, R_AARCH64_LDST8_ABS_LO12_NC,
    R_AARCH64_LDST16_ABS_LO12_NC, R_AARCH64_LDST32_ABS_LO12_NC, R_AARCH64_LDST64_ABS_LO12_NC,
    R_AARCH64_LDST128_ABS_LO12_NC, R_AARCH64_PREL16,
};

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

/// Kinds of relocations that write whole words: ABS64, ABS32, ABS16, PREL64, PREL32 and PREL16.
const DATA: std::ops::RangeInclusive<u32> = R_AARCH64_ABS64.0..=R_AARCH64_PREL16.0;

/// Kinds of relocations of a load or store that is not as wide as an address: of 8, 16, 32 and 128 bits.
const PARTS: [u32; 4] = [
    R_AARCH64_LDST8_ABS_LO12_NC.0,
    R_AARCH64_LDST16_ABS_LO12_NC.0,
    R_AARCH64_LDST32_ABS_LO12_NC.0,
    R_AARCH64_LDST128_ABS_LO12_NC.0,
];

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
    // What the loader makes of it does not show.
    let is_patched =
        relocation.is_some_and(|of| DATA.contains(&of.kind) || piece.is_number((of, of.addend.unwrap_or(0))));
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
    if is_patched {
        step.effects = (0..STACK).map(|register| Effect::Writes(register, Source::Unknown)).collect();
        return step;
    }
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
    let number = i64::from(instruction >> 10 & 0xfff);
    let is = |wanted: object::elf::RelocationType| kind == Some(wanted.0);
    let anywhere = |register| Memory { base: Base::Register(register), offset: None };
    let access = |number: i64| match told {
        Some(referent) if is(R_AARCH64_LDST64_ABS_LO12_NC) => {
            Memory { base: Base::Referent(referent), offset: Some(0) }
        }
        _ => Memory { base: Base::Register(from), offset: Some(number) },
    };
    let (signed, pair) = (nine_bits(instruction), seven_bits(instruction) * 8);
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
        // MOVN, MOVZ and MOVK: with relocations they make an address, the last of them the whole; MOVK leaves the rest as it is.
        it if it & 0x1f80_0000 == 0x1280_0000 => {
            let is_rest_kept = it >> 29 & 0b11 == 0b11;
            let number = if is_rest_kept { Source::register(to, None) } else { Source::Number };
            vec![Effect::Writes(to, told.map_or(number, Source::referent))]
        }
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
        // Data processing, by numbers and by registers; conditional comparisons have flags where others have a register.
        it if it >> 26 & 0b111 == 0b100 || (it >> 25 & 0b111 == 0b101 && it & 0x1fe0_0000 != 0x1a40_0000) => {
            // With 31 it only compares, or it is the stack pointer in a way that no compiler uses.
            if to == STACK { Vec::new() } else { vec![Effect::Writes(to, Source::Unknown)] }
        }
        it => rarer(it, told.filter(|_| kind.is_some_and(|kind| PARTS.contains(&kind)))),
    }
}

/// What other loads and stores change, and what reads registers that are not general.
fn rarer(instruction: u32, told: Option<Referent>) -> Vec<Effect> {
    let register = |shift: u32| (instruction >> shift & 31) as Register;
    let (to, from, other) = (register(0), register(5), register(16));
    let signed = nine_bits(instruction);
    match instruction {
        // LDAPUR and STLUR
        it if it & 0x3f20_0c00 == 0x1900_0000 => {
            let memory = Memory { base: Base::Register(from), offset: Some(signed) };
            match it >> 22 & 0b11 {
                0b00 => Vec::from_iter(is_whole(it).then(|| Effect::Stores(memory, value(to)))),
                _ => vec![loaded(it, to, memory)],
            }
        }
        // Exclusive, acquiring and releasing ones, and CAS
        it if it & 0x3f00_0000 == 0x0800_0000 => ordered(it),
        // SWP, LDADD and others; LDAPR, which stores nothing
        it if it & 0x3f20_0c00 == 0x3820_0000 => {
            let memory = Memory { base: Base::Register(from), offset: Some(0) };
            let stored = match it >> 12 & 0b1111 {
                0b1000 => Some(value(other)),
                0b1100 => None,
                _ => Some(Source::Unknown),
            };
            let stored = stored.filter(|_| is_whole(it)).map(|source| Effect::Stores(memory, source));
            stored.into_iter().chain((to != STACK).then(|| loaded(it, to, memory))).collect()
        }
        // LDRAA and LDRAB
        it if it & 0xff20_0400 == 0xf820_0400 => {
            vec![Effect::Writes(to, Source::Unknown), Effect::MayWrite(from, Source::register(from, None))]
        }
        // LDR (literal), which may be an address
        it if it & 0x3f00_0000 == 0x1800_0000 => match it >> 30 {
            0b01 => vec![Effect::Writes(to, Source::Unknown)],
            0b11 => Vec::new(),
            _ => vec![Effect::Writes(to, Source::Number)],
        },
        // Other pairs
        it if it & 0x3a00_0000 == 0x2800_0000 => {
            let is_vector = it >> 26 & 1 == 1;
            let size = match (is_vector, it >> 30) {
                (true, size) => 4 << size,
                // STGP
                (false, 0b01) if it >> 22 & 1 == 0 => 16,
                (false, _) => 4,
            };
            let loads = !is_vector && it >> 22 & 1 == 1;
            let mut effects = Vec::new();
            if loads {
                effects.extend([to, register(10)].map(|to| Effect::Writes(to, Source::Number)));
            }
            if it >> 22 & 1 == 0 {
                let by = if it >> 23 & 0b11 == 0b01 { 0 } else { seven_bits(instruction) * size };
                let memory = Memory { base: Base::Register(from), offset: Some(by) };
                effects.extend(u8::try_from(size * 2).map(|bytes| Effect::Spoils(memory, bytes)));
            }
            if matches!(it >> 23 & 0b11, 0b01 | 0b11) {
                effects.push(Effect::Writes(from, Source::register(from, Some(seven_bits(instruction) * size))));
            }
            effects
        }
        // Other loads and stores: what is narrower than an address holds none, and what is no general register neither.
        it if it & 0x3b20_0000 == 0x3800_0000 => {
            let behind = it >> 10 & 0b11 == 0b01;
            let memory = Memory { base: Base::Register(from), offset: Some(if behind { 0 } else { signed }) };
            narrow(it, to, memory).into_iter().chain(moves(it, from, signed)).collect()
        }
        it if it & 0x3b00_0000 == 0x3900_0000 => {
            let offset = i64::from(it >> 10 & 0xfff) * i64::from(width(it));
            let base = told.map_or(Base::Register(from), Base::Referent);
            Vec::from_iter(narrow(it, to, Memory { base, offset: Some(offset) }))
        }
        it if it & 0x3b20_0c00 == 0x3820_0800 => {
            Vec::from_iter(narrow(it, to, Memory { base: Base::Register(from), offset: None }))
        }
        // MRS and SYSL
        it if it & 0xffe0_0000 == 0xd520_0000 => vec![Effect::Writes(to, Source::Unknown)],
        // FMOV and others, and UMOV, from vectors
        it if (it & 0x7f20_fc00 == 0x1e20_0000 && matches!(it >> 16 & 0b111, 0b000 | 0b001 | 0b100..=0b110))
            || it & 0xbfe0_fc00 == 0x0e00_3c00 =>
        {
            vec![Effect::Writes(to, Source::Unknown)]
        }
        _ => Vec::new(),
    }
}

/// The value of a register where 31 is none.
fn value(register: Register) -> Source {
    if register == STACK { Source::Number } else { Source::register(register, Some(0)) }
}

/// The distance of LDUR and its like.
fn nine_bits(instruction: u32) -> i64 {
    i64::from((instruction << 11).cast_signed() >> 23)
}

/// That of pairs, in registers' sizes.
fn seven_bits(instruction: u32) -> i64 {
    i64::from((instruction << 10).cast_signed() >> 25)
}

/// Whether a load or store is as wide as an address.
fn is_whole(instruction: u32) -> bool {
    instruction >> 30 == 0b11
}

/// What a load of one register changes.
fn loaded(instruction: u32, to: Register, memory: Memory) -> Effect {
    Effect::Writes(to, if is_whole(instruction) { Source::Loaded(memory) } else { Source::Number })
}

/// What a load or store changes that is narrower than an address, or of no general register; a prefetch nothing.
fn narrow(instruction: u32, to: Register, memory: Memory) -> Option<Effect> {
    let (is_vector, what) = (instruction >> 26 & 1 == 1, instruction >> 22 & 0b11);
    match (is_vector, what) {
        (true, 0b00 | 0b10) | (false, 0b00) => Some(Effect::Spoils(memory, width(instruction))),
        (false, 0b10) if is_whole(instruction) => None,
        (true, _) => None,
        (false, _) => Some(Effect::Writes(to, Source::Number)),
    }
}

/// How many bytes it loads or stores.
fn width(instruction: u32) -> u8 {
    let is_quad = instruction >> 26 & 1 == 1 && instruction >> 23 & 1 == 1;
    if is_quad { 16 } else { 1 << (instruction >> 30) }
}

/// What loads and stores change that are exclusive, or ordered.
fn ordered(instruction: u32) -> Vec<Effect> {
    let register = |shift: u32| (instruction >> shift & 31) as Register;
    let bit = |at: u32| instruction >> at & 1 == 1;
    let (to, second, from, status) = (register(0), register(10), register(5), register(16));
    let memory = |offset: i64| Memory { base: Base::Register(from), offset: Some(offset) };
    let (is_ordered, loads, is_more) = (bit(23), bit(22), bit(21));
    let stored = |to: Register, offset: i64| Effect::Stores(memory(offset), value(to));
    let mut effects = match (is_more, is_ordered, loads) {
        // LDXR, LDAR and their like
        (false, _, true) => vec![loaded(instruction, to, memory(0))],
        // STXR and STLR
        (false, _, false) => Vec::from_iter(is_whole(instruction).then(|| stored(to, 0))),
        // CAS
        (true, true, _) => {
            let stored = is_whole(instruction).then(|| stored(to, 0));
            stored.into_iter().chain([loaded(instruction, status, memory(0))]).collect()
        }
        // LDXP
        (true, false, true) if bit(31) => {
            vec![loaded(instruction, to, memory(0)), loaded(instruction, second, memory(8))]
        }
        // STXP
        (true, false, false) if bit(31) => {
            bit(30).then(|| [stored(to, 0), stored(second, 8)]).into_iter().flatten().collect()
        }
        // CASP
        (true, false, _) => {
            let (next, behind) = ((to + 1) % 32, (status + 1) % 32);
            let stored = bit(30).then(|| [stored(to, 0), stored(next, 8)]).into_iter().flatten();
            stored.chain([status, behind].map(|to| Effect::Writes(to, Source::Unknown))).collect()
        }
    };
    // Those that are exclusive say whether they did.
    if !is_ordered && !loads && (!is_more || bit(31)) {
        effects.push(Effect::Writes(status, Source::Number));
    }
    effects.retain(|effect| !matches!(effect, Effect::Writes(STACK, _)));
    effects
}

/// How a load or store moves its address.
fn moves(instruction: u32, register: Register, by: i64) -> Option<Effect> {
    let moves = matches!(instruction >> 10 & 0b11, 0b01 | 0b11);
    moves.then(|| Effect::Writes(register, Source::register(register, Some(by))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(instruction: u32) -> Vec<Effect> {
        effects(instruction, None, None)
    }

    fn at(base: Register, offset: i64) -> Memory {
        Memory { base: Base::Register(base), offset: Some(offset) }
    }

    fn number(to: Register) -> Effect {
        Effect::Writes(to, Source::Number)
    }

    fn loads(to: Register, memory: Memory) -> Effect {
        Effect::Writes(to, Source::Loaded(memory))
    }

    fn stores(memory: Memory, from: Register) -> Effect {
        Effect::Stores(memory, Source::register(from, Some(0)))
    }

    fn moves(register: Register, by: i64) -> Effect {
        Effect::Writes(register, Source::register(register, Some(by)))
    }

    #[test]
    fn what_writes_no_general_register_leaves_all_as_they_are() {
        let none = [
            (0xf980_0020, "prfm pldl1keep, [x1]"),
            (0xf880_1020, "prfum pldl1keep, [x1, #1]"),
            (0xf8a2_6820, "prfm pldl1keep, [x1, x2]"),
            (0xd800_0000, "prfm pldl1keep, literal"),
            (0xfd40_0020, "ldr d0, [x1]"),
            (0xad40_0400, "ldp q0, q1, [x0]"),
            (0xfa41_0000, "ccmp x0, x1, #0, eq"),
            (0xd503_233f, "paciasp"),
            (0xd518_4100, "msr sp_el0, x0"),
        ];
        for (word, text) in none {
            assert_eq!(of(word), [], "{text}");
        }
        // str q0, [x1]; stp d0, d1, [x0], #16; ldr d0, [x1], #8
        assert_eq!(of(0x3d80_0020), [Effect::Spoils(at(1, 0), 16)]);
        assert_eq!(of(0x6c81_0400), [Effect::Spoils(at(0, 0), 16), moves(0, 16)]);
        assert_eq!(of(0xfc40_8420), [moves(1, 8)]);
    }

    #[test]
    fn loads_of_all_kinds_write_and_move() {
        let (here, unknown) = (at(1, 0), Effect::Writes(0, Source::Unknown));
        // ldar x0, [x1]; ldxr x0, [x1]; ldapr x0, [x1]; ldapur x0, [x1, #1]
        for word in [0xc8df_fc20, 0xc85f_7c20, 0xf8bf_c020] {
            assert_eq!(of(word), [loads(0, here)], "{word:x}");
        }
        assert_eq!(of(0xd940_1020), [loads(0, at(1, 1))]);
        // ldaprb w0, [x1]; ldrb w2, [x1], #1; strb w2, [x1], #1
        assert_eq!(of(0x38bf_c020), [number(0)]);
        assert_eq!(of(0x3840_1422), [number(2), moves(1, 1)]);
        assert_eq!(of(0x3800_1422), [Effect::Spoils(at(1, 0), 1), moves(1, 1)]);
        // str w0, [x1, #4]; strh w0, [x1, x2]; stp w0, w1, [x2, #8]
        assert_eq!(of(0xb900_0420), [Effect::Spoils(at(1, 4), 4)]);
        assert_eq!(of(0x7822_6820), [Effect::Spoils(Memory { base: Base::Register(1), offset: None }, 2)]);
        assert_eq!(of(0x2901_0440), [Effect::Spoils(at(2, 8), 8)]);
        // ldp w0, w1, [x2]; ldpsw x0, x1, [x2]; ldp w0, w1, [x2], #8; ldxp x0, x1, [x2]
        assert_eq!(of(0x2940_0440), [number(0), number(1)]);
        assert_eq!(of(0x6940_0440), [number(0), number(1)]);
        assert_eq!(of(0x28c1_0440), [number(0), number(1), moves(2, 8)]);
        assert_eq!(of(0xc87f_0440), [loads(0, at(2, 0)), loads(1, at(2, 8))]);
        // mrs x0, sp_el0; sysl x0, #0, c7, c1, #0; ldr x0, literal; fmov x0, d0; umov x0, v0.d[0]
        for word in [0xd538_4100, 0xd528_7100, 0x5800_0040, 0x9e66_0000, 0x4e08_3c00] {
            assert_eq!(of(word), [unknown], "{word:x}");
        }
        // ldraa x0, [x1]
        assert_eq!(of(0xf820_0420), [unknown, Effect::MayWrite(1, Source::register(1, None))]);
    }

    #[test]
    fn stores_of_all_kinds_store() {
        // stlr x0, [x1]; stxr w0, x1, [x2]; swp x1, x0, [x2]; ldadd x1, x0, [x2]; stadd x1, [x2]; cas x0, x1, [x2]
        assert_eq!(of(0xc89f_fc20), [stores(at(1, 0), 0)]);
        assert_eq!(of(0xc800_7c41), [stores(at(2, 0), 1), number(0)]);
        assert_eq!(of(0xf821_8040), [stores(at(2, 0), 1), loads(0, at(2, 0))]);
        assert_eq!(of(0xf821_0040), [Effect::Stores(at(2, 0), Source::Unknown), loads(0, at(2, 0))]);
        assert_eq!(of(0xf821_005f), [Effect::Stores(at(2, 0), Source::Unknown)]);
        assert_eq!(of(0xc8a0_7c41), [stores(at(2, 0), 1), loads(0, at(2, 0))]);
        // casp x0, x1, x2, x3, [x4]
        let unknown = [0, 1].map(|to| Effect::Writes(to, Source::Unknown));
        assert_eq!(of(0x4820_7c82), [[stores(at(4, 0), 2), stores(at(4, 8), 3)], unknown].concat());
    }

    #[test]
    fn numbers_move_into_a_part_of_a_register_or_make_an_address() {
        let place = Referent::Place(crate::module::graph::Place { section: 1, offset: 8 });
        // movz x0, #1; movk x0, #1, lsl #16; the same with a relocation
        assert_eq!(of(0xd280_0020), [number(0)]);
        assert_eq!(of(0xf2a0_0020), [Effect::Writes(0, Source::register(0, None))]);
        for word in [0xd280_0000, 0xf2a0_0000] {
            let kind = Some(object::elf::R_AARCH64_MOVW_UABS_G0.0);
            assert_eq!(effects(word, Some(place), kind), [Effect::Writes(0, Source::referent(place))]);
        }
    }
}
