//! What the query string and the headers say: language, paging, positions.

use super::error::{Code, Problem, Result, refused};
use super::state::AppState;
use crate::explain::words::Lang;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use mirano_schemas::{FactId, Position, base32, from_base32};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use utoipa::ToSchema;

/// How long `?min_position=` waits.
const POSITION_PATIENCE: Duration = Duration::from_secs(5);
/// Items on a page when the caller does not say.
const DEFAULT_LIMIT: usize = 50;
/// The most items on a page.
pub const MAX_LIMIT: usize = 500;

/// Parameters of the query string, refused with the parameter that is wrong.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self> {
        let text = parts.uri.query().unwrap_or_default();
        axum::extract::Query::<T>::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|error| {
            Problem::said(Code::InputInvalid, "query_string", &[("why", error.to_string().into())])
                .at("query", text)
                .fix(refused("query_string_fix", &[]))
        })
    }
}

/// The value of one parameter, percent-decoded.
pub fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The language of `?lang=`, else of `Accept-Language`, else Russian.
impl FromRequestParts<AppState> for Lang {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self> {
        match parameter(parts, "lang").as_deref() {
            Some("ru") => Ok(Self::Ru),
            Some("en") => Ok(Self::En),
            Some(other) => Err(Problem::said(Code::InputInvalid, "lang", &[("given", other.into())])
                .at("lang", refused("lang_at", &[]))
                .fix(refused("lang_fix", &[]))),
            None => Ok(accepted(&parts.headers).unwrap_or(Self::Ru)),
        }
    }
}

/// The language that problems are told in: as for everything else, but English where none of ours is asked for, since programs read them.
pub fn of_problems(uri: &Uri, headers: &HeaderMap) -> Lang {
    let asked = uri.query().and_then(|query| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "lang").and_then(|(_, value)| Lang::from_tag(&value))
    });
    asked.or_else(|| accepted(headers)).unwrap_or(Lang::En)
}

fn accepted(headers: &HeaderMap) -> Option<Lang> {
    headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(preferred)
}

/// The one of our languages that `Accept-Language` likes best; none where it names none of them.
fn preferred(accepted: &str) -> Option<Lang> {
    let mut best = (0.0f32, None);
    for part in accepted.split(',') {
        let mut pieces = part.trim().split(';');
        let tag = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = pieces.find_map(|piece| piece.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        let lang = match tag.split('-').next() {
            Some("ru") => Lang::Ru,
            Some("en") => Lang::En,
            _ => continue,
        };
        if weight > best.0 {
            best = (weight, Some(lang));
        }
    }
    best.1
}

/// The views stand at least where `?min_position=` asks, and what they stand for.
#[derive(Debug, Clone)]
pub struct At {
    /// The positions that the views show, as the header `Mirano-Position` says them.
    pub cut: String,
}

impl FromRequestParts<AppState> for At {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let engine = state.engine();
        let wanted = parameter(parts, "min_position");
        for text in wanted.iter().flat_map(|wanted| wanted.split(',')).filter(|text| !text.is_empty()) {
            let position: Position = text.trim().parse().map_err(|_| {
                Problem::said(Code::BadTime, "position", &[("given", text.into())])
                    .at("min_position", refused("position_at", &[]))
            })?;
            if position.partition >= engine.partitions() {
                let last = engine.partitions().saturating_sub(1);
                return Err(Problem::said(Code::BadTime, "partition", &[("n", position.partition.into())])
                    .at("min_position", refused("partition_at", &[("last", last.into())])));
            }
            if !engine.wait_for(position, POSITION_PATIENCE).await {
                let shown = cut(engine);
                let args = [("shown", shown.into()), ("wanted", position.to_string().into())];
                return Err(Problem::said(Code::PositionTimeout, "behind", &args));
            }
        }
        Ok(Self { cut: cut(engine) })
    }
}

/// The positions that the views show, a comma list.
pub fn cut(engine: &crate::engine::Engine) -> String {
    engine.cut().iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A key that the caller gave to a request, so that it may be repeated.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub String);

