// SPDX-License-Identifier: MIT OR Apache-2.0
//! SARIF 2.1.0 (OASIS), for pages of findings.
//!
//! Each result has exactly one location, and no path is absolute. Its fingerprint is made of what the finding is about and not
//! of where it was found, so that it is the same on another machine.

use std::io::{self, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::CheckReport;
use super::json::{TOOL, write_document};
use super::spot::Spot;
use crate::gate::{Finding, Severity, rules};
use crate::text;

/// What a URI may hold as it is, of what a path is made of.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'+');

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<ResultV1<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<RuleV1>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleV1 {
    id: &'static str,
    name: String,
    short_description: Text,
    full_description: Text,
    help: Help,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

impl Text {
    /// A message. Braces stand for arguments in one, and `[text](target)` for a link (SARIF 2.1.0, 3.11.5 and 3.11.6).
    fn message(text: &str) -> Self {
        Self { text: text.replace('{', "{{").replace('}', "}}").replace("](", "] (") }
    }
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<LocationV1>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultV1<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [LocationV1; 1],
    partial_fingerprints: Fingerprints,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    properties: Properties<'a>,
}

#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "symgate/v1")]
    finding: String,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationV1 {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    id: &'a str,
    module: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'a str>,
    symbols: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    via: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
}

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let findings = report.findings();
    let errors = report.gathered.errors.iter().map(|error| Notification {
        level: "error",
        message: Text::message(&error.kind.to_string()),
        locations: vec![location(Spot { path: report.roots.relative(&error.path), line: None }, Vec::new())],
    });
    let unseen = report.coverage().into_iter().filter(|coverage| coverage.concerns_builds).filter_map(|coverage| {
        let text = format!("{}: {} of {}: {}", coverage.what, coverage.seen, coverage.of, coverage.note?);
        Some(Notification { level: "warning", message: Text::message(&text), locations: Vec::new() })
    });
    let overrides = report.overrides().map(|said| Notification {
        level: "note",
        message: Text::message(&said),
        locations: Vec::new(),
    });
    let invocation = Invocation {
        execution_successful: report.gathered.errors.is_empty(),
        tool_execution_notifications: errors.chain(unseen).chain(overrides).collect(),
    };
    let driver =
        Driver { name: TOOL.name, semantic_version: TOOL.version, rules: rules::ALL.iter().map(rule).collect() };
    let run = Run {
        tool: Tool { driver },
        invocations: [invocation],
        column_kind: "unicodeCodePoints",
        results: findings.iter().map(|finding| result(report, finding)).collect(),
    };
    let schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
    write_document(out, &Log { schema, version: "2.1.0", runs: [run] })
}

fn rule(rule: &rules::Rule) -> RuleV1 {
    RuleV1 {
        id: rule.id,
        name: rule.name.to_owned(),
        short_description: Text { text: format!("{} {}", rule.id, rule.name) },
        full_description: Text { text: format!("A module {}", rule.summary) },
        help: Help { text: rule.text(), markdown: rule.text() },
    }
}

fn result<'a>(report: &CheckReport<'_>, finding: &'a Finding) -> ResultV1<'a> {
    let mut sentence = format!("module {} {}", finding.module, finding.message);
    if let Some(help) = &finding.help {
        sentence.push_str(&format!("\n\n{help}"));
    }
    let function = finding.locations.iter().find_map(|location| {
        let named = location.frames.first().and_then(|frame| frame.function.as_deref());
        named.or(location.within.as_deref())
    });
    let module = LogicalLocation { fully_qualified_name: finding.module.clone(), kind: "module" };
    let function = function.map(|function| LogicalLocation {
        fully_qualified_name: format!("{}:{}", finding.module, text::shown(function)),
        kind: "function",
    });
    ResultV1 {
        rule_id: finding.rule,
        rule_index: rules::ALL.iter().position(|rule| rule.id == finding.rule).unwrap_or_default(),
        level: match finding.severity {
            Severity::Deny => "error",
            Severity::Warn => "warning",
            Severity::Note => "note",
        },
        message: Text::message(&sentence),
        locations: [location(report.spot(finding), [module].into_iter().chain(function).collect())],
        partial_fingerprints: Fingerprints { finding: fingerprint(finding) },
        suppressions: finding.waiver.iter().map(suppression).collect(),
        properties: Properties {
            id: &finding.id,
            module: &finding.module,
            family: finding.family.as_deref(),
            symbols: &finding.symbols,
            via: finding.way.as_ref().map(crate::reach::Reached::via).unwrap_or_default(),
            decided_by: finding
                .decided_by
                .as_ref()
                .map(|place| format!("{}:{}", report.roots.relative(&place.file), place.line)),
        },
    }
}

fn suppression(waiver: &crate::gate::AppliedWaiver) -> Suppression {
    let justification = format!("{} (until {} by {})", waiver.reason, waiver.expires, waiver.owner);
    Suppression { kind: "external", status: "accepted", justification }
}

/// What tells a finding from others, wherever it is found.
pub(super) fn fingerprint(finding: &Finding) -> String {
    blake3::hash(finding.id.as_bytes()).to_hex().to_string()
}

fn location(spot: Spot, logical_locations: Vec<LogicalLocation>) -> LocationV1 {
    let Spot { path, line } = spot;
    let artifact_location = ArtifactLocation { uri: utf8_percent_encode(&path, PATH).to_string() };
    let physical_location =
        PhysicalLocation { artifact_location, region: line.map(|start_line| Region { start_line }) };
    LocationV1 { physical_location, logical_locations }
}
