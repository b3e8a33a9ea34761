//! A lease that is held: kept while its attempt lives.
//!
//! A deadline covers the last request and a grace. What comes after the request may take longer: a large page is read, a
//! slow store keeps the evidence. Shortly before the deadline a heartbeat moves it on, so that nobody else begins the
//! same task beside an attempt that is alive; an ordinary attempt sends none.

use super::pool::Tools;
use crate::core::command::{Command, LeasedTask, Reply};
use crate::core::source::LEASE_GRACE_MS;
use mirano_schemas::{LeaseToken, Timestamp};
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// So long before a deadline the heartbeat is sent.
const BEFORE_MS: u64 = LEASE_GRACE_MS / 2;

/// The lease of an attempt under way.
pub(super) struct Held {
    source: String,
    lease: LeaseToken,
    deadline: AtomicI64,
}

impl Held {
    pub(super) fn new(task: &LeasedTask) -> Self {
        Self { source: task.queue.clone(), lease: task.lease, deadline: AtomicI64::new(task.deadline.0) }
    }

    /// The deadline has moved.
    pub(super) fn until(&self, deadline: Timestamp) {
        self.deadline.fetch_max(deadline.0, Ordering::Relaxed);
    }

    /// Sends heartbeats for as long as it is polled. Stops in silence when the lease is lost, or may last no longer: the
    /// attempt finds that out when it tells its end.
    pub(super) async fn keep(&self, tools: &Tools) -> Infallible {
        loop {
            let deadline = Timestamp(self.deadline.load(Ordering::Relaxed));
            let left = deadline.since_ms(tools.engine.now());
            if left > BEFORE_MS {
                tokio::time::sleep(Duration::from_millis(left - BEFORE_MS)).await;
                continue;
            }
            let heartbeat = Command::Heartbeat { source: self.source.clone(), lease: self.lease };
            match tools.engine.submit(heartbeat).await.map(|answer| answer.reply) {
                Ok(Reply::Deadline(later)) if later > deadline => self.until(later),
                _ => std::future::pending().await,
            }
        }
    }
}
