// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a trusted key signed a module (`crypto/asymmetric_keys/pkcs7_verify.c`, 7.2).

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::Pkcs1v15Sign;

use super::certificate::{Certificate, PublicKey};
use crate::module::ModuleFacts;
use crate::module::digest::Hash;
use crate::module::pkcs7::Seal;

/// What a signature comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted key signed exactly this. It has to be the key's owner who did.
    Valid {
        /// The certificate's subject.
        by: String,
        /// The file that holds it.
        from: String,
    },
    /// It names a trusted key, which did not sign this.
    Broken {
        /// The certificate's subject.
        by: String,
    },
    /// It names no trusted key.
    Unknown,
    /// It can't be verified here: an algorithm that is not known, or hashes that were not computed.
    Unverified(&'static str),
}

/// Verifies a module's signature. Of several signers one that is trusted does, but none may be broken.
pub(super) fn verify(keys: &[&Certificate], facts: &ModuleFacts) -> Option<Verdict> {
    let Ok(signers) = &facts.signature.as_ref()?.signers else {
        return Some(Verdict::Unverified("its message can't be read"));
    };
    let verdicts = signers.iter().map(|signer| {
        // Two certificates can bear the same name.
        let named = keys.iter().filter(|key| key.is_named(&signer.seal.key));
        let verdicts = named.map(|key| match is_valid(key, &signer.seal, facts) {
            Ok(true) => Verdict::Valid { by: key.subject.clone(), from: key.from.clone() },
            Ok(false) => Verdict::Broken { by: key.subject.clone() },
            Err(reason) => Verdict::Unverified(reason),
        });
        let is_better = |verdict: &Verdict| match verdict {
            Verdict::Valid { .. } => 3,
            Verdict::Broken { .. } => 2,
            Verdict::Unverified(_) => 1,
            Verdict::Unknown => 0,
        };
        verdicts.max_by_key(is_better).unwrap_or(Verdict::Unknown)
    });
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Broken { .. } => 3,
        Verdict::Valid { .. } => 2,
        Verdict::Unverified(_) => 1,
        Verdict::Unknown => 0,
    };
    verdicts.max_by_key(rank)
}

fn is_valid(key: &Certificate, seal: &Seal, facts: &ModuleFacts) -> Result<bool, &'static str> {
    let hash = seal.hash.ok_or("its hash is not one that is verified here")?;
    let content = facts.digests.as_ref().and_then(|digests| digests.signed.get(&hash));
    let content = content.ok_or("its content was not hashed")?;
    match &seal.attributes {
        None => signed(&key.key, hash, content, &seal.signature),
        Some(attributes) if *attributes.digest != **content => Ok(false),
        Some(attributes) => signed(&key.key, hash, &hash.of(&attributes.der), &seal.signature),
    }
}

/// Whether a key's owner signed a hash.
fn signed(key: &PublicKey, hash: Hash, digest: &[u8], signature: &[u8]) -> Result<bool, &'static str> {
    match key {
        PublicKey::Rsa(key) => Ok(key.verify(padding(hash), digest, signature).is_ok()),
        PublicKey::P256(key) => {
            let signature = p256::ecdsa::Signature::from_der(signature);
            Ok(signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()))
        }
        PublicKey::P384(key) => {
            let signature = p384::ecdsa::Signature::from_der(signature);
            Ok(signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()))
        }
        PublicKey::P521(key) => {
            let signature = p521::ecdsa::Signature::from_der(signature);
            Ok(signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()))
        }
        PublicKey::Unknown => Err("its key is of a kind that is not verified here"),
    }
}

/// The padding of PKCS #1 v1.5 (RFC 8017, section 9.2): a `DigestInfo` of the hash's identifier and length before it.
fn padding(hash: Hash) -> Pkcs1v15Sign {
    let (arc, len) = match hash {
        Hash::Sha256 => (1, 32),
        Hash::Sha384 => (2, 48),
        Hash::Sha512 => (3, 64),
        Hash::Sha3_256 => (8, 32),
        Hash::Sha3_384 => (9, 48),
        Hash::Sha3_512 => (10, 64),
    };
    // `nistAlgorithms.hashAlgs`, 2.16.840.1.101.3.4.2, and the hash's own number.
    let prefix = [0x30, 17 + len, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, arc, 5, 0, 4, len];
    Pkcs1v15Sign { hash_len: Some(len.into()), prefix: prefix.into() }
}
