// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machine code, as far as it says where it branches and whose addresses it puts where: x86, arm64 and 32-bit ARM.

mod arm;
mod arm64;
mod registers;
pub(super) mod x86;

use std::collections::BTreeSet;
use std::iter::Peekable;

use object::elf;

use super::super::elf::{Machine, Relocation, Symbols};
use super::Depth;
use super::references::{Ending, How};
use registers::Seen;

/// A relocation whose symbol an instruction refers to, and what is to be added to it.
pub(in crate::module) type Meant = (Relocation, i64);

/// What is found in code.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// What a relocation means.
    Relocated { offset: u64, meant: Meant, how: How },
    /// A place within the section.
    Near { offset: u64, target: u64, how: How },
    /// An address that is put where another means.
    Stored { at: Meant, value: Meant },
    /// An address that is handed over together with another before it: right before it, or farther.
    Handed { at: Meant, value: Meant, is_next: bool },
    /// One that is put into what the call at a place gave back.
    Filled { call: u64, value: Meant },
    /// Where that is put itself.
    Kept { call: u64, at: Meant },
    /// The end of the code that begins at a place, and whether it gives back somewhere what it got control from.
    End { offset: u64, ending: Ending, returns: bool },
}

impl Found {
    fn of(offset: u64, seen: Seen) -> Self {
        match seen {
            Seen::Refers(meant, how) => Self::Relocated { offset, meant, how },
            Seen::Stores { at, value } => Self::Stored { at, value },
            Seen::Hands { at, value, is_next } => Self::Handed { at, value, is_next },
            Seen::Fills(call, value) => Self::Filled { call, value },
            Seen::Keeps(call, at) => Self::Kept { call, at },
        }
    }
}

/// A machine whose code can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::module) enum Code {
    /// 32 or 64 bits.
    X86(u32),
    Arm64,
    Arm,
}

impl Code {
    pub(in crate::module) fn of(machine: Machine, symbols: &Symbols<'_>) -> Option<Self> {
        let code = Self::of_machine(machine)?;
        // Thumb's marks say that there is code of another set.
        let is_thumb = |name: &[u8]| name == b"$t" || name.starts_with(b"$t.");
        let any = || symbols.iter().any(|symbol| symbols.name(&symbol).is_some_and(is_thumb));
        (code != Self::Arm || !any()).then_some(code)
    }

    pub(super) fn of_machine(machine: Machine) -> Option<Self> {
        match (elf::Machine(machine.number), machine.big_endian) {
            (elf::EM_X86_64, _) => Some(Self::X86(64)),
            (elf::EM_386, _) => Some(Self::X86(32)),
            (elf::EM_AARCH64, false) => Some(Self::Arm64),
            (elf::EM_ARM, false) => Some(Self::Arm),
            _ => None,
        }
    }

    /// Where the instruction begins that a place is in, as far as that is known without reading it.
    pub(in crate::module) fn begin(self, offset: u64) -> u64 {
        match self {
            Self::X86(_) => offset,
            Self::Arm64 | Self::Arm => offset & !3,
        }
    }

    /// Reads a section's code, piece by piece between the places where something begins. Nothing if that can't be done.
    pub(super) fn read(
        self,
        code: &[u8],
        begins: &BTreeSet<u64>,
        relocations: &[Relocation],
        depth: Depth,
    ) -> Option<Vec<Found>> {
        let mut found = Vec::new();
        let mut relocations = relocations.iter().copied().peekable();
        let len = code.len() as u64;
        let mut starts: Vec<u64> = begins.iter().copied().filter(|start| *start < len).collect();
        if starts.first() != Some(&0) {
            starts.insert(0, 0);
        }
        let ends = starts.iter().skip(1).copied().chain([len]);
        for (start, end) in starts.iter().copied().zip(ends) {
            let piece = code.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
            let end = match self {
                Self::X86(bits) => x86::read((bits, depth), piece, start, &mut relocations, &mut found)?,
                Self::Arm64 => arm64::read(depth, piece, start, &mut relocations, &mut found),
                Self::Arm => arm::read(depth, piece, start, &mut relocations, &mut found),
            };
            found.push(Found::End { offset: start, ending: end.ending, returns: end.returns });
        }
        Some(found)
    }
}

