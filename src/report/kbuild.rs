// SPDX-License-Identifier: MIT OR Apache-2.0
//! The format for a kernel build's log: a line a finding, worded and capped as modpost's are
//! (`scripts/mod/modpost.c:modpost_log` and `MAX_UNRESOLVED_REPORTS`, 7.2), and not a word if all is well.

use std::io::{self, Write};

use super::CheckReport;
use crate::gate::{Finding, Severity};

/// Lines of one rule before the rest is only counted.
const LINES_PER_RULE: usize = 10;

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let findings: Vec<Finding> = report
        .findings()
        .into_iter()
        .filter(|finding| finding.waiver.is_none() && finding.severity != Severity::Note)
        .collect();
    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    for rule in rules {
        let of_rule: Vec<_> = findings.iter().filter(|finding| finding.rule == rule).collect();
        for finding in of_rule.iter().take(LINES_PER_RULE) {
            line(out, finding)?;
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

fn line(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let word = if finding.severity == Severity::Deny { "ERROR" } else { "WARNING" };
    let Finding { module, message, rule, path, .. } = finding;
    write!(out, "{word}: symgate: module {module} {message} [{rule}] ({path})")?;
    if let Some(place) = &finding.decided_by {
        write!(out, " [decided by {place}]")?;
    }
    writeln!(out)?;
    if let Some(help) = &finding.help {
        writeln!(out, "  symgate: {help}")?;
    }
    Ok(())
}
