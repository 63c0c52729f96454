// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which exports end up in a family's acquiring symbols, and by which way.
//!
//! An export that leads to an acquiring symbol is one itself to those who import it, whatever module it is in, until nothing
//! changes. What a facade's registration says decides who owes for it.

mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::module::graph::{Grade, Graph};
use crate::module::{ModuleFacts, ModuleName};
use walk::Walk;

/// A way from an export to an acquiring symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The family.
    pub family: Arc<str>,
    /// The acquiring symbol.
    pub symbol: Box<str>,
    /// How it is reached, at the weakest link.
    pub grade: Grade,
    /// Whether who imports the export owes an open userspace for it.
    pub owes: bool,
    /// The way: `MODULE:FUNCTION` for each step, and the acquiring symbol.
    pub via: Vec<Arc<str>>,
}

impl Reached {
    /// Of several ways to the same symbol the one that counts comes first: one that is owed for, by calls, and short.
    fn rank(&self) -> (bool, Grade, usize, &[Arc<str>]) {
        (!self.owes, self.grade, self.via.len(), &self.via)
    }
}

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
    /// What it says of itself.
    pub facts: &'a ModuleFacts,
    /// Its name.
    pub name: ModuleName,
    /// What its exports mean.
    pub role: Role<'a>,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Reach {
    by_symbol: HashMap<Box<str>, Vec<Reached>>,
    /// How many modules were looked into.
    pub looked_into: usize,
    /// Those of which only the module as a whole could be looked at: their code can't be read.
    pub whole: Vec<ModuleName>,
}

/// The best way of one export to each family.
type Ways = BTreeMap<Arc<str>, Reached>;

