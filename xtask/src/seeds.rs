// SPDX-License-Identifier: MIT OR Apache-2.0
//! What fuzzing starts from: the test modules, and what our own tests' packers make of them.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use object::{Object, ObjectSection};

use crate::corpus::module_files;
use crate::shell::{TaskError, output, repository};

#[path = "../../tests/e2e/support/ko.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the tests' own, who need more of it, and where a panic is a failure"
)]
mod ko;
#[path = "../../tests/e2e/support/pack.rs"]
#[expect(clippy::expect_used, reason = "the tests' own, where a panic is a failure")]
mod pack;
#[path = "../../tests/e2e/support/rpm.rs"]
#[expect(clippy::expect_used, reason = "the tests' own, where a panic is a failure")]
mod rpm;

#[path = "../../tests/e2e/support/vmlinux.rs"]
#[expect(dead_code, clippy::expect_used, reason = "the tests' own, where a panic is a failure")]
mod vmlinux;

use ko::{Crc, Export, Ko};
use pack::ENDINGS;
use vmlinux::{Fields, Vmlinux};

/// A folder of inputs for one target.
struct Corpus<'p> {
    folder: &'p Path,
    target: &'static str,
}

impl Corpus<'_> {
    /// Adds an input.
    fn add(&self, name: &str, bytes: &[u8]) -> Result<(), TaskError> {
        let folder = self.folder.join(self.target);
        fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(TaskError::io(&path))
    }
}

/// Writes the inputs of all targets into a folder, one folder a target. What is there already stays.
pub fn write(folder: &Path) -> Result<(), TaskError> {
    let of = |target| Corpus { folder, target };
    let testdata = repository().join("testdata");
    for path in module_files(&testdata) {
        let bytes = fs::read(&path).map_err(TaskError::io(&path))?;
        let name = path.strip_prefix(&testdata).unwrap_or(&path).display().to_string().replace('/', "-");
        of("module").add(&name, &bytes)?;
        of("modinfo").add(&name, &modinfo(&bytes))?;
    }
    let folder = testdata.join("debug");
    for entry in fs::read_dir(&folder).map_err(TaskError::io(&folder))?.flatten() {
        let path = entry.path();
        let bytes = fs::read(&path).map_err(TaskError::io(&path))?;
        of("debug").add(&entry.file_name().to_string_lossy(), &bytes)?;
    }
    for series in ["6.1", "7.2"] {
        let path = testdata.join(series).join("Module.symvers");
        of("symvers").add(series, &fs::read(&path).map_err(TaskError::io(&path))?)?;
        let path = repository().join(format!("allowlists/reach/{series}.tsv"));
        let table = fs::read_to_string(&path).map_err(TaskError::io(&path))?;
        // A few lines have all there is.
        let lines: String = table.split_inclusive('\n').step_by(16).take(24).collect();
        of("table").add(series, lines.as_bytes())?;
    }
    images(&of("vmlinux"))?;
    let made = modules();
    for (name, bytes) in &made {
        of("module").add(name, bytes)?;
    }
    let Some((_, small)) = made.first() else { return Ok(()) };
    signatures(&of("signature"), small)?;
    lists(&of("list"))?;
    systems(&of("system"))?;
    journals(&of("journal"))?;
    allowlists(&of("allowlist"))?;
    for ending in ENDINGS {
        packages(&of("deb"), &of("rpm"), &of("initramfs"), small, ending)?;
    }
    for (target, ending) in [("xz", ".xz"), ("zstd", ".zst"), ("gzip", ".gz")] {
        packed(&of(target), small, ending)?;
    }
    Ok(())
}

/// What a system says, a part a file.
fn systems(corpus: &Corpus<'_>) -> Result<(), TaskError> {
    let parts: [&[u8]; 10] = [
        b"sg_get 65536 2 drm,[permanent], Live 0x0000000000000000 (POE)\ndrm 1 1 sg_get, Loading 0xffffffffc0000000 (+)\n",
        b"12289\n",
        b"POE\n",
        b"0123456789ABCDEF01234567\n",
        b"/.\n/usr/lib/modules/6.1/updates/sg_get.ko\n",
        b"Package: a\nStatus: install ok installed\nVersion: 1:2-3\n\nPackage: b\nVersion: 4\n",
        b"kernel/a.ko\nupdates/sg_get.ko\n",
        b"kernel/drivers/gpu/drm/drm.ko\n",
        b"CONFIG_UDMABUF=y\n",
        b"\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0\xde\xad\xbe\xef",
    ];
    corpus.add("all", &parts.join(&0))
}

