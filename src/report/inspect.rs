// SPDX-License-Identifier: MIT OR Apache-2.0
//! All there is to say of one module, for people and as JSON: modinfo and nm on one page, with what the
//! gate makes of it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::human::write_finding;
use super::json::{ExportV1, FindingV1, ImportV1, write_document};
use super::standing_phrase;
use super::style::{FAINT, STRONG};
use crate::exports::Provided;
use crate::gate::{Judgement, ResolvedImport, Verdict};
use crate::module::lookup::{Gives, Told};
use crate::module::pkcs7::Signer;
use crate::module::{Binding, ModuleFacts, Signature, Stage};
use crate::text;
use crate::tier::Tier;

/// Tags that have a line of their own in the head, or are too many to list.
const NOT_LISTED: [&str; 5] = ["license", "name", "import_ns", "alias", "parmtype"];

/// Writes one module for people; `all` lists what is otherwise only counted.
pub fn human(out: &mut dyn Write, judgement: &Judgement<'_>, all: bool) -> io::Result<()> {
    let subject = &judgement.subject;
    let facts = subject.facts;
    writeln!(out, "{STRONG}{}{STRONG:#}  {FAINT}{}{FAINT:#}", subject.name, subject.path)?;
    head(out, judgement)?;
    tags(out, facts, all)?;
    imports(out, judgement)?;
    lookups(out, facts)?;
    exports(out, judgement)?;
    writeln!(out)?;
    for finding in &judgement.findings {
        write_finding(out, finding)?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, key: &str, value: &str) -> io::Result<()> {
    writeln!(out, "  {FAINT}{:<13}{FAINT:#} {}", text::shown(key), text::shown(value))
}

fn head(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let facts = judgement.subject.facts;
    line(out, "verdict", &judgement.verdict.to_string())?;
    let place = judgement.registration().map(|registration| format!(" ({})", registration.place));
    line(out, "registration", &format!("{}{}", standing_phrase(judgement), place.unwrap_or_default()))?;
    let compatible = if facts.is_gpl_compatible() { "GPL-compatible" } else { "not GPL-compatible" };
    let licenses: Vec<_> = facts.modinfo.all("license").collect();
    let licenses = if licenses.is_empty() { "none".to_owned() } else { licenses.join("; ") };
    line(out, "license", &format!("{licenses} ({compatible})"))?;
    line(out, "machine", &facts.machine.name())?;
    if facts.stage == Stage::BeforeModpost {
        line(out, "stage", "an object that modpost has not seen: what is linked to it later can't be told")?;
    }
    signature(out, facts.signature.as_ref())?;
    line(out, "debug info", if facts.debug_info { "yes" } else { "no" })?;
    if let Some(build_id) = &facts.build_id {
        line(out, "build-id", build_id)?;
    }
    let namespaces: Vec<_> = judgement.subject.declared_namespaces().into_iter().collect();
    if !namespaces.is_empty() {
        line(out, "namespaces", &namespaces.join(", "))?;
    }
    Ok(())
}

fn signature(out: &mut dyn Write, signature: Option<&Signature>) -> io::Result<()> {
    let Some(signature) = signature else { return line(out, "signature", "none") };
    line(out, "signature", &format!("PKCS#7, {} bytes, not verified", signature.len))?;
    match &signature.signers {
        Err(error) => line(out, "", &error.to_string()),
        Ok(signers) => signers.iter().try_for_each(|signer| {
            let who = signer.issuer.as_deref().map(|issuer| format!("certificate of {issuer}, ")).unwrap_or_default();
            line(out, "signed by", &format!("{who}key {}, {} and {}", signer.key, signer.hash, signer.algorithm))
        }),
    }
}

fn tags(out: &mut dyn Write, facts: &ModuleFacts, all: bool) -> io::Result<()> {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for (tag, value) in facts.modinfo.tags() {
        if all || !NOT_LISTED.contains(&tag) {
            line(out, tag, value)?;
        } else if matches!(tag, "alias") {
            *counted.entry(tag).or_default() += 1;
        }
    }
    for (tag, count) in counted {
        line(out, tag, &format!("{count} of them (--all lists them)"))?;
    }
    Ok(())
}

fn imports(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let imports = &judgement.subject.imports;
    writeln!(out, "\n{STRONG}imports{STRONG:#}  {}", judgement.subject.facts.imports.len())?;
    for (tier, title) in [
        (Some(Tier::UserspaceGpl), "userspace-gpl"),
        (Some(Tier::Gpl), "gpl"),
        (Some(Tier::Plain), "plain"),
        (None, "unknown"),
    ] {
        let of_tier: Vec<_> = imports.iter().filter(|import| import.tier() == tier && !import.is_found()).collect();
        if of_tier.is_empty() {
            continue;
        }
        writeln!(out, "  {STRONG}{title}{STRONG:#}  {}", of_tier.len())?;
        if tier == Some(Tier::UserspaceGpl) {
            for import in of_tier {
                writeln!(out, "    {}", describe(import))?;
            }
            continue;
        }
        let mut by_provider: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for import in of_tier {
            let provider = import.provided.map_or_else(|| "?".to_owned(), |provided| provided.provider.to_string());
            let binding = match import.import.binding {
                Binding::Strong => String::new(),
                other => format!(" ({other})"),
            };
            by_provider.entry(provider).or_default().push(format!("{}{binding}", import.import.name));
        }
        for (provider, symbols) in by_provider {
            writeln!(out, "    {FAINT}{provider}:{FAINT:#} {}", symbols.join(" "))?;
        }
    }
    Ok(())
}

/// A userspace-gpl import on a line of its own.
fn describe(import: &ResolvedImport<'_>) -> String {
    let mut text = import.describe();
    if let Some(membership) = &import.membership {
        text.push_str(&format!("  {}", membership.family));
        text.push_str(if membership.acquires { ", gives access" } else { ", gives no access" });
    }
    if import.import.binding != Binding::Strong {
        text.push_str(&format!(", {}", import.import.binding));
    }
    if let Some(crc) = import.import.crc {
        text.push_str(&format!(", 0x{crc:08x}"));
    }
    text
}

/// What it finds while it runs, by the functions by which it does.
fn lookups(out: &mut dyn Write, facts: &ModuleFacts) -> io::Result<()> {
    if facts.lookups.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{STRONG}found at run time{STRONG:#}")?;
    for told in facts.lookups.told() {
        writeln!(out, "  {FAINT}{}:{FAINT:#} {}", told.by, told.what())?;
    }
    if facts.lookups.walks_modules {
        writeln!(out, "  goes along the list of modules")?;
    }
    Ok(())
}

fn exports(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let exports = &judgement.subject.facts.exports;
    writeln!(out, "\n{STRONG}exports{STRONG:#}  {}", exports.len())?;
    for export in exports {
        let namespace = export.namespace.as_deref().map(|name| format!("  {name}")).unwrap_or_default();
        let crc = export.crc.map(|crc| format!("  0x{crc:08x}")).unwrap_or_default();
        writeln!(out, "  {}  {FAINT}{}{namespace}{crc}{FAINT:#}", export.name, export.symvers_type())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct InspectV1<'a> {
    schema: &'static str,
    modules: Vec<ModuleV1<'a>>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a field of the JSON")]
#[derive(Serialize)]
struct ModuleV1<'a> {
    name: &'a str,
    path: &'a str,
    machine: MachineV1,
    stage: Stage,
    license: Vec<&'a str>,
    gpl_compatible: bool,
    intree: bool,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration: Option<String>,
    signature: Option<SignatureV1<'a>>,
    build_id: Option<&'a str>,
    debug_info: bool,
    modinfo: Vec<TagV1<'a>>,
    imports: Vec<ImportV1<'a>>,
    lookups: Vec<LookupV1>,
    walks_modules: bool,
    versions: BTreeMap<&'a str, String>,
    exports: Vec<ExportV1<'a>>,
    problems: Vec<String>,
    findings: Vec<FindingV1>,
}

#[derive(Serialize)]
struct LookupV1 {
    by: String,
    gives: Gives,
    names: Vec<String>,
    open: bool,
}

impl From<Told<'_>> for LookupV1 {
    fn from(Told { by, gives, names, is_open, .. }: Told<'_>) -> Self {
        let names = names.into_iter().map(str::to_owned).collect();
        Self { by: by.to_owned(), gives, names, open: is_open }
    }
}

#[derive(Serialize)]
struct MachineV1 {
    name: String,
    bits: u8,
    big_endian: bool,
}

#[derive(Serialize)]
struct SignatureV1<'a> {
    offset: u64,
    bytes: u64,
    signers: Vec<SignerV1<'a>>,
}

#[derive(Serialize)]
struct SignerV1<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    common_name: Option<&'a str>,
    key: &'a str,
    hash: &'a str,
    algorithm: &'a str,
}

