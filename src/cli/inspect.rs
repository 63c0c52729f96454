// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate inspect`: all there is to say of a module.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;

use super::Exit;
use super::common::{CliError, InputArgs, OutputArgs, TrustArgs, today};
use super::output::{self, Stream};
use crate::allowlist::Date;
use crate::gate::{Profile, Terms};
use crate::report;

/// Show all there is to say of modules: identity, imports by tier, exports, findings
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate inspect amdgpu.ko
  symgate inspect --symvers Module.symvers --format json foo.ko.xz")]
pub(super) struct Args {
    /// Modules, or directories that are searched for modules
    #[arg(required = true, value_name = "MODULE")]
    modules: Vec<PathBuf>,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    trust: TrustArgs,

    /// Judge expiry by this day instead of SOURCE_DATE_EPOCH or the clock
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,

    /// How the modules are shown
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    #[command(flatten)]
    output: OutputArgs,

    /// List aliases and parameter types, too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// For scripts
    Json,
}

/// Showing is not judging: the exit status tells only whether everything could be read.
pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.input.load_allowlists()?;
    let today = today(args.today, &allowlists)?;
    args.input.in_pool(|| {
        let gathered = args.input.gather(&args.modules, &args.trust, &allowlists, true)?;
        output::say_errors(&gathered.errors);
        let terms = Terms { profile: Profile::Audit, today, signatures: false, overrides: BTreeMap::new() };
        let context = gathered.context(&allowlists, terms);
        let mut judged = gathered.judge(&context);
        gathered.locate(&mut judged);
        let judgements = judged.modules;
        output::write(&args.output, Stream::Stdout, &args.modules, |out| match args.format {
            Format::Human => {
                judgements.iter().try_for_each(|judgement| report::inspect::human(out, judgement, args.all))
            }
            Format::Json => report::inspect::json(out, &judgements),
        })?;
        Ok(if gathered.errors.is_empty() { Exit::Clean } else { Exit::NoFacts })
    })?
}
