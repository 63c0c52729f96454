// SPDX-License-Identifier: MIT OR Apache-2.0
//! A look at a system, at the one that runs or at its files alone, or at packages: which modules there are from outside of the
//! kernel, what is loaded, and what each gets at. It judges as [`crate::check`] does, and adds what only a system tells.

mod builtin;
mod live;
mod owner;
mod root;
mod signs;
mod source;
pub mod taint;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

pub use builtin::{BuiltIn, User};
pub use live::{Loaded, Running};
pub use owner::{Owner, Package};
pub use root::Root;
pub use signs::{Compared, Sign, named, within};
pub use source::SourceLicences;
pub use taint::Taint;

use crate::allowlist::Allowlists;
use crate::check::{GatherError, Gathered, Source};
use crate::gate::Candidate;
use crate::input::{InputError, InputErrorKind, Inputs, Installed};
use crate::module::ModuleName;
use crate::text;
use crate::trust::{Keys, Named, Trust};
use owner::{Built, Owners};
use signs::{Stored, Usual};

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The system that runs symgate.
    Here,
    /// The system in this folder.
    Root(PathBuf),
    /// Packages, folders or modules, apart from any system.
    Inputs,
}

/// All that was found, before anything is judged.
#[derive(Debug)]
pub struct Audit {
    /// What was looked at.
    pub scope: Scope,
    /// The kernel that runs there, if one does.
    pub running: Option<Running>,
    /// The kernels, by version.
    pub kernels: Vec<Kernel>,
    /// What could not be seen.
    pub unseen: Vec<String>,
}

/// One kernel, and the modules for it.
#[derive(Debug)]
pub struct Kernel {
    /// Its version; none where inputs were named, whatever they are for.
    pub version: Option<String>,
    /// Whether it is the one that runs.
    pub is_running: bool,
    /// Its modules.
    pub gathered: Gathered,
    /// What there is to say of each, in the same order.
    pub about: Vec<About>,
    /// The modules that are loaded and not stored.
    pub only_loaded: Vec<OnlyLoaded>,
    /// Who of a family's users is built into it, where it was looked for.
    pub built_in: Option<BuiltIn>,
    /// What could not be seen of it.
    pub unseen: Vec<String>,
}

/// What a system tells of a stored module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// By what it is taken to be from elsewhere, or another than the one that is loaded.
    pub signs: Vec<Sign>,
    /// Who put it there.
    pub owner: Owner,
    /// The module of its name that is loaded, if one is, and whether it is the same.
    pub loaded: Option<(Loaded, Compared)>,
    /// What its source says of its licence, where it is from elsewhere and has debug info.
    pub source: Option<SourceLicences>,
}

impl About {
    /// Whether the module is taken to be from elsewhere.
    #[must_use]
    pub fn is_from_elsewhere(&self) -> bool {
        self.signs.iter().any(Sign::is_of_elsewhere)
    }
}

