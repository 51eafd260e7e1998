//! Where a request may come from.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Most patterns of one list.
pub const ADDRESSES_MAX: usize = 100;

/// Why a pattern of addresses was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pattern of addresses; give an address, a block such as `10.0.0.0/8` or \
     `2001:db8::/32`, or stars such as `192.168.*.*`"
)]
pub struct AddressPatternError(String);

/// An address, a block of them, or an IPv4 address with stars for whole numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressPattern {
    text: String,
    is: Set,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Block(IpNet),
    /// Bits that count, and what they are.
    Masked(u32, u32),
}

impl AddressPattern {
    /// Reads it.
    ///
    /// # Errors
    /// [`AddressPatternError`] when it is none.
    pub fn parse(text: impl Into<String>) -> Result<Self, AddressPatternError> {
        let text = text.into();
        let block = || text.parse::<IpNet>().ok();
        let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let block = block().or_else(single).map(|it| Set::Block(canonical(it)));
        match block.or_else(|| masked(&text)) {
            Some(is) => Ok(Self { text, is }),
            None => Err(AddressPatternError(text.chars().take(64).collect())),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether an address is one of these. An IPv4 address within an IPv6 one is that IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match (self.is, address) {
            (Set::Block(block), address) => block.contains(&address),
            (Set::Masked(mask, bits), IpAddr::V4(address)) => u32::from(address) & mask == bits,
            (Set::Masked(..), IpAddr::V6(_)) => false,
        }
    }
}

/// A block of IPv4 addresses within IPv6 is that block.
fn canonical(block: IpNet) -> IpNet {
    if let IpNet::V6(six) = block
        && six.prefix_len() >= 96
        && let IpAddr::V4(four) = IpAddr::V6(six.addr()).to_canonical()
        && let Ok(block) = IpNet::new(IpAddr::V4(four), six.prefix_len() - 96)
    {
        return block;
    }
    block
}

fn masked(text: &str) -> Option<Set> {
    let mut parts = text.split('.');
    let (mut mask, mut bits) = ([0_u8; 4], [0_u8; 4]);
    for (mask, bits) in mask.iter_mut().zip(&mut bits) {
        let part = parts.next()?;
        if part != "*" {
            // The same words as in an address: no sign, no leading zero.
            let number: Ipv4Addr = format!("0.0.0.{part}").parse().ok()?;
            (*mask, *bits) = (0xff, number.octets()[3]);
        }
    }
    let of = |octets| u32::from(Ipv4Addr::from(octets));
    parts
        .next()
        .is_none()
        .then(|| Set::Masked(of(mask), of(bits)))
}

impl TryFrom<String> for AddressPattern {
    type Error = AddressPatternError;
    fn try_from(text: String) -> Result<Self, AddressPatternError> {
        Self::parse(text)
    }
}

impl From<AddressPattern> for String {
    fn from(pattern: AddressPattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_by_block_and_by_star() {
        for (pattern, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.255.0.1", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("192.168.*.7", "192.168.44.7", true),
            ("192.168.*.7", "192.168.44.8", false),
            ("*.*.*.*", "8.8.8.8", true),
            ("*.*.*.*", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("::/0", "10.1.1.1", false),
            ("0.0.0.0/0", "10.1.1.1", true),
        ] {
            let found = AddressPattern::parse(pattern).unwrap();
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(found.contains(address), inside, "{pattern} {address}");
        }
        for wrong in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.*.1",
            "10.*",
            "256.*.*.*",
            "01.*.*.*",
            "1*.0.0.0",
            "2001:db8:*",
            "example.org",
            "10.0.0.0/-1",
            " 10.0.0.1",
            "+1.*.*.*",
        ] {
            assert!(AddressPattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
