// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG008: the module hands on what it reaches under looser terms than it has it.

use std::collections::BTreeMap;

use super::Rule;
use super::sg002_unregistered_facade::told;
use crate::exports::Export;
use crate::gate::{Draft, Severity, Sought, Subject, Weight};
use crate::reach::Reached;
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG008",
    name: "laundering",
    summary: "unregistered itself, exports a symbol more loosely than what it reaches",
    page: include_str!("../../../docs/rules/SG008.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    if subject.registration.is_some() {
        return;
    }
    let mut loose: BTreeMap<&str, Vec<(&Export, &Reached)>> = BTreeMap::new();
    for export in &subject.facts.exports {
        let ways = subject.context.reach.of(&export.name).iter();
        // By the same name another module may offer something else.
        for way in ways.filter(|way| way.owes && way.facade() == Some(&subject.name)) {
            if is_looser(subject, export, way) {
                loose.entry(&way.family).or_default().push((export, way));
            }
        }
    }
    for (family, exports) in loose {
        let Some((_, way)) = exports.first() else { continue };
        let mut symbols: Vec<String> = exports.iter().map(|(export, _)| export.name.to_string()).collect();
        symbols.sort();
        let shown: Vec<String> =
            exports.iter().map(|(export, _)| format!("{} ({})", export.name, export.symvers_type())).collect();
        let symbol = &way.symbol;
        let reached = subject.context.look_up(symbol).0.map(|provided| format!(" ({})", provided.export.terms()));
        drafts.push(
            Draft {
                family: Some(family.to_owned()),
                symbols,
                sought: Sought::Exports,
                help: Some(format!(
                    "export it with EXPORT_SYMBOL_NS_GPL, or register {} as a facade and say who owes the userspace \
                 (facades.toml)",
                    subject.name
                )),
                ..Draft::new(
                    Weight::Always(Severity::Deny),
                    format!(
                        "exports {} under looser terms than {symbol}{}, to which it leads: {}",
                        list(&shown),
                        reached.unwrap_or_default(),
                        told(way)
                    ),
                )
            }
            .by(way),
        );
    }
}

/// Whether an export is held less closely than the acquiring symbol that it leads to.
fn is_looser(subject: &Subject<'_>, export: &Export, way: &Reached) -> bool {
    match subject.context.look_up(&way.symbol) {
        (Some(provided), _) if provided.export.class.is_gpl_only() => export.is_looser_than(&provided.export),
        // A family's symbol is for GPL-compatible modules, whatever its class.
        _ => !export.class.is_gpl_only(),
    }
}
