// SPDX-License-Identifier: MIT OR Apache-2.0
//! One kernel's modules: as files for the others, and as symgate and nm read them, which several comparisons need.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;

use super::nm;
use super::symvers::Symvers;
use crate::corpus::{Kernel, module_files};
use crate::shell::{TaskError, output};

/// Modules that one process of another tool is given at a time.
pub(super) const BATCH: usize = 200;

/// A kernel.
#[derive(Debug)]
pub(super) struct Tree {
    /// The program that is compared with others.
    pub(super) program: PathBuf,
    pub(super) kernel: Kernel,
    /// The kernel's own table of exports.
    pub(super) symvers: Symvers,
    /// Its modules by path.
    pub(super) modules: Vec<Module>,
}

/// One of its modules.
#[derive(Debug)]
pub(super) struct Module {
    /// Its path below the folder of all modules, as every comparison writes it.
    pub(super) label: String,
    /// Its file.
    pub(super) file: PathBuf,
    /// The same unpacked, for tools that read no packed ones.
    pub(super) plain: PathBuf,
    /// What symgate reads.
    pub(super) facts: Facts,
    /// What nm reads: undefined symbols, and whether each is weak.
    pub(super) undefined: BTreeMap<String, bool>,
}

/// What `symgate inspect` says of a module.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Facts {
    path: String,
    /// Its name with every dash an underscore.
    pub(super) name: String,
    /// The signature appended to it.
    pub(super) signature: Option<Signature>,
    pub(super) modinfo: Vec<Tag>,
    pub(super) imports: Vec<Import>,
    pub(super) versions: BTreeMap<String, String>,
    pub(super) exports: Vec<Export>,
    /// What the loader would refuse, or the second reader read differently.
    pub(super) problems: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    pub(super) signers: Vec<Signer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signer {
    /// Of the key's certificate.
    pub(super) common_name: Option<String>,
    /// Hexadecimal digits.
    pub(super) key: String,
    pub(super) hash: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) tag: String,
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Import {
    pub(super) symbol: String,
    /// Only where it isn't strong.
    pub(super) binding: Option<String>,
    /// The name of the module that exports it.
    pub(super) provider: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Export {
    pub(super) symbol: String,
    pub(super) class: String,
    pub(super) namespace: Option<String>,
    pub(super) crc: String,
}

impl Import {
    pub(super) fn is_weak(&self) -> bool {
        self.binding.as_deref() == Some("weak")
    }
}

impl Export {
    /// The CRC is zero where the kernel has none.
    pub(super) fn has_crc(&self) -> bool {
        self.crc != "0x00000000"
    }
}

impl Module {
    /// Its file's name without `.ko` and what follows.
    pub(super) fn stem(&self) -> String {
        self.plain.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

impl Tree {
    /// Lays out a kernel's modules and reads them.
    pub(super) fn read(program: &Path, kernel: Kernel) -> Result<Self, TaskError> {
        let symvers = Symvers::read(&kernel.symvers)?;
        let files = unpack(&kernel)?;
        let plain: Vec<&Path> = files.iter().map(|(_, plain)| plain.as_path()).collect();
        let mut undefined = nm::undefined(&plain)?;
        let mut facts = inspect(program, &kernel)?;
        let modules = files
            .into_iter()
            .map(|(file, plain)| {
                let label = file.strip_prefix(&kernel.modules).unwrap_or(&file).display().to_string();
                // What either doesn't know is empty, and differs from what the other knows.
                let facts = facts.remove(&label).unwrap_or_default();
                let undefined = undefined.remove(&plain).unwrap_or_default();
                Module { label, file, plain, facts, undefined }
            })
            .collect();
        Ok(Self { program: program.to_owned(), kernel, symvers, modules })
    }

    /// Runs another tool over the plain files, several at a time, and returns what `read` makes of each text and the
    /// files that it is about.
    pub(super) fn in_batches<T: Send>(
        &self,
        tool: &str,
        options: &[&str],
        read: impl Fn(&str, &[Module]) -> T + Sync,
    ) -> Result<Vec<T>, TaskError> {
        let run = |batch: &[Module]| {
            let files = batch.iter().map(|module| module.plain.as_os_str());
            let printed = output(tool, options.iter().map(OsStr::new).chain(files))?;
            Ok(read(&String::from_utf8_lossy(&printed), batch))
        };
        self.modules.par_chunks(BATCH).map(run).collect()
    }
}

/// What `inspect` says of each module, by its path below the modules' folder.
fn inspect(program: &Path, kernel: &Kernel) -> Result<BTreeMap<String, Facts>, TaskError> {
    #[derive(Deserialize)]
    struct Document {
        modules: Vec<Facts>,
    }
    let args = ["inspect", "--cross-check", "--format", "json"].map(OsStr::new);
    let json = output(&program.display().to_string(), args.into_iter().chain([kernel.modules.as_os_str()]))?;
    let document: Document = serde_json::from_slice(&json).map_err(|error| TaskError::Other(error.to_string()))?;
    Ok(document.modules.into_iter().map(|facts| (facts.path.clone(), facts)).collect())
}

/// The modules unpacked by other people's tools, for those that read no packed ones: the plain path of each.
fn unpack(kernel: &Kernel) -> Result<Vec<(PathBuf, PathBuf)>, TaskError> {
    let plain_root = kernel.root.join("plain");
    let unpack_one = |file: PathBuf| -> Result<(PathBuf, PathBuf), TaskError> {
        let tool = match file.extension().and_then(|extension| extension.to_str()) {
            Some("xz") => "xz",
            Some("zst") => "zstd",
            Some("gz") => "gzip",
            _ => return Ok((file.clone(), file)),
        };
        let relative = file.strip_prefix(&kernel.modules).unwrap_or(&file).with_extension("");
        let plain = plain_root.join(relative);
        if !plain.exists() {
            if let Some(parent) = plain.parent() {
                fs::create_dir_all(parent).map_err(TaskError::io(parent))?;
            }
            let bytes = output(tool, ["-dc".as_ref(), file.as_os_str()])?;
            fs::write(&plain, bytes).map_err(TaskError::io(&plain))?;
        }
        Ok((file, plain))
    };
    module_files(&kernel.modules).into_par_iter().map(unpack_one).collect()
}
