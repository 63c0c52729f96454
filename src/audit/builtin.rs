// SPDX-License-Identifier: MIT OR Apache-2.0
//! Users of a family that are built into the kernel: no list of modules shows them, and nothing can be judged of them. That they
//! are there is told by the list of what could have been a module (`modules.builtin`, `scripts/Makefile.vmlinux`, 7.2) and by
//! the kernel's configuration.

use std::collections::BTreeSet;

use crate::allowlist::Allowlists;
use crate::module::ModuleName;

/// What is known of users of a family in the kernel itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuiltIn {
    /// What they are called, each with its families and what tells it.
    pub users: Vec<User>,
    /// Whether there was a list of what could have been a module.
    pub has_list: bool,
    /// Whether the configuration is known.
    pub has_config: bool,
}

/// A user of a family that is built into the kernel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// The module that it is not, or the option.
    pub name: String,
    /// The families.
    pub families: Vec<String>,
    /// What it is, or what tells it.
    pub what: String,
}

impl BuiltIn {
    /// Looks at `modules.builtin` and a configuration, where they are there.
    #[must_use]
    pub fn of(list: Option<&str>, config: Option<&str>, allowlists: &Allowlists) -> Self {
        let mut users = BTreeSet::new();
        let facades: BTreeSet<&ModuleName> = allowlists.tables.leading().map(|(module, _)| module).collect();
        for path in list.unwrap_or_default().lines() {
            let name = ModuleName::from_path(path);
            let (families, what) = match allowlists.registrations.get(&name) {
                Some(entry) => (entry.families.iter().cloned().collect(), format!("registered: {}", entry.kind_name())),
                None if facades.contains(&name) => {
                    (Vec::new(), "its exports lead to a family in kernels seen".to_owned())
                }
                None => continue,
            };
            users.insert(User { name: name.to_string(), families, what });
        }
        let set: BTreeSet<&str> =
            config.unwrap_or_default().lines().filter_map(|line| line.strip_suffix("=y")).collect();
        for family in &allowlists.policy.families {
            for (option, what) in family.built_in.iter().filter(|(option, _)| set.contains(&***option)) {
                users.insert(User { name: option.clone(), families: vec![family.name.clone()], what: what.clone() });
            }
        }
        Self { users: users.into_iter().collect(), has_list: list.is_some(), has_config: config.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowlist::Origin;
    use crate::gate::rules;

    #[test]
    fn users_are_told_by_list_and_config() {
        let allowlists = Allowlists::load(&Origin::default(), &rules::ids()).unwrap();
        let list =
            "kernel/drivers/gpu/drm/drm.ko\nkernel/drivers/char/none.ko\nkernel/drivers/dma-buf/heaps/system_heap.ko\n";
        let config = "CONFIG_UDMABUF=y\nCONFIG_DMABUF_HEAPS=m\n# CONFIG_NET_DEVMEM is not set\n";
        let built_in = BuiltIn::of(Some(list), Some(config), &allowlists);
        let names: Vec<&str> = built_in.users.iter().map(|user| &*user.name).collect();
        assert_eq!(names, ["CONFIG_UDMABUF", "drm", "system_heap"]);
        assert!(built_in.users.iter().all(|user| user.families == ["dma-buf"]), "{built_in:?}");
        assert_eq!(BuiltIn::of(None, None, &allowlists), BuiltIn::default());
    }
}
