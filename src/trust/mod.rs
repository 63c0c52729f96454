// SPDX-License-Identifier: MIT OR Apache-2.0
//! What counts as a kernel's own: keys, and places that the caller named. Everything that a module says of itself is a
//! claim; here is what proves one.

mod beside;
mod certificate;
mod image;
mod keys;
mod place;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};

pub use certificate::{Certificate, CertificateError};
pub use keys::KeyError;
pub use place::PlaceError;
pub use verify::Verdict;

use crate::allowlist::TakenFrom;
use crate::input::ModuleFile;
use crate::module::{ModuleFacts, ModuleName};
pub use place::Contents;

/// What the caller names as a kernel's own, and what he says of what is judged.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Folders that a kernel was built in, or that its modules are installed in.
    pub builds: Vec<PathBuf>,
    /// Packages of a kernel.
    pub packages: Vec<PathBuf>,
    /// Certificates, or kernel images that hold them.
    pub keys: Vec<PathBuf>,
    /// Where all that is judged was taken from, by the caller's word.
    pub taken_from: Option<TakenFrom>,
    /// A folder that modules are installed in, whose own list counts because there is nothing else: what it has in `kernel/`.
    pub own_word: Option<PathBuf>,
}

impl Named {
    /// Whether keys are to be looked for: those that are named, or that are found because nothing is.
    #[must_use]
    pub fn asks_for_keys(&self) -> bool {
        !self.keys.is_empty() || self.is_empty()
    }

    /// Whether nothing was named as a kernel's own.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty() && self.packages.is_empty() && self.keys.is_empty()
    }
}

/// Why something that was named can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", .path.display())]
pub struct TrustError {
    /// What was named.
    pub path: PathBuf,
    /// Why.
    pub kind: TrustErrorKind,
}

/// Why something that was named can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustErrorKind {
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A build or a package.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// The modules of a kernel's own that are in a folder, and how many it lists.
pub(crate) fn modules_of(folder: &Path) -> Result<(Vec<ModuleFile>, usize), TrustError> {
    place::modules(folder).map_err(|error| failed(folder, error))
}

impl Source {
    fn new(path: &Path, kind: SourceKind, is_named: bool) -> Self {
        Self { path: path.display().to_string(), kind, is_named }
    }
}

/// Keys with where they come from.
#[derive(Debug, Default)]
pub struct Keys {
    keys: Vec<Certificate>,
    sources: Vec<Source>,
}

impl Keys {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Reads the keys that the caller names; where nothing at all is named, looks for the images of the kernels that the
    /// inputs are installed with. An image takes as long to unpack as its modules to read.
    ///
    /// `installed` is an image that somebody has found already, and the folder of the modules that it speaks for.
    pub fn read(named: &Named, inputs: &[PathBuf], installed: Option<(&Path, &Path)>) -> Result<Self, TrustError> {
        let mut found = Self::default();
        for path in &named.keys {
            found.keys.extend(keys::read(path).map_err(|error| failed(path, error))?);
            found.sources.push(Source::new(path, SourceKind::Keys, true));
        }
        let beside = if named.is_empty() { beside::images(inputs) } else { Vec::new() };
        // What somebody found counts unless keys were named: places and packages prove no signature.
        let installed = installed.filter(|_| named.keys.is_empty());
        let installed = installed.map(|(image, folder)| (image.to_owned(), folder.to_owned()));
        for (path, folder) in beside.into_iter().chain(installed) {
            // One that can't be read, or holds no key, proves nothing; that is said where a proof is missing.
            let Ok(keys) = keys::read_image(&path) else { continue };
            found.keys.extend(keys.into_iter().map(|key| key.within(&folder)));
            found.sources.push(Source::new(&path, SourceKind::Keys, false));
        }
        Ok(found)
    }
}

/// All that counts as a kernel's own.
#[derive(Debug, Default)]
pub struct Trust {
    /// What it comes from, in the order given.
    pub sources: Vec<Source>,
    /// Where all that is judged was taken from, by the caller's word.
    pub taken_from: Option<TakenFrom>,
    keys: Vec<Certificate>,
    places: place::Places,
}

/// Something that counts as a kernel's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path.
    pub path: String,
    /// What it is.
    pub kind: SourceKind,
    /// Whether the caller named it; an installed kernel's image is found beside its modules.
    pub is_named: bool,
}

/// What counts as a kernel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A folder.
    Build,
    /// A package.
    Package,
    /// Keys.
    Keys,
}

/// Where a module was read from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'p> {
    /// A file.
    File(&'p Path),
    /// A package, and the name of the module's file in it.
    Package(&'p Path, &'p str),
}

