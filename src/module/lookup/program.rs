// SPDX-License-Identifier: MIT OR Apache-2.0
//! The code of a module as steps, with the ways between them.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter::{Copied, Peekable};
use std::slice::Iter;

use object::elf::STT_FUNC;

use super::step::{Callee, Calling, Effect, Memory, Register, Step};
use super::values::MOST_OF_ALL;
use super::{arm, arm64, finder, x86};
use crate::module::elf::{Elf, Relocation, Symbols};
use crate::module::graph::{
    Code, Detour, Meant, Place, Referent, Why, detours, is_code, is_written, referent, symbols_of, word,
};
use crate::text;

/// A piece of a section's code, from one place where something begins to the next.
pub(super) struct Piece<'p> {
    pub(super) section: u32,
    pub(super) symbols: &'p Symbols<'p>,
    pub(super) code: &'p [u8],
    /// Where it begins, in bytes of the section.
    pub(super) begin: u64,
    /// Those of the section that were not passed yet.
    pub(super) relocations: Peekable<Copied<Iter<'p, Relocation>>>,
}

impl Piece<'_> {
    pub(super) fn at(&self, offset: u64) -> Place {
        Place { section: self.section, offset }
    }

    /// What a relocation refers to; nothing where it is near an undefined symbol, and not that.
    pub(super) fn referent(&self, (relocation, addend): Meant) -> Option<Referent> {
        let referent = referent(self.symbols, relocation.symbol, addend);
        referent.filter(|referent| addend == 0 || matches!(referent, Referent::Place(_)))
    }

    /// Whether a relocation refers to a number, so that it stands nowhere in the code.
    pub(super) fn is_number(&self, (relocation, addend): Meant) -> bool {
        referent(self.symbols, relocation.symbol, addend).is_none()
    }
}

/// All code of a module.
pub(super) struct Program {
    /// In the order of their places.
    pub(super) steps: Vec<Step>,
    pub(super) calling: &'static Calling,
    /// Bytes of an address.
    pub(super) word: u64,
    /// Where functions begin.
    entries: BTreeSet<Place>,
    /// Functions that somebody may call whom the code does not name.
    pub(super) open: BTreeSet<Place>,
    /// The steps that jump to a place, and those that call a function there.
    jumps: HashMap<Place, Vec<usize>>,
    calls: HashMap<Place, Vec<usize>>,
    stack_since: Vec<usize>,
    /// The steps in whose stead control may go to a place.
    detours: HashMap<Place, Vec<usize>>,
    /// Where code changes that only goes where the kernel is told to make it go.
    switched: BTreeSet<Place>,
    /// The functions that are called when the module is loaded, and before it is gone.
    first_and_last: BTreeSet<Place>,
    /// The imports that copy.
    copies: BTreeSet<u32>,
    /// The imports that change none of what they are told.
    readers: BTreeSet<u32>,
    /// How many values may still be looked at.
    pub(super) left: Cell<usize>,
    /// Whether only a part of the code was read, and whether something hung on the rest.
    is_part: bool,
    lacks: Cell<bool>,
    /// The steps that store something, by the places that they name; and those that name none.
    pub(super) stores: BTreeMap<Place, Vec<usize>>,
    pub(super) loose_stores: Vec<usize>,
    /// The steps that take the address of a place, or read or write it, by these.
    pub(super) uses: BTreeMap<Place, Vec<usize>>,
}

/// How much of the code is read.
pub(super) enum Extent<'e> {
    /// All.
    Whole,
    /// What is around references to symbols that are wanted, by their indices.
    Around(&'e dyn Fn(u32) -> bool),
}

/// Imports that are no calls: hooks for tracers, which change no register.
const HOOKS: [&str; 3] = ["__fentry__", "_mcount", "__gnu_mcount_nc"];

/// Imports that write what their first argument points to, of what the others do.
const COPIES: [&str; 18] = [
    "__memcpy",
    "_copy_from_user",
    "copy_from_user",
    "memcpy",
    "memmove",
    "scnprintf",
    "sized_strscpy",
    "snprintf",
    "sprintf",
    "strcat",
    "strcpy",
    "strlcat",
    "strlcpy",
    "strncat",
    "strncpy",
    "strscpy",
    "strscpy_pad",
    "vsnprintf",
];

/// What these begin with watches all that the code reads and writes, where the kernel is built to find its own faults.
const WATCHERS: [&str; 5] = ["__asan_", "__hwasan_", "__msan_", "__sanitizer_", "__tsan_"];

