// SPDX-License-Identifier: MIT OR Apache-2.0
//! nm, of binutils: undefined symbols.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use super::symvers::{Line, VMLINUX};
use super::tally::{Lines, Row, Tally};
use super::tree::{BATCH, Tree};
use crate::shell::{TaskError, output, text};

/// The undefined symbols of plain files, and whether each is weak.
pub(super) fn undefined(plain: &[&Path]) -> Result<BTreeMap<PathBuf, BTreeMap<String, bool>>, TaskError> {
    let run = |batch: &[&Path]| {
        let files = batch.iter().map(|file| file.as_os_str());
        text("nm", ["-u", "-A"].map(OsStr::new).into_iter().chain(files))
    };
    let printed: Vec<String> = plain.par_chunks(BATCH).map(run).collect::<Result<_, _>>()?;
    let mut undefined: BTreeMap<PathBuf, BTreeMap<String, bool>> = BTreeMap::new();
    for line in printed.iter().flat_map(|text| text.lines()) {
        let Some((path, rest)) = line.split_once(": ") else { continue };
        let mut words = rest.split_whitespace();
        if let (Some(letter), Some(symbol)) = (words.next(), words.next()) {
            undefined.entry(path.into()).or_default().insert(symbol.to_owned(), ["w", "v"].contains(&letter));
        }
    }
    Ok(undefined)
}

pub(super) fn compare(tree: &Tree) -> Result<Vec<Row>, TaskError> {
    let line = |label: &str, weak: bool, symbol: &str| format!("{label} {} {symbol}", if weak { 'w' } else { 'U' });
    let ours = tree.modules.iter().flat_map(|module| {
        module.facts.imports.iter().map(move |import| line(&module.label, import.is_weak(), &import.symbol))
    });
    let theirs = tree
        .modules
        .iter()
        .flat_map(|module| module.undefined.iter().map(move |(symbol, weak)| line(&module.label, *weak, symbol)));
    Ok(vec![
        Row::compared("families / nm -u and Module.symvers", families(tree)?),
        Row::compared("imports / nm -u", Tally::exact(&ours.collect(), &theirs.collect())),
    ])
}

/// Who imports a family's symbols, told from the kernel's own table by namespace and name; and the kernel's own
/// modules pass.
fn families(tree: &Tree) -> Result<Tally, TaskError> {
    let arguments = ["check", "--format", "json", "--symvers"].map(OsStr::new);
    let inputs = [tree.kernel.symvers.as_os_str(), tree.kernel.modules.as_os_str()];
    // A denied module makes this an error, which is right: these are the kernel's own.
    let json =
        output(&tree.program.display().to_string(), arguments.into_iter().chain(inputs).chain(tree.kernel.named()))?;
    let document: Value = serde_json::from_slice(&json).map_err(|error| TaskError::Other(error.to_string()))?;
    let mut ours = Lines::new();
    for module in items(&document["modules"]) {
        for import in items(&module["imports"]) {
            ours.insert(format!("{} {}", string(&module["path"]), string(&import["symbol"])));
        }
    }
    let members: BTreeSet<&str> =
        tree.symvers.0.iter().filter(|(symbol, line)| is_member(symbol, line)).map(|(symbol, _)| &**symbol).collect();
    let theirs = tree.modules.iter().flat_map(|module| {
        let imported = module.undefined.keys().filter(|symbol| members.contains(symbol.as_str()));
        imported.map(move |symbol| format!("{} {symbol}", module.label))
    });
    Ok(Tally::exact(&ours, &theirs.collect()))
}

/// Whether a line of `Module.symvers` is of DMA-BUF or P2PDMA.
fn is_member(symbol: &str, line: &Line) -> bool {
    let by_namespace = ["DMA_BUF", "DMA_BUF_HEAP"].contains(&line.namespace.as_str());
    let by_name = symbol.starts_with("dma_buf_") || symbol.contains("p2pdma") || symbol.contains("p2pmem");
    line.provider == VMLINUX && (by_namespace || by_name)
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
