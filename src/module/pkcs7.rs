// SPDX-License-Identifier: MIT OR Apache-2.0
//! The PKCS#7 message of a module's signature: who signed, by which key, with which hash.
//!
//! It is a detached CMS `SignedData` (RFC 5652) without certificates (`scripts/sign-file.c`, 7.2), so that the
//! signer is only named: by a certificate's issuer and serial number, or by the key's identifier. Nothing is verified
//! here; [`Signer::seal`] is what there is to verify.

use cms::cert::x509::name::Name;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode, Reader, SliceReader};

use serde::{Deserialize, Serialize};

use super::digest::Hash;
use crate::text;

/// `id-signedData` (RFC 5652, section 5.1).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// `id-messageDigest` (RFC 5652, section 11.2).
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// `id-at-commonName` (RFC 5280, appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// One signer of a module, as the message names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// The issuer of the key's certificate (RFC 4514); none where the key is named by its identifier.
    pub issuer: Option<Box<str>>,
    /// The common name in it: what modinfo calls the signer.
    pub common_name: Option<Box<str>>,
    /// The certificate's serial number or the key's identifier, as hexadecimal digits.
    pub key: Box<str>,
    /// The hash, as the kernel's crypto API names it.
    pub hash: Box<str>,
    /// The algorithm of the signature.
    pub algorithm: Box<str>,
    /// What there is to verify.
    pub seal: Seal,
}

/// A signature with what it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Whose key.
    pub key: KeyName,
    /// The hash of what is signed; none if it is not one that can be verified here.
    pub hash: Option<Hash>,
    /// The signature itself.
    pub signature: Box<[u8]>,
    /// The attributes that are signed in place of the content, and the content's hash in them; none if the content is signed
    /// itself, as the kernel's own tool does (`CMS_NOATTR`).
    pub attributes: Option<Attributes>,
}

/// Attributes that are signed (RFC 5652, section 5.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// The bytes that are signed.
    pub der: Box<[u8]>,
    /// `messageDigest`: the hash of the content.
    pub digest: Box<[u8]>,
}

/// How a message names a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyName {
    /// By its certificate.
    Certificate {
        /// The issuer's name, DER.
        issuer: Box<[u8]>,
        /// The serial number, without zeros before it.
        serial: Box<[u8]>,
    },
    /// By its identifier.
    Identifier(Box<[u8]>),
}

/// Why a message can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MessageError {
    /// It is not DER, or not of this shape.
    #[error("it is no PKCS#7 message ({0})")]
    Der(String),
    /// It is something else than signed data.
    #[error("it is a PKCS#7 message, but not of signed data ({0})")]
    Content(String),
    /// It is larger than any signature.
    #[error("its {len} bytes are more than any signature has")]
    TooLarge {
        /// How many it has.
        len: u64,
    },
    /// Nobody signed.
    #[error("its PKCS#7 message names no signer")]
    NoSigner,
}

impl From<der::Error> for MessageError {
    fn from(error: der::Error) -> Self {
        Self::Der(error.to_string())
    }
}

/// Reads the signers of a message; there is at least one.
pub(super) fn signers(message: &[u8]) -> Result<Vec<Signer>, MessageError> {
    let mut reader = SliceReader::new(message)?;
    let info = ContentInfo::decode(&mut reader)?;
    if !reader.is_finished() {
        return Err(MessageError::Der(format!("{} bytes too many", reader.remaining_len())));
    }
    if info.content_type != SIGNED_DATA {
        return Err(MessageError::Content(info.content_type.to_string()));
    }
    let data: SignedData = info.content.decode_as()?;
    let signers = data.signer_infos.0.iter().map(signer).collect::<Result<Vec<Signer>, MessageError>>()?;
    if signers.is_empty() { Err(MessageError::NoSigner) } else { Ok(signers) }
}

