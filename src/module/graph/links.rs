// SPDX-License-Identifier: MIT OR Apache-2.0
//! The links between parts, made of the references between places.

use std::collections::{BTreeMap, BTreeSet};

use super::super::elf::{Elf, Symbols};
use super::super::imports::{SHN_LIVEPATCH, livepatch_target};
use super::parts::{Parts, is_code};
use super::references::{End, Ending, How, Reference, References, Referent, THIS_MODULE};
use super::{Depth, Grade, Graph, Link, Place, Target};
use crate::text;

/// A graph whose links are being made.
pub(super) struct Links<'l, 'd> {
    pub(super) graph: Graph,
    elf: &'l Elf<'d>,
    symbols: &'l Symbols<'d>,
    parts: &'l Parts,
    references: &'l References<'l>,
    imports: BTreeMap<&'l str, u32>,
    /// The sections of that name, of which a module has one.
    this_module: Vec<usize>,
    stored: Vec<(u32, Link)>,
    /// How many were made.
    count: usize,
}

/// More links than any module has. What reads many places of one object could make more of a small file than memory holds.
const LINKS: usize = 1 << 22;

/// The part in which code ends that does not go on elsewhere, that behind it, and what it calls last.
struct Falls {
    from: u32,
    next: u32,
    callee: Option<Target>,
}

impl<'l, 'd> Links<'l, 'd> {
    pub(super) fn new(
        elf: &'l Elf<'d>,
        symbols: &'l Symbols<'d>,
        parts: &'l Parts,
        references: &'l References<'l>,
        depth: Depth,
    ) -> Option<Self> {
        let graph = Graph { links: vec![Vec::new(); parts.len()], parts: parts.names(), ..Graph::default() };
        let this_module = elf.named(THIS_MODULE).map(|(index, _)| index).collect();
        let (imports, stored) = (BTreeMap::new(), Vec::new());
        let mut links = Self { graph, elf, symbols, parts, references, imports, this_module, stored, count: 0 };
        let mut stored: Vec<&Reference> = references.stored().collect();
        stored.sort_unstable_by_key(|reference| reference.from);
        for reference in references.all() {
            links.refer(reference, &stored);
            if links.count > LINKS {
                return None;
            }
        }
        for reference in stored.into_iter().chain(references.handed()) {
            links.store(parts.at(reference.from), reference.to);
        }
        links.graph.stored = (depth == Depth::Everything).then(|| std::mem::take(&mut links.stored));
        Some(links)
    }

    /// Takes a reference, and what is put where it reads; nothing is to be got from less than an address.
    fn refer(&mut self, reference: &Reference, stored: &[&Reference]) {
        let Some(from) = self.parts.at(reference.from) else { return };
        if let (How::Field(bytes), Referent::Place(place)) = (reference.how, reference.to)
            && !is_code(self.elf, place.section)
        {
            if bytes < self.elf.machine.class.word() {
                return;
            }
            let references = self.references;
            let here = |reference: &&Reference| {
                reference.from.section == place.section && reference.from.offset < place.offset.saturating_add(bytes)
            };
            let of = references.of(place.section);
            let first = of.partition_point(|reference| reference.from < place);
            for slot in of.get(first..).unwrap_or_default().iter().take_while(here) {
                self.add(from, slot.to, Grade::Table);
            }
            let first = stored.partition_point(|reference| reference.from < place);
            for slot in stored.get(first..).unwrap_or_default().iter().copied().take_while(here) {
                self.store(Some(from), slot.to);
            }
            return;
        }
        self.add(from, reference.to, reference.how.grade());
    }

    /// Whose address everybody takes is handed on only to be told apart from others.
    fn is_this_module(&self, to: Referent) -> bool {
        matches!(to, Referent::Place(place) if self.this_module.contains(&(place.section as usize)))
    }

    fn store(&mut self, from: Option<u32>, to: Referent) {
        self.count += 1;
        let link = if self.is_this_module(to) { None } else { self.link(to, Grade::Table) };
        self.stored.extend(from.zip(link));
    }

    fn add(&mut self, from: u32, to: Referent, grade: Grade) {
        self.count += 1;
        if self.is_this_module(to) {
            return;
        }
        let link = self.link(to, grade).filter(|link| link.to != Target::Part(from));
        if let (Some(link), Some(links)) = (link, self.graph.links.get_mut(from as usize)) {
            links.push(link);
        }
    }

    fn link(&mut self, to: Referent, grade: Grade) -> Option<Link> {
        let to = match to {
            Referent::Place(place) => Target::Part(self.parts.at(place)?),
            Referent::Import(_) | Referent::Found(_) => {
                let name = self.name(to)?;
                let next = u32::try_from(self.graph.imports.len()).ok()?;
                let index = *self.imports.entry(name).or_insert(next);
                if index == next {
                    self.graph.imports.push(name.into());
                }
                Target::Import(index)
            }
        };
        Some(Link { to, grade })
    }

