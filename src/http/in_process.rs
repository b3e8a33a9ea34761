//! The interface, called in this process: by the web page and by the assistant's tools, so that there is one truth.

use super::auth::Caller;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, header};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tower::ServiceExt;

/// More than any answer that is read whole.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What is asked of the interface.
#[derive(Debug, Clone, Default)]
pub struct Ask<'a> {
    /// GET, unless it is said otherwise.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// Sent as JSON.
    pub body: Option<Value>,
    /// `Idempotency-Key`.
    pub key: Option<String>,
}

/// The interface's router, and who calls it.
#[derive(Clone)]
pub struct InProcess(Router);

impl InProcess {
    /// Over [`super::router`].
    pub fn new(api: Router) -> Self {
        Self(api)
    }

    /// Asks, and reads the JSON; a problem document is the error.
    pub async fn call(&self, caller: Caller, ask: Ask<'_>) -> Result<Value, Value> {
        let answer = self.send(caller, ask, "application/json").await?;
        let ok = answer.status().is_success();
        let bytes = to_bytes(answer.into_body(), MOST_BYTES).await.map_err(|error| broken(&error.to_string()))?;
        let read = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        let value = read.map_err(|error| broken(&error.to_string()))?;
        if ok { Ok(value) } else { Err(value) }
    }

    /// Listens to a stream of events.
    pub async fn events(&self, caller: Caller, path: &str) -> Result<BoxStream<'static, Vec<u8>>, Value> {
        self.stream(caller, Ask { path, ..Ask::default() }).await
    }

    /// The same for what is asked with a body.
    pub async fn stream(&self, caller: Caller, ask: Ask<'_>) -> Result<BoxStream<'static, Vec<u8>>, Value> {
        let answer = self.send(caller, ask, "text/event-stream").await?;
        if !answer.status().is_success() {
            let bytes = to_bytes(answer.into_body(), MOST_BYTES).await.map_err(|error| broken(&error.to_string()))?;
            return Err(serde_json::from_slice(&bytes).unwrap_or_else(|error| broken(&error.to_string())));
        }
        let chunks = answer.into_body().into_data_stream();
        Ok(chunks
            .take_while(|chunk| std::future::ready(chunk.is_ok()))
            .filter_map(|chunk| std::future::ready(chunk.ok().map(|chunk| chunk.to_vec())))
            .boxed())
    }

    async fn send(&self, caller: Caller, ask: Ask<'_>, accept: &str) -> Result<Response<Body>, Value> {
        let mut request = Request::builder().method(ask.method).uri(ask.path).header(header::ACCEPT, accept);
        if ask.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(key) = ask.key {
            request = request.header("idempotency-key", key);
        }
        let body = ask.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).map_err(|error| broken(&error.to_string()))?;
        request.extensions_mut().insert(caller);
        Ok(match self.0.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        })
    }
}

/// The problem document of what should not happen.
pub(super) fn broken(detail: &str) -> Value {
    json!({"status": 500, "code": "internal", "title": "Something broke inside", "detail": detail, "fix": "Report it.", "errors": []})
}
