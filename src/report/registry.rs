// SPDX-License-Identifier: MIT OR Apache-2.0
//! The allowlists as people and scripts read them.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use super::json::write_document;
use super::style::{FAINT, STRONG};
use crate::allowlist::{
    Allowlists, Axis, Date, Demand, Kind, Members, Owes, Record, Registration, Standing, TakenFrom, Userspace, assess,
    is_pattern,
};
use crate::exports::ExportTable;
use crate::gate::{Candidate, Judgement, Severity};
use crate::module::ModuleName;
use crate::text;
use crate::tier::{self, Membership};

/// A registration in one line.
#[derive(Debug, Serialize)]
pub struct Row {
    kind: &'static str,
    module: String,
    families: Vec<String>,
    subsystem: String,
    owes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    userspace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
    because: Vec<String>,
    proof: Vec<String>,
    file: String,
    line: usize,
}

impl Row {
    fn of(allowlists: &Allowlists, registration: &Registration) -> Self {
        let assessment = match registration.owes() {
            Owes::Itself => assess(allowlists, registration),
            Owes::Importers | Owes::KernelInternal => None,
        };
        Self {
            kind: registration.kind_name(),
            module: registration.name.to_string(),
            families: registration.families.iter().cloned().collect(),
            subsystem: registration.subsystem.clone(),
            owes: registration.owes().to_string(),
            userspace: assessment.as_ref().map(|assessment| assessment.userspace.clone()),
            standing: assessment.as_ref().map(|assessment| assessment.standing),
            because: assessment.map(|assessment| assessment.because).unwrap_or_default(),
            proof: registration.proof.iter().map(ToString::to_string).collect(),
            file: registration.place.file.to_string(),
            line: registration.place.line,
        }
    }

    /// The module, or the class by its kind and name.
    fn shown_name(&self) -> String {
        if self.kind == "class" { format!("class:{}", self.module) } else { self.module.clone() }
    }

    /// Who drives it, or who owes that in its place.
    fn driven_by(&self) -> &str {
        match (&self.userspace, self.owes.as_str()) {
            (Some(userspace), _) => userspace,
            (None, "importers") => "each of its importers owes its own",
            (None, "kernel-internal") => "nobody: it stays in the kernel",
            (None, _) => "none recorded",
        }
    }

    fn standing(&self) -> String {
        self.standing.map_or_else(|| "-".to_owned(), |standing| standing.to_string())
    }
}

/// All registrations by module, then the classes.
#[must_use]
pub fn rows(allowlists: &Allowlists) -> Vec<Row> {
    allowlists.entries().map(|registration| Row::of(allowlists, registration)).collect()
}

