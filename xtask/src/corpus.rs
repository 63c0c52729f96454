// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real kernels: which there are, where they lie, and how they get there.
//!
//! A kernel is named by suite, architecture and flavour (`sid-arm64`, `sid-amd64-rt`), or by one of the short names
//! below. What a name stands for changes as the archive moves on; the task says what it took.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::apt::{Apt, Package};
use crate::shell::{TaskError, repository};

/// Short names, with what they stand for.
const SHORT: [(&str, &str); 4] = [("5.10", "bullseye"), ("6.1", "bookworm"), ("6.12", "trixie"), ("newest", "sid")];

/// One kernel that is at hand.
#[derive(Debug)]
pub struct Kernel {
    /// As the caller named it.
    pub name: String,
    /// Where its packages are unpacked.
    pub root: PathBuf,
    /// Its release, such as `6.1.0-50-amd64`.
    pub release: String,
    /// Its modules: the folder that depmod calls `lib/modules/RELEASE`.
    pub modules: PathBuf,
    /// Its `Module.symvers`.
    pub symvers: PathBuf,
    /// The image that boots, where there is one.
    pub image: Option<PathBuf>,
}

impl Kernel {
    /// The folder above `lib/modules`, which depmod wants to be told.
    pub fn base(&self) -> &Path {
        self.modules.ancestors().nth(3).unwrap_or(&self.root)
    }

    /// What names its modules as its own.
    pub fn named(&self) -> [&OsStr; 2] {
        ["--kernel-build".as_ref(), self.modules.as_os_str()]
    }
}

/// `cargo xtask corpus`
pub fn task(names: &[String]) -> Result<(), TaskError> {
    for kernel in kernels(names)? {
        let files = module_files(&kernel.modules).len();
        let image = kernel.image.as_deref().map_or("no image".into(), Path::to_string_lossy);
        println!("{}: {}, {files} modules, {image}, {}", kernel.name, kernel.release, kernel.root.display());
    }
    Ok(())
}

/// Makes sure that the kernels of these names are at hand; without names, the four usual ones.
pub fn kernels(names: &[String]) -> Result<Vec<Kernel>, TaskError> {
    let usual: Vec<String> = SHORT.iter().map(|(short, _)| (*short).to_owned()).collect();
    let names = if names.is_empty() { &usual } else { names };
    names.iter().map(|name| fetch(name)).collect()
}

/// All module files below a folder, sorted.
pub fn module_files(folder: &Path) -> Vec<PathBuf> {
    let is_module = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        [".ko", ".ko.xz", ".ko.zst", ".ko.gz"].iter().any(|ending| name.ends_with(ending))
    };
    let walk = WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    walk.filter(|entry| entry.file_type().is_file() && is_module(entry.path()))
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Where corpora are kept: `SYMGATE_CORPUS`, else an ignored folder of the repository.
pub fn home() -> PathBuf {
    std::env::var_os("SYMGATE_CORPUS").map_or_else(|| repository().join("corpus"), PathBuf::from)
}

fn fetch(name: &str) -> Result<Kernel, TaskError> {
    let Name { suite, architecture, flavour } = Name::new(name);
    let root = home().join([suite, architecture].into_iter().chain(flavour).collect::<Vec<_>>().join("-"));
    let apt = apt(suite, architecture)?;
    keep(&apt, name, &root, || packages(&apt, architecture, flavour))?;
    open(name, root)
}

/// apt for one suite and architecture, with its state among the corpora.
pub fn apt(suite: &str, architecture: &str) -> Result<Apt, TaskError> {
    Apt::new(&home().join("apt"), suite, architecture)
}

/// Makes sure that a folder holds the newest versions of packages, and nothing else.
pub fn keep(
    apt: &Apt,
    name: &str,
    root: &Path,
    packages: impl FnOnce() -> Result<Vec<Package>, TaskError>,
) -> Result<(), TaskError> {
    let stamp = root.join("packages");
    let line = |package: &Package| format!("{} {}\n", package.name, package.version);
    let packages = packages()?;
    let wanted: String = packages.iter().map(line).collect();
    let mut taken = fs::read_to_string(&stamp).unwrap_or_default();
    if !taken.lines().all(|line| wanted.lines().any(|wanted| wanted == line)) {
        // Another kernel's.
        taken.clear();
    }
    if taken.is_empty() && root.exists() {
        fs::remove_dir_all(root).map_err(TaskError::io(root))?;
    }
    fs::create_dir_all(root).map_err(TaskError::io(root))?;
    for package in packages.iter().filter(|package| !taken.contains(&line(package))) {
        println!("{name}: taking {} {}", package.name, package.version);
        apt.unpack(package, root)?;
    }
    // Last, so that what was interrupted is done again.
    fs::write(&stamp, wanted).map_err(TaskError::io(&stamp))
}

/// Makes sure that a folder holds the packages of a kernel as the archive has them.
pub fn keep_packages(name: &str, folder: &Path) -> Result<(), TaskError> {
    let Name { suite, architecture, flavour } = Name::new(name);
    if folder.join("complete").exists() {
        return Ok(());
    }
    let apt = apt(suite, architecture)?;
    for package in packages(&apt, architecture, flavour)? {
        apt.download(&package, folder)?;
    }
    fs::write(folder.join("complete"), "").map_err(TaskError::io(folder))
}

