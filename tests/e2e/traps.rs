// SPDX-License-Identifier: MIT OR Apache-2.0
//! Modules whose headers count too far, point at each other or beyond all there is: each is refused or judged by what the
//! loader would see, within two GB of address space and a minute.

use object::read::ReadCache;
use symgate::module::bytes::PositionedFile;
use symgate::module::{Bytes, ModuleFacts};

use crate::support::elf::{ENTRY, Elf, HEADER, INFO, LINK, OFFSET, SIZE, SYMBOL, TYPE, undefined_at};
use crate::support::ko::{Crc, Export, Ko};
use crate::support::{Run, bounded, folder, write};

/// `SHT_NOBITS`.
const NO_BITS: u32 = 8;

/// Checks the module within the bounds.
fn check_module(elf: &Elf) -> Run {
    let folder = folder();
    bounded(["check", &write(folder.path(), "m.ko", &elf.0)])
}

/// The file yields no facts.
fn unreadable(elf: &Elf, reason: &str) {
    let run = check_module(elf);
    assert_eq!(run.status, 3, "{reason}: {}", run.all());
    assert!(run.stdout.contains("denied[SG013 malformed]: module m can't be read: "), "{}", run.all());
    assert!(run.stderr.contains(&format!("m.ko: {reason}")), "{reason}: {}", run.all());
}

/// The file is read, and SG013 says what is wrong with it.
fn malformed(elf: &Elf, reason: &str) -> Run {
    let run = check_module(elf);
    assert_eq!(run.status, 1, "{reason}: {}", run.all());
    assert!(run.stdout.contains(&format!("denied[SG013 malformed]: module m {reason}\n")), "{reason}: {}", run.all());
    run
}

/// Says whether the run found what the module gets at.
fn gets(run: &Run) -> bool {
    run.stdout
        .contains("denied[SG001 unregistered]: module m gets at dma-buf and is not registered: it imports dma_buf_get")
}

fn module() -> Elf {
    Elf(Ko::importing("m", &["dma_buf_get"]).build())
}

#[test]
fn section_counts() {
    // By the first section's header, where the ELF header has none.
    for count in [0xff01, 1 << 32, 1 << 58, (1 << 58) + 1, u64::MAX] {
        let mut elf = module();
        elf.put(0x3c, &[0, 0]);
        let first = elf.header_of(0);
        elf.put(first + SIZE, &count.to_le_bytes());
        unreadable(&elf, &format!("{count} sections, more than the 65280 that a module can have\n"));
    }
    for (count, reason) in [
        (0_u16, "no sections\n"),
        (1, "no table of section names (e_shstrndx is out of range)\n"),
        (0xfeff, "truncated: the section headers needs bytes 440..4178296 of 888\n"),
        (0xff00, "truncated: the section headers needs bytes 440..4178360 of 888\n"),
        (0xffff, "65535 sections, more than the 65280 that a module can have\n"),
    ] {
        let mut elf = module();
        elf.put(0x3c, &count.to_le_bytes());
        unreadable(&elf, reason);
    }
    for size in [0_u16, 1, 63, 0xffff] {
        let mut elf = module();
        elf.put(0x3a, &size.to_le_bytes());
        unreadable(&elf, &format!("section headers of {size} bytes, not 64\n"));
    }
}

#[test]
fn offsets_that_overflow() {
    for at in [1 << 40, 1 << 63, u64::MAX - 64 * 16, u64::MAX - 63, u64::MAX] {
        let mut elf = module();
        elf.put(0x28, &at.to_le_bytes());
        unreadable(&elf, &format!("truncated: the section headers needs bytes {at}.."));
    }
    for name in [".symtab", ".strtab", ".modinfo", ".text", ".gnu.linkonce.this_module"] {
        for (offset, size) in
            [(8, u64::MAX), (1 << 63, 1 << 63), (u64::MAX - 8, 16), (u64::MAX, 1), (u64::MAX, u64::MAX)]
        {
            let mut elf = module();
            elf.set(name, OFFSET, offset);
            elf.set(name, SIZE, size);
            unreadable(&elf, &format!("truncated: section {name} needs bytes {offset}..{} of 888\n", u64::MAX));
        }
    }
    let mut elf = module();
    elf.set(".shstrtab", OFFSET, u64::MAX);
    unreadable(&elf, &format!("truncated: the table of section names needs bytes {0}..{0} of 888\n", u64::MAX));
}

