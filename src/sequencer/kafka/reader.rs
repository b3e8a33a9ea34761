//! The reader of one partition: a thread that takes what the brokers have, applies the one rule, mirrors what counts, and
//! only then tells anybody.
//!
//! It starts at the last record that was mirrored, not behind it: if that record has other bytes now, or is not there, the
//! topic is not the one that was mirrored. Whenever the brokers say something unexpected it goes back there and looks again;
//! what comes until then is dropped, since the client goes on behind a record that it could not give.

use super::super::Corruption;
use super::doubt::{Doubt, is_damage};
use super::lane::Lane;
use super::place::Place;
use super::settings::Consumer;
use super::{Problem, ear::Ear};
use bytes::Bytes;
use metrics::gauge;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a reader waits for a record before it looks whether it is to end.
const POLL: Duration = Duration::from_millis(100);
/// Before brokers that were away are asked again.
const AWAY: Duration = Duration::from_secs(1);
/// About this much is judged, mirrored and answered at once. Who was answered decides and sends on meanwhile, so rounds are short.
const BATCH_BYTES: usize = 64 * 1024;

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
    /// What is known of the record that is to come next.
    pub(super) doubt: Doubt,
    /// When it looks again where it stands; what comes until then is dropped.
    pub look: Option<Instant>,
    /// How often it was doubted whether the topic is the same, when that was heeded last.
    pub(super) heeded: u64,
    /// It is not known where the mirror stands: what comes is passed over up to a commit that the mirror has.
    pub searching: bool,
}

impl Reader {
    /// One that stands at `place` and has compared nothing yet.
    pub fn new(lane: Arc<Lane>, place: Place, consumer: Arc<Consumer>, queue: PartitionQueue<Ear>) -> Self {
        let (doubt, heeded) = (Doubt::default(), consumer.context().doubts());
        Self { lane, place, consumer, queue, unsure: true, goal: None, doubt, look: None, heeded, searching: false }
    }

    /// Runs until the log is closed or the partition stops.
    pub fn run(mut self) {
        let mut until_ask = Instant::now();
        while !self.lane.ended.load(Ordering::Relaxed) && !self.lane.has_stopped() {
            if self.goal.is_none() && Instant::now() >= until_ask {
                self.goal = self.ask_end();
                until_ask = Instant::now() + AWAY;
            }
            let (records, behind) = self.take();
            self.heed_doubts();
            match self.step(records, behind) {
                Ok(()) => {}
                Err(Trouble::Stop(problem)) => {
                    self.stop(&problem);
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
                    self.look = Some(Instant::now() + POLL);
                    // With nothing to compare, the topic's birth alone says whether it is the same.
                    if self.place.last.is_none() {
                        self.consumer.context().doubt();
                    }
                }
            }
            if self.look.is_some_and(|due| Instant::now() >= due) && self.is_confirmed() {
                match self.look_again() {
                    Ok(true) => self.look = None,
                    // The client may have ceased to read the partition: nothing would come that leads here again.
                    Ok(false) => self.look = Some(Instant::now() + AWAY),
                    Err(problem) => {
                        self.stop(&problem);
                        break;
                    }
                }
            }
            if let Err(error) = self.lane.mirror.check() {
                self.lane.stop(&Problem::Mirror(error.to_string()));
                break;
            }
        }
    }

    /// Reads no further. Where the topic is not what it was, the other partitions are to look as well: the client may have gone
    /// on in them without a word.
    fn stop(&self, problem: &Problem) {
        self.lane.stop(problem);
        if matches!(problem, Problem::Recreated(_) | Problem::Truncated(_)) {
            self.consumer.context().doubt();
        }
    }

    /// Where no broker was reached, what comes since may be another topic's: it is dropped until it was looked at.
    pub(super) fn heed_doubts(&mut self) {
        let doubts = self.consumer.context().doubts();
        if std::mem::replace(&mut self.heeded, doubts) != doubts {
            self.look.get_or_insert_with(Instant::now);
        }
    }

    /// Whether the topic is the same as far as that was doubted.
    pub(super) fn is_confirmed(&self) -> bool {
        self.consumer.context().is_confirmed(self.heeded)
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
                Some(Err(error)) if is_damage(&error) => return (records, Behind::Damage(error.to_string())),
                Some(Err(error)) => return (records, Behind::Trouble(error.to_string())),
            }
        }
    }

    /// Deals with what was taken, unless it is to look again first: it will be given all of it once more.
    pub(super) fn step(&mut self, records: Vec<Taken>, behind: Behind) -> Result<(), Trouble> {
        if self.look.is_some() { Ok(()) } else { self.deal(records, behind) }
    }

    /// Deals with records in order, and then with what stands behind them. The client tells of an end, and of a trouble, once
    /// only; so none is passed over.
    pub(super) fn deal(&mut self, records: Vec<Taken>, behind: Behind) -> Result<(), Trouble> {
        let records = if self.searching { self.search(records) } else { records };
        let came = !records.is_empty();
        self.digest(records)?;
        match behind {
            Behind::Trouble(why) => Err(Trouble::Look(why)),
            Behind::Damage(why) => Err(self.doubt.damaged(self.lane.partition, self.place.next_offset(), &why)),
            Behind::End if self.unsure && self.place.last.is_some() => {
                Err(Trouble::Look("it ends before the last record that was mirrored".into()))
            }
            Behind::End if self.searching => Err(Trouble::Stop(Problem::Trimmed(format!(
                "partition {} has no commit any more that this node has, and it is not known how far it was read",
                self.lane.partition
            )))),
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
    /// A record that the client could not read and left out, in its words.
    Damage(String),
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