/// What runs over many inputs have left.
fn journals(corpus: &Corpus<'_>) -> Result<(), TaskError> {
    let line = |path: &str, by: &str| {
        format!(
            "{{\"schema\":\"s/1\",\"judged_by\":\"{by}\",\"input\":{{\"path\":\"{path}\",\"sha256\":\"ab\"}},\"outcome\":\"clean\"}}\n"
        )
    };
    let lines = [line("a", "x"), line("b", "y"), line("a", "x"), line("c", "x")].concat();
    corpus.add("lines", lines.as_bytes())?;
    corpus.add("half", lines.get(..lines.len() - 20).unwrap_or_default().as_bytes())
}

fn modinfo(module: &[u8]) -> Vec<u8> {
    let section = object::File::parse(module).ok().and_then(|file| {
        let section = file.section_by_name(".modinfo")?;
        section.data().ok().map(<[u8]>::to_vec)
    });
    section.unwrap_or_default()
}

/// Small modules for machines and kernels whose layouts differ.
fn modules() -> Vec<(String, Vec<u8>)> {
    let export = |name, gpl| Export { name, gpl, namespace: "DMA_BUF", crc: 0x1234_5678 };
    let machines = [ko::X86_64, ko::I386, ko::ARM64, ko::ARM, ko::S390X, ko::MIPS, ko::PPC64LE, ko::SPARC64];
    let mut modules = Vec::new();
    for machine in machines {
        for (layout, crc, flags) in
            [("old", Crc::Absolute, false), ("middle", Crc::InPlace, false), ("new", Crc::None, true)]
        {
            let module = Ko {
                machine,
                exports: vec![export("sg_plain", false), export("sg_gpl", true)],
                crc,
                flags,
                ..Ko::importing("m", &["dma_buf_get", ".TOC."])
            };
            modules.push((format!("{}-{layout}", machine.name), module.build()));
        }
    }
    modules
}

/// Small kernel images, one for each way in which their tables stand.
fn images(corpus: &Corpus<'_>) -> Result<(), TaskError> {
    let export = |name, gpl| Export { name, gpl, namespace: "DMA_BUF", crc: 0x1234_5678 };
    let (x86, ppc64, s390) = (62, 21, 22);
    for (name, machine, big_endian, fields, flags) in [
        ("old", x86, false, Fields::Distances, false),
        ("new", x86, false, Fields::Distances, true),
        ("addresses", ppc64, false, Fields::Addresses, false),
        ("moved", s390, true, Fields::Moved, true),
    ] {
        let exports = vec![export("sg_plain", false), export("sg_gpl", true)];
        corpus.add(name, &Vmlinux { machine, big_endian, fields, exports, flags }.build())?;
    }
    Ok(())
}

fn signatures(corpus: &Corpus<'_>, module: &[u8]) -> Result<(), TaskError> {
    let marker = b"~Module signature appended~\n";
    for (name, info, len) in [
        ("good", [0, 0, 2, 0, 0, 0, 0, 0], 3_u32),
        ("long", [0, 0, 2, 0, 0, 0, 0, 0], u32::MAX),
        ("fields", [1, 4, 2, 3, 4, 0, 0, 0], 3),
        ("type", [0, 0, 1, 0, 0, 0, 0, 0], 3),
    ] {
        let trailer = [b"sig".as_slice(), &info, &len.to_be_bytes(), marker].concat();
        corpus.add(name, &[b"ELF", trailer.as_slice()].concat())?;
        let signed = Corpus { target: "module", ..*corpus };
        signed.add(&format!("signed-{name}"), &[module, trailer.as_slice()].concat())?;
    }
    Ok(())
}

fn lists(corpus: &Corpus<'_>) -> Result<(), TaskError> {
    corpus.add("built", b"drivers/a/a.o\ndrivers/b-c/b-c.o\n")?;
    corpus.add("installed", b"kernel/a.ko\nkernel/b.ko.ko\n")?;
    corpus.add("paths", "/lib/modules\r\n\n../a b.ko.xz\n\u{e4}.ko".as_bytes())
}

