// SPDX-License-Identifier: MIT OR Apache-2.0
//! The imports of a built module: every undefined name of its symbol table.
//!
//! The loader resolves them all, whatever their binding or type and whether or not a relocation uses
//! them (`kernel/module/main.c:simplify_symbols`, 7.2). `__versions` only says with which CRC.

use object::elf;
use serde::Serialize;

use super::elf::{Machine, Symbols};
use super::problem::Problem;
use super::versions::Versions;

/// How a module asks for a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// The module does not load without it.
    Strong,
    /// The module loads without it.
    Weak,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The symbol.
    pub name: Box<str>,
    /// Whether it may stay unresolved.
    pub binding: Binding,
    /// The CRC that the module was built against, where it has one.
    pub crc: Option<u32>,
}

/// Reads the imports, sorted by name, each once.
pub(super) fn read(symbols: &Symbols<'_>, versions: &Versions<'_>, problems: &mut Vec<Problem>) -> Vec<Import> {
    let mut imports: Vec<Import> = Vec::new();
    let mut common = Vec::new();
    let mut local = Vec::new();
    let mut unreadable: Option<(usize, usize)> = None;
    for index in 1..symbols.len() {
        let Some(symbol) = symbols.get(index) else { continue };
        let is_common = symbol.section == elf::SHN_COMMON.0;
        if !symbol.is_undefined() && !is_common {
            continue;
        }
        let name = symbols.name(&symbol).and_then(|name| std::str::from_utf8(name).ok());
        // `SHN_UNDEF` without a name is what `strip` leaves of the odd section symbol; the loader would
        // look up the empty string, which nobody exports.
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let (count, first) = unreadable.unwrap_or((0, index));
            unreadable = Some((count + 1, first));
            continue;
        };
        if is_common {
            common.push(name.into());
            continue;
        }
        if symbol.binding == elf::STB_LOCAL {
            local.push(name.into());
        }
        let binding = if symbol.binding == elf::STB_WEAK { Binding::Weak } else { Binding::Strong };
        imports.push(Import { name: name.into(), binding, crc: versions.get(name) });
    }
    if let Some((count, first)) = unreadable {
        problems.push(Problem::SymbolNames { count, first });
    }
    if !common.is_empty() {
        problems.push(Problem::Common { names: common });
    }
    if !local.is_empty() {
        problems.push(Problem::LocalUndefined { names: local });
    }
    // A name twice is strong if either is.
    imports.sort_by(|a, b| a.name.cmp(&b.name).then((a.binding == Binding::Weak).cmp(&(b.binding == Binding::Weak))));
    imports.dedup_by(|later, first| later.name == first.name);
    imports.shrink_to_fit();
    imports
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
