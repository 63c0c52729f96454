// SPDX-License-Identifier: MIT OR Apache-2.0
//! Findings: one rule broken by one module, with its evidence.

use super::{Location, Rule, Severity, Sought, Verdict};
use crate::allowlist::{Date, Place};
use crate::module::ModuleName;
use crate::reach::Reached;

/// What a finding weighs before the run's profile and overrides have their say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The same everywhere.
    Always(Severity),
    /// It denies a module that gets at a family; of others it warns, and a build is not told at all.
    ByFamily,
}

/// A finding as a rule writes it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// How much it weighs.
    pub weight: Weight,
    /// The family it is about, if it is about one.
    pub family: Option<String>,
    /// What tells it from other findings of the rule about this module, where the family does not.
    pub key: Option<String>,
    /// The symbols it is about, sorted.
    pub symbols: Vec<String>,
    /// What is wrong, as the end of a sentence that starts with `module NAME`.
    pub message: String,
    /// The way on which a family is got at, where it goes through other modules.
    pub way: Option<Reached>,
    /// What is looked for in the module, to say where it is.
    pub sought: Sought,
    /// Where it is, as far as that is known already.
    pub locations: Vec<Location>,
    /// What to do about it.
    pub help: Option<String>,
    /// The line of policy or registry that decided.
    pub decided_by: Option<Place>,
}

impl Draft {
    /// The same with the way on which a family is got at.
    #[must_use]
    pub fn by(self, way: &Reached) -> Self {
        Self { way: Some(way.clone()), ..self }
    }

    /// A draft with nothing but its weight and message.
    #[must_use]
    pub fn new(weight: Weight, message: impl Into<String>) -> Self {
        Self {
            weight,
            family: None,
            key: None,
            symbols: Vec::new(),
            message: message.into(),
            way: None,
            sought: Sought::Imports,
            locations: Vec::new(),
            help: None,
            decided_by: None,
        }
    }
}

/// The waiver that covers a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedWaiver {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Date,
    /// Where it stands.
    pub place: Place,
}

/// One rule broken by one module.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Stable across runs and machines: rule, module, and what the finding is about.
    pub id: String,
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's name.
    pub rule_name: &'static str,
    /// What it weighs in this run.
    pub severity: Severity,
    /// The module's name.
    pub module: String,
    /// The module's path, as in the report.
    pub path: String,
    /// The family it is about.
    pub family: Option<String>,
    /// What tells it from other findings of the rule about this module, where the family does not.
    pub key: Option<String>,
    /// The symbols it is about, sorted.
    pub symbols: Vec<String>,
    /// What is wrong, as the end of a sentence that starts with `module NAME`.
    pub message: String,
    /// The way on which a family is got at, where it goes through other modules.
    pub way: Option<Reached>,
    /// What is looked for in the module, to say where it is.
    pub sought: Sought,
    /// Where in the module it is, in the order of the places.
    pub locations: Vec<Location>,
    /// What to do about it.
    pub help: Option<String>,
    /// The line of policy or registry that decided.
    pub decided_by: Option<Place>,
    /// What lets it through all the same.
    pub waiver: Option<AppliedWaiver>,
}

impl Finding {
    /// Whether its cause is in the run and not in the module.
    #[must_use]
    pub fn is_the_runs_own(&self) -> bool {
        self.key.as_deref() == Some(super::rules::NOTHING_NAMED)
    }

    /// Whether it says of another module what another finding says.
    #[must_use]
    pub fn is_same_but_for_module(&self, other: &Self) -> bool {
        (self.rule, &self.key, self.severity, self.waiver.is_some())
            == (other.rule, &other.key, other.severity, other.waiver.is_some())
    }

    pub(super) fn new(rule: &Rule, severity: Severity, module: &ModuleName, path: &str, mut draft: Draft) -> Self {
        let module = module.to_string();
        let mut id = format!("{}:{module}", rule.id);
        for part in [&draft.family, &draft.key].into_iter().flatten() {
            id.push(':');
            id.push_str(part);
        }
        // What is about no symbol is nowhere, but for what can't be told.
        if draft.symbols.is_empty() && draft.sought != Sought::Untold {
            draft.sought = Sought::Nothing;
        }
        Self {
            id,
            rule: rule.id,
            rule_name: rule.name,
            severity,
            module,
            path: path.to_owned(),
            family: draft.family,
            key: draft.key,
            symbols: draft.symbols,
            message: draft.message,
            way: draft.way,
            sought: draft.sought,
            locations: draft.locations,
            help: draft.help,
            decided_by: draft.decided_by,
            waiver: None,
        }
    }

    /// What this finding alone makes of the module.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.severity {
            Severity::Note => Verdict::Pass,
            _ if self.waiver.is_some() => Verdict::Waived,
            Severity::Warn => Verdict::Warn,
            Severity::Deny => Verdict::Deny,
        }
    }
}
