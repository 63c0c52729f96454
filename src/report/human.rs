// SPDX-License-Identifier: MIT OR Apache-2.0
//! The format for people at a terminal: what is wrong, then who gets at what, then one line of sums.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anstyle::Style;

use super::style::{DENY, FAINT, GOOD, NOTE, STRONG, WARN};
use super::{CheckReport, Told, plural, standing_phrase, told_place, waiver_phrase};
use crate::gate::{Finding, Judgement, Severity, Subject, Through, Verdict};
use crate::text;

/// Symbols shown of a module before the rest is only counted.
const SYMBOLS_SHOWN: usize = 6;

/// Places shown of a finding before the rest is only counted.
const LOCATIONS_SHOWN: usize = 6;

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    for told in report.told() {
        write_told(out, &told)?;
    }
    modules(out, report)?;
    for coverage in report.coverage() {
        if let Some(note) = &coverage.note {
            writeln!(out, "{NOTE}not seen{NOTE:#}: {}: {} of {}: {note}", coverage.what, coverage.seen, coverage.of)?;
        }
    }
    for reference in report.gathered.references.iter().filter(|reference| !reference.is_named) {
        let what = if reference.knows_modules { "Module.symvers" } else { "kernel image" };
        writeln!(out, "{NOTE}note{NOTE:#}: {} is read as a {what}", text::shown(&reference.path))?;
    }
    for source in report.gathered.trust.sources.iter().filter(|source| !source.is_named) {
        writeln!(
            out,
            "{NOTE}note{NOTE:#}: {} is beside the modules, and its keys count as the kernel's own",
            text::shown(&source.path)
        )?;
    }
    if let Some(origin) = &report.gathered.trust.taken_from {
        writeln!(out, "{NOTE}note{NOTE:#}: by the caller's word, all this was taken from {origin}")?;
    }
    let source = &report.context.allowlists.source;
    if source != "embedded" {
        writeln!(out, "{NOTE}note{NOTE:#}: judged by the allowlists {}", text::shown(source))?;
    }
    for (rule, level) in &report.context.terms.overrides {
        writeln!(out, "{NOTE}override{NOTE:#}: {rule} is set to {level} in this run")?;
    }
    sums(out, report)
}

/// Writes one finding as a paragraph.
pub(super) fn write_finding(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    write_told(out, &Told { finding: finding.clone(), others: Vec::new() })
}

fn write_told(out: &mut dyn Write, told: &Told) -> io::Result<()> {
    let finding = &told.finding;
    let (style, word) = match (finding.severity, &finding.waiver) {
        (Severity::Note, _) => (NOTE, "note"),
        (_, Some(_)) => (GOOD, "waived"),
        (Severity::Warn, None) => (WARN, "warning"),
        (Severity::Deny, None) => (DENY, "denied"),
    };
    let Finding { rule, rule_name, path, .. } = finding;
    writeln!(out, "{style}{word}[{rule} {rule_name}]{style:#}{STRONG}: {}{STRONG:#}", told.sentence())?;
    if told.others.is_empty() {
        writeln!(out, "  {FAINT}in{FAINT:#} {path}")?;
    }
    if let Some(place) = finding.decided_by.as_ref().filter(|_| told.others.is_empty()) {
        writeln!(out, "  {FAINT}decided by{FAINT:#} {place}")?;
    }
    locations(out, told)?;
    if let Some(waiver) = &finding.waiver {
        writeln!(out, "  {FAINT}waived{FAINT:#} {}", waiver_phrase(waiver))?;
    } else if let Some(help) = &finding.help {
        writeln!(out, "  {FAINT}help:{FAINT:#} {help}")?;
    }
    writeln!(out)
}

