// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audit in Markdown, for a ticket.

use std::io::{self, Write};

use super::{AuditReport, KernelReport, Row, told_of_loaded, told_owner, weight};
use crate::report::human::families;
use crate::report::markdown::{code, plain};
use crate::report::{told_place, waiver_phrase};

/// Writes an audit.
pub fn write(out: &mut dyn Write, report: &AuditReport<'_>) -> io::Result<()> {
    writeln!(out, "# symgate: audit of {}\n", plain(&report.scope()))?;
    writeln!(out, "{}.", plain(&report.told_sums()))?;
    if let Some(said) = report.taint() {
        writeln!(out, "\nThe kernel that runs is {}.", plain(&said))?;
    }
    unseen(out, report.unseen())?;
    report.kernels.iter().try_for_each(|kernel| write_kernel(out, kernel, report.all))
}

fn unseen(out: &mut dyn Write, unseen: &[String]) -> io::Result<()> {
    if unseen.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWhat could not be seen:\n")?;
    unseen.iter().try_for_each(|what| writeln!(out, "- {}", plain(what)))
}

fn write_kernel(out: &mut dyn Write, report: &KernelReport<'_>, all: bool) -> io::Result<()> {
    writeln!(out, "\n## Kernel {}", plain(&report.title()))?;
    unseen(out, &report.unseen())?;
    let (elsewhere, own): (Vec<&Row<'_>>, Vec<&Row<'_>>) = report.told().partition(|row| row.is_marked());
    writeln!(out, "\n### Out of tree, or another than what is loaded\n")?;
    if elsewhere.is_empty() && report.kernel.only_loaded.is_empty() {
        writeln!(out, "None.")?;
    } else {
        table(out, &elsewhere)?;
    }
    for row in &elsewhere {
        details(out, row)?;
    }
    for module in &report.kernel.only_loaded {
        writeln!(out, "\n#### {}, only loaded\n", plain(&module.name))?;
        writeln!(out, "- {}", plain(&told_of_loaded(module)))?;
        module.signs.iter().try_for_each(|sign| writeln!(out, "- {}", plain(&sign.to_string())))?;
    }
    if !own.is_empty() {
        writeln!(out, "\n### The kernel's own that have to do with a family\n")?;
        table(out, &own)?;
    }
    let findings: Vec<_> = own.iter().flat_map(|row| &row.findings).chain(&report.others).collect();
    if !findings.is_empty() {
        writeln!(out)?;
    }
    findings.into_iter().try_for_each(|finding| write_finding(out, finding))?;
    let rest: Vec<&Row<'_>> = report.rest().collect();
    if all && !rest.is_empty() {
        writeln!(out, "\n### The rest\n")?;
        return table(out, &rest);
    }
    writeln!(out, "\nModules that have nothing to do with a family: {}.", rest.len())
}

fn table(out: &mut dyn Write, rows: &[&Row<'_>]) -> io::Result<()> {
    writeln!(out, "| module | verdict | gets at | registration | signed by | from |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
    for row in rows {
        let subject = &row.judgement.subject;
        let cells = [
            subject.name.to_string(),
            row.judgement.verdict.to_string(),
            row.families(),
            row.standing(),
            row.signer(),
            told_owner(&row.about.owner).unwrap_or_default(),
        ];
        writeln!(out, "| {} |", cells.map(|cell| plain(&cell)).join(" | "))?;
    }
    Ok(())
}

fn details(out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
    let subject = &row.judgement.subject;
    writeln!(out, "\n#### {}\n", plain(subject.name.as_str()))?;
    writeln!(out, "- file: {}", code(subject.path))?;
    row.about.signs.iter().try_for_each(|sign| writeln!(out, "- {}", plain(&sign.to_string())))?;
    writeln!(out, "- licence: {}", plain(&row.licences()))?;
    if let Some(source) = &row.about.source {
        writeln!(out, "- licence by its source: {}", plain(&source.to_string()))?;
    }
    if let Some(loaded) = row.loaded() {
        writeln!(out, "- {}", plain(&loaded))?;
    }
    if subject.has_to_do_with_a_family() {
        writeln!(out, "- gets at: {}", plain(&families(row.judgement)))?;
    }
    if let Some(said) = row.known() {
        writeln!(out, "- known: {}", plain(&said))?;
    }
    row.findings.iter().try_for_each(|finding| write_finding(out, finding))
}

fn write_finding(out: &mut dyn Write, finding: &crate::gate::Finding) -> io::Result<()> {
    let (rule, name, module) = (finding.rule, finding.rule_name, &finding.module);
    writeln!(out, "- **{} {rule} {name}**: module {} {}", weight(finding), plain(module), plain(&finding.message))?;
    for location in &finding.locations {
        writeln!(out, "  - at {}", code(&told_place(location)))?;
    }
    if let Some(waiver) = &finding.waiver {
        writeln!(out, "  - waived {}", plain(&waiver_phrase(waiver)))?;
    } else if let Some(help) = &finding.help {
        writeln!(out, "  - {}", plain(help))?;
    }
    Ok(())
}
