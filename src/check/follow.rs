// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the exports lead to: of the modules that are judged, of the kernel's own beside them, and of those that are known from
//! the shipped tables alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::{Beside, Gathered, Source};
use crate::allowlist::{Allowlists, Class, Kind, Members, Owes, Registration};
use crate::exports::VMLINUX;
use crate::gate::Candidate;
use crate::input;
use crate::module::graph::{self, Graph};
use crate::module::{ModuleFacts, ModuleName, Stage};
use crate::reach::table::{self, Known, Series};
use crate::reach::{Basis, Hop, Node, Question, Reach, Role};
use crate::tier;

/// What is followed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aim<'s> {
    /// What the families' acquiring symbols are, as far as the registrations let it be passed on.
    Families,
    /// This symbol, whoever passes it on.
    Symbol(&'s str),
}

/// Follows the exports of all that is known.
pub(super) fn follow(gathered: &Gathered, allowlists: &Allowlists, aim: Aim<'_>) -> Reach {
    let Gathered { modules, context, .. } = gathered;
    let known: Known<'_> = allowlists.tables.of(&series(gathered));
    let family = |symbol: &str| match aim {
        Aim::Families => {
            let membership = tier::membership(&allowlists.policy, symbol, gathered.exports.get(symbol))?;
            (membership.acquires && !membership.watch_only).then(|| Arc::from(&*membership.family))
        }
        Aim::Symbol(name) => (symbol == name).then(|| Arc::from(name)),
    };
    let acquires = |facts: &ModuleFacts| facts.imports.iter().any(|import| family(&import.name).is_some());
    let judged = modules.iter().map(|candidate| {
        let Candidate { path, facts, proof, .. } = candidate;
        let name = facts.name_or_of(path);
        // Without anything that could prove a name, the claim stands until SG004 has spoken.
        let is_claimed = !gathered.trust.knows_a_kernel() && facts.claims_intree();
        let registration = allowlists.registrations.get(&name);
        let role = match registration.filter(|registration| is_claimed || candidate.meets(&registration.proof)) {
            None if (is_claimed || proof.is_some()) && !acquires(facts) => role_in_class(allowlists, facts, &name),
            registration => role(registration),
        };
        node(facts, name, (Basis::Input, proof.is_some()), role)
    });
    let beside = context.iter().map(|Beside { facts, path, .. }| {
        let name = facts.name_or_of(path);
        let role = match allowlists.registrations.get(&name) {
            None if !acquires(facts) => role_in_class(allowlists, facts, &name),
            registration => role(registration),
        };
        node(facts, name, (Basis::Context, true), role)
    });
    let tables: Vec<(&ModuleName, &[(&str, &Hop)])> = known.modules().collect();
    let seen = tables.iter().map(|(name, hops)| Node {
        name: (*name).clone(),
        basis: Basis::Table,
        is_kernels_own: true,
        role: role(allowlists.registrations.get(name)),
        exports: hops.iter().map(|(export, _)| *export).collect(),
        imports: hops.iter().map(|(_, hop)| &*hop.import).collect(),
    });
    let mut nodes: Vec<Node<'_>> = judged.chain(beside).chain(seen).collect();
    if let Aim::Symbol(_) = aim {
        for node in &mut nodes {
            node.role = Role::Shim;
        }
    }
    // Whose code is at hand, and whether that is the kernel's own and can be read.
    let facts = modules.iter().map(|module| &module.facts).chain(context.iter().map(|module| &module.facts));
    let mut at_hand: HashMap<&ModuleName, bool> = HashMap::new();
    for (node, facts) in nodes.iter().zip(facts) {
        *at_hand.entry(&node.name).or_default() |= node.is_kernels_own && graph::is_readable(facts.machine);
    }
    let of_context: HashSet<&str> =
        context.iter().flat_map(|module| &module.facts.exports).map(|export| &*export.name).collect();
    let offers = |index: usize, symbol: &str| {
        let Some(node) = nodes.get(index) else { return false };
        let provider = gathered.exports.get(symbol).map(|provided| &provided.provider);
        match (node.basis, provider) {
            (Basis::Context, provider) => provider == Some(&node.name),
            // Of several modules that offer one symbol the loader takes the first that is loaded: only the kernel's own word says
            // that it is another.
            (Basis::Input, provider) => {
                let is_told = gathered.exports.is_kernels_word(symbol) || of_context.contains(symbol);
                !is_told || provider == Some(&node.name)
            }
            (Basis::Table, None) => true,
            // A name proves nothing: what bears a facade's is followed, and believed to be no less than that facade.
            (Basis::Table, Some(provider)) => match at_hand.get(provider) {
                _ if provider.as_str() == VMLINUX => true,
                None => true,
                Some(is_known) => *provider == node.name && !is_known,
            },
        }
    };
    let reader = Graphs { gathered, tables: &tables, of_packages: Mutex::default() };
    let graphs = |indices: &[usize]| reader.read(indices);
    let mut reach = Reach::compute(&nodes, &Question { family: &family, offers: &offers, graphs: &graphs });
    reach.tables = known.tables;
    reach
}

