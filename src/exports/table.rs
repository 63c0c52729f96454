// SPDX-License-Identifier: MIT OR Apache-2.0
//! One table of who exports what.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Export;
use super::distinct::Distinct;
use crate::module::ModuleName;
use crate::symvers::Symvers;

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
    /// The reference, if it is a `Module.symvers`.
    symvers: Symvers,
    /// All others, which come behind those.
    others: Distinct,
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
pub enum Reference {
    /// Those of the kernel and of its modules.
    Symvers(Symvers),
    /// Those of the kernel alone, as its image has them.
    Image(Vec<Provided>),
}

impl Reference {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Symvers(symvers) => symvers.is_empty(),
            Self::Image(exports) => exports.is_empty(),
        }
    }

    /// Whether those of the kernel's modules are among them.
    #[must_use]
    pub fn knows_modules(&self) -> bool {
        matches!(self, Self::Symvers(_))
    }
}

impl ExportTable {
    /// Adds an export, unless the symbol is there already.
    pub fn add(&mut self, provided: Provided) {
        if self.symvers.index(&provided.export.name).is_none() {
            self.others.add(provided);
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
    pub fn add_claims(&mut self, file: &str, reference: &Reference) {
        let knows_vmlinux = self.vmlinux;
        self.modules |= reference.knows_modules();
        let mut add = |provided: &Provided| {
            let is_of_vmlinux = &*provided.path == VMLINUX;
            let before = self.index(&provided.export.name);
            if self.is_told_otherwise(before, provided) {
                self.claims.push(Claim { file: file.into(), provided: provided.clone() });
            }
            if is_of_vmlinux && knows_vmlinux {
                return;
            }
            self.vmlinux |= is_of_vmlinux;
            self.add_strictest(before, provided.clone());
        };
        match &reference {
            Reference::Symvers(symvers) => symvers.iter().for_each(&mut add),
            Reference::Image(exports) => exports.iter().for_each(&mut add),
        }
    }

    /// Whether an export was told before, in this place, and comes from elsewhere or is more open by this word. Where neither is the
    /// reference's word, any difference counts.
    fn is_told_otherwise(&self, before: Option<usize>, provided: &Provided) -> bool {
        let first = before.and_then(|index| Some((index, self.at(index)?)));
        let Some((index, Provided { export: first, provider, .. })) = first else { return false };
        let export = &provided.export;
        let differs = || first.class != export.class || first.namespace != export.namespace;
        *provider != provided.provider || export.is_looser_than(first) || (index >= self.reference && differs())
    }

    /// Adds an export, or puts it in the place of what was told before if that is not the reference's and is more open.
    fn add_strictest(&mut self, before: Option<usize>, provided: Provided) {
        let Some(index) = before else { return self.add(provided) };
        let others = self.at(index).filter(|_| index >= self.reference);
        if others.is_some_and(|first| first.export.is_more_open_than(&provided.export)) {
            self.others.replace(index - self.symvers.len(), provided);
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

    /// What a `Module.symvers` or a kernel image says, which is the first word.
    #[must_use]
    pub fn of_reference(reference: Reference) -> Self {
        let mut table = Self { modules: reference.knows_modules(), ..Self::default() };
        match reference {
            Reference::Symvers(symvers) => {
                // A module can call itself what it likes; only a reference tells what the kernel image exports.
                table.vmlinux = symvers.tells_vmlinux();
                table.symvers = symvers;
            }
            Reference::Image(exports) => {
                table.vmlinux = !exports.is_empty();
                for provided in exports {
                    table.others.add(provided);
                }
            }
        }
        table.reference = table.len();
        table
    }

    /// Takes what is in the table so far for the kernel's own word.
    pub fn set_kernels_own(&mut self) {
        self.kernels_own = self.len();
    }

    /// Whether it is the kernel's own word who offers a symbol, and not that of somebody who was there first.
    #[must_use]
    pub fn is_kernels_word(&self, symbol: &str) -> bool {
        self.index(symbol).is_some_and(|index| index < self.kernels_own)
    }

    /// Where a symbol stands in the table.
    #[must_use]
    pub fn index(&self, symbol: &str) -> Option<usize> {
        let behind = |index| self.symvers.len() + index;
        self.symvers.index(symbol).or_else(|| self.others.index(symbol).map(behind))
    }

    /// What stands in a place of the table.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&Provided> {
        match index.checked_sub(self.symvers.len()) {
            Some(behind) => self.others.entries().get(behind),
            None => self.symvers.get(index),
        }
    }

    /// How many exports there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.symvers.len() + self.others.entries().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who offers a symbol, if anybody is known to.
    #[must_use]
    pub fn get(&self, symbol: &str) -> Option<&Provided> {
        self.at(self.index(symbol)?)
    }

    /// All exports in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Provided> {
        self.symvers.iter().chain(self.others.entries())
    }

    /// All exports by symbol.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Provided> {
        let mut exports: Vec<&Provided> = self.iter().collect();
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
        self.iter().map(|provided| &provided.provider).collect()
    }
}
