// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other people's readers against symgate, over real kernels. What is asserted is that nothing differs but for a
//! reason that `reasons` gives; how much there is to compare is only printed.

mod image;
mod kmod;
mod modinfo;
mod modpost;
mod nm;
mod readelf;
mod reasons;
mod second;
mod symvers;
mod tally;
mod tree;

use std::collections::BTreeMap;

use self::modpost::{Modpost, Plan};
use self::reasons::Why;
use self::tally::{Outcome, Row};
use self::tree::Tree;
use crate::corpus;
use crate::shell::{TaskError, symgate};

/// Compares one other reader with symgate.
type Reader = fn(&Tree) -> Result<Vec<Row>, TaskError>;

const READERS: [Reader; 7] =
    [symvers::compare, image::compare, second::compare, nm::compare, modinfo::compare, kmod::compare, readelf::compare];

/// `cargo xtask oracle`
pub fn task(args: &[String]) -> Result<(), TaskError> {
    let (plan, names) = parse(args)?;
    let program = symgate()?;
    let modpost = Modpost::fetch()?;
    let mut sums = Sums::default();
    println!("rounds of mutations: {}, from seed {}", plan.rounds, plan.seed);
    tally::print_head();
    for kernel in corpus::kernels(&names)? {
        let tree = Tree::read(&program, kernel)?;
        for reader in READERS {
            sums.take(&tree, reader(&tree)?)?;
        }
        sums.take(&tree, modpost::compare(&tree, &modpost, plan)?)?;
    }
    sums.finish()
}

/// `[--seed NUMBER] [--rounds NUMBER] [KERNEL...]`
fn parse(args: &[String]) -> Result<(Plan, Vec<String>), TaskError> {
    let mut plan = Plan::USUAL;
    let mut names = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let place = match arg.as_str() {
            "--seed" => &mut plan.seed,
            "--rounds" => &mut plan.rounds,
            name => {
                names.push(name.to_owned());
                continue;
            }
        };
        let number = args.next().and_then(|number| number.parse().ok());
        *place = number.ok_or_else(|| TaskError::Other(format!("{arg} wants a number")))?;
    }
    Ok((plan, names))
}

/// What all comparisons add up to.
#[derive(Debug, Default)]
struct Sums {
    explained: BTreeMap<Why, usize>,
    differing: usize,
}

impl Sums {
    /// Prints comparisons and adds them.
    fn take(&mut self, tree: &Tree, rows: Vec<Row>) -> Result<(), TaskError> {
        for row in rows {
            row.print(&tree.kernel.release);
            let Outcome::Compared(tally) = row.outcome else { continue };
            // Two readers that both read nothing agree about nothing.
            if tally.ours == 0 || tally.theirs == 0 {
                return Err(TaskError::Other(format!("{}: nothing to compare: {}", tree.kernel.release, row.what)));
            }
            self.differing += tally.differing;
            for (why, count) in tally.explained {
                *self.explained.entry(why).or_default() += count;
            }
        }
        Ok(())
    }

    /// Prints the reasons that were needed, and fails if there were others.
    fn finish(self) -> Result<(), TaskError> {
        if !self.explained.is_empty() {
            println!("differences with a reason:");
        }
        for (why, count) in self.explained {
            println!("{count:>9}  {}", why.words());
        }
        match self.differing {
            0 => Ok(()),
            count => Err(TaskError::Other(format!("{count} differences"))),
        }
    }
}
