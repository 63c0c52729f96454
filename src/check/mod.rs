// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pipeline: from what the caller names to one report.

mod again;
mod debug_info;
mod follow;
mod locate;
mod matters;
mod private;
mod sources;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::allowlist::{Allowlists, Policy};
use crate::exports::{ExportTable, Provided, Reference};
use crate::gate::{Candidate, Context, Finding, Judgement, PrivateUse, Severity, Terms, Verdict};
use crate::input::{
    self, Asked, Cache, CacheError, Collected, DebugDirs, InputError, InputErrorKind, Inputs, Labelled, ModuleFile,
    PackageFile,
};
use crate::module::ModuleFacts;
use crate::module::name::provider_path;
use crate::progress::Progress;
use crate::reach::Reach;
use crate::trust::{self, Keys, Named, Origin, Proof, Trust, TrustError};
use follow::Aim;
pub use locate::Located;
use matters::Matters;
pub use sources::Sources;

/// All that was read, before anything is judged.
#[derive(Debug)]
pub struct Gathered {
    /// The modules that could be read, in the order of their paths.
    pub modules: Vec<Candidate>,
    /// How many modules there were to read.
    pub module_files: usize,
    /// Whether a `modules.order` was among the inputs that lists nothing.
    pub empty_list: bool,
    /// Who exports what.
    pub exports: ExportTable,
    /// Where the kernel's exports were taken from, in that order.
    pub references: Vec<ReferenceFile>,
    /// Inputs that yielded no facts.
    pub errors: Vec<InputError>,
    /// Files of debug info beside the modules, which are no modules.
    pub debug_files: usize,
    /// What counts as a kernel's own.
    pub trust: Trust,
    /// What the modules' exports lead to, where that was followed.
    pub reach: Reach,
    /// Which of them lead to what finds any symbol.
    pub oracles: Reach,
    /// Where each module was read from.
    pub sources: Vec<Source>,
    /// How many modules were not read, because their facts were kept.
    pub from_cache: usize,
    /// Where debug info is that is not in the modules.
    pub debug_dirs: DebugDirs,
    /// Which of these can't be read, or are broken.
    pub debug_errors: Vec<InputError>,
    /// The packages among the inputs.
    pub packages: Vec<PackageFile>,
    /// The kernel's own modules that are not judged.
    pub context: Vec<Beside>,
    /// How many the kernel's lists name of them; not all have to be installed.
    pub context_listed: usize,
}

/// A module of the kernel's own that is not judged.
#[derive(Debug)]
pub struct Beside {
    /// Its path.
    pub path: String,
    /// Its file.
    pub file: PathBuf,
    /// What it says of itself.
    pub facts: ModuleFacts,
}

/// A `Module.symvers` or a kernel image.
#[derive(Debug)]
pub struct ReferenceFile {
    /// Its path, as given.
    pub path: String,
    /// Whether it was named as one, and not found among the inputs.
    pub is_named: bool,
    /// Whether it tells of the kernel's modules, too: a `Module.symvers` does, an image does not.
    pub knows_modules: bool,
}

/// The outcomes of a run.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Of the modules that could be read, in the order of their paths.
    pub modules: Vec<Judgement<'a>>,
    /// What is to be said of other files: of those that are no modules that can be read, and of those that say what modules
    /// export.
    pub others: Vec<Finding>,
}