/// How a piece of code ends, told step by step.
#[derive(Debug)]
struct End {
    ending: Ending,
    /// Whether any of its ways leads back to who called it, or to where nobody knows.
    returns: bool,
    /// The farthest place that was branched to.
    farthest: Option<u64>,
    is_over: bool,
}

/// How an instruction hands over control, where it does not go on to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// To who called, or to a place that is not told.
    Back,
    /// To another place, or nowhere.
    Off,
}

impl End {
    /// Of code that does nothing at all: it goes on in what follows.
    fn new() -> Self {
        Self { ending: Ending::Open, returns: false, farthest: None, is_over: false }
    }

    fn leave(&mut self, how: Leaves) {
        self.returns |= how == Leaves::Back;
        self.ending = Ending::Closed;
    }

    /// Of a machine that keeps numbers among its code: what stands behind an end is no code of its own, unless something before
    /// it branches there. True if an instruction at this place is code; `target` is where it branches to within its section.
    fn is_code(&mut self, offset: u64, target: Option<u64>) -> bool {
        if self.is_over && self.farthest.is_none_or(|farthest| offset > farthest) {
            return false;
        }
        self.is_over = false;
        self.farthest = self.farthest.max(target);
        true
    }
}

/// The relocations of a section that were not passed yet.
pub(in crate::module) type Rest<R> = Peekable<R>;

/// Takes the relocations up to a place.
pub(in crate::module) fn up_to(
    rest: &mut Rest<impl Iterator<Item = Relocation>>,
    end: u64,
) -> impl Iterator<Item = Relocation> {
    std::iter::from_fn(move || rest.next_if(|relocation| relocation.offset < end))
}

