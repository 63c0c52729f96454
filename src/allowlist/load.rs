// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the allowlists are read from: the embedded data, or folders that the operator names.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::registration::{self, Registry};
use super::source::{Fault, Place, SourceFile};
use super::{Allowlists, known, policy, userspace, waiver};
use crate::limits;
use crate::text;

/// The data that ships with symgate.
const EMBEDDED: [(&str, &str); 6] = [
    ("policy.toml", include_str!("../../allowlists/policy.toml")),
    ("userspaces.toml", include_str!("../../allowlists/userspaces.toml")),
    ("modules.toml", include_str!("../../allowlists/modules.toml")),
    ("facades.toml", include_str!("../../allowlists/facades.toml")),
    ("known.toml", include_str!("../../allowlists/known.toml")),
    ("waivers.toml", include_str!("../../allowlists/waivers.toml")),
];

/// Which allowlists to read.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// A folder that replaces the embedded data.
    pub replace: Option<PathBuf>,
    /// Folders that add to it; of two registrations of a module the later one counts.
    pub add: Vec<PathBuf>,
}

/// Why the allowlists can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder or file can't be read.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder holds a file that nothing reads, or lacks one that has to be there.
    #[error("{}: {reason}", .path.display())]
    Layout {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// Their content is wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
}

/// One folder of allowlists.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder as the user knows it.
    pub name: String,
    /// Its files, by their plain names.
    pub files: BTreeMap<&'static str, SourceFile>,
}

impl Allowlists {
    /// Reads allowlists; every fault of every file is reported together. `rules` are the ids that waivers can name.
    pub fn load(origin: &Origin, rules: &[&str]) -> Result<Self, LoadError> {
        let base = match &origin.replace {
            Some(folder) => Folder::read(folder)?,
            None => Folder::embedded(),
        };
        let added = origin.add.iter().map(|folder| Folder::read(folder)).collect::<Result<Vec<_>, _>>()?;
        Self::of(&base, &added, rules)
    }

    /// The same from texts that were read already.
    pub fn of(base: &Folder, added: &[Folder], rules: &[&str]) -> Result<Self, LoadError> {
        let mut faults = Vec::new();
        let Some(policy_file) = base.files.get("policy.toml") else {
            return Err(LoadError::Layout { path: PathBuf::from(&base.name), reason: "there is no policy.toml in it" });
        };
        let Some(policy) = policy::read(policy_file, rules, &mut faults) else { return Err(LoadError::Faults(faults)) };
        let mut allowlists = Self {
            policy,
            userspaces: BTreeMap::new(),
            registrations: BTreeMap::new(),
            known: BTreeMap::new(),
            waivers: Vec::new(),
            source: base.name.clone(),
            sha256: String::new(),
        };
        let mut hash = Sha256::new();
        allowlists.add(base, rules, &mut hash, &mut faults);
        for folder in added {
            if let Some(extra) = folder.files.get("policy.toml") {
                faults.push(extra.fault(&(0..0), "a policy replaces, it does not add: give it with --allowlists"));
            }
            allowlists.source.push_str(" + ");
            allowlists.source.push_str(&folder.name);
            let before = allowlists.clone();
            allowlists.add(folder, rules, &mut hash, &mut faults);
            allowlists.check_lock(&before, &mut faults);
        }
        if faults.is_empty() {
            allowlists.sha256 = text::digits(&hash.finalize());
            Ok(allowlists)
        } else {
            faults.sort();
            Err(LoadError::Faults(faults))
        }
    }

    /// What an added folder says of what the policy has locked is a fault.
    fn check_lock(&self, before: &Self, faults: &mut Vec<Fault>) {
        let lock = &self.policy.lock;
        let fault = |place: &Place, what: String, lock: &Place| Fault {
            file: Arc::clone(&place.file),
            line: place.line,
            column: place.column,
            message: format!("{what} is locked by {lock}"),
        };
        for (name, by) in &lock.modules {
            let (old, new) = (before.registrations.get(name), self.registrations.get(name));
            if let Some(new) = new.filter(|new| old.is_none_or(|old| old.place != new.place)) {
                faults.push(fault(&new.place, format!("the registration of {name}"), by));
            }
        }
        for waiver in self.waivers.iter().skip(before.waivers.len()) {
            let by = lock.modules.get(&waiver.module).or_else(|| lock.rules.get(&waiver.rule));
            faults.extend(
                by.map(|by| fault(&waiver.place, format!("what {} may do by {}", waiver.module, waiver.rule), by)),
            );
        }
    }

    fn add(&mut self, Folder { files, .. }: &Folder, rules: &[&str], hash: &mut Sha256, faults: &mut Vec<Fault>) {
        for (name, file) in files {
            hash.update(name.as_bytes());
            hash.update(b"\0");
            hash.update(file.text.as_bytes());
            hash.update(b"\0");
        }
        if let Some(file) = files.get("userspaces.toml") {
            for (name, userspace) in userspace::read(file, &self.policy, faults) {
                if let Some(other) = self.userspaces.get(&name) {
                    faults.push(
                        file.fault_at(&userspace.place, format!("{name} is recorded at {} already", other.place)),
                    );
                }
                self.userspaces.insert(name, userspace);
            }
        }
        let registry = Registry { policy: &self.policy, userspaces: &self.userspaces };
        let mut here = BTreeMap::new();
        for (name, facades) in [("facades.toml", true), ("modules.toml", false)] {
            if let Some(file) = files.get(name) {
                registration::read(file, facades, &registry, &mut self.registrations, &mut here, faults);
            }
        }
        if let Some(file) = files.get("known.toml") {
            known::read(file, &mut self.known, faults);
        }
        if let Some(file) = files.get("waivers.toml") {
            self.waivers.extend(waiver::read(file, &self.policy, rules, faults));
        }
    }
}

impl Folder {
    /// The data that ships with symgate.
    #[must_use]
    pub fn embedded() -> Self {
        let file = |&(name, text): &(&'static str, &str)| {
            (name, SourceFile { name: format!("allowlists/{name}").into(), text: text.into(), is_embedded: true })
        };
        Self { name: "embedded".to_owned(), files: EMBEDDED.iter().map(file).collect() }
    }

    /// Reads a folder. A `.toml` file that nothing reads is an error: it is a misspelt one.
    pub fn read(folder: &Path) -> Result<Self, LoadError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| LoadError::Io { path, source }
        };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(io(folder))? {
            let path = entry.map_err(io(folder))?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let known = EMBEDDED.iter().find(|(name, _)| path.file_name().is_some_and(|file| file == *name));
            let Some(&(name, _)) = known else {
                return Err(LoadError::Layout { path, reason: "no allowlist has this name" });
            };
            // Whether it is a file comes first: to open a FIFO is to wait for its other end.
            if !std::fs::metadata(&path).map_err(io(&path))?.is_file() {
                return Err(LoadError::Layout { path, reason: "it is no regular file" });
            }
            let mut text = String::new();
            let file = std::fs::File::open(&path).map_err(io(&path))?;
            file.take(limits::ALLOWLIST_BYTES + 1).read_to_string(&mut text).map_err(io(&path))?;
            if text.len() as u64 > limits::ALLOWLIST_BYTES {
                return Err(LoadError::Layout { path, reason: "it is larger than any allowlist" });
            }
            let file = SourceFile { name: path.display().to_string().into(), text: text.into(), is_embedded: false };
            files.insert(name, file);
        }
        Ok(Self { name: folder.display().to_string(), files })
    }
}