/// Makes sure that the kernel of this release is at hand, as the suite has it for this machine: modules that were built for it are
/// for no other.
pub fn of_release(suite: &str, release: &str) -> Result<Kernel, TaskError> {
    let name = format!("{suite}-{release}");
    let root = home().join(&name);
    let apt = apt(suite, "amd64")?;
    keep(&apt, &name, &root, || {
        ["linux-image", "linux-headers"].iter().map(|part| apt.show(&format!("{part}-{release}"))).collect()
    })?;
    open(&name, root)
}

/// Fetches the package that holds a kernel's modules into a folder.
pub fn packages_of(kernel: &Kernel, folder: &Path) -> Result<Vec<PathBuf>, TaskError> {
    let Name { suite, architecture, flavour } = Name::new(&kernel.name);
    let apt = apt(suite, architecture)?;
    let packages = packages(&apt, architecture, flavour)?;
    match packages.first() {
        Some(package) => apt.download(package, folder),
        None => Ok(Vec::new()),
    }
}

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
struct Name<'n> {
    suite: &'n str,
    architecture: &'n str,
    /// `rt`, `cloud`, ...; none is the usual kernel.
    flavour: Option<&'n str>,
}

impl<'n> Name<'n> {
    fn new(name: &'n str) -> Self {
        let name = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, suite)| suite);
        let mut parts = name.splitn(3, '-');
        let suite = parts.next().unwrap_or(name);
        Self { suite, architecture: parts.next().unwrap_or("amd64"), flavour: parts.next() }
    }
}

/// The architecture of the kernel of this name.
pub fn architecture(name: &str) -> &str {
    Name::new(name).architecture
}

/// The packages that hold the modules, the `Module.symvers` and the image of a kernel. The packages without a version
/// in their names depend on those that have one.
fn packages(apt: &Apt, architecture: &str, flavour: Option<&str>) -> Result<Vec<Package>, TaskError> {
    let usual = match architecture {
        "armhf" => "armmp",
        "i386" => "686-pae",
        "ppc64el" => "powerpc64le",
        "mips64el" => "loongson-3",
        other => other,
    };
    // Some stand before the usual name (`rt-amd64`), others behind it (`armmp-lpae`), others instead (`rpi`).
    let names = match flavour {
        None => vec![usual.to_owned()],
        Some(flavour) => vec![format!("{flavour}-{usual}"), format!("{usual}-{flavour}"), flavour.to_owned()],
    };
    let found = names.iter().find_map(|name| Some((name, apt.show(&format!("linux-image-{name}")).ok()?)));
    let (flavour, usual) =
        found.ok_or_else(|| TaskError::Other(format!("there is no linux-image-{}", names.join(" or -"))))?;
    let dependency = |package: &Package, prefix: &str| {
        package.depends.iter().find(|name| name.starts_with(prefix) && name.ends_with(flavour.as_str())).cloned()
    };
    let image = dependency(&usual, "linux-image-")
        .ok_or_else(|| TaskError::Other(format!("{} depends on no linux-image-*", usual.name)))?;
    let image = apt.show(&image)?;
    // Since 7.x the modules and what boots are in packages of their own, and the image has neither.
    let parts = ["linux-modules-", "linux-binary-"].iter().filter_map(|prefix| dependency(&image, prefix));
    let mut packages: Vec<Package> = parts.map(|part| apt.show(&part)).collect::<Result<_, _>>()?;
    let release = image.name.trim_start_matches("linux-image-").to_owned();
    if packages.is_empty() {
        packages.push(image);
    } else if let Ok(base) = apt.show(&format!("linux-base-{release}")) {
        // It has modules.order and modules.builtin.
        packages.push(base);
    }
    packages.push(apt.show(&format!("linux-headers-{release}"))?);
    Ok(packages)
}

/// Finds the parts of a kernel that has been unpacked.
fn open(name: &str, root: PathBuf) -> Result<Kernel, TaskError> {
    let missing = |what: &str| TaskError::Other(format!("{}: no {what} in it", root.display()));
    let modules = ["lib/modules", "usr/lib/modules"]
        .iter()
        .filter_map(|folder| fs::read_dir(root.join(folder)).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .find(|folder| folder.join("kernel").is_dir())
        .ok_or_else(|| missing("modules"))?;
    let symvers = fs::read_dir(root.join("usr/src"))
        .into_iter()
        .flat_map(|entries| entries.flatten().map(|entry| entry.path().join("Module.symvers")))
        .find(|file| file.is_file())
        .ok_or_else(|| missing("Module.symvers"))?;
    let release = modules.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let boot = root.join("boot");
    let images =
        [boot.join(format!("vmlinuz-{release}")), boot.join(format!("vmlinux-{release}")), modules.join("vmlinuz")];
    let image = images.into_iter().find(|image| image.is_file());
    Ok(Kernel { name: name.to_owned(), root, release, modules, symvers, image })
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_stand_for_suites() {
        let name = |suite, architecture, flavour| Name { suite, architecture, flavour };
        assert_eq!(Name::new("6.1"), name("bookworm", "amd64", None));
        assert_eq!(Name::new("sid-arm64"), name("sid", "arm64", None));
        assert_eq!(Name::new("trixie"), name("trixie", "amd64", None));
        assert_eq!(Name::new("sid-amd64-rt"), name("sid", "amd64", Some("rt")));
        assert_eq!(Name::new("sid-armhf-armmp-lpae"), name("sid", "armhf", Some("armmp-lpae")));
    }
}
