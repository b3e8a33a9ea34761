//! What goes wrong at sources: ordered through `POST /control/fault`, or seeded.
//!
//! Seeded faults follow from counters, never from a clock or chance, so a test can await them: the so many-th first page
//! that a source is asked for meets its trouble. Later pages of a list are spared, or a long list would never be read whole.

use super::answer::{Answer, page};
use super::world::{Draw, Place, Showcase};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 503 with a page about it.
    Outage,
    /// 200 with a captcha page.
    Captcha,
    /// 200 with a page about maintenance, whatever the format should be.
    Maintenance,
    /// No answer until the client gives up.
    Timeout,
    /// The right answer, five seconds late.
    Slow,
    /// 200 with noise under the right content type.
    Garbage,
    /// Half of the right answer; then the connection breaks.
    HalfPage,
    /// The right answer in windows-1251 under a header that says utf-8.
    WrongCharset,
    /// 302 to a port on loopback where nobody listens.
    RedirectPrivate,
    /// 200 MB of white space.
    Huge,
    /// One byte a second, for ever.
    SlowLoris,
    /// 500.
    #[serde(rename = "status_500")]
    Status500,
    /// 403 as a JSON document.
    #[serde(rename = "status_403")]
    Status403,
    /// 429 with `Retry-After: 2`.
    #[serde(rename = "429", alias = "status_429")]
    Status429,
}

/// An order: `{"source": "courts", "kind": "outage", "times": 3}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The source's id, or `*` for whichever is asked next.
    pub source: String,
    /// What is to go wrong.
    pub kind: Fault,
    /// For how many requests; 0 takes back all orders for this source.
    #[serde(default = "once")]
    pub times: u32,
}

const fn once() -> u32 {
    1
}

/// Orders that are still to be carried out.
#[derive(Debug, Default)]
pub struct Orders(BTreeMap<String, VecDeque<(Fault, u32)>>);

impl Orders {
    /// Takes an order; those of one source are carried out in turn.
    pub fn add(&mut self, order: &Order) {
        if order.times == 0 {
            self.0.remove(&order.source);
        } else {
            self.0.entry(order.source.clone()).or_default().push_back((order.kind, order.times));
        }
    }

    /// The fault that the next request to this source meets.
    pub fn take(&mut self, source: &str) -> Option<Fault> {
        [source, "*"].into_iter().find_map(|name| {
            let queue = self.0.get_mut(name)?;
            let (fault, times) = queue.front_mut()?;
            let fault = *fault;
            *times -= 1;
            if *times == 0 {
                queue.pop_front();
            }
            Some(fault)
        })
    }

    /// What is left, by source.
    pub fn left(&self) -> BTreeMap<&str, u32> {
        let left = |queue: &VecDeque<(Fault, u32)>| queue.iter().map(|(_, times)| times).sum();
        self.0.iter().map(|(source, queue)| (source.as_str(), left(queue))).filter(|(_, left)| *left > 0).collect()
    }
}

/// The seeded fault of a source's `first_pages`-th first page, `of_key`-th request with this key.
pub fn seeded(seed: u64, source: &str, address: Option<&str>, first_pages: u64, of_key: u64) -> Option<Fault> {
    let flaky = address.is_some_and(|address| Place::of(address).showcase == Some(Showcase::Flaky));
    // Each seed begins its rounds elsewhere, but never in the middle of trouble: a first check succeeds.
    let nth = |every: u64, at: u64| first_pages % every == at + seed % (every - at);
    match source {
        "listings" if flaky => (of_key % 4 == 1).then_some(Fault::Captcha),
        "reviews" if flaky => (1..=2).contains(&(of_key % 5)).then_some(Fault::Outage),
        "listings" => nth(9, 5).then_some(Fault::Captcha),
        "reviews" if nth(30, 7) => Some(Fault::Timeout),
        "reviews" => (nth(20, 12) || nth(20, 13)).then_some(Fault::Outage),
        "courts" => nth(15, 6).then_some(Fault::Maintenance),
        "enforcement" => nth(12, 9).then_some(Fault::Slow),
        "companies" => nth(14, 4).then_some(Fault::HalfPage),
        "cadastre" => nth(25, 20).then_some(Fault::Status403),
        _ => None,
    }
}

const CAPTCHA: &str = "<h1>Подтвердите, что вы не робот</h1><form class=\"captcha\"><img src=\"/captcha.png\" alt=\"captcha\"><input name=\"code\"></form>";
const MAINTENANCE: &str = "<h1>Ведутся технические работы</h1><p>Приносим извинения.</p>";

impl Fault {
    /// Whether the right answer is needed to make the spoilt one.
    pub const fn needs_answer(self) -> bool {
        matches!(self, Self::Slow | Self::Garbage | Self::HalfPage | Self::WrongCharset | Self::Huge | Self::SlowLoris)
    }

