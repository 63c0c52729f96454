// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports: one file a format. All of them get the same data, and none opens a file.

pub mod audit;
pub mod diff;
pub mod github;
pub mod gitlab;
pub mod human;
pub mod inspect;
pub mod json;
pub mod junit;
pub mod kbuild;
pub mod markdown;
pub mod path;
pub mod registry;
pub mod sarif;
mod spot;
pub mod style;

use std::collections::BTreeMap;

use crate::allowlist::{Owes, Standing};
use crate::check::{Gathered, Judged, Located};
use crate::gate::{AppliedWaiver, Context, Finding, Judgement, Location, Subject, Verdict};
use crate::input::InputError;
use crate::module::{ModuleName, Stage};
use crate::reach::table::Asked;
use crate::reach::{Basis, Reach};
use crate::text;
pub use spot::Roots;

/// What could be seen, and what could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// What is counted.
    pub what: &'static str,
    /// How many of them were seen.
    pub seen: usize,
    /// How many there are.
    pub of: usize,
    /// Whether a build's log is to hear of it, too.
    pub concerns_builds: bool,
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
    /// The outcomes.
    pub judged: &'a Judged<'a>,
    /// How much is known of where findings are.
    pub located: &'a Located,
    /// What paths are told from, in formats that are read beside a repository.
    pub roots: &'a Roots,
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

/// A finding, and others of other modules that say the same.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) finding: Finding,
    pub(super) others: Vec<Finding>,
}

impl Told {
    /// `module foo ...`, or `3 modules ... (foo, bar, baz)`.
    pub(super) fn sentence(&self) -> String {
        let Finding { module, message, .. } = &self.finding;
        if self.others.is_empty() {
            return format!("module {module} {message}");
        }
        let mut names: Vec<&str> = self.others.iter().chain([&self.finding]).map(|finding| &*finding.module).collect();
        names.sort_unstable();
        let count = names.len();
        format!(
            "{count} modules bear registered names, and nothing was named as the kernel's own that could prove one: {}",
            text::list(&names)
        )
    }
}