/// What stands for a return on x86 (`arch/x86/lib/retpoline.S`, 7.2).
const RETURN: &str = "__x86_return_thunk";

/// What these begin with stands for a call of where a register leads (the same).
const POINTERS: [&str; 2] = ["__x86_indirect_", "__llvm_retpoline_"];

impl Program {
    /// Reads code. Nothing if nobody here can read it.
    pub(super) fn read(elf: &Elf<'_>, symbols: &Symbols<'_>, exported: &[Place], extent: &Extent<'_>) -> Option<Self> {
        let code = Code::of(elf.machine, symbols)?;
        let calling = match code {
            Code::X86(64) => &x86::CALLING_64,
            Code::X86(_) => &x86::CALLING_32,
            Code::Arm64 => &arm64::CALLING,
            Code::Arm => &arm::CALLING,
        };
        let mut begins: BTreeSet<Place> = exported.iter().copied().collect();
        let mut entries = begins.clone();
        for (place, symbol) in symbols_of(symbols).filter(|(place, _)| is_code(elf, place.section)) {
            begins.insert(place);
            if symbol.kind == STT_FUNC {
                entries.insert(place);
            }
        }
        let sections = (0..u32::try_from(elf.sections().len()).ok()?).filter(|section| is_code(elf, *section));
        let sections: Vec<Section<'_>> =
            sections.filter_map(|section| Section::new(elf, symbols, code, section, &begins)).collect();
        let wanted = match extent {
            Extent::Whole => None,
            Extent::Around(is_wanted) => Some(around(&sections, code, is_wanted)),
        };
        let mut steps = Vec::new();
        for section in &sections {
            section.read(code, wanted.as_ref(), &mut steps);
        }
        let mut program = Self {
            steps,
            calling,
            word: u64::from(elf.machine.word()),
            entries,
            open: exported.iter().copied().collect(),
            jumps: HashMap::new(),
            calls: HashMap::new(),
            stack_since: Vec::new(),
            detours: HashMap::new(),
            switched: BTreeSet::new(),
            first_and_last: first_and_last(symbols),
            copies: BTreeSet::new(),
            readers: BTreeSet::new(),
            left: Cell::new(MOST_OF_ALL),
            is_part: wanted.is_some(),
            lacks: Cell::new(false),
            stores: BTreeMap::new(),
            loose_stores: Vec::new(),
            uses: BTreeMap::new(),
        };
        program.name_imports(symbols);
        program.index();
        if let Extent::Whole = extent {
            program.go_elsewhere(elf, symbols);
        }
        Some(program)
    }

    /// Bytes of an address, as a distance.
    pub(super) fn word_bytes(&self) -> i64 {
        i64::try_from(self.word).unwrap_or(8)
    }

