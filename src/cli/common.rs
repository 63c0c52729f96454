// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options and steps that several subcommands share.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::Exit;
use super::output::{self, ColorChoice};
use crate::allowlist::{Allowlists, Date, LoadError, Origin, TakenFrom};
use crate::audit::AuditError;
use crate::check::{GatherError, Gathered};
use crate::gate::rules;
use crate::input::{InputError, Inputs};
use crate::progress::Progress;
use crate::trust::{Named, TrustError};

/// Where an operator's own allowlists are.
const OPERATOR: &str = "/etc/symgate";

/// Why a run can't be finished.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The allowlists are bad.
    #[error("{0}")]
    Allowlists(#[from] LoadError),
    /// An option's value, or an environment variable's, makes no sense.
    #[error("{0}")]
    Usage(String),
    /// An input without which nothing can be judged yielded no facts.
    #[error("{0}")]
    Input(InputError),
    /// What was named as a kernel's own can't be used.
    #[error("{0}")]
    Trust(TrustError),
    /// There is nothing to report on.
    #[error("{0}")]
    Audit(AuditError),
    /// The report can't be written.
    #[error("can't write the report: {0}")]
    Output(#[from] std::io::Error),
}

impl From<GatherError> for CliError {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Reference(error) => Self::Input(error),
            GatherError::Trust(error) => Self::Trust(error),
            error @ (GatherError::NoReference { .. } | GatherError::Cache(_)) => Self::Usage(error.to_string()),
        }
    }
}

impl From<AuditError> for CliError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Gather(error) => error.into(),
            AuditError::NoKernel { .. } => Self::Usage(error.to_string()),
            AuditError::Root { .. } | AuditError::NoKernels(_) => Self::Audit(error),
        }
    }
}

impl CliError {
    /// How the run ends.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Allowlists(_) | Self::Usage(_) | Self::Output(_) => Exit::Usage,
            Self::Input(_) | Self::Trust(_) | Self::Audit(_) => Exit::NoFacts,
        }
    }
}

/// What is read, and by what it is judged.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct InputArgs {
    /// A Module.symvers, a kernel image (vmlinux, x86's vmlinuz) or a package with one in it; the first is the kernel's own, the
    /// reference, later ones are claims
    #[arg(long = "symvers", value_name = "FILE")]
    pub(super) symvers: Vec<PathBuf>,

    /// Let a second reader read every module, not only those that get at a family or are out of tree
    #[arg(long)]
    cross_check: bool,

    /// A folder or package (.deb, .rpm) with debug info of modules that have none themselves, such as a -dbg package: looked for
    /// by their build-ids, for lines of source. A folder can be that of a build with .dwo files
    #[arg(long = "debug-dir", value_name = "DIR|FILE")]
    debug_dirs: Vec<PathBuf>,

    /// A folder to keep what was read of modules in, for the next run: it must be one that nobody can write to whose modules are
    /// judged
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Threads to read with [default: one for each processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    #[command(flatten)]
    allowlists: AllowlistArgs,
}

/// What counts as a kernel's own: a module's name is only a claim.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct TrustArgs {
    /// A folder that the kernel was built in, or that its modules are installed in (lib/modules/VERSION): what its
    /// modules.order lists is the kernel's own
    #[arg(long, value_name = "DIR")]
    pub(super) kernel_build: Vec<PathBuf>,

    /// A package of the kernel: the modules in it are the kernel's own
    #[arg(long, value_name = "FILE")]
    pub(super) kernel_package: Vec<PathBuf>,

    /// Certificates of the kernel's own keys (PEM, DER), or the kernel image that has them built in
    #[arg(long, value_name = "FILE")]
    pub(super) trusted_keys: Vec<PathBuf>,

    /// A folder that a kernel was built in, or that its modules are installed in (lib/modules/VERSION): what its modules.order
    /// lists is looked into for what its exports lead to, and not judged
    #[arg(long, value_name = "TREE")]
    pub(super) context: Vec<PathBuf>,

    /// Verify the signatures of all modules, not only of those whose identity matters
    #[arg(long)]
    pub(super) verify_signatures: bool,

    /// Where all that is judged was taken from; only the gate itself asks.
    #[arg(skip)]
    pub(super) origin: Option<TakenFrom>,
}

