// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a file to facts, for one module or for a whole tree at once.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use object::read::ReadCache;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cache::{Cache, Key};
use super::collect::{Format, format_of};
use super::compression::Compression;
use super::door;
use super::package::{Member, members};
use super::reference::start_of;
use super::{InputError, InputErrorKind, ModuleFile, PackageFile};
use crate::limits;
use crate::module::bytes::PositionedFile;
use crate::module::elf::Elf;
use crate::module::graph::Depth;
use crate::module::{Bytes, ElfError, ModuleFacts};
use crate::progress::Progress;

/// What is done with a module beyond reading its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asked {
    /// A second reader reads it as well.
    pub cross_check: bool,
    /// It is hashed.
    pub digest: bool,
    /// What its exports lead to is read, so that it need not be unpacked again.
    pub graph: Option<Depth>,
    /// It is looked for ways to others' symbols that no import tells of, as is done with what is not the kernel's own.
    pub hidden_ways: bool,
}

/// What each module is asked, told by its facts and the file that it is read from: itself, or a package.
pub type Asking<'d> = dyn Fn(&ModuleFacts, &Path) -> Asked + Sync + 'd;

/// The same of a module in a package, told by its facts and its name in there.
pub type AskingMember<'d> = dyn Fn(&ModuleFacts, &str) -> Asked + Sync + 'd;

/// The same where the file is known.
type AskingFacts<'d> = dyn Fn(&ModuleFacts) -> Asked + Sync + 'd;

/// Reads facts from bytes.
type Reader = for<'b> fn(Bytes<'b>) -> Result<ModuleFacts, ElfError>;

/// What was done with a module, and its facts.
type WasRead = Result<(Asked, ModuleFacts), InputErrorKind>;

/// Reads one module, or the object of one if it is named so, unless what it is was read before.
pub fn read_module(path: &Path, asking: &Asking<'_>, cache: Option<&Cache>) -> Result<ModuleFacts, InputErrorKind> {
    let asking = |facts: &ModuleFacts| asking(facts, path);
    let (file, meta) = door::small_file(path)?;
    let Some(compression) = Compression::of(&start_of(&file)?) else {
        let is_object = path.extension().is_some_and(|extension| extension == "o");
        return read_plain(file, &meta, is_object, &asking, cache);
    };
    // One byte more than there should be, so that the read that finds the end needs no larger buffer.
    let mut packed = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0).saturating_add(1));
    file.take(limits::FILE_BYTES).read_to_end(&mut packed)?;
    let key = cache.map(|_| Key::of_packed(&packed));
    let kept = cache.zip(key).map(|(cache, key)| Kept { cache, key, is_object: false });
    through(kept, &asking, |_| unpack_module(compression, packed, &asking))
}

/// Reads a module that is not packed, piece by piece.
fn read_plain(
    file: File,
    meta: &Metadata,
    is_object: bool,
    asking: &AskingFacts<'_>,
    cache: Option<&Cache>,
) -> Result<ModuleFacts, InputErrorKind> {
    let reader: Reader = if is_object { ModuleFacts::read_object } else { ModuleFacts::read };
    let same = cache.and_then(|_| file.try_clone().ok());
    let is_fresh = is_fresh(meta);
    let pieces = ReadCache::new(PositionedFile::new(file, meta.len()));
    let bytes = Bytes::in_file(&pieces);
    let of_parts = |file: &File| Key::of_parts(file, &Elf::parse(bytes).ok()?.without_debug_info());
    let key = same.as_ref().and_then(of_parts);
    let kept = cache.zip(key).map(|(cache, key)| Kept { cache, key, is_object });
    through(kept, asking, |keep| {
        let read = facts(bytes, reader, asking)?;
        // A hash of all of it is of its debug info, too; and what is kept has to be what was hashed.
        let change = |meta: &Metadata| (meta.size(), meta.ctime(), meta.ctime_nsec());
        let now = same.as_ref().and_then(|file| file.metadata().ok());
        // Two changes within a tick of the kernel's clock bear one time.
        *keep = !read.0.digest
            && now.is_some_and(|now| change(&now) == change(meta))
            && (!is_fresh || same.as_ref().and_then(of_parts) == key);
        Ok(read)
    })
}

/// Whether a file was changed within the last moment.
fn is_fresh(meta: &Metadata) -> bool {
    // A tick is 10 ms at most, and a part of the time is left out here.
    const MOMENT: Duration = Duration::from_secs(2);
    let changed = u64::try_from(meta.ctime()).unwrap_or(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(changed));
    since.map_or(true, |since| since <= MOMENT)
}

