// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry lint`: what is wrong with allowlists, or old, or dead.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::Exit;
use super::super::common::{AllowlistArgs, CliError, InputArgs, OutputArgs, TrustArgs, today};
use super::super::output::{self, Stream};
use crate::allowlist::{Date, lint};
use crate::module::ModuleName;

/// Tell everything that is wrong with the allowlists, each with file, line and column
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate registry lint
  symgate registry lint --allowlists allowlists/ --against /lib/modules/$(uname -r)

Exit status: 0 nothing to say, 1 something is old, dead or leads nowhere, 2 the allowlists can't be used.")]
pub(super) struct Args {
    #[command(flatten)]
    allowlists: AllowlistArgs,

    /// A tree of modules that registrations and waivers are to fit
    #[arg(long, value_name = "TREE")]
    against: Vec<PathBuf>,

    /// Judge age and expiry by this day instead of SOURCE_DATE_EPOCH or the clock
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.allowlists.load()?;
    let today = today(args.today, allowlists.policy.date)?;
    let mut tree: Option<BTreeSet<ModuleName>> = None;
    if !args.against.is_empty() {
        let gathered = InputArgs::default().gather(&args.against, &TrustArgs::default(), &allowlists, false)?;
        output::say_errors(&gathered.errors);
        if !gathered.errors.is_empty() {
            return Ok(Exit::NoFacts);
        }
        tree = Some(gathered.modules.iter().filter_map(|module| module.facts.name.clone()).collect());
    }
    let remarks = lint::lint(&allowlists, today, tree.as_ref());
    output::write(&args.output, Stream::Stdout, &[], |out| {
        remarks.iter().try_for_each(|remark| writeln!(out, "{remark}"))
    })?;
    Ok(if remarks.is_empty() { Exit::Clean } else { Exit::Denied })
}