/// The files that ship, whole and entry by entry, each behind the letter by which the target tells its kind.
fn allowlists(corpus: &Corpus<'_>) -> Result<(), TaskError> {
    for name in ["policy", "userspaces", "modules", "facades", "waivers"] {
        let path = repository().join("allowlists").join(name).with_extension("toml");
        let text = fs::read_to_string(&path).map_err(TaskError::io(&path))?;
        let kind = name.get(..1).unwrap_or_default();
        corpus.add(name, format!("{kind}{text}").as_bytes())?;
        for (number, entry) in text.split("\n\n").enumerate() {
            corpus.add(&format!("{name}-{number}"), format!("{kind}{entry}\n").as_bytes())?;
        }
    }
    Ok(())
}

fn packages(
    deb: &Corpus<'_>,
    rpm: &Corpus<'_>,
    initramfs: &Corpus<'_>,
    module: &[u8],
    ending: &str,
) -> Result<(), TaskError> {
    use tar::EntryType;
    let name = format!("p{ending}");
    let long = format!("{}long.ko\0", "folder/".repeat(20));
    let entries: [(&str, EntryType, &[u8]); 6] = [
        ("./lib", EntryType::Directory, b""),
        ("./lib/a.ko", EntryType::Regular, module),
        ("./lib/b.ko", EntryType::Symlink, b""),
        ("././@LongLink", EntryType::GNULongName, long.as_bytes()),
        ("short", EntryType::Regular, &pack::pack(b"no module", ".xz")),
        ("device.ko", EntryType::Char, b""),
    ];
    deb.add(&name, &pack::deb(&entries, ending))?;
    deb.add("files", &pack::tar(&entries))?;
    let small: [(&str, EntryType, &[u8]); 1] = [("./a.ko", EntryType::Regular, b"module")];
    deb.add(&format!("small{ending}"), &pack::deb(&small, ending))?;
    let files: [(&str, u32, &[u8]); 4] = [
        ("lib", 0o040_755, b""),
        ("./lib/a.ko", 0o100_644, module),
        ("lib/b.ko", 0o120_777, b"a.ko"),
        ("lib/c.ko.zst", 0o100_644, &pack::pack(module, ".zst")),
    ];
    rpm.add(&name, &pack::rpm(&files, ending))?;
    let early = pack::cpio(&[("kernel/x86/microcode/GenuineIntel.bin", 0o100_644, b"microcode")]);
    initramfs.add(&name, &[early.as_slice(), &[0; 64], &pack::pack(&pack::cpio(&files), ending)].concat())
}

/// Packed by our libraries, and by the usual tools where they are.
fn packed(corpus: &Corpus<'_>, module: &[u8], ending: &str) -> Result<(), TaskError> {
    let text = "some text, some more text, and again some text ".repeat(20);
    for (name, bytes) in [("nothing", &b""[..]), ("text", text.as_bytes()), ("module", module)] {
        let packed = pack::pack(bytes, ending);
        if ending == ".xz" {
            // Behind the headers of stream and block.
            corpus.add(&format!("{name}-block"), packed.get(24..).unwrap_or_default())?;
        }
        corpus.add(name, &packed)?;
        corpus.add(&format!("{name}-twice"), &packed.repeat(2))?;
    }
    let file = corpus.folder.join("unpacked");
    fs::write(&file, [module, text.as_bytes()].concat()).map_err(TaskError::io(&file))?;
    let ways: &[&[&str]] = match ending {
        ".xz" => &[
            &["xz", "--check=crc32", "--x86", "--lzma2=preset=6,dict=1MiB"],
            &["xz", "--check=crc64", "--block-size=512"],
            &["xz", "--check=sha256", "-9e"],
            &["xz", "--check=none", "--delta=dist=2", "--lzma2=lc=0,lp=2,pb=0"],
        ],
        ".zst" => &[&["zstd", "-19", "-q"], &["zstd", "-1", "-q", "--no-check"], &["zstd", "--ultra", "-22", "-q"]],
        _ => &[&["gzip", "-9"], &["gzip", "-1", "-n"]],
    };
    for (number, way) in ways.iter().enumerate() {
        let Some((program, options)) = way.split_first() else { continue };
        let args = options.iter().map(OsStr::new).chain(["-c", "-k"].map(OsStr::new)).chain([file.as_os_str()]);
        if let Ok(bytes) = output(program, args) {
            corpus.add(&format!("{program}-{number}"), &bytes)?;
        }
    }
    fs::remove_file(&file).map_err(TaskError::io(&file))
}
