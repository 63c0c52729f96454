// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `symgate check` says of the rules that modpost knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::breach::{Breach, Kind, stem};
use super::yard::Yard;
use crate::shell::{TaskError, attempt};

/// What it said of some modules.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) breaches: BTreeSet<Breach>,
    /// Imports that are userspace-gpl, by module and symbol.
    pub(super) userspace_gpl: BTreeSet<(String, String)>,
}

#[derive(Debug, Deserialize)]
struct Document {
    modules: Vec<Module>,
    findings: Vec<Finding>,
    errors: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Module {
    path: String,
    imports: Vec<Import>,
}

#[derive(Debug, Deserialize)]
struct Import {
    symbol: String,
    tier: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    id: String,
    rule: String,
    module: String,
    path: String,
    symbols: Vec<String>,
}

/// Lets symgate judge these files by the table of a yard.
pub(super) fn judge(program: &Path, yard: &Yard, files: &[PathBuf]) -> Result<Said, TaskError> {
    let list = yard.path().join("list");
    let text: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    fs::write(&list, text).map_err(TaskError::io(&list))?;
    let list = format!("@{}", list.display());
    let args = ["check", "--format", "json", "--symvers", Yard::SYMVERS, &list];
    let said = attempt(program, args, yard.path())?;
    let fail = |reason| TaskError::Command { command: "symgate check".to_owned(), reason };
    // That something is denied is what is asked for.
    let (Some(0 | 1), "") = (said.status, said.stderr.as_str()) else { return Err(fail(said.stderr)) };
    let document: Document = serde_json::from_str(&said.stdout).map_err(|error| fail(error.to_string()))?;
    if let Some(error) = document.errors.first() {
        return Err(fail(error.to_string()));
    }
    let mut said = Said::default();
    for finding in &document.findings {
        finding.breaches(&mut said.breaches);
    }
    for module in &document.modules {
        let imports = module.imports.iter().filter(|import| import.tier.as_deref() == Some("userspace-gpl"));
        said.userspace_gpl.extend(imports.map(|import| (stem(&module.path).to_owned(), import.symbol.clone())));
    }
    Ok(said)
}

impl Finding {
    /// The breaches that it speaks of.
    fn breaches(&self, breaches: &mut BTreeSet<Breach>) {
        let module = stem(&self.path);
        // What follows rule and module in the id.
        let key = self.id.strip_prefix(&format!("{}:{}:", self.rule, self.module)).unwrap_or_default();
        let (kind, namespace) = match self.rule.as_str() {
            "SG005" => (Kind::GplOnly, ""),
            "SG007" => match key.strip_prefix("declares:") {
                Some(namespace) => {
                    breaches.insert(Breach::new(Kind::Declares, module, "", namespace));
                    return;
                }
                None => (Kind::Namespace, key),
            },
            "SG012" => (Kind::Undefined, ""),
            "SG006" if key == "none" => {
                breaches.insert(Breach::new(Kind::Unlicensed, module, "", ""));
                return;
            }
            _ => return,
        };
        breaches.extend(self.symbols.iter().map(|symbol| Breach::new(kind, module, symbol, namespace)));
    }
}
