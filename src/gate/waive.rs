// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waivers: which finding one covers, and which no longer does.

use super::{AppliedWaiver, Context, Finding, Severity, Subject};
use crate::allowlist::Waiver;
use crate::module::ModuleName;

/// Adds the waiver that covers a finding. Returns the one that would but for its date, where none does.
///
/// What can't be read as a module proves nothing, so that only somebody's word or nothing waives it.
pub(super) fn apply<'a>(
    context: &Context<'a>,
    subject: Option<&Subject<'_>>,
    finding: &mut Finding,
) -> Option<&'a Waiver> {
    if finding.severity == Severity::Note {
        return None;
    }
    let is_meant = |waiver: &Waiver| match subject {
        Some(subject) => subject.meets(&waiver.proof),
        None => waiver.proof.iter().any(|demand| demand.is_met_by_word(context.trust.taken_from.as_ref())),
    };
    let covering = context.allowlists.waivers.iter().filter(|waiver| covers(waiver, finding) && is_meant(waiver));
    let waiver = covering.max_by_key(|waiver| waiver.expires)?;
    if waiver.expires < context.terms.today {
        return Some(waiver);
    }
    finding.waiver = Some(AppliedWaiver {
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        expires: waiver.expires,
        place: waiver.place.clone(),
    });
    None
}

/// Whether a waiver speaks of all of a finding: nothing rides along.
fn covers(waiver: &Waiver, finding: &Finding) -> bool {
    waiver.rule == finding.rule
        && waiver.module == ModuleName::new(&finding.module)
        && waiver.family == finding.family
        && waiver.key == finding.key
        && finding.symbols.iter().all(|symbol| waiver.symbols.contains(symbol))
}
