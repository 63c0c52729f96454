// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has to hold of any input whatever, for the targets beside this folder. A broken promise is a panic.

pub mod allowlists;
pub mod judged;
pub mod packages;
pub mod packed;
pub mod read;