impl OptionalFromRequestParts<AppState> for IdempotencyKey {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Option<Self>> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(None) };
        let text = value.to_str().unwrap_or_default().trim().to_owned();
        if text.is_empty() || text.len() > 255 {
            return Err(Problem::said(Code::InputInvalid, "idempotency_key", &[])
                .at("Idempotency-Key", refused("idempotency_key_at", &[]))
                .fix(refused("idempotency_key_fix", &[])));
        }
        Ok(Some(Self(text)))
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Send it as `?cursor=` for the next page; `null`: this was the last.
    pub next_cursor: Option<String>,
}

/// The number of items on a page.
pub fn limit(asked: Option<usize>) -> Result<usize> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(n) if (1..=MAX_LIMIT).contains(&n) => Ok(n),
        Some(n) => Err(Problem::said(Code::InputInvalid, "limit", &[("given", n.to_string().into())])
            .at("limit", refused("limit_at", &[("most", MAX_LIMIT.into())]))
            .fix(refused("limit_fix", &[("most", MAX_LIMIT.into())]))),
    }
}

/// A cursor that names the place after which a list goes on, bound to the list.
pub fn cursor(list: &str, place: &[u8]) -> String {
    let mut bytes = check(list, place).to_vec();
    bytes.extend_from_slice(place);
    base32(&bytes)
}

/// It is none of ours, or of another list.
pub fn no_cursor() -> Problem {
    Problem::said(Code::BadCursor, "cursor", &[]).at("cursor", refused("cursor_at", &[]))
}

/// The place that a cursor names.
pub fn place(list: &str, cursor: &str) -> Result<Vec<u8>> {
    let bytes = from_base32(cursor).ok_or_else(no_cursor)?;
    let (sum, place) = bytes.split_first_chunk::<4>().ok_or_else(no_cursor)?;
    if *sum != check(list, place) {
        return Err(no_cursor());
    }
    Ok(place.to_vec())
}

/// Where a page of a list of keys with one prefix begins: at the first, or right behind the place that the cursor names.
pub fn start(list: &str, prefix: &[u8], cursor: Option<&str>) -> Result<Vec<u8>> {
    let mut from = prefix.to_vec();
    if let Some(cursor) = cursor {
        from.extend_from_slice(&place(list, cursor)?);
        from.push(0);
    }
    Ok(from)
}

/// The cursor of the page that begins right behind a key of such a list.
pub fn behind(list: &str, prefix: &[u8], key: &[u8]) -> Option<String> {
    key.get(prefix.len()..).map(|place| cursor(list, place))
}

/// The fact that a cursor names.
pub fn fact_place(list: &str, text: &str) -> Result<FactId> {
    let place = place(list, text)?;
    Ok(FactId(place.try_into().map_err(|_| no_cursor())?))
}

fn check(list: &str, place: &[u8]) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new_derive_key("mirano 2026 cursor v1");
    hasher.update(list.as_bytes()).update(&[0]).update(place);
    let mut out = [0; 4];
    hasher.finalize_xof().fill(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_preferred_by_weight() {
        for (accepted, want) in
            [("en-US,en;q=0.9,ru;q=0.8", Lang::En), ("ru-RU, en;q=0.7", Lang::Ru), ("de, en;q=0.3", Lang::En)]
        {
            assert_eq!(preferred(accepted), Some(want), "{accepted}");
        }
        assert_eq!(preferred("de"), None);
    }

    #[test]
    fn cursors_belong_to_their_list() {
        let made = cursor("jobs", b"place");
        assert_eq!(place("jobs", &made).expect("ours"), b"place");
        for (list, text) in [("tasks", made.as_str()), ("jobs", "aaaa"), ("jobs", "!"), ("jobs", "")] {
            assert_eq!(place(list, text).expect_err("not ours").code(), Code::BadCursor, "{list} {text}");
        }
    }
}
