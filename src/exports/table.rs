// SPDX-License-Identifier: MIT OR Apache-2.0
//! One table of who exports what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
}

impl ExportTable {
    /// Adds an export, unless the symbol is there already.
    pub fn add(&mut self, provided: Provided) {
        if let Entry::Vacant(entry) = self.by_name.entry(provided.export.name.clone()) {
            entry.insert(self.entries.len());
            self.entries.push(provided);
        }
    }

    /// Adds the lines of a `Module.symvers`.
    pub fn add_symvers(&mut self, lines: Vec<Provided>) {
        for provided in lines {
            // A module can call itself what it likes; only a table tells what the kernel image exports.
            self.vmlinux |= &*provided.path == VMLINUX;
            self.add(provided);
        }
    }

    /// Where a symbol stands in the table.
    #[must_use]
    pub fn index(&self, symbol: &str) -> Option<usize> {
        self.by_name.get(symbol).copied()
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
}