/// Where facts are kept.
struct Kept<'c> {
    cache: &'c Cache,
    key: Key,
    is_object: bool,
}

/// Takes the facts that are kept, if they are all that is asked for and no more; or reads them, and keeps them if they may be.
fn through(
    kept: Option<Kept<'_>>,
    asking: &AskingFacts<'_>,
    read: impl FnOnce(&mut bool) -> WasRead,
) -> Result<ModuleFacts, InputErrorKind> {
    let found = kept.as_ref().and_then(|kept| kept.cache.get(kept.key, kept.is_object));
    if let Some(((_, facts), kept)) = found.filter(|(asked, facts)| asking(facts) == *asked).zip(kept.as_ref()) {
        kept.cache.count();
        return Ok(facts);
    }
    let mut keep = true;
    let (asked, facts) = read(&mut keep)?;
    if let Some(Kept { cache, key, is_object }) = kept.filter(|_| keep) {
        cache.put(key, is_object, asked, &facts);
    }
    Ok(facts)
}

/// Reads a module that is packed. The packed bytes go as soon as they are unpacked.
fn unpack_module(compression: Compression, packed: Vec<u8>, asking: &AskingFacts<'_>) -> WasRead {
    let unpacked = compression.unpack(&packed, limits::FILE_BYTES)?;
    drop(packed);
    facts(Bytes::in_memory(&unpacked), ModuleFacts::read, asking)
}

