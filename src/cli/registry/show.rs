// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry show`: one registration or userspace with all its evidence.

use super::super::Exit;
use super::super::common::{AllowlistArgs, CliError, OutputArgs};
use super::super::output::{self, Stream};
use crate::module::ModuleName;
use crate::report::registry;

/// Show a module's registration, or a userspace, with all that is recorded
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate registry show amdgpu
  symgate registry show mesa")]
pub(super) struct Args {
    /// A module or a userspace
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    allowlists: AllowlistArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.allowlists.load()?;
    let registration = allowlists.registrations.get(&ModuleName::new(&args.name));
    let userspace = allowlists.userspaces.get(&args.name);
    if registration.is_none() && userspace.is_none() {
        return Err(CliError::Usage(format!("no module and no userspace is recorded by the name {:?}", args.name)));
    }
    output::write(&args.output, Stream::Stdout, &[], |out| {
        if let Some(registration) = registration {
            registry::show_registration(out, &allowlists, registration)?;
        }
        if let Some(userspace) = userspace {
            registry::show_userspace(out, userspace)?;
        }
        Ok(())
    })?;
    Ok(Exit::Clean)
}
