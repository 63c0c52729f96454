// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG003: the module is registered, but its userspace's standing does not do.

use super::Rule;
use crate::allowlist::{Owes, Standing};
use crate::gate::{Draft, Profile, Severity, Subject, Weight};

pub(super) const RULE: Rule = Rule {
    id: "SG003",
    name: "userspace-not-approved",
    summary: "is registered, but the standing of its userspace does not do",
    page: include_str!("../../../docs/rules/SG003.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let registration = subject.proven_registration();
    let Some(registration) = registration.filter(|registration| registration.owes() == Owes::Itself) else {
        return;
    };
    let standing = subject.assessment.as_ref().map(|assessment| assessment.standing);
    let Some(severity) = severity(standing, subject.is_kernels_own(), subject.context.terms.profile) else {
        return;
    };
    let found = match &subject.assessment {
        None => "is registered without any open userspace".to_owned(),
        Some(assessment) => format!(
            "is registered, but its userspace {} is {}: {}",
            assessment.userspace,
            assessment.standing,
            assessment.because.join("; ")
        ),
    };
    for (family, access) in subject.gets_at() {
        if !registration.families.contains(family) {
            continue;
        }
        drafts.push(Draft {
            family: Some(family.to_owned()),
            symbols: access.symbols(),
            help: Some(format!(
                "what {} asks for is in the policy; bring the record up to date (userspaces.toml), or waive it \
                 for a time (waivers.toml)",
                registration.subsystem
            )),
            decided_by: Some(registration.place.clone()),
            ..Draft::new(Weight::Always(severity), format!("gets at {family} and {found}"))
        });
    }
}

/// What each standing does, in tree and out of tree; nothing is a pass.
fn severity(standing: Option<Standing>, intree: bool, profile: Profile) -> Option<Severity> {
    match (standing, intree) {
        (Some(Standing::Approved), _) => None,
        (Some(Standing::Partial), true) => Some(Severity::Note),
        (Some(Standing::Pending | Standing::Unknown), true) => Some(Severity::Warn),
        (Some(Standing::Rejected), _) | (_, false) => Some(Severity::Deny),
        (None, true) => match profile {
            Profile::Kbuild => Some(Severity::Deny),
            Profile::Distro | Profile::Audit => Some(Severity::Warn),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standings_do_what_the_design_says() {
        use Severity::{Deny, Note, Warn};
        let in_tree = |standing| severity(standing, true, Profile::Distro);
        assert_eq!(in_tree(Some(Standing::Approved)), None);
        assert_eq!(in_tree(Some(Standing::Partial)), Some(Note));
        assert_eq!(in_tree(Some(Standing::Pending)), Some(Warn));
        assert_eq!(in_tree(Some(Standing::Unknown)), Some(Warn));
        assert_eq!(in_tree(Some(Standing::Rejected)), Some(Deny));
        assert_eq!(in_tree(None), Some(Warn));
        assert_eq!(severity(None, true, Profile::Audit), Some(Warn));
        assert_eq!(severity(None, true, Profile::Kbuild), Some(Deny));
        let out_of_tree = |standing| severity(standing, false, Profile::Audit);
        assert_eq!(out_of_tree(Some(Standing::Approved)), None);
        for standing in [Standing::Partial, Standing::Pending, Standing::Unknown, Standing::Rejected] {
            assert_eq!(out_of_tree(Some(standing)), Some(Deny), "{standing}");
        }
        assert_eq!(out_of_tree(None), Some(Deny));
    }
}
