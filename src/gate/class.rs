// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which class of modules one is of.

use std::collections::BTreeSet;

use super::Subject;
use crate::allowlist::{Class, Kind, Members, Registration};

/// The class that a module is of, or would be if it were the kernel's own: a name is a claim that it has to prove, and so
/// is `intree` where nothing was named that could prove it. Any other module is simply none of it.
pub(super) fn of<'a>(subject: &Subject<'a>) -> Option<&'a Registration> {
    if !subject.gets_at_a_family() {
        return None;
    }
    subject.context.allowlists.classes.iter().find(|registration| {
        let Kind::Class(class) = &registration.kind else { return false };
        let claims = || match &class.members {
            Members::Named(_) => true,
            Members::Importing(_) => subject.context.trust.leaves_to_claim(subject.facts),
        };
        fits(subject, class, &registration.families)
            && (subject.is_kernels_own() || takes_in(subject, registration) || claims())
    })
}

/// Whether it gets at the class's families through its facades alone, and bears the mark of a member.
fn fits(subject: &Subject<'_>, class: &Class, families: &BTreeSet<String>) -> bool {
    let owed = || subject.through.iter().filter(|through| through.way.owes);
    class.members.has(&subject.name, subject.facts)
        && !subject.acquires()
        && owed().all(|through| families.contains(&*through.way.family))
        && owed().all(|through| through.way.facade().is_some_and(|facade| class.through.contains(facade)))
}

/// Whether its class takes in modules that are not the kernel's own, and this is one.
pub(super) fn takes_in(subject: &Subject<'_>, registration: &Registration) -> bool {
    let Kind::Class(Class { out_of_tree_without: Some(without), .. }) = &registration.kind else { return false };
    !subject.facts.imports_one(without)
}
