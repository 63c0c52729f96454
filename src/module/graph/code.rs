// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machine code, as far as it says where it branches: x86, arm64 and 32-bit ARM.

use std::collections::BTreeSet;
use std::iter::Peekable;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use object::elf;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv7;
use yaxpeax_arm::armv8::a64;

use super::super::elf::{Machine, Relocation, Symbols};
use super::Grade;
use super::anchors::{self, Anchors, Goes, Meant};
use super::references::Ending;

/// What is found in code.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// A relocation, with what is to be added to its symbol for the place that is meant.
    Relocated { offset: u64, relocation: Relocation, addend: i64, grade: Grade },
    /// A branch within the section, or the address of a place in it.
    Near { offset: u64, target: u64, grade: Grade },
    /// The end of the code that begins at a symbol.
    End { offset: u64, ending: Ending },
}

/// A machine whose code can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// 32 or 64 bits.
    X86(u32),
    Arm64,
    Arm,
}

impl Code {
    pub(super) fn of(machine: Machine, symbols: &Symbols<'_>) -> Option<Self> {
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

    /// Reads a section's code, piece by piece between the places where something begins. Nothing if that can't be done.
    pub(super) fn read(self, code: &[u8], begins: &BTreeSet<u64>, relocations: &[Relocation]) -> Option<Vec<Found>> {
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
            let ending = match self {
                Self::X86(bits) => x86(bits, piece, start, &mut relocations, &mut found)?,
                Self::Arm64 => arm64(piece, start, &mut relocations, &mut found),
                Self::Arm => arm(piece, start, &mut relocations, &mut found),
            };
            found.push(Found::End { offset: start, ending });
        }
        Some(found)
    }
}

/// How a piece of code ends, told step by step. What stands behind its end, such as the numbers that it loads, is no code of
/// its own, unless something before it branches there.
#[derive(Debug)]
struct End {
    ending: Ending,
    /// The farthest place that was branched to.
    farthest: Option<u64>,
    is_over: bool,
}

impl End {
    fn new() -> Self {
        Self { ending: Ending::Closed, farthest: None, is_over: false }
    }

    /// Takes the next instruction: where it is, where it branches to within its section, and how it would end the code; nothing
    /// for one that only fills a gap.
    fn take(&mut self, offset: u64, target: Option<u64>, ending: Option<Ending>) {
        if self.is_over && self.farthest.is_none_or(|farthest| offset > farthest) {
            return;
        }
        self.is_over = false;
        self.farthest = self.farthest.max(target);
        if let Some(ending) = ending {
            self.ending = ending;
            self.is_over = ending == Ending::Closed;
        }
    }
}

/// The relocations of a section that were not passed yet.
type Rest<R> = Peekable<R>;

/// What an instruction makes of what it refers to.
fn grade(is_branch: bool) -> Grade {
    if is_branch { Grade::Call } else { Grade::Table }
}

/// Takes the relocations up to a place.
fn up_to(rest: &mut Rest<impl Iterator<Item = Relocation>>, end: u64) -> impl Iterator<Item = Relocation> {
    std::iter::from_fn(move || rest.next_if(|relocation| relocation.offset < end))
}

