// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG006: licence tags that two readers read differently, or none.

use super::Rule;
use crate::gate::{Draft, Subject, Weight};
use crate::module::license::is_gpl_compatible;

pub(super) const RULE: Rule = Rule {
    id: "SG006",
    name: "license-tags",
    summary: "has licence tags that disagree on GPL compatibility, an embedded NUL in one, or none",
    page: include_str!("../../../docs/rules/SG006.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let modinfo = &subject.facts.modinfo;
    let tags: Vec<&str> = modinfo.all("license").collect();
    let mut draft = |key: &str, message: String, help: &str| {
        drafts.push(Draft {
            key: Some(key.to_owned()),
            help: Some(help.to_owned()),
            ..Draft::new(Weight::ByFamily, message)
        });
    };
    let compatible = tags.iter().filter(|tag| is_gpl_compatible(tag)).count();
    if tags.is_empty() {
        draft("none", "has no licence tag".to_owned(), "add MODULE_LICENSE(); the loader takes none for proprietary");
    } else if compatible != 0 && compatible != tags.len() {
        let quoted: Vec<_> = tags.iter().map(|tag| format!("{tag:?}")).collect();
        draft(
            "disagree",
            format!("has licence tags that disagree on GPL compatibility: {}", quoted.join(", ")),
            "modpost reads all of them, the loader only the first; let all say what the module is",
        );
    }
    let mut hidden = modinfo.strays().filter(|(_, follows)| *follows == Some("license"));
    if let Some((text, _)) = hidden.next() {
        draft(
            "nul",
            format!("has a licence tag with an embedded NUL, behind which stands {text:?}"),
            "the kernel reads only what stands before the NUL; 7.2 refuses to compile it",
        );
    }
}
