// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random changes to a `Module.symvers`.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::super::symvers::{Line, Symvers, VMLINUX};

/// How many lines are changed: one of these.
const CHANGES: [usize; 5] = [5, 20, 80, 300, 600];

/// A mutated table. `importers` are the modules that import each symbol: their symbols are changed more often than
/// those that nobody looks up, and their names stand on lists.
pub(super) fn mutate(rng: &mut Rng, original: &Symvers, importers: &BTreeMap<&str, Vec<&str>>) -> Symvers {
    let mut symvers = original.clone();
    let all: Vec<&str> = original.0.keys().map(String::as_str).collect();
    let imported: Vec<&str> = importers.keys().copied().filter(|symbol| original.0.contains_key(*symbol)).collect();
    let namespaces: BTreeSet<&str> = original.0.values().map(|line| line.namespace.as_str()).collect();
    // One that nobody declares, and one that makes an export userspace-gpl by itself.
    let namespaces: Vec<&str> = namespaces.into_iter().chain(["SG_OTHER", "USERSPACE_GPL"]).collect();
    for _ in 0..pick(rng, &CHANGES).copied().unwrap_or(0) {
        let symbols = if rng.u8(..5) == 0 { &all } else { &imported };
        let Some(&symbol) = pick(rng, symbols) else { continue };
        // What was deleted stays so.
        let Some(line) = symvers.0.get_mut(symbol) else { continue };
        match rng.u8(..8) {
            0 | 1 => line.kind = flipped(&line.kind),
            2 | 3 => line.namespace = pick(rng, &namespaces).map_or_else(String::new, |name| (*name).to_owned()),
            4 | 5 => line.namespace = format!("module:{}", list(rng, importers, symbol)),
            6 => line.provider = other_provider(rng, original, &all),
            _ => _ = symvers.0.remove(symbol),
        }
    }
    symvers
}

/// One of them.
pub(super) fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> Option<&'a T> {
    if from.is_empty() { None } else { from.get(rng.usize(..from.len())) }
}

fn flipped(kind: &str) -> String {
    if kind == "EXPORT_SYMBOL" { "EXPORT_SYMBOL_GPL".to_owned() } else { "EXPORT_SYMBOL".to_owned() }
}

fn other_provider(rng: &mut Rng, original: &Symvers, all: &[&str]) -> String {
    let other: Option<&Line> = pick(rng, all).and_then(|symbol| original.0.get(*symbol));
    other.map_or(VMLINUX, |line| line.provider.as_str()).to_owned()
}

/// A list of modules, as `EXPORT_SYMBOL_FOR_MODULES` writes it.
fn list(rng: &mut Rng, importers: &BTreeMap<&str, Vec<&str>>, symbol: &str) -> String {
    let patterns: Vec<String> = (0..rng.usize(..4)).map(|_| pattern(rng, importers, symbol)).collect();
    patterns.join(",")
}

/// A pattern of such a list: mostly the name of a module, mostly of one that imports the symbol, or nearly so.
fn pattern(rng: &mut Rng, importers: &BTreeMap<&str, Vec<&str>>, symbol: &str) -> String {
    let symbols: Vec<&str> = importers.keys().copied().collect();
    let symbol = if rng.bool() { symbol } else { pick(rng, &symbols).copied().unwrap_or(symbol) };
    let name = importers.get(symbol).and_then(|names| pick(rng, names)).copied().unwrap_or("nobody");
    let cut = name.get(..rng.usize(..=name.len())).unwrap_or(name);
    match rng.u8(..10) {
        0 | 1 => format!("{cut}*"),
        2 => format!("{name}*"),
        3 => "*".to_owned(),
        4 => format!("{cut}*{}", name.get(cut.len()..).unwrap_or_default()),
        5 => cut.to_owned(),
        6 => format!("{name}x"),
        7 => name.replace('-', "_"),
        8 => name.replace('_', "-"),
        _ => name.to_owned(),
    }
}
