// SPDX-License-Identifier: MIT OR Apache-2.0
//! One table of who exports what.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::Export;
use crate::module::ModuleName;

/// The provider name of what is built into the kernel.
pub const VMLINUX: &str = "vmlinux";

/// An export together with who offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The export.
    pub export: Export,
    /// `vmlinux`, or a module's path without `.ko`, as `Module.symvers` has it.
    pub path: Arc<str>,
    /// The providing module's name, or `vmlinux`. A file name is not an identity, so where the module itself was read
    /// this is the name that it bears.
    pub provider: ModuleName,
}

impl Provided {
    /// An export of which only the provider's path is known.
    #[must_use]
    pub fn by_path(export: Export, path: &str) -> Self {
        Self { export, path: path.into(), provider: ModuleName::from_path(path) }
    }
}

/// All exports that are known, each symbol once.
///
/// What is added first stands: the kernel's own `Module.symvers` before other people's, and those before
/// what modules offer themselves.
#[derive(Debug, Default)]
pub struct ExportTable {
    entries: Vec<Provided>,
    /// Their places in that, by the names of the symbols.
    by_name: HashTable<usize>,
    hasher: RandomState,
    vmlinux: bool,
    modules: bool,
    /// How many of them the reference tells, which come first.
    reference: usize,
    /// How many of them the caller's own word for the kernel tells, which come first.
    kernels_own: usize,
    /// What modules export that was told otherwise before, by their paths.
    redeclared: HashMap<Arc<str>, Vec<Export>>,
    /// What other people's `Module.symvers` files say that was told otherwise before, in their order.
    claims: Vec<Claim>,
    /// The paths of the modules that export something, by their names.
    claimed: HashMap<ModuleName, BTreeSet<Arc<str>>>,
}

/// What a `Module.symvers` says of an export that was told otherwise before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The path of the file.
    pub file: Box<str>,
    /// What it says.
    pub provided: Provided,
}

/// What somebody who knows says of a kernel's exports.
#[derive(Debug)]
pub struct Reference {
    /// The exports.
    pub exports: Vec<Provided>,
    /// Whether those of the kernel's modules are among them, or only the image's own.
    pub modules: bool,
}

impl ExportTable {
    /// Adds an export, unless the symbol is there already.
    pub fn add(&mut self, provided: Provided) {
        let Self { entries, by_name, hasher, .. } = self;
        let symbol = &*provided.export.name;
        let is_it = |index: &usize| entries.get(*index).is_some_and(|entry| *entry.export.name == *symbol);
        // One look is enough, and no name is kept twice: a kernel has thirty thousand.
        if let Entry::Vacant(entry) = by_name.entry(hasher.hash_one(symbol), is_it, hash_of(entries, hasher)) {
            entry.insert(entries.len());
            entries.push(provided);
        }
    }

    /// Adds what a module says itself. What the reference says stands; of others the strictest word counts. What is told otherwise is
    /// kept to be told.
    pub fn add_claim(&mut self, provided: Provided) {
        let Provided { export, path, provider } = &provided;
        self.claimed.entry(provider.clone()).or_default().insert(path.clone());
        let before = self.index(&export.name);
        if self.is_told_otherwise(before, &provided) {
            self.redeclared.entry(path.clone()).or_default().push(export.clone());
        }
        self.add_strictest(before, provided);
    }

    /// Adds what a `Module.symvers` of other people says, in the same way. It knows nothing of a kernel image that the reference
    /// tells of.
    pub fn add_claims(&mut self, file: &str, reference: Reference) {
        self.modules |= reference.modules;
        let knows_vmlinux = self.vmlinux;
        for provided in reference.exports {
            let is_of_vmlinux = &*provided.path == VMLINUX;
            let before = self.index(&provided.export.name);
            if self.is_told_otherwise(before, &provided) {
                self.claims.push(Claim { file: file.into(), provided: provided.clone() });
            }
            if is_of_vmlinux && knows_vmlinux {
                continue;
            }
            self.vmlinux |= is_of_vmlinux;
            self.add_strictest(before, provided);
        }
    }

