//! A log in memory, with faults on demand.
//!
//! It has no thread, timer or randomness of its own: records move only when someone calls it, so a seeded simulator
//! that owns it replays exactly. By default an append is settled at once; with [`MemoryLog::hold`] records wait, in
//! order, until [`MemoryLog::settle`] makes some of them durable or [`MemoryLog::crash`] loses them.
//!
//! Clones share one log, as two nodes would share a broker: two writers that fight are two clones.

use super::*;
use mirano_schemas::envelope::{MAX_COMMIT_LEN, Verdict};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The log; see the module.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    log_id: LogId,
    shared: Arc<Vec<Mutex<Partition>>>,
}

#[derive(Debug)]
struct Partition {
    head: watch::Sender<Head>,
    records: Vec<Record>,
    /// Index in `records` of each counting commit.
    counting: Vec<usize>,
    waiting: VecDeque<Waiting>,
    hold: bool,
    failing: Option<Arc<str>>,
    corrupt: Option<Corruption>,
}

#[derive(Debug)]
struct Waiting {
    record: Bytes,
    reply: Option<oneshot::Sender<Result<Outcome, AppendError>>>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new(log_id: LogId, partitions: u32) -> Self {
        let partition = |number| {
            Mutex::new(Partition {
                head: watch::Sender::new(Head::genesis(log_id, number)),
                records: Vec::new(),
                counting: Vec::new(),
                waiting: VecDeque::new(),
                hold: false,
                failing: None,
                corrupt: None,
            })
        };
        Self { log_id, shared: Arc::new((0..partitions).map(partition).collect()) }
    }

    /// From now on appends to this partition wait for [`Self::settle`] (`true`), or are settled at once (`false`; what
    /// waits is settled now).
    pub fn hold(&self, partition: u32, hold: bool) {
        if let Some(mut partition) = self.lock(partition) {
            partition.hold = hold;
            if !hold {
                partition.settle(usize::MAX);
            }
        }
    }

    /// How many records wait.
    pub fn waiting(&self, partition: u32) -> usize {
        self.lock(partition).map_or(0, |partition| partition.waiting.len())
    }

    /// Makes the first `count` waiting records durable and settles their outcomes. Returns how many there were.
    pub fn settle(&self, partition: u32, count: usize) -> usize {
        self.lock(partition).map_or(0, |mut partition| partition.settle(count))
    }

    /// A crash of the process: of what waits, the first `keep` records had reached the disk and are in the log, the
    /// rest is lost. No waiting future learns which: each fails as unsettled. A failure set by [`Self::fail`] ends.
    pub fn crash(&self, partition: u32, keep: usize) {
        let Some(mut partition) = self.lock(partition) else { return };
        let waiting = std::mem::take(&mut partition.waiting);
        for (index, Waiting { record, reply }) in waiting.into_iter().enumerate() {
            if index < keep {
                let _ = partition.place(record);
            }
            if let Some(reply) = reply {
                let _ = reply.send(Err(AppendError::Unsettled { cause: "the process crashed".into() }));
            }
        }
        partition.failing = None;
    }

    /// The disk fails: what waits is unsettled (none of it is in the log), later appends are refused as poisoned, until
    /// [`Self::crash`] or [`Self::reopen`].
    pub fn fail(&self, partition: u32, cause: &str) {
        let Some(mut partition) = self.lock(partition) else { return };
        let cause: Arc<str> = cause.into();
        for Waiting { reply, .. } in std::mem::take(&mut partition.waiting) {
            if let Some(reply) = reply {
                let _ = reply.send(Err(AppendError::Unsettled { cause: cause.clone() }));
            }
        }
        partition.failing = Some(cause);
    }

    /// Ends the failures set by [`Self::fail`], as opening the log again does.
    pub fn reopen(&self) {
        for number in 0..self.partitions() {
            if let Some(mut partition) = self.lock(number) {
                partition.failing = None;
            }
        }
    }

    /// Puts a record behind all others as a foreign writer would: any bytes, unchecked. A record whose envelope counts
    /// and whose body does not match makes the partition corrupt.
    pub fn inject(&self, partition: u32, record: Bytes) {
        if let Some(mut partition) = self.lock(partition) {
            partition.take(Waiting { record, reply: None });
        }
    }

    /// Puts a copy of the durable record number `index` (void ones counted) behind all others, as a producer's retry
    /// does. Says whether there is such a record.
    pub fn duplicate(&self, partition: u32, index: usize) -> bool {
        let Some(mut partition) = self.lock(partition) else { return false };
        let Some(record) = partition.records.get(index).map(|record| record.record.clone()) else { return false };
        partition.take(Waiting { record, reply: None });
        true
    }

    fn lock(&self, partition: u32) -> Option<MutexGuard<'_, Partition>> {
        let partition = self.shared.get(partition as usize)?;
        // Nothing below panics half-way through a change, so a poisoned lock still guards a sound state.
        Some(partition.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn readable(&self, partition: u32) -> Result<MutexGuard<'_, Partition>, ReadError> {
        self.lock(partition).ok_or(ReadError::UnknownPartition { partition, partitions: self.partitions() })
    }
}