/// Why a module is the kernel's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is in a place that the caller named.
    Place(String),
    /// It is, byte for byte, what is in such a place.
    Content(String),
    /// A trusted key signed it: the certificate's subject, and where that came from.
    Signature {
        /// The certificate's subject.
        by: String,
        /// The file that holds the certificate.
        from: String,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => write!(f, "in {place}"),
            Self::Content(place) => write!(f, "the same file as {place}"),
            Self::Signature { by, from } => write!(f, "signed by {by}, whose key is in {from}"),
        }
    }
}

impl Trust {
    /// Reads the places that the caller names.
    pub fn of_places(named: &Named) -> Result<Self, TrustError> {
        let mut trust = Self { taken_from: named.taken_from.clone(), ..Self::default() };
        for path in &named.builds {
            trust.places.add_build(path).map_err(|error| failed(path, error))?;
            trust.add_source(path, SourceKind::Build, true);
        }
        if let Some(path) = &named.own_word {
            trust.places.add_own_word(path).map_err(|error| failed(path, error))?;
            trust.add_source(path, SourceKind::Build, false);
        }
        for path in &named.packages {
            trust.places.add_package(path).map_err(|error| failed(path, error))?;
            trust.add_source(path, SourceKind::Package, true);
        }
        Ok(trust)
    }

    /// Adds the keys.
    pub fn add_keys(&mut self, keys: Keys) {
        self.keys.extend(keys.keys);
        self.sources.extend(keys.sources);
    }

    fn add_source(&mut self, path: &Path, kind: SourceKind, is_named: bool) {
        self.sources.push(Source::new(path, kind, is_named));
    }

    /// Whether anything at all counts as a kernel's own.
    #[must_use]
    pub fn knows_a_kernel(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether a module's claim to be the kernel's own stands, because nothing that was named could prove it, and nobody said
    /// that it was taken from elsewhere.
    #[must_use]
    pub fn leaves_to_claim(&self, facts: &ModuleFacts) -> bool {
        !self.knows_a_kernel() && self.believes_claim(facts)
    }

    /// Whether a module claims to be the kernel's own, and the caller did not say that it was taken from elsewhere.
    #[must_use]
    pub fn believes_claim(&self, facts: &ModuleFacts) -> bool {
        self.taken_from.is_none() && facts.claims_intree()
    }

    /// Whether a module is the kernel's own by where it was read from, or by what its signature came to.
    #[must_use]
    pub fn prove(&self, origin: Origin<'_>, name: &ModuleName, signature: Option<&Verdict>) -> Option<Proof> {
        let signed = || match signature? {
            Verdict::Valid { by, from } => Some(Proof::Signature { by: by.clone(), from: from.clone() }),
            _ => None,
        };
        self.place(origin, name).map(Proof::Place).or_else(signed)
    }

    /// The place of the kernel's own that a module of this name was read from, if it was from one.
    #[must_use]
    pub fn place(&self, origin: Origin<'_>, name: &ModuleName) -> Option<String> {
        match origin {
            Origin::File(path) => self.places.of_file(path, name),
            Origin::Package(path, member) => {
                self.places.of_package(path).filter(|_| ModuleName::from_path(member) == *name)
            }
        }
    }

    /// Whether there is a key to verify signatures with.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether modules can be proven by what they hold.
    #[must_use]
    pub fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// All modules of the places that the caller named, to compare others with. Takes as long as to read them all.
    pub fn contents(&self) -> Result<Contents, TrustError> {
        self.places.contents().map_err(|(path, kind)| failed(&path, PlaceError::Input(kind)))
    }

    /// What the signature of a module comes to; nothing if it has none.
    #[must_use]
    pub fn verify(&self, origin: Origin<'_>, facts: &ModuleFacts) -> Option<Verdict> {
        let real = || match origin {
            Origin::File(path) => path.canonicalize().ok(),
            // What is packed is installed nowhere.
            Origin::Package(..) => None,
        };
        let real = if self.keys.iter().any(|key| key.scope.is_some()) { real() } else { None };
        let speaks = |key: &&Certificate| match &key.scope {
            None => true,
            Some(scope) => real.as_ref().is_some_and(|real| real.starts_with(scope)),
        };
        let keys: Vec<&Certificate> = self.keys.iter().filter(speaks).collect();
        verify::verify(&keys, facts)
    }
}

fn failed(path: &Path, kind: impl Into<TrustErrorKind>) -> TrustError {
    TrustError { path: path.to_owned(), kind: kind.into() }
}
