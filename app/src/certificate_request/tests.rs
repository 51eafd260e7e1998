use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, SanType, SigningKey,
};

use super::*;

const ID: &str = "spiffe://one.aim.internal/agent/reader";
const OTHER: &str = "spiffe://one.aim.internal/agent/other";

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n")
}

fn named(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    let names = names.iter().map(|it| match it.strip_prefix("dns:") {
        Some(name) => SanType::DnsName(name.try_into().unwrap()),
        None => SanType::URI((*it).try_into().unwrap()),
    });
    params.subject_alt_names = names.collect();
    params
}

fn der(params: &CertificateParams, key: &impl SigningKey) -> Vec<u8> {
    params.serialize_request(key).unwrap().der().to_vec()
}

fn outcome(params: &CertificateParams) -> Result<SubjectKey, RequestError> {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    subject_key(&pem(&der(params, &key)), ID)
}

/// Says that it is one key, and signs with another.
struct Liar {
    says: Vec<u8>,
    signature: Vec<u8>,
}

impl PublicKeyData for Liar {
    fn der_bytes(&self) -> &[u8] {
        &self.says
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Liar {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.signature.clone())
    }
}

#[test]
fn keys_of_both_kinds_prove_themselves() {
    for (algorithm, name) in [
        (&PKCS_ED25519, "Ed25519"),
        (&PKCS_ECDSA_P256_SHA256, "P-256"),
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let found = subject_key(&pem(&der(&named(&[ID]), &key)), ID).unwrap();
        assert_eq!(
            (found.der_bytes(), found.name()),
            (key.public_key_raw(), name)
        );
        let spki = key.subject_public_key_info();
        assert_eq!(found.digest(), URL_SAFE_NO_PAD.encode(Sha256::digest(spki)));
    }
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let other = subject_key(&pem(&der(&named(&[ID]), &other)), ID);
    assert_eq!(other, Err(RequestError::Algorithm));
}

#[test]
fn a_request_names_its_agent_and_nobody_else() {
    assert!(outcome(&named(&[ID])).is_ok());
    let name = RequestError::Name(ID.to_owned());
    for names in [
        &[][..],
        &[OTHER],
        &[ID, OTHER],
        &[ID, ID],
        &[ID, "dns:reader.example"],
        &["dns:reader.example"],
        &["spiffe://one.aim.internal/agent/Reader"],
    ] {
        assert_eq!(outcome(&named(names)), Err(name.clone()), "{names:?}");
    }
    // What else it asks for does not matter, but for what nobody gets.
    let mut much = named(&[ID]);
    much.distinguished_name
        .push(DnType::CommonName, "somebody else");
    much.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    much.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    assert!(outcome(&much).is_ok());
    much.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(outcome(&much), Err(RequestError::Authority));
}

#[test]
fn who_has_not_the_key_proves_nothing() {
    let (own, other) = (
        KeyPair::generate_for(&PKCS_ED25519).unwrap(),
        KeyPair::generate_for(&PKCS_ED25519).unwrap(),
    );
    let lie = |says: &[u8], signature: Vec<u8>| {
        let says = says.to_vec();
        subject_key(&pem(&der(&named(&[ID]), &Liar { says, signature })), ID)
    };
    let theirs = other.sign(b"whatever").unwrap();
    let stolen = lie(own.public_key_raw(), theirs);
    assert_eq!(stolen, Err(RequestError::Signature));
    // The neutral point: laxer rules take this signature of it for any message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = neutral.to_vec();
    signature.extend([0; 32]);
    assert_eq!(lie(&neutral, signature), Err(RequestError::Weak));
    assert_eq!(lie(&[1; 31], vec![0; 64]), Err(RequestError::Malformed));
}

/// No bit of what is signed may be changed, and no other change gives another key; no byte may be
/// missing, nothing follow.
#[test]
fn what_is_not_whole_is_refused() {
    for algorithm in [&PKCS_ED25519, &PKCS_ECDSA_P256_SHA256] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let whole = der(&named(&[ID]), &key);
        let found = subject_key(&pem(&whole), ID);
        assert!(found.is_ok());
        let (_, parsed) = X509CertificationRequest::from_der(&whole).unwrap();
        let signed = parsed.certification_request_info.raw;
        let from = whole.windows(signed.len()).position(|it| it == signed);
        let signed = from.unwrap()..from.unwrap() + signed.len();
        for at in 0..whole.len() {
            assert!(subject_key(&pem(&whole[..at]), ID).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                let other = subject_key(&pem(&changed), ID);
                let is_same = other == found && !signed.contains(&at);
                assert!(other.is_err() || is_same, "bit {bit} of byte {at}");
            }
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(subject_key(&pem(&longer), ID), Err(RequestError::Malformed));
    }
    for text in ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\n", &pem(b"")] {
        assert_eq!(subject_key(text, ID), Err(RequestError::Malformed));
    }
    let huge = "A".repeat(SIGNING_REQUEST_BYTES_MAX + 1);
    let huge = subject_key(&huge, ID);
    assert_eq!(huge, Err(RequestError::Long(SIGNING_REQUEST_BYTES_MAX + 1)));
}
