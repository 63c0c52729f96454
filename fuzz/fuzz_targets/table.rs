// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of what other kernels' exports lead to: what is read makes a graph whose links lead somewhere.
#![no_main]

use std::collections::BTreeSet;

use symgate::module::graph::Target;
use symgate::reach::table::{Series, Table, Tables, graph};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(table) = Table::parse(text) else { return };
    let series: Series = "6.1.0".parse().expect("a release has a series");
    let mut tables = Tables::default();
    tables.add(series, table);
    for (module, hops) in tables.of(&BTreeSet::from([series])).modules() {
        assert!(!module.as_str().is_empty(), "a module without a name");
        let graph = graph(hops);
        assert_eq!((graph.parts.len(), graph.exports.len()), (graph.links.len(), hops.len()), "of {module}");
        for link in graph.links.iter().flatten() {
            let (index, len) = match link.to {
                Target::Part(part) => (part, graph.parts.len()),
                Target::Import(import) => (import, graph.imports.len()),
            };
            assert!((index as usize) < len, "{link:?} leads nowhere");
        }
    }
});
