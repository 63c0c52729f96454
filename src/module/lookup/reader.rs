// SPDX-License-Identifier: MIT OR Apache-2.0
//! The calls by which a module finds something, and what each is told.

use std::collections::{BTreeMap, BTreeSet};

use super::data::Data;
use super::finder::{self, ADDRESS, Finder, Gives, SYMBOL_NAME, Told};
use super::program::Program;
use super::step::{Base, Callee, Effect, Step};
use super::values::{Follow, Op, Values};
use super::{Lookup, More};
use crate::module::elf::{Class, Symbols};
use crate::module::graph::{Place, Referent};
use crate::text;

/// What of a module's imports finds something, by the index of its symbol.
pub(super) struct Finders<'d> {
    pub(super) by_symbol: BTreeMap<u32, (&'d str, Finds)>,
}

/// How something is found by a function.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finds {
    Kernel(&'static Finder),
    /// Somebody hands out what finds by a name; in which argument that is handed over nobody tells.
    ByAny,
}

impl Finds {
    /// Whether what it is told may stand for several names.
    pub(super) fn takes_patterns(self) -> bool {
        matches!(self, Self::Kernel(Finder { told: Told::Pattern(_), .. }))
    }

    pub(super) fn gives(self) -> Gives {
        match self {
            Self::Kernel(finder) => finder.gives,
            Self::ByAny => Gives::Address,
        }
    }
}

impl<'d> Finders<'d> {
    pub(super) fn of(symbols: &Symbols<'d>, more: More<'_>) -> Self {
        let mut by_symbol = BTreeMap::new();
        for (index, symbol) in (1..).zip(symbols.iter()).filter(|(_, symbol)| symbol.is_undefined()) {
            let Some(name) = symbols.name(&symbol).and_then(text::symbol) else { continue };
            let finds = finder::find(name).map(Finds::Kernel).or_else(|| more(name).then_some(Finds::ByAny));
            by_symbol.extend(finds.map(|finds| (index, (name, finds))));
        }
        Self { by_symbol }
    }
}

pub(super) struct Reader<'r, 'e, 'd> {
    pub(super) program: &'r Program,
    pub(super) data: &'r Data<'e, 'd>,
    pub(super) finders: &'r Finders<'d>,
    pub(super) class: Class,
}

/// Names that one call is told, before the rest is what nobody can tell.
pub(super) const NAMES: usize = 1 << 10;

/// Bytes of names that take as long to read as one value takes.
const BYTES_PER_VALUE: u64 = 1 << 10;

/// What one call is told.
#[derive(Default)]
struct Names {
    names: BTreeSet<Box<str>>,
    is_open: bool,
}

