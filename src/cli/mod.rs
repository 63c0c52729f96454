// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line: one file a subcommand; each parses, calls the library, picks the exit status.

mod audit;
mod check;
mod classify;
mod common;
mod diff;
mod explain;
mod inspect;
mod output;
mod registry;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// How a run ends. Scripts hold on to these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing denied.
    Clean,
    /// At least one finding denied.
    Denied,
    /// Wrong usage or a bad allowlist.
    Usage,
    /// An input yielded no facts, whatever else was found.
    NoFacts,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Denied => 1,
            Exit::Usage => 2,
            Exit::NoFacts => 3,
        })
    }
}

/// The gate between a Linux kernel's exported symbols and the modules that use them.
///
/// symgate says which modules get at DMA-BUF or PCI P2PDMA, and whether an approved open userspace is
/// registered for each of them.
#[derive(Debug, Parser)]
#[command(
    name = "symgate",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  symgate check --symvers /usr/src/linux-headers-$(uname -r)/Module.symvers /lib/modules/$(uname -r)
                                        who gets at what on this system, and is each registered?
  symgate check foo-modules.deb         the modules of a package
  symgate audit                         what is installed and loaded here from elsewhere?
  symgate inspect foo.ko                all there is to say of a module
  symgate explain SG001                 what a rule says, and what to do
  symgate registry list                 who is registered, and how well

Exit status: 0 nothing denied, 1 something denied, 2 wrong usage or a bad allowlist, \
3 an input yielded no facts."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Args),
    Audit(audit::Args),
    Classify(classify::Args),
    Inspect(inspect::Args),
    Diff(diff::Args),
    Explain(explain::Args),
    Registry(registry::Args),
}

/// The command line, for what is made of it: man pages, completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Registry(args) => registry::run(&args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::say_error(&error.to_string());
            error.exit().into()
        }
    }
}
