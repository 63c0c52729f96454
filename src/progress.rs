// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far a run has come, for whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many files there are to read, and how many of them were.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    of: AtomicUsize,
    done: AtomicUsize,
}

impl Progress {
    /// Says that there are so many more.
    pub(crate) fn expect(&self, more: usize) {
        self.0.of.fetch_add(more, Ordering::Relaxed);
    }

    /// Says that one more is done.
    pub(crate) fn step(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many are done, and of how many.
    #[must_use]
    pub fn told(&self) -> (usize, usize) {
        (self.0.done.load(Ordering::Relaxed), self.0.of.load(Ordering::Relaxed))
    }
}
