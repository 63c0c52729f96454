// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    symgate::cli::main()
}
