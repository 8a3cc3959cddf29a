//! Where a request of ours may go: to public addresses, so that nobody uses this server to reach what only it can reach.
//!
//! IANA's special-purpose registries, RFC 6890; OWASP "Server-Side Request Forgery Prevention".

use super::OutboundError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Checks an address as it is written: https without a user, and no host that is named by a number of our own network.
///
/// On a machine of a developer (`allow_loopback`) http is allowed too, to that machine alone.
pub fn check(url: &Url, allow_loopback: bool) -> Result<(), OutboundError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OutboundError::Address("has a user in it"));
    }
    // The library reads 2130706433, 0177.1 and their like as the addresses that they are.
    let is_here = match url.host() {
        None => return Err(OutboundError::Address("has no host")),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => is_here(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_here(IpAddr::V6(ip)),
    };
    match url.scheme() {
        "https" => {}
        "http" if is_here && allow_loopback => {}
        _ => return Err(OutboundError::Address("is not https")),
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    };
    match literal {
        Some(ip) if !is_allowed(ip, allow_loopback) => Err(OutboundError::Private),
        _ => Ok(()),
    }
}

/// Returns the addresses of a name. One of our own network refuses them all: nobody serves on both in good faith.
pub async fn resolve(name: &str, allow_loopback: bool) -> Result<Vec<SocketAddr>, OutboundError> {
    let found = tokio::net::lookup_host((name, 0)).await.map_err(|e| OutboundError::Away(e.to_string()))?;
    let found: Vec<SocketAddr> = found.collect();
    match found.iter().all(|address| is_allowed(address.ip(), allow_loopback)) {
        true => Ok(found),
        false => Err(OutboundError::Private),
    }
}

/// Returns whether a request may go to this address.
pub fn is_allowed(ip: IpAddr, allow_loopback: bool) -> bool {
    match ip {
        ip if is_here(ip) => allow_loopback,
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_here(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    /// Networks that are not of the internet, and what the platforms of clouds answer on.
    const CLOSED: &[([u8; 4], u32)] = &[
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([168, 63, 129, 16], 32),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 3),
    ];
    let bits = u32::from(ip);
    !CLOSED.iter().any(|(network, length)| (bits ^ u32::from_be_bytes(*network)) >> (32 - length) == 0)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let part = ip.segments();
    let inner = Ipv4Addr::from((u32::from(part[6]) << 16) | u32::from(part[7]));
    match part {
        // Addresses of IPv4 in the clothes of IPv6: mapped, and translated (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => is_public_v4(inner),
        // Protocols (Teredo among them), examples, and 6to4, which carries an address of IPv4 as well.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_must_be_public_and_https() {
        for (text, outside, developer) in [
            ("https://clinic.example/jwks", true, true),
            ("https://8.8.8.8/", true, true),
            ("https://[2606:4700::1111]/", true, true),
            ("https://[64:ff9b::8.8.8.8]/", true, true),
            ("http://clinic.example/jwks", false, false),
            ("ftp://clinic.example/", false, false),
            ("file:///etc/passwd", false, false),
            ("https://user@clinic.example/", false, false),
            ("https://user:word@clinic.example/", false, false),
            ("http://localhost:8080/", false, true),
            ("http://LOCALHOST:8080/", false, true),
            ("http://127.0.0.1:8080/", false, true),
            ("https://127.0.0.1/", false, true),
            ("https://127.9.9.9/", false, true),
            ("https://2130706433/", false, true),
            ("https://0x7f000001/", false, true),
            ("https://0177.0.0.1/", false, true),
            ("https://127.1/", false, true),
            ("https://[::1]/", false, true),
            ("https://[::ffff:127.0.0.1]/", false, true),
            ("https://[::ffff:7f00:1]/", false, true),
            ("https://[::127.0.0.1]/", false, false),
            ("https://0.0.0.0/", false, false),
            ("https://0/", false, false),
            ("https://[::]/", false, false),
            ("https://10.0.0.1/", false, false),
            ("https://0xa.0.0.1/", false, false),
            ("https://172.16.0.1/", false, false),
            ("https://172.31.255.255/", false, false),
            ("https://172.32.0.1/", true, true),
            ("https://192.168.1.1/", false, false),
            ("https://100.64.0.1/", false, false),
            ("https://100.100.100.200/", false, false),
            ("https://169.254.169.254/latest/meta-data/", false, false),
            ("http://169.254.169.254/latest/meta-data/", false, false),
            ("https://[::ffff:169.254.169.254]/", false, false),
            ("https://[64:ff9b::a9fe:a9fe]/", false, false),
            ("https://[64:ff9b:1::a9fe:a9fe]/", false, false),
            ("https://[2002:a9fe:a9fe::]/", false, false),
            ("https://[2001:0:4136:e378::]/", false, false),
            ("https://[fd00:ec2::254]/", false, false),
            ("https://[fe80::1]/", false, false),
            ("https://[fec0::1]/", false, false),
            ("https://[ff02::1]/", false, false),
            ("https://[2001:db8::1]/", false, false),
            ("https://168.63.129.16/", false, false),
            ("https://224.0.0.1/", false, false),
            ("https://255.255.255.255/", false, false),
        ] {
            let url = Url::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(check(&url, false).is_ok(), outside, "{text}");
            assert_eq!(check(&url, true).is_ok(), developer, "{text} on a developer's machine");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_the_addresses_it_leads_to() {
        assert!(matches!(resolve("localhost", false).await, Err(OutboundError::Private)));
        assert!(resolve("localhost", true).await.is_ok());
        assert!(matches!(resolve("there.is.no.such.invalid", true).await, Err(OutboundError::Away(_))));
    }
}
