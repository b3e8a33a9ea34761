//! What was handed over and is not settled yet, and the producer that carries it to the brokers.
//!
//! A record stays here until it was read back. If its delivery fails, or the reader passes the place where it should lie,
//! the same bytes are sent again: the one rule makes a record that lands twice harmless. So no append is ever lost between
//! being taken and being settled, and none keeps a partition waiting once the brokers answer.

use super::super::{AppendError, Outcome, Sequencer};
use super::OpenError;
use super::ear::Ear;
use super::settings::{Settings, make};
use crate::sequencer::embedded::EmbeddedLog;
use bytes::Bytes;
use metrics::{counter, gauge};
use mirano_schemas::envelope::{Envelope, Head};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Says whose record it is and which: 8 bytes of the process, 8 of the record. It is the record's Kafka key.
pub type Token = [u8; 16];

/// This machine's clock.
pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// What an append is answered.
pub type Answer = Result<Outcome, AppendError>;

/// Before a record is sent again.
const BACK_OFF: Duration = Duration::from_millis(100);

/// All that is not settled.
pub struct Outbox {
    process: [u8; 8],
    lanes: Vec<Lane>,
    max_pending_bytes: usize,
}

#[derive(Default)]
struct Lane {
    pending: Mutex<Pending>,
    /// Held while a record is handed over: the order of calls is the order of records. Who reads records back does not wait
    /// for it.
    order: Mutex<()>,
}

#[derive(Default)]
struct Pending {
    next: u64,
    bytes: usize,
    records: BTreeMap<u64, Record>,
    /// Why nothing more is taken.
    stopped: Option<AppendError>,
}

struct Record {
    bytes: Bytes,
    reply: oneshot::Sender<Answer>,
    fate: Fate,
    /// When it was first sent, by this machine's clock, in milliseconds.
    sent_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    /// The brokers have it at this offset.
    Delivered(i64),
    Failed,
}

impl Outbox {
    /// An empty one.
    pub fn new(partitions: u32, max_pending_bytes: usize) -> Self {
        let lanes = (0..partitions).map(|_| Lane::default()).collect();
        Self { process: rand::random(), lanes, max_pending_bytes }
    }

    fn lock(&self, partition: u32) -> Option<MutexGuard<'_, Pending>> {
        // Nothing below panics half-way through a change.
        Some(self.lanes.get(partition as usize)?.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn token(&self, number: u64) -> Token {
        let mut token = [0; 16];
        let (process, own) = token.split_at_mut(8);
        process.copy_from_slice(&self.process);
        own.copy_from_slice(&number.to_le_bytes());
        token
    }

    /// The record that a key names, if this process sent it.
    fn number(&self, key: &[u8]) -> Option<u64> {
        let (process, own) = key.split_first_chunk::<8>()?;
        (*process == self.process).then(|| own.try_into().ok().map(u64::from_le_bytes)).flatten()
    }

    /// Takes the reply of a record that was read back, before the mirror has it: from then on nobody else answers. And when
    /// it was sent.
    pub fn settle(&self, partition: u32, key: &[u8]) -> Option<(oneshot::Sender<Answer>, i64)> {
        let number = self.number(key)?;
        let mut pending = self.lock(partition)?;
        let record = pending.records.remove(&number)?;
        pending.bytes -= record.bytes.len();
        Some((record.reply, record.sent_at))
    }

    /// Refuses all that waits and all that comes.
    pub fn stop(&self, partition: u32, error: AppendError) {
        let Some(mut pending) = self.lock(partition) else { return };
        pending.stopped.get_or_insert_with(|| error.clone());
        pending.bytes = 0;
        let waiting = std::mem::take(&mut pending.records);
        drop(pending);
        for record in waiting.into_values() {
            let _ = record.reply.send(Err(error.clone()));
        }
    }

    /// How many records wait in a partition.
    pub fn waiting(&self, partition: u32) -> usize {
        self.lock(partition).map_or(0, |pending| pending.records.len())
    }

    fn fate(&self, partition: u32, number: u64, fate: Fate) {
        if let Some(mut pending) = self.lock(partition)
            && let Some(record) = pending.records.get_mut(&number)
        {
            record.fate = fate;
        }
    }
}

/// Which record a delivery report is about.
pub struct Sent {
    partition: u32,
    number: u64,
}

/// Hears of deliveries.
pub struct Courier {
    outbox: Arc<Outbox>,
    ear: Ear,
    /// How many it heard of.
    heard: AtomicU64,
}

impl ClientContext for Courier {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.ear.log(level, fac, message);
    }
    fn stats(&self, _: rdkafka::Statistics) {}
    fn error(&self, error: KafkaError, reason: &str) {
        self.ear.error(error, reason);
    }
}

impl ProducerContext for Courier {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        let fate = match result {
            Ok(message) => Fate::Delivered(message.offset()),
            Err((error, _)) => {
                let code = error.rdkafka_error_code().map_or_else(String::new, |code| format!("{code:?}"));
                counter!("mirano_kafka_send_failures_total", "code" => code.clone()).increment(1);
                tracing::debug!(target: "mirano::kafka", partition = sent.partition, code, "a record was not delivered");
                Fate::Failed
            }
        };
        self.outbox.fate(sent.partition, sent.number, fate);
    }
}

/// It has no thread of its own: what was delivered is of interest to [`Sender::tend`] only, which looks from time to time.
type Client = BaseProducer<Courier>;

/// Sends records, and sends again what got lost.
pub struct Sender {
    settings: Settings,
    ear: Ear,
    outbox: Arc<Outbox>,
    client: Mutex<Arc<Client>>,
}