/// A module that is loaded and not stored: what it gets at can't be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlyLoaded {
    /// Its name, as the kernel has it.
    pub name: String,
    /// What the kernel says of it; through the modules that it uses it may get at something.
    pub loaded: Loaded,
    /// By what it is taken to be from elsewhere.
    pub signs: Vec<Sign>,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The root is none.
    #[error("{}: {error}", .folder.display())]
    Root {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A kernel that was asked for is neither installed nor running.
    #[error("kernel {version} is neither installed nor running; there are: {}", if .installed.is_empty() { "none" } else { .installed })]
    NoKernel {
        /// Its version.
        version: String,
        /// The ones that are.
        installed: String,
    },
    /// There is no kernel at all.
    #[error("{}: no kernel's modules are installed there (lib/modules), and none runs", .0.display())]
    NoKernels(PathBuf),
    /// What is needed to judge can't be read.
    #[error(transparent)]
    Gather(#[from] GatherError),
}

impl Audit {
    /// Looks at the system in a folder: at the kernels of these versions, or else at the one that runs, or else at all that are
    /// installed. `inputs` says how they are read, `named` what the caller trusts.
    pub fn of_system(
        folder: &Path,
        versions: &[String],
        inputs: &Inputs,
        named: &Named,
        allowlists: &Allowlists,
    ) -> Result<Self, AuditError> {
        let root = Root::new(folder).map_err(|error| AuditError::Root { folder: folder.to_owned(), error })?;
        let running = Running::read(&root);
        let own_name = |version: &String| root.own_name(version);
        let runs = running.as_ref().and_then(|running| running.version.as_ref()).map(own_name);
        let (installed, versions) = (root.kernels(), versions.iter().map(own_name).collect::<Vec<_>>());
        for version in versions.iter().filter(|version| !installed.contains(version)) {
            if runs.as_ref() != Some(version) {
                let (version, installed) = (version.clone(), installed.join(", "));
                return Err(AuditError::NoKernel { version, installed });
            }
        }
        let chosen: Vec<String> = match (versions.as_slice(), runs.clone()) {
            ([], Some(runs)) => vec![runs],
            ([], None) => installed.clone(),
            (versions, _) => versions.to_vec(),
        };
        let chosen: BTreeSet<String> = chosen.into_iter().collect();
        if chosen.is_empty() {
            return Err(AuditError::NoKernels(folder.to_owned()));
        }
        let owners = Owners::read(&root);
        let mut unseen = owners.untold.clone();
        unseen.extend(running.iter().flat_map(|running| running.untold.iter().cloned()));
        let runs = match (running.is_some(), runs, chosen.first()) {
            (false, _, _) => {
                unseen.push("what is loaded: there is no /proc/modules".to_owned());
                None
            }
            (true, None, Some(only)) if chosen.len() == 1 => {
                unseen.push(format!(
                    "which kernel runs: there is no /proc/sys/kernel/osrelease, and it is taken for {only}"
                ));
                Some(only.clone())
            }
            (true, None, _) => {
                unseen.push("which kernel runs, and so of which the modules are that are loaded (--kernel)".to_owned());
                None
            }
            (true, Some(runs), _) => {
                if !chosen.contains(&runs) {
                    unseen.push(format!("what is loaded: it is of the kernel that runs, {runs} (--kernel)"));
                }
                Some(runs)
            }
        };
        let others: Vec<&str> = installed.iter().filter(|version| !chosen.contains(*version)).map(|it| &**it).collect();
        if !others.is_empty() {
            unseen.push(format!("the other kernels that are installed (--kernel): {}", text::list(&others)));
        }
        let mut kernels = Vec::new();
        for version in chosen {
            let running = running.as_ref().filter(|_| runs.as_ref() == Some(&version));
            kernels.push(System { root: &root, owners: &owners, running }.kernel(&version, inputs, named, allowlists)?);
        }
        let scope = if root.is_here() { Scope::Here } else { Scope::Root(folder.to_owned()) };
        Ok(Self { scope, running, kernels, unseen })
    }

    /// Looks at what was named, apart from any system.
    pub fn of_inputs(inputs: &Inputs, named: &Named, allowlists: &Allowlists) -> Result<Self, AuditError> {
        let mut gathered = Gathered::read(inputs, named, allowlists)?;
        if gathered.is_nothing() {
            let path = inputs.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            gathered.errors.push(InputError::new(path, InputErrorKind::NoModules));
        }
        let package = |source: &Source| match source {
            Source::Package(index) => gathered.packages.get(*index),
            Source::File(_) => None,
        };
        let owner = |source: &Source| match package(source) {
            Some(package) => Owner::Package(Package { name: package.label.clone(), version: None }),
            None => Owner::Unknown,
        };
        let owners: Vec<Owner> = gathered.sources.iter().map(owner).collect();
        let stored = stored(&gathered, &owners, &|real| real.to_owned());
        let usual = Usual::of(&stored, None);
        let unseen = usual.silent();
        let about = |stored: &Stored<'_>| About {
            signs: usual.signs(stored, None),
            owner: stored.owner.clone(),
            loaded: None,
            source: None,
        };
        let mut about: Vec<About> = stored.iter().map(about).collect();
        add_sources(&gathered, None, &mut about);
        let kernel = Kernel {
            version: None,
            is_running: false,
            gathered,
            about,
            only_loaded: Vec::new(),
            built_in: None,
            unseen,
        };
        Ok(Self { scope: Scope::Inputs, running: None, kernels: vec![kernel], unseen: Vec::new() })
    }
}

