// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask facades`: which exports of real kernels lead to a family, and who imports them.

use std::collections::{BTreeMap, BTreeSet};

use symgate::allowlist::{Allowlists, Origin};
use symgate::check::Gathered;
use symgate::gate::rules;
use symgate::input::Inputs;
use symgate::module::graph::Grade;
use symgate::trust::Named;

use crate::corpus::kernels;
use crate::shell::TaskError;

/// `cargo xtask facades`
pub fn task(names: &[String]) -> Result<(), TaskError> {
    let failed = |error: &dyn std::fmt::Display| TaskError::Other(error.to_string());
    let allowlists = Allowlists::load(&Origin::default(), &rules::ids()).map_err(|error| failed(&error))?;
    for kernel in kernels(names)? {
        let inputs = Inputs {
            paths: vec![kernel.modules.clone()],
            symvers: vec![kernel.symvers.clone()],
            one_reference: true,
            ..Inputs::default()
        };
        let kernels_own = Named { builds: vec![kernel.modules.clone()], ..Named::default() };
        let mut gathered = Gathered::read(&inputs, &kernels_own, &allowlists).map_err(|error| failed(&error))?;
        gathered.follow(&allowlists);
        let reach = &gathered.reach;
        println!("# {}: {} modules looked into, as a whole {:?}", kernel.release, reach.looked_into, reach.whole);
        for (export, ways) in reach.exports() {
            let provider =
                gathered.exports.get(export).map(|provided| provided.provider.to_string()).unwrap_or_default();
            for way in ways {
                let via: Vec<&str> = way.via.iter().map(|step| &**step).collect();
                let owes = if way.owes { "owes" } else { "listed" };
                println!("export {provider} {export} {} {:?} {owes} {}", way.family, way.grade, via.join(" > "));
            }
        }
        let mut modules: BTreeMap<(String, Grade, bool), BTreeSet<String>> = BTreeMap::new();
        for module in &gathered.modules {
            let name = module.facts.name.as_ref().map(ToString::to_string).unwrap_or_default();
            for import in &module.facts.imports {
                for way in reach.of(&import.name) {
                    modules.entry((way.family.to_string(), way.grade, way.owes)).or_default().insert(name.clone());
                }
            }
        }
        for ((family, grade, owes), names) in modules {
            let names: Vec<String> = names.into_iter().collect();
            println!("modules {family} {grade:?} {owes} {}: {}", names.len(), names.join(" "));
        }
    }
    Ok(())
}
