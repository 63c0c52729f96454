// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module with what the rules ask of it looked up once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Candidate, Context, class};
use crate::allowlist::{Assessment, Demand, Owes, Registration, assess};
use crate::exports::Provided;
use crate::module::imports::is_linker_made;
use crate::module::{Binding, Import, ModuleFacts, ModuleName};
use crate::reach::Reached;
use crate::tier::{self, Membership, Tier};

/// An import together with who provides it and which family it is of.
#[derive(Debug)]
pub struct ResolvedImport<'a> {
    /// What the module asks for.
    pub import: &'a Import,
    /// Who offers it; none if nobody does, or nobody knows.
    pub provided: Option<&'a Provided>,
    /// Its family.
    pub membership: Option<Membership<'a>>,
}

impl ResolvedImport<'_> {
    /// Its tier; none if nobody knows who offers it and the policy does not name it.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        match (self.provided, &self.membership) {
            (Some(provided), membership) => Some(tier::tier(&provided.export, membership.as_ref())),
            (None, Some(membership)) if !membership.watch_only => Some(Tier::UserspaceGpl),
            (None, _) => None,
        }
    }

    /// Whether the module finds it while it runs, and does not import it.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.import.binding == Binding::Lookup
    }

    /// Whether a module that is not GPL-compatible may not have it.
    #[must_use]
    pub fn is_gpl_only(&self) -> bool {
        tier::is_gpl_only(self.provided.map(|provided| provided.export.class), self.membership.as_ref())
    }

    /// Whether it gives access to a family that is judged.
    #[must_use]
    pub fn acquires(&self) -> bool {
        self.membership.as_ref().is_some_and(Membership::gives_access)
    }

    /// Its namespace, where that is known.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.provided?.export.namespace.as_deref()
    }

    /// The symbol with its provider, class and namespace, as messages show it.
    #[must_use]
    pub fn describe(&self) -> String {
        let name = &self.import.name;
        match self.provided {
            None => name.to_string(),
            Some(provided) => format!("{name} ({}, {})", provided.provider, provided.export.terms()),
        }
    }
}

/// An import from another module's exports that leads to a family.
#[derive(Debug, Clone, Copy)]
pub struct Through<'a> {
    /// The import.
    pub import: &'a Import,
    /// The way from there.
    pub way: &'a Reached,
}

/// How a module gets at one family.
#[derive(Debug, Default)]
pub struct Access<'s, 'a> {
    /// By acquiring symbols that it imports itself.
    pub direct: Vec<&'s ResolvedImport<'a>>,
    /// Through exports of others that make it owe a userspace.
    pub through: Vec<&'s Through<'a>>,
}

impl<'a> Access<'_, 'a> {
    /// Of the ways through others the one that says the most.
    #[must_use]
    pub fn way(&self) -> Option<&'a Reached> {
        self.through.iter().map(|through| through.way).min_by_key(|way| way.rank())
    }

    /// The imports, sorted.
    #[must_use]
    pub fn symbols(&self) -> Vec<String> {
        let direct = self.direct.iter().map(|import| import.import.name.to_string());
        let through = self.through.iter().map(|one| one.import.name.to_string());
        let mut symbols: Vec<String> = direct.chain(through).collect();
        symbols.sort();
        symbols.dedup();
        symbols
    }

    /// The part of it that the module imports, or the part that it finds while it runs.
    #[must_use]
    pub fn part(&self, is_found: bool) -> Self {
        let is_of_it = |import: &Import| (import.binding == Binding::Lookup) == is_found;
        Self {
            direct: self.direct.iter().copied().filter(|one| is_of_it(one.import)).collect(),
            through: self.through.iter().copied().filter(|one| is_of_it(one.import)).collect(),
        }
    }
}

