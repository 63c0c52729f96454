// SPDX-License-Identifier: MIT OR Apache-2.0
//! readelf, of binutils, which shares no reader with nm: undefined symbols by binding, how many exports the sizes of the
//! tables leave room for, and the names and namespaces in them.

use std::collections::BTreeMap;

use super::tally::{Row, Tally};
use super::tree::{Module, Tree};
use crate::shell::TaskError;

/// What readelf says of one module.
#[derive(Debug, Default)]
struct Elf {
    /// `BINDING SYMBOL`
    undefined: Vec<String>,
    /// Sizes of sections, in bytes; of those that share a name the first's.
    sizes: BTreeMap<String, usize>,
    /// Bytes of an entry of `__ksymtab`.
    entry: usize,
    /// What stands in `__ksymtab_strings`.
    strings: Vec<String>,
}

pub(super) fn compare(tree: &Tree) -> Result<Vec<Row>, TaskError> {
    let options = ["--wide", "--file-header", "--section-headers", "--syms", "--string-dump=__ksymtab_strings"];
    let elves: Vec<(String, Elf)> = tree.in_batches("readelf", &options, read_all)?.into_iter().flatten().collect();
    let flagged = elves.iter().any(|(_, elf)| elf.sizes.contains_key("__kflagstab"));
    let row = |what, ours: &dyn Fn(&Module) -> Vec<String>, theirs: fn(&Elf) -> Vec<String>| {
        let ours = tree.modules.iter().flat_map(|module| labelled(&module.label, ours(module))).collect();
        let theirs = elves.iter().flat_map(|(label, elf)| labelled(label, theirs(elf))).collect();
        Row::compared(what, Tally::exact(&ours, &theirs))
    };
    Ok(vec![
        row("undefined / readelf --syms", &undefined, |elf| elf.undefined.clone()),
        row("export tables / readelf -S", &|module| tables(module, flagged), Elf::tables),
        row("export names / readelf -p", &names, |elf| elf.strings.clone()),
    ])
}

fn labelled(label: &str, lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(move |line| format!("{label} {line}"))
}

/// What symgate says of undefined symbols.
fn undefined(module: &Module) -> Vec<String> {
    let binding = |weak| if weak { "WEAK" } else { "GLOBAL" };
    module.facts.imports.iter().map(|import| format!("{} {}", binding(import.is_weak()), import.symbol)).collect()
}

/// What symgate says of the tables: entries by table, where the class of an export is a table.
fn tables(module: &Module, flagged: bool) -> Vec<String> {
    let exports = &module.facts.exports;
    let gpl = exports.iter().filter(|export| export.class == "gpl").count();
    let (plain, gpl) = if flagged { (exports.len(), 0) } else { (exports.len() - gpl, gpl) };
    let crcs = exports.iter().filter(|export| export.has_crc()).count();
    let flags = if flagged { exports.len() } else { 0 };
    sizes_text([("__ksymtab", plain), ("__ksymtab_gpl", gpl), ("__kcrctab*", crcs), ("__kflagstab", flags)])
}

fn sizes_text(counts: [(&str, usize); 4]) -> Vec<String> {
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(table, count)| format!("{table} {count}")).collect()
}

/// What symgate says of names and namespaces.
fn names(module: &Module) -> Vec<String> {
    let exports = module.facts.exports.iter();
    exports.flat_map(|export| export.namespace.iter().chain([&export.symbol])).cloned().collect()
}

impl Elf {
    /// The same by the sizes of sections.
    fn tables(&self) -> Vec<String> {
        let size = |section: &str| self.sizes.get(section).copied().unwrap_or(0);
        let entries = |section: &str| size(section) / self.entry.max(1);
        let crcs = (size("__kcrctab") + size("__kcrctab_gpl")) / 4;
        sizes_text([
            ("__ksymtab", entries("__ksymtab")),
            ("__ksymtab_gpl", entries("__ksymtab_gpl")),
            ("__kcrctab*", crcs),
            ("__kflagstab", size("__kflagstab")),
        ])
    }

    /// Takes in a line of what readelf printed of it.
    fn read_line(&mut self, line: &str) {
        if let Some(class) = line.strip_prefix("  Class:") {
            // Three words: value, name, namespace.
            self.entry = if class.trim() == "ELF64" { 24 } else { 12 };
        } else if let Some(machine) = line.strip_prefix("  Machine:") {
            // HAVE_ARCH_PREL32_RELOCATIONS: three distances instead.
            if machine.contains("X86-64") || machine.contains("AArch64") {
                self.entry = 12;
            }
        } else if let Some((at, rest)) = line.strip_prefix("  [").and_then(|rest| rest.split_once(']')) {
            // The place of a string is written wider than a section's number.
            if at.len() >= 6 {
                self.strings.push(rest.trim_start().to_owned());
            } else {
                self.read_section(rest);
            }
        } else {
            self.read_symbol(line);
        }
    }

    /// `NAME TYPE ADDRESS OFFSET SIZE ...`
    fn read_section(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let (name, size) = (words.next(), words.nth(3));
        if let (Some(name), Some(Ok(size))) = (name, size.map(|size| usize::from_str_radix(size, 16))) {
            self.sizes.entry(name.to_owned()).or_insert(size);
        }
    }

    /// `NUMBER: VALUE SIZE TYPE BINDING VISIBILITY SECTION NAME`
    fn read_symbol(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let &[number, _, _, _, binding, _, "UND", name] = words.as_slice()
            && number.ends_with(':')
        {
            self.undefined.push(format!("{binding} {name}"));
        }
    }
}

/// What readelf printed of several modules.
fn read_all(printed: &str, modules: &[Module]) -> Vec<(String, Elf)> {
    let labels: BTreeMap<String, &str> =
        modules.iter().map(|module| (module.plain.display().to_string(), module.label.as_str())).collect();
    // Of a single file it doesn't say the name.
    let mut elves: Vec<(String, Elf)> = modules
        .iter()
        .take(1)
        .filter(|_| modules.len() == 1)
        .map(|module| (module.label.clone(), Elf::default()))
        .collect();
    for line in printed.lines() {
        if let Some(file) = line.strip_prefix("File: ") {
            elves.push((labels.get(file).map_or_else(|| file.to_owned(), |label| (*label).to_owned()), Elf::default()));
        } else if let Some((_, elf)) = elves.last_mut() {
            elf.read_line(line);
        }
    }
    elves
}
