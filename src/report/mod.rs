// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports: one file a format. All of them get the same data, and none opens a file.

pub mod human;
pub mod inspect;
pub mod json;
pub mod kbuild;
pub mod style;

use crate::allowlist::{Owes, Standing};
use crate::check::Gathered;
use crate::gate::{AppliedWaiver, Context, Finding, Judgement, Severity, Verdict, rules};
use crate::input::InputError;

/// What could be seen, and what could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// What is counted.
    pub what: &'static str,
    /// How many of them were seen.
    pub seen: usize,
    /// How many there are.
    pub of: usize,
    /// What follows where some were not.
    pub note: Option<String>,
}

/// A run of `check`, ready to be shown.
#[derive(Debug)]
pub struct CheckReport<'a> {
    /// By what was judged.
    pub context: &'a Context<'a>,
    /// What was read.
    pub gathered: &'a Gathered,
    /// The outcomes by path.
    pub judgements: &'a [Judgement<'a>],
    /// Whether everything is to be shown, not only what matters.
    pub all: bool,
}

/// The figures of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Modules that were read.
    pub modules: usize,
    /// Exports that are known.
    pub exports: usize,
    /// Modules that import an acquiring symbol of a family.
    pub direct: usize,
    /// Modules that get at a family by any way.
    pub reaching: usize,
    /// Modules whose verdict is deny; those that could not be read are among them.
    pub denied: usize,
    /// Modules whose verdict is warn.
    pub warned: usize,
    /// Modules whose verdict is waived.
    pub waived: usize,
}

impl<'a> CheckReport<'a> {
    /// Everything that is against modules, those first that could be read, in the order of their paths.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let judged = self.judgements.iter().flat_map(|judgement| judgement.findings.iter().cloned());
        judged.chain(self.gathered.errors.iter().filter_map(malformed)).collect()
    }

    /// The modules to show: those that have to do with a family or have a finding, or all.
    pub fn shown(&self) -> impl Iterator<Item = &'a Judgement<'a>> {
        let all = self.all;
        self.judgements.iter().filter(move |judgement| {
            all || !judgement.findings.is_empty() || judgement.subject.family_imports().next().is_some()
        })
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let direct = self.judgements.iter().filter(|judgement| judgement.subject.gets_at_a_family()).count();
        let of = |verdict| self.judgements.iter().filter(|judgement| judgement.verdict == verdict).count();
        Summary {
            modules: self.judgements.len(),
            exports: self.gathered.exports.entries().len(),
            direct,
            reaching: direct,
            denied: of(Verdict::Deny) + self.gathered.errors.iter().filter(|error| error.is_malformed()).count(),
            warned: of(Verdict::Warn),
            waived: of(Verdict::Waived),
        }
    }

    /// What could be seen.
    #[must_use]
    pub fn coverage(&self) -> Vec<Coverage> {
        let read = self.judgements.len();
        let modules = Coverage {
            what: "modules",
            seen: read,
            of: self.gathered.module_files,
            note: (read < self.gathered.module_files).then(|| "the others could not be read".to_owned()),
        };
        let known = self.gathered.exports.knows_vmlinux();
        let exports = Coverage {
            what: "kernel exports",
            seen: usize::from(known),
            of: 1,
            note: (!known).then(|| {
                "no Module.symvers of the kernel was given (--symvers): of what the kernel image exports, licence \
                 class, namespace and CRC are unknown, and nobody can tell what is unresolved"
                    .to_owned()
            }),
        };
        let claims = |judgement: &&Judgement<'_>| {
            judgement.registration().is_some() && judgement.subject.family_imports().next().is_some()
        };
        let claimed = self.judgements.iter().filter(claims).count();
        let identity = Coverage {
            what: "identities proven",
            seen: 0,
            of: claimed,
            note: (claimed > 0).then(|| "registered names are the modules' own claims, and so is intree=Y".to_owned()),
        };
        vec![modules, exports, identity]
    }

    /// Whether nothing is denied.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.judgements.iter().all(|judgement| judgement.verdict != Verdict::Deny)
    }
}

/// What rule SG013 has to say of a file that is no module that can be read.
fn malformed(error: &InputError) -> Option<Finding> {
    if !error.is_malformed() {
        return None;
    }
    let module = crate::module::ModuleName::from_path(&error.path).to_string();
    Some(Finding {
        id: format!("SG013:{module}:unreadable"),
        rule: "SG013",
        rule_name: "malformed",
        severity: Severity::Deny,
        module,
        path: error.path.clone(),
        family: None,
        symbols: Vec::new(),
        message: format!("can't be read: {}", error.kind),
        help: Some(rules::UNREADABLE_HELP.to_owned()),
        decided_by: None,
        waiver: None,
    })
}

/// How a judged module's registration reads in one phrase.
fn standing_phrase(judgement: &Judgement<'_>) -> String {
    let Some(registration) = judgement.registration() else { return "not registered".to_owned() };
    match (registration.owes, &judgement.assessment) {
        (Owes::Importers, _) => "facade: its importers owe the userspace".to_owned(),
        (Owes::KernelInternal, _) => "kernel-internal".to_owned(),
        (Owes::Itself, None) => "registered without a userspace".to_owned(),
        (Owes::Itself, Some(assessment)) => match assessment.standing {
            Standing::Approved => format!("{}: approved", assessment.userspace),
            standing => format!("{}: {standing} ({})", assessment.userspace, assessment.because.join("; ")),
        },
    }
}

/// A waiver in one phrase.
fn waiver_phrase(waiver: &AppliedWaiver) -> String {
    format!("until {} by {}: {} ({})", waiver.expires, waiver.owner, waiver.reason, waiver.place)
}
