// SPDX-License-Identifier: MIT OR Apache-2.0
//! The patch for a kernel's own build: a small kernel is built with it, from the suite's source. What is refused is taken away,
//! a second make has nothing to do, and what is installed is judged as it is installed. Takes some ten minutes for each kernel.

use super::layer::{End, Layer};
use crate::shell::{self, TaskError, repository};
use crate::testdata::series;

/// What the kernel's own build needs.
const TOOLS: &str = "bc bison flex gcc make kmod cpio rsync xz-utils libelf-dev libssl-dev openssl python3 dpkg-dev debhelper fakeroot build-essential libdw-dev";

/// Options beside those of `tinyconfig`: a few modules that have nothing to do with a family, facades, and who uses them.
const CONFIG: &str = "-e 64BIT -e PRINTK -e MODULES -e MODVERSIONS -e MODULE_UNLOAD -e PCI -e SHMEM -e FUTEX -e EPOLL -e BLOCK \
     -e BLK_DEV -m BLK_DEV_LOOP -e NET -e INET -e NETDEVICES -m DUMMY -e INPUT -m DRM -m DRM_VGEM -e DRM_FBDEV_EMULATION \
     -m DRM_BOCHS -e MODULE_SIG -e MODULE_SIG_ALL -e MODULE_COMPRESS -e MODULE_COMPRESS_XZ -e MODULE_COMPRESS_ALL -e MODULE_SYMGATE";

/// The kernel's source, and where it is built.
const SOURCE: &str = "/src/linux";
const OUT: &str = "/out";

pub(super) fn try_in(suite: &str) -> Result<(), TaskError> {
    let layer = Layer::new("tree", suite)?;
    layer.put(&shell::symgate()?, "/usr/bin/symgate")?;
    layer.put(&repository().join("integrations/kbuild/patches"), "/patches")?;
    layer.put(&repository().join("testdata/src"), "/modules")?;
    layer.install(TOOLS)?;
    let series = series(&layer.release()?);
    layer.install(&format!("linux-source-{series}"))?;
    layer.sure(&format!(
        "mkdir -p {SOURCE} {OUT} && tar -C {SOURCE} --strip-components=1 -xf /usr/src/linux-source-{series}.tar.xz && \
         cd {SOURCE} && patch -p1 < /patches/linux-{series}.patch && make O={OUT} -s tinyconfig && \
         scripts/config --file {OUT}/.config {CONFIG} && make O={OUT} -s olddefconfig && grep MODULE_SYMGATE=y {OUT}/.config"
    ))?;
    println!("{suite}: the patch applies to {series}");
    let trial = Trial { layer };
    trial.builds()?;
    trial.a_change()?;
    trial.what_is_refused()?;
    trial.a_facade_that_grew()?;
    trial.installs()
}

struct Trial {
    layer: Layer,
}

/// `make` in the folder where the kernel is built.
fn make(more: &str) -> String {
    format!("cd {OUT} && make -j2 {more}")
}

impl Trial {
    fn builds(&self) -> Result<(), TaskError> {
        let see =
            |what, script: &str, end, says: &[&str], lacks: &[&str]| self.layer.see(what, script, end, says, lacks);
        see("a kernel is built with the gate", &make(""), End::Well, &["SYMGATE modules.order"], &["symgate: "])?;
        let all = format!("cat {OUT}/modules.order | wc -l; ls {OUT}/drivers/gpu/drm/drm.ko");
        see("and its modules are there", &all, End::Well, &["drm.ko"], &[])?;
        see("a second make has nothing to do", &make("V=0"), End::Well, &[], &["SYMGATE", "symgate: "])?;
        see("another V= is no change", &make("V=1"), End::Well, &["Makefile.symgate"], &["symgate check"])?;
        Ok(())
    }

    /// What is said with `V=1` of a build in which one module is another.
    fn a_change(&self) -> Result<(), TaskError> {
        let change = format!("sed -i 's/module loaded/module was loaded/' {SOURCE}/drivers/block/loop.c; ");
        let one = [" modules, 1 read, "];
        self.layer.see(
            "of a change one module is read",
            &(change + &make("V=1 modules")),
            End::Well,
            &one,
            &["ERROR"],
        )?;
        Ok(())
    }

    fn add(&self, modules: &[&str]) -> Result<(), TaskError> {
        let folder = format!("{SOURCE}/drivers/misc/sg");
        let objects: Vec<String> = modules.iter().map(|module| format!("{module}.o")).collect();
        self.layer.sure(&format!(
            "mkdir -p {folder} && cp /modules/*.h /modules/*.c {folder} && echo 'obj-m := {}' > {folder}/Makefile && \
             (grep -q sg/ {folder}/../Makefile || echo 'obj-y += sg/' >> {folder}/../Makefile)",
            objects.join(" ")
        ))?;
        Ok(())
    }

