// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a value may be at a place in the code: followed backwards, on all ways that lead there, over the functions of the
//! module, to the addresses that it is made from.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::data::Data;
use super::program::Program;
use super::step::{Base, Callee, Effect, Memory, Register, Source};
use crate::module::graph::{Place, Referent};

/// What a value may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values {
    /// These places; those of which something moves the address are not told.
    pub(super) places: BTreeSet<Place>,
    /// A place in the object that is at one of these.
    pub(super) within: BTreeSet<Place>,
    /// These undefined symbols.
    pub(super) imports: BTreeSet<u32>,
    /// These places on the stack.
    pub(super) slots: BTreeSet<Slot>,
    /// Or what nobody can tell.
    pub(super) is_open: bool,
}

impl Values {
    /// Whether it is nothing that is told.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.within.is_empty() && self.imports.is_empty() && self.slots.is_empty()
    }
}

/// A place on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot {
    /// The step that made the stack pointer what it is.
    since: usize,
    /// In bytes from there.
    offset: i64,
}

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// A number is added; none is any.
    Add(Option<i64>),
    /// What is there is loaded.
    Load,
}

/// What is sought: the value of a register before a step, and what is then done with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sought {
    step: usize,
    register: Register,
    ops: Vec<Op>,
}

/// Values that are looked at for one, before it is given up. Those that are told in real code take some hundred.
const MOST: usize = 4_000;

/// The same for the address of a store.
const MOST_OF_A_STORE: usize = 200;

/// The same for all of a module. Stock modules take some hundred thousand.
pub(super) const MOST_OF_ALL: usize = 1 << 21;

/// Steps that take as long to pass over as one value takes.
const STEPS_PER_VALUE: usize = 1 << 10;

/// Operations on one value.
const OPS: usize = 8;

/// Distances at which one register is sought, before it is taken to move.
const DISTANCES: usize = 6;

/// Bytes that are copied at most into an object whose size nobody tells.
const COPIED: i64 = 4096;

/// How often a store's address is followed on the way to a value, one in the other.
const NESTED: usize = 2;

/// Follows values.
pub(super) struct Follow<'f, 'e, 'd> {
    program: &'f Program,
    data: &'f Data<'e, 'd>,
    seen: HashSet<Sought>,
    /// At how many distances a register is sought at a step.
    distances: HashMap<(usize, Register, Vec<Op>), usize>,
    open: Vec<Sought>,
    /// What was loaded, and what is then done with it.
    loaded: HashSet<(Place, bool, Vec<Op>)>,
    loaded_slots: HashSet<(Slot, Vec<Op>)>,
    found: Values,
    nested: usize,
}

impl<'f, 'e, 'd> Follow<'f, 'e, 'd> {
    pub(super) fn new(program: &'f Program, data: &'f Data<'e, 'd>) -> Self {
        Self {
            program,
            data,
            seen: HashSet::new(),
            distances: HashMap::new(),
            open: Vec::new(),
            loaded: HashSet::new(),
            loaded_slots: HashSet::new(),
            found: Values::default(),
            nested: 0,
        }
    }

    /// What becomes of a register's value before a step.
    pub(super) fn register(mut self, step: usize, register: Register, ops: &[Op]) -> Values {
        self.seek(step, register, ops.to_vec());
        self.finish()
    }

    /// What becomes of the address of a place.
    pub(super) fn constants(mut self, place: Place, ops: &[Op]) -> Values {
        self.constant(Referent::Place(place), ops);
        self.finish()
    }

    fn finish(&mut self) -> Values {
        while let Some(sought) = self.open.pop() {
            if self.is_too_much() {
                self.found.is_open = true;
                break;
            }
            self.go_back(&sought);
        }
        std::mem::take(&mut self.found)
    }

    fn is_too_much(&self) -> bool {
        let most = if self.nested == 0 { MOST } else { MOST_OF_A_STORE };
        self.seen.len() + self.loaded.len() > most || self.program.left.get() == 0
    }

