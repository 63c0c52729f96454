// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON. Its fields are what other people's scripts hold on to, so they have types of their own here and do
//! not follow the inner ones about. `docs/schema/` describes them.

use std::io::{self, Write};

use serde::Serialize;

use super::{CheckReport, Coverage};
use crate::allowlist::{Place, Standing};
use crate::batch::Outcome;
use crate::check::ReferenceFile;
use crate::exports::{Class, Provided};
use crate::gate::{Context, Finding, Judgement, Level, Location, Profile, ResolvedImport, Severity, Verdict};
use crate::input::InputError;
use crate::module::Binding;
use crate::module::debug::Frame;
use crate::module::graph::Grade;
use crate::reach::{Basis, Reached};
use crate::tier::{self, Tier};
use crate::trust::{Source, SourceKind};

#[derive(Serialize)]
struct CheckV1<'a> {
    schema: &'static str,
    tool: Tool,
    policy: PolicyV1<'a>,
    references: Vec<ReferenceV1<'a>>,
    trust: Vec<TrustV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    summary: SummaryV1,
    coverage: Vec<CoverageV1>,
    modules: Vec<ModuleV1<'a>>,
    findings: Vec<FindingV1>,
    errors: Vec<ErrorV1<'a>>,
}

#[derive(Serialize)]
pub(super) struct ReferenceV1<'a> {
    path: &'a str,
    kind: &'static str,
}

#[derive(Serialize)]
pub(super) struct TrustV1<'a> {
    path: &'a str,
    kind: &'static str,
    named: bool,
}

#[derive(Serialize)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

pub(super) const TOOL: Tool = Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };

#[derive(Serialize)]
pub(super) struct PolicyV1<'a> {
    source: &'a str,
    sha256: &'a str,
    profile: Profile,
    today: String,
    overrides: Vec<OverrideV1<'a>>,
}

#[derive(Serialize)]
struct OverrideV1<'a> {
    rule: &'a str,
    level: Level,
}

#[derive(Serialize)]
struct SummaryV1 {
    modules: usize,
    exports: usize,
    direct: usize,
    reaching: usize,
    denied: usize,
    warned: usize,
    waived: usize,
}

#[derive(Serialize)]
pub(super) struct CoverageV1 {
    what: &'static str,
    seen: usize,
    of: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ModuleV1<'a> {
    name: &'a str,
    path: &'a str,
    license: Vec<&'a str>,
    intree: bool,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    imports: Vec<ImportV1<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reaches: Vec<ReachV1<'a>>,
}

#[derive(Serialize)]
pub(super) struct ReachV1<'a> {
    family: &'a str,
    symbol: &'a str,
    grade: Grade,
    basis: Basis,
    owes: bool,
    via: Vec<String>,
}

impl<'a> From<&'a Reached> for ReachV1<'a> {
    fn from(way: &'a Reached) -> Self {
        let Reached { family, symbol, grade, basis, owes, .. } = way;
        Self { family, symbol, grade: *grade, basis: *basis, owes: *owes, via: way.via() }
    }
}

#[derive(Serialize)]
pub(super) struct ImportV1<'a> {
    symbol: &'a str,
    tier: Option<Tier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acquires: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<Binding>,
}

#[derive(Serialize)]
pub(super) struct FindingV1 {
    id: String,
    rule: &'static str,
    severity: Severity,
    module: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    symbols: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grade: Option<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<Basis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<LocationV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver: Option<WaiverV1>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

#[derive(Serialize)]
struct LocationV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<String>,
    #[serde(flatten)]
    frame: FrameV1,
    /// The functions into which this one is inlined, one into the next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inlined_into: Vec<FrameV1>,
}

#[derive(Serialize, Default)]
struct FrameV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
}

impl From<Location> for LocationV1 {
    fn from(Location { symbol, frames, within }: Location) -> Self {
        let within = within.map(String::from);
        let mut frames = frames.into_iter().map(|Frame { function, file, line }| FrameV1 {
            file: file.map(Into::into),
            line,
            function: function.map(Into::into).or_else(|| within.clone()),
        });
        let frame = frames.next().unwrap_or_else(|| FrameV1 { function: within.clone(), ..FrameV1::default() });
        Self { symbol: symbol.map(Into::into), frame, inlined_into: frames.collect() }
    }
}