fn x86(
    bits: u32,
    piece: &[u8],
    start: u64,
    relocations: &mut Rest<impl Iterator<Item = Relocation>>,
    found: &mut Vec<Found>,
) -> Option<Ending> {
    let mut decoder = Decoder::with_ip(bits, piece, start, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut end = End::new();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        // The kernel's `ud2` is followed by nothing else; what is no instruction at all is another matter.
        if instruction.is_invalid() {
            return None;
        }
        let (offset, next) = (instruction.ip(), instruction.next_ip());
        let is_branch =
            matches!(instruction.op0_kind(), OpKind::NearBranch64 | OpKind::NearBranch32 | OpKind::NearBranch16);
        let mut callee = None;
        for relocation in up_to(relocations, next) {
            callee = Some(relocation.symbol);
            let field = relocation.offset.checked_sub(start).and_then(|at| usize::try_from(at).ok());
            let addend = match relocation.addend {
                Some(addend) => addend,
                None => field.and_then(|at| word(piece, at)).map_or(0, |word| i64::from(word.cast_signed())),
            };
            // It counts from the end of the instruction, and the machine's linker from the field.
            let behind =
                if x86_is_relative(bits, relocation.kind) { next.saturating_sub(relocation.offset) } else { 0 };
            let addend = addend.saturating_add(i64::try_from(behind).unwrap_or(0));
            found.push(Found::Relocated { offset, relocation, addend, grade: grade(is_branch) });
        }
        let target = (is_branch && callee.is_none()).then(|| instruction.near_branch_target());
        found.extend(target.map(|target| Found::Near { offset, target, grade: Grade::Call }));
        if callee.is_none() && instruction.is_ip_rel_memory_operand() {
            found.push(Found::Near { offset, target: instruction.ip_rel_memory_address(), grade: Grade::Table });
        }
        let ending = match (instruction.flow_control(), instruction.mnemonic()) {
            (_, Mnemonic::Nop | Mnemonic::Int3) => None,
            _ if does_nothing(&instruction) => None,
            (
                FlowControl::Return
                | FlowControl::UnconditionalBranch
                | FlowControl::IndirectBranch
                | FlowControl::Exception,
                _,
            ) => Some(Ending::Closed),
            (FlowControl::Call | FlowControl::IndirectCall, _) => Some(Ending::Call(callee)),
            _ => Some(Ending::Open),
        };
        end.take(offset, target, ending);
    }
    Some(end.ending)
}

/// What an instruction refers to by an address that another has made.
fn anchored(offset: u64, (relocation, addend): Meant) -> Found {
    Found::Relocated { offset, relocation, addend, grade: Grade::Table }
}

/// Whether an instruction only fills a gap: 32-bit code has `lea 0(%esi),%esi` and `mov %esi,%esi` for that.
fn does_nothing(instruction: &Instruction) -> bool {
    let register = instruction.op0_register();
    match instruction.mnemonic() {
        Mnemonic::Lea => {
            instruction.memory_base() == register
                && instruction.memory_index() == Register::None
                && instruction.memory_displacement64() == 0
        }
        Mnemonic::Mov => instruction.op1_kind() == OpKind::Register && instruction.op1_register() == register,
        _ => false,
    }
}

/// Whether a relocation is relative to its place (the psABI of x86-64, table 4.10; of i386, table 2.4).
fn x86_is_relative(bits: u32, kind: u32) -> bool {
    let relative: &[elf::RelocationType] = match bits {
        64 => &[
            elf::R_X86_64_PC32,
            elf::R_X86_64_PLT32,
            elf::R_X86_64_GOTPCREL,
            elf::R_X86_64_PC16,
            elf::R_X86_64_PC8,
            elf::R_X86_64_PC64,
            elf::R_X86_64_GOTPCRELX,
            elf::R_X86_64_REX_GOTPCRELX,
        ],
        _ => &[elf::R_386_PC32, elf::R_386_PLT32, elf::R_386_PC16, elf::R_386_PC8],
    };
    relative.iter().any(|one| one.0 == kind)
}