impl Reader<'_, '_, '_> {
    pub(super) fn calls(&self) -> Vec<Lookup> {
        let mut calls: Vec<Lookup> = Vec::new();
        // The steps that have to do with a finder.
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        for (index, step) in self.program.steps.iter().enumerate() {
            let called = match step.calls {
                Some(Callee::Referent(Referent::Import(symbol))) => self.finders.by_symbol.get(&symbol),
                _ => None,
            };
            if let Some((name, finds)) = called {
                seen.insert(index);
                calls.extend(self.call(index, step.at, name, *finds));
            }
            for (name, gives) in self.taken(&step.effects) {
                seen.insert(index);
                calls.push(taken(name, gives, step.at));
            }
        }
        // Wherever else one is referred to, in data or in what is no instruction, somebody may get it from there.
        for (at, to) in self.data.imports(&|symbol| self.finders.by_symbol.contains_key(&symbol)) {
            let is_seen = self.program.step_at(at).is_some_and(|index| seen.contains(&index));
            calls.extend(self.finder(to).filter(|_| !is_seen).map(|(name, gives)| taken(name, gives, at)));
        }
        let by_pointer = self.by_pointer(&calls);
        calls.extend(by_pointer);
        calls.sort_by_key(|call| (call.at, call.by.clone()));
        calls
    }

    /// Finders whose address code takes.
    fn taken<'s>(&'s self, effects: &'s [Effect]) -> impl Iterator<Item = (&'s str, Gives)> {
        effects.iter().filter_map(|effect| match effect.parts().1.memory()?.base {
            Base::Referent(referent) => self.finder(referent),
            Base::Register(_) => None,
        })
    }

    /// The finder that is referred to.
    fn finder(&self, referent: Referent) -> Option<(&str, Gives)> {
        let Referent::Import(symbol) = referent else { return None };
        let (name, finds) = self.finders.by_symbol.get(&symbol)?;
        Some((name, finds.gives()))
    }

    /// What a call of a finder is told; nothing where it is none.
    fn call(&self, step: usize, at: Place, name: &str, finds: Finds) -> Option<Lookup> {
        let lookup = |gives, told: Names| Lookup {
            by: name.into(),
            gives,
            is_by_pointer: false,
            names: told.names.into_iter().collect(),
            is_open: told.is_open,
            at,
        };
        let finder = match finds {
            Finds::Kernel(finder) => finder,
            Finds::ByAny => return Some(lookup(Gives::Address, self.any_name(step))),
        };
        let told = match finder.told {
            Told::Name(argument) => self.name(step, argument, &[], false),
            Told::Pattern(argument) => self.name(step, argument, &[], true),
            Told::Field(argument, at) => self.name(step, argument, &self.field(at), false),
            Told::Probe(argument) => {
                let told = self.name(step, argument, &self.field(SYMBOL_NAME), false);
                let by_address = || self.named(&self.argument(step, argument, &self.field(ADDRESS)));
                if told.names.is_empty() && by_address() { Names::default() } else { told }
            }
            Told::All(argument) => self.all_names(step, argument),
            Told::Address(argument) => {
                Names { is_open: !self.named(&self.argument(step, argument, &[])), ..Names::default() }
            }
            Told::Nothing if self.is_told_before(step, finder.told_by) => return None,
            Told::Nothing => Names { is_open: true, ..Names::default() },
        };
        if finder.is_mostly_harmless && told.names.is_empty() {
            return None;
        }
        // Who listens where addresses are told by names has one that does; and a probe says where the kernel's tables are.
        let finds_more = finder.gives == Gives::Hook && told.names.iter().any(|name| finder::leads_to_symbols(name));
        Some(lookup(finder.gives, Names { is_open: told.is_open || finds_more, ..told }))
    }

    /// What leads to a field of what an argument points to.
    fn field(&self, [wide, narrow]: [i64; 2]) -> [Op; 2] {
        [Op::Add(Some(if self.class == Class::Elf64 { wide } else { narrow })), Op::Load]
    }

    /// Whether what a function is handed first was told what it is to find by one of others.
    fn is_told_before(&self, step: usize, told_by: &[&str]) -> bool {
        let tells = |callee: Option<Callee>| match callee {
            Some(Callee::Referent(Referent::Import(symbol))) => {
                self.finders.by_symbol.get(&symbol).is_some_and(|(name, _)| told_by.contains(name))
            }
            _ => false,
        };
        let steps = self.program.steps.iter().enumerate().filter(|(_, step)| tells(step.calls));
        let told: Vec<Values> = steps.map(|(index, _)| self.argument(index, 0, &[])).collect();
        let own = self.argument(step, 0, &[]);
        let is_told = |place: &Place| told.iter().any(|values| values.is_open || values.places.contains(place));
        !told.is_empty() && own.places.iter().all(is_told)
    }

    /// What an argument of a call may be, with what is done with it.
    fn argument(&self, step: usize, argument: u8, ops: &[Op]) -> Values {
        match self.program.calling.arguments.get(usize::from(argument)) {
            Some(register) => Follow::new(self.program, self.data).register(step, *register, ops),
            None => Values { is_open: true, ..Values::default() },
        }
    }

    /// The names that an argument may point to.
    fn name(&self, step: usize, argument: u8, ops: &[Op], is_pattern: bool) -> Names {
        self.names(&self.argument(step, argument, ops), is_pattern)
    }

    fn names(&self, values: &Values, is_pattern: bool) -> Names {
        let mut told = Names { is_open: values.is_open, names: BTreeSet::new() };
        let mut is_full = false;
        let mut add = |name: &str| {
            is_full |= told.names.len() >= NAMES || !self.program.spend(1);
            told.names.extend(symbol_of(name, is_pattern).filter(|_| !is_full).map(Into::into));
        };
        let mut may_change = false;
        for place in &values.places {
            let name = self.data.name(*place);
            name.into_iter().for_each(&mut add);
            // What is no symbol's name stands for others, such as a pattern that is not understood.
            may_change |= self.data.may_change(*place)
                || self.data.is_patched(*place)
                || name.is_some_and(|name| symbol_of(name, is_pattern).is_none());
        }
        // Of a place somewhere within a string it may be its end.
        let mut is_too_much = !values.within.is_empty();
        for place in &values.within {
            let object = self.data.object(*place);
            let size = object.1.saturating_sub(object.0.offset);
            if self.program.spend(usize::try_from(size / BYTES_PER_VALUE).unwrap_or(usize::MAX)) {
                self.data.names_in(object).take(NAMES + 1).for_each(&mut add);
            } else {
                is_too_much = true;
            }
            may_change |= self.data.may_change(*place);
        }
        // What is put together on the stack is no constant.
        told.is_open |= is_full || is_too_much || !values.slots.is_empty() || !values.imports.is_empty();
        // What is told nothing, or what is no name, was told something else than could be seen.
        told.is_open |= may_change || told.names.is_empty();
        told
    }

    /// The names that any argument may point to.
    fn any_name(&self, step: usize) -> Names {
        let mut all = Names::default();
        for (argument, register) in (0..6).zip(self.program.calling.arguments) {
            if !self.program.hands_over(step, *register) {
                continue;
            }
            let values = self.argument(step, argument, &[]);
            // What may be anything may be a name.
            all.is_open |= values.is_open;
            all.names.extend(self.names(&values, false).names);
            all.names.extend(self.all_names(step, argument).names);
        }
        all.is_open |= all.names.is_empty();
        all
    }

    /// All names to which what an argument points to leads.
    fn all_names(&self, step: usize, argument: u8) -> Names {
        /// Objects that are looked into.
        const OBJECTS: usize = 1 << 10;
        let values = self.argument(step, argument, &[]);
        let is_elsewhere = !values.slots.is_empty() || !values.imports.is_empty();
        let mut told = Names { is_open: values.is_open || is_elsewhere, names: BTreeSet::new() };
        let mut open: Vec<Place> = values.places.iter().chain(&values.within).copied().collect();
        let mut seen: BTreeSet<Place> = BTreeSet::new();
        while let Some(place) = open.pop() {
            if self.data.is_code(place) || !seen.insert(self.data.object(place).0) {
                continue;
            }
            if seen.len() > OBJECTS || !self.program.spend(1) {
                told.is_open = true;
                break;
            }
            let loaded = Follow::new(self.program, self.data).constants(place, &[Op::Add(None), Op::Load]);
            if loaded.is_empty() {
                told.is_open |= self.data.is_patched(place);
                told.names.extend(self.data.name(place).and_then(|name| symbol_of(name, false)).map(Into::into));
            }
            told.is_open |= loaded.is_open;
            open.extend(loaded.places.iter().chain(&loaded.within));
        }
        told.is_open |= told.names.is_empty();
        told
    }

    /// Whether these are addresses that the module names: of its own, or of what it imports.
    fn named(&self, values: &Values) -> bool {
        let is_own = |place: &Place| self.data.is_code(*place);
        !values.is_open
            && !values.is_empty()
            && values.places.iter().all(is_own)
            && values.within.is_empty()
            && values.slots.is_empty()
    }

    /// What is told to functions that are called by a pointer, if one of them may be what was found.
    fn by_pointer(&self, calls: &[Lookup]) -> Vec<Lookup> {
        let told = calls.iter().flat_map(|call| &call.names).find(|name| finder::gives_addresses(name));
        let taken = calls.iter().find(|call| call.is_by_pointer && call.gives == Gives::Address).map(|call| &call.by);
        // A hook may be one on what gives addresses, by whatever name.
        let hook = calls.iter().find(|call| call.gives == Gives::Hook).map(|call| &call.by);
        let Some(by) = told.or(taken).or(hook).cloned() else { return Vec::new() };
        let is_held = told.or(taken).is_some();
        self.program.look_elsewhere();
        let pointers = self.program.steps.iter().enumerate().filter(|(_, step)| step.calls == Some(Callee::Pointer));
        let lookup = |(index, step): (usize, &Step)| {
            let Names { mut names, is_open } = self.name(index, 0, &[], false);
            names.extend((1..4).flat_map(|argument| self.name(index, argument, &[], false).names));
            let says = !names.is_empty() || (is_open && is_held);
            says.then(|| Lookup {
                by: by.clone(),
                gives: Gives::Address,
                is_by_pointer: true,
                names: names.into_iter().collect(),
                is_open: is_open && is_held,
                at: step.at,
            })
        };
        pointers.filter_map(lookup).collect()
    }
}

