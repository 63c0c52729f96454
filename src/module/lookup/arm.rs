// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of 32-bit ARM, by the Arm Architecture Reference Manual for A-profile, F4.1.

use object::elf::{self, R_ARM_ABS32, R_ARM_MOVT_ABS, R_ARM_MOVW_ABS_NC};

use super::program::Piece;
use super::step::{Base, Callee, Calling, Effect, Memory, Register, Source, Step};
use crate::module::elf::Relocation;
use crate::module::graph::{Referent, up_to, word};

/// The first four hand something over, and with the twelfth are not the caller's afterwards (AAPCS32, 6.1.1).
pub(super) const CALLING: Calling =
    Calling { arguments: &[0, 1, 2, 3], scratch: &[0, 1, 2, 3, 12], result: 0, stack: STACK };

const STACK: Register = 13;
const PC: Register = 15;

/// Reads a piece of code.
pub(super) fn read(piece: &mut Piece<'_>, steps: &mut Vec<Step>) {
    // The addresses that stand among the code, by where they do.
    let mut literals: Vec<(u64, Referent)> = Vec::new();
    let mut relocated: Vec<Option<Relocation>> = Vec::new();
    for (at, offset) in (0..piece.code.len()).step_by(4).zip((piece.begin..).step_by(4)) {
        let relocation = up_to(&mut piece.relocations, offset + 4).last();
        let literal = relocation.filter(|of| of.kind == R_ARM_ABS32.0);
        let addend = || word(piece.code, at).map_or(0, |field| i64::from(field.cast_signed()));
        literals.extend(literal.and_then(|of| Some((offset, piece.referent((of, of.addend.unwrap_or_else(addend)))?))));
        relocated.push(relocation);
    }
    for ((at, offset), relocation) in (0..piece.code.len()).step_by(4).zip((piece.begin..).step_by(4)).zip(relocated) {
        let Some(instruction) = word(piece.code, at) else { return };
        steps.push(step(piece, instruction, offset, relocation, &literals));
    }
}

fn step(
    piece: &Piece<'_>,
    instruction: u32,
    offset: u64,
    relocation: Option<Relocation>,
    literals: &[(u64, Referent)],
) -> Step {
    let always = instruction >> 28 >= 0xe;
    let told = relocation.and_then(|of| {
        let addend = of.addend.unwrap_or_else(|| addend(of.kind, instruction));
        piece.referent((of, addend))
    });
    let mut step =
        Step { at: piece.at(offset), effects: Vec::new(), calls: None, jump: None, goes_on: true, returns: false };
    let distance = i64::from((instruction << 8).cast_signed() >> 8) * 4 + 8;
    let target = || told.or_else(|| offset.checked_add_signed(distance).map(|to| Referent::Place(piece.at(to))));
    match instruction {
        // BL
        it if it & 0x0f00_0000 == 0x0b00_0000 => step.calls = target().map(Callee::Referent),
        // B
        it if it & 0x0f00_0000 == 0x0a00_0000 => {
            match target() {
                Some(Referent::Place(place)) => {
                    step.jump = Some(place);
                    step.calls = always.then_some(Callee::Referent(Referent::Place(place)));
                }
                import => step.calls = import.map(Callee::Referent),
            }
            step.goes_on = !always;
        }
        // BLX and BX
        it if it & 0x0fff_fff0 == 0x012f_ff30 => step.calls = Some(Callee::Pointer),
        it if it & 0x0fff_fff0 == 0x012f_ff10 => {
            step.returns = it & 15 == 14;
            step.calls = (it & 15 != 14).then_some(Callee::Pointer);
            step.goes_on = !always;
        }
        // UDF
        it if it & 0x0ff0_00f0 == 0x07f0_00f0 => step.goes_on = false,
        it => {
            let literal = |at: u64| literals.iter().find(|(offset, _)| *offset == at).map(|(_, referent)| *referent);
            step.effects = effects(it, offset, told, relocation.map(|of| of.kind), &literal);
            let writes_pc = |effect: &Effect| matches!(effect, Effect::Writes(PC, _) | Effect::MayWrite(PC, _));
            if step.effects.iter().any(writes_pc) {
                step.returns = true;
                step.goes_on = !always;
            }
            if !always {
                for effect in &mut step.effects {
                    if let Effect::Writes(register, source) = *effect {
                        *effect = Effect::MayWrite(register, source);
                    }
                }
            }
        }
    }
    step
}

