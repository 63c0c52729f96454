// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate audit`: a report on a system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::Exit;
use super::common::{CliError, InputArgs, OutputArgs, TrustArgs, today};
use super::output::{self, Stream};
use crate::allowlist::Date;
use crate::audit::Audit;
use crate::check::Judged;
use crate::gate::{Context, Profile, Terms};
use crate::report::audit::{self, AuditReport, KernelReport};
use crate::report::{CheckReport, Roots};

/// Report on a system: its modules from outside of the kernel, what is loaded, and what each gets at, with evidence
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate audit                                       the system that runs, and the kernel that runs on it
  symgate audit --format html -o audit.html           the same as a page to look at
  symgate audit --root /mnt --kernel 6.1.0-57-amd64   another system, by its files
  symgate audit foo-modules.deb bar.rpm               packages

Exit status: 0, or 1 if --fail-on names what was found; 2 wrong usage or a bad allowlist, \
3 there is nothing to report on.")]
pub(super) struct Args {
    /// Packages, images, folders or modules to report on, in place of a system
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// The root of the system: links in it lead within it. What is loaded there is told by its proc/ and sys/, if it has them
    #[arg(long, value_name = "DIR", default_value = "/", conflicts_with = "inputs")]
    root: PathBuf,

    /// A kernel of the system [repeatable] [default: the one that runs, or else all that are installed]
    #[arg(long, value_name = "VERSION", conflicts_with = "inputs")]
    kernel: Vec<String>,

    /// End with 1 if there is any of these
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    fail_on: Vec<Concern>,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    trust: TrustArgs,

    /// The day by which expiry is judged [default: SOURCE_DATE_EPOCH, or today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,

    /// How it is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    /// Tell of all modules and all their imports, not only of what matters
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people at a terminal
    #[default]
    Human,
    /// For scripts
    Json,
    /// For a ticket or a merge request
    Markdown,
    /// One page for a browser, with all its evidence; it asks for nothing else
    Html,
}

/// What a run can be asked to fail on.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Concern {
    /// A module is denied
    Denied,
    /// A module is warned of
    Warned,
    /// A module is from outside of the kernel, or not as it was installed
    OutOfTree,
    /// A loaded module is not stored, or another than the stored one
    Differs,
    /// Something could not be read
    Unread,
}

impl Concern {
    fn is_in(self, report: &AuditReport<'_>) -> bool {
        let sums = report.sums();
        match self {
            Self::Denied => sums.denied > 0,
            Self::Warned => sums.warned > 0,
            Self::OutOfTree => sums.out_of_tree > 0,
            Self::Differs => sums.differ + sums.only_loaded > 0,
            Self::Unread => report.has_unread(),
        }
    }
}

/// Columns of a report that is not written to a terminal.
const WIDTH: u16 = 100;

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.input.load_allowlists()?;
    let terms = Terms {
        profile: Profile::Audit,
        today: today(args.today, &allowlists)?,
        signatures: args.trust.verify_signatures,
        overrides: BTreeMap::new(),
    };
    args.input.in_pool(|| {
        // A broken signature is a sign, whoever bears it.
        let trust = TrustArgs { verify_signatures: true, ..args.trust.clone() };
        let (inputs, named) = args.input.inputs(&args.inputs, &trust, true);
        let audit = output::watched(&inputs.progress, || match args.inputs.as_slice() {
            [] => Audit::of_system(&args.root, &args.kernel, &inputs, &named, &allowlists),
            _ => Audit::of_inputs(&inputs, &named, &allowlists),
        })?;
        let contexts: Vec<Context<'_>> =
            audit.kernels.iter().map(|kernel| kernel.gathered.context(&allowlists, terms.clone())).collect();
        let mut judged: Vec<Judged<'_>> =
            audit.kernels.iter().zip(&contexts).map(|(kernel, context)| kernel.gathered.judge(context)).collect();
        let located: Vec<_> =
            audit.kernels.iter().zip(&mut judged).map(|(kernel, judged)| kernel.gathered.locate(judged)).collect();
        let roots = Roots::new([]);
        let parts = audit.kernels.iter().zip(&contexts).zip(judged.iter().zip(&located));
        let kernels = parts.map(|((kernel, context), (judged, located))| {
            let (gathered, roots) = (&kernel.gathered, &roots);
            KernelReport::new(kernel, CheckReport { context, gathered, judged, located, roots, all: args.all })
        });
        let report = AuditReport { audit: &audit, kernels: kernels.collect(), all: args.all };
        write(args, &report)?;
        let exit = exit(args, &report);
        if exit == Exit::NoFacts {
            output::say_error("there is nothing to report on: no module is there, and none is loaded");
        }
        std::mem::forget(audit);
        Ok(exit)
    })?
}

fn write(args: &Args, report: &AuditReport<'_>) -> Result<(), CliError> {
    output::write(&args.output, Stream::Stdout, &args.inputs, |out| match args.format {
        Format::Human => audit::human::write(out, report, width(args.output.output.as_deref())),
        Format::Json => audit::json::write(out, report),
        Format::Markdown => audit::markdown::write(out, report),
        Format::Html => audit::html::write(out, report),
    })?;
    Ok(())
}

/// How many columns there are.
fn width(file: Option<&Path>) -> u16 {
    let terminal = if file.is_some() { None } else { terminal_size::terminal_size_of(std::io::stdout()) };
    terminal.map_or(WIDTH, |(terminal_size::Width(columns), _)| columns)
}

fn exit(args: &Args, report: &AuditReport<'_>) -> Exit {
    if report.is_of_nothing() {
        Exit::NoFacts
    } else if args.fail_on.iter().any(|concern| concern.is_in(report)) {
        Exit::Denied
    } else {
        Exit::Clean
    }
}
