// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ways within one module, backwards from an import.

use std::sync::Arc;

use crate::module::graph::{Grade, Graph, Target};

/// A module's graph, with its links turned round.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) graph: Arc<Graph>,
    /// What links to each part.
    to_parts: Vec<Vec<(u32, Grade)>>,
    /// What links to each import.
    to_imports: Vec<Vec<(u32, Grade)>>,
}

/// The next part on the way from each part, where there is a way.
type Next = Vec<Option<Step>>;

/// A step towards an import.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It links to this import.
    Import(u32),
    /// It links to this part.
    Part(u32),
}

/// A way from an export to one of several imports.
#[derive(Debug)]
pub(super) struct Way<'w> {
    pub(super) export: &'w str,
    pub(super) grade: Grade,
    /// The names of the parts on it, the export first; not more than are worth showing.
    pub(super) parts: Vec<&'w str>,
    /// Index of the import.
    pub(super) import: u32,
}

/// Steps that are shown of one way within a module.
const STEPS: usize = 40;

impl Walk {
    /// With what code puts into data when it runs, or without.
    pub(super) fn new(graph: Arc<Graph>, with_stored: bool) -> Self {
        let mut to_parts = vec![Vec::new(); graph.parts.len()];
        let mut to_imports = vec![Vec::new(); graph.imports.len()];
        let links = (0_u32..).zip(&graph.links).flat_map(|(from, links)| links.iter().map(move |link| (from, link)));
        let stored = graph.stored.iter().filter(|_| with_stored).flatten().map(|(from, link)| (*from, link));
        for (from, link) in links.chain(stored) {
            let into = match link.to {
                Target::Part(part) => to_parts.get_mut(part as usize),
                Target::Import(import) => to_imports.get_mut(import as usize),
            };
            if let Some(into) = into {
                into.push((from, link.grade));
            }
        }
        Self { graph, to_parts, to_imports }
    }

    /// The exports from which there is a way to any of these imports, each with the best: by calls, and short.
    pub(super) fn to(&self, imports: &[u32]) -> Vec<Way<'_>> {
        let by_calls = self.backwards(imports, Grade::Call);
        let by_any = self.backwards(imports, Grade::Table);
        let exports = self.graph.exports.iter();
        exports
            .filter_map(|(export, part)| {
                let way = |next: &Next, grade| {
                    let (parts, import) = self.parts(next, *part)?;
                    Some(Way { export, grade, parts, import })
                };
                way(&by_calls, Grade::Call).or_else(|| way(&by_any, Grade::Table))
            })
            .collect()
    }

    /// The first steps of the shortest ways to imports, by links of at most a grade.
    fn backwards(&self, imports: &[u32], most: Grade) -> Next {
        let mut next: Next = vec![None; self.graph.parts.len()];
        let mut reached: Vec<u32> = Vec::new();
        let mut take = |from: u32, step: Step, reached: &mut Vec<u32>| {
            if let Some(place @ None) = next.get_mut(from as usize) {
                *place = Some(step);
                reached.push(from);
            }
        };
        for &import in imports {
            let links = self.to_imports.get(import as usize).into_iter().flatten();
            for &(from, _) in links.filter(|(_, grade)| *grade <= most) {
                take(from, Step::Import(import), &mut reached);
            }
        }
        while !reached.is_empty() {
            for part in std::mem::take(&mut reached) {
                let links = self.to_parts.get(part as usize).into_iter().flatten();
                for &(from, _) in links.filter(|(_, grade)| *grade <= most) {
                    take(from, Step::Part(part), &mut reached);
                }
            }
        }
        next
    }

    /// The parts from one to an import, and which import that is.
    fn parts(&self, next: &Next, from: u32) -> Option<(Vec<&str>, u32)> {
        let mut parts = Vec::new();
        let mut part = from;
        loop {
            let step = (*next.get(part as usize)?)?;
            if parts.len() < STEPS {
                parts.push(&**self.graph.parts.get(part as usize)?);
            }
            match step {
                Step::Import(import) => return Some((parts, import)),
                Step::Part(to) => part = to,
            }
        }
    }
}
