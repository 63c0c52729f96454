// SPDX-License-Identifier: MIT OR Apache-2.0
//! What in a module refers to what: its functions and data objects, from its exports down to its imports.
//!
//! Nodes are parts of sections: a part begins where a symbol does, or where something refers to a place in data. Links come
//! from relocations, and from the code itself where the assembler has resolved a branch within a section. A link is a
//! call where the code branches, and goes through a table where it takes an address or data holds one. Only what an
//! export leads to is looked at.

mod anchors;
mod code;
mod parts;
mod references;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use object::elf::SHT_SYMTAB;
use serde::Serialize;

use super::bytes::Bytes;
use super::elf::{Elf, ElfError, Machine, Symbol, Symbols};
use super::{exports, signature};
use crate::text;
use code::Code;
use parts::Parts;
use references::{Ending, References};

/// How something leads somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// By a chain of calls.
    Call,
    /// Somewhere through a table of pointers, or a pointer that is handed on.
    Table,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Call => "call",
            Self::Table => "table",
        })
    }
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Into this part.
    Part(u32),
    /// To this import.
    Import(u32),
}

/// One link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Where it leads.
    pub to: Target,
    /// How.
    pub grade: Grade,
}

/// What a module's exports lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// The names of the parts.
    pub parts: Vec<Box<str>>,
    /// The links of each part, sorted.
    pub links: Vec<Vec<Link>>,
    /// The parts that are exported, by the names of the exports.
    pub exports: Vec<(Box<str>, u32)>,
    /// The names of the imports.
    pub imports: Vec<Box<str>>,
    /// Whether the module is one part, because its code can't be read: each export then leads to each import.
    pub is_whole: bool,
}

/// Whether the code of a machine's modules can be read at all.
#[must_use]
pub fn is_readable(machine: Machine) -> bool {
    Code::of_machine(machine).is_some()
}

impl Graph {
    /// Reads the graph of a finished module.
    pub fn read(bytes: Bytes<'_>) -> Result<Self, ElfError> {
        let signed = signature::find(bytes).ok().flatten();
        let elf = Elf::parse(signed.map_or(bytes, |signature| bytes.up_to(signature.offset)))?;
        let table = elf.sections().iter().find(|section| section.kind == SHT_SYMTAB);
        let Some(symbols) = table.and_then(|table| elf.symbols(table)) else { return Ok(Self::default()) };
        let exported = exports::places(&elf, &symbols);
        Ok(Self::of_parts(&elf, &symbols, &exported).unwrap_or_else(|| Self::whole(&symbols, &exported)))
    }

    /// The graph of what can be told apart; nothing if that is nothing.
    fn of_parts(elf: &Elf<'_>, symbols: &Symbols<'_>, exported: &[(&str, Option<Place>)]) -> Option<Self> {
        let starts: Vec<Place> = exported.iter().map(|(_, place)| *place).collect::<Option<_>>()?;
        let references = References::from(elf, symbols, &starts)?;
        let parts = Parts::new(elf, symbols, &references, &starts);
        let mut graph = Self { links: vec![Vec::new(); parts.len()], parts: parts.names(), ..Self::default() };
        let mut imports: BTreeMap<&str, u32> = BTreeMap::new();
        for reference in references.all() {
            let Some(from) = parts.at(reference.from) else { continue };
            let to = match reference.to {
                references::Referent::Place(place) => match parts.at(place) {
                    Some(to) if to != from => Target::Part(to),
                    _ => continue,
                },
                references::Referent::Import(symbol) => {
                    let name = symbols.get(symbol as usize).and_then(|symbol| symbols.name(&symbol));
                    let Some(name) = name.and_then(text::symbol) else { continue };
                    let next = u32::try_from(imports.len()).ok()?;
                    Target::Import(*imports.entry(name).or_insert(next))
                }
            };
            if let Some(links) = graph.links.get_mut(from as usize) {
                links.push(Link { to, grade: reference.grade });
            }
        }
        graph.fall_through(symbols, &parts, &references);
        for links in &mut graph.links {
            links.sort_unstable();
            links.dedup();
        }
        let mut names: Vec<_> = imports.into_iter().collect();
        names.sort_unstable_by_key(|(_, index)| *index);
        graph.imports = names.into_iter().map(|(name, _)| name.into()).collect();
        graph.exports = exported
            .iter()
            .zip(&starts)
            .filter_map(|((name, _), place)| Some(((*name).into(), parts.at(*place)?)))
            .collect();
        Some(graph)
    }