#[test]
fn sections_that_overlap() {
    let place = |elf: &Elf, name: &str| (elf.get(name, OFFSET), elf.get(name, SIZE));
    let put = |elf: &mut Elf, name: &str, (offset, size): (u64, u64)| {
        elf.set(name, OFFSET, offset);
        elf.set(name, SIZE, size);
    };
    // Whatever two sections they are, one has no business in the other, nor in the headers.
    let over = |elf: &Elf, first: &str, second: &str| {
        unreadable(
            elf,
            &format!("{first} and {second} are in the same bytes of the file: the loader changes some of them"),
        );
    };
    let mut elf = module();
    let symbols = place(&elf, ".symtab");
    put(&mut elf, ".strtab", symbols);
    over(&elf, "section .symtab", "section .strtab");
    let mut elf = module();
    put(&mut elf, ".modinfo", symbols);
    over(&elf, "section .modinfo", "section .symtab");
    let mut elf = module();
    let whole = (0, elf.0.len() as u64);
    put(&mut elf, ".text", whole);
    over(&elf, "the ELF header", "section .text");
    let mut elf = module();
    let tags = place(&elf, ".modinfo");
    put(&mut elf, ".text", tags);
    over(&elf, "section .modinfo", "section .text");
    let mut elf = module();
    let table = elf.number(0x28, 8) as u64;
    put(&mut elf, ".text", (table, 16));
    over(&elf, "section .text", "the section headers");
    put(&mut elf, ".text", (63, 16));
    over(&elf, "the ELF header", "section .text");
    put(&mut elf, ".text", (64, 0));
    assert!(!check_module(&elf).stdout.contains("SG013"));
}

/// The loader marks a section `__jump_table` by a bit in its header (`module_mark_ro_after_init`, 7.2) before it reads the
/// names of symbols, and that bit makes a small letter of a capital one: `dma_buF_get` is looked up as `dma_buf_get`.
#[test]
fn a_name_that_the_loader_writes() {
    let mut elf = module();
    let names = elf.number(elf.header_of(elf.number(0x3e, 2)) + SIZE, 8);
    let section_names = [elf.bytes(".shstrtab"), b"__jump_table\0".to_vec()].concat();
    elf.replace(".shstrtab", &section_names);
    // The string table, and behind it, as part of it, the section headers with one more.
    let strings = elf.bytes(".strtab");
    let at = elf.0.len() as u64;
    let (table, count) = (elf.number(0x28, 8), elf.number(0x3c, 2));
    let mut headers = elf.0[table..table + count * HEADER].to_vec();
    let mut jumps = [0; HEADER];
    jumps[..4].copy_from_slice(&u32::try_from(names).unwrap().to_le_bytes());
    jumps[4..16].copy_from_slice(b"dma_buF_get\0");
    headers.extend_from_slice(&jumps);
    elf.0.extend_from_slice(&strings);
    elf.0.extend_from_slice(&headers);
    elf.put(0x28, &(at + strings.len() as u64).to_le_bytes());
    elf.put(0x3c, &u16::try_from(count + 1).unwrap().to_le_bytes());
    elf.set(".strtab", OFFSET, at);
    elf.set(".strtab", SIZE, (strings.len() + headers.len()) as u64);
    let hidden = u32::try_from(strings.len() + count * HEADER + 4).unwrap();
    elf.replace(".symtab", &[[0; SYMBOL], undefined_at(hidden)].concat());
    unreadable(
        &elf,
        "section .strtab and the section headers are in the same bytes of the file: the loader changes some",
    );
}

