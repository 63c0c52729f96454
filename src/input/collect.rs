// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what the caller names to a list of module files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::compression::Compression;
use super::door::{self, describe};
use super::read::caught;
use super::reference::{is_image, start_of};
use super::{InputError, InputErrorKind, list, package};
use crate::{limits, symvers, text};

/// A file that is to be read as a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// How reports name it: as given, or relative to the directory that was given.
    pub label: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes, so that the largest can go first.
    pub size: u64,
}

/// A package that holds modules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageFile {
    /// How reports name it.
    pub label: String,
    /// Where it is.
    pub path: PathBuf,
    /// What kind of package.
    pub format: Format,
}

/// Kinds of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A Debian package.
    Deb,
    /// An initial RAM file system.
    Initramfs,
    /// An RPM package.
    Rpm,
}

impl PackageFile {
    /// How reports name a file in it.
    pub(super) fn label_of(&self, member: &str) -> String {
        format!("{}!{member}", self.label)
    }
}

impl Format {
    /// The kind of package that a file in a tree is, by its name.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "deb" | "udeb" => Some(Self::Deb),
            "rpm" => Some(Self::Rpm),
            _ => None,
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Collected {
    /// Modules by label.
    pub modules: Vec<ModuleFile>,
    /// Packages by label.
    pub packages: Vec<PackageFile>,
    /// `Module.symvers` files and kernel images among the inputs, in the order given.
    pub references: Vec<PathBuf>,
    /// Whether a `modules.order` lists nothing, which is no fault: a build may have no modules.
    pub empty_list: bool,
    /// Inputs that yield nothing.
    pub errors: Vec<InputError>,
}

/// Endings of a module's file name, after `.ko`.
pub(super) const PACKED: [&str; 4] = ["", ".xz", ".zst", ".gz"];

/// Endings of packed modules that kernels and distributions have used, and that are not read.
const NOT_READ: [(&str, &str); 4] = [
    (".bz2", "packed with bzip2"),
    (".lzma", "packed with lzma"),
    (".lz4", "packed with lz4"),
    (".lzo", "packed with lzo"),
];

/// Finds the modules of all inputs. Directories are searched for files named like modules or packages, lists for what
/// they list; a file that is named is a module whatever its name, unless its first bytes say otherwise.
#[must_use]
pub fn collect(paths: &[PathBuf]) -> Collected {
    let mut found = Collected::default();
    let mut modules = BTreeMap::new();
    for path in paths {
        let list = path.to_str().and_then(|path| path.strip_prefix('@')).map(Path::new);
        match list.map(listed) {
            None => take(path, &mut modules, &mut found),
            Some(Ok(listed)) => listed.iter().for_each(|path| take(path, &mut modules, &mut found)),
            Some(Err(kind)) => found.errors.push(InputError::new(shown(path), kind)),
        }
    }
    found.modules = modules.into_values().collect();
    // Whatever order the inputs came in, the report has one order.
    found.modules.sort_by(|a, b| (&a.label, &a.path).cmp(&(&b.label, &b.path)));
    found.packages.sort();
    found.packages.dedup();
    found.errors.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// What a list names.
pub(crate) fn listed(list: &Path) -> Result<Vec<PathBuf>, InputErrorKind> {
    list::paths(&mut door::stream(list)?.0)
}

/// Takes one input for what it is.
fn take(path: &Path, modules: &mut BTreeMap<OsString, ModuleFile>, found: &mut Collected) {
    let label = shown(path);
    let kind = match fs::metadata(path) {
        Err(error) => Err(error.into()),
        Ok(meta) if meta.is_dir() => return search(path, &label, modules, found),
        Ok(meta) if !meta.is_file() => Err(InputErrorKind::NotAFile(describe(meta.file_type()))),
        Ok(_) if path.ends_with("modules.order") => take_order(path, modules, found),
        Ok(meta) => door::file(path).and_then(|(file, _)| {
            let start = start_of(&file)?;
            if is_reference(path, &file, &start) {
                found.references.push(path.to_owned());
            } else if let Some(format) = caught(|| package_format(path, &start))? {
                found.packages.push(PackageFile { label: label.clone(), path: path.to_owned(), format });
            } else if let Some(what) = unsupported(&start) {
                return Err(InputErrorKind::Unsupported(what));
            } else {
                add(modules, ModuleFile { label: label.clone(), path: path.to_owned(), size: meta.len() });
            }
            Ok(())
        }),
    };
    if let Err(kind) = kind {
        found.errors.push(InputError::new(label, kind));
    }
}

/// Takes the modules that a `modules.order` lists.
fn take_order(
    path: &Path,
    modules: &mut BTreeMap<OsString, ModuleFile>,
    found: &mut Collected,
) -> Result<(), InputErrorKind> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let listed = list::modules(&mut door::file(path)?.0, folder, &Path::exists)?;
    found.empty_list |= listed.is_empty();
    for path in listed {
        let label = shown(path.strip_prefix(folder).unwrap_or(&path));
        let size = fs::metadata(&path).map_or(0, |meta| meta.len());
        add(modules, ModuleFile { label, path, size });
    }
    Ok(())
}

fn search(root: &Path, label: &str, modules: &mut BTreeMap<OsString, ModuleFile>, found: &mut Collected) {
    let mut seen_any = false;
    let mut seen_folders = HashSet::new();
    let home = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    // Sorted, so that a folder with two ways to it is always found by the same one.
    let walk = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
    let mut above = Vec::new();
    for entry in walk.filter_entry(|entry| is_to_be_searched(entry, &home, &mut seen_folders, &mut above)) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                if let Some(error) = walk_error(error, root) {
                    found.errors.push(error);
                    seen_any = true;
                }
                continue;
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let relative = shown(entry.path().strip_prefix(root).unwrap_or(entry.path()));
        let error = match module_ending(&entry.file_name().to_string_lossy()) {
            Ending::Other => {
                if let Some(format) = Format::of(entry.path()) {
                    found.packages.push(PackageFile { label: relative, path: entry.into_path(), format });
                    seen_any = true;
                }
                continue;
            }
            Ending::NotRead(what) => InputErrorKind::Unsupported(what),
            Ending::Module if !entry.file_type().is_file() => InputErrorKind::NotAFile(describe(entry.file_type())),
            Ending::Module => {
                let size = entry.metadata().map_or(0, |meta| meta.len());
                add(modules, ModuleFile { label: relative, path: entry.into_path(), size });
                seen_any = true;
                continue;
            }
        };
        found.errors.push(InputError::new(relative, error));
        seen_any = true;
    }
    for path in &above {
        let reason = InputErrorKind::Unsupported("a link to a folder that holds this one");
        found.errors.push(InputError::new(shown(path.strip_prefix(root).unwrap_or(path)), reason));
    }
    if !seen_any {
        found.errors.push(InputError::new(label, InputErrorKind::NoModules));
    }
}