    /// Takes so many values of those that may still be looked at; whether there were as many.
    pub(super) fn spend(&self, values: usize) -> bool {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Notes that something hangs on code that was not read, if there is such.
    pub(super) fn look_elsewhere(&self) {
        self.lacks.set(self.lacks.get() || self.is_part);
    }

    /// Whether something hung on code that was not read.
    pub(super) fn lacks(&self) -> bool {
        self.lacks.get()
    }

    /// Takes it that somebody calls those functions whose addresses are taken: by the code, or in data.
    pub(super) fn open_up(&mut self, pointed_at: &BTreeSet<Place>) {
        let taken = self.uses.keys().chain(pointed_at).filter(|place| self.entries.contains(place));
        self.open.extend(taken);
    }

    /// Tells apart what the code calls by the names of the imports.
    fn name_imports(&mut self, symbols: &Symbols<'_>) {
        let name = |import: u32| symbols.get(import as usize).and_then(|symbol| text::symbol(symbols.name(&symbol)?));
        for step in &mut self.steps {
            let Some(Callee::Referent(Referent::Import(import))) = step.calls else { continue };
            match name(import) {
                Some(name) if HOOKS.contains(&name) => step.calls = None,
                Some(RETURN) => {
                    step.calls = None;
                    step.returns = true;
                }
                Some(name) if POINTERS.iter().any(|prefix| name.starts_with(prefix)) => {
                    step.calls = Some(Callee::Pointer);
                }
                Some(name) if COPIES.contains(&name) => {
                    self.copies.insert(import);
                }
                Some(name)
                    if finder::find(name).is_some() || WATCHERS.iter().any(|prefix| name.starts_with(prefix)) =>
                {
                    self.readers.insert(import);
                }
                _ => {}
            }
        }
    }

    fn index(&mut self) {
        for step in &self.steps {
            if let (Some(Callee::Referent(Referent::Place(place))), None) = (step.calls, step.jump) {
                self.entries.insert(place);
            }
        }
        let mut since = 0;
        for (index, step) in self.steps.iter_mut().enumerate() {
            if self.entries.contains(&step.at) {
                since = index;
            }
            self.stack_since.push(since);
            if step.effects.iter().any(|effect| matches!(effect, Effect::Writes(of, _) if *of == self.calling.stack)) {
                since = index;
            }
            if let Some(place) = step.jump {
                // A jump within a function is no call.
                if !self.entries.contains(&place) {
                    step.calls = None;
                }
                self.jumps.entry(place).or_default().push(index);
            }
            if let Some(Callee::Referent(Referent::Place(place))) = step.calls {
                self.calls.entry(place).or_default().push(index);
            }
            for effect in &step.effects {
                let (memory, source) = effect.parts();
                match memory.map(|memory| (memory.place(), memory)) {
                    Some((Some(place), _)) => self.stores.entry(place).or_default().push(index),
                    Some((None, _)) => self.loose_stores.push(index),
                    None => {}
                }
                for place in [memory, source.memory()].into_iter().flatten().filter_map(Memory::place) {
                    self.uses.entry(place).or_default().push(index);
                }
            }
        }
    }

    /// Notes where the kernel makes code go on elsewhere.
    fn go_elsewhere(&mut self, elf: &Elf<'_>, symbols: &Symbols<'_>) {
        self.switched = self.entries.iter().filter(|entry| is_written(elf, entry.section)).copied().collect();
        for Detour { from, to, why } in detours(elf, symbols).unwrap_or_default() {
            let Ok(first) = self.steps.binary_search_by_key(&from, |step| step.at) else { continue };
            let behind = |place: Place, bytes: u8| Place { offset: place.offset.saturating_add(bytes.into()), ..place };
            match why {
                Why::Switched => self.detours.entry(to).or_default().push(first),
                // What it changes may be changed, or not.
                Why::Fault => {
                    self.detours.entry(to).or_default().push(first);
                    self.jumps.entry(to).or_default().push(first);
                }
                Why::Replaced { lens } => {
                    let (old, new) = lens.unwrap_or_default();
                    let (old, new_end) = (behind(from, old), behind(to, new));
                    if new == 0 {
                        self.detours.entry(old).or_default().push(first);
                        continue;
                    }
                    self.detours.entry(to).or_default().push(first);
                    let last = self.steps.partition_point(|step| step.at < new_end).checked_sub(1);
                    let last =
                        last.filter(|last| self.steps.get(*last).is_some_and(|step| step.at >= to && step.goes_on));
                    self.jumps.entry(old).or_default().extend(last);
                }
            }
        }
    }

    /// The steps in whose stead a step may come.
    pub(super) fn instead(&self, index: usize) -> &[usize] {
        let step = self.steps.get(index);
        step.and_then(|step| self.detours.get(&step.at)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a function is one that only goes where the kernel is told to make it go.
    pub(super) fn is_switched(&self, function: Place) -> bool {
        self.switched.contains(&function)
    }

    /// The steps after which a step may come.
    pub(super) fn before(&self, index: usize) -> impl Iterator<Item = usize> {
        let step = self.steps.get(index);
        let behind = index.checked_sub(1).filter(|before| {
            let pair = self.steps.get(*before).zip(step);
            pair.is_some_and(|(before, step)| {
                before.goes_on && before.at.section == step.at.section && !self.entries.contains(&step.at)
            })
        });
        let jumps = step.and_then(|step| self.jumps.get(&step.at)).into_iter().flatten().copied();
        behind.into_iter().chain(jumps)
    }

    pub(super) fn is_entry(&self, place: Place) -> bool {
        self.entries.contains(&place)
    }

    /// The function that a place is in.
    pub(super) fn function(&self, place: Place) -> Option<Place> {
        self.entries.range(..=place).next_back().copied().filter(|entry| entry.section == place.section)
    }

    /// The steps of the function that a step is in.
    pub(super) fn function_of_step(&self, index: usize) -> std::ops::Range<usize> {
        let entry = self.steps.get(index).and_then(|step| self.function(step.at));
        let Some(entry) = entry else { return index..index };
        let begin = self.steps.partition_point(|step| step.at < entry);
        let behind = Place { offset: entry.offset.saturating_add(1), ..entry };
        let end = self
            .entries
            .range(behind..)
            .next()
            .map_or(self.steps.len(), |next| self.steps.partition_point(|step| step.at < *next));
        begin..end
    }

    /// Functions, and those of the module that they call.
    pub(super) fn reached(&self, mut functions: BTreeSet<Place>) -> BTreeSet<Place> {
        /// More functions than what is handed to them is followed through.
        const FUNCTIONS: usize = 64;
        let mut open: Vec<Place> = functions.iter().copied().collect();
        while let Some(function) = open.pop() {
            if functions.len() > FUNCTIONS {
                break;
            }
            for step in self.steps_of(function).filter_map(|index| self.steps.get(index)) {
                if let Some(Callee::Referent(Referent::Place(callee))) = step.calls
                    && functions.insert(callee)
                {
                    open.push(callee);
                }
            }
        }
        functions
    }

    /// The step that a place is in.
    pub(super) fn step_at(&self, place: Place) -> Option<usize> {
        let index = self.steps.partition_point(|step| step.at <= place).checked_sub(1)?;
        self.steps.get(index).filter(|step| step.at.section == place.section).map(|_| index)
    }

    /// The steps of the function at a place.
    pub(super) fn steps_of(&self, function: Place) -> std::ops::Range<usize> {
        self.function_of_step(self.steps.partition_point(|step| step.at < function))
    }

    /// Whether a call may hand over something in a register: it was written since the last call before, or since the function
    /// was entered with something in it. The first and the last function of a module are entered with nothing.
    pub(super) fn hands_over(&self, call: usize, register: Register) -> bool {
        /// Functions, each called by the next.
        const CALLERS: usize = 32;
        let writes =
            |effect: &Effect| matches!(effect, Effect::Writes(of, _) | Effect::MayWrite(of, _) if *of == register);
        let mut seen: BTreeSet<Place> = BTreeSet::new();
        let mut open = vec![call];
        'calls: while let Some(call) = open.pop() {
            let function = self.function_of_step(call);
            for step in (function.start..call).rev().filter_map(|index| self.steps.get(index)) {
                if step.effects.iter().any(writes) {
                    return true;
                }
                if step.calls.is_some() || step.returns {
                    continue 'calls;
                }
            }
            let Some(entry) = self.steps.get(function.start).map(|step| step.at) else { continue };
            if self.first_and_last.contains(&entry) || !seen.insert(entry) {
                continue;
            }
            if self.open.contains(&entry) || seen.len() > CALLERS {
                return true;
            }
            open.extend(self.callers(entry));
        }
        false
    }

    /// Whether a step calls what copies.
    pub(super) fn is_copy(&self, index: usize) -> bool {
        let calls = self.steps.get(index).and_then(|step| step.calls);
        matches!(calls, Some(Callee::Referent(Referent::Import(import))) if self.copies.contains(&import))
    }

    /// Whether a step calls others of whom nothing is known.
    pub(super) fn calls_others(&self, index: usize) -> bool {
        match self.steps.get(index).and_then(|step| step.calls) {
            Some(Callee::Referent(Referent::Import(import))) => !self.readers.contains(&import),
            Some(Callee::Pointer) => true,
            _ => false,
        }
    }

    /// The last step before one, in its function, that changes the stack pointer; or else the first of all.
    pub(super) fn stack_since(&self, index: usize) -> usize {
        self.stack_since.get(index).copied().unwrap_or_default()
    }

    /// The steps that call the function at a place.
    pub(super) fn callers(&self, entry: Place) -> &[usize] {
        self.calls.get(&entry).map(Vec::as_slice).unwrap_or_default()
    }
}

fn first_and_last(symbols: &Symbols<'_>) -> BTreeSet<Place> {
    let is_one = |name: &[u8]| matches!(name, b"init_module" | b"cleanup_module");
    let of_it = symbols_of(symbols).filter(|(_, symbol)| symbols.name(symbol).is_some_and(is_one));
    of_it.map(|(place, _)| place).collect()
}

/// A section of code, and the pieces that it falls into.
struct Section<'s> {
    index: u32,
    symbols: &'s Symbols<'s>,
    code: &'s [u8],
    relocations: Vec<Relocation>,
    /// Where each piece begins.
    begins: Vec<u64>,
}

/// A piece by its section and where it begins in it.
type Key = (u32, u64);

impl<'s> Section<'s> {
    fn new(elf: &Elf<'s>, symbols: &'s Symbols<'s>, code: Code, index: u32, begins: &BTreeSet<Place>) -> Option<Self> {
        let all = elf.data_at(index as usize)?;
        let relocations = elf.many_relocations(index as usize).unwrap_or_default();
        let whole = Place { section: index, offset: 0 }..Place { section: index, offset: all.len() as u64 };
        let mut starts: Vec<u64> = begins.range(whole).map(|place| code.begin(place.offset)).collect();
        starts.insert(0, 0);
        starts.dedup();
        Some(Self { index, symbols, code: all, relocations, begins: starts })
    }

