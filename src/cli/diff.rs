// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate diff`: what changed between two builds of a kernel.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::Exit;
use super::common::{AllowlistArgs, CliError, InputArgs, OutputArgs, TrustArgs};
use super::output::{self, Stream};
use crate::allowlist::Allowlists;
use crate::batch::Kernels;
use crate::diff::{Diff, Side};
use crate::gate::{Profile, Terms};
use crate::input::{InputError, InputErrorKind};
use crate::report;

/// Tell what changed between two builds of a kernel: exports and their terms, who gets at a family, what leads to one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  symgate diff packages-of-6.12/ packages-of-7.2/     folders with linux-image, linux-modules, linux-headers
  symgate diff --old-symvers old/Module.symvers --new-symvers new/Module.symvers old/ new/
  symgate diff --exit-code old/Module.symvers new/Module.symvers

Exit status: 0, or with --exit-code 1 if something changed that has to do with a family; 2 wrong usage or a bad allowlist, \
3 an input yielded no facts.")]
pub(super) struct Args {
    /// The old build: a folder of its packages, its modules, a package, or its Module.symvers
    old: PathBuf,

    /// The new build
    new: PathBuf,

    /// What the old kernel exports, if no package or image of it tells [default: from its packages]
    #[arg(long, value_name = "FILE")]
    old_symvers: Option<PathBuf>,

    /// What the new kernel exports
    #[arg(long, value_name = "FILE")]
    new_symvers: Option<PathBuf>,

    /// End with 1 if something changed that has to do with a family
    #[arg(long)]
    exit_code: bool,

    /// Threads to read with [default: one for each processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// How it is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    #[command(flatten)]
    allowlists: AllowlistArgs,

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
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let allowlists = args.allowlists.load()?;
    let options = InputArgs::new(args.jobs, args.allowlists.clone());
    let (old, new) = options.in_pool(|| {
        let old = side(&options, &args.old, args.old_symvers.as_deref(), &allowlists)?;
        let new = side(&options, &args.new, args.new_symvers.as_deref(), &allowlists)?;
        Ok::<_, CliError>((old, new))
    })??;
    if old.knows_vmlinux != new.knows_vmlinux {
        let (option, path) =
            if old.knows_vmlinux { ("--new-symvers", &args.new) } else { ("--old-symvers", &args.old) };
        let path = path.display();
        return Err(CliError::Usage(format!(
            "only of one of the two it is known what the kernel exports; {option} tells it of {path}"
        )));
    }
    let diff = Diff::of(&old.side, &new.side);
    let inputs = [args.old.clone(), args.new.clone()];
    output::write(&args.output, Stream::Stdout, &inputs, |out| match args.format {
        Format::Human => report::diff::human(out, &diff),
        Format::Json => {
            report::diff::json(out, &args.old.display().to_string(), &args.new.display().to_string(), &diff)
        }
    })?;
    Ok(match (old.is_whole && new.is_whole, args.exit_code && !diff.is_empty()) {
        (false, _) => Exit::NoFacts,
        (true, true) => Exit::Denied,
        (true, false) => Exit::Clean,
    })
}

/// What is known of one of the two.
struct Known {
    side: Side,
    knows_vmlinux: bool,
    /// Whether all of it could be read.
    is_whole: bool,
}

fn side(options: &InputArgs, path: &Path, symvers: Option<&Path>, allowlists: &Allowlists) -> Result<Known, CliError> {
    let mut options = options.clone();
    let mut trust = TrustArgs::default();
    options.symvers.extend(symvers.map(Path::to_owned));
    if path.is_dir() {
        let packages = Kernels::read(&[path.to_owned()]).map_err(CliError::Input)?;
        if symvers.is_none() {
            options.symvers.extend(packages.exports().map(Path::to_owned));
        }
        // Both are what somebody built: nothing here asks who.
        trust.kernel_package = packages.packages().to_vec();
        if path.join("modules.order").exists() && path.join("modules.builtin").exists() {
            trust.kernel_build.push(path.to_owned());
        }
    }
    let mut gathered = options.gather(&[path.to_owned()], &trust, allowlists, true)?;
    gathered.errors.retain(|error| !matches!(error.kind, InputErrorKind::NoModules));
    if gathered.exports.is_empty() && gathered.modules.is_empty() {
        return Err(CliError::Input(InputError::new(path.display().to_string(), InputErrorKind::NoModules)));
    }
    output::say_errors(&gathered.errors);
    let terms = Terms {
        profile: Profile::Distro,
        today: allowlists.policy.date,
        signatures: false,
        overrides: BTreeMap::new(),
    };
    let context = gathered.context(allowlists, terms);
    let judged = gathered.judge(&context);
    Ok(Known {
        side: Side::of(&gathered, &judged, &context),
        knows_vmlinux: gathered.exports.knows_vmlinux(),
        is_whole: gathered.errors.is_empty(),
    })
}
