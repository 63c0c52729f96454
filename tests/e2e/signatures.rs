// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is read of the signature that `scripts/sign-file` appends. Nothing is verified.

use crate::support::{check, folder, run, testdata, write};

#[test]
fn the_signer_is_named() {
    for series in ["6.1", "7.2"] {
        let path = testdata(&format!("{series}/signed/sg_harmless.ko")).display().to_string();
        let signature = run(["inspect", "--format", "json", &path]).json()["modules"][0]["signature"].clone();
        // What modinfo shows of it: signer, sig_key, sig_hashalgo.
        let expected = serde_json::json!([{
            "issuer": "CN=symgate test key,O=symgate",
            "common_name": "symgate test key",
            "key": "068309961ec237d7cce3d9e95795abe83f8f41f0",
            "hash": "sha256",
            "algorithm": "rsaEncryption",
        }]);
        assert_eq!(signature["signers"], expected, "{series}");
        let shown = run(["inspect", &path]);
        assert!(
            shown.stdout.contains("signed by     certificate of CN=symgate test key,O=symgate, key 0683"),
            "{}",
            shown.all()
        );
        assert_eq!(check(&[&path]).status, 0);
    }
}

#[test]
fn a_message_that_cannot_be_read_is_told() {
    let signed = std::fs::read(testdata("6.1/signed/sg_harmless.ko")).unwrap();
    let elf = std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap();
    let folder = folder();
    let judged = |bytes: &[u8]| check(&[&write(folder.path(), "sg_harmless.ko", bytes)]);
    let mut broken = signed.clone();
    broken[elf.len()] = 0x31;
    let run = judged(&broken);
    assert_eq!(run.status, 0, "{}", run.all());
    let warning =
        "warning[SG013 malformed]: module sg_harmless has a signature that can't be read: it is no PKCS#7 message";
    assert!(run.stdout.contains(warning), "{}", run.all());
    // One that would take long to look into.
    let large =
        [elf.as_slice(), &[0x30].repeat(100_000), &[0, 0, 2, 0, 0, 0, 0, 0], &100_000_u32.to_be_bytes()].concat();
    let run = judged(&[large.as_slice(), b"~Module signature appended~\n"].concat());
    assert!(run.stdout.contains("can't be read: its 100000 bytes are more than any signature has"), "{}", run.all());
    // A message of another kind: the last byte of id-signedData is 2, that of id-data is 1.
    let mut other = signed;
    let at = other.windows(9).position(|bytes| bytes == b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02").unwrap();
    other[at + 8] = 1;
    let run = judged(&other);
    assert!(run.stdout.contains("it is a PKCS#7 message, but not of signed data"), "{}", run.all());
}
