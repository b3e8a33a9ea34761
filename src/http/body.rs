//! JSON bodies: read whole within a limit, and refused with the place that is wrong.

use super::error::{Code, Problem, Result, refused};
use super::state::AppState;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The largest JSON body, in bytes.
pub const MAX_JSON: usize = 1024 * 1024;
/// So much more is read and dropped, so that the caller is there to hear the answer.
const MOST_DROPPED: usize = 64 * 1024 * 1024;
/// A body has to arrive within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &AppState) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let bytes = tokio::time::timeout(PATIENCE, collect(body))
            .await
            .map_err(|_| Problem::said(Code::BadJson, "body_late", &[]))??;
        if !bytes.is_empty() {
            is_json(&parts.headers)?;
        }
        read(&bytes).map(Self)
    }
}

async fn collect(body: axum::body::Body) -> Result<Vec<u8>> {
    let (mut bytes, mut seen) = (Vec::new(), 0usize);
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::said(Code::BadJson, "body_short", &[]).private(error))?;
        seen += chunk.len();
        if seen <= MAX_JSON {
            bytes.extend_from_slice(&chunk);
        } else if seen > MOST_DROPPED {
            break;
        }
    }
    if seen > MAX_JSON {
        return Err(Problem::said(Code::TooLarge, "body_large", &[("most", MAX_JSON.to_string().into())]));
    }
    Ok(bytes)
}

fn is_json(headers: &HeaderMap) -> Result<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        return Ok(());
    }
    Err(Problem::said(Code::BadJson, "body_kind", &[("given", kind.into())]).fix(refused("body_kind_fix", &[])))
}

/// Reads JSON; an error names the place.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // An absent body is an empty object: of use where every field may be left out.
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    // serde would take the members of an array for those of an object, in order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Problem::said(Code::BadJson, "body_array", &[]).at("", refused("body_array_at", &[])));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut at = pointer(error.path());
        let detail = error.into_inner().to_string();
        // What is missing has no place in what was sent; it is named where it should stand.
        if let Some(name) = detail.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            at = format!("{at}/{name}");
        }
        Problem::new(Code::BadJson, detail.clone()).at(at, detail)
    })?;
    json.end().map_err(|error| Problem::new(Code::BadJson, error.to_string()).at("", error.to_string()))?;
    Ok(value)
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut out = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => out.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                out.push('/');
                out.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    out
}
