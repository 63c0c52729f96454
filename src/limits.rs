// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of somebody else's input we take.
//!
//! Every limit is far above what real kernels need and far below what hurts; what is over one is
//! refused by name, never cut short.

/// Largest file that is read, in bytes, and largest size that a compressed one may unpack to.
/// The biggest stock module is 47 MiB (amdgpu of 7.2); with debug info one reaches a few hundred.
pub const FILE_BYTES: u64 = 1 << 30;

/// Largest size that a package may unpack to, in bytes. The largest, a kernel's debug info, unpacks to some 6 GiB.
pub const PACKAGE_BYTES: u64 = 16 << 30;

/// How many bytes each packed byte may unpack to, where something unpacks to more than [`SMALL_BYTES`]. Stock modules stay
/// below 30 but for a few tables that reach 100, and no package reaches 20.
pub const RATIO: u64 = 256;

/// Size up to which it does not matter how well something was packed, in bytes: more than twice the biggest stock module.
pub const SMALL_BYTES: u64 = 128 << 20;

/// Bytes of a package's modules that are held at once, to be read on all threads.
pub const BATCH_BYTES: usize = 64 << 20;

/// Most entries of a package, folders and all. The largest of Debian have some hundred thousand.
pub const PACKAGE_ENTRIES: u32 = 1 << 20;

/// Most modules of a package. Those of a whole kernel are five thousand.
pub const PACKAGE_MODULES: u32 = 1 << 15;

/// Most bytes of all names in a package. Those of the largest have a tenth of this.
pub const PACKAGE_NAME_BYTES: u64 = 128 << 20;

/// Most bytes that a package's modules share by several names: each name is judged for itself. Honest packages share a
/// few.
pub const SHARED_BYTES: u64 = 256 << 20;

/// Most bytes of an initramfs's files that share their content: these are held to its end.
pub const LINKED_BYTES: u64 = 256 << 20;

/// Largest file of a cache, in bytes: the facts of the largest stock module take a hundredth of this.
pub const CACHED_BYTES: u64 = 64 << 20;

/// What a cache may take on disk after a run, in bytes. The facts of a whole kernel take some 30 MiB.
pub const CACHE_BYTES: u64 = 512 << 20;

/// Largest list of inputs, in bytes.
pub const LIST_BYTES: u64 = 64 << 20;

/// Largest file of a system that is read for an audit, in bytes: dpkg's status is the largest, with a tenth of this.
pub const SYSTEM_FILE_BYTES: u64 = 128 << 20;

/// Largest dictionary an `.xz` stream may ask for, in KiB. kbuild uses 1 MiB (`scripts/Makefile.modinst`);
/// `xz -9` uses 64 MiB.
pub const XZ_MEMORY_KIB: u32 = 128 << 10;

/// Largest window a `.zst` frame may ask for, in bytes: what the `zstd` tool takes without being told to.
pub const ZSTD_WINDOW_BYTES: u64 = 128 << 20;

/// Most sections a module may have. The loader takes no extended numbering, so 0xff00 is its own limit
/// (`kernel/module/main.c:elf_validity_cache_sechdrs`, 7.2).
pub const SECTIONS: u32 = 0xff00;

/// Longest name of a symbol or section, in bytes. The kernel's own is `KSYM_NAME_LEN`, 512 (`include/linux/kallsyms.h`,
/// 7.2); without a limit a file of overlapping names unpacks to the square of its size.
pub const NAME_BYTES: usize = 512;

/// Most bytes of the names of a module's sections that are kept. Names can overlap in the file; those of a module that has a
/// section for each function have some hundred KiB.
pub const SECTION_NAME_BYTES: usize = 1 << 20;

/// Longest namespace, in bytes: a `module:` list can name many modules.
pub const NAMESPACE_BYTES: usize = 4096;

/// Things of one kind that a message names before it only counts the rest.
pub const NAMED: usize = 10;

/// Largest `.modinfo` that is read, in bytes. The largest stock one has a few hundred KiB, of aliases.
pub const MODINFO_BYTES: usize = 4 << 20;

/// Largest message of a signature that is looked into, in bytes. Stock ones have under 700; one of ML-DSA-87, with a
/// certificate, would have some 12 KiB.
pub const SIGNATURE_BYTES: u64 = 32 << 10;

/// Most different undefined names of a module. amdgpu, with the most, has under two thousand.
pub const IMPORTS: usize = 1 << 16;

/// Most exports of a module. The one with the most, drm, has six hundred.
pub const EXPORTS: usize = 1 << 16;

/// Largest table of relocations of an export table, in bytes: three for each export, and 24 bytes each.
pub const RELOCATION_BYTES: usize = EXPORTS * 3 * 24;

/// Largest table of relocations of a section of code or data, in bytes. The largest stock one has some ten MiB.
pub const CODE_RELOCATION_BYTES: usize = 48 << 20;

/// Longest export table of a kernel image, in bytes. One with everything built in has some forty thousand exports, of 12
/// or 24 bytes.
pub const IMAGE_TABLE_BYTES: u64 = 3 << 20;

/// Most bytes of all names and namespaces that a kernel image exports. Debian's have some 800 KiB.
pub const IMAGE_NAME_BYTES: usize = 16 << 20;

/// Places of one finding that are told. Drivers that have to do with a family ask for its symbols in some dozen places.
pub const SITES: usize = 1000;

/// Bytes of a file's start in which the first certificate of a PEM file has to begin.
pub const PEM_BYTES: u64 = 64 << 10;

/// Longest `Module.symvers` that is read, in bytes. The newest full one has 2 MiB.
pub const SYMVERS_BYTES: u64 = 32 << 20;

/// Largest file of an allowlist, in bytes.
pub const ALLOWLIST_BYTES: u64 = 64 << 20;

/// Most bytes of the sections of debug info that are read of one file, unpacked. Those of amdgpu, the largest, have
/// 180 MiB.
pub const DEBUG_BYTES: u64 = 1 << 30;

/// Largest table of abbreviations of a file's debug info, in bytes: what is read of it takes more room than it does. That
/// of amdgpu has 1.7 MiB.
pub const DEBUG_ABBREVIATION_BYTES: u64 = 32 << 20;

/// Largest header of a table of lines, in bytes, for the same reason. Those of the kernel have some ten KiB: a directory or
/// file is a few bytes.
pub const DEBUG_LINE_HEADER_BYTES: u64 = 1 << 20;

/// Most units of a file's debug info: one for each file that was compiled. amdgpu has six hundred.
pub const DEBUG_UNITS: usize = 1 << 16;

/// Most attributes of an entry of debug info. An entry costs a byte, each attribute a step. GCC writes up to twenty.
pub const DEBUG_ATTRIBUTES: usize = 256;

/// Longest path of a source file in debug info, in bytes (`PATH_MAX`).
pub const DEBUG_PATH_BYTES: usize = 4096;

/// Steps that are taken to read debug info, for each byte of it. An entry or attribute is one, and has a few bytes; only
/// what refers again and again to the same bytes needs more.
pub const DEBUG_STEPS_PER_BYTE: u64 = 4;

/// Functions that are inlined into one another. Real ones stay below fifty.
pub const INLINED_DEPTH: usize = 1024;

/// Types that are passed through from a variable to its structure: pointers, qualifiers, typedefs, arrays.
pub const TYPE_DEPTH: usize = 64;
