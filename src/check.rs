// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pipeline: from what the caller names to one report.

use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use crate::allowlist::{Allowlists, Kind, Owes, Registration};
use crate::exports::{ExportTable, Provided};
use crate::gate::{Candidate, Context, Finding, Judgement};
use crate::input::{self, Asked, Collected, InputError, InputErrorKind, Inputs};
use crate::module::name::without_ending;
use crate::module::{ModuleFacts, ModuleName};
use crate::reach::{Node, Question, Reach, Role};
use crate::tier;
use crate::trust::{Keys, Named, Origin, Proof, Trust, TrustError};

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
    /// Where each module was read from.
    pub sources: Vec<Source>,
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
    /// What is to be said of files that are no modules that can be read.
    pub unreadable: Vec<Finding>,
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
        let policy = &allowlists.policy;
        let mut trust = Trust::of_places(named)?;
        let Collected { modules: files, packages, references: mut among, empty_list, mut errors } =
            input::collect(&inputs.paths);
        if inputs.symvers.is_empty() && inputs.one_reference && among.len() > 1 {
            return Err(GatherError::NoReference { count: among.len() });
        }
        among.sort();
        let (mut exports, references) = read_references(&inputs.symvers, &among)?;
        let families = tier::memberships(policy, &exports);
        let in_family = |symbol: &str| match exports.index(symbol) {
            Some(index) => families.get(index).is_some_and(Option::is_some),
            None => tier::membership(policy, symbol, None).is_some(),
        };
        let gets_at_one = |facts: &ModuleFacts| facts.imports.iter().any(|import| in_family(&import.name));
        let is_named = |facts: &ModuleFacts| facts.name.as_ref().is_some_and(|name| allowlists.names(name));
        let asking = |facts: &ModuleFacts, origin: Origin<'_>| {
            let gets_at_one = gets_at_one(facts);
            let needs_proof = gets_at_one || is_named(facts);
            Asked {
                cross_check: inputs.cross_check || !facts.claims_intree() || gets_at_one,
                // What is in its place needs no other proof, unless it is registered by its content; where there are keys, its
                // signature may not be broken all the same.
                digest: inputs.verify_all
                    || (needs_proof
                        && (named.asks_for_keys()
                            || facts.name.as_ref().is_none_or(|name| trust.place(origin, name).is_none())
                            || facts.name.as_ref().is_some_and(|name| allowlists.asks_for_content(name)))),
            }
        };
        // Who gets at a family was cross-checked, so that of most modules nothing is looked up again.
        let needs_proof = |facts: &ModuleFacts| (facts.cross_checked && gets_at_one(facts)) || is_named(facts);
        // To unpack a kernel image for its keys takes about as long as to read its modules.
        let (facts, keys) = rayon::join(
            || input::read_all(&files, &|facts, path| asking(facts, Origin::File(path))),
            || Keys::read(named, &inputs.paths),
        );
        let packaged: Vec<_> = packages
            .into_iter()
            .map(|package| {
                let read = input::read_package(&package, &|facts, path| asking(facts, Origin::Package(path, UNTOLD)));
                (package, read)
            })
            .collect();
        trust.add_keys(keys?);
        let candidate = |path: String, facts: ModuleFacts, origin: Origin<'_>| {
            let signature = facts.digests.is_some().then(|| trust.verify(origin, &facts)).flatten();
            let name = facts.name_or_of(&path);
            let proof = needs_proof(&facts).then(|| trust.prove(origin, &name, signature.as_ref())).flatten();
            Candidate { path, facts, proof, signature }
        };
        let mut module_files = files.len();
        let (read, failed): (Vec<_>, Vec<_>) = files.into_iter().zip(facts).partition(|(_, facts)| facts.is_ok());
        errors.extend(failed.into_iter().filter_map(|(_, facts)| facts.err()));
        let read = read.into_par_iter().filter_map(|(file, facts)| Some((file, facts.ok()?)));
        let mut read: Vec<(Candidate, Source)> = read
            .map(|(file, facts)| (candidate(file.label, facts, Origin::File(&file.path)), Source::File(file.path)))
            .collect();
        for (package, members) in packaged {
            match members {
                Err(kind) => errors.push(InputError::new(package.label, kind)),
                Ok(members) => {
                    module_files += members.len();
                    for member in members {
                        match member {
                            Ok((path, facts)) => {
                                let member = path.clone();
                                let origin = Origin::Package(&package.path, &member);
                                read.push((candidate(path, facts, origin), Source::Package));
                            }
                            Err(error) => errors.push(error),
                        }
                    }
                }
            }
        }
        read.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let (mut modules, sources): (Vec<Candidate>, Vec<Source>) = read.into_iter().unzip();
        if trust.has_places() {
            prove_by_content(&mut modules, &trust, &needs_proof)?;
        }
        add_exports(&mut exports, &modules);
        // Beside the modules, such as in a package of all that a build made, they are what they are; alone they are no
        // input.
        let before = errors.len();
        if !modules.is_empty() {
            errors.retain(|error| !error.is_debug_info());
        }
        let debug_files = before - errors.len();
        module_files -= debug_files;
        errors.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            modules,
            module_files,
            empty_list,
            exports,
            references,
            errors,
            debug_files,
            trust,
            reach: Reach::default(),
            sources,
        })
    }

    /// Follows what the modules' exports lead to.
    pub fn follow(&mut self, allowlists: &Allowlists) {
        self.reach = reach(self, allowlists);
    }

    /// Judges all modules.
    #[must_use]
    pub fn judge<'a>(&'a self, context: &'a Context<'a>) -> Judged<'a> {
        let modules = self.modules.par_iter().map(|module| context.judge(module)).collect();
        let malformed = self.errors.iter().filter(|error| error.is_malformed());
        let unreadable =
            malformed.flat_map(|error| context.judge_unreadable(&error.path, &error.kind.to_string())).collect();
        Judged { modules, unreadable }
    }
}

