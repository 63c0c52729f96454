// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of x86, of 32 and of 64 bits.

use iced_x86::{
    ConditionCode, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    OpKind, Register as Name,
};

use super::program::Piece;
use super::step::{Base, Callee, Calling, Effect, Memory, Register, Source, Step};
use crate::module::graph::{Meant, Operands, Referent, x86_operands};

/// The psABI of x86-64, 3.2.3: rdi, rsi, rdx, rcx, r8 and r9.
pub(super) const CALLING_64: Calling =
    Calling { arguments: &[7, 6, 2, 1, 8, 9], scratch: &[0, 1, 2, 6, 7, 8, 9, 10, 11], result: 0, stack: STACK };

/// `-mregparm=3` (`arch/x86/Makefile`, 7.2): eax, edx and ecx.
pub(super) const CALLING_32: Calling = Calling { arguments: &[0, 2, 1], scratch: &[0, 1, 2], result: 0, stack: STACK };

const STACK: Register = 4;

/// The most bytes that an instruction writes as one, and tells.
const WIDEST: usize = 64;

/// Reads a piece of code.
pub(super) fn read(bits: u32, piece: &mut Piece<'_>, steps: &mut Vec<Step>) {
    let mut decoder = Decoder::with_ip(bits, piece.code, piece.begin, DecoderOptions::NONE);
    let mut machine = Machine { bits, info: InstructionInfoFactory::new() };
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let Piece { code, begin, relocations, .. } = piece;
        let Operands { memory, immediate, is_patched } =
            x86_operands(bits, &decoder, &instruction, code, *begin, relocations);
        let is_odd = |meant: Option<Meant>| meant.is_some_and(|meant| piece.referent(meant).is_none());
        let is_number = |meant: Option<Meant>| meant.is_some_and(|meant| piece.is_number(meant));
        let told = Told {
            memory: memory.and_then(|meant| piece.referent(meant)),
            immediate: immediate.and_then(|meant| piece.referent(meant)),
            is_odd: is_odd(memory) || is_odd(immediate),
            is_number: is_number(memory) || is_number(immediate),
        };
        if is_patched || instruction.is_invalid() {
            steps.push(machine.unread(piece, &instruction, is_patched));
        } else {
            steps.push(machine.step(piece, &instruction, &told));
        }
    }
}

/// What the relocations of an instruction mean.
struct Told {
    memory: Option<Referent>,
    immediate: Option<Referent>,
    /// Whether one means something, but no place.
    is_odd: bool,
    /// Whether one is a number that does not stand there.
    is_number: bool,
}

struct Machine {
    bits: u32,
    info: InstructionInfoFactory,
}

impl Machine {
    fn word(&self) -> i64 {
        i64::from(self.bits / 8)
    }

    /// What is no instruction is jumped over: it goes on behind. What the loader makes of one may change any register.
    fn unread(&self, piece: &Piece<'_>, instruction: &Instruction, is_patched: bool) -> Step {
        let registers = (0..if self.bits == 64 { 16 } else { 8 }).filter(|register| is_patched && *register != STACK);
        Step {
            at: piece.at(instruction.ip()),
            effects: registers.map(|register| Effect::Writes(register, Source::Unknown)).collect(),
            calls: None,
            jump: None,
            goes_on: true,
            returns: false,
        }
    }

    fn step(&mut self, piece: &Piece<'_>, instruction: &Instruction, told: &Told) -> Step {
        let at = piece.at(instruction.ip());
        let flow = instruction.flow_control();
        let names =
            matches!(instruction.op0_kind(), OpKind::NearBranch64 | OpKind::NearBranch32 | OpKind::NearBranch16);
        let target = names.then(|| {
            let near = || Referent::Place(piece.at(instruction.near_branch_target()));
            told.immediate.unwrap_or_else(near)
        });
        let (calls, jump) = match (flow, target) {
            (FlowControl::Call, Some(to)) => (Some(Callee::Referent(to)), None),
            (FlowControl::Call | FlowControl::IndirectCall, _) => (Some(Self::pointed(told)), None),
            (FlowControl::IndirectBranch, _) => (Some(Self::pointed(told)), None),
            (_, Some(Referent::Place(place))) => (tail(flow, Referent::Place(place)), Some(place)),
            (_, Some(to)) => (Some(Callee::Referent(to)), None),
            _ => (None, None),
        };
        let goes_on = !matches!(
            flow,
            FlowControl::Return
                | FlowControl::IndirectBranch
                | FlowControl::UnconditionalBranch
                | FlowControl::Exception
        );
        let effects = self.effects(instruction, told);
        Step { at, effects, calls, jump, goes_on, returns: flow == FlowControl::Return }
    }

    /// Whom a call through memory or a register calls.
    fn pointed(told: &Told) -> Callee {
        match told.memory {
            // `call *symbol(%rip)`, by which clang calls others.
            Some(import @ Referent::Import(_)) => Callee::Referent(import),
            _ => Callee::Pointer,
        }
    }

