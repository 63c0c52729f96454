// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--format ndjson`: each input is judged apart from the others, and told as soon as it is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::super::Exit;
use super::super::common::{CliError, TrustArgs};
use super::super::output;
use super::{Args, roots};
use crate::allowlist::Allowlists;
use crate::batch::{self, Journal, Kernel, Kernels, Outcome};
use crate::check::Gathered;
use crate::gate::Terms;
use crate::input::{InputError, InputErrorKind, door};
use crate::report::json::{self, Apart};
use crate::report::{CheckReport, Roots};

/// What only matters where inputs are judged apart.
#[derive(Debug, clap::Args)]
pub(super) struct ApartArgs {
    /// With --format ndjson: a folder with packages of kernels. What an input's kernel exports is taken from those of its version,
    /// and what is in them is the kernel's own [repeatable]
    #[arg(long, value_name = "DIR")]
    kernels: Vec<PathBuf>,

    /// With --format ndjson and --output: go on with that file; what was judged before in the same way, and is unchanged, is not
    /// judged again
    #[arg(long, requires = "output")]
    resume: bool,
}

impl ApartArgs {
    pub(super) fn is_asked_for(&self) -> bool {
        self.resume || !self.kernels.is_empty()
    }
}

/// Judges each input apart, in the order given.
pub(super) fn run(args: &Args, trust: &TrustArgs, allowlists: &Allowlists, terms: &Terms) -> Result<Exit, CliError> {
    let inputs = batch::inputs(&args.inputs).map_err(CliError::Input)?;
    let mut kernels = Kernels::read(&args.apart.kernels).map_err(CliError::Input)?;
    let judged_by = judged_by(args, &kernels, allowlists, terms).map_err(CliError::Input)?;
    let hashes: Vec<_> = inputs.par_iter().map(|input| sha256(input)).collect();
    let mut lines = Lines::open(args, &judged_by, &inputs, &hashes)?;
    let run = Run { args, trust, allowlists, terms, judged_by: &judged_by, roots: roots(&args.source_root) };
    let (mut exit, mut already) = (Exit::Clean, 0);
    for (input, sha256) in inputs.iter().zip(hashes) {
        let path = input.display().to_string();
        if let (Lines::Kept(journal), Ok(Some(sha256))) = (&lines, &sha256)
            && let Some(outcome) = journal.outcome(&path, sha256)
        {
            already += 1;
            exit = worse(exit, outcome);
            continue;
        }
        let mut line = Vec::new();
        let outcome = match sha256 {
            Ok(sha256) => run.one(input, &path, sha256.as_deref(), kernels.of_package(input), &mut line)?,
            Err(error) => run.failed(&path, None, error.to_string(), &mut line)?,
        };
        lines.add(&line)?;
        exit = worse(exit, outcome);
    }
    if already > 0 {
        output::say(&format!("{already} of {} inputs were judged before", inputs.len()));
    }
    Ok(exit)
}

/// Of how two inputs came out, what the run's exit status tells.
fn worse(exit: Exit, outcome: Outcome) -> Exit {
    match (exit, outcome) {
        (Exit::NoFacts, _) | (_, Outcome::NoFacts) => Exit::NoFacts,
        (Exit::Denied, _) | (_, Outcome::Denied) => Exit::Denied,
        _ => exit,
    }
}

/// Where the lines go.
enum Lines {
    /// To a file that the next run may go on with.
    Kept(Journal),
    File(BufWriter<File>),
    Stdout,
}

impl Lines {
    fn open(
        args: &Args,
        judged_by: &str,
        inputs: &[PathBuf],
        hashes: &[io::Result<Option<String>>],
    ) -> Result<Self, CliError> {
        let Some(path) = &args.output.output else { return Ok(Self::Stdout) };
        door::takes_a_report(path).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
        if !args.apart.resume {
            return Ok(Self::File(BufWriter::new(File::create(path)?)));
        }
        let failed = |error: batch::JournalError| CliError::Usage(format!("can't go on with {error}"));
        let hashes = inputs
            .iter()
            .zip(hashes)
            .filter_map(|(input, hash)| Some((input.display().to_string(), hash.as_ref().ok()?.clone()?)));
        let journal = Journal::resume(path, json::APART, judged_by, &hashes.collect()).map_err(failed)?;
        if journal.left_out > 0 {
            let (path, count) = (path.display(), journal.left_out);
            output::say(&format!("{path}: lines left out, of another policy, day or options, or broken: {count}"));
        }
        Ok(Self::Kept(journal))
    }

    /// Writes a line at once: whoever waits for it may be another program.
    fn add(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Kept(journal) => journal.add(line),
            Self::File(file) => file.write_all(line).and_then(|()| file.flush()),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(line).and_then(|()| stdout.flush())
            }
        }
    }
}

