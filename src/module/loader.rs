// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loader checks of a file before it looks at what is in it, beyond what no reader can do without
//! (`kernel/module/main.c:elf_validity_cache_copy`, 7.2).

use super::elf::{Elf, Symbols};
use super::problem::Problem;

/// Adds what the loader would refuse.
pub(super) fn check(elf: &Elf<'_>, symbols: &Symbols<'_>, problems: &mut Vec<Problem>) {
    if elf
        .sections()
        .first()
        .is_some_and(|first| first.kind != object::elf::SHT_NULL || first.size() != 0 || first.address != 0)
    {
        problems.push(Problem::FirstSection);
    }
    let tables = [("section", elf.section_names(), false), ("symbol", symbols.strings(), true)];
    for (of, strings, starts_empty) in tables {
        let reason = match strings {
            [] => "is empty",
            [first, ..] if starts_empty && *first != 0 => "does not start with a NUL",
            [.., last] if *last != 0 => "does not end with a NUL",
            _ => continue,
        };
        problems.push(Problem::Strings { of, reason });
    }
    if symbols.iter().any(|symbol| symbol.name as usize >= symbols.strings().len()) {
        problems.push(Problem::Strings { of: "symbol", reason: "a symbol's name is not in" });
    }
}
