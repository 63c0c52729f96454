// SPDX-License-Identifier: MIT OR Apache-2.0
//! One table of who exports what.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

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
    pub path: Box<str>,
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

    /// Whether somebody else says that it comes from elsewhere, or is more open.
    fn is_told_otherwise(&self, export: &Export, provider: &ModuleName) -> bool {
        self.provider != *provider || export.is_looser_than(&self.export)
    }
}

/// All exports that are known, each symbol once.
///
/// What is added first stands: the kernel's own `Module.symvers` before other people's, and those before
/// what modules offer themselves.
#[derive(Debug, Default)]
pub struct ExportTable {
    entries: Vec<Provided>,
    by_name: HashMap<Box<str>, usize>,
    vmlinux: bool,
    modules: bool,
    /// How many of them the caller's own word for the kernel tells, which come first.
    kernels_own: usize,
    /// What modules export that was told otherwise before, by their paths.
    redeclared: HashMap<Box<str>, Vec<Export>>,
    /// What other people's `Module.symvers` files say that was told otherwise before, in their order.
    claims: Vec<Claim>,
    /// The paths of the modules that export something, by their names.
    claimed: HashMap<ModuleName, BTreeSet<Box<str>>>,
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
        if let Entry::Vacant(entry) = self.by_name.entry(provided.export.name.clone()) {
            entry.insert(self.entries.len());
            self.entries.push(provided);
        }
    }

    /// Adds what a module says itself. What was told before stands: that it comes from somebody else, or more closely held, is kept
    /// to be told.
    pub fn add_claim(&mut self, provided: Provided) {
        let Provided { export, path, provider } = &provided;
        self.claimed.entry(provider.clone()).or_default().insert(path.clone());
        match self.get(&export.name) {
            Some(first) if first.is_told_otherwise(export, provider) => {
                self.redeclared.entry(path.clone()).or_default().push(export.clone());
            }
            Some(_) => {}
            None => self.add(provided),
        }
    }

    /// Adds what a `Module.symvers` of other people says: what was told before stands, and what is told otherwise is kept to be
    /// told.
    pub fn add_claims(&mut self, file: &str, reference: Reference) {
        self.modules |= reference.modules;
        for provided in reference.exports {
            match self.get(&provided.export.name) {
                Some(first) if first.is_told_otherwise(&provided.export, &provided.provider) => {
                    self.claims.push(Claim { file: file.into(), provided });
                }
                Some(_) => {}
                None => {
                    self.vmlinux |= &*provided.path == VMLINUX;
                    self.add(provided);
                }
            }
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
        for provided in reference.exports {
            // A module can call itself what it likes; only a reference tells what the kernel image exports.
            self.vmlinux |= &*provided.path == VMLINUX;
            self.add(provided);
        }
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
        self.by_name.get(symbol).copied()
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
