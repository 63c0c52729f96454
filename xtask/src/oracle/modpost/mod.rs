// SPDX-License-Identifier: MIT OR Apache-2.0
//! modpost as the judge of rules: what nothing exports, what is only for GPL-compatible modules, and namespaces.
//!
//! Finished modules are given to it as if they were about to be linked, and it finds their imports in the kernel's
//! `Module.symvers`. First with both as they are, when neither judge may have anything to say; then in rounds in which
//! lines of the table, and tags and symbols of some modules, are changed at random, when both must say the same, symbol
//! for symbol.

mod alter;
mod breach;
mod gate;
mod mutate;
mod round;
mod tool;
mod yard;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tempfile::TempDir;

use self::breach::Kind;
use self::tool::{Variant, Versioned};
use self::yard::Yard;
use super::reasons::Why;
use super::symvers::Symvers;
use super::tally::{Lines, Row, Side, Tally};
use super::tree::{Module, Tree};
use crate::shell::TaskError;

pub(super) use self::tool::Modpost;

/// How many rounds there are, and by which seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The first round's; each later one has the next.
    pub(super) seed: u64,
    pub(super) rounds: u64,
}

impl Plan {
    pub(super) const USUAL: Self = Self { seed: 1, rounds: 40 };
}

/// A kernel's modules by the names of their files, which modpost knows them by.
#[derive(Debug)]
struct Modules<'t> {
    tree: &'t Tree,
    modpost: &'t Modpost,
    variant: Variant,
    by_name: BTreeMap<String, Subject<'t>>,
    /// Where copies of them are, if there are any.
    copies: Option<TempDir>,
}

/// A module, and the file that is judged.
#[derive(Debug)]
struct Subject<'t> {
    module: &'t Module,
    file: PathBuf,
}

pub(super) fn compare(tree: &Tree, modpost: &Modpost, plan: Plan) -> Result<Vec<Row>, TaskError> {
    let mut modules = Modules::new(tree, modpost)?;
    let mut unmutated = modules.unmutated()?;
    let faults = unmutated.explained.get(&Why::DeviceTable).copied();
    if let Some(faults) = faults {
        // An error keeps modpost from writing anything down.
        modules.hide_device_tables()?;
        unmutated = modules.unmutated()?;
        unmutated.explained.insert(Why::DeviceTable, faults);
    }
    let resolved = modules.resolve(&tree.symvers, modules.files())?;
    let mut rows = vec![Row::compared("modules accepted / modpost", unmutated), modules.imports(&resolved)];
    rows.extend(modules.mutated(&resolved, plan)?);
    Ok(rows)
}

impl<'t> Modules<'t> {
    fn new(tree: &'t Tree, modpost: &'t Modpost) -> Result<Self, TaskError> {
        let subject = |module| Subject { module, file: module.plain.clone() };
        let by_name: BTreeMap<_, _> = tree.modules.iter().map(|module| (module.stem(), subject(module))).collect();
        let first = tree.modules.first().filter(|_| by_name.len() == tree.modules.len());
        let first = first.ok_or_else(|| TaskError::Other("two modules of one name, or none at all".to_owned()))?;
        Ok(Self { tree, modpost, variant: Variant::of(&first.plain)?, by_name, copies: None })
    }

