//! What stands around every call: a request id, a span, measurements, panics caught, strangers told.

use super::error::{self, Code, Problem, refused};
use super::query;
use super::state::AppState;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use tracing::Instrument;

/// Smaller answers fit one packet as they are.
const LEAST_COMPRESSED: u16 = 1024;
const REQUEST_ID: &str = "x-request-id";
/// Whole seconds for which nothing was heard of the log.
const BEHIND: &str = "mirano-behind";

/// Puts the layers around a router; the last one is the outermost.
pub fn around(router: Router<AppState>) -> Router<AppState> {
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_here)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(told))
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(SizeAbove::new(LEAST_COMPRESSED))))
}

/// Says of an answer how many seconds it may be behind, while the log can't be seen to its end.
pub async fn behind(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(behind) = state.engine().log().behind() {
        response.headers_mut().insert(BEHIND, HeaderValue::from(behind.as_secs()));
    }
    response
}

/// A browser gets a page, everybody else a problem document.
async fn nowhere(uri: Uri, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.starts_with("text/html") {
        return crate::ui::nowhere(&headers, uri.path());
    }
    let problem = Problem::said(Code::NotFound, "nowhere", &[("path", uri.path().into())]);
    problem.fix(refused("nowhere_fix", &[])).into_response()
}

async fn not_here(method: Method, uri: Uri) -> Problem {
    let args = [("method", method.as_str().into()), ("path", uri.path().into())];
    Problem::said(Code::MethodNotAllowed, "method", &args)
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(format!("panic: {said}")).into_response()
}

/// Gives the request an id and a span, and measures it.
async fn told(request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| sane(id));
    let id = given.map_or_else(fresh, str::to_owned);
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = label(request.method());
    let span = tracing::info_span!("http", request_id = id, method, route, tenant = tracing::field::Empty);
    let began = Instant::now();
    let lang = query::of_problems(request.uri(), request.headers());
    let mut response = error::in_language(lang, next.run(request)).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    span.in_scope(|| tracing::debug!(status, took_ms = took.as_millis(), "answered"));
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    metrics::counter!("mirano_http_requests_total", &labels).increment(1);
    metrics::histogram!("mirano_http_request_seconds", &labels).record(took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A method as a label: callers may send any word, labels are few.
fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

fn sane(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn fresh() -> String {
    let random: [u8; 10] = rand::random();
    mirano_schemas::base32(&random)
}
