// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audit at a terminal: what could not be seen, then a table of who is from elsewhere and one of who else gets at a family, then
//! what is to be said of each.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::{AuditReport, KernelReport, Row, told_of_loaded, told_owner};
use crate::report::human::{families, write_finding};
use crate::report::style::{DENY, FAINT, GOOD, NOTE, STRONG, WARN};
use crate::text;

/// Writes an audit for a terminal of so many columns.
pub fn write(out: &mut dyn Write, report: &AuditReport<'_>, width: u16) -> io::Result<()> {
    let sums = report.sums();
    let style = if sums.denied > 0 {
        DENY
    } else if sums.warned + sums.out_of_tree > 0 {
        WARN
    } else {
        GOOD
    };
    writeln!(out, "{STRONG}Audit of {}{STRONG:#}", report.scope())?;
    writeln!(out, "{style}{}{style:#}", report.told_sums())?;
    if let Some(said) = report.taint() {
        writeln!(out, "the kernel that runs is {said}")?;
    }
    unseen(out, report.unseen())?;
    report.kernels.iter().try_for_each(|kernel| write_kernel(out, kernel, report.all, width))
}

fn unseen(out: &mut dyn Write, unseen: &[String]) -> io::Result<()> {
    unseen.iter().try_for_each(|what| writeln!(out, "{NOTE}not seen{NOTE:#}: {}", text::shown(what)))
}

fn write_kernel(out: &mut dyn Write, report: &KernelReport<'_>, all: bool, width: u16) -> io::Result<()> {
    writeln!(out, "\n{STRONG}Kernel {}{STRONG:#}", text::shown(&report.title()))?;
    unseen(out, &report.unseen())?;
    let (elsewhere, own): (Vec<&Row<'_>>, Vec<&Row<'_>>) = report.told().partition(|row| row.is_marked());
    if !elsewhere.is_empty() {
        writeln!(out, "\n{STRONG}Out of tree, or another than what is loaded{STRONG:#}")?;
        table(out, &elsewhere, width)?;
    }
    for module in &report.kernel.only_loaded {
        writeln!(
            out,
            "{WARN}only loaded{WARN:#} {STRONG}{}{STRONG:#}: {}",
            text::shown(&module.name),
            text::shown(&told_of_loaded(module))
        )?;
        signs(out, &module.signs)?;
    }
    if !own.is_empty() {
        writeln!(out, "\n{STRONG}The kernel's own that have to do with a family{STRONG:#}")?;
        table(out, &own, width)?;
    }
    for row in elsewhere {
        details(out, row)?;
    }
    let findings = own.iter().flat_map(|row| &row.findings).chain(&report.others);
    let mut findings = findings.peekable();
    if findings.peek().is_some() {
        writeln!(out)?;
    }
    findings.try_for_each(|finding| write_finding(out, finding))?;
    let rest: Vec<&Row<'_>> = report.rest().collect();
    match rest.len() {
        0 => Ok(()),
        _ if all => {
            writeln!(out, "\n{STRONG}The rest{STRONG:#}")?;
            table(out, &rest, width)
        }
        count => writeln!(out, "{FAINT}and {count} that have nothing to do with a family (--all tells them){FAINT:#}"),
    }
}

/// A line a module, in as many columns as there are.
fn table(out: &mut dyn Write, rows: &[&Row<'_>], width: u16) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(["module", "verdict", "gets at", "registration", "signed by"]);
    for row in rows {
        let families = Some(row.families()).filter(|names| !names.is_empty()).unwrap_or_else(|| "-".to_owned());
        table.add_row([
            row.judgement.subject.name.to_string(),
            row.judgement.verdict.to_string(),
            families,
            row.standing(),
            text::shown(&row.signer()).into_owned(),
        ]);
    }
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// All that there is to say of a module from elsewhere.
fn details(out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
    let subject = &row.judgement.subject;
    writeln!(out, "\n{STRONG}{}{STRONG:#}  {FAINT}{}{FAINT:#}", subject.name, text::shown(subject.path))?;
    signs(out, &row.about.signs)?;
    let mut line = |what: &str, says: &str| writeln!(out, "  {FAINT}{what}{FAINT:#} {}", text::shown(says));
    line("licence", &row.licences())?;
    if let Some(source) = &row.about.source {
        line("licence by its source", &source.to_string())?;
    }
    if let Some(owner) = told_owner(&row.about.owner) {
        line("from", &owner)?;
    }
    if let Some(loaded) = row.loaded() {
        line("is", &loaded)?;
    }
    if subject.has_to_do_with_a_family() {
        line("gets at", &families(row.judgement))?;
    }
    if let Some(said) = row.known() {
        line("known", &said)?;
    }
    row.findings.iter().try_for_each(|finding| write_finding(out, finding))
}

fn signs(out: &mut dyn Write, signs: &[crate::audit::Sign]) -> io::Result<()> {
    signs.iter().try_for_each(|sign| writeln!(out, "  {FAINT}sign{FAINT:#} {}", text::shown(&sign.to_string())))
}