/// A module under judgement.
#[derive(Debug)]
pub struct Subject<'a> {
    /// By what it is judged.
    pub context: &'a Context<'a>,
    /// The module as it was read.
    pub candidate: &'a Candidate,
    /// Its path, as in the report.
    pub path: &'a str,
    /// Its name; that of its file where it bears none.
    pub name: ModuleName,
    /// What it says of itself.
    pub facts: &'a ModuleFacts,
    /// What it asks for: its imports by name, and behind them what it finds while it runs.
    pub imports: Vec<ResolvedImport<'a>>,
    /// Its imports that lead to a family through other modules, each with its ways.
    pub through: Vec<Through<'a>>,
    /// The registration of its name, or else that of its class, whether or not it has proven that it is what is meant.
    pub registration: Option<&'a Registration>,
    /// How its userspace stands, where it owes one and one is recorded.
    pub assessment: Option<Assessment>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(context: &'a Context<'a>, module: &'a Candidate) -> Self {
        let Candidate { path, facts, .. } = module;
        let name = facts.name_or_of(path);
        let imports: Vec<ResolvedImport<'a>> = facts
            .asks_for()
            .map(|import| {
                let (provided, membership) = context.look_up(&import.name);
                ResolvedImport { import, provided, membership }
            })
            .collect();
        let through = imports.iter().flat_map(|import| {
            let ways = context.reach.of(&import.import.name).iter();
            ways.map(move |way| Through { import: import.import, way })
        });
        let mut subject = Self {
            context,
            candidate: module,
            path,
            name,
            facts,
            through: through.collect(),
            imports,
            registration: None,
            assessment: None,
        };
        let by_name = context.allowlists.registrations.get(&subject.name);
        subject.registration = by_name.or_else(|| class::of(&subject));
        subject.assessment = subject
            .registration
            .filter(|registration| registration.owes() == Owes::Itself)
            .and_then(|registration| assess(context.allowlists, registration));
        subject
    }

    /// The imports that are in a family, acquiring or not.
    pub fn family_imports(&self) -> impl Iterator<Item = &ResolvedImport<'a>> {
        self.imports.iter().filter(|import| import.membership.is_some())
    }

    /// Whether it imports a symbol of a family, or gets at one through others.
    #[must_use]
    pub fn has_to_do_with_a_family(&self) -> bool {
        self.family_imports().next().is_some() || self.gets_at_a_family()
    }

    /// Whether it is not the kernel's own, as far as that was asked.
    #[must_use]
    pub fn is_from_elsewhere(&self) -> bool {
        self.candidate.is_from_elsewhere()
    }

    /// Whether it is proven to be the kernel's own.
    #[must_use]
    pub fn is_kernels_own(&self) -> bool {
        self.candidate.proof.is_some()
    }

    /// Whether it is what a registration or a waiver speaks of, by the proof that this asks for.
    #[must_use]
    pub fn meets(&self, demands: &[Demand]) -> bool {
        self.candidate.meets(demands, self.context.trust)
    }

    /// What proves that it is what it passes for, in words; nothing where only its name says so, or the operator.
    #[must_use]
    pub fn proof(&self) -> Option<String> {
        let proof = self.candidate.proof.as_ref().map(ToString::to_string);
        proof.or_else(|| {
            let origin = self.context.trust.taken_from.clone()?;
            let told = format!("taken from {origin}, by the caller's word");
            self.registration?.proof.contains(&Demand::Origin(origin)).then_some(told)
        })
    }

    /// Whether its name is registered for a family, whatever it has proven.
    #[must_use]
    pub fn is_registered_for(&self, family: &str) -> bool {
        self.registration.is_some_and(|registration| registration.families.contains(family))
    }

    /// Its registration, where it has proven that it is what is meant.
    #[must_use]
    pub fn proven_registration(&self) -> Option<&'a Registration> {
        self.registration.filter(|registration| self.has_proven(registration))
    }

    /// Whether it is what a registration means: by the proof that this asks for, or because its class takes in others.
    #[must_use]
    pub fn has_proven(&self, registration: &Registration) -> bool {
        self.meets(&registration.proof) || class::takes_in(self, registration)
    }

    /// Whether it gets at a family in a way that needs an open userspace.
    #[must_use]
    pub fn gets_at_a_family(&self) -> bool {
        self.acquires() || self.through.iter().any(|through| through.way.owes)
    }

    /// Whether it imports an acquiring symbol of a family itself.
    #[must_use]
    pub fn acquires(&self) -> bool {
        self.imports.iter().any(ResolvedImport::acquires)
    }

    /// How it gets at each family.
    #[must_use]
    pub fn gets_at(&self) -> BTreeMap<&str, Access<'_, 'a>> {
        let mut families: BTreeMap<&str, Access<'_, 'a>> = BTreeMap::new();
        for (family, direct) in self.acquired() {
            families.entry(family).or_default().direct = direct;
        }
        for through in self.through.iter().filter(|through| through.way.owes) {
            families.entry(&through.way.family).or_default().through.push(through);
        }
        families
    }

    /// Its acquiring imports by family.
    #[must_use]
    pub fn acquired(&self) -> BTreeMap<&str, Vec<&ResolvedImport<'a>>> {
        let mut families: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for import in self.imports.iter().filter(|import| import.acquires()) {
            if let Some(membership) = &import.membership {
                families.entry(&membership.family).or_default().push(import);
            }
        }
        families
    }

    /// Its strong imports that nobody offers, where all who could are known.
    pub fn unresolved(&self) -> impl Iterator<Item = &ResolvedImport<'a>> {
        let known = self.context.exports.knows_vmlinux() && self.knows_its_providers();
        self.imports.iter().filter(move |import| {
            known
                && import.provided.is_none()
                && import.import.binding == Binding::Strong
                && !is_linker_made(&import.import.name, self.facts.machine)
        })
    }

    /// Whether the exports of all modules that it could import from are known: from a `Module.symvers`, or because
    /// those that it depends on were read.
    #[must_use]
    pub fn knows_its_providers(&self) -> bool {
        let depends = self.facts.modinfo.first("depends").unwrap_or_default();
        let mut names = depends.split(',').filter(|name| !name.is_empty());
        self.context.exports.knows_modules() || names.all(|name| self.context.provides(&ModuleName::new(name)))
    }

    /// The namespaces that it declares.
    #[must_use]
    pub fn declared_namespaces(&self) -> BTreeSet<&str> {
        self.facts.modinfo.all("import_ns").collect()
    }
}
