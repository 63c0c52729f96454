// SPDX-License-Identifier: MIT OR Apache-2.0
//! The imports of a built module: every undefined name of its symbol table.
//!
//! The loader resolves them all, whatever their binding or type and whether or not a relocation uses
//! them (`kernel/module/main.c:simplify_symbols`, 7.2). `__versions` only says with which CRC.

use std::fmt;

use object::elf;
use serde::{Deserialize, Serialize};

use super::elf::{Machine, Symbol, Symbols};
use super::problem::Problem;
use super::versions::Versions;
use crate::{limits, text};

/// How a module asks for a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// The module does not load without it.
    Strong,
    /// The module loads without it.
    Weak,
    /// Livepatch finds it, exported or not.
    Livepatch,
    /// The module finds it by its name while it runs.
    Lookup,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
            Self::Livepatch => "livepatch",
            Self::Lookup => "lookup",
        })
    }
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The symbol.
    pub name: Box<str>,
    /// Whether it may stay unresolved.
    pub binding: Binding,
    /// The CRC that the module was built against, where it has one.
    pub crc: Option<u32>,
}

/// Reads the imports, sorted by name, each once.
pub(super) fn read(
    machine: Machine,
    symbols: &Symbols<'_>,
    versions: &Versions<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Import> {
    let mut undefined = Vec::new();
    let mut livepatch = Vec::new();
    let mut common = Vec::new();
    for symbol in symbols.iter() {
        match symbol.section {
            section if section == elf::SHN_UNDEF.0 && !is_register(&symbol, machine) => undefined.push(symbol),
            section if section == elf::SHN_COMMON.0 && !is_lto(symbols, &symbol) => common.push(symbol),
            SHN_LIVEPATCH => livepatch.push(symbol),
            _ => {}
        }
    }
    let undefined = names(symbols, undefined, problems);
    let mut imports = Vec::with_capacity(undefined.len());
    let mut local = Vec::new();
    for (name, bindings) in undefined {
        let name = loader_name(name, machine);
        if bindings.local {
            local.push(name.into());
        }
        let binding = if bindings.strong { Binding::Strong } else { Binding::Weak };
        imports.push(Import { name: name.into(), binding, crc: versions.get(name) });
    }
    if !local.is_empty() {
        problems.push(Problem::LocalUndefined { names: local });
    }
    for (name, _) in names(symbols, livepatch, problems) {
        match livepatch_target(name) {
            Some(target) => imports.push(Import { name: target.into(), binding: Binding::Livepatch, crc: None }),
            None => problems.push(Problem::Livepatch { name: name.into() }),
        }
    }
    let common = names(symbols, common, problems);
    if !common.is_empty() {
        problems.push(Problem::Common { names: common.into_iter().map(|(name, _)| name.into()).collect() });
    }
    // Without its dot a name can be there twice.
    imports.sort_by(|a, b| (&a.name, a.binding).cmp(&(&b.name, b.binding)));
    imports.dedup_by(|later, first| later.name == first.name);
    imports
}

/// Reads the imports of an object that modpost has not seen. It has no versions, and what asks for the CRC of one of
/// its own exports is no import (`scripts/mod/modpost.c:handle_symbol`, 6.1); the loader's rules do not apply.
pub(super) fn read_before_modpost(machine: Machine, symbols: &Symbols<'_>, problems: &mut Vec<Problem>) -> Vec<Import> {
    let mut imports = read(machine, symbols, &Versions::default(), problems);
    problems.retain(|problem| !matches!(problem, Problem::Common { .. }));
    imports.retain(|import| !import.name.starts_with("__crc_"));
    imports
}

/// `SHN_LIVEPATCH` (`include/uapi/linux/elf.h`, 7.2): a symbol that livepatch resolves through kallsyms, exported or
/// not, with no look at licence, namespace or version.
pub(super) const SHN_LIVEPATCH: u16 = 0xff20;

/// The symbol that `.klp.sym.OBJECT.SYMBOL,POSITION` stands for (`kernel/livepatch/core.c:klp_resolve_symbols`, 7.2).
pub(super) fn livepatch_target(name: &str) -> Option<&str> {
    let (_, symbol) = name.strip_prefix(".klp.sym.")?.split_once('.')?;
    // What follows the position's digits is not looked at, be it a second comma.
    let (symbol, position) = symbol.split_once(',')?;
    (!symbol.is_empty() && position.starts_with(|digit: char| digit.is_ascii_digit())).then_some(symbol)
}

/// Whether a symbol only says how a register is used (`STT_SPARC_REGISTER`, which modpost passes over, too).
fn is_register(symbol: &Symbol, machine: Machine) -> bool {
    const STT_SPARC_REGISTER: u8 = 13;
    let sparc = matches!(elf::Machine(machine.number), elf::EM_SPARC | elf::EM_SPARC32PLUS | elf::EM_SPARCV9);
    sparc && symbol.kind.0 == STT_SPARC_REGISTER
}

/// Whether a common symbol is what compilers leave for their own link: the loader passes over it (`simplify_symbols`,
/// 7.2).
fn is_lto(symbols: &Symbols<'_>, symbol: &Symbol) -> bool {
    symbols.name(symbol).is_some_and(|name| name.starts_with(b"__gnu_lto"))
}

/// How a name's symbols are bound.
#[derive(Debug, Default, Clone, Copy)]
struct Bindings {
    strong: bool,
    local: bool,
}

impl Bindings {
    /// These, and one symbol's more.
    fn and(self, symbol: &Symbol) -> Self {
        Self {
            strong: self.strong || symbol.binding != elf::STB_WEAK,
            local: self.local || symbol.binding == elf::STB_LOCAL,
        }
    }
}

/// The names of these symbols, sorted, each once. A name is read once for all symbols that share its place, so that a
/// table of a million symbols with one long name costs no more than one.
fn names<'d>(symbols: &Symbols<'d>, mut wanted: Vec<Symbol>, problems: &mut Vec<Problem>) -> Vec<(&'d str, Bindings)> {
    wanted.sort_unstable_by_key(|symbol| symbol.name);
    let mut names = Vec::new();
    let mut unreadable = 0;
    for same in wanted.chunk_by(|a, b| a.name == b.name) {
        if names.len() == limits::IMPORTS {
            problems.push(Problem::TooManyImports);
            break;
        }
        match same.first().and_then(|symbol| symbols.name(symbol)).and_then(text::symbol) {
            Some(name) => names.push((name, same.iter().fold(Bindings::default(), Bindings::and))),
            None => unreadable += 1,
        }
    }
    if unreadable > 0 {
        problems.push(Problem::SymbolNames { count: unreadable });
    }
    names.sort_unstable_by_key(|(name, _)| *name);
    names.dedup_by(|(later, bindings), (first, all)| {
        let same = later == first;
        if same {
            all.strong |= bindings.strong;
            all.local |= bindings.local;
        }
        same
    });
    names
}

