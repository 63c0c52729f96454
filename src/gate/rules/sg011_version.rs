// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG011: the CRC that the module was built against is not the export's.

use super::Rule;
use crate::gate::{Draft, Subject, Weight};
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG011",
    name: "version",
    summary: "has a CRC that differs from the export's",
    page: include_str!("../../../docs/rules/SG011.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let differing: Vec<_> = subject
        .imports
        .iter()
        .filter_map(|import| {
            let (built, offered) = (import.import.crc?, import.provided?.export.crc?);
            (built != offered).then(|| (import.import.name.to_string(), built, offered))
        })
        .collect();
    if differing.is_empty() {
        return;
    }
    let shown: Vec<_> = differing
        .iter()
        .map(|(name, built, offered)| format!("{name} (built against 0x{built:08x}, offered is 0x{offered:08x})"))
        .collect();
    drafts.push(Draft {
        symbols: differing.into_iter().map(|(name, ..)| name).collect(),
        help: Some("it was built for another kernel, or the Module.symvers is of another one".to_owned()),
        ..Draft::new(Weight::ByFamily, format!("disagrees about the version of {}", list(&shown)))
    });
}
