//! Requests to real servers on loopback, one for each thing that goes wrong with sources.

mod faults;
mod proxies;
mod redirects;
mod server;
mod tls;

use super::*;
use server::Server;
use std::time::Duration;

/// A GET that may call loopback.
fn get(url: impl Into<String>) -> Outgoing {
    Outgoing {
        method: "GET".to_owned(),
        url: url.into(),
        headers: BTreeMap::new(),
        body: None,
        form: false,
        credentials: None,
        cookie: None,
        secrets: SecretNames::default(),
        allow_private: true,
        timeout: Duration::from_secs(10),
        max_bytes: 1_000_000,
        proxy: None,
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(FetchOptions {
        environment: Environment::of(|name| match name {
            "TOKEN" => Some("hunter2&x".to_owned()),
            "P_USER" => Some("us:er".to_owned()),
            "P_PASSWORD" => Some("p@ss/word".to_owned()),
            "EVIL" => Some("a\r\nX-Injected: yes".to_owned()),
            _ => None,
        }),
        hosts: [("inside.example".to_owned(), vec!["127.0.0.1".parse().expect("an address")])].into(),
        ..FetchOptions::default()
    })
}

async fn kind(request: &Outgoing) -> FetchErrorKind {
    let error = fetcher().send(request).await.expect_err("an error");
    assert!(!error.cause.is_empty() && !error.to_string().contains("hunter2"), "{error}");
    error.kind
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let server = Server::answering(
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 5\r\n\r\nhello",
    )
    .await;
    let answer = fetcher().send(&get(server.url("/a?b=c"))).await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_ref()), (404, &b"hello"[..]));
    assert_eq!((answer.header("content-type"), answer.header("x-a")), (Some("text/html"), Some("1, 2")));
    assert_eq!(answer.url.as_str(), server.url("/a?b=c"));
    let seen = server.requests().concat();
    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n") && seen.contains("user-agent: Mirano/"), "{seen:?}");
    assert!(seen.contains("accept-encoding: ") && seen.contains("gzip"));
}

#[tokio::test]
async fn secrets_reach_the_source_and_nothing_else() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let templates = ["${TOKEN}", "env:TOKEN"];
    let request = Outgoing {
        method: "POST".to_owned(),
        headers: [
            ("authorization".to_owned(), "Bearer ${TOKEN}".to_owned()),
            ("x-key".to_owned(), "env:TOKEN".to_owned()),
        ]
        .into(),
        body: Some("token=${TOKEN}&q=$${TOKEN}".to_owned()),
        secrets: SecretNames::in_templates(templates),
        ..get(server.url("/?key=${TOKEN}"))
    };
    let answer = fetcher().send(&request).await.expect("an answer");
    let seen = server.requests().join("");
    for part in ["POST /?key=hunter2%26x ", "authorization: Bearer hunter2&x\r\n", "x-key: hunter2&x\r\n"] {
        assert!(seen.contains(part), "{part} in {seen}");
    }
    assert!(seen.ends_with("token=hunter2&x&q=${TOKEN}"), "{seen}");
    for shown in [format!("{answer:?}"), format!("{request:?}"), answer.url.to_string()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_secret_that_the_source_says_back_is_not_in_its_answer() {
    let body = r#"{"you_sent": "hunter2&x", "next": "/?key=hunter2%26x&page=2"}"#;
    let server = Server::answering(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    let mut request = get(server.url("/?key=${TOKEN}"));
    request.secrets = SecretNames::in_templates([request.url.as_str()]);
    let answer = fetcher().send(&request).await.expect("an answer");
    assert_eq!(answer.body, r#"{"you_sent": "${TOKEN}", "next": "/?key=${TOKEN}&page=2"}"#);
}

#[tokio::test]
async fn a_secret_that_is_not_set_is_named_and_nothing_is_sent() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let mut request = get(server.url("/?key=${NOT_SET}"));
    request.secrets = SecretNames::in_templates([request.url.as_str()]);
    let error = fetcher().send(&request).await.expect_err("an error");
    assert_eq!((error.code(), error.is_ours()), ("secret_missing", true));
    assert!(error.cause.contains("NOT_SET"));
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn header_injection_is_refused_and_nothing_is_sent() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let with = |name: &str, value: &str| Outgoing {
        headers: [(name.to_owned(), value.to_owned())].into(),
        secrets: SecretNames::in_templates([value]),
        ..get(server.url("/"))
    };
    for request in [
        with("x", "a\r\nX-Injected: yes"),
        with("x", "a\nX-Injected: yes"),
        with("x", "env:EVIL"),
        with("x\r\nX-Injected", "yes"),
        with("x y", "yes"),
        with("", "yes"),
        with("Content-Length", "0"),
        with("transfer-encoding", "chunked"),
        with("Host", "other.example"),
        with("accept-encoding", "identity"),
        Outgoing { method: "GET / HTTP/1.1\r\nX-Injected: yes\r\n\r\nGET".to_owned(), ..get(server.url("/")) },
    ] {
        assert_eq!(kind(&request).await, FetchErrorKind::BadRequest, "{request:?}");
    }
    for path in ["/ HTTP/1.1\r\nX-Injected: yes", "/\n", "/\ta"] {
        assert_eq!(kind(&get(server.url(path))).await, FetchErrorKind::BadUrl, "{path:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn only_http_urls_are_called() {
    for url in ["file:///etc/passwd", "ftp://host/", "gopher://host/", "//host/", "/path", "", "http://", "http://[::1"]
    {
        assert_eq!(kind(&get(url)).await, FetchErrorKind::BadUrl, "{url}");
    }
}

#[tokio::test]
async fn a_body_in_legacy_encoding_and_raw_header_bytes_come_through() {
    let server = Server::answering_bytes(
        b"HTTP/1.1 200 OK\r\nX-Utf: \xd0\xb6\r\nX-Latin: \xe6\r\nContent-Length: 2\r\n\r\n\xe6\xf3".to_vec(),
    )
    .await;
    let answer = fetcher().send(&get(server.url("/"))).await.expect("an answer");
    assert_eq!((answer.header("x-utf"), answer.header("x-latin")), (Some("ж"), Some("æ")));
    assert_eq!(answer.body.as_ref(), b"\xe6\xf3");
}
