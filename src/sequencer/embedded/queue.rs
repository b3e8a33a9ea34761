//! What waits for the writer of one partition, in the order of the calls.

use super::super::{AppendError, Outcome};
use bytes::Bytes;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A record handed over, and who wants to know.
#[derive(Debug)]
pub struct Waiting {
    /// Envelope and body.
    pub record: Bytes,
    /// Told once; the caller may have gone.
    pub reply: oneshot::Sender<Result<Outcome, AppendError>>,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Bytes that wait or are being written.
    pending: usize,
    /// The writer sleeps and wants to be woken when so many wait; 0 while it is busy.
    wanted: usize,
    closed: bool,
    poisoned: Option<Arc<str>>,
}

impl Queue {
    /// Puts a record at the end, unless too much waits or the log has stopped.
    pub fn push(&self, waiting: Waiting, max_pending: usize) -> Result<(), AppendError> {
        let mut state = self.lock();
        if let Some(cause) = &state.poisoned {
            return Err(AppendError::Poisoned { cause: cause.clone() });
        }
        if state.pending > 0 && state.pending + waiting.record.len() > max_pending {
            return Err(AppendError::Overloaded { pending: state.pending });
        }
        state.pending += waiting.record.len();
        state.waiting.push(waiting);
        if state.waiting.len() == state.wanted {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes from the front at least one record and at most about `max_bytes`; waits for one. `None` once the queue is
    /// closed and empty.
    ///
    /// If fewer than `expected` wait, it has `patience` for more: those who were answered together just now are about to
    /// come again, and a sync for the first of them alone would make all others wait for two.
    pub fn take(&self, max_bytes: usize, expected: usize, patience: Duration) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state.wanted = 1;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let started = Instant::now();
        while state.waiting.len() < expected && !state.closed {
            let Some(left) = patience.checked_sub(started.elapsed()) else { break };
            state.wanted = expected;
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wanted = 0;
        let mut bytes = 0usize;
        let fits = state.waiting.iter().take_while(|waiting| {
            let first = bytes == 0;
            bytes += waiting.record.len().max(1);
            first || bytes <= max_bytes
        });
        let count = fits.count();
        if count == state.waiting.len() {
            return Some(std::mem::take(&mut state.waiting));
        }
        Some(state.waiting.drain(..count).collect())
    }

    /// `bytes` of records are done with.
    pub fn done(&self, bytes: usize) {
        let mut state = self.lock();
        state.pending = state.pending.saturating_sub(bytes);
    }

    /// Refuses all that waits and all that comes.
    pub fn poison(&self, cause: &Arc<str>) {
        let mut state = self.lock();
        state.poisoned.get_or_insert_with(|| cause.clone());
        state.pending = 0;
        let refused = std::mem::take(&mut state.waiting);
        drop(state);
        for waiting in refused {
            let _ = waiting.reply.send(Err(AppendError::Poisoned { cause: cause.clone() }));
        }
    }

    /// Nothing more comes; the writer ends when it has written what waits.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can happen half-way through a change of the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
