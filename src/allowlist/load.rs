// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the allowlists are read from: the embedded data, or folders that the operator names.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::registration::{Registered, Registry};
use super::source::{Fault, Place, SourceFile};
use super::{Allowlists, Lock, known, lock, policy, userspace, waiver};
use crate::limits;
use crate::reach::table::{Series, Table, Tables};
use crate::text;

/// The data that ships with symgate.
const EMBEDDED: [(&str, &str); 7] = [
    ("policy.toml", include_str!("../../allowlists/policy.toml")),
    ("userspaces.toml", include_str!("../../allowlists/userspaces.toml")),
    ("modules.toml", include_str!("../../allowlists/modules.toml")),
    ("facades.toml", include_str!("../../allowlists/facades.toml")),
    ("known.toml", include_str!("../../allowlists/known.toml")),
    ("waivers.toml", include_str!("../../allowlists/waivers.toml")),
    ("lock.toml", include_str!("../../allowlists/lock.toml")),
];

/// What the exports of real kernels lead to, by series.
const EMBEDDED_TABLES: [(&str, &str); 5] = [
    ("5.10", include_str!("../../allowlists/reach/5.10.tsv")),
    ("6.1", include_str!("../../allowlists/reach/6.1.tsv")),
    ("6.12", include_str!("../../allowlists/reach/6.12.tsv")),
    ("7.2", include_str!("../../allowlists/reach/7.2.tsv")),
    ("7.3", include_str!("../../allowlists/reach/7.3.tsv")),
];

/// The folder of those tables, among the allowlists.
const TABLES: &str = "reach";

