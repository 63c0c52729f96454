// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audit as JSON, for scripts: its modules and findings are those of `check`, with what a system tells besides.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{AuditReport, KernelReport, Row};
use crate::audit::{BuiltIn, Compared, Loaded, OnlyLoaded, Owner, Scope, Sign, SourceLicences, Taint};
use crate::report::json::{
    CoverageV1, ErrorV1, FindingV1, ModuleV1, PolicyV1, ReferenceV1, TOOL, Tool, TrustV1, errors, references,
    write_document,
};

#[derive(Serialize)]
struct AuditV1<'a> {
    schema: &'static str,
    tool: Tool,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyV1<'a>>,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<RunningV1<'a>>,
    summary: SumsV1,
    unseen: &'a [String],
    kernels: Vec<KernelV1<'a>>,
}

#[derive(Serialize)]
struct RunningV1<'a> {
    version: Option<&'a str>,
    taint: Option<TaintV1>,
}

#[derive(Serialize)]
struct TaintV1 {
    letters: String,
    kinds: Vec<&'static str>,
}

#[derive(Serialize)]
struct SumsV1 {
    modules: usize,
    out_of_tree: usize,
    loaded: usize,
    only_loaded: usize,
    differ: usize,
    reaching: usize,
    denied: usize,
    warned: usize,
    waived: usize,
}

#[derive(Serialize)]
struct KernelV1<'a> {
    version: Option<&'a str>,
    running: bool,
    references: Vec<ReferenceV1<'a>>,
    trust: Vec<TrustV1<'a>>,
    unseen: Vec<String>,
    coverage: Vec<CoverageV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    built_in: Option<BuiltInV1<'a>>,
    modules: Vec<RowV1<'a>>,
    only_loaded: Vec<OnlyLoadedV1<'a>>,
    findings: Vec<FindingV1>,
    errors: Vec<ErrorV1<'a>>,
}

#[derive(Serialize)]
struct BuiltInV1<'a> {
    list: bool,
    config: bool,
    users: Vec<UserV1<'a>>,
}

#[derive(Serialize)]
struct UserV1<'a> {
    name: &'a str,
    families: &'a [String],
    what: &'a str,
}

#[derive(Serialize)]
struct RowV1<'a> {
    #[serde(flatten)]
    module: ModuleV1<'a>,
    out_of_tree: bool,
    signs: Vec<SignV1>,
    signer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<OwnerV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded: Option<LoadedV1<'a>>,
}

#[derive(Serialize)]
struct SourceV1<'a> {
    files: usize,
    at_hand: usize,
    licences: &'a BTreeMap<String, usize>,
    functions: usize,
    without_debug_info: &'a [String],
}

impl<'a> From<&'a SourceLicences> for SourceV1<'a> {
    fn from(source: &'a SourceLicences) -> Self {
        let SourceLicences { files, at_hand, licences, functions, without } = source;
        Self { files: *files, at_hand: *at_hand, licences, functions: *functions, without_debug_info: without }
    }
}

#[derive(Serialize)]
struct SignV1 {
    id: &'static str,
    says: String,
}

#[derive(Serialize)]
struct OwnerV1<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'a str>,
}

#[derive(Serialize)]
struct LoadedV1<'a> {
    /// Whether it is the module that is stored, and by what that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    same: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    used_by: Vec<&'a str>,
    taint: TaintV1,
    #[serde(skip_serializing_if = "Option::is_none")]
    srcversion: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<&'a str>,
}

#[derive(Serialize)]
struct OnlyLoadedV1<'a> {
    name: &'a str,
    signs: Vec<SignV1>,
    uses: Vec<&'a str>,
    loaded: LoadedV1<'a>,
}

impl From<&Taint> for TaintV1 {
    fn from(taint: &Taint) -> Self {
        Self { letters: taint.letters(), kinds: taint.kinds().iter().map(|kind| kind.says).collect() }
    }
}

impl From<&Sign> for SignV1 {
    fn from(sign: &Sign) -> Self {
        Self { id: sign.id(), says: sign.to_string() }
    }
}

impl<'a> OwnerV1<'a> {
    fn of(owner: &'a Owner) -> Option<Self> {
        let none = Self { kind: "nobody", name: None, version: None, package: None };
        match owner {
            Owner::Unknown => None,
            Owner::Nobody => Some(none),
            Owner::Package(package) => Some(Self {
                kind: "package",
                name: Some(&package.name),
                version: package.version.as_deref(),
                package: None,
            }),
            Owner::Dkms { name, version, package } => Some(Self {
                kind: "dkms",
                name: Some(name),
                version: Some(version),
                package: package.as_ref().map(|package| &*package.name),
            }),
        }
    }
}