    /// The answer as the fault leaves it. Waits end early when the server stops.
    pub async fn spoil(self, answer: Answer, speed: f64, stop: &CancellationToken) -> Response {
        let html = |title: &str, body: &str| Answer::html(title, body);
        match self {
            Self::Outage => html("503", "<h1>Сервис временно недоступен</h1>").status(503).into_response(),
            Self::Captcha => html("Проверка", CAPTCHA).into_response(),
            Self::Maintenance => html("Технические работы", MAINTENANCE).into_response(),
            Self::Timeout => {
                stop.cancelled().await;
                html("503", "").status(503).into_response()
            }
            Self::Slow => {
                let late = Duration::from_secs(5).div_f64(speed);
                let _ = tokio::time::timeout(late, stop.cancelled()).await;
                answer.into_response()
            }
            Self::Garbage => {
                let mut noise = Draw::new(0, &["garbage"]);
                let body = (0..256).flat_map(|_| noise.next().to_be_bytes()).collect();
                Answer { body, ..answer }.into_response()
            }
            Self::HalfPage => half(answer),
            Self::WrongCharset => wrong_charset(answer),
            Self::RedirectPrivate => {
                let location = Some("http://127.0.0.1:9/".to_owned());
                Answer { status: 302, location, ..html("302", "") }.into_response()
            }
            Self::Huge => {
                let chunk = Bytes::from(vec![b' '; 1 << 20]);
                let body = futures::stream::iter((0..200).map(move |_| Ok::<_, Infallible>(chunk.clone())));
                with_body(answer, Body::from_stream(body))
            }
            Self::SlowLoris => {
                let stop = stop.clone();
                let drops = futures::stream::unfold(stop, |stop| async move {
                    let second = Duration::from_secs(1);
                    let stopped = tokio::time::timeout(second, stop.cancelled()).await.is_ok();
                    (!stopped).then_some((Ok::<_, Infallible>(Bytes::from_static(b" ")), stop))
                });
                with_body(answer, Body::from_stream(drops))
            }
            Self::Status500 => html("500", "<h1>Internal Server Error</h1>").status(500).into_response(),
            Self::Status403 => {
                let body = serde_json::json!({"code": 403, "requestId": "demo", "message": "Forbidden"});
                Answer::json(&body).status(403).into_response()
            }
            Self::Status429 => {
                let body = Answer::json(&serde_json::json!({"error": "too many requests"})).status(429);
                Answer { retry_after: Some(2), ..body }.into_response()
            }
        }
    }
}

/// An answer's headers over another body.
fn with_body(answer: Answer, body: Body) -> Response {
    let mut response = Answer { body: Vec::new(), ..answer }.into_response();
    *response.body_mut() = body;
    response
}

/// The whole length is promised; half of it comes.
fn half(answer: Answer) -> Response {
    let whole = answer.body.len();
    let first: Bytes = answer.body.iter().take(whole / 2).copied().collect();
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "half a page");
    // The first half must be on its way before the break, or the client sees no answer at all.
    let parts = futures::stream::iter([Ok(first)]).chain(futures::stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(broken)
    }));
    let mut response = with_body(answer, Body::from_stream(parts));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(whole));
    response
}

/// Bytes of windows-1251 under a header that says utf-8.
fn wrong_charset(answer: Answer) -> Response {
    let lie = match answer.content_type.split(';').next() {
        Some("text/html") => "text/html; charset=utf-8",
        Some("text/csv") => "text/csv; charset=utf-8",
        _ => "application/json; charset=utf-8",
    };
    let body = match String::from_utf8(answer.body.clone()) {
        Ok(text) => encoding_rs::WINDOWS_1251.encode(&text).0.into_owned(),
        // Already in an encoding of its own: then only the header lies.
        Err(_) => answer.body.clone(),
    };
    Answer { content_type: lie, body, ..answer }.into_response()
}

/// The page of a source that does not know its own path.
pub fn unknown() -> Answer {
    Answer::ok("text/html; charset=utf-8", page("utf-8", "404", "<h1>404</h1>")).status(404)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_carried_out_in_turn_and_used_up() {
        let mut orders = Orders::default();
        for text in [
            r#"{"source": "courts", "kind": "outage", "times": 2}"#,
            r#"{"source": "courts", "kind": "429"}"#,
            r#"{"source": "*", "kind": "status_500"}"#,
        ] {
            orders.add(&serde_json::from_str(text).expect("an order"));
        }
        let taken: Vec<_> = (0..5).map(|_| orders.take("courts")).collect();
        let expected = [Fault::Outage, Fault::Outage, Fault::Status429, Fault::Status500].map(Some);
        assert_eq!(taken.split_last(), Some((&None, expected.as_slice())));
        assert!(orders.left().is_empty());
    }

    #[test]
    fn a_first_check_meets_no_seeded_fault_and_each_source_meets_one_in_time() {
        for seed in 0..50 {
            for source in ["cadastre", "courts", "enforcement", "listings", "companies", "reviews"] {
                let at = |n| seeded(seed, source, None, n, 1);
                assert!((1..=3).all(|n| at(n).is_none()), "{source} {seed}");
                assert!((1..=60).any(|n| at(n).is_some()), "{source} {seed}");
                // One that is met does not stay: a retry succeeds.
                assert!((1..=60).all(|n| (n..n + 5).any(|n| at(n).is_none())), "{source} {seed}");
            }
        }
    }
}
