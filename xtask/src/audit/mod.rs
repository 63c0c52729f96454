// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate audit` on real systems: an unpacked kernel with drivers that are not its own, a whole stock kernel, a kernel that runs;
//! and its page in a real browser.

pub mod boot;
mod browser;
mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use crate::corpus::{self, Kernel};
use crate::drivers;
use crate::shell::{self, TaskError, attempt, output, repository, text};

/// Of which suite the drivers are.
const SUITE: &str = "bookworm";

/// Drivers of the archive that are put beside a kernel's own modules: the module, its package, and the rules that it breaks.
const DRIVERS: [(&str, &str, &[&str]); 3] = [
    ("acpi_call", "acpi-call-dkms", &[]),
    ("evdi", "evdi-dkms", &["SG001"]),
    ("v4l2loopback", "v4l2loopback-dkms", &[]),
];

/// Largest page of a whole kernel, in bytes.
const PAGE_BYTES: u64 = 2 << 20;

/// `cargo xtask audit`
pub fn task(_: &[String]) -> Result<(), TaskError> {
    let symgate = shell::symgate()?;
    let folder = corpus::home().join("audit");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(TaskError::io(&folder))?;
    }
    fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
    let (kernel, drivers) = kernel_and_drivers()?;
    let system = with_drivers(&kernel, &drivers, &folder.join("system"))?;
    finds_them(&symgate, &system)?;
    let drivers = written(&symgate, &system, &folder.join("drivers.html"))?;
    let newest = corpus::kernels(&["newest".to_owned()])?;
    let newest = newest.first().ok_or_else(|| other("no kernel"))?;
    let stock = written(&symgate, &newest.root, &folder.join("stock.html"))?;
    let hostile = written(&symgate, &hostile(&folder.join("hostile"))?, &folder.join("hostile.html"))?;
    page::look_at(&drivers, &stock, &hostile, &folder)
}

fn other(reason: impl Into<String>) -> TaskError {
    TaskError::Other(reason.into())
}

/// The drivers, which are built if they are not at hand, and the kernel that they are for.
fn kernel_and_drivers() -> Result<(Kernel, Vec<PathBuf>), TaskError> {
    let path = |module: &str, package: &str| corpus::home().join(format!("drivers/6.1/{package}/{module}.ko"));
    let paths: Vec<PathBuf> = DRIVERS.iter().map(|(module, package, _)| path(module, package)).collect();
    let built = DRIVERS.iter().zip(&paths);
    let missing: Vec<String> =
        built.filter(|(_, path)| !path.exists()).map(|((_, package, _), _)| (*package).to_owned()).collect();
    if !missing.is_empty() {
        drivers::task(&missing)?;
    }
    let first = paths.first().ok_or_else(|| other("no driver"))?;
    let vermagic = text("modinfo", [Path::new("-F"), Path::new("vermagic"), first])?;
    let release = vermagic.split(' ').next().unwrap_or_default();
    Ok((corpus::of_release(SUITE, release)?, paths))
}

/// A system of a kernel's packages, and drivers as dkms installs them.
fn with_drivers(kernel: &Kernel, drivers: &[PathBuf], root: &Path) -> Result<PathBuf, TaskError> {
    // The same files under other names: nothing is written to.
    output("cp", [Path::new("-al"), &kernel.root, root])?;
    let updates = root.join("lib/modules").join(&kernel.release).join("updates/dkms");
    fs::create_dir_all(&updates).map_err(TaskError::io(&updates))?;
    for driver in drivers {
        let to = updates.join(driver.file_name().unwrap_or_default());
        fs::copy(driver, &to).map_err(TaskError::io(&to))?;
    }
    Ok(root.to_owned())
}

/// Whether the audit finds exactly the three, with the right findings.
fn finds_them(symgate: &Path, system: &Path) -> Result<(), TaskError> {
    let args = ["audit", "--format", "json", "--root"].map(Path::new);
    let said = attempt(symgate, args.into_iter().chain([system]), &repository())?;
    let json: Value = serde_json::from_str(&said.stdout)
        .map_err(|error| other(format!("{error}: {}{}", said.stdout, said.stderr)))?;
    let told = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let kernel = json.pointer("/kernels/0").ok_or_else(|| other("the audit is of no kernel"))?;
    let listed = |list: &str| kernel.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    let elsewhere = |module: &&Value| module.get("out_of_tree").and_then(Value::as_bool) == Some(true);
    let names: Vec<String> =
        listed("modules").iter().filter(elsewhere).map(|module| told(module.get("name"))).collect();
    let wanted: Vec<String> = DRIVERS.iter().map(|(module, ..)| (*module).to_owned()).collect();
    if names != wanted {
        return Err(other(format!("out of tree are {}, and not {}", names.join(" "), wanted.join(" "))));
    }
    for (name, _, wanted) in DRIVERS {
        let of_module = |finding: &&Value| finding.get("module").and_then(Value::as_str) == Some(name);
        let denies = |finding: &&Value| finding.get("severity").and_then(Value::as_str) == Some("deny");
        let mut rules: Vec<String> =
            listed("findings").iter().filter(of_module).filter(denies).map(|it| told(it.get("rule"))).collect();
        rules.dedup();
        if rules != *wanted {
            return Err(other(format!("{name} breaks {}, and not {}", rules.join(" "), wanted.join(" "))));
        }
    }
    let denied = json.pointer("/summary/denied").and_then(Value::as_u64);
    if denied != Some(1) {
        return Err(other(format!("{denied:?} modules are denied, and not only evdi")));
    }
    println!("of a whole kernel and three drivers, these three are out of tree, and evdi alone is denied");
    Ok(())
}

/// Writes the page of a system twice, which has to be the same.
fn written(symgate: &Path, root: &Path, page: &Path) -> Result<PathBuf, TaskError> {
    let args = ["audit", "--format", "html", "--root"].map(Path::new);
    let started = Instant::now();
    let write = |page: &Path| {
        let said = attempt(symgate, args.into_iter().chain([root, Path::new("-o"), page]), &repository())?;
        if said.status == Some(0) { fs::read(page).map_err(TaskError::io(page)) } else { Err(other(said.stderr)) }
    };
    let (first, second) = (write(page)?, write(page)?);
    if first != second {
        return Err(other(format!("{} is another each time", page.display())));
    }
    let size = first.len() as u64;
    println!("{}: {} KiB, twice in {} s", page.display(), size / 1024, started.elapsed().as_secs());
    if size >= PAGE_BYTES {
        return Err(other(format!("{} has {size} bytes", page.display())));
    }
    Ok(page.to_owned())
}

/// A system whose names would be markup.
fn hostile(root: &Path) -> Result<PathBuf, TaskError> {
    let modules = root.join("lib/modules/6.1\"><img src=x onerror=alert(1)>/updates");
    fs::create_dir_all(&modules).map_err(TaskError::io(&modules))?;
    for (from, name) in [
        ("sg_get.ko", "'\"><img src=x onerror=alert(1)><script>alert(2)</script>.ko"),
        ("sg_harmless.ko", "</td></tr></table><iframe src=\"https:x\">.ko"),
        ("../src/Kbuild", "<svg onload=alert(3)>.ko"),
    ] {
        // A slash is in no file's name.
        let to = modules.join(name.replace('/', "\u{2044}"));
        fs::copy(repository().join("testdata/6.1").join(from), &to).map_err(TaskError::io(&to))?;
    }
    Ok(root.to_owned())
}
