// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changed between two builds of a kernel: exports and their terms, who gets at a family, and what leads to one.

mod side;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use side::{Offered, Side, Uses};

/// What came, what went, and what is there still but otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<V, C> {
    /// By name, what is only in the new one.
    pub came: BTreeMap<String, V>,
    /// By name, what is only in the old one.
    pub went: BTreeMap<String, V>,
    /// By name, what is in both and not the same.
    pub changed: BTreeMap<String, C>,
}

/// Names that came and went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Names {
    /// Only in the new one.
    pub came: BTreeSet<String>,
    /// Only in the old one.
    pub went: BTreeSet<String>,
}

/// The old terms of an export and the new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// As the old one has it.
    pub old: Offered,
    /// As the new one has it.
    pub new: Offered,
}

/// A module that gets at a family, or more of it, or less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Importer {
    /// By what it gets there.
    #[serde(flatten)]
    pub uses: Uses,
    /// Whether the other build has no module of this name at all.
    pub is_new_module: bool,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Exports of families.
    pub family_exports: Change<Offered, Terms>,
    /// Other exports: who may have them. Those that came or went are only counted.
    pub other_exports: BTreeMap<String, Terms>,
    /// How many other exports came.
    pub others_came: usize,
    /// How many other exports went.
    pub others_went: usize,
    /// Modules that get at a family, by themselves or through others.
    pub importers: Change<Importer, Names>,
    /// By module, the exports that lead to a family.
    pub facades: Change<BTreeSet<String>, Names>,
}

impl Diff {
    /// Compares two builds.
    #[must_use]
    pub fn of(old: &Side, new: &Side) -> Self {
        let offered = compared(&old.exports, &new.exports, |old, new| {
            (old.terms() != new.terms()).then(|| Terms { old: old.clone(), new: new.clone() })
        });
        let is_of_family = |offered: &Offered| offered.family.is_some();
        let mut others_came = 0;
        let mut others_went = 0;
        let mut family_exports = Change { came: BTreeMap::new(), went: BTreeMap::new(), changed: BTreeMap::new() };
        let mut other_exports = BTreeMap::new();
        for (name, offered) in offered.came {
            if is_of_family(&offered) { drop(family_exports.came.insert(name, offered)) } else { others_came += 1 }
        }
        for (name, offered) in offered.went {
            if is_of_family(&offered) { drop(family_exports.went.insert(name, offered)) } else { others_went += 1 }
        }
        for (name, terms) in offered.changed {
            let of = if is_of_family(&terms.old) || is_of_family(&terms.new) {
                &mut family_exports.changed
            } else {
                &mut other_exports
            };
            of.insert(name, terms);
        }
        let importers = compared(&old.importers, &new.importers, |old, new| differing(&old.all(), &new.all()));
        let with_novelty = |uses: BTreeMap<String, Uses>, other: &Side| {
            let told = uses.into_iter().map(|(name, uses)| {
                let is_new_module = !other.modules.contains(&name);
                (name, Importer { uses, is_new_module })
            });
            told.collect()
        };
        Self {
            family_exports,
            other_exports,
            others_came,
            others_went,
            importers: Change {
                came: with_novelty(importers.came, old),
                went: with_novelty(importers.went, new),
                changed: importers.changed,
            },
            facades: compared(&old.facades, &new.facades, differing),
        }
    }

    /// Whether nothing that has to do with a family changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { family_exports, importers, facades, .. } = self;
        family_exports.is_empty() && importers.is_empty() && facades.is_empty()
    }
}

impl<V, C> Change<V, C> {
    fn is_empty(&self) -> bool {
        self.came.is_empty() && self.went.is_empty() && self.changed.is_empty()
    }
}

fn compared<V: Clone, C>(
    old: &BTreeMap<String, V>,
    new: &BTreeMap<String, V>,
    differ: impl Fn(&V, &V) -> Option<C>,
) -> Change<V, C> {
    let only = |these: &BTreeMap<String, V>, those: &BTreeMap<String, V>| {
        let only = these.iter().filter(|(name, _)| !those.contains_key(*name));
        only.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let both = old.iter().filter_map(|(name, old)| Some((name.clone(), differ(old, new.get(name)?)?)));
    Change { came: only(new, old), went: only(old, new), changed: both.collect() }
}

fn differing(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Option<Names> {
    let came: BTreeSet<String> = new.difference(old).cloned().collect();
    let went: BTreeSet<String> = old.difference(new).cloned().collect();
    (!came.is_empty() || !went.is_empty()).then_some(Names { came, went })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::Class;
    use crate::tier::Tier;

    fn offered(class: Class, family: Option<&str>) -> Offered {
        let tier = if family.is_some() { Tier::UserspaceGpl } else { Tier::Plain };
        Offered { provider: "vmlinux".into(), class, namespace: None, tier, family: family.map(Into::into) }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tells_what_came_went_and_changed() {
        let uses = |direct: &[&str]| Uses { direct: names(direct), through: names(&["drm_x"]) };
        let export = |name: &str, class, family| (name.to_owned(), offered(class, family));
        let old = Side {
            exports: BTreeMap::from([
                export("dma_buf_get", Class::Plain, Some("dma-buf")),
                export("dma_buf_old", Class::Gpl, Some("dma-buf")),
                export("kmalloc", Class::Plain, None),
                export("same", Class::Plain, None),
            ]),
            modules: names(&["a", "b", "c"]),
            importers: BTreeMap::from([("a".to_owned(), uses(&["dma_buf_get"])), ("b".to_owned(), uses(&[]))]),
            facades: BTreeMap::from([("drm".to_owned(), names(&["drm_x"]))]),
        };
        let new = Side {
            exports: BTreeMap::from([
                export("dma_buf_get", Class::Gpl, Some("dma-buf")),
                export("kmalloc", Class::Gpl, None),
                export("more", Class::Gpl, None),
                export("same", Class::Plain, None),
            ]),
            modules: names(&["a", "c", "d"]),
            importers: BTreeMap::from([
                ("a".to_owned(), uses(&["dma_buf_fd"])),
                ("c".to_owned(), uses(&[])),
                ("d".to_owned(), uses(&[])),
            ]),
            facades: BTreeMap::from([
                ("drm".to_owned(), names(&["drm_x", "drm_y"])),
                ("vb2".to_owned(), names(&["v"])),
            ]),
        };
        let diff = Diff::of(&old, &new);
        assert_eq!(diff.family_exports.went.keys().collect::<Vec<_>>(), ["dma_buf_old"]);
        assert_eq!(diff.family_exports.changed.keys().collect::<Vec<_>>(), ["dma_buf_get"]);
        assert_eq!(diff.other_exports.keys().collect::<Vec<_>>(), ["kmalloc"]);
        assert_eq!((diff.others_came, diff.others_went), (1, 0));
        let novelty: Vec<_> =
            diff.importers.came.iter().map(|(name, one)| (name.as_str(), one.is_new_module)).collect();
        assert_eq!(novelty, [("c", false), ("d", true)]);
        assert!(diff.importers.went["b"].is_new_module);
        let changed = Names { came: names(&["dma_buf_fd"]), went: names(&["dma_buf_get"]) };
        assert_eq!(diff.importers.changed["a"], changed);
        assert_eq!(diff.facades.changed["drm"].came, names(&["drm_y"]));
        assert_eq!(diff.facades.came["vb2"], names(&["v"]));
        assert!(!diff.is_empty() && Diff::of(&old, &old).is_empty());
    }
}
