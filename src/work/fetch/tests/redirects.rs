//! Redirects are answers; following one is a new request, judged anew.

use super::*;

async fn to(status: u16, location: &str) -> Server {
    Server::answering(&format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")).await
}

fn request(server: &Server) -> Outgoing {
    Outgoing {
        method: "POST".to_owned(),
        headers: [("x-key", "env:TOKEN"), ("accept", "text/html"), ("Cookie", "a=b"), ("content-type", "text/plain")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        body: Some("q".to_owned()),
        secrets: SecretNames::in_templates(["env:TOKEN"]),
        ..get(server.url("/a/b?c=d"))
    }
}

async fn follow(request: &Outgoing) -> Outgoing {
    let answer = fetcher().send(request).await.expect("an answer");
    request.follow(&answer).expect("a redirect")
}

#[tokio::test]
async fn one_call_is_one_request() {
    let server = to(302, "/elsewhere").await;
    let answer = fetcher().send(&get(server.url("/a"))).await.expect("an answer");
    assert_eq!(answer.status, 302);
    assert_eq!(redirect_target(&answer).map(String::from), Some(server.url("/elsewhere")));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused_when_followed() {
    for location in ["http://127.0.0.1:1/", "http://[::1]/", "//169.254.169.254/latest", "http://inside.example/"] {
        let server = to(302, location).await;
        let first = get(server.url("/"));
        let next = Outgoing { allow_private: false, ..follow(&first).await };
        assert_eq!(kind(&next).await, FetchErrorKind::PrivateAddress, "{location}");
    }
    let server = to(302, "file:///etc/passwd").await;
    assert_eq!(kind(&follow(&get(server.url("/"))).await).await, FetchErrorKind::BadUrl);
}

#[tokio::test]
async fn the_method_changes_as_in_browsers() {
    for (status, method, body) in [(301, "GET", None), (302, "GET", None), (303, "GET", None), (307, "POST", Some("q"))]
    {
        let server = to(status, "../x#part").await;
        let next = follow(&request(&server)).await;
        assert_eq!((next.method.as_str(), next.body.as_deref()), (method, body), "{status}");
        assert_eq!(next.url, server.url("/x"));
        assert_eq!(next.headers.contains_key("content-type"), body.is_some());
        assert_eq!(next.headers.get("x-key").map(String::as_str), Some("env:TOKEN"), "the same origin keeps its key");
    }
}

#[tokio::test]
async fn no_secret_goes_to_another_origin() {
    let other = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    for location in ["/?stolen=${TOKEN}", "/?stolen=$${TOKEN}", "/${TOKEN}"] {
        let server = to(307, &other.url(location)).await;
        let mut first = request(&server);
        first.body = Some("key=${TOKEN}".to_owned());
        first.secrets = SecretNames::in_templates(["${TOKEN}"]);
        let next = follow(&first).await;
        assert_eq!(next.headers.keys().collect::<Vec<_>>(), ["accept", "content-type"]);
        fetcher().send(&next).await.expect("an answer");
    }
    let seen = other.requests();
    assert!(seen.len() == 3 && !seen.concat().contains("hunter2"), "{seen:?}");
    // Nor may the same origin have it put where it was not.
    let server = to(302, "/?echo=${TOKEN}").await;
    let next = follow(&request(&server)).await;
    fetcher().send(&next).await.expect("an answer");
    let seen = server.requests();
    assert!(!seen.last().expect("a request").lines().next().expect("a line").contains("hunter2"), "{seen:?}");
}

#[tokio::test]
async fn what_is_no_redirect_leads_nowhere() {
    for (status, location) in [(200, "/x"), (304, "/x"), (302, "http://[broken/")] {
        let server = to(status, location).await;
        let answer = fetcher().send(&get(server.url("/"))).await.expect("an answer");
        assert_eq!(redirect_target(&answer), None, "{status} {location}");
    }
}
