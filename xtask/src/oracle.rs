// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other people's readers against symgate, over real kernels. What is asserted is that nothing differs;
//! how much there is to compare is only printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use crate::corpus::{self, Kernel, module_files};
use crate::shell::{TaskError, output, symgate, text};

/// Differences that are shown of each comparison.
const SHOWN: usize = 5;

/// Modules that one process of another tool is given at a time.
const BATCH: usize = 200;

/// What one side says, line by line.
type Lines = BTreeSet<String>;

/// `cargo xtask oracle`
pub fn task(names: &[String]) -> Result<(), TaskError> {
    let program = symgate()?;
    let mut different = 0;
    println!("{:<18} {:<28} {:>9} {:>9} {:>6}", "kernel", "compared", "symgate", "other", "differ");
    for kernel in corpus::kernels(names)? {
        let plain = unpack(&kernel)?;
        let undefined = undefined(&kernel, &plain)?;
        let comparisons = [
            ("exports / Module.symvers", exports(&program, &kernel)?),
            ("families / nm -u and symvers", families(&program, &kernel, &undefined)?),
            ("imports / nm -u", (imports(&program, &kernel)?, undefined)),
            ("modinfo / modinfo -0", modinfo(&program, &kernel)?),
        ];
        for (what, (ours, theirs)) in comparisons {
            let differing: Vec<String> = ours
                .difference(&theirs)
                .map(|line| format!("only symgate: {line}"))
                .chain(theirs.difference(&ours).map(|line| format!("only other:   {line}")))
                .collect();
            println!("{:<18} {what:<28} {:>9} {:>9} {:>6}", kernel.release, ours.len(), theirs.len(), differing.len());
            for line in differing.iter().take(SHOWN) {
                println!("    {line}");
            }
            // Two readers that both read nothing agree about nothing.
            if ours.is_empty() || theirs.is_empty() {
                return Err(TaskError::Other(format!("{}: nothing to compare: {what}", kernel.release)));
            }
            different += differing.len();
        }
    }
    if different == 0 { Ok(()) } else { Err(TaskError::Other(format!("{different} differences"))) }
}

/// The modules unpacked by other people's tools, for those that read no packed ones: the plain path of each.
fn unpack(kernel: &Kernel) -> Result<Vec<(PathBuf, PathBuf)>, TaskError> {
    let plain_root = kernel.root.join("plain");
    let unpack_one = |file: PathBuf| -> Result<(PathBuf, PathBuf), TaskError> {
        let tool = match file.extension().and_then(|extension| extension.to_str()) {
            Some("xz") => "xz",
            Some("zst") => "zstd",
            Some("gz") => "gzip",
            _ => return Ok((file.clone(), file)),
        };
        let relative = file.strip_prefix(&kernel.modules).unwrap_or(&file).with_extension("");
        let plain = plain_root.join(relative);
        if !plain.exists() {
            if let Some(parent) = plain.parent() {
                fs::create_dir_all(parent).map_err(TaskError::io(parent))?;
            }
            let bytes = output(tool, ["-dc".as_ref(), file.as_os_str()])?;
            fs::write(&plain, bytes).map_err(TaskError::io(&plain))?;
        }
        Ok((file, plain))
    };
    module_files(&kernel.modules).into_par_iter().map(unpack_one).collect()
}

/// Exports of all modules: name, class, namespace, CRC and provider, against the kernel's own table.
fn exports(program: &Path, kernel: &Kernel) -> Result<(Lines, Lines), TaskError> {
    let args = ["classify", "--format", "symvers"].map(std::ffi::OsStr::new);
    let ours = text(&program.display().to_string(), args.into_iter().chain([kernel.modules.as_os_str()]))?;
    let theirs = fs::read_to_string(&kernel.symvers).map_err(TaskError::io(&kernel.symvers))?;
    let of_modules = |line: &&str| line.split('\t').nth(2) != Some("vmlinux");
    Ok((ours.lines().map(str::to_owned).collect(), theirs.lines().filter(of_modules).map(str::to_owned).collect()))
}

