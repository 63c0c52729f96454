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

/// The ways of one export, by family and acquiring symbol.
type Ways = BTreeMap<(Arc<str>, Box<str>), Reached>;

impl Reach {
    /// Follows the exports of all modules. `family` tells the family of an acquiring symbol, and `graph` reads that of a
    /// module, by its index; what can't be read is taken as a whole.
    pub fn compute(
        nodes: &[Node<'_>],
        family: &(impl Fn(&str) -> Option<Arc<str>> + Sync),
        graph: &(impl Fn(usize) -> Option<Graph> + Sync),
    ) -> Self {
        let mut importers: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut dirty: BTreeSet<usize> = BTreeSet::new();
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.passes_on()) {
            for import in &node.facts.imports {
                importers.entry(&import.name).or_default().push(index);
                if family(&import.name).is_some() {
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
                    let walk = walk.get_or_init(|| Walk::new(graph(*index).unwrap_or_else(|| whole(node.facts))));
                    Some(node.exports(walk, &|import| match family(import) {
                        Some(family) => vec![acquired(family, import)],
                        None => ways.get(import).into_iter().flat_map(BTreeMap::values).cloned().collect(),
                    }))
                })
                .collect();
            for (export, reached) in found.into_iter().flatten() {
                let key = (Arc::clone(&reached.family), reached.symbol.clone());
                let of_export = ways.entry(export.clone()).or_default();
                if of_export.get(&key).is_none_or(|old| reached.rank() < old.rank()) {
                    of_export.insert(key, reached);
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

    /// The ways from an export of any module.
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

    /// What its exports lead to, by what its imports do.
    fn exports(&self, walk: &Walk, of_import: &dyn Fn(&str) -> Vec<Reached>) -> Vec<(Box<str>, Reached)> {
        let mut found = Vec::new();
        for (index, import) in walk.graph.imports.iter().enumerate() {
            let ways = of_import(import);
            if ways.is_empty() {
                continue;
            }
            for (export, grade, parts) in walk.to_import(index) {
                let steps: Vec<Arc<str>> = parts.iter().map(|part| format!("{}:{part}", self.name).into()).collect();
                for way in &ways {
                    let grade = grade.max(way.grade);
                    let is_owed_for = match self.role {
                        Role::Shim => true,
                        Role::Facade(named) => grade == Grade::Call || named.contains(export),
                        Role::Silent => false,
                    };
                    let via = steps.iter().chain(&way.via).cloned().collect();
                    found.push((export.into(), Reached { grade, owes: way.owes && is_owed_for, via, ..way.clone() }));
                }
            }
        }
        found
    }
}

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
        let family = |symbol: &str| (symbol == "dma_buf_get").then(|| Arc::from("dma-buf"));
        Reach::compute(&nodes, &family, &|index| modules.get(index).map(|(.., graph)| graph.clone()))
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
    fn what_cannot_be_read_is_taken_as_a_whole() {
        let facts = facts(&["safe"], &["dma_buf_get"]);
        let node = Node { facts: &facts, name: ModuleName::new("odd"), role: Role::Shim };
        let reach =
            Reach::compute(&[node], &|symbol| (symbol == "dma_buf_get").then(|| Arc::from("dma-buf")), &|_| None);
        assert_eq!(way(&reach, "safe"), Some((Grade::Call, true, "odd:the module dma_buf_get".to_owned())));
        assert_eq!(reach.whole, [ModuleName::new("odd")]);
    }
}
