//! Logins of programs that act as a person: asked for by the program, answered by the person in a
//! browser, redeemed once by the program.
//!
//! A program with a browser beside it is answered at a loopback address (RFC 8252) with a code that is
//! bound to its challenge (PKCE, RFC 7636). One without shows a user code, and asks until the person has
//! answered (RFC 8628).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The one program that may ask: this product's command line, which can keep no secret.
pub const CLIENT_ID: &str = "aim-cli";
/// How long a code waits to be redeemed: one redirect on one machine.
pub const CODE_LIFE: Duration = Duration::minutes(1);
/// How long a person may take to answer.
pub const ANSWER_LIFE: Duration = Duration::minutes(10);
/// How long a program waits between two questions at first, and by how much more after one too early.
pub const POLL_INTERVAL: Duration = Duration::seconds(5);
/// Characters of a user code.
pub const USER_CODE_LENGTH: usize = 8;
/// Consonants without look-alikes: no words come of them, and eight carry 34 bits.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Characters of a challenge: a SHA-256 in base64url.
const CHALLENGE_LENGTH: usize = 43;
/// Fewest and most characters of a verifier (RFC 7636, section 4.1).
const VERIFIER_LENGTHS: std::ops::RangeInclusive<usize> = 43..=128;
/// Where a program of the same machine is answered.
pub const CALLBACK_PATH: &str = "/callback";
/// Most characters of what a program calls its machine.
const DEVICE_MAX: usize = 64;

/// How a program is told of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoginFlow {
    /// By a redirect to its own machine.
    Browser,
    /// It asks.
    Device,
}

/// A user code of so many random bytes; those beyond the last whole round of the alphabet are skipped, so
/// that every letter is as likely. `None` when too few are left.
#[must_use]
pub fn user_code(random: &[u8]) -> Option<String> {
    let rounds = u8::MAX - u8::MAX % 20;
    let even = random.iter().filter(|byte| **byte < rounds);
    let letters = even.map(|byte| char::from(ALPHABET[usize::from(byte % 20)]));
    let code: String = letters.take(USER_CODE_LENGTH).collect();
    (code.len() == USER_CODE_LENGTH).then_some(code)
}

/// As people read it.
#[must_use]
pub fn shown(code: &str) -> String {
    let (left, right) = code
        .split_at_checked(USER_CODE_LENGTH / 2)
        .unwrap_or((code, ""));
    format!("{left}-{right}")
}

/// The code in what somebody typed, whatever the case and the signs between; `None` where there is none.
#[must_use]
pub fn typed(text: &str) -> Option<String> {
    if text.len() > 4 * USER_CODE_LENGTH {
        return None;
    }
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    let code: String = letters.map(|it| it.to_ascii_uppercase()).collect();
    let is_ours = code.bytes().all(|byte| ALPHABET.contains(&byte));
    (code.len() == USER_CODE_LENGTH && is_ours).then_some(code)
}

/// Whether this is where a program of the same machine listens: plain HTTP at a loopback address, any
/// port, and the one path. Names are refused, `localhost` too: they may lead elsewhere.
#[must_use]
pub fn is_loopback(redirect: &str) -> bool {
    let hosts = ["http://127.0.0.1:", "http://[::1]:"];
    let rest = hosts.iter().find_map(|host| redirect.strip_prefix(host));
    let Some(port) = rest.and_then(|rest| rest.strip_suffix(CALLBACK_PATH)) else {
        return false;
    };
    let is_plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    is_plain && port.parse::<u16>().is_ok()
}

/// Whether this can be a challenge by SHA-256.
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE_LENGTH && URL_SAFE_NO_PAD.decode(text).is_ok_and(|it| it.len() == 32)
}

/// The challenge of a verifier.
#[must_use]
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Whether the verifier is the one of the challenge; takes the same time whatever differs.
#[must_use]
pub fn verifies(verifier: &str, challenge: &str) -> bool {
    let is_one = VERIFIER_LENGTHS.contains(&verifier.len());
    let same = challenge_of(verifier)
        .as_bytes()
        .ct_eq(challenge.as_bytes());
    is_one && bool::from(same)
}

