// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real modules that get at a family, changed in many ways: whatever the kernel's loader would still load, and resolve
//! an acquiring symbol for, symgate has to deny. A model of the loader (`loader.rs`) says what that is.

mod bytes;
mod draft;
mod judge;
mod kernel;
mod loader;
mod names;
mod raw;
mod sections;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use rayon::prelude::*;
use symgate::exports::ExportTable;
use symgate::gate::Context;
use symgate::input::Compression;

use crate::corpus::{self, module_files};
use crate::shell::{TaskError, repository};
use draft::Draft;
use judge::{Said, judge};
use kernel::Kernel;
use loader::{Loaded, Original, Release, Request, load};
use raw::{Machine, index};

/// One way to change a module.
type Change = fn(&mut Draft, &Target, &mut Rng);

/// Modules above this size, in bytes, get a tenth of the rounds: each takes as long as a hundred others.
const LARGE: usize = 8 << 20;

/// Lost mutants that are written out.
const SHOWN: usize = 20;

/// A module that gets at a family.
struct Target {
    label: String,
    /// Its bytes, without a signature.
    bytes: Vec<u8>,
    original: Original,
    /// Its acquiring symbols: their numbers and names.
    wanted: Vec<(usize, Vec<u8>)>,
}

/// A kernel, and those of its modules that get at a family.
struct Prey {
    name: String,
    kernel: Kernel,
    exports: ExportTable,
    targets: Vec<Target>,
}

/// How many of which.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    mutants: usize,
    refused: usize,
    accepted: usize,
    unforced: usize,
    with_symbol: usize,
    unsure: usize,
    denied: usize,
}

/// A mutant that symgate let through, or failed on.
struct Lost {
    label: String,
    round: usize,
    bytes: Vec<u8>,
    text: Vec<String>,
}

/// `cargo xtask mutate [KERNEL...] [--rounds N] [--seed S]`
pub fn task(args: &[String]) -> Result<(), TaskError> {
    let mut names = Vec::new();
    let (mut rounds, mut seed) = (200, 1);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || {
            let number = args.next().and_then(|value| value.parse().ok());
            number.ok_or_else(|| TaskError::Other(format!("{arg} wants a number")))
        };
        match arg.as_str() {
            "--rounds" => rounds = value()?,
            "--seed" => seed = value()?,
            name => names.push(name.to_owned()),
        }
    }
    if names.is_empty() {
        names = vec!["6.1".to_owned(), "newest".to_owned()];
    }
    campaign(&names, index(rounds), seed)
}

fn campaign(names: &[String], rounds: usize, seed: u64) -> Result<(), TaskError> {
    let allowlists = judge::policy()?;
    let nothing = ExportTable::default();
    let bare = Context::new(&allowlists, &nothing, judge::terms(&allowlists));
    println!(
        "{:<22} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>7} {:>7} {:>5}",
        "kernel", "modules", "mutants", "refused", "accepted", "unforced", "with it", "unsure", "denied", "lost"
    );
    // A panic is counted; what it says would be said thousands of times.
    std::panic::set_hook(Box::new(|_| {}));
    let mut lost = Vec::new();
    for prey in all_prey(names, &allowlists)? {
        let context = Context::new(&allowlists, &prey.exports, judge::terms(&allowlists));
        let (counts, mut new) = hunt(&prey, &[&context, &bare], rounds, seed);
        println!(
            "{:<22} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>7} {:>7} {:>5}",
            prey.name,
            prey.targets.len(),
            counts.mutants,
            counts.refused,
            counts.accepted,
            counts.unforced,
            counts.with_symbol,
            counts.unsure,
            counts.denied,
            new.len()
        );
        lost.append(&mut new);
    }
    if lost.is_empty() { Ok(()) } else { show(&lost) }
}

/// Writes down what was lost.
fn show(lost: &[Lost]) -> Result<(), TaskError> {
    let folder = repository().join("target/mutate");
    std::fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
    for lost in lost.iter().take(SHOWN) {
        let file = folder.join(format!("{}-{}.ko", lost.label.replace('/', "_"), lost.round));
        std::fs::write(&file, &lost.bytes).map_err(TaskError::io(&file))?;
        println!("lost: {}", file.display());
        for line in &lost.text {
            println!("    {line}");
        }
    }
    Err(TaskError::Other(format!("{} mutants were lost", lost.len())))
}