    fn seek(&mut self, step: usize, register: Register, ops: Vec<Op>) {
        let mut ops = joined(ops);
        if ops.len() > OPS {
            self.found.is_open = true;
            return;
        }
        if register == self.program.calling.stack {
            self.on_stack(step, &ops);
            return;
        }
        // What is counted up in a loop is anywhere behind.
        if let Some(Op::Add(Some(_))) = ops.first() {
            let rest = ops.get(1..).unwrap_or_default().to_vec();
            let seen = Sought { step, register, ops: ops.clone() };
            if !self.seen.contains(&seen) {
                let distances = self.distances.entry((step, register, rest)).or_default();
                *distances += 1;
                if *distances > DISTANCES
                    && let Some(first) = ops.first_mut()
                {
                    *first = Op::Add(None);
                }
            }
        }
        let sought = Sought { step, register, ops };
        if self.seen.insert(sought.clone()) {
            self.program.spend(1);
            self.open.push(sought);
        }
    }

    /// What becomes of a place on the stack: all that the function puts there.
    fn on_stack(&mut self, step: usize, ops: &[Op]) {
        let (offset, rest) = match ops {
            [] => (Some(0), ops),
            [Op::Add(offset), rest @ ..] => (*offset, rest),
            [Op::Load, ..] => (Some(0), ops),
        };
        let Some(offset) = offset else {
            self.found.is_open = true;
            return;
        };
        let slot = Slot { since: self.program.stack_since(step), offset };
        let rest = match rest {
            [] => {
                self.found.slots.insert(slot);
                return;
            }
            [Op::Load, rest @ ..] => rest,
            [Op::Add(_), ..] => {
                self.found.is_open = true;
                return;
            }
        };
        if !self.loaded_slots.insert((slot, rest.to_vec())) {
            return;
        }
        // Its address may be handed to others, which store by that.
        let program = self.program;
        program.look_elsewhere();
        let Some(function) = program.steps.get(step).and_then(|step| program.function(step.at)) else { return };
        let mut is_known = false;
        for function in program.reached(BTreeSet::from([function])) {
            let steps = program.steps_of(function);
            if !program.spend(1 + steps.len() / STEPS_PER_VALUE) {
                self.found.is_open = true;
                return;
            }
            for index in steps {
                is_known |= self.store_on_stack(index, slot, rest);
            }
        }
        self.found.is_open |= self.is_slot_handed_out(step, slot);
        // It is put there by nobody who was seen: who called, say.
        self.found.is_open |= !is_known;
    }

    /// Whether the function that a step is in hands others the address of just this place on the stack.
    fn is_slot_handed_out(&self, step: usize, slot: Slot) -> bool {
        let program = self.program;
        let steps = program.function_of_step(step);
        let is_it = |index: usize, effect: &Effect| match *effect {
            Effect::Writes(_, Source::Address(Memory { base: Base::Register(base), offset: Some(offset) })) => {
                if base == program.calling.stack {
                    Slot { since: program.stack_since(index), offset } == slot
                } else {
                    offset != 0 && self.nested(index, base, Some(offset)).slots.contains(&slot)
                }
            }
            _ => false,
        };
        let takes = |index: usize| {
            program.steps.get(index).is_some_and(|step| step.effects.iter().any(|effect| is_it(index, effect)))
        };
        self.nested < NESTED
            && steps.clone().any(takes)
            && steps
                .clone()
                .any(|index| !program.is_copy(index) && self.hands_out(index, |values| values.slots.contains(&slot)))
    }