    /// Code that does not end goes on in the next part. A call may be the end: of a function that never returns. Which of a
    /// module's own do not nobody says, so that after such a call it goes on only if nothing else leads to what follows.
    fn fall_through(&mut self, symbols: &Symbols<'_>, parts: &Parts, references: &References) {
        let led_to: BTreeSet<u32> = self
            .links
            .iter()
            .flatten()
            .filter_map(|link| match link.to {
                Target::Part(to) => Some(to),
                Target::Import(_) => None,
            })
            .collect();
        for (place, ending) in references.endings() {
            let (Some(from), Some(next)) = (parts.at(*place), parts.behind(*place)) else { continue };
            let goes_on = match ending {
                Ending::Open => true,
                Ending::Closed => false,
                Ending::Call(callee) => {
                    let callee = callee.and_then(|callee| symbols.get(callee as usize));
                    match callee.filter(Symbol::is_undefined).and_then(|symbol| symbols.name(&symbol)) {
                        Some(name) => !NEVER_RETURN.iter().any(|never| never.as_bytes() == name),
                        None => !led_to.contains(&next),
                    }
                }
            };
            if goes_on && let Some(links) = self.links.get_mut(from as usize) {
                links.push(Link { to: Target::Part(next), grade: Grade::Call });
            }
        }
    }

    /// The graph of one part that a module is where its code can't be read.
    fn whole(symbols: &Symbols<'_>, exported: &[(&str, Option<Place>)]) -> Self {
        let undefined = symbols.iter().filter(Symbol::is_undefined);
        let names: BTreeSet<&str> = undefined
            .filter_map(|symbol| text::symbol(symbols.name(&symbol)?))
            .filter(|name| !name.is_empty())
            .collect();
        Self::unread(exported.iter().map(|(name, _)| (*name).into()), names.into_iter().map(Into::into))
    }

    /// The graph of one part of a module with these exports and imports.
    #[must_use]
    pub fn unread(exports: impl Iterator<Item = Box<str>>, imports: impl Iterator<Item = Box<str>>) -> Self {
        let imports: Vec<Box<str>> = imports.collect();
        let link = |(index, _)| Link { to: Target::Import(index), grade: Grade::Call };
        Self {
            parts: vec!["the module".into()],
            links: vec![(0..).zip(&imports).map(link).collect()],
            exports: exports.map(|export| (export, 0)).collect(),
            imports,
            is_whole: true,
        }
    }
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

/// A place in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// Index of the section.
    pub(super) section: u32,
    /// In bytes.
    pub(super) offset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a part links to, as text.
    fn links(graph: &Graph, part: &str) -> Vec<(String, Grade)> {
        let index = graph.parts.iter().position(|name| &**name == part).unwrap();
        let name = |to: Target| match to {
            Target::Part(part) => graph.parts[part as usize].to_string(),
            Target::Import(import) => format!("import {}", graph.imports[import as usize]),
        };
        graph.links[index].iter().map(|link| (name(link.to), link.grade)).collect()
    }

    #[test]
    fn reads_what_the_test_modules_exports_call() {
        for bytes in [
            &include_bytes!("../../../testdata/6.1/sg_export.ko")[..],
            include_bytes!("../../../testdata/7.2/sg_export.ko"),
        ] {
            let graph = Graph::read(Bytes::in_memory(bytes)).unwrap();
            assert!(!graph.is_whole);
            let exports: Vec<&str> = graph.exports.iter().map(|(name, _)| &**name).collect();
            assert_eq!(exports, ["sg_gpl", "sg_plain", "sg_spaced", "sg_table"]);
            let table = [("sg_plain".to_owned(), Grade::Table), ("sg_gpl".to_owned(), Grade::Table)];
            assert_eq!(links(&graph, "sg_table"), table);
            // Each begins with the hook for ftrace, and ends with the way out that speculation can't take.
            let around = ["import __fentry__", "import __x86_return_thunk"].map(|to| (to.to_owned(), Grade::Call));
            assert_eq!(links(&graph, "sg_plain"), around);
        }
    }
}