/// The name that the loader looks up: on 64-bit PowerPC it takes the dot off an undefined name, but for `.TOC.`,
/// which it makes itself (`arch/powerpc/kernel/module_64.c:dedotify`, 7.2).
pub(super) fn loader_name(name: &str, machine: Machine) -> &str {
    match name.strip_prefix('.') {
        Some(rest) if elf::Machine(machine.number) == elf::EM_PPC64 && !matches!(rest, "" | "TOC.") => rest,
        _ => name,
    }
}

/// Names that the linker leaves undefined and the loader or modpost knows what to do with, so that they
/// are nobody's exports (`scripts/mod/modpost.c:ignore_undef_symbol`, 7.2, and `simplify_symbols`).
#[must_use]
pub fn is_linker_made(name: &str, machine: Machine) -> bool {
    const POWERPC: [&str; 6] = ["_restgpr_", "_savegpr_", "_rest32gpr_", "_save32gpr_", "_restvr_", "_savevr_"];
    const POWERPC64: [&str; 8] =
        ["_restgpr0_", "_restgpr1_", "_savegpr0_", "_savegpr1_", "_restfpr_", "_savefpr_", "_restvr_", "_savevr_"];
    if name == "__this_module" || name == "_GLOBAL_OFFSET_TABLE_" {
        return true;
    }
    let prefixes: &[&str] = match elf::Machine(machine.number) {
        elf::EM_PPC => &POWERPC,
        elf::EM_PPC64 if name == ".TOC." => return true,
        elf::EM_PPC64 => &POWERPC64,
        _ => &[],
    };
    prefixes.iter().any(|prefix| name.starts_with(prefix))
        || name.starts_with("__start_")
        || name.starts_with("__stop_")
}
