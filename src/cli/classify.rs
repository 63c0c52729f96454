// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate classify`: exports with licence class, namespace, tier and CRC.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use super::Exit;
use super::common::{CliError, InputArgs, OutputArgs, TrustArgs};
use super::output::{self, Stream};
use crate::allowlist::Policy;
use crate::exports::Provided;
use crate::report::json;
use crate::symvers;
use crate::tier;

/// List exports: licence class, namespace, tier, CRC
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate classify drm.ko
  symgate classify --format json /usr/src/linux-headers-$(uname -r)/Module.symvers
  symgate classify vmlinux
  symgate classify --format symvers build/ > Module.symvers     the table that modpost would have written")]
pub(super) struct Args {
    /// Modules or their objects, directories that are searched for modules, packages, Module.symvers files, kernel images
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    input: InputArgs,

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
    /// A Module.symvers of five columns
    Symvers,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.input.load_allowlists()?;
    let gathered =
        args.input.in_pool(|| args.input.gather(&args.inputs, &TrustArgs::default(), &allowlists, false))??;
    output::say_errors(&gathered.errors);
    let exports = gathered.exports.sorted();
    output::write(&args.output, Stream::Stdout, &args.inputs, |out| match args.format {
        Format::Human => human(out, &allowlists.policy, &exports),
        Format::Json => json::classify(out, &allowlists.policy, &exports),
        Format::Symvers => exports.iter().try_for_each(|provided| {
            symvers::write_line(out, provided, tier::symvers_type(&allowlists.policy, &provided.export))
        }),
    })?;
    Ok(if gathered.errors.is_empty() { Exit::Clean } else { Exit::NoFacts })
}

fn human(out: &mut dyn Write, policy: &Policy, exports: &[&Provided]) -> io::Result<()> {
    let widest = exports.iter().map(|provided| provided.export.name.len()).max().unwrap_or(0).min(48);
    for provided in exports {
        let export = &provided.export;
        let membership = tier::membership(policy, &export.name, Some(provided));
        let tier = tier::tier(export, membership.as_ref());
        let family = membership.map(|membership| format!(" ({})", membership.family)).unwrap_or_default();
        let namespace = export.namespace.as_deref().map(|name| format!("  {name}")).unwrap_or_default();
        writeln!(
            out,
            "{:<widest$}  {:<5}  {tier}{family}  {}{namespace}",
            export.name, export.class, provided.provider
        )?;
    }
    Ok(())
}
