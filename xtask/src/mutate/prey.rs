// SPDX-License-Identifier: MIT OR Apache-2.0
//! The modules that are to be changed: those of real kernels that get at a family, and the test modules that do.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use symgate::allowlist::Allowlists;
use symgate::exports::ExportTable;
use symgate::input::Compression;

use super::draft::Draft;
use super::judge;
use super::kernel::Kernel;
use super::loader::{Original, Release, Request, load};
use super::raw::{Machine, index};
use crate::corpus::{self, module_files};
use crate::shell::{TaskError, repository};

/// A module that gets at a family.
pub struct Target {
    pub label: String,
    /// Its bytes, without a signature.
    pub bytes: Vec<u8>,
    pub original: Original,
    /// Its acquiring symbols: their numbers and names.
    pub wanted: Vec<(usize, Vec<u8>)>,
}

/// A kernel, and those of its modules that get at a family.
pub struct Prey {
    pub name: String,
    pub kernel: Kernel,
    pub exports: ExportTable,
    pub targets: Vec<Target>,
}

/// The kernels of these names with their modules, and the test modules.
pub fn all_prey(names: &[String], allowlists: &Allowlists) -> Result<Vec<Prey>, TaskError> {
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
    allowlists: &Allowlists,
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
pub fn original(bytes: &[u8], path: String, machine: Machine) -> Option<Original> {
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