impl<'a> SignatureV1<'a> {
    fn new(signature: &'a Signature) -> Self {
        let signer = |signer: &'a Signer| SignerV1 {
            issuer: signer.issuer.as_deref(),
            common_name: signer.common_name.as_deref(),
            key: &signer.key,
            hash: &signer.hash,
            algorithm: &signer.algorithm,
        };
        // Where the message can't be read there are none, and a problem says why.
        let signers = signature.signers.iter().flatten().map(signer).collect();
        Self { offset: signature.offset, bytes: signature.len, signers }
    }
}

#[derive(Serialize)]
struct TagV1<'a> {
    tag: &'a str,
    value: &'a str,
}

/// Writes modules as JSON, with everything.
pub fn json(out: &mut dyn Write, judgements: &[Judgement<'_>]) -> io::Result<()> {
    let own: Vec<Vec<Provided>> = judgements.iter().map(own_exports).collect();
    let modules = judgements.iter().zip(&own).map(|(judgement, own)| module(judgement, own)).collect();
    write_document(out, &InspectV1 { schema: "symgate.inspect/1", modules })
}

fn own_exports(judgement: &Judgement<'_>) -> Vec<Provided> {
    let provider = &judgement.subject.name;
    let own = |export: &crate::exports::Export| Provided {
        export: export.clone(),
        path: provider.as_str().into(),
        provider: provider.clone(),
    };
    judgement.subject.facts.exports.iter().map(own).collect()
}

fn module<'a>(judgement: &'a Judgement<'a>, own: &'a [Provided]) -> ModuleV1<'a> {
    let subject = &judgement.subject;
    let facts = subject.facts;
    let policy = &subject.context.allowlists.policy;
    ModuleV1 {
        name: subject.name.as_str(),
        path: subject.path,
        machine: MachineV1 {
            name: facts.machine.name().into_owned(),
            bits: facts.machine.word() * 8,
            big_endian: facts.machine.big_endian,
        },
        stage: facts.stage,
        license: facts.modinfo.all("license").collect(),
        gpl_compatible: facts.is_gpl_compatible(),
        intree: facts.claims_intree(),
        verdict: judgement.verdict,
        registration: judgement.registration().map(ToString::to_string),
        signature: facts.signature.as_ref().map(SignatureV1::new),
        build_id: facts.build_id.as_deref(),
        debug_info: facts.debug_info,
        modinfo: facts.modinfo.tags().map(|(tag, value)| TagV1 { tag, value }).collect(),
        imports: subject.imports.iter().filter(|import| !import.is_found()).map(ImportV1::new).collect(),
        lookups: facts.lookups.told().into_iter().map(Into::into).collect(),
        walks_modules: facts.lookups.walks_modules,
        versions: facts
            .imports
            .iter()
            .filter_map(|import| Some((&*import.name, format!("0x{:08x}", import.crc?))))
            .collect(),
        exports: own.iter().map(|provided| ExportV1::new(policy, provided)).collect(),
        problems: facts.problems.iter().map(ToString::to_string).collect(),
        findings: judgement.findings.iter().cloned().map(Into::into).collect(),
    }
}
