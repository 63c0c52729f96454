// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG004: the module bears a registered name, and nothing proves that it is the one that was registered.

use super::Rule;
use crate::allowlist::{Demand, Kind, Owes, Registration};
use crate::gate::{Access, Draft, Severity, Subject, Weight};
use crate::text;
use crate::trust::Verdict;

pub(super) const RULE: Rule = Rule {
    id: "SG004",
    name: "identity",
    summary: "bears a registered name without the proof that its registration asks for",
    page: include_str!("../../../docs/rules/SG004.md"),
    check,
};

/// The key of a finding that has its cause in the run, not in the module: reports say it once.
pub(in crate::gate) const NOTHING_NAMED: &str = "nothing-named";

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let Some(registration) = subject.registration else { return };
    // A name permits something only to a module that gets at a family, or through which others do.
    let is_of_use =
        subject.gets_at_a_family() || (registration.owes() != Owes::Itself && !subject.facts.exports.is_empty());
    if !is_of_use || subject.has_proven(registration) {
        return;
    }
    let trust = subject.context.trust;
    let asks_for_kernel = registration.proof.contains(&Demand::Kernel);
    // What was taken from elsewhere is the kernel's own by no word, so that it is the module that lacks something.
    let lacks_a_name = asks_for_kernel && !trust.knows_a_kernel() && trust.taken_from.is_none();
    let (key, reason, help) = if lacks_a_name {
        let help = "name it: --kernel-build DIR (the kernel's build, or lib/modules/VERSION), --kernel-package FILE, or \
                    --trusted-keys FILE (certificates, or the kernel image)";
        (Some(NOTHING_NAMED.to_owned()), "nothing was named as the kernel's own".to_owned(), help.to_owned())
    } else {
        (Some("unproven".to_owned()), lack(subject, registration), way_out(subject, registration))
    };
    let mut symbols: Vec<String> = subject.gets_at().values().flat_map(Access::symbols).collect();
    symbols.sort();
    symbols.dedup();
    drafts.push(Draft {
        key,
        symbols,
        help: Some(help),
        decided_by: Some(registration.place.clone()),
        ..Draft::new(
            Weight::Always(Severity::Deny),
            match &registration.kind {
                Kind::Class(_) => {
                    format!("would be of {registration}, and nothing proves that it is the kernel's own: {reason}")
                }
                _ => format!("bears the name of {registration}, and nothing proves that it is this one: {reason}"),
            },
        )
    });
}

/// What is missing of what the registration asks for.
fn lack(subject: &Subject<'_>, registration: &Registration) -> String {
    let mut lacks = Vec::new();
    for demand in &registration.proof {
        match demand {
            Demand::Kernel => {
                lacks.push(format!("it is in no place that was named as the kernel's own, and {}", signature(subject)));
            }
            Demand::Content(_) => lacks.push("its content is another than the registered one".to_owned()),
            Demand::Operator | Demand::Origin(_) => {}
        }
    }
    if let Some(origins) = origins(registration) {
        lacks.push(match &subject.context.trust.taken_from {
            None => format!("nobody said that it was taken from {origins}"),
            Some(other) => format!("it was taken from {other}, and not from {origins}"),
        });
    }
    lacks.dedup();
    lacks.join("; ")
}

/// What can be done about it.
fn way_out(subject: &Subject<'_>, registration: &Registration) -> String {
    match (&subject.context.trust.taken_from, origins(registration)) {
        (Some(other), _) => format!(
            "if what is taken from {other} may bear this name, too, whoever lets it in can register it with the proof \
             \"{}\"",
            Demand::Origin(other.clone())
        ),
        (None, Some(origins)) => {
            format!("if it was taken from there, whoever took it can say so: --origin {origins}")
        }
        (None, None) => {
            "if it is the kernel's own, name the build, package or key that it comes from; if it is not, it needs \
                         a registration of its own in the allowlists of whoever lets it in"
                .to_owned()
        }
    }
}

/// Where the registration wants it to be taken from.
fn origins(registration: &Registration) -> Option<String> {
    let origin = |demand: &Demand| match demand {
        Demand::Origin(origin) => Some(origin.to_string()),
        _ => None,
    };
    let origins: Vec<String> = registration.proof.iter().filter_map(origin).collect();
    (!origins.is_empty()).then(|| origins.join(" or "))
}

/// What its signature comes to, as a clause.
pub(super) fn signature(subject: &Subject<'_>) -> String {
    match &subject.candidate.signature {
        None => "it has no signature".to_owned(),
        Some(Verdict::Valid { by, .. }) => format!("{by} signed it"),
        Some(Verdict::Broken { by }) => format!("{by} did not sign what it holds"),
        Some(Verdict::Unverified(reason)) => format!("its signature can't be verified: {reason}"),
        Some(Verdict::Unknown) => format!("none of the trusted keys signed it, but {}", signers(subject)),
    }
}

/// Who signed, by the message.
fn signers(subject: &Subject<'_>) -> String {
    let signers = subject.facts.signature.iter().filter_map(|signature| signature.signers.as_ref().ok()).flatten();
    let names: Vec<String> = signers
        .map(|signer| match &signer.issuer {
            Some(issuer) => format!("one of {issuer} ({})", signer.key),
            None => format!("one with the identifier {}", signer.key),
        })
        .collect();
    text::list(&names)
}
