// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audit as one page for a browser. It asks for nothing else, neither a file nor a server, and without scripts everything is
//! there; what others wrote stays text.

use std::io::{self, Write};

use base64ct::{Base64, Encoding};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::picture::picture;
use super::{AuditReport, KernelReport, Row, Sums, told_of_loaded, told_owner, weight};
use crate::audit::{OnlyLoaded, Sign, within};
use crate::gate::{Access, Finding, Verdict};
use crate::report::json::TOOL;
use crate::report::{told_place, waiver_phrase};
use crate::text::shown;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Symbols told of one way before the rest is only counted.
const SYMBOLS: usize = 24;

/// Places of a finding before the rest is only counted.
const LOCATIONS: usize = 24;

/// Writes an audit.
pub fn write(out: &mut dyn Write, report: &AuditReport<'_>) -> io::Result<()> {
    out.write_all(page(report).into_string().as_bytes())?;
    writeln!(out)
}

/// What the page may do: nothing but to run its own script, and be styled by itself.
fn may() -> String {
    let script = Base64::encode_string(&Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )
}

fn page(report: &AuditReport<'_>) -> Markup {
    let title = format!("symgate: audit of {}", report.scope());
    let running = report.audit.running.as_ref();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(may());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (shown(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Audit of " (shown(&report.scope())) }
                    p.lead { (report.told_sums()) "." }
                    @if let Some(taint) = running.and_then(|running| running.taint.as_ref()) {
                        p {
                            "The kernel that runs is "
                            @if taint.is_empty() { "not tainted." } @else { "tainted: " strong { (taint) } "." }
                        }
                    }
                    (tiles(report.sums(), report.knows_loaded()))
                }
                main {
                    (unseen(report))
                    (filter())
                    @for (number, kernel) in report.kernels.iter().enumerate() { (of_kernel(number, kernel)) }
                }
                footer {
                    h2 { "By what was judged" }
                    @if let Some(kernel) = report.kernels.first() {
                        p.faint {
                            (TOOL.name) " " (TOOL.version) ", allowlists " (shown(&kernel.check.context.allowlists.source))
                            " (SHA-256 " code { (kernel.check.context.allowlists.sha256) } "), on "
                            (kernel.check.context.terms.today) ". This is the policy of whoever builds or loads the kernel, and "
                            "says nothing about anybody's licence."
                        }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn tiles(sums: Sums, is_running: bool) -> Markup {
    let loaded = if is_running { Some(sums.loaded) } else { None };
    html! {
        ul.tiles {
            li { b { (sums.modules) } "modules" }
            @if let Some(loaded) = loaded { li { b { (loaded) } "loaded" } }
            @if sums.differ > 0 { li.warn { b { (sums.differ) } "loaded from another file" } }
            li.warn[sums.out_of_tree > 0] { b { (sums.out_of_tree) } "out of tree" }
            li { b { (sums.reaching) } "get at a family" }
            li.deny[sums.denied > 0] { b { (sums.denied) } "denied" }
            li.warn[sums.warned > 0] { b { (sums.warned) } "warned of" }
            li { b { (sums.waived) } "waived" }
        }
    }
}

/// What could not be seen, of all kernels, on the first screen.
fn unseen(report: &AuditReport<'_>) -> Markup {
    let of_kernels: Vec<(String, Vec<String>)> =
        report.kernels.iter().map(|kernel| (kernel.title(), kernel.unseen())).collect();
    html! {
        section.unseen aria-labelledby="unseen" {
            h2 #unseen { "What could not be seen" }
            ul {
                @for what in report.unseen() { li { (shown(what)) } }
                @for (title, unseen) in &of_kernels {
                    @for what in unseen {
                        li {
                            @if of_kernels.len() > 1 { span.faint { (shown(title)) ": " } }
                            (shown(what))
                        }
                    }
                }
            }
        }
    }
}

fn filter() -> Markup {
    html! {
        form #filter hidden role="search" aria-label="Filter the modules" {
            label { "Filter " input type="search" name="text" autocomplete="off"; }
            label { input type="checkbox" value="o"; " out of tree, or another than what is loaded" }
            label { input type="checkbox" value="f"; " gets at a family" }
            label { input type="checkbox" value="d"; " denied" }
            label { input type="checkbox" value="w"; " warned of" }
            label { input type="checkbox" value="l"; " loaded" }
            button type="reset" { "Show all" }
            span.faint #count role="status" {}
        }
    }
}

fn of_kernel(number: usize, report: &KernelReport<'_>) -> Markup {
    let told: Vec<&Row<'_>> = report.told().collect();
    let only_loaded = &report.kernel.only_loaded;
    let id = |index: usize| format!("k{number}m{index}");
    let is_running = report.kernel.is_running;
    let columns = ["module", "verdict", "gets at", "registration", "signed by", "from", "loaded"];
    let columns = columns.get(..if is_running { 7 } else { 6 }).unwrap_or(&columns);
    html! {
        section {
            h2 { "Kernel " (shown(&report.title())) }
            @if told.is_empty() && only_loaded.is_empty() {
                p { "No module here is out of tree, gets at a family, or has a finding." }
            } @else {
                div.wide tabindex="0" role="region" aria-label="Modules from elsewhere, of a family, or with a finding" {
                    table {
                        caption { "Modules from elsewhere first, then the kernel's own that get at a family or have a finding" }
                        (head(columns))
                        tbody {
                            @for (index, module) in only_loaded.iter().enumerate() { (line_of_loaded(&format!("k{number}l{index}"), module)) }
                            @for (index, row) in told.iter().enumerate() { (line(&id(index), row, is_running)) }
                        }
                    }
                }
            }
            @for (index, module) in only_loaded.iter().enumerate() { (article_of_loaded(&format!("k{number}l{index}"), module)) }
            @for (index, row) in told.iter().enumerate() { (article(&id(index), report, row)) }
            @if !report.others.is_empty() {
                h3 { "Files that are no modules that can be read, and what others claim" }
                @for finding in &report.others { (of_finding(finding)) }
            }
            (rest(report))
        }
    }
}

fn head(columns: &[&str]) -> Markup {
    html! { thead { tr { @for column in columns { th scope="col" { (column) } } } } }
}

/// By what a line is filtered.
fn tags(row: &Row<'_>) -> String {
    let tags = [
        ('o', row.is_marked()),
        ('f', row.judgement.subject.gets_at_a_family()),
        ('d', row.judgement.verdict == Verdict::Deny),
        ('w', row.judgement.verdict == Verdict::Warn),
        ('l', row.about.loaded.is_some()),
    ];
    tags.into_iter().filter(|(_, is_set)| *is_set).map(|(tag, _)| tag).collect()
}

fn verdict(verdict: Verdict) -> Markup {
    let class = match verdict {
        Verdict::Pass => "pass",
        Verdict::Waived => "waived",
        Verdict::Warn => "warn",
        Verdict::Deny => "deny",
    };
    html! { span.verdict.(class) { (verdict) } }
}

fn line(id: &str, row: &Row<'_>, is_running: bool) -> Markup {
    let subject = &row.judgement.subject;
    html! {
        tr data-m=(id) data-t=(tags(row)) {
            th scope="row" { a href={ "#" (id) } { (shown(subject.name.as_str())) } }
            td { (verdict(row.judgement.verdict)) }
            td { (row.families()) }
            td { (shown(&row.standing())) }
            td { (shown(&row.signer())) }
            td { (shown(&told_owner(&row.about.owner).unwrap_or_default())) }
            @if is_running { td { (row.loaded().unwrap_or_default()) } }
        }
    }
}

fn line_of_loaded(id: &str, module: &OnlyLoaded) -> Markup {
    html! {
        tr data-m=(id) data-t="ol" {
            th scope="row" { a href={ "#" (id) } { (shown(&module.name)) } }
            td { span.verdict.warn { "unknown" } }
            td { "can't be known" } td {} td {} td {}
            td { "loaded, and not stored" }
        }
    }
}

fn signs(signs: &[Sign]) -> Markup {
    html! {
        @if !signs.is_empty() {
            dt { "from elsewhere" }
            dd { ul { @for sign in signs { li { (shown(&sign.to_string())) } } } }
        }
    }
}

fn article_of_loaded(id: &str, module: &OnlyLoaded) -> Markup {
    html! {
        article id=(id) {
            h3 { (shown(&module.name)) " " span.verdict.warn { "unknown" } }
            p { (shown(&told_of_loaded(module))) "." }
            dl {
                (signs(&module.signs))
                @if let Some(id) = &module.loaded.build_id { dt { "build-id" } dd { code { (id) } } }
                @if let Some(version) = &module.loaded.srcversion { dt { "srcversion" } dd { code { (shown(version)) } } }
            }
        }
    }
}

/// All that there is to say of a module.
fn article(id: &str, report: &KernelReport<'_>, row: &Row<'_>) -> Markup {
    let subject = &row.judgement.subject;
    let facts = subject.facts;
    html! {
        article id=(id) {
            h3 { (shown(subject.name.as_str())) " " (verdict(row.judgement.verdict)) }
            dl {
                dt { "file" } dd.path { (shown(subject.path)) }
                (signs(&row.about.signs))
                dt { "licence" } dd { (shown(&row.licences())) }
                @if let Some(source) = &row.about.source { dt { "licence by its source" } dd { (shown(&source.to_string())) } }
                dt { "signed by" } dd { (shown(&row.signer())) }
                @if let Some(owner) = told_owner(&row.about.owner) { dt { "from" } dd { (shown(&owner)) } }
                @if let Some(loaded) = row.loaded() { dt { "state" } dd { (loaded) } }
                @if let Some(proof) = subject.proof() { dt { "proof" } dd { (shown(&proof)) } }
                @if subject.gets_at_a_family() { dt { "registration" } dd { (shown(&row.standing())) } }
                @if let Some(known) = row.known() { dt { "known" } dd { (shown(&known)) } }
                @if row.is_from_elsewhere() {
                    @if let Some(id) = &facts.build_id { dt { "build-id" } dd { code { (id) } } }
                    @if let Some(version) = facts.modinfo.first("srcversion") { dt { "srcversion" } dd { code { (shown(version)) } } }
                    @if let Some(version) = facts.modinfo.first("version") { dt { "version" } dd { (shown(version)) } }
                }
            }
            @for (family, access) in subject.gets_at() { (of_family(report, row, family, &access)) }
            @for finding in &row.findings { (of_finding(finding)) }
        }
    }
}

/// How it gets at one family, with a picture of the way that says the most.
fn of_family(report: &KernelReport<'_>, row: &Row<'_>, family: &str, access: &Access<'_, '_>) -> Markup {
    let direct: Vec<&str> = access.direct.iter().map(|import| &*import.import.name).collect();
    let mut through: Vec<&str> = access.through.iter().map(|through| &*through.import.name).collect();
    through.dedup();
    let best = access.through.iter().min_by_key(|through| through.way.rank());
    let exports = &report.check.gathered.exports;
    html! {
        h4 { "Gets at " (family) }
        @if !direct.is_empty() { p { "It asks for " (symbols(&direct)) "." } }
        @if !through.is_empty() { p { "It gets there through " (symbols(&through)) "." } }
        @if let Some(best) = best.filter(|_| direct.is_empty()) {
            (picture(
                row.judgement.subject.name.as_str(),
                &best.import.name,
                best.way,
                exports.get(&best.way.symbol).map(|provided| provided.provider.as_str()),
            ))
        }
    }
}

fn symbols(symbols: &[&str]) -> Markup {
    let more = symbols.len().saturating_sub(SYMBOLS);
    html! {
        @for (index, symbol) in symbols.iter().take(SYMBOLS).enumerate() {
            @if index > 0 { ", " }
            code { (shown(symbol)) }
        }
        @if more > 0 { " and " (more) " more" }
    }
}

fn of_finding(finding: &Finding) -> Markup {
    let more = finding.locations.len().saturating_sub(LOCATIONS);
    html! {
        div.finding.(weight(finding)) {
            p.head { (weight(finding)) ": " (finding.rule) " " (finding.rule_name) }
            p { "module " (shown(&finding.module)) " " (shown(&finding.message)) }
            @if let Some(place) = &finding.decided_by { p.faint { "decided by " (shown(&place.to_string())) } }
            @if !finding.locations.is_empty() {
                ul {
                    @for location in finding.locations.iter().take(LOCATIONS) {
                        li.path { (shown(&told_place(location))) }
                    }
                    @if more > 0 { li { "and at " (more) " more places" } }
                }
            }
            @if let Some(waiver) = &finding.waiver {
                p { "waived " (shown(&waiver_phrase(waiver))) }
            } @else if let Some(help) = &finding.help {
                p.faint { (shown(help)) }
            }
        }
    }
}

/// A line for each of the others.
fn rest(report: &KernelReport<'_>) -> Markup {
    let count = report.rest().count();
    html! {
        @if count > 0 {
            h3 { "The rest" }
            div.wide tabindex="0" role="region" aria-label="The rest of the modules" {
                table.rest {
                    caption { (count) " modules of the kernel's own that have nothing to do with a family" }
                    (head(if report.kernel.is_running { &["module", "file", "licence", "loaded"] } else { &["module", "file", "licence"] }))
                    tbody {
                        @for row in report.rest() {
                            tr data-t=(tags(row)) {
                                th scope="row" { (shown(row.judgement.subject.name.as_str())) }
                                td { (shown(within(row.judgement.subject.path).unwrap_or(row.judgement.subject.path))) }
                                td { (shown(&row.licences())) }
                                @if report.kernel.is_running { td { @if row.about.loaded.is_some() { "loaded" } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
