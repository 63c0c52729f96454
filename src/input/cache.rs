// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts that are kept from one run to the next, by the content of the file that they were read of.
//!
//! A cache is a folder of one file a module, named by the hash of the module's file as it is on disk; of one that is not packed,
//! without the content of its debug info, of which no fact tells. Several runs may use it at once: a file is there as a whole or
//! not at all. What can't be read, or was written by another version of the readers, is as if it were not there.
//!
//! Whoever can write to it decides what a module is taken for. So a folder that everybody can write to is refused, and a
//! build that is judged must not be given one to use.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::read::Asked;
use crate::limits;
use crate::module::ModuleFacts;

/// What the readers are: facts of others are of no use.
const READERS: &str = concat!(env!("CARGO_PKG_VERSION"), "-", env!("SYMGATE_READERS"));

/// How long a file counts as used without being marked so again.
const USED: Duration = Duration::from_hours(24);

/// A temporary file older than this was left by a run that was killed.
const ABANDONED: Duration = Duration::from_hours(1);

/// Bytes that are hashed at once.
const BLOCK: usize = 256 << 10;

/// Facts that are kept.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    /// The effective user.
    user: u32,
    found: AtomicUsize,
    kept: AtomicUsize,
}

/// What a file's content is, as far as facts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(blake3::Hash);

/// What is kept of a module.
#[derive(Serialize, Deserialize)]
struct Entry<F> {
    asked: Asked,
    facts: F,
}

/// Why a folder is no cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It can't be made or read.
    #[error("{}: {error}", .folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others could put facts into it.
    #[error("{}: others can write to it, and so decide what a module is taken for", .0.display())]
    Writable(PathBuf),
    /// It is there for something else.
    #[error("{}: it is neither empty nor a cache (there is no CACHEDIR.TAG in it)", .0.display())]
    InUse(PathBuf),
}

impl Cache {
    /// Opens a cache; the folder is made if it is not there.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let of_readers = folder.join(READERS);
        let io = |error| CacheError::Io { folder: folder.to_owned(), error };
        make_folder(folder).map_err(io)?;
        let tag = folder.join("CACHEDIR.TAG");
        if !tag.is_file() {
            if fs::read_dir(folder).map_err(io)?.next().is_some() {
                return Err(CacheError::InUse(folder.to_owned()));
            }
            // By this backups pass it over (bford.info/cachedir).
            let text =
                "Signature: 8a477f597d28d172789f06886806bc55\n# What symgate has read of modules; it can be deleted.\n";
            fs::write(tag, text).map_err(io)?;
        }
        make_folder(&of_readers).map_err(io)?;
        // That is who this belongs to.
        let user = fs::metadata("/proc/self").map_or(0, |own| own.uid());
        for folder in [folder, &of_readers] {
            if !is_of(user, &fs::metadata(folder).map_err(io)?) {
                return Err(CacheError::Writable(folder.to_owned()));
            }
        }
        Ok(Self { folder: folder.to_owned(), user, found: AtomicUsize::default(), kept: AtomicUsize::default() })
    }

    /// How many modules' facts were found in it.
    pub fn found(&self) -> usize {
        self.found.load(Ordering::Relaxed)
    }

    fn path(&self, key: Key, is_object: bool) -> PathBuf {
        let digits = key.0.to_hex();
        let (first, rest) = digits.split_at(2);
        self.folder.join(READERS).join(first).join(format!("{rest}{}", if is_object { ".o" } else { "" }))
    }

    /// The facts of a file's content, with what was done with it.
    pub(super) fn get(&self, key: Key, is_object: bool) -> Option<(Asked, ModuleFacts)> {
        let mut file = File::open(self.path(key, is_object)).ok()?;
        let meta = file.metadata().ok().filter(|meta| meta.len() <= limits::CACHED_BYTES && is_of(self.user, meta))?;
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).ok()?.saturating_add(1));
        file.read_to_end(&mut bytes).ok()?;
        let (sum, packed) = bytes.split_at_checked(32)?;
        if *sum != *blake3::hash(packed).as_bytes() {
            return None;
        }
        let Entry { asked, facts } = postcard::from_bytes(packed).ok()?;
        let now = SystemTime::now();
        if meta.modified().is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age > USED)) {
            // Only who may write to it may say so.
            let _ = file.set_modified(now);
        }
        Some((asked, facts))
    }

    /// Says that facts that were found are what was asked for.
    pub(super) fn count(&self) {
        self.found.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps facts, if nothing is wrong with the module. What can't be kept is read again.
    pub(super) fn put(&self, key: Key, is_object: bool, asked: Asked, facts: &ModuleFacts) {
        if facts.problems.is_empty() && self.write(&self.path(key, is_object), &Entry { asked, facts }).is_ok() {
            self.kept.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, path: &Path, entry: &Entry<&ModuleFacts>) -> io::Result<()> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let packed = postcard::to_stdvec(entry).map_err(io::Error::other)?;
        let folder = path.parent().unwrap_or(&self.folder);
        make_folder(folder)?;
        // Nobody else has this name: not another run, and not another thread of this one.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{}-{number}", std::process::id()));
        let written = File::options().write(true).create_new(true).mode(0o644).open(&temporary).and_then(|mut file| {
            file.write_all(blake3::hash(&packed).as_bytes())?;
            file.write_all(&packed)
        });
        written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| drop(fs::remove_file(&temporary)))
    }

    /// Takes out what was not used for longest, if there is too much now.
    pub(crate) fn trim(&self) {
        if self.kept.load(Ordering::Relaxed) > 0 {
            self.trim_to(limits::CACHE_BYTES);
        }
    }

    fn trim_to(&self, most: u64) {
        let mut files = Vec::new();
        // Of an older version's readers, too.
        let all = walkdir::WalkDir::new(&self.folder).min_depth(3).max_depth(3).into_iter();
        for entry in all.flatten().filter(|entry| is_entry(entry.path())) {
            let Ok(meta) = entry.metadata() else { continue };
            let Ok(used) = meta.modified() else { continue };
            let is_temporary = entry.file_name().as_encoded_bytes().starts_with(b".");
            let is_abandoned = SystemTime::now().duration_since(used).is_ok_and(|age| age > ABANDONED);
            if is_temporary && is_abandoned {
                let _ = fs::remove_file(entry.path());
            } else if !is_temporary && meta.is_file() {
                files.push((used, entry.into_path(), meta.blocks() * 512));
            }
        }
        let mut all: u64 = files.iter().map(|(.., size)| size).sum();
        if all <= most {
            return;
        }
        files.sort_unstable();
        // A quarter more than has to go, so that the next run need not do it again.
        for (_, path, size) in files {
            if all <= most / 4 * 3 {
                break;
            }
            if fs::remove_file(path).is_ok() {
                all -= size;
            }
        }
    }
}

