//! The events of a job, taken up again where they broke off.

use crate::cli::server::problem;
use crate::cli::{Server, Wrong};
use anyhow::Result;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// Tries in a row to take up the events again, without anything new.
const TRIES: u32 = 4;
/// The pause before the first of them.
const PAUSE: Duration = Duration::from_millis(500);

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// `job`, `source`, `facts`, `risk`, `snapshot` or `done`.
    pub(super) name: String,
    /// Its place in the log.
    pub(super) id: String,
    pub(super) data: Value,
}

/// Events, one behind the other.
pub(super) struct Events<'a> {
    server: &'a Server,
    path: String,
    job: String,
    last_id: String,
    tries: u32,
    open: Option<BoxStream<'static, reqwest::Result<bytes::Bytes>>>,
    pending: Vec<u8>,
}

impl<'a> Events<'a> {
    pub(super) fn of(server: &'a Server, job: &str) -> Self {
        Self {
            server,
            path: format!("/v1/jobs/{job}/events?lang={}", server.lang),
            job: job.to_owned(),
            last_id: String::new(),
            tries: 0,
            open: None,
            pending: Vec::new(),
        }
    }

    /// The next event. A stream that breaks is taken up behind the last event that came; only tries that bring
    /// nothing are limited.
    pub(super) async fn next(&mut self) -> Result<Event> {
        loop {
            match self.read().await {
                Ok(Some(event)) => {
                    if !event.id.is_empty() {
                        event.id.clone_into(&mut self.last_id);
                    }
                    self.tries = 0;
                    return Ok(event);
                }
                broken => {
                    self.open = None;
                    self.pending.clear();
                    self.tries += 1;
                    if self.tries > TRIES {
                        let why = broken.err().map(|error| format!(": {error}")).unwrap_or_default();
                        let args = [("id", self.job.as_str().into()), ("why", why.into())];
                        return Err(Wrong(self.server.say("cli-events_ended", &args)).into());
                    }
                    // Nothing tells when a server is back: it is asked again, each time later.
                    tokio::time::sleep(PAUSE * self.tries).await;
                }
            }
        }
    }

    /// The next whole event of the stream; none where it ended.
    async fn read(&mut self) -> Result<Option<Event>> {
        let stream = match &mut self.open {
            Some(open) => open,
            None => {
                let mut request = self.server.request(Method::GET, &self.path).header("accept", "text/event-stream");
                if !self.last_id.is_empty() {
                    request = request.header("last-event-id", self.last_id.as_str());
                }
                let answer = request.send().await?;
                let status = answer.status();
                if !status.is_success() {
                    let body: Value = answer.json().await.unwrap_or(Value::Null);
                    return Err(Wrong(format!("{status}: {}", problem(&body, self.server.lang()))).into());
                }
                self.open.insert(answer.bytes_stream().boxed())
            }
        };
        loop {
            while let Some(end) = self.pending.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.pending.drain(..end + 2).collect();
                if let Some(event) = parse(&String::from_utf8_lossy(&event)) {
                    return Ok(Some(event));
                }
            }
            match stream.next().await {
                Some(chunk) => self.pending.extend_from_slice(&chunk?),
                None => return Ok(None),
            }
        }
    }
}

/// An event's lines; none where they are a comment only.
fn parse(lines: &str) -> Option<Event> {
    let field = |name: &str| lines.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some(Event {
        name: field("event:")?.to_owned(),
        id: field("id:").unwrap_or_default().to_owned(),
        data: field("data:").and_then(|data| serde_json::from_str(data).ok()).unwrap_or(Value::Null),
    })
}

#[cfg(test)]
mod tests {
    use super::{Event, parse};
    use serde_json::json;

    #[test]
    fn events_are_told_from_comments() {
        assert_eq!(parse(": keep-alive\n\n"), None);
        let event = Event { name: "done".to_owned(), id: "0:7:1".to_owned(), data: json!({"final": true}) };
        assert_eq!(parse("event: done\nid: 0:7:1\ndata: {\"final\":true}\n\n"), Some(event));
    }
}
