// SPDX-License-Identifier: MIT OR Apache-2.0
//! modinfo, of kmod: all tags.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use rayon::prelude::*;

use super::tally::{Lines, Row, Tally};
use super::tree::{BATCH, Module, Tree};
use crate::shell::{TaskError, text};

/// All `.modinfo` tags, repeated ones numbered, and who signed.
pub(super) fn compare(tree: &Tree) -> Result<Vec<Row>, TaskError> {
    let mut ours = Lines::new();
    for module in &tree.modules {
        symgate(module, &mut ours);
    }
    let run = |batch: &[Module]| {
        let files = batch.iter().map(|module| module.file.as_os_str());
        text("modinfo", [OsStr::new("-0")].into_iter().chain(files))
    };
    let printed: Vec<String> = tree.modules.par_chunks(BATCH).map(run).collect::<Result<_, _>>()?;
    let labels = tree.modules.iter().map(|module| (module.file.as_path(), module.label.as_str())).collect();
    let mut theirs = Lines::new();
    for text in printed {
        modinfo(&text, &labels, &mut theirs);
    }
    Ok(vec![Row::compared("modinfo / modinfo -0", Tally::exact(&ours, &theirs))])
}

/// What symgate says, in modinfo's words.
fn symgate(module: &Module, lines: &mut Lines) {
    let label = &module.label;
    let mut counts = BTreeMap::new();
    let mut parameters: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for tag in &module.facts.modinfo {
        // modinfo shows a parameter's description and type as one.
        match (tag.tag.as_str(), tag.value.split_once(':')) {
            ("parm", Some((name, description))) => parameters.entry(name).or_default().0 = description,
            ("parmtype", Some((name, kind))) => parameters.entry(name).or_default().1 = kind,
            (name, _) => insert_numbered(lines, &mut counts, format!("{label} {name}={}", tag.value)),
        }
    }
    for signer in module.facts.signature.iter().flat_map(|signature| &signature.signers) {
        let digits: Vec<char> = signer.key.to_uppercase().chars().collect();
        let key = digits.chunks(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>().join(":");
        lines.insert(format!("{label} signer={}", signer.common_name.as_deref().unwrap_or_default()));
        lines.insert(format!("{label} sig_key={key}"));
        lines.insert(format!("{label} sig_hashalgo={}", signer.hash));
    }
    for (name, (description, kind)) in parameters {
        let text = match (description, kind) {
            (description, "") => format!("{name}:{description}"),
            ("", kind) => format!("{name}:{kind}"),
            (description, kind) => format!("{name}:{description} ({kind})"),
        };
        insert_numbered(lines, &mut counts, format!("{label} parm:{text}"));
    }
}

/// What modinfo printed.
fn modinfo(printed: &str, labels: &BTreeMap<&Path, &str>, lines: &mut Lines) {
    let mut label = "";
    let mut counts = BTreeMap::new();
    for entry in printed.split('\0') {
        if let Some(file) = entry.strip_prefix("filename:") {
            label = labels.get(Path::new(file.trim())).copied().unwrap_or(file);
            counts.clear();
        } else if let Some(parameter) = entry.strip_prefix("parm:") {
            insert_numbered(lines, &mut counts, format!("{label} parm:{}", parameter.trim_start()));
        } else if !entry.is_empty() && !entry.starts_with("sig_id=") && !entry.starts_with("signature=") {
            insert_numbered(lines, &mut counts, format!("{label} {entry}"));
        }
    }
}

/// A set of lines in which the same line may stand more than once.
fn insert_numbered(lines: &mut Lines, counts: &mut BTreeMap<String, usize>, line: String) {
    let count = counts.entry(line.clone()).or_insert(0);
    *count += 1;
    lines.insert(if *count == 1 { line } else { format!("{line} (number {count})") });
}
