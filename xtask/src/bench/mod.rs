// SPDX-License-Identifier: MIT OR Apache-2.0
//! Timings against a named peer, in pairs, so that a machine whose speed drifts still gives a ratio.

mod growth;
mod step;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::corpus::{self, Kernel};
use crate::shell::{TaskError, symgate};

/// Pairs that are counted; one more is run first to warm the page cache.
const PAIRS: usize = 7;

#[derive(Debug, Clone, Copy)]
struct Run {
    /// Seconds.
    wall: f64,
    /// MiB.
    peak: f64,
}

/// `cargo xtask bench`: over whole kernels; or `step`, the step in a module's build; or `growth`, by the number of modules.
pub fn task(names: &[String]) -> Result<(), TaskError> {
    match names {
        [name, suites @ ..] if name == "step" => return step::task(suites),
        [name] if name == "growth" => return growth::task(),
        _ => {}
    }
    let program = symgate()?;
    let usual = ["6.1".to_owned(), "newest".to_owned()];
    let names = if names.is_empty() { &usual[..] } else { names };
    println!(
        "medians of {PAIRS} pairs; symgate check against depmod -n on the same tree: as a build or a package check runs it"
    );
    println!(
        "(the tree named as the kernel's own), the same with a cache that is empty and with one that is full, with nothing"
    );
    println!("named, and with all signatures verified");
    println!(
        "{:<20} {:<11} {:>9} {:>9} {:>7} {:>11} {:>11} {:>7}",
        "kernel", "", "symgate s", "depmod s", "ratio", "symgate MiB", "depmod MiB", "ratio"
    );
    for kernel in corpus::kernels(names)? {
        let cache = std::env::temp_dir().join(format!("symgate-bench-cache-{}", std::process::id()));
        for (what, more, empty) in ways(&kernel, &cache) {
            row(&kernel, what, &[check(&program, &kernel), more].concat(), empty)?;
        }
        let _ = fs::remove_dir_all(&cache);
    }
    Ok(())
}

/// The ways to run a check that take different times, each with the folder that is to be empty before.
fn ways<'c>(kernel: &Kernel, cache: &'c Path) -> [(&'static str, Vec<String>, Option<&'c Path>); 5] {
    let named = kernel.named().map(|arg| arg.to_string_lossy().into_owned()).to_vec();
    let cached = [named.as_slice(), &["--cache".to_owned(), cache.display().to_string()]].concat();
    [
        ("named", named, None),
        ("cache, cold", cached.clone(), Some(cache)),
        ("cached", cached, None),
        ("first run", Vec::new(), None),
        ("signatures", vec!["--verify-signatures".to_owned()], None),
    ]
}

fn row(kernel: &Kernel, what: &str, command: &[String], empty: Option<&Path>) -> Result<(), TaskError> {
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 0..=PAIRS {
        if let Some(folder) = empty {
            // Before the first round it is not there.
            let _ = fs::remove_dir_all(folder);
        }
        let pair = (timed(command)?, timed(&depmod(kernel))?);
        if round > 0 {
            ours.push(pair.0);
            theirs.push(pair.1);
        }
    }
    let ratios = ours.iter().zip(&theirs).map(|(a, b)| a.wall / b.wall).collect();
    let wall = |runs: &[Run]| median(runs.iter().map(|run| run.wall).collect());
    let peak = |runs: &[Run]| median(runs.iter().map(|run| run.peak).collect());
    println!(
        "{:<20} {what:<11} {:>9.3} {:>9.3} {:>7.3} {:>11.1} {:>11.1} {:>7.2}",
        kernel.release,
        wall(&ours),
        wall(&theirs),
        median(ratios),
        peak(&ours),
        peak(&theirs),
        peak(&ours) / peak(&theirs)
    );
    Ok(())
}

fn check(program: &Path, kernel: &Kernel) -> Vec<String> {
    let symvers = kernel.symvers.display().to_string();
    let modules = kernel.modules.display().to_string();
    vec![program.display().to_string(), "check".into(), "--symvers".into(), symvers, modules]
}

fn depmod(kernel: &Kernel) -> Vec<String> {
    let base = kernel.base().display().to_string();
    vec!["depmod".into(), "-n".into(), "-b".into(), base, kernel.release.clone()]
}

/// Runs a command to its end; GNU time tells its peak memory.
fn timed(command: &[String]) -> Result<Run, TaskError> {
    timed_to_end(command, &[0])
}

/// The same of a command that may end in one of these ways.
fn timed_to_end(command: &[String], ends: &[i32]) -> Result<Run, TaskError> {
    let report = std::env::temp_dir().join(format!("symgate-bench-{}", std::process::id()));
    let fail = |reason: String| TaskError::Command { command: command.join(" "), reason };
    let start = Instant::now();
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%M", "-o"])
        .arg(&report)
        .args(command)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| fail(format!("/usr/bin/time: {error}")))?;
    let wall = start.elapsed().as_secs_f64();
    if !status.code().is_some_and(|code| ends.contains(&code)) {
        return Err(fail(status.to_string()));
    }
    let said = fs::read_to_string(&report).map_err(TaskError::io(&report))?;
    // Before it stands with what the command ended, if that is not 0.
    let kib: f64 = said
        .lines()
        .last()
        .unwrap_or_default()
        .trim()
        .parse()
        .map_err(|_| fail(format!("/usr/bin/time said {said:?}")))?;
    fs::remove_file(&report).map_err(TaskError::io(&report))?;
    Ok(Run { wall, peak: kib / 1024.0 })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
