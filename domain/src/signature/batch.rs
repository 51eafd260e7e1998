//! Many signatures at once: a third of the cost, and the verdict that each would get alone.
//!
//! The strict equation of one signature is `[S]B = R + [k]A`. A batch asks whether a random
//! combination of all the differences `E = [S]B - R - [k]A` is nothing. It passes, but for a chance of
//! about 1 in 2^128, only where no `E` has a part in the group of prime order. An `E` may still have
//! a torsion part: chance decides then, and the verdict would not be the strict one's.
//!
//! `B` has no torsion part, nor has a key that is a [`PublicKey`]. So that of `E` is that of `-R`, and
//! the strict equation holds exactly where `R` has none. Each of [`SUMS`] sums takes or leaves each `R` by
//! a coin of its own. An `R` with a torsion part makes the sum with it and the sum without it differ
//! by that part, and one of the two has one at least: it is found by a sum with a chance of one half, and
//! by none with 1 in 2^32, if the coins were not known to who signed. Only the owner of a key can
//! make such an `R` whose `E` has no other part: what is at stake is whether all agree, not a forgery.
//!
//! Encodings of `R` that are not canonical and small orders are refused as they are alone; `S` is
//! reduced or the library refuses it.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::traits::Identity;
use ed25519_dalek::{Signature, VerifyingKey, verify_batch};
use sha2::{Digest, Sha256};

use super::PublicKey;

/// Fewer are checked one by one, which then takes no longer.
const LEAST: usize = 96;

/// Sums that are looked at for torsion: one for each byte of a SHA-256.
const SUMS: usize = 32;

/// Points whose sums are made beforehand, all 16 of them.
const BLOCK: usize = 4;

/// A signature that is to be checked with others.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// Whose it is said to be.
    pub key: &'a PublicKey,
    /// What is signed.
    pub message: &'a [u8],
    /// 64 bytes, if it is one.
    pub signature: &'a [u8],
}

/// Whether each signature is its key's over its message, by the strict rules, in order: what
/// [`PublicKey::verify`] says of each. With one that is not, all are checked one by one.
///
/// `coins` are 32 random bytes that nobody knows who signs; used once.
#[must_use]
pub fn verify_all(all: &[Signed<'_>], coins: &[u8; 32]) -> Vec<bool> {
    if all.len() >= LEAST && pass_together(all, coins).is_some() {
        return vec![true; all.len()];
    }
    let alone = |it: &Signed<'_>| it.key.verify(it.message, it.signature);
    all.iter().map(alone).collect()
}

/// Something if all pass.
fn pass_together(all: &[Signed<'_>], coins: &[u8; 32]) -> Option<()> {
    let mut points = Vec::with_capacity(all.len());
    let mut keys = Vec::with_capacity(all.len());
    let mut signatures = Vec::with_capacity(all.len());
    for one in all {
        let signature = Signature::from_slice(one.signature).ok()?;
        points.push(read_point(signature.r_bytes())?);
        keys.push(VerifyingKey::from_bytes(&one.key.to_bytes()).ok()?);
        signatures.push(signature);
    }
    let messages: Vec<&[u8]> = all.iter().map(|it| it.message).collect();
    verify_batch(&messages, &signatures, &keys).ok()?;
    are_torsion_free(&points, coins).then_some(())
}

/// The point of canonical bytes, unless its order is small.
///
/// Other bytes of a point have a `y` of at least 2^255 - 19, or the sign of an `x` of zero: the latter only
/// points of small order have.
fn read_point(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    let [first, middle @ .., last] = bytes;
    let is_reduced =
        *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff);
    let point = CompressedEdwardsY(*bytes).decompress()?;
    (is_reduced && !point.is_small_order()).then_some(point)
}

/// Whether none of the points has a torsion part, as far as chance can tell.
fn are_torsion_free(points: &[EdwardsPoint], coins: &[u8; 32]) -> bool {
    let mut sums = [EdwardsPoint::identity(); SUMS];
    for (block, number) in points.chunks(BLOCK).zip(0_u64..) {
        // `of[n]` is the sum of those points whose bit in `n` is set.
        let mut of = vec![EdwardsPoint::identity()];
        for point in block {
            let with: Vec<EdwardsPoint> = of.iter().map(|sum| sum + point).collect();
            of.extend(with);
        }
        let tosses = Sha256::new()
            .chain_update(coins)
            .chain_update(number.to_le_bytes());
        for (sum, toss) in sums.iter_mut().zip(tosses.finalize()) {
            if let Some(part) = of.get(usize::from(toss) % of.len()) {
                *sum += part;
            }
        }
    }
    sums.iter().all(EdwardsPoint::is_torsion_free)
}
