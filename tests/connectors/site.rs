//! A site with everything that a connector meets: a search with pages of its own, a login, tokens, marks, links.

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub const COOKIE: &str = "s3ssion-of-the-site";

/// What the site remembers.
#[derive(Default)]
pub struct Site {
    /// Each request: when, and what.
    pub asked: Mutex<Vec<(Instant, String)>>,
    /// The number of the token that is good.
    pub token: AtomicU64,
    /// The version of the page with marks.
    pub version: AtomicU64,
    /// How often a page was not sent again.
    pub unchanged: AtomicU64,
}

type Shared = State<Arc<Site>>;
type Pairs = BTreeMap<String, String>;

impl Site {
    /// Serves on a free port of loopback.
    pub async fn open() -> (Arc<Self>, String) {
        let site = Arc::new(Self::default());
        let router = Router::new()
            .route("/chain/search", get(search))
            .route("/chain/case/{id}", get(case))
            .route("/login", get(form).post(login))
            .route("/private", get(private))
            .route("/token", post(token))
            .route("/api", get(api))
            .route("/basic", get(basic))
            .route("/linked", get(linked))
            .route("/marked", get(marked))
            .route("/script", get(script))
            .route("/courts", get(courts))
            .route("/shrinks", get(shrinks))
            .route("/broken", get(broken))
            .with_state(Arc::clone(&site));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (site, url)
    }

    fn note(&self, what: &str) {
        self.asked.lock().expect("readable").push((Instant::now(), what.to_owned()));
    }

    /// How often something was asked.
    pub fn times(&self, what: &str) -> usize {
        self.asked.lock().expect("readable").iter().filter(|(_, asked)| asked.starts_with(what)).count()
    }

    /// When.
    pub fn moments(&self, what: &str) -> Vec<Instant> {
        let asked = self.asked.lock().expect("readable");
        asked.iter().filter(|(_, asked)| asked.starts_with(what)).map(|(at, _)| *at).collect()
    }
}

fn things(names: &[&str]) -> Response {
    let things: Vec<_> = names.iter().map(|name| json!({"n": name})).collect();
    Json(json!({"items": things})).into_response()
}

fn header_of(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn search(State(site): Shared, Query(query): Query<Pairs>) -> Response {
    site.note("chain search");
    assert!(query.contains_key("a"), "the parameter goes along");
    Json(json!({"hits": [{"id": "7", "title": "seventh"}, {"id": "8", "title": "eighth"}]})).into_response()
}

async fn case(State(site): Shared, Path(id): Path<String>) -> Response {
    site.note(&format!("chain case {id}"));
    Html(format!("<html><body><h1>А40-{id}/2026</h1></body></html>")).into_response()
}

async fn form(State(site): Shared) -> Response {
    site.note("session form");
    let page = "<html><body><form><input name='csrf' value='to&ken'></form></body></html>";
    ([(header::SET_COOKIE, "visitor=1; Path=/")], Html(page)).into_response()
}

async fn login(State(site): Shared, headers: HeaderMap, Form(fields): Form<Pairs>) -> Response {
    site.note("session login");
    let right = [("csrf", "to&ken"), ("user", "us3r"), ("password", "p&ss w0rd=of the site")];
    let right = right.iter().all(|(name, value)| fields.get(*name).map(String::as_str) == Some(value));
    if !right || !header_of(&headers, header::COOKIE).contains("visitor=1") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let cookie = format!("sid={COOKIE}; Path=/; HttpOnly");
    // As many sites do: the answer to the form is a redirect.
    (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, "/private?home".to_owned())])
        .into_response()
}

async fn private(State(site): Shared, headers: HeaderMap, Query(query): Query<Pairs>) -> Response {
    site.note("session private");
    if !header_of(&headers, header::COOKIE).contains(COOKIE) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if query.contains_key("home") {
        return Html("<html><body><p id=welcome>Welcome</p></body></html>").into_response();
    }
    things(&["one", "two", "three"])
}

