// SPDX-License-Identifier: MIT OR Apache-2.0
//! `integrations/kbuild`: modules outside of the tree are built with the step by real kbuild. What gets at a family fails the
//! build before or after the link; what is harmless is built without a word.

use super::layer::{End, Layer};
use crate::shell::{self, TaskError, repository};

/// Where the step is installed.
pub const STEP: &str = "/usr/share/symgate/kbuild";

/// Real drivers that have nothing to do with a family.
const HARMLESS: [&str; 2] = ["v4l2loopback-dkms", "acpi-call-dkms"];

/// What our step says begins with this, whatever it says.
const OURS: &str = "symgate: ";

/// A folder of allowlists with a waiver for evdi, as whoever builds it may have.
const WAIVER: &str = "[[waiver]]\nmodule = \"evdi\"\nfamily = \"dma-buf\"\nrule = \"SG001\"\nproof = [\"operator\"]\n\
     symbols = [@SYMBOLS@]\nreason = \"built to try it\"\nowner = \"the test\"\nexpires = \"@EXPIRES@\"\n";

pub(super) fn try_in(suite: &str) -> Result<(), TaskError> {
    let layer = Layer::new("kbuild", suite)?;
    install(&layer)?;
    let trial = Trial { release: layer.release()?, layer };
    println!("{suite}: kbuild of {}", trial.release);
    trial.by_the_makefile()?;
    trial.in_an_output_folder()?;
    trial.by_a_variable()?;
    trial.behind_modpost()?;
    trial.unresolved()?;
    trial.claims()?;
    trial.the_tier()?;
    trial.real_drivers()
}

/// Puts symgate and the step into a system.
pub fn install(layer: &Layer) -> Result<(), TaskError> {
    layer.put(&shell::symgate()?, "/usr/bin/symgate")?;
    layer.put(&repository().join("integrations/kbuild"), STEP)
}

struct Trial {
    layer: Layer,
    release: String,
}

impl Trial {
    /// A folder with test modules and a Makefile that has the step in it, or not.
    fn module(&self, folder: &str, objects: &str, has_step: bool) -> Result<(), TaskError> {
        self.layer.sure(&format!("rm -rf {folder}"))?;
        self.layer.put(&repository().join("testdata/src"), folder)?;
        self.layer.sure(&format!("rm {folder}/Kbuild"))?;
        let step = if has_step { format!("include {STEP}/symgate.mk\n") } else { String::new() };
        let makefile = format!("obj-m := {objects}\nccflags-y += -I{STEP}/include\n{step}");
        self.layer.write(&format!("{folder}/Makefile"), &makefile)
    }

    fn make(&self, folder: &str, more: &str) -> String {
        format!("make -C /lib/modules/{}/build M={folder} {more}", self.release)
    }

    fn by_the_makefile(&self) -> Result<(), TaskError> {
        let see =
            |what, script: &str, end, says: &[&str], lacks: &[&str]| self.layer.see(what, script, end, says, lacks);
        self.module("/m", "sg_harmless.o sg_export.o sg_user.o", true)?;
        let make = self.make("/m", "-j4 modules");
        see("harmless modules are built without a word", &make, End::Well, &["sg_user.ko"], &[OURS])?;
        let again = format!("{make} && ls /m/sg_user.ko");
        see("a second make does nothing", &again, End::Well, &["/m/sg_user.ko"], &["MODPOST", OURS])?;
        let verbose = self.make("/m", "V=1 SYMGATE_FLAGS=--all modules");
        let said = see("V=1 shows what is run", &verbose, End::Well, &["symgate check --profile kbuild"], &["ERROR"])?;
        if said.matches("symgate check").count() != 2 {
            return Err(TaskError::Other(format!("it is run before the link and after it:\n{said}")));
        }
        self.module("/m", "sg_harmless.o sg_get.o", true)?;
        let refused = [
            "ERROR: symgate: module sg_get gets at dma-buf and is not registered: it imports dma_buf_get",
            "register sg_get for dma-buf",
            "waive it",
        ];
        let make = format!("touch /m/sg_get.ko; {}", self.make("/m", "modules"));
        see("an importer fails the build before it is linked", &make, End::Badly, &refused, &["LD [M]", "\u{1b}"])?;
        see("and no module is left", "ls /m", End::Well, &["sg_get.o"], &["sg_get.ko"])?;
        let ignoring = format!("{}; ls /m", self.make("/m", "-k -i modules"));
        see("nor with -k -i, which builds the others", &ignoring, End::Well, &["sg_harmless.ko"], &["\nsg_get.ko"])?;
        let flags = "sed -i '1i SYMGATE_FLAGS := --warn SG001' /m/Makefile; ";
        let make = format!("{flags}{}; ls /m", self.make("/m", "modules"));
        see(
            "flags may stand in the Makefile",
            &make,
            End::Well,
            &["WARNING: symgate: module sg_get", "sg_get.ko"],
            &[],
        )?;
        self.layer.sure("sed -i 1d /m/Makefile")?;
        let single = self.make("/m", "sg_get.ko");
        see("as a single target, too", &single, End::Badly, &refused[..1], &[])?;
        see(
            "clean takes all away",
            &self.make("/m", "clean && ls -a /m"),
            End::Well,
            &[],
            &["sg_get.o", "\nModule.symvers", "\n.Module.symvers"],
        )?;
        Ok(())
    }

