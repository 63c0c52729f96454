// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fuzzing: every reader is fed what nobody would write, for a time, and has to keep its promises
//! (`fuzz/`). Works with stable Rust and a C++ compiler; cargo-fuzz is installed where it is missing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use rayon::prelude::*;

use crate::seeds;
use crate::shell::{TaskError, repository, text};

/// Seconds for each target, where the caller says nothing.
const SECONDS: u64 = 60;

/// What an input may take before it counts as a failure, as libFuzzer's options: MiB of memory and seconds.
const LIMITS: [&str; 2] = ["-rss_limit_mb=2048", "-timeout=10"];

/// What one target came to.
struct Outcome {
    target: String,
    executions: u64,
    seconds: u64,
    /// Inputs that failed, and where they are kept.
    failures: Vec<PathBuf>,
    /// What to read where it failed.
    log: PathBuf,
    failed: bool,
}

/// `cargo xtask fuzz`
pub fn task(args: &[String]) -> Result<(), TaskError> {
    let (seconds, named) = match args.split_first() {
        Some((first, rest)) => first.parse().map_or((SECONDS, args), |seconds| (seconds, rest)),
        None => (SECONDS, args),
    };
    let home = repository().join("fuzz");
    let targets = targets(&home, named)?;
    seeds::write(&home.join("corpus"))?;
    let programs = build(&home)?;
    // As many at once as there are processors; RAYON_NUM_THREADS says otherwise.
    let outcomes: Vec<Outcome> =
        targets.into_par_iter().map(|target| run(&home, &programs, target, seconds)).collect::<Result<_, _>>()?;
    println!("{:<12} {:>12} {:>8} {:>8}", "target", "executions", "seconds", "crashes");
    for Outcome { target, executions, seconds, failures, .. } in &outcomes {
        println!("{target:<12} {executions:>12} {seconds:>8} {:>8}", failures.len());
    }
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.failed).collect();
    for Outcome { target, failures, log, .. } in &failed {
        println!("{target}: {}; see {}\n{}", list(failures), log.display(), reason(log)?);
    }
    if failed.is_empty() { Ok(()) } else { Err(TaskError::Other(format!("{} targets failed", failed.len()))) }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What the log of a target that failed says of the reason.
fn reason(log: &Path) -> Result<String, TaskError> {
    /// Lines that are enough for a panic's message, its place, and the input where it is small.
    const LINES: usize = 80;
    let said = fs::read(log).map_err(TaskError::io(log))?;
    let said = String::from_utf8_lossy(&said);
    let tells = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    let lines: Vec<&str> = said.lines().skip_while(|line| !tells(line)).take(LINES).collect();
    Ok(lines.join("\n"))
}

/// The targets that are named, or all.
fn targets(home: &Path, named: &[String]) -> Result<Vec<String>, TaskError> {
    let folder = home.join("fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(TaskError::io(&folder))?.flatten();
    let mut all: Vec<String> =
        entries.filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned())).collect();
    all.sort();
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        return Err(TaskError::Other(format!("there is no target {unknown}; there are {}", all.join(", "))));
    }
    Ok(if named.is_empty() { all } else { named.to_vec() })
}

/// Builds all targets, and returns the folder where they are.
fn build(home: &Path) -> Result<PathBuf, TaskError> {
    if text("cargo", ["fuzz", "--version"]).is_err() {
        cargo(Command::new("cargo").args(["install", "cargo-fuzz", "--locked"]))?;
    }
    let folder = home.join("target");
    let mut command = Command::new("cargo");
    // No sanitizer, because there is no unsafe code to watch; what is left of nightly Rust is asked of the stable one.
    command.args(["fuzz", "build", "--sanitizer", "none", "--fuzz-dir"]).arg(home).arg("--target-dir").arg(&folder);
    cargo(command.env("RUSTC_BOOTSTRAP", "1"))?;
    let version = text("rustc", ["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| TaskError::Other("rustc does not say what it is for".to_owned()))?;
    Ok(folder.join(host).join("release"))
}

/// Runs cargo, whose messages are for the caller.
fn cargo(command: &mut Command) -> Result<(), TaskError> {
    let fail = |reason: String| TaskError::Command { command: "cargo".to_owned(), reason };
    let status = command.status().map_err(|error| fail(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(fail(status.to_string())) }
}

/// Runs one target for a time.
fn run(home: &Path, programs: &Path, target: String, seconds: u64) -> Result<Outcome, TaskError> {
    let kept = home.join("artifacts").join(&target);
    fs::create_dir_all(&kept).map_err(TaskError::io(&kept))?;
    let before = failures(&kept)?;
    let log = kept.join("log");
    let file = File::create(&log).map_err(TaskError::io(&log))?;
    let mut command = Command::new(programs.join(&target));
    command.args(LIMITS).arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/", kept.display()));
    let words = home.join("dictionaries").join(&target).with_extension("dict");
    if words.exists() {
        command.arg(format!("-dict={}", words.display()));
    }
    command.arg(home.join("corpus").join(&target));
    let start = Instant::now();
    let status =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).status().map_err(TaskError::io(&log))?;
    let said = String::from_utf8_lossy(&fs::read(&log).map_err(TaskError::io(&log))?).into_owned();
    let executions = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let mut failures = failures(&kept)?;
    failures.retain(|path| !before.contains(path));
    Ok(Outcome {
        target,
        executions: executions.and_then(|number| number.trim().parse().ok()).unwrap_or(0),
        seconds: start.elapsed().as_secs(),
        failed: !status.success() || !failures.is_empty(),
        failures,
        log,
    })
}

/// The inputs that libFuzzer has kept because they failed.
fn failures(kept: &Path) -> Result<Vec<PathBuf>, TaskError> {
    let is_failure = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        ["crash-", "timeout-", "oom-", "leak-"].iter().any(|kind| name.starts_with(kind))
    };
    let entries = fs::read_dir(kept).map_err(TaskError::io(kept))?.flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_failure).collect();
    found.sort();
    Ok(found)
}
