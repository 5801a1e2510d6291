//! Where the service may listen, and whom it believes about where a request comes from.

use super::denied::Denied;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Whether only this machine can reach that address.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether the service may listen there. What other machines can reach must be reached through TLS, or nobody's token is a secret. It speaks
/// none itself: a proxy before it does.
///
/// # Errors
/// Why not, and what to do.
pub fn check_bind(address: SocketAddr, trusted_proxies: &[IpNet]) -> Result<(), String> {
    if is_loopback(address.ip()) || !trusted_proxies.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{address} can be reached by other machines, and tokens would cross the network in the clear: listen on 127.0.0.1, or put a proxy \
         that speaks TLS before it and name its network in access.trusted_proxies, such as [\"10.0.0.0/8\"]"
    ))
}

/// Whether whoever connected so may send credentials: from this machine, or as a proxy that spoke TLS for us. Others that reach
/// the port past the proxy send theirs in the clear; answering them would make a habit of it.
///
/// # Errors
/// Where they may not.
pub fn check_peer(peer: IpAddr, trusted_proxies: &[IpNet]) -> Result<(), Denied> {
    let peer = peer.to_canonical();
    let is_trusted = trusted_proxies.iter().any(|network| network.contains(&peer));
    if peer.is_loopback() || is_trusted { Ok(()) } else { Err(Denied::NotThroughProxy) }
}

/// Networks out of their text, such as `10.0.0.0/8`; an address alone is a network of one.
///
/// # Errors
/// The first text that is none.
pub fn networks(texts: &[String]) -> Result<Vec<IpNet>, String> {
    let network = |text: &String| {
        let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        parsed.ok_or_else(|| format!("must hold networks such as \"10.0.0.0/8\" or \"fd00::/8\", but holds {text:?}"))
    };
    texts.iter().map(network).collect()
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Whose machine sent it, as far as we can know.
    pub address: IpAddr,
    /// Whether it came through TLS so far.
    pub is_https: bool,
}

/// Where a request comes from that `peer` connected with. What `X-Forwarded-For` and `X-Forwarded-Proto` say is believed from a trusted
/// proxy alone, and of the former only as far as proxies we trust have written it: anybody can send the rest.
pub fn client(peer: IpAddr, forwarded_for: &[&str], forwarded_proto: &[&str], trusted_proxies: &[IpNet]) -> Client {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return Client { address: peer, is_https: false };
    }
    // A proxy is trusted because it speaks TLS: where it does not say, it did.
    let is_https = last(forwarded_proto).is_none_or(|scheme| scheme.eq_ignore_ascii_case("https"));
    let mut address = peer;
    for hop in forwarded_for.iter().rev().flat_map(|header| header.rsplit(',')) {
        // What is no address was written by nobody whom we trust.
        let Some(hop) = hop_address(hop.trim()) else { break };
        address = hop;
        if !is_trusted(&hop) {
            break;
        }
    }
    Client { address, is_https }
}

fn last<'a>(headers: &[&'a str]) -> Option<&'a str> {
    headers.last()?.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

/// Some proxies write the port too.
fn hop_address(text: &str) -> Option<IpAddr> {
    let plain = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = plain.ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        networks(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn where_it_may_listen() {
        let proxy = nets(&["10.0.0.0/8"]);
        for (address, proxies, ok) in [
            ("127.0.0.1:8080", &[] as &[IpNet], true),
            ("127.3.2.1:8080", &[], true),
            ("[::1]:8080", &[], true),
            ("[::ffff:127.0.0.1]:8080", &[], true),
            ("0.0.0.0:8080", &[], false),
            ("[::]:8080", &[], false),
            ("192.168.1.7:8080", &[], false),
            ("0.0.0.0:8080", &proxy, true),
        ] {
            let told = check_bind(address.parse().unwrap(), proxies);
            assert_eq!(told.is_ok(), ok, "{address}");
            assert!(told.is_ok() || told.is_err_and(|reason| reason.contains("access.trusted_proxies")));
        }
        for (peer, ok) in [("127.0.0.1", true), ("10.1.2.3", true), ("11.1.2.3", false)] {
            assert_eq!(check_peer(peer.parse().unwrap(), &proxy).is_ok(), ok, "{peer}");
        }
        assert!(networks(&["10.0.0.0/33".to_owned()]).is_err() && networks(&["proxy".to_owned()]).is_err());
    }

    #[test]
    fn who_is_believed() {
        let proxies = nets(&["10.0.0.0/8", "fd00::/8", "192.0.2.7"]);
        type Told = (&'static str, &'static [&'static str], &'static [&'static str], &'static str, bool);
        let cases: [Told; 11] = [
            ("198.51.100.9", &["1.1.1.1"], &["https"], "198.51.100.9", false),
            ("10.0.0.1", &["203.0.113.5"], &["https"], "203.0.113.5", true),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.5, 10.0.0.2"], &["http"], "203.0.113.5", false),
            ("10.0.0.1", &["6.6.6.6", "203.0.113.5"], &["https, http"], "203.0.113.5", false),
            ("10.0.0.1", &["203.0.113.5, nonsense, 10.0.0.2"], &[], "10.0.0.2", true),
            ("10.0.0.1", &[], &["HTTPS"], "10.0.0.1", true),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &[], "10.0.0.3", true),
            ("192.0.2.7", &["203.0.113.5:4711"], &[""], "203.0.113.5", true),
            ("192.0.2.8", &["203.0.113.5"], &[], "192.0.2.8", false),
            ("fd00::1", &["[2001:db8::1]:80"], &[], "2001:db8::1", true),
            ("::ffff:10.0.0.1", &["::ffff:203.0.113.5"], &[], "203.0.113.5", true),
        ];
        for (peer, forwarded_for, proto, address, is_https) in cases {
            let told = client(peer.parse().unwrap(), forwarded_for, proto, &proxies);
            assert_eq!(told, Client { address: address.parse().unwrap(), is_https }, "{peer} {forwarded_for:?}");
        }
    }
}
