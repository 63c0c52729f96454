// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changed between two builds: for people, and for scripts.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use super::json::write_document;
use super::style::{DENY, FAINT, GOOD, STRONG, WARN};
use crate::diff::{Diff, Importer, Names, Offered, Terms};
use crate::text;

#[derive(Serialize)]
struct DiffV1<'a> {
    schema: &'static str,
    old: &'a str,
    new: &'a str,
    #[serde(flatten)]
    diff: &'a Diff,
}

/// Writes it as JSON.
pub fn json(out: &mut dyn Write, old: &str, new: &str, diff: &Diff) -> io::Result<()> {
    write_document(out, &DiffV1 { schema: "symgate.diff/1", old, new, diff })
}

/// Writes it for people: a line a change, as `diff` marks them.
pub fn human(out: &mut dyn Write, diff: &Diff) -> io::Result<()> {
    let exports = &diff.family_exports;
    let mut heading = Heading::new("exports of families");
    for (name, offered) in &exports.came {
        heading.line(out, Mark::Came, name, &told(offered))?;
    }
    for (name, offered) in &exports.went {
        heading.line(out, Mark::Went, name, &told(offered))?;
    }
    for (name, terms) in &exports.changed {
        heading.line(out, Mark::Changed, name, &differing(terms))?;
    }
    let mut heading = Heading::new("who gets at a family");
    for (name, importer) in &diff.importers.came {
        heading.line(out, Mark::Came, name, &uses(importer, "a new module"))?;
    }
    for (name, importer) in &diff.importers.went {
        heading.line(out, Mark::Went, name, &uses(importer, "the module is gone"))?;
    }
    for (name, names) in &diff.importers.changed {
        heading.line(out, Mark::Changed, name, &changed(names))?;
    }
    let mut heading = Heading::new("exports that lead to a family, by module");
    for (name, exports) in &diff.facades.came {
        heading.line(out, Mark::Came, name, &list(exports))?;
    }
    for (name, exports) in &diff.facades.went {
        heading.line(out, Mark::Went, name, &list(exports))?;
    }
    for (name, names) in &diff.facades.changed {
        heading.line(out, Mark::Changed, name, &changed(names))?;
    }
    let mut heading = Heading::new("other exports");
    for (name, terms) in &diff.other_exports {
        heading.line(out, Mark::Changed, name, &differing(terms))?;
    }
    if diff.is_empty() {
        writeln!(out, "nothing changed that has to do with a family")?;
    }
    writeln!(
        out,
        "{FAINT}of other exports {} came, {} went, and {} are offered on other terms{FAINT:#}",
        diff.others_came,
        diff.others_went,
        diff.other_exports.len()
    )
}

/// A heading that is only written where something stands below it.
struct Heading {
    text: &'static str,
    is_written: bool,
}

#[derive(Clone, Copy)]
enum Mark {
    Came,
    Went,
    Changed,
}

impl Heading {
    fn new(text: &'static str) -> Self {
        Self { text, is_written: false }
    }

    fn line(&mut self, out: &mut dyn Write, mark: Mark, name: &str, what: &str) -> io::Result<()> {
        if !self.is_written {
            writeln!(out, "{STRONG}{}{STRONG:#}", self.text)?;
            self.is_written = true;
        }
        let (style, mark) = match mark {
            Mark::Came => (GOOD, '+'),
            Mark::Went => (DENY, '-'),
            Mark::Changed => (WARN, '~'),
        };
        writeln!(out, "  {style}{mark}{style:#} {name}: {what}")
    }
}

fn told(offered: &Offered) -> String {
    let Offered { provider, class, namespace, family, .. } = offered;
    let family = family.as_deref().unwrap_or("no family");
    let namespace = namespace.as_deref().map(|namespace| format!(", namespace {namespace}")).unwrap_or_default();
    format!("{family}, {class}{namespace}, of {provider}")
}

/// What of the terms is another now.
fn differing(Terms { old, new }: &Terms) -> String {
    let none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let pairs = [
        ("class", old.class.to_string(), new.class.to_string()),
        ("tier", old.tier.to_string(), new.tier.to_string()),
        ("family", none(&old.family), none(&new.family)),
        ("namespace", none(&old.namespace), none(&new.namespace)),
    ];
    let provider =
        old.family.as_ref().or(new.family.as_ref()).map(|_| ("provider", old.provider.clone(), new.provider.clone()));
    let changed = pairs.iter().chain(&provider).filter(|(_, old, new)| old != new);
    changed.map(|(what, old, new)| format!("{what} {old} -> {new}")).collect::<Vec<_>>().join(", ")
}

fn uses(importer: &Importer, where_other_has_none: &str) -> String {
    let mut told = Vec::new();
    if !importer.uses.direct.is_empty() {
        told.push(list(&importer.uses.direct));
    }
    if !importer.uses.through.is_empty() {
        told.push(format!("through {}", list(&importer.uses.through)));
    }
    if importer.is_new_module {
        told.push(where_other_has_none.to_owned());
    }
    told.join("; ")
}

fn changed(Names { came, went }: &Names) -> String {
    let marked = |names: &BTreeSet<String>, mark: &str| (!names.is_empty()).then(|| format!("{mark} {}", list(names)));
    [marked(came, "+"), marked(went, "-")].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn list(names: &BTreeSet<String>) -> String {
    text::list(&names.iter().collect::<Vec<_>>())
}
