// SPDX-License-Identifier: MIT OR Apache-2.0
//! `integrations/`, tried where it belongs: in a real system of a suite, with that suite's own tools.

mod dkms;
mod layer;

use crate::shell::TaskError;

/// The suites whose systems they are tried in.
const SUITES: [&str; 2] = ["bookworm", "sid"];

type Trial = (&'static str, fn(&str) -> Result<(), TaskError>);

const TRIALS: [Trial; 1] = [("dkms", dkms::try_in)];

/// `cargo xtask integrations [--suite SUITE] [NAME...]`
pub fn task(args: &[String]) -> Result<(), TaskError> {
    let (suites, names) = match args {
        [flag, suite, names @ ..] if flag == "--suite" => (vec![suite.as_str()], names),
        names => (SUITES.to_vec(), names),
    };
    let is_known = |name: &String| TRIALS.iter().any(|(known, _)| known == name);
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        return Err(TaskError::Other(format!("there is no integration {name}")));
    }
    if let Some(suite) = suites.iter().find(|suite| !SUITES.contains(suite)) {
        return Err(TaskError::Other(format!("they are tried in {}, not in {suite}", SUITES.join(" and "))));
    }
    for (_, try_in) in TRIALS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|named| named == name)) {
        suites.iter().try_for_each(|suite| try_in(suite))?;
    }
    Ok(())
}
