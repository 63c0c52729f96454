// SPDX-License-Identifier: MIT OR Apache-2.0
//! `integrations/`, tried where it belongs: in a real system of a suite, with that suite's own tools.

mod debhelper;
mod dkms;
pub mod kbuild;
pub mod layer;
mod rpm;
mod tree;

use crate::shell::TaskError;
use layer::Layer;

/// The suites whose systems they are tried in.
const SUITES: [&str; 2] = ["bookworm", "sid"];

type Trial = (&'static str, fn(&str) -> Result<(), TaskError>);

const TRIALS: [Trial; 5] = [
    ("kbuild", kbuild::try_in),
    ("dkms", dkms::try_in),
    ("debhelper", debhelper::try_in),
    ("rpm", rpm::try_in),
    (TREE, tree::try_in),
];

/// Builds whole kernels, which is done only if it is asked for.
const TREE: &str = "tree";

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
    let is_wanted = |name: &str| if names.is_empty() { name != TREE } else { names.iter().any(|named| named == name) };
    for (_, try_in) in TRIALS.iter().filter(|(name, _)| is_wanted(name)) {
        suites.iter().try_for_each(|suite| try_in(suite))?;
    }
    Ok(())
}

/// A registration of a test module, with this proof.
fn register(module: &str, proof: &str) -> String {
    format!(
        "[[module]]\nname = \"{module}\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"drm\"\nproof = [\"{proof}\"]\n\
         [[module.userspace]]\nname = \"libdrm\"\npart = \"all\"\n\
         coverage = {{ is = \"unproven\", evidence = \"test 1\", checked = \"2026-11-29\" }}\n"
    )
}

/// Has the operator waive all that is denied of an input from this origin.
fn waive(layer: &Layer, origin: &str, release: &str, input: &str) -> Result<(), TaskError> {
    let symvers = format!("/lib/modules/{release}/build/Module.symvers");
    let init = format!("symgate registry init --origin {origin} --owner WHO --symvers {symvers} --from {input}");
    layer
        .sure(&format!("{init} > /waivers.toml && mkdir -p /etc/symgate && mv /waivers.toml /etc/symgate/"))
        .map(|_| ())
}