/// Livepatch takes what stands before the first comma for the symbol, and behind it as much as is a number
/// (`klp_resolve_symbols`, 7.2).
#[test]
fn names_of_livepatch_symbols() {
    let livepatch = |name: &str| {
        let mut elf = module();
        let mut symbol = undefined_at(1);
        symbol[6..8].copy_from_slice(&0xff20_u16.to_le_bytes());
        elf.replace(".strtab", format!("\0{name}\0").as_bytes());
        elf.replace(".symtab", &[[0; SYMBOL], symbol].concat());
        elf
    };
    for name in ["vmlinux.dma_buf_get,0", "vmlinux.dma_buf_get,0,1", "drm.dma_buf_get,12x", "a-b.dma_buf_get,0,"] {
        let run = check_module(&livepatch(&format!(".klp.sym.{name}")));
        assert!(gets(&run), "{name}: {}", run.all());
    }
    for name in ["vmlinux.dma_buf_get", "vmlinux.dma_buf_get,", "vmlinux.dma_buf_get,x", "vmlinux.,0", "dma_buf_get,0"]
    {
        let name = format!(".klp.sym.{name}");
        malformed(&livepatch(&name), &format!("has a livepatch symbol that names nothing: {name}"));
    }
}

/// A module of so many symbols, each with the name that is at this place of these strings.
fn crowd(count: u32, strings: &[u8], place: impl Fn(u32) -> u32) -> Elf {
    let mut elf = module();
    let mut symbols = vec![0; SYMBOL];
    for index in 0..count {
        symbols.extend_from_slice(&undefined_at(place(index)));
    }
    elf.replace(".strtab", strings);
    elf.replace(".symtab", &symbols);
    elf
}

#[test]
fn crowds_of_symbols() {
    const MILLION: u32 = 1_000_000;
    // One name for all: a longer one than any symbol has, and the longest there can be.
    let name = |len: usize| [b"\0".as_slice(), &vec![b'x'; len], b"\0"].concat();
    malformed(&crowd(MILLION, &name(60_000), |_| 1), "has undefined symbols whose names can't be read (1)");
    let run = check_module(&crowd(MILLION, &name(511), |_| 1));
    assert_eq!(run.status, 0, "{}", run.all());
    // A million different ones, each the end of another.
    let names: Vec<u8> =
        (0..2000).flat_map(|number| [format!("{number:04}").as_bytes(), &name(507)].concat()).collect();
    let len = u32::try_from(names.len()).unwrap();
    malformed(&crowd(MILLION, &names, |index| index % len), "has more than 65536 different undefined symbols");
    // One string of 64 MiB, first without an end, then with one, and the name that counts behind it.
    let mut endless = vec![b'x'; 64 << 20];
    endless[0] = 0;
    let reason = "has undefined symbols whose names can't be read (1000000)";
    malformed(&crowd(MILLION, &endless, |index| 1 + index * 64), reason);
    endless.extend_from_slice(b"\0dma_buf_get\0");
    let elf = crowd(MILLION, &endless, |index| if index == 77 { (64 << 20) + 1 } else { 1 + index * 64 });
    let run = malformed(&elf, "has undefined symbols whose names can't be read (999999)");
    assert!(gets(&run), "{}", run.all());
    // Names beyond the table.
    let elf = crowd(3, b"\0dma_buf_get\0", |index| if index == 1 { 1 } else { u32::MAX - index });
    let run = malformed(&elf, "has undefined symbols whose names can't be read (2)");
    assert!(gets(&run), "{}", run.all());
}