/// Says of what is from elsewhere what its source says of its licence.
fn add_sources(gathered: &Gathered, root: Option<&Root>, about: &mut [About]) {
    let elsewhere = about.iter().enumerate().filter(|(_, about)| about.is_from_elsewhere()).map(|(index, _)| index);
    for (index, sources) in gathered.sources(&elsewhere.collect()) {
        if let Some(about) = about.get_mut(index) {
            about.source = Some(SourceLicences::of(&sources, root, &about.owner));
        }
    }
}

/// What is loaded, beside what is stored.
#[derive(Default)]
struct Matched {
    /// The loaded modules, each at the number of the stored one that it is, or should be.
    found: BTreeMap<usize, (Loaded, Compared)>,
    /// The names of those of which nothing tells whether they are.
    untold: Vec<String>,
    /// Those for which there is none, by their names.
    left: Vec<(String, Loaded)>,
}

/// What all kernels of a system share.
struct System<'s> {
    root: &'s Root,
    owners: &'s Owners,
    running: Option<&'s Running>,
}

impl System<'_> {
    /// Looks at one kernel.
    fn kernel(
        &self,
        version: &str,
        inputs: &Inputs,
        named: &Named,
        allowlists: &Allowlists,
    ) -> Result<Kernel, AuditError> {
        let root = self.root;
        let mut unseen = Vec::new();
        let mut folders = root.folders(version).into_iter();
        let folder = folders.next();
        // As the system calls it: it need not have a link from one of its two names to the other.
        let home = folder.as_deref().map_or_else(|| Path::new("/lib/modules").join(version), |real| root.inner(real));
        let home = home.display().to_string();
        let resolve = |path: &Path| root.resolve(path);
        let called = Path::new("/lib/modules").join(version);
        let found = folder.map(|folder| Installed::find(&folder, &called, &resolve, &|real| root.inner(real)));
        if found.is_none() {
            unseen.push(format!(
                "what the modules get at that are loaded, and whether they are those that were installed: there is no \
                 lib/modules/{version}"
            ));
        }
        let (mut tree, mut errors) = found.unzip();
        for folder in folders {
            let (more, wrong) = Installed::find(&folder, &root.inner(&folder), &resolve, &|real| root.inner(real));
            tree.get_or_insert_default().modules.extend(more.modules);
            errors.get_or_insert_default().extend(wrong);
        }
        let has_tree = tree.is_some();
        let tree = tree.map(|tree| Installed { image: root.file(&images(version, &home)), ..tree });
        let inputs = Inputs { tree, ..inputs.clone() };
        let mut gathered = self.gather(&references(version, &home), &inputs, named, allowlists, &mut unseen)?;
        gathered.errors.extend(errors.unwrap_or_default());
        let built = Built::read(root, version);
        let owner = |(module, source): (&Candidate, &Source)| {
            let name = module.facts.name_or_of(&module.path);
            let real = match source {
                Source::File(real) => root.inner(real).display().to_string(),
                Source::Package(_) => String::new(),
            };
            self.owners.of(&module.path, &real, &name, &built)
        };
        let owners: Vec<Owner> = gathered.modules.iter().zip(&gathered.sources).map(owner).collect();
        let stored = stored(&gathered, &owners, &|real| root.inner(real));
        let of_kernel = |file: &str| format!("{home}/{file}");
        let usual = Usual::of(&stored, root.text(of_kernel("modules.order")).as_deref());
        unseen.extend(usual.silent());
        let Matched { found: mut loaded, untold, left } = self.loaded(&stored);
        if !untold.is_empty() {
            unseen.push(format!(
                "whether these are loaded as they are stored, which nothing tells: {}",
                text::list(&untold)
            ));
        }
        let about = stored.iter().enumerate().map(|(index, stored)| {
            let loaded = loaded.remove(&index);
            let told = loaded.as_ref().map(|(loaded, compared)| (loaded, *compared));
            About { signs: usual.signs(stored, told), owner: stored.owner.clone(), loaded, source: None }
        });
        let mut about: Vec<About> = about.collect();
        add_sources(&gathered, Some(root), &mut about);
        let only_loaded = only_loaded(left, &gathered, &usual, has_tree);
        let configs = [format!("boot/config-{version}"), of_kernel("config")];
        let config = configs.iter().find_map(|path| root.text(path)).or_else(|| self.own_config());
        let list = root.text(of_kernel("modules.builtin"));
        Ok(Kernel {
            version: Some(version.to_owned()),
            is_running: self.running.is_some(),
            built_in: Some(BuiltIn::of(list.as_deref(), config.as_deref(), allowlists)),
            gathered,
            about,
            only_loaded,
            unseen,
        })
    }

    /// The configuration that the running kernel has in itself (`CONFIG_IKCONFIG_PROC`).
    fn own_config(&self) -> Option<String> {
        self.running?;
        let packed = self.root.read("proc/config.gz").ok()??;
        let unpacked = crate::input::unpacked(packed).ok()?;
        String::from_utf8(unpacked).ok()
    }

    /// Reads the modules, with what tells the kernel's exports: what the caller names, or the first that can be read of what
    /// is installed.
    fn gather(
        &self,
        references: &[String],
        inputs: &Inputs,
        named: &Named,
        allowlists: &Allowlists,
        unseen: &mut Vec<String>,
    ) -> Result<Gathered, AuditError> {
        let own = own_word(inputs, named, unseen);
        let named = own.as_ref().unwrap_or(named);
        if inputs.symvers.is_empty() {
            for path in references.iter().filter_map(|path| self.root.resolve(path)) {
                let with = Inputs { symvers: vec![path.clone()], ..inputs.clone() };
                match Gathered::read(&with, named, allowlists) {
                    Err(GatherError::Reference(error)) => {
                        // An image that does not tell is not broken.
                        if !matches!(error.kind, InputErrorKind::Untold(_)) {
                            unseen.push(format!("what the kernel exports: {error}"));
                        }
                    }
                    gathered => return Ok(gathered?),
                }
            }
        }
        Ok(Gathered::read(inputs, named, allowlists)?)
    }

    /// Finds the stored modules that the loaded ones are.
    fn loaded(&self, stored: &[Stored<'_>]) -> Matched {
        let mut matched = Matched::default();
        let Some(running) = self.running else { return matched };
        let shows_ids = running.shows_build_ids();
        let mut by_name: BTreeMap<ModuleName, Vec<usize>> = BTreeMap::new();
        for (index, Stored { module, .. }) in stored.iter().enumerate() {
            by_name.entry(module.facts.name_or_of(&module.path)).or_default().push(index);
        }
        let mut all: Vec<(&String, &Loaded)> = running.modules.iter().collect();
        // Of two that differ in `-` and `_` alone, the one that is called as files are comes first.
        all.sort_by_key(|(name, _)| (name.contains('-'), *name));
        for (name, loaded) in all {
            let candidates = by_name.get(&ModuleName::new(name)).into_iter().flatten();
            let free = candidates.filter(|index| !matched.found.contains_key(*index)).filter_map(|&index| {
                let stored = stored.get(index)?;
                let compared = signs::compare(stored.module, loaded, shows_ids);
                // Of several files of a name depmod takes the one in updates/ (`depmod.d(5)`, search).
                let is_kernels = within(&stored.place).is_some_and(|path| path.starts_with("kernel/"));
                Some((!matches!(compared, Compared::Same(_)), is_kernels, index, compared))
            });
            match free.min_by_key(|(differs, is_kernels, index, _)| (*differs, *is_kernels, *index)) {
                Some((.., index, compared)) => {
                    if compared == Compared::Untold {
                        matched.untold.push(name.clone());
                    }
                    matched.found.insert(index, (loaded.clone(), compared));
                }
                None => matched.left.push((name.clone(), loaded.clone())),
            }
        }
        matched.left.sort_by(|(a, _), (b, _)| a.cmp(b));
        matched
    }
}

