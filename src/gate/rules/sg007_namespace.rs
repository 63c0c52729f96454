// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG007: an import from a namespace that the module does not declare, or that is for named modules only.

use std::collections::BTreeMap;

use super::{Rule, names};
use crate::gate::{Draft, ResolvedImport, Subject, Weight};
use crate::module::ModuleName;
use crate::text::list;

pub(super) const RULE: Rule = Rule {
    id: "SG007",
    name: "namespace",
    summary: "imports from a namespace that it does not declare, or that is for named modules only",
    page: include_str!("../../../docs/rules/SG007.md"),
    check,
};

/// `MODULE_NS_PREFIX` (`include/linux/export.h`, 7.2): what follows is a list of modules, no namespace.
const MODULES_PREFIX: &str = "module:";

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    let declared = subject.declared_namespaces();
    for &namespace in declared.iter().filter(|namespace| namespace.starts_with(MODULES_PREFIX)) {
        drafts.push(Draft {
            key: Some(format!("declares:{namespace}")),
            help: Some("modpost and the loader refuse it too".to_owned()),
            ..Draft::new(
                Weight::ByFamily,
                format!("declares the import of {namespace:?}, a list of modules that nobody can join by declaring it"),
            )
        });
    }
    let mut missing: BTreeMap<&str, Vec<&ResolvedImport<'_>>> = BTreeMap::new();
    for import in &subject.imports {
        // Who finds a symbol while it runs is asked for no namespace.
        let Some(namespace) = import.namespace().filter(|_| !import.is_found()) else { continue };
        let open = match namespace.strip_prefix(MODULES_PREFIX) {
            Some(modules) => is_listed(modules, &subject.name),
            None => declared.contains(namespace),
        };
        if !open {
            missing.entry(namespace).or_default().push(import);
        }
    }
    for (namespace, imports) in missing {
        let symbols = names(&imports);
        let (message, help) = match namespace.strip_prefix(MODULES_PREFIX) {
            Some(modules) => (
                format!("uses {}, which is for {modules} only", list(&symbols)),
                "only those modules may use it".to_owned(),
            ),
            None => (
                format!("uses {} from namespace {namespace}, but does not import it", list(&symbols)),
                format!("add MODULE_IMPORT_NS(\"{namespace}\"), without the quotes before 6.13"),
            ),
        };
        drafts.push(Draft {
            key: Some(namespace.to_owned()),
            symbols,
            help: Some(help),
            ..Draft::new(Weight::ByFamily, message)
        });
    }
}

/// Whether a module is on a list such as `kvm,kvm-intel,snd-*`; only a tail may be a pattern
/// (`kernel/module/main.c:verify_module_namespace`, 7.2).
fn is_listed(modules: &str, name: &ModuleName) -> bool {
    modules.split(',').any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.as_str().starts_with(ModuleName::new(prefix).as_str()),
        None => ModuleName::new(pattern) == *name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_modules_as_the_loader_does() {
        let listed = |list: &str, name: &str| is_listed(list, &ModuleName::new(name));
        assert!(listed("kvm-amd,kvm-intel", "kvm_intel"));
        assert!(listed("cxl_*", "cxl-core"));
        assert!(listed("*", "anything"));
        assert!(!listed("kvm-amd,kvm-intel", "kvm"));
        assert!(!listed("kvm", "kvm_intel"));
        assert!(!listed("kv*m", "kvm"));
        assert!(!listed("", "kvm"));
    }
}
