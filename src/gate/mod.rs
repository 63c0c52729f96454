// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gate: facts and allowlists in, findings and verdicts out. Pure; it opens no file.

mod class;
pub mod finding;
mod location;
pub mod rules;
mod subject;
mod waive;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Serialize;

use crate::allowlist::{Allowlists, Assessment, Date, Demand, Registration};
use crate::exports::{Claim, Export, ExportTable, Provided};
use crate::module::debug::HandledTypes;
use crate::module::sites::Site;
use crate::module::{ModuleFacts, ModuleName};
use crate::reach::Reach;
use crate::tier::{Membership, Memberships};
use crate::trust::{Proof, Trust, Verdict as Signature};
pub use finding::{AppliedWaiver, Draft, Finding, Weight};
pub use location::{Location, Sought};
pub use rules::Rule;
pub use subject::{Access, ResolvedImport, Subject, Through};

/// Where symgate runs, which sets how strict each rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A step of a kernel or module build: silent where modpost has spoken.
    Kbuild,
    /// A package build or its CI.
    #[default]
    Distro,
    /// A look at a system.
    Audit,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kbuild => "kbuild",
            Self::Distro => "distro",
            Self::Audit => "audit",
        })
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Said, and that is all.
    Note,
    /// Said aloud.
    Warn,
    /// The module does not pass.
    Deny,
}

/// What an override makes of a rule's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// They are not reported.
    Allow,
    /// They warn.
    Warn,
    /// They deny.
    Deny,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        })
    }
}

/// A module's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing against it.
    Pass,
    /// What was against it is waived.
    Waived,
    /// A warning.
    Warn,
    /// At least one finding that denies.
    Deny,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Waived => "waived",
            Self::Warn => "warn",
            Self::Deny => "deny",
        })
    }
}

/// How strict a run is.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Where it runs.
    pub profile: Profile,
    /// The day by which expiry is judged.
    pub today: Date,
    /// Whether every module is asked for a signature.
    pub signatures: bool,
    /// Levels that the caller changed, by rule id.
    pub overrides: BTreeMap<String, Level>,
}

/// What all modules of a run are judged by.
#[derive(Debug)]
pub struct Context<'a> {
    /// Policy, registrations, waivers.
    pub allowlists: &'a Allowlists,
    /// Who exports what.
    pub exports: &'a ExportTable,
    /// The families of the exports, in the table's order.
    memberships: Memberships<'a>,
    /// All who export something, where a reference does not tell of all modules.
    providers: HashSet<&'a ModuleName>,
    /// How strict.
    pub terms: Terms,
    /// What counts as a kernel's own.
    pub trust: &'a Trust,
    /// What exports lead to.
    pub reach: &'a Reach,
    /// Which exports lead to what finds any symbol.
    pub oracles: &'a Reach,
}

/// A module to be judged.
#[derive(Debug)]
pub struct Candidate {
    /// Its path, as reports use it.
    pub path: String,
    /// What it says of itself.
    pub facts: ModuleFacts,
    /// Why it is the kernel's own, where that is proven and matters.
    pub proof: Option<Proof>,
    /// What its signature came to, where it has one and was hashed.
    pub signature: Option<Signature>,
    /// Whether its own word that it is the kernel's own stands: nothing was named that could prove it, or nothing hangs on that.
    pub claims: bool,
    /// What it does without asking for a symbol, where it is not the kernel's own.
    pub private: PrivateUse,
}

/// What a module does with others' things without asking for a symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateUse {
    /// The private types that its own functions handle; none if it has no debug info.
    pub handled: Option<HandledTypes>,
    /// Functions of its own that bear the names of a family's.
    pub copied: Vec<Site>,
}

impl Candidate {
    /// Whether it is not the kernel's own, as far as that was asked.
    #[must_use]
    pub fn is_from_elsewhere(&self) -> bool {
        self.proof.is_none() && !self.claims
    }

    /// Whether it is what a registration or a waiver speaks of, by the proof that this asks for.
    #[must_use]
    pub fn meets(&self, demands: &[Demand], trust: &Trust) -> bool {
        let content = self.facts.digests.as_ref().map(|digests| digests.content);
        demands.iter().any(|demand| match demand {
            Demand::Kernel => self.proof.is_some(),
            Demand::Content(hash) => content == Some(*hash),
            Demand::Operator | Demand::Origin(_) => demand.is_met_by_word(trust.taken_from.as_ref()),
        })
    }
}

/// All that is to be said of one module.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// What was judged.
    pub subject: Subject<'a>,
    /// How its userspace stands, where it owes one.
    pub assessment: Option<Assessment>,
    /// The outcome.
    pub verdict: Verdict,
    /// What is against it, or to be noted.
    pub findings: Vec<Finding>,
}