async fn token(State(site): Shared, headers: HeaderMap, Form(fields): Form<Pairs>) -> Response {
    let expected = format!("Basic {}", data_encoding::BASE64.encode(b"client+id:s3cret%2Fof+the+client"));
    let known = header_of(&headers, header::AUTHORIZATION) == expected;
    let grant = fields.get("grant_type").map(String::as_str) == Some("client_credentials");
    site.note(if known { "oauth token" } else { "denied token" });
    if !known || !grant || fields.get("scope").map(String::as_str) != Some("read:all") {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"}))).into_response();
    }
    let number = site.token.fetch_add(1, Ordering::SeqCst) + 1;
    Json(json!({"access_token": format!("t0ken-{number}"), "token_type": "Bearer", "expires_in": 3600})).into_response()
}

async fn api(State(site): Shared, headers: HeaderMap) -> Response {
    site.note("oauth api");
    let good = format!("Bearer t0ken-{}", site.token.load(Ordering::SeqCst));
    if header_of(&headers, header::AUTHORIZATION) == good {
        things(&["one"])
    } else {
        (StatusCode::UNAUTHORIZED, Json(json!({"error": "expired"}))).into_response()
    }
}

async fn basic(State(site): Shared, headers: HeaderMap) -> Response {
    site.note("basic");
    let expected = format!("Basic {}", data_encoding::BASE64.encode(b"k3y-of-the-api:"));
    if header_of(&headers, header::AUTHORIZATION) == expected {
        things(&["one", "two"])
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn linked(State(site): Shared, Query(query): Query<Pairs>) -> Response {
    let page = query.get("page").map_or("1", String::as_str);
    site.note(&format!("linked {page}"));
    match page {
        "1" => ([(header::LINK, "</linked?page=2>; rel=\"next\"")], things(&["one"])).into_response(),
        "2" => ([(header::LINK, "</linked?page=1>; rel=\"prev\"")], things(&["two"])).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn marked(State(site): Shared, headers: HeaderMap) -> Response {
    site.note("marked");
    let version = site.version.load(Ordering::SeqCst);
    let mark = format!("W/\"v{version}\"");
    if header_of(&headers, header::IF_NONE_MATCH) == mark {
        site.unchanged.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, mark)]).into_response();
    }
    let names: &[&str] = if version == 0 { &["one", "two"] } else { &["two"] };
    ([(header::ETAG, mark)], things(names)).into_response()
}

async fn script(State(site): Shared) -> Response {
    site.note("script");
    let state = "{list: [{n: 'one', price: '1,5 млн ₽'}, {n: 'two', price: '900 000 ₽',}]}";
    Html(format!("<html><body><div id=app></div><script>window.__STATE__ = {state};</script></body></html>"))
        .into_response()
}

/// Cases of two courts; of one where that is asked for, since some day.
async fn courts(State(site): Shared, Query(query): Query<Pairs>) -> Response {
    site.note("courts");
    let since = query.get("since").map_or("", String::as_str);
    let cases = [
        ("А40-1/2021", "АС Москвы", "2021-05-01"),
        ("А40-2/2024", "АС Москвы", "2024-02-01"),
        ("А56-3/2025", "АС Санкт-Петербурга", "2025-01-01"),
    ];
    let asked = |court: &str, filed: &str| query.get("court").is_none_or(|asked| asked == court) && filed >= since;
    let cases: Vec<_> = cases
        .into_iter()
        .filter(|(_, court, filed)| asked(court, filed))
        .map(|(n, court, filed)| json!({"n": n, "court": court, "filed": filed}))
        .collect();
    Json(json!({"items": cases})).into_response()
}

/// Six things, and of a sudden two.
async fn shrinks(State(site): Shared) -> Response {
    site.note("shrinks");
    let all = ["one", "two", "three", "four", "five", "six"];
    things(if site.version.load(Ordering::SeqCst) == 0 { &all } else { &all[..2] })
}

/// Down, until its second version.
async fn broken(State(site): Shared) -> Response {
    site.note("broken");
    match site.version.load(Ordering::SeqCst) {
        2 => things(&["one"]),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "down").into_response(),
    }
}