/// What is the same for all inputs.
struct Run<'a> {
    args: &'a Args,
    trust: &'a TrustArgs,
    allowlists: &'a Allowlists,
    terms: &'a Terms,
    judged_by: &'a str,
    roots: Roots,
}

impl Run<'_> {
    /// Judges one input, and writes its line.
    fn one(
        &self,
        input: &Path,
        path: &str,
        sha256: Option<&str>,
        kernel: Option<&Kernel>,
        line: &mut Vec<u8>,
    ) -> Result<Outcome, CliError> {
        let mut options = self.args.input.clone();
        let mut trust = self.trust.clone();
        if let Some(kernel) = kernel {
            options.symvers.extend(kernel.exports.clone());
            trust.kernel_package.extend(kernel.packages.clone());
        }
        let mut gathered = match options.gather(&[input.to_owned()], &trust, self.allowlists, true) {
            Ok(gathered) => gathered,
            Err(error) => return self.failed(path, sha256, error.to_string(), line),
        };
        let is_empty = |error: &InputError| matches!(error.kind, InputErrorKind::NoModules);
        let has_nothing =
            gathered.modules.is_empty() && !gathered.errors.is_empty() && gathered.errors.iter().all(is_empty);
        if has_nothing {
            gathered.errors.clear();
        }
        let versions = versions(&gathered);
        if let (Some(kernel), true) = (kernel, versions.len() > 1) {
            let several: Vec<&str> = versions.iter().map(String::as_str).collect();
            let reason =
                format!("holds modules of several kernels ({}), and {} is one", several.join(", "), kernel.version);
            gathered.errors.push(InputError::new(path, InputErrorKind::Package(reason)));
        }
        let context = gathered.context(self.allowlists, self.terms.clone());
        let mut judged = gathered.judge(&context);
        let located = gathered.locate(&mut judged);
        let report = CheckReport {
            context: &context,
            gathered: &gathered,
            judged: &judged,
            located: &located,
            roots: &self.roots,
            all: self.args.all,
        };
        let outcome = match super::exit(&report) {
            Exit::Clean if has_nothing => Outcome::NothingToJudge,
            Exit::Clean => Outcome::Clean,
            Exit::Denied => Outcome::Denied,
            Exit::NoFacts | Exit::Usage => Outcome::NoFacts,
        };
        let kernels = versions.iter().map(String::as_str).collect();
        let apart = Apart { path, sha256, judged_by: self.judged_by, outcome, kernels, error: None };
        json::apart(line, &apart, Some(&report))?;
        Ok(outcome)
    }

    /// Writes the line of an input that could not be begun.
    fn failed(&self, path: &str, sha256: Option<&str>, error: String, line: &mut Vec<u8>) -> Result<Outcome, CliError> {
        output::say_error(&format!("{path}: {error}"));
        let (judged_by, outcome) = (self.judged_by, Outcome::NoFacts);
        json::apart(line, &Apart { path, sha256, judged_by, outcome, kernels: Vec::new(), error: Some(error) }, None)?;
        Ok(outcome)
    }
}

/// The versions of the kernels that modules say they are for.
fn versions(gathered: &Gathered) -> BTreeSet<String> {
    let versions =
        gathered.modules.iter().filter_map(|module| module.facts.modinfo.first("vermagic")?.split(' ').next());
    versions.map(str::to_owned).collect()
}

/// The hash of a file's content; what is none has none, and is judged anew each time.
fn sha256(path: &Path) -> io::Result<Option<String>> {
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let (mut hash, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(Some(crate::text::digits(&hash.finalize()))),
            count => hash.update(part.get(..count).unwrap_or_default()),
        }
    }
}

/// The hash of all that a result depends on but for the input: who judges, by what, and how.
fn judged_by(args: &Args, kernels: &Kernels, allowlists: &Allowlists, terms: &Terms) -> Result<String, InputError> {
    let mut hash = blake3::Hasher::new();
    let mut add = |text: &str| {
        hash.update(text.as_bytes());
        hash.update(b"\0");
    };
    add(env!("CARGO_PKG_VERSION"));
    add(&allowlists.sha256);
    add(&format!("{terms:?} {:?} {:?} {} {:?}", args.trust, args.origin, args.all, args.source_root));
    for path in &args.input.symvers {
        let failed = |error: io::Error| InputError::new(path.display().to_string(), error.into());
        add(&sha256(path).map_err(failed)?.unwrap_or_default());
    }
    for package in kernels.packages() {
        let len = package.metadata().map_or(0, |meta| meta.len());
        add(&format!("{} {len}", package.display()));
    }
    Ok(hash.finalize().to_hex().to_string())
}
