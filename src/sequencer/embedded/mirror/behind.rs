//! What a mirror has written and not synced, and the thread that syncs it.

use super::super::super::AppendError;
use super::super::disk::{Disk, DiskFile};
use super::super::pen::Pen;
use super::super::segment::Segment;
use super::super::writer::failed;
use metrics::histogram;
use mirano_schemas::envelope::Head;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was written is synced at once when so much waits in one partition.
const MOST: usize = 8 * 1024 * 1024;

/// How far each partition was written and synced.
pub struct Behind {
    /// And at the latest so long after it was written.
    lag: Duration,
    state: Mutex<State>,
    /// There is something for the syncer to do.
    work: Condvar,
    /// It did it, or ended.
    done: Condvar,
}

struct State {
    parts: Vec<Part>,
    /// Somebody waits.
    asked: bool,
    closed: bool,
    /// The thread has ended.
    ended: bool,
    failed: Option<Arc<str>>,
}

struct Part {
    /// The segment that is written to.
    segment: Arc<Segment>,
    written: Head,
    synced: Head,
    /// Bytes that the next sync has to make durable.
    bytes: usize,
    /// Since when there are some.
    since: Option<Instant>,
    /// The same of those that are being synced now.
    syncing: Option<Instant>,
}

/// What one sync makes durable: all that was written when it began.
struct Work {
    at: usize,
    segment: Arc<Segment>,
    len: usize,
    head: Head,
}

impl Behind {
    /// Nothing is behind: opening made all durable.
    pub fn new(pens: &[Pen], lag: Duration) -> Self {
        let part = |pen: &Pen| {
            let (segment, head) = (Arc::clone(pen.segment()), pen.head());
            Part { segment, written: head, synced: head, bytes: 0, since: None, syncing: None }
        };
        let parts = pens.iter().map(part).collect();
        let state = State { parts, asked: false, closed: false, ended: false, failed: None };
        Self { lag, state: Mutex::new(state), work: Condvar::new(), done: Condvar::new() }
    }

    /// The head's partition was written up to it, in this segment.
    pub fn wrote(&self, segment: &Arc<Segment>, head: Head, bytes: usize) {
        let mut state = self.lock();
        let Some(part) = state.parts.get_mut(head.partition as usize) else { return };
        if !Arc::ptr_eq(&part.segment, segment) {
            part.segment = Arc::clone(segment);
        }
        part.written = head;
        part.bytes += bytes;
        if part.since.is_none() || part.bytes >= MOST {
            part.since.get_or_insert_with(Instant::now);
            self.work.notify_one();
        }
    }

    /// Waits until all that was written to a partition is durable.
    pub fn wait(&self, partition: u32) -> Result<(), AppendError> {
        let mut state = self.lock();
        let Some(target) = state.parts.get(partition as usize).map(|part| part.written.next_seq) else { return Ok(()) };
        while state.parts.get(partition as usize).is_some_and(|part| part.synced.next_seq < target) {
            state.check()?;
            state.asked = true;
            self.work.notify_one();
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Up to where a partition is durable.
    pub fn synced(&self, partition: u32) -> Option<Head> {
        Some(self.lock().parts.get(partition as usize)?.synced)
    }

    /// For how long something of a partition has waited to be durable.
    pub fn unsynced_for(&self, partition: u32) -> Duration {
        let state = self.lock();
        let since = state.parts.get(partition as usize).and_then(|part| part.syncing.or(part.since));
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// An error once a write or a sync failed.
    pub fn check(&self) -> Result<(), AppendError> {
        match &self.lock().failed {
            Some(cause) => Err(AppendError::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    /// Nothing more is written or synced, in any partition.
    pub fn fail(&self, cause: &Arc<str>) {
        self.lock().failed.get_or_insert_with(|| Arc::clone(cause));
        self.work.notify_all();
        self.done.notify_all();
    }

    /// The syncer ends when it has synced what was written.
    pub fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    /// The syncer.
    pub fn run(&self, disk: &dyn Disk) {
        let _ended = Ended(self);
        // A handle for each partition, beside the one that is written with: a sync through it makes durable what is in the file.
        let mut files: BTreeMap<usize, (Arc<Segment>, Box<dyn DiskFile>)> = BTreeMap::new();
        while let Some(work) = self.next() {
            for Work { at, segment, len, head } in work {
                let began = Instant::now();
                let file = match files.remove(&at) {
                    Some((of, file)) if Arc::ptr_eq(&of, &segment) => Ok(file),
                    _ => disk.open(&segment.path),
                };
                let synced = file.and_then(|mut file| file.sync().map(|()| file));
                match synced {
                    Ok(file) => {
                        histogram!("mirano_log_sync_seconds", "partition" => head.partition.to_string())
                            .record(began.elapsed());
                        segment.synced_to(len);
                        files.insert(at, (segment, file));
                        self.synced_up_to(at, head);
                    }
                    Err(error) => return self.fail(&failed(&segment, "syncing", &error)),
                }
            }
        }
    }

    /// What is to be synced next; none once all is and the mirror is closed, or it failed.
    fn next(&self) -> Option<Vec<Work>> {
        let mut state = self.lock();
        loop {
            if state.failed.is_some() {
                return None;
            }
            let Some(oldest) = state.parts.iter().filter_map(|part| part.since).min() else {
                state.asked = false;
                if state.closed {
                    return None;
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = self.lag.saturating_sub(oldest.elapsed());
            let at_once = state.asked || state.closed || state.parts.iter().any(|part| part.bytes >= MOST);
            if at_once || left.is_zero() {
                break;
            }
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.asked = false;
        let waiting = state.parts.iter_mut().enumerate().filter(|(_, part)| part.since.is_some());
        let work = waiting.map(|(at, part)| {
            (part.bytes, part.syncing) = (0, part.since.take());
            Work { at, segment: Arc::clone(&part.segment), len: part.segment.len(), head: part.written }
        });
        Some(work.collect())
    }

    fn synced_up_to(&self, at: usize, head: Head) {
        if let Some(part) = self.lock().parts.get_mut(at) {
            (part.synced, part.syncing) = (head, None);
        }
        self.done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can happen half-way through a change of the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether somebody may still wait for a sync.
    fn check(&self) -> Result<(), AppendError> {
        match &self.failed {
            Some(cause) => Err(AppendError::Poisoned { cause: Arc::clone(cause) }),
            None if self.ended => Err(AppendError::Poisoned { cause: "the mirror was closed".into() }),
            None => Ok(()),
        }
    }
}

/// However the syncer ends: nobody waits for it for ever.
struct Ended<'a>(&'a Behind);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&"the thread that syncs the mirror panicked".into());
        }
        self.0.lock().ended = true;
        self.0.done.notify_all();
    }
}
