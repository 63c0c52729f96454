// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry`: the allowlists themselves.

mod init;
mod lint;
mod list;
mod new;
mod show;

use clap::Subcommand;

use super::Exit;
use super::common::CliError;

/// Look at the allowlists: who is registered, by which userspace, and how well
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Box<init::Args>),
    Lint(lint::Args),
    List(list::Args),
    Show(show::Args),
    New(new::Args),
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    match &args.command {
        Command::Init(args) => init::run(args),
        Command::Lint(args) => lint::run(args),
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::New(args) => new::run(args),
    }
}
