// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running the built program, away from whatever the caller's environment says.

pub(crate) mod bomb;
pub(crate) mod elf;
pub(crate) mod ko;
pub(crate) mod lists;
pub(crate) mod pack;
pub(crate) mod rpm;
pub(crate) mod vmlinux;

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The day on which all tests take place.
pub(crate) const TODAY: &str = "2026-12-01";

/// What a run printed, with paths made the same everywhere.
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl Run {
    /// All of it as one text, for a snapshot.
    pub(crate) fn all(&self) -> String {
        format!("exit status: {}\n----- stdout\n{}----- stderr\n{}", self.status, self.stdout, self.stderr)
    }

    /// Standard output as JSON that follows its schema.
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).expect("standard output is JSON");
        validate(&value);
        value
    }
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A path below `testdata/`.
pub(crate) fn testdata(path: &str) -> PathBuf {
    root().join("testdata").join(path)
}

/// The program with these arguments, in the repository's folder.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symgate"));
    command.current_dir(root()).args(args).env_clear();
    command
}

/// Runs the program.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    finish(&mut command(args))
}

/// Runs a command of the program's to its end.
pub(crate) fn finish(command: &mut Command) -> Run {
    let output = command.output().expect("the program starts");
    told(output.stdout, output.stderr, output.status)
}

fn told(stdout: Vec<u8>, stderr: Vec<u8>, status: std::process::ExitStatus) -> Run {
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("output is UTF-8");
        text.replace(&root().display().to_string(), "@ROOT@")
    };
    Run { stdout: text(stdout), stderr: text(stderr), status: status.code().expect("no signal ended it") }
}

/// Runs the program with two threads, two GB of address space and a minute: what takes more has failed.
pub(crate) fn bounded<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new("/bin/sh");
    let script = "ulimit -v 2000000 && exec \"$0\" \"$@\" --jobs 2";
    command.current_dir(root()).env_clear().args(["-c", script, env!("CARGO_BIN_EXE_symgate")]).args(args);
    let run = watched(&mut command);
    assert!(!run.stderr.contains("panicked") && !run.stderr.contains("symgate failed on it"), "{}", run.all());
    run
}

/// Runs a command for at most a minute. Its output goes to files, because nobody reads while it runs.
pub(crate) fn watched(command: &mut Command) -> Run {
    let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
    let to = |file: &std::fs::File| Stdio::from(file.try_clone().expect("a second handle"));
    let started = Instant::now();
    let mut child = command.stdout(to(&stdout)).stderr(to(&stderr)).spawn().expect("the program starts");
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our own") {
            break status;
        }
        if started.elapsed() > Duration::from_mins(1) {
            child.kill().expect("it is our own");
            panic!("it still runs after a minute");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).expect("its output");
        bytes
    };
    told(text(&mut stdout), text(&mut stderr), status)
}

/// `symgate check` on the day of the tests.
pub(crate) fn check(args: &[&str]) -> Run {
    run(["check", "--today", TODAY].iter().chain(args))
}

/// `symgate check` of one file of this name, within bounds.
pub(crate) fn check_file(name: &str, bytes: &[u8]) -> Run {
    let folder = folder();
    bounded(["check", &write(folder.path(), name, bytes)])
}

/// A module that gets at DMA-BUF and is not registered.
pub(crate) fn gets() -> Vec<u8> {
    std::fs::read(testdata("6.1/sg_get.ko")).expect("it ships")
}

/// A module that gets at nothing.
pub(crate) fn harmless() -> Vec<u8> {
    std::fs::read(testdata("6.1/sg_harmless.ko")).expect("it ships")
}

/// Checks a document against the schema that it names.
pub(crate) fn validate(document: &Value) {
    let name = document["schema"].as_str().expect("a document names its schema").replace('/', "-");
    let path = root().join(format!("docs/schema/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
}

/// A folder that goes when the test ends.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a file into a folder, and returns its path as text.
pub(crate) fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).expect("folders can be made");
    }
    std::fs::write(&path, bytes).expect("files can be written");
    path.display().to_string()
}
