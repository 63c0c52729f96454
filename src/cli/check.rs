// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate check`: the gate.

mod batch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;

use super::Exit;
use super::common::{CliError, InputArgs, OutputArgs, TrustArgs, today};
use super::output::{self, ColorChoice, Stream};
use crate::allowlist::{Allowlists, Date, Lock, TakenFrom};
use crate::check::Gathered;
use crate::gate::{Level, Profile, Terms, rules};
use crate::input::{InputError, InputErrorKind};
use crate::report::{self, CheckReport, Roots};

/// Judge modules: which get at a family, and whether each may
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate check --symvers /usr/src/linux-headers-$(uname -r)/Module.symvers /lib/modules/$(uname -r)
  symgate check --symvers /boot/vmlinuz-$(uname -r) /lib/modules/$(uname -r)
  symgate check --profile kbuild --format kbuild --symvers Module.symvers foo.ko
  symgate check --format json --today 2026-12-01 foo.ko

Exit status: 0 nothing denied, 1 something denied, 2 wrong usage or a bad allowlist, \
3 an input yielded no facts, whatever else was found.")]
pub(super) struct Args {
    /// Modules or their objects, directories that are searched for modules, .deb and .rpm packages, initramfs images,
    /// modules.order or Module.symvers files, kernel images, or @FILE with a path on each line
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    trust: TrustArgs,

    /// The word of whoever runs this that all inputs were taken from there (such as dkms/evdi), for registrations and waivers
    /// that ask for that; none of them is the kernel's own by its own word then
    #[arg(long, value_name = "KIND/NAME")]
    origin: Option<TakenFrom>,

    /// How strict, and in which surroundings
    #[arg(long, value_enum, default_value_t, value_name = "PROFILE")]
    profile: ProfileArg,

    /// Let this rule deny [repeatable]
    #[arg(long, value_name = "RULE", value_parser = rule)]
    deny: Vec<&'static str>,

    /// Let this rule only warn [repeatable]
    #[arg(long, value_name = "RULE", value_parser = rule)]
    warn: Vec<&'static str>,

    /// Leave this rule out [repeatable]
    #[arg(long, value_name = "RULE", value_parser = rule)]
    allow: Vec<&'static str>,

    /// Judge expiry by this day instead of SOURCE_DATE_EPOCH or the clock
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,

    /// How the report is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    /// A folder that paths in debug info begin with where the module was built, such as /build/foo-1.0: in sarif, github, gitlab and
    /// markdown paths are told from it, or from the current folder [repeatable]
    #[arg(long, value_name = "DIR")]
    source_root: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    apart: batch::ApartArgs,

    /// Write the paths of the modules that are denied to this file, too, one on a line: for a step that has to take them out
    #[arg(long, value_name = "FILE")]
    list_denied: Option<PathBuf>,

    /// Say on standard error how many modules were read
    #[arg(short, long)]
    verbose: bool,

    /// Show modules and imports that nothing was said of, too
    #[arg(long)]
    all: bool,

    /// Take a directory without a module in it for an empty one
    #[arg(long)]
    allow_empty: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// For a build's log, on standard error; silent if all is well
    Kbuild,
    /// For scripts
    Json,
    /// A line of JSON for each input, each judged apart from the others and written as soon as it is there
    Ndjson,
    /// SARIF 2.1.0, for pages of findings
    Sarif,
    /// JUnit's XML: a module is a test
    Junit,
    /// GitHub's workflow commands
    Github,
    /// GitLab's code quality report
    Gitlab,
    /// A summary for a merge request
    Markdown,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ProfileArg {
    /// A step of a build: silent where modpost has spoken
    Kbuild,
    /// A package build or its CI
    #[default]
    Distro,
    /// A look at a system
    Audit,
}

impl From<ProfileArg> for Profile {
    fn from(profile: ProfileArg) -> Self {
        match profile {
            ProfileArg::Kbuild => Self::Kbuild,
            ProfileArg::Distro => Self::Distro,
            ProfileArg::Audit => Self::Audit,
        }
    }
}

/// The id of a rule that is given by id or name.
fn rule(text: &str) -> Result<&'static str, String> {
    rules::find(text).map(|rule| rule.id).ok_or_else(|| {
        let ids: Vec<_> = rules::ALL.iter().map(|rule| rule.id).collect();
        format!("there is no such rule; there are {}", ids.join(", "))
    })
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.input.load_allowlists()?;
    let terms = Terms {
        profile: args.profile.into(),
        today: today(args.today, &allowlists)?,
        signatures: args.trust.verify_signatures,
        overrides: overrides(args, &allowlists.lock)?,
    };
    let trust = TrustArgs { origin: args.origin.clone(), ..args.trust.clone() };
    args.input.in_pool(|| match args.format {
        Format::Ndjson => batch::run(args, &trust, &allowlists, &terms),
        _ => together(args, &trust, &allowlists, terms),
    })?
}

