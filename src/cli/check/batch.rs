// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--format ndjson`: each input is judged apart from the others, and told as soon as it is.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::super::Exit;
use super::super::common::{CliError, TrustArgs};
use super::super::output;
use super::{Args, roots};
use crate::allowlist::Allowlists;
use crate::batch::{self, Input, Journal, Kernel, Kernels, Outcome};
use crate::gate::Terms;
use crate::input::{InputError, InputErrorKind, door};
use crate::report::Roots;
use crate::report::json::{self, Apart};
use crate::text;

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
    if args.list_denied.is_some() || args.allow_empty || args.verbose {
        let refused = "--list-denied, --allow-empty and --verbose are for inputs that are judged together";
        return Err(CliError::Usage(refused.to_owned()));
    }
    let inputs = batch::inputs(&args.inputs).map_err(CliError::Input)?;
    let mut kernels = Kernels::read(&args.apart.kernels).map_err(CliError::Input)?;
    let judged_by = judged_by(args, &kernels, allowlists, terms)?;
    let hashes: Vec<_> = inputs.par_iter().map(|input| Content::of(&input.path)).collect();
    let mut lines = Lines::open(args, &judged_by, &inputs, &hashes)?;
    let run = Run { args, trust, allowlists, terms, judged_by: &judged_by, roots: roots(&args.source_root) };
    // Where nothing at all is judged, nothing passes.
    let mut exit = if inputs.is_empty() { Exit::NoFacts } else { Exit::Clean };
    let (count, mut already) = (inputs.len(), 0);
    for (input, content) in inputs.into_iter().zip(hashes) {
        let path = input.path.display().to_string();
        if let (Lines::Kept(journal), Ok(Some(content))) = (&lines, &content)
            && let Some(outcome) = journal.outcome(&path, &content.sha256)
        {
            already += 1;
            exit = worse(exit, outcome);
            continue;
        }
        let mut line = Vec::new();
        let outcome = match content {
            Ok(content) => {
                let kernel = if input.is_package { kernels.of_package(&input.path) } else { None };
                run.one(input, &path, content.as_ref(), kernel, &mut line)?
            }
            Err(error) => run.failed(&path, None, error.to_string(), &mut line)?,
        };
        lines.add(&line)?;
        exit = worse(exit, outcome);
    }
    if already > 0 {
        output::say(&format!("{already} of {count} inputs were judged before"));
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
        inputs: &[Input],
        hashes: &[io::Result<Option<Content>>],
    ) -> Result<Self, CliError> {
        let Some(path) = &args.output.output else { return Ok(Self::Stdout) };
        let wrong = |error: &dyn std::fmt::Display| CliError::Usage(format!("{}: {error}", path.display()));
        if inputs.iter().flat_map(|input| &input.files).any(|input| output::is_same(input, path)) {
            return Err(wrong(&"it is an input, too"));
        }
        door::takes_a_report(path).map_err(|error| wrong(&error))?;
        if !args.apart.resume {
            return Ok(Self::File(BufWriter::new(File::create(path).map_err(|error| wrong(&error))?)));
        }
        let failed = |error: batch::JournalError| CliError::Usage(format!("can't go on with {error}"));
        let hashes = inputs.iter().zip(hashes).filter_map(|(input, hash)| {
            Some((input.path.display().to_string(), hash.as_ref().ok()?.as_ref()?.sha256.clone()))
        });
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
        input: Input,
        path: &str,
        content: Option<&Content>,
        kernel: Option<&Kernel>,
        line: &mut Vec<u8>,
    ) -> Result<Outcome, CliError> {
        let sha256 = content.map(|content| &*content.sha256);
        let mut options = self.args.input.clone();
        let mut trust = self.trust.clone();
        if let Some(kernel) = kernel {
            options.symvers.extend(kernel.exports.clone());
            trust.kernel_package.extend(kernel.packages.clone());
        }
        let mut gathered = match options.gather(&input.files, &trust, self.allowlists, true) {
            Ok(gathered) => gathered,
            Err(error) => return self.failed(path, sha256, error.to_string(), line),
        };
        gathered.errors.extend(input.errors);
        // What changed has no hash by which the next run could pass it over.
        let has_changed = content.is_some_and(|content| !content.is_still(&input.path));
        let sha256 = sha256.filter(|_| !has_changed);
        if has_changed {
            let changed = io::Error::other("it changed while it was read");
            gathered.errors.push(InputError::new(path, changed.into()));
        }
        let is_empty = |error: &InputError| matches!(error.kind, InputErrorKind::NoModules);
        let has_nothing = input.is_package
            && gathered.modules.is_empty()
            && !gathered.errors.is_empty()
            && gathered.errors.iter().all(is_empty);
        if has_nothing {
            gathered.errors.clear();
        } else if gathered.is_nothing() {
            gathered.errors.push(InputError::new(path, InputErrorKind::NoModules));
        }
        let versions: BTreeSet<String> =
            gathered.modules.iter().filter_map(|module| module.facts.kernel().map(str::to_owned)).collect();
        let doubt = if has_nothing || self.args.apart.kernels.is_empty() { None } else { doubt(kernel, &versions) };
        gathered.errors.extend(doubt.map(|doubt| InputError::new(path, InputErrorKind::Package(doubt))));
        super::reported(self.args, &gathered, self.allowlists, self.terms.clone(), &self.roots, |report| {
            let outcome = match super::exit(report) {
                Exit::Clean if has_nothing => Outcome::NothingToJudge,
                Exit::Clean => Outcome::Clean,
                Exit::Denied => Outcome::Denied,
                Exit::NoFacts | Exit::Usage => Outcome::NoFacts,
            };
            let kernels = versions.iter().map(String::as_str).collect();
            let apart = Apart { path, sha256, judged_by: self.judged_by, outcome, kernels, error: None };
            json::apart(line, &apart, Some(report))?;
            Ok(outcome)
        })
    }

    /// Writes the line of an input that could not be begun.
    fn failed(&self, path: &str, sha256: Option<&str>, error: String, line: &mut Vec<u8>) -> Result<Outcome, CliError> {
        output::say_error(&format!("{path}: {error}"));
        let (judged_by, outcome) = (self.judged_by, Outcome::NoFacts);
        json::apart(line, &Apart { path, sha256, judged_by, outcome, kernels: Vec::new(), error: Some(error) }, None)?;
        Ok(outcome)
    }
}

