//! The reader of one partition: a thread that takes what the brokers have, applies the one rule, mirrors what counts, and
//! only then tells anybody.
//!
//! It starts at the last record that was mirrored, not behind it: if that record has other bytes now, or is not there, the
//! topic is not the one that was mirrored. Whenever the brokers say something unexpected it goes back there and looks again.

use super::super::{AppendError, Corruption, CorruptionKind, Outcome, Sequencer};
use super::clock::ClockWatch;
use super::keep::Keeping;
use super::outbox::{Answer, Outbox, now_ms};
use super::place::{Place, Seen};
use super::settings::Consumer;
use super::voids::Voids;
use super::{Problem, ear::Ear};
use crate::sequencer::embedded::Mirror;
use bytes::Bytes;
use metrics::{counter, gauge};
use mirano_schemas::envelope::{Head, Verdict};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, Timestamp};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// How long a reader waits for a record before it looks whether it is to end.
const POLL: Duration = Duration::from_millis(100);
/// Before brokers that were away are asked again.
const AWAY: Duration = Duration::from_secs(1);
/// About this much is judged, mirrored and answered at once. Who was answered decides and sends on meanwhile, so rounds are short.
const BATCH_BYTES: usize = 64 * 1024;

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
    /// How often any lane of the topic wrote its place.
    pub noted: Arc<watch::Sender<u64>>,
    /// All readers are to end.
    pub ended: Arc<AtomicBool>,
    /// What records say of this machine's clock.
    pub clock: Arc<ClockWatch>,
}

/// A record, copied out of the client.
pub(super) struct Taken {
    pub(super) offset: i64,
    /// When the broker appended it, where it says so.
    pub(super) appended_at: Option<i64>,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
}

/// What a reader owns.
pub struct Reader {
    /// What it shares.
    pub lane: Arc<Lane>,
    /// Where it stands.
    pub place: Place,
    /// Whom it asks.
    pub consumer: Arc<Consumer>,
    /// Where its records come from.
    pub queue: PartitionQueue<Ear>,
    /// The next record must be the one at `place`, or the very first.
    pub unsure: bool,
    /// Where the partition ended when the reader began, once the brokers said so. The client tells of an end only when nothing
    /// comes for a moment, and in a partition that is written to all the time that may be never.
    pub goal: Option<i64>,
}

impl Lane {
    /// Reads no further, and takes nothing more.
    pub fn stop(&self, problem: &Problem) {
        let cause: Arc<str> = problem.to_string().into();
        self.stop_with(&cause, AppendError::Poisoned { cause: Arc::clone(&cause) });
    }

