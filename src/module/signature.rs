// SPDX-License-Identifier: MIT OR Apache-2.0
//! The signature that `scripts/sign-file` appends to a module.
//!
//! A signed file is `ELF | PKCS#7 | struct module_signature | marker`
//! (`include/uapi/linux/module_signature.h`, checked by `kernel/module_signature.c:mod_check_sig`, 7.2).
//! It has to come off before the ELF part is measured.

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::pkcs7::{self, MessageError, Signer};
use crate::limits;

/// `MODULE_SIGNATURE_MARKER`
const MARKER: &[u8] = b"~Module signature appended~\n";

/// Size of `struct module_signature` in bytes.
const INFO_BYTES: u64 = 12;

/// `id_type` of a PKCS#7 message (`MODULE_SIGNATURE_TYPE_PKCS7`).
const PKCS7: u8 = 2;

/// A module's appended signature. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Where the PKCS#7 message starts in the file: the length of the ELF part, in bytes.
    pub offset: u64,
    /// Length of the PKCS#7 message in bytes.
    pub len: u64,
    /// Who signed, by the message.
    pub signers: Result<Vec<Signer>, MessageError>,
}

/// Why a trailer that bears the marker is not a signature that the kernel would read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The message would start before the file does.
    #[error("its length of {len} bytes is more than the file has")]
    Length {
        /// `sig_len`
        len: u64,
    },
    /// `id_type` is not 2.
    #[error("it is of type {id_type}, not PKCS#7")]
    Type {
        /// `id_type`
        id_type: u8,
    },
    /// A field that the kernel wants zero is not.
    #[error("its trailer has fields set that must be zero")]
    Fields,
}

/// Finds the signature of a file, if the marker is there.
pub fn find(bytes: Bytes<'_>) -> Result<Option<Signature>, SignatureError> {
    let marker_len = MARKER.len() as u64;
    let Some(marker_at) = bytes.size().checked_sub(marker_len) else { return Ok(None) };
    if bytes.get(marker_at, marker_len) != Some(MARKER) {
        return Ok(None);
    }
    let info = marker_at.checked_sub(INFO_BYTES).and_then(|at| Some((at, bytes.get(at, INFO_BYTES)?)));
    let Some((info_at, &[algo, hash, id_type, signer_len, key_id_len, pad0, pad1, pad2, ref len @ ..])) = info else {
        return Err(SignatureError::Length { len: INFO_BYTES });
    };
    let len = len.try_into().map_or(u64::MAX, |len| u64::from(u32::from_be_bytes(len)));
    if id_type != PKCS7 {
        return Err(SignatureError::Type { id_type });
    }
    if [algo, hash, signer_len, key_id_len, pad0, pad1, pad2] != [0; 7] {
        return Err(SignatureError::Fields);
    }
    let offset = info_at.checked_sub(len).ok_or(SignatureError::Length { len })?;
    let signers = match len {
        0..=limits::SIGNATURE_BYTES => pkcs7::signers(bytes.get(offset, len).unwrap_or_default()),
        len => Err(MessageError::TooLarge { len }),
    };
    Ok(Some(Signature { offset, len, signers }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(elf: &[u8], info: [u8; 8], len: u32, message: &[u8]) -> Vec<u8> {
        [elf, message, &info, &len.to_be_bytes(), MARKER].concat()
    }

    fn find_in(file: &[u8]) -> Result<Option<Signature>, SignatureError> {
        find(Bytes::in_memory(file))
    }

    const INFO: [u8; 8] = [0, 0, 2, 0, 0, 0, 0, 0];

    #[test]
    fn finds_what_is_appended() {
        let file = signed(b"ELFELF", INFO, 3, b"sig");
        let signature = find_in(&file).unwrap().unwrap();
        assert_eq!((signature.offset, signature.len), (6, 3));
        assert!(matches!(signature.signers, Err(MessageError::Der(_))));
    }

    #[test]
    fn finds_nothing_without_the_marker() {
        assert_eq!(find_in(b""), Ok(None));
        assert_eq!(find_in(b"~Module signature appended~"), Ok(None));
        assert_eq!(find_in(b"\x7fELF and more of the same, but unsigned"), Ok(None));
    }

    #[test]
    fn refuses_what_the_kernel_refuses() {
        assert_eq!(find_in(MARKER), Err(SignatureError::Length { len: 12 }));
        assert_eq!(find_in(&signed(b"ELF", INFO, 4, b"")), Err(SignatureError::Length { len: 4 }));
        assert_eq!(
            find_in(&signed(b"ELF", [0, 0, 1, 0, 0, 0, 0, 0], 0, b"")),
            Err(SignatureError::Type { id_type: 1 })
        );
        assert_eq!(find_in(&signed(b"ELF", [0, 4, 2, 0, 0, 0, 0, 0], 0, b"")), Err(SignatureError::Fields));
    }
}