    /// Goes on with what a step stores into a place on the stack; whether it does.
    fn store_on_stack(&mut self, index: usize, slot: Slot, rest: &[Op]) -> bool {
        let program = self.program;
        let mut stores = false;
        let Some(step) = program.steps.get(index) else { return stores };
        for effect in &step.effects {
            let (Some(Memory { base: Base::Register(base), offset }), source) = effect.parts() else { continue };
            let is_whole = matches!(effect, Effect::Stores(..));
            let put = |at: Slot| {
                let of_it = at.since == slot.since;
                of_it.then(|| put(effect, at.offset, slot.offset, program.word_bytes())).flatten()
            };
            let put = match offset {
                Some(at) if base == program.calling.stack => {
                    put(Slot { since: program.stack_since(index), offset: at })
                }
                _ if self.nested == NESTED => None,
                Some(at) => self.nested(index, base, Some(at)).slots.into_iter().find_map(put),
                // Anywhere behind.
                None => {
                    let is_before = |begin: &Slot| begin.since == slot.since && begin.offset <= slot.offset;
                    let to = self.nested(index, base, Some(0));
                    to.slots.iter().any(is_before).then_some(source).filter(|_| is_whole)
                }
            };
            if let Some(source) = put {
                stores = true;
                self.resolve(index, source, rest);
            }
        }
        if self.nested < NESTED && program.is_copy(index) {
            let [to, from, ..] = program.calling.arguments else { return stores };
            for begin in self.nested(index, *to, Some(0)).slots {
                let distance = slot.offset.saturating_sub(begin.offset);
                if begin.since == slot.since && (0..COPIED).contains(&distance) {
                    stores = true;
                    self.copied(index, *from, distance, rest);
                }
            }
        }
        stores
    }

    /// Goes on with what is copied from where a register leads to before a step; that it is so much is not told.
    fn copied(&mut self, step: usize, from: Register, offset: i64, rest: &[Op]) {
        let mut ops = vec![Op::Add(Some(offset)), Op::Load];
        ops.extend(rest);
        self.seek(step, from, ops);
    }

    /// The address that a register makes before a step, followed on its own.
    fn nested(&self, step: usize, register: Register, offset: Option<i64>) -> Values {
        let mut nested = Follow::new(self.program, self.data);
        nested.nested = self.nested + 1;
        nested.register(step, register, &[Op::Add(offset)])
    }

    /// The address that a source is before a step, followed on its own.
    fn address(&self, step: usize, source: Source) -> Values {
        match source {
            Source::Address(Memory { base: Base::Register(register), offset }) => self.nested(step, register, offset),
            Source::Address(memory) => Values { places: memory.place().into_iter().collect(), ..Values::default() },
            _ => Values::default(),
        }
    }

    /// Whether a step hands others, of whom nothing is known, an address that is one of these.
    fn hands_out(&self, step: usize, is_one: impl Fn(&Values) -> bool) -> bool {
        let program = self.program;
        program.calls_others(step)
            && program
                .calling
                .arguments
                .iter()
                .any(|register| program.hands_over(step, *register) && is_one(&self.nested(step, *register, Some(0))))
    }

    /// Whether the address of a name stands at a place before the module runs.
    fn holds_name(&self, place: Place) -> bool {
        let Some(Referent::Place(name)) = self.data.pointer(place) else { return false };
        !self.data.is_code(name) && self.data.name(name).is_some()
    }

    /// Goes on from a step to those before it.
    fn go_back(&mut self, sought: &Sought) {
        let program = self.program;
        let Some(step) = program.steps.get(sought.step) else { return };
        let mut is_first = true;
        for before in program.before(sought.step) {
            is_first = false;
            self.through(before, sought.register, &sought.ops);
        }
        for instead in program.instead(sought.step) {
            is_first = false;
            self.seek(*instead, sought.register, sought.ops.clone());
        }
        if program.is_entry(step.at) {
            self.enter(step.at, sought.register, &sought.ops);
        } else if is_first {
            self.program.look_elsewhere();
            self.found.is_open = true;
        }
    }

    /// Goes back to before a function was called.
    fn enter(&mut self, entry: Place, register: Register, ops: &[Op]) {
        let is_argument = self.program.calling.arguments.contains(&register);
        if !is_argument {
            // A register that was not written since: nobody hands anything over in it.
            self.found.is_open = true;
            return;
        }
        self.program.look_elsewhere();
        if self.program.open.contains(&entry) {
            self.found.is_open = true;
        }
        for caller in self.program.callers(entry) {
            self.seek(*caller, register, ops.to_vec());
        }
    }

