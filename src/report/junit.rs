// SPDX-License-Identifier: MIT OR Apache-2.0
//! The XML of JUnit, for whoever shows test results: a module is a test, and what is denied has failed. It is written as Jenkins'
//! schema (`junit-10.xsd`) has it.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::CheckReport;
use crate::gate::{Finding, Severity, Verdict};
use crate::text;

/// One test.
struct Case {
    name: String,
    outcome: Outcome,
    /// What was said of it that is no failure.
    said: Vec<String>,
}

enum Outcome {
    Passed,
    /// What is denied: by which rules, the first of it in short, and all of it.
    Failed {
        rules: String,
        first: String,
        all: Vec<String>,
    },
    /// Why it yielded no facts.
    NoFacts(String),
}

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let judged = report.judged.modules.iter();
    let modules = judged.map(|judgement| case(report, judgement.subject.path, &judgement.findings));
    let others = report.judged.others.iter();
    let others = others.map(|finding| case(report, &finding.path, std::slice::from_ref(finding)));
    let errors = report.untold_errors().map(|error| Case {
        name: report.roots.relative(&error.path),
        outcome: Outcome::NoFacts(error.kind.to_string()),
        said: Vec::new(),
    });
    let cases: Vec<Case> = modules.chain(others).chain(errors).collect();
    let count = |is: &dyn Fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count().to_string();
    let sums = [
        ("tests", cases.len().to_string()),
        ("failures", count(&|outcome| matches!(outcome, Outcome::Failed { .. }))),
        ("errors", count(&|outcome| matches!(outcome, Outcome::NoFacts(_)))),
    ];
    let sums = || sums.iter().map(|(name, sum)| (*name, sum.as_str()));
    let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites").with_attribute(("name", "symgate")).with_attributes(sums()).write_inner_content(
        |xml| {
            let suite =
                xml.create_element("testsuite").with_attribute(("name", "symgate check")).with_attributes(sums());
            suite.write_inner_content(|xml| {
                cases.iter().try_for_each(|case| case.write(xml))?;
                let overrides: Vec<String> = report.overrides().collect();
                if !overrides.is_empty() {
                    let said = lines(&overrides.join("\n"));
                    xml.create_element("system-out").write_text_content(BytesText::new(&said))?;
                }
                Ok(())
            })?;
            Ok(())
        },
    )?;
    writeln!(out)
}

fn case(report: &CheckReport<'_>, path: &str, findings: &[Finding]) -> Case {
    let is_denied = |finding: &&Finding| finding.verdict() == Verdict::Deny;
    let denied: Vec<&Finding> = findings.iter().filter(is_denied).collect();
    let outcome = match denied.first() {
        None => Outcome::Passed,
        Some(first) => Outcome::Failed {
            rules: denied.iter().map(|finding| finding.rule).collect::<Vec<_>>().join(" "),
            first: format!("module {} {}", first.module, first.message),
            all: denied.iter().map(|finding| told(finding)).collect(),
        },
    };
    let said = findings.iter().filter(|finding| !is_denied(finding)).map(told).collect();
    Case { name: report.roots.relative(path), outcome, said }
}

impl Case {
    fn write<W: Write>(&self, xml: &mut Writer<W>) -> io::Result<()> {
        let name = text::shown(&self.name);
        let element = xml.create_element("testcase").with_attributes([("classname", "symgate.check"), ("name", &name)]);
        if matches!(self.outcome, Outcome::Passed) && self.said.is_empty() {
            element.write_empty()?;
            return Ok(());
        }
        element.write_inner_content(|xml| {
            match &self.outcome {
                Outcome::Passed => {}
                Outcome::Failed { rules, first, all } => problem(xml, "failure", rules, first, &all.join("\n"))?,
                Outcome::NoFacts(why) => problem(xml, "error", "no-facts", "it yielded no facts", why)?,
            }
            if !self.said.is_empty() {
                let said = lines(&self.said.join("\n"));
                xml.create_element("system-out").write_text_content(BytesText::new(&said))?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn problem<W: Write>(xml: &mut Writer<W>, element: &str, kind: &str, message: &str, all: &str) -> io::Result<()> {
    let message = text::shown(message);
    let element = xml.create_element(element).with_attributes([("type", kind), ("message", &message)]);
    element.write_text_content(BytesText::new(&lines(all)))?;
    Ok(())
}

/// What XML can't hold, such as a control character, is written out; lines stay lines.
fn lines(text: &str) -> String {
    text.lines().map(text::shown).collect::<Vec<_>>().join("\n")
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
