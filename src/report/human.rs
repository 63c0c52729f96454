// SPDX-License-Identifier: MIT OR Apache-2.0
//! The format for people at a terminal: what is wrong, then who gets at what, then one line of sums.

use std::io::{self, Write};

use anstyle::Style;

use super::style::{DENY, FAINT, GOOD, NOTE, STRONG, WARN};
use super::{CheckReport, Told, standing_phrase, waiver_phrase};
use crate::gate::{Finding, Judgement, Severity, Verdict};
use crate::text;

/// Symbols shown of a module before the rest is only counted.
const SYMBOLS_SHOWN: usize = 6;

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
    if let Some(waiver) = &finding.waiver {
        writeln!(out, "  {FAINT}waived{FAINT:#} {}", waiver_phrase(waiver))?;
    } else if let Some(help) = &finding.help {
        writeln!(out, "  {FAINT}help:{FAINT:#} {help}")?;
    }
    writeln!(out)
}

fn modules(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let shown: Vec<_> =
        report.shown().filter(|judgement| report.all || judgement.subject.family_imports().next().is_some()).collect();
    let widest = shown.iter().map(|judgement| judgement.subject.name.as_str().len()).max().unwrap_or(0);
    for judgement in &shown {
        let (style, verdict) = verdict_style(judgement.verdict);
        let name = &judgement.subject.name;
        write!(out, "{style}{verdict:<6}{style:#} {STRONG}{name:<widest$}{STRONG:#}")?;
        if judgement.subject.family_imports().next().is_some() {
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

/// `dma-buf (dma_buf_get, dma_buf_put)` for each family.
fn families(judgement: &Judgement<'_>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for import in judgement.subject.family_imports() {
        if let Some(membership) = &import.membership
            && !names.contains(&&*membership.family)
        {
            names.push(&membership.family);
        }
    }
    let parts: Vec<String> = names
        .into_iter()
        .map(|family| {
            let of_family = |acquires: bool| {
                judgement.subject.family_imports().filter(move |import| {
                    import.membership.as_ref().is_some_and(|of| of.family == family && of.acquires == acquires)
                })
            };
            // What gives access first; the rest only lets go or asks.
            let symbols: Vec<&str> =
                of_family(true).chain(of_family(false)).map(|import| &*import.import.name).collect();
            let more = symbols.len().saturating_sub(SYMBOLS_SHOWN);
            let shown = symbols.into_iter().take(SYMBOLS_SHOWN).collect::<Vec<_>>().join(", ");
            let only_asks = if of_family(true).next().is_none() { ", gives no access" } else { "" };
            match more {
                0 => format!("{family} ({shown}{only_asks})"),
                more => format!("{family} ({shown}, {more} more{only_asks})"),
            }
        })
        .collect();
    parts.join(", ")
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
        "{style}{modules}{style:#}: {} at a family's symbols directly; {} denied, {} warned of, {} waived",
        plural_verb(sums.direct, "gets", "get"),
        sums.denied,
        sums.warned,
        sums.waived
    )
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn plural_verb(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}
