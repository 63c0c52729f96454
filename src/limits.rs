// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of somebody else's input we take.
//!
//! Every limit is far above what real kernels need and far below what hurts; what is over one is
//! refused by name, never cut short.

/// Largest file that is read, in bytes, and largest size that a compressed one may unpack to.
/// The biggest stock module is 47 MiB (amdgpu of 7.2); with debug info one reaches a few hundred.
pub const FILE_BYTES: u64 = 1 << 30;

/// Largest dictionary an `.xz` stream may ask for, in KiB. kbuild uses 1 MiB (`scripts/Makefile.modinst`);
/// `xz -9` uses 64 MiB.
pub const XZ_MEMORY_KIB: u32 = 128 << 10;

/// Largest window a `.zst` frame may ask for, in bytes. The kernel's own limit is 128 MiB
/// (`kernel/module/decompress.c`, 7.2, through `zstd_get_frame_header`).
pub const ZSTD_WINDOW_BYTES: u64 = 128 << 20;

/// Most sections a module may have. The loader takes no extended numbering, so 0xff00 is its own limit
/// (`kernel/module/main.c:elf_validity_cache_sechdrs`, 7.2).
pub const SECTIONS: u32 = 0xff00;

/// Longest `Module.symvers` that is read, in bytes. The newest full one has 2 MiB.
pub const SYMVERS_BYTES: u64 = 256 << 20;

/// Largest file of an allowlist, in bytes.
pub const ALLOWLIST_BYTES: u64 = 64 << 20;