/// The kernels of these names with their modules, and the test modules.
fn all_prey(names: &[String], allowlists: &symgate::allowlist::Allowlists) -> Result<Vec<Prey>, TaskError> {
    let mut all = Vec::new();
    for kernel in corpus::kernels(names)? {
        let architecture = corpus::architecture(&kernel.name);
        let machine = Machine::of(architecture)
            .ok_or_else(|| TaskError::Other(format!("{architecture} is a machine that nobody knows")))?;
        let name = format!("{} {}", kernel.name, kernel.release);
        all.push(prey(name, machine, &kernel.modules, &kernel.symvers, allowlists)?);
    }
    let machine = Machine::of("amd64").ok_or_else(|| TaskError::Other("amd64 is known".to_owned()))?;
    for release in ["6.1", "7.2"] {
        let folder = repository().join("testdata").join(release);
        let symvers = folder.join("Module.symvers");
        all.push(prey(format!("testdata/{release}"), machine, &folder, &symvers, allowlists)?);
    }
    Ok(all)
}

/// A kernel with those of its modules that get at a family. The model has to accept each of the kernel's own.
fn prey(
    name: String,
    machine: Machine,
    modules: &Path,
    symvers: &Path,
    allowlists: &symgate::allowlist::Allowlists,
) -> Result<Prey, TaskError> {
    let exports = judge::exports(symvers)?;
    let acquiring: HashSet<String> = judge::acquiring(allowlists, &exports).into_iter().collect();
    let text = std::fs::read_to_string(symvers).map_err(TaskError::io(symvers))?;
    let kernel = Kernel::new(machine, &text, &acquiring);
    let read = |file: &PathBuf| target(file, modules, &kernel);
    let targets: Result<Vec<_>, TaskError> = module_files(modules).par_iter().map(read).collect();
    let targets = targets?.into_iter().flatten().filter(|target| !target.wanted.is_empty()).collect();
    Ok(Prey { name, kernel, exports, targets })
}

/// Reads a module. Nothing if it is one of the test modules that no kernel loads.
fn target(file: &Path, modules: &Path, kernel: &Kernel) -> Result<Option<Target>, TaskError> {
    let mut bytes = std::fs::read(file).map_err(TaskError::io(file))?;
    if let Some(compression) = Compression::of(&bytes) {
        bytes = compression.unpack(&bytes, u64::MAX).map_err(|error| TaskError::Other(error.to_string()))?;
    }
    let relative = file.strip_prefix(modules).unwrap_or(file).display().to_string();
    let label = relative.split(".ko").next().unwrap_or_default().to_owned();
    let path = label.strip_prefix("kernel/").unwrap_or(&label).to_owned();
    let broken = |reason: &str| TaskError::Other(format!("{label}: {reason}"));
    let original = original(&bytes, path, kernel.machine).ok_or_else(|| broken("can't be read"))?;
    let request = |release| Request { kernel, original: &original, release, force: false };
    let results = [Release::V6_1, Release::V7_2].map(|release| load(&bytes, request(release)));
    let loaded = match results {
        [Ok(loaded), _] | [_, Ok(loaded)] => loaded,
        // The test modules are there to be refused, too.
        _ if modules.starts_with(repository().join("testdata")) => return Ok(None),
        [Err(one), Err(other)] => return Err(broken(&format!("6.1 refuses it: {}; 7.2: {}", one.0, other.0))),
    };
    let wanted: Vec<String> = loaded.acquired.into_iter().collect();
    let bytes = unsigned(&bytes).to_vec();
    let draft = Draft { bytes, machine: kernel.machine, log: Vec::new() };
    let wanted = draft.map().map(|map| map.undefined(&draft, &wanted)).unwrap_or_default();
    Ok(Some(Target { label, bytes: draft.bytes, original, wanted }))
}

/// What the loader expects of a module, from the module itself.
fn original(bytes: &[u8], path: String, machine: Machine) -> Option<Original> {
    let draft = Draft::new(Vec::new(), bytes, machine);
    let map = draft.map()?;
    let section = |name| map.find(&draft, name).and_then(|section| map.sections.get(section));
    let module_len = section(".gnu.linkonce.this_module")?.size;
    let tags = draft.content(section(".modinfo")?);
    let vermagic = tags.split(|byte| *byte == 0).find_map(|tag| tag.strip_prefix(b"vermagic="))?.to_vec();
    Some(Original { path, vermagic, module_len })
}

/// A module without its signature, which no change would leave good.
fn unsigned(bytes: &[u8]) -> &[u8] {
    let Some(rest) = bytes.strip_suffix(b"~Module signature appended~\n") else { return bytes };
    let len = rest.last_chunk::<4>().map_or(0, |len| u32::from_be_bytes(*len));
    let end = rest.len().saturating_sub(12).saturating_sub(index(len.into()));
    bytes.get(..end).unwrap_or(bytes)
}