/// Why nothing can be judged.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// A `Module.symvers` or a kernel image can't be read: without its reference nothing can be judged.
    #[error("{0}")]
    Reference(#[from] InputError),
    /// What the caller names as a kernel's own can't be read.
    #[error("{0}")]
    Trust(#[from] TrustError),
    /// What the caller names as a cache can't be used as one.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// Several of them among the inputs, and none named as the kernel's own.
    #[error("{count} inputs are a Module.symvers or a kernel image; name the kernel's own with --symvers")]
    NoReference {
        /// How many.
        count: usize,
    },
}

impl Gathered {
    /// Reads all inputs. What comes first in the table of exports stands: the kernel's own `Module.symvers` or image, then other
    /// ones, then what the modules say themselves.
    ///
    /// A module that matters is read by a second reader, too: one that imports a symbol of a family, or that does not
    /// even claim to be the kernel's own.
    ///
    /// Proof is looked for where it matters: for modules that get at a family or bear a name that is registered or waived.
    pub fn read(inputs: &Inputs, named: &Named, allowlists: &Allowlists) -> Result<Self, GatherError> {
        let cache = inputs.cache.as_deref().map(Cache::open).transpose()?;
        let places_and_references = || (Trust::of_places(named), read_named(&inputs.symvers));
        let (collected, (trust, read)) = rayon::join(|| found(inputs), places_and_references);
        let Collected { modules: files, packages, references: mut among, empty_list, mut errors } = collected;
        let mut trust = trust?;
        if inputs.symvers.is_empty() && inputs.to_judge && among.len() > 1 {
            return Err(GatherError::NoReference { count: among.len() });
        }
        among.sort();
        let (mut exports, references) = references(read?, &among)?;
        let matters = Matters::new(inputs, named, allowlists, &exports);
        let asking =
            |facts: &ModuleFacts, origin: Origin<'_>| matters.asked(&trust, facts, origin, trust.believes_claim(facts));
        // Where the inputs were taken from says nothing of what stands beside them.
        let asking_beside =
            |facts: &ModuleFacts, origin: Origin<'_>| matters.asked(&trust, facts, origin, facts.claims_intree());
        // To unpack a kernel image for its keys takes about as long as to read its modules.
        let (facts, keys) = rayon::join(
            || {
                input::read_all(
                    &files,
                    &|facts, path| asking(facts, Origin::File(path)),
                    cache.as_ref(),
                    &inputs.progress,
                )
            },
            || Keys::read(named, &inputs.paths, image_of(inputs)),
        );
        inputs.progress.expect(packages.len());
        let read_package = |package: &PackageFile| {
            let asking = |facts: &ModuleFacts, name: &str| asking(facts, Origin::Package(&package.path, name));
            let members = input::read_package(package, &asking);
            inputs.progress.step();
            members
        };
        let packaged: Vec<_> = packages.iter().map(read_package).collect();
        let (context, context_listed) =
            read_context(&inputs.context, &asking_beside, cache.as_ref(), &inputs.progress)?;
        if let Some(cache) = &cache {
            cache.trim();
        }
        trust.add_keys(keys?);
        let expand = |pattern: &str| matching(&allowlists.policy, pattern);
        let candidate = |(path, mut facts, source): (String, ModuleFacts, Source)| {
            let lookups = std::mem::take(&mut facts.lookups);
            facts.set_lookups(lookups, &expand);
            let origin = source.origin(&path, &packages);
            let signature = facts.digests.is_some().then(|| trust.verify(origin, &facts)).flatten();
            let name = facts.name_or_of(&path);
            let needs_proof = matters.needs_proof(&facts);
            let proof = needs_proof.then(|| trust.prove(origin, &name, signature.as_ref())).flatten();
            // Of what was not taken to be from elsewhere when it was read, and on which nothing hangs, its word stands.
            let claims = trust.leaves_to_claim(&facts) || !(needs_proof || facts.hidden_ways);
            (Candidate { path, facts, proof, signature, claims, private: PrivateUse::default() }, source)
        };
        let mut read = Read { modules: Vec::new(), files: files.len(), errors: &mut errors };
        read.add_files(files, facts);
        read.add_members(&packages, packaged);
        let Read { modules, files: mut module_files, .. } = read;
        let mut read: Vec<(Candidate, Source)> = modules.into_par_iter().map(candidate).collect();
        read.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let (mut modules, sources): (Vec<Candidate>, Vec<Source>) = read.into_iter().unzip();
        if trust.has_places() {
            prove_by_content(&mut modules, &trust, &|facts| matters.needs_proof(facts))?;
        }
        // The kernel's own come first, as in a `Module.symvers`.
        for Beside { path, facts, .. } in &context {
            provided(path, facts).for_each(|provided| exports.add(provided));
        }
        for Candidate { path, facts, .. } in &modules {
            provided(path, facts).for_each(|provided| exports.add_claim(provided));
        }
        // Beside the modules, such as in a package of all that a build made, they are what they are; alone they are no
        // input.
        let before = errors.len();
        if !modules.is_empty() {
            errors.retain(|error| !error.is_debug_info());
        }
        let debug_files = before - errors.len();
        module_files -= debug_files;
        errors.sort_by(|a, b| a.path.cmp(&b.path));
        let (debug_dirs, debug_errors) = DebugDirs::new(&inputs.debug_dirs);
        let mut gathered = Self {
            modules,
            module_files,
            empty_list,
            exports,
            references,
            errors,
            debug_files,
            trust,
            reach: Reach::default(),
            oracles: Reach::default(),
            sources,
            from_cache: cache.as_ref().map_or(0, Cache::found),
            debug_dirs,
            debug_errors,
            packages,
            context,
            context_listed,
        };
        if inputs.to_judge {
            gathered.follow(allowlists);
        }
        Ok(gathered)
    }

    /// Whether there was no module among the inputs, and nothing that says why.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.module_files == 0 && self.errors.is_empty() && !self.empty_list
    }

    /// Follows what the modules' exports lead to.
    pub fn follow(&mut self, allowlists: &Allowlists) {
        self.follow_oracles(allowlists);
        self.reach = follow::follow(self, allowlists, Aim::Families);
        self.read_private_use(allowlists);
    }

    /// Follows what hands out what finds any symbol, over any number of modules: who asks one of these may hand it on.
    fn follow_oracles(&mut self, allowlists: &Allowlists) {
        /// Modules that hand it on, one to the next.
        const HOPS: usize = 16;
        for _ in 0..HOPS {
            if !self.modules.iter().any(|module| module.is_from_elsewhere() && module.facts.lookups.is_open()) {
                return;
            }
            let known = self.oracles.exports().len();
            self.oracles = follow::follow(self, allowlists, Aim::Oracles);
            if self.oracles.exports().len() == known {
                return;
            }
            self.ask_oracles(allowlists);
        }
    }

    /// Reads what modules find by what others hand out.
    fn ask_oracles(&mut self, allowlists: &Allowlists) {
        let is_oracle = |symbol: &str| !self.oracles.of(symbol).is_empty();
        let asks = |module: &Candidate| module.facts.imports.iter().any(|import| is_oracle(&import.name));
        let asking = self.modules.iter().enumerate().filter(|(_, module)| asks(module)).map(|(index, _)| index);
        let (read, errors) = self.again(&asking.collect(), &|index, bytes| {
            self.modules.get(index).map(|module| module.facts.lookups_by(bytes, &is_oracle))
        });
        self.errors.extend(errors);
        for (index, lookups) in read {
            if let (Some(module), Some(lookups)) = (self.modules.get_mut(index), lookups) {
                module.facts.set_lookups(lookups, &|pattern| matching(&allowlists.policy, pattern));
            }
        }
    }

    /// By what its modules are judged.
    #[must_use]
    pub fn context<'a>(&'a self, allowlists: &'a Allowlists, terms: Terms) -> Context<'a> {
        Context::new(allowlists, &self.exports, &self.trust, &self.reach, &self.oracles, terms)
    }

    /// The module that was read from a file; in a tree it may bear a shorter path.
    #[must_use]
    pub fn module_of(&self, file: &Path) -> Option<&Candidate> {
        let real = file.canonicalize().ok()?;
        let is_it = |source: &Source| matches!(source, Source::File(path) if path.canonicalize().is_ok_and(|path| path == real));
        self.modules.iter().zip(&self.sources).find(|(_, source)| is_it(source)).map(|(module, _)| module)
    }

    /// Follows what leads to one symbol, of a family or not, whoever passes it on.
    #[must_use]
    pub fn ways_to(&self, symbol: &str, allowlists: &Allowlists) -> Reach {
        follow::follow(self, allowlists, Aim::Symbol(symbol))
    }

    /// Judges all modules.
    #[must_use]
    pub fn judge<'a>(&'a self, context: &'a Context<'a>) -> Judged<'a> {
        let modules = self.modules.par_iter().map(|module| context.judge(module)).collect();
        let malformed = self.errors.iter().filter(|error| error.is_malformed());
        let unreadable = malformed.flat_map(|error| context.judge_unreadable(&error.path, &error.kind.to_string()));
        Judged { modules, others: unreadable.chain(context.judge_claims()).collect() }
    }

    /// The paths of what is denied: of files on disk as they were found, of members of packages as in the report.
    #[must_use]
    pub fn denied(&self, judged: &Judged<'_>) -> Vec<String> {
        let modules = judged.modules.iter().zip(&self.sources);
        let modules = modules.filter(|(judgement, _)| judgement.verdict == Verdict::Deny);
        let modules = modules.map(|(judgement, source)| match source {
            Source::File(file) => file.display().to_string(),
            Source::Package(_) => judgement.subject.path.to_owned(),
        });
        let unreadable = judged.others.iter().filter(|finding| finding.severity == Severity::Deny);
        let mut denied: Vec<String> = modules.chain(unreadable.map(|finding| finding.path.clone())).collect();
        denied.sort_unstable();
        denied.dedup();
        denied
    }

    /// How many modules there were, and how many of them had to be read, in words.
    #[must_use]
    pub fn tell_reading(&self) -> String {
        let of = self.modules.len() + self.context.len();
        format!("{of} modules, {} read, {} unchanged since they were", of - self.from_cache, self.from_cache)
    }
}