fn node<'a>(
    facts: &'a ModuleFacts,
    name: ModuleName,
    (basis, is_kernels_own): (Basis, bool),
    role: Role<'a>,
) -> Node<'a> {
    let exports: Vec<&str> = facts.exports.iter().map(|export| &*export.name).collect();
    // What exports nothing leads nobody anywhere.
    let imports =
        if exports.is_empty() { Vec::new() } else { facts.imports.iter().map(|import| &*import.name).collect() };
    Node { name, basis, is_kernels_own, role, exports, imports }
}

/// The series of the kernels that the modules are for: where some are proven to be a kernel's own of theirs, else of all, so
/// that none can choose for the others.
fn series(gathered: &Gathered) -> BTreeSet<Series> {
    let of = |facts: &ModuleFacts| facts.modinfo.first("vermagic")?.parse().ok();
    let beside = gathered.context.iter().map(|module| &module.facts);
    let proven = gathered.modules.iter().filter(|module| module.proof.is_some()).map(|module| &module.facts);
    let own: BTreeSet<Series> = beside.chain(proven).filter_map(of).collect();
    if own.is_empty() { gathered.modules.iter().filter_map(|module| of(&module.facts)).collect() } else { own }
}

/// What the exports of a kernel's own module mean that is not registered by its name: a member of a class has the uAPI that all
/// of it share, and so owes for itself.
fn role_in_class<'a>(allowlists: &Allowlists, facts: &ModuleFacts, name: &ModuleName) -> Role<'a> {
    let is_member = |class: &Class| match &class.members {
        Members::Named(names) => names.contains(name),
        Members::Importing(marks) => facts.imports.iter().any(|import| marks.contains(&*import.name)),
    };
    let mut classes = allowlists.classes.iter();
    let is_of_one = classes.any(|class| matches!(&class.kind, Kind::Class(class) if is_member(class)));
    if is_of_one { Role::Silent } else { Role::Shim }
}

/// What a registration says that a module's exports mean.
fn role(registration: Option<&Registration>) -> Role<'_> {
    match registration.map(|registration| &registration.kind) {
        None => Role::Shim,
        Some(Kind::Facade { owes: Owes::Importers, exports }) => Role::Facade(exports),
        Some(_) => Role::Silent,
    }
}

/// Where the graphs come from.
struct Graphs<'g> {
    gathered: &'g Gathered,
    tables: &'g [(&'g ModuleName, &'g [(&'g str, &'g Hop)])],
    /// Of modules in packages: a package is read once more, for all that could matter.
    of_packages: Mutex<BTreeMap<usize, HashMap<String, Graph>>>,
}

impl Graphs<'_> {
    fn read(&self, indices: &[usize]) -> Vec<Option<Graph>> {
        indices.par_iter().map(|index| self.of(*index)).collect()
    }

    fn of(&self, index: usize) -> Option<Graph> {
        let Gathered { modules, sources, context, .. } = self.gathered;
        let Some(module) = modules.get(index) else {
            let beside = index - modules.len();
            return match context.get(beside) {
                Some(module) => input::read_graph(&module.file).ok(),
                None => self.tables.get(beside - context.len()).map(|(_, hops)| table::graph(hops)),
            };
        };
        match (&module.facts.graph, sources.get(index)?) {
            _ if module.facts.stage == Stage::BeforeModpost => None,
            (Some(graph), _) => Some(Graph::clone(graph)),
            (None, Source::File(path)) => input::read_graph(path).ok(),
            (None, Source::Package(package)) => self.of_package(*package, &module.path),
        }
    }

    /// The graph of a module in a package: the package is read once more, for all of its modules that could matter.
    fn of_package(&self, package: usize, label: &str) -> Option<Graph> {
        let mut read = self.of_packages.lock().unwrap_or_else(PoisonError::into_inner);
        let graphs = read.entry(package).or_insert_with(|| {
            let Gathered { modules, packages, .. } = self.gathered;
            let exporting: HashSet<&str> = modules
                .iter()
                .filter(|module| !module.facts.exports.is_empty() && module.facts.graph.is_none())
                .map(|module| &*module.path)
                .collect();
            let wanted = |label: &str| exporting.contains(label);
            let graphs = packages.get(package).map(|package| input::read_graphs(package, &wanted));
            graphs.and_then(Result::ok).into_iter().flatten().collect()
        });
        graphs.get(label).cloned()
    }
}
