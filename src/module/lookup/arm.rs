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
    // The addresses that stand among the code, in the order of where they do.
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
    let always = instruction >> 28 == 0xe;
    let told = relocation.and_then(|of| {
        let addend = of.addend.unwrap_or_else(|| addend(of.kind, instruction));
        piece.referent((of, addend))
    });
    let mut step =
        Step { at: piece.at(offset), effects: Vec::new(), calls: None, jump: None, goes_on: true, returns: false };
    let distance = i64::from((instruction << 8).cast_signed() >> 8) * 4 + 8;
    let target = || told.or_else(|| offset.checked_add_signed(distance).map(|to| Referent::Place(piece.at(to))));
    match instruction {
        // What has no condition calls Thumb code, or changes no general register, such as PLD, DMB and CPS.
        it if it >> 28 == 0xf => {
            if it & 0x0e00_0000 == 0x0a00_0000 {
                step.calls = target().map(Callee::Referent);
            }
        }
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
            let literal = |at: u64| {
                let index = literals.binary_search_by_key(&at, |(offset, _)| *offset).ok()?;
                literals.get(index).map(|(_, referent)| *referent)
            };
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
    let bit = |at: u32| instruction >> at & 1 == 1;
    let unknown = |to: Register| Effect::Writes(to, Source::Unknown);
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
        // Multiplications
        it if it & 0x0f00_00f0 == 0x0000_0090 => vec![unknown(from), unknown(to)],
        it if it & 0x0f90_0090 == 0x0100_0080 => vec![unknown(from), unknown(to)],
        // LDREX and STREX, LDA and STL, SWP
        it if it & 0x0f00_00f0 == 0x0100_0090 => exclusive(it),
        // LDRD and STRD, LDRH and others
        it if it & 0x0e00_0090 == 0x0000_0090 => {
            let distance = bit(22).then(|| i64::from(it >> 4 & 0xf0 | it & 15));
            let access = Access::of(it, distance);
            let is_double = !bit(20) && bit(6);
            let effects = match (is_double, bit(20), bit(5)) {
                (true, _, false) => vec![
                    Effect::Writes(to, Source::Loaded(access.memory(0))),
                    Effect::Writes(to + 1, Source::Loaded(access.memory(4))),
                ],
                (true, _, true) => vec![
                    Effect::Stores(access.memory(0), Source::register(to, Some(0))),
                    Effect::Stores(access.memory(4), Source::register(to + 1, Some(0))),
                ],
                (false, true, _) => vec![Effect::Writes(to, Source::Number)],
                (false, false, _) => vec![Effect::Spoils(access.memory(0), 2)],
            };
            effects.into_iter().chain(access.moves()).collect()
        }
        // MSR, NOP and its like
        it if it & 0x0db0_f000 == 0x0120_f000 => Vec::new(),
        // ADD (register): if nothing is shifted, either is the address.
        it if it & 0x0fe0_0010 == 0x0080_0000 => {
            let other = (it & 0xff0 == 0).then(|| Effect::MayWrite(to, Source::register(register(0), None)));
            [Effect::Writes(to, Source::register(from, None))].into_iter().chain(other).collect()
        }
        // MOV (register), and of a number
        it if it & 0x0fef_0ff0 == 0x01a0_0000 => vec![Effect::Writes(to, Source::register(register(0), Some(0)))],
        it if it & 0x0fef_0000 == 0x03a0_0000 => vec![Effect::Writes(to, Source::Number)],
        // LDR (literal)
        it if it & 0x0f7f_0000 == 0x051f_0000 => {
            let at = offset.checked_add_signed(Access::of(it, Some(i64::from(it & 0xfff))).offset.unwrap_or(0) + 8);
            vec![Effect::Writes(to, at.and_then(literal).map_or(Source::Number, Source::referent))]
        }
        // UXTB, UBFX and others; divisions and some multiplications have their result elsewhere
        it if it & 0x0e00_0010 == 0x0600_0010 => {
            let is_elsewhere = it >> 23 & 0b11 == 0b10 || it & 0x0ff0_0000 == 0x0780_0000;
            let is_both = it & 0x0ff0_0000 == 0x0740_0000;
            let written = [is_elsewhere.then_some(from), (!is_elsewhere || is_both).then_some(to)];
            written.into_iter().flatten().map(unknown).collect()
        }
        // LDR and STR; bytes hold no address
        it if it & 0x0c00_0000 == 0x0400_0000 => {
            let access = Access::of(it, (!bit(25)).then(|| i64::from(it & 0xfff)));
            let effect = match (bit(20), bit(22)) {
                (true, false) => Some(Effect::Writes(to, Source::Loaded(access.memory(0)))),
                (true, true) => Some(Effect::Writes(to, Source::Number)),
                (false, false) => Some(Effect::Stores(access.memory(0), Source::register(to, Some(0)))),
                (false, true) => Some(Effect::Spoils(access.memory(0), 1)),
            };
            effect.into_iter().chain(access.moves()).collect()
        }
        // LDM and STM, of which the stack's are told apart
        it if it & 0x0e00_0000 == 0x0800_0000 => many(it, from),
        // MRC, which may write flags only, and MRRC
        it if it & 0x0f10_0010 == 0x0e10_0010 => Vec::from_iter((to != PC).then(|| unknown(to))),
        it if it & 0x0ff0_0000 == 0x0c50_0000 => vec![unknown(to), unknown(from)],
        // LDC, VLDM and others before or behind which the address changes
        it if it & 0x0e20_0000 == 0x0c20_0000 => vec![Effect::Writes(from, Source::register(from, None))],
        // Data processing, but for comparisons
        it if it & 0x0c00_0000 == 0 && !(it >> 23 & 0b11 == 0b10 && bit(20)) => vec![unknown(to)],
        _ => Vec::new(),
    }
}