/// The loaded modules of which no file was read: none is installed, or it can't be read, or there is no folder that one could be in.
fn only_loaded(left: Vec<(String, Loaded)>, gathered: &Gathered, usual: &Usual, has_tree: bool) -> Vec<OnlyLoaded> {
    let unread: BTreeSet<ModuleName> = gathered.errors.iter().map(|error| ModuleName::from_path(&error.path)).collect();
    let told = left.into_iter().map(|(name, loaded)| {
        let why = if unread.contains(&ModuleName::new(&name)) { Sign::Unread } else { Sign::NotStored };
        OnlyLoaded { name, signs: usual.signs_of_loaded(&loaded, has_tree.then_some(why)), loaded }
    });
    told.collect()
}

/// The modules, each with the path by which it is installed: its own in the report, or else that of its file.
fn stored<'g>(gathered: &'g Gathered, owners: &'g [Owner], inner: &dyn Fn(&Path) -> PathBuf) -> Vec<Stored<'g>> {
    let place = |module: &Candidate, source: &Source| match source {
        Source::File(file) if within(&module.path).is_none() => {
            inner(&file.canonicalize().unwrap_or_else(|_| file.clone())).display().to_string()
        }
        Source::File(_) | Source::Package(_) => module.path.clone(),
    };
    let modules = gathered.modules.iter().zip(&gathered.sources).zip(owners);
    modules.map(|((module, source), owner)| Stored { module, owner, place: place(module, source) }).collect()
}

