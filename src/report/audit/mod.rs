// SPDX-License-Identifier: MIT OR Apache-2.0
//! The auditor's report, in several formats: all of them say the same, and what can't be known comes first.

pub mod html;
pub mod human;
pub mod json;
pub mod markdown;
mod picture;

use super::{CheckReport, plural, standing_phrase};
use crate::allowlist::Known;
use crate::audit::{About, Audit, Compared, Kernel, OnlyLoaded, Owner, Scope, named};
use crate::gate::{Candidate, Finding, Judgement, Severity};
use crate::text;
use crate::trust::{Source, SourceKind, Verdict as Signature};

/// A whole audit, ready to be shown.
#[derive(Debug)]
pub struct AuditReport<'a> {
    /// What was found.
    pub audit: &'a Audit,
    /// The kernels.
    pub kernels: Vec<KernelReport<'a>>,
    /// Whether everything is to be shown, not only what matters.
    pub all: bool,
}

/// One kernel with what was judged.
#[derive(Debug)]
pub struct KernelReport<'a> {
    /// What was found.
    pub kernel: &'a Kernel,
    /// What was judged.
    pub check: CheckReport<'a>,
    /// The modules, those first that are from elsewhere, then by name.
    pub rows: Vec<Row<'a>>,
    /// What is against files that are no modules that can be read.
    pub others: Vec<Finding>,
}

/// A module with all that there is to say of it.
#[derive(Debug)]
pub struct Row<'a> {
    /// What was judged.
    pub judgement: &'a Judgement<'a>,
    /// What the system tells.
    pub about: &'a About,
    /// What is against it, or to be noted.
    pub findings: Vec<Finding>,
    known: Option<&'a Known>,
}

/// The figures of an audit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Modules that were read.
    pub modules: usize,
    /// Modules from elsewhere, stored or only loaded.
    pub out_of_tree: usize,
    /// Modules that are loaded.
    pub loaded: usize,
    /// Of these, those that are not stored.
    pub only_loaded: usize,
    /// Of these, those that are others than what is stored.
    pub differ: usize,
    /// Modules that get at a family by any way.
    pub reaching: usize,
    /// Modules whose verdict is deny; those that could not be read are among them.
    pub denied: usize,
    /// Modules whose verdict is warn.
    pub warned: usize,
    /// Modules whose verdict is waived.
    pub waived: usize,
}

impl<'a> KernelReport<'a> {
    /// Puts together what was found and what was judged.
    #[must_use]
    pub fn new(kernel: &'a Kernel, check: CheckReport<'a>) -> Self {
        // They stand in the modules' order, and two modules can bear one path.
        let mut findings = check.findings().into_iter();
        let known = &check.context.allowlists.known;
        let row = |(judgement, about): (&'a Judgement<'a>, &'a About)| Row {
            judgement,
            about,
            findings: findings.by_ref().take(judgement.findings.len()).collect(),
            known: known.get(&judgement.subject.name),
        };
        let mut rows: Vec<Row<'a>> = check.judged.modules.iter().zip(&kernel.about).map(row).collect();
        let key = |row: &Row<'a>| {
            let subject = &row.judgement.subject;
            (!row.is_marked(), subject.name.clone(), subject.path)
        };
        rows.sort_by_cached_key(key);
        Self { kernel, check, rows, others: findings.collect() }
    }

    /// What it is called: its version, or what was named.
    #[must_use]
    pub fn title(&self) -> String {
        match (&self.kernel.version, self.kernel.is_running) {
            (Some(version), true) => format!("{version} (it runs)"),
            (Some(version), false) => version.clone(),
            (None, _) => "the modules of the inputs".to_owned(),
        }
    }

    /// The modules to tell of one by one: those from elsewhere, those that have to do with a family, those with a finding.
    pub fn told(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| row.is_told())
    }

    /// The others.
    pub fn rest(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| !row.is_told())
    }

    /// What could not be seen of it.
    #[must_use]
    pub fn unseen(&self) -> Vec<String> {
        let mut unseen = self.kernel.unseen.clone();
        unseen.push(self.built_in());
        if !self.kernel.only_loaded.is_empty() {
            let names: Vec<&str> = self.kernel.only_loaded.iter().map(|module| &*module.name).collect();
            unseen.push(format!(
                "what these get at, which are loaded and of which no file was read: {}",
                text::list(&names)
            ));
        }
        for error in &self.check.gathered.errors {
            unseen.push(error.to_string());
        }
        for coverage in self.check.coverage() {
            if let Some(note) = coverage.note {
                unseen.push(format!("{}: {} of {}: {note}", coverage.what, coverage.seen, coverage.of));
            }
        }
        let keys = |source: &&Source| !source.is_named && source.kind == SourceKind::Keys;
        for source in self.check.gathered.trust.sources.iter().filter(keys) {
            let path = &source.path;
            unseen.push(format!(
                "whether the kernel's own keys are: they are taken from {path}, which is this system's own word (--trusted-keys)"
            ));
        }
        unseen
    }

    /// Users of a family in the kernel itself.
    fn built_in(&self) -> String {
        let Some(built_in) = &self.kernel.built_in else {
            return "which users of a family are built into the kernel: what was named is not asked for that"
                .to_owned();
        };
        let by = match (built_in.has_list, built_in.has_config) {
            (true, true) => "",
            (true, false) => ", by modules.builtin alone: there is no configuration",
            (false, true) => ", by the configuration alone: there is no modules.builtin",
            (false, false) => {
                return "which users of a family are built into the kernel: neither modules.builtin nor a configuration is there"
                        .to_owned();
            }
        };
        let users = built_in.users.iter().map(|user| {
            if user.name.starts_with("CONFIG_") { format!("{} ({})", user.name, user.what) } else { user.name.clone() }
        });
        let users: Vec<String> = users.collect();
        let users = if users.is_empty() { "none are known".to_owned() } else { users.join(", ") };
        format!("users of a family that are built into the kernel, and that nothing is judged of{by}: {users}")
    }
}

