// SPDX-License-Identifier: MIT OR Apache-2.0
//! goblin, which symgate itself asks: both readers agree on every module of the kernel's own, and none breaks a rule of
//! the loader.

use super::tally::{Row, Tally};
use super::tree::Tree;
use crate::shell::TaskError;

/// Whatever symgate finds wrong with a module is a difference.
#[expect(clippy::unnecessary_wraps, reason = "one of several comparisons, which can fail")]
pub(super) fn compare(tree: &Tree) -> Result<Vec<Row>, TaskError> {
    let modules = tree.modules.len();
    let mut tally = Tally { ours: modules, theirs: modules, ..Tally::default() };
    for module in &tree.modules {
        for problem in &module.facts.problems {
            tally.differs(format!("{}: {problem}", module.label));
        }
    }
    Ok(vec![Row::compared("both readers, no problem", tally)])
}