fn signer(info: &SignerInfo) -> Result<Signer, MessageError> {
    let (issuer, common_name, key) = match &info.sid {
        SignerIdentifier::IssuerAndSerialNumber(id) => (
            Some(text::shown(&id.issuer.to_string()).into()),
            common_name(&id.issuer),
            text::digits(id.serial_number.as_bytes()),
        ),
        SignerIdentifier::SubjectKeyIdentifier(id) => (None, None, text::digits(id.0.as_bytes())),
    };
    let hash = name(&HASHES, info.digest_alg.oid);
    let seal = Seal {
        key: key_name(&info.sid)?,
        hash: Hash::named(&hash),
        signature: info.signature.as_bytes().into(),
        attributes: attributes(info)?,
    };
    let algorithm = name(&ALGORITHMS, info.signature_algorithm.oid);
    Ok(Signer { issuer, common_name, key: key.into(), hash, algorithm, seal })
}

fn key_name(id: &SignerIdentifier) -> Result<KeyName, MessageError> {
    Ok(match id {
        SignerIdentifier::IssuerAndSerialNumber(id) => KeyName::Certificate {
            issuer: id.issuer.to_der()?.into(),
            serial: without_zeros(id.serial_number.as_bytes()).into(),
        },
        SignerIdentifier::SubjectKeyIdentifier(id) => KeyName::Identifier(id.0.as_bytes().into()),
    })
}

/// A serial number without zeros before it: some write them, some don't.
#[must_use]
pub fn without_zeros(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

/// The signed attributes, which are signed as a `SET OF` with its own tag (RFC 5652, section 5.4).
fn attributes(info: &SignerInfo) -> Result<Option<Attributes>, MessageError> {
    let Some(signed) = &info.signed_attrs else { return Ok(None) };
    let digest = signed.iter().find(|attribute| attribute.oid == MESSAGE_DIGEST);
    let digest = digest.and_then(|attribute| attribute.values.iter().next()).map(der::Any::value);
    let digest = digest.ok_or_else(|| MessageError::Der("its attributes have no digest".to_owned()))?;
    Ok(Some(Attributes { der: signed.to_der()?.into(), digest: digest.into() }))
}

/// The first common name of a certificate's issuer, from the name's own parts: in its text anything may stand.
fn common_name(issuer: &Name) -> Option<Box<str>> {
    let mut parts = issuer.0.iter().flat_map(|names| names.0.iter());
    let part = parts.find(|part| part.oid == COMMON_NAME)?;
    // A string of any kind: all that are in use are of ASCII or UTF-8 (`DirectoryString`, RFC 5280).
    let value = std::str::from_utf8(part.value.value()).ok()?;
    Some(text::shown(value).into())
}

/// Hashes that modules have been signed with (`kernel/module/Kconfig`, `certs/Kconfig`, 5.10 to 7.2).
const HASHES: [(&str, &str); 8] = [
    ("1.3.14.3.2.26", "sha1"),
    ("2.16.840.1.101.3.4.2.4", "sha224"),
    ("2.16.840.1.101.3.4.2.1", "sha256"),
    ("2.16.840.1.101.3.4.2.2", "sha384"),
    ("2.16.840.1.101.3.4.2.3", "sha512"),
    ("2.16.840.1.101.3.4.2.8", "sha3-256"),
    ("2.16.840.1.101.3.4.2.9", "sha3-384"),
    ("2.16.840.1.101.3.4.2.10", "sha3-512"),
];

/// Algorithms of signatures, with the names that OpenSSL prints.
const ALGORITHMS: [(&str, &str); 14] = [
    ("1.2.840.113549.1.1.1", "rsaEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("2.16.840.1.101.3.4.3.10", "ecdsa-with-SHA3-256"),
    ("2.16.840.1.101.3.4.3.11", "ecdsa-with-SHA3-384"),
    ("2.16.840.1.101.3.4.3.12", "ecdsa-with-SHA3-512"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

/// The name of an object identifier; its numbers where it has none here.
fn name(names: &[(&str, &str)], oid: ObjectIdentifier) -> Box<str> {
    let oid = oid.to_string();
    names.iter().find(|(number, _)| *number == oid).map_or(oid.as_str(), |(_, name)| name).into()
}
