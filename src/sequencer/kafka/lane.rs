//! One partition of the topic, as the log, its reader and whoever waits for it share it.

use super::super::AppendError;
use super::Problem;
use super::clock::ClockWatch;
use super::outbox::Outbox;
use super::place::Place;
use super::voids::Voids;
use crate::sequencer::embedded::Mirror;
use metrics::gauge;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// How far a partition was read, for whoever waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The offset that is read next.
    pub next_offset: i64,
    /// The end of the partition was reached at least once.
    pub reached_end: bool,
    /// Why it is read no further.
    pub stopped: Option<Arc<str>>,
}

/// One partition, as the log and its reader share it.
pub struct Lane {
    /// Its number.
    pub partition: u32,
    /// The topic.
    pub topic: String,
    /// Where the counting commits go.
    pub mirror: Arc<Mirror>,
    /// Whether the topic may be trimmed.
    pub archived: bool,
    /// What this process waits for.
    pub outbox: Arc<Outbox>,
    /// The void records.
    pub voids: Mutex<Voids>,
    /// How far it was read.
    pub progress: watch::Sender<Progress>,
    /// The file that says where the mirror stands.
    pub place_file: PathBuf,
    /// Where it stands: up to there all was read, and is mirrored or void.
    pub reached: Mutex<Place>,
    /// How often any lane of the topic wrote its place.
    pub noted: Arc<watch::Sender<u64>>,
    /// All readers are to end.
    pub ended: Arc<AtomicBool>,
    /// What records say of this machine's clock.
    pub clock: Arc<ClockWatch>,
}

impl Lane {
    /// Reads no further, and takes nothing more.
    pub fn stop(&self, problem: &Problem) {
        let cause: Arc<str> = problem.to_string().into();
        self.stop_with(&cause, AppendError::Poisoned { cause: Arc::clone(&cause) });
    }

    pub(super) fn stop_with(&self, cause: &Arc<str>, error: AppendError) {
        tracing::error!(partition = self.partition, %cause, "this partition is read-only from now on");
        gauge!("mirano_kafka_partition_read_only", "partition" => self.partition.to_string()).set(1.0);
        self.outbox.stop(self.partition, error);
        self.progress.send_if_modified(|progress| {
            // The first reason is the one that is answered.
            let first = progress.stopped.is_none();
            progress.stopped.get_or_insert_with(|| Arc::clone(cause));
            first
        });
    }

    /// Whether it is read no further.
    pub fn has_stopped(&self) -> bool {
        self.progress.borrow().stopped.is_some()
    }

    /// Waits until it is read no further, and says why. Never comes of a log that is closed before.
    pub fn until_stopped(&self) -> impl Future<Output = Arc<str>> + Send + 'static {
        let mut progress = self.progress.subscribe();
        async move {
            let stopped = progress.wait_for(|progress| progress.stopped.is_some()).await;
            match stopped.ok().and_then(|progress| progress.stopped.clone()) {
                Some(why) => why,
                None => std::future::pending().await,
            }
        }
    }

    /// Where the mirror stands.
    pub fn reached(&self) -> Place {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mirror came to a place.
    pub(super) fn reach(&self, place: Place) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// For how long something of the mirror waits for the disk.
    pub(super) fn measure(&self) {
        gauge!("mirano_mirror_unsynced_seconds", "partition" => self.partition.to_string())
            .set(self.mirror.unsynced_for(self.partition).as_secs_f64());
    }

    pub(super) fn voids(&self) -> std::sync::MutexGuard<'_, Voids> {
        self.voids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
