// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who put a file there: a package, by what the package manager says, or DKMS, by what it has built.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::root::Root;
use crate::input::door;
use crate::limits;
use crate::module::ModuleName;

/// Who put a module there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A package.
    Package(Package),
    /// DKMS built it on this system.
    Dkms {
        /// What it calls the source.
        name: String,
        /// The source's version.
        version: String,
        /// The package that the source is of, where one has it.
        package: Option<Package>,
    },
    /// No package has it.
    Nobody,
    /// There is no list of what packages have.
    Unknown,
}

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, where that is told.
    pub version: Option<String>,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(package) => package.fmt(f),
            Self::Dkms { name, version, package } => {
                write!(f, "built by DKMS from {name} {version}")?;
                package.iter().try_for_each(|package| write!(f, " ({package})"))
            }
            Self::Nobody => f.write_str("no package has it"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What package managers and DKMS say of a system.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// The package of each path; none if there is no package manager that could be asked.
    packages: Option<HashMap<String, Package>>,
    /// What can't be told.
    pub(super) untold: Vec<String>,
}

/// Folders of which it is asked who put something there.
const ASKED: [&str; 2] = ["/lib/modules/", "/usr/src/"];

/// Where the databases of rpm are.
const RPM: [&str; 2] = ["var/lib/rpm", "usr/lib/sysimage/rpm"];

/// Their files, by the kind of database: that of `SQLite` with its journals, rpm's own with its index, Berkeley DB.
const RPM_FILES: [&str; 6] =
    ["rpmdb.sqlite", "rpmdb.sqlite-wal", "rpmdb.sqlite-shm", "Packages.db", "Index.db", "Packages"];

/// Largest database that is copied, in bytes: that of a whole distribution has a tenth of it.
const RPM_BYTES: u64 = 2 << 30;

/// How long rpm may take: it lists a whole system in a few seconds.
const RPM_PATIENCE: Duration = Duration::from_mins(2);

impl Owners {
    /// Reads who has which file.
    #[must_use]
    pub(super) fn read(root: &Root) -> Self {
        let mut owners = Self::default();
        owners.read_dpkg(root);
        owners.read_rpm(root);
        if owners.packages.is_none() && owners.untold.is_empty() {
            owners.untold.push("which package has a module: there is no database of dpkg or rpm".to_owned());
        }
        owners
    }

    /// `/var/lib/dpkg/info/PACKAGE.list`, or `PACKAGE:ARCHITECTURE.list`: a path a line (`deb-old`, `dpkg-query(1)`).
    fn read_dpkg(&mut self, root: &Root) {
        let folder = Path::new("var/lib/dpkg/info");
        let names = root.names(folder);
        let lists: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".list")).collect();
        if lists.is_empty() {
            return;
        }
        let status = root.text("var/lib/dpkg/status").unwrap_or_default();
        let versions = versions(&status);
        let packages = self.packages.get_or_insert_default();
        let mut left = limits::SYSTEM_FILE_BYTES * 4;
        for package in lists {
            let name = package.split_once(':').map_or(package, |(name, _)| name);
            let Some(paths) = root.text(folder.join(format!("{package}.list"))) else {
                self.untold.push(format!("which files {name} has: /{}/{package}.list can't be read", folder.display()));
                continue;
            };
            left = left.saturating_sub(paths.len() as u64);
            if left == 0 {
                self.untold.push("which package has a module: dpkg's lists are larger than any system's".to_owned());
                break;
            }
            let package = Package { name: name.to_owned(), version: versions.get(name).cloned() };
            for path in paths.lines().filter_map(asked) {
                packages.insert(path.to_owned(), package.clone());
            }
        }
    }

    /// Asks rpm, which alone reads all its kinds of databases. It is given a copy: it writes where it reads.
    fn read_rpm(&mut self, root: &Root) {
        let of = |folder: &str| -> Vec<(PathBuf, &str)> {
            let files = RPM_FILES.iter().filter_map(|name| Some((root.file(&[format!("{folder}/{name}")])?, *name)));
            files.collect()
        };
        let Some(files) = RPM.iter().map(|folder| of(folder)).find(|files| !files.is_empty()) else { return };
        match asked_of_rpm(files) {
            Ok(listed) => self.add_rpm(&listed),
            Err(error) => self.untold.push(format!("which package has a module: rpm: {error}")),
        }
    }

    fn add_rpm(&mut self, listed: &str) {
        let packages = self.packages.get_or_insert_default();
        for line in listed.lines() {
            let mut fields = line.splitn(3, '\t');
            let (Some(name), Some(version), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if let Some(path) = asked(path) {
                let package = Package { name: name.to_owned(), version: Some(version.to_owned()) };
                packages.insert(path.to_owned(), package);
            }
        }
    }

    /// The package that has a path of the system's.
    fn package(&self, path: &str) -> Option<&Package> {
        self.packages.as_ref()?.get(asked(path)?)
    }

    /// Who put the module of a path there, which a link may lead to from another; `built` is what DKMS has built for its kernel.
    #[must_use]
    pub(super) fn of(&self, path: &str, real: &str, name: &ModuleName, built: &Built) -> Owner {
        if let Some(package) = self.package(path).or_else(|| self.package(real)) {
            return Owner::Package(package.clone());
        }
        let is_kernels = path.contains("/kernel/") && !path.contains("/updates/");
        match built.of.get(name).filter(|_| !is_kernels) {
            Some((name, version, source)) => Owner::Dkms {
                name: name.clone(),
                version: version.clone(),
                package: source.as_ref().and_then(|source| self.package(&format!("{source}/dkms.conf"))).cloned(),
            },
            None if self.packages.is_some() => Owner::Nobody,
            None => Owner::Unknown,
        }
    }
}

