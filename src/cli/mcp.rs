//! `mirano mcp`: the assistant's tools over stdio, as a client of a running server.

use super::{Server, Wrong};
use crate::http::Ask;
use crate::mcp::{Api, Assistant, Events, Who};
use anyhow::{Context, Result};
use async_trait::async_trait;
use futures::StreamExt;
use reqwest::{Method, RequestBuilder, Response};
use rmcp::ServiceExt;
use serde_json::{Value, json};
use std::sync::Arc;

/// Serve the assistant's tools over stdio (MCP), as a client of a running server
#[derive(clap::Args)]
#[command(
    after_help = "For a client that starts its servers itself:\n  {\"mcpServers\": {\"mirano\": {\"command\": \"mirano\", \"args\": [\"mcp\", \"--server\", \"http://127.0.0.1:8700\"]}}}\n\nA client that speaks HTTP needs no program: the server answers at /mcp."
)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let service = Assistant::new(Arc::new(There(args.server)));
    let running = service.serve(rmcp::transport::stdio()).await.context("no client speaks MCP on standard input")?;
    running.waiting().await.map_err(|error| Wrong(format!("the assistant's server ended: {error}")))?;
    Ok(())
}

/// The interface of another process.
struct There(Server);

impl There {
    async fn send(&self, request: RequestBuilder) -> Result<Response, Value> {
        let answer = request.send().await.map_err(|error| {
            json!({"status": 503, "code": "not_ready", "title": "Not ready yet", "errors": [],
                "detail": format!("no answer from {}: {error}", self.0.server), "fix": "Start it: `mirano serve`."})
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(answer.json().await.unwrap_or_else(|error| unreadable(&error)))
    }
}

fn unreadable(error: &reqwest::Error) -> Value {
    json!({"status": 500, "code": "internal", "title": "Something broke inside", "errors": [],
        "detail": format!("the server's answer can't be read: {error}"), "fix": "See that --server names a Mirano server."})
}

#[async_trait]
impl Api for There {
    async fn call(&self, _: &Who, ask: Ask<'_>) -> Result<Value, Value> {
        let mut request = self.0.request(ask.method, ask.path).header("accept", "application/json");
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        if let Some(key) = ask.key {
            request = request.header("idempotency-key", key);
        }
        self.send(request).await?.json().await.map_err(|error| unreadable(&error))
    }

    async fn events(&self, _: &Who, path: &str) -> Result<Events, Value> {
        let request = self.0.request(Method::GET, path).header("accept", "text/event-stream");
        let chunks = self.send(request).await?.bytes_stream();
        let whole = chunks.take_while(|chunk| std::future::ready(chunk.is_ok()));
        Ok(whole.filter_map(|chunk| std::future::ready(chunk.ok().map(|chunk| chunk.to_vec()))).boxed())
    }
}
