// SPDX-License-Identifier: MIT OR Apache-2.0
//! One build of a kernel, as far as two are compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::check::{Gathered, Judged};
use crate::exports::{Class, Provided};
use crate::gate::Context;
use crate::reach::{Basis, Reached};
use crate::tier::{self, Tier};

/// The terms of an export, and who offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// The module's name, or `vmlinux`.
    pub provider: String,
    /// Its licence class.
    pub class: Class,
    /// Its namespace.
    pub namespace: Option<String>,
    /// How far it is open.
    pub tier: Tier,
    /// Its family.
    pub family: Option<String>,
}

impl Offered {
    /// What makes a change. Who offers what is of no family matters to nobody: modules are split and joined.
    pub(super) fn terms(&self) -> (Class, Option<&str>, Tier, Option<&str>, Option<&str>) {
        let provider = self.family.as_ref().map(|_| self.provider.as_str());
        (self.class, self.namespace.as_deref(), self.tier, self.family.as_deref(), provider)
    }
}

/// By what a module gets at families.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Uses {
    /// Acquiring symbols that it imports itself.
    pub direct: BTreeSet<String>,
    /// Exports of others that lead to one.
    pub through: BTreeSet<String>,
}

impl Uses {
    pub(super) fn all(&self) -> BTreeSet<String> {
        self.direct.union(&self.through).cloned().collect()
    }
}

/// One build of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// All exports, by symbol.
    pub exports: BTreeMap<String, Offered>,
    /// The names of all modules.
    pub modules: BTreeSet<String>,
    /// Those that get at a family, by name.
    pub importers: BTreeMap<String, Uses>,
    /// The exports of modules that lead to a family, by the modules' names.
    pub facades: BTreeMap<String, BTreeSet<String>>,
}

impl Side {
    /// What was read and judged of a build.
    #[must_use]
    pub fn of(gathered: &Gathered, judged: &Judged<'_>, context: &Context<'_>) -> Self {
        let offered = |provided: &Provided| {
            let export = &provided.export;
            let membership = tier::membership(&context.allowlists.policy, &export.name, Some(provided));
            let offered = Offered {
                provider: provided.provider.to_string(),
                class: export.class,
                namespace: export.namespace.as_deref().map(str::to_owned),
                tier: tier::tier(export, membership.as_ref()),
                family: membership.map(|membership| membership.family.into_owned()),
            };
            (export.name.to_string(), offered)
        };
        let subjects = || judged.modules.iter().map(|judgement| &judgement.subject);
        let mut importers: BTreeMap<String, Uses> = BTreeMap::new();
        for subject in subjects().filter(|subject| subject.gets_at_a_family()) {
            let uses = importers.entry(subject.name.to_string()).or_default();
            for access in subject.gets_at().values() {
                uses.direct.extend(access.direct.iter().map(|import| import.import.name.to_string()));
                uses.through.extend(access.through.iter().map(|through| through.import.name.to_string()));
            }
        }
        let mut facades: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (symbol, ways) in gathered.reach.exports() {
            // What a table says of another kernel's is nothing that changed in this one.
            let mut seen = ways.iter().filter(|way| way.hops.first().is_some_and(|hop| hop.basis != Basis::Table));
            if let Some(facade) = seen.find_map(Reached::facade) {
                facades.entry(facade.to_string()).or_default().insert(symbol.to_owned());
            }
        }
        Self {
            exports: gathered.exports.iter().map(offered).collect(),
            modules: subjects().map(|subject| subject.name.to_string()).collect(),
            importers,
            facades,
        }
    }
}
