// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry show`: one registration or userspace with all its evidence.

use super::super::Exit;
use super::super::common::{AllowlistArgs, CliError, OutputArgs};
use super::super::output::{self, Stream};
use crate::module::ModuleName;
use crate::report::registry;

/// Show the registration of a module or class, or a userspace, with all that is recorded
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate registry show amdgpu
  symgate registry show mesa")]
pub(super) struct Args {
    /// A module, a class or a userspace
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    allowlists: AllowlistArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.allowlists.load()?;
    let plain = args.name.rsplit_once(':').map_or(args.name.as_str(), |(_, name)| name);
    let name = ModuleName::new(plain);
    let registration = allowlists.entries().find(|entry| entry.name == name);
    let userspace = allowlists.userspaces.get(&args.name);
    if registration.is_none() && userspace.is_none() {
        return Err(CliError::Usage(format!("no module, class or userspace is recorded by the name {:?}", args.name)));
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
