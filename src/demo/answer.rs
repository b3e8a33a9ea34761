//! An answer of a source before it goes out, so that faults can spoil it.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What a source says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type, with a charset or, as real sources do, without.
    pub content_type: &'static str,
    /// The bytes.
    pub body: Vec<u8>,
    /// Seconds of Retry-After.
    pub retry_after: Option<u64>,
    /// Where to go instead.
    pub location: Option<String>,
}

impl Answer {
    /// A 200 of this type.
    pub fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, content_type, body: body.into(), retry_after: None, location: None }
    }

    /// The same with another status.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// A JSON document.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::ok("application/json; charset=utf-8", value.to_string())
    }

    /// A UTF-8 page.
    pub fn html(title: &str, body: &str) -> Self {
        Self::ok("text/html; charset=utf-8", page("utf-8", title, body))
    }
}

/// A page's text; the charset is only what its `meta` says.
pub fn page(charset: &str, title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"ru\"><head><meta charset=\"{charset}\"><title>{}</title></head>\n<body>\n\
         <p class=\"demo\">Демонстрация: все компании, лица и адреса вымышлены. / Demo: all companies, persons and addresses are invented.</p>\n\
         {body}\n</body></html>\n",
        escape(title)
    )
}

/// Text made safe for a page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(place) = self.location.and_then(|place| HeaderValue::from_str(&place).ok()) {
            headers.insert(header::LOCATION, place);
        }
        response
    }
}
