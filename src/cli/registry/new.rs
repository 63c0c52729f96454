// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry new`: a registration to fill in.

use std::path::PathBuf;

use super::super::Exit;
use super::super::common::{AllowlistArgs, CliError, InputArgs, OutputArgs, TrustArgs};
use super::super::output::{self, Stream};
use crate::allowlist::TakenFrom;
use crate::report::registry;

/// Write registrations to fill in, with everything that the modules themselves tell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  symgate registry new foo.ko >> allowlists/modules.toml
  symgate registry new --origin dkms/foo foo.ko >> /etc/symgate/modules.toml")]
pub(super) struct Args {
    /// Modules
    #[arg(required = true, value_name = "MODULE")]
    modules: Vec<PathBuf>,

    /// Ask for modules that are taken from there, instead of for this very file
    #[arg(long, value_name = "KIND/NAME")]
    origin: Option<TakenFrom>,

    #[command(flatten)]
    allowlists: AllowlistArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.allowlists.load()?;
    // Its content's hash is one of the proofs that it can be registered with.
    let trust = TrustArgs { verify_signatures: true, ..TrustArgs::default() };
    let gathered = InputArgs::default().gather(&args.modules, &trust, &allowlists, true)?;
    output::say_errors(&gathered.errors);
    output::write(&args.output, Stream::Stdout, &args.modules, |out| {
        let origin = args.origin.as_ref();
        gathered
            .modules
            .iter()
            .try_for_each(|module| registry::new(out, &allowlists, &gathered.exports, module, origin))
    })?;
    Ok(if gathered.errors.is_empty() { Exit::Clean } else { Exit::NoFacts })
}
