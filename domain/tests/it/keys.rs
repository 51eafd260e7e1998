//! Keys: what is accepted as one, and how it is written.

use aim_domain::signature::{KeyError, PublicKey, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::hex::array;
use crate::request::key;

#[test]
fn the_thumbprint_is_that_of_rfc_8037() {
    let key = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert_eq!(
        key.thumbprint(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn a_public_key_is_32_bytes_of_base64() {
    let public = key().public_key();
    let bytes = public.to_bytes();
    for text in [public.to_base64url(), STANDARD.encode(bytes)] {
        assert_eq!(PublicKey::parse(&text), Ok(public.clone()), "{text}");
    }
    for text in [
        String::new(),
        "*".repeat(43),
        URL_SAFE_NO_PAD.encode(&bytes[1..]),
        URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat()),
        format!("{} ", public.to_base64url()),
        format!("{}\n", public.to_base64url()),
        // Nothing but the two forms: one key has few spellings.
        STANDARD_NO_PAD.encode([0xff; 32]),
        URL_SAFE.encode([0xff; 32]),
    ] {
        assert_eq!(PublicKey::parse(&text), Err(KeyError::Encoding), "{text}");
    }
}

#[test]
fn keys_that_prove_nothing_are_refused() {
    let weak = [
        // All points of small order, in canonical form.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for text in weak {
        let refused = PublicKey::from_bytes(&array(text));
        assert_eq!(refused, Err(KeyError::Weak), "{text}");
    }
    let not_points = [
        // The same again, not in canonical form: y is not below the prime, or -0.
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        // No point of the curve.
        "0200000000000000000000000000000000000000000000000000000000000000",
    ];
    for text in not_points {
        let refused = PublicKey::from_bytes(&array(text));
        assert_eq!(refused, Err(KeyError::Point), "{text}");
    }
}

#[test]
fn a_private_key_makes_the_round_trip_as_pem_and_is_never_printed() {
    let secret = key();
    let pem = secret.to_pem().unwrap();
    let read = SecretKey::from_pem(&pem).unwrap();
    assert_eq!(read.public_key(), secret.public_key());
    assert_eq!(read.sign(b"text"), secret.sign(b"text"));
    assert_eq!(format!("{secret:?}"), "SecretKey(..)");
    for text in [
        String::new(),
        "key".to_owned(),
        pem.replace("PRIVATE", "PUBLIC"),
        pem[..pem.len() / 2].to_owned(),
        pem.replacen("MC", "MD", 1),
    ] {
        let refused = SecretKey::from_pem(&text).map(|key| key.public_key());
        assert_eq!(refused, Err(KeyError::Pem), "{text}");
    }
}
