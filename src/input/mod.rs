// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where bytes come from: what the caller names becomes a list of module files, and each file facts.

mod cache;
mod collect;
mod compression;
mod debug_file;
mod debug_package;
pub(crate) mod door;
mod installed;
mod kernel_image;
pub mod list;
mod package;
mod read;
mod reference;
mod split_file;

use std::io;
use std::path::PathBuf;

pub use cache::{Cache, CacheError};
pub(crate) use collect::listed;
pub use collect::{Collected, Format, ModuleFile, PackageFile, collect};
pub use compression::{Compression, UnpackError};
pub use debug_file::{DebugDirs, DebugFile};
pub use debug_package::WantedDebugInfo;
pub use installed::Installed;
pub use package::{Choice, Member, chosen, members};
pub(crate) use read::unpacked;
pub use read::{Asked, Asking, AskingMember, Labelled, read_all, read_module, read_package};
pub(crate) use read::{Numbered, content_hash, content_hashes_of_package, is_package, read_again, read_package_again};
pub(crate) use reference::read_image;
pub use reference::read_reference;
pub(crate) use reference::{kernel_version_of, tells_exports};

use crate::module::ElfError;
use crate::progress::Progress;
use crate::symvers::SymversError;
use crate::vmlinux::ImageError;

/// An input that yielded no facts.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {kind}")]
pub struct InputError {
    /// The input, as in the report.
    pub path: String,
    /// Why.
    pub kind: InputErrorKind,
}

impl InputError {
    /// Puts an error to an input.
    #[must_use]
    pub fn new(path: impl Into<String>, kind: InputErrorKind) -> Self {
        Self { path: path.into(), kind }
    }

    /// Whether the file was there to be read, but is no module that can be: SG013 then speaks of it too.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        match self.kind {
            InputErrorKind::Elf(_) => !self.is_debug_info(),
            InputErrorKind::Unpack(_) | InputErrorKind::TooLarge { .. } => true,
            _ => false,
        }
    }

    /// Whether the file holds a module's debug info and nothing else.
    #[must_use]
    pub fn is_debug_info(&self) -> bool {
        matches!(self.kind, InputErrorKind::Elf(ElfError::DebugInfo))
    }
}

/// Why an input yielded no facts.
#[derive(Debug, thiserror::Error)]
pub enum InputErrorKind {
    /// It is not there, or can't be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is neither a file nor a directory.
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
    /// It is to hold debug info.
    #[error("is neither a folder nor a package (.deb, .rpm)")]
    NotAPackage,
    /// A directory without a module in it.
    #[error("no module in it")]
    NoModules,
    /// A `Module.symvers` that is to be the reference, without an export in it.
    #[error("no export in it")]
    NoExports,
    /// A package that is to tell a kernel's exports.
    #[error("has no Module.symvers in it, and no kernel image")]
    NoReference,
    /// The same, and nobody can tell which of them is meant.
    #[error("has more than one {what} in it ({names}): take out the one that is meant, and name that")]
    Several {
        /// Of what.
        what: &'static str,
        /// Their paths in it.
        names: String,
    },
    /// A package, an archive or a compression that is not read.
    #[error("is {0}, which is not read")]
    Unsupported(&'static str),
    /// A kernel image that does not say what it exports.
    #[error("is {0}: its exports can't be told from it, a Module.symvers tells them")]
    Untold(&'static str),
    /// A package that is broken.
    #[error("broken package: {0}")]
    Package(String),
    /// A list that names something that is not there, or can't be read.
    #[error("{0}")]
    List(String),
    /// Over a limit.
    #[error("has {len} bytes, more than the {limit} that are read")]
    TooLarge {
        /// How many it has, or would unpack to.
        len: u64,
        /// How many are read.
        limit: u64,
    },
    /// It does not unpack.
    #[error("{0}")]
    Unpack(#[from] UnpackError),
    /// It is no ELF file that can be read.
    #[error("{0}")]
    Elf(#[from] ElfError),
    /// It is no `Module.symvers`.
    #[error("{0}")]
    Symvers(#[from] SymversError),
    /// It is a kernel image whose exports can't be told.
    #[error("{0}")]
    Image(#[from] ImageError),
    /// symgate itself failed on it.
    #[error("symgate failed on it (a bug, please report it with the file): {0}")]
    Internal(String),
}

/// What the caller names.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Modules, directories, `Module.symvers` files, kernel images.
    pub paths: Vec<PathBuf>,
    /// `Module.symvers` files or kernel images; the first is the kernel's own.
    pub symvers: Vec<PathBuf>,
    /// Whether a second reader has to read every module, not only those that matter.
    pub cross_check: bool,
    /// Whether every module's signature is verified, not only of those whose identity matters.
    pub verify_all: bool,
    /// Folders of a kernel whose own modules are followed, and not judged.
    pub context: Vec<PathBuf>,
    /// Where facts are kept from one run to the next.
    pub cache: Option<PathBuf>,
    /// The modules of a system's kernel, where somebody has found them already.
    pub tree: Option<Installed>,
    /// Folders and packages with debug info of modules that have none themselves.
    pub debug_dirs: Vec<PathBuf>,
    /// Whether they are to be judged, and not only listed: then it matters which reference is the kernel's own, and what the
    /// modules' exports lead to.
    pub to_judge: bool,
    /// Where it is told how far they have been read.
    pub progress: Progress,
}