#[derive(Serialize)]
struct WaiverV1 {
    reason: String,
    owner: String,
    expires: String,
}

#[derive(Serialize)]
pub(super) struct ErrorV1<'a> {
    path: &'a str,
    message: String,
}

impl<'a> ImportV1<'a> {
    pub(super) fn new(import: &'a ResolvedImport<'_>) -> Self {
        let membership = import.membership.as_ref();
        Self {
            symbol: &import.import.name,
            tier: import.tier(),
            family: membership.map(|membership| &*membership.family),
            acquires: membership.map(|membership| membership.acquires),
            namespace: import.namespace(),
            provider: import.provided.map(|provided| provided.provider.to_string()),
            binding: Some(import.import.binding).filter(|binding| *binding != Binding::Strong),
        }
    }
}

impl<'a> ModuleV1<'a> {
    pub(super) fn new(judgement: &'a Judgement<'a>, all: bool) -> Self {
        let subject = &judgement.subject;
        Self {
            name: subject.name.as_str(),
            path: subject.path,
            license: subject.facts.modinfo.all("license").collect(),
            intree: subject.facts.claims_intree(),
            verdict: judgement.verdict,
            registration: judgement.registration().map(ToString::to_string),
            standing: judgement.assessment.as_ref().map(|assessment| assessment.standing),
            proof: subject.proof(),
            imports: subject
                .imports
                .iter()
                .filter(|import| all || import.membership.is_some())
                .map(ImportV1::new)
                .collect(),
            reaches: subject.through.iter().map(|through| through.way.into()).collect(),
        }
    }
}

impl From<Finding> for FindingV1 {
    fn from(finding: Finding) -> Self {
        Self {
            id: finding.id,
            rule: finding.rule,
            severity: finding.severity,
            module: finding.module,
            path: finding.path,
            family: finding.family,
            symbols: finding.symbols,
            grade: finding.way.as_ref().map(|way| way.grade),
            basis: finding.way.as_ref().map(|way| way.basis),
            via: finding.way.as_ref().map(Reached::via),
            locations: finding.locations.into_iter().map(Into::into).collect(),
            decided_by: finding.decided_by,
            waiver: finding.waiver.map(|waiver| WaiverV1 {
                reason: waiver.reason,
                owner: waiver.owner,
                expires: waiver.expires.to_string(),
            }),
            message: finding.message,
            help: finding.help,
        }
    }
}

impl From<Coverage> for CoverageV1 {
    fn from(Coverage { what, seen, of, note, .. }: Coverage) -> Self {
        Self { what, seen, of, note }
    }
}

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    write_document(out, &document(report))
}

/// One of many inputs that are judged apart.
#[derive(Debug)]
pub struct Apart<'a> {
    /// Its path.
    pub path: &'a str,
    /// The hash of its content; a folder has none.
    pub sha256: Option<&'a str>,
    /// What else the result depends on: the hash of what judges and of how.
    pub judged_by: &'a str,
    /// How it came out.
    pub outcome: Outcome,
    /// The versions of the kernels that its modules are for.
    pub kernels: Vec<&'a str>,
    /// Why it could not even be begun.
    pub error: Option<String>,
}

/// The schema of a line.
pub const APART: &str = "symgate.apart/1";

#[derive(Serialize)]
struct ApartV1<'a> {
    schema: &'static str,
    judged_by: &'a str,
    input: InputV1<'a>,
    outcome: Outcome,
    kernels: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<CheckV1<'a>>,
}

#[derive(Serialize)]
struct InputV1<'a> {
    path: &'a str,
    sha256: Option<&'a str>,
}

