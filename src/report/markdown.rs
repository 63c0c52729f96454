// SPDX-License-Identifier: MIT OR Apache-2.0
//! A summary in Markdown, for a merge request.

use std::io::{self, Write};

use super::{CheckReport, Told, plural, standing_phrase, told_place, waiver_phrase};
use crate::gate::{Severity, Verdict};
use crate::text;

/// Findings of one kind before the rest is only counted: a comment is no place for hundreds.
const FINDINGS: usize = 50;

/// Places of one finding before the rest is only counted.
const LOCATIONS: usize = 6;

/// Writes a run of `check`.
pub fn check(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let sums = report.summary();
    let outcome = match (report.gathered.errors.is_empty(), report.passes()) {
        (true, true) => "nothing is denied".to_owned(),
        (true, false) => format!("{} denied", sums.denied),
        (false, _) => {
            let inputs = plural(report.gathered.errors.len(), "input");
            format!("{inputs} yielded no facts, {} denied", sums.denied)
        }
    };
    writeln!(out, "### symgate: {outcome}\n")?;
    writeln!(out, "| modules | get at a family | denied | warned | waived |\n| --- | --- | --- | --- | --- |")?;
    let (reaching, denied, warned, waived) = (sums.reaching, sums.denied, sums.warned, sums.waived);
    writeln!(out, "| {} | {reaching} | {denied} | {warned} | {waived} |", sums.modules)?;
    let told = report.told();
    let of = |severity, is_waived| -> Vec<&Told> {
        let is = |told: &&Told| (told.finding.severity, told.finding.waiver.is_some()) == (severity, is_waived);
        told.iter().filter(is).collect()
    };
    findings(out, report, "Denied", &of(Severity::Deny, false))?;
    findings(out, report, "Warned", &of(Severity::Warn, false))?;
    let waived = [of(Severity::Deny, true), of(Severity::Warn, true)].concat();
    findings(out, report, "Waived", &waived)?;
    errors(out, report)?;
    modules(out, report)?;
    notes(out, report)
}

fn findings(out: &mut dyn Write, report: &CheckReport<'_>, heading: &str, told: &[&Told]) -> io::Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n#### {heading}\n")?;
    for told in told.iter().take(FINDINGS) {
        let finding = &told.finding;
        let sentence = plain(&told.sentence());
        writeln!(out, "- **{} {}**: {sentence}", finding.rule, finding.rule_name)?;
        if told.others.is_empty() {
            writeln!(out, "  - in {}", code(&report.roots.relative(&finding.path)))?;
            for location in finding.locations.iter().take(LOCATIONS) {
                writeln!(out, "  - at {}", code(&told_place(location)))?;
            }
            if let Some(more @ 1..) = finding.locations.len().checked_sub(LOCATIONS) {
                writeln!(out, "  - and at {more} more places")?;
            }
        }
        if let Some(waiver) = &finding.waiver {
            writeln!(out, "  - waived {}", plain(&waiver_phrase(waiver)))?;
        } else if let Some(help) = &finding.help {
            writeln!(out, "  - {}", plain(help))?;
        }
    }
    match told.len().saturating_sub(FINDINGS) {
        0 => Ok(()),
        more => writeln!(out, "- and {more} more"),
    }
}

fn errors(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let errors: Vec<_> = report.untold_errors().collect();
    if errors.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n#### Not read\n")?;
    for error in errors.iter().take(FINDINGS) {
        writeln!(out, "- {}: {}", code(&report.roots.relative(&error.path)), plain(&error.kind.to_string()))?;
    }
    match errors.len().saturating_sub(FINDINGS) {
        0 => Ok(()),
        more => writeln!(out, "- and {more} more"),
    }
}

/// Who gets at what, folded away.
fn modules(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let shown: Vec<_> = report.shown().filter(|judgement| judgement.subject.gets_at_a_family()).collect();
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n<details><summary>Who gets at a family</summary>\n")?;
    writeln!(out, "| module | verdict | families | standing |\n| --- | --- | --- | --- |")?;
    for judgement in shown {
        let families: Vec<&str> = judgement.subject.gets_at().into_keys().collect();
        let verdict = match judgement.verdict {
            Verdict::Pass => "pass",
            Verdict::Waived => "waived",
            Verdict::Warn => "warned",
            Verdict::Deny => "**denied**",
        };
        let (name, standing) = (plain(judgement.subject.name.as_str()), plain(&standing_phrase(judgement)));
        writeln!(out, "| {name} | {verdict} | {} | {standing} |", plain(&families.join(", ")))?;
    }
    writeln!(out, "\n</details>")
}

fn notes(out: &mut dyn Write, report: &CheckReport<'_>) -> io::Result<()> {
    let unseen = report.coverage().into_iter().filter_map(|coverage| {
        Some(format!("{}: {} of {}: {}", coverage.what, coverage.seen, coverage.of, coverage.note?))
    });
    let unseen: Vec<String> = unseen.collect();
    if !unseen.is_empty() {
        writeln!(out, "\n<details><summary>What could not be seen</summary>\n")?;
        for note in unseen {
            writeln!(out, "- {}", plain(&note))?;
        }
        writeln!(out, "\n</details>")?;
    }
    for said in report.overrides() {
        writeln!(out, "\n{said}.")?;
    }
    Ok(())
}

/// Text that a file's author may have written, as Markdown that shows it and nothing else.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    let text = text::shown(text);
    for (at, c) in text.char_indices() {
        let (before, behind) = (text.get(..at).unwrap_or_default(), text.get(at + c.len_utf8()..).unwrap_or_default());
        match c {
            // Pages make links of these.
            ':' if behind.starts_with("//") => shown.push_str("\\:"),
            '.' if before.ends_with("www") => shown.push_str("\\."),
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '\n' => shown.push(' '),
            // An @ would call somebody, a # refer to something.
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => shown.extend(['\\', c]),
            '@' => shown.push_str("&#64;"),
            c => shown.push(c),
        }
    }
    shown
}

/// The same as code: between more backticks than are in it.
pub(super) fn code(text: &str) -> String {
    let text = text::shown(text).replace('\n', " ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    if longest == 0 { format!("{ticks}{text}{ticks}") } else { format!("{ticks} {text} {ticks}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        assert_eq!(plain("a <b> @all #1 [x](y) |*_"), "a &lt;b&gt; &#64;all \\#1 \\[x\\](y) \\|\\*\\_");
        assert_eq!(plain("https://x.y www.x.y a: b."), "https\\://x.y www\\.x.y a: b.");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
    }
}