/// Judges all inputs as one.
fn together(args: &Args, trust: &TrustArgs, allowlists: &Allowlists, terms: Terms) -> Result<Exit, CliError> {
    if args.apart.is_asked_for() {
        return Err(CliError::Usage(
            "--resume and --kernels are for inputs that are judged apart (--format ndjson)".to_owned(),
        ));
    }
    let mut gathered = args.input.gather(&args.inputs, trust, allowlists, true)?;
    if args.allow_empty {
        gathered.errors.retain(|error| !matches!(error.kind, InputErrorKind::NoModules));
    } else if gathered.is_nothing() {
        // Only a Module.symvers was given: nothing was judged, so nothing passes.
        let input = args.inputs.first().map(|path| path.display().to_string()).unwrap_or_default();
        gathered.errors.push(InputError::new(input, InputErrorKind::NoModules));
    }
    let exit = reported(args, &gathered, allowlists, terms, &roots(&args.source_root), |report| show(args, report))?;
    if args.verbose {
        output::say(&gathered.tell_reading());
    }
    // The process ends here: giving back the facts of four thousand modules one by one is wasted time.
    std::mem::forget(gathered);
    Ok(exit)
}

/// Judges what was gathered, and hands on the report.
fn reported<T>(
    args: &Args,
    gathered: &Gathered,
    allowlists: &Allowlists,
    terms: Terms,
    roots: &Roots,
    hand_on: impl FnOnce(&CheckReport<'_>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let context = gathered.context(allowlists, terms);
    let mut judged = gathered.judge(&context);
    let located = gathered.locate(&mut judged);
    let (context, judged, located) = (&context, &judged, &located);
    hand_on(&CheckReport { context, gathered, judged, located, roots, all: args.all })
}

/// Writes the report.
fn show(args: &Args, report: &CheckReport<'_>) -> Result<Exit, CliError> {
    let kbuild = matches!(args.format, Format::Kbuild);
    let is_told = |error: &InputError| match args.format {
        // In a build's log the report stands on the same stream.
        Format::Kbuild => error.is_malformed(),
        // A file's name could be a command to whoever reads the log.
        Format::Github => true,
        _ => false,
    };
    output::say_errors(report.gathered.errors.iter().filter(|error| !is_told(error)));
    // First of all: whoever takes out what is denied has to know it even if nobody can read the report.
    if let Some(path) = &args.list_denied {
        let denied = report.gathered.denied(report.judged);
        let list = OutputArgs { output: Some(path.clone()), color: ColorChoice::Never };
        output::write(&list, Stream::Stdout, &args.inputs, |out| {
            denied.iter().try_for_each(|path| writeln!(out, "{path}"))
        })?;
    }
    let stream = if kbuild { Stream::Stderr } else { Stream::Stdout };
    output::write(&args.output, stream, &args.inputs, |out| match args.format {
        Format::Human => report::human::check(out, report),
        Format::Kbuild => report::kbuild::check(out, report),
        Format::Json | Format::Ndjson => report::json::check(out, report),
        Format::Sarif => report::sarif::check(out, report),
        Format::Junit => report::junit::check(out, report),
        Format::Github => report::github::check(out, report),
        Format::Gitlab => report::gitlab::check(out, report),
        Format::Markdown => report::markdown::check(out, report),
    })?;
    Ok(exit(report))
}

fn exit(report: &CheckReport<'_>) -> Exit {
    if !report.gathered.errors.is_empty() {
        Exit::NoFacts
    } else if report.passes() {
        Exit::Clean
    } else {
        Exit::Denied
    }
}

/// What paths are told from: what is named, and the current folder.
fn roots(named: &[PathBuf]) -> Roots {
    let here = std::env::current_dir().ok();
    Roots::new(named.iter().chain(&here).map(|folder| folder.display().to_string()))
}

fn overrides(args: &Args, lock: &Lock) -> Result<BTreeMap<String, Level>, CliError> {
    let mut overrides = BTreeMap::new();
    for (level, rules) in [(Level::Deny, &args.deny), (Level::Warn, &args.warn), (Level::Allow, &args.allow)] {
        for rule in rules {
            // To be stricter than the policy is nobody's harm.
            if let Some(by) = lock.rules.get(*rule).filter(|_| level != Level::Deny) {
                return Err(CliError::Usage(format!("{rule} is locked by {by}, and can't be set to {level}")));
            }
            if overrides.insert((*rule).to_owned(), level).is_some_and(|other| other != level) {
                return Err(CliError::Usage(format!("{rule} is set to two levels at once")));
            }
        }
    }
    Ok(overrides)
}
