//! Answers that were read from views: their position, and whether the caller has them already.

use super::query::At;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The header that says which positions an answer stands for.
pub const POSITION: &str = "mirano-position";

/// A JSON answer with its position.
pub fn json(at: &At, body: &impl Serialize) -> Response {
    positioned(&at.cut, Json(body).into_response())
}

/// Adds the position that an answer stands for.
pub fn positioned(cut: &str, mut response: Response) -> Response {
    if let Ok(value) = HeaderValue::from_str(cut) {
        response.headers_mut().insert(POSITION, value);
    }
    response
}

/// A JSON answer with an entity tag; `304` when the caller has it.
///
/// The tag is weak: it covers position, language and states, not ages.
pub fn tagged(at: &At, headers: &HeaderMap, covers: &impl Serialize, body: &impl Serialize) -> Response {
    tagged_as(at, headers, covers, || Json(body).into_response())
}

/// The same for an answer of any form. What chooses the form belongs to what the tag covers.
pub fn tagged_as(at: &At, headers: &HeaderMap, covers: &impl Serialize, body: impl FnOnce() -> Response) -> Response {
    let covered = serde_json::to_vec(covers).unwrap_or_default();
    let tag = mirano_schemas::base32(blake3::hash(&covered).as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
    let mut response = if known(headers, &tag) { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    if let Ok(value) = HeaderValue::from_str(&format!("W/\"{tag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-language, authorization"));
    positioned(&at.cut, response)
}

/// Whether `If-None-Match` names the tag: the caller has what it stands for.
pub fn known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let same = |known: &str| known == "*" || known.trim_start_matches("W/").trim_matches('"') == tag;
    known.split(',').map(str::trim).any(same)
}
