// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a `Module.symvers` says that is not the kernel's own.

use crate::support::{check, folder, write};

const OWN: &str = "testdata/7.2/Module.symvers";

#[test]
fn a_further_symvers_is_a_claim() {
    let folder = folder();
    let check = |lines: &str| {
        let claim = write(folder.path(), "claim.symvers", lines);
        let mut run = check(&[
            "--profile",
            "kbuild",
            "--format",
            "kbuild",
            "--symvers",
            OWN,
            "--symvers",
            &claim,
            "testdata/7.2/sg_get.ko",
        ]);
        run.stderr = run.stderr.replace(&folder.path().display().to_string(), "@DIR@");
        run
    };
    // A family's symbol, and another, by a module of another name; one looser, one the same, one of its own.
    let run = check(
        "0x00000000\tdma_buf_get\tfake\tEXPORT_SYMBOL_GPL\tDMA_BUF\n\
         0x00000000\t_printk\tfake\tEXPORT_SYMBOL\t\n\
         0x00000000\tdma_buf_put\tvmlinux\tEXPORT_SYMBOL\tDMA_BUF\n\
         0x00000000\tfake_own\tfake\tEXPORT_SYMBOL\t\n",
    );
    insta::assert_snapshot!(run.all());
    // What is told the same is nothing to speak of.
    let run = check("0x00000000\tdma_buf_get\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF\n");
    assert!(!run.stderr.contains("SG017"), "{}", run.all());
}

#[test]
fn a_claim_takes_nothing_out_of_the_tier() {
    let folder = folder();
    let strict = "0x00000000\tsg_tier_share\tsg_tier\tEXPORT_SYMBOL_GPL\tUSERSPACE_GPL\n";
    let strict = write(folder.path(), "strict.symvers", strict);
    let user = "testdata/7.2/tier/sg_tier_user.ko";
    for claim in ["sg_tier\tEXPORT_SYMBOL\t", "sg_tier\tEXPORT_SYMBOL_GPL\tOTHER", "vmlinux\tEXPORT_SYMBOL\t"] {
        let claim = write(folder.path(), "claim.symvers", format!("0x00000000\tsg_tier_share\t{claim}\n"));
        for told in [
            &["--symvers", &claim, "testdata/7.2/tier/sg_tier.ko"][..],
            &["--symvers", &claim, "--symvers", &strict],
            &["--symvers", &strict, "--symvers", &claim],
        ] {
            let run = check(&[&["--profile", "kbuild", "--symvers", OWN], told, &[user]].concat());
            let refused = "module sg_tier_user gets at native:sg_tier and is not registered";
            assert!(run.status == 1 && run.stdout.contains(refused), "{claim} {told:?}: {}", run.all());
        }
    }
}