/// Where the caller names nothing as the kernel's own, and its image has no keys that could tell it, what its own list says is its
/// own counts: nobody else says anything.
fn own_word(inputs: &Inputs, named: &Named, unseen: &mut Vec<String>) -> Option<Named> {
    let tree = inputs.tree.as_ref().filter(|_| named.is_empty())?;
    let image = tree.image.as_deref().map(|image| (image, tree.folder.as_path()));
    if Keys::read(named, &[], image).is_ok_and(|keys| !keys.is_empty()) {
        return None;
    }
    // A link could lead to anybody's list.
    let is_own = |list: &str| tree.folder.join(list).symlink_metadata().is_ok_and(|meta| meta.is_file());
    if !is_own("modules.order") || !is_own("modules.builtin") {
        return None;
    }
    let named = Named { own_word: Some(tree.folder.clone()), ..named.clone() };
    match Trust::of_places(&named) {
        Ok(_) => {
            unseen.push(
                "whether the kernel's own modules are: no key tells it, and its modules.order is this system's own word \
                 (--kernel-package, --trusted-keys)"
                    .to_owned(),
            );
            Some(named)
        }
        Err(error) => {
            unseen.push(format!("what the kernel's own modules are: {error}"));
            None
        }
    }
}

/// Where an installed kernel's image may be.
fn images(version: &str, home: &str) -> Vec<String> {
    let boot = ["boot/vmlinuz-", "boot/vmlinux-"].map(|image| format!("{image}{version}"));
    let beside = ["vmlinuz", "vmlinux"].map(|image| format!("{home}/{image}"));
    boot.into_iter().chain(beside).collect()
}

/// Where an installed kernel tells its exports: its headers, the table that Fedora and others install with it, its image.
fn references(version: &str, home: &str) -> Vec<String> {
    let mut paths = vec![
        format!("{home}/build/Module.symvers"),
        format!("usr/src/linux-headers-{version}/Module.symvers"),
        format!("usr/src/kernels/{version}/Module.symvers"),
    ];
    for ending in ["", ".gz", ".xz", ".zst"] {
        paths.push(format!("{home}/symvers{ending}"));
        paths.push(format!("boot/symvers-{version}{ending}"));
    }
    paths.extend(images(version, home));
    paths
}