/// What rpm says of a copy of its database: a line a file. The database is whoever's system it is of, so that it may neither take long
/// nor say much.
fn asked_of_rpm(files: Vec<(PathBuf, &str)>) -> io::Result<String> {
    let copy = tempfile::tempdir()?;
    let mut left = RPM_BYTES;
    for (real, name) in files {
        let mut from = door::file(&real).map_err(io::Error::other)?.0.take(left);
        left -= io::copy(&mut from, &mut File::create(copy.path().join(name))?)?;
        if left == 0 {
            return Err(io::Error::other("its database is larger than any system's"));
        }
    }
    let mut rpm = Command::new("rpm")
        .arg("--dbpath")
        .arg(copy.path())
        .args(["-qa", "--qf", "[%{=NAME}\\t%{=VERSION}-%{=RELEASE}\\t%{FILENAMES}\\n]"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (done, wait) = mpsc::channel();
    let listed = rpm.stdout.take();
    thread::spawn(move || {
        let mut said = Vec::new();
        let read = listed.map(|listed| listed.take(limits::SYSTEM_FILE_BYTES + 1).read_to_end(&mut said));
        let _ = done.send(read.unwrap_or(Ok(0)).map(|_| said));
    });
    let said = wait.recv_timeout(RPM_PATIENCE);
    if !matches!(&said, Ok(Ok(said)) if said.len() as u64 <= limits::SYSTEM_FILE_BYTES) {
        let _ = rpm.kill();
    }
    let status = rpm.wait()?;
    let said = said.map_err(|_| io::Error::other("it takes too long over its database"))??;
    if !status.success() {
        return Err(io::Error::other(format!("it can't read its database ({status})")));
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// What DKMS has built for one kernel.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// By module: the name and the version of the source, and where that is.
    of: BTreeMap<ModuleName, (String, String, Option<String>)>,
}

impl Built {
    /// `/var/lib/dkms/NAME/VERSION/KERNEL/ARCH/module/MODULE.ko*` (`dkms(8)`).
    #[must_use]
    pub(super) fn read(root: &Root, kernel: &str) -> Self {
        let mut built = Self::default();
        let tree = Path::new("var/lib/dkms");
        for name in root.names(tree) {
            for version in root.names(tree.join(&name)) {
                let source = tree.join(&name).join(&version);
                let place = root.resolve(source.join("source")).map(|real| root.inner(&real).display().to_string());
                let folder = source.join(kernel);
                for arch in root.names(&folder) {
                    for module in root.names(folder.join(arch).join("module")) {
                        let what = (name.clone(), version.clone(), place.clone());
                        built.of.insert(ModuleName::from_path(&module), what);
                    }
                }
            }
        }
        built
    }
}

/// A path as it is looked for: both names of a system's libraries are one. Nothing, if nobody asks for it.
fn asked(path: &str) -> Option<&str> {
    let path = path.strip_prefix("/usr").filter(|rest| rest.starts_with("/lib/")).unwrap_or(path);
    ASKED.iter().any(|folder| path.starts_with(folder)).then_some(path)
}

/// The versions of packages, by `/var/lib/dpkg/status` (deb822).
fn versions(status: &str) -> HashMap<&str, String> {
    let mut versions = HashMap::new();
    for paragraph in status.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if let (Some(package), Some(version)) = (field("Package:"), field("Version:")) {
            versions.insert(package, version.to_owned());
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_told_by_dpkg_and_dkms() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        write("var/lib/dpkg/info/linux-image-6.1.list", "/.\n/usr/lib/modules/6.1/kernel/a.ko\n");
        write("var/lib/dpkg/info/evdi-dkms:all.list", "/usr/src/evdi-1.12/dkms.conf\n/usr/share/doc/x\n");
        write("var/lib/dpkg/status", "Package: evdi-dkms\nStatus: x\nVersion: 1.12-1\n\nPackage: other\nVersion: 2\n");
        write("var/lib/dkms/evdi/1.12/6.1/x86_64/module/evdi.ko.xz", "");
        write("usr/src/evdi-1.12/dkms.conf", "");
        std::os::unix::fs::symlink("/usr/src/evdi-1.12", folder.path().join("var/lib/dkms/evdi/1.12/source")).unwrap();
        let root = Root::new(folder.path()).unwrap();
        let (owners, built) = (Owners::read(&root), Built::read(&root, "6.1"));
        let of = |path: &str| owners.of(path, path, &ModuleName::from_path(path), &built).to_string();
        assert_eq!(of("/lib/modules/6.1/kernel/a.ko"), "linux-image-6.1");
        assert_eq!(of("/lib/modules/6.1/updates/dkms/evdi.ko"), "built by DKMS from evdi 1.12 (evdi-dkms 1.12-1)");
        assert_eq!(of("/lib/modules/6.1/kernel/evdi.ko"), "no package has it");
        assert_eq!(of("/lib/modules/6.1/extra/b.ko"), "no package has it");
        assert!(owners.untold.is_empty());
    }

    #[test]
    fn without_a_database_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        let owners = Owners::read(&root);
        assert_eq!(
            owners.of("/lib/modules/6.1/a.ko", "/a.ko", &ModuleName::new("a"), &Built::default()),
            Owner::Unknown
        );
        assert_eq!(owners.untold.len(), 1);
    }
}
