// SPDX-License-Identifier: MIT OR Apache-2.0
//! GitHub's workflow commands: a line a finding, which its pages show beside the line of source.

use std::io::{self, Write};

use super::CheckReport;
use super::spot::Spot;
use crate::gate::Severity;

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    for told in report.told().iter().filter(|told| told.finding.waiver.is_none()) {
        let finding = &told.finding;
        let command = match finding.severity {
            Severity::Deny => "error",
            Severity::Warn => "warning",
            Severity::Note => continue,
        };
        let Spot { path, line } = report.spot(finding);
        let line = line.map(|line| format!(",line={line}")).unwrap_or_default();
        let title = property(&format!("{} {}", finding.rule, finding.rule_name));
        let help = finding.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
        let message = data(&format!("{}{help}", told.sentence()));
        writeln!(out, "::{command} file={}{line},title={title}::{message}", property(&path))?;
    }
    for error in report.untold_errors() {
        let path = report.roots.relative(&error.path);
        writeln!(out, "::error file={},title=symgate::{}", property(&path), data(&error.kind.to_string()))?;
    }
    for said in report.overrides() {
        writeln!(out, "::notice title=symgate::{}", data(&said))?;
    }
    let sums = report.summary();
    let said = format!(
        "symgate: {} modules, {} denied, {} warned, {} waived",
        sums.modules, sums.denied, sums.warned, sums.waived
    );
    writeln!(out, "::notice title=symgate::{}", data(&said))
}

/// What stands behind the second colons: a line's end would end the command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands before them.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
