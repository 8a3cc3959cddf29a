//! From where the messages of a feed may come: an address, or all that begin like it.
//!
//! RFC 4632 3.1 and RFC 4291 2.3: `10.1.0.0/16`, `2001:db8::/32`; an address alone is itself.

use std::net::IpAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits of it count, from the first.
    bits: u8,
}

impl Network {
    /// Reads it; none where it is no address, or where bits are set that do not count: it may be a mistake, and would let others in.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= all)?
            }
            Some(_) => return None,
            None => all,
        };
        let network = Network { address, bits };
        (network.counting(address) == number(address)).then_some(network)
    }

    /// Returns whether an address is in it. An IPv4 address that is written as one of IPv6 is itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && self.counting(address) == number(self.address)
    }

    /// Returns an address without the bits that do not count.
    fn counting(&self, address: IpAddr) -> u128 {
        let all: u32 = if address.is_ipv4() { 32 } else { 128 };
        let rest = all - u32::from(self.bits);
        // To shift by all bits is no shift in Rust.
        let high = u128::MAX.checked_shl(rest).unwrap_or(0);
        number(address) & high
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_that_begins_like_it() {
        for (network, address, expected) in [
            ("10.1.0.0/16", "10.1.255.3", true),
            ("10.1.0.0/16", "10.2.0.1", false),
            ("10.1.0.0/16", "::ffff:10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::1", "::1", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{network:?} {address}");
        }
        for wrong in ["", "10.1.0.0/33", "10.1.0.1/16", "10.1/16", "::1/129", "10.1.0.0/+8", "10.1.0.0/", "host", "::g"]
        {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
