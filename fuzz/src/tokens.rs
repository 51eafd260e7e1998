//! People's access tokens, agents' tokens and proofs of possession, out of any bytes.
//!
//! Lines: which kind (`a` access, `t` agent's, `p` proof), header, claims. What stands there is also
//! signed with the right key, so that what lies behind the signature is reached; and the whole input
//! is taken as a token as it is.

use std::sync::OnceLock;

use aim_api::tokens::{AccessToken, TokenRules, Wanted, read_agent_token, read_proof};
use aim_domain::signature::{PublicKey, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

const SECRET: &[u8] = b"a secret of thirty-two bytes or more";
const ISSUER: &str = "https://aim.example";
const URL: &str = "https://aim.example/graphql";
/// The token that proofs go with.
const TOKEN: &str = "token";
/// 2026-11-27, about.
const NOW: i64 = 1_795_800_000;

/// Who signs, and what the verifiers are given. Nobody who writes inputs knows the secrets.
struct Keys {
    agent: SecretKey,
    believed: [PublicKey; 1],
    sign: EncodingKey,
    verify: DecodingKey,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let agent = SecretKey::from_seed(&[42; 32]);
        Keys {
            believed: [agent.public_key()],
            agent,
            sign: EncodingKey::from_secret(SECRET),
            verify: DecodingKey::from_secret(SECRET),
        }
    })
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap_or_default()
}

/// Header and claims, signed by us.
pub(crate) fn signed(kind: &str, header: &str, claims: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = if kind == "a" {
        jsonwebtoken::crypto::sign(message.as_bytes(), &keys().sign, Algorithm::HS256)
            .unwrap_or_default()
    } else {
        URL_SAFE_NO_PAD.encode(keys().agent.sign(message.as_bytes()))
    };
    format!("{message}.{signature}")
}

/// Which of the three take `text`.
pub(crate) fn takers(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    if let Ok(token) = AccessToken::read(text, &keys().verify, now()) {
        assert!(token.expires_at > now(), "over, and taken");
        found.push("a");
    }
    let rules = TokenRules {
        believed: &keys().believed,
        issuer: ISSUER,
        audience: Some(ISSUER),
        now: now(),
    };
    if let Ok(token) = read_agent_token(text, rules) {
        assert!(token.expires_at > now(), "over, and taken");
        assert_eq!(token.audience, ISSUER, "for somebody else, and taken");
        found.push("t");
    }
    let wanted = Wanted {
        method: "POST",
        url: URL,
        token: Some(TOKEN),
        now: now(),
    };
    if let Ok(proof) = read_proof(text, wanted) {
        assert_eq!(
            proof.jkt,
            keys().believed[0].thumbprint(),
            "a proof by a key that signed nothing"
        );
        assert!(proof.stale_at > now(), "good once, and forgotten at once");
        found.push("p");
    }
    found
}

/// What any token of a kind has to say to be taken, read by other means.
fn has_to_be(kind: &str, header: &Value, claims: &Value) -> bool {
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    if !header["crit"].is_null() {
        return false;
    }
    let is_alive = claims["exp"].as_i64().is_some_and(|it| it > NOW);
    match kind {
        "a" => {
            header["alg"] == "HS256"
                && header["typ"] == "at+jwt"
                && text("iss") == "aim"
                && text("aud") == "aim-api"
                && is_alive
        }
        "t" => {
            header["alg"] == "EdDSA"
                && header["typ"] == "at+jwt"
                && header["kid"] == keys().believed[0].thumbprint()
                && text("iss") == ISSUER
                && text("aud") == ISSUER
                && is_alive
        }
        _ => {
            header["alg"] == "EdDSA"
                && header["typ"] == "dpop+jwt"
                && header["jwk"]["d"].is_null()
                && text("htm") == "POST"
                && text("htu").split(['?', '#']).next() == Some(URL)
                && text("ath") == URL_SAFE_NO_PAD.encode(Sha256::digest(TOKEN))
                && claims["iat"]
                    .as_i64()
                    .is_some_and(|it| it.abs_diff(NOW) <= 60)
        }
    }
}

/// The signed token with one character of it exchanged, which one the input says.
fn altered(token: &str, bytes: &[u8]) -> String {
    let sum: usize = bytes.iter().map(|it| usize::from(*it)).sum();
    let mut altered = token.as_bytes().to_vec();
    let at = sum % altered.len();
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(altered).unwrap_or_default()
}

/// Everything about one input.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let taken = takers(text.trim_end());
    assert!(taken.is_empty(), "{taken:?} took what nobody signed");
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (kind, header, claims) = (line(), line(), line());
    let token = signed(kind, header, claims);
    for taker in takers(&token) {
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let (header, claims) = (parsed(header), parsed(claims));
        assert!(
            has_to_be(taker, &header, &claims),
            "{taker} took {header} {claims}"
        );
        let altered = altered(&token, bytes);
        assert_eq!(takers(&altered), [""; 0], "an altered token passed");
        let cut = &token[..token.len() - 1];
        assert_eq!(takers(cut), [""; 0], "a token without its end passed");
    }
}
