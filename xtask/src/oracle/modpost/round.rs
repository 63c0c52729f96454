// SPDX-License-Identifier: MIT OR Apache-2.0
//! One round: some modules, some of them altered, and a mutated `Module.symvers`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use tempfile::TempDir;

use super::super::reasons::Why;
use super::super::symvers::{Line, Symvers, base_name};
use super::super::tally::{Side, Tally};
use super::alter::{self, Change};
use super::breach::{Breach, Kind};
use super::gate;
use super::mutate::mutate;
use super::tool::{Said, Versioned};
use super::yard::Yard;
use super::{Modules, Subject};
use crate::shell::TaskError;

/// How many modules take part in most rounds; in some all do.
const SAMPLE: usize = 400;

/// One in so many rounds has all modules.
const ALL_IN: u8 = 20;

/// One in so many modules is altered, if it has what was picked to be changed.
const ALTERED_IN: u8 = 6;

/// A round.
#[derive(Debug)]
struct Round<'m> {
    modules: &'m Modules<'m>,
    symvers: Symvers,
    members: BTreeMap<&'m str, Member<'m>>,
    /// Where altered modules are.
    _folder: TempDir,
}

/// A module that takes part.
#[derive(Debug)]
struct Member<'m> {
    subject: &'m Subject<'m>,
    /// The file that is judged.
    file: PathBuf,
    change: Option<Change>,
}

/// Lets both judges judge, and compares them rule by rule.
pub(super) fn run(modules: &Modules<'_>, resolved: &Versioned, seed: u64) -> Result<BTreeMap<Kind, Tally>, TaskError> {
    let round = Round::new(modules, &mut Rng::with_seed(seed))?;
    let yard = Yard::new(&round.symvers, round.files())?;
    let files: Vec<PathBuf> = round.files().map(|(_, file)| file.to_owned()).collect();
    let ours = gate::judge(&modules.tree.program, &yard, &files)?;
    let theirs = round.named(modules.modpost.judge(modules.variant, &yard)?, resolved)?;
    let tally = |(kind, _)| {
        let of_kind = |all: &BTreeSet<Breach>| all.iter().filter(|breach| breach.kind == kind).cloned().collect();
        let explain = |side, breach: &Breach| round.explain(&ours, side, breach);
        let mut tally = Tally::of(&of_kind(&ours.breaches), &of_kind(&theirs), explain);
        for line in &mut tally.shown {
            line.insert_str(0, &format!("seed {seed}: "));
        }
        (kind, tally)
    };
    Ok(Kind::ALL.into_iter().map(tally).collect())
}

