// SPDX-License-Identifier: MIT OR Apache-2.0
//! `waivers.toml`: dated exceptions, each bound to a module, a rule and the symbols it speaks of.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::date::Date;
use super::demand::{self, Demand, RawDemands};
use super::policy::{Policy, is_pattern};
use super::registration::family_name;
use super::source::{Fault, Place, SourceFile};
use crate::module::ModuleName;

/// A dated exception.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// The module.
    pub module: ModuleName,
    /// The rule, by id.
    pub rule: String,
    /// The family; none for a rule that is not about one.
    pub family: Option<String>,
    /// The last part of the finding's id, where that is not the family: a namespace, or what is malformed.
    pub key: Option<String>,
    /// The symbols; a finding with one that is not among them is not waived.
    pub symbols: BTreeSet<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Date,
    /// What proves that a module of this name is the one; one of these does.
    pub proof: Vec<Demand>,
    /// Where it stands.
    pub place: Place,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    waiver: Vec<RawWaiver>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWaiver {
    module: Spanned<String>,
    rule: Spanned<String>,
    family: Option<Spanned<String>>,
    key: Option<String>,
    #[serde(default)]
    symbols: Vec<Spanned<String>>,
    reason: Spanned<String>,
    owner: Spanned<String>,
    expires: Spanned<String>,
    proof: Option<RawDemands>,
}

/// Reads `waivers.toml`; `rules` are the ids that there are.
pub(super) fn read(file: &SourceFile, policy: &Policy, rules: &[&str], faults: &mut Vec<Fault>) -> Vec<Waiver> {
    let Some(raw) = file.parsed::<RawFile>(faults) else { return Vec::new() };
    raw.waiver.into_iter().filter_map(|raw| read_waiver(file, raw, policy, rules, faults)).collect()
}

fn read_waiver(
    file: &SourceFile,
    raw: RawWaiver,
    policy: &Policy,
    rules: &[&str],
    faults: &mut Vec<Fault>,
) -> Option<Waiver> {
    let mut fault = |at: &Spanned<String>, message: String| faults.push(file.fault(&at.span(), message));
    if !rules.contains(&raw.rule.get_ref().as_str()) {
        fault(&raw.rule, format!("there is no rule {:?}", raw.rule.get_ref()));
    }
    if let Some(family) = &raw.family
        && policy.family(family.get_ref()).is_none()
        && !family.get_ref().starts_with("native:")
    {
        fault(family, format!("the policy has no family {:?}", family.get_ref()));
    }
    for text in [&raw.reason, &raw.owner] {
        if text.get_ref().trim().is_empty() {
            fault(text, "a waiver needs a reason and an owner".to_owned());
        }
    }
    for name in raw.symbols.iter().chain([&raw.module]) {
        if is_pattern(name.get_ref()) || name.get_ref().is_empty() {
            fault(name, "a waiver names its module and its symbols exactly, so that nothing rides along".to_owned());
        }
    }
    if raw.family.is_none() && raw.key.is_none() && raw.symbols.is_empty() {
        fault(&raw.rule, "a waiver names a family, a key or symbols, so that nothing rides along".to_owned());
    }
    let expires = file.read(&raw.expires, faults)?;
    let proof = demand::read(file, raw.proof.as_ref(), faults);
    let place = file.place(&raw.module.span());
    Some(Waiver {
        module: ModuleName::new(raw.module.get_ref()),
        rule: raw.rule.into_inner(),
        family: raw.family.map(|family| family_name(family.get_ref())),
        key: raw.key,
        symbols: raw.symbols.into_iter().map(Spanned::into_inner).collect(),
        reason: raw.reason.into_inner(),
        owner: raw.owner.into_inner(),
        expires,
        proof,
        place,
    })
}