    /// Whether an export was told before, in this place, and comes from elsewhere or is more open by this word. Where neither is the
    /// reference's word, any difference counts.
    fn is_told_otherwise(&self, before: Option<usize>, provided: &Provided) -> bool {
        let first = before.and_then(|index| Some((index, self.entries.get(index)?)));
        let Some((index, Provided { export: first, provider, .. })) = first else { return false };
        let export = &provided.export;
        let differs = || first.class != export.class || first.namespace != export.namespace;
        *provider != provided.provider || export.is_looser_than(first) || (index >= self.reference && differs())
    }

    /// Adds an export, or puts it in the place of what was told before if that is not the reference's and is more open.
    fn add_strictest(&mut self, before: Option<usize>, provided: Provided) {
        let Some(index) = before else { return self.add(provided) };
        let others = self.entries.get_mut(index).filter(|_| index >= self.reference);
        if let Some(first) = others.filter(|first| first.export.is_more_open_than(&provided.export)) {
            *first = provided;
        }
    }

    /// What other people's files say that was told otherwise before.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// What the module of this path exports, though it was told otherwise before.
    #[must_use]
    pub fn redeclared_by(&self, path: &str) -> &[Export] {
        self.redeclared.get(path).map(Vec::as_slice).unwrap_or_default()
    }

    /// The paths of all modules of this name that export something.
    pub fn claimed_by(&self, name: &ModuleName) -> impl Iterator<Item = &str> {
        self.claimed.get(name).into_iter().flatten().map(|path| &**path)
    }

    /// Adds what a `Module.symvers` or a kernel image says.
    pub fn add_reference(&mut self, reference: Reference) {
        self.modules |= reference.modules;
        let Self { entries, by_name, hasher, .. } = self;
        entries.reserve(reference.exports.len());
        by_name.reserve(reference.exports.len(), hash_of(entries, hasher));
        for provided in reference.exports {
            // A module can call itself what it likes; only a reference tells what the kernel image exports.
            self.vmlinux |= &*provided.path == VMLINUX;
            self.add(provided);
        }
        self.reference = self.entries.len();
    }

    /// Takes what is in the table so far for the kernel's own word.
    pub fn set_kernels_own(&mut self) {
        self.kernels_own = self.entries.len();
    }

    /// Whether it is the kernel's own word who offers a symbol, and not that of somebody who was there first.
    #[must_use]
    pub fn is_kernels_word(&self, symbol: &str) -> bool {
        self.index(symbol).is_some_and(|index| index < self.kernels_own)
    }

    /// Where a symbol stands in the table.
    #[must_use]
    pub fn index(&self, symbol: &str) -> Option<usize> {
        let is_it = |&index: &usize| self.entries.get(index).is_some_and(|provided| *provided.export.name == *symbol);
        self.by_name.find(self.hasher.hash_one(symbol), is_it).copied()
    }

    /// Who offers a symbol, if anybody is known to.
    #[must_use]
    pub fn get(&self, symbol: &str) -> Option<&Provided> {
        self.entries.get(self.index(symbol)?)
    }

    /// All exports in the order they were added.
    #[must_use]
    pub fn entries(&self) -> &[Provided] {
        &self.entries
    }

    /// All exports by symbol.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Provided> {
        let mut exports: Vec<&Provided> = self.entries.iter().collect();
        exports.sort_by(|a, b| (&a.export.name, &a.path).cmp(&(&b.export.name, &b.path)));
        exports
    }

    /// Whether the kernel image's exports are in it: only then is a symbol that is not in it unresolved.
    #[must_use]
    pub fn knows_vmlinux(&self) -> bool {
        self.vmlinux
    }

    /// Whether the exports of all of the kernel's modules are in it, too, whether or not those were read.
    #[must_use]
    pub fn knows_modules(&self) -> bool {
        self.modules
    }

    /// The names of all who export something.
    #[must_use]
    pub fn providers(&self) -> HashSet<&ModuleName> {
        self.entries.iter().map(|provided| &provided.provider).collect()
    }
}

/// The hash of the symbol in a place, as the table of names wants it when it grows.
fn hash_of(entries: &[Provided], hasher: &RandomState) -> impl Fn(&usize) -> u64 {
    |index| hasher.hash_one(entries.get(*index).map_or("", |provided| &*provided.export.name))
}
