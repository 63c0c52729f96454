// SPDX-License-Identifier: MIT OR Apache-2.0
//! `known.toml`: modules from outside the kernel of which somebody found out how their userspace stands. A record permits
//! nothing: it only lets a report say why.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::date::Date;
use super::registration::module_name;
use super::source::{Fault, Place, SourceFile};
use super::standing::Standing;
use crate::module::ModuleName;

/// What is known of a module.
#[derive(Debug, Clone)]
pub struct Known {
    /// Where its source is, and of which day.
    pub source: String,
    /// Its userspace, in words.
    pub userspace: String,
    /// How that stands, as somebody judged it who looked.
    pub standing: Standing,
    /// When that was.
    pub checked: Date,
    /// Where the record stands.
    pub place: Place,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    known: Vec<RawKnown>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKnown {
    name: Spanned<String>,
    source: Spanned<String>,
    userspace: Spanned<String>,
    standing: Spanned<String>,
    checked: Spanned<String>,
}

/// Reads `known.toml`.
pub(super) fn read(file: &SourceFile, into: &mut BTreeMap<ModuleName, Known>, faults: &mut Vec<Fault>) {
    let Some(raw) = file.parsed::<RawFile>(faults) else { return };
    let mut here: BTreeMap<ModuleName, Place> = BTreeMap::new();
    for RawKnown { name, source, userspace, standing, checked } in raw.known {
        let module = module_name(file, &name, faults);
        if let Some(other) = here.insert(module.clone(), file.place(&name.span())) {
            faults.push(file.fault(&name.span(), format!("{module} is recorded at {other} already")));
        }
        for text in [&name, &source, &userspace] {
            if text.get_ref().trim().is_empty() {
                faults.push(file.fault(&text.span(), "this has to say something"));
            }
        }
        let (Some(standing), Some(checked)) = (file.read(&standing, faults), file.read(&checked, faults)) else {
            continue;
        };
        let place = file.place(&name.span());
        let known = Known { source: source.into_inner(), userspace: userspace.into_inner(), standing, checked, place };
        // Of two records, in two folders, the later counts.
        into.insert(module, known);
    }
}
