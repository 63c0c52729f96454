// SPDX-License-Identifier: MIT OR Apache-2.0
//! The XML of JUnit, for whoever shows test results: a module is a test, and what is denied has failed.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::CheckReport;
use crate::gate::{Finding, Severity, Verdict};

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let mut suite = TestSuite::new("symgate check");
    for judgement in &report.judged.modules {
        suite.add_test_case(case(report, judgement.subject.path, judgement.verdict, &judgement.findings));
    }
    for finding in &report.judged.others {
        suite.add_test_case(case(report, &finding.path, finding.verdict(), std::slice::from_ref(finding)));
    }
    for error in report.gathered.errors.iter().filter(|error| !error.is_malformed()) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("it yielded no facts").set_type("no-facts").set_description(error.kind.to_string());
        suite.add_test_case(named(report, &error.path, status));
    }
    let mut all = Report::new("symgate");
    all.add_test_suite(suite);
    all.serialize(out).map_err(io::Error::other)
}

fn case(report: &CheckReport<'_>, path: &str, verdict: Verdict, findings: &[Finding]) -> TestCase {
    let said = |counts: &dyn Fn(&Finding) -> bool| -> Vec<String> {
        findings.iter().filter(|finding| counts(finding)).map(told).collect()
    };
    let denied = said(&|finding| finding.severity == Severity::Deny && finding.waiver.is_none());
    let status = if verdict == Verdict::Deny {
        let rules: Vec<&str> =
            findings.iter().filter(|one| one.verdict() == Verdict::Deny).map(|one| one.rule).collect();
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let first = findings.iter().find(|finding| finding.verdict() == Verdict::Deny);
        status.set_message(first.map(|one| format!("module {} {}", one.module, one.message)).unwrap_or_default());
        status.set_type(rules.join(" ")).set_description(denied.join("\n"));
        status
    } else {
        TestCaseStatus::success()
    };
    let mut case = named(report, path, status);
    let others = said(&|finding| finding.severity != Severity::Deny || finding.waiver.is_some());
    if !others.is_empty() {
        case.set_system_out(others.join("\n"));
    }
    case
}

fn named(report: &CheckReport<'_>, path: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(report.roots.relative(path), status);
    case.set_classname("symgate.check");
    case
}

fn told(finding: &Finding) -> String {
    let word = match (&finding.waiver, finding.severity) {
        (Some(_), _) => "waived",
        (None, Severity::Deny) => "denied",
        (None, Severity::Warn) => "warning",
        (None, Severity::Note) => "note",
    };
    let help = finding.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{word}[{} {}]: module {} {}{help}", finding.rule, finding.rule_name, finding.module, finding.message)
}
