// SPDX-License-Identifier: MIT OR Apache-2.0
//! modprobe and depmod, of kmod: exports, versions, and which module needs which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use super::reasons::Why;
use super::symvers::{VMLINUX, base_name};
use super::tally::{Lines, Row, Side, Tally};
use super::tree::{Export, Module, Tree};
use crate::shell::{TaskError, attempt, text};

pub(super) fn compare(tree: &Tree) -> Result<Vec<Row>, TaskError> {
    let depmod = Depmod::run(tree)?;
    Ok(vec![
        Row::compared("exports / modprobe --show-exports", exports(tree)?),
        versions(tree)?,
        Row::compared("exports / depmod, modules.symbols", symbols(tree, &depmod.symbols)),
        Row::compared("providers / depmod, modules.dep", dependencies(tree, &depmod.dependencies)),
    ])
}

/// What modprobe prints of one module: a CRC and a symbol a line, as `LABEL CRC SYMBOL`.
fn modprobe(option: &str, nothing: &str, module: &Module) -> Result<Vec<String>, TaskError> {
    let said = attempt(Path::new("modprobe"), [option.as_ref(), module.plain.as_os_str()], Path::new("/"))?;
    match said.status {
        Some(0) => {
            Ok(said.stdout.lines().map(|line| format!("{} {}", module.label, line.replace('\t', " "))).collect())
        }
        // It has one exit status for all that may go wrong; that there is nothing to show is among it.
        Some(1) if said.stderr.contains(nothing) => Ok(Vec::new()),
        _ => Err(TaskError::Command { command: format!("modprobe {option} {}", module.label), reason: said.stderr }),
    }
}

/// Symbol and CRC of all exports of the modules that `Module.symvers` knows as providers.
fn exports(tree: &Tree) -> Result<Tally, TaskError> {
    let providers: BTreeSet<&str> = tree.symvers.0.values().map(|line| base_name(&line.provider)).collect();
    let exporting: Vec<&Module> =
        tree.modules.iter().filter(|module| providers.contains(module.stem().as_str())).collect();
    let printed: Vec<Vec<String>> = exporting
        .par_iter()
        .map(|module| modprobe("--show-exports", "could not get symbols", module))
        .collect::<Result<_, _>>()?;
    let theirs: Lines = printed.into_iter().flatten().collect();
    let ours = of_exports(tree, |module, export| format!("{} {} {}", module.label, export.crc, export.symbol));
    let namespaces = of_namespaces(tree, |module, namespace| format!("{} 0x00000000 {namespace}", module.label));
    Ok(Tally::of(&ours, &theirs, |side, line| namespace_string(&namespaces, side, line)))
}

fn of_exports(tree: &Tree, line: impl Fn(&Module, &Export) -> String) -> Lines {
    tree.modules.iter().flat_map(|module| module.facts.exports.iter().map(|export| line(module, export))).collect()
}

/// A line for each namespace of exports that have no CRC.
fn of_namespaces(tree: &Tree, line: impl Fn(&Module, &str) -> String) -> Lines {
    let exports =
        tree.modules.iter().flat_map(|module| module.facts.exports.iter().map(move |export| (module, export)));
    let without_crc = exports.filter(|(_, export)| !export.has_crc());
    without_crc.filter_map(|(module, export)| Some(line(module, export.namespace.as_deref()?))).collect()
}

fn namespace_string(namespaces: &Lines, side: Side, line: &str) -> Option<Why> {
    (side == Side::Other && namespaces.contains(line)).then_some(Why::NamespaceString)
}

/// The CRCs that all modules were built against.
fn versions(tree: &Tree) -> Result<Row, TaskError> {
    const WHAT: &str = "versions / modprobe --dump-modversions";
    if !tree.symvers.has_crcs() {
        return Ok(Row::not_compared(WHAT, "the kernel was built without CONFIG_MODVERSIONS"));
    }
    let printed: Vec<Vec<String>> = tree
        .modules
        .par_iter()
        .map(|module| modprobe("--dump-modversions", "could not get modversions", module))
        .collect::<Result<_, _>>()?;
    let theirs: Lines = printed.into_iter().flatten().collect();
    let of_module = |module: &Module| {
        let line = |(symbol, crc): (&String, &String)| format!("{} {crc} {symbol}", module.label);
        module.facts.versions.iter().map(line).collect::<Vec<_>>()
    };
    let ours: Lines = tree.modules.iter().flat_map(of_module).collect();
    let explain =
        |side, line: &String| (side == Side::Other && line.ends_with(" module_layout")).then_some(Why::ModuleLayout);
    Ok(Row::compared(WHAT, Tally::of(&ours, &theirs, explain)))
}

/// What depmod would write.
#[derive(Debug)]
struct Depmod {
    /// `LABEL SYMBOL`
    symbols: Lines,
    /// `LABEL: LABEL`, direct or not.
    dependencies: Lines,
}

impl Depmod {
    fn run(tree: &Tree) -> Result<Self, TaskError> {
        let args = ["-n".as_ref(), "-b".as_ref(), tree.kernel.base().as_os_str(), tree.kernel.release.as_ref()];
        let printed = text("depmod", args)?;
        let labels: BTreeSet<&str> = tree.modules.iter().map(|module| module.label.as_str()).collect();
        // It names modules after their files, and not as they name themselves: `thead,th1520-aon.ko`.
        let by_name: BTreeMap<String, &str> =
            tree.modules.iter().map(|module| (module.stem().replace('-', "_"), module.label.as_str())).collect();
        let (mut symbols, mut dependencies) = (Lines::new(), Lines::new());
        for line in printed.lines() {
            if let Some((symbol, name)) = line.strip_prefix("alias symbol:").and_then(|line| line.split_once(' ')) {
                symbols.insert(format!("{} {symbol}", by_name.get(name).unwrap_or(&name)));
            } else if let Some((label, others)) = line.split_once(':').filter(|(label, _)| labels.contains(label)) {
                dependencies.extend(others.split_whitespace().map(|other| format!("{label}: {other}")));
            }
        }
        Ok(Self { symbols, dependencies })
    }
}

/// Which module exports a symbol.
fn symbols(tree: &Tree, theirs: &Lines) -> Tally {
    let ours = of_exports(tree, |module, export| format!("{} {}", module.label, export.symbol));
    let namespaces = of_namespaces(tree, |module, namespace| format!("{} {namespace}", module.label));
    Tally::of(&ours, theirs, |side, line| namespace_string(&namespaces, side, line))
}

/// The modules that a module needs: those that export what it imports, and those that they need.
fn dependencies(tree: &Tree, theirs: &Lines) -> Tally {
    let labels: BTreeMap<&str, &str> =
        tree.modules.iter().map(|module| (module.facts.name.as_str(), module.label.as_str())).collect();
    let providers = |module: &Module| -> BTreeSet<&str> {
        let names = module.facts.imports.iter().filter_map(|import| import.provider.as_deref());
        names.filter(|name| *name != VMLINUX).filter_map(|name| labels.get(name).copied()).collect()
    };
    let direct: BTreeMap<&str, BTreeSet<&str>> =
        tree.modules.iter().map(|module| (module.label.as_str(), providers(module))).collect();
    let mut ours = Lines::new();
    for label in direct.keys() {
        let mut needed = BTreeSet::new();
        let mut open: Vec<&str> = vec![label];
        while let Some(module) = open.pop() {
            let more = direct.get(module).into_iter().flatten();
            open.extend(more.filter(|other| *other != label && needed.insert(**other)));
        }
        ours.extend(needed.into_iter().map(|other| format!("{label}: {other}")));
    }
    Tally::exact(&ours, theirs)
}