/// What a program calls its machine, cut to what can be shown: letters, digits and a few signs.
#[must_use]
pub fn device_name(claimed: &str) -> String {
    let fits = |sign: &char| sign.is_ascii_alphanumeric() || " .-_@".contains(*sign);
    let name: String = claimed.chars().filter(fits).take(DEVICE_MAX).collect();
    let name = name.trim();
    if name.is_empty() {
        "an unnamed machine"
    } else {
        name
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_codes_are_even_and_read_however_they_are_typed() {
        assert_eq!(user_code(&[0; 7]), None);
        assert_eq!(user_code(&[255; 40]), None);
        let random: Vec<u8> = (240..=255).chain(0..8).collect();
        assert_eq!(user_code(&random).as_deref(), Some("BCDFGHJK"));
        let every: std::collections::BTreeSet<char> = (0..=255_u8)
            .filter_map(|byte| user_code(&[byte; 8]))
            .flat_map(|code| code.chars().collect::<Vec<_>>())
            .collect();
        assert_eq!(every.len(), ALPHABET.len());

        assert_eq!(shown("BCDFGHJK"), "BCDF-GHJK");
        for text in ["BCDFGHJK", "bcdf-ghjk", " bcdf ghjk\n", "BCDF\u{2013}GHJK"] {
            assert_eq!(typed(text).as_deref(), Some("BCDFGHJK"), "{text}");
        }
        for text in [
            "",
            "BCDFGHJ",
            "BCDFGHJKL",
            "ACDFGHJK",
            "BCDFGHJ1",
            &"-".repeat(99),
        ] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_redirected_to() {
        for good in [
            "http://127.0.0.1:1/callback",
            "http://127.0.0.1:65535/callback",
            "http://[::1]:8080/callback",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:80",
            "http://127.0.0.1:80/",
            "http://127.0.0.1:80/other",
            "http://127.0.0.1:80/other/callback",
            "http://127.0.0.1:80/callback/",
            "http://127.0.0.1:80//callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:080/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:+80/callback",
            "https://127.0.0.1:80/callback",
            "http://localhost:80/callback",
            "http://127.0.0.2:80/callback",
            "http://127.0.0.1.evil.example:80/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1:80@evil.example:80/callback",
            "http://user@127.0.0.1:80/callback",
            "http://127.0.0.1:80/callback?a=b",
            "http://127.0.0.1:80/callback#a",
            "http://127.0.0.1:80\r\nb/callback",
            "http://127.0.0.1:80/\"><script>/callback",
            "http://[::1]:80%00/callback",
            "http://[::2]:80/callback",
            "HTTP://127.0.0.1:80/callback",
            "javascript:alert(1)//callback",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn a_challenge_has_one_verifier() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(challenge_of(verifier), challenge);
        assert!(is_challenge(challenge) && verifies(verifier, challenge));
        assert!(!verifies(
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl",
            challenge
        ));
        // Of a verifier that is too short to be one.
        assert!(!verifies("short", &challenge_of("short")));
        for bad in [
            "",
            verifier.get(1..).unwrap(),
            &"=".repeat(43),
            &"a".repeat(44),
        ] {
            assert!(!is_challenge(bad), "{bad}");
        }
    }

    #[test]
    fn names_of_machines_say_nothing_else() {
        assert_eq!(
            device_name("anna@laptop-7.example"),
            "anna@laptop-7.example"
        );
        let hostile = "<b onload=\"x\">\u{202e}lap\u{1b}[0mtop";
        assert_eq!(device_name(hostile), "b onloadxlap0mtop");
        assert_eq!(device_name("\u{202e}\n"), "an unnamed machine");
        assert_eq!(device_name(&"x".repeat(999)).len(), DEVICE_MAX);
    }
}
