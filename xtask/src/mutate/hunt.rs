// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutants are made, and each is judged by the model of the loader and by symgate.

use std::collections::BTreeSet;

use fastrand::Rng;
use rayon::prelude::*;
use symgate::gate::Context;

use super::draft::Draft;
use super::judge::{Said, judge};
use super::loader::{Loaded, Release, Request, load};
use super::prey::{Prey, Target};
use super::raw::Machine;
use super::{Change, bytes, names, sections};

/// Modules above this size, in bytes, get a tenth of the rounds: each takes as long as a hundred others.
const LARGE: usize = 8 << 20;

/// How many of which.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub mutants: usize,
    pub refused: usize,
    pub accepted: usize,
    pub unforced: usize,
    pub with_symbol: usize,
    pub unsure: usize,
    pub denied: usize,
}

/// A mutant that symgate let through, or failed on.
pub struct Lost {
    pub label: String,
    pub round: usize,
    pub bytes: Vec<u8>,
    pub text: Vec<String>,
}

/// Makes mutants of all targets of a kernel, and has each judged.
pub fn hunt(prey: &Prey, contexts: &[&Context<'_>], rounds: usize, seed: u64) -> (Counts, Vec<Lost>) {
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
        let failed = panicked.then(|| "symgate panics".to_owned());
        let text = draft.log.iter().cloned().chain(by).chain(said).chain(failed).collect();
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