/// Whether an entry is to be looked at, and what is below it. depmod follows links, too, but for the two by which a
/// kernel's modules point to its source. No folder is searched twice, and none that holds the whole tree.
///
/// One that holds the tree and more is told: depmod would look there, too.
fn is_to_be_searched(entry: &DirEntry, home: &Path, seen: &mut HashSet<(u64, u64)>, above: &mut Vec<PathBuf>) -> bool {
    if !entry.file_type().is_dir() {
        return true;
    }
    if entry.path_is_symlink() && entry.depth() > 0 {
        let name = entry.file_name();
        if name == "build" || name == "source" {
            return false;
        }
        if let Ok(target) = entry.path().canonicalize()
            && home.starts_with(&target)
        {
            if target != home {
                above.push(entry.path().to_owned());
            }
            return false;
        }
    }
    entry.metadata().map_or(true, |meta| seen.insert((meta.dev(), meta.ino())))
}

/// Adds a module; of two labels for one file the same always stays.
///
/// By its bytes: a path compares its components one by one, which takes longer than to find the file.
fn add(modules: &mut BTreeMap<OsString, ModuleFile>, module: ModuleFile) {
    match modules.entry(module.path.clone().into_os_string()) {
        Entry::Vacant(entry) => drop(entry.insert(module)),
        Entry::Occupied(mut entry) if module.label < entry.get().label => drop(entry.insert(module)),
        Entry::Occupied(_) => {}
    }
}

