// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's image, which has to tell what `Module.symvers` does.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;

use super::symvers::VMLINUX;
use super::tally::{Lines, Row, Tally};
use super::tree::Tree;
use crate::shell::{TaskError, output, text};

/// The image's exports, and all that `check` says by the image and by `Module.symvers`.
pub(super) fn compare(tree: &Tree) -> Result<Vec<Row>, TaskError> {
    const EXPORTS: &str = "exports of the image / Module.symvers";
    let Some(image) = &tree.kernel.image else {
        return Ok(vec![Row::not_compared(EXPORTS, "there is no image in the kernel's packages")]);
    };
    let args = ["classify", "--format", "symvers"].map(OsStr::new);
    let ours = match text(&tree.program.display().to_string(), args.into_iter().chain([image.as_os_str()])) {
        Ok(ours) => ours,
        Err(TaskError::Command { reason, .. })
            if reason.contains("can't be told") || reason.contains("can be told") =>
        {
            return Ok(vec![Row::not_compared(EXPORTS, "the image does not tell what it exports")]);
        }
        Err(error) => return Err(error),
    };
    let ours: Vec<&str> = ours.lines().collect();
    // Of other machines than x86 nobody knows where the CRCs stand.
    let crcs = ours.iter().any(|line| !line.starts_with("0x00000000"));
    let shown =
        |line: &str| if crcs { line.to_owned() } else { line.split_once('\t').unwrap_or_default().1.to_owned() };
    let of_vmlinux = tree.symvers.0.iter().filter(|(_, line)| line.provider == VMLINUX);
    let theirs: Lines = of_vmlinux.map(|(symbol, line)| shown(&line.to_text(symbol))).collect();
    let ours: Lines = ours.into_iter().map(shown).collect();
    let (by_image, by_symvers) = (said(tree, image)?, said(tree, &tree.kernel.symvers)?);
    Ok(vec![
        Row::compared(EXPORTS, Tally::exact(&ours, &theirs)),
        Row::compared("check by the image / by Module.symvers", Tally::exact(&by_image, &by_symvers)),
    ])
}

/// All that is said of modules: imports with their tiers, and findings.
fn said(tree: &Tree, reference: &Path) -> Result<Lines, TaskError> {
    let args = ["check", "--all", "--format", "json", "--symvers"].map(OsStr::new);
    let args =
        args.into_iter().chain([reference.as_os_str(), tree.kernel.modules.as_os_str()]).chain(tree.kernel.named());
    let json = output(&tree.program.display().to_string(), args)?;
    let document: Value = serde_json::from_slice(&json).map_err(|error| TaskError::Other(error.to_string()))?;
    let entries = ["modules", "findings"].map(|part| document[part].as_array().cloned().unwrap_or_default());
    Ok(entries.into_iter().flatten().map(|entry| entry.to_string()).collect())
}