fn word(piece: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(piece.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn arm64(
    piece: &[u8],
    start: u64,
    relocations: &mut Rest<impl Iterator<Item = Relocation>>,
    found: &mut Vec<Found>,
) -> Ending {
    use a64::Opcode;
    let decoder = a64::InstDecoder::default();
    let (mut end, mut anchors) = (End::new(), Anchors::default());
    for (bytes, offset) in piece.chunks_exact(4).zip((start..).step_by(4)) {
        let instruction = decoder.decode(&mut U8Reader::new(bytes)).ok();
        let opcode = instruction.as_ref().map(|it| it.opcode);
        let is_branch = matches!(
            opcode,
            Some(Opcode::B | Opcode::BL | Opcode::Bcc(_) | Opcode::CBZ | Opcode::CBNZ | Opcode::TBZ | Opcode::TBNZ)
        );
        let (mut callee, mut relocated) = (None, None);
        for relocation in up_to(relocations, offset + 4) {
            callee = Some(relocation.symbol);
            let addend = relocation.addend.unwrap_or(0);
            relocated = Some((relocation, addend));
            if !anchors::is_half(&relocation) {
                found.push(Found::Relocated { offset, relocation, addend, grade: grade(is_branch) });
            }
        }
        let goes = match opcode {
            Some(Opcode::BL | Opcode::BLR) => Goes::Calls,
            _ if is_branch => Goes::Elsewhere,
            Some(Opcode::BR | Opcode::RET) => Goes::Elsewhere,
            _ => Goes::On,
        };
        let meant = anchors.arm64(word(bytes, 0).unwrap_or(0), relocated, goes);
        found.extend(meant.map(|meant| anchored(offset, meant)));
        let distance = instruction.iter().flat_map(|it| it.operands).find_map(|operand| match operand {
            a64::Operand::PCOffset(distance) => Some(distance),
            _ => None,
        });
        let is_address = opcode == Some(Opcode::ADR);
        let near = distance.filter(|_| callee.is_none() && (is_branch || is_address));
        let near = near.and_then(|distance| offset.checked_add_signed(distance));
        found.extend(near.map(|target| Found::Near { offset, target, grade: grade(is_branch) }));
        let ending = match opcode {
            Some(Opcode::HINT) => None,
            Some(Opcode::B | Opcode::BR | Opcode::RET | Opcode::ERET | Opcode::BRK | Opcode::UDF) | None => {
                Some(Ending::Closed)
            }
            Some(Opcode::BL | Opcode::BLR) => Some(Ending::Call(callee)),
            Some(_) => Some(Ending::Open),
        };
        end.take(offset, near.filter(|_| is_branch), ending);
    }
    // What nothing was seen to use may be used in what follows.
    let last = start + (piece.len() as u64).saturating_sub(4);
    found.extend(anchors.arm64(NOP, None, Goes::Elsewhere).map(|meant| anchored(last, meant)));
    end.ending
}

/// arm64's.
const NOP: u32 = 0xd503_201f;

fn arm(
    piece: &[u8],
    start: u64,
    relocations: &mut Rest<impl Iterator<Item = Relocation>>,
    found: &mut Vec<Found>,
) -> Ending {
    use armv7::Opcode;
    let decoder = armv7::InstDecoder::default();
    let (mut end, mut anchors) = (End::new(), Anchors::default());
    for (bytes, offset) in piece.chunks_exact(4).zip((start..).step_by(4)) {
        let instruction = decoder.decode(&mut U8Reader::new(bytes)).ok();
        let field = word(bytes, 0).unwrap_or(0);
        let distance = instruction.iter().flat_map(|it| it.operands).find_map(|operand| match operand {
            // In words, from the instruction itself: the decoder has added the two that the processor is ahead.
            armv7::Operand::BranchOffset(words) => Some(i64::from(words) * 4),
            _ => None,
        });
        let (mut callee, mut relocated) = (None, None);
        for relocation in up_to(relocations, offset + 4) {
            callee = Some(relocation.symbol);
            let addend = relocation.addend.unwrap_or_else(|| arm_addend(relocation.kind, field, distance));
            relocated = Some((relocation, addend));
            found.push(Found::Relocated { offset, relocation, addend, grade: grade(distance.is_some()) });
        }
        let is_call = matches!(instruction.as_ref().map(|it| it.opcode), Some(Opcode::BL | Opcode::BLX));
        let meant = anchors.arm(field, relocated, is_call);
        found.extend(meant.map(|meant| anchored(offset, meant)));
        let target = distance.filter(|_| callee.is_none()).and_then(|distance| offset.checked_add_signed(distance));
        found.extend(target.map(|target| Found::Near { offset, target, grade: Grade::Call }));
        let always = instruction.as_ref().is_some_and(|it| it.condition == armv7::ConditionCode::AL);
        let ending = match instruction.as_ref().map(|it| it.opcode) {
            Some(Opcode::NOP) => None,
            Some(Opcode::BL | Opcode::BLX) => Some(Ending::Call(callee)),
            Some(Opcode::B | Opcode::BX | Opcode::UDF) if always => Some(Ending::Closed),
            // A return by popping the program counter, among others.
            Some(Opcode::LDM(..) | Opcode::LDR | Opcode::MOV) if always && is_to_pc(field) => Some(Ending::Closed),
            None => Some(Ending::Closed),
            Some(_) => Some(Ending::Open),
        };
        end.take(offset, target, ending);
    }
    end.ending
}

/// Whether an instruction that loads or moves may write the program counter.
fn is_to_pc(field: u32) -> bool {
    // A list of registers has a bit for each; others name the one in bits 12 to 15.
    let is_list = field >> 25 & 0b111 == 0b100;
    if is_list { field >> 15 & 1 == 1 } else { field >> 12 & 0xf == 0xf }
}

/// The addend that stands in an instruction (ELF for the Arm architecture, 5.6.1).
fn arm_addend(kind: u32, field: u32, distance: Option<i64>) -> i64 {
    match elf::RelocationType(kind) {
        elf::R_ARM_CALL | elf::R_ARM_JUMP24 | elf::R_ARM_PC24 | elf::R_ARM_PLT32 => distance.unwrap_or(0),
        elf::R_ARM_MOVW_ABS_NC | elf::R_ARM_MOVT_ABS => {
            let immediate = (field >> 4 & 0xf000) | (field & 0xfff);
            i64::from((immediate << 16).cast_signed() >> 16)
        }
        _ => i64::from(field.cast_signed()),
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_branch_leads_where_it_says() {
        // beq to the fifth, pop {r4, r5, pc}, nop, nop, b to the second
        let words: [u32; 5] = [0x0a00_0002, 0xe8bd_8030, 0xe1a0_0000, 0xe1a0_0000, 0xeaff_fffb];
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let found = Code::Arm.read(&code, &BTreeSet::new(), &[]).unwrap();
        let near = found.iter().filter_map(|found| match found {
            Found::Near { offset, target, .. } => Some((*offset, *target)),
            _ => None,
        });
        assert_eq!(near.collect::<Vec<_>>(), [(0, 16), (16, 4)]);
        assert!(matches!(found.last(), Some(Found::End { ending: Ending::Closed, .. })));
    }

    #[test]
    fn what_is_branched_to_behind_an_end_counts() {
        let ending = |code: &[u8]| match Code::X86(64).read(code, &BTreeSet::new(), &[]).unwrap().last() {
            Some(Found::End { ending, .. }) => *ending,
            other => panic!("{other:?}"),
        };
        // je to behind the ret; ret; and there xor %eax,%eax, which goes on
        assert_eq!(ending(&[0x74, 0x01, 0xc3, 0x31, 0xc0]), Ending::Open);
        // The same, and nothing leads there.
        assert_eq!(ending(&[0x90, 0x90, 0xc3, 0x31, 0xc0]), Ending::Closed);
        // A call, and what fills the gap behind it.
        let call = |filler: &[u8]| match Code::X86(32).read(filler, &BTreeSet::new(), &[]).unwrap().last() {
            Some(Found::End { ending, .. }) => *ending,
            other => panic!("{other:?}"),
        };
        assert_eq!(call(&[0xe8, 0, 0, 0, 0, 0x8d, 0xb4, 0x26, 0, 0, 0, 0, 0x89, 0xf6]), Ending::Call(None));
    }
}