    /// Goes back to where a function gives something back: itself, or by its last call.
    fn come_back(&mut self, entry: Place, register: Register, ops: &[Op]) {
        let program = self.program;
        let mut seen = BTreeSet::from([entry]);
        let mut open = vec![entry];
        while let Some(function) = open.pop() {
            self.found.is_open |= program.is_switched(function);
            for index in program.steps_of(function) {
                let Some(step) = program.steps.get(index) else { continue };
                if step.returns {
                    self.seek(index, register, ops.to_vec());
                }
                match step.calls.filter(|_| !step.goes_on) {
                    None => {}
                    Some(Callee::Referent(Referent::Place(last))) => open.extend(seen.insert(last).then_some(last)),
                    Some(_) => self.found.is_open = true,
                }
            }
        }
    }

    /// Goes back through a step.
    fn through(&mut self, index: usize, register: Register, ops: &[Op]) {
        let Some(step) = self.program.steps.get(index) else { return };
        let calling = self.program.calling;
        if let Some(callee) = step.calls.filter(|_| step.goes_on)
            && calling.scratch.contains(&register)
        {
            match callee {
                Callee::Referent(Referent::Place(entry)) if register == calling.result => {
                    self.program.look_elsewhere();
                    self.come_back(entry, register, ops);
                }
                _ => self.found.is_open = true,
            }
            return;
        }
        for effect in step.effects.iter().rev() {
            match *effect {
                Effect::Writes(of, source) if of == register => return self.resolve(index, source, ops),
                Effect::MayWrite(of, source) if of == register => self.resolve(index, source, ops),
                _ => {}
            }
        }
        self.seek(index, register, ops.to_vec());
    }

    /// Goes on with what a source tells, before a step.
    fn resolve(&mut self, step: usize, source: Source, ops: &[Op]) {
        let (memory, loaded) = match source {
            Source::Address(memory) => (memory, false),
            Source::Loaded(memory) => (memory, true),
            Source::Number => return,
            Source::Unknown => {
                self.found.is_open = true;
                return;
            }
        };
        let mut all = vec![Op::Add(memory.offset)];
        if loaded {
            all.push(Op::Load);
        }
        all.extend(ops);
        match memory.base {
            Base::Register(register) => self.seek(step, register, all),
            Base::Referent(referent) => self.constant(referent, &all),
        }
    }

    /// What becomes of an address.
    fn constant(&mut self, referent: Referent, ops: &[Op]) {
        let ops = joined(ops.to_vec());
        let place = match (referent, ops.as_slice()) {
            (Referent::Place(place), _) => place,
            (Referent::Import(import), []) => {
                self.found.imports.insert(import);
                return;
            }
            // What is in data of others.
            (Referent::Import(_) | Referent::Found(_), _) => {
                self.found.is_open = true;
                return;
            }
        };
        let moved = |by: i64| Place { offset: place.offset.saturating_add_signed(by), ..place };
        match ops.as_slice() {
            [] => {
                self.found.places.insert(place);
            }
            [Op::Add(Some(by))] => {
                self.found.places.insert(moved(*by));
            }
            [Op::Add(None)] => {
                self.found.within.insert(place);
            }
            [Op::Load, rest @ ..] => self.load(place, false, rest),
            [Op::Add(Some(by)), Op::Load, rest @ ..] => self.load(moved(*by), false, rest),
            [Op::Add(None), Op::Load, rest @ ..] => self.load(place, true, rest),
            [Op::Add(_), Op::Add(_), ..] => self.found.is_open = true,
        }
    }

    /// What is loaded from a place, or from anywhere in the object that is there.
    fn load(&mut self, place: Place, anywhere: bool, rest: &[Op]) {
        if self.is_too_much() {
            self.found.is_open = true;
            return;
        }
        if !self.loaded.insert((place, anywhere, rest.to_vec())) {
            return;
        }
        let object = self.data.object(place);
        // Others may change what is exported.
        if self.data.may_change(place) && self.program.open.contains(&object.0) {
            self.found.is_open = true;
        }
        // Of a table only some fields may be meant: what it holds of others is mostly a function.
        let may_be_meant = |to: &Referent| !rest.is_empty() || !matches!(to, Referent::Import(_));
        let held: Vec<Referent> = if anywhere {
            self.data.all_in(object).map(|(_, to)| to).filter(may_be_meant).collect()
        } else {
            self.data.pointer(place).into_iter().collect()
        };
        if !self.program.spend(held.len()) {
            self.found.is_open = true;
            return;
        }
        for referent in held {
            self.constant(referent, rest);
        }
        if !self.data.may_change(place) {
            return;
        }
        self.program.look_elsewhere();
        if self.data.is_parameter(place) || (anywhere && self.data.is_parameter(object.0)) {
            self.found.is_open = true;
        }
        let (begin, end) = if anywhere { object } else { (place, place.offset.saturating_add(1)) };
        if !self.program.spend(1 + self.program.loose_stores.len() / STEPS_PER_VALUE) {
            self.found.is_open = true;
            return;
        }
        for stored in self.stores(&Part { begin, end, object, is_one: !anywhere }) {
            match stored {
                Stored::Value(step, source) => self.resolve(step, source, rest),
                Stored::Copy(step, from, offset) => self.copied(step, from, offset, rest),
            }
        }
    }

