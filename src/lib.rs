// SPDX-License-Identifier: MIT OR Apache-2.0
//! symgate: the gate between a Linux kernel's exported symbols and the modules that use them.
//!
//! Data flows one way, and the modules below stand in its order:
//!
//! 1. [`input`]: what the caller names becomes files, and the files bytes;
//! 2. [`module`]: a module's bytes become facts, [`symvers`] and [`vmlinux`]: a `Module.symvers` or a kernel image
//!    becomes exports;
//! 3. [`exports`]: one table of who exports what;
//! 4. [`allowlist`]: policy, userspaces, registrations, waivers; [`trust`]: what counts as a kernel's own;
//! 5. [`tier`]: how far each export is open, by the policy or by its own word;
//! 6. [`reach`]: which exports end up in a family, by which way;
//! 7. [`gate`]: facts and allowlists become findings and verdicts;
//! 8. [`report`]: the formats.
//!
//! [`check`] runs them one after the other, [`batch`] does so for each of many inputs, [`diff`]
//! compares two, and [`audit`] adds what a system tells of them. The library prints nothing and never exits; `cli` does.

#![forbid(unsafe_code)]

pub mod allowlist;
pub mod audit;
pub mod batch;
pub mod check;
pub mod cli;
pub mod diff;
pub mod exports;
pub mod gate;
pub mod input;
pub mod limits;
pub mod module;
pub mod progress;
pub mod reach;
pub mod report;
pub mod symvers;
mod text;
pub mod tier;
pub mod trust;
pub mod vmlinux;
