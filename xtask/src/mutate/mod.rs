// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real modules that get at a family, changed in many ways: whatever the kernel's loader would still load, and resolve
//! an acquiring symbol for, symgate has to deny. A model of the loader (`loader/`) says what that is. What the loader
//! refuses may come to anything but a panic.

mod bytes;
mod draft;
mod hunt;
mod judge;
mod kernel;
mod loader;
mod names;
mod prey;
mod raw;
mod sections;

use fastrand::Rng;
use symgate::exports::ExportTable;
use symgate::gate::Context;
use symgate::reach::Reach;
use symgate::trust::Trust;

use crate::shell::{TaskError, repository};
use draft::Draft;
use hunt::{Lost, hunt};
use prey::{Target, all_prey};
use raw::index;

/// One way to change a module.
type Change = fn(&mut Draft, &Target, &mut Rng);

/// Lost mutants that are written out.
const SHOWN: usize = 20;

/// `cargo xtask mutate [KERNEL...] [--rounds N] [--seed S]`
pub fn task(args: &[String]) -> Result<(), TaskError> {
    let mut names = Vec::new();
    let (mut rounds, mut seed) = (200, 1);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || {
            let number = args.next().and_then(|value| value.parse().ok());
            number.ok_or_else(|| TaskError::Other(format!("{arg} wants a number")))
        };
        match arg.as_str() {
            "--rounds" => rounds = value()?,
            "--seed" => seed = value()?,
            name => names.push(name.to_owned()),
        }
    }
    if names.is_empty() {
        names = vec!["6.1".to_owned(), "newest".to_owned()];
    }
    campaign(&names, index(rounds), seed)
}

fn campaign(names: &[String], rounds: usize, seed: u64) -> Result<(), TaskError> {
    let allowlists = judge::policy()?;
    let (nothing, nobody) = (ExportTable::default(), Trust::default());
    let nowhere = Reach::default();
    let bare = Context::new(&allowlists, &nothing, &nobody, &nowhere, &nowhere, judge::terms(&allowlists));
    println!(
        "{:<22} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>7} {:>7} {:>5}",
        "kernel", "modules", "mutants", "refused", "accepted", "unforced", "with it", "unsure", "denied", "lost"
    );
    // A panic is counted; what it says would be said thousands of times.
    std::panic::set_hook(Box::new(|_| {}));
    let mut lost = Vec::new();
    for prey in all_prey(names, &allowlists)? {
        let context = Context::new(&allowlists, &prey.exports, &nobody, &nowhere, &nowhere, judge::terms(&allowlists));
        let (counts, mut new) = hunt(&prey, &[&context, &bare], rounds, seed);
        println!(
            "{:<22} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>7} {:>7} {:>5}",
            prey.name,
            prey.targets.len(),
            counts.mutants,
            counts.refused,
            counts.accepted,
            counts.unforced,
            counts.with_symbol,
            counts.unsure,
            counts.denied,
            new.len()
        );
        lost.append(&mut new);
        // Where nothing could be lost, nothing was tried.
        if counts.with_symbol == 0 {
            return Err(TaskError::Other(format!("{}: no mutant that gets at a family", prey.name)));
        }
    }
    if lost.is_empty() { Ok(()) } else { show(&lost) }
}

/// Writes down what was lost.
fn show(lost: &[Lost]) -> Result<(), TaskError> {
    let folder = repository().join("target/mutate");
    std::fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
    for lost in lost.iter().take(SHOWN) {
        let file = folder.join(format!("{}-{}.ko", lost.label.replace('/', "_"), lost.round));
        std::fs::write(&file, &lost.bytes).map_err(TaskError::io(&file))?;
        println!("lost: {}", file.display());
        for line in &lost.text {
            println!("    {line}");
        }
    }
    Err(TaskError::Other(format!("{} mutants were lost", lost.len())))
}
