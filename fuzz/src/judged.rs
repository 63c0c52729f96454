// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole judgement of one module by the embedded allowlists, and the reports of it.

use std::collections::BTreeMap;
use std::sync::{Once, OnceLock};

use symgate::allowlist::{Allowlists, Folder};
use symgate::check::{Gathered, Judged, Located};
use symgate::exports::{ExportTable, Provided, Reference};
use symgate::gate::{Candidate, Judgement, PrivateUse, Profile, Terms, Verdict, rules};
use symgate::input::DebugDirs;
use symgate::module::{ModuleFacts, Problem};
use symgate::reach::Reach;
use symgate::report::{self, CheckReport, Roots};
use symgate::symvers::Symvers;
use symgate::trust::Trust;

/// What the kernel that the test modules are built for exports.
const SYMVERS: &[u8] = include_bytes!("../../testdata/6.1/Module.symvers");

/// How reports name the module.
const LABEL: &str = "m.ko";

/// The allowlists that ship with symgate.
pub fn embedded() -> &'static Allowlists {
    static EMBEDDED: OnceLock<Allowlists> = OnceLock::new();
    EMBEDDED.get_or_init(|| {
        Allowlists::of(&Folder::embedded(), &[], &rules::ids()).expect("the embedded allowlists are good")
    })
}

/// Judges a module, and writes every report of it.
pub fn judge(allowlists: &Allowlists, facts: &ModuleFacts, profile: Profile) {
    on_this_thread();
    let gathered = gathered(facts);
    let terms = Terms { profile, today: allowlists.policy.date, signatures: true, overrides: BTreeMap::new() };
    let context = gathered.context(allowlists, terms);
    let Some(module) = gathered.modules.first() else { return };
    let judgement = context.judge(module);
    denied_or_allowed(&judgement);
    inspected(&judgement);
    let judged = Judged { modules: vec![judgement], others: Vec::new() };
    reported(&CheckReport {
        context: &context,
        gathered: &gathered,
        judged: &judged,
        located: &Located::default(),
        roots: &Roots::default(),
        all: true,
    });
}

/// Lets the library use no thread but this: to wake another takes longer than what is to be done.
fn on_this_thread() {
    static POOL: Once = Once::new();
    POOL.call_once(|| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
        pool.expect("there is no pool yet");
    });
}

/// The module, and a table of exports as a run makes it: first the kernel's, then the module's own.
fn gathered(facts: &ModuleFacts) -> Gathered {
    let known = Symvers::parse(SYMVERS.to_vec()).expect("the test modules' Module.symvers is good");
    let mut exports = ExportTable::of_reference(Reference::Symvers(known));
    let provider = facts.name_or_of(LABEL);
    for export in &facts.exports {
        exports.add_claim(Provided { export: export.clone(), path: LABEL.into(), provider: provider.clone() });
    }
    let modules = vec![Candidate {
        path: LABEL.to_owned(),
        facts: facts.clone(),
        proof: None,
        signature: None,
        claims: false,
        private: PrivateUse::default(),
    }];
    Gathered {
        modules,
        module_files: 1,
        empty_list: false,
        exports,
        references: Vec::new(),
        errors: Vec::new(),
        debug_files: 0,
        trust: Trust::default(),
        reach: Reach::default(),
        oracles: Reach::default(),
        sources: Vec::new(),
        from_cache: 0,
        debug_dirs: DebugDirs::default(),
        debug_errors: Vec::new(),
        packages: Vec::new(),
        context: Vec::new(),
        context_listed: 0,
    }
}

/// Who gets at a family and is not registered for it does not pass, and neither does who is malformed.
fn denied_or_allowed(judgement: &Judgement<'_>) {
    let subject = &judgement.subject;
    let unregistered = subject.gets_at_a_family() && subject.registration.is_none();
    let broken = subject.facts.problems.iter().any(refused);
    let waived = judgement.findings.iter().any(|finding| finding.waiver.is_some());
    if (unregistered || broken) && !waived {
        assert_eq!(judgement.verdict, Verdict::Deny, "{:?}", judgement.findings);
    }
}

/// Whether a problem denies: a few only warn.
fn refused(problem: &Problem) -> bool {
    match problem {
        Problem::SecondReader { .. } | Problem::SignatureMessage(_) => false,
        Problem::RepeatedTag { tag, values, .. } => *tag != "version" && values.len() > 1,
        _ => true,
    }
}

fn inspected(judgement: &Judgement<'_>) {
    let mut text = Vec::new();
    report::inspect::human(&mut text, judgement, true).expect("memory takes everything");
    harmless(&text);
    let mut json = Vec::new();
    report::inspect::json(&mut json, std::slice::from_ref(judgement)).expect("memory takes everything");
    parses(&json);
}

fn reported(report: &CheckReport<'_>) {
    let mut human = Vec::new();
    report::human::check(&mut human, report).expect("memory takes everything");
    harmless(&human);
    let mut kbuild = Vec::new();
    report::kbuild::check(&mut kbuild, report).expect("memory takes everything");
    harmless(&kbuild);
    let mut json = Vec::new();
    report::json::check(&mut json, report).expect("memory takes everything");
    parses(&json);
    for write in [report::sarif::check, report::gitlab::check] {
        let mut json = Vec::new();
        write(&mut json, report).expect("memory takes everything");
        parses(&json);
    }
    for write in [report::github::check, report::markdown::check, report::junit::check] {
        let mut text = Vec::new();
        write(&mut text, report).expect("memory takes everything");
        harmless(&text);
    }
}

/// A report does nothing to a terminal but set colours.
fn harmless(report: &[u8]) {
    let text = std::str::from_utf8(report).expect("a report is UTF-8");
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        assert!(before.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        let (colours, behind) = after.split_once('m').expect("an escape sequence that sets colours");
        assert!(colours.bytes().all(|byte| matches!(byte, b'[' | b';' | b'0'..=b'9')), "{text:?}");
        rest = behind;
    }
    assert!(rest.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

fn parses(json: &[u8]) {
    serde_json::from_slice::<serde::de::IgnoredAny>(json).expect("a report is JSON");
}
