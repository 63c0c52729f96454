// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate audit` of a system made for it: a kernel's own modules, what DKMS and somebody else put there, and what is loaded.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use object::Object;
use serde_json::Value;

use crate::support::{Run, TODAY, command, finish, folder, gets, harmless, testdata, write};

const KERNEL: &str = "6.1.0-50-amd64";

/// A system in the folder `root` of a folder.
fn system() -> tempfile::TempDir {
    let system = folder();
    let root = system.path().join("root");
    let file = |path: &str, content: &[u8]| drop(write(&root, path, content));
    let of = |path: &str| format!("usr/lib/modules/{KERNEL}/{path}");
    let own = |name: &str| fs::read(testdata("6.1").join(name)).unwrap();
    file(&of("kernel/drivers/gpu/drm/vmwgfx.ko"), &own("vmwgfx.ko"));
    file(&of("kernel/drivers/misc/habanalabs.ko"), &own("habanalabs.ko"));
    file(&of("modules.order"), b"kernel/drivers/gpu/drm/vmwgfx.ko\nkernel/drivers/misc/habanalabs.ko\n");
    file(&of("modules.builtin"), b"kernel/drivers/gpu/drm/drm.ko\n");
    file(&of("updates/dkms/sg_get.ko"), &gets());
    file(&of("extra/sg_harmless.ko"), &harmless());
    symlink("/usr/lib", root.join("lib")).unwrap();
    symlink(format!("/usr/src/linux-headers-{KERNEL}"), root.join(of("build"))).unwrap();
    file(&format!("usr/src/linux-headers-{KERNEL}/Module.symvers"), &own("Module.symvers"));
    file(&format!("boot/config-{KERNEL}"), b"CONFIG_UDMABUF=y\nCONFIG_DMABUF_HEAPS=m\n");
    let list = format!(
        "/usr/lib/modules/{KERNEL}/kernel/drivers/gpu/drm/vmwgfx.ko\n/usr/lib/modules/{KERNEL}/kernel/drivers/misc/habanalabs.ko\n"
    );
    file("var/lib/dpkg/info/linux-image.list", list.as_bytes());
    file("var/lib/dpkg/info/sg-dkms.list", b"/usr/src/sg-1.0/dkms.conf\n");
    file("var/lib/dpkg/status", b"Package: sg-dkms\nVersion: 1.0-1\n");
    file("usr/src/sg-1.0/dkms.conf", b"");
    file(&format!("var/lib/dkms/sg/1.0/{KERNEL}/x86_64/module/sg_get.ko"), b"");
    symlink("/usr/src/sg-1.0", root.join("var/lib/dkms/sg/1.0/source")).unwrap();
    system
}

/// What is loaded there: one module as it is stored, one that was changed since, one that was taken away, one that hides.
fn run_kernel(root: &Path) {
    let file = |path: &str, content: &[u8]| drop(write(root, path, content));
    file("proc/sys/kernel/osrelease", format!("{KERNEL}\n").as_bytes());
    file("proc/sys/kernel/tainted", b"12289\n");
    let modules =
        "vmwgfx 1 0 - Live 0x0\nsg_get 2 0 - Live 0x0 (OE)\ngone 3 0 - Live 0x0 (POE)\ndrm 4 1 gone, Live 0x0\n";
    file("proc/modules", modules.as_bytes());
    let bytes = fs::read(testdata("6.1/vmwgfx.ko")).unwrap();
    let own = object::File::parse(&*bytes).unwrap().build_id().unwrap().unwrap().to_owned();
    let note = |id: &[u8]| {
        let len = u32::try_from(id.len()).unwrap().to_le_bytes();
        [&[4, 0, 0, 0][..], &len, &[3, 0, 0, 0], b"GNU\0", id].concat()
    };
    for (name, id, taint) in [
        ("vmwgfx", own.as_slice(), ""),
        ("sg_get", &[0xde, 0xad, 0xbe, 0xef], "OE"),
        ("gone", &[1, 2, 3, 4], "POE"),
        ("hiding", &[5, 6, 7, 8], "OE"),
    ] {
        file(&format!("sys/module/{name}/initstate"), b"live\n");
        file(&format!("sys/module/{name}/taint"), format!("{taint}\n").as_bytes());
        file(&format!("sys/module/{name}/notes/.note.gnu.build-id"), &note(id));
    }
    file("sys/module/drm/initstate", b"live\n");
}

