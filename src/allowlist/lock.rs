// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lock.toml`: what nobody can change who runs symgate.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::registration::{Class, Kind, Members, Registration, module_name};
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

/// The rules that ask for a registration: where one of these is locked, nobody else decides who is registered.
const REGISTRATION: [&str; 4] = ["SG001", "SG002", "SG003", "SG004"];

impl Lock {
    /// What keeps an added folder from registering something.
    pub(super) fn of(&self, entry: &Registration) -> Option<&Place> {
        let by_rule = || REGISTRATION.iter().find_map(|rule| self.rules.get(*rule));
        let by_member = || match &entry.kind {
            Kind::Class(Class { members: Members::Named(names), .. }) => {
                names.iter().find_map(|name| self.modules.get(name))
            }
            _ => None,
        };
        self.modules.get(&entry.name).or_else(by_member).or_else(by_rule)
    }

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
        module_name(file, &module, faults);
        into.modules.entry(ModuleName::new(module.get_ref())).or_insert_with(|| file.place(&module.span()));
    }
}