    /// The piece that a place is in.
    fn piece(&self, offset: u64) -> Option<u64> {
        self.begins.get(self.begins.partition_point(|begin| *begin <= offset).checked_sub(1)?).copied()
    }

    /// What is added to a relocation's symbol, if that stands in the code as well.
    fn addend(&self, code: Code, relocation: &Relocation) -> i64 {
        let field = || usize::try_from(relocation.offset).ok().and_then(|at| word(self.code, at)).unwrap_or(0);
        relocation.addend.unwrap_or_else(|| match code {
            Code::Arm => arm::addend(relocation.kind, field()),
            Code::X86(_) | Code::Arm64 => i64::from(field().cast_signed()),
        })
    }

    /// Reads its pieces, or those of them that are wanted.
    fn read(&self, code: Code, wanted: Option<&BTreeSet<Key>>, steps: &mut Vec<Step>) {
        let ends = self.begins.iter().skip(1).copied().chain([self.code.len() as u64]);
        let mut rest = self.relocations.iter().copied().peekable();
        for (begin, end) in self.begins.iter().copied().zip(ends) {
            while rest.next_if(|relocation| relocation.offset < begin).is_some() {}
            if wanted.is_some_and(|wanted| !wanted.contains(&(self.index, begin))) {
                continue;
            }
            let range = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
            let Some(bytes) = range.and_then(|(begin, end)| self.code.get(begin..end)) else { continue };
            let Self { index, symbols, .. } = *self;
            let mut piece = Piece { section: index, symbols, code: bytes, begin, relocations: rest };
            match code {
                Code::X86(bits) => x86::read(bits, &mut piece, steps),
                Code::Arm64 => arm64::read(&mut piece, steps),
                Code::Arm => arm::read(&mut piece, steps),
            }
            rest = piece.relocations;
        }
    }
}

/// What is relative counts from the end of the instruction, at most so many bytes behind the begin of the field.
const FIELD_BYTES: u64 = 8;

/// The pieces that refer to a wanted symbol, and those from which control may come into the middle of such a one: compilers put
/// parts of a function into another section.
fn around(sections: &[Section<'_>], code: Code, is_wanted: &dyn Fn(u32) -> bool) -> BTreeSet<Key> {
    let mut wanted: BTreeSet<Key> = BTreeSet::new();
    // From which piece something leads into the middle of which.
    let mut into: Vec<(Key, Key)> = Vec::new();
    for section in sections {
        for relocation in &section.relocations {
            let Some(from) = section.piece(relocation.offset) else { continue };
            if is_wanted(relocation.symbol) {
                wanted.insert((section.index, from));
            }
            let addend = section.addend(code, relocation);
            let Some(Referent::Place(to)) = referent(section.symbols, relocation.symbol, addend) else { continue };
            let Some(target) = sections.iter().find(|section| section.index == to.section) else { continue };
            for offset in [to.offset, to.offset.saturating_add(4), to.offset.saturating_add(FIELD_BYTES)] {
                let piece = target.piece(offset).filter(|begin| *begin != offset);
                into.extend(piece.map(|piece| ((to.section, piece), (section.index, from))));
            }
        }
    }
    into.sort_unstable();
    into.dedup();
    let mut open: Vec<Key> = wanted.iter().copied().collect();
    while let Some(piece) = open.pop() {
        let first = into.partition_point(|(of, _)| *of < piece);
        for (_, from) in into.iter().skip(first).take_while(|(of, _)| *of == piece) {
            if wanted.insert(*from) {
                open.push(*from);
            }
        }
    }
    wanted
}