#[test]
fn strings_without_end() {
    let endless = |name: &str| {
        let mut elf = module();
        let mut strings = elf.bytes(name);
        *strings.last_mut().unwrap() = b'x';
        elf.replace(name, &strings);
        elf
    };
    malformed(&endless(".strtab"), "has undefined symbols whose names can't be read (1)");
    unreadable(&endless(".shstrtab"), "no table of section names (a name does not end in it)\n");
    let no_end = "has a .modinfo that does not end with a NUL";
    assert!(gets(&malformed(&endless(".modinfo"), no_end)));
    let mut elf = module();
    elf.replace(".modinfo", &[b"license=".as_slice(), &vec![b'G'; 3 << 20]].concat());
    assert!(gets(&malformed(&elf, no_end)));
    let this_module = ".gnu.linkonce.this_module";
    let mut elf = module();
    let without_end = vec![b'm'; elf.bytes(this_module).len()];
    elf.replace(this_module, &without_end);
    assert!(gets(&malformed(&elf, "has no readable name in .gnu.linkonce.this_module")));
}

/// A module with one export.
fn exporter() -> Elf {
    let export = Export { name: "exported", gpl: true, namespace: "NS", crc: 7 };
    Elf(Ko { exports: vec![export], crc: Crc::InPlace, flags: true, ..Ko::importing("m", &["dma_buf_get"]) }.build())
}

/// SG013 says this of the export table, and what the module gets at is found all the same.
fn broken_table(elf: &Elf, reason: &str) {
    let run = malformed(elf, reason);
    assert!(gets(&run), "{}", run.all());
}

const UNREADABLE_ENTRY: &str = "has an export table __ksymtab with entries whose value, name or namespace can't be read \
                                (1; the first is number 0)";
const NO_WHOLE_TABLE: &str =
    "has an export table __ksymtab that can't be read: its size is not a whole number of entries";

#[test]
fn exports_that_overflow() {
    let good = exporter();
    // Place, symbol and type, and addend of the relocations, at their extremes.
    let twice = "has an export table __ksymtab that can't be read: two of its relocations are for the same place";
    let relocations = good.bytes(".rela__ksymtab");
    for value in [13, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX] {
        // Without a relocation that is known for what it is, the entries are those of another layout.
        let by_symbol = if value << 32 == 0 { NO_WHOLE_TABLE } else { UNREADABLE_ENTRY };
        for (field, reason) in [(0, twice), (8, by_symbol), (16, UNREADABLE_ENTRY)] {
            let mut changed = relocations.clone();
            for relocation in changed.chunks_mut(24) {
                relocation[field..field + 8].copy_from_slice(&value.to_le_bytes());
            }
            let mut elf = good.clone();
            elf.replace(".rela__ksymtab", &changed);
            broken_table(&elf, reason);
        }
    }
    for value in [1 << 32, 1 << 63, u64::MAX] {
        let mut symbols = good.bytes(".symtab");
        for symbol in symbols.chunks_mut(SYMBOL).skip(1).filter(|symbol| symbol[6..8] != [0, 0]) {
            symbol[8..16].copy_from_slice(&value.to_le_bytes());
        }
        let mut elf = good.clone();
        elf.replace(".symtab", &symbols);
        broken_table(&elf, UNREADABLE_ENTRY);
    }
}

#[test]
fn tables_of_exports_that_do_not_fit() {
    let good = exporter();
    let crcs = "has an export table __kcrctab that can't be read: it has not one CRC for each export";
    let much = &*vec![b'x'; 3 << 20];
    for (name, bytes, reason) in [
        ("__ksymtab_strings", &b""[..], UNREADABLE_ENTRY),
        ("__ksymtab_strings", b"x", UNREADABLE_ENTRY),
        ("__ksymtab_strings", much, UNREADABLE_ENTRY),
        ("__kcrctab", b"", crcs),
        ("__kcrctab", b"1234567", crcs),
        ("__kcrctab", much, crcs),
        ("__kflagstab", b"", "has 0 bytes of __kflagstab for 1 exports"),
        ("__kflagstab", b"\xff", "exports with bits in __kflagstab that nobody knows: exported (0xfc)"),
        ("__kflagstab", much, "has 3145728 bytes of __kflagstab for 1 exports"),
        ("__ksymtab", b"", "has 1 bytes of __kflagstab for 0 exports"),
        ("__ksymtab", b"1234567", NO_WHOLE_TABLE),
        ("__ksymtab", much, "has 1 bytes of __kflagstab for 262144 exports"),
    ] {
        let mut elf = good.clone();
        elf.replace(name, bytes);
        broken_table(&elf, reason);
    }
    // Sections without bytes in the file, and of any size.
    for (name, reason) in [
        (".rela__ksymtab", NO_WHOLE_TABLE),
        ("__ksymtab", "has an export table __ksymtab that can't be read: it has no bytes in the file"),
        ("__ksymtab_strings", UNREADABLE_ENTRY),
        ("__kflagstab", "has 0 bytes of __kflagstab for 1 exports"),
        ("__kcrctab", crcs),
    ] {
        let mut elf = good.clone();
        elf.set32(name, TYPE, NO_BITS);
        elf.set(name, SIZE, u64::MAX);
        broken_table(&elf, reason);
    }
}

