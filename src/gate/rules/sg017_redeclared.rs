// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG017: the module exports what somebody else does, or what is held more closely, or less closely than it says; or it is there
//! twice.

use super::Rule;
use crate::exports::Export;
use crate::gate::{Context, Draft, Severity, Sought, Subject, Weight};
use crate::module::name::provider_path;
use crate::text::{self, list};
use crate::tier;

pub(super) const RULE: Rule = Rule {
    id: "SG017",
    name: "redeclared",
    summary: "exports a symbol that another provider has, or more loosely than the reference has it",
    page: include_str!("../../../docs/rules/SG017.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let exports = subject.context.exports;
    let redeclared: Vec<&Export> = exports.redeclared_by(provider_path(subject.path)).iter().collect();
    let others = known_otherwise(subject.context, &redeclared, "exports", Weight::ByFamily);
    drafts.extend(others.map(|draft| Draft {
        sought: Sought::Exports,
        help: Some(
            "the loader takes the first of two that export one symbol; what the reference says counts".to_owned(),
        ),
        ..draft
    }));
    twice(subject, drafts);
    loose(subject, drafts);
}

/// What a `Module.symvers` says that a module exports, and the reference says otherwise. Of the exports of modules modpost takes
/// the last word, without one of its own (`scripts/mod/modpost.c:sym_add_exported`, 7.2).
pub(in crate::gate) fn claimed(context: &Context<'_>, exports: &[&Export]) -> Vec<Draft> {
    let claimed = known_otherwise(context, exports, "is said to export", Weight::Always(Severity::Warn));
    let help = "the first Module.symvers is the kernel's own and counts; another's is a claim, which modpost takes the word of";
    claimed.map(|draft| Draft { help: Some(help.to_owned()), ..draft }).collect()
}

/// What is said of exports that were known otherwise before: of a family's, and of others', which weigh so much.
fn known_otherwise(
    context: &Context<'_>,
    exports: &[&Export],
    verb: &'static str,
    others: Weight,
) -> impl Iterator<Item = Draft> {
    let (of_family, rest): (Vec<&Export>, Vec<&Export>) =
        exports.iter().partition(|export| is_of_a_family(context, export));
    let draft = |key: &str, weight, exports: &[&Export]| {
        let told: Vec<String> = exports.iter().filter_map(|export| told(context, export)).collect();
        let mut symbols: Vec<String> = exports.iter().map(|export| export.name.to_string()).collect();
        symbols.sort();
        let draft = Draft::new(weight, format!("{verb} what is known otherwise: {}", list(&told)));
        (!told.is_empty()).then(|| Draft { key: Some(key.to_owned()), symbols, ..draft })
    };
    let of_family = draft("family", Weight::Always(Severity::Deny), &of_family);
    of_family.into_iter().chain(draft("other", others, &rest))
}

/// How an export was known before.
fn told(context: &Context<'_>, export: &Export) -> Option<String> {
    let first = context.exports.get(&export.name)?;
    Some(format!("{} as {} (from {}, {})", export.name, export.symvers_type(), first.provider, first.export.terms()))
}

/// Whether it matters to a family who offers this symbol.
fn is_of_a_family(context: &Context<'_>, export: &Export) -> bool {
    let is_native = tier::is_native(&context.allowlists.policy, export);
    is_native || context.look_up(&export.name).1.is_some() || !context.reach.of(&export.name).is_empty()
}

/// Exports that their own namespace or flag declares userspace-gpl, and their class does not even keep to the GPL.
fn loose(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let policy = &subject.context.allowlists.policy;
    let is_loose = |export: &&Export| tier::is_native(policy, export) && !export.class.is_gpl_only();
    let exports: Vec<&Export> = subject.facts.exports.iter().filter(is_loose).collect();
    if exports.is_empty() {
        return;
    }
    let told: Vec<String> = exports.iter().map(|export| format!("{} as {}", export.name, export.terms())).collect();
    drafts.push(Draft {
        key: Some("loose".to_owned()),
        symbols: exports.iter().map(|export| export.name.to_string()).collect(),
        sought: Sought::Exports,
        help: Some(
            "export it with EXPORT_SYMBOL_USERSPACE_GPL(), which is GPL-only; or take another namespace".to_owned(),
        ),
        ..Draft::new(
            Weight::Always(Severity::Deny),
            format!("exports as userspace-gpl what every module may have, whatever its licence: {}", list(&told)),
        )
    });
}

/// A facade that is there twice: which of them is loaded nobody can tell.
fn twice(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let own = provider_path(subject.path);
    let mut others: Vec<&str> = subject.context.exports.claimed_by(&subject.name).filter(|path| *path != own).collect();
    if others.is_empty() || !subject.facts.exports.iter().any(|export| is_of_a_family(subject.context, export)) {
        return;
    }
    others.sort_unstable();
    let others: Vec<String> = others.into_iter().map(|path| text::shown(path).into_owned()).collect();
    drafts.push(Draft {
        key: Some("twice".to_owned()),
        ..Draft::new(
            Weight::Always(Severity::Note),
            format!("is among the inputs more than once, and what each of them leads to counts: {}", list(&others)),
        )
    });
}
