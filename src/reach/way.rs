// SPDX-License-Identifier: MIT OR Apache-2.0
//! A way from an export to an acquiring symbol.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::module::ModuleName;
use crate::module::graph::Grade;

/// How it is known what a module's exports lead to. What comes later stands on less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// It is one of the modules that are judged, and its code was followed.
    Input,
    /// It is one of the kernel's own that the caller named, and its code was followed.
    Context,
    /// Neither is at hand: it was followed in real kernels, and that is shipped as data.
    Table,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Input => "input",
            Self::Context => "context",
            Self::Table => "table",
        })
    }
}

/// The part of a way that is in one module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// The module.
    pub module: ModuleName,
    /// How it is known.
    pub basis: Basis,
    /// How it leads through the module.
    pub grade: Grade,
    /// The functions and objects on it, the export first; not more than are worth showing.
    pub parts: Vec<Box<str>>,
    /// The import by which it leaves the module.
    pub import: Box<str>,
}

/// A way from an export to an acquiring symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The family.
    pub family: Arc<str>,
    /// The acquiring symbol.
    pub symbol: Arc<str>,
    /// How it is reached, at the weakest link.
    pub grade: Grade,
    /// On what it stands, at the weakest link.
    pub basis: Basis,
    /// Whether who imports the export owes an open userspace for it.
    pub owes: bool,
    /// The way, module by module; none of an acquiring symbol itself.
    pub hops: Vec<Arc<Hop>>,
}

/// Modules that are kept of a way.
const HOPS: usize = 64;

impl Reached {
    /// The way of an acquiring symbol itself.
    pub(super) fn acquiring(family: Arc<str>, symbol: &str) -> Self {
        Self { family, symbol: symbol.into(), grade: Grade::Call, basis: Basis::Input, owes: true, hops: Vec::new() }
    }

    /// The same way with a module before it.
    pub(super) fn behind(&self, hop: Hop, is_owed_for: bool) -> Self {
        let (grade, basis) = (self.grade.max(hop.grade), self.basis.max(hop.basis));
        let mut hops = vec![Arc::new(hop)];
        hops.extend(self.hops.iter().cloned());
        // Both ends say more than the middle.
        if let Some(over @ 1..) = hops.len().checked_sub(HOPS) {
            hops.drain(HOPS / 2..HOPS / 2 + over);
        }
        Self { grade, basis, owes: self.owes && is_owed_for, hops, ..self.clone() }
    }

    /// Of several ways to the same family the one that counts comes first: one that is owed for, by calls, on firm ground,
    /// and short.
    pub(crate) fn rank(&self) -> impl Ord {
        let length: usize = self.hops.iter().map(|hop| hop.parts.len()).sum();
        (!self.owes, self.grade, self.basis, length, Arc::clone(&self.symbol), self.hops.clone())
    }

    /// The module whose export it is.
    #[must_use]
    pub fn facade(&self) -> Option<&ModuleName> {
        self.hops.first().map(|hop| &hop.module)
    }

    /// The way as people write it: `MODULE:FUNCTION` for each step, and the acquiring symbol.
    #[must_use]
    pub fn via(&self) -> Vec<String> {
        let step = |hop: &Hop, part: &str| format!("{}:{part}", hop.module);
        let steps = self.hops.iter().flat_map(|hop| hop.parts.iter().map(move |part| step(hop, part)));
        steps.chain([self.symbol.to_string()]).collect()
    }
}
