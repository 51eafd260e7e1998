//! Signatures in batches get the verdicts that they get alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::signature::{PublicKey, SecretKey, Signed, verify_all};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::SigningKey;
use proptest::collection::vec;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};
use sha2::{Digest, Sha512};

/// As many as are checked together.
const MANY: usize = 128;

struct Item {
    key: PublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn seed(number: usize) -> [u8; 32] {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

fn good(number: usize) -> Item {
    let key = SecretKey::from_seed(&seed(number % 50));
    let message = format!("event {number}").into_bytes();
    Item {
        signature: key.sign(&message).to_vec(),
        key: key.public_key(),
        message,
    }
}

/// What the owner of a key can make that differs from a signature by a torsion part of `R` alone.
fn twisted(number: usize, torsion: usize) -> Item {
    let mut item = good(number);
    let secret = SigningKey::from_bytes(&seed(number % 50)).to_scalar();
    let nonce = Scalar::from(u64::try_from(number).unwrap() + 11);
    let point = nonce * ED25519_BASEPOINT_POINT + EIGHT_TORSION[torsion];
    let r = point.compress().to_bytes();
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(item.key.to_bytes())
        .chain_update(&item.message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let s = nonce + k * secret;
    item.signature = [r, s.to_bytes()].concat();
    item
}

/// What does not verify: of what kind is told by a number.
fn bad(number: usize, kind: usize) -> Item {
    let mut item = good(number);
    let bytes = &mut item.signature;
    match kind {
        0 => bytes[5] ^= 1,
        1 => bytes[40] ^= 1,
        2 => item.message.push(b'!'),
        3 => item.key = SecretKey::from_seed(&seed(number % 50 + 1)).public_key(),
        // S that is not reduced: S + L.
        4 => add_order(&mut bytes[32..]),
        5 => bytes.truncate(63),
        6 => bytes.clear(),
        // R that is nothing, in canonical bytes and in others.
        7 => bytes[..32].copy_from_slice(&small_r(1, 0)),
        8 => bytes[..32].copy_from_slice(&small_r(0xee, 0xff)),
        9 => bytes.fill(0),
        10 => bytes.fill(0xff),
        _ => bytes[..32].copy_from_slice(&small_r(2, 0)),
    }
    item
}

fn small_r(first: u8, rest: u8) -> [u8; 32] {
    let mut r = [rest; 32];
    r[0] = first;
    r[31] &= 0x7f;
    r
}

fn add_order(s: &mut [u8]) {
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, add) in s.iter_mut().zip(order) {
        let sum = u16::from(*byte) + add + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
}

/// The verdicts in a batch, and alone.
fn both(items: &[Item], coins: &[u8; 32]) -> (Vec<bool>, Vec<bool>) {
    let signed = items.iter().map(|it| Signed {
        key: &it.key,
        message: &it.message,
        signature: &it.signature,
    });
    let signed: Vec<Signed<'_>> = signed.collect();
    let alone = signed
        .iter()
        .map(|it| it.key.verify(it.message, it.signature));
    (verify_all(&signed, coins), alone.collect())
}

#[test]
fn good_ones_pass_together_whatever_their_number() {
    for count in [0, 1, 2, 95, 96, 97, 98, 99, 100, 1_025] {
        let items: Vec<Item> = (0..count).map(good).collect();
        let (together, alone) = both(&items, &seed(count));
        assert_eq!(together, vec![true; count]);
        assert_eq!(alone, vec![true; count]);
    }
}

#[test]
fn one_bad_one_among_many_is_found() {
    for kind in 0..12 {
        for place in [0, 1, 64, MANY - 1] {
            let mut items: Vec<Item> = (0..MANY).map(good).collect();
            items[place] = bad(place, kind);
            let (together, alone) = both(&items, &seed(kind));
            let expected: Vec<bool> = (0..MANY).map(|number| number != place).collect();
            assert_eq!((&together, &alone), (&expected, &expected), "kind {kind}");
        }
    }
}

/// The equation of the batch alone passes these with a chance of 1 in 2 to 1 in 8.
#[test]
fn torsion_parts_are_found_with_any_coins() {
    for torsion in 1..8 {
        for number in 0..12 {
            let mut items: Vec<Item> = (0..MANY).map(good).collect();
            items[number] = twisted(number, torsion);
            let (together, alone) = both(&items, &seed(number));
            let expected: Vec<bool> = (0..MANY).map(|place| place != number).collect();
            assert_eq!(
                (&together, &alone),
                (&expected, &expected),
                "torsion {torsion}"
            );
        }
    }
}

/// Without torsion the same construction is a signature: what the test above makes is refused for the torsion.
#[test]
fn the_construction_without_torsion_passes() {
    let items: Vec<Item> = (0..MANY).map(|number| twisted(number, 0)).collect();
    let (together, alone) = both(&items, &seed(0));
    assert_eq!((together, alone), (vec![true; MANY], vec![true; MANY]));
}

#[test]
fn torsion_parts_that_cancel_out_are_found() {
    // Two of order two, one and its inverse, and all of a batch.
    for pair in [[4, 4], [1, 7], [2, 6]] {
        for number in 0..12 {
            let mut items: Vec<Item> = (0..MANY).map(good).collect();
            items[number] = twisted(number, pair[0]);
            items[number + 1] = twisted(number + 1, pair[1]);
            let (together, alone) = both(&items, &seed(number));
            assert_eq!(together, alone);
            assert!(!together[number] && !together[number + 1]);
        }
    }
    let items: Vec<Item> = (0..MANY).map(|number| twisted(number, 4)).collect();
    let (together, alone) = both(&items, &seed(0));
    assert_eq!((together, alone), (vec![false; MANY], vec![false; MANY]));
}

fn an_item() -> impl Strategy<Value = (usize, Option<usize>)> {
    let kind = prop_oneof![98 => Just(None), 1 => (0_usize..12).prop_map(Some), 1 => (12_usize..20).prop_map(Some)];
    (any::<u16>().prop_map(usize::from), kind)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn verdicts_are_those_of_each_alone(
        items in vec(an_item(), 90..300),
        coins in any::<[u8; 32]>(),
    ) {
        let items: Vec<Item> = items.into_iter().map(|(number, kind)| match kind {
            None => good(number),
            Some(kind @ 0..12) => bad(number, kind),
            Some(kind) => twisted(number, kind - 12),
        }).collect();
        let (together, alone) = both(&items, &coins);
        prop_assert_eq!(together, alone);
    }
}