/// Where it is: what is inlined from a header's function is told by the functions that it is inlined into.
fn locations(out: &mut dyn Write, told: &Told) -> io::Result<()> {
    if !told.others.is_empty() {
        return Ok(());
    }
    let locations = &told.finding.locations;
    for location in locations.iter().take(LOCATIONS_SHOWN) {
        writeln!(out, "  {FAINT}at{FAINT:#} {}", text::shown(&told_place(location)))?;
    }
    match locations.len().saturating_sub(LOCATIONS_SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  {FAINT}and at{FAINT:#} {}", plural(more, "more place")),
    }
}

fn modules(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let shown: Vec<_> =
        report.shown().filter(|judgement| report.all || judgement.subject.has_to_do_with_a_family()).collect();
    let widest = shown.iter().map(|judgement| judgement.subject.name.as_str().len()).max().unwrap_or(0);
    for judgement in &shown {
        let (style, verdict) = verdict_style(judgement.verdict);
        let name = &judgement.subject.name;
        write!(out, "{style}{verdict:<6}{style:#} {STRONG}{name:<widest$}{STRONG:#}")?;
        if judgement.subject.has_to_do_with_a_family() {
            write!(out, "  {}", families(judgement))?;
            write!(out, "  {FAINT}{}{FAINT:#}", standing_phrase(judgement))?;
        }
        writeln!(out)?;
    }
    if !shown.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

/// `dma-buf (dma_buf_get, dma_buf_put; through drm_gem_prime_import)` for each family.
pub(super) fn families(judgement: &Judgement<'_>) -> String {
    let subject = &judgement.subject;
    let imports = subject.family_imports().filter_map(|import| import.membership.as_ref());
    let mut names: Vec<&str> = imports.map(|membership| &*membership.family).collect();
    let mut gets_at = subject.gets_at();
    names.extend(gets_at.keys());
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let parts = names.into_iter().map(|family| {
        let through = gets_at.remove(family).map(|access| access.through).unwrap_or_default();
        format!("{family} ({})", ways(subject, family, &through))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// By which symbols a module has to do with one family.
fn ways(subject: &Subject<'_>, family: &str, through: &[&Through<'_>]) -> String {
    let of_family = |acquires: bool| {
        subject.family_imports().filter(move |import| {
            import.membership.as_ref().is_some_and(|of| of.family == family && of.acquires == acquires)
        })
    };
    // What gives access first; the rest only lets go or asks.
    let direct: Vec<&str> = of_family(true).chain(of_family(false)).map(|import| &*import.import.name).collect();
    let mut through: Vec<&str> = through.iter().map(|through| &*through.import.name).collect();
    through.dedup();
    let mut parts = Vec::new();
    if !direct.is_empty() {
        let only_asks = if of_family(true).next().is_none() { ", gives no access" } else { "" };
        parts.push(format!("{}{only_asks}", shortened(&direct)));
    }
    if !through.is_empty() {
        parts.push(format!("through {}", shortened(&through)));
    }
    parts.join("; ")
}

/// The first of several symbols, and how many more there are.
fn shortened(symbols: &[&str]) -> String {
    let shown = symbols.iter().take(SYMBOLS_SHOWN).copied().collect::<Vec<_>>().join(", ");
    match symbols.len().saturating_sub(SYMBOLS_SHOWN) {
        0 => shown,
        more => format!("{shown}, {more} more"),
    }
}

fn verdict_style(verdict: Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Pass => (GOOD, "pass"),
        Verdict::Waived => (GOOD, "waived"),
        Verdict::Warn => (WARN, "warn"),
        Verdict::Deny => (DENY, "deny"),
    }
}

fn sums(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let sums = report.summary();
    let style = if sums.denied > 0 || !report.gathered.errors.is_empty() {
        DENY
    } else if sums.warned > 0 {
        WARN
    } else {
        GOOD
    };
    let modules = plural(sums.modules, "module");
    writeln!(
        out,
        "{style}{modules}{style:#}: {} at a family, {} of them directly; {} denied, {} warned of, {} waived",
        plural_verb(sums.reaching, "gets", "get"),
        sums.direct,
        sums.denied,
        sums.warned,
        sums.waived
    )
}

fn plural_verb(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}