/// Makes mutants of all targets of a kernel, and has each judged.
fn hunt(prey: &Prey, contexts: &[&Context<'_>], rounds: usize, seed: u64) -> (Counts, Vec<Lost>) {
    let all = prey.targets.iter().flat_map(|target| {
        let rounds = if target.bytes.len() > LARGE { rounds.div_ceil(10) } else { rounds };
        (0..rounds).map(move |round| (target, round))
    });
    let all: Vec<(&Target, usize)> = all.collect();
    // One buffer a thread: to ask for megabytes of new memory takes longer than to fill them.
    let results: Vec<(Counts, Option<Lost>)> = all
        .par_iter()
        .map_init(Vec::new, |buffer, (target, round)| {
            let draft = mutant(std::mem::take(buffer), target, prey.kernel.machine, *round, seed);
            let result = one(prey, target, *round, &draft, contexts);
            *buffer = draft.bytes;
            result
        })
        .collect();
    let mut counts = Counts::default();
    let mut lost = Vec::new();
    for (more, one) in results {
        counts.add(more);
        lost.extend(one);
    }
    (counts, lost)
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.mutants += more.mutants;
        self.refused += more.refused;
        self.accepted += more.accepted;
        self.unforced += more.unforced;
        self.with_symbol += more.with_symbol;
        self.unsure += more.unsure;
        self.denied += more.denied;
    }
}

/// Has a mutant judged by the model and by symgate.
fn one(prey: &Prey, target: &Target, round: usize, draft: &Draft, contexts: &[&Context<'_>]) -> (Counts, Option<Lost>) {
    let request = |release, force| Request { kernel: &prey.kernel, original: &target.original, release, force };
    let releases = [Release::V6_1, Release::V7_2];
    let loaded: Vec<(Release, Loaded)> = releases
        .into_iter()
        .filter_map(|release| Some((release, load(&draft.bytes, request(release, true)).ok()?)))
        .collect();
    let unforced = loaded.iter().any(|(release, _)| load(&draft.bytes, request(*release, false)).is_ok());
    let unsure = loaded.iter().any(|(_, loaded)| loaded.unsure);
    let acquired: BTreeSet<&String> = loaded.iter().flat_map(|(_, loaded)| &loaded.acquired).collect();
    let with_symbol = unsure || !acquired.is_empty();
    // Without a symbol to be found one look is enough, at whether symgate fails on it.
    let contexts = if with_symbol { contexts } else { contexts.get(..1).unwrap_or_default() };
    let said: Vec<Said> = contexts.iter().map(|context| judge(&draft.bytes, context)).collect();
    let denied = said.iter().all(|said| is_denied(said, &acquired, unsure));
    let panicked = said.iter().any(|said| said.panicked);
    let counts = Counts {
        mutants: 1,
        refused: usize::from(loaded.is_empty()),
        accepted: usize::from(!loaded.is_empty()),
        unforced: usize::from(unforced),
        with_symbol: usize::from(with_symbol),
        unsure: usize::from(unsure),
        denied: usize::from(with_symbol && denied),
    };
    let lost = (panicked || with_symbol && !denied).then(|| {
        let by: Vec<String> = loaded.iter().map(|(release, loaded)| format!("{release:?}: {loaded:?}")).collect();
        let said = said.into_iter().flat_map(|said| said.text).map(|said| format!("symgate: {said}"));
        let text = draft.log.iter().cloned().chain(by).chain(said).collect();
        let label = format!("{}-{}", prey.name.replace(' ', "-"), target.label);
        Lost { label, round, bytes: draft.bytes.clone(), text }
    });
    (counts, lost)
}

/// Whether what is said is enough: SG001 names each symbol that was got, or SG013 denies the file.
fn is_denied(said: &Said, acquired: &BTreeSet<&String>, unsure: bool) -> bool {
    let named = acquired.iter().all(|symbol| said.denied.contains(*symbol));
    said.malformed || (named && !(unsure && said.denied.is_empty()))
}

/// The mutant of this round. The same seed makes the same one, on whichever thread.
fn mutant(buffer: Vec<u8>, target: &Target, machine: Machine, round: usize, seed: u64) -> Draft {
    let mut rng = Rng::with_seed(seed ^ (round as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for byte in target.label.bytes() {
        rng = Rng::with_seed(rng.u64(..) ^ u64::from(byte));
    }
    let mut draft = Draft::new(buffer, &target.bytes, machine);
    let kinds: [&[Change]; 3] = [&bytes::CHANGES, &sections::CHANGES, &names::CHANGES];
    // Often one change, so that the loader is not put off by another.
    for _ in 0..*rng.choice(&[1, 1, 1, 2, 2, 3, 5]).unwrap_or(&1) {
        let changes = rng.choice(kinds).unwrap_or_default();
        if let Some(change) = rng.choice(changes) {
            change(&mut draft, target, &mut rng);
        }
    }
    draft
}