/// Adds what the modules themselves export.
fn add_exports(exports: &mut ExportTable, modules: &[Candidate]) {
    for Candidate { path, facts, .. } in modules {
        let provider = facts.name_or_of(path);
        for export in &facts.exports {
            let path = provider_path(path).into();
            exports.add(Provided { export: export.clone(), path, provider: provider.clone() });
        }
    }
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

/// The name of a member of a package while it is not told yet: no module bears it, so that its place is proven later.
const UNTOLD: &str = "";

/// Where a module was read from.
#[derive(Debug)]
pub enum Source {
    /// Its file.
    File(PathBuf),
    /// A package.
    Package,
}

/// Follows what the modules' exports lead to.
fn reach(gathered: &Gathered, allowlists: &Allowlists) -> Reach {
    let provided = |symbol: &str| gathered.exports.get(symbol);
    let family = |symbol: &str| {
        let membership = tier::membership(&allowlists.policy, symbol, provided(symbol))?;
        (membership.acquires && !membership.watch_only).then(|| Arc::from(&*membership.family))
    };
    let offers = |name: &ModuleName, symbol: &str| provided(symbol).is_some_and(|provided| provided.provider == *name);
    let nodes = gathered.modules.iter().map(|candidate| {
        let Candidate { path, facts, .. } = candidate;
        let name = facts.name_or_of(path);
        // Without anything that could prove a name, the claim stands until SG004 has spoken.
        let is_claimed = !gathered.trust.knows_a_kernel() && facts.claims_intree();
        let registration = allowlists.registrations.get(&name);
        let role = match registration.filter(|registration| is_claimed || candidate.meets(&registration.proof)) {
            None => Role::Shim,
            Some(Registration { kind: Kind::Facade { owes: Owes::Importers, exports }, .. }) => Role::Facade(exports),
            Some(_) => Role::Silent,
        };
        Node { facts, name, role }
    });
    let nodes: Vec<Node<'_>> = nodes.collect();
    let graph = |index: usize| match gathered.sources.get(index)? {
        Source::File(path) => input::read_graph(path).ok(),
        Source::Package => None,
    };
    Reach::compute(&nodes, &Question { family: &family, offers: &offers, graph: &graph })
}

/// Reads who exports what: what the caller names as that first, then what is among the inputs.
fn read_references(named: &[PathBuf], among: &[PathBuf]) -> Result<(ExportTable, Vec<ReferenceFile>), GatherError> {
    let mut exports = ExportTable::default();
    let mut references = Vec::new();
    for (index, path) in named.iter().chain(among).enumerate() {
        let reference = input::read_reference(path)?;
        let (is_named, path) = (index < named.len(), path.display().to_string());
        if index == 0 && is_named && reference.exports.is_empty() {
            return Err(InputError::new(path, InputErrorKind::NoExports).into());
        }
        references.push(ReferenceFile { path, is_named, knows_modules: reference.modules });
        exports.add_reference(reference);
    }
    Ok((exports, references))
}

/// A module's path as `Module.symvers` has it: without `.ko` and what follows, and without the `kernel/`
/// that `modules_install` puts before it.
#[must_use]
pub fn provider_path(label: &str) -> &str {
    let stem = without_ending(label);
    let installed = stem.find("lib/modules/").and_then(|at| stem.get(at..)?.split_once("/kernel/"));
    match (installed, stem.strip_prefix("kernel/")) {
        (Some((_, path)), _) | (None, Some(path)) => path,
        (None, None) => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::provider_path;

    #[test]
    fn provider_paths_are_those_of_the_build() {
        assert_eq!(provider_path("kernel/drivers/gpu/drm/drm.ko.xz"), "drivers/gpu/drm/drm");
        assert_eq!(provider_path("usr/lib/modules/6.1/kernel/fs/a.ko"), "fs/a");
        assert_eq!(provider_path("updates/dkms/x.ko"), "updates/dkms/x");
        assert_eq!(provider_path("/tmp/y/foo.ko"), "/tmp/y/foo");
    }
}
