// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of the registers at a place in a function: which addresses they hold, where such a one is put, and what another
//! is made of it.
//!
//! gcc's `-fsection-anchors`, which is on for ARM, makes many addresses of one anchor: the relocation tells where the anchor
//! is, and a later instruction adds to it what is between that and the object that is meant. Followed is what stands behind
//! the anchor in the same function, as it stands there, until the register is written anew.

use super::Meant;
use crate::module::graph::references::How;

/// What the registers hold.
#[derive(Debug, Default)]
pub(super) struct Registers {
    of: [Option<Held>; 32],
    /// How many hold an address: mostly none does.
    count: usize,
    /// The call whose result each holds.
    results: [Option<u64>; 32],
    /// How many hold one.
    held_results: usize,
}

/// An address in a register.
#[derive(Debug, Clone, Copy)]
struct Held {
    meant: Meant,
    /// Whether it was used as it is; until then it may be an anchor, and mean something else.
    is_told: bool,
}

/// What was seen that an instruction does with an address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    /// It refers to what is there.
    Refers(Meant, How),
    /// It puts one where another means.
    Stores { at: Meant, value: Meant },
    /// It hands one over, and another behind it: the next, or a later one.
    Hands { at: Meant, value: Meant, is_next: bool },
    /// It puts one into what the call at this place in bytes gave back.
    Fills(u64, Meant),
    /// It puts what that call gave back where one means.
    Keeps(u64, Meant),
}

/// What one instruction does with registers.
#[derive(Debug, Default)]
pub(super) struct Does {
    /// It makes an address of a register and a number.
    pub(super) adds: Option<(usize, i64)>,
    /// What it does with that, or with the address that its relocation tells.
    pub(super) with: With,
    /// It reads these, or could.
    pub(super) reads: [Option<usize>; 4],
    /// It writes these.
    pub(super) writes: [Option<usize>; 2],
}

/// What an instruction does with an address.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum With {
    /// It takes it as such, into the register that it writes.
    #[default]
    Takes,
    /// It reads so many bytes there.
    Loads(u64),
    /// It writes what these hold there, one behind the other.
    Stores([Option<usize>; 2]),
}

/// How control leaves an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goes {
    /// To the next one.
    On,
    /// To a function, and back; the call is at this place in bytes.
    Calls(u64),
    /// Or to another place.
    Elsewhere,
}

/// What a machine's functions do with registers.
#[derive(Debug)]
pub(super) struct Calling {
    /// Those that hand something over, in their order.
    pub(super) arguments: &'static [usize],
    /// Those that are not the caller's afterwards.
    pub(super) scratch: &'static [usize],
    /// That in which they give something back.
    pub(super) result: usize,
}

impl Registers {
    /// What an instruction puts where: what it stores, and what it hands over together. A function that gets both may put
    /// the later where the earlier means, as all do that register something.
    pub(super) fn stored(&self, does: &Does, told: Option<Meant>, handed: &[usize]) -> Vec<Seen> {
        let mut seen = Vec::new();
        if let With::Stores(values) = does.with {
            let at = told.or_else(|| self.made(does));
            for (value, behind) in values.into_iter().zip([0, 8]) {
                let Some(value) = value else { continue };
                let at = at.map(|(relocation, addend)| (relocation, addend.saturating_add(behind)));
                seen.extend(match (at, self.held(value)) {
                    (Some(at), Some(value)) => Some(Seen::Stores { at, value }),
                    (Some(at), None) => self.result(value).map(|call| Seen::Keeps(call, at)),
                    (None, Some(value)) => self.fills(does, value),
                    (None, None) => None,
                });
            }
        }
        let mut before: Vec<(usize, Meant)> = Vec::new();
        for (index, value) in handed.iter().enumerate().filter_map(|(index, of)| Some((index, self.held(*of)?))) {
            seen.extend(before.iter().map(|&(at_index, at)| Seen::Hands { at, value, is_next: at_index + 1 == index }));
            before.push((index, value));
        }
        seen
    }

