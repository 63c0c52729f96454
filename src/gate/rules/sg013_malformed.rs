// SPDX-License-Identifier: MIT OR Apache-2.0
//! SG013: the module breaks a rule of the loader, or two readers would read it differently.
//!
//! A file that can't be read as a module at all breaks it too.

use super::Rule;
use crate::exports::VMLINUX;
use crate::gate::{Draft, Severity, Subject, Weight};
use crate::module::{Binding, ModuleName, Problem, Stage};
use crate::text::list;
use crate::tier::unknown_flags;

pub(super) const RULE: Rule = Rule {
    id: "SG013",
    name: "malformed",
    summary: "can't be parsed, breaks a rule of the loader, or is read differently by two parsers",
    page: include_str!("../../../docs/rules/SG013.md"),
    check,
};

fn check(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    for problem in &subject.facts.problems {
        drafts.push(Draft {
            key: Some(problem.key()),
            help: Some(help(problem).to_owned()),
            ..Draft::new(Weight::Always(severity(problem)), problem.to_string())
        });
    }
    after_modpost(subject, drafts);
    let policy = &subject.context.allowlists.policy;
    let unknown: Vec<String> = subject
        .facts
        .exports
        .iter()
        .map(|export| (export, unknown_flags(policy, export)))
        .filter(|(_, flags)| *flags != 0)
        .map(|(export, flags)| format!("{} (0x{flags:02x})", export.name))
        .collect();
    if !unknown.is_empty() {
        drafts.push(Draft {
            key: Some("unknown-flags".to_owned()),
            help: Some(
                "a newer kernel may have given these bits a meaning; the policy's [native] names the one it knows"
                    .to_owned(),
            ),
            ..Draft::new(
                Weight::Always(Severity::Deny),
                format!("exports with bits in __kflagstab that nobody knows: {}", list(&unknown)),
            )
        });
    }
}

/// Imports of which what modpost wrote into the module knows nothing: they were linked in afterwards.
fn after_modpost(subject: &Subject<'_>, drafts: &mut Vec<Draft>) {
    if subject.facts.stage == Stage::BeforeModpost {
        return;
    }
    let depends: Vec<ModuleName> = subject.facts.modinfo.first("depends").map(names).unwrap_or_default();
    let exports = subject.context.exports;
    let mut late: Vec<(String, String)> = Vec::new();
    for import in subject.imports.iter().filter(|import| import.import.binding == Binding::Strong) {
        let (name, Some(provided)) = (&import.import.name, import.provided) else { continue };
        // Only the kernel's own word tells who offers it, and whether that has a version.
        if !exports.is_kernels_word(name) {
            continue;
        }
        let is_unversioned = subject.facts.versioned
            && import.import.crc.is_none()
            && provided.export.crc.is_some_and(|crc| crc != 0)
            && name.len() < VERSIONED_NAME_BYTES;
        if is_unversioned {
            late.push((name.to_string(), format!("{name} has no version")));
        } else if provided.provider.as_str() != VMLINUX
            && provided.provider != subject.name
            && !depends.contains(&provided.provider)
        {
            late.push((name.to_string(), format!("{name} is {}'s, on which it does not depend", provided.provider)));
        }
    }
    if late.is_empty() {
        return;
    }
    let told: Vec<&str> = late.iter().map(|(_, told)| told.as_str()).collect();
    let message = format!("imports what modpost did not see, or was told to be somebody else's: {}", list(&told));
    drafts.push(Draft {
        key: Some("after-modpost".to_owned()),
        symbols: late.into_iter().map(|(name, _)| name).collect(),
        help: Some(
            "find out what was linked in after modpost (LDFLAGS_MODULE), or which Module.symvers it was built with \
             (KBUILD_EXTRA_SYMBOLS)"
                .to_owned(),
        ),
        ..Draft::new(Weight::ByFamily, message)
    });
}

/// The modules of a `depends` tag.
fn names(depends: &str) -> Vec<ModuleName> {
    depends.split(',').filter(|name| !name.is_empty()).map(ModuleName::new).collect()
}

/// Shortest name that has no place in `__versions` (`include/linux/module.h:struct modversion_info`, 7.2).
const VERSIONED_NAME_BYTES: usize = 55;

/// A file that is no module that can be read at all.
pub(in crate::gate) fn unreadable(reason: &str) -> Draft {
    Draft {
        key: Some("unreadable".to_owned()),
        help: Some("build it or copy it again".to_owned()),
        ..Draft::new(Weight::Always(Severity::Deny), format!("can't be read: {reason}"))
    }
}

/// What the loader takes, and what nothing hangs on, only warns.
fn severity(problem: &Problem) -> Severity {
    match problem {
        // The reader gave up, not the loader.
        Problem::SecondReader { .. } => Severity::Warn,
        // Whether a signature is asked for, and which one, is another rule's.
        Problem::SignatureMessage(_) => Severity::Warn,
        // An author writes MODULE_VERSION, and does so in two files.
        Problem::RepeatedTag { tag: "version", .. } => Severity::Warn,
        // Whichever is read, it says the same.
        Problem::RepeatedTag { values, .. } if values.len() == 1 => Severity::Warn,
        _ => Severity::Deny,
    }
}

fn help(problem: &Problem) -> &'static str {
    match problem {
        Problem::Readers { .. } => {
            "something in the file is made to be read in two ways, or one of the readers has a bug: readelf -aW shows which"
        }
        Problem::SecondReader { .. } => "compare what nm and modinfo say with symgate inspect",
        Problem::SignatureMessage(_) => "sign it again with scripts/sign-file",
        Problem::RepeatedTag { .. } => "the loader reads the first; take the others out",
        Problem::ExportMarks { .. } => "modpost will say the same",
        Problem::LocalUndefined { .. } | Problem::SymbolTables { .. } | Problem::RepeatedSection { .. } => {
            "no compiler or linker makes this: find out what edited the module after it was built"
        }
        Problem::HalfFinished => "give the object as the compiler and the linker made it, or the finished .ko",
        Problem::NoThisModule | Problem::NotRelocatable { .. } => "give the finished .ko, not what it is made from",
        Problem::NoSymbolTable => {
            "the loader needs the symbol table: strip with --strip-debug or --strip-unneeded only"
        }
        Problem::Common { .. } => "build it with -fno-common, as kbuild does",
        _ => "build it again; if the kernel loads it as it is, please report it",
    }
}
