// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a module that is not the kernel's own does without asking for a symbol: it handles others' private types, or has a
//! copy of their functions.

use std::collections::BTreeSet;

use super::Gathered;
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
                Ok(HandledTypes::default())
            } else {
                self.of_debug_info(index, bytes, &sites, |debug| debug.handled_types(&types))
            };
            let handled = match handled {
                Ok(handled) => Some(handled),
                Err(DebugError::None) => None,
                Err(_) => Some(HandledTypes { handled: Vec::new(), seen: 0, of: 1 }),
            };
            Some(PrivateUse { handled, copied: sites.functions(&is_members) })
        });
        self.errors.extend(errors);
        for (index, private) in read {
            if let (Some(module), Some(private)) = (self.modules.get_mut(index), private) {
                module.private = private;
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