impl TrustArgs {
    fn named(&self) -> Named {
        Named {
            builds: self.kernel_build.clone(),
            packages: self.kernel_package.clone(),
            keys: self.trusted_keys.clone(),
            taken_from: self.origin.clone(),
            own_word: None,
        }
    }
}

/// Which allowlists count.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct AllowlistArgs {
    /// A directory of allowlists that replaces the embedded ones and those of /etc/symgate
    #[arg(long, value_name = "DIR")]
    allowlists: Option<PathBuf>,

    /// A directory of allowlists that adds to them; of two registrations of a module the later counts
    #[arg(long, value_name = "DIR")]
    add_allowlists: Vec<PathBuf>,
}

/// Where and how results are written.
#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(super) color: ColorChoice,
}

impl AllowlistArgs {
    pub(super) fn load(&self) -> Result<Allowlists, CliError> {
        let origin = Origin {
            operator: Some(OPERATOR.into()),
            replace: self.allowlists.clone(),
            add: self.add_allowlists.clone(),
        };
        Ok(Allowlists::load(&origin, &rules::ids())?)
    }
}

impl InputArgs {
    /// What of it a result depends on, but for files, which have a content.
    pub(super) fn manner(&self) -> String {
        format!("{} {:?}", self.cross_check, self.debug_dirs)
    }

    /// Nothing but what every command has.
    pub(super) fn new(jobs: Option<u16>, allowlists: AllowlistArgs) -> Self {
        Self { jobs, allowlists, ..Self::default() }
    }

    pub(super) fn load_allowlists(&self) -> Result<Allowlists, CliError> {
        self.allowlists.load()
    }

    /// Runs `work` on the threads that were asked for.
    pub(super) fn in_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, CliError> {
        let threads = self.jobs.map_or(0, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(pool.map_err(|error| CliError::Usage(format!("can't start threads: {error}")))?.install(work))
    }

    /// Reads everything.
    pub(super) fn gather(
        &self,
        paths: &[PathBuf],
        trust: &TrustArgs,
        allowlists: &Allowlists,
        to_judge: bool,
    ) -> Result<Gathered, CliError> {
        let (inputs, named) = self.inputs(paths, trust, to_judge);
        Ok(output::watched(&inputs.progress, || Gathered::read(&inputs, &named, allowlists))?)
    }

    /// What is read, and what is named as a kernel's own.
    pub(super) fn inputs(&self, paths: &[PathBuf], trust: &TrustArgs, to_judge: bool) -> (Inputs, Named) {
        let inputs = Inputs {
            paths: paths.to_vec(),
            symvers: self.symvers.clone(),
            cross_check: self.cross_check,
            verify_all: trust.verify_signatures,
            context: trust.context.clone(),
            tree: None,
            debug_dirs: self.debug_dirs.clone(),
            cache: self.cache.clone(),
            to_judge,
            progress: Progress::default(),
        };
        (inputs, trust.named())
    }
}

/// The day by which expiry is judged: `--today`, else `SOURCE_DATE_EPOCH`, else the clock's, but never one
/// before the registry's own: an old changelog revives no waiver. Where an operator has locked something, never one before
/// today either.
pub(super) fn today(given: Option<Date>, allowlists: &Allowlists) -> Result<Date, CliError> {
    let registry = allowlists.policy.date;
    let day = match given {
        Some(day) => day,
        None => match std::env::var_os("SOURCE_DATE_EPOCH") {
            Some(text) => {
                text.to_str().and_then(|text| text.parse().ok()).and_then(Date::from_unix).ok_or_else(|| {
                    CliError::Usage(format!(
                        "SOURCE_DATE_EPOCH is {}, not a number of seconds since 1970",
                        text.display()
                    ))
                })?
            }
            None => clock().unwrap_or(registry),
        },
    };
    let least = allowlists.lock.any().and_then(|_| clock()).unwrap_or(registry);
    Ok(day.max(registry).max(least))
}

fn clock() -> Option<Date> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Date::from_unix(i64::try_from(since.as_secs()).ok()?)
}