    /// `MO=`, which kernels have since 6.13; and a kernel that is built apart from its source (`O=`), as the archive's is.
    fn in_an_output_folder(&self) -> Result<(), TaskError> {
        self.module("/m", "sg_harmless.o sg_get.o", true)?;
        let has_mo = "grep -q KBUILD_EXTMOD_OUTPUT /usr/src/linux-headers-*-common*/Makefile";
        if self.layer.run(has_mo)?.status != Some(0) {
            return Ok(());
        }
        let make = format!("mkdir -p /out && {}", self.make("/m", "MO=/out modules"));
        self.layer.see("MO= is judged", &make, End::Badly, &["ERROR: symgate: module sg_get"], &[])?;
        self.module("/m", "sg_harmless.o", true)?;
        self.layer.see("MO= is built", &format!("{make} && ls /out"), End::Well, &["sg_harmless.ko"], &[OURS])?;
        Ok(())
    }

    fn by_a_variable(&self) -> Result<(), TaskError> {
        self.module("/m", "sg_harmless.o sg_get.o", false)?;
        let make = self.make("/m", &format!("MODPOST={STEP}/symgate-modpost modules"));
        self.layer.see("MODPOST= is judged", &make, End::Badly, &["ERROR: symgate: module sg_get"], &["LD [M]"])?;
        let make = self.make("/m", "modules");
        self.layer.see("without it nobody asks", &make, End::Well, &["sg_get.ko"], &[OURS])?;
        Ok(())
    }

    /// Objects that are linked in after modpost has looked.
    fn behind_modpost(&self) -> Result<(), TaskError> {
        self.module("/m", "sg_blob.o", true)?;
        let make = self.make("/m", "");
        self.layer.see("a module is built", &format!("{make} modules"), End::Well, &["sg_blob.ko"], &[OURS])?;
        let linked = format!("{make} sg_blob_inject.o && {make} LDFLAGS_MODULE=/m/sg_blob_inject.o modules");
        let refused = ["LD [M]", "ERROR: symgate: module sg_blob gets at dma-buf and is not registered"];
        self.layer.see("what is linked in later is found", &linked, End::Badly, &refused, &[])?;
        self.layer.see("and the module taken away", "ls /m", End::Well, &["sg_blob.o"], &["sg_blob.ko"])?;
        let undone = format!("{make} modules && ls /m");
        self.layer.see("without it it is built again", &undone, End::Well, &["sg_blob.ko"], &[OURS])?;
        Ok(())
    }

    /// `KBUILD_MODPOST_WARN` is for what nothing exports, and for nothing else.
    fn unresolved(&self) -> Result<(), TaskError> {
        self.module("/m", "sg_undefined.o sg_get.o", true)?;
        let make = self.make("/m", "KBUILD_MODPOST_WARN=1 modules");
        let lines = ["WARNING: modpost", "ERROR: symgate: module sg_get"];
        self.layer.see(
            "what nothing exports only warns",
            &make,
            End::Badly,
            &lines,
            &["ERROR: symgate: module sg_undefined"],
        )?;
        Ok(())
    }

    /// `KBUILD_EXTRA_SYMBOLS`: what other modules export, and what somebody says that they do.
    fn claims(&self) -> Result<(), TaskError> {
        self.module("/a", "sg_export.o", true)?;
        self.module("/b", "sg_user.o", true)?;
        let make = format!(
            "{} && {}",
            self.make("/a", "modules"),
            self.make("/b", "KBUILD_EXTRA_SYMBOLS=/a/Module.symvers modules")
        );
        self.layer.see("modules are built apart", &make, End::Well, &["sg_user.ko"], &[OURS])?;
        let claim = r"printf '0x00000000\tdrm_gem_prime_import\tfake\tEXPORT_SYMBOL\t\n' > /a/fake.symvers";
        let make = format!(
            "{claim} && {}",
            self.make("/b", "KBUILD_EXTRA_SYMBOLS='/a/Module.symvers /a/fake.symvers' modules")
        );
        let said = ["ERROR: symgate: module fake is said to export what is known otherwise: drm_gem_prime_import"];
        self.layer.see("a Module.symvers that contradicts the kernel's is refused", &make, End::Badly, &said, &[])?;
        Ok(())
    }

