//! Sources that are slow, cut, huge, wrong, or not there.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_private_address_is_refused_before_anything_is_sent() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let port = server.port();
    for host in ["127.0.0.1", "localhost", "inside.example", "[::ffff:127.0.0.1]", "127.1", "0.0.0.0"] {
        let request = Outgoing { allow_private: false, ..get(format!("http://{host}:{port}/")) };
        assert_eq!(kind(&request).await, FetchErrorKind::PrivateAddress, "{host}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
    // The fault is there: the same name leads to the server where the source's file allows it.
    fetcher().send(&get(format!("http://inside.example:{port}/"))).await.expect("an answer");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_that_was_allowed_is_not_lent_to_a_request_that_is_not() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let (fetcher, url) = (fetcher(), format!("http://inside.example:{}/", server.port()));
    fetcher.send(&get(url.clone())).await.expect("an answer");
    let error = fetcher.send(&Outgoing { allow_private: false, ..get(url) }).await.expect_err("an error");
    assert_eq!(error.kind, FetchErrorKind::PrivateAddress);
}

#[tokio::test]
async fn slow_loris_ends_with_the_timeout() {
    let drip = |head: &'static str| {
        Server::with(move |mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            let mut beat = tokio::time::interval(Duration::from_millis(10));
            loop {
                beat.tick().await;
                if stream.write_all(b"a").await.is_err() {
                    return;
                }
            }
        })
    };
    for head in ["HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\nX-Slow: ", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"] {
        let server = drip(head).await;
        let started = Instant::now();
        let request = Outgoing { timeout: Duration::from_millis(300), ..get(server.url("/")) };
        assert_eq!(kind(&request).await, FetchErrorKind::Timeout, "{head:?}");
        assert!((300..3_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_never_answers_ends_with_the_timeout() {
    let server = Server::with(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let request = Outgoing { timeout: Duration::from_millis(200), ..get(server.url("/")) };
    assert_eq!(kind(&request).await, FetchErrorKind::Timeout);
}

#[tokio::test]
async fn half_a_page_is_truncated() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<html>half",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n<html>half",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "",
    ] {
        let server = Server::answering(answer).await;
        assert_eq!(kind(&get(server.url("/"))).await, FetchErrorKind::Truncated, "{answer:?}");
        assert_eq!(server.requests().len(), 1, "one call is one request, also when it fails: {answer:?}");
    }
}

#[tokio::test]
async fn a_wrong_length_never_gives_more_than_it_says() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage and more").await;
    assert_eq!(fetcher().send(&get(server.url("/"))).await.expect("an answer").body, "page");
    for length in ["-1", "four", "4, 5", "99999999999999999999999999"] {
        let server = Server::answering(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\npage")).await;
        assert_eq!(kind(&get(server.url("/"))).await, FetchErrorKind::Protocol, "{length}");
    }
}

#[tokio::test]
async fn garbage_is_told_from_an_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(2_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: a\r\n".repeat(10_000));
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\u{0}\u{1}\u{2}\u{3} garbage \r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header line\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
        &long,
        &many,
    ] {
        let server = Server::answering(answer).await;
        let start: String = answer.chars().take(70).collect();
        assert_eq!(kind(&get(server.url("/"))).await, FetchErrorKind::Protocol, "{start:?}");
    }
}

#[tokio::test]
async fn two_hundred_megabytes_are_not_read() {
    for head in ["Content-Length: 209715200\r\n", "Connection: close\r\n"] {
        let written = Arc::new(AtomicU64::new(0));
        let count = written.clone();
        let server = Server::with(move |mut stream| {
            let count = count.clone();
            async move {
                let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()).await;
                let block = vec![b'a'; 64 * 1024];
                for _ in 0..3200 {
                    if stream.write_all(&block).await.is_err() {
                        return;
                    }
                    count.fetch_add(block.len() as u64, Ordering::Relaxed);
                }
            }
        })
        .await;
        assert_eq!(kind(&get(server.url("/"))).await, FetchErrorKind::TooLarge, "{head}");
        let written = written.load(Ordering::Relaxed);
        assert!(written < 30_000_000, "{written} bytes were taken");
    }
}

#[tokio::test]
async fn the_limit_itself_still_fits() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789").await;
    let request = |max_bytes| Outgoing { max_bytes, ..get(server.url("/")) };
    assert_eq!(fetcher().send(&request(10)).await.expect("an answer").body.len(), 10);
    assert_eq!(kind(&request(9)).await, FetchErrorKind::TooLarge);
}

/// 100 MB of zeros, as some 100 KB of gzip.
async fn gzip_bomb() -> String {
    use axum::body::{Body, Bytes};
    let zeros = Bytes::from(vec![0u8; 1_000_000]);
    let app = axum::Router::new()
        .fallback(async move || {
            Body::from_stream(futures::stream::iter((0..100).map(move |_| Ok::<_, std::io::Error>(zeros.clone()))))
        })
        .layer(tower_http::compression::CompressionLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/")
}

#[tokio::test]
async fn a_gzip_bomb_is_counted_unpacked() {
    let url = gzip_bomb().await;
    assert_eq!(kind(&get(url.clone())).await, FetchErrorKind::TooLarge);
    // The fault is there: with room for it, it unpacks.
    let roomy = Outgoing { max_bytes: 200_000_000, timeout: Duration::from_secs(60), ..get(url) };
    assert_eq!(fetcher().send(&roomy).await.expect("an answer").body.len(), 100_000_000);
}

#[tokio::test]
async fn nobody_there_is_connect_and_no_such_name_is_dns() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error = fetcher().send(&get(format!("http://{closed}/secret-path?k=v"))).await.expect_err("an error");
    assert_eq!(error.kind, FetchErrorKind::Connect);
    assert!(!error.cause.contains("secret-path") && error.cause.contains("127.0.0.1"), "{error}");
    assert_eq!(kind(&get("http://no-such-host.invalid/")).await, FetchErrorKind::Dns);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        }
    });
    assert_eq!(kind(&get(format!("https://{address}/"))).await, FetchErrorKind::Tls);
}