impl Partition {
    fn take(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
        if !self.hold {
            self.settle(usize::MAX);
        }
    }

    fn settle(&mut self, count: usize) -> usize {
        let mut settled = 0;
        while settled < count
            && let Some(Waiting { record, reply }) = self.waiting.pop_front()
        {
            let outcome = match reply.is_some() {
                true => self.append(record),
                false => self.place(record),
            };
            if let Some(reply) = reply {
                // The caller may have dropped its future; the record stays.
                let _ = reply.send(outcome);
            }
            settled += 1;
        }
        settled
    }

    /// Our own writer never lets a record into the log whose body does not match.
    fn append(&mut self, record: Bytes) -> Result<Outcome, AppendError> {
        if let Verdict::Corrupt(envelope) = self.head.borrow().clone().judge(&record) {
            return Err(AppendError::BodyMismatch { position: envelope.position });
        }
        self.place(record)
    }

    /// Puts a record at the end of the log and judges it.
    fn place(&mut self, record: Bytes) -> Result<Outcome, AppendError> {
        if let Some(corruption) = &self.corrupt {
            return Err(corruption.clone().into());
        }
        let before = *self.head.borrow();
        let mut head = before;
        let (counts, outcome) = match head.judge(&record) {
            Verdict::Counts(envelope) => {
                self.counting.push(self.records.len());
                (Some(head.hash), Outcome::Counted { position: envelope.position, hash: head.hash })
            }
            Verdict::Void => (None, Outcome::Void { head }),
            Verdict::Corrupt(_) => {
                let corruption = Corruption {
                    partition: head.partition,
                    seq: head.next_seq,
                    file: None,
                    offset: self.records.len() as u64,
                    kind: CorruptionKind::Body,
                };
                self.corrupt = Some(corruption.clone());
                return Err(corruption.into());
            }
        };
        self.records.push(Record { upon: before.next_seq, counts, record });
        if head != before {
            self.head.send_replace(head);
        }
        Ok(outcome)
    }

    fn committed(&self, seq: u64) -> Option<Committed> {
        let index = *self.counting.get(usize::try_from(seq).ok()?)?;
        let record = self.records.get(index)?;
        let envelope = Envelope::parse(&record.record).ok()?;
        Some(Committed { position: envelope.position, hash: record.counts?, envelope, record: record.record.clone() })
    }
}

impl Sequencer for MemoryLog {
    fn log_id(&self) -> LogId {
        self.log_id
    }

    fn partitions(&self) -> u32 {
        u32::try_from(self.shared.len()).unwrap_or(u32::MAX)
    }

