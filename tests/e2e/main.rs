// SPDX-License-Identifier: MIT OR Apache-2.0
//! End to end: a command line goes in, and its whole output is compared.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

mod apart;
mod audit;
mod bombs;
mod cache;
mod check;
mod claims;
mod containers;
mod criteria;
mod debug;
mod determinism;
mod diff;
mod doors;
mod formats;
mod hidden;
mod hostile;
mod identity;
mod images;
mod layouts;
mod links;
mod lists;
mod members;
mod mutations;
mod objects;
mod origins;
mod reach;
mod registry;
mod rpms;
mod show;
mod signatures;
mod support;
mod tidy;
mod tier;
mod traps;