/// What is followed.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The family of an acquiring symbol.
    pub family: &'q (dyn Fn(&str) -> Option<Arc<str>> + Sync),
    /// Whether a module of this name is who offers a symbol: anybody can say so.
    pub offers: &'q (dyn Fn(&ModuleName, &str) -> bool + Sync),
    /// Reads the graph of the module of this index; what can't be read is taken as a whole.
    pub graph: &'q (dyn Fn(usize) -> Option<Graph> + Sync),
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
        let mut dirty: BTreeSet<usize> = BTreeSet::new();
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.passes_on()) {
            for import in &node.facts.imports {
                importers.entry(&import.name).or_default().push(index);
                if (question.family)(&import.name).is_some() {
                    dirty.insert(index);
                }
            }
        }
        let walks: Vec<OnceLock<Walk>> = nodes.iter().map(|_| OnceLock::new()).collect();
        let mut ways: HashMap<Box<str>, Ways> = HashMap::new();
        while !dirty.is_empty() {
            let batch: Vec<usize> = std::mem::take(&mut dirty).into_iter().collect();
            let found: Vec<Vec<(Box<str>, Reached)>> = batch
                .par_iter()
                .filter_map(|index| {
                    let (node, walk) = (nodes.get(*index)?, walks.get(*index)?);
                    let graph = || (question.graph)(*index).unwrap_or_else(|| whole(node.facts));
                    let walk = walk.get_or_init(|| Walk::new(graph()));
                    let mut found = node.exports(walk, &|import| match (question.family)(import) {
                        Some(family) => vec![acquired(family, import)],
                        None => ways.get(import).into_iter().flat_map(BTreeMap::values).cloned().collect(),
                    });
                    found.retain(|(export, _)| (question.offers)(&node.name, export));
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
        let looked_into = walks.iter().filter(|walk| walk.get().is_some()).count();
        let is_whole = |walk: &OnceLock<Walk>| walk.get().is_some_and(|walk| walk.graph.is_whole);
        let whole = nodes.iter().zip(&walks).filter(|(_, walk)| is_whole(walk)).map(|(node, _)| node.name.clone());
        let whole = whole.collect();
        let by_symbol = ways.into_iter().map(|(symbol, ways)| (symbol, ways.into_values().collect())).collect();
        Self { by_symbol, looked_into, whole }
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
        !self.facts.exports.is_empty() && !matches!(self.role, Role::Silent)
    }

    /// What its exports lead to, by what its imports do. Imports that lead to the same in the same way are followed at once.
    fn exports(&self, walk: &Walk, of_import: &dyn Fn(&str) -> Vec<Reached>) -> Vec<(Box<str>, Reached)> {
        let mut alike: BTreeMap<(Arc<str>, bool, Grade), BTreeMap<u32, Reached>> = BTreeMap::new();
        for (index, import) in (0..).zip(&walk.graph.imports) {
            for way in of_import(import) {
                alike.entry((Arc::clone(&way.family), way.owes, way.grade)).or_default().insert(index, way);
            }
        }
        let mut found = Vec::new();
        for ways in alike.into_values() {
            let imports: Vec<u32> = ways.keys().copied().collect();
            for walk::Way { export, grade, parts, import } in walk.to(&imports) {
                let Some(way) = ways.get(&import) else { continue };
                let grade = grade.max(way.grade);
                let is_owed_for = match self.role {
                    Role::Shim => true,
                    Role::Facade(named) => grade == Grade::Call || named.contains(export),
                    Role::Silent => false,
                };
                let steps = parts.iter().map(|part| Arc::from(format!("{}:{part}", self.name)));
                let mut via: Vec<Arc<str>> = steps.chain(way.via.iter().cloned()).collect();
                // The end says the most: which symbol it is.
                if let Some(over @ 1..) = via.len().checked_sub(STEPS) {
                    via.drain(STEPS / 2..STEPS / 2 + over);
                }
                found.push((export.into(), Reached { grade, owes: way.owes && is_owed_for, via, ..way.clone() }));
            }
        }
        found
    }
}

/// Steps that are kept of a way through all modules.
const STEPS: usize = 80;

/// The way of an acquiring symbol itself.
fn acquired(family: Arc<str>, symbol: &str) -> Reached {
    Reached { family, symbol: symbol.into(), grade: Grade::Call, owes: true, via: vec![symbol.into()] }
}

/// A module of which nothing can be told apart.
fn whole(facts: &ModuleFacts) -> Graph {
    Graph::unread(
        facts.exports.iter().map(|export| export.name.clone()),
        facts.imports.iter().map(|import| import.name.clone()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::{Class, Export};
    use crate::module::Bytes;
    use crate::module::graph::{Link, Target};

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
        let nodes: Vec<Node<'_>> = modules
            .iter()
            .map(|(name, role, facts, _)| Node { facts, name: ModuleName::new(name), role: *role })
            .collect();
        follow(&nodes, &|index| modules.get(index).map(|(.., graph)| graph.clone()))
    }

    fn follow(nodes: &[Node<'_>], graph: &(dyn Fn(usize) -> Option<Graph> + Sync)) -> Reach {
        let family = |symbol: &str| (symbol == "dma_buf_get").then(|| Arc::from("dma-buf"));
        // What begins with a module's name is offered by it alone.
        let offers = |name: &ModuleName, symbol: &str| !symbol.starts_with("one_") || name.as_str() == "one";
        Reach::compute(nodes, &Question { family: &family, offers: &offers, graph })
    }

    fn way(reach: &Reach, export: &str) -> Option<(Grade, bool, String)> {
        let [way] = reach.of(export) else { return None };
        let via: Vec<&str> = way.via.iter().map(|step| &**step).collect();
        Some((way.grade, way.owes, via.join(" ")))
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
        let names: Vec<String> = (0..500).map(|number| format!("f{number}")).collect();
        let parts: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut links: Vec<_> = parts.iter().zip(&parts[1..]).map(|(a, b)| (*a, *b, Grade::Call)).collect();
        links.push(("f499", "dma_buf_get", Grade::Call));
        let reach = compute(&[("m", Role::Shim, facts(&["f0"], &["dma_buf_get"]), graph(&parts, 1, &links))]);
        let [way] = reach.of("f0") else { panic!("one way") };
        assert!(
            way.via.len() <= STEPS
                && &*way.via[0] == "m:f0"
                && way.via.last().is_some_and(|last| &**last == "dma_buf_get")
        );
    }

    #[test]
    fn what_cannot_be_read_is_taken_as_a_whole() {
        let facts = facts(&["safe"], &["dma_buf_get"]);
        let node = Node { facts: &facts, name: ModuleName::new("odd"), role: Role::Shim };
        let reach = follow(&[node], &|_| None);
        assert_eq!(way(&reach, "safe"), Some((Grade::Call, true, "odd:the module dma_buf_get".to_owned())));
        assert_eq!(reach.whole, [ModuleName::new("odd")]);
    }
}
