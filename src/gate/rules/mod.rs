// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules, one file each. A rule says what is wrong; what that weighs is decided in `gate`.

mod sg001_unregistered;
mod sg002_unregistered_facade;
mod sg003_userspace;
mod sg004_identity;
mod sg005_license;
mod sg006_license_tags;
mod sg007_namespace;
mod sg008_laundering;
mod sg009_dynamic_lookup;
mod sg010_private_use;
mod sg011_version;
mod sg012_unresolved;
mod sg013_malformed;
mod sg014_signature;
mod sg015_allowlist;
mod sg017_redeclared;

use super::{Context, Draft, ResolvedImport, Subject};
use crate::allowlist::Waiver;
use crate::exports::Export;
pub(super) use sg004_identity::NOTHING_NAMED;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable id: what overrides, waivers and other people's scripts hold on to.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What a module that breaks it does, in a few words.
    pub summary: &'static str,
    /// Its page: what, why, example, what to do.
    pub page: &'static str,
    /// Adds a draft for each way in which a module breaks it.
    pub check: fn(&Subject<'_>, &mut Vec<Draft>),
}

impl Rule {
    /// The page as people read it: without the comment on its licence.
    #[must_use]
    pub fn text(&self) -> &'static str {
        self.page.split_once("-->\n").map_or(self.page, |(_, text)| text).trim_end()
    }
}

/// All rules by id.
pub static ALL: [Rule; 16] = [
    sg001_unregistered::RULE,
    sg002_unregistered_facade::RULE,
    sg003_userspace::RULE,
    sg004_identity::RULE,
    sg005_license::RULE,
    sg006_license_tags::RULE,
    sg007_namespace::RULE,
    sg008_laundering::RULE,
    sg009_dynamic_lookup::RULE,
    sg010_private_use::RULE,
    sg011_version::RULE,
    sg012_unresolved::RULE,
    sg013_malformed::RULE,
    sg014_signature::RULE,
    sg015_allowlist::RULE,
    sg017_redeclared::RULE,
];

/// The ids of all rules.
#[must_use]
pub fn ids() -> Vec<&'static str> {
    ALL.iter().map(|rule| rule.id).collect()
}

/// The rule of an id or a name, in either case.
#[must_use]
pub fn find(text: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id.eq_ignore_ascii_case(text) || rule.name.eq_ignore_ascii_case(text))
}

/// The rule that speaks of what a `Module.symvers` says otherwise than the reference, and what it says of it.
pub(super) fn claimed(context: &Context<'_>, exports: &[&Export]) -> Vec<(&'static Rule, Draft)> {
    sg017_redeclared::claimed(context, exports).into_iter().map(|draft| (&sg017_redeclared::RULE, draft)).collect()
}

/// The rule that speaks of files that are no modules that can be read, and what it says of one.
pub(super) fn unreadable(reason: &str) -> (&'static Rule, Draft) {
    (&sg013_malformed::RULE, sg013_malformed::unreadable(reason))
}

/// The rule that speaks of waivers that have expired, and what it says of one.
pub(super) fn expired(waiver: &Waiver) -> (&'static Rule, Draft) {
    (&sg015_allowlist::RULE, sg015_allowlist::expired(waiver))
}

/// The names of imports, sorted as the imports are.
fn names(imports: &[&ResolvedImport<'_>]) -> Vec<String> {
    imports.iter().map(|import| import.import.name.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_pages_are_a_contract() {
        let ids: Vec<_> = ALL.iter().map(|rule| format!("{} {}", rule.id, rule.name)).collect();
        assert_eq!(
            ids,
            [
                "SG001 unregistered",
                "SG002 unregistered-facade",
                "SG003 userspace-not-approved",
                "SG004 identity",
                "SG005 license",
                "SG006 license-tags",
                "SG007 namespace",
                "SG008 laundering",
                "SG009 dynamic-lookup",
                "SG010 private-use",
                "SG011 version",
                "SG012 unresolved",
                "SG013 malformed",
                "SG014 signature",
                "SG015 allowlist",
                "SG017 redeclared",
            ]
        );
        for rule in &ALL {
            let title = format!("# {}: {}\n", rule.id, rule.name);
            assert!(rule.page.contains(&title), "{} needs the title {title:?}", rule.id);
            for heading in ["## What it says", "## Why", "## Example", "## What to do", "## Severity"] {
                assert!(rule.page.contains(heading), "the page of {} lacks {heading:?}", rule.id);
            }
        }
    }

    #[test]
    fn finds_by_id_or_name() {
        assert_eq!(find("sg001").map(|rule| rule.name), Some("unregistered"));
        assert_eq!(find("Namespace").map(|rule| rule.id), Some("SG007"));
        assert!(find("SG999").is_none());
    }
}
