// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG015: an entry of the allowlists that decided here is expired, old, or of a userspace that is not open.

use super::Rule;
use crate::allowlist::{Axis, Best, Outcome, Owes, Registration, Waiver, best};
use crate::gate::{Draft, Profile, Severity, Subject, Weight};
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG015",
    name: "allowlist",
    summary: "was judged by an entry of the allowlists that is expired, old, or not open",
    page: include_str!("../../../docs/rules/SG015.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let registration = subject.proven_registration().filter(|registration| registration.owes() == Owes::Itself);
    let decides =
        |registration: &&Registration| subject.gets_at().keys().any(|family| registration.families.contains(*family));
    let Some(registration) = registration.filter(decides) else { return };
    let context = subject.context;
    let Some(Best { userspace, records, .. }) = best(context.allowlists, registration) else { return };
    let policy = &context.allowlists.policy;
    let old =
        records.iter().filter_map(|(axis, record)| Some((record.old(policy, context.terms.today)?, axis, record)));
    let old: Vec<_> = old.collect();
    if let Some((age, _, oldest)) = old.iter().max_by_key(|(age, ..)| age) {
        let axes: Vec<String> = old.iter().map(|(_, axis, _)| axis.to_string()).collect();
        // Who builds a module can't bring the registry up to date.
        let severity = match context.terms.profile {
            Profile::Kbuild => Severity::Note,
            Profile::Distro | Profile::Audit => Severity::Warn,
        };
        drafts.push(Draft {
            key: Some("old".to_owned()),
            help: Some(format!(
                "look again, and write down what was found and when; symgate registry show {} has it all",
                registration.name
            )),
            decided_by: Some(oldest.place.clone()),
            ..Draft::new(
                Weight::Always(severity),
                format!(
                    "was judged by old evidence on {} ({}): {age} days, and the policy asks for {}",
                    userspace.title,
                    list(&axes),
                    policy.evidence_days
                ),
            )
        });
    }
    // Where the subsystem asks for the licence, SG003 has spoken.
    let licence = userspace.axis(Axis::Licence).filter(|_| records.iter().all(|(axis, _)| *axis != Axis::Licence));
    if let Some(licence) = licence.filter(|licence| licence.outcome == Outcome::Unmet) {
        drafts.push(Draft {
            key: Some("not-open".to_owned()),
            help: Some("register an open userspace that drives it".to_owned()),
            decided_by: Some(licence.place.clone()),
            ..Draft::new(
                Weight::Always(Severity::Warn),
                format!("is registered with {}, whose licence is not open: {}", userspace.title, licence.is),
            )
        });
    }
}

/// What is to be said of a waiver that would cover a finding, but for its date.
pub(super) fn expired(waiver: &Waiver) -> Draft {
    let Waiver { rule, expires, owner, family, .. } = waiver;
    let key = [Some(rule), family.as_ref(), waiver.key.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>();
    Draft {
        key: Some(format!("expired:{}", key.join(":"))),
        help: Some(format!("ask {owner} to renew it, or see to what it was for")),
        decided_by: Some(waiver.place.clone()),
        ..Draft::new(Weight::Always(Severity::Warn), format!("had a waiver for {rule}, which expired on {expires}"))
    }
}
