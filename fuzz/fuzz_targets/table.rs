// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of what other kernels' exports lead to: what is read makes a graph whose links lead somewhere.
#![no_main]

use std::collections::BTreeSet;

use symgate::reach::table::{Series, Table, Tables, graph};
use symgate_fuzz::read::leads_somewhere;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(table) = Table::parse(text) else { return };
    let series: Series = "6.1.0".parse().expect("a release has a series");
    let mut tables = Tables::default();
    tables.add(series, table);
    for (module, hops) in tables.of(&BTreeSet::from([series])).modules() {
        assert!(!module.as_str().is_empty(), "a module without a name");
        let graph = graph(hops);
        assert_eq!(graph.exports.len(), hops.len(), "of {module}");
        leads_somewhere(&graph);
    }
});
