//! The HTTP server: counts each request, enforces the source's limit, spoils or delays the answer, gives it.

use super::answer::Answer;
use super::counters::{Arrival, Counters, Limit};
use super::data::Folder;
use super::farm;
use super::fault::{self, Orders};
use super::sites::{Ask, site};
use super::world::{Draw, World};
use super::{DemoError, Options, check_speed, control, home};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What all requests share.
pub struct Shared {
    pub world: World,
    pub seed: u64,
    pub faults: bool,
    pub speed: f64,
    pub folder: Option<Folder>,
    pub counters: Mutex<Counters>,
    pub orders: Mutex<Orders>,
    pub clock: Mutex<NaiveDate>,
    pub stop: CancellationToken,
}

impl Shared {
    /// Reads the data folder's names; opens nothing else.
    pub fn new(options: &Options) -> Result<Arc<Self>, DemoError> {
        let folder = options.data.as_deref().map(Folder::scan).transpose()?;
        let first = folder.as_ref().and_then(|folder| folder.dates().into_iter().next());
        let spring = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap_or_default();
        Ok(Arc::new(Self {
            world: World::new(options.seed),
            seed: options.seed,
            faults: options.faults,
            speed: check_speed(options.speed)?,
            folder,
            counters: Mutex::default(),
            orders: Mutex::default(),
            clock: Mutex::new(options.date.or(first).unwrap_or(spring)),
            stop: CancellationToken::new(),
        }))
    }

    /// The world's date.
    pub fn date(&self) -> NaiveDate {
        *held(&self.clock)
    }
}

/// The lock, also after another request panicked: what it guards is counters, never half a change.
pub fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All routes.
pub fn router(state: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(home::home))
        .route("/control/requests", get(control::requests))
        .route("/control/reset", post(control::reset))
        .route("/control/clock", get(control::clock).post(control::set_clock))
        .route("/control/fault", get(control::faults).post(control::order_fault))
        .route("/control/showcases", get(control::showcases))
        .route("/{source}/{*path}", get(ask))
        .fallback(async || fault::unknown())
        .with_state(state)
}

/// A limit at a speed.
pub fn at_speed(limit: Limit, speed: f64) -> Limit {
    Limit { requests: (f64::from(limit.requests) * speed).round().max(1.0) as u32, ..limit }
}

/// Counts a request out, however its handling ends: the client may have hung up.
struct InFlight<'a>(&'a Shared, String, String);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        held(&self.0.counters).leave(&self.1, &self.2);
    }
}

async fn ask(State(state): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy().into_owned();
    let query: BTreeMap<String, String> = pairs(uri.query().unwrap_or_default());
    let (_, rest) = path.split_at(path.len().min(1));
    let (first, below) = rest.split_once('/').unwrap_or((rest, ""));
    // Who is asked, what it allows, how long it takes.
    let (source, limit, latency) = match (site(first), farm::find(first), &state.folder) {
        (Some(site), ..) => (site.id.to_owned(), site.limit, site.latency_ms),
        (None, Some(stall), _) => (stall.id.to_owned(), stall.limit(), (1, 5)),
        (None, None, Some(folder)) if first == "data" => match folder.source_of(below, &query) {
            Some(source) => (source, super::data::LIMIT, (5, 20)),
            None => return fault::unknown().into_response(),
        },
        _ => return fault::unknown().into_response(),
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let ask =
        Ask { path: below.to_owned(), query, base: format!("http://{host}"), world: state.world, date: state.date() };
    let key = key(&path, &ask.query);
    let limit = at_speed(limit, state.speed);
    let arrival = held(&state.counters).arrive(&source, &key, ask.page() == 1, limit, Instant::now());
    let (of_key, first_pages) = match arrival {
        Arrival::Accepted { of_key, first_pages } => (of_key, first_pages),
        Arrival::TooMany { retry_after } => return too_many(retry_after).into_response(),
    };
    let _in_flight = InFlight(&state, source.clone(), key.clone());
    let ordered = held(&state.orders).take(&source);
    let seeded = || {
        if let Some(stall) = farm::find(first) {
            return stall.trouble(of_key, first_pages);
        }
        let address = ask.query.get("address").map(String::as_str);
        let first = state.faults && ask.page() == 1;
        first.then(|| fault::seeded(state.seed, &source, address, first_pages, of_key)).flatten()
    };
    let fault = ordered.or_else(seeded);
    if fault.is_some() {
        held(&state.counters).spoil(&source);
    }
    let (from, to) = latency;
    let wait = Draw::new(state.seed, &["latency", &key, &of_key.to_string()]).between(from as i64, to as i64) as u64;
    let wait = Duration::from_millis(wait).div_f64(state.speed);
    // The wait ends early when the server stops; the answer goes out all the same.
    let _ = tokio::time::timeout(wait, state.stop.cancelled()).await;
    let answer = match fault {
        Some(fault) if !fault.needs_answer() => Answer::json(&serde_json::Value::Null),
        _ => answer(&state, first, &ask).await,
    };
    match fault {
        Some(fault) => fault.spoil(answer, state.speed, &state.stop).await,
        None => answer.into_response(),
    }
}

async fn answer(state: &Shared, first: &str, ask: &Ask) -> Answer {
    match (site(first), &state.folder) {
        (Some(site), _) => (site.answer)(ask),
        _ if farm::find(first).is_some() => farm::answer(ask),
        (None, Some(folder)) => folder.answer(&ask.path, &ask.query, ask.date).await,
        (None, None) => fault::unknown(),
    }
}

fn too_many(retry_after: Duration) -> Answer {
    let seconds = retry_after.as_millis().div_ceil(1000).max(1) as u64;
    let body = serde_json::json!({"error": "too many requests", "retry_after_s": seconds});
    Answer { retry_after: Some(seconds), ..Answer::json(&body).status(429) }
}

/// The query's pairs, decoded; of a name that stands twice the last counts.
fn pairs(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// What a request is counted under: path and query, whatever the order and the spelling of the query.
fn key(path: &str, query: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}
