// SPDX-License-Identifier: MIT OR Apache-2.0
//! How time grows with the number of modules: those of the newest kernel, a part of them or each several times under new names.

use std::fs;
use std::path::Path;

use super::timed_to_end;
use crate::corpus;
use crate::shell::{TaskError, symgate};

/// How many modules.
const COUNTS: [u32; 3] = [500, 4000, 40_000];

/// Runs of each, of which the median counts.
const RUNS: usize = 3;

pub(super) fn task() -> Result<(), TaskError> {
    let program = symgate()?;
    let kernels = corpus::kernels(&["newest".to_owned()])?;
    let kernel = kernels.first().ok_or_else(|| TaskError::Other("no kernel".to_owned()))?;
    let modules = corpus::module_files(&kernel.modules);
    let folder = tempfile::tempdir().map_err(TaskError::io(&std::env::temp_dir()))?;
    println!("medians of {RUNS} runs over copies of the modules of {}, from a full cache:", kernel.release);
    println!("{:>8} {:>9} {:>13} {:>9}", "modules", "s", "ms / 1000", "MiB");
    for count in COUNTS {
        let tree = folder.path().join(count.to_string());
        for (index, module) in modules.iter().cycle().take(count as usize).enumerate() {
            let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let copies = tree.join((index / modules.len()).to_string());
            fs::create_dir_all(&copies).map_err(TaskError::io(&copies))?;
            link(module, &copies.join(name))?;
        }
        let cache = folder.path().join("cache");
        let mut command = super::check(&program, kernel);
        command.pop();
        command.extend([tree.display().to_string(), "--cache".into(), cache.display().to_string()]);
        let mut runs = Vec::new();
        for round in 0..=RUNS {
            // Copies are nobody's own, so that waivers do not hold.
            let run = timed_to_end(&command, &[0, 1])?;
            if round > 0 {
                runs.push(run);
            }
        }
        let wall = super::median(runs.iter().map(|run| run.wall).collect());
        let peak = super::median(runs.iter().map(|run| run.peak).collect());
        println!("{count:>8} {wall:>9.3} {:>13.1} {peak:>9.1}", wall * 1e6 / f64::from(count));
        fs::remove_dir_all(&tree).map_err(TaskError::io(&tree))?;
    }
    Ok(())
}

/// A second name of a file, or a copy where there can be none.
fn link(from: &Path, to: &Path) -> Result<(), TaskError> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ())).map_err(TaskError::io(to))
}