impl<'a> Judgement<'a> {
    /// The registration of its name.
    #[must_use]
    pub fn registration(&self) -> Option<&'a Registration> {
        self.subject.registration
    }

    /// Whether it is proven that it is the one that is registered.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.subject.proven_registration().is_some()
    }
}

impl<'a> Context<'a> {
    /// Puts together what modules are judged by.
    #[must_use]
    pub fn new(
        allowlists: &'a Allowlists,
        exports: &'a ExportTable,
        trust: &'a Trust,
        reach: &'a Reach,
        oracles: &'a Reach,
        terms: Terms,
    ) -> Self {
        let memberships = Memberships::new(&allowlists.policy, exports);
        let providers = if exports.knows_modules() { HashSet::new() } else { exports.providers() };
        Self { allowlists, exports, memberships, providers, terms, trust, reach, oracles }
    }

    /// Whether a module of this name is known to export something; where a reference tells of all modules, nobody asks.
    fn provides(&self, name: &ModuleName) -> bool {
        self.providers.contains(name)
    }

    /// Who offers a symbol, and its family.
    fn look_up(&self, symbol: &str) -> (Option<&'a Provided>, Option<Membership<'a>>) {
        self.memberships.of(symbol)
    }

    /// Judges one module by all rules.
    #[must_use]
    pub fn judge(&'a self, module: &'a Candidate) -> Judgement<'a> {
        let subject = Subject::new(self, module);
        let mut drafts = Vec::new();
        for rule in &rules::ALL {
            let mut of_rule = Vec::new();
            (rule.check)(&subject, &mut of_rule);
            drafts.extend(of_rule.into_iter().map(|draft| (rule, draft)));
        }
        let findings = self.findings(drafts, Some(&subject), &subject.name, subject.path);
        let assessment = subject.assessment.clone();
        let verdict = findings.iter().map(Finding::verdict).max().unwrap_or(Verdict::Pass);
        Judgement { subject, assessment, verdict, findings }
    }

    /// Judges a file that is no module that can be read.
    #[must_use]
    pub fn judge_unreadable(&self, path: &str, reason: &str) -> Vec<Finding> {
        self.findings(vec![rules::unreadable(reason)], None, &ModuleName::from_path(path), path)
    }

    /// Judges what `Module.symvers` files say otherwise than the reference does, by file and by the module that it says it of.
    #[must_use]
    pub fn judge_claims(&self) -> Vec<Finding> {
        let mut by_module: BTreeMap<(&str, &ModuleName), Vec<&Export>> = BTreeMap::new();
        for Claim { file, provided } in self.exports.claims() {
            by_module.entry((file, &provided.provider)).or_default().push(&provided.export);
        }
        let judge = |((file, name), exports): ((&str, &ModuleName), Vec<&Export>)| {
            self.findings(rules::claimed(self, &exports), None, name, file)
        };
        by_module.into_iter().flat_map(judge).collect()
    }

    /// Makes findings of drafts, each with the waiver that covers it; and of the waivers that cover one no longer.
    fn findings(
        &self,
        drafts: Vec<(&Rule, Draft)>,
        subject: Option<&Subject<'_>>,
        name: &ModuleName,
        path: &str,
    ) -> Vec<Finding> {
        let gets_at_a_family = subject.is_some_and(Subject::gets_at_a_family);
        let weighed = |(rule, draft): (&Rule, Draft)| {
            let severity = self.severity(rule, draft.weight, gets_at_a_family)?;
            let mut finding = Finding::new(rule, severity, name, path, draft);
            let expired = waive::apply(self, subject, &mut finding);
            Some((finding, expired))
        };
        let (mut findings, expired): (Vec<_>, Vec<_>) = drafts.into_iter().filter_map(weighed).unzip();
        let expired: BTreeMap<_, _> = expired.into_iter().flatten().map(|waiver| (&waiver.place, waiver)).collect();
        findings.extend(expired.into_values().map(rules::expired).filter_map(weighed).map(|(finding, _)| finding));
        findings.sort_by_key(|finding| finding.rule);
        findings
    }

    /// What a draft weighs in this run; nothing if it is not to be said.
    fn severity(&self, rule: &Rule, weight: Weight, gets_at_a_family: bool) -> Option<Severity> {
        match self.terms.overrides.get(rule.id) {
            Some(Level::Allow) => return None,
            Some(Level::Warn) => return Some(Severity::Warn),
            Some(Level::Deny) => return Some(Severity::Deny),
            None => {}
        }
        match (weight, self.terms.profile) {
            (Weight::Always(severity), _) => Some(severity),
            (Weight::ByFamily, _) if gets_at_a_family => Some(Severity::Deny),
            // modpost has spoken already.
            (Weight::ByFamily, Profile::Kbuild) => None,
            (Weight::ByFamily, Profile::Distro | Profile::Audit) => Some(Severity::Warn),
        }
    }
}
