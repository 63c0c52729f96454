// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys from files: certificates, one or many, in PEM or DER, or the kernel image that has them built in.

use std::io::Read;
use std::path::Path;

use der::{Decode, Encode, Header, SliceReader};

use super::certificate::{Certificate, CertificateError};
use super::image;
use crate::input::{self, InputErrorKind};
use crate::limits;

/// Why no key can be had from a file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It can't be read.
    #[error(transparent)]
    Input(#[from] InputErrorKind),
    /// A certificate in it is none.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// Its PEM is broken.
    #[error("it is no PEM file that can be read ({0})")]
    Pem(String),
    /// A kernel image that holds none.
    #[error("no certificate in it: it is neither a PEM or DER certificate nor a kernel image that holds one")]
    None,
}

/// What a file turned out to be.
enum Found {
    /// Text.
    Pem(Vec<u8>),
    /// Certificates one after the other.
    Der(Vec<u8>),
    /// Something else; the certificates that were found in it.
    InImage(Vec<Vec<u8>>),
}

/// Reads all certificates of a file.
pub(super) fn read(path: &Path) -> Result<Vec<Certificate>, KeyError> {
    let from = path.display().to_string();
    let read = |der: &[u8]| Certificate::read(der, &from);
    let keys = match find(path)? {
        Found::Pem(pem) => certificates_in_pem(&pem)?.iter().map(|der| read(der)).collect::<Result<Vec<_>, _>>()?,
        Found::Der(bytes) => sequences(&bytes)?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?,
        Found::InImage(certificates) => readable(&certificates, path),
    };
    if keys.is_empty() { Err(KeyError::None) } else { Ok(keys) }
}

/// Reads the certificates of a kernel image, and of nothing else.
pub(super) fn read_image(path: &Path) -> Result<Vec<Certificate>, KeyError> {
    match find(path)? {
        Found::InImage(certificates) if !certificates.is_empty() => Ok(readable(&certificates, path)),
        _ => Err(KeyError::None),
    }
}

/// One of a kind that can't be read verifies nothing, and stands in nobody's way.
fn readable(certificates: &[Vec<u8>], path: &Path) -> Vec<Certificate> {
    let from = path.display().to_string();
    certificates.iter().filter_map(|der| Certificate::read(der, &from).ok()).collect()
}

/// Finds out what a file is.
fn find(path: &Path) -> Result<Found, InputErrorKind> {
    input::read_image(path, |stream| {
        let mut bytes = Vec::new();
        stream.take(limits::PEM_BYTES).read_to_end(&mut bytes)?;
        let is_pem = is_pem(&bytes);
        if !is_pem && bytes.first() != Some(&0x30) {
            return Ok(Found::InImage(image::certificates(bytes.chain(stream))?));
        }
        stream.read_to_end(&mut bytes)?;
        Ok(if is_pem { Found::Pem(bytes) } else { Found::Der(bytes) })
    })
}

const PEM_BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const PEM_END: &[u8] = b"-----END CERTIFICATE-----";

/// Whether text of PEM begins near the start: comments may stand before it (RFC 7468, section 2).
fn is_pem(start: &[u8]) -> bool {
    memchr::memmem::find(start, PEM_BEGIN).is_some()
}

/// The certificates of a PEM file, DER. What else is in it, such as a key that the certificate belongs to, is passed over.
fn certificates_in_pem(bytes: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    let mut certificates = Vec::new();
    let mut rest = bytes;
    while let Some(start) = memchr::memmem::find(rest, PEM_BEGIN) {
        let block = rest.get(start..).unwrap_or_default();
        let end = memchr::memmem::find(block, PEM_END).ok_or_else(|| KeyError::Pem("it is cut short".to_owned()))?;
        let (block, behind) = block.split_at(end + PEM_END.len());
        let (_, der) = der::pem::decode_vec(block).map_err(|error| KeyError::Pem(error.to_string()))?;
        certificates.push(der);
        rest = behind;
    }
    Ok(certificates)
}

/// The sequences that DER consists of, one after the other, as in a kernel's `x509_certificate_list`.
fn sequences(mut bytes: &[u8]) -> Result<Vec<&[u8]>, CertificateError> {
    let mut sequences = Vec::new();
    while !bytes.is_empty() {
        let header = Header::decode(&mut SliceReader::new(bytes)?)?;
        let len = usize::try_from((header.encoded_len()? + header.length)?).unwrap_or(usize::MAX);
        let Some((sequence, rest)) = bytes.split_at_checked(len) else {
            return Err(CertificateError::Der("it is cut short".to_owned()));
        };
        sequences.push(sequence);
        bytes = rest;
    }
    Ok(sequences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keys").join(name)
    }

    #[test]
    fn reads_pem_and_der_one_or_many() {
        let folder = tempfile::tempdir().unwrap();
        let der = std::fs::read(path("test.x509")).unwrap();
        let write = |bytes: &[u8]| {
            let file = folder.path().join("keys");
            std::fs::write(&file, bytes).unwrap();
            file
        };
        let pem = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &der).unwrap();
        let commented = ["Subject: somebody\n", &pem, "\n", &pem].concat();
        for (bytes, count) in [(der.clone(), 1), (der.repeat(3), 3), (pem.into_bytes(), 1), (commented.into_bytes(), 2)]
        {
            let keys = read(&write(&bytes)).unwrap();
            assert_eq!(keys.len(), count);
            assert!(keys.iter().all(|key| key.subject == "CN=symgate test key,O=symgate"));
        }
        let said = |bytes: &[u8]| read(&write(bytes)).unwrap_err().to_string();
        assert!(read(&path("test.pem")).unwrap_err().to_string().starts_with("no certificate in it"), "a key is none");
        assert!(said(&der[..der.len() - 1]).starts_with("it is no X.509 certificate"));
        assert!(said(b"-----BEGIN CERTIFICATE-----\nAAAA").starts_with("it is no PEM file"));
        assert!(said(b"text").starts_with("no certificate in it"));
    }
}