impl<'a> LoadedV1<'a> {
    fn new(loaded: &'a Loaded, compared: Option<Compared>) -> Self {
        let (same, by) = match compared {
            Some(Compared::Same(by)) => (Some(true), Some(by)),
            Some(Compared::Differ(by)) => (Some(false), Some(by)),
            Some(Compared::Untold) | None => (None, None),
        };
        Self {
            same,
            by,
            size: loaded.size,
            state: loaded.state.as_deref(),
            used_by: loaded.used_by.iter().map(String::as_str).collect(),
            taint: (&loaded.taint).into(),
            srcversion: loaded.srcversion.as_deref(),
            build_id: loaded.build_id.as_deref(),
        }
    }
}

impl<'a> RowV1<'a> {
    fn new(row: &'a Row<'_>, all: bool) -> Self {
        Self {
            module: ModuleV1::new(row.judgement, all),
            out_of_tree: row.is_from_elsewhere(),
            signs: row.about.signs.iter().map(Into::into).collect(),
            signer: row.signer(),
            source: row.about.source.as_ref().map(Into::into),
            owner: OwnerV1::of(&row.about.owner),
            loaded: row.about.loaded.as_ref().map(|(loaded, compared)| LoadedV1::new(loaded, Some(*compared))),
        }
    }
}

impl<'a> From<&'a OnlyLoaded> for OnlyLoadedV1<'a> {
    fn from(module: &'a OnlyLoaded) -> Self {
        Self {
            name: &module.name,
            signs: module.signs.iter().map(Into::into).collect(),
            uses: module.loaded.uses.iter().map(String::as_str).collect(),
            loaded: LoadedV1::new(&module.loaded, None),
        }
    }
}

impl<'a> From<&'a BuiltIn> for BuiltInV1<'a> {
    fn from(built_in: &'a BuiltIn) -> Self {
        let users = built_in.users.iter();
        let users = users.map(|user| UserV1 { name: &user.name, families: &user.families, what: &user.what });
        Self { list: built_in.has_list, config: built_in.has_config, users: users.collect() }
    }
}

impl<'a> KernelV1<'a> {
    fn new(report: &'a KernelReport<'_>, all: bool) -> Self {
        let KernelReport { kernel, check, rows, .. } = report;
        Self {
            version: kernel.version.as_deref(),
            running: kernel.is_running,
            references: references(check),
            trust: check.gathered.trust.sources.iter().map(Into::into).collect(),
            unseen: report.unseen(),
            coverage: check.coverage().into_iter().map(Into::into).collect(),
            built_in: kernel.built_in.as_ref().map(Into::into),
            modules: rows.iter().filter(|row| all || row.is_told()).map(|row| RowV1::new(row, all)).collect(),
            only_loaded: kernel.only_loaded.iter().map(Into::into).collect(),
            findings: check.findings().into_iter().map(Into::into).collect(),
            errors: errors(check),
        }
    }
}

/// Writes an audit.
pub fn write(out: &mut dyn Write, report: &AuditReport<'_>) -> io::Result<()> {
    let sums = report.sums();
    let running = report.audit.running.as_ref();
    let (scope, root) = match &report.audit.scope {
        Scope::Here => ("system", None),
        Scope::Root(folder) => ("root", Some(folder.display().to_string())),
        Scope::Inputs => ("inputs", None),
    };
    let document = AuditV1 {
        schema: "symgate.audit/1",
        tool: TOOL,
        policy: report.kernels.first().map(|kernel| PolicyV1::new(kernel.check.context)),
        scope,
        root,
        running: running.map(|running| RunningV1 {
            version: running.version.as_deref(),
            taint: running.taint.as_ref().map(Into::into),
        }),
        summary: SumsV1 {
            modules: sums.modules,
            out_of_tree: sums.out_of_tree,
            loaded: sums.loaded,
            only_loaded: sums.only_loaded,
            differ: sums.differ,
            reaching: sums.reaching,
            denied: sums.denied,
            warned: sums.warned,
            waived: sums.waived,
        },
        unseen: report.unseen(),
        kernels: report.kernels.iter().map(|kernel| KernelV1::new(kernel, report.all)).collect(),
    };
    write_document(out, &document)
}