/// Makes a folder that others can't write to, whatever the umask is.
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)
}

/// Whether it is of this user or of root, and nobody else can write to it.
fn is_of(user: u32, meta: &fs::Metadata) -> bool {
    meta.permissions().mode() & 0o022 == 0 && [0, user].contains(&meta.uid())
}

/// Whether a path is one that is written here: `VERSION-READERS/xx/DIGITS`, or a temporary file beside such.
fn is_entry(path: &Path) -> bool {
    let mut names = path.iter().rev().map(|name| name.to_str().unwrap_or_default());
    let (Some(file), Some(first), Some(readers)) = (names.next(), names.next(), names.next()) else { return false };
    let is_hex = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_temporary = |file: &str| {
        let numbers = file.strip_prefix('.').and_then(|rest| rest.split_once('-'));
        numbers.is_some_and(|(process, number)| process.parse::<u32>().is_ok() && number.parse::<usize>().is_ok())
    };
    is_hex(first, 2)
        && readers.rsplit_once('-').is_some_and(|(_, readers)| is_hex(readers, 16))
        && (is_hex(file.strip_suffix(".o").unwrap_or(file), 62) || is_temporary(file))
}

impl Key {
    /// Of a file that is packed: all of it.
    pub(super) fn of_packed(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }

    /// Of one that is not: what stands in these places.
    pub(super) fn of_parts(file: &File, parts: &[Range<u64>]) -> Option<Self> {
        let mut hasher = blake3::Hasher::new_derive_key("symgate: a module without its debug info");
        let mut block = vec![0; BLOCK];
        for part in parts {
            hasher.update(&part.start.to_le_bytes());
            hasher.update(&part.end.to_le_bytes());
            let mut at = part.start;
            while at < part.end {
                let size = usize::try_from(part.end - at).unwrap_or(BLOCK).min(BLOCK);
                let block = block.get_mut(..size)?;
                file.read_exact_at(block, at).ok()?;
                hasher.update(block);
                at += size as u64;
            }
        }
        Some(Self(hasher.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::read_module;
    use crate::module::graph::Depth;

    const MODULE: &str = "testdata/6.1/vmwgfx.ko";

    fn everything(_: &ModuleFacts, _: &Path) -> Asked {
        Asked { cross_check: true, hidden_ways: true, graph: Some(Depth::Everything), ..Asked::default() }
    }

    fn files(cache: &Cache) -> Vec<PathBuf> {
        let all = walkdir::WalkDir::new(&cache.folder).min_depth(3).into_iter().map(|entry| entry.unwrap().into_path());
        all.filter(|path| path.is_file()).collect()
    }

    #[test]
    fn what_is_kept_is_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("a/cache")).unwrap();
        for (path, runs) in [(MODULE, 1), ("testdata/7.2/sg_get.ko", 2), ("testdata/6.1/sg_get.o", 3)] {
            let Ok(read) = read_module(Path::new(path), &everything, None) else { panic!("{path}") };
            for _ in 0..2 {
                assert_eq!(read_module(Path::new(path), &everything, Some(&cache)).unwrap(), read, "{path}");
            }
            assert_eq!(cache.found(), runs);
        }
        // What is asked for otherwise is read otherwise.
        let plain = |_: &ModuleFacts, _: &Path| Asked::default();
        let read = read_module(Path::new(MODULE), &plain, Some(&cache)).unwrap();
        assert!(read.graph.is_none() && !read.cross_checked && cache.found() == 3);
    }

    #[test]
    fn what_is_broken_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let read = read_module(Path::new(MODULE), &everything, Some(&cache)).unwrap();
        let [file] = files(&cache).try_into().unwrap();
        let whole = fs::read(&file).unwrap();
        let mut turned = whole.clone();
        *turned.last_mut().unwrap() ^= 1;
        for broken in [&[][..], &whole[..20], &whole[..whole.len() - 1], &turned, &[whole.as_slice(), b"x"].concat()] {
            fs::write(&file, broken).unwrap();
            assert_eq!(read_module(Path::new(MODULE), &everything, Some(&cache)).unwrap(), read);
            assert_eq!(cache.found(), 0);
            assert_eq!(fs::read(&file).unwrap(), whole, "it is there again");
        }
    }