    fn effects(&mut self, instruction: &Instruction, told: &Told) -> Vec<Effect> {
        let stack = STACK;
        if told.is_number {
            return self.others(instruction, told);
        }
        let to = (instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Register)
            .then(|| self.whole(instruction.op0_register()))
            .flatten();
        let push = |source| {
            let memory = Memory { base: Base::Register(stack), offset: Some(-self.word()) };
            vec![Effect::Stores(memory, source), Effect::Writes(stack, Source::register(stack, Some(-self.word())))]
        };
        match (instruction.mnemonic(), to) {
            (Mnemonic::Mov | Mnemonic::Movsxd, Some(to)) => {
                let mut effects = vec![Effect::Writes(to, self.value(instruction, told, 1))];
                let other = other_base(instruction, told)
                    .filter(|_| matches!(effects[..], [Effect::Writes(_, Source::Loaded(_))]));
                effects.extend(other.map(|memory| Effect::MayWrite(to, Source::Loaded(memory))));
                effects
            }
            (Mnemonic::Mov | Mnemonic::Xchg, None) if instruction.op0_kind() == OpKind::Memory => {
                let places = [Some(Self::memory(instruction, told)), other_base(instruction, told)];
                let store = |memory| match self.stored(instruction, told) {
                    Some(source) => Some(Effect::Stores(memory, source)),
                    None => spoils(memory, instruction.memory_size().size()),
                };
                let mut effects: Vec<Effect> = places.into_iter().flatten().filter_map(store).collect();
                if instruction.mnemonic() == Mnemonic::Xchg {
                    effects
                        .extend(self.whole(instruction.op1_register()).map(|to| Effect::Writes(to, Source::Unknown)));
                }
                effects
            }
            (Mnemonic::Lea, Some(to)) => {
                let mut effects = vec![Effect::Writes(to, Source::Address(Self::memory(instruction, told)))];
                let other = other_base(instruction, told);
                effects.extend(other.map(|memory| Effect::MayWrite(to, Source::Address(memory))));
                effects
            }
            (Mnemonic::Xor | Mnemonic::Sub, Some(to))
                if instruction.op1_kind() == OpKind::Register
                    && instruction.op0_register() == instruction.op1_register() =>
            {
                vec![Effect::Writes(to, Source::Number)]
            }
            (Mnemonic::Add, Some(to)) if told.immediate.is_some() => {
                let base = told.immediate.map_or(Base::Register(to), Base::Referent);
                vec![Effect::Writes(to, Source::Address(Memory { base, offset: None }))]
            }
            (Mnemonic::Add | Mnemonic::Sub, Some(to)) if is_number(instruction.op1_kind()) => {
                let number = instruction.immediate(1).cast_signed();
                let number = if instruction.mnemonic() == Mnemonic::Sub { number.wrapping_neg() } else { number };
                vec![Effect::Writes(to, Source::register(to, Some(number)))]
            }
            // Which of the two is the address, and which the distance, does not show.
            (Mnemonic::Add, Some(to)) => {
                let other = match self.value(instruction, told, 1) {
                    Source::Address(memory) => Source::Address(Memory { offset: None, ..memory }),
                    _ => Source::Unknown,
                };
                vec![Effect::Writes(to, Source::register(to, None)), Effect::MayWrite(to, other)]
            }
            (Mnemonic::Inc | Mnemonic::Dec, Some(to)) => {
                let number = if instruction.mnemonic() == Mnemonic::Inc { 1 } else { -1 };
                vec![Effect::Writes(to, Source::register(to, Some(number)))]
            }
            (Mnemonic::Push, _) => push(self.value(instruction, told, 0)),
            (Mnemonic::Pop, Some(to)) => {
                let top = Memory { base: Base::Register(stack), offset: Some(0) };
                vec![
                    Effect::Writes(to, Source::Loaded(top)),
                    Effect::Writes(stack, Source::register(stack, Some(self.word()))),
                ]
            }
            (Mnemonic::Leave, _) => {
                let frame = u8::try_from(Name::RBP.number()).unwrap_or_default();
                let saved = Memory { base: Base::Register(frame), offset: Some(0) };
                vec![
                    Effect::Writes(frame, Source::Loaded(saved)),
                    Effect::Writes(stack, Source::register(frame, Some(self.word()))),
                ]
            }
            (_, Some(to)) if instruction.op_count() == 2 && instruction.condition_code() != ConditionCode::None => {
                vec![Effect::MayWrite(to, self.value(instruction, told, 1))]
            }
            _ => self.others(instruction, told),
        }
    }

