// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG002: a family is reached through another module's exports by a module that is not registered for it.

use super::Rule;
use super::sg001_unregistered::{lack, ways_out};
use crate::gate::{Draft, Severity, Subject, Weight};
use crate::module::graph::Grade;
use crate::reach::{Basis, Reached};
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
        // Of what it finds while it runs SG009 speaks.
        let access = access.part(false);
        let registration = subject.registration;
        let is_registered = subject.is_registered_for(family);
        // Of what it imports itself SG001 speaks.
        let Some(way) = access.way().filter(|_| !is_registered && access.direct.is_empty()) else { continue };
        let entry = subject.context.allowlists.policy.family(family);
        let (lack, decided_by) = lack(registration, entry);
        drafts.push(
            Draft {
                family: Some(family.to_owned()),
                symbols: access.symbols(),
                help: Some(ways_out(subject, family, RULE.id)),
                decided_by,
                ..Draft::new(
                    Weight::Always(Severity::Deny),
                    format!(
                        "gets at {family} through exports of others{} and {lack}: it imports {}; {}",
                        match way.grade {
                            Grade::Call => "",
                            Grade::Table => ", by way of a table of pointers,",
                        },
                        list(&access.symbols()),
                        told(way),
                    ),
                )
            }
            .by(way),
        );
    }
}

/// The way, and on what it stands.
pub(super) fn told(way: &Reached) -> String {
    let basis = match way.basis {
        Basis::Input => "",
        Basis::Context => " (in the kernel's own modules)",
        Basis::Table => " (as seen in other builds of the kernel; --context reads this one's modules)",
    };
    format!("{}{basis}", way.via().join(" -> "))
}
