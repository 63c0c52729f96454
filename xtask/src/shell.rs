// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a chore failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A program could not be started or failed.
    #[error("{command}: {reason}")]
    Command { command: String, reason: String },
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl TaskError {
    /// Puts a path to an I/O error.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Runs a program and returns what it printed; it is an error if it fails.
pub fn output<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Result<Vec<u8>, TaskError> {
    let mut command = Command::new(program);
    // What others print must not depend on whose machine this is.
    command.args(args).env("LC_ALL", "C").stdin(Stdio::null());
    let fail = |reason: String| TaskError::Command { command: program.to_owned(), reason };
    let output = command.output().map_err(|error| fail(error.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(fail(format!("{} ({said})", output.status)))
}

/// What a program said, however it ended.
#[derive(Debug)]
pub struct Said {
    /// None if a signal ended it.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program in a folder and returns what it said; it is an error only if it can't be run.
pub fn attempt<S: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = S>,
    folder: &Path,
) -> Result<Said, TaskError> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env("LC_ALL", "C").stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| TaskError::Command { command: program.display().to_string(), reason: error.to_string() })?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Said { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
}

/// The same as text.
pub fn text<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Result<String, TaskError> {
    Ok(String::from_utf8_lossy(&output(program, args)?).into_owned())
}

/// The repository's folder.
pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// Builds symgate as users get it, and returns where the program is.
pub fn symgate() -> Result<PathBuf, TaskError> {
    let root = repository();
    let manifest = root.join("Cargo.toml");
    output(
        "cargo",
        ["build", "--quiet", "--release", "--manifest-path"].map(OsStr::new).into_iter().chain([manifest.as_os_str()]),
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/symgate"))
}