/// What memory a load or store means, and how it moves the address.
struct Access {
    base: Register,
    /// In bytes from there; none if a register tells.
    offset: Option<i64>,
    is_before: bool,
    moves: bool,
}

impl Access {
    /// By the distance from the base; none if a register tells it.
    fn of(instruction: u32, distance: Option<i64>) -> Self {
        let bit = |at: u32| instruction >> at & 1 == 1;
        let offset = distance.map(|distance| if bit(23) { distance } else { -distance });
        let is_before = bit(24);
        Self { base: (instruction >> 16 & 15) as Register, offset, is_before, moves: !is_before || bit(21) }
    }

    fn memory(&self, more: i64) -> Memory {
        let offset = if self.is_before { self.offset } else { Some(0) };
        Memory { base: Base::Register(self.base), offset: offset.map(|offset| offset + more) }
    }

    fn moves(&self) -> Option<Effect> {
        self.moves.then(|| Effect::Writes(self.base, Source::register(self.base, self.offset)))
    }
}

/// What loads and stores change that are exclusive, or ordered; and SWP.
fn exclusive(instruction: u32) -> Vec<Effect> {
    let register = |shift: u32| (instruction >> shift & 15) as Register;
    let bit = |at: u32| instruction >> at & 1 == 1;
    let (to, base, from) = (register(12), register(16), register(0));
    let memory = |offset: i64| Memory { base: Base::Register(base), offset: Some(offset) };
    let loaded = |to: Register, offset: i64| Effect::Writes(to, Source::Loaded(memory(offset)));
    let stored = |from: Register, offset: i64| Effect::Stores(memory(offset), Source::register(from, Some(0)));
    if !bit(23) {
        return if bit(22) { vec![Effect::Writes(to, Source::Number)] } else { vec![stored(from, 0), loaded(to, 0)] };
    }
    let size = instruction >> 21 & 0b11;
    if bit(20) {
        return match size {
            0b00 => vec![loaded(to, 0)],
            0b01 => vec![loaded(to, 0), loaded(to + 1, 4)],
            _ => vec![Effect::Writes(to, Source::Number)],
        };
    }
    let mut effects = match size {
        0b00 => vec![stored(from, 0)],
        0b01 => vec![stored(from, 0), stored(from + 1, 4)],
        _ => Vec::new(),
    };
    // Those that are exclusive say whether they did.
    effects.extend((to != PC).then_some(Effect::Writes(to, Source::Number)));
    effects
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
pub(super) fn addend(kind: u32, field: u32) -> i64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::{Bytes, elf::Elf};

    fn of(instruction: u32) -> Vec<Effect> {
        effects(instruction, 0, None, None, &|_| None)
    }

    fn at(base: Register, offset: i64) -> Memory {
        Memory { base: Base::Register(base), offset: Some(offset) }
    }

    fn loads(to: Register, memory: Memory) -> Effect {
        Effect::Writes(to, Source::Loaded(memory))
    }

    fn stores(memory: Memory, from: Register) -> Effect {
        Effect::Stores(memory, Source::register(from, Some(0)))
    }

    fn moves(register: Register, by: Option<i64>) -> Effect {
        Effect::Writes(register, Source::register(register, by))
    }

    fn number(to: Register) -> Effect {
        Effect::Writes(to, Source::Number)
    }

    fn unknown(to: Register) -> Effect {
        Effect::Writes(to, Source::Unknown)
    }

    #[test]
    fn what_is_no_jump_goes_on() {
        // nop; dmb ish; dsb sy; pld [r1]; cpsid i; clrex; msr CPSR_c, r0; mcr p15, 0, r0, c7, c10, 5
        for word in
            [0xe320_f000, 0xf57f_f05b, 0xf57f_f04f, 0xf5d1_f000, 0xf10c_0080, 0xf57f_f01f, 0xe121_f000, 0xee07_0fba]
        {
            let told = step_of(word);
            assert_eq!((told.goes_on, told.returns, told.effects), (true, false, Vec::new()), "{word:x}");
        }
        // sdiv r0, r1, r2; mrc p15, 0, pc, c7, c14, 3
        assert_eq!(step_of(0xe710_f211).effects, [unknown(0)]);
        assert!(step_of(0xe710_f211).goes_on);
        assert!(step_of(0xee17_ff7e).goes_on);
        // mov pc, lr; ldr pc, [sp], #4
        for word in [0xe1a0_f00e, 0xe49d_f004] {
            assert!(step_of(word).returns && !step_of(word).goes_on, "{word:x}");
        }
    }

    fn step_of(word: u32) -> Step {
        const ANY: &[u8] = include_bytes!("../../../testdata/6.1/sg_get.ko");
        let elf = Elf::parse(Bytes::in_memory(ANY)).unwrap();
        let symbols = elf.first_symbols().unwrap();
        let piece =
            Piece { section: 0, symbols: &symbols, code: &[], begin: 0, relocations: [].iter().copied().peekable() };
        step(&piece, word, 0, None, &[])
    }

    #[test]
    fn loads_and_stores_of_all_kinds() {
        // ldr r0, [r1], r2; ldr r0, [r1, r2]!; ldr r0, [r1, #-4]!; str r0, [r1, r2]; ldrb r0, [r1], #1; strb r0, [r1], #1
        let anywhere = Memory { base: Base::Register(1), offset: None };
        assert_eq!(of(0xe691_0002), [loads(0, at(1, 0)), moves(1, None)]);
        assert_eq!(of(0xe7b1_0002), [loads(0, anywhere), moves(1, None)]);
        assert_eq!(of(0xe531_0004), [loads(0, at(1, -4)), moves(1, Some(-4))]);
        assert_eq!(of(0xe781_0002), [stores(anywhere, 0)]);
        assert_eq!(of(0xe4d1_0001), [number(0), moves(1, Some(1))]);
        assert_eq!(of(0xe4c1_0001), [Effect::Spoils(at(1, 0), 1), moves(1, Some(1))]);
        // strh r0, [r1]
        assert_eq!(of(0xe1c1_00b0), [Effect::Spoils(at(1, 0), 2)]);
        // ldrd r0, r1, [r2]; strd r0, r1, [r2]; ldrh r0, [r1, #-2]; ldrh r0, [r1], #2
        assert_eq!(of(0xe1c2_00d0), [loads(0, at(2, 0)), loads(1, at(2, 4))]);
        assert_eq!(of(0xe1c2_00f0), [stores(at(2, 0), 0), stores(at(2, 4), 1)]);
        assert_eq!(of(0xe151_00b2), [number(0)]);
        assert_eq!(of(0xe0d1_00b2), [number(0), moves(1, Some(2))]);
        // ldrex r0, [r1]; strex r0, r2, [r1]; swp r0, r1, [r2]; stl r0, [r1]
        assert_eq!(of(0xe191_0f9f), [loads(0, at(1, 0))]);
        assert_eq!(of(0xe181_0f92), [stores(at(1, 0), 2), number(0)]);
        assert_eq!(of(0xe102_0091), [stores(at(2, 0), 1), loads(0, at(2, 0))]);
        assert_eq!(of(0xe181_fc90), [stores(at(1, 0), 0)]);
    }

    #[test]
    fn what_else_writes_registers() {
        // uxtb r0, r1; ubfx r0, r1, #1, #3; mul r0, r1, r2; mrc p15, 0, r0, c13, c0, 3; mrs r0, apsr; clz r0, r1
        for word in [0xe6ef_0071, 0xe7e2_00d1, 0xe000_0291, 0xee1d_0f70, 0xe10f_0000, 0xe16f_0f11] {
            assert!(of(word).contains(&unknown(0)), "{word:x}");
        }
        // add r0, r1, r2: either is the address.
        let either = [Effect::Writes(0, Source::register(1, None)), Effect::MayWrite(0, Source::register(2, None))];
        assert_eq!(of(0xe081_0002), either);
    }
}
