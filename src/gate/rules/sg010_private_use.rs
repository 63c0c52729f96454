// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG010: a module that is not the kernel's own does by hand what a family's symbols are for.

use std::collections::BTreeMap;

use super::Rule;
use crate::allowlist::Family;
use crate::gate::{Draft, Location, Severity, Sought, Subject, Weight};
use crate::module::debug::{Frame, Handled, What};
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG010",
    name: "private-use",
    summary: "imports none of a family's symbols, but handles its private types, or makes by hand what they are for",
    page: include_str!("../../../docs/rules/SG010.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    if !subject.is_from_elsewhere() {
        return;
    }
    let policy = &subject.context.allowlists.policy;
    for family in policy.judged() {
        let registration = subject.proven_registration();
        if registration.is_some_and(|registration| registration.families.contains(&family.name)) {
            continue;
        }
        if !has_to_do_with(subject, family) {
            types(subject, family, drafts);
        }
        copies(subject, family, drafts);
    }
    by_hand(subject, drafts);
}

/// Whether it asks for any of a family's symbols, or gets at it through others: of that other rules speak.
fn has_to_do_with(subject: &Subject<'_>, family: &Family) -> bool {
    let is_of_it = |of: &str| of == family.name;
    subject.family_imports().any(|import| import.membership.as_ref().is_some_and(|of| is_of_it(&of.family)))
        || subject.gets_at().into_keys().any(is_of_it)
}

/// Types of a family that its functions handle.
fn types(subject: &Subject<'_>, family: &Family, drafts: &mut Vec<Draft>) {
    let handled = subject.candidate.private.handled.as_ref().map(|types| types.handled.as_slice()).unwrap_or_default();
    let handled: Vec<&Handled> =
        handled.iter().filter(|handled| family.private_types.contains(&*handled.type_name)).collect();
    if handled.is_empty() {
        return;
    }
    let mut by_type: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Handled { type_name, within, what, .. } in &handled {
        let within = match what {
            What::Parameter | What::Variable => format!("in {within}"),
            What::Member => format!("in struct {within}"),
        };
        let all = by_type.entry(type_name).or_default();
        if !all.contains(&within) {
            all.push(within);
        }
    }
    let told: Vec<String> = by_type.iter().map(|(name, within)| format!("struct {name} ({})", list(within))).collect();
    let at = |handled: &&Handled| Location {
        symbol: Some(handled.type_name.clone()),
        frames: vec![Frame {
            function: Some(handled.within.clone()),
            file: Some(handled.file.clone()),
            line: handled.line,
        }],
        within: None,
    };
    drafts.push(Draft {
        family: Some(family.name.clone()),
        key: Some("types".to_owned()),
        sought: Sought::Nothing,
        locations: handled.iter().map(at).collect(),
        help: Some(format!(
            "nobody needs these who has no {} from somewhere: say where it comes from, or take them out",
            family.name
        )),
        decided_by: Some(family.place.clone()),
        ..Draft::new(
            Weight::Always(Severity::Warn),
            format!("asks for no symbol of {}, but its own functions handle {}", family.name, told.join(", ")),
        )
    });
}

/// Functions of its own that bear the names of a family's.
fn copies(subject: &Subject<'_>, family: &Family, drafts: &mut Vec<Draft>) {
    let policy = &subject.context.allowlists.policy;
    let is_exported = |name: &str| subject.facts.exports.iter().any(|export| *export.name == *name);
    let copied: Vec<String> = subject
        .candidate
        .private
        .copied
        .iter()
        .filter(|site| policy.family_of(&site.symbol, None).is_some_and(|of| of.name == family.name))
        .filter(|site| family.knows(&site.symbol) && !is_exported(&site.symbol))
        .map(|site| site.symbol.to_string())
        .collect();
    // One of them alone may be named so by chance: drivers have had dma_buf_get() and dma_buf_put() of their own.
    if copied.iter().filter(|symbol| family.acquires(symbol)).count() < 2 {
        return;
    }
    let message = format!("has a copy of its own of {}: it defines {}", family.name, list(&copied));
    drafts.push(Draft {
        family: Some(family.name.clone()),
        key: Some("copy".to_owned()),
        symbols: copied,
        sought: Sought::Nothing,
        help: Some("use the kernel's, and register the module".to_owned()),
        decided_by: Some(family.place.clone()),
        ..Draft::new(Weight::Always(Severity::Warn), message)
    });
}

/// What it imports of no family, by which the same can be made.
fn by_hand(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let policy = &subject.context.allowlists.policy;
    let mut by_family: BTreeMap<&str, (&Family, Vec<String>)> = BTreeMap::new();
    for (family, import) in policy.makes_by_hand(subject.facts) {
        by_family.entry(&family.name).or_insert_with(|| (family, Vec::new())).1.push(import.name.to_string());
    }
    for (name, (family, symbols)) in by_family {
        let registration = subject.proven_registration();
        if registration.is_some_and(|registration| registration.families.contains(name)) {
            continue;
        }
        let message = format!(
            "may make by hand what {name} is for: it asks for {}, which makes pages of a device's memory",
            list(&symbols)
        );
        drafts.push(Draft {
            family: Some(name.to_owned()),
            key: Some("by-hand".to_owned()),
            symbols,
            help: Some(
                "the type that it asks for is a number in its code (MEMORY_DEVICE_PCI_P2PDMA): look there; if it is another, \
                 waive it (waivers.toml)"
                    .to_owned(),
            ),
            decided_by: Some(family.place.clone()),
            ..Draft::new(Weight::Always(Severity::Warn), message)
        });
    }
}