    fn what_is_refused(&self) -> Result<(), TaskError> {
        let see =
            |what, script: &str, end, says: &[&str], lacks: &[&str]| self.layer.see(what, script, end, says, lacks);
        self.add(&["sg_get", "sg_harmless"])?;
        let said =
            ["ERROR: symgate: module sg_get gets at dma-buf and is not registered", "register sg_get", "waive it"];
        let there = format!("; ls {OUT}/drivers/misc/sg");
        see("an importer fails the build", &make("modules"), End::Badly, &said, &["\u{1b}"])?;
        see("and is not left behind", &there[2..], End::Well, &["sg_harmless.ko"], &["sg_get.ko"])?;
        see("nor the next time, with -k", &(make("-k modules") + &there), End::Well, &said[..1], &["\nsg_get.ko"])?;
        see("-i goes on", &make("-i modules"), End::Well, &[said[0], "(ignored)"], &[])?;
        self.layer.write("/lists/waivers.toml", &waiver(self.layer.sure("date -d '+30 days' +%F")?.trim()))?;
        let set = format!("{SOURCE}/scripts/config --file {OUT}/.config --set-str MODULE_SYMGATE_ALLOWLISTS /lists; ");
        see("with a waiver it is built", &(set + &make("modules") + &there), End::Well, &["sg_get.ko"], &["ERROR"])?;
        let expired = "sed -i 's/expires.*/expires = \"2026-11-02\"/' /lists/waivers.toml; ";
        see(
            "a change of the allowlists is one",
            &(expired.to_owned() + &make("modules")),
            End::Badly,
            &said[..1],
            &[],
        )?;
        Ok(())
    }

    /// A module that nobody touched gets at more through one that was.
    fn a_facade_that_grew(&self) -> Result<(), TaskError> {
        let see =
            |what, script: &str, end, says: &[&str], lacks: &[&str]| self.layer.see(what, script, end, says, lacks);
        self.add(&["sg_shim", "sg_shim_ops"])?;
        let shim = format!("{SOURCE}/drivers/misc/sg/sg_shim.c");
        let harmless = format!("cp {shim} /shim.c; sed -i 's/dma_buf_get(fd)/ERR_PTR(fd)/' {shim}; ");
        see("a harmless shim and its user are built", &(harmless + &make("modules")), End::Well, &[], &["ERROR"])?;
        let grown = format!("cp /shim.c {shim}; ");
        let said =
            ["ERROR: symgate: module sg_shim gets at dma-buf", "ERROR: symgate: module sg_shim_ops gets at dma-buf"];
        let anew = [&said[..], &[" modules, 1 read, "]].concat();
        see("when the shim grows its user is refused", &(grown + &make("V=1 modules")), End::Badly, &anew, &[])?;
        self.layer.sure(&format!(
            "sed -i /sg/d {SOURCE}/drivers/misc/Makefile; rm -r {SOURCE}/drivers/misc/sg {OUT}/drivers/misc/sg"
        ))?;
        Ok(())
    }

    fn installs(&self) -> Result<(), TaskError> {
        let see =
            |what, script: &str, end, says: &[&str], lacks: &[&str]| self.layer.see(what, script, end, says, lacks);
        see("the kernel is built again", &make(""), End::Well, &["SYMGATE modules.order"], &["ERROR"])?;
        let install = make("INSTALL_MOD_PATH=/inst modules_install && find /inst -name 'loop.ko*'");
        see(
            "what is installed is judged",
            &install,
            End::Well,
            &["SYMGATE /inst/lib/modules/", "loop.ko.xz"],
            &["ERROR"],
        )?;
        // Under the name of one of the kernel's own, where its build has put it.
        let swapped = format!(
            "cd {OUT} && cp /modules/*.h /modules/sg_get.c /tmp && mkdir -p /ext && cp /modules/*.h /modules/sg_get.c /ext && \
             echo 'obj-m := sg_get.o' > /ext/Makefile && make M=/ext modules && cp /ext/sg_get.ko drivers/net/dummy.ko && \
             touch -d '+1 min' drivers/net/dummy.ko && make INSTALL_MOD_PATH=/inst modules_install"
        );
        let said = ["ERROR: symgate: module sg_get gets at dma-buf"];
        see("what was put in its place is refused", &swapped, End::Badly, &said, &[])?;
        see("and taken away", "find /inst -name 'dummy.ko*'", End::Well, &[], &["dummy"])?;
        let package = format!("rm {OUT}/drivers/net/dummy.ko; {}", make("bindeb-pkg && ls /"));
        see("a package is built", &package, End::Well, &["SYMGATE", "linux-image-"], &["symgate: "])?;
        Ok(())
    }
}

fn waiver(day: &str) -> String {
    format!(
        "[[waiver]]\nmodule = \"sg_get\"\nfamily = \"dma-buf\"\nrule = \"SG001\"\nsymbols = [\"dma_buf_get\"]\nreason = \"a test\"\n\
         owner = \"the test\"\nexpires = \"{day}\"\n"
    )
}
