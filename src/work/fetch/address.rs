//! Which addresses may be called.
//!
//! A source's file is policy, but what a source answers is not: a redirect, a link to the next page or a name's
//! look-up may point into the network that Mirano runs in. So everything that is not plainly a public unicast
//! address is refused, unless the source's file allows private addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Whether an address is public: reachable on the internet, meant for one host.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Whether the host of a URL is an address that is not public, or a name that always means one. Other names are
/// judged when they are looked up.
pub fn is_private_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(v4)) => !is_public_v4(v4),
        Some(Host::Ipv6(v6)) => !is_public_v6(v6),
        Some(Host::Domain(name)) => is_private_name(name),
        None => true,
    }
}

/// Names that never leave the machine or the local network (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`).
fn is_private_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    ["localhost", "local", "internal", "home.arpa", "localdomain", "intranet"]
        .iter()
        .any(|private| name.strip_suffix(private).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = match (a, b, c) {
        // This network, loopback; private; shared by carriers (CGNAT); link-local and metadata services.
        (0 | 127 | 10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) | (169, 254, _) => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (198, 18 | 19, _) => true,
        // Multicast, reserved, broadcast.
        (224.., ..) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d) {
        // An address that only wraps an IPv4 address is as public as that one: NAT64 and 6to4.
        (0x64, 0xff9b, 0, 0) if (e, f) == (0, 0) => v4(g, h),
        (0x2002, ..) => v4(b, c),
        // Teredo and other protocol assignments, documentation.
        (0x2001, 0..=0x1ff | 0xdb8, ..) | (0x3fff, 0..=0xfff, ..) => false,
        // Global unicast is 2000::/3. Outside it are loopback, unspecified, IPv4-mapped and -compatible, local NAT64,
        // unique local, link-local, site-local and multicast.
        (0x2000..=0x3fff, ..) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(url: &str) -> bool {
        is_private_host(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn public_addresses_pass() {
        for host in "8.8.8.8 1.1.1.1:8080 172.32.0.1 100.128.0.1 223.255.255.1 [2a02:6b8::1] [64:ff9b::8.8.8.8] \
                     [2002:0808:0808::1] courts.example localhost.example notlocal"
            .split(' ')
        {
            assert!(!private(&format!("http://{host}/")), "{host}");
        }
    }

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        for host in "127.0.0.1 127.1 2130706433 0x7f.0.0.1 0177.0.0.1 １２７.０.０.１ 0.0.0.0 0 10.0.0.1 172.16.0.1 \
                     172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.127.1.1 224.0.0.1 255.255.255.255 \
                     240.0.0.1 198.18.0.1 192.0.2.1 192.0.0.8 [::1] [::] [::ffff:127.0.0.1] [::ffff:8.8.8.8] \
                     [::127.0.0.1] [fc00::1] [fd12:3456::1] [fe80::1] [fec0::1] [ff02::1] [64:ff9b::127.0.0.1] \
                     [64:ff9b::a00:1] [64:ff9b:1::1] [2002:7f00:1::] [2002:a00:1::] [2001::1] [2001:db8::1] [100::1] \
                     localhost LOCALHOST. a.localhost printer.local metadata.google.internal router.home.arpa"
            .split_whitespace()
        {
            assert!(private(&format!("http://{host}/")), "{host}");
        }
    }
}
