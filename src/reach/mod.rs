// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which exports end up in a family's acquiring symbols, and by which way.
//!
//! An export that leads to an acquiring symbol is one itself to those who import it, whatever module it is in, until nothing
//! changes. What a facade's registration says decides who owes for it.

pub mod table;
mod walk;
mod way;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::module::ModuleName;
use crate::module::graph::{Grade, Graph};
use table::Asked;
use walk::Walk;
pub use way::{Basis, Hop, Reached};

/// What a module's exports mean to those who import them.
#[derive(Debug, Clone, Copy)]
pub enum Role<'a> {
    /// Nobody registered it as a facade: whatever its exports lead to is passed on.
    Shim,
    /// Its importers owe: by calls, and through tables by the exports that its registration names.
    Facade(&'a BTreeSet<String>),
    /// It owes for itself, or nobody does: it passes nothing on.
    Silent,
}

/// A module as a node of the graph of all.
#[derive(Debug)]
pub struct Node<'a> {
    /// Its name.
    pub name: ModuleName,
    /// How it is known.
    pub basis: Basis,
    /// Whether it is proven to be the kernel's own.
    pub is_kernels_own: bool,
    /// What its exports mean.
    pub role: Role<'a>,
    /// What it exports, by name.
    pub exports: Vec<&'a str>,
    /// What it imports, by name.
    pub imports: Vec<&'a str>,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Reach {
    by_symbol: HashMap<Box<str>, Vec<Reached>>,
    /// How many modules were looked into.
    pub looked_into: usize,
    /// Those of which only the module as a whole could be looked at: their code can't be read.
    pub whole: Vec<ModuleName>,
    /// Which shipped tables came first: for each series that was asked for that of the same, or of the nearest.
    pub tables: Vec<Asked>,
}

/// The best way of one export to each family.
type Ways = BTreeMap<Arc<str>, Reached>;

/// What is followed.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The family of an acquiring symbol.
    pub family: &'q (dyn Fn(&str) -> Option<Arc<str>> + Sync),
    /// Whether the module of this index is who offers a symbol: anybody can say so.
    pub offers: &'q (dyn Fn(usize, &str) -> bool + Sync),
    /// Reads the graph of the module of this index; what can't be read is taken as a whole.
    pub graph: &'q (dyn Fn(usize) -> Option<Arc<Graph>> + Sync),
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Question")
    }
}

impl Reach {
    /// Follows the exports of all modules.
    #[must_use]
    pub fn compute(nodes: &[Node<'_>], question: &Question<'_>) -> Self {
        let mut importers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.passes_on()) {
            for &import in &node.imports {
                importers.entry(import).or_default().push(index);
            }
        }
        let of_family = importers.iter().filter(|(import, _)| (question.family)(import).is_some());
        let mut dirty: BTreeSet<usize> = of_family.flat_map(|(_, importers)| importers).copied().collect();
        let walks: Vec<OnceLock<Walk>> = nodes.iter().map(|_| OnceLock::new()).collect();
        let mut ways: HashMap<Box<str>, Ways> = HashMap::new();
        while !dirty.is_empty() {
            let batch: Vec<usize> = std::mem::take(&mut dirty).into_iter().collect();
            let found: Vec<Vec<(Box<str>, Reached)>> = batch
                .par_iter()
                .filter_map(|index| {
                    let (node, walk) = (nodes.get(*index)?, walks.get(*index)?);
                    let walk =
                        walk.get_or_init(|| Walk::new(node.graph((question.graph)(*index)), !node.is_kernels_own));
                    let mut found = node.exports(walk, &|import| match (question.family)(import) {
                        Some(family) => vec![Reached::acquiring(family, import)],
                        None => ways.get(import).into_iter().flat_map(BTreeMap::values).cloned().collect(),
                    });
                    found.retain(|(export, _)| (question.offers)(*index, export));
                    Some(found)
                })
                .collect();
            for (export, reached) in found.into_iter().flatten() {
                let of_export = ways.entry(export.clone()).or_default();
                if of_export.get(&reached.family).is_none_or(|old| reached.rank() < old.rank()) {
                    of_export.insert(Arc::clone(&reached.family), reached);
                    dirty.extend(importers.get(&*export).into_iter().flatten());
                }
            }
        }
        let by_code = || nodes.iter().zip(&walks).filter(|(node, _)| node.basis != Basis::Table);
        let looked_into = by_code().filter(|(_, walk)| walk.get().is_some()).count();
        let is_whole = |walk: &OnceLock<Walk>| walk.get().is_some_and(|walk| walk.graph.is_whole);
        let whole = by_code().filter(|(_, walk)| is_whole(walk)).map(|(node, _)| node.name.clone()).collect();
        let by_symbol = ways.into_iter().map(|(symbol, ways)| (symbol, ways.into_values().collect())).collect();
        Self { by_symbol, looked_into, whole, tables: Vec::new() }
    }

