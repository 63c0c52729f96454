// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses that gcc's `-fsection-anchors`, which is on for ARM, makes of one anchor: the relocation tells where the anchor
//! is, and a later instruction adds to it what is between that and the object that is meant.
//!
//! Followed is what stands behind the anchor in the same function, as it stands there, until the register is written anew.

use std::ops::Range;

use object::elf::{R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_PG_HI21, R_ARM_MOVT_ABS, RelocationType};

use super::super::elf::Relocation;

/// What is known of the registers at a place in a function.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    /// The address that a register holds.
    of: [Option<Held>; 32],
}

/// An address in a register.
#[derive(Debug, Clone, Copy)]
struct Held {
    meant: Meant,
    /// Whether it was used as it is; until then it may be an anchor, and mean something else.
    is_told: bool,
}

/// A relocation whose symbol an instruction refers to, and what is to be added to it.
pub(super) type Meant = (Relocation, i64);

/// What one instruction does with registers.
#[derive(Debug, Default)]
struct Does {
    /// It makes an address of a register and a number, or reads what is there.
    adds: Option<(usize, i64)>,
    /// It reads these, or could.
    reads: [Option<usize>; 4],
    /// It writes this register.
    writes: Option<usize>,
}

/// Whether a relocation only makes a part of an address, which another completes.
pub(super) fn is_half(relocation: &Relocation) -> bool {
    [R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_ADD_ABS_LO12_NC].iter().any(|kind| kind.0 == relocation.kind)
}

impl Anchors {
    /// Takes the next instruction of arm64, with its relocation, and tells what it refers to by an address that was made before.
    /// `goes` says how control leaves it.
    pub(super) fn arm64(&mut self, word: u32, relocated: Option<Meant>, goes: Goes) -> impl Iterator<Item = Meant> {
        let does = arm64(word);
        let mut told = Vec::new();
        match goes {
            // What is in a register is also there where it branches to.
            Goes::Elsewhere => told.extend((0..32).filter_map(|register| self.tell(register))),
            // The first eight hand something over, and the first nineteen are not the caller's afterwards.
            Goes::Calls => told.extend((0..8).filter_map(|register| self.tell(register))),
            Goes::On => told.extend(does.reads.into_iter().flatten().filter_map(|register| self.tell(register))),
        }
        told.extend(self.take(&does, relocated, R_AARCH64_ADD_ABS_LO12_NC, (goes == Goes::Calls).then_some(0..19)));
        told.into_iter()
    }

    /// The same of 32-bit ARM, where the relocations themselves are told: most instructions have a condition.
    pub(super) fn arm(&mut self, word: u32, relocated: Option<Meant>, is_call: bool) -> Option<Meant> {
        self.take(&arm(word), relocated, R_ARM_MOVT_ABS, is_call.then_some(0..4))
    }

    /// What a register holds, if that was not told yet.
    fn tell(&mut self, register: usize) -> Option<Meant> {
        let held = self.of.get_mut(register)?.as_mut().filter(|held| !held.is_told)?;
        held.is_told = true;
        Some(held.meant)
    }

    /// `makes` is the kind of relocation that completes an address in a register, `scratch` the registers that a call leaves to
    /// whoever is called.
    fn take(
        &mut self,
        does: &Does,
        relocated: Option<Meant>,
        makes: RelocationType,
        scratch: Option<Range<usize>>,
    ) -> Option<Meant> {
        let adds = does.adds.filter(|_| relocated.is_none());
        let meant = adds.and_then(|(register, number)| {
            let (relocation, addend) = self.of.get(register).copied().flatten()?.meant;
            Some((relocation, addend.checked_add(number)?))
        });
        if let Some(of) = does.writes.and_then(|register| self.of.get_mut(register)) {
            let made = relocated.filter(|(relocation, _)| relocation.kind == makes.0);
            *of = made.map(|meant| Held { meant, is_told: false });
        }
        if let Some(scratch) = scratch.and_then(|scratch| self.of.get_mut(scratch)) {
            scratch.fill(None);
        }
        meant
    }
}

/// How control leaves an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goes {
    /// To the next one.
    On,
    /// To a function, and back.
    Calls,
    /// Or to another place.
    Elsewhere,
}

/// What an instruction does, by the Arm Architecture Reference Manual for A-profile, C4.1.
fn arm64(word: u32) -> Does {
    let register = |shift: u32| (word >> shift & 31) as usize;
    let number = i64::from(word >> 10 & 0xfff);
    // ADD (immediate), of 64 bits; LDR (immediate), unsigned offset, of 64 bits.
    let adds = match (word & 0xffc0_0000, word & 0xff80_0000) {
        (0xf940_0000, _) => Some((register(5), number * 8)),
        (_, 0x9100_0000) => Some((register(5), if word >> 22 & 1 == 1 { number << 12 } else { number })),
        _ => None,
    };
    // Loads of one or two general registers; conditional comparisons have flags where others have a register.
    let is_load = matches!(word >> 24 & 0x3f, 0x28 | 0x29 | 0x38 | 0x39) && word >> 22 & 1 == 1;
    let compares = word & 0x1fe0_0000 == 0x1a40_0000;
    let is_data_processing = word >> 26 & 0b111 == 0b100 || (word >> 25 & 0b111 == 0b101 && !compares);
    let is_address = word >> 24 & 0x1f == 0x10;
    let writes = (is_load || is_data_processing).then(|| register(0));
    let reads = if adds.is_some() || is_address {
        [None; 4]
    } else {
        let first = if writes.is_none() { Some(register(0)) } else { None };
        [first, Some(register(5)), Some(register(10)), Some(register(16))]
    };
    Does { adds, reads, writes }
}

