//! Short names for things.

use sha2::{Digest, Sha256};

/// Most parts are as short together: no memory is asked for.
const SHORT: usize = 128;
/// Bytes of a length.
const PREFIX: usize = size_of::<u32>();

/// 64 bits of the SHA-256 of `parts`, kept apart by their lengths: who chooses the parts must not be
/// able to choose two that look alike cheaply.
pub(crate) fn mark(parts: &[&[u8]]) -> u64 {
    let length: usize = parts.iter().map(|part| PREFIX + part.len()).sum();
    let (mut short, mut long);
    let bytes: &mut [u8] = if length <= SHORT {
        short = [0; SHORT];
        &mut short[..length]
    } else {
        long = vec![0; length];
        &mut long
    };
    let mut rest = &mut *bytes;
    for part in parts {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        let (prefix, more) = rest.split_at_mut(PREFIX);
        prefix.copy_from_slice(&length.to_le_bytes());
        let (text, more) = more.split_at_mut(part.len());
        text.copy_from_slice(part);
        rest = more;
    }
    Sha256::digest(bytes)
        .iter()
        .take(8)
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

/// Spreads a number over all 64 bits (the finalizer of SplitMix64; Steele, Lea, Flood, OOPSLA 2014).
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(mark(&[b"ab", b"c"]), mark(&[b"a", b"bc"]));
        assert_ne!(mark(&[b"", b"a"]), mark(&[b"a"]));
        assert_eq!(mark(&[b"a"]), mark(&[b"a"]));
        let long = [b'a'; SHORT];
        for length in [SHORT - PREFIX, SHORT - PREFIX + 1, SHORT] {
            let mut bytes = (length as u32).to_le_bytes().to_vec();
            bytes.extend(&long[..length]);
            let whole = Sha256::digest(&bytes);
            assert_eq!(mark(&[&long[..length]]).to_be_bytes(), whole[..8]);
        }
    }
}