    /// The ways from an export of any module, the best to each family.
    #[must_use]
    pub fn of(&self, symbol: &str) -> &[Reached] {
        self.by_symbol.get(symbol).map(Vec::as_slice).unwrap_or_default()
    }

    /// All exports that lead anywhere, by name.
    #[must_use]
    pub fn exports(&self) -> BTreeMap<&str, &[Reached]> {
        // The map is sorted here, so that its order is nobody's.
        self.by_symbol.iter().map(|(symbol, reached)| (&**symbol, reached.as_slice())).collect()
    }
}

impl Node<'_> {
    fn passes_on(&self) -> bool {
        !self.exports.is_empty() && !matches!(self.role, Role::Silent)
    }

    /// What its exports lead to, by what its imports do. Imports that lead to the same in the same way are followed at once.
    fn exports(&self, walk: &Walk, of_import: &dyn Fn(&str) -> Vec<Reached>) -> Vec<(Box<str>, Reached)> {
        let mut alike: BTreeMap<_, BTreeMap<u32, Reached>> = BTreeMap::new();
        for (index, import) in (0..).zip(&walk.graph.imports) {
            for way in of_import(import) {
                let key = (Arc::clone(&way.family), way.owes, way.grade, way.basis);
                alike.entry(key).or_default().insert(index, way);
            }
        }
        // Of a kernel's own module whose code can't be read other machines' kernels tell more than that it could lead anywhere.
        let is_guess = walk.graph.is_whole && self.is_kernels_own;
        let mut found = Vec::new();
        for ways in alike.into_values() {
            let imports: Vec<u32> = ways.keys().copied().collect();
            for walk::Way { export, grade, parts, import } in walk.to(&imports) {
                let (Some(way), Some(name)) = (ways.get(&import), walk.graph.imports.get(import as usize)) else {
                    continue;
                };
                let parts = parts.into_iter().map(Into::into).collect();
                let grade = if is_guess { Grade::Table } else { grade };
                let hop = Hop { module: self.name.clone(), basis: self.basis, grade, parts, import: name.clone() };
                let is_owed_for = match self.role {
                    Role::Shim => !is_guess,
                    Role::Facade(named) => grade.max(way.grade) == Grade::Call || named.contains(export),
                    Role::Silent => false,
                };
                found.push((export.into(), way.behind(hop, is_owed_for)));
            }
        }
        found
    }

    /// Its graph, if that was read. Of an export that it does not know nothing could be told: not even that it leads nowhere.
    fn graph(&self, read: Option<Arc<Graph>>) -> Arc<Graph> {
        let is_told_by = |graph: &Graph| {
            let told: HashSet<&str> = graph.exports.iter().map(|(export, _)| &**export).collect();
            self.exports.iter().all(|export| told.contains(export))
        };
        read.filter(|graph| is_told_by(graph)).unwrap_or_else(|| Arc::new(self.whole()))
    }

    /// The module as one part, of which nothing can be told apart.
    fn whole(&self) -> Graph {
        Graph::unread(self.exports.iter().map(|name| (*name).into()), self.imports.iter().map(|name| (*name).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::{Class, Export};
    use crate::module::graph::{Depth, Link, Target};
    use crate::module::{Bytes, ModuleFacts};

    /// Facts of a module with these exports and imports: those of a test module, with others in their place.
    fn facts(exports: &[&str], imports: &[&str]) -> ModuleFacts {
        let bytes = include_bytes!("../../testdata/6.1/sg_get.ko");
        let mut facts = ModuleFacts::read(Bytes::in_memory(bytes)).unwrap();
        let pattern = facts.imports.first().unwrap().clone();
        let export = |name: &&str| Export {
            name: (*name).into(),
            class: Class::Plain,
            namespace: None,
            crc: None,
            flags: None,
            declared_userspace_gpl: false,
        };
        facts.exports = exports.iter().map(export).collect();
        let import = |name: &&str| crate::module::Import { name: (*name).into(), ..pattern.clone() };
        facts.imports = imports.iter().map(import).collect();
        facts
    }

    /// A graph by its links: `(from, to, grade)`, where what is no part is an import; the exports are the first parts.
    fn graph(parts: &[&str], exports: usize, links: &[(&str, &str, Grade)]) -> Graph {
        let index = |name: &str| parts.iter().position(|part| *part == name);
        let mut graph = Graph {
            parts: parts.iter().map(|part| (*part).into()).collect(),
            links: vec![Vec::new(); parts.len()],
            exports: parts.iter().take(exports).zip(0..).map(|(part, index)| ((*part).into(), index)).collect(),
            ..Graph::default()
        };
        for &(from, to, grade) in links {
            let to = if let Some(part) = index(to) {
                Target::Part(u32::try_from(part).unwrap())
            } else {
                graph.imports.push(to.into());
                Target::Import(u32::try_from(graph.imports.len()).unwrap() - 1)
            };
            graph.links[index(from).unwrap()].push(Link { to, grade });
        }
        graph
    }

    fn compute(modules: &[(&str, Role<'_>, ModuleFacts, Graph)]) -> Reach {
        let nodes: Vec<Node<'_>> = modules.iter().map(|(name, role, facts, _)| node(name, *role, facts)).collect();
        follow(&nodes, &|index| modules.get(index).map(|(.., graph)| graph.clone()))
    }

    fn node<'a>(name: &str, role: Role<'a>, facts: &'a ModuleFacts) -> Node<'a> {
        Node {
            name: ModuleName::new(name),
            basis: Basis::Input,
            is_kernels_own: false,
            role,
            exports: facts.exports.iter().map(|export| &*export.name).collect(),
            imports: facts.imports.iter().map(|import| &*import.name).collect(),
        }
    }

    fn follow(nodes: &[Node<'_>], graph: &(dyn Fn(usize) -> Option<Graph> + Sync)) -> Reach {
        let family = |symbol: &str| (symbol == "dma_buf_get").then(|| Arc::from("dma-buf"));
        // What begins with a module's name is offered by it alone.
        let offers = |index: usize, symbol: &str| !symbol.starts_with("one_") || nodes[index].name.as_str() == "one";
        let graph = |index: usize| graph(index).map(Arc::new);
        Reach::compute(nodes, &Question { family: &family, offers: &offers, graph: &graph })
    }

    fn way(reach: &Reach, export: &str) -> Option<(Grade, bool, String)> {
        let [way] = reach.of(export) else { return None };
        Some((way.grade, way.owes, way.via().join(" ")))
    }

    #[test]
    fn follows_calls_and_tables_over_any_number_of_modules() {
        use Grade::{Call, Table};
        let one =
            graph(&["one_get", "one_safe", "inner"], 2, &[("one_get", "inner", Call), ("inner", "dma_buf_get", Call)]);
        let two = graph(&["two_ops", "two_do"], 1, &[("two_ops", "two_do", Table), ("two_do", "one_get", Call)]);
        let three = graph(
            &["three_register", "three_safe"],
            2,
            &[("three_register", "two_ops", Table), ("three_safe", "one_safe", Call)],
        );
        let reach = compute(&[
            ("three", Role::Shim, facts(&["three_register", "three_safe"], &["two_ops", "one_safe"]), three),
            ("two", Role::Shim, facts(&["two_ops"], &["one_get"]), two),
            ("one", Role::Shim, facts(&["one_get", "one_safe"], &["dma_buf_get"]), one),
        ]);
        assert_eq!(way(&reach, "one_get"), Some((Call, true, "one:one_get one:inner dma_buf_get".to_owned())));
        assert_eq!(way(&reach, "two_ops").map(|(grade, ..)| grade), Some(Table));
        let whole = "three:three_register two:two_ops two:two_do one:one_get one:inner dma_buf_get";
        assert_eq!(way(&reach, "three_register"), Some((Table, true, whole.to_owned())));
        assert_eq!((way(&reach, "one_safe"), way(&reach, "three_safe")), (None, None));
        assert_eq!((reach.looked_into, reach.exports().len()), (3, 3));
    }

    #[test]
    fn who_owes_is_what_the_facade_says() {
        use Grade::{Call, Table};
        let links = [("calls", "dma_buf_get", Call), ("table", "calls", Table), ("named", "calls", Table)];
        let named = BTreeSet::from(["named".to_owned()]);
        let owes = |role: Role<'_>| {
            let facts = facts(&["calls", "table", "named"], &["dma_buf_get"]);
            let reach = compute(&[("facade", role, facts, graph(&["calls", "table", "named"], 3, &links))]);
            ["calls", "table", "named"].map(|export| way(&reach, export).map(|(_, owes, _)| owes))
        };
        assert_eq!(owes(Role::Shim), [Some(true), Some(true), Some(true)]);
        assert_eq!(owes(Role::Facade(&named)), [Some(true), Some(false), Some(true)]);
        assert_eq!(owes(Role::Silent), [None, None, None]);
    }

    #[test]
    fn a_symbol_leads_where_its_provider_does() {
        let links = [("one_get", "dma_buf_get", Grade::Call)];
        let claims = ("other", Role::Shim, facts(&["one_get"], &["dma_buf_get"]), graph(&["one_get"], 1, &links));
        assert_eq!(way(&compute(&[claims]), "one_get"), None);
    }

    #[test]
    fn a_long_way_keeps_both_its_ends() {
        let names: Vec<String> = (0..200).map(|number| format!("f{number}")).collect();
        let module = |at: usize| {
            let (own, next) = (&*names[at], names.get(at + 1).map_or("dma_buf_get", String::as_str));
            (own, Role::Shim, facts(&[own], &[next]), graph(&[own], 1, &[(own, next, Grade::Call)]))
        };
        let modules: Vec<_> = (0..200).map(module).collect();
        let reach = compute(&modules);
        let (grade, owes, via) = way(&reach, "f0").unwrap();
        assert_eq!((grade, owes), (Grade::Call, true));
        assert!(via.starts_with("f0:f0 f1:f1 ") && via.ends_with(" f199:f199 dma_buf_get"), "{via}");
        assert!(via.split(' ').count() < 100, "{via}");
    }

    /// Of a module whose exports are named for what they are.
    #[test]
    fn every_way_is_found_and_what_is_built_alike_is_none() {
        for bytes in [
            &include_bytes!("../../testdata/6.1/reach/sg_shim_routes.ko")[..],
            include_bytes!("../../testdata/7.2/reach/sg_shim_routes.ko"),
        ] {
            let facts = ModuleFacts::read(Bytes::in_memory(bytes)).unwrap();
            let graph = Graph::read(Bytes::in_memory(bytes), Depth::Everything, &facts.lookups).unwrap();
            let reach = compute(&[("sg_shim_routes", Role::Shim, facts.clone(), graph)]);
            let exports = || facts.exports.iter().map(|export| &*export.name);
            assert_eq!(exports().count(), 22);
            for export in exports() {
                assert_eq!(!reach.of(export).is_empty(), export.starts_with("sg_route_"), "{export}");
            }
            let grade = |export: &str| way(&reach, export).map(|(grade, ..)| grade);
            for by_call in ["static_key", "alternative", "fault", "label", "call", "feature"] {
                assert_eq!(grade(&format!("sg_route_{by_call}")), Some(Grade::Call), "{by_call}");
            }
            for by_table in ["pointer", "ops", "once", "notifier", "work", "exit", "static_call"] {
                assert_eq!(grade(&format!("sg_route_{by_table}")), Some(Grade::Table), "{by_table}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_taken_as_a_whole() {
        let facts = facts(&["safe"], &["dma_buf_get"]);
        let reach = follow(&[node("odd", Role::Shim, &facts)], &|_| None);
        assert_eq!(way(&reach, "safe"), Some((Grade::Call, true, "odd:the module dma_buf_get".to_owned())));
        assert_eq!(reach.whole, [ModuleName::new("odd")]);
        // Neither can what is not all there.
        let other = graph(&["other"], 1, &[]);
        assert_eq!(follow(&[node("odd", Role::Shim, &facts)], &|_| Some(other.clone())).whole.len(), 1);
        // A kernel's own module is not made to look worse by that than it is elsewhere.
        let own = Node { is_kernels_own: true, ..node("odd", Role::Shim, &facts) };
        assert_eq!(
            way(&follow(&[own], &|_| None), "safe").map(|(grade, owes, _)| (grade, owes)),
            Some((Grade::Table, false))
        );
    }
}
