// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate audit` on a system that runs: a Debian kernel in an emulated machine, with an initramfs of ours, in which modules are
//! loaded from files that are then left as they are, changed, or taken away. What the audit says is compared with what the kernel
//! shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use object::Object;
use serde_json::Value;
use symgate::module::ModuleName;

use super::other;
use crate::corpus::{self, Kernel};
use crate::shell::{self, TaskError, attempt, repository, text};

/// Modules of the kernel's own that are loaded, with all that they depend on.
const OWN: [&str; 2] = ["dummy", "vgem"];

/// Drivers from elsewhere, and what becomes of their files once they are loaded.
const OTHERS: [(&str, Fate); 3] = [("acpi_call", Fate::Removed), ("evdi", Fate::Kept), ("v4l2loopback", Fate::Changed)];

/// A module from elsewhere that is not loaded.
const STORED: &str = "sg_get";

/// What becomes of a module's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Changed,
    Removed,
}

/// How long the machine may take: it is emulated.
const PATIENCE: Duration = Duration::from_mins(8);

/// `cargo xtask boot`
pub fn task(_: &[String]) -> Result<(), TaskError> {
    let (kernel, drivers) = super::kernel_and_drivers()?;
    let folder = tempfile::tempdir().map_err(TaskError::io(&std::env::temp_dir()))?;
    let initrd = folder.path().join("initrd");
    let mut archive = Archive::default();
    fill(&mut archive, &kernel, &drivers)?;
    archive.write(&initrd)?;
    let image = kernel.image.as_deref().ok_or_else(|| other("no image of the kernel"))?;
    let started = Instant::now();
    let said = run(image, &initrd, &folder.path().join("console"))?;
    println!("{} ran for {} s", kernel.release, started.elapsed().as_secs());
    let told = Told::of(&said)?;
    told.compare()?;
    println!("{}", told.human.trim_end());
    println!("{} modules were loaded; the audit says of each what the kernel shows", told.taints.len());
    Ok(())
}

/// The files of an initramfs.
#[derive(Default)]
struct Archive {
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl Archive {
    fn add(&mut self, path: impl AsRef<Path>, mode: u32, content: Vec<u8>) {
        self.files.insert(path.as_ref().to_owned(), (mode, content));
    }

    fn copy(&mut self, path: impl AsRef<Path>, mode: u32, from: &Path) -> Result<(), TaskError> {
        self.add(path, mode, fs::read(from).map_err(TaskError::io(from))?);
        Ok(())
    }

    fn write(self, path: &Path) -> Result<(), TaskError> {
        let folders: BTreeSet<PathBuf> =
            self.files.keys().flat_map(|file| file.ancestors().skip(1).map(Path::to_owned)).collect();
        let mut file = fs::File::create(path).map_err(TaskError::io(path))?;
        let folders =
            folders.into_iter().filter(|folder| folder != Path::new("")).map(|it| (it, (0o040_755, Vec::new())));
        let all = folders.chain(self.files);
        for (number, (name, (mode, content))) in (1..).zip(all) {
            let entry = cpio::newc::Builder::new(&name.to_string_lossy()).ino(number).nlink(1).mode(mode);
            let size = u32::try_from(content.len()).map_err(|_| other("a file is too large"))?;
            let mut writer = entry.write(&mut file, size);
            writer.write_all(&content).map_err(TaskError::io(path))?;
            writer.finish().map_err(TaskError::io(path))?;
        }
        cpio::newc::trailer(&mut file).map_err(TaskError::io(path))?;
        Ok(())
    }
}

const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;

fn fill(archive: &mut Archive, kernel: &Kernel, drivers: &[PathBuf]) -> Result<(), TaskError> {
    let release = &kernel.release;
    let symgate = shell::symgate()?;
    let busybox = PathBuf::from(text("sh", ["-c", "command -v busybox"])?.trim());
    for (name, program) in [("bin/busybox", &busybox), ("bin/symgate", &symgate)] {
        archive.copy(name, PROGRAM, program)?;
        // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)`, `/lib64/ld-linux-x86-64.so.2 (0x...)`; of a program that needs
        // none it is a failure to ask.
        let libraries = attempt(Path::new("ldd"), [program], &repository())?.stdout;
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            let library = Path::new(library.trim_end_matches(':'));
            archive.copy(library.strip_prefix("/").unwrap_or(library), PROGRAM, library)?;
        }
    }
    let image = kernel.image.as_deref().ok_or_else(|| other("no image of the kernel"))?;
    archive.copy(format!("boot/vmlinuz-{release}"), FILE, image)?;
    archive.copy(format!("boot/config-{release}"), FILE, &kernel.root.join(format!("boot/config-{release}")))?;
    archive.copy(format!("usr/src/linux-headers-{release}/Module.symvers"), FILE, &kernel.symvers)?;
    let of_kernel = |file: &str| format!("lib/modules/{release}/{file}");
    for list in ["modules.order", "modules.builtin"] {
        archive.copy(of_kernel(list), FILE, &kernel.modules.join(list))?;
    }
    let mut wanted: BTreeSet<String> = OWN.iter().map(|name| (*name).to_owned()).collect();
    for driver in drivers {
        wanted.extend(depends(driver)?);
    }
    let own = with_dependencies(&kernel.modules, &wanted)?;
    for file in &own {
        archive.copy(of_kernel(file), FILE, &kernel.modules.join(file))?;
    }
    for (name, fate) in OTHERS {
        let is_it = |driver: &&PathBuf| driver.file_stem().is_some_and(|stem| stem == name);
        let file = drivers.iter().find(is_it).ok_or_else(|| other(format!("{name} is not there")))?;
        let bytes = fs::read(file).map_err(TaskError::io(file))?;
        if fate == Fate::Changed {
            archive.add(format!("changed/{name}.ko"), FILE, changed(file, &bytes)?);
        }
        archive.add(of_kernel(&format!("updates/{name}.ko")), FILE, bytes);
    }
    let stored = repository().join(format!("testdata/6.1/{STORED}.ko"));
    archive.copy(of_kernel(&format!("updates/{STORED}.ko")), FILE, &stored)?;
    archive.add("init", PROGRAM, init(&of_kernel(""), &own).into_bytes());
    Ok(())
}

