// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where output goes: results to standard output or a file, diagnostics to standard error.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anstream::AutoStream;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::common::OutputArgs;
use crate::input::{InputError, door};
use crate::progress::Progress;
use crate::text;

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<ColorChoice> for anstream::ColorChoice {
    fn from(choice: ColorChoice) -> Self {
        match choice {
            ColorChoice::Auto => Self::Auto,
            ColorChoice::Always => Self::Always,
            ColorChoice::Never => Self::Never,
        }
    }
}

/// Where a report goes that was not told to go to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Results.
    Stdout,
    /// What a build's log shows.
    Stderr,
}

/// Writes a report, but over none of the inputs. A reader that stops reading is no failure: the exit status tells all the same.
pub(super) fn write(
    args: &OutputArgs,
    stream: Stream,
    inputs: &[PathBuf],
    report: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let written = match (&args.output, stream) {
        (Some(path), _) => {
            if inputs.iter().any(|input| is_same(input, path)) {
                let message = format!("{} is an input, too", path.display());
                return Err(io::Error::new(ErrorKind::InvalidInput, message));
            }
            let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            // To open a FIFO is to wait for its reader.
            door::takes_a_report(path).map_err(|error| io::Error::new(ErrorKind::InvalidInput, named(&error)))?;
            let file = File::create(path).map_err(|error| io::Error::new(error.kind(), named(&error)))?;
            let choice = match args.color {
                ColorChoice::Always => anstream::ColorChoice::Always,
                ColorChoice::Auto | ColorChoice::Never => anstream::ColorChoice::Never,
            };
            finish(BufWriter::new(AutoStream::new(file, choice)), report)
        }
        (None, Stream::Stdout) => {
            finish(BufWriter::new(AutoStream::new(io::stdout().lock(), args.color.into())), report)
        }
        (None, Stream::Stderr) => {
            finish(BufWriter::new(AutoStream::new(io::stderr().lock(), args.color.into())), report)
        }
    };
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Whether two paths lead to one file.
pub(super) fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn finish(mut out: impl Write, report: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    report(&mut out)?;
    out.flush()
}

/// What takes longer than this shows how far it has come.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often that is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Works, and shows on a terminal how far it has come if it takes long.
pub(super) fn watched<T>(progress: &Progress, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    thread::scope(|scope| {
        // That the sender is gone ends it.
        let (working, has_ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            if has_ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                draw(progress, &has_ended);
            }
        });
        let result = work();
        drop(working);
        result
    })
}

fn draw(progress: &Progress, has_ended: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}") {
        bar.set_style(style);
    }
    while has_ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let (done, of) = progress.told();
        bar.set_message(if done < of { "reading" } else { "judging" });
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    }
    bar.finish_and_clear();
}

/// Says on standard error which inputs yielded no facts.
pub(super) fn say_errors<'e>(errors: impl IntoIterator<Item = &'e InputError>) {
    for error in errors {
        say_error(&error.to_string());
    }
}

/// Says something on standard error that is no fault.
pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr().lock(), "symgate: {message}");
}

/// Says on standard error that something is wrong, in the words that greps for build errors find.
pub(super) fn say_error(message: &str) {
    // Nobody is left to be told when standard error is gone.
    let mut stderr = io::stderr().lock();
    for line in message.lines() {
        let _ = writeln!(stderr, "ERROR: symgate: {}", text::shown(line));
    }
}