impl<'a> CheckReport<'a> {
    /// Everything that is against modules, those first that could be read, in the order of their paths.
    ///
    /// An id that two modules of one name share is numbered from the second on.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let judged = self.judged.modules.iter().flat_map(|judgement| &judgement.findings);
        let mut findings: Vec<Finding> = judged.chain(&self.judged.others).cloned().collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for finding in &mut findings {
            let count = seen.entry(finding.id.clone()).or_default();
            *count += 1;
            if *count > 1 {
                finding.id.push_str(&format!("#{count}"));
            }
        }
        findings
    }

    /// The inputs that yielded no facts and of which no finding speaks.
    pub(super) fn untold_errors(&self) -> impl Iterator<Item = &'a InputError> {
        let others = &self.judged.others;
        let is_told = move |error: &InputError| {
            let speaks = |finding: &Finding| finding.path == error.path && finding.waiver.is_none();
            error.is_malformed() && others.iter().any(speaks)
        };
        self.gathered.errors.iter().filter(move |error| !is_told(error))
    }

    /// What was set otherwise in this run, in words.
    pub(super) fn overrides(&self) -> impl Iterator<Item = String> {
        let overrides = self.context.terms.overrides.iter();
        overrides.map(|(rule, level)| format!("{rule} is set to {level} in this run"))
    }

    /// The modules to show: those that have to do with a family or have a finding, or all.
    pub fn shown(&self) -> impl Iterator<Item = &'a Judgement<'a>> {
        let all = self.all;
        self.judged.modules.iter().filter(move |judgement| {
            all || !judgement.findings.is_empty() || judgement.subject.has_to_do_with_a_family()
        })
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let modules = &self.judged.modules;
        let direct = modules.iter().filter(|judgement| judgement.subject.acquires()).count();
        let reaching = modules.iter().filter(|judgement| judgement.subject.gets_at_a_family()).count();
        let others = self.judged.others.iter().map(Finding::verdict);
        let verdicts: Vec<Verdict> = modules.iter().map(|judgement| judgement.verdict).chain(others).collect();
        let of = |verdict| verdicts.iter().filter(|other| **other == verdict).count();
        Summary {
            modules: modules.len(),
            exports: self.gathered.exports.len(),
            direct,
            reaching,
            denied: of(Verdict::Deny),
            warned: of(Verdict::Warn),
            waived: of(Verdict::Waived),
        }
    }

    /// What could be seen, and what could not.
    #[must_use]
    pub fn coverage(&self) -> Vec<Coverage> {
        let mut coverage =
            vec![self.modules_read(), self.cross_checked(), self.kernel_exports(), self.members(), self.identities()];
        coverage.extend(self.providers());
        coverage.extend(self.unfinished());
        coverage.extend(self.debug_files());
        coverage.extend(self.context_read());
        coverage.extend(self.facades_at_hand());
        coverage.extend(self.debug_dirs());
        coverage.extend(self.lines());
        coverage.extend(self.inlined());
        coverage.extend(self.handled());
        coverage.push(self.followed());
        coverage
    }

    /// The kernel's own modules beside those that are judged, where they were named.
    fn context_read(&self) -> Option<Coverage> {
        let (seen, of) = (self.gathered.context.len(), self.gathered.context_listed);
        let note = (seen < of).then(|| "the others are not installed there".to_owned());
        (of > 0).then_some(Coverage { what: "modules of the context", seen, of, concerns_builds: false, note })
    }

    /// Modules with findings, by whether it is known on which lines of source these are.
    fn lines(&self) -> Option<Coverage> {
        let Located { modules: of, with_lines: seen, errors, .. } = self.located;
        let errors: Vec<String> = errors.iter().map(|(module, error)| format!("{module}: {error}")).collect();
        let why = if errors.is_empty() { String::new() } else { format!("; {}", text::list(&errors)) };
        (seen < of).then(|| Coverage {
            what: "modules with findings of which the lines of source are known",
            seen: *seen,
            of: *of,
            concerns_builds: false,
            note: Some(format!(
                "the others have no debug info that tells them, and only the functions are known; --debug-dir names folders \
                 and packages with more{why}"
            )),
        })
    }

    /// Modules whose lines are known, by whether it is known what is inlined there, too.
    fn inlined(&self) -> Option<Coverage> {
        let Located { with_lines: of, missing, .. } = self.located;
        let told: Vec<String> = missing.iter().map(|(module, missing)| format!("{module}: {missing}")).collect();
        (!told.is_empty()).then(|| Coverage {
            what: "modules with findings of which it is known what is inlined there",
            seen: of.saturating_sub(told.len()),
            of: *of,
            concerns_builds: false,
            note: Some(format!("{}; --debug-dir names folders with more", text::list(&told))),
        })
    }

    /// Folders and packages that were named for their debug info, where some can't be read.
    fn debug_dirs(&self) -> Option<Coverage> {
        let told = |error: &InputError| (error.path.clone(), error.kind.to_string());
        let mut errors: BTreeMap<String, String> = self.gathered.debug_errors.iter().map(told).collect();
        errors.extend(self.located.unread.clone());
        let of = self.gathered.debug_dirs.named();
        let note: Vec<String> = errors.iter().map(|(path, error)| format!("{path}: {error}")).collect();
        (!errors.is_empty()).then(|| Coverage {
            what: "folders and packages of debug info",
            seen: of.saturating_sub(errors.len()),
            of,
            concerns_builds: false,
            note: Some(text::list(&note)),
        })
    }

    /// Modules that are not the kernel's own, by whether it is known which types their functions handle.
    fn handled(&self) -> Option<Coverage> {
        let elsewhere =
            || self.judged.modules.iter().map(|judgement| &judgement.subject).filter(|it| it.is_from_elsewhere());
        let of = elsewhere().count();
        let is_seen = |subject: &&Subject<'_>| {
            subject.candidate.private.handled.as_ref().is_some_and(|types| types.seen == types.of)
        };
        let seen = elsewhere().filter(is_seen).count();
        (seen < of).then(|| Coverage {
            what: "modules from elsewhere of which the types that they handle are known",
            seen,
            of,
            concerns_builds: false,
            note: Some(
                "the others have no debug info, or not of all of their source: SG010 can't speak of them".to_owned(),
            ),
        })
    }

    /// Facades that the modules import from, by whether their own code tells where that leads.
    fn facades_at_hand(&self) -> Option<Coverage> {
        let through = self.judged.modules.iter().flat_map(|judgement| &judgement.subject.through);
        let mut facades: BTreeMap<&ModuleName, Basis> = BTreeMap::new();
        for hop in through.filter_map(|through| through.way.hops.first()) {
            let basis = facades.entry(&hop.module).or_insert(hop.basis);
            *basis = hop.basis.max(*basis);
        }
        let of = facades.len();
        let seen = facades.values().filter(|basis| **basis != Basis::Table).count();
        let tables: Vec<String> = self.gathered.reach.tables.iter().map(told_table).collect();
        (seen < of).then(|| Coverage {
            what: "facades whose own code was followed",
            seen,
            of,
            concerns_builds: false,
            note: Some(format!(
                "for the others stands what was seen in real kernels ({}); --context reads this kernel's own modules",
                tables.join("; ")
            )),
        })
    }

    /// Modules that were looked into for what their exports lead to.
    fn followed(&self) -> Coverage {
        let Reach { looked_into, whole, .. } = &self.gathered.reach;
        let note = (!whole.is_empty()).then(|| {
            let names: Vec<&str> = whole.iter().map(ModuleName::as_str).collect();
            format!(
                "the code of the others can't be read, so that each export was taken to lead to all that the module imports: {}",
                text::list(&names)
            )
        });
        let seen = looked_into.saturating_sub(whole.len());
        Coverage { what: "modules followed function by function", seen, of: *looked_into, concerns_builds: false, note }
    }

    fn modules_read(&self) -> Coverage {
        let (seen, of) = (self.judged.modules.len(), self.gathered.module_files);
        let note = (seen < of).then(|| "the others could not be read".to_owned());
        Coverage { what: "modules", seen, of, concerns_builds: true, note }
    }

    /// Files of debug info, where there are any.
    fn debug_files(&self) -> Option<Coverage> {
        let of = self.gathered.debug_files;
        (of > 0).then(|| Coverage {
            what: "files of debug info",
            seen: 0,
            of,
            concerns_builds: false,
            note: Some("they are named like modules and hold nothing that is loaded".to_owned()),
        })
    }

    fn cross_checked(&self) -> Coverage {
        let modules = &self.judged.modules;
        let seen = modules.iter().filter(|judgement| judgement.subject.facts.cross_checked).count();
        // The others do not matter, or --cross-check would have been given.
        Coverage {
            what: "modules read by a second reader",
            seen,
            of: modules.len(),
            concerns_builds: false,
            note: None,
        }
    }

    /// Objects that modpost has not seen, where there are any.
    fn unfinished(&self) -> Option<Coverage> {
        let modules = &self.judged.modules;
        let finished = modules.iter().filter(|judgement| judgement.subject.facts.stage == Stage::Finished).count();
        (finished < modules.len()).then(|| Coverage {
            what: "finished modules",
            seen: finished,
            of: modules.len(),
            concerns_builds: false,
            note: Some("the others are objects: what is linked to them after modpost can't be seen".to_owned()),
        })
    }

    fn kernel_exports(&self) -> Coverage {
        let known = self.gathered.exports.knows_vmlinux();
        let note = (!known).then(|| {
            "no Module.symvers of the kernel was given (--symvers), and no image: licence class, namespace and CRC of \
             what the kernel image exports are unknown, and so is what is unresolved"
                .to_owned()
        });
        Coverage { what: "exports of the kernel", seen: usize::from(known), of: 1, concerns_builds: true, note }
    }

    /// Modules whose imports can all be looked up, where only an image told what the kernel exports.
    fn providers(&self) -> Option<Coverage> {
        let exports = &self.gathered.exports;
        let of = self.judged.modules.len();
        let seen = self.judged.modules.iter().filter(|judgement| judgement.subject.knows_its_providers()).count();
        (exports.knows_vmlinux() && seen < of).then(|| Coverage {
            what: "modules whose providers are known",
            seen,
            of,
            concerns_builds: true,
            note: Some(
                "the others depend on modules that are not among the inputs: licence class, namespace and CRC of what those \
                 export are unknown, and what is unresolved can't be told"
                    .to_owned(),
            ),
        })
    }

    /// Members of a family that the policy does not name: a later kernel has them.
    fn members(&self) -> Coverage {
        let families = self.judged.modules.iter().flat_map(|judgement| judgement.subject.family_imports());
        let mut members: BTreeMap<&str, bool> = BTreeMap::new();
        for import in families {
            let entry = import.membership.as_ref().and_then(|membership| membership.entry);
            let known = entry.is_none_or(|family| family.knows(&import.import.name));
            members.insert(&import.import.name, known);
        }
        let unknown: Vec<&str> = members.iter().filter(|(_, known)| !**known).map(|(name, _)| *name).collect();
        let note = (!unknown.is_empty()).then(|| {
            format!(
                "the policy does not say what these do, and they were taken to give no access: {}",
                unknown.join(", ")
            )
        });
        let seen = members.len() - unknown.len();
        Coverage {
            what: "imported family symbols that the policy knows",
            seen,
            of: members.len(),
            concerns_builds: true,
            note,
        }
    }

    /// Of the modules that get at a family under a registered name, those that have proven to be the ones.
    fn identities(&self) -> Coverage {
        let claims =
            |judgement: &&Judgement<'_>| judgement.registration().is_some() && judgement.subject.gets_at_a_family();
        let of = self.judged.modules.iter().filter(claims).count();
        let seen = self.judged.modules.iter().filter(claims).filter(|judgement| judgement.is_proven()).count();
        // Of each of the others SG004 says why.
        Coverage { what: "registered names proven", seen, of, concerns_builds: false, note: None }
    }

    /// The findings as people read them: those whose cause is the run's own are told once for all modules.
    pub(super) fn told(&self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        for finding in self.findings() {
            let same =
                told.iter_mut().find(|told| finding.is_the_runs_own() && told.finding.is_same_but_for_module(&finding));
            match same {
                Some(told) => told.others.push(finding),
                None => told.push(Told { finding, others: Vec::new() }),
            }
        }
        told
    }

    /// Whether nothing is denied.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.summary().denied == 0
    }
}

