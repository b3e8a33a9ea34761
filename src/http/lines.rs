//! Answers of any size: lines of JSON that are sent as they are found.

use super::answer;
use super::error::{Problem, Result};
use super::query::At;
use super::slow::Reader;
use super::state::AppState;
use crate::history::HistoryError;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// The media type.
const LINES: &str = "application/x-ndjson";
/// Lines are sent in pieces of about so many bytes.
const PIECE: usize = 64 * 1024;
/// Pieces on their way to the reader: one that does not read holds its answer up for a while, then it ends.
const BUFFERED: usize = 4;

/// Whether the caller asked for lines.
pub fn wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.trim().starts_with(LINES))
}

/// Where lines are written to.
pub struct Lines {
    begun: Option<oneshot::Sender<Result<()>>>,
    send: Reader<std::result::Result<Bytes, HistoryError>>,
    piece: Vec<u8>,
}

impl Lines {
    /// Nothing is refused any more: the answer begins.
    pub fn begin(&mut self) {
        // Nobody waits any more only if the reader went away, and then no piece is taken either.
        if let Some(begun) = self.begun.take() {
            drop(begun.send(Ok(())));
        }
    }

    /// The next line.
    pub fn line(&mut self, line: &str) -> std::result::Result<(), HistoryError> {
        self.piece.extend_from_slice(line.as_bytes());
        self.piece.push(b'\n');
        if self.piece.len() < PIECE { Ok(()) } else { self.send() }
    }

    fn send(&mut self) -> std::result::Result<(), HistoryError> {
        let piece = Bytes::from(std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE)));
        self.send.take(Ok(piece)).then_some(()).ok_or(HistoryError::NobodyReads)
    }
}

/// Answers with lines. What `tell` refuses before it begins is a problem as any other; later errors cut the answer, which then has
/// no end.
pub async fn stream(
    state: &AppState,
    at: &At,
    tell: impl FnOnce(&mut Lines) -> Result<()> + Send + 'static,
) -> Result<Response> {
    let (send, pieces) = mpsc::channel::<std::result::Result<Bytes, HistoryError>>(BUFFERED);
    let (begun, begins) = oneshot::channel::<Result<()>>();
    let permit = state.long_answer()?;
    let mut lines = Lines { begun: Some(begun), send: Reader::new(send), piece: Vec::with_capacity(PIECE) };
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let told = tell(&mut lines).and_then(|()| Ok(lines.send()?));
        if let Err(problem) = told {
            match lines.begun.take() {
                Some(begun) => drop(begun.send(Err(problem))),
                // The reader sees that the answer has no end.
                None => _ = lines.send.take(Err(HistoryError::Log("the answer was broken off".to_owned()))),
            }
        }
    });
    begins.await.map_err(Problem::internal)??;
    let mut response = Body::from_stream(ReceiverStream::new(pieces)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(LINES));
    Ok(answer::positioned(&at.cut, response))
}
