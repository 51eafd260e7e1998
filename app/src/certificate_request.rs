//! Signing requests for certificates (PKCS #10, RFC 2986): for a key that an agent keeps for TLS alone.
//!
//! A request proves possession of its key by its own signature, and names the agent, so that nobody
//! can do anything with somebody else's. All else that it asks for changes nothing: certificates say
//! what we say.

use aim_domain::certificate::SIGNING_REQUEST_BYTES_MAX;
use aim_domain::signature::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SignatureAlgorithm};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

/// Bytes of a point of P-256, not compressed.
const POINT_BYTES: usize = 65;

/// Why a signing request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("has {0} bytes; give at most {SIGNING_REQUEST_BYTES_MAX}")]
    Long(usize),
    #[error("is no signing request in PEM; it begins with `-----BEGIN CERTIFICATE REQUEST-----`")]
    Malformed,
    #[error("has a key of another kind; make one of Ed25519 or of P-256 with SHA-256")]
    Algorithm,
    #[error("has a key that proves nothing; make a new key pair")]
    Weak,
    #[error("is not signed by the key that is in it; sign it anew")]
    Signature,
    #[error("asks for an authority; agents' certificates sign nothing")]
    Authority,
    #[error("has to name `URI:{0}` as its subject alternative name, and no other")]
    Name(String),
}

/// A key that a certificate is for, whose private half only its agent has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectKey {
    bytes: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl SubjectKey {
    /// A registered one.
    pub(crate) fn of(key: &PublicKey) -> Self {
        Self {
            bytes: key.to_bytes().to_vec(),
            algorithm: &PKCS_ED25519,
        }
    }

    /// What kind it is of.
    pub(crate) fn name(&self) -> &'static str {
        if *self.algorithm == PKCS_ED25519 {
            "Ed25519"
        } else {
            "P-256"
        }
    }

    /// SHA-256 of it as certificates have it (SPKI), base64url: what to look for where the certificate turns up.
    pub(crate) fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.subject_public_key_info()))
    }
}

impl PublicKeyData for SubjectKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// The key of a request that is well signed and names `id`.
pub(crate) fn subject_key(pem: &str, id: &str) -> Result<SubjectKey, RequestError> {
    if pem.len() > SIGNING_REQUEST_BYTES_MAX {
        return Err(RequestError::Long(pem.len()));
    }
    let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes());
    let der = der.map_err(|_| RequestError::Malformed)?;
    let parsed = X509CertificationRequest::from_der(&der);
    let (rest, request) = parsed.map_err(|_| RequestError::Malformed)?;
    if !rest.is_empty() || request.certification_request_info.version != X509Version::V1 {
        return Err(RequestError::Malformed);
    }
    let key = signer(&request)?;
    check_names(&request, id)?;
    Ok(key)
}

/// The key in a request, which has signed it.
fn signer(request: &X509CertificationRequest<'_>) -> Result<SubjectKey, RequestError> {
    let info = &request.certification_request_info;
    let (kind, key) = (
        &info.subject_pki.algorithm,
        &info.subject_pki.subject_public_key,
    );
    let signed = &request.signature_algorithm.algorithm;
    let bytes = key.data.to_vec();
    if key.unused_bits != 0 || request.signature_value.unused_bits != 0 {
        return Err(RequestError::Malformed);
    }
    if kind.algorithm == OID_SIG_ED25519 && *signed == OID_SIG_ED25519 {
        let bytes = bytes.try_into().map_err(|_| RequestError::Malformed)?;
        // By our rules, which are stricter than those of the library's provider.
        let key = PublicKey::from_bytes(&bytes).map_err(|_| RequestError::Weak)?;
        if !key.verify(info.raw, &request.signature_value.data) {
            return Err(RequestError::Signature);
        }
        return Ok(SubjectKey::of(&key));
    }
    let curve = kind.parameters.as_ref().and_then(|it| it.as_oid().ok());
    let is_p256 = kind.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == Some(OID_EC_P256);
    if !is_p256 || *signed != OID_SIG_ECDSA_WITH_SHA256 {
        return Err(RequestError::Algorithm);
    }
    if bytes.len() != POINT_BYTES {
        return Err(RequestError::Malformed);
    }
    let signature = request.verify_signature();
    signature.map_err(|_| RequestError::Signature)?;
    Ok(SubjectKey {
        bytes,
        algorithm: &PKCS_ECDSA_P256_SHA256,
    })
}

/// The agent's id, and no other name in any extension.
fn check_names(request: &X509CertificationRequest<'_>, id: &str) -> Result<(), RequestError> {
    let mut names = Vec::new();
    for attribute in request.certification_request_info.iter_attributes() {
        let ParsedCriAttribute::ExtensionRequest(asked) = attribute.parsed_attribute() else {
            continue;
        };
        for extension in &asked.extensions {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(given) => {
                    names.extend(given.general_names.iter());
                }
                ParsedExtension::BasicConstraints(given) if given.ca => {
                    return Err(RequestError::Authority);
                }
                _ => {}
            }
        }
    }
    match names[..] {
        [GeneralName::URI(name)] if *name == id => Ok(()),
        _ => Err(RequestError::Name(id.to_owned())),
    }
}

#[cfg(test)]
mod tests;
