// SPDX-License-Identifier: MIT OR Apache-2.0
//! Code of x86, of 32 and of 64 bits.

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, InstructionInfoOptions, Mnemonic,
    OpAccess, OpKind, Register,
};
use object::elf;

use super::registers::{Calling, Does, Goes, Registers, Seen, With};
use super::{End, Found, Leaves, Meant, Rest, up_to, word};
use crate::module::elf::Relocation;
use crate::module::graph::Depth;
use crate::module::graph::references::{Ending, How};

/// The psABI of x86-64, 3.2.3: rdi, rsi, rdx, rcx, r8 and r9.
const CALLING_64: Calling =
    Calling { arguments: &[7, 6, 2, 1, 8, 9], scratch: &[0, 1, 2, 6, 7, 8, 9, 10, 11], result: 0 };

/// `-mregparm=3` (`arch/x86/Makefile`, 7.2): eax, edx and ecx.
const CALLING_32: Calling = Calling { arguments: &[0, 2, 1], scratch: &[0, 1, 2], result: 0 };

pub(super) fn read(
    (bits, depth): (u32, Depth),
    piece: &[u8],
    start: u64,
    relocations: &mut Rest<impl Iterator<Item = Relocation>>,
    found: &mut Vec<Found>,
) -> Option<End> {
    let mut decoder = Decoder::with_ip(bits, piece, start, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut end = End::new();
    let mut addresses = (depth == Depth::Everything).then(|| Addresses::new(bits));
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        // The kernel's `ud2` is followed by nothing else; what is no instruction at all is another matter.
        if instruction.is_invalid() {
            return None;
        }
        let offset = instruction.ip();
        let branch = branch(&instruction);
        let Operands { memory, immediate, .. } = operands(bits, &decoder, &instruction, piece, start, relocations);
        let is_told = memory.is_some() || immediate.is_some();
        found.extend(memory.map(|meant| {
            let how = branch.or_else(|| read_there(&instruction)).unwrap_or(How::Address);
            Found::Relocated { offset, meant, how }
        }));
        found.extend(immediate.map(|meant| Found::Relocated { offset, meant, how: branch.unwrap_or(How::Address) }));
        if let Some(addresses) = &mut addresses {
            let seen = addresses.take(&instruction, memory, immediate);
            found.extend(seen.into_iter().map(|seen| Found::of(offset, seen)));
        }
        let target = branch.filter(|_| !is_told).map(|how| (instruction.near_branch_target(), how));
        found.extend(target.map(|(target, how)| Found::Near { offset, target, how }));
        if !is_told && instruction.is_ip_rel_memory_operand() {
            found.push(Found::Near { offset, target: instruction.ip_rel_memory_address(), how: How::Address });
        }
        if does_nothing(&instruction) {
            continue;
        }
        match instruction.flow_control() {
            FlowControl::Return | FlowControl::IndirectBranch => end.leave(Leaves::Back),
            FlowControl::UnconditionalBranch | FlowControl::Exception => end.leave(Leaves::Off),
            FlowControl::Call => end.ending = Ending::Call(offset),
            _ => end.ending = Ending::Open,
        }
    }
    Some(end)
}

/// What the relocations of an instruction mean, by where in it they are.
pub(in crate::module) struct Operands {
    /// The address of its memory operand.
    pub(in crate::module) memory: Option<Meant>,
    /// A number that stands in it, or where it branches to.
    pub(in crate::module) immediate: Option<Meant>,
    /// Whether one is of no whole operand: what the loader makes of the instruction does not show.
    pub(in crate::module) is_patched: bool,
}

/// Takes the relocations of an instruction of a piece of code that begins at a place.
pub(in crate::module) fn operands(
    bits: u32,
    decoder: &Decoder<'_>,
    instruction: &Instruction,
    piece: &[u8],
    start: u64,
    relocations: &mut Rest<impl Iterator<Item = Relocation>>,
) -> Operands {
    let (offset, next) = (instruction.ip(), instruction.next_ip());
    let fields = decoder.get_constant_offsets(instruction);
    let mut operands = Operands { memory: None, immediate: None, is_patched: false };
    for relocation in up_to(relocations, next) {
        let field = relocation.offset.checked_sub(start).and_then(|at| usize::try_from(at).ok());
        let addend = match relocation.addend {
            Some(addend) => addend,
            None => field.and_then(|at| word(piece, at)).map_or(0, |word| i64::from(word.cast_signed())),
        };
        // It counts from the end of the instruction, and the machine's linker from the field.
        let behind = if is_relative(bits, relocation.kind) { next.saturating_sub(relocation.offset) } else { 0 };
        let meant = (relocation, addend.saturating_add(i64::try_from(behind).unwrap_or(0)));
        let is_at = |begin: usize, bytes: usize| bytes > 0 && relocation.offset == offset + begin as u64;
        let is_memory = is_at(fields.displacement_offset(), fields.displacement_size());
        let bytes = if is_memory {
            fields.displacement_size()
        } else if is_at(fields.immediate_offset(), fields.immediate_size()) {
            fields.immediate_size()
        } else {
            0
        };
        operands.is_patched |= bytes != field_bytes(bits, relocation.kind);
        *(if is_memory { &mut operands.memory } else { &mut operands.immediate }) = Some(meant);
    }
    operands
}

