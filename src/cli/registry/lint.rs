// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry lint`: what is wrong with allowlists, or old, or dead.

use std::path::PathBuf;

use super::super::Exit;
use super::super::common::{AllowlistArgs, CliError, InputArgs, OutputArgs, TrustArgs, today};
use super::super::output::{self, Stream};
use crate::allowlist::lint::Tree;
use crate::allowlist::{Date, lint};
use crate::check::Gathered;
use crate::gate::Candidate;

/// Tell everything that is wrong with the allowlists, each with file, line and column
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate registry lint
  symgate registry lint --allowlists allowlists/ --against /lib/modules/$(uname -r)

Exit status: 0 nothing to say, 1 something is old, dead or leads nowhere, 2 the allowlists can't be used, 3 the tree \
can't be read.")]
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
    let today = today(args.today, &allowlists)?;
    let mut gathered = None;
    if !args.against.is_empty() {
        let read = InputArgs::default().gather(&args.against, &TrustArgs::default(), &allowlists, false)?;
        output::say_errors(&read.errors);
        if !read.errors.is_empty() {
            return Ok(Exit::NoFacts);
        }
        gathered = Some(read);
    }
    let tree = gathered.as_ref().map(tree);
    let remarks = lint::lint(&allowlists, today, tree.as_ref());
    output::write(&args.output, Stream::Stdout, &[], |out| {
        remarks.iter().try_for_each(|remark| writeln!(out, "{remark}"))
    })?;
    Ok(if remarks.is_empty() { Exit::Clean } else { Exit::Denied })
}

fn tree(gathered: &Gathered) -> Tree<'_> {
    let mut tree = Tree::default();
    for Candidate { facts, .. } in &gathered.modules {
        tree.modules.extend(facts.name.clone());
        let exports = facts.exports.iter().map(|export| &*export.name);
        tree.symbols.extend(exports.chain(facts.imports.iter().map(|import| &*import.name)));
        let exported_in = facts.exports.iter().filter_map(|export| export.namespace.as_deref());
        tree.namespaces.extend(exported_in.chain(facts.modinfo.all("import_ns")));
    }
    tree
}