    /// Their names and files.
    fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.by_name.iter().map(|(name, subject)| (name.as_str(), subject.file.as_path()))
    }

    /// Puts copies in the place of modules that have a device table, with symbols that say so no more.
    fn hide_device_tables(&mut self) -> Result<(), TaskError> {
        const PREFIX: &[u8] = b"__mod_device_table__";
        let folder = TempDir::with_prefix("symgate-oracle-").map_err(TaskError::io(&std::env::temp_dir()))?;
        for (name, subject) in &mut self.by_name {
            let mut bytes = fs::read(&subject.file).map_err(TaskError::io(&subject.file))?;
            let places: Vec<usize> = bytes
                .windows(PREFIX.len())
                .enumerate()
                .filter(|(_, bytes)| *bytes == PREFIX)
                .map(|(at, _)| at)
                .collect();
            if places.is_empty() {
                continue;
            }
            for at in places {
                bytes.iter_mut().skip(at).take(2).for_each(|byte| *byte = b'X');
            }
            subject.file = folder.path().join(format!("{name}.ko"));
            fs::write(&subject.file, bytes).map_err(TaskError::io(&subject.file))?;
        }
        self.copies = Some(folder);
        Ok(())
    }

    /// The symbols that modpost finds an export of, by module, whatever class and namespace that has.
    fn resolve<'a>(
        &self,
        symvers: &Symvers,
        files: impl Iterator<Item = (&'a str, &'a Path)>,
    ) -> Result<Versioned, TaskError> {
        self.modpost.resolve(self.variant, &Yard::new(&symvers.open(), files)?)
    }

    /// Both judges accept everything.
    fn unmutated(&self) -> Result<Tally, TaskError> {
        let yard = Yard::new(&self.tree.symvers, self.files())?;
        let files: Vec<PathBuf> = self.files().map(|(_, file)| file.to_owned()).collect();
        let theirs = self.modpost.judge(self.variant, &yard)?;
        let ours = gate::judge(&self.tree.program, &yard, &files)?;
        let mut tally = Tally::of(&ours.breaches, &theirs.breaches, |_, _| None);
        for breach in ours.breaches.intersection(&theirs.breaches) {
            tally.differs(format!("both refuse {breach}"));
        }
        for fault in theirs.faults {
            if is_of_device_table(&fault) {
                *tally.explained.entry(Why::DeviceTable).or_default() += 1;
            } else {
                tally.differs(fault);
            }
        }
        tally.ours = self.accepted(ours.breaches.iter().map(|breach| breach.module.as_str()));
        tally.theirs = self.accepted(theirs.breaches.iter().map(|breach| breach.module.as_str()));
        Ok(tally)
    }

    /// How many modules are there but for those.
    fn accepted<'a>(&self, refused: impl Iterator<Item = &'a str>) -> usize {
        self.by_name.len() - refused.collect::<BTreeSet<_>>().len()
    }

    /// The imports that both find an export of.
    fn imports(&self, resolved: &Versioned) -> Row {
        let exported = |symbol: &str| self.tree.symvers.0.contains_key(symbol);
        let ours: Lines = self
            .by_name
            .iter()
            .flat_map(|(name, subject)| {
                let imports = subject.module.facts.imports.iter().filter(|import| exported(&import.symbol));
                imports.map(move |import| format!("{name} {}", import.symbol))
            })
            .collect();
        let of_module = |(name, symbols): (&String, &BTreeSet<String>)| {
            symbols.iter().map(|symbol| format!("{name} {symbol}")).collect::<Vec<_>>()
        };
        let theirs: Lines = resolved.iter().flat_map(of_module).collect();
        let explain = |side, line: &String| {
            (side == Side::Other && line.ends_with(" module_layout")).then_some(Why::ModuleLayout)
        };
        Row::compared("resolved imports / modpost", Tally::of(&ours, &theirs, explain))
    }

    /// The rounds: both judges find the same breaches.
    fn mutated(&self, resolved: &Versioned, plan: Plan) -> Result<Vec<Row>, TaskError> {
        let seeds: Vec<u64> = (0..plan.rounds).map(|round| plan.seed.wrapping_add(round)).collect();
        let rounds: Vec<BTreeMap<Kind, Tally>> =
            seeds.into_par_iter().map(|seed| round::run(self, resolved, seed)).collect::<Result<_, _>>()?;
        let mut sums: BTreeMap<Kind, Tally> = BTreeMap::new();
        for (kind, tally) in rounds.into_iter().flatten() {
            sums.entry(kind).or_default().add(tally);
        }
        let row = |(kind, name): (Kind, &str)| {
            let what = format!("{name} / modpost, mutated");
            match sums.remove(&kind) {
                Some(tally) if tally.ours + tally.theirs > 0 || plan.rounds >= Plan::USUAL.rounds => {
                    Row::compared(what, tally)
                }
                _ => Row::not_compared(what, "too few rounds"),
            }
        };
        Ok(Kind::ALL.map(row).into())
    }
}

/// Whether an error is about a `MODULE_DEVICE_TABLE`.
fn is_of_device_table(error: &str) -> bool {
    ["MODULE_DEVICE_TABLE", "is not terminated with a NULL entry", "AMBA device ID"]
        .iter()
        .any(|phrase| error.contains(phrase))
}