    fn append(&self, partition: u32, record: Bytes) -> BoxFuture<'static, Result<Outcome, AppendError>> {
        let (reply, outcome) = oneshot::channel();
        let refused = match self.lock(partition) {
            None => Some(AppendError::UnknownPartition { partition, partitions: self.partitions() }),
            Some(_) if record.len() > MAX_COMMIT_LEN => Some(AppendError::TooLong { len: record.len() }),
            Some(mut partition) => match (&partition.failing, &partition.corrupt) {
                (Some(cause), _) => Some(AppendError::Poisoned { cause: cause.clone() }),
                (_, Some(corruption)) => Some(corruption.clone().into()),
                (None, None) => {
                    partition.take(Waiting { record, reply: Some(reply) });
                    None
                }
            },
        };
        Box::pin(async move {
            match refused {
                Some(error) => Err(error),
                None => outcome
                    .await
                    .unwrap_or_else(|_| Err(AppendError::Unsettled { cause: "the log was dropped".into() })),
            }
        })
    }

    fn head(&self, partition: u32) -> Head {
        self.lock(partition).map_or_else(|| Head::genesis(self.log_id, partition), |partition| *partition.head.borrow())
    }

    fn watch(&self, partition: u32) -> watch::Receiver<Head> {
        match self.lock(partition) {
            Some(partition) => partition.head.subscribe(),
            None => watch::Sender::new(Head::genesis(self.log_id, partition)).subscribe(),
        }
    }

    fn read(&self, partition: u32, from_seq: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError> {
        let partition = self.readable(partition)?;
        let mut out = Vec::new();
        let mut bytes = 0usize;
        for seq in from_seq.. {
            let Some(commit) = partition.committed(seq) else { break };
            bytes = bytes.saturating_add(commit.record.len());
            if !out.is_empty() && bytes > max_bytes {
                break;
            }
            out.push(commit);
        }
        match &partition.corrupt {
            Some(corruption) if out.is_empty() && from_seq >= corruption.seq => Err(corruption.clone().into()),
            _ => Ok(out),
        }
    }

    fn records(&self, partition: u32, from_seq: u64, max: usize) -> Result<Vec<Record>, ReadError> {
        let partition = self.readable(partition)?;
        let start = partition.records.partition_point(|record| record.upon < from_seq);
        let mut out: Vec<Record> = Vec::new();
        for record in partition.records.iter().skip(start) {
            if out.len() >= max && out.last().is_some_and(|last| last.upon != record.upon) {
                break;
            }
            out.push(record.clone());
        }
        Ok(out)
    }

    fn check_anchor(&self, anchor: &Head) -> Result<(), AnchorError> {
        let partition = self.readable(anchor.partition)?;
        let head = *partition.head.borrow();
        compare_anchor(self.log_id, head, anchor, |seq| {
            // Below the head there always is one.
            Ok(partition.committed(seq).map_or(head.hash, |commit| commit.hash))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{self, Factory, bodies, predict, record};
    use super::*;
    use futures::FutureExt;

    #[derive(Default)]
    struct Fresh(u8);

    impl Factory for Fresh {
        type Log = MemoryLog;
        async fn fresh(&mut self, partitions: u32) -> MemoryLog {
            self.0 += 1;
            MemoryLog::new(LogId([self.0; 16]), partitions)
        }
        async fn reopen(&mut self, log: MemoryLog) -> MemoryLog {
            log.reopen();
            log.clone()
        }
    }

    conformance::suite!(Fresh::default());

    fn held() -> MemoryLog {
        let log = MemoryLog::new(LogId([7; 16]), 1);
        log.hold(0, true);
        log
    }

    #[test]
    fn a_held_record_is_settled_when_asked() {
        let log = held();
        let first = record(&log.head(0), b"a");
        let second = record(&predict(&log.head(0), &first), b"b");
        let (mut one, mut two) = (log.append(0, first), log.append(0, second));
        assert!((&mut one).now_or_never().is_none());
        assert_eq!(log.waiting(0), 2);
        assert_eq!(log.settle(0, 1), 1);
        assert!(matches!((&mut one).now_or_never(), Some(Ok(Outcome::Counted { .. }))));
        assert!((&mut two).now_or_never().is_none());
        log.hold(0, false);
        assert!(matches!(two.now_or_never(), Some(Ok(Outcome::Counted { .. }))));
    }

    #[test]
    fn a_crash_loses_what_had_not_reached_the_disk() {
        let log = held();
        let mut head = log.head(0);
        let mut outcomes = Vec::new();
        for body in [b"a", b"b", b"c"] {
            let record = record(&head, body);
            head = predict(&head, &record);
            outcomes.push(log.append(0, record));
        }
        log.crash(0, 2);
        for outcome in outcomes {
            assert!(matches!(outcome.now_or_never(), Some(Err(AppendError::Unsettled { .. }))));
        }
        assert_eq!(bodies(&log, 0), [b"a", b"b"]);
    }

    #[test]
    fn a_failing_disk_refuses_until_reopened() {
        let log = held();
        let lost = log.append(0, record(&log.head(0), b"lost"));
        log.fail(0, "disk full");
        assert!(matches!(lost.now_or_never(), Some(Err(AppendError::Unsettled { .. }))));
        let refused = log.append(0, record(&log.head(0), b"refused")).now_or_never();
        assert_eq!(refused, Some(Err(AppendError::Poisoned { cause: "disk full".into() })));
        log.reopen();
        log.hold(0, false);
        let fine = log.append(0, record(&log.head(0), b"fine")).now_or_never();
        assert!(matches!(fine, Some(Ok(Outcome::Counted { .. }))));
        assert_eq!(bodies(&log, 0), [b"fine"]);
    }

    #[test]
    fn void_records_stay_visible_and_foreign_damage_stops_the_partition() {
        let log = MemoryLog::new(LogId([7; 16]), 1);
        let first = record(&log.head(0), b"first");
        log.inject(0, first.clone());
        assert!(log.duplicate(0, 0));
        assert!(!log.duplicate(0, 9));
        log.inject(0, Bytes::from_static(b"garbage"));
        let seen: Vec<_> =
            log.records(0, 0, 10).expect("sound").into_iter().map(|r| (r.upon, r.counts.is_some())).collect();
        assert_eq!(seen, [(0, true), (1, false), (1, false)]);

        let mut damaged = record(&log.head(0), b"second").to_vec();
        damaged[HEADER_LEN] ^= 1;
        log.inject(0, damaged.into());
        let head = log.head(0);
        assert_eq!(head.next_seq, 1);
        assert_eq!(log.read(0, 0, 1000).expect("what was before can be read").len(), 1);
        assert!(matches!(
            log.read(0, 1, 1000),
            Err(ReadError::Corruption(Corruption { seq: 1, kind: CorruptionKind::Body, .. }))
        ));
        let refused = log.append(0, record(&head, b"third")).now_or_never();
        assert!(matches!(refused, Some(Err(AppendError::Corruption(_)))));
    }
}