/// The symbols of families for which a pattern stands, as the kernel reads one (`lib/glob.c`); what is none stands for all.
fn matching(policy: &Policy, pattern: &str) -> Vec<String> {
    let glob = globset::Glob::new(pattern).ok().map(|glob| glob.compile_matcher());
    let fits = |symbol: &str| glob.as_ref().is_none_or(|glob| glob.is_match(symbol));
    policy.acquiring(&fits).map(str::to_owned).collect()
}

/// What there is to read: what was named, and what somebody has found already.
fn found(inputs: &Inputs) -> Collected {
    let mut collected = input::collect(&inputs.paths);
    if let Some(tree) = &inputs.tree {
        collected.modules.extend(tree.modules.iter().cloned());
    }
    collected
}

/// The image of the kernel whose modules somebody has found already, and their folder.
fn image_of(inputs: &Inputs) -> Option<(&Path, &Path)> {
    let tree = inputs.tree.as_ref()?;
    Some((tree.image.as_deref()?, &tree.folder))
}

/// What was read of the inputs.
struct Read<'e> {
    modules: Vec<(String, ModuleFacts, Source)>,
    /// How many there were to read.
    files: usize,
    errors: &'e mut Vec<InputError>,
}

impl Read<'_> {
    fn add_files(&mut self, files: Vec<ModuleFile>, facts: Vec<Result<ModuleFacts, InputError>>) {
        for (file, facts) in files.into_iter().zip(facts) {
            match facts {
                Ok(facts) => self.modules.push((file.label, facts, Source::File(file.path))),
                Err(error) => self.errors.push(error),
            }
        }
    }

    fn add_members(&mut self, packages: &[PackageFile], members: Vec<Result<Vec<Labelled>, InputErrorKind>>) {
        for (index, (package, members)) in packages.iter().zip(members).enumerate() {
            let members = members.unwrap_or_else(|kind| {
                self.errors.push(InputError::new(&package.label, kind));
                Vec::new()
            });
            self.files += members.len();
            for member in members {
                match member {
                    Ok((path, facts)) => self.modules.push((path, facts, Source::Package(index))),
                    Err(error) => self.errors.push(error),
                }
            }
        }
    }
}

