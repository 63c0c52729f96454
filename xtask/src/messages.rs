// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signatures of a test module by OpenSSL, in all the ways that symgate verifies: `testdata/signatures/KEY-HASH.p7s`, which
//! the tests append as `scripts/sign-file` does.

use std::fs;
use std::path::Path;

use crate::shell::{TaskError, output, repository};

/// The keys in `testdata/keys`, by the names of the messages and of their files, and the hashes that OpenSSL signs with them.
const KEYS: [(&str, &str, &[&str]); 4] = [
    ("rsa", "test", &["sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"]),
    ("p256", "p256", &["sha256", "sha384", "sha512"]),
    ("p384", "p384", &["sha256", "sha384", "sha512"]),
    ("p521", "p521", &["sha256", "sha384", "sha512"]),
];

/// Signs the module again. The messages belong to its bytes.
pub fn write() -> Result<(), TaskError> {
    let testdata = repository().join("testdata");
    let folder = testdata.join("signatures");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
    for (name, key, hashes) in KEYS {
        for hash in hashes {
            sign(&testdata, key, hash, &["-noattr"], &folder.join(format!("{name}-{hash}.p7s")))?;
        }
    }
    // With attributes, as for ML-DSA since 7.0, and by the key's identifier (`sign-file -k`).
    sign(&testdata, "test", "sha256", &[], &folder.join("rsa-attributes.p7s"))?;
    sign(&testdata, "p384", "sha256", &["-noattr", "-keyid"], &folder.join("p384-keyid.p7s"))
}

fn sign(testdata: &Path, key: &str, hash: &str, more: &[&str], to: &Path) -> Result<(), TaskError> {
    let keys = testdata.join("keys");
    let certificate = std::env::temp_dir().join(format!("symgate-{key}-{}.crt", std::process::id()));
    let path = |path: &Path| path.display().to_string();
    let der = path(&keys.join(format!("{key}.x509")));
    output("openssl", ["x509", "-inform", "DER", "-in", &der, "-out", &path(&certificate)])?;
    let private = path(&keys.join(format!("{key}.pem")));
    let (module, signer, to) = (path(&testdata.join("6.1/vmwgfx.ko")), path(&certificate), path(to));
    let usual = ["cms", "-sign", "-binary", "-nocerts", "-outform", "DER", "-md", hash];
    let files = ["-signer", &signer, "-inkey", &private, "-in", &module, "-out", &to];
    output("openssl", usual.iter().chain(more).chain(&files))?;
    fs::remove_file(&certificate).map_err(TaskError::io(&certificate))
}