/// How many bytes a relocation of code writes.
fn field_bytes(bits: u32, kind: u32) -> usize {
    if bits == 64 && matches!(elf::RelocationType(kind), elf::R_X86_64_64 | elf::R_X86_64_PC64) { 8 } else { 4 }
}

/// How an instruction branches to a place that it names.
fn branch(instruction: &Instruction) -> Option<How> {
    let names = matches!(instruction.op0_kind(), OpKind::NearBranch64 | OpKind::NearBranch32 | OpKind::NearBranch16);
    let calls = instruction.flow_control() == FlowControl::Call;
    names.then_some(if calls { How::Call } else { How::Jump })
}

/// What an instruction reads or writes at the address of its memory operand, where that is one place and no register moves it.
fn read_there(instruction: &Instruction) -> Option<How> {
    let is_one = matches!(instruction.memory_base(), Register::None | Register::RIP)
        && instruction.memory_index() == Register::None;
    let bytes = instruction.memory_size().size() as u64;
    (is_one && bytes > 0 && instruction.mnemonic() != Mnemonic::Lea).then_some(How::Field(bytes))
}

/// The addresses that go through registers.
struct Addresses {
    registers: Registers,
    calling: &'static Calling,
    /// Of an address.
    bytes: usize,
    info: InstructionInfoFactory,
}

impl Addresses {
    fn new(bits: u32) -> Self {
        let calling = if bits == 64 { &CALLING_64 } else { &CALLING_32 };
        let bytes = if bits == 64 { 8 } else { 4 };
        Self { registers: Registers::default(), calling, bytes, info: InstructionInfoFactory::new() }
    }

    /// Takes the next instruction, with what its relocations mean, and tells what it puts where.
    fn take(&mut self, instruction: &Instruction, memory: Option<Meant>, immediate: Option<Meant>) -> Vec<Seen> {
        if self.registers.is_empty() && !self.registers.has_results() && memory.is_none() && immediate.is_none() {
            return Vec::new();
        }
        let mnemonic = instruction.mnemonic();
        let calls = matches!(instruction.flow_control(), FlowControl::Call | FlowControl::IndirectCall);
        // A function's last call may be a jump.
        let hands = calls || (immediate.is_some() && branch(instruction) == Some(How::Jump));
        let is_store = matches!(mnemonic, Mnemonic::Mov | Mnemonic::Xchg | Mnemonic::Cmpxchg)
            && instruction.op0_kind() == OpKind::Memory;
        let from = (instruction.op_count() > 1 && instruction.op1_kind() == OpKind::Register)
            .then(|| number(instruction.op1_register()))
            .flatten();
        let base = number(instruction.memory_base()).filter(|_| instruction.memory_index() == Register::None);
        let displacement = instruction.memory_displacement64().cast_signed();
        let mut does = Does { adds: base.map(|base| (base, displacement)), ..Does::default() };
        let mut seen = Vec::new();
        if is_store {
            // What is narrower than an address is none.
            let is_wide = instruction.memory_size().size() == self.bytes;
            does.with = With::Stores([from.filter(|_| is_wide), None]);
            let at = memory.or_else(|| self.registers.made(&does));
            seen.extend(immediate.and_then(|value| match at {
                Some(at) => Some(Seen::Stores { at, value }),
                None => self.registers.fills(&does, value),
            }));
        }
        if is_store || hands {
            let handed = if hands { self.calling.arguments } else { &[] };
            seen.extend(self.registers.stored(&does, memory, handed));
        }
        let to = (instruction.op0_kind() == OpKind::Register).then(|| number(instruction.op0_register())).flatten();
        match (mnemonic, to, from) {
            (Mnemonic::Mov, Some(to), Some(from)) => self.registers.copy(to, from),
            (Mnemonic::Mov | Mnemonic::Lea, Some(to), None) => {
                let is_address = mnemonic == Mnemonic::Lea;
                let made = if is_address { memory } else { immediate };
                let adds = does.adds.filter(|_| is_address && memory.is_none());
                self.registers.pass(
                    &Does { adds, writes: [Some(to), None], ..Does::default() },
                    made,
                    Goes::On,
                    self.calling,
                );
            }
            _ if self.registers.is_empty() && !self.registers.has_results() && !calls => {}
            _ => {
                let info = self.info.info_options(instruction, InstructionInfoOptions::NO_MEMORY_USAGE);
                let written = |access| {
                    // What is only written at times may hold what it held.
                    matches!(access, OpAccess::Write | OpAccess::ReadWrite)
                };
                let written = info.used_registers().iter().filter(|used| written(used.access()));
                for register in written.filter_map(|used| number(used.register())) {
                    self.registers.forget(register);
                }
                let goes = if calls { Goes::Calls(instruction.ip()) } else { Goes::On };
                self.registers.pass(&Does::default(), None, goes, self.calling);
            }
        }
        seen
    }
}

/// The number of a general register.
fn number(register: Register) -> Option<usize> {
    register.is_gpr().then(|| register.full_register().number())
}

/// Whether an instruction only fills a gap: 32-bit code has `lea 0(%esi),%esi` and `mov %esi,%esi` for that.
fn does_nothing(instruction: &Instruction) -> bool {
    let register = instruction.op0_register();
    match instruction.mnemonic() {
        Mnemonic::Nop | Mnemonic::Int3 => true,
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
fn is_relative(bits: u32, kind: u32) -> bool {
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