/// The same, by the Arm Architecture Reference Manual for A-profile, F4.1.
fn arm(word: u32) -> Does {
    let register = |shift: u32| (word >> shift & 15) as usize;
    let rotated = || i64::from((word & 0xff).rotate_right((word >> 8 & 15) * 2));
    let offset = || i64::from(word & 0xfff);
    let adds = match (word & 0x0fe0_0000, word & 0x0f50_0000) {
        (0x0280_0000, _) => Some((register(16), rotated())),
        (0x0240_0000, _) => Some((register(16), -rotated())),
        // LDR (immediate), which adds or subtracts.
        (_, 0x0510_0000) => Some((register(16), if word >> 23 & 1 == 1 { offset() } else { -offset() })),
        _ => None,
    };
    let is_load = word >> 26 & 0b11 == 0b01 && word >> 20 & 1 == 1;
    // To compare writes no register; with the same numbers, but for the flags, MOVW and MOVT do.
    let compares = word >> 23 & 0b11 == 0b10 && word >> 20 & 1 == 1;
    let is_data_processing = word & 0x0c00_0000 == 0 && !compares;
    Does { adds, writes: (is_load || is_data_processing).then(|| register(12)), ..Does::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relocation(kind: RelocationType) -> Relocation {
        Relocation { offset: 0, kind: kind.0, symbol: 7, addend: Some(0) }
    }

    #[test]
    fn arm64_adds_to_an_anchor_until_the_register_is_written() {
        let mut anchors = Anchors::default();
        let mut meant = |word: u32, relocated, goes| {
            let all = anchors.arm64(word, relocated, goes).map(|(_, addend)| addend);
            all.collect::<Vec<_>>()
        };
        let made = || Some((relocation(R_AARCH64_ADD_ABS_LO12_NC), 0));
        let none: [i64; 0] = [];
        // add x1, x1, :lo12:anchor; add x0, x1, #48; ldr x2, [x1, #24]; mov x1, x0
        assert_eq!(meant(0x9100_0021, made(), Goes::On), none);
        assert_eq!(meant(0x9100_c020, None, Goes::On), [48]);
        assert_eq!(meant(0xf940_0c22, None, Goes::On), [24]);
        assert_eq!(meant(0xaa00_03e1, None, Goes::On), none);
        assert_eq!(meant(0x9100_c020, None, Goes::On), none);
        // str x1, [sp] takes it as it is; it is told once.
        meant(0x9100_0021, made(), Goes::On);
        assert_eq!(meant(0xf900_03e1, None, Goes::On), [0]);
        assert_eq!(meant(0xf900_03e1, None, Goes::On), none);
        // A call takes x1, and leaves it as it likes; x19 it does not.
        meant(0x9100_0021, made(), Goes::On);
        meant(0x9100_0273, made(), Goes::On);
        assert_eq!(meant(0x9400_0000, None, Goes::Calls), [0]);
        assert_eq!(meant(0x9100_c020, None, Goes::On), none);
        assert_eq!(meant(0x9100_c260, None, Goes::On), [48]);
        // b.eq may go where x19 is used as it is.
        assert_eq!(meant(0x5400_0000, None, Goes::Elsewhere), [0]);
    }

    #[test]
    fn arm_adds_to_an_anchor_too() {
        let mut anchors = Anchors::default();
        let mut meant = |word: u32, relocated| {
            anchors.arm(word, relocated, false).map(|(relocation, addend)| (relocation.symbol, addend))
        };
        // movw r3, :lower16:anchor; movt r3, :upper16:anchor
        assert_eq!(meant(0xe300_3000, Some((relocation(object::elf::R_ARM_MOVW_ABS_NC), 0))), None);
        assert_eq!(meant(0xe340_3000, Some((relocation(R_ARM_MOVT_ABS), 0))), None);
        // add r1, r3, #48; sub r1, r3, #16; ldr r2, [r3, #20]; cmp r3, #0
        assert_eq!(meant(0xe283_1030, None), Some((7, 48)));
        assert_eq!(meant(0xe243_1010, None), Some((7, -16)));
        assert_eq!(meant(0xe593_2014, None), Some((7, 20)));
        assert_eq!(meant(0xe353_0000, None), None);
        assert_eq!(meant(0xe283_1c01, None), Some((7, 256)));
        // mov r3, r0
        assert_eq!(meant(0xe1a0_3000, None), None);
        assert_eq!(meant(0xe283_1030, None), None);
    }
}