    /// What of an instruction is not told apart: it writes what nobody can tell.
    fn others(&mut self, instruction: &Instruction, told: &Told) -> Vec<Effect> {
        // What a call does to registers is known of all calls.
        if matches!(instruction.flow_control(), FlowControl::Call | FlowControl::IndirectCall | FlowControl::Return) {
            return Vec::new();
        }
        let word = self.word();
        let info = self.info.info(instruction);
        let is_written = |access| {
            matches!(access, OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite | OpAccess::ReadCondWrite)
        };
        let is_zero =
            matches!(instruction.mnemonic(), Mnemonic::Stosb | Mnemonic::Stosw | Mnemonic::Stosd | Mnemonic::Stosq);
        let mut stores: Vec<Effect> = Vec::new();
        for memory in info.used_memory().iter().filter(|memory| is_written(memory.access())) {
            let is_string = memory.base() == Name::RDI && is_string(instruction.mnemonic());
            let size = memory.memory_size().size();
            if is_zero {
                continue;
            }
            if is_string {
                let base = Base::Register(number(Name::RDI).unwrap_or_default());
                stores.push(Effect::Stores(Memory { base, offset: None }, Source::Unknown));
            } else if i64::try_from(size) == Ok(word) {
                stores.push(Effect::Stores(Self::memory(instruction, told), Source::Unknown));
            } else {
                stores.extend(spoils(Self::memory(instruction, told), size));
            }
        }
        let used = info.used_registers().iter().filter_map(|used| {
            let register = used.register().is_gpr().then(|| number(used.register())).flatten()?;
            match used.access() {
                OpAccess::Write | OpAccess::ReadWrite => Some(Effect::Writes(register, Source::Unknown)),
                OpAccess::CondWrite | OpAccess::ReadCondWrite => Some(Effect::MayWrite(register, Source::Unknown)),
                _ => None,
            }
        });
        stores.into_iter().chain(used).collect()
    }

    /// The value of an operand.
    fn value(&self, instruction: &Instruction, told: &Told, operand: u32) -> Source {
        match instruction.op_kind(operand) {
            OpKind::Register => match self.whole(instruction.op_register(operand)) {
                Some(register) => Source::register(register, Some(0)),
                None => Source::Unknown,
            },
            OpKind::Memory if i64::try_from(instruction.memory_size().size()) == Ok(self.word()) => {
                Source::Loaded(Self::memory(instruction, told))
            }
            // Four bytes may be an address by a relocation of 32 bits.
            OpKind::Memory if instruction.memory_size().size() == 4 => Source::Loaded(Self::memory(instruction, told)),
            OpKind::Memory => Source::Number,
            kind if is_number(kind) => match told.immediate {
                Some(referent) => Source::referent(referent),
                None if told.is_odd => Source::Unknown,
                None => Source::Number,
            },
            _ => Source::Unknown,
        }
    }

    /// What is stored, if it is as wide as an address; or if it is an address of 32 bits, of which all in the kernel have the same
    /// others.
    fn stored(&self, instruction: &Instruction, told: &Told) -> Option<Source> {
        let size = instruction.memory_size().size();
        let is_wide = i64::try_from(size) == Ok(self.word()) || (size == 4 && told.immediate.is_some());
        is_wide.then(|| self.value(instruction, told, 1))
    }

    /// The memory that an instruction means.
    fn memory(instruction: &Instruction, told: &Told) -> Memory {
        let base = instruction.memory_base();
        let index = instruction.memory_index();
        let displacement = instruction.memory_displacement64().cast_signed();
        match (told.memory, base) {
            (Some(referent), Name::RIP | Name::None) if index == Name::None => {
                Memory { base: Base::Referent(referent), offset: Some(0) }
            }
            // A table at that place, and a register says where in it.
            (Some(referent), _) => Memory { base: Base::Referent(referent), offset: None },
            (None, base) => {
                let register = number(base).or_else(|| number(index)).unwrap_or(u8::MAX);
                let offset = (index == Name::None && base.is_gpr()).then_some(displacement);
                Memory { base: Base::Register(register), offset }
            }
        }
    }

    /// The number of a register that holds a whole address.
    fn whole(&self, register: Name) -> Option<Register> {
        let is_whole = if self.bits == 64 { register.is_gpr64() || register.is_gpr32() } else { register.is_gpr32() };
        is_whole.then(|| number(register)).flatten()
    }
}

/// The memory that an instruction means if its index is the address, and its base how far behind that: without a factor it does
/// not show.
fn other_base(instruction: &Instruction, told: &Told) -> Option<Memory> {
    let is_either = told.memory.is_none()
        && instruction.memory_index_scale() == 1
        && instruction.memory_base().is_gpr()
        && instruction.memory_index() != Name::None;
    let register = number(instruction.memory_index()).filter(|_| is_either)?;
    Some(Memory { base: Base::Register(register), offset: None })
}

/// What is not as wide as an address makes none.
fn spoils(memory: Memory, bytes: usize) -> Option<Effect> {
    let bytes = u8::try_from(bytes.min(WIDEST)).ok()?;
    (bytes > 0).then_some(Effect::Spoils(memory, bytes))
}

/// A jump may be a function's last call, if it leads to where one begins: the program knows.
fn tail(flow: FlowControl, to: Referent) -> Option<Callee> {
    (flow == FlowControl::UnconditionalBranch).then_some(Callee::Referent(to))
}

fn number(register: Name) -> Option<Register> {
    register.is_gpr().then(|| u8::try_from(register.full_register().number()).ok()).flatten()
}

/// Whether an instruction copies from one place to another.
fn is_string(mnemonic: Mnemonic) -> bool {
    matches!(mnemonic, Mnemonic::Movsb | Mnemonic::Movsw | Mnemonic::Movsd | Mnemonic::Movsq)
}

fn is_number(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    )
}