    /// What the code stores into a part of an object.
    fn stores(&self, part: &Part) -> Vec<Stored> {
        let mut stores = self.named_stores(part);
        if self.nested == NESTED {
            return stores;
        }
        let of = |index: usize| self.program.steps.get(index).into_iter().flat_map(|step| &step.effects);
        // Those who take its address may store by that, or hand it to others who do; who gets the address of just this may put
        // there what nobody can tell.
        let Part { object, begin, .. } = *part;
        let whole = object.0..Place { offset: object.1.max(object.0.offset), ..object.0 };
        let users = || self.program.uses.range(whole.clone()).flat_map(|(_, steps)| steps);
        let is_this = |place: &Place| self.is_just(part, *place);
        let takes = |effect: &Effect| match effect.parts().1 {
            Source::Address(memory) => memory.place().as_ref().is_some_and(is_this),
            _ => false,
        };
        let is_taken = users().any(|index| of(*index).any(takes));
        let functions: BTreeSet<Place> =
            users().filter_map(|index| self.program.function(self.program.steps.get(*index)?.at)).collect();
        let functions = self.program.reached(functions);
        for &index in &self.program.loose_stores {
            let function = self.program.steps.get(index).and_then(|step| self.program.function(step.at));
            if !function.is_some_and(|function| functions.contains(&function)) {
                continue;
            }
            for effect in of(index) {
                let (Some(memory), source) = effect.parts() else { continue };
                let (Base::Register(register), is_whole) = (memory.base, matches!(effect, Effect::Stores(..))) else {
                    continue;
                };
                if !is_whole && memory.offset.is_none() {
                    continue;
                }
                let to = self.nested(index, register, memory.offset);
                let is_away = || self.address(index, source).places.iter().any(is_this);
                if is_taken && is_whole && to.is_open && is_away() {
                    stores.push(Stored::Value(index, Source::Unknown));
                }
                let put = to.places.iter().find_map(|place| self.put_into(part, effect, *place));
                let is_within = || is_whole && to.within.iter().any(|place| self.data.object(*place).0 == object.0);
                stores.extend(put.or_else(|| is_within().then_some(source)).map(|source| Stored::Value(index, source)));
            }
        }
        for index in functions.iter().flat_map(|function| self.program.steps_of(*function)) {
            let [to, from, ..] = self.program.calling.arguments else { continue };
            if !self.program.is_copy(index) {
                if is_taken && self.hands_out(index, |values| values.places.iter().any(is_this)) {
                    stores.push(Stored::Value(index, Source::Unknown));
                }
                continue;
            }
            for place in self.nested(index, *to, Some(0)).places {
                let offset = begin.offset.checked_sub(place.offset).filter(|_| place.section == begin.section);
                let offset = offset.and_then(|offset| i64::try_from(offset).ok()).filter(|offset| *offset < COPIED);
                if let Some(offset) = offset.filter(|_| self.data.object(place).0 == object.0) {
                    stores.push(Stored::Copy(index, *from, offset));
                }
            }
        }
        stores
    }