/// Writes what came of one input, as a line.
pub fn apart(out: &mut dyn Write, input: &Apart<'_>, report: Option<&CheckReport<'_>>) -> io::Result<()> {
    let Apart { path, sha256, judged_by, outcome, kernels, error } = input;
    let line = ApartV1 {
        schema: APART,
        judged_by,
        input: InputV1 { path, sha256: *sha256 },
        outcome: *outcome,
        kernels,
        error: error.as_deref(),
        report: report.map(document),
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}

fn document<'a>(report: &'a CheckReport<'_>) -> CheckV1<'a> {
    let sums = report.summary();
    CheckV1 {
        schema: "symgate.check/1",
        tool: TOOL,
        policy: PolicyV1::new(report.context),
        references: references(report),
        trust: report.gathered.trust.sources.iter().map(Into::into).collect(),
        origin: report.gathered.trust.taken_from.as_ref().map(ToString::to_string),
        summary: SummaryV1 {
            modules: sums.modules,
            exports: sums.exports,
            direct: sums.direct,
            reaching: sums.reaching,
            denied: sums.denied,
            warned: sums.warned,
            waived: sums.waived,
        },
        coverage: report.coverage().into_iter().map(Into::into).collect(),
        modules: report.shown().map(|judgement| ModuleV1::new(judgement, report.all)).collect(),
        findings: report.findings().into_iter().map(Into::into).collect(),
        errors: errors(report),
    }
}

impl<'a> PolicyV1<'a> {
    pub(super) fn new(context: &'a Context<'_>) -> Self {
        Self {
            source: &context.allowlists.source,
            sha256: &context.allowlists.sha256,
            profile: context.terms.profile,
            today: context.terms.today.to_string(),
            overrides: context.terms.overrides.iter().map(|(rule, &level)| OverrideV1 { rule, level }).collect(),
        }
    }
}

/// Where the kernel's exports were taken from.
pub(super) fn references<'a>(report: &CheckReport<'a>) -> Vec<ReferenceV1<'a>> {
    let kind = |knows_modules: bool| if knows_modules { "symvers" } else { "image" };
    let told = |file: &'a ReferenceFile| ReferenceV1 { path: &file.path, kind: kind(file.knows_modules) };
    report.gathered.references.iter().map(told).collect()
}

/// The inputs that yielded no facts.
pub(super) fn errors<'a>(report: &CheckReport<'a>) -> Vec<ErrorV1<'a>> {
    let told = |error: &'a InputError| ErrorV1 { path: &error.path, message: error.kind.to_string() };
    report.gathered.errors.iter().map(told).collect()
}

impl<'a> From<&'a Source> for TrustV1<'a> {
    fn from(source: &'a Source) -> Self {
        let kind = match source.kind {
            SourceKind::Build => "build",
            SourceKind::Package => "package",
            SourceKind::Keys => "keys",
        };
        Self { path: &source.path, kind, named: source.is_named }
    }
}

#[derive(Serialize)]
struct ClassifyV1<'a> {
    schema: &'static str,
    exports: Vec<ExportV1<'a>>,
}

#[derive(Serialize)]
pub(super) struct ExportV1<'a> {
    symbol: &'a str,
    provider: String,
    class: Class,
    namespace: Option<&'a str>,
    tier: Tier,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    crc: String,
}

impl<'a> ExportV1<'a> {
    pub(super) fn new(policy: &crate::allowlist::Policy, provided: &'a Provided) -> Self {
        let export = &provided.export;
        let membership = tier::membership(policy, &export.name, Some(provided));
        Self {
            symbol: &export.name,
            provider: provided.provider.to_string(),
            class: export.class,
            namespace: export.namespace.as_deref(),
            tier: tier::tier(export, membership.as_ref()),
            family: membership.map(|membership| membership.family.into_owned()),
            crc: format!("0x{:08x}", export.crc.unwrap_or(0)),
        }
    }
}

/// Writes exports.
pub fn classify(out: &mut dyn Write, policy: &crate::allowlist::Policy, exports: &[&Provided]) -> io::Result<()> {
    let exports = exports.iter().map(|provided| ExportV1::new(policy, provided)).collect();
    write_document(out, &ClassifyV1 { schema: "symgate.classify/1", exports })
}

pub(super) fn write_document(out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}