impl<'m> Round<'m> {
    fn new(modules: &'m Modules<'m>, rng: &mut Rng) -> Result<Self, TaskError> {
        let folder = TempDir::with_prefix("symgate-oracle-").map_err(TaskError::io(&std::env::temp_dir()))?;
        let mut names: Vec<&str> = modules.by_name.keys().map(String::as_str).collect();
        if rng.u8(..ALL_IN) != 0 {
            rng.shuffle(&mut names);
            names.truncate(SAMPLE);
        }
        let mut members = BTreeMap::new();
        for name in names {
            if let Some(subject) = modules.by_name.get(name) {
                members.insert(name, Member::new(rng, subject, name, folder.path())?);
            }
        }
        let mut importers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, member) in &members {
            for symbol in member.subject.module.undefined.keys() {
                importers.entry(symbol).or_default().push(name);
            }
        }
        let symvers = mutate(rng, &modules.tree.symvers, &importers);
        Ok(Self { modules, symvers, members, _folder: folder })
    }

    /// Names and files.
    fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.members.iter().map(|(name, member)| (*name, member.file.as_path()))
    }

    /// What modpost said, with all undefined symbols named. It names the first ten and counts the others; those are the
    /// ones that it could resolve by the unmutated table and now can't.
    fn named(&self, said: Said, resolved: &Versioned) -> Result<BTreeSet<Breach>, TaskError> {
        if let Some(fault) = said.faults.first() {
            return Err(TaskError::Other(format!("modpost said: {fault}")));
        }
        if said.suppressed == 0 {
            return Ok(said.breaches);
        }
        let now = self.modules.resolve(&self.symvers, self.files_with_their_tags())?;
        let mut undefined = BTreeSet::new();
        for (name, member) in &self.members {
            let missing = resolved.get(*name).into_iter().zip(now.get(*name));
            let missing = missing.flat_map(|(before, now)| before.difference(now));
            let missing = missing.filter(|symbol| member.needs(symbol));
            undefined.extend(missing.map(|symbol| Breach::new(Kind::Undefined, name, symbol, "")));
        }
        let named = said.breaches.iter().filter(|breach| breach.kind == Kind::Undefined);
        let count = named.clone().count() + said.suppressed;
        if undefined.len() != count || !named.clone().all(|breach| undefined.contains(breach)) {
            let found = undefined.len();
            return Err(TaskError::Other(format!("modpost counts {count} undefined symbols and writes down {found}")));
        }
        undefined.extend(said.breaches);
        Ok(undefined)
    }

    /// Names and files, but without changes to tags: an error would keep modpost from writing anything down.
    fn files_with_their_tags(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.members.iter().map(|(name, member)| {
            let rebound = matches!(member.change, Some(Change::Weak(_) | Change::Local(_)));
            (*name, if rebound { member.file.as_path() } else { member.subject.file.as_path() })
        })
    }

    /// Why only one judge finds a breach.
    fn explain(&self, ours: &gate::Said, side: Side, breach: &Breach) -> Option<Why> {
        let Breach { kind, module, symbol, namespace } = breach;
        let change = self.members.get(module.as_str())?.change.as_ref();
        if side == Side::Symgate && !symbol.is_empty() && change == Some(&Change::Local(symbol.clone())) {
            return Some(Why::LocalUndefined);
        }
        let line = self.symvers.0.get(symbol);
        let is_gpl_only = |line: &Line| line.kind == "EXPORT_SYMBOL_GPL";
        let of_family = || ours.userspace_gpl.contains(&(module.clone(), symbol.clone()));
        if line.is_none()
            && let Some(own) = self.own_export(symbol)
            && match (side, kind) {
                (Side::Other, Kind::Undefined) => true,
                (Side::Symgate, Kind::GplOnly) => is_gpl_only(own) || of_family(),
                (Side::Symgate, Kind::Namespace) => own.namespace == *namespace,
                _ => false,
            }
        {
            return Some(Why::OwnExports);
        }
        let declared = || ours.breaches.contains(&Breach::new(Kind::Declares, module, "", namespace));
        match (side, kind) {
            (Side::Symgate, Kind::GplOnly) if line.is_some_and(is_gpl_only) => {
                (change == Some(&Change::NoLicense)).then_some(Why::NoLicense)
            }
            (Side::Symgate, Kind::GplOnly) => of_family().then_some(Why::Family),
            (Side::Symgate, Kind::Namespace) => declared().then_some(Why::Declared),
            (Side::Other, Kind::Namespace) => lists_as_the_loader_does(namespace, module).then_some(Why::Dash),
            _ => None,
        }
    }

    /// The line that a symbol had, where it is exported by a module that takes part.
    fn own_export(&self, symbol: &str) -> Option<&Line> {
        let before = self.modules.tree.symvers.0.get(symbol)?;
        self.members.contains_key(base_name(&before.provider)).then_some(before)
    }
}

impl<'m> Member<'m> {
    fn new(rng: &mut Rng, subject: &'m Subject<'m>, name: &str, folder: &Path) -> Result<Self, TaskError> {
        let unaltered = Self { subject, file: subject.file.clone(), change: None };
        if rng.u8(..ALTERED_IN) != 0 {
            return Ok(unaltered);
        }
        let bytes = fs::read(&subject.file).map_err(TaskError::io(&subject.file))?;
        let undefined: Vec<&str> = subject.module.undefined.keys().map(String::as_str).collect();
        let Some(altered) = alter::alter(rng, bytes, &undefined) else { return Ok(unaltered) };
        let file = folder.join(format!("{name}.ko"));
        fs::write(&file, altered.bytes).map_err(TaskError::io(&file))?;
        Ok(Self { subject, file, change: Some(altered.change) })
    }

    /// Whether it does not load without a symbol, as modpost sees it.
    fn needs(&self, symbol: &str) -> bool {
        let rebound = match &self.change {
            Some(Change::Weak(rebound) | Change::Local(rebound)) => rebound == symbol,
            _ => false,
        };
        !rebound && self.subject.module.undefined.get(symbol) != Some(&true)
    }
}

/// Whether a module is on a list such as `module:kvm,kvm-*`, with a dash equal to an underscore.
fn lists_as_the_loader_does(namespace: &str, module: &str) -> bool {
    let Some(list) = namespace.strip_prefix("module:") else { return false };
    let module = module.replace('-', "_");
    list.replace('-', "_").split(',').any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => module.starts_with(prefix),
        None => pattern == module,
    })
}