/// Which allowlists to read.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The operator's own folder: it is read if it is there. It replaces the embedded data if it has a policy, else it adds to
    /// it; and what it locks can't be replaced.
    pub operator: Option<PathBuf>,
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
        source: io::Error,
    },
    /// A folder holds a file that nothing reads, or lacks one that has to be there.
    #[error("{}: {reason}", .path.display())]
    Layout {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// What the operator has locked was to be replaced.
    #[error("{}: it can't replace the operator's allowlists, which lock something ({by})", .folder.display())]
    Locked {
        /// What was to replace it.
        folder: PathBuf,
        /// The line that locks.
        by: Place,
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
    /// Its tables of what exports lead to, by series.
    pub tables: BTreeMap<String, SourceFile>,
}

impl Allowlists {
    /// Reads allowlists; every fault of every file is reported together. `rules` are the ids that waivers can name.
    pub fn load(origin: &Origin, rules: &[&str]) -> Result<Self, LoadError> {
        let operator = match &origin.operator {
            // A folder that may not be looked into is not the same as none.
            Some(path) => match path.symlink_metadata() {
                Ok(_) => Some(Folder::read(path)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(source) => return Err(LoadError::Io { path: path.clone(), source }),
            },
            None => None,
        };
        let mut added = Vec::new();
        let base = match (&origin.replace, operator) {
            (Some(folder), operator) => {
                let real = |path: &Path| path.canonicalize().ok();
                let is_the_same =
                    origin.operator.as_deref().and_then(real).is_some_and(|own| real(folder) == Some(own));
                let locked = operator.filter(|_| !is_the_same).map(|operator| operator.lock(rules)).transpose()?;
                if let Some(by) = locked.as_ref().and_then(Lock::any) {
                    return Err(LoadError::Locked { folder: folder.clone(), by: by.clone() });
                }
                Folder::read(folder)?
            }
            (None, Some(operator)) if operator.files.contains_key("policy.toml") => operator,
            (None, operator) => {
                added.extend(operator);
                Folder::embedded()
            }
        };
        for folder in &origin.add {
            added.push(Folder::read(folder)?);
        }
        Self::of(&base, &added, rules)
    }

    /// The same from texts that were read already.
    pub fn of(base: &Folder, added: &[Folder], rules: &[&str]) -> Result<Self, LoadError> {
        let mut faults = Vec::new();
        let Some(policy_file) = base.files.get("policy.toml") else {
            return Err(LoadError::Layout { path: PathBuf::from(&base.name), reason: "there is no policy.toml in it" });
        };
        let Some(policy) = policy::read(policy_file, &mut faults) else { return Err(LoadError::Faults(faults)) };
        let mut allowlists = Self {
            policy,
            userspaces: BTreeMap::new(),
            registrations: BTreeMap::new(),
            classes: Vec::new(),
            known: BTreeMap::new(),
            waivers: Vec::new(),
            tables: Tables::default(),
            lock: Lock::default(),
            source: base.name.clone(),
            sha256: String::new(),
        };
        let mut hash = Sha256::new();
        // They are facts of kernels and no policy: who writes a policy of his own need not write them, too.
        if base.tables.is_empty() {
            allowlists.add_tables(&Folder::embedded(), &mut hash, &mut faults);
        }
        allowlists.add(base, rules, &mut hash, &mut faults);
        for folder in added {
            if let Some(extra) = folder.files.get("policy.toml") {
                faults.push(extra.fault(&(0..0), "a policy replaces, it does not add: give it with --allowlists"));
            }
            allowlists.source.push_str(" + ");
            allowlists.source.push_str(&folder.name);
            allowlists.add(folder, rules, &mut hash, &mut faults);
        }
        if faults.is_empty() {
            allowlists.sha256 = text::digits(&hash.finalize());
            Ok(allowlists)
        } else {
            faults.sort();
            Err(LoadError::Faults(faults))
        }
    }

    fn add_tables(&mut self, folder: &Folder, hash: &mut Sha256, faults: &mut Vec<Fault>) {
        for (name, file) in &folder.tables {
            add_to(hash, name, file);
            match (name.parse::<Series>(), Table::parse(&file.text)) {
                (Ok(series), Ok(table)) if series.to_string() == *name => self.tables.add(series, table),
                (Ok(_), Err(error)) => {
                    let place = Place { file: Arc::clone(&file.name), line: error.line, column: 1 };
                    faults.push(file.fault_at(&place, error.message));
                }
                (Ok(_), Ok(_)) | (Err(_), _) => {
                    faults.push(file.fault(&(0..0), "its name is no series of kernels, such as 6.1.tsv"));
                }
            }
        }
    }

    fn add(&mut self, folder: &Folder, rules: &[&str], hash: &mut Sha256, faults: &mut Vec<Fault>) {
        let files = &folder.files;
        for (name, file) in files {
            add_to(hash, name, file);
        }
        self.add_tables(folder, hash, faults);
        let before = faults.len();
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
        let knows_userspaces = faults.len() == before;
        let registry = Registry { policy: &self.policy, userspaces: &self.userspaces, knows_userspaces };
        let mut here = Registered::default();
        if let Some(file) = files.get("facades.toml") {
            here.read_facades(file, &registry, faults);
        }
        if let Some(file) = files.get("modules.toml") {
            here.read_modules(file, &registry, faults);
        }
        // What was locked before is not this folder's to say.
        for entry in here.modules.values().chain(&here.classes) {
            let old = self.entries().find(|old| old.name == entry.name);
            faults.extend(
                self.lock
                    .of(entry, old)
                    .map(|by| fault_of(&entry.place, &format!("the registration of {}", entry.name), by)),
            );
        }
        // A folder that is added may register anew, but not twice.
        self.registrations.extend(here.modules);
        self.classes.retain(|old| here.classes.iter().all(|new| new.name != old.name));
        self.classes.extend(here.classes);
        if let Some(file) = files.get("known.toml") {
            known::read(file, &mut self.known, faults);
        }
        if let Some(file) = files.get("waivers.toml") {
            let waivers = waiver::read(file, &self.policy, rules, faults);
            for waiver in &waivers {
                let by = self.lock.modules.get(&waiver.module).or_else(|| self.lock.rules.get(&waiver.rule));
                let what = || format!("what {} may do by {}", waiver.module, waiver.rule);
                faults.extend(by.map(|by| fault_of(&waiver.place, &what(), by)));
            }
            self.waivers.extend(waivers);
        }
        if let Some(file) = files.get("lock.toml") {
            lock::read(file, rules, &mut self.lock, faults);
        }
    }
}

/// Adds a file to what tells one set of allowlists from another.
fn add_to(hash: &mut Sha256, name: &str, file: &SourceFile) {
    for part in [name, &file.text] {
        hash.update(part.as_bytes());
        hash.update(b"\0");
    }
}

fn fault_of(place: &Place, what: &str, by: &Place) -> Fault {
    let Place { file, line, column } = place.clone();
    Fault { file, line, column, message: format!("{what} is locked by {by}") }
}

impl Folder {
    /// The data that ships with symgate.
    #[must_use]
    pub fn embedded() -> Self {
        let file = |name: String, text: &str| SourceFile {
            name: format!("allowlists/{name}").into(),
            text: text.into(),
            is_embedded: true,
        };
        let files = EMBEDDED.iter().map(|&(name, text)| (name, file(name.to_owned(), text)));
        let table = |&(series, text): &(&str, &str)| (series.to_owned(), file(format!("{TABLES}/{series}.tsv"), text));
        let tables = EMBEDDED_TABLES.iter().map(table).collect();
        Self { name: "embedded".to_owned(), files: files.collect(), tables }
    }

    /// What it locks.
    fn lock(&self, rules: &[&str]) -> Result<Lock, LoadError> {
        let (mut lock, mut faults) = (Lock::default(), Vec::new());
        if let Some(file) = self.files.get("lock.toml") {
            lock::read(file, rules, &mut lock, &mut faults);
        }
        if faults.is_empty() { Ok(lock) } else { Err(LoadError::Faults(faults)) }
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
            if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("toml")) {
                continue;
            }
            let known = EMBEDDED.iter().find(|(name, _)| path.file_name().is_some_and(|file| file == *name));
            let Some(&(name, _)) = known else {
                return Err(LoadError::Layout { path, reason: "no allowlist has this name" });
            };
            files.insert(name, source_file(path)?);
        }
        let mut tables = BTreeMap::new();
        let of_tables = folder.join(TABLES);
        if of_tables.is_dir() {
            for entry in std::fs::read_dir(&of_tables).map_err(io(&of_tables))? {
                let path = entry.map_err(io(&of_tables))?.path();
                if path.extension().is_some_and(|extension| extension == "tsv") {
                    let series = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    tables.insert(series, source_file(path)?);
                }
            }
        }
        Ok(Self { name: folder.display().to_string(), files, tables })
    }
}

