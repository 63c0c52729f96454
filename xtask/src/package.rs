// SPDX-License-Identifier: MIT OR Apache-2.0
//! What symgate is installed with: man pages, completions for shells, and a Debian package of all of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

use crate::shell::{self, TaskError, output, repository, text};

/// `cargo xtask man DIR`
pub fn man(args: &[String]) -> Result<(), TaskError> {
    let folder = folder(args)?;
    write_man(&folder)
}

/// `cargo xtask completions DIR`
pub fn completions(args: &[String]) -> Result<(), TaskError> {
    let folder = folder(args)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        write_completion(shell, &folder)?;
    }
    Ok(())
}

/// `cargo xtask deb DIR`
pub fn deb(args: &[String]) -> Result<(), TaskError> {
    let folder = folder(args)?;
    let root = folder.join("root");
    if root.exists() {
        fs::remove_dir_all(&root).map_err(TaskError::io(&root))?;
    }
    let symgate = shell::symgate()?;
    put(&symgate, &root.join("usr/bin/symgate"), 0o755)?;
    let man = root.join("usr/share/man/man1");
    make(&man)?;
    write_man(&man)?;
    for page in files(&man)? {
        output("gzip", ["-9n".as_ref(), page.as_os_str()])?;
    }
    for (shell, place) in [
        (Shell::Bash, "usr/share/bash-completion/completions"),
        (Shell::Zsh, "usr/share/zsh/vendor-completions"),
        (Shell::Fish, "usr/share/fish/vendor_completions.d"),
    ] {
        let place = root.join(place);
        make(&place)?;
        let written = write_completion(shell, &place)?;
        if shell == Shell::Bash {
            // By the name of the command it is found there.
            fs::rename(&written, place.join("symgate")).map_err(TaskError::io(&written))?;
        }
    }
    let docs = root.join("usr/share/doc/symgate");
    for file in ["README.md", "docs/audit.md", "docs/distribution.md", "docs/registry.md"] {
        put(&repository().join(file), &docs.join(file.rsplit('/').next().unwrap_or(file)), 0o644)?;
    }
    tree(&repository().join("docs/schema"), &docs.join("schema"))?;
    tree(&repository().join("LICENSES"), &docs.join("LICENSES"))?;
    tree(&repository().join("allowlists"), &docs.join("allowlists"))?;
    tree(&repository().join("integrations"), &root.join("usr/share/symgate"))?;
    fs::write(docs.join("copyright"), COPYRIGHT).map_err(TaskError::io(&docs))?;
    let control = root.join("DEBIAN");
    make(&control)?;
    let architecture = text("dpkg", ["--print-architecture"])?;
    let version = env!("CARGO_PKG_VERSION");
    let size: u64 = walkdir::WalkDir::new(&root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .map(|meta| meta.len())
        .sum();
    let stanza = format!(
        "Package: symgate\nVersion: {version}\nArchitecture: {}\nMaintainer: the symgate maintainers <symgate@localhost>\n\
         Installed-Size: {}\nDepends: {}\nSection: kernel\nPriority: optional\n\
         Description: gate between a kernel's exported symbols and the modules that use them\n \
         symgate tells which modules get at DMA-BUF or PCI P2PDMA, by which way, and whether an approved open\n \
         userspace is registered for each of them.\n",
        architecture.trim(),
        size / 1024,
        depends(&symgate)?,
    );
    fs::write(control.join("control"), stanza).map_err(TaskError::io(&control))?;
    let package = folder.join(format!("symgate_{version}_{}.deb", architecture.trim()));
    let (from, to) = (root.as_os_str(), package.as_os_str());
    output("dpkg-deb", ["--root-owner-group".as_ref(), "--build".as_ref(), from, to])?;
    fs::remove_dir_all(&root).map_err(TaskError::io(&root))?;
    println!("{}", package.display());
    Ok(())
}

const COPYRIGHT: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
     Upstream-Name: symgate\n\nFiles: *\nCopyright: the symgate maintainers\nLicense: MIT or Apache-2.0\n\n\
     Files: usr/share/symgate/kbuild/include/* usr/share/symgate/kbuild/patches/*\nCopyright: the symgate maintainers\n\
     License: GPL-2.0-only\n\nLicense: MIT or Apache-2.0\n The texts are in /usr/share/doc/symgate/LICENSES.\n\n\
     License: GPL-2.0-only\n The text is in /usr/share/doc/symgate/LICENSES.\n";

/// The C library that a program needs, as `dpkg-shlibdeps` tells where there is one.
fn depends(program: &Path) -> Result<String, TaskError> {
    let folder = tempfile::tempdir().map_err(TaskError::io(program))?;
    make(&folder.path().join("debian"))?;
    let control = folder.path().join("debian/control");
    fs::write(&control, "Source: symgate\n").map_err(TaskError::io(&control))?;
    let said = std::process::Command::new("dpkg-shlibdeps")
        .current_dir(folder.path())
        .args(["-O", "-e"])
        .arg(program)
        .output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default();
    Ok(said.strip_prefix("shlibs:Depends=").unwrap_or("libc6, libgcc-s1").to_owned())
}

fn write_man(folder: &Path) -> Result<(), TaskError> {
    clap_mangen::generate_to(symgate::cli::command(), folder).map_err(TaskError::io(folder))
}

fn write_completion(shell: Shell, folder: &Path) -> Result<PathBuf, TaskError> {
    let mut command = symgate::cli::command();
    clap_complete::generate_to(shell, &mut command, "symgate", folder).map_err(TaskError::io(folder))
}

/// The folder that the caller names.
fn folder(args: &[String]) -> Result<PathBuf, TaskError> {
    let [folder] = args else { return Err(TaskError::Other("it needs a folder to write to".to_owned())) };
    let folder = PathBuf::from(folder);
    make(&folder)?;
    Ok(folder)
}

fn make(folder: &Path) -> Result<(), TaskError> {
    fs::create_dir_all(folder).map_err(TaskError::io(folder))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, TaskError> {
    let entries = fs::read_dir(folder).map_err(TaskError::io(folder))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}

fn put(from: &Path, to: &Path, mode: u32) -> Result<(), TaskError> {
    make(to.parent().unwrap_or(to))?;
    fs::copy(from, to).map_err(TaskError::io(from))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).map_err(TaskError::io(to))
}

/// A folder with all that is in it.
fn tree(from: &Path, to: &Path) -> Result<(), TaskError> {
    for entry in walkdir::WalkDir::new(from).sort_by_file_name().into_iter().flatten() {
        if !entry.file_type().is_file() {
            continue;
        }
        let is_program = entry.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o100 != 0);
        let below = entry.path().strip_prefix(from).unwrap_or(entry.path());
        put(entry.path(), &to.join(below), if is_program { 0o755 } else { 0o644 })?;
    }
    Ok(())
}
