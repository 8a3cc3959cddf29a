//! Where a request comes from, also when proxies of ours stand in between.
//!
//! `X-Forwarded-For` is read from its end, as far as proxies that are trusted have written it: what stands before was sent
//! by anybody.

use super::State;
use actix_web::HttpRequest;
use actix_web::web::Data;
use std::net::IpAddr;

/// Returns the network address of whoever sent a request.
pub fn address(http: &HttpRequest) -> String {
    let Some(peer) = http.peer_addr() else { return String::new() };
    let trusted = http.app_data::<Data<State>>().map_or(&[][..], |state| &state.settings.trusted_proxies);
    let headers = http.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let forwarded: Vec<&str> = headers.flat_map(|value| value.split(',')).map(str::trim).collect();
    sender(peer.ip(), &forwarded, trusted).to_string()
}

fn sender(peer: IpAddr, forwarded: &[&str], trusted: &[IpAddr]) -> IpAddr {
    let mut sender = peer.to_canonical();
    for told in forwarded.iter().rev() {
        if !trusted.contains(&sender) {
            break;
        }
        let Ok(before) = told.parse::<IpAddr>() else { break };
        sender = before.to_canonical();
    }
    sender
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_have_written_is_believed() {
        let trusted: Vec<IpAddr> = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap()).to_vec();
        for (peer, forwarded, want) in [
            ("192.0.2.9", &[][..], "192.0.2.9"),
            ("192.0.2.9", &["198.51.100.7"], "192.0.2.9"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.5", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.5", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            let sender = sender(peer.parse().unwrap(), forwarded, &trusted);
            assert_eq!(sender.to_string(), want, "{peer} {forwarded:?}");
        }
    }
}