impl Source {
    /// Where a module of this path comes from.
    fn origin<'p>(&'p self, path: &'p str, packages: &'p [PackageFile]) -> Origin<'p> {
        match self {
            Self::File(file) => Origin::File(file),
            Self::Package(index) => {
                let package = packages.get(*index).map(|package| package.path.as_path());
                Origin::Package(package.unwrap_or(Path::new("")), path)
            }
        }
    }
}

/// What a module itself exports.
fn provided<'f>(path: &str, facts: &'f ModuleFacts) -> impl Iterator<Item = Provided> + use<'f> {
    let (provider, path): (_, Arc<str>) = (facts.name_or_of(path), provider_path(path).into());
    let exports = facts.exports.iter();
    exports.map(move |export| Provided { export: export.clone(), path: path.clone(), provider: provider.clone() })
}

/// Reads the modules of the kernels that were named to look them up in.
fn read_context(
    folders: &[PathBuf],
    asking: &(dyn Fn(&ModuleFacts, Origin<'_>) -> Asked + Sync),
    cache: Option<&Cache>,
    progress: &Progress,
) -> Result<(Vec<Beside>, usize), GatherError> {
    let (mut context, mut all) = (Vec::new(), 0);
    for folder in folders {
        let (files, listed) = trust::modules_of(folder)?;
        all += listed;
        let asking = |facts: &ModuleFacts, path: &Path| Asked {
            cross_check: false,
            digest: false,
            ..asking(facts, Origin::File(path))
        };
        let facts = input::read_all(&files, &asking, cache, progress);
        for (file, facts) in files.into_iter().zip(facts) {
            context.push(Beside { path: file.label, file: file.path, facts: facts? });
        }
    }
    Ok((context, all))
}

/// Looks in the places that the caller named for modules that are not proven yet.
fn prove_by_content(
    modules: &mut [Candidate],
    trust: &Trust,
    needs_proof: &dyn Fn(&ModuleFacts) -> bool,
) -> Result<(), TrustError> {
    let unproven = |module: &&mut Candidate| module.proof.is_none() && needs_proof(&module.facts);
    if !modules.iter_mut().any(|module| unproven(&module)) {
        return Ok(());
    }
    let contents = trust.contents()?;
    for module in modules.iter_mut().filter(unproven) {
        // Under another name than that it bears, somebody put it there.
        let key = module.facts.digests.as_ref().map(|digests| digests.content).zip(module.facts.name.clone());
        module.proof = key.and_then(|key| contents.get(&key)).cloned().map(Proof::Content);
    }
    Ok(())
}

/// Where a module was read from.
#[derive(Debug)]
pub enum Source {
    /// Its file.
    File(PathBuf),
    /// The package of this index.
    Package(usize),
}

/// Reads what the caller names as telling who exports what.
fn read_named(paths: &[PathBuf]) -> Result<Vec<(&Path, Reference)>, InputError> {
    paths.iter().map(|path| Ok((path.as_path(), input::read_reference(path)?))).collect()
}

/// Puts together who exports what: what the caller names as telling that first, then what is among the inputs.
fn references(
    named: Vec<(&Path, Reference)>,
    among: &[PathBuf],
) -> Result<(ExportTable, Vec<ReferenceFile>), GatherError> {
    let mut exports = ExportTable::default();
    let mut files = Vec::new();
    let named = named.into_iter().map(|(path, reference)| Ok((path, reference, true)));
    let among = among.iter().map(|path| Ok((path.as_path(), input::read_reference(path)?, false)));
    for (index, read) in named.chain(among).enumerate() {
        let (path, reference, is_named) = read.map_err(GatherError::Reference)?;
        let path = path.display().to_string();
        if index == 0 && is_named && reference.is_empty() {
            return Err(InputError::new(path, InputErrorKind::NoExports).into());
        }
        let knows_modules = reference.knows_modules();
        if index == 0 {
            exports = ExportTable::of_reference(reference);
        } else {
            exports.add_claims(&path, &reference);
        }
        files.push(ReferenceFile { path, is_named, knows_modules });
        if index == 0 && is_named {
            exports.set_kernels_own();
        }
    }
    Ok((exports, files))
}
