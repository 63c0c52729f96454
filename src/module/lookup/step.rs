// SPDX-License-Identifier: MIT OR Apache-2.0
//! One instruction, as far as it says where addresses come from and where control goes.

use super::super::graph::{Place, Referent};

/// A general register by its number.
pub(super) type Register = u8;

/// What memory an instruction means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Memory {
    pub(super) base: Base,
    /// In bytes from there; none if another register moves it.
    pub(super) offset: Option<i64>,
}

impl Memory {
    /// The place that it is, or begins at; none if a register tells.
    pub(super) fn place(self) -> Option<Place> {
        match self.base {
            Base::Referent(Referent::Place(place)) => {
                Some(Place { offset: place.offset.checked_add_signed(self.offset.unwrap_or(0))?, ..place })
            }
            _ => None,
        }
    }
}

/// From where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Base {
    Referent(Referent),
    Register(Register),
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It is this address; or, if something moves it, one behind it.
    Address(Memory),
    /// It stands in memory.
    Loaded(Memory),
    /// It is a number, and no address.
    Number,
    /// Nobody can tell.
    Unknown,
}

impl Source {
    /// The memory that it means.
    pub(super) fn memory(self) -> Option<Memory> {
        match self {
            Self::Address(memory) | Self::Loaded(memory) => Some(memory),
            Self::Number | Self::Unknown => None,
        }
    }

    /// The value of a register, and a number added.
    pub(super) fn register(register: Register, offset: Option<i64>) -> Self {
        Self::Address(Memory { base: Base::Register(register), offset })
    }

    /// The address of what is referred to.
    pub(super) fn referent(referent: Referent) -> Self {
        Self::Address(Memory { base: Base::Referent(referent), offset: Some(0) })
    }
}

/// What an instruction changes. All that it reads is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Writes(Register, Source),
    /// Under some condition.
    MayWrite(Register, Source),
    /// As many bytes as an address has.
    Stores(Memory, Source),
    /// So many bytes, which make no address: what then is there nobody can tell.
    Spoils(Memory, u8),
}

impl Effect {
    /// The memory that it writes, and where that comes from.
    pub(super) fn parts(&self) -> (Option<Memory>, Source) {
        match *self {
            Self::Writes(_, source) | Self::MayWrite(_, source) => (None, source),
            Self::Stores(memory, source) => (Some(memory), source),
            Self::Spoils(memory, _) => (Some(memory), Source::Unknown),
        }
    }
}

/// Whom an instruction calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callee {
    Referent(Referent),
    /// Whomever a pointer leads to.
    Pointer,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Place,
    pub(super) effects: Vec<Effect>,
    /// The last call of a function may be a jump.
    pub(super) calls: Option<Callee>,
    /// Where it may go on within the module.
    pub(super) jump: Option<Place>,
    /// Whether it may go on with what stands behind it.
    pub(super) goes_on: bool,
    /// Whether it gives back control to who called.
    pub(super) returns: bool,
}

/// What a machine's functions do with registers.
#[derive(Debug)]
pub(super) struct Calling {
    /// Those that hand something over, in their order.
    pub(super) arguments: &'static [Register],
    /// Those that are not the caller's afterwards.
    pub(super) scratch: &'static [Register],
    /// That in which they give something back.
    pub(super) result: Register,
    /// The stack pointer.
    pub(super) stack: Register,
}
