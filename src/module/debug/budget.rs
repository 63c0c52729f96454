// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much work debug info may make: it can refer to the same bytes again and again.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::DebugError;

/// Steps that are counted for oneself before they are told to others.
const STEP: u64 = 1 << 16;

/// The steps that all threads have taken together.
#[derive(Debug)]
pub(super) struct Budget {
    taken: AtomicU64,
    limit: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { taken: AtomicU64::new(0), limit }
    }

    /// A meter for one thread.
    pub(super) fn meter(&self) -> Meter<'_> {
        Meter { budget: self, taken: Cell::new(0) }
    }

    /// Whether the work is within the limit. At the end this does not depend on who did which part of it when: who stops
    /// early stops because of what is over the limit already.
    pub(super) fn check(&self) -> Result<(), DebugError> {
        if self.taken.load(Ordering::Relaxed) > self.limit { Err(DebugError::TooMuch) } else { Ok(()) }
    }
}

/// Counts the steps of one thread.
#[derive(Debug)]
pub(super) struct Meter<'b> {
    budget: &'b Budget,
    taken: Cell<u64>,
}

impl Meter<'_> {
    /// Takes steps, or fails where all together took too many.
    pub(super) fn take(&self, steps: usize) -> Result<(), DebugError> {
        self.taken.set(self.taken.get().saturating_add(steps as u64));
        if self.taken.get() < STEP {
            return Ok(());
        }
        self.tell();
        self.budget.check()
    }

    fn tell(&self) {
        self.budget.taken.fetch_add(self.taken.take(), Ordering::Relaxed);
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}