/// A table for people.
pub fn human(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let widest = |text: &dyn Fn(&Row) -> usize| rows.iter().map(text).max().unwrap_or(0);
    let (module, families) = (widest(&|row| row.shown_name().len()), widest(&|row| row.families.join(", ").len()));
    for row in rows {
        write!(
            out,
            "{STRONG}{:<module$}{STRONG:#}  {:<families$}  {:<9}  {:<8}  {}",
            row.shown_name(),
            row.families.join(", "),
            row.subsystem,
            row.standing(),
            row.driven_by()
        )?;
        if !row.because.is_empty() {
            write!(out, "  {FAINT}({}){FAINT:#}", row.because.join("; "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A table for a page.
pub fn markdown(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    writeln!(out, "| module | families | subsystem | userspace | standing |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for row in rows {
        let because = if row.because.is_empty() { String::new() } else { format!(" ({})", row.because.join("; ")) };
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {}{} |",
            row.shown_name(),
            row.families.join(", "),
            row.subsystem,
            cell(row.driven_by()),
            row.standing(),
            cell(&because)
        )?;
    }
    Ok(())
}

/// A text that ends no cell.
fn cell(text: &str) -> String {
    text::shown(text).replace('|', "\\|")
}

#[derive(Serialize)]
struct RegistryV1<'r> {
    schema: &'static str,
    registrations: &'r [Row],
}

/// The same for scripts.
pub fn json(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    write_document(out, &RegistryV1 { schema: "symgate.registry/1", registrations: rows })
}

/// A registration with all its userspaces.
pub fn show_registration(out: &mut dyn Write, allowlists: &Allowlists, registration: &Registration) -> io::Result<()> {
    let row = Row::of(allowlists, registration);
    writeln!(out, "{STRONG}{registration}{STRONG:#}  {FAINT}{}{FAINT:#}", registration.place)?;
    writeln!(out, "  families     {}", row.families.join(", "))?;
    writeln!(out, "  subsystem    {}", row.subsystem)?;
    writeln!(out, "  owes         {}", row.owes)?;
    writeln!(out, "  proof        {}", row.proof.join(" or "))?;
    show_kind(out, &registration.kind)?;
    if let Some(standing) = row.standing {
        let because = if row.because.is_empty() { String::new() } else { format!(": {}", row.because.join("; ")) };
        writeln!(out, "  standing     {standing}, by {}{because}", row.driven_by())?;
    }
    if !registration.note.is_empty() {
        writeln!(out, "  note         {}", text::shown(&registration.note))?;
    }
    for usage in &registration.uses {
        writeln!(out, "  userspace    {}: {}", usage.userspace, usage.part)?;
        record(out, "coverage", &usage.coverage)?;
    }
    for usage in &registration.uses {
        if let Some(userspace) = allowlists.userspaces.get(&usage.userspace) {
            writeln!(out)?;
            show_userspace(out, userspace)?;
        }
    }
    Ok(())
}

/// Which exports of a facade make others owe; which modules are of a class.
fn show_kind(out: &mut dyn Write, kind: &Kind) -> io::Result<()> {
    let names = |names: &BTreeSet<ModuleName>| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let symbols = |symbols: &BTreeSet<String>| symbols.iter().cloned().collect::<Vec<_>>().join(", ");
    match kind {
        Kind::Module => Ok(()),
        Kind::Facade { exports, .. } if exports.is_empty() => Ok(()),
        Kind::Facade { exports, .. } => writeln!(out, "  by           {}", symbols(exports)),
        Kind::Class(class) => {
            writeln!(out, "  title        {}", class.title)?;
            writeln!(out, "  through      {}", names(&class.through))?;
            match &class.members {
                Members::Named(members) => writeln!(out, "  members      {}", names(members))?,
                Members::Importing(imports) => writeln!(out, "  members      import {}", symbols(imports))?,
            }
            match &class.out_of_tree_without {
                None => writeln!(out, "  out of tree  none is a member"),
                Some(without) => writeln!(out, "  out of tree  those that import none of {}", symbols(without)),
            }
        }
    }
}

/// A userspace with all its axes.
pub fn show_userspace(out: &mut dyn Write, userspace: &Userspace) -> io::Result<()> {
    let Userspace { title, url, place, .. } = userspace;
    writeln!(out, "{STRONG}{title}{STRONG:#}  {url}  {FAINT}{place}{FAINT:#}")?;
    userspace.axes().try_for_each(|(axis, of_axis)| record(out, &axis.to_string(), of_axis))
}

fn record(out: &mut dyn Write, axis: &str, record: &Record) -> io::Result<()> {
    let Record { is, evidence, checked, .. } = record;
    writeln!(out, "  {axis:<13} {is}  {FAINT}{evidence}; checked on {checked}{FAINT:#}")
}

/// A registration to fill in.
pub fn new(
    out: &mut dyn Write,
    allowlists: &Allowlists,
    exports: &ExportTable,
    Candidate { path, facts, .. }: &Candidate,
    taken_from: Option<&TakenFrom>,
) -> io::Result<()> {
    let name = facts.name_or_of(path);
    let mut families: Vec<String> = Vec::new();
    let mut symbols: Vec<&str> = Vec::new();
    for import in facts.asks_for() {
        let membership = tier::membership(&allowlists.policy, &import.name, exports.get(&import.name));
        if let Some(membership) = membership.filter(Membership::gives_access) {
            symbols.push(&import.name);
            if !families.contains(&membership.family.to_string()) {
                families.push(membership.family.to_string());
            }
        }
    }
    let tags = |tag| facts.modinfo.all(tag).map(|value| text::shown(value).into_owned()).collect::<Vec<_>>().join(", ");
    let quoted = |texts: &[String]| texts.iter().map(|text| text::quoted(text)).collect::<Vec<_>>().join(", ");
    let today: Date = allowlists.policy.date;
    writeln!(out, "# {}: {}", text::shown(path), tags("description"))?;
    writeln!(out, "# licence {}; version {}; srcversion {}", tags("license"), tags("version"), tags("srcversion"))?;
    writeln!(out, "# it gets at {} by {}", quoted(&families), symbols.join(", "))?;
    writeln!(out, "[[module]]")?;
    writeln!(out, "name = {}", text::quoted(name.as_str()))?;
    writeln!(out, "families = [{}]", quoted(&families))?;
    writeln!(out, "# one of: {}", allowlists.policy.subsystem_names().collect::<Vec<_>>().join(", "))?;
    writeln!(out, "subsystem = \"misc\"")?;
    match (taken_from, &facts.digests) {
        (Some(origin), _) => {
            writeln!(out, "# what is taken from there, now and later; only in allowlists of your own")?;
            writeln!(out, "proof = [{}]", text::quoted(&Demand::Origin(origin.clone()).to_string()))?;
        }
        (None, Some(digests)) if !facts.claims_intree() => {
            writeln!(
                out,
                "# this very file; in allowlists of your own \"origin:KIND/NAME\" for what is taken from there (check \
                 --origin), or \"operator\" if you answer for where it comes from"
            )?;
            writeln!(out, "proof = [\"sha256:{}\"]", text::digits(&digests.content))?;
        }
        (None, _) => writeln!(out, "proof = [\"kernel\"]")?,
    }
    writeln!(out, "[[module.userspace]]")?;
    writeln!(out, "# the name of a [[userspace]] of userspaces.toml, which has the evidence for each axis:")?;
    let axes: Vec<String> = Axis::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    writeln!(out, "# {}", axes.join(", "))?;
    writeln!(out, "name = \"\"")?;
    writeln!(out, "part = \"\"")?;
    writeln!(out, "coverage = {{ is = \"unknown\", evidence = \"\", checked = \"{today}\" }}")
}

/// What the waivers of a baseline have in common.
#[derive(Debug)]
pub struct Baseline<'b> {
    /// Who answers for them.
    pub owner: &'b str,
    /// The day that they are of.
    pub today: Date,
    /// The last day on which they hold.
    pub expires: Date,
    /// Where what they are for is taken from, where they are not for very files.
    pub taken_from: Option<&'b TakenFrom>,
}

/// Waivers for all that is denied.
pub fn baseline(out: &mut dyn Write, baseline: &Baseline<'_>, modules: &[Judgement<'_>]) -> io::Result<()> {
    let Baseline { owner, today, expires, taken_from } = baseline;
    let mut written: Vec<String> = Vec::new();
    for judgement in modules {
        let subject = &judgement.subject;
        let proof = match (taken_from, &subject.facts.digests) {
            _ if subject.is_kernels_own() => Demand::Kernel,
            (Some(origin), _) => Demand::Origin((*origin).clone()),
            (None, Some(digests)) => Demand::Content(digests.content),
            // What could not be hashed proves nothing.
            (None, None) => continue,
        };
        // It can't be waived: a waiver names its module exactly.
        if is_pattern(subject.name.as_str()) {
            writeln!(out, "# not waived: {}", text::quoted(subject.name.as_str()))?;
            continue;
        }
        let denied = judgement.findings.iter().filter(|finding| finding.severity == Severity::Deny);
        for finding in denied.filter(|finding| finding.waiver.is_none()) {
            if let Some(pattern) = finding.symbols.iter().find(|symbol| is_pattern(symbol) || symbol.is_empty()) {
                writeln!(out, "# not waived: {} by {}, for {}", subject.name, finding.rule, text::quoted(pattern))?;
                continue;
            }
            let symbols: Vec<String> = finding.symbols.iter().map(|symbol| text::quoted(symbol)).collect();
            let mut waiver = String::from("\n[[waiver]]\n");
            let mut field = |name: &str, value: &str| waiver.push_str(&format!("{name} = {value}\n"));
            field("module", &text::quoted(&finding.module));
            field("rule", &text::quoted(finding.rule));
            if let Some(family) = &finding.family {
                field("family", &text::quoted(family));
            }
            if let Some(key) = &finding.key {
                field("key", &text::quoted(key));
            }
            field("symbols", &format!("[{}]", symbols.join(", ")));
            field("proof", &format!("[{}]", text::quoted(&proof.to_string())));
            field("reason", &text::quoted(&format!("was there on {today}: {}", finding.message)));
            field("owner", &text::quoted(owner));
            field("expires", &text::quoted(&expires.to_string()));
            // The same module may be there twice.
            if !written.contains(&waiver) {
                written.push(waiver);
            }
        }
    }
    writeln!(
        out,
        "# What symgate would have denied on {today}. Each holds for {} and these symbols only.",
        if taken_from.is_some() { "what is taken from there" } else { "this very module" }
    )?;
    written.iter().try_for_each(|waiver| write!(out, "{waiver}"))
}
