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
const REGISTRATION: [&str; 3] = ["SG001", "SG003", "SG004"];

impl Lock {
    /// What keeps an added folder from registering something, in the place of what there is.
    ///
    /// A locked module is registered by a class that it could be of, too, and set free by a facade that passes nothing on.
    pub(super) fn of(&self, entry: &Registration, old: Option<&Registration>) -> Option<&Place> {
        let by_rule = || REGISTRATION.iter().find_map(|rule| self.rules.get(*rule));
        let may_free_others = |entry: &Registration| match &entry.kind {
            Kind::Module => false,
            Kind::Facade { .. } => true,
            Kind::Class(Class { members: Members::Named(names), .. }) => {
                names.iter().any(|name| self.modules.contains_key(name))
            }
            Kind::Class(_) => true,
        };
        let by_others = || {
            let any = [Some(entry), old].into_iter().flatten().any(may_free_others);
            self.modules.values().next().filter(|_| any)
        };
        self.modules.get(&entry.name).or_else(by_others).or_else(by_rule)
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
    let Some(raw) = file.parsed::<RawFile>(faults) else { return };
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