    fn stop_with(&self, cause: &Arc<str>, error: AppendError) {
        tracing::error!(partition = self.partition, %cause, "this partition is read-only from now on");
        gauge!("mirano_kafka_partition_read_only", "partition" => self.partition.to_string()).set(1.0);
        self.outbox.stop(self.partition, error);
        self.progress.send_modify(|progress| progress.stopped = Some(Arc::clone(cause)));
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

    pub(super) fn voids(&self) -> std::sync::MutexGuard<'_, Voids> {
        self.voids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Runs until the log is closed or the partition stops.
    pub fn run(mut self) {
        let mut keeping = Keeping::from(self.place);
        let (mut until_look, mut until_ask) = (None, Instant::now());
        while !self.lane.ended.load(Ordering::Relaxed) {
            if self.goal.is_none() && Instant::now() >= until_ask {
                self.goal = self.ask_end();
                until_ask = Instant::now() + AWAY;
            }
            let (records, behind) = self.take();
            match self.deal(records, behind) {
                Ok(()) => {}
                Err(Trouble::Stop(problem)) => {
                    self.lane.stop(&problem);
                    break;
                }
                Err(Trouble::Corrupt(corruption)) => {
                    let cause: Arc<str> = corruption.to_string().into();
                    self.lane.stop_with(&cause, corruption.into());
                    break;
                }
                // Asked again after a moment, not at once: the brokers may be away.
                Err(Trouble::Look(why)) => {
                    tracing::debug!(target: "mirano::kafka", partition = self.lane.partition, %why, "looking again");
                    until_look.get_or_insert_with(|| Instant::now() + POLL);
                }
            }
            if until_look.is_some_and(|due| Instant::now() >= due) {
                match self.look_again() {
                    Ok(true) => until_look = None,
                    // The client may have ceased to read the partition: nothing would come that leads here again.
                    Ok(false) => until_look = Some(Instant::now() + AWAY),
                    Err(problem) => {
                        self.lane.stop(&problem);
                        break;
                    }
                }
            }
            if let Err(error) = self.lane.mirror.check() {
                self.lane.stop(&Problem::Mirror(error.to_string()));
                break;
            }
            self.keep_place_by_and_by(&mut keeping);
        }
        self.keep_place_at_the_end();
    }

    /// Waits for records, and takes what is there; with what stands behind them.
    fn take(&mut self) -> (Vec<Taken>, Behind) {
        let mut records = Vec::new();
        let (mut bytes, mut wait) = (0, POLL);
        loop {
            match self.queue.poll(wait) {
                Some(Ok(message)) => {
                    let copy = |part: Option<&[u8]>| Bytes::copy_from_slice(part.unwrap_or_default());
                    let (key, value) = (copy(message.key()), copy(message.payload()));
                    bytes += value.len() + 1;
                    let appended_at = match message.timestamp() {
                        Timestamp::LogAppendTime(at) => Some(at),
                        Timestamp::NotAvailable | Timestamp::CreateTime(_) => None,
                    };
                    records.push(Taken { offset: message.offset(), appended_at, key, value });
                    wait = Duration::ZERO;
                    if bytes >= BATCH_BYTES {
                        return (records, Behind::Unknown);
                    }
                }
                None => return (records, Behind::Unknown),
                Some(Err(KafkaError::PartitionEOF(_))) => return (records, Behind::End),
                Some(Err(error)) => return (records, Behind::Trouble(error.to_string())),
            }
        }
    }

    /// Deals with records in order, and then with what stands behind them. The client tells of an end, and of a trouble, once
    /// only; so none is passed over.
    pub(super) fn deal(&mut self, records: Vec<Taken>, behind: Behind) -> Result<(), Trouble> {
        let came = !records.is_empty();
        self.digest(records)?;
        match behind {
            Behind::Trouble(why) => Err(Trouble::Look(why)),
            Behind::End if self.unsure && self.place.last.is_some() => {
                Err(Trouble::Look("it ends before the last record that was mirrored".into()))
            }
            Behind::End => self.at_end(),
            Behind::Unknown => {
                let mirrored = self.mirrored();
                // What the mirror has and the topic lacks shows at a real end only.
                let all = came && !self.unsure && self.place.head.next_seq >= mirrored.next_seq;
                if all && self.goal.is_some_and(|goal| self.place.next_offset() >= goal) {
                    self.arrived();
                }
                Ok(())
            }
        }
    }

    /// Judges records in order, mirrors those that count, and answers who waits for them.
    fn digest(&mut self, records: Vec<Taken>) -> Result<(), Trouble> {
        let records = records.into_iter();
        if self.unsure {
            let Some(first) = records.as_slice().first() else { return Ok(()) };
            self.compare(first)?;
            self.unsure = false;
        }
        let mut answers: Vec<(oneshot::Sender<Answer>, Answer)> = Vec::new();
        let mut commits = Vec::new();
        let mut void = 0u64;
        let (mut next_offset, mut last) = (self.place.next_offset(), None);
        let mirrored = self.mirrored();
        let mut result = Ok(());
        for Taken { offset, appended_at, key, value } in records {
            if offset < next_offset {
                continue;
            }
            let reply = self.lane.outbox.settle(self.lane.partition, &key).map(|(reply, sent_at)| {
                if let Some(appended_at) = appended_at {
                    self.lane.clock.saw(sent_at, appended_at, now_ms());
                }
                reply
            });
            let before = self.place.head;
            let answer = match self.place.head.judge(&value) {
                Verdict::Counts(envelope) => {
                    // What was mirrored already before a crash is judged once more, and not written twice.
                    if before.next_seq >= mirrored.next_seq {
                        commits.push(value.clone());
                    }
                    Ok(Outcome::Counted { position: envelope.position, hash: self.place.head.hash })
                }
                Verdict::Void => {
                    void += 1;
                    if let Err(error) = self.lane.voids().add(before.next_seq, offset, &value) {
                        tracing::warn!(partition = self.lane.partition, %error, "a void record could not be kept to show");
                    }
                    Ok(Outcome::Void { head: before })
                }
                Verdict::Corrupt(_) => {
                    let (partition, seq) = (self.lane.partition, before.next_seq);
                    let offset = u64::try_from(offset).unwrap_or_default();
                    let kind = CorruptionKind::Body;
                    let corruption = Corruption { partition, seq, file: None, offset, kind };
                    result = Err(Trouble::Corrupt(corruption.clone()));
                    Err(corruption.into())
                }
            };
            answers.extend(reply.map(|reply| (reply, answer)));
            if result.is_err() {
                break;
            }
            (next_offset, last) = (offset + 1, Some(value));
            if self.place.head.next_seq == mirrored.next_seq && self.place.head.hash != mirrored.hash {
                result = Err(Trouble::Stop(self.disagrees(mirrored)));
                break;
            }
        }
        if let Some(value) = last {
            self.place.last = Some(Seen { offset: next_offset - 1, hash: *blake3::hash(&value).as_bytes() });
        }
        self.mirror(&commits)?;
        counter!("mirano_log_void_total", "partition" => self.lane.partition.to_string()).increment(void);
        self.lane
            .progress
            .send_if_modified(|progress| std::mem::replace(&mut progress.next_offset, next_offset) != next_offset);
        for (reply, answer) in answers {
            // The caller may have dropped its future; the record stays.
            let _ = reply.send(answer);
        }
        result
    }

    /// Writes what counts into the mirror, for readers to see. It is durable in the topic; this machine's disk has it later.
    fn mirror(&self, commits: &[Bytes]) -> Result<(), Trouble> {
        if commits.is_empty() {
            return Ok(());
        }
        match self.lane.mirror.extend(self.lane.partition, commits) {
            Ok(head) if head == self.place.head => Ok(()),
            Ok(head) => Err(Trouble::Stop(self.disagrees(head))),
            Err(error) => Err(Trouble::Stop(Problem::Mirror(error.to_string()))),
        }
    }

    /// The head of the mirror.
    fn mirrored(&self) -> Head {
        self.lane.mirror.log().head(self.lane.partition)
    }

    fn disagrees(&self, mirrored: Head) -> Problem {
        Problem::Disagrees(format!(
            "commit {} of partition {} is {} in the topic and {} in the mirror",
            mirrored.next_seq.saturating_sub(1),
            self.lane.partition,
            self.place.head.hash,
            mirrored.hash
        ))
    }

    /// The end was reached: the topic must hold all that the mirror has.
    fn at_end(&mut self) -> Result<(), Trouble> {
        let mirrored = self.mirrored();
        if self.place.head.next_seq < mirrored.next_seq {
            return Err(Trouble::Stop(Problem::Truncated(format!(
                "partition {} of the topic ends at seq {}, and the mirror has commits up to seq {}",
                self.lane.partition, self.place.head.next_seq, mirrored.next_seq
            ))));
        }
        self.arrived();
        Ok(())
    }

    /// All was read that the partition held when the reader began.
    fn arrived(&self) {
        gauge!("mirano_kafka_connected").set(1.0);
        self.lane.progress.send_if_modified(|progress| !std::mem::replace(&mut progress.reached_end, true));
    }
}

/// What stands behind the records that were taken.
#[derive(Debug)]
pub(super) enum Behind {
    /// More, or nothing yet.
    Unknown,
    /// The end of the partition.
    End,
    /// Something unexpected, in the client's words.
    Trouble(String),
}

/// What ends a step of the reader.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Look where we are.
    Look(String),
    /// The partition is read-only from now on.
    Stop(Problem),
    /// The same, for a commit that is damaged.
    Corrupt(Corruption),
}
