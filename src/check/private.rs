// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a module that is not the kernel's own does without asking for a symbol: it handles others' private types, or has a
//! copy of their functions.

use std::collections::{BTreeMap, BTreeSet};

use super::Gathered;
use super::debug_info::Told;
use crate::allowlist::{Allowlists, Family, Policy};
use crate::gate::PrivateUse;
use crate::module::ModuleFacts;
use crate::module::debug::{DebugError, HandledTypes};
use crate::module::sites::Sites;
use crate::tier;

impl Gathered {
    /// Looks into all modules that are not the kernel's own.
    pub(super) fn read_private_use(&mut self, allowlists: &Allowlists) {
        let policy = &allowlists.policy;
        let elsewhere = self.modules.iter().enumerate().filter(|(_, module)| module.is_from_elsewhere());
        let elsewhere = elsewhere.map(|(index, _)| index);
        let is_members = |name: &str| policy.family_of(name, None).is_some_and(|family| !family.watch_only);
        let (read, errors) = self.again(&elsewhere.collect(), &|index, bytes| {
            let facts = &self.modules.get(index)?.facts;
            let sites = Sites::read(bytes).ok()??;
            let types = self.private_types(policy, facts);
            let handled = if types.is_empty() {
                Ok(HandledTypes::default()).into()
            } else {
                self.of_debug_info(index, bytes, &sites, None, &|_, info, _| info.handled_types(&types))
            };
            Some((handled, sites.functions(&is_members)))
        });
        self.errors.extend(errors);
        let mut later = BTreeMap::new();
        for (index, read) in read {
            let Some((Told { now, later: wanted }, copied)) = read else { continue };
            later.extend(wanted.map(|wanted| (index, wanted)));
            if let Some(module) = self.modules.get_mut(index) {
                module.private = PrivateUse { handled: seen(now), copied };
            }
        }
        let (told, errors) = self.of_debug_packages(&later, &|index, info, _| {
            let facts = self.modules.get(index).map(|module| &module.facts).ok_or(DebugError::None)?;
            info.handled_types(&self.private_types(policy, facts))
        });
        self.debug_errors.extend(errors);
        for (index, handled) in told {
            if let Some(module) = self.modules.get_mut(index) {
                module.private.handled = seen(handled);
            }
        }
    }

    /// The private types of those families that a module has nothing to do with: of the others other rules speak.
    fn private_types(&self, policy: &Policy, facts: &ModuleFacts) -> BTreeSet<String> {
        let asks_for = |family: &Family| {
            facts.asks_for().any(|import| {
                let membership = tier::membership(policy, &import.name, self.exports.get(&import.name));
                let leads = self.reach.of(&import.name).iter().any(|way| way.owes && *way.family == *family.name);
                leads || membership.is_some_and(|membership| membership.family == family.name)
            })
        };
        let families = policy.judged().filter(|family| !family.private_types.is_empty() && !asks_for(family));
        families.flat_map(|family| &family.private_types).cloned().collect()
    }
}

/// What was seen; of debug info that can't be read nothing was.
fn seen(handled: Result<HandledTypes, DebugError>) -> Option<HandledTypes> {
    match handled {
        Ok(handled) => Some(handled),
        Err(DebugError::None) => None,
        Err(_) => Some(HandledTypes { handled: Vec::new(), seen: 0, of: 1 }),
    }
}
