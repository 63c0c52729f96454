// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run over an archive's packages of kernels, of several suites and machines: it is ended in the middle, goes on, and has to come
//! to the same lines as one that was not.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::corpus;
use crate::shell::{self, TaskError};

/// The kernels whose packages are taken where none are named.
const KERNELS: [&str; 30] = [
    "bullseye-amd64",
    "bullseye-arm64",
    "bullseye-i386",
    "bookworm-amd64",
    "bookworm-amd64-rt",
    "bookworm-amd64-cloud",
    "bookworm-arm64",
    "bookworm-arm64-rt",
    "bookworm-arm64-cloud",
    "bookworm-armhf",
    "bookworm-armhf-armmp-lpae",
    "bookworm-armel-rpi",
    "bookworm-i386",
    "bookworm-i386-686",
    "bookworm-ppc64el",
    "bookworm-s390x",
    "bookworm-mips64el",
    "trixie-amd64",
    "trixie-amd64-rt",
    "trixie-amd64-cloud",
    "trixie-arm64",
    "trixie-armhf",
    "trixie-ppc64el",
    "trixie-s390x",
    "trixie-riscv64",
    "sid-amd64",
    "sid-amd64-rt",
    "sid-arm64",
    "sid-ppc64el",
    "sid-s390x",
];

/// Packages that hold only the sources of modules.
const SOURCES: [&str; 3] = ["evdi-dkms", "v4l2loopback-dkms", "acpi-call-dkms"];

/// `cargo xtask archive`
pub fn task(names: &[String]) -> Result<(), TaskError> {
    let usual: Vec<String> = KERNELS.iter().map(ToString::to_string).collect();
    let home = corpus::home().join("archive");
    let kernels = home.join("kernels");
    for name in if names.is_empty() { &usual } else { names } {
        // What an older suite has no more is no reason not to look at the others.
        if let Err(error) = corpus::keep_packages(name, &kernels.join(name)) {
            println!("{name}: left out: {error}");
        }
    }
    let apt = corpus::apt("bookworm", "amd64")?;
    for name in SOURCES {
        let folder = home.join("sources").join(name);
        if !folder.exists() {
            apt.download(&apt.show(name)?, &folder)?;
        }
    }
    let symgate = shell::symgate()?;
    let run = |results: &Path| {
        let mut command = Command::new(&symgate);
        command.args(["check", "--format", "ndjson", "--today", TODAY, "--kernels"]).arg(&kernels);
        command.arg("--resume").arg("-o").arg(results);
        command.arg(&kernels).arg(home.join("sources"));
        command.stdout(Stdio::null());
        command
    };
    let (broken, whole) = (home.join("results.ndjson"), home.join("whole.ndjson"));
    for old in [&broken, &whole] {
        let _ = fs::remove_file(old);
    }
    let started = Instant::now();
    ended(&mut run(&whole), &whole)?;
    let lines = fs::read_to_string(&whole).map_err(TaskError::io(&whole))?;
    let count = lines.lines().count();
    println!("{count} packages in {:.0} s", started.elapsed().as_secs_f64());
    interrupted(&mut run(&broken), &broken, count / 2)?;
    let before = fs::read_to_string(&broken).map_err(TaskError::io(&broken))?.lines().count();
    ended(&mut run(&broken), &broken)?;
    let again = fs::read_to_string(&broken).map_err(TaskError::io(&broken))?;
    if again != lines {
        return Err(TaskError::Other(format!("{} and {} differ", broken.display(), whole.display())));
    }
    println!("killed after {before} of {count}, gone on with: the same lines as of a run in one piece");
    Ok(())
}

/// The day by which expiry is judged, so that a run that goes on the next day goes on with the same.
const TODAY: &str = "2026-12-01";

/// Runs it to its end.
fn ended(command: &mut Command, results: &Path) -> Result<(), TaskError> {
    let status = command.status().map_err(TaskError::io(results))?;
    match status.code() {
        // Whether all is well is for who reads the lines.
        Some(0 | 1 | 3) => Ok(()),
        code => Err(TaskError::Other(format!("it ended with {code:?}"))),
    }
}

/// Runs it until so many lines are there, and kills it a moment later, in the middle of the next.
fn interrupted(command: &mut Command, results: &Path, lines: usize) -> Result<(), TaskError> {
    let mut child = command.spawn().map_err(TaskError::io(results))?;
    let there = || fs::read_to_string(results).map_or(0, |text| text.lines().count());
    while there() < lines {
        if child.try_wait().map_err(TaskError::io(results))?.is_some() {
            return Err(TaskError::Other("it ended before it could be killed".to_owned()));
        }
        sleep(Duration::from_millis(50));
    }
    sleep(Duration::from_millis(700));
    child.kill().and_then(|()| child.wait()).map(|_| ()).map_err(TaskError::io(results))
}
