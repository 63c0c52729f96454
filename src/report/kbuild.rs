// SPDX-License-Identifier: MIT OR Apache-2.0
//! The format for a kernel build's log: a line a finding, worded and capped as modpost's are
//! (`scripts/mod/modpost.c:modpost_log` and `MAX_UNRESOLVED_REPORTS`, 7.2), and not a word if all is well.

use std::io::{self, Write};

use super::{CheckReport, Told, told_place};
use crate::gate::{Finding, Severity};
use crate::text;

/// Lines of one rule before the rest is only counted.
const LINES_PER_RULE: usize = 10;

/// Places of one finding before the rest is only counted.
const LOCATIONS: usize = 3;

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let counts = |told: &Told| told.finding.waiver.is_none() && told.finding.severity != Severity::Note;
    let findings: Vec<Told> = report.told().into_iter().filter(counts).collect();
    let mut rules: Vec<&str> = findings.iter().map(|told| told.finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    for rule in rules {
        let of_rule: Vec<_> = findings.iter().filter(|told| told.finding.rule == rule).collect();
        for told in of_rule.iter().take(LINES_PER_RULE) {
            line(out, told)?;
        }
        if let Some(more @ 1..) = of_rule.len().checked_sub(LINES_PER_RULE) {
            writeln!(out, "WARNING: symgate: suppressed {more} more findings of {rule} because there were too many")?;
        }
    }
    for coverage in report.coverage().into_iter().filter(|coverage| coverage.concerns_builds) {
        if let Some(note) = coverage.note {
            writeln!(out, "WARNING: symgate: {}: {} of {}: {note}", coverage.what, coverage.seen, coverage.of)?;
        }
    }
    for (rule, level) in &report.context.terms.overrides {
        writeln!(out, "NOTE: symgate: {rule} is set to {level} in this run")?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, told: &Told) -> io::Result<()> {
    let finding = &told.finding;
    let word = if finding.severity == Severity::Deny { "ERROR" } else { "WARNING" };
    let Finding { rule, path, .. } = finding;
    write!(out, "{word}: symgate: {} [{rule}] ({path})", told.sentence())?;
    if let Some(place) = &finding.decided_by {
        write!(out, " [decided by {place}]")?;
    }
    writeln!(out)?;
    let locations = if told.others.is_empty() { finding.locations.as_slice() } else { &[] };
    for location in locations.iter().take(LOCATIONS) {
        writeln!(out, "  symgate: at {}", text::shown(&told_place(location)))?;
    }
    if let Some(more @ 1..) = locations.len().checked_sub(LOCATIONS) {
        writeln!(out, "  symgate: and at {more} more places")?;
    }
    if let Some(help) = &finding.help {
        writeln!(out, "  symgate: {help}")?;
    }
    Ok(())
}