/// Why it is not known what the kernel of an input's modules exports: that was to be taken from the packages of kernels.
fn doubt(kernel: Option<&Kernel>, versions: &BTreeSet<String>) -> Option<String> {
    let said: Vec<&str> = versions.iter().map(String::as_str).collect();
    match (kernel, said.as_slice()) {
        (None, _) => Some("it is no package whose first module says which kernel it is for".to_owned()),
        (Some(kernel), [one]) if *one != kernel.version => {
            Some(format!("its modules say that they are for {one}, and the first for {}", kernel.version))
        }
        (Some(kernel), [_]) => kernel
            .exports
            .is_none()
            .then(|| format!("no package among --kernels tells what {} exports", kernel.version)),
        (Some(_), several) => Some(format!("it holds modules of several kernels ({})", several.join(", "))),
    }
}

/// What a file held when it was hashed.
struct Content {
    sha256: String,
    stamp: Stamp,
}

/// What changes when somebody writes to a file, or puts another in its place: device, inode, size, time of change.
type Stamp = (u64, u64, u64, i64, i64);

impl Content {
    /// Hashes a file; what is none has no hash, and is judged anew each time.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        // To open a FIFO is to wait for its writer.
        let meta = path.metadata()?;
        if !meta.is_file() {
            return Ok(None);
        }
        let mut file = File::open(path)?;
        let (mut hash, mut part) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut part)? {
                0 => return Ok(Some(Self { sha256: text::digits(&hash.finalize()), stamp: stamp(&meta) })),
                count => hash.update(part.get(..count).unwrap_or_default()),
            }
        }
    }

    /// Whether the file still holds that: nobody touched it since, or not its content.
    fn is_still(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|meta| stamp(&meta) == self.stamp)
            || Self::of(path).is_ok_and(|now| now.is_some_and(|now| now.sha256 == self.sha256))
    }
}

fn stamp(meta: &Metadata) -> Stamp {
    (meta.dev(), meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec())
}

/// The hash of all that a result depends on but for the input: who judges, by what, and how. A run can only be gone on with if that
/// can be told.
fn judged_by(args: &Args, kernels: &Kernels, allowlists: &Allowlists, terms: &Terms) -> Result<String, CliError> {
    let Args { trust, input, apart, .. } = args;
    let named = input.symvers.iter().chain(&trust.kernel_package).chain(&trust.trusted_keys);
    let files: Vec<&PathBuf> = named.chain(kernels.packages()).collect();
    let hashes: Vec<io::Result<Option<Content>>> = files.par_iter().map(|path| Content::of(path)).collect();
    let folders = trust.kernel_build.iter().chain(&trust.context);
    let mut hash = blake3::Hasher::new();
    let mut add = |text: &str| {
        hash.update(text.as_bytes());
        hash.update(b"\0");
    };
    add(concat!(env!("CARGO_PKG_VERSION"), " ", env!("SYMGATE_READERS")));
    add(&allowlists.sha256);
    add(&format!("{terms:?} {trust:?} {:?} {} {:?} {}", args.origin, args.all, args.source_root, input.manner()));
    let unknown = |path: &PathBuf| {
        let path = path.display();
        CliError::Usage(format!(
            "{path}: nobody can tell whether it is unchanged, so that no run can be gone on with (--resume)"
        ))
    };
    for (path, hash) in files.iter().zip(hashes) {
        match hash.map_err(|error| CliError::Input(InputError::new(path.display().to_string(), error.into())))? {
            Some(content) => add(&content.sha256),
            None if apart.resume => return Err(unknown(path)),
            None => {}
        }
    }
    if let Some(folder) = folders.into_iter().find(|_| apart.resume) {
        return Err(unknown(folder));
    }
    Ok(hash.finalize().to_hex().to_string())
}