    /// What the code stores there by its name.
    fn named_stores(&self, part: &Part) -> Vec<Stored> {
        let Part { begin, end, object, .. } = *part;
        let before = Place { offset: begin.offset.saturating_sub(u64::from(u8::MAX)).min(object.0.offset), ..begin };
        let behind = Place { offset: end.max(begin.offset.saturating_add(self.program.word)), ..begin };
        let mut stores: Vec<Stored> = Vec::new();
        for (passed, (place, steps)) in (1..).zip(self.program.stores.range(before..behind)) {
            if passed % STEPS_PER_VALUE == 0 && !self.program.spend(1) {
                stores.extend(steps.first().map(|index| Stored::Value(*index, Source::Unknown)));
                break;
            }
            for index in steps {
                let effects = self.program.steps.get(*index).into_iter().flat_map(|step| &step.effects);
                for effect in effects {
                    let (Some(memory), source) = effect.parts() else { continue };
                    let is_whole = matches!(effect, Effect::Stores(..));
                    let put = match memory.offset {
                        _ if memory.place() != Some(*place) => None,
                        Some(_) => self.put_into(part, effect, *place),
                        // Anywhere behind.
                        None if *place <= begin && self.data.object(*place).0 == object.0 => Some(source),
                        None => self.put_into(part, effect, *place),
                    };
                    // Of bytes that a register tells it does not show which they are.
                    let put = put.filter(|_| is_whole || memory.offset.is_some());
                    stores.extend(put.map(|source| Stored::Value(*index, source)));
                }
            }
        }
        stores
    }

    /// What a store at a place puts into a part of an object.
    fn put_into(&self, part: &Part, effect: &Effect, place: Place) -> Option<Source> {
        let Part { begin, end, is_one, .. } = *part;
        let number = |place: Place| i64::try_from(place.offset).unwrap_or(i64::MAX);
        let is_within = (begin..Place { offset: end.max(begin.offset), ..begin }).contains(&place);
        match *effect {
            Effect::Stores(_, source) if is_within => Some(source),
            // Of several words those where something stands.
            Effect::Spoils(_, bytes) if !is_one => {
                let first = Place { offset: place.offset.saturating_sub(self.program.word - 1), ..place };
                let behind = place.offset.saturating_add(bytes.into());
                let stands = || self.data.all_in((first, behind)).next().is_some();
                (is_within && stands()).then_some(Source::Unknown)
            }
            _ if place.section != begin.section => None,
            _ => put(effect, number(place), number(begin), self.program.word_bytes()),
        }
    }

    /// Whether a place is just what is loaded, or the begin of an array of names.
    fn is_just(&self, part: &Part, place: Place) -> bool {
        let Part { begin, end, object, is_one } = *part;
        let is_of_it = (begin..Place { offset: end.max(begin.offset), ..begin }).contains(&place) || place == object.0;
        is_of_it && (is_one && place == begin || self.holds_name(place))
    }
}

/// A part of an object that is loaded.
struct Part {
    begin: Place,
    /// In bytes of the section.
    end: u64,
    object: (Place, u64),
    /// Whether it is one word.
    is_one: bool,
}

/// What is put into an object.
enum Stored {
    /// By a step, this.
    Value(usize, Source),
    /// By a call, what is so many bytes behind where a register leads to before it.
    Copy(usize, Register, i64),
}

/// What a store that begins at one place puts into the word that begins at another.
fn put(effect: &Effect, at: i64, begin: i64, word: i64) -> Option<Source> {
    let overlaps = |bytes: i64| at < begin.saturating_add(word) && begin < at.saturating_add(bytes);
    match *effect {
        Effect::Stores(_, source) if at == begin => Some(source),
        Effect::Stores(..) => overlaps(word).then_some(Source::Unknown),
        Effect::Spoils(_, bytes) => overlaps(bytes.into()).then_some(Source::Unknown),
        Effect::Writes(..) | Effect::MayWrite(..) => None,
    }
}

/// Operations with numbers added at once.
fn joined(ops: Vec<Op>) -> Vec<Op> {
    let mut joined: Vec<Op> = Vec::with_capacity(ops.len());
    for op in ops {
        match (joined.last_mut(), op) {
            (Some(Op::Add(sum)), Op::Add(more)) => {
                *sum = sum.zip(more).and_then(|(sum, more)| sum.checked_add(more));
            }
            _ => joined.push(op),
        }
    }
    joined.retain(|op| *op != Op::Add(Some(0)));
    joined
}
