// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG002: a family is reached through another module's exports by a module that is not registered for it.

use super::Rule;
use super::sg001_unregistered::{lack, ways_out};
use crate::gate::{Draft, Severity, Subject, Weight};
use crate::module::graph::Grade;
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG002",
    name: "unregistered-facade",
    summary: "gets at a family through another module's exports and has no registration for it",
    page: include_str!("../../../docs/rules/SG002.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    for (family, access) in subject.gets_at() {
        let registration = subject.registration;
        let is_registered = registration.is_some_and(|registration| registration.families.contains(family));
        // Of what it imports itself SG001 speaks.
        let Some(way) = access.way().filter(|_| !is_registered && access.direct.is_empty()) else { continue };
        let entry = subject.context.allowlists.policy.family(family);
        let (lack, decided_by) = lack(registration, entry);
        let by = match way.grade {
            Grade::Call => "",
            Grade::Table => ", through a table of pointers",
        };
        let steps: Vec<&str> = way.via.iter().map(|step| &**step).collect();
        drafts.push(Draft {
            family: Some(family.to_owned()),
            symbols: access.symbols(),
            grade: Some(way.grade),
            via: way.via.clone(),
            help: Some(ways_out(subject, family, "SG002")),
            decided_by,
            ..Draft::new(
                Weight::Always(Severity::Deny),
                format!(
                    "gets at {family} through exports of others{by} and {lack}: it imports {}, which leads to {}",
                    list(&access.symbols()),
                    steps.join(" -> ")
                ),
            )
        });
    }
}