/// A loop of links shows nothing that was not seen before; a dangling link matters if a module hangs there.
fn walk_error(error: walkdir::Error, root: &Path) -> Option<InputError> {
    let path = error.path().unwrap_or(root).to_owned();
    let label = shown(path.strip_prefix(root).ok().filter(|label| *label != Path::new("")).unwrap_or(&path));
    let error = error.into_io_error()?;
    let is_module = path.file_name().is_some_and(|name| module_ending(&name.to_string_lossy()) != Ending::Other);
    (error.kind() != ErrorKind::NotFound || is_module).then(|| InputError::new(label, error.into()))
}

/// What a file's name makes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Module,
    NotRead(&'static str),
    Other,
}

pub(super) fn module_ending(name: &str) -> Ending {
    let ends = |ending: &str| {
        let stem = name.strip_suffix(ending).and_then(|stem| stem.strip_suffix(".ko"));
        stem.is_some_and(|stem| !stem.is_empty())
    };
    if PACKED.iter().any(|ending| ends(ending)) {
        return Ending::Module;
    }
    NOT_READ.iter().find(|(ending, _)| ends(ending)).map_or(Ending::Other, |&(_, what)| Ending::NotRead(what))
}

/// A path as reports name it: a file's name may hold anything.
pub(super) fn shown(path: &Path) -> String {
    text::shown(&path.display().to_string()).into_owned()
}

/// Whether a file that was named tells a kernel's exports: a `Module.symvers`, by its name or its first bytes, or a kernel
/// image. What is named like a module is a module.
fn is_reference(path: &Path, file: &File, start: &[u8]) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name == "Module.symvers" {
        return true;
    }
    module_ending(&name) == Ending::Other && (symvers::looks_like(start) || is_image(file, start))
}

/// The kind of package that a file on disk is, if it is one.
pub(super) fn format_of(path: &Path) -> Result<Option<Format>, InputErrorKind> {
    let start = start_of(&door::file(path)?.0)?;
    package_format(path, &start)
}

/// The kind of package that a file is. What is packed can be a module or an initramfs, which its first unpacked bytes
/// tell; what does not unpack is left for the one that reads it to complain of.
fn package_format(path: &Path, start: &[u8]) -> Result<Option<Format>, InputErrorKind> {
    if start.starts_with(&package::DEB_MAGIC) {
        return Ok(Some(Format::Deb));
    }
    if start.starts_with(&package::RPM_MAGIC) {
        return Ok(Some(Format::Rpm));
    }
    let unpacked = match Compression::of(start) {
        None => start.to_vec(),
        Some(compression) => {
            let mut unpacked = [0; 6];
            let (file, _) = door::small_file(path)?;
            // Not all of it: what is packed to nothing can go on for long. A zstd decoder gives nothing before it has more
            // than its window.
            let packed = BufReader::new(file.take(2 * limits::ZSTD_WINDOW_BYTES));
            match compression.bounded(packed, limits::FILE_BYTES).read_exact(&mut unpacked) {
                Ok(()) => unpacked.to_vec(),
                Err(_) => return Ok(None),
            }
        }
    };
    Ok(package::is_cpio(&unpacked).then_some(Format::Initramfs))
}

/// Kinds of files that hold modules, but are no module.
fn unsupported(start: &[u8]) -> Option<&'static str> {
    match start {
        [b'0', b'7', b'0', b'7', b'0', b'7', ..] => Some("a cpio archive of the old format"),
        [b'B', b'Z', b'h', ..] => Some("packed with bzip2"),
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some("packed with lz4"),
        [0x89, b'L', b'Z', b'O', ..] => Some("packed with lzo"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, module_ending};

    #[test]
    fn knows_modules_by_name() {
        assert_eq!(module_ending("a.ko"), Ending::Module);
        assert_eq!(module_ending("a.b.ko.zst"), Ending::Module);
        assert_eq!(module_ending("a.ko.bz2"), Ending::NotRead("packed with bzip2"));
        for other in [".ko", "ko", "a.ko.sig", "a.o", "a.kos", ".ko.xz"] {
            assert_eq!(module_ending(other), Ending::Other, "{other}");
        }
    }
}