    /// The header's tier: modpost asks for the namespace, and symgate for a registration.
    fn the_tier(&self) -> Result<(), TaskError> {
        self.module("/m", "sg_tier.o sg_tier_user.o sg_tier_version.o", true)?;
        let make = self.make("/m", "modules");
        let said = ["ERROR: symgate: module sg_tier_user gets at native:sg_tier and is not registered"];
        self.layer.see(
            "who imports from the tier is refused",
            &make,
            End::Badly,
            &said,
            &["module sg_tier_version"],
        )?;
        self.layer.write("/lists/modules.toml", REGISTRATION)?;
        let make = self.make("/m", "SYMGATE_FLAGS='--add-allowlists /lists' modules");
        self.layer.see("who is registered is built", &make, End::Well, &["sg_tier_user.ko"], &[OURS])?;
        let shown = "sg_tier_share    gpl    userspace-gpl (native:sg_tier)";
        self.layer.see(
            "the tier shows",
            "symgate classify /m/sg_tier.ko /m/Module.symvers",
            End::Well,
            &[shown],
            &[],
        )?;
        let undeclared = "sed -i /MODULE_IMPORT_USERSPACE_GPL/d /m/sg_tier_user.c";
        let said = ["ERROR: modpost", "from namespace USERSPACE_GPL"];
        self.layer.see("modpost asks for the namespace", &format!("{undeclared}; {make}"), End::Badly, &said, &[])?;
        Ok(())
    }

    fn real_drivers(&self) -> Result<(), TaskError> {
        let unpack = |package: &str| {
            self.layer.sure(&format!(
                "cd /tmp && (apt-get -qq download {package} || {{ apt-get -qq update && apt-get -qq download {package}; }}) && \
                 dpkg-deb -x {package}_*.deb /pkg-{package} && echo /pkg-{package}/usr/src/*"
            ))
        };
        let variable = format!("MODPOST={STEP}/symgate-modpost");
        for package in HARMLESS {
            let Ok(folder) = unpack(package) else {
                println!("{}: the archive has no {package}", self.layer.suite());
                continue;
            };
            let make = self.make(folder.trim(), &format!("{variable} modules"));
            self.layer.see(&format!("{package} is built without a word"), &make, End::Well, &[".ko"], &[OURS])?;
        }
        let folder = unpack("evdi-dkms")?;
        let folder = folder.trim();
        let without = self.layer.run(&self.make(folder, "modules"))?;
        if without.status != Some(0) {
            // The archive's may not fit the archive's newest kernel.
            println!("{}: evdi-dkms does not build at all", self.layer.suite());
            return Ok(());
        }
        self.layer.sure(&self.make(folder, "clean"))?;
        let said = [
            "ERROR: symgate: module evdi gets at dma-buf and is not registered",
            "a module of this name is known",
            "its userspace is partial",
            "register evdi for dma-buf",
            "waive it",
            "ask who keeps these",
        ];
        let make = self.make(folder, &format!("{variable} modules"));
        self.layer.see("evdi-dkms fails the build, and is told why", &make, End::Badly, &said, &["evdi.ko"])?;
        let symbols = self.layer.sure(&format!(
            "symgate inspect --format json {folder}/evdi.o | grep -o '\"dma_buf_[a-z_]*\"' | sort -u | tr '\\n' ','"
        ))?;
        let day = self.layer.sure("date -d '+30 days' +%F")?;
        let waiver = WAIVER.replace("@SYMBOLS@", symbols.trim().trim_end_matches(',')).replace("@EXPIRES@", day.trim());
        self.layer.write("/waived/waivers.toml", &waiver)?;
        let make = self.make(folder, &format!("{variable} SYMGATE_FLAGS='--add-allowlists /waived' modules"));
        self.layer.see("with a waiver evdi-dkms is built", &make, End::Well, &["evdi.ko"], &["ERROR"])?;
        Ok(())
    }
}

/// A registration for what `sg_tier` exports.
const REGISTRATION: &str = r#"[[module]]
name = "sg_tier_user"
families = ["native:sg_tier"]
subsystem = "drm"
proof = ["operator"]
[[module.userspace]]
name = "mesa"
part = "all"
coverage = { is = "unproven", evidence = "test 1", checked = "2026-11-01" }
"#;