#[test]
fn links_and_sizes_of_entries_that_lie() {
    let good = exporter();
    for link in [0, 1, 0xfff1, u32::MAX] {
        let mut elf = good.clone();
        elf.set32(".symtab", LINK, link);
        malformed(&elf, "has a broken symbol table: it is not whole or links to no string table");
        let mut elf = good.clone();
        elf.set32(".rela__ksymtab", INFO, link);
        broken_table(&elf, NO_WHOLE_TABLE);
    }
    // What the loader does not look at hides nothing.
    for size in [0, 1, 23, 25, u64::MAX] {
        for name in [".rela__ksymtab", ".symtab"] {
            let mut elf = good.clone();
            elf.set(name, ENTRY, size);
            assert!(gets(&check_module(&elf)), "{name} {size}");
        }
    }
    for (name, reason) in [
        (".symtab", "has no symbol table: what it imports can't be told, and the loader refuses it"),
        (".strtab", "has a broken symbol table: it is not whole or links to no string table"),
    ] {
        let mut elf = good.clone();
        elf.set32(name, TYPE, NO_BITS);
        elf.set(name, SIZE, u64::MAX);
        malformed(&elf, reason);
    }
}

/// A module that is cut somewhere while it is read: its length is what it was when it was opened. What is left of it
/// either fails to be read, or shows what it showed, or has a problem.
#[test]
fn a_file_that_shrinks() {
    let whole = headers_first(&module());
    let folder = folder();
    // Of less than its first four bytes nobody can say that it was one.
    for cut in 4..whole.0.len() {
        let path = write(folder.path(), "m.ko", &whole.0[..cut]);
        let file = std::fs::File::open(path).unwrap();
        let cache = ReadCache::new(PositionedFile::new(file, whole.0.len() as u64));
        match ModuleFacts::read(Bytes::in_file(&cache)) {
            Err(error) => assert!(error.to_string().starts_with("truncated: "), "{cut}: {error}"),
            Ok(facts) => {
                let imports: Vec<&str> = facts.imports.iter().map(|import| &*import.name).collect();
                assert!(imports == ["dma_buf_get"] || !facts.problems.is_empty(), "{cut}: {imports:?}");
            }
        }
    }
}

/// The same module with its section headers at once behind the ELF header, as no linker puts them, so that a cut takes
/// what they point to.
fn headers_first(elf: &Elf) -> Elf {
    let (table, count) = (elf.number(0x28, 8), elf.number(0x3c, 2));
    let len = count * HEADER;
    let mut headers = elf.0[table..table + len].to_vec();
    for header in headers.chunks_mut(HEADER).skip(1) {
        let offset = u64::from_le_bytes(header[OFFSET..OFFSET + 8].try_into().unwrap()) + len as u64;
        header[OFFSET..OFFSET + 8].copy_from_slice(&offset.to_le_bytes());
    }
    let mut moved = Elf([&elf.0[..64], &headers, &elf.0[64..table]].concat());
    moved.put(0x28, &64_u64.to_le_bytes());
    moved
}