/// A finder whose address is taken: what it is told then, nobody can tell.
fn taken(name: &str, gives: Gives, at: Place) -> Lookup {
    Lookup { by: name.into(), gives, is_by_pointer: true, names: Vec::new(), is_open: true, at }
}

/// What stands before a function, or leads to it (`CONFIG_FUNCTION_PADDING`, `CONFIG_CFI`, `include/linux/export-internal.h`, 7.2).
const BESIDE: [&str; 3] = ["__pfx_", "__cfi_", "__ksymtab_"];

/// What is looked up by a name that a call passes: a module's name may stand before it (`kallsyms_lookup_name()`), and a
/// distance behind it (`kprobe_addr()`). Nothing if no symbol could be called so.
pub(super) fn symbol_of(name: &str, is_pattern: bool) -> Option<&str> {
    let name = name.rsplit_once(':').map_or(name, |(_, symbol)| symbol);
    let name = name.split_once('+').map_or(name, |(symbol, _)| symbol);
    // What the compiler, the linker or the kernel's build made of a function, or beside it, is called after that.
    let name = name.split_once('.').map_or(name, |(symbol, _)| symbol);
    let name = BESIDE.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let fits = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$') || (is_pattern && matches!(c, '*' | '?' | '[' | ']'))
    };
    let begins = |c: char| !c.is_ascii_digit();
    (!name.is_empty() && name.starts_with(begins) && name.chars().all(fits)).then_some(name)
}