/// Reads something more of one module, or of its debug info. Of what is not packed only what is asked for is read.
pub(crate) fn read_again<T>(path: &Path, read: impl FnOnce(Bytes<'_>) -> T) -> Result<T, InputErrorKind> {
    caught(|| {
        let (file, meta) = door::small_file(path)?;
        if Compression::of(&start_of(&file)?).is_some() {
            return Ok(read(Bytes::in_memory(&unpacked(whole(path)?)?)));
        }
        let cache = ReadCache::new(PositionedFile::new(file, meta.len()));
        Ok(read(Bytes::in_file(&cache)))
    })
}

fn facts(bytes: Bytes<'_>, read: Reader, asking: &AskingFacts<'_>) -> WasRead {
    let mut facts = read(bytes)?;
    let asked = asking(&facts);
    let mut bytes = bytes;
    if asked.digest {
        // What is hashed has to be what was read, and a file on disk can change between two reads of its parts.
        bytes = Bytes::in_memory(bytes.get(0, bytes.size()).unwrap_or_default());
        facts = read(bytes)?;
        facts.digest(bytes);
    }
    if asked.cross_check {
        facts.cross_check(bytes);
    }
    if asked.hidden_ways {
        facts.read_hidden_ways(bytes);
    }
    if let Some(depth) = asked.graph {
        facts.read_graph(bytes, depth);
    }
    Ok((asked, facts))
}

/// SHA-256 of a module as it is when unpacked.
pub(crate) fn content_hash(path: &Path) -> Result<[u8; 32], InputErrorKind> {
    unpacked_hash(whole(path)?)
}

fn unpacked_hash(bytes: Vec<u8>) -> Result<[u8; 32], InputErrorKind> {
    Ok(Sha256::digest(unpacked(bytes)?).into())
}

/// All bytes of a file.
fn whole(path: &Path) -> Result<Vec<u8>, InputErrorKind> {
    let (file, _) = door::small_file(path)?;
    let mut bytes = Vec::new();
    file.take(limits::FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same unpacked, if they are packed.
pub(crate) fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>, InputErrorKind> {
    match Compression::of(&bytes) {
        Some(compression) => Ok(compression.unpack(&bytes, limits::FILE_BYTES)?),
        None => Ok(bytes),
    }
}

/// Whether a file is what a distribution packs a kernel in; an initramfs holds whatever somebody put there.
pub(crate) fn is_package(path: &Path) -> Result<bool, InputErrorKind> {
    Ok(matches!(format_of(path)?, Some(Format::Deb | Format::Rpm)))
}

/// The same of all modules of a package, with their names in it.
pub(crate) fn content_hashes_of_package(path: &Path) -> Result<Vec<(String, [u8; 32])>, InputErrorKind> {
    caught(|| {
        let format = format_of(path)?.ok_or(InputErrorKind::Unsupported("no package"))?;
        let mut hashes = Vec::new();
        members(format, &mut door::file(path)?.0, &mut |member| {
            // One that can't be read proves nothing for others.
            if let Ok(hash) = member.bytes.and_then(unpacked_hash) {
                hashes.push((member.name, hash));
            }
        })?;
        Ok(hashes)
    })
}

/// A module's facts with the path that reports use.
pub type Labelled = Result<(String, ModuleFacts), InputError>;

/// Reads the modules of a package, each labelled `PACKAGE!MEMBER`.
pub fn read_package(package: &PackageFile, asking: &AskingMember<'_>) -> Result<Vec<Labelled>, InputErrorKind> {
    caught(|| read_members(package, asking))
}

/// What was read of the module of a number.
pub(crate) type Numbered<T> = (usize, Result<T, InputErrorKind>);

/// Reads something more of some modules of a package: of those of which `wanted` tells the number by their label.
pub(crate) fn read_package_again<T>(
    package: &PackageFile,
    wanted: &dyn Fn(&str) -> Option<usize>,
    read: &dyn Fn(usize, Bytes<'_>) -> T,
) -> Result<Vec<Numbered<T>>, InputErrorKind> {
    caught(|| {
        let mut all = Vec::new();
        members(package.format, &mut door::file(&package.path)?.0, &mut |member| {
            if let Some(number) = wanted(&package.label_of(&member.name)) {
                all.push((number, caught(|| Ok(read(number, Bytes::in_memory(&unpacked(member.bytes?)?))))));
            }
        })?;
        Ok(all)
    })
}

fn read_members(package: &PackageFile, asking: &AskingMember<'_>) -> Result<Vec<Labelled>, InputErrorKind> {
    let (mut file, _) = door::file(&package.path)?;
    let mut read = Vec::new();
    let mut batch: Vec<Member> = Vec::new();
    let mut held = 0;
    let mut read_batch = |batch: &mut Vec<Member>| {
        let facts = batch.par_drain(..).map(|member| {
            let asking = |facts: &ModuleFacts| asking(facts, &member.name);
            let read = caught(|| match Compression::of(member.bytes.as_deref().unwrap_or_default()) {
                Some(compression) => unpack_module(compression, member.bytes?, &asking),
                None => facts(Bytes::in_memory(&member.bytes?), ModuleFacts::read, &asking),
            });
            let label = package.label_of(&member.name);
            match read {
                Ok((_, facts)) => Ok((label, facts)),
                Err(kind) => Err(InputError::new(label, kind)),
            }
        });
        read.par_extend(facts);
    };
    members(package.format, &mut file, &mut |member| {
        held += member.bytes.as_ref().map_or(0, Vec::len);
        batch.push(member);
        if held >= limits::BATCH_BYTES {
            read_batch(&mut batch);
            held = 0;
        }
    })?;
    read_batch(&mut batch);
    if read.is_empty() { Err(InputErrorKind::NoModules) } else { Ok(read) }
}

/// Reads all modules on the threads of the current pool, the largest first, and returns them in the order
/// given. One that makes symgate itself fail is an error like any other.
#[must_use]
pub fn read_all(
    files: &[ModuleFile],
    asking: &Asking<'_>,
    cache: Option<&Cache>,
    progress: &Progress,
) -> Vec<Result<ModuleFacts, InputError>> {
    progress.expect(files.len());
    let mut largest_first: Vec<usize> = (0..files.len()).collect();
    largest_first.sort_by_key(|&index| std::cmp::Reverse(files.get(index).map_or(0, |file| file.size)));
    let next = AtomicUsize::new(0);
    // A shared counter and not a split range: one big file at the end of somebody's half would be waited for.
    let shares: Vec<Vec<(usize, Result<ModuleFacts, InputError>)>> = rayon::broadcast(|_| {
        let mut share = Vec::new();
        while let Some(&index) = largest_first.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(file) = files.get(index) else { continue };
            let facts = caught(|| read_module(&file.path, asking, cache));
            share.push((index, facts.map_err(|kind| InputError::new(&file.label, kind))));
            progress.step();
        }
        share
    });
    let mut all: Vec<_> = shares.into_iter().flatten().collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, facts)| facts).collect()
}

/// Makes an error of a panic: one input that symgate, or a library, fails on must not lose the others.
pub(super) fn caught<T>(read: impl FnOnce() -> Result<T, InputErrorKind>) -> Result<T, InputErrorKind> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|panic| Err(InputErrorKind::Internal(panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no reason given").to_owned()
}