/// Reads one file of a folder.
fn source_file(path: PathBuf) -> Result<SourceFile, LoadError> {
    let io = |source| LoadError::Io { path: path.clone(), source };
    // Whether it is a file comes first: to open a FIFO is to wait for its other end.
    if !std::fs::metadata(&path).map_err(io)?.is_file() {
        return Err(LoadError::Layout { path, reason: "it is no regular file" });
    }
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(io)?;
    file.take(limits::ALLOWLIST_BYTES + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > limits::ALLOWLIST_BYTES {
        return Err(LoadError::Layout { path, reason: "it is larger than any allowlist" });
    }
    Ok(SourceFile { name: path.display().to_string().into(), text: text.into(), is_embedded: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::ModuleName;

    fn load(operator: &Path, replace: Option<&Path>) -> Result<Allowlists, LoadError> {
        let origin =
            Origin { operator: Some(operator.to_owned()), replace: replace.map(Path::to_owned), add: Vec::new() };
        Allowlists::load(&origin, &["SG001", "SG003"])
    }

    #[test]
    fn the_operators_folder_adds_or_replaces_and_what_it_locks_stays() {
        let folders = tempfile::tempdir().unwrap();
        let (operator, other) = (folders.path().join("operator"), folders.path().join("other"));
        assert_eq!(load(&operator, None).unwrap().source, "embedded", "one that is not there is none");
        std::fs::create_dir_all(&operator).unwrap();
        std::fs::create_dir_all(&other).unwrap();
        let policy = EMBEDDED[0].1;
        std::fs::write(other.join("policy.toml"), policy).unwrap();
        let waiver = "[[waiver]]\nmodule = \"own\"\nrule = \"SG001\"\nfamily = \"dma-buf\"\nsymbols = [\"dma_buf_get\"]\n\
                      reason = \"x\"\nowner = \"x\"\nexpires = \"2027-01-01\"\n";
        std::fs::write(operator.join("waivers.toml"), waiver).unwrap();
        let added = load(&operator, None).unwrap();
        assert_eq!(added.source, format!("embedded + {}", operator.display()));
        assert!(added.registrations.len() > 10 && added.names(&ModuleName::new("own")));
        // What is named replaces it, as long as it locks nothing.
        assert!(!load(&operator, Some(&other)).unwrap().names(&ModuleName::new("own")));
        std::fs::write(operator.join("lock.toml"), "rules = [\"SG001\"]\n").unwrap();
        let said = load(&operator, Some(&other)).unwrap_err().to_string();
        assert!(said.contains("can't replace the operator's allowlists") && said.contains("lock.toml:1"), "{said}");
        assert!(load(&operator, None).unwrap().lock.rules.contains_key("SG001"));
        // A lock that can't be read locks all.
        std::fs::write(operator.join("lock.toml"), "rules = [\"SG999\"]\n").unwrap();
        assert!(load(&operator, Some(&other)).is_err());
        std::fs::remove_file(operator.join("lock.toml")).unwrap();
        std::fs::write(operator.join("policy.toml"), policy).unwrap();
        let replaced = load(&operator, None).unwrap();
        assert_eq!(replaced.source, operator.display().to_string());
        assert!(replaced.registrations.is_empty());
    }
}