    /// What an instruction does that puts an address where a register tells, if that holds what a call gave back.
    pub(super) fn fills(&self, does: &Does, value: Meant) -> Option<Seen> {
        let (base, _) = does.adds?;
        self.result(base).map(|call| Seen::Fills(call, value))
    }

    fn result(&self, register: usize) -> Option<u64> {
        self.results.get(register).copied().flatten()
    }

    /// What an instruction refers to by an address that another has made; for a machine whose anchors are only told by their
    /// use, with what it uses.
    pub(super) fn used(&mut self, does: &Does, goes: Goes, calling: &Calling) -> Vec<Seen> {
        let mut told: Vec<usize> = does.reads.into_iter().flatten().collect();
        match goes {
            // What is in a register is also there where it branches to.
            Goes::Elsewhere => told.extend(0..self.of.len()),
            Goes::Calls(_) => told.extend(calling.arguments),
            Goes::On => {}
        }
        let told = told.into_iter().filter_map(|register| self.tell(register));
        told.map(|meant| Seen::Refers(meant, How::Address)).collect()
    }

    /// The same of what is made of an anchor.
    pub(super) fn added(&self, does: &Does) -> Option<Seen> {
        let how = match does.with {
            With::Takes => How::Address,
            With::Loads(bytes) => How::Field(bytes),
            With::Stores(_) => return None,
        };
        Some(Seen::Refers(self.made(does)?, how))
    }

    /// Goes past the instruction. `made` is the address that its relocation makes, if it makes a whole one.
    pub(super) fn pass(&mut self, does: &Does, made: Option<Meant>, goes: Goes, calling: &Calling) {
        let held = match (does.with, made) {
            (With::Takes, Some(meant)) => Some(Held { meant, is_told: false }),
            (With::Takes, None) => self.made(does).map(|meant| Held { meant, is_told: true }),
            _ => None,
        };
        for of in does.writes.into_iter().flatten() {
            self.set(of, held);
        }
        if let Goes::Calls(at) = goes {
            for register in calling.scratch {
                self.set(*register, None);
            }
            self.set_result(calling.result, Some(at));
        }
    }

    /// Whether none holds an address.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether any may hold what a call gave back.
    pub(super) fn has_results(&self) -> bool {
        self.held_results > 0
    }

    /// Makes a register hold what another does.
    pub(super) fn copy(&mut self, to: usize, from: usize) {
        let (held, result) = (self.of.get(from).copied().flatten(), self.result(from));
        self.set(to, held);
        self.set_result(to, result);
    }

    /// Forgets what a register held.
    pub(super) fn forget(&mut self, register: usize) {
        self.set(register, None);
    }

    fn set(&mut self, register: usize, held: Option<Held>) {
        if let Some(of) = self.of.get_mut(register) {
            self.count += usize::from(held.is_some());
            self.count -= usize::from(of.is_some());
            *of = held;
        }
        self.set_result(register, None);
    }

    fn set_result(&mut self, register: usize, result: Option<u64>) {
        if let Some(of) = self.results.get_mut(register) {
            self.held_results += usize::from(result.is_some());
            self.held_results -= usize::from(of.is_some());
            *of = result;
        }
    }

    /// The address that a register holds.
    pub(super) fn held(&self, register: usize) -> Option<Meant> {
        self.of.get(register).copied().flatten().map(|held| held.meant)
    }

    /// What a register holds, if that was not told yet.
    fn tell(&mut self, register: usize) -> Option<Meant> {
        let held = self.of.get_mut(register)?.as_mut().filter(|held| !held.is_told)?;
        held.is_told = true;
        Some(held.meant)
    }

    /// The address that an instruction makes of what a register holds.
    pub(super) fn made(&self, does: &Does) -> Option<Meant> {
        let (register, number) = does.adds?;
        let (relocation, addend) = self.held(register)?;
        Some((relocation, addend.checked_add(number)?))
    }
}
