// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG001: an acquiring symbol of a family is imported by a module that is not registered for the family.

use super::{Rule, names};
use crate::allowlist::{Family, Known, Place, Registration};
use crate::gate::{Draft, Severity, Subject, Weight};
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG001",
    name: "unregistered",
    summary: "imports a family's acquiring symbol and has no registration for that family",
    page: include_str!("../../../docs/rules/SG001.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    for (family, mut imports) in subject.acquired() {
        // Of what it finds while it runs SG009 speaks.
        imports.retain(|import| !import.is_found());
        let registration = subject.registration;
        if imports.is_empty() || subject.is_registered_for(family) {
            continue;
        }
        let symbols: Vec<_> = imports.iter().map(|import| import.describe()).collect();
        let membership = imports.first().and_then(|import| import.membership.as_ref());
        let entry = membership.and_then(|membership| membership.entry);
        let (lack, decided_by) = lack(registration, entry);
        drafts.push(Draft {
            family: Some(family.to_owned()),
            symbols: names(&imports),
            help: Some(ways_out(subject, family, RULE.id)),
            decided_by,
            ..Draft::new(
                Weight::Always(Severity::Deny),
                format!("gets at {family} and {lack}: it imports {}", list(&symbols)),
            )
        });
    }
}

/// What is missing, and the line that decided.
pub(super) fn lack(registration: Option<&Registration>, entry: Option<&Family>) -> (String, Option<Place>) {
    match registration {
        None => ("is not registered".to_owned(), entry.map(|family| family.place.clone())),
        Some(registration) => {
            let families: Vec<_> = registration.families.iter().cloned().collect();
            (format!("is registered for {} only", families.join(", ")), Some(registration.place.clone()))
        }
    }
}

/// What can be done, and what is known of a module of this name.
pub(super) fn ways_out(subject: &Subject<'_>, family: &str, rule: &str) -> String {
    let known = subject.context.allowlists.known.get(&subject.name).map(|known| {
        let Known { source, userspace, standing, place, .. } = known;
        format!("a module of this name is known ({source}), and its userspace is {standing}: {userspace} ({place}); ")
    });
    format!(
        "{}if an open userspace drives it, register {} for {family} with that userspace (modules.toml); to let it through for \
         a time, waive it (waivers.toml), or ask who keeps these; `symgate explain {rule}` tells how",
        known.unwrap_or_default(),
        subject.name
    )
}
