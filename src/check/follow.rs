// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the exports lead to: of the modules that are judged, of the kernel's own beside them, and of those that are known from
//! the shipped tables alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Beside, Gathered, Source};
use crate::allowlist::{Allowlists, Kind, Owes, Registration};
use crate::exports::VMLINUX;
use crate::gate::Candidate;
use crate::input;
use crate::module::graph::{self, Depth, Graph};
use crate::module::lookup;
use crate::module::{ModuleFacts, ModuleName};
use crate::reach::table::{self, Series};
use crate::reach::{Basis, Hop, Node, Question, Reach, Role};
use crate::tier::Memberships;

/// What is followed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aim<'s> {
    /// What the families' acquiring symbols are, as far as the registrations let it be passed on.
    Families,
    /// This symbol, whoever passes it on.
    Symbol(&'s str),
    /// What finds any symbol, as far as it may be told any name.
    Oracles,
}

/// Follows the exports of all that is known.
pub(super) fn follow<'a>(gathered: &'a Gathered, allowlists: &'a Allowlists, aim: Aim<'_>) -> Reach {
    let Gathered { modules, context, .. } = gathered;
    let known = allowlists.tables.of(&series(gathered));
    let memberships = Memberships::new(&allowlists.policy, &gathered.exports);
    let family = |symbol: &str| match aim {
        Aim::Families => {
            let membership = memberships.of(symbol).1?;
            membership.gives_access().then(|| Arc::from(&*membership.family))
        }
        Aim::Symbol(name) => (symbol == name).then(|| Arc::from(name)),
        Aim::Oracles => lookup::is_oracle(symbol).then(|| Arc::from("lookup")),
    };
    let acquires = |facts: &ModuleFacts| facts.asks_for().any(|import| family(&import.name).is_some());
    // Of a kernel's own module that is not registered by its name its class may say something.
    let role_of = |facts: &ModuleFacts, name: &ModuleName, is_own: bool, registration: Option<&'a Registration>| {
        let is_of_a_class = || is_own && !acquires(facts) && is_of_a_class(allowlists, facts, name);
        if registration.is_none() && is_of_a_class() { Role::Silent } else { role(registration) }
    };
    let judged = modules.iter().map(|candidate| {
        let Candidate { path, facts, proof, .. } = candidate;
        let name = facts.name_or_of(path);
        // Without anything that could prove a name, the claim stands until SG004 has spoken.
        let is_claimed = gathered.trust.leaves_to_claim(facts);
        let registration = allowlists.registrations.get(&name);
        let meant =
            registration.filter(|registration| is_claimed || candidate.meets(&registration.proof, &gathered.trust));
        let is_own = is_claimed || proof.is_some();
        let role = match aim {
            // The kernel's own hands it to the kernel's own.
            Aim::Oracles if !candidate.is_from_elsewhere() => Role::Silent,
            Aim::Oracles => Role::Shim,
            _ => role_of(facts, &name, is_own, meant),
        };
        node(facts, name, (Basis::Input, proof.is_some()), role)
    });
    let beside = context.iter().map(|Beside { facts, path, .. }| {
        let name = facts.name_or_of(path);
        let role = match aim {
            Aim::Oracles => Role::Silent,
            _ => role_of(facts, &name, true, allowlists.registrations.get(&name)),
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
    if let Aim::Oracles = aim {
        nodes.retain(|node| node.basis != Basis::Table);
    }
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
    let graphs = Graphs { gathered, tables: &tables, of_packages: Mutex::default() };
    let graph = |index: usize| graphs.of(index);
    let mut reach = Reach::compute(&nodes, &Question { family: &family, offers: &offers, graph: &graph });
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
    let imports = if exports.is_empty() { Vec::new() } else { facts.asks_for().map(|import| &*import.name).collect() };
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

/// Whether a module bears the mark of a class: it then has the uAPI that all of the class share, and so owes for itself.
fn is_of_a_class(allowlists: &Allowlists, facts: &ModuleFacts, name: &ModuleName) -> bool {
    let mut classes = allowlists.classes.iter();
    classes.any(|class| matches!(&class.kind, Kind::Class(class) if class.members.has(name, facts)))
}

/// What a registration says that a module's exports mean.
pub(super) fn role(registration: Option<&Registration>) -> Role<'_> {
    match registration.map(|registration| &registration.kind) {
        None => Role::Shim,
        Some(Kind::Facade { owes: Owes::Importers, exports }) => Role::Facade(exports),
        Some(_) => Role::Silent,
    }
}

/// How much of a module is still to be read: all of its code, unless it is proven to be the kernel's own.
fn wanted(module: &Candidate) -> Option<Depth> {
    let depth = if module.proof.is_some() { Depth::Exports } else { Depth::Everything };
    let is_read = |graph: &Graph| depth == Depth::Exports || graph.stored.is_some() || graph.is_whole;
    let graph = module.facts.graph.as_deref();
    (!graph.is_some_and(is_read)).then_some(depth)
}

/// Where the graphs come from.
struct Graphs<'g> {
    gathered: &'g Gathered,
    tables: &'g [(&'g ModuleName, &'g [(&'g str, &'g Hop)])],
    /// Of modules in packages: a package is read once more, for all that could matter.
    of_packages: Mutex<BTreeMap<usize, BTreeMap<usize, Arc<Graph>>>>,
}

impl Graphs<'_> {
    /// The graph of a node: of a module that is judged, or else of one beside it, or else of a table.
    fn of(&self, index: usize) -> Option<Arc<Graph>> {
        let Gathered { modules, sources, context, .. } = self.gathered;
        let read = |path: &Path, depth, facts: &ModuleFacts| {
            let read = input::read_again(path, |bytes| Graph::read(bytes, depth, &facts.lookups));
            read.ok().and_then(Result::ok).map(Arc::new)
        };
        if let Some(candidate) = modules.get(index) {
            return match (wanted(candidate), sources.get(index)?) {
                (None, _) => candidate.facts.graph.clone(),
                (Some(depth), Source::File(file)) => read(file, depth, &candidate.facts),
                (Some(_), Source::Package(package)) => self.of_package(*package, index),
            };
        }
        let beside = index - modules.len();
        match context.get(beside) {
            Some(Beside { facts, file, .. }) => facts.graph.clone().or_else(|| read(file, Depth::Exports, facts)),
            None => self.tables.get(beside - context.len()).map(|(_, hops)| Arc::new(table::graph(hops))),
        }
    }

    /// The graph of a module in a package: the package is read once more, for all of its modules that could matter.
    fn of_package(&self, package: usize, index: usize) -> Option<Arc<Graph>> {
        let mut read = self.of_packages.lock().unwrap_or_else(PoisonError::into_inner);
        let graphs = read.entry(package).or_insert_with(|| {
            let Gathered { modules, sources, .. } = self.gathered;
            let of_it = modules.iter().zip(sources).enumerate().filter_map(|(index, (module, source))| {
                let exports = !module.facts.exports.is_empty();
                let is_of_it = matches!(source, Source::Package(of) if *of == package);
                Some((index, wanted(module).filter(|_| exports && is_of_it)?))
            });
            let depths: BTreeMap<usize, Depth> = of_it.collect();
            let (graphs, _) = self.gathered.again(&depths.keys().copied().collect(), &|index, bytes| {
                let lookups = &modules.get(index)?.facts.lookups;
                Graph::read(bytes, depths.get(&index).copied()?, lookups).ok().map(Arc::new)
            });
            graphs.into_iter().filter_map(|(index, graph)| Some((index, graph?))).collect()
        });
        graphs.get(&index).cloned()
    }
}
