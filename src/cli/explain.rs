// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate explain`: a rule's page, or the ways by which a module gets at a symbol.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::Exit;
use super::common::{CliError, InputArgs, OutputArgs, TrustArgs};
use super::output::{self, Stream};
use crate::gate::rules;
use crate::input::{InputError, InputErrorKind};
use crate::report::path::{self, Paths};

/// Show a rule's page (what it says, why, and what to do), or the ways by which a module gets at a symbol
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate explain SG001
  symgate explain namespace
  symgate explain            all rules in a line each
  symgate explain foo.ko dma_buf_get shim.ko
  symgate explain --context /lib/modules/$(uname -r) --format svg -o foo.svg foo.ko dma_buf_get")]
pub(super) struct Args {
    /// A rule, by id or name; or a module
    #[arg(value_name = "RULE|MODULE")]
    what: Option<String>,

    /// The symbol that the module gets at, of a family or any other
    #[arg(value_name = "SYMBOL", requires = "what")]
    symbol: Option<String>,

    /// Other modules through which it may, or trees and packages of them
    #[arg(value_name = "INPUT")]
    others: Vec<PathBuf>,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    trust: TrustArgs,

    /// How the ways are shown
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
    /// A drawing
    Svg,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    match (&args.what, &args.symbol) {
        (None, _) => output::write(&args.output, Stream::Stdout, &[], |out| {
            rules::ALL.iter().try_for_each(|rule| writeln!(out, "{}  {:<24} {}", rule.id, rule.name, rule.summary))
        })?,
        (Some(text), None) => {
            let rule = rules::find(text).ok_or_else(|| {
                let hint = if Path::new(text).exists() { "; of a module, say which symbol, too" } else { "" };
                CliError::Usage(format!("there is no rule {text:?}; `symgate explain` lists them{hint}"))
            })?;
            output::write(&args.output, Stream::Stdout, &[], |out| writeln!(out, "{}", rule.text()))?;
        }
        (Some(module), Some(symbol)) => return ways(args, Path::new(module), symbol),
    }
    Ok(Exit::Clean)
}

fn ways(args: &Args, module: &Path, symbol: &str) -> Result<Exit, CliError> {
    let allowlists = args.input.load_allowlists()?;
    let mut inputs = vec![module.to_owned()];
    inputs.extend(args.others.iter().cloned());
    args.input.in_pool(|| {
        let gathered = args.input.gather(&inputs, &args.trust, &allowlists, true)?;
        output::say_errors(gathered.errors.iter());
        let Some(subject) = gathered.module_of(module) else {
            // Why it can't be read was said already.
            if gathered.errors.is_empty() {
                let label = module.display().to_string();
                return Err(CliError::Input(InputError::new(label, InputErrorKind::NoModules)));
            }
            return Ok(Exit::NoFacts);
        };
        let reach = gathered.ways_to(symbol, &allowlists);
        let imports = || subject.facts.asks_for().map(|import| &*import.name);
        let paths = Paths {
            module: subject.facts.name_or_of(&subject.path).to_string(),
            symbol,
            provider: gathered.exports.get(symbol).map(|provided| provided.provider.to_string()),
            is_direct: imports().any(|import| import == symbol),
            ways: imports().flat_map(|import| reach.of(import).iter().map(move |way| (import, way))).collect(),
        };
        output::write(&args.output, Stream::Stdout, &inputs, |out| match args.format {
            Format::Human => path::human(out, &paths),
            Format::Svg => path::svg(out, &paths),
        })?;
        Ok(if gathered.errors.is_empty() { Exit::Clean } else { Exit::NoFacts })
    })?
}
