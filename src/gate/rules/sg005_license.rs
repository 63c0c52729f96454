// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG005: a module that is not GPL-compatible imports what is only for those that are.

use super::{Rule, names};
use crate::gate::{Draft, Subject, Weight};
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG005",
    name: "license",
    summary: "imports a gpl or userspace-gpl export under a licence that is not GPL-compatible",
    page: include_str!("../../../docs/rules/SG005.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    if subject.facts.is_gpl_compatible() {
        return;
    }
    // What finds others while the module runs is GPL-only itself; what is found so is not for modpost or the loader to refuse.
    let gpl_only = subject.imports.iter().filter(|import| import.is_gpl_only() && !import.is_found());
    // The family's symbols first: they are what the reader looks for.
    let (mut imports, others): (Vec<_>, Vec<_>) = gpl_only.partition(|import| import.membership.is_some());
    imports.extend(others);
    if imports.is_empty() {
        return;
    }
    let licenses: Vec<_> = subject.facts.modinfo.all("license").map(|license| format!("{license:?}")).collect();
    let license = match licenses.as_slice() {
        [] => "without a licence".to_owned(),
        [one] => format!("of licence {one}"),
        many => format!("of licences {}", many.join(", ")),
    };
    let symbols: Vec<_> = imports.iter().map(|import| import.describe()).collect();
    let mut sorted = names(&imports);
    sorted.sort();
    drafts.push(Draft {
        symbols: sorted,
        help: Some(
            "use plain exports only, or license the module compatibly; modpost and the loader refuse it as it is"
                .to_owned(),
        ),
        ..Draft::new(
            Weight::ByFamily,
            format!("is {license}, which is not GPL-compatible, and uses GPL-only {}", list(&symbols)),
        )
    });
}
