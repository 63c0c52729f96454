// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG012: an import that nothing exports.

use super::{Rule, names};
use crate::gate::{Draft, Subject, Weight};
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG012",
    name: "unresolved",
    summary: "imports, not weakly, what nothing exports",
    page: include_str!("../../../docs/rules/SG012.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let unresolved: Vec<_> = subject.unresolved().collect();
    if unresolved.is_empty() {
        return;
    }
    let symbols = names(&unresolved);
    let message = format!("uses {}, which nothing exports", list(&symbols));
    drafts.push(Draft {
        symbols,
        help: Some("name the Module.symvers, or the modules, of whoever exports it".to_owned()),
        ..Draft::new(Weight::ByFamily, message)
    });
}