impl Sender {
    /// A sender of what is put into `outbox`.
    pub fn new(settings: Settings, ear: Ear, outbox: Arc<Outbox>) -> Result<Self, OpenError> {
        let client = Mutex::new(Arc::new(Self::connect(&settings, &ear, &outbox)?));
        Ok(Self { settings, ear, outbox, client })
    }

    fn connect(settings: &Settings, ear: &Ear, outbox: &Arc<Outbox>) -> Result<Client, OpenError> {
        make(&settings.producer(), Courier { outbox: Arc::clone(outbox), ear: ear.clone(), heard: AtomicU64::new(0) })
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a record and sends it; the order of calls is the order of records.
    pub fn send(&self, partition: u32, bytes: Bytes) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let unknown = || {
            let partitions = u32::try_from(self.outbox.lanes.len()).unwrap_or(u32::MAX);
            AppendError::UnknownPartition { partition, partitions }
        };
        let lane = self.outbox.lanes.get(partition as usize).ok_or_else(unknown)?;
        let _turn = lane.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pending = self.outbox.lock(partition).ok_or_else(unknown)?;
        if let Some(error) = &pending.stopped {
            return Err(error.clone());
        }
        if pending.bytes > 0 && pending.bytes + bytes.len() > self.outbox.max_pending_bytes {
            return Err(AppendError::Overloaded { pending: pending.bytes });
        }
        let number = pending.next;
        pending.next += 1;
        let (reply, outcome) = oneshot::channel();
        pending.bytes += bytes.len();
        // Before it is sent: it may be read back at once.
        let record = Record { bytes: bytes.clone(), reply, fate: Fate::Sent, sent_at: now_ms() };
        pending.records.insert(number, record);
        drop(pending);
        if let Err(error) = self.post(&self.client(), partition, number, &bytes) {
            tracing::debug!(target: "mirano::kafka", partition, %error, "a record could not be handed over yet");
            self.outbox.fate(partition, number, Fate::Failed);
        }
        Ok(outcome)
    }

    fn post(&self, client: &Client, partition: u32, number: u64, bytes: &Bytes) -> Result<(), KafkaError> {
        let key = self.outbox.token(number);
        let record = BaseRecord::with_opaque_to(&self.settings.topic, Box::new(Sent { partition, number }))
            .partition(i32::try_from(partition).unwrap_or(i32::MAX))
            .key(&key[..])
            .payload(&bytes[..]);
        client.send(record).map_err(|(error, _)| error)
    }

    /// Sends again what got lost, for ever, until `ended` says so. `read_to` gives the offset that a partition's reader
    /// comes to next.
    pub fn tend(&self, mirror: &EmbeddedLog, read_to: &dyn Fn(u32) -> i64, ended: &dyn Fn(Duration) -> bool) {
        while !ended(BACK_OFF) {
            self.hear();
            if let Some((code, reason)) = self.client().client().fatal_error() {
                self.renew(code, &reason);
            }
            let mut waiting = 0;
            for partition in 0..mirror.partitions() {
                self.tend_one(mirror.head(partition), read_to(partition));
                waiting += self.outbox.waiting(partition);
            }
            gauge!("mirano_kafka_unsettled_records").set(waiting as f64);
        }
    }

    /// Takes all that the client has to tell of deliveries.
    fn hear(&self) {
        let client = self.client();
        let heard = || client.context().heard.load(Ordering::Relaxed);
        loop {
            // It tells of the records of one answer of a broker at a time.
            let before = heard();
            client.poll(Duration::ZERO);
            if heard() == before {
                return;
            }
        }
    }

    /// After a fatal error of the client: another one takes over. What was not delivered is sent again by it.
    fn renew(&self, code: RDKafkaErrorCode, reason: &str) {
        tracing::warn!(target: "mirano::kafka", ?code, reason, "the producer is made anew");
        match Self::connect(&self.settings, &self.ear, &self.outbox) {
            Ok(client) => *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(client),
            Err(error) => tracing::error!(target: "mirano::kafka", %error, "no producer could be made"),
        }
    }

    fn tend_one(&self, head: Head, read_to: i64) {
        let partition = head.partition;
        let Some(mut pending) = self.outbox.lock(partition) else { return };
        let lost = |record: &Record| match record.fate {
            Fate::Sent => false,
            Fate::Failed => true,
            // It was read past and not seen: what the broker acknowledged is gone.
            Fate::Delivered(offset) => offset < read_to,
        };
        let lost: Vec<u64> =
            pending.records.iter().filter(|(_, record)| lost(record)).map(|(number, _)| *number).collect();
        let client = self.client();
        let mut void = Vec::new();
        for number in lost {
            let Some(record) = pending.records.get_mut(&number) else { continue };
            // The log went on without it, as it would have been taken from here when it was read: it can only be void.
            if Envelope::parse(&record.bytes).is_ok_and(|envelope| envelope.position.seq < head.next_seq) {
                let record = pending.records.remove(&number);
                pending.bytes -= record.as_ref().map_or(0, |record| record.bytes.len());
                void.extend(record);
                continue;
            }
            record.fate = match self.post(&client, partition, number, &record.bytes.clone()) {
                Ok(()) => Fate::Sent,
                Err(_) => Fate::Failed,
            };
            counter!("mirano_kafka_sent_again_total").increment(1);
        }
        drop(pending);
        for record in void {
            let _ = record.reply.send(Ok(Outcome::Void { head }));
        }
    }

    /// Gives what is under way a moment to be delivered.
    pub fn flush(&self, patience: Duration) {
        if let Err(error) = self.client().flush(patience) {
            tracing::debug!(target: "mirano::kafka", %error, "not all records were delivered at the end");
        }
    }
}