/// Which table stands for which kernel.
fn told_table(asked: &Asked) -> String {
    match asked.series {
        Some(series) if series == asked.nearest => format!("Linux {series}"),
        Some(series) => format!("Linux {}, the nearest to {series}", asked.nearest),
        None => format!("Linux {}, as the modules tell no version", asked.nearest),
    }
}

/// How a judged module's registration reads in one phrase.
fn standing_phrase(judgement: &Judgement<'_>) -> String {
    let Some(registration) = judgement.registration() else {
        let needed = judgement.subject.gets_at_a_family();
        return if needed { "not registered" } else { "none, and none needed" }.to_owned();
    };
    if judgement.subject.gets_at_a_family() && !judgement.is_proven() {
        return format!("not proven to be {registration}");
    }
    let uncovered = judgement.subject.gets_at().into_keys().any(|family| !registration.families.contains(family));
    if uncovered {
        let families: Vec<_> = registration.families.iter().cloned().collect();
        return format!("registered for {} only", families.join(", "));
    }
    match (registration.owes(), &judgement.assessment) {
        (Owes::Importers, _) => "facade: its importers owe the userspace".to_owned(),
        (Owes::KernelInternal, _) => "kernel-internal".to_owned(),
        (Owes::Itself, None) => "registered without a userspace".to_owned(),
        (Owes::Itself, Some(assessment)) => match assessment.standing {
            Standing::Approved => format!("{}: approved", assessment.userspace),
            standing => format!("{}: {standing} ({})", assessment.userspace, assessment.because.join("; ")),
        },
    }
}

/// A place of a finding, behind the symbol that it is about.
fn told_place(location: &Location) -> String {
    match &location.symbol {
        Some(symbol) => format!("{symbol}: {location}"),
        None => location.to_string(),
    }
}

/// A waiver in one phrase.
fn waiver_phrase(waiver: &AppliedWaiver) -> String {
    let (owner, reason) = (text::shown(&waiver.owner), text::shown(&waiver.reason));
    format!("until {} by {owner}: {reason} ({})", waiver.expires, waiver.place)
}

/// So many of something, in words.
fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