    /// The name of what is outside.
    fn name(&self, to: Referent) -> Option<&'l str> {
        match to {
            Referent::Place(_) => None,
            Referent::Import(symbol) => {
                let symbol = self.symbols.get(symbol as usize)?;
                let name = text::symbol(self.symbols.name(&symbol)?)?;
                if symbol.section == SHN_LIVEPATCH { livepatch_target(name) } else { Some(name) }
            }
            Referent::Found(number) => self.references.found_name(number),
        }
    }

    /// Code that does not end goes on in the next part. A call may be the end: of a function that never returns.
    pub(super) fn fall_through(&mut self) {
        let calls = self.last_calls();
        let (mut sure, mut pending): (Vec<(u32, u32)>, Vec<Falls>) = (Vec::new(), Vec::new());
        for End { begin, ending, .. } in self.references.ends() {
            let (Some(from), Some(next)) = (self.parts.at(*begin), self.parts.behind(*begin)) else { continue };
            match ending {
                Ending::Open => sure.push((from, next)),
                Ending::Closed => {}
                Ending::Call(offset) => {
                    let callee = calls.get(&Place { offset: *offset, ..*begin }).copied();
                    pending.push(Falls { from, next, callee });
                }
            }
        }
        let mut returns = Returns::new(self);
        for (from, next) in &sure {
            returns.goes_on(*from, *next);
        }
        loop {
            returns.spread();
            let (goes_on, rest): (Vec<Falls>, Vec<Falls>) = pending.into_iter().partition(|falls| match falls.callee {
                Some(Target::Part(part)) => returns.does(part),
                Some(Target::Import(import)) => {
                    !self.graph.imports.get(import as usize).is_some_and(|name| never_returns(name))
                }
                None => true,
            });
            if goes_on.is_empty() {
                break;
            }
            for Falls { from, next, .. } in goes_on {
                returns.goes_on(from, next);
                sure.push((from, next));
            }
            pending = rest;
        }
        for (from, next) in sure {
            if let Some(links) = self.graph.links.get_mut(from as usize) {
                links.push(Link { to: Target::Part(next), grade: Grade::Call });
            }
        }
    }

    /// What the calls lead to with which code ends, by where they are.
    fn last_calls(&mut self) -> BTreeMap<Place, Target> {
        let last: BTreeSet<Place> = self
            .references
            .ends()
            .filter_map(|end| match end.ending {
                Ending::Call(offset) => Some(Place { offset, ..end.begin }),
                _ => None,
            })
            .collect();
        let references = self.references;
        let calls = references.all().filter(|reference| reference.how == How::Call && last.contains(&reference.from));
        let mut targets = BTreeMap::new();
        for call in calls {
            targets.extend(self.link(call.to, Grade::Call).map(|link| (call.from, link.to)));
        }
        targets
    }
}

/// Which parts give control back to who called them.
struct Returns {
    does: Vec<bool>,
    /// The parts that go on in each.
    from: Vec<Vec<u32>>,
    /// Of which it is not yet known by those.
    new: Vec<u32>,
}

impl Returns {
    /// Of what each part itself does, and where it jumps.
    fn new(links: &mut Links<'_, '_>) -> Self {
        let count = links.parts.len();
        let mut returns = Self { does: vec![false; count], from: vec![Vec::new(); count], new: Vec::new() };
        for end in links.references.ends().filter(|end| end.returns) {
            returns.new.extend(links.parts.at(end.begin));
        }
        let references = links.references;
        for jump in references.all().filter(|reference| reference.how == How::Jump) {
            let Some(from) = links.parts.at(jump.from) else { continue };
            match links.link(jump.to, Grade::Call).map(|link| link.to) {
                Some(Target::Part(to)) => returns.goes_on(from, to),
                Some(Target::Import(import)) => {
                    let name = links.graph.imports.get(import as usize);
                    if !name.is_some_and(|name| never_returns(name)) {
                        returns.new.push(from);
                    }
                }
                None => {}
            }
        }
        returns
    }

    fn does(&self, part: u32) -> bool {
        self.does.get(part as usize).copied().unwrap_or_default()
    }

    /// One part goes on in another.
    fn goes_on(&mut self, from: u32, to: u32) {
        if self.does(to) {
            self.new.push(from);
        } else if from != to
            && let Some(all) = self.from.get_mut(to as usize)
        {
            all.push(from);
        }
    }

    /// Tells those that go on in what gives control back.
    fn spread(&mut self) {
        while let Some(part) = self.new.pop() {
            if let Some(does) = self.does.get_mut(part as usize)
                && !std::mem::replace(does, true)
                && let Some(from) = self.from.get_mut(part as usize)
            {
                self.new.append(from);
            }
        }
    }
}

fn never_returns(name: &str) -> bool {
    NEVER_RETURN.contains(&name)
}

/// Exports of the kernel that do not return (`tools/objtool/noreturns.h`, 7.2, those that modules can call).
const NEVER_RETURN: [&str; 14] = [
    "__fortify_panic",
    "__kunit_abort",
    "__module_put_and_kthread_exit",
    "__stack_chk_fail",
    "__ubsan_handle_builtin_unreachable",
    "do_exit",
    "fortify_panic",
    "kthread_complete_and_exit",
    "kthread_exit",
    "kunit_try_catch_throw",
    "make_task_dead",
    "module_put_and_exit",
    "panic",
    "usercopy_abort",
];
