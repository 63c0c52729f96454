// SPDX-License-Identifier: MIT OR Apache-2.0
//! Certificates (X.509, RFC 5280), of which only the key and its names matter here: to the kernel, too, a certificate in
//! its keyring is a key (`crypto/asymmetric_keys/x509_public_key.c`, 7.2), and no date is looked at.

use std::path::{Path, PathBuf};

use der::{Decode, Encode};
use rsa::pkcs1::DecodeRsaPublicKey;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use crate::module::pkcs7::{KeyName, without_zeros};
use crate::text;

/// A certificate whose key is trusted.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Its subject (RFC 4514).
    pub subject: String,
    /// The file that holds it.
    pub from: String,
    /// The folder whose modules it speaks for; all, where there is none.
    pub(super) scope: Option<PathBuf>,
    issuer: Box<[u8]>,
    serial: Box<[u8]>,
    identifier: Option<Box<[u8]>>,
    pub(super) key: PublicKey,
}

/// A key that signatures can be verified with.
#[derive(Debug, Clone)]
pub(super) enum PublicKey {
    Rsa(Box<rsa::RsaPublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    /// One of another kind.
    Unknown,
}

/// Why a certificate can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is not DER, or not of this shape.
    #[error("it is no X.509 certificate ({0})")]
    Der(String),
}

impl From<der::Error> for CertificateError {
    fn from(error: der::Error) -> Self {
        Self::Der(error.to_string())
    }
}

impl Certificate {
    /// Reads a certificate; nothing may follow it.
    pub fn read(der: &[u8], from: &str) -> Result<Self, CertificateError> {
        let certificate = x509_cert::Certificate::from_der(der)?.tbs_certificate;
        let subject = text::shown(&certificate.subject.to_string()).into_owned();
        let identifier = certificate.get::<SubjectKeyIdentifier>()?;
        // One that can't be read verifies nothing, and stands in no other's way.
        let key = public_key(&certificate.subject_public_key_info).unwrap_or(PublicKey::Unknown);
        Ok(Self {
            subject,
            from: from.to_owned(),
            scope: None,
            issuer: certificate.issuer.to_der()?.into(),
            serial: without_zeros(certificate.serial_number.as_bytes()).into(),
            identifier: identifier.map(|(_, identifier)| identifier.0.as_bytes().into()),
            key,
        })
    }

    /// The same, which speaks for the modules of a folder only.
    pub(super) fn within(self, folder: &Path) -> Self {
        Self { scope: Some(folder.to_owned()), ..self }
    }

    /// Whether a message means this one.
    #[must_use]
    pub fn is_named(&self, name: &KeyName) -> bool {
        match name {
            KeyName::Certificate { issuer, serial } => *issuer == self.issuer && *serial == self.serial,
            KeyName::Identifier(identifier) => self.identifier.as_ref() == Some(identifier),
        }
    }
}

/// The key of a certificate (RFC 3279, RFC 5480); nothing if it is broken.
fn public_key(info: &x509_cert::spki::SubjectPublicKeyInfoOwned) -> Option<PublicKey> {
    let bytes = info.subject_public_key.as_bytes()?;
    let algorithm = info.algorithm.oid.to_string();
    let curve =
        || Some(info.algorithm.parameters.as_ref()?.decode_as::<der::asn1::ObjectIdentifier>().ok()?.to_string());
    Some(match (algorithm.as_str(), curve().as_deref()) {
        ("1.2.840.113549.1.1.1", _) => PublicKey::Rsa(rsa::RsaPublicKey::from_pkcs1_der(bytes).ok()?.into()),
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => {
            PublicKey::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?.into())
        }
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => {
            PublicKey::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?.into())
        }
        ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => {
            PublicKey::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?.into())
        }
        _ => PublicKey::Unknown,
    })
}
