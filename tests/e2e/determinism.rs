// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same bytes out, whatever the order of the inputs and the number of threads.

use crate::support::{check, testdata};

fn modules() -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(testdata("6.1"))
        .unwrap()
        .map(|entry| format!("testdata/6.1/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    files.sort();
    files
}

fn report(jobs: &str, format: &str, inputs: &[String]) -> String {
    let args: Vec<&str> =
        ["-j", jobs, "--format", format, "--all"].into_iter().chain(inputs.iter().map(String::as_str)).collect();
    check(&args).all()
}

#[test]
fn neither_threads_nor_order_matter() {
    let files = modules();
    for format in ["human", "json", "kbuild"] {
        let once = report("1", format, &files);
        assert!(once.contains("sg_get"), "{once}");
        for jobs in ["1", "2", "7"] {
            for turn in 0..4 {
                let mut shuffled = files.clone();
                shuffled.rotate_left(turn * 3 % files.len());
                if turn % 2 == 1 {
                    shuffled.reverse();
                }
                assert_eq!(report(jobs, format, &shuffled), once, "{format} -j{jobs}, order {turn}");
            }
        }
    }
}

#[test]
fn a_module_that_is_named_twice_is_judged_once() {
    let file = "testdata/6.1/sg_get.ko".to_owned();
    let once = report("1", "human", std::slice::from_ref(&file));
    assert_eq!(report("1", "human", &[file.clone(), file]), once);
}
