// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a module matters, told by its facts alone: what more is read of it, and whether it has to be proven to be the
//! kernel's own.

use std::collections::HashSet;

use hashbrown::DefaultHashBuilder;

use crate::allowlist::{Allowlists, Kind};
use crate::exports::ExportTable;
use crate::input::{Asked, Inputs};
use crate::module::graph::{self, Depth};
use crate::module::{ModuleFacts, lookup};
use crate::reach::Role;
use crate::tier::Memberships;
use crate::trust::{Named, Origin, Trust};

use super::follow;

/// Names that each import of each module is looked for among.
type Names<'n> = HashSet<&'n str, DefaultHashBuilder>;

/// By what it is told.
pub(super) struct Matters<'m> {
    inputs: &'m Inputs,
    named: &'m Named,
    allowlists: &'m Allowlists,
    memberships: Memberships<'m>,
    /// The exports of others that are known to lead to one.
    leading: Names<'m>,
}

impl<'m> Matters<'m> {
    pub(super) fn new(
        inputs: &'m Inputs,
        named: &'m Named,
        allowlists: &'m Allowlists,
        exports: &'m ExportTable,
    ) -> Self {
        let memberships = Memberships::new(&allowlists.policy, exports);
        Self { inputs, named, allowlists, memberships, leading: leading(allowlists) }
    }

    /// What is to be done with a module that is read from there; `claims` if its word that it is the kernel's own is believed as far
    /// as nothing speaks against it.
    pub(super) fn asked(&self, trust: &Trust, facts: &ModuleFacts, origin: Origin<'_>, claims: bool) -> Asked {
        let Self { inputs, named, allowlists, .. } = self;
        let gets_at_one = self.gets_at_one(facts);
        let needs_proof = gets_at_one || self.is_named(facts) || self.is_dubious(facts);
        let is_placed = || facts.name.as_ref().is_some_and(|name| trust.place(origin, name).is_some());
        // Where nothing could be in its place, what it claims stands.
        let is_from_elsewhere = || !claims || (trust.has_places() && !is_placed());
        let asks_for_content = || facts.name.as_ref().is_some_and(|name| allowlists.asks_for_content(name));
        Asked {
            cross_check: inputs.cross_check || !claims || gets_at_one,
            // What is in its place needs no other proof, unless it is registered by its content; where there are keys, its
            // signature may not be broken all the same.
            digest: inputs.verify_all || (needs_proof && (named.asks_for_keys() || !is_placed() || asks_for_content())),
            hidden_ways: inputs.to_judge && is_from_elsewhere(),
            graph: (inputs.to_judge && gets_at_one && !facts.exports.is_empty()).then(|| {
                // What is not the kernel's own after all is read once more.
                if is_placed() { Depth::Exports } else { Depth::Everything }
            }),
        }
    }

    /// Whether it matters if a module is the kernel's own. Who gets at a family was cross-checked, so that of most modules nothing
    /// is looked up again.
    pub(super) fn needs_proof(&self, facts: &ModuleFacts) -> bool {
        (facts.cross_checked && self.gets_at_one(facts)) || self.is_named(facts) || self.is_dubious(facts)
    }

    /// Whether it asks for a symbol of a family, or for what may lead to one.
    fn gets_at_one(&self, facts: &ModuleFacts) -> bool {
        facts.asks_for().any(|import| self.matters(&import.name))
            || facts.lookups.names().into_iter().any(lookup::is_pattern)
    }

    fn matters(&self, symbol: &str) -> bool {
        self.memberships.has(symbol) || self.leading.contains(symbol)
    }

    /// Whether an allowlist names it. Of what can't be read it matters whether it is the kernel's own as soon as it exports
    /// something.
    fn is_named(&self, facts: &ModuleFacts) -> bool {
        let is_opaque = !facts.exports.is_empty() && !graph::is_readable(facts.machine);
        is_opaque || facts.name.as_ref().is_some_and(|name| self.allowlists.names(name))
    }

    /// Whether it does what only the kernel's own may do without a word.
    fn is_dubious(&self, facts: &ModuleFacts) -> bool {
        facts.lookups.is_open() || self.allowlists.policy.makes_by_hand(facts).next().is_some()
    }
}

/// The exports of others that are known to lead to a family, but for those of facades that pass nothing on: who imports one
/// matters.
fn leading(allowlists: &Allowlists) -> Names<'_> {
    let mut leading = Names::default();
    for (module, export) in allowlists.tables.leading() {
        if !matches!(follow::role(allowlists.registrations.get(module)), Role::Silent) {
            leading.insert(export);
        }
    }
    for registration in allowlists.registrations.values() {
        if let Kind::Facade { exports, .. } = &registration.kind {
            leading.extend(exports.iter().map(String::as_str));
        }
    }
    leading
}
