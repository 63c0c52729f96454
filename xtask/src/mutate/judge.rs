// SPDX-License-Identifier: MIT OR Apache-2.0
//! What symgate makes of a mutant, as a library and with a registry in which nobody is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use symgate::allowlist::{Allowlists, Origin};
use symgate::exports::{ExportTable, Provided, Reference};
use symgate::gate::{Candidate, Context, Finding, PrivateUse, Profile, Severity, Terms, rules};
use symgate::module::{Bytes, ModuleFacts};
use symgate::symvers::Symvers;
use symgate::tier;

use crate::shell::{TaskError, repository};

/// What is said of a file.
#[derive(Debug, Default)]
pub struct Said {
    /// Symbols that a denied SG001 names.
    pub denied: BTreeSet<String>,
    /// Whether SG013 denies it.
    pub malformed: bool,
    /// symgate failed on it.
    pub panicked: bool,
    /// All of it, in words.
    pub text: Vec<String>,
}

/// The shipped policy, with no registration, userspace or waiver.
pub fn policy() -> Result<Allowlists, TaskError> {
    let folder = std::env::temp_dir().join(format!("symgate-mutate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
    let policy = repository().join("allowlists/policy.toml");
    std::fs::copy(&policy, folder.join("policy.toml")).map_err(TaskError::io(&policy))?;
    let origin = Origin { replace: Some(folder.clone()), ..Origin::default() };
    let loaded = Allowlists::load(&origin, &rules::ids());
    std::fs::remove_dir_all(&folder).map_err(TaskError::io(&folder))?;
    loaded.map_err(|error| TaskError::Other(error.to_string()))
}

/// Reads a `Module.symvers` as symgate does.
pub fn exports(path: &Path) -> Result<ExportTable, TaskError> {
    let text = std::fs::read(path).map_err(TaskError::io(path))?;
    let symvers = Symvers::parse(text).map_err(|error| TaskError::Other(error.to_string()))?;
    Ok(ExportTable::of_reference(Reference::Symvers(symvers)))
}

/// The exports that give access, by the policy.
pub fn acquiring(allowlists: &Allowlists, exports: &ExportTable) -> Vec<String> {
    let acquires = |provided: &&Provided| {
        let membership = tier::membership(&allowlists.policy, &provided.export.name, Some(provided));
        membership.is_some_and(|membership| membership.gives_access())
    };
    exports.iter().filter(acquires).map(|provided| provided.export.name.to_string()).collect()
}

/// What a run has to be like.
pub fn terms(allowlists: &Allowlists) -> Terms {
    Terms { profile: Profile::Distro, today: allowlists.policy.date, signatures: false, overrides: BTreeMap::new() }
}

/// Judges a file.
pub fn judge(bytes: &[u8], context: &Context<'_>) -> Said {
    let judged = catch_unwind(AssertUnwindSafe(|| match ModuleFacts::read(Bytes::in_memory(bytes)) {
        Ok(facts) => {
            let mutant = Candidate {
                path: "mutant.ko".to_owned(),
                facts,
                proof: None,
                signature: None,
                claims: false,
                private: PrivateUse::default(),
            };
            context.judge(&mutant).findings
        }
        Err(error) => context.judge_unreadable("mutant.ko", &error.to_string()).into_iter().collect(),
    }));
    let Ok(findings) = judged else { return Said { panicked: true, ..Said::default() } };
    let mut said = Said::default();
    for finding in &findings {
        said.text.push(format!("{}: {}", finding.rule, finding.message));
        let denies = finding.severity == Severity::Deny && finding.waiver.is_none();
        said.malformed |= denies && finding.rule == "SG013";
        if denies && finding.rule == "SG001" {
            said.denied.extend(symbols(finding));
        }
    }
    said
}

fn symbols(finding: &Finding) -> impl Iterator<Item = String> {
    finding.symbols.iter().cloned()
}