pub(in crate::module) fn word(piece: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(piece.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(code: Code, bytes: &[u8]) -> (Ending, bool) {
        match code.read(bytes, &BTreeSet::new(), &[], Depth::Everything).unwrap().last() {
            Some(Found::End { ending, returns, .. }) => (*ending, *returns),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_arm_branch_leads_where_it_says() {
        // beq to the fifth, pop {r4, r5, pc}, nop, nop, b to the second
        let words: [u32; 5] = [0x0a00_0002, 0xe8bd_8030, 0xe1a0_0000, 0xe1a0_0000, 0xeaff_fffb];
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let found = Code::Arm.read(&code, &BTreeSet::new(), &[], Depth::Everything).unwrap();
        let near = found.iter().filter_map(|found| match found {
            Found::Near { offset, target, .. } => Some((*offset, *target)),
            _ => None,
        });
        assert_eq!(near.collect::<Vec<_>>(), [(0, 16), (16, 4)]);
        assert!(matches!(found.last(), Some(Found::End { ending: Ending::Closed, returns: true, .. })));
    }

    /// What instructions refer to, each by its place and what is added to its anchor; some bear a relocation of a kind.
    fn refers(code: Code, instructions: &[(u32, Option<elf::RelocationType>)]) -> Vec<(u64, i64)> {
        let bytes: Vec<u8> = instructions.iter().flat_map(|(word, _)| word.to_le_bytes()).collect();
        let kinds = (0..).step_by(4).zip(instructions);
        let relocations: Vec<Relocation> = kinds
            .filter_map(|(offset, (_, kind))| Some(Relocation { offset, kind: (*kind)?.0, symbol: 7, addend: Some(0) }))
            .collect();
        let found = code.read(&bytes, &BTreeSet::new(), &relocations, Depth::Exports).unwrap();
        let refers = found.iter().filter_map(|found| match found {
            Found::Relocated { offset, meant: (relocation, addend), .. } => {
                assert_eq!(relocation.symbol, 7);
                Some((*offset, *addend))
            }
            _ => None,
        });
        refers.collect()
    }

    #[test]
    fn arm64_adds_to_an_anchor_until_the_register_is_written() {
        let made = Some(elf::R_AARCH64_ADD_ABS_LO12_NC);
        let refers = |instructions: &[_]| refers(Code::Arm64, instructions);
        // add x1, x1, :lo12:anchor; add x0, x1, #48; ldr x2, [x1, #24]; mov x1, #0; add x0, x1, #48
        let written =
            [(0x9100_0021, made), (0x9100_c020, None), (0xf940_0c22, None), (0xd280_0001, None), (0x9100_c020, None)];
        assert_eq!(refers(&written), [(4, 48), (8, 24)]);
        // str x1, [sp] takes it as it is; it is told once.
        assert_eq!(refers(&[(0x9100_0021, made), (0xf900_03e1, None), (0xf900_03e1, None)]), [(4, 0)]);
        // A call takes x1, and leaves it as it likes; x19 it does not; b.eq may go where x19 is used as it is.
        let called = [
            (0x9100_0021, made),
            (0x9100_0273, made),
            (0x9400_0000, None),
            (0x9100_c020, None),
            (0x9100_c260, None),
            (0x5400_0000, None),
        ];
        assert_eq!(refers(&called), [(8, 0), (16, 48), (20, 0)]);
        // mov x2, x1; add x0, x2, #48
        assert_eq!(refers(&[(0x9100_0021, made), (0xaa01_03e2, None), (0x9100_c040, None)]), [(4, 0), (8, 48)]);
    }

    #[test]
    fn arm_adds_to_an_anchor_too() {
        // movw r3, :lower16:anchor; movt r3, :upper16:anchor; add r1, r3, #48; sub r1, r3, #16; ldr r2, [r3, #20]; cmp r3, #0;
        // add r1, r3, #48; add r1, r3, #256; mov r3, r0; add r1, r3, #48
        let instructions = [
            (0xe300_3000, Some(elf::R_ARM_MOVW_ABS_NC)),
            (0xe340_3000, Some(elf::R_ARM_MOVT_ABS)),
            (0xe283_1030, None),
            (0xe243_1010, None),
            (0xe593_2014, None),
            (0xe353_0000, None),
            (0xe283_1030, None),
            (0xe283_1c01, None),
            (0xe1a0_3000, None),
            (0xe283_1030, None),
        ];
        let added = [(8, 48), (12, -16), (16, 20), (24, 48), (28, 256)];
        assert_eq!(refers(Code::Arm, &instructions), [&[(0, 0), (4, 0)], &added[..]].concat());
    }

    #[test]
    fn code_ends_with_its_last_instruction() {
        let x86 = Code::X86(64);
        // je to behind the ret; ret; and there xor %eax,%eax, which goes on
        assert_eq!(ending(x86, &[0x74, 0x01, 0xc3, 0x31, 0xc0]), (Ending::Open, true));
        // jmp *%rax, which may lead to behind it
        assert_eq!(ending(x86, &[0xff, 0xe0, 0x31, 0xc0]), (Ending::Open, true));
        // A call, and what fills the gap behind it.
        let filled = [0xe8, 0, 0, 0, 0, 0x8d, 0xb4, 0x26, 0, 0, 0, 0, 0x89, 0xf6];
        assert_eq!(ending(Code::X86(32), &filled), (Ending::Call(0), false));
        // Nothing but what fills a gap.
        assert_eq!(ending(x86, &[0x90, 0x90]), (Ending::Open, false));
        // ud2
        assert_eq!(ending(x86, &[0x0f, 0x0b]), (Ending::Closed, false));
        // On arm64 numbers stand behind a ret.
        assert_eq!(ending(Code::Arm64, &[0xc0, 0x03, 0x5f, 0xd6, 0, 0, 0, 0x91]), (Ending::Closed, true));
    }
}
