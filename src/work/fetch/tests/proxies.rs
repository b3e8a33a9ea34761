//! Through proxies: HTTP, SOCKS5, down, refusing.

use super::server::read_request;
use super::*;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn by(url: String, request: Outgoing) -> Outgoing {
    Outgoing { proxy: Some(Proxy { name: "default/p1".to_owned(), url }), ..request }
}

#[tokio::test]
async fn an_http_proxy_gets_the_request_with_its_credentials() {
    let proxy = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nvia").await;
    let url = format!("http://${{P_USER}}:${{P_PASSWORD}}@127.0.0.1:{}", proxy.port());
    let request = Outgoing { allow_private: false, ..get("http://courts.example/cases?inn=1") };
    let answer = fetcher().send(&by(url, request)).await.expect("an answer");
    assert_eq!(answer.body, "via");
    let seen = proxy.requests().concat();
    assert!(seen.starts_with("GET http://courts.example/cases?inn=1 HTTP/1.1\r\n"), "{seen}");
    // us:er:p@ss/word
    assert!(seen.contains("proxy-authorization: Basic dXM6ZXI6cEBzcy93b3Jk\r\n"), "{seen}");
}

#[tokio::test]
async fn https_asks_an_http_proxy_for_a_tunnel() {
    let proxy = Server::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    let request = by(format!("http://127.0.0.1:{}", proxy.port()), get("https://courts.example/"));
    assert_eq!(kind(&request).await, FetchErrorKind::NoTunnel, "it is there: the fault may be the source's");
    assert!(proxy.requests().concat().starts_with("CONNECT courts.example:443 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_proxy_that_is_down_or_refuses_is_the_proxy() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    for scheme in ["http", "https", "socks5", "socks5h"] {
        for target in ["http://8.8.8.8/", "https://8.8.8.8/"] {
            let request = by(format!("{scheme}://${{P_USER}}:${{P_PASSWORD}}@{closed}"), get(target));
            let error = fetcher().send(&request).await.expect_err("an error");
            assert_eq!(error.kind, FetchErrorKind::Proxy, "{scheme} {target}: {error}");
            let shown = format!("{error} {request:?}");
            assert!(shown.contains("default/p1"), "{shown}");
            for hidden in ["us:er", "p@ss", "p%40ss", &closed.to_string()] {
                assert!(!shown.contains(hidden), "{hidden} in {shown}");
            }
        }
    }
    let refusing = Server::answering("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
    let request = by(format!("http://127.0.0.1:{}", refusing.port()), get("http://courts.example/"));
    assert_eq!(kind(&request).await, FetchErrorKind::Proxy);
    for url in ["gopher://host:1", "not a url", "http://${NOT_SET}@host:1"] {
        let error = fetcher().send(&by(url.to_owned(), get("http://courts.example/"))).await.expect_err("an error");
        assert!(matches!(error.kind, FetchErrorKind::Proxy | FetchErrorKind::SecretMissing), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_reach_the_source_is_told_apart_from_one_that_refuses_us() {
    for (says, target, expected) in [
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "https://courts.example/", FetchErrorKind::NoTunnel),
        ("HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", "https://courts.example/", FetchErrorKind::Proxy),
        ("", "https://courts.example/", FetchErrorKind::Proxy),
        // The tunnel is there, and the other end breaks off.
        ("HTTP/1.1 200 OK\r\n\r\n", "https://courts.example/", FetchErrorKind::NoTunnel),
    ] {
        let proxy = Server::answering(says).await;
        let request = by(format!("http://127.0.0.1:{}", proxy.port()), get(target));
        assert_eq!(kind(&request).await, expected, "{says:?}");
    }
    // SOCKS: no way to the source (5), no method that the proxy takes (255), wrong credentials.
    for (says, expected) in
        [(&[5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0][..], FetchErrorKind::NoTunnel), (&[5, 255], FetchErrorKind::Proxy)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody");
            // Version, one method, none; then what is asked for; what is said at once is read when its turn comes.
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.expect("bytes");
            stream.write_all(says).await.expect("written");
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let request = by(format!("socks5h://127.0.0.1:{port}"), get("http://courts.example/"));
        assert_eq!(kind(&request).await, expected, "{says:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_at_tinyproxy_is_the_proxys() {
    let says = "HTTP/1.1 401 Unauthorized\r\nServer: tinyproxy/1.11.1\r\nWWW-Authenticate: Basic realm=\"Tinyproxy\"\r\nContent-Length: 0\r\n\r\n";
    let proxy = Server::answering(says).await;
    let url = format!("http://${{P_USER}}:${{P_PASSWORD}}@127.0.0.1:{}", proxy.port());
    let error = fetcher().send(&by(url, get("http://courts.example/"))).await.expect_err("refused");
    assert_eq!(
        (error.kind, error.cause.as_str()),
        (FetchErrorKind::Proxy, "proxy default/p1 refused the credentials (401)")
    );
    // A source that wants credentials says so through a proxy as well.
    let source = Server::answering("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"Courts\"\r\nVia: 1.1 tinyproxy (tinyproxy/1.11.1)\r\nContent-Length: 0\r\n\r\n").await;
    let url = format!("http://${{P_USER}}:${{P_PASSWORD}}@127.0.0.1:{}", source.port());
    assert_eq!(fetcher().send(&by(url, get("http://courts.example/"))).await.expect("its answer").status, 401);
}

#[tokio::test]
async fn a_private_address_is_refused_through_a_proxy_too() {
    let proxy = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nvia").await;
    let url = format!("http://localhost:{}", proxy.port());
    for target in ["http://127.0.0.1/", "http://169.254.169.254/", "http://localhost/", "https://[::1]/"] {
        let request = by(url.clone(), Outgoing { allow_private: false, ..get(target) });
        assert_eq!(kind(&request).await, FetchErrorKind::PrivateAddress, "{target}");
    }
    let itself =
        by("http://proxy.example:3128".to_owned(), Outgoing { allow_private: false, ..get("http://proxy.example/") });
    assert_eq!(kind(&itself).await, FetchErrorKind::PrivateAddress);
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

/// A SOCKS5 server with password: notes who asked for what, and answers itself in the place of the source.
async fn socks5() -> (u16, Arc<Mutex<Vec<String>>>) {
    async fn take<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
        let mut bytes = [0; N];
        stream.read_exact(&mut bytes).await.expect("bytes");
        bytes
    }
    async fn text(stream: &mut TcpStream) -> String {
        let [length] = take(stream).await;
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await.expect("bytes");
        String::from_utf8(bytes).expect("UTF-8")
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let [_version, methods] = take(&mut stream).await;
            stream.read_exact(&mut vec![0; usize::from(methods)]).await.expect("methods");
            stream.write_all(&[5, 2]).await.expect("written");
            let [_version] = take(&mut stream).await;
            let (user, password) = (text(&mut stream).await, text(&mut stream).await);
            stream.write_all(&[1, 0]).await.expect("written");
            let [_, _, _, kind] = take(&mut stream).await;
            let host = match kind {
                3 => text(&mut stream).await,
                _ => format!("{:?}", take::<4>(&mut stream).await),
            };
            let port = u16::from_be_bytes(take(&mut stream).await);
            noted.lock().expect("not poisoned").push(format!("{user} {password} {host} {port}"));
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("written");
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsocks").await.expect("written");
        }
    });
    (port, seen)
}

#[tokio::test]
async fn a_socks5_proxy_gets_name_and_credentials() {
    let (port, seen) = socks5().await;
    let url = format!("socks5h://${{P_USER}}:${{P_PASSWORD}}@127.0.0.1:{port}");
    let request = by(url, Outgoing { allow_private: false, ..get("http://courts.example/") });
    assert_eq!(fetcher().send(&request).await.expect("an answer").body, "socks");
    assert_eq!(*seen.lock().expect("not poisoned"), ["us:er p@ss/word courts.example 80"]);
}

#[tokio::test]
async fn socks5_with_our_own_look_up_is_judged() {
    let (port, seen) = socks5().await;
    let url = format!("socks5://a:b@127.0.0.1:{port}");
    let request = |allow_private| by(url.clone(), Outgoing { allow_private, ..get("http://inside.example/") });
    let error = fetcher().send(&request(false)).await.expect_err("an error");
    assert_eq!(error.kind, FetchErrorKind::PrivateAddress, "{error}");
    assert!(seen.lock().expect("not poisoned").is_empty(), "the proxy was not asked");
    assert_eq!(fetcher().send(&request(true)).await.expect("an answer").body, "socks");
    assert_eq!(*seen.lock().expect("not poisoned"), ["a b [127, 0, 0, 1] 80"]);
}