/// What `inspect` says of each module, by its path below the modules' folder.
fn inspect(program: &Path, kernel: &Kernel) -> Result<BTreeMap<String, Value>, TaskError> {
    let args = ["inspect", "--format", "json"].map(std::ffi::OsStr::new);
    let json = output(&program.display().to_string(), args.into_iter().chain([kernel.modules.as_os_str()]))?;
    let document: Value = serde_json::from_slice(&json).map_err(|error| TaskError::Other(error.to_string()))?;
    let modules = document["modules"].as_array().cloned().unwrap_or_default();
    Ok(modules.into_iter().map(|module| (string(&module["path"]), module)).collect())
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Undefined symbols with their bindings, as symgate reads them.
fn imports(program: &Path, kernel: &Kernel) -> Result<Lines, TaskError> {
    let mut lines = Lines::new();
    for (path, module) in inspect(program, kernel)? {
        for import in items(&module["imports"]) {
            let letter = if import["binding"] == "weak" { "w" } else { "U" };
            lines.insert(format!("{path} {letter} {}", string(&import["symbol"])));
        }
    }
    Ok(lines)
}

/// The same as `nm -u` reads them.
fn undefined(kernel: &Kernel, plain: &[(PathBuf, PathBuf)]) -> Result<Lines, TaskError> {
    let labels: BTreeMap<&Path, String> =
        plain.iter().map(|(file, plain)| (plain.as_path(), label(kernel, file))).collect();
    let printed: Vec<String> = plain
        .par_chunks(BATCH)
        .map(|batch| {
            let files = batch.iter().map(|(_, plain)| plain.as_os_str());
            text("nm", ["-u".as_ref(), "-A".as_ref()].into_iter().chain(files))
        })
        .collect::<Result<_, _>>()?;
    let mut lines = Lines::new();
    for line in printed.iter().flat_map(|text| text.lines()) {
        let Some((path, rest)) = line.split_once(": ") else { continue };
        let mut words = rest.split_whitespace();
        if let (Some(letter), Some(symbol), Some(label)) = (words.next(), words.next(), labels.get(Path::new(path))) {
            let letter = if letter == "v" { "w" } else { letter };
            lines.insert(format!("{label} {letter} {symbol}"));
        }
    }
    Ok(lines)
}

/// Who imports a family's symbols, told from the kernel's own table by namespace and name; and the kernel's own
/// modules pass.
fn families(program: &Path, kernel: &Kernel, undefined: &Lines) -> Result<(Lines, Lines), TaskError> {
    let arguments = ["check".as_ref(), "--format".as_ref(), "json".as_ref(), "--symvers".as_ref()];
    let arguments = arguments.into_iter().chain([kernel.symvers.as_os_str(), kernel.modules.as_os_str()]);
    // A denied module makes this an error, which is right: these are the kernel's own.
    let json = output(&program.display().to_string(), arguments)?;
    let document: Value = serde_json::from_slice(&json).map_err(|error| TaskError::Other(error.to_string()))?;
    let mut ours = Lines::new();
    for module in items(&document["modules"]) {
        for import in items(&module["imports"]) {
            ours.insert(format!("{} {}", string(&module["path"]), string(&import["symbol"])));
        }
    }
    let symvers = fs::read_to_string(&kernel.symvers).map_err(TaskError::io(&kernel.symvers))?;
    let members: BTreeSet<&str> = symvers.lines().filter_map(member).collect();
    let theirs = undefined.iter().filter_map(|line| {
        let mut words = line.rsplitn(3, ' ');
        let (symbol, path) = (words.next()?, words.nth(1)?);
        members.contains(symbol).then(|| format!("{path} {symbol}"))
    });
    Ok((ours, theirs.collect()))
}

/// The symbol of a `Module.symvers` line, if it is of DMA-BUF or P2PDMA.
fn member(line: &str) -> Option<&str> {
    let columns: Vec<&str> = line.split('\t').collect();
    let (symbol, provider, namespace) = (*columns.get(1)?, *columns.get(2)?, *columns.get(4)?);
    let by_namespace = ["DMA_BUF", "DMA_BUF_HEAP"].contains(&namespace);
    let by_name = symbol.starts_with("dma_buf_") || symbol.contains("p2pdma") || symbol.contains("p2pmem");
    (provider == "vmlinux" && (by_namespace || by_name)).then_some(symbol)
}

fn label(kernel: &Kernel, file: &Path) -> String {
    file.strip_prefix(&kernel.modules).unwrap_or(file).display().to_string()
}

/// All `.modinfo` tags, repeated ones numbered, against `modinfo -0`.
fn modinfo(program: &Path, kernel: &Kernel) -> Result<(Lines, Lines), TaskError> {
    let mut ours = Lines::new();
    for (path, module) in inspect(program, kernel)? {
        let mut counts = BTreeMap::new();
        let mut parameters: BTreeMap<String, (String, String)> = BTreeMap::new();
        for tag in items(&module["modinfo"]) {
            let (tag, value) = (string(&tag["tag"]), string(&tag["value"]));
            // modinfo shows a parameter's description and type as one.
            match (tag.as_str(), value.split_once(':')) {
                ("parm", Some((name, description))) => {
                    parameters.entry(name.into()).or_default().0 = description.into();
                }
                ("parmtype", Some((name, kind))) => parameters.entry(name.into()).or_default().1 = kind.into(),
                _ => insert_numbered(&mut ours, &mut counts, format!("{path} {tag}={value}")),
            }
        }
        for (name, (description, kind)) in parameters {
            let text = match (description.as_str(), kind.as_str()) {
                (description, "") => format!("{name}:{description}"),
                ("", kind) => format!("{name}:{kind}"),
                (description, kind) => format!("{name}:{description} ({kind})"),
            };
            insert_numbered(&mut ours, &mut counts, format!("{path} parm:{text}"));
        }
    }
    let files = module_files(&kernel.modules);
    let printed: Vec<String> = files
        .par_chunks(BATCH)
        .map(|batch| text("modinfo", ["-0".as_ref()].into_iter().chain(batch.iter().map(|path| path.as_os_str()))))
        .collect::<Result<_, _>>()?;
    let mut theirs = Lines::new();
    let mut path = String::new();
    let mut counts = BTreeMap::new();
    for entry in printed.iter().flat_map(|text| text.split('\0')) {
        if let Some(file) = entry.strip_prefix("filename:") {
            path = label(kernel, Path::new(file.trim()));
            counts.clear();
        } else if let Some(parameter) = entry.strip_prefix("parm:") {
            insert_numbered(&mut theirs, &mut counts, format!("{path} parm:{}", parameter.trim_start()));
        } else if !entry.is_empty() && !entry.starts_with("sig") {
            insert_numbered(&mut theirs, &mut counts, format!("{path} {entry}"));
        }
    }
    Ok((ours, theirs))
}

/// A set of lines in which the same line may stand more than once.
fn insert_numbered(lines: &mut Lines, counts: &mut BTreeMap<String, usize>, line: String) {
    let count = counts.entry(line.clone()).or_insert(0);
    *count += 1;
    lines.insert(if *count == 1 { line } else { format!("{line} (number {count})") });
}
