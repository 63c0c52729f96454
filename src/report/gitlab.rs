// SPDX-License-Identifier: MIT OR Apache-2.0
//! GitLab's code quality report: a JSON array of findings, which its merge requests show.

use std::io::{self, Write};

use serde::Serialize;

use super::CheckReport;
use super::json::write_document;
use super::sarif::fingerprint;
use super::spot::Spot;
use crate::gate::{Finding, Severity};

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// Writes a run of `check`. An input that yielded no facts is an issue, too.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let findings = report.findings();
    let issues = findings.iter().filter(|finding| finding.waiver.is_none()).map(|finding| issue(report, finding));
    let errors = report.untold_errors().map(|error| {
        let path = report.roots.relative(&error.path);
        let fingerprint = blake3::hash(format!("no facts:{path}").as_bytes()).to_hex().to_string();
        let location = Location { path, lines: Lines { begin: 1 } };
        Issue {
            description: error.kind.to_string(),
            check_name: "no-facts",
            fingerprint,
            severity: "blocker",
            location,
        }
    });
    let overrides = report.overrides().map(|said| {
        let fingerprint = blake3::hash(said.as_bytes()).to_hex().to_string();
        // It is about the whole run; every issue has to stand somewhere.
        let location = Location { path: "symgate".to_owned(), lines: Lines { begin: 1 } };
        Issue { description: said, check_name: "override", fingerprint, severity: "info", location }
    });
    write_document(out, &issues.chain(errors).chain(overrides).collect::<Vec<_>>())
}

fn issue(report: &CheckReport<'_>, finding: &Finding) -> Issue {
    let Spot { path, line } = report.spot(finding);
    Issue {
        description: format!("module {} {}", finding.module, finding.message),
        check_name: finding.rule,
        fingerprint: fingerprint(finding),
        severity: match finding.severity {
            Severity::Deny => "critical",
            Severity::Warn => "minor",
            Severity::Note => "info",
        },
        // Every issue has to stand on a line.
        location: Location { path, lines: Lines { begin: line.unwrap_or(1) } },
    }
}
