//! Proofs of possession of a token's key (RFC 9449, DPoP), with Ed25519.

use aim_domain::signature::PublicKey;
use aim_domain::token::DPOP_MAX_AGE_SECONDS;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

const TYPE: &str = "dpop+jwt";
/// Most bytes of a proof.
const PROOF_MAX: usize = 4_096;
/// Least and most bytes of `jti`.
const JTI: std::ops::RangeInclusive<usize> = 8..=128;

/// A proof that is right.
#[derive(Debug)]
pub struct Proof {
    /// Thumbprint of the key that made it.
    pub jkt: String,
    /// Its name, good once for this key.
    pub name: String,
    /// After which it is refused anyway.
    pub stale_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
}

/// What a proof has to be about.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The request's method.
    pub method: &'a str,
    /// Scheme, authority and path, without query.
    pub url: &'a str,
    /// The token that it goes with, if any.
    pub token: Option<&'a str>,
    /// When the request came.
    pub now: DateTime<Utc>,
}

/// Checks the one proof of a request.
///
/// # Errors
/// What is wrong with it, in words for whoever made it.
pub(crate) fn check(headers: &HeaderMap, wanted: Wanted<'_>) -> Result<Proof, &'static str> {
    let mut all = headers.get_all("dpop").iter();
    let (Some(proof), None) = (all.next(), all.next()) else {
        return Err("send exactly one `dpop` field");
    };
    read_proof(
        proof.to_str().map_err(|_| "the proof is not ASCII")?,
        wanted,
    )
}

/// Checks a proof.
///
/// # Errors
/// What is wrong with it, in words for whoever made it.
pub fn read_proof(proof: &str, wanted: Wanted<'_>) -> Result<Proof, &'static str> {
    if proof.len() > PROOF_MAX {
        return Err("the proof is too long");
    }
    let key = key_of(proof)?;
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let verifier = DecodingKey::from_ed_components(&key.to_base64url());
    let verifier = verifier.map_err(|_| "the proof's key is no Ed25519 key")?;
    let claims = decode::<Claims>(proof, &verifier, &rules)
        .map_err(|_| "the proof does not verify with its own key, or lacks a claim")?
        .claims;
    if claims.htm != wanted.method {
        return Err("`htm` is not the method of this request");
    }
    if claims.htu.split(['?', '#']).next() != Some(wanted.url) {
        return Err("`htu` is not the URL of this request");
    }
    if !JTI.contains(&claims.jti.len()) {
        return Err("`jti` has to have 8 to 128 bytes");
    }
    let age = wanted.now.timestamp().saturating_sub(claims.iat);
    if age.unsigned_abs() > DPOP_MAX_AGE_SECONDS.unsigned_abs() {
        return Err("`iat` is too far from now; make a new proof for each request");
    }
    let hash = |token: &str| URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()));
    if claims.ath != wanted.token.map(hash) && wanted.token.is_some() {
        return Err("`ath` is not the hash of the token");
    }
    let stale = claims.iat.saturating_add(DPOP_MAX_AGE_SECONDS + 1);
    let jkt = key.thumbprint();
    Ok(Proof {
        name: format!("dpop:{jkt}:{}", claims.jti),
        jkt,
        stale_at: DateTime::from_timestamp(stale, 0).unwrap_or(DateTime::<Utc>::MAX_UTC),
    })
}

/// The public key in a proof's header.
fn key_of(proof: &str) -> Result<PublicKey, &'static str> {
    let header = decode_header(proof).map_err(|_| "the proof is no JWT")?;
    if header.typ.as_deref() != Some(TYPE) || header.alg != Algorithm::EdDSA {
        return Err("the proof's header needs `typ` `dpop+jwt` and `alg` `EdDSA`");
    }
    // RFC 7515, section 4.1.11.
    if header.crit.is_some() {
        return Err("the proof's header has `crit`; no extension is understood here");
    }
    // The library's type has no place for what must not be there.
    let raw = proof.split('.').next().unwrap_or_default();
    let raw = URL_SAFE_NO_PAD.decode(raw).unwrap_or_default();
    let raw: Value = serde_json::from_slice(&raw).unwrap_or_default();
    if raw["jwk"].get("d").is_some() {
        return Err("the proof's header has a private key; that key is burnt, make another");
    }
    let Some(AlgorithmParameters::OctetKeyPair(pair)) = header.jwk.map(|jwk| jwk.algorithm) else {
        return Err("the proof's header needs `jwk` with an Ed25519 key");
    };
    PublicKey::parse(&pair.x).map_err(|_| "the proof's key is weak or no Ed25519 key")
}
