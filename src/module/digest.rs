// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hashes of a module: of the whole file, which nothing but the same file has, and of what its signature is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use super::bytes::Bytes;
use super::signature::Signature;

/// A hash that modules are signed with and that is verified here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Hash {
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
    /// SHA3-256
    Sha3_256,
    /// SHA3-384
    Sha3_384,
    /// SHA3-512
    Sha3_512,
}

impl Hash {
    /// By the name that the kernel's crypto API has for it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            "sha3-256" => Self::Sha3_256,
            "sha3-384" => Self::Sha3_384,
            "sha3-512" => Self::Sha3_512,
            _ => return None,
        })
    }

    /// The hash of these bytes.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
            Self::Sha3_256 => Sha3_256::digest(bytes).to_vec(),
            Self::Sha3_384 => Sha3_384::digest(bytes).to_vec(),
            Self::Sha3_512 => Sha3_512::digest(bytes).to_vec(),
        }
    }
}

/// The hashes of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// SHA-256 of the file as it is when unpacked, its signature included.
    pub content: [u8; 32],
    /// Of what its signature is over, by each hash that a signer took.
    pub signed: BTreeMap<Hash, Vec<u8>>,
}

/// Hashes a module; nothing if its bytes can't be read.
pub(super) fn digests(bytes: Bytes<'_>, signature: Option<&Signature>) -> Option<Digests> {
    let whole = bytes.get(0, bytes.size())?;
    let end = signature.map_or(Some(whole.len()), |signature| usize::try_from(signature.offset).ok())?;
    let (content, rest) = whole.split_at_checked(end)?;
    // Nearly always the signature is over SHA-256, too: then it is one pass for both.
    let mut sha256 = Sha256::new_with_prefix(content);
    let mut signed = BTreeMap::new();
    let signers = signature.iter().flat_map(|signature| &signature.signers).flatten();
    for hash in signers.filter_map(|signer| signer.seal.hash) {
        signed.entry(hash).or_insert_with(|| match hash {
            Hash::Sha256 => sha256.clone().finalize().to_vec(),
            other => other.of(content),
        });
    }
    sha256.update(rest);
    Some(Digests { content: sha256.finalize().into(), signed })
}