    #[test]
    fn a_module_with_a_problem_is_read_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let module = folder.path().join("twice.ko");
        let mut bytes = fs::read(MODULE).unwrap();
        bytes.extend_from_slice(b"~Module signature appended~\n");
        fs::write(&module, bytes).unwrap();
        for _ in 0..2 {
            assert!(!read_module(&module, &everything, Some(&cache)).unwrap().problems.is_empty());
        }
        assert_eq!((cache.found(), files(&cache).len()), (0, 0));
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("CACHEDIR.TAG"), "").unwrap();
        for mode in [0o1777, 0o775] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Cache::open(folder.path()), Err(CacheError::Writable(_))));
        }
        assert!(matches!(Cache::open(Path::new("testdata/6.1")), Err(CacheError::InUse(_))));
        assert!(matches!(Cache::open(Path::new(MODULE)), Err(CacheError::Io { .. })));
    }

    #[test]
    fn what_is_not_a_caches_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let others = folder.path().join("project/src");
        fs::create_dir_all(&others).unwrap();
        for name in [".env", ".1-1", &"a".repeat(62)] {
            File::create(others.join(name)).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        read_module(Path::new(MODULE), &everything, Some(&cache)).unwrap();
        cache.trim_to(0);
        assert_eq!(files(&cache).len(), 3);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        for (path, days) in [(MODULE, 3), ("testdata/6.1/sg_get.ko", 2), ("testdata/6.1/sg_harmless.ko", 1)] {
            let before = files(&cache);
            read_module(Path::new(path), &everything, Some(&cache)).unwrap();
            let new = files(&cache).into_iter().find(|file| !before.contains(file)).unwrap();
            let used = SystemTime::now() - Duration::from_hours(24 * days);
            File::options().append(true).open(new).unwrap().set_modified(used).unwrap();
        }
        let abandoned = files(&cache).first().unwrap().with_file_name(".1-1");
        File::create(&abandoned).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        // The oldest is found, and is the newest thereby.
        read_module(Path::new(MODULE), &everything, Some(&cache)).unwrap();
        let sizes: u64 = files(&cache).iter().map(|file| fs::metadata(file).unwrap().blocks() * 512).sum();
        cache.trim_to(sizes);
        assert_eq!((files(&cache).len(), abandoned.exists()), (3, false));
        cache.trim_to(sizes - 1);
        assert_eq!(files(&cache).len(), 2);
        read_module(Path::new(MODULE), &everything, Some(&cache)).unwrap();
        assert_eq!(cache.found(), 2);
    }
}
