// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lock.toml`: what nobody can change who runs symgate.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::source::{Fault, Place, SourceFile};
use crate::module::ModuleName;

/// What an operator locks: options, and folders that are added behind the one that it stands in, can't change it.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// Rules, by id, with the lines that lock them.
    pub rules: BTreeMap<String, Place>,
    /// Modules whose registrations and waivers stand.
    pub modules: BTreeMap<ModuleName, Place>,
}

impl Lock {
    /// A line that locks something.
    #[must_use]
    pub fn any(&self) -> Option<&Place> {
        self.rules.values().chain(self.modules.values()).min()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    rules: Vec<Spanned<String>>,
    #[serde(default)]
    modules: Vec<Spanned<String>>,
}

/// Reads `lock.toml`; `rules` are the ids that there are.
pub(super) fn read(file: &SourceFile, rules: &[&str], into: &mut Lock, faults: &mut Vec<Fault>) {
    let raw: RawFile = match file.parse() {
        Ok(raw) => raw,
        Err(fault) => {
            faults.push(fault);
            return;
        }
    };
    for rule in raw.rules {
        if !rules.contains(&rule.get_ref().as_str()) {
            faults.push(file.fault(&rule.span(), format!("there is no rule {:?}", rule.get_ref())));
        }
        let place = file.place(&rule.span());
        into.rules.entry(rule.into_inner()).or_insert(place);
    }
    for module in raw.modules {
        into.modules.entry(ModuleName::new(module.get_ref())).or_insert_with(|| file.place(&module.span()));
    }
}
