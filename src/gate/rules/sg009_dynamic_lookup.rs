// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG009: a symbol of a family is found while the module runs, or something that can't be told is.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use super::sg001_unregistered::{lack, ways_out};
use super::sg002_unregistered_facade::told;
use crate::gate::{Draft, Severity, Sought, Subject, Weight};
use crate::module::lookup::{Gives, is_pattern};
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG009",
    name: "dynamic-lookup",
    summary: "finds a family's symbol while it runs, or symbols that can't be told",
    page: include_str!("../../../docs/rules/SG009.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    of_families(subject, drafts);
    if subject.is_from_elsewhere() {
        of_hooks(subject, drafts);
        of_the_untold(subject, drafts);
        of_others(subject, drafts);
    }
}

/// What is found of a family counts as an import of it.
fn of_families(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    for (family, access) in subject.gets_at() {
        let found = access.part(true);
        let symbols = found.symbols();
        let registration = subject.registration;
        if symbols.is_empty() || subject.is_registered_for(family) {
            continue;
        }
        let entry = subject.context.allowlists.policy.family(family);
        let (lack, decided_by) = lack(registration, entry);
        let way = found.way().filter(|_| found.direct.is_empty());
        let leads = way.map(|way| format!(", which leads to {}", told(way))).unwrap_or_default();
        let draft = Draft {
            family: Some(family.to_owned()),
            help: Some(ways_out(subject, family, RULE.id)),
            decided_by,
            ..Draft::new(
                Weight::Always(Severity::Deny),
                format!(
                    "gets at {family} and {lack}: it finds {} while it runs, by {}{leads}",
                    list(&symbols),
                    list(&by(subject, &symbols))
                ),
            )
        };
        let draft = Draft { symbols, ..draft };
        drafts.push(match way {
            Some(way) => draft.by(way),
            None => draft,
        });
    }
}

/// The functions by which these are found.
fn by(subject: &Subject<'_>, symbols: &[String]) -> Vec<String> {
    let told = subject.facts.lookups.told();
    let finds = |names: &BTreeSet<&str>| {
        symbols.iter().any(|symbol| names.iter().any(|name| *name == symbol || is_pattern(name)))
    };
    told.iter().filter(|told| finds(&told.names)).map(|told| told.by.to_owned()).collect()
}

/// Who is called where something of a family is gets at what that is handed, whatever it does.
fn of_hooks(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let lookups = subject.facts.lookups.told();
    let hooks = lookups.iter().filter(|told| told.gives == Gives::Hook).flat_map(|told| &told.names);
    let hooked: BTreeSet<&str> = hooks.copied().collect();
    let mut by_family: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for import in subject.family_imports().filter(|import| hooked.contains(&*import.import.name)) {
        let membership = import.membership.as_ref().filter(|of| !of.acquires && !of.watch_only);
        if let Some(of) = membership.filter(|of| !subject.is_registered_for(&of.family)) {
            by_family.entry(&of.family).or_default().push(import.import.name.to_string());
        }
    }
    for (family, symbols) in by_family {
        let by = list(&by(subject, &symbols));
        let message = format!("gets at what {} of {family} is handed: it is called there, by {by}", list(&symbols));
        let draft = Draft::new(Weight::Always(Severity::Warn), message);
        drafts.push(Draft { family: Some(family.to_owned()), key: Some("hook".to_owned()), symbols, ..draft });
    }
}

/// What can't be told warns.
fn of_the_untold(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let lookups = &subject.facts.lookups;
    let told = lookups.told();
    let open: Vec<String> = told
        .iter()
        // Of what others hand out more is said.
        .filter(|told| told.is_open && subject.context.oracles.of(told.by).is_empty())
        .map(|told| {
            let pointer = if told.is_by_pointer { " by a pointer" } else { "" };
            match told.gives {
                Gives::Names => format!("{}{pointer}, which tells the names of addresses", told.by),
                _ => format!("{}{pointer} of {}", told.by, told.what()),
            }
        })
        .collect();
    if !open.is_empty() {
        drafts.push(Draft {
            key: Some("untold".to_owned()),
            sought: Sought::Untold,
            help: Some(
                "symgate follows a name from the call backwards; one that is a constant there is told. If what it finds is \
                 known, and harmless, waive it (waivers.toml)"
                    .to_owned(),
            ),
            ..Draft::new(
                Weight::Always(Severity::Warn),
                format!("finds symbols while it runs that can't be told: by {}", open.join("; ")),
            )
        });
    }
    if lookups.walks_modules {
        drafts.push(Draft {
            key: Some("modules".to_owned()),
            help: Some(
                "no module has to do with that list: who goes along it finds the symbols of all, and who leaves it hides"
                    .to_owned(),
            ),
            ..Draft::new(
                Weight::Always(Severity::Warn),
                "gets at its own place in the kernel's list of modules (struct module.list)",
            )
        });
    }
}

/// What others hand out finds more.
fn of_others(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let context = subject.context;
    let lookups = subject.facts.lookups.told();
    let handed = subject.facts.imports.iter().filter_map(|import| {
        let way = context.oracles.of(&import.name).first()?;
        // What it tells it, where that can be told, was looked at.
        let is_told = lookups.iter().any(|told| told.by == &*import.name && !told.is_open);
        (!is_told).then_some((import, way))
    });
    let handed: Vec<_> = handed.collect();
    let Some((_, way)) = handed.first() else { return };
    let symbols: Vec<String> = handed.iter().map(|(import, _)| import.name.to_string()).collect();
    let message = format!("imports {}, by which symbols are found that can't be told: {}", list(&symbols), told(way));
    let draft = Draft::new(Weight::Always(Severity::Warn), message);
    drafts.push(Draft { key: Some("handed-out".to_owned()), symbols, ..draft }.by(way));
}
