// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG013: the module breaks a rule of the loader, or two readers would read it differently.
//!
//! A file that can't be read as a module at all breaks it too; that is said where files are read.

use super::Rule;
use crate::gate::{Draft, Severity, Subject, Weight};
use crate::tier::unknown_flags;

pub(super) const RULE: Rule = Rule {
    id: "SG013",
    name: "malformed",
    summary: "can't be parsed, breaks a rule of the loader, or is read differently by two parsers",
    page: include_str!("../../../docs/rules/SG013.md"),
    check,
};

/// What to do about a module that can't be read.
pub const UNREADABLE_HELP: &str = "build it again, or copy it again";

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let problems = subject.facts.problems.iter().map(ToString::to_string);
    let flags = subject.facts.exports.iter().filter_map(|export| {
        let unknown = unknown_flags(&subject.context.allowlists.policy, export);
        (unknown != 0).then(|| format!("exports {} with unknown bits 0x{unknown:02x} in __kflagstab", export.name))
    });
    for (index, message) in problems.chain(flags).enumerate() {
        drafts.push(Draft {
            key: Some((index + 1).to_string()),
            help: Some(UNREADABLE_HELP.to_owned()),
            ..Draft::new(Weight::Always(Severity::Deny), message)
        });
    }
}