impl Row<'_> {
    /// Whether it is from elsewhere.
    #[must_use]
    pub fn is_from_elsewhere(&self) -> bool {
        self.about.is_from_elsewhere()
    }

    /// Whether it is, or is another than the one that is loaded.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        !self.about.signs.is_empty()
    }

    fn is_told(&self) -> bool {
        self.is_marked() || !self.findings.is_empty() || self.judgement.subject.has_to_do_with_a_family()
    }

    /// The families that it gets at.
    #[must_use]
    pub fn families(&self) -> String {
        self.judgement.subject.gets_at().into_keys().collect::<Vec<_>>().join(", ")
    }

    /// What somebody found out about it before.
    #[must_use]
    pub fn known(&self) -> Option<String> {
        let known = self.known?;
        Some(format!("{}: {}, as of {} ({})", known.userspace, known.standing, known.checked, known.place))
    }

    /// Its registration, and how well.
    #[must_use]
    pub fn standing(&self) -> String {
        standing_phrase(self.judgement)
    }

    /// Its licence, as it says.
    #[must_use]
    pub fn licences(&self) -> String {
        let licences: Vec<&str> = self.judgement.subject.facts.modinfo.all("license").collect();
        if licences.is_empty() { "none".to_owned() } else { licences.join(", ") }
    }

    /// Who signed it.
    #[must_use]
    pub fn signer(&self) -> String {
        signer(self.judgement.subject.candidate)
    }

    /// Whether it is loaded, and what is known of that.
    #[must_use]
    pub fn loaded(&self) -> Option<String> {
        let (loaded, compared) = self.about.loaded.as_ref()?;
        let compared = match compared {
            Compared::Same(by) => format!("the same by its {by}"),
            Compared::Differ(by) => format!("another by its {by}"),
            Compared::Untold => "whether it is the same can't be told".to_owned(),
        };
        let taint = if loaded.taint.is_empty() { String::new() } else { format!("; taint {}", loaded.taint) };
        Some(format!("loaded, {compared}{taint}"))
    }
}

/// Who signed a module, and whether that was verified.
fn signer(module: &Candidate) -> String {
    let signers = module.facts.signature.as_ref().map(|signature| signature.signers.as_deref());
    let names = match signers {
        None => return "nobody".to_owned(),
        Some(Err(error)) => return format!("unreadable: {error}"),
        Some(Ok(signers)) => signers.iter().map(named).collect::<Vec<_>>().join(", "),
    };
    match &module.signature {
        Some(Signature::Valid { by, .. }) => format!("{by}, verified"),
        Some(Signature::Broken { .. }) => format!("{names}: broken, it is not of what this holds"),
        Some(Signature::Unverified(reason)) => format!("{names}, not verified: {reason}"),
        Some(Signature::Unknown) | None => format!("{names}, not verified"),
    }
}

