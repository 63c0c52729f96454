// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry init`: a baseline, so that the gate can be switched on on the first day.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::Exit;
use super::super::common::{CliError, InputArgs, OutputArgs, TrustArgs, today};
use super::super::output::{self, Stream};
use crate::allowlist::{Date, TakenFrom};
use crate::gate::{Profile, Terms};
use crate::report::registry::{self, Baseline};

/// Write waivers for all that would be denied today, each with proof, symbols and an end
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  symgate registry init --from /lib/modules/$(uname -r) --owner 'kernel team' > /etc/our-allowlists/waivers.toml

  symgate registry init --origin dkms/foo --from foo.ko --owner 'me' >> /etc/symgate/waivers.toml

What comes later is denied: a waiver is for the very file, for the kernel's own module, or for what is taken from where --origin
says, and for the symbols that it uses today.")]
pub(super) struct Args {
    /// What is there today: modules, trees, packages
    #[arg(long, required = true, value_name = "INPUT")]
    from: Vec<PathBuf>,

    /// Who answers for the waivers
    #[arg(long, value_name = "WHO")]
    owner: String,

    /// How long they hold, in days
    #[arg(long, default_value_t = 180, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=732))]
    days: u16,

    /// Waive for what is taken from there, instead of for the very files; only allowlists of your own can say that
    #[arg(long, value_name = "KIND/NAME")]
    origin: Option<TakenFrom>,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    trust: TrustArgs,

    /// Count from this day instead of SOURCE_DATE_EPOCH or the clock
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.input.load_allowlists()?;
    let today = today(args.today, &allowlists)?;
    if args.owner.trim().is_empty() {
        return Err(CliError::Usage("--owner names nobody".to_owned()));
    }
    let expires = today
        .after_days(args.days.into())
        .ok_or_else(|| CliError::Usage(format!("{today} is too late a day to count {} more", args.days)))?;
    args.input.in_pool(|| {
        // A waiver asks for the content of a module that is nobody's own.
        let trust = TrustArgs { verify_signatures: true, origin: args.origin.clone(), ..args.trust.clone() };
        let gathered = args.input.gather(&args.from, &trust, &allowlists, true)?;
        output::say_errors(&gathered.errors);
        let terms = Terms { profile: Profile::Distro, today, signatures: false, overrides: BTreeMap::new() };
        let context = gathered.context(&allowlists, terms);
        let judged = gathered.judge(&context);
        let baseline = Baseline { owner: &args.owner, today, expires, taken_from: args.origin.as_ref() };
        output::write(&args.output, Stream::Stdout, &args.from, |out| {
            registry::baseline(out, &baseline, &judged.modules)
        })?;
        Ok(if gathered.errors.is_empty() { Exit::Clean } else { Exit::NoFacts })
    })?
}
