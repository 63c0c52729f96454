// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a module that is not the kernel's own does without asking for a symbol: it handles others' private types, has a copy
//! of their functions, or goes along the list of modules.

use std::collections::BTreeSet;

use super::Gathered;
use crate::allowlist::Allowlists;
use crate::gate::{Candidate, PrivateUse};
use crate::module::debug::{DebugError, DebugInfo, HandledTypes};
use crate::module::sites::Sites;
use crate::module::{Bytes, ModuleFacts};

impl Gathered {
    /// Looks into all modules that are not the kernel's own.
    pub(super) fn read_private_use(&mut self, allowlists: &Allowlists) {
        let policy = &allowlists.policy;
        let types: BTreeSet<String> = policy.judged().flat_map(|family| &family.private_types).cloned().collect();
        let is_own = |module: &Candidate| module.proof.is_some() || self.trust.leaves_to_claim(&module.facts);
        let elsewhere = self.modules.iter().enumerate().filter(|(_, module)| !is_own(module)).map(|(index, _)| index);
        let is_members = |name: &str| policy.family_of(name, None).is_some_and(|family| !family.watch_only);
        let read = self.again(&elsewhere.collect(), &|index, bytes| {
            let facts = &self.modules.get(index)?.facts;
            let walks_modules = facts.is_walking_modules(bytes);
            let Ok(Some(sites)) = Sites::read(bytes) else { return Some((walks_modules, PrivateUse::default())) };
            let handled = match self.handled(index, facts, bytes, &sites, &types) {
                Ok(handled) => Some(handled),
                Err(DebugError::None) => None,
                Err(_) => Some(HandledTypes { handled: Vec::new(), seen: 0, of: 1 }),
            };
            Some((walks_modules, PrivateUse { handled, copied: sites.functions(&is_members) }))
        });
        for (index, read) in read {
            if let (Some(module), Some((walks_modules, private))) = (self.modules.get_mut(index), read) {
                module.facts.lookups.walks_modules = walks_modules;
                module.private = private;
            }
        }
    }

    fn handled(
        &self,
        index: usize,
        facts: &ModuleFacts,
        bytes: Bytes<'_>,
        sites: &Sites<'_>,
        types: &BTreeSet<String>,
    ) -> Result<HandledTypes, DebugError> {
        if facts.debug_info {
            return DebugInfo::load(bytes)?.handled_types(types);
        }
        let file = self.debug_info_of(index, facts, sites).ok_or(DebugError::None)?;
        let read = file.read(|debug| DebugInfo::load_for(debug, bytes)?.handled_types(types));
        read.unwrap_or(Err(DebugError::None))
    }
}
