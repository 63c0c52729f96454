// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the step adds to the build of a module outside of the tree: of one, of fifty, and of none, where make has nothing to do.

use super::{PAIRS, median};
use crate::integrations::kbuild::{self, STEP};
use crate::integrations::layer::Layer;
use crate::shell::{TaskError, repository};

/// How many modules are built at once.
const COUNTS: [usize; 2] = [1, 50];

/// Builds or makes again for one measure: a build without a difference takes some milliseconds.
const TIMES: [(&str, usize); 2] = [("a build", 1), ("a second make", 5)];

pub(super) fn task(suites: &[String]) -> Result<(), TaskError> {
    let usual = ["bookworm".to_owned(), "sid".to_owned()];
    println!("medians of {PAIRS} pairs, seconds of wall time; make modules with the step, and without it");
    println!(
        "{:<10} {:>7} {:<14} {:>9} {:>9} {:>9} {:>7}",
        "suite", "modules", "", "with", "without", "more ms", "ratio"
    );
    for suite in if suites.is_empty() { &usual } else { suites } {
        let layer = Layer::new("bench", suite)?;
        kbuild::install(&layer)?;
        for count in COUNTS {
            for (folder, step) in [("/with", format!("include {STEP}/symgate.mk\n")), ("/without", String::new())] {
                layer.put(&repository().join("testdata/src"), folder)?;
                layer.sure(&format!(
                    "cd {folder} && rm -f Kbuild && for n in $(seq {count}); do cp sg_harmless.c m$n.c; done"
                ))?;
                let objects: Vec<String> = (1..=count).map(|number| format!("m{number}.o")).collect();
                layer.write(&format!("{folder}/Makefile"), &format!("obj-m := {}\n{step}", objects.join(" ")))?;
            }
            let make = |folder: &str, goal: &str| {
                format!("make -j2 -C /lib/modules/{}/build M={folder} {goal}", layer.release().unwrap_or_default())
            };
            for (what, times) in TIMES {
                // One shell measures all pairs, so that what it takes to enter the system is no part of it.
                let clean = |folder| if times == 1 { make(folder, "clean") } else { "true".to_owned() };
                let measure = |folder| {
                    let make = make(folder, "modules");
                    format!(
                        "{} >/dev/null; s=$(date +%s%N); for n in $(seq {times}); do {make} >/dev/null 2>&1 || exit; done; \
                         e=$(date +%s%N); echo $(((e - s) / {times}));",
                        clean(folder)
                    )
                };
                let pairs =
                    format!("for pair in $(seq {}); do {} {} done", PAIRS + 1, measure("/with"), measure("/without"));
                let said = layer.sure(&pairs)?;
                let all: Vec<f64> = said.lines().filter_map(|line| line.parse().ok()).map(|ns: f64| ns / 1e9).collect();
                let pairs: Vec<(f64, f64)> =
                    all.chunks_exact(2).skip(1).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect();
                let of = |value: &dyn Fn(&(f64, f64)) -> f64| median(pairs.iter().map(value).collect());
                println!(
                    "{suite:<10} {count:>7} {what:<14} {:>9.3} {:>9.3} {:>9.1} {:>7.3}",
                    of(&|pair| pair.0),
                    of(&|pair| pair.1),
                    of(&|pair| (pair.0 - pair.1) * 1e3),
                    of(&|pair| pair.0 / pair.1)
                );
            }
        }
    }
    Ok(())
}
