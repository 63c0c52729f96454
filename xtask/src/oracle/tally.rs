// SPDX-License-Identifier: MIT OR Apache-2.0
//! What two readers say, compared line by line and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::reasons::Why;

/// Differences that are shown of each comparison.
const SHOWN: usize = 5;

/// What one side says, line by line.
pub(super) type Lines = BTreeSet<String>;

/// Which side alone says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Symgate,
    Other,
}

/// A comparison, counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// What symgate says.
    pub(super) ours: usize,
    /// What the other says.
    pub(super) theirs: usize,
    /// Differences that have a reason.
    pub(super) explained: BTreeMap<Why, usize>,
    /// Those that have none.
    pub(super) differing: usize,
    /// The first of these.
    pub(super) shown: Vec<String>,
}

impl Tally {
    /// Compares two sides; `explain` gives the reason of a difference, if it has one.
    pub(super) fn of<T: Ord + Display>(
        ours: &BTreeSet<T>,
        theirs: &BTreeSet<T>,
        explain: impl Fn(Side, &T) -> Option<Why>,
    ) -> Self {
        let mut tally = Self { ours: ours.len(), theirs: theirs.len(), ..Self::default() };
        let only_ours = ours.difference(theirs).map(|line| (Side::Symgate, line));
        let only_theirs = theirs.difference(ours).map(|line| (Side::Other, line));
        for (side, line) in only_ours.chain(only_theirs) {
            match explain(side, line) {
                Some(why) => *tally.explained.entry(why).or_default() += 1,
                None => tally.differs(match side {
                    Side::Symgate => format!("only symgate: {line}"),
                    Side::Other => format!("only other:   {line}"),
                }),
            }
        }
        tally
    }

    /// The same where nothing may differ.
    pub(super) fn exact(ours: &Lines, theirs: &Lines) -> Self {
        Self::of(ours, theirs, |_, _| None)
    }

    /// Adds another comparison of the same things.
    pub(super) fn add(&mut self, other: Self) {
        self.ours += other.ours;
        self.theirs += other.theirs;
        for (why, count) in other.explained {
            *self.explained.entry(why).or_default() += count;
        }
        self.differing += other.differing;
        self.shown.extend(other.shown);
        self.shown.truncate(SHOWN);
    }

    /// Counts a difference.
    pub(super) fn differs(&mut self, line: String) {
        self.differing += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(line);
        }
    }
}

/// One line of the table that the task prints.
#[derive(Debug)]
pub(super) struct Row {
    /// What was compared with whom.
    pub(super) what: String,
    /// What came of it.
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Compared(Tally),
    /// Why there is nothing to compare.
    NotCompared(&'static str),
}

impl Row {
    pub(super) fn compared(what: impl Into<String>, tally: Tally) -> Self {
        Self { what: what.into(), outcome: Outcome::Compared(tally) }
    }

    pub(super) fn not_compared(what: impl Into<String>, why: &'static str) -> Self {
        Self { what: what.into(), outcome: Outcome::NotCompared(why) }
    }

    pub(super) fn print(&self, release: &str) {
        match &self.outcome {
            Outcome::NotCompared(why) => println!("{release:<24} {:<50} not compared: {why}", self.what),
            Outcome::Compared(tally) => {
                let explained: usize = tally.explained.values().sum();
                print_line(release, &self.what, [tally.ours, tally.theirs, explained, tally.differing]);
                for line in &tally.shown {
                    println!("    {line}");
                }
            }
        }
    }
}

/// Prints what the columns are.
pub(super) fn print_head() {
    print_line("kernel", "compared", ["symgate", "other", "explained", "differ"]);
}

fn print_line<T: Display>(release: &str, what: &str, [ours, theirs, explained, differing]: [T; 4]) {
    println!("{release:<24} {what:<50} {ours:>9} {theirs:>9} {explained:>9} {differing:>6}");
}
