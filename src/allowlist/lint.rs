// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be said of allowlists that can be read: what is old, dead, or leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::date::Date;
use super::demand::Demand;
use super::registration::{Class, Kind, Members, Owes};
use super::source::Place;
use super::standing::{Standing, assess};
use super::userspace::{Axis, Record};
use super::{Allowlists, Registration, Waiver};
use crate::module::ModuleName;

/// Something that a maintainer of allowlists should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// Where it stands.
    pub place: Place,
    /// What is to be said.
    pub message: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column } = &self.place;
        write!(f, "{file}:{line}:{column}: {}", self.message)
    }
}

/// The modules of a tree that allowlists are to fit.
#[derive(Debug, Default)]
pub struct Tree<'t> {
    /// Their names.
    pub modules: BTreeSet<ModuleName>,
    /// All that they import and export.
    pub symbols: BTreeSet<&'t str>,
    /// The namespaces that they declare or export in.
    pub namespaces: BTreeSet<&'t str>,
}

/// All remarks on allowlists, in the order of their places.
#[must_use]
pub fn lint(allowlists: &Allowlists, today: Date, tree: Option<&Tree<'_>>) -> Vec<Remark> {
    let mut linter = Linter { allowlists, today, remarks: Vec::new() };
    linter.userspaces();
    linter.registrations();
    linter.waivers();
    linter.known();
    linter.proofs();
    if let Some(tree) = tree {
        linter.against(tree);
    }
    linter.remarks.sort();
    linter.remarks.dedup();
    linter.remarks
}

struct Linter<'a> {
    allowlists: &'a Allowlists,
    today: Date,
    remarks: Vec<Remark>,
}

impl Linter<'_> {
    fn say(&mut self, place: &Place, message: impl Into<String>) {
        self.remarks.push(Remark { place: place.clone(), message: message.into() });
    }

    fn userspaces(&mut self) {
        let usages = self.allowlists.entries().flat_map(|registration| &registration.uses);
        let used: BTreeSet<&str> = usages.map(|usage| usage.userspace.as_str()).collect();
        for userspace in self.allowlists.userspaces.values() {
            if !used.contains(userspace.name.as_str()) {
                self.say(&userspace.place, format!("no registration names the userspace {}", userspace.name));
            }
            for (axis, record) in userspace.axes() {
                self.record(axis, record, &userspace.name);
            }
        }
    }

    /// What a record says, and when.
    fn record(&mut self, axis: Axis, record: &Record, of: &str) {
        let policy = &self.allowlists.policy;
        if let Some(age) = record.old(policy, self.today) {
            let most = policy.evidence_days;
            let message = format!("the {axis} of {of} was checked {age} days ago, and the policy asks for {most}");
            self.say(&record.place, message);
        }
        if !record.names_its_evidence() {
            let message = format!(
                "the evidence for the {axis} of {of} names nothing that could be looked at: a document with its kernel \
                 version, an address, or a package with its version"
            );
            self.say(&record.place, message);
        }
        if record.checked > self.today {
            self.say(&record.place, format!("the {axis} of {of} was checked on {}, which is to come", record.checked));
        }
    }

    fn registrations(&mut self) {
        for registration in self.allowlists.entries() {
            let Registration { name, kind, uses, place, .. } = registration;
            if let Kind::Class(class) = kind {
                let is_facade = |name: &ModuleName| {
                    let registered = self.allowlists.registrations.get(name);
                    registered.is_some_and(|entry| matches!(entry.kind, Kind::Facade { .. }))
                };
                for facade in class.through.iter().filter(|name| !is_facade(name)) {
                    self.say(place, format!("the class {name} goes through {facade}, which is no registered facade"));
                }
            }
            for usage in uses {
                self.record(Axis::Coverage, &usage.coverage, &format!("{name} by {}", usage.userspace));
            }
            if registration.owes() != Owes::Itself {
                continue;
            }
            match assess(self.allowlists, registration) {
                None => self.say(place, format!("{name} is registered without any userspace")),
                Some(assessment) if assessment.standing == Standing::Rejected && !self.is_waived(name) => {
                    let message = format!(
                        "the best userspace of {name}, {}, is rejected: {}",
                        assessment.userspace,
                        assessment.because.join("; ")
                    );
                    self.say(place, message);
                }
                Some(_) => {}
            }
        }
    }

    /// Whether somebody has said why a module passes all the same.
    fn is_waived(&self, name: &ModuleName) -> bool {
        let holds = |waiver: &Waiver| waiver.module == *name && waiver.rule == "SG003" && waiver.expires >= self.today;
        self.allowlists.waivers.iter().any(holds)
    }

    fn waivers(&mut self) {
        /// The longest time that is still an exception, in days.
        const LONG: i64 = 2 * 366;
        let mut said = BTreeMap::new();
        for waiver in &self.allowlists.waivers {
            let Waiver { module, rule, family, key, symbols, proof, .. } = waiver;
            let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
            if let Some(other) = said.insert((module, rule, family, key, symbols, proof), &waiver.place) {
                self.say(&waiver.place, format!("the waiver for {module} says what that at {other} says"));
            }
            let left = waiver.expires.days_since(self.today);
            if left < 0 {
                self.say(&waiver.place, format!("the waiver for {} expired on {}", waiver.module, waiver.expires));
            } else if left > LONG {
                self.say(&waiver.place, format!("the waiver for {} holds for {left} more days", waiver.module));
            }
        }
    }

    /// Proofs beside one that says of itself that it asks for nothing.
    fn proofs(&mut self) {
        let registered = self.allowlists.entries().map(|entry| (&entry.proof, &entry.place));
        let waived = self.allowlists.waivers.iter().map(|waiver| (&waiver.proof, &waiver.place));
        let idle = |proof: &[Demand]| proof.len() > 1 && proof.contains(&Demand::Operator);
        let places: Vec<&Place> =
            registered.chain(waived).filter(|(proof, _)| idle(proof)).map(|(_, place)| place).collect();
        for place in places {
            let message = "any module of this name meets \"operator\": what else its proof asks for asks for nothing";
            self.say(place, message);
        }
    }

    fn known(&mut self) {
        for (name, known) in &self.allowlists.known {
            if let Some(age) = self.allowlists.policy.old(known.checked, self.today) {
                self.say(&known.place, format!("what is known of {name} was checked {age} days ago"));
            }
            if self.allowlists.registrations.contains_key(name) {
                self.say(&known.place, format!("{name} is registered, too: its registration says how it stands"));
            }
        }
    }

    fn against(&mut self, tree: &Tree<'_>) {
        for family in self.allowlists.policy.families.iter().filter(|family| !family.watch_only) {
            for pattern in family.unmatched(&tree.symbols, &tree.namespaces) {
                self.say(&family.place, format!("nothing in the tree is of {pattern:?}"));
            }
        }
        let registered = self.allowlists.registrations.values().map(|entry| (&entry.name, &entry.place));
        let waived = self.allowlists.waivers.iter().map(|waiver| (&waiver.module, &waiver.place));
        let classes = self.allowlists.classes.iter().filter_map(|entry| match &entry.kind {
            Kind::Class(Class { members: Members::Named(names), .. }) => Some((names, &entry.place)),
            _ => None,
        });
        let members = classes.flat_map(|(names, place)| names.iter().map(move |name| (name, place)));
        let absent: Vec<_> =
            registered.chain(waived).chain(members).filter(|(module, _)| !tree.modules.contains(module)).collect();
        for (module, place) in absent {
            self.say(place, format!("no module of the tree is named {module}"));
        }
    }
}