fn effects(
    instruction: u32,
    offset: u64,
    told: Option<Referent>,
    kind: Option<u32>,
    literal: &dyn Fn(u64) -> Option<Referent>,
) -> Vec<Effect> {
    let register = |shift: u32| (instruction >> shift & 15) as Register;
    let (to, from) = (register(12), register(16));
    let rotated = i64::from((instruction & 0xff).rotate_right((instruction >> 8 & 15) * 2));
    let number = i64::from(instruction & 0xfff) * if instruction >> 23 & 1 == 1 { 1 } else { -1 };
    let memory = || Memory { base: Base::Register(from), offset: Some(number) };
    match instruction {
        // MOVW and MOVT: the second makes the whole.
        it if it & 0x0ff0_0000 == 0x0300_0000 => {
            let half = kind == Some(R_ARM_MOVW_ABS_NC.0);
            vec![Effect::Writes(to, if half { Source::Unknown } else { Source::Number })]
        }
        it if it & 0x0ff0_0000 == 0x0340_0000 => {
            let whole = told.filter(|_| kind == Some(R_ARM_MOVT_ABS.0));
            vec![Effect::Writes(to, whole.map_or(Source::Number, Source::referent))]
        }
        // ADD and SUB (immediate)
        it if it & 0x0fe0_0000 == 0x0280_0000 => vec![Effect::Writes(to, Source::register(from, Some(rotated)))],
        it if it & 0x0fe0_0000 == 0x0240_0000 => vec![Effect::Writes(to, Source::register(from, Some(-rotated)))],
        // ADD (register)
        it if it & 0x0fe0_0010 == 0x0080_0000 => vec![Effect::Writes(to, Source::register(from, None))],
        // MOV (register), and of a number
        it if it & 0x0fef_0ff0 == 0x01a0_0000 => vec![Effect::Writes(to, Source::register(register(0), Some(0)))],
        it if it & 0x0fef_0000 == 0x03a0_0000 => vec![Effect::Writes(to, Source::Number)],
        // LDR (literal), and LDR and STR (immediate)
        it if it & 0x0f7f_0000 == 0x051f_0000 => {
            let at = offset.checked_add_signed(number + 8);
            vec![Effect::Writes(to, at.and_then(literal).map_or(Source::Number, Source::referent))]
        }
        it if it & 0x0f70_0000 == 0x0510_0000 => vec![Effect::Writes(to, Source::Loaded(memory()))],
        it if it & 0x0f70_0000 == 0x0500_0000 => {
            vec![Effect::Stores(memory(), Source::register(to, Some(0)))]
        }
        // LDR and STR before or behind which the address changes
        it if it & 0x0e50_0000 == 0x0410_0000 => {
            let at = if it >> 24 & 1 == 1 { number } else { 0 };
            let memory = Memory { base: Base::Register(from), offset: Some(at) };
            vec![Effect::Writes(to, Source::Loaded(memory)), Effect::Writes(from, Source::register(from, Some(number)))]
        }
        it if it & 0x0e50_0000 == 0x0400_0000 => {
            let at = if it >> 24 & 1 == 1 { number } else { 0 };
            let memory = Memory { base: Base::Register(from), offset: Some(at) };
            vec![
                Effect::Stores(memory, Source::register(to, Some(0))),
                Effect::Writes(from, Source::register(from, Some(number))),
            ]
        }
        // LDR (register)
        it if it & 0x0f50_0010 == 0x0710_0000 => {
            let memory = Memory { base: Base::Register(from), offset: None };
            vec![Effect::Writes(to, Source::Loaded(memory))]
        }
        // LDM and STM, of which the stack's are told apart
        it if it & 0x0e00_0000 == 0x0800_0000 => many(it, from),
        // Other loads, and data processing but for comparisons
        it if it & 0x0c10_0000 == 0x0410_0000 => vec![Effect::Writes(to, Source::Number)],
        it if it & 0x0c00_0000 == 0 && !(it >> 23 & 0b11 == 0b10 && it >> 20 & 1 == 1) => {
            vec![Effect::Writes(to, Source::Unknown)]
        }
        _ => Vec::new(),
    }
}

/// Loads and stores of several registers, one behind the other.
fn many(instruction: u32, base: Register) -> Vec<Effect> {
    let (loads, up, before) = (instruction >> 20 & 1 == 1, instruction >> 23 & 1 == 1, instruction >> 24 & 1 == 1);
    let listed = (0..16).filter(|register| instruction >> register & 1 == 1);
    let size = i64::from((instruction & 0xffff).count_ones()) * 4;
    let first = match (up, before) {
        (true, false) => 0,
        (true, true) => 4,
        (false, false) => 4 - size,
        (false, true) => -size,
    };
    let mut effects: Vec<Effect> = listed
        .zip((first..).step_by(4))
        .map(|(register, at)| {
            let memory = Memory { base: Base::Register(base), offset: Some(at) };
            if loads {
                Effect::Writes(register, Source::Loaded(memory))
            } else {
                Effect::Stores(memory, Source::register(register, Some(0)))
            }
        })
        .collect();
    if instruction >> 21 & 1 == 1 {
        let by = if up { size } else { -size };
        effects.push(Effect::Writes(base, Source::register(base, Some(by))));
    }
    effects
}

/// The addend that stands in an instruction (ELF for the Arm architecture, 5.6.1).
fn addend(kind: u32, field: u32) -> i64 {
    match elf::RelocationType(kind) {
        elf::R_ARM_CALL | elf::R_ARM_JUMP24 | elf::R_ARM_PC24 | elf::R_ARM_PLT32 => {
            i64::from((field << 8).cast_signed() >> 8) * 4 + 8
        }
        R_ARM_MOVW_ABS_NC | R_ARM_MOVT_ABS => {
            let immediate = (field >> 4 & 0xf000) | (field & 0xfff);
            i64::from((immediate << 16).cast_signed() >> 16)
        }
        _ => i64::from(field.cast_signed()),
    }
}
