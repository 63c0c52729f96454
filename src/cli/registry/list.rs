// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry list`: who is covered by what, and how well.

use clap::ValueEnum;

use super::super::Exit;
use super::super::common::{AllowlistArgs, CliError, OutputArgs};
use super::super::output::{self, Stream};
use crate::report::registry;

/// List registrations with their userspaces and standings
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate registry list
  symgate registry list --format markdown")]
pub(super) struct Args {
    #[command(flatten)]
    allowlists: AllowlistArgs,

    /// How the list is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// For scripts
    Json,
    /// For a page
    Markdown,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.allowlists.load()?;
    let rows = registry::rows(&allowlists);
    output::write(&args.output, Stream::Stdout, &[], |out| match args.format {
        Format::Human => registry::human(out, &rows),
        Format::Json => registry::json(out, &rows),
        Format::Markdown => registry::markdown(out, &rows),
    })?;
    Ok(Exit::Clean)
}
