//! `/mcp`: streamable HTTP, behind the same keys as the rest of the interface, and closed to foreign hosts and pages.

use super::{Assistant, Here};
use crate::http::AppState;
use crate::http::auth::User;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::net::SocketAddr;
use std::sync::Arc;

/// From where `/mcp` may be reached.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Names that `Host` may have, with or without a port; none: any, which only a server with keys may allow.
    pub hosts: Vec<String>,
    /// Origins whose pages may call, `https://assistant.example`; a request with another `Origin` is refused.
    pub origins: Vec<String>,
}

impl Guard {
    /// For a server that listens there. On loopback only this machine's own names lead to it, so that no page of the web can reach it
    /// by a name that it makes resolve to this machine (DNS rebinding). Beyond, callers have keys, which such a page does not know.
    pub fn new(listens: SocketAddr, further_hosts: &[String], origins: &[String]) -> Self {
        let mut hosts: Vec<String> = further_hosts.to_vec();
        if listens.ip().is_loopback() || !hosts.is_empty() {
            hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
            hosts.push(listens.ip().to_string());
        }
        // The server's own pages are no strangers.
        let own = listens.ip().is_loopback().then(|| format!("http://{listens}"));
        let named = listens.ip().is_loopback().then(|| format!("http://localhost:{}", listens.port()));
        Self { hosts, origins: origins.iter().cloned().chain(own).chain(named).collect() }
    }
}

/// The route of the assistant. `api` is [`crate::http::router`].
pub fn router(state: AppState, api: Router, guard: &Guard) -> Router {
    let assistant = Assistant::new(Arc::new(Here::new(api)));
    let config = StreamableHttpServerConfig::default()
        // No session holds anything, so there is none to steal, and any node answers any request.
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_cancellation_token(state.stop().clone())
        .with_allowed_hosts(guard.hosts.clone())
        .with_allowed_origins(guard.origins.clone())
        .enforce_origin_validation();
    let service =
        StreamableHttpService::new(move || Ok(assistant.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new().route_service("/mcp", service).layer(middleware::from_fn_with_state(state, known))
}

/// Lets in who has a key with the role `user`, and notes whom.
async fn known(State(_): State<AppState>, User(caller): User, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(caller);
    next.run(request).await
}
