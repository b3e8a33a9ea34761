//! How tools reach the interface: in this process, or over the network.

use crate::http::auth::Caller;
use crate::http::{Ask, InProcess};
use async_trait::async_trait;
use axum::Router;
use axum::http::request::Parts;
use futures::stream::BoxStream;
use rmcp::model::Extensions;
use serde_json::{Value, json};

/// On whose behalf: what came with the request.
pub type Who = Extensions;

/// Chunks of a stream of events.
pub type Events = BoxStream<'static, Vec<u8>>;

/// The HTTP interface. The error is a problem document (RFC 9457).
#[async_trait]
pub trait Api: Send + Sync + 'static {
    /// Asks, and reads JSON.
    async fn call(&self, who: &Who, ask: Ask<'_>) -> Result<Value, Value>;
    /// Listens to events.
    async fn events(&self, who: &Who, path: &str) -> Result<Events, Value>;
}

/// The interface of this process.
pub struct Here(InProcess);

impl Here {
    /// Over the interface's router.
    pub fn new(api: Router) -> Self {
        Self(InProcess::new(api))
    }
}

/// Whom the guard of `/mcp` let in.
fn caller(who: &Who) -> Result<Caller, Value> {
    let parts = who.get::<Parts>().and_then(|parts| parts.extensions.get::<Caller>());
    parts.cloned().ok_or_else(|| {
        json!({"status": 401, "code": "no_key", "title": "No key, or an unknown one", "detail": "there is no key",
            "fix": "Send `Authorization: Bearer <key>`.", "errors": []})
    })
}

#[async_trait]
impl Api for Here {
    async fn call(&self, who: &Who, ask: Ask<'_>) -> Result<Value, Value> {
        self.0.call(caller(who)?, ask).await
    }

    async fn events(&self, who: &Who, path: &str) -> Result<Events, Value> {
        self.0.events(caller(who)?, path).await
    }
}
