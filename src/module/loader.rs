// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loader checks of a file before it looks at what is in it, beyond what no reader can do without
//! (`kernel/module/main.c:elf_validity_cache_copy`, 7.2).

use object::elf::SHT_NULL;

use super::elf::{Elf, Symbols};
use super::problem::Problem;

/// Adds what the loader would refuse of the file's parts.
pub(super) fn check_file(elf: &Elf<'_>, problems: &mut Vec<Problem>) {
    let first = elf.sections().first();
    if first.is_some_and(|first| first.kind != SHT_NULL || first.size() != 0 || first.address != 0) {
        problems.push(Problem::FirstSection);
    }
    check_strings("section", elf.section_names(), problems);
}

/// Adds what the loader would refuse of the symbol table.
pub(super) fn check_symbols(symbols: &Symbols<'_>, problems: &mut Vec<Problem>) {
    let strings = symbols.strings();
    check_strings("symbol", strings, problems);
    if strings.first().is_some_and(|first| *first != 0) {
        problems.push(Problem::Strings { of: "symbol", reason: "does not start with a NUL" });
    }
    if symbols.iter().any(|symbol| symbol.name as usize >= strings.len()) {
        problems.push(Problem::Strings { of: "symbol", reason: "a symbol's name is not in" });
    }
}

fn check_strings(of: &'static str, strings: &[u8], problems: &mut Vec<Problem>) {
    let reason = match strings {
        [] => "is empty",
        [.., last] if *last != 0 => "does not end with a NUL",
        _ => return,
    };
    problems.push(Problem::Strings { of, reason });
}
