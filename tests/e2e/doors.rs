// SPDX-License-Identifier: MIT OR Apache-2.0
//! A FIFO, a folder or a device where a file should be: nobody is waited for, and nothing is passed over. Pipes that the
//! caller's shell makes are files to it, and work.

use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::{Run, bounded, folder, root, testdata, watched, write};

const SYMVERS: &str = "testdata/6.1/Module.symvers";
const MODULE: &str = "testdata/6.1/sg_harmless.ko";

/// A FIFO that nobody writes to or reads from.
fn fifo(folder: &tempfile::TempDir, name: &str) -> String {
    let path = write(folder.path(), name, b"");
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn told(args: &[&str], status: i32, message: &str) {
    let run = bounded(args);
    assert_eq!(run.status, status, "{args:?}: {}", run.all());
    assert!(run.stderr.contains(message), "{args:?}: {}", run.all());
}

#[test]
fn a_fifo_where_a_file_should_be() {
    let folder = folder();
    for name in ["m.ko", "m.ko.xz", "p.deb", "p.rpm", "initrd.img", "modules.order", "Module.symvers"] {
        let path = fifo(&folder, &format!("named/{name}"));
        told(&["check", &path], 3, &format!("named/{name}: is a FIFO, not a file"));
    }
    let tree = folder.path().join("named").display().to_string();
    for name in ["m.ko", "m.ko.xz", "p.deb", "p.rpm"] {
        told(&["check", &tree], 3, &format!("ERROR: symgate: {name}: is a FIFO, not a file"));
    }
    let path = fifo(&folder, "fifo");
    for command in ["check", "classify"] {
        told(&[command, "--symvers", &path, MODULE], 3, "fifo: is a FIFO, not a file");
        told(&[command, &format!("@{path}")], 3, "fifo: is a FIFO, not a file");
    }
    let order = write(folder.path(), "built/modules.order", "m.ko\n");
    fifo(&folder, "built/m.ko");
    told(&["check", &order], 3, "m.ko: is a FIFO, not a file");
    told(&["check", &format!("@{}", write(folder.path(), "list", &path))], 3, "fifo: is a FIFO, not a file");
    told(&["check", "--allowlists", &path, MODULE], 2, "fifo: Not a directory");
    fifo(&folder, "lists/policy.toml");
    let lists = folder.path().join("lists").display().to_string();
    told(&["check", "--allowlists", &lists, MODULE], 2, "policy.toml: it is no regular file");
    told(&["check", "--add-allowlists", &lists, MODULE], 2, "policy.toml: it is no regular file");
    told(&["check", "-o", &path, MODULE], 2, "fifo: is a FIFO, not a file");
}

#[test]
fn a_folder_where_a_file_should_be() {
    let folder = folder();
    let path = folder.path().display().to_string();
    told(&["check", "--symvers", &path, MODULE], 3, "is a directory, not a file");
    told(&["check", &format!("@{path}")], 3, "is a directory, not a file");
    told(&["check", "-o", &path, MODULE], 2, "is a directory, not a file");
    std::fs::create_dir_all(folder.path().join("lists/modules.toml")).unwrap();
    let lists = folder.path().join("lists").display().to_string();
    told(&["check", "--allowlists", &lists, MODULE], 2, "modules.toml: it is no regular file");
    write(folder.path(), "file", b"");
    told(&["check", "--allowlists", &format!("{path}/file"), MODULE], 2, "file: Not a directory");
    // Folders that are named like files are searched.
    for name in ["m.ko", "p.deb", "modules.order"] {
        write(folder.path(), &format!("tree/{name}/sg_get.ko"), std::fs::read(testdata("6.1/sg_get.ko")).unwrap());
    }
    let run = bounded(["check".as_ref(), folder.path().join("tree").as_os_str()]);
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains("3 modules: 3 get at a family, 3 of them directly"), "{}", run.all());
}

#[test]
fn a_socket_or_a_device_where_a_file_should_be() {
    let folder = folder();
    let path = folder.path().join("s.ko");
    let _socket = UnixListener::bind(&path).unwrap();
    let path = path.display().to_string();
    told(&["check", &path], 3, "s.ko: is a socket, not a file");
    told(&["check", &folder.path().display().to_string()], 3, "s.ko: is a socket, not a file");
    for args in [["check", "--symvers"], ["classify", "--symvers"]] {
        told(&[args[0], args[1], &path, MODULE], 3, "s.ko: is a socket, not a file");
        // A device that never ends.
        told(&[args[0], args[1], "/dev/zero", MODULE], 3, "/dev/zero: is a device, not a file");
    }
    told(&["check", "@/dev/zero"], 3, "@/dev/zero: is a device, not a file");
    assert_eq!(bounded(["check", "-o", "/dev/null", MODULE]).status, 0);
}

/// Runs a line of the shell's, in which `symgate` is the program.
fn shell(line: &str) -> Run {
    let line = line.replace("symgate", env!("CARGO_BIN_EXE_symgate"));
    watched(Command::new("bash").current_dir(root()).args(["-c", &line]))
}

#[test]
fn pipes_of_the_shell_are_files() {
    for line in [
        format!("symgate check @<(echo {MODULE})"),
        format!("echo {MODULE} | symgate check @/dev/stdin"),
        format!("(sleep 0.2; echo {MODULE}) | symgate check @/dev/fd/0"),
        format!("symgate check @/dev/stdin <<<{MODULE}"),
        format!("symgate check --symvers <(cat {SYMVERS}) {MODULE}"),
        format!("cat {SYMVERS} | symgate check --symvers /dev/stdin {MODULE}"),
        format!("symgate check -o >(cat >/dev/null) {MODULE}"),
        format!("symgate check -o /dev/stdout {MODULE} | cat"),
    ] {
        let run = shell(&line);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{line}: {}", run.all());
    }
    // One whose other end is gone already has nothing to say.
    let run = shell("sleep 0 | (sleep 0.2; symgate check @/dev/stdin)");
    assert_eq!(run.status, 3, "{}", run.all());
    // A FIFO stays one, also by another way to it.
    let folder = folder();
    let path = fifo(&folder, "fifo");
    let run = shell(&format!("symgate check @/dev/fd/9 9<>{path}"));
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("@/dev/fd/9: is a FIFO, not a file"), "{}", run.all());
}