impl AuditReport<'_> {
    /// What was looked at, as the end of a sentence.
    #[must_use]
    pub fn scope(&self) -> String {
        match &self.audit.scope {
            Scope::Here => "this system".to_owned(),
            Scope::Root(folder) => format!("the system in {}", text::shown(&folder.display().to_string())),
            Scope::Inputs => "what was named".to_owned(),
        }
    }

    /// The figures.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for kernel in &self.kernels {
            let of_check = kernel.check.summary();
            let loaded: Vec<&About> = kernel.kernel.about.iter().filter(|about| about.loaded.is_some()).collect();
            let differs = |about: &&&About| matches!(about.loaded, Some((_, Compared::Differ(_))));
            let only_loaded = kernel.kernel.only_loaded.len();
            sums.modules += of_check.modules;
            let marked = kernel.kernel.only_loaded.iter().filter(|module| !module.signs.is_empty());
            sums.out_of_tree += kernel.rows.iter().filter(|row| row.is_from_elsewhere()).count() + marked.count();
            sums.loaded += loaded.len() + only_loaded;
            sums.only_loaded += only_loaded;
            sums.differ += loaded.iter().filter(differs).count();
            sums.reaching += of_check.reaching;
            sums.denied += of_check.denied;
            sums.warned += of_check.warned;
            sums.waived += of_check.waived;
        }
        sums
    }

    /// The figures in one sentence.
    #[must_use]
    pub fn told_sums(&self) -> String {
        let sums = self.sums();
        let loaded = match (self.knows_loaded(), sums.differ) {
            (false, _) => String::new(),
            (true, 0) => format!(", {} loaded", sums.loaded),
            (true, differ) => {
                format!(", {} loaded, {differ} of them from another file than the one that is there", sums.loaded)
            }
        };
        format!(
            "{}{loaded}; {} out of tree; {} at a family; {} denied, {} warned of, {} waived",
            plural(sums.modules, "module"),
            sums.out_of_tree,
            sums.reaching,
            sums.denied,
            sums.warned,
            sums.waived
        )
    }

    /// What the running kernel says of itself, as the end of a sentence.
    #[must_use]
    pub fn taint(&self) -> Option<String> {
        let taint = self.audit.running.as_ref()?.taint.as_ref()?;
        Some(if taint.is_empty() { "not tainted".to_owned() } else { format!("tainted: {taint}") })
    }

    /// Whether it is known what is loaded of the kernels that were looked at.
    #[must_use]
    pub fn knows_loaded(&self) -> bool {
        self.kernels.iter().any(|kernel| kernel.kernel.is_running)
    }

    /// What could not be seen of the system as a whole.
    #[must_use]
    pub fn unseen(&self) -> &[String] {
        &self.audit.unseen
    }

    /// Whether nothing at all was there to be looked at.
    #[must_use]
    pub fn is_of_nothing(&self) -> bool {
        let sums = self.sums();
        let is_known = |kernel: &KernelReport<'_>| {
            kernel.kernel.built_in.as_ref().is_some_and(|built_in| built_in.has_list || built_in.has_config)
        };
        sums.modules == 0 && sums.loaded == 0 && !self.kernels.iter().any(is_known)
    }

    /// Whether something could not be read.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.kernels.iter().any(|kernel| !kernel.check.gathered.errors.is_empty())
    }
}

/// A module that is only loaded, in a few phrases.
fn told_of_loaded(module: &OnlyLoaded) -> String {
    let uses = &module.loaded.uses;
    let uses = if uses.is_empty() { "no other module".to_owned() } else { text::list(uses) };
    let taint = &module.loaded.taint;
    let taint = if taint.is_empty() { "none".to_owned() } else { taint.to_string() };
    format!("what it gets at can't be known; it uses {uses}; its taint: {taint}")
}

/// Who put a module there; nothing of one that is just a file.
fn told_owner(owner: &Owner) -> Option<String> {
    (*owner != Owner::Unknown).then(|| owner.to_string())
}

/// How a finding weighs, in one word.
fn weight(finding: &Finding) -> &'static str {
    match (finding.severity, &finding.waiver) {
        (Severity::Note, _) => "note",
        (_, Some(_)) => "waived",
        (Severity::Warn, None) => "warning",
        (Severity::Deny, None) => "denied",
    }
}
