// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG014: the module's signature is broken, or missing or not trusted where the run asks for one.

use super::Rule;
use super::sg004_identity::signature;
use crate::gate::{Draft, Severity, Subject, Weight};
use crate::trust::Verdict;

pub(super) const RULE: Rule = Rule {
    id: "SG014",
    name: "signature",
    summary: "has a missing, broken or untrusted signature where one is asked for",
    page: include_str!("../../../docs/rules/SG014.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let context = subject.context;
    // Without a key nothing can be said, and what was not hashed was not asked.
    if !context.trust.has_keys() || subject.facts.digests.is_none() {
        return;
    }
    let (severity, key) = match &subject.candidate.signature {
        Some(Verdict::Valid { .. }) => return,
        Some(Verdict::Broken { .. }) => (Severity::Deny, "broken"),
        None | Some(Verdict::Unknown | Verdict::Unverified(_)) if context.terms.signatures => {
            (Severity::Warn, "untrusted")
        }
        None | Some(Verdict::Unknown | Verdict::Unverified(_)) => return,
    };
    drafts.push(Draft {
        key: Some(key.to_owned()),
        help: Some(
            "modinfo shows who signed it; install it again from where the kernel came from, or sign it".to_owned(),
        ),
        ..Draft::new(Weight::Always(severity), format!("has no signature that can be trusted: {}", signature(subject)))
    });
}