/// The same module as another build would make it: with another build-id.
fn changed(file: &Path, bytes: &[u8]) -> Result<Vec<u8>, TaskError> {
    let elf = object::File::parse(bytes).map_err(|error| other(format!("{}: {error}", file.display())))?;
    let id = elf.build_id().ok().flatten().ok_or_else(|| other(format!("{}: no build-id", file.display())))?;
    let at = memchr::memmem::find(bytes, id).ok_or_else(|| other("its build-id is not in it"))?;
    let mut bytes = bytes.to_vec();
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0xff;
    }
    Ok(bytes)
}

/// The kernel's own modules that are loaded, each behind those that it depends on, by their paths in a folder.
fn with_dependencies(modules: &Path, names: &BTreeSet<String>) -> Result<Vec<String>, TaskError> {
    let files: BTreeMap<ModuleName, PathBuf> = corpus::module_files(modules)
        .into_iter()
        .map(|file| (ModuleName::from_path(&file.to_string_lossy()), file))
        .collect();
    let mut wanted = Vec::new();
    for name in names {
        add(&ModuleName::new(name), &files, modules, &mut wanted)?;
    }
    Ok(wanted)
}

/// The names of the modules that one depends on.
fn depends(file: &Path) -> Result<Vec<String>, TaskError> {
    let depends = text("modinfo", [Path::new("-F"), Path::new("depends"), file])?;
    Ok(depends.trim().split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn add(
    name: &ModuleName,
    files: &BTreeMap<ModuleName, PathBuf>,
    modules: &Path,
    wanted: &mut Vec<String>,
) -> Result<(), TaskError> {
    let file = files.get(name).ok_or_else(|| other(format!("{name}: the kernel has no such module")))?;
    let path = file.strip_prefix(modules).unwrap_or(file).to_string_lossy().into_owned();
    if wanted.contains(&path) {
        return Ok(());
    }
    for name in depends(file)? {
        add(&ModuleName::new(&name), files, modules, wanted)?;
    }
    wanted.push(path);
    Ok(())
}

/// What the machine does: it loads, changes, removes, shows and audits.
fn init(folder: &str, own: &[String]) -> String {
    let mut script = "#!/bin/busybox sh\nb=/bin/busybox\n$b mkdir -p /proc /sys\n$b mount -t proc proc /proc\n\
        $b mount -t sysfs sysfs /sys\n"
        .to_owned();
    for file in own {
        script += &format!("$b insmod /{folder}{file} || echo \"== FAILED {file}\"\n");
    }
    for (name, fate) in OTHERS {
        let file = format!("/{folder}updates/{name}.ko");
        script += &format!("$b insmod {file} || echo \"== FAILED {name}\"\n");
        match fate {
            Fate::Changed => script += &format!("$b cp /changed/{name}.ko {file}\n"),
            Fate::Removed => script += &format!("$b rm {file}\n"),
            Fate::Kept => {}
        }
    }
    script
        + "echo '== TAINTS'\nfor m in /sys/module/*; do [ -e $m/initstate ] && echo \"${m##*/} $($b cat $m/taint)\"; done\n\
           echo '== TAINTED'\n$b cat /proc/sys/kernel/tainted\n\
           echo '== JSON'\n/bin/symgate audit --format json 2>/dev/null\necho \"== STATUS $?\"\n\
           echo '== HUMAN'\n/bin/symgate audit 2>/dev/null\necho '== END'\n$b poweroff -f\n"
}

/// Starts the machine, and returns what it said.
fn run(image: &Path, initrd: &Path, console: &Path) -> Result<String, TaskError> {
    let program = "qemu-system-x86_64";
    let fail = |reason: String| TaskError::Command { command: program.to_owned(), reason };
    let mut machine = Command::new(program)
        .args([
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-m",
            "1024",
            "-nographic",
            "-no-reboot",
            "-nic",
            "none",
            "-monitor",
            "none",
        ])
        .args(["-append", "console=ttyS0 quiet loglevel=0 panic=-1"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initrd)
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| fail(error.to_string()))?;
    let started = Instant::now();
    while machine.try_wait().map_err(|error| fail(error.to_string()))?.is_none() {
        if started.elapsed() > PATIENCE {
            let _ = machine.kill();
            let said = fs::read_to_string(console).unwrap_or_default();
            return Err(fail(format!("it still runs after {} s:\n{said}", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let said = fs::read(console).map_err(TaskError::io(console))?;
    Ok(String::from_utf8_lossy(&said).replace('\r', ""))
}

/// What the machine said, taken apart.
struct Told {
    /// What the kernel shows of each loaded module.
    taints: BTreeMap<String, String>,
    tainted: String,
    audit: Value,
    human: String,
}

impl Told {
    fn of(said: &str) -> Result<Self, TaskError> {
        let part = |from: &str, to: &str| {
            let behind = said.split_once(&format!("== {from}\n")).map(|(_, behind)| behind);
            let part = behind.and_then(|behind| behind.split_once(&format!("== {to}"))).map(|(part, _)| part);
            part.ok_or_else(|| other(format!("the machine did not say {from}:\n{said}")))
        };
        if said.contains("== FAILED") || !said.contains("== STATUS 0\n") {
            return Err(other(format!("something failed in the machine:\n{said}")));
        }
        let split = |line: &str| {
            let (name, taint) = line.split_once(' ').unwrap_or((line, ""));
            (name.to_owned(), taint.trim().to_owned())
        };
        let json = part("JSON", "STATUS")?;
        Ok(Self {
            taints: part("TAINTS", "TAINTED")?.lines().map(split).collect(),
            tainted: part("TAINTED", "JSON")?.trim().to_owned(),
            audit: serde_json::from_str(json).map_err(|error| other(format!("{error} in:\n{json}")))?,
            human: part("HUMAN", "END")?.to_owned(),
        })
    }

    /// Whether the audit says what the kernel shows, and what was done to the files.
    fn compare(&self) -> Result<(), TaskError> {
        let kernel = self.audit.pointer("/kernels/0").ok_or_else(|| other("the audit is of no kernel"))?;
        let listed = |list: &str| kernel.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut wrong = Vec::new();
        let bits: u64 = self.tainted.parse().map_err(|_| other(format!("taint {:?}", self.tainted)))?;
        let letters = symgate::audit::Taint::of_bits(&self.tainted).map(|taint| taint.letters()).unwrap_or_default();
        if self.audit.pointer("/running/taint/letters").and_then(Value::as_str) != Some(&letters) || bits == 0 {
            wrong.push(format!("the kernel's taint is {bits}"));
        }
        let mut loaded: BTreeMap<String, (String, Option<bool>)> = BTreeMap::new();
        for (list, is_stored) in [("modules", true), ("only_loaded", false)] {
            for module in listed(list).iter().filter(|module| module.get("loaded").is_some()) {
                let of = |pointer: &str| module.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                let same = module.pointer("/loaded/same").and_then(Value::as_bool).filter(|_| is_stored);
                loaded.insert(of("/name"), (of("/loaded/taint/letters"), same));
            }
        }
        for (name, taint) in &self.taints {
            match loaded.get(name) {
                Some((told, _)) if told == taint => {}
                // What has nothing to do with a family and is as it should be is not told of one by one.
                None if taint.is_empty() => {}
                told => wrong.push(format!("{name}: the kernel shows {taint:?}, the audit {told:?}")),
            }
        }
        for (name, fate) in OTHERS {
            let told = loaded.get(name).map(|(_, same)| *same);
            let wanted = match fate {
                Fate::Kept => Some(Some(true)),
                Fate::Changed => Some(Some(false)),
                Fate::Removed => Some(None),
            };
            if told != wanted {
                wrong.push(format!("{name}: {fate:?}, and the audit says {told:?}"));
            }
            let list = if fate == Fate::Removed { "only_loaded" } else { "modules" };
            let is_there = |module: &Value| module.get("name").and_then(Value::as_str) == Some(name);
            if !listed(list).iter().any(is_there) {
                wrong.push(format!("{name} is not among {list}"));
            }
        }
        let elsewhere = |module: &&Value| module.get("out_of_tree").and_then(Value::as_bool) == Some(true);
        let count = listed("modules").iter().filter(elsewhere).count();
        // All but the one that was removed, and the one that was not loaded.
        if count != OTHERS.len() || loaded.contains_key(STORED) {
            wrong.push(format!("{count} stored modules are from elsewhere"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(other(format!("{}\n{}", wrong.join("\n"), self.human))) }
    }
}