fn audit(system: &Path, args: &[&str]) -> Run {
    let args = ["audit", "--today", TODAY].iter().chain(args);
    let mut run = finish(command(args).current_dir(system));
    // It is another folder each time.
    let folder = system.canonicalize().unwrap().display().to_string();
    run.stdout = run.stdout.replace(&folder, "@SYSTEM@");
    run
}

/// The modules of a report that bear a sign, each with its signs.
fn signs(json: &Value) -> Vec<(String, Vec<String>)> {
    let modules = json["kernels"][0]["modules"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = |module: &Value| module["signs"].as_array().unwrap().iter().map(|sign| text(&sign["id"])).collect();
    modules.filter(|module| module["out_of_tree"] == true).map(|module| (text(&module["name"]), ids(module))).collect()
}

#[test]
fn a_system_by_its_files() {
    let system = system();
    let args = ["--root", "root", "--kernel-build", &format!("root/usr/lib/modules/{KERNEL}")];
    let json = audit(system.path(), &[&args[..], &["--format", "json"]].concat()).json();
    let wanted =
        [("sg_get", &["place", "no-intree", "dkms"][..]), ("sg_harmless", &["place", "no-intree", "no-package"])];
    let wanted = wanted.map(|(name, signs)| (name.to_owned(), signs.iter().map(ToString::to_string).collect()));
    assert_eq!(signs(&json), wanted);
    for format in ["human", "json", "markdown"] {
        let run = audit(system.path(), &[&args[..], &["--format", format]].concat());
        insta::assert_snapshot!(format!("files_{format}"), run.all());
    }
    assert_eq!(audit(system.path(), &["--root", "root", "--fail-on", "denied"]).status, 1);
    assert_eq!(audit(system.path(), &["--root", "root", "--fail-on", "differs,unread"]).status, 0);
}

#[test]
fn what_is_loaded_is_told_from_what_is_stored() {
    let system = system();
    run_kernel(&system.path().join("root"));
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let wanted = [
        ("sg_get", &["place", "no-intree", "dkms", "taint", "differs"][..]),
        ("sg_harmless", &["place", "no-intree", "no-package"]),
    ];
    let wanted = wanted.map(|(name, signs)| (name.to_owned(), signs.iter().map(ToString::to_string).collect()));
    assert_eq!(signs(&json), wanted);
    let kernel = &json["kernels"][0];
    let of = |list: &str, name: &str| {
        let all = kernel[list].as_array().unwrap();
        all.iter().find(|module| module["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(of("modules", "vmwgfx")["loaded"]["same"], true);
    assert_eq!(of("modules", "sg_get")["loaded"]["same"], false);
    assert_eq!(of("only_loaded", "gone")["loaded"]["taint"]["letters"], "POE");
    assert_eq!(of("only_loaded", "gone")["uses"][0], "drm");
    assert_eq!(of("only_loaded", "hiding")["signs"][2]["id"], "hidden");
    assert_eq!(json["running"]["taint"]["letters"], "POE");
    let human = audit(system.path(), &["--root", "root"]);
    insta::assert_snapshot!("loaded_human", human.all());
    let html = audit(system.path(), &["--root", "root", "--format", "html"]);
    insta::assert_snapshot!("loaded_html", html.all());
    assert_eq!((json["summary"]["differ"].as_u64(), json["summary"]["only_loaded"].as_u64()), (Some(1), Some(3)));
    for concern in ["denied", "out-of-tree", "differs", "warned"] {
        let run = audit(system.path(), &["--root", "root", "--fail-on", concern]);
        assert_eq!(run.status, i32::from(concern != "warned"), "{concern}: {}", run.all());
    }
}

#[test]
fn what_hides_a_file_does_not_hide_what_is_loaded() {
    let system = system();
    let root = system.path().join("root");
    run_kernel(&root);
    // The file of one that is loaded leads nowhere, and so does that of one that is not.
    symlink("/nowhere", root.join(format!("usr/lib/modules/{KERNEL}/updates/gone.ko"))).unwrap();
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let loaded = json["kernels"][0]["only_loaded"].as_array().unwrap().clone();
    let gone = loaded.iter().find(|module| module["name"] == "gone").unwrap();
    assert_eq!((gone["signs"][0]["id"].as_str(), gone["signs"][1]["id"].as_str()), (Some("unread"), Some("taint")));
    // What is loaded without the build-id that its file has was not loaded from that.
    fs::remove_file(root.join("sys/module/vmwgfx/notes/.note.gnu.build-id")).unwrap();
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let modules = json["kernels"][0]["modules"].as_array().unwrap().clone();
    let own = modules.iter().find(|module| module["name"] == "vmwgfx").unwrap();
    assert_eq!((own["loaded"]["same"].as_bool(), own["out_of_tree"].as_bool()), (Some(false), Some(false)));
}

#[test]
fn what_differs_by_a_sign_in_its_name_is_another() {
    let system = system();
    let root = system.path().join("root");
    run_kernel(&root);
    for name in ["sg-get", "a_b-c", "ev il"] {
        write(&root, &format!("sys/module/{name}/initstate"), "live\n");
        write(&root, &format!("sys/module/{name}/taint"), "OE\n");
    }
    let list = fs::read_to_string(root.join("proc/modules")).unwrap();
    write(&root, "proc/modules", format!("sg-get 2 0 - Live 0x0 (OE)\n{list}ev il 5 0 - Live 0x0 (OE)\n"));
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let kernel = &json["kernels"][0];
    let signs = |name: &str| {
        let all = kernel["only_loaded"].as_array().unwrap();
        let module = all.iter().find(|module| module["name"] == name).unwrap_or_else(|| panic!("{name}: {json}"));
        module["signs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sign| sign["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(signs("sg-get"), ["not-stored", "taint"]);
    assert_eq!(signs("ev il"), ["not-stored", "taint"]);
    assert_eq!(signs("a_b-c"), ["not-stored", "taint", "hidden"]);
    let stored = kernel["modules"].as_array().unwrap();
    assert!(stored.iter().any(|module| module["name"] == "sg_get" && module["loaded"]["same"] == false), "{json}");
}

#[test]
fn a_signature_counts_only_if_a_key_proves_it() {
    let folder = folder();
    let of = |path: &str| format!("root/lib/modules/{KERNEL}/{path}");
    let signed = fs::read(testdata("6.1/signed/sg_harmless.ko")).unwrap();
    write(folder.path(), &of("kernel/sg_harmless.ko"), &signed);
    write(folder.path(), &of("modules.order"), "kernel/sg_harmless.ko\nkernel/sg_get.ko\nkernel/sg_put.ko\n");
    let signature = &signed[harmless().len()..];
    let copied = [gets().as_slice(), signature].concat();
    // The number of another hash, which is not computed here.
    let mut other = signature.to_vec();
    let sha256 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
    let places: Vec<usize> =
        other.windows(sha256.len()).enumerate().filter(|(_, part)| part == sha256).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        other[at + sha256.len() - 1] = 6;
    }
    let put = fs::read(testdata("6.1/sg_put.ko")).unwrap();
    write(folder.path(), &of("kernel/sg_get.ko"), copied);
    write(folder.path(), &of("kernel/sg_put.ko"), [put.as_slice(), &other].concat());
    let ids = |args: &[&str]| {
        let json = audit(folder.path(), &[&["--root", "root", "--format", "json", "--all"], args].concat()).json();
        (signs(&json), json["kernels"][0]["unseen"].to_string())
    };
    let key = testdata("keys/test.x509").display().to_string();
    let (with, unseen) = ids(&["--trusted-keys", &key]);
    let of_module = |all: &[(String, Vec<String>)], name: &str| {
        all.iter().find(|(of, _)| of == name).map(|(_, signs)| signs.join(" ")).unwrap_or_default()
    };
    assert_eq!(of_module(&with, "sg_harmless"), "no-intree");
    assert_eq!(of_module(&with, "sg_get"), "no-intree broken-signature");
    assert_eq!(of_module(&with, "sg_put"), "no-intree unproven-signature");
    assert!(!unseen.contains("hold what was signed"), "{unseen}");
    // Without a key a name is all there is, and that is said.
    let (without, unseen) = ids(&[]);
    assert_eq!(of_module(&without, "sg_get"), "no-intree");
    assert!(unseen.contains("whether the modules hold what was signed"), "{unseen}");
}

#[test]
fn what_is_put_beside_the_kernels_own_does_not_become_usual() {
    let system = system();
    let root = system.path().join("root");
    write(&root, "opt/h.ko", harmless());
    let folder = root.join(format!("usr/lib/modules/{KERNEL}/kernel/zz"));
    fs::create_dir_all(&folder).unwrap();
    for number in 0..40 {
        symlink("/opt/h.ko", folder.join(format!("{number}.ko"))).unwrap();
    }
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let all = signs(&json);
    let flood = all.iter().filter(|(name, _)| name == "sg_harmless").map(|(_, signs)| signs.join(" "));
    assert_eq!(flood.filter(|signs| signs == "not-listed no-intree no-package").count(), 40, "{all:?}");
}

#[test]
fn a_folder_of_modules_is_told_by_where_it_is() {
    let folder = folder();
    write(folder.path(), "lib/modules/6.1/kernel/sg_harmless.ko", harmless());
    write(folder.path(), "lib/modules/6.1/updates/sg_get.ko", gets());
    for input in ["lib/modules/6.1", "lib"] {
        let json = audit(folder.path(), &[input, "--format", "json"]).json();
        let all = signs(&json);
        let of = |name: &str| all.iter().find(|(of, _)| of == name).unwrap().1.join(" ");
        assert_eq!((of("sg_get").as_str(), of("sg_harmless").as_str()), ("place no-intree", "no-intree"), "{input}");
    }
    // OpenWrt has them in no folder of their own.
    write(folder.path(), "flat/lib/modules/6.1/sg_harmless.ko", harmless());
    let json = audit(folder.path(), &["--root", "flat", "--format", "json"]).json();
    assert_eq!(signs(&json), [("sg_harmless".to_owned(), vec!["no-intree".to_owned()])]);
}

#[test]
fn a_kernel_that_is_not_told_is_asked_for() {
    let system = system();
    let root = system.path().join("root");
    run_kernel(&root);
    fs::remove_file(root.join("proc/sys/kernel/osrelease")).unwrap();
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    assert_eq!(json["summary"]["only_loaded"], 3);
    assert!(json["unseen"].to_string().contains("it is taken for"), "{json}");
    fs::create_dir_all(root.join("usr/lib/modules/6.2/kernel")).unwrap();
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    assert!(json["unseen"].to_string().contains("which kernel runs, and so of which"), "{json}");
    // Where there is nothing to compare with, that is said once, and not of each.
    write(&root, "proc/sys/kernel/osrelease", "6.3\n");
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let kernel = &json["kernels"][0];
    assert!(kernel["unseen"].to_string().contains("there is no lib/modules/6.3"), "{json}");
    let drm = kernel["only_loaded"].as_array().unwrap().iter().find(|module| module["name"] == "drm").unwrap().clone();
    assert_eq!(drm["signs"].as_array().unwrap().len(), 0);
    assert_eq!(json["summary"]["out_of_tree"], 3);
}

#[test]
fn a_folder_that_is_elsewhere_is_the_kernels_all_the_same() {
    let system = system();
    let root = system.path().join("root");
    fs::rename(root.join(format!("usr/lib/modules/{KERNEL}")), root.join("moved")).unwrap();
    symlink("/moved", root.join(format!("usr/lib/modules/{KERNEL}"))).unwrap();
    symlink(format!("/usr/lib/modules/{KERNEL}"), root.join("usr/lib/modules/0")).unwrap();
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let wanted =
        [("sg_get", &["place", "no-intree", "dkms"][..]), ("sg_harmless", &["place", "no-intree", "no-package"])];
    let wanted = wanted.map(|(name, signs)| (name.to_owned(), signs.iter().map(ToString::to_string).collect()));
    assert_eq!(signs(&json), wanted);
    assert_eq!(json["kernels"].as_array().unwrap().len(), 1, "two names of one folder are one kernel");
}

#[test]
fn a_system_without_the_link_has_its_lists_all_the_same() {
    let system = system();
    let root = system.path().join("root");
    let told = || {
        let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
        (signs(&json), json["kernels"][0]["unseen"].clone(), json["kernels"][0]["references"].clone())
    };
    let before = told();
    fs::remove_file(root.join("lib")).unwrap();
    assert_eq!(told(), before);
    assert!(before.1.to_string().contains("CONFIG_UDMABUF") && !before.1.to_string().contains("no modules.order"));
}

#[test]
fn a_systems_own_word_reaches_no_further_than_its_kernel() {
    let system = system();
    let root = system.path().join("root");
    let of = |path: &str| root.join(format!("usr/lib/modules/{KERNEL}/{path}"));
    let order = "kernel/drivers/gpu/drm/vmwgfx.ko\nkernel/drivers/misc/habanalabs.ko\nupdates/vgem.ko\n";
    fs::write(of("modules.order"), order).unwrap();
    // Another module under a registered name, which the list has, and a second file for a line of it.
    fs::write(of("updates/vgem.ko"), gets()).unwrap();
    fs::copy(testdata("6.1/vmwgfx.ko"), of("kernel/drivers/gpu/drm/vmwgfx.ko.gz")).unwrap();
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    let modules = json["kernels"][0]["modules"].as_array().unwrap();
    let listed = modules.iter().find(|module| module["path"].as_str().unwrap().ends_with("vgem.ko")).unwrap();
    assert!(listed.get("proof").is_none() && listed["verdict"] == "deny", "{listed}");
    let twice = modules.iter().filter(|module| module["name"] == "vmwgfx");
    assert!(
        twice.clone().all(|module| module["signs"].to_string().contains("not-alone")) && twice.count() == 2,
        "{json}"
    );
    assert_eq!(json["kernels"][0]["trust"][0]["named"], false);
    // A list that is none, or somebody else's, is no word at all; it ends nothing.
    fs::write(of("modules.order"), b"\xff\n").unwrap();
    let run = audit(system.path(), &["--root", "root"]);
    assert!(run.status == 0 && run.stdout.contains("not seen: what the kernel's own modules are"), "{}", run.all());
    fs::write(root.join("list"), order).unwrap();
    fs::remove_file(of("modules.order")).unwrap();
    symlink("/list", of("modules.order")).unwrap();
    let json = audit(system.path(), &["--root", "root", "--format", "json"]).json();
    assert_eq!(json["kernels"][0]["trust"].as_array().unwrap().len(), 0);
}

#[test]
fn findings_stand_at_the_module_that_has_them() {
    let folder = folder();
    write(folder.path(), "one/a.ko", harmless());
    write(folder.path(), "two/a.ko", gets());
    let html = audit(folder.path(), &["one", "two", "--format", "html"]).stdout;
    let of = |name: &str| html.split("<article").find(|article| article.contains(&format!("<h3>{name} "))).unwrap();
    assert!(of("sg_get").contains("SG001") && !of("sg_harmless").contains("SG001"), "{html}");
}

#[test]
fn a_maze_of_links_has_an_end() {
    let folder = folder();
    for number in 0..200 {
        let path = folder.path().join(format!("root/d/{number}"));
        fs::create_dir_all(&path).unwrap();
        symlink(format!("/d/{}", number + 1), path.join("l")).unwrap();
    }
    write(folder.path(), "root/lib/modules/6.1/extra/sg_get.ko", gets());
    symlink("/d/0", folder.path().join("root/lib/modules/6.1/l")).unwrap();
    let run = audit(folder.path(), &["--root", "root"]);
    assert!(run.status == 0 && run.stdout.contains("a link behind too many others"), "{}", run.all());
}

#[test]
fn names_do_nothing_to_a_terminal() {
    let system = system();
    let root = system.path().join("root");
    run_kernel(&root);
    let evil = "\u{1b}[31m\u{202e}x";
    write(&root, &format!("var/lib/dpkg/info/{evil}.list/x"), "");
    write(&root, &format!("sys/module/{evil}/initstate"), "live\n");
    // By the real path: the link would lead to this system's own.
    write(&root, &format!("usr/lib/modules/{evil}/updates/sg_get.ko"), gets());
    for args in
        [&["--root", "root"][..], &["--root", "root", "--kernel", evil], &["--root", "root", "--kernel", "9\u{1b}[0m"]]
    {
        for format in ["human", "markdown", "html"] {
            let all = audit(system.path(), &[args, &["--format", format]].concat()).all();
            assert!(!all.contains('\u{1b}') && !all.contains('\u{202e}'), "{all:?}");
        }
    }
}

#[test]
fn the_same_system_makes_the_same_bytes() {
    let system = system();
    run_kernel(&system.path().join("root"));
    for format in ["human", "json", "markdown", "html"] {
        let of = |jobs: &str| audit(system.path(), &["--root", "root", "--format", format, "-j", jobs]).all();
        assert_eq!(of("1"), of("4"), "{format}");
    }
}

#[test]
fn packages_and_folders_are_told_apart_from_a_system() {
    let folder = folder();
    write(folder.path(), "tree/lib/modules/6.1/extra/sg_get.ko", gets());
    let json = audit(folder.path(), &["tree", "--format", "json"]).json();
    assert_eq!(signs(&json), [("sg_get".to_owned(), vec!["place".to_owned(), "no-intree".to_owned()])]);
    assert_eq!((json["scope"].as_str(), json.get("running")), (Some("inputs"), None));
}

#[test]
fn names_that_inject_markup_stay_text() {
    let folder = folder();
    let bytes = gets();
    let at = bytes.windows(11).position(|part| part == b"license=GPL").unwrap();
    let mut evil = bytes.clone();
    evil[at + 8..at + 11].copy_from_slice(b"<b>");
    let name = "'\"><img src=x onerror=alert(1)>&amp;</script><script>\u{202e}.ko";
    write(folder.path(), &format!("root/lib/modules/6.1<i>/updates/{name}"), &evil);
    write(folder.path(), "root/lib/modules/6.1<i>/updates/</title>.ko", b"not a module");
    for args in [&["--root", "root"][..], &["root"]] {
        let html = audit(folder.path(), &[args, &["--format", "html"]].concat()).stdout;
        for markup in ["<img", "<i>", "<b>", "</script><script>", "</title>.ko", "\u{202e}"] {
            // A figure stands in bold, where nobody's text is.
            let of_page =
                if markup == "<b>" { html.matches("<li><b>").count() + html.matches("\"><b>").count() } else { 0 };
            assert_eq!(html.matches(markup).count(), of_page, "{markup}: {html}");
        }
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;&amp;amp;"), "{html}");
        let markdown = audit(folder.path(), &[args, &["--format", "markdown"]].concat()).stdout;
        assert!(!markdown.contains("\n<img") && markdown.contains("&lt;b&gt;"), "{markdown}");
    }
}

#[test]
fn the_page_asks_for_nothing() {
    let system = system();
    let html = audit(system.path(), &["--root", "root", "--format", "html"]).stdout;
    for asks in ["src=", "href=\"http", "url(", "@import", "fetch(", "XMLHttpRequest", "<link", "<iframe"] {
        assert!(!html.contains(asks), "{asks}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn what_is_not_there_is_told() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let run = audit(folder.path(), &["--root", "empty"]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("no kernel's modules are installed there"), "{}", run.all());
    assert_eq!(audit(folder.path(), &["--root", "none"]).status, 3);
    assert_eq!(audit(folder.path(), &["none.ko"]).status, 3);
    let system = system();
    let run = audit(system.path(), &["--root", "root", "--kernel", "9.9"]);
    assert_eq!(run.status, 2, "{}", run.all());
    assert!(run.stderr.contains(KERNEL), "{}", run.all());
    assert_eq!(audit(system.path(), &["--root", "root", "x.ko"]).status, 2);
}
