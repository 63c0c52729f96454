// SPDX-License-Identifier: MIT OR Apache-2.0
//! What in a module refers to what: its functions and data objects, from its exports down to its imports.
//!
//! Nodes are parts of sections: a part begins where a symbol does, or where something refers to a place in data. Links come
//! from relocations, and from the code itself where the assembler has resolved a branch within a section. A link is a
//! call where the code branches, and goes through a table where it takes an address or data holds one. Only what an
//! export leads to is looked at.

mod code;
mod found;
mod links;
mod parts;
mod references;

use std::collections::BTreeSet;
use std::fmt;

use object::elf::SHN_LORESERVE;
use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::elf::{Elf, ElfError, Machine, Relocation, Symbol, Symbols};
use super::lookup::Lookups;
use super::{exports, signature};
use crate::text;
use found::FoundNames;
use links::Links;
use parts::{Extents, Parts};
use references::References;

// What is looked up at run time is read of the same code.
pub(super) use code::x86::{Operands, operands as x86_operands};
pub(super) use code::{Code, Meant, up_to, word};
pub(super) use parts::{is_code, symbols_of};
pub(super) use references::{Detour, Referent, THIS_MODULE, Why, detours, in_data, is_written, referent};

/// How something leads somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// How much of a module's code is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// What the exports lead to.
    Exports,
    /// All of it, and what it puts into data when it runs.
    Everything,
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// Into this part.
    Part(u32),
    /// To this import.
    Import(u32),
}

/// One link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// Where it leads.
    pub to: Target,
    /// How.
    pub grade: Grade,
}

/// What a module's exports lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// The names of the parts.
    pub parts: Vec<Box<str>>,
    /// The links of each part, sorted.
    pub links: Vec<Vec<Link>>,
    /// More of them, from data: what code puts there when it runs. Whether anything gets it from there nobody can tell for sure.
    /// None if that was not read.
    pub stored: Option<Vec<(u32, Link)>>,
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
    /// Reads the graph of a module, which finds these while it runs.
    pub fn read(bytes: Bytes<'_>, depth: Depth, lookups: &Lookups) -> Result<Self, ElfError> {
        let signed = signature::find(bytes).ok().flatten();
        let elf = Elf::parse(signed.map_or(bytes, |signature| bytes.up_to(signature.offset)))?;
        let Some(symbols) = elf.first_symbols() else { return Ok(Self::default()) };
        let exported = exports::places(&elf, &symbols);
        let found = FoundNames::of(lookups);
        let parts = Self::of_parts(&elf, &symbols, &exported, (depth, &found));
        Ok(parts.unwrap_or_else(|| Self::whole(&symbols, &exported, lookups)))
    }

    /// The graph of what can be told apart; nothing if that is nothing.
    fn of_parts(
        elf: &Elf<'_>,
        symbols: &Symbols<'_>,
        exported: &[(&str, Option<Place>)],
        (depth, found): (Depth, &FoundNames),
    ) -> Option<Self> {
        let starts: Vec<Place> = exported.iter().map(|(_, place)| *place).collect::<Option<_>>()?;
        let extents = Extents::new(symbols);
        let references = References::from(elf, symbols, &extents, &starts, (depth, found))?;
        let parts = Parts::new(elf, symbols, &extents, &references, &starts);
        let mut links = Links::new(elf, symbols, &parts, &references, depth)?;
        links.fall_through();
        let mut graph = links.graph;
        for links in &mut graph.links {
            links.sort_unstable();
            links.dedup();
        }
        if let Some(stored) = &mut graph.stored {
            stored.sort_unstable();
            stored.dedup();
        }
        graph.exports = exported
            .iter()
            .zip(&starts)
            .filter_map(|((name, _), place)| Some(((*name).into(), parts.at(*place)?)))
            .collect();
        Some(graph)
    }

    /// The graph of one part that a module is where its code can't be read.
    fn whole(symbols: &Symbols<'_>, exported: &[(&str, Option<Place>)], lookups: &Lookups) -> Self {
        let undefined = symbols.iter().filter(Symbol::is_undefined);
        let names: BTreeSet<&str> = undefined
            .filter_map(|symbol| text::symbol(symbols.name(&symbol)?))
            .filter(|name| !name.is_empty())
            .chain(lookups.names())
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
            ..Self::default()
        }
    }
}

/// A place in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Place {
    /// Index of the section.
    pub(super) section: u32,
    /// In bytes.
    pub(super) offset: u64,
}

impl Place {
    /// Where a relocation leads; nothing if that is outside. What is to be added stands in its field on some machines.
    pub(super) fn of(symbols: &Symbols<'_>, relocation: &Relocation, in_place: Option<i64>) -> Option<Self> {
        let symbol = symbols.get(relocation.symbol as usize)?;
        if symbol.is_undefined() || symbol.section >= SHN_LORESERVE {
            return None;
        }
        let offset = symbol.value.checked_add_signed(relocation.addend.or(in_place)?)?;
        Some(Self { section: symbol.section.into(), offset })
    }
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
            let graph = Graph::read(Bytes::in_memory(bytes), Depth::Exports, &Lookups::default()).unwrap();
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
