// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate explain`: a rule's page.

use super::Exit;
use super::common::{CliError, OutputArgs};
use super::output::{self, Stream};
use crate::gate::rules;

/// Show a rule's page: what it says, why, and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate explain SG001
  symgate explain namespace
  symgate explain            all rules in a line each")]
pub(super) struct Args {
    /// A rule, by id or name
    #[arg(value_name = "RULE")]
    rule: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    match &args.rule {
        None => output::write(&args.output, Stream::Stdout, &[], |out| {
            rules::ALL.iter().try_for_each(|rule| writeln!(out, "{}  {:<24} {}", rule.id, rule.name, rule.summary))
        })?,
        Some(text) => {
            let rule = rules::find(text)
                .ok_or_else(|| CliError::Usage(format!("there is no rule {text:?}; `symgate explain` lists them")))?;
            output::write(&args.output, Stream::Stdout, &[], |out| writeln!(out, "{}", rule.text()))?;
        }
    }
    Ok(Exit::Clean)
}
