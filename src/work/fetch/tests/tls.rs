//! TLS with a server of our own. The key below guards nothing: it was made for this test.

use super::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::sync::Arc;

/// Signed `CERTIFICATE`; trusted by nobody else.
const ROOT: &str = "\
-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUM/eIc6ZFBqy0MXH/B1oz8TgPXWYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJVGVzdCByb290MCAXDTI2MTEyNDE1MjExMVoYDzIxMjYxMDMx
MTUyMTExWjAUMRIwEAYDVQQDDAlUZXN0IHJvb3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR+VcdgP9uabCVnL/mxrqbo2HYddRQU6sYjWG4rCyhCk8W0YTDuRcfl
TgNvq6PzZ6ezs4PMZgs7kJj3LNJPB9Z8o2MwYTAdBgNVHQ4EFgQUaM/bJCfg4kxB
ejaJCp666D/Q8KgwHwYDVR0jBBgwFoAUaM/bJCfg4kxBejaJCp666D/Q8KgwDwYD
VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZIzj0EAwIDSAAwRQIg
RDQlnPPq27wgZSIyUd7i8EHYsYvnPxwHL8DND0+WF5ECIQC9NZXMAXeomd4ZBZjB
WVmPgbqYZnwOmhPqwtzyUeGcyw==
-----END CERTIFICATE-----
";

/// For the name `inside.example`.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBrzCCAVSgAwIBAgIUN39z2o+6JhDfhdMKVFyqvwe3fnkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJVGVzdCByb290MCAXDTI2MTEyNDE1MjExMVoYDzIxMjYxMDMx
MTUyMTExWjAZMRcwFQYDVQQDDA5pbnNpZGUuZXhhbXBsZTBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABOiTpkPLE8/5BgUOxAg9h8r3mdKCCU9zvk57o2eoqQcEHvaK
WP8o0Q7ZrLS37PwKgGv8bXNNG1R+H43ixxh5D02jfTB7MBkGA1UdEQQSMBCCDmlu
c2lkZS5leGFtcGxlMAkGA1UdEwQCMAAwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYD
VR0OBBYEFK0wU6hTIwKm1oxAEMp1BsYWw8M8MB8GA1UdIwQYMBaAFGjP2yQn4OJM
QXo2iQqeuug/0PCoMAoGCCqGSM49BAMCA0kAMEYCIQC49Pwh7Ci9gBMdk1Jm/U2L
fw6bPIyEQOrae196qtyKTQIhAP9pkEXUtwAACJooffMs89SVnGM0g7ru0PSD4zeJ
hf0Y
-----END CERTIFICATE-----
";

const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUpvZK/1+faHlVMkG
H6HN1EhjW1fkMoybBKyfojh7m9ahRANCAATok6ZDyxPP+QYFDsQIPYfK95nSgglP
c75Oe6NnqKkHBB72ilj/KNEO2ay0t+z8CoBr/G1zTRtUfh+N4scYeQ9N
-----END PRIVATE KEY-----
";

/// Answers over TLS on a free port, one connection after the other.
fn tls_server() -> u16 {
    crate::work::tls::install();
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a config");
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut connection = rustls::ServerConnection::new(config.clone()).expect("a connection");
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            let mut request = [0u8; 4096];
            // A client that does not trust us leaves here.
            if tls.read(&mut request).is_ok_and(|n| n > 0) {
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
            }
        }
    });
    port
}

#[tokio::test]
async fn https_is_trusted_by_root_and_name() {
    let port = tls_server();
    let hosts =
        ["inside.example", "other.example"].map(|name| (name.to_owned(), vec!["127.0.0.1".parse().expect("IP")]));
    let options = FetchOptions { hosts: hosts.into(), ..FetchOptions::default() };
    let trusting = Fetcher::new(FetchOptions { extra_roots: vec![ROOT.to_owned()], ..options.clone() });
    let url = format!("https://inside.example:{port}/");
    assert_eq!(trusting.send(&get(url.clone())).await.expect("an answer").body, "secret");
    let other_name = trusting.send(&get(format!("https://other.example:{port}/"))).await.expect_err("an error");
    assert_eq!(other_name.kind, FetchErrorKind::Tls, "{other_name}");
    let other_root = Fetcher::new(options.clone()).send(&get(url.clone())).await.expect_err("an error");
    assert_eq!(other_root.kind, FetchErrorKind::Tls, "{other_root}");
    let broken =
        Fetcher::new(FetchOptions { extra_roots: vec!["-----BEGIN CERTIFICATE-----\nx".to_owned()], ..options });
    let broken = broken.send(&get(url)).await.expect_err("an error");
    assert_eq!(broken.kind, FetchErrorKind::Tls, "{broken}");
}
