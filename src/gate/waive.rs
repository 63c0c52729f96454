// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waivers: which finding one covers, and what is said when it no longer does.

use super::{AppliedWaiver, Context, Finding, Severity, Subject};
use crate::allowlist::{Demand, Waiver};
use crate::module::ModuleName;

/// Adds the waiver that covers a finding; where one would but for its date, the finding says so.
///
/// What can't be read as a module proves nothing, so that only the operator's word or nothing waives it.
pub(super) fn apply(context: &Context<'_>, subject: Option<&Subject<'_>>, mut finding: Finding) -> Finding {
    if finding.severity == Severity::Note {
        return finding;
    }
    let is_meant = |waiver: &Waiver| match subject {
        Some(subject) => subject.meets(&waiver.proof),
        None => waiver.proof.contains(&Demand::Operator),
    };
    let (valid, expired): (Vec<_>, Vec<_>) = context
        .allowlists
        .waivers
        .iter()
        .filter(|waiver| covers(waiver, &finding) && is_meant(waiver))
        .partition(|waiver| waiver.expires >= context.terms.today);
    if let Some(waiver) = valid.into_iter().max_by_key(|waiver| waiver.expires) {
        finding.waiver = Some(AppliedWaiver {
            reason: waiver.reason.clone(),
            owner: waiver.owner.clone(),
            expires: waiver.expires,
            place: waiver.place.clone(),
        });
    } else if let Some(waiver) = expired.into_iter().max_by_key(|waiver| waiver.expires) {
        let said =
            format!("the waiver at {} expired on {}; ask {} to renew it", waiver.place, waiver.expires, waiver.owner);
        finding.help = Some(match finding.help {
            Some(help) => format!("{said}; or: {help}"),
            None => said,
        });
    }
    finding
}

/// Whether a waiver speaks of all of a finding: nothing rides along.
fn covers(waiver: &Waiver, finding: &Finding) -> bool {
    waiver.rule == finding.rule
        && waiver.module == ModuleName::new(&finding.module)
        && waiver.family == finding.family
        && waiver.key == finding.key
        && finding.symbols.iter().all(|symbol| waiver.symbols.contains(symbol))
}
