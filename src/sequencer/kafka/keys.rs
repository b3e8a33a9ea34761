//! The topic beside the log that all nodes keep the keys of persons in: one partition, compacted, read whole by each node.
//!
//! It gives one order to what the nodes write, and nothing else: what the records mean is the key store's to say. Compaction
//! keeps the last record of each key and its place in the order, so a key must be written once only, or mean its last
//! record only. A deleted key (a record without a value) is gone from the brokers' disks once they have compacted.

use super::OpenError;
use super::ear::Ear;
use super::settings::{Consumer, Settings, make};
use super::topic::{self, Kind, Topic};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the reader waits for a record before it looks whether it is to end.
const POLL: Duration = Duration::from_millis(100);
/// How long a write may take until it was read back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The topic's settings.
const KEYS: Kind = Kind { wanted, problems };

fn wanted(dev: bool) -> Vec<(&'static str, &'static str)> {
    vec![
        ("cleanup.policy", "compact"),
        ("unclean.leader.election.enable", "false"),
        ("min.insync.replicas", if dev { "1" } else { "2" }),
        // What was deleted leaves the disks within about a day, however little is written.
        ("max.compaction.lag.ms", "86400000"),
        ("segment.ms", "86400000"),
    ]
}

fn problems(topic: &Topic, settings: &Settings) -> Vec<String> {
    let mut out = topic::safety(topic, settings);
    let said = |name: &str| topic.settings.get(name).map_or("", String::as_str);
    if topic.partitions != 1 {
        out.push(format!(
            "it has {} partitions, and one is needed: keys have one order. Make it anew",
            topic.partitions
        ));
    }
    if said("cleanup.policy") != "compact" {
        out.push(format!(
            "cleanup.policy is {:?}: keys would be deleted by age, or never. Set it: {}",
            said("cleanup.policy"),
            topic::set(settings, "cleanup.policy=compact")
        ));
    }
    out
}

/// The topic, as one node has it open.
pub struct KeyTopic {
    topic: String,
    client: ThreadedProducer<Reports>,
    seen: Arc<Seen>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How far the reader came.
#[derive(Default)]
struct Seen {
    progress: Mutex<Progress>,
    moved: Condvar,
}

#[derive(Default)]
struct Progress {
    next: i64,
    reached_end: bool,
    /// Why it reads no further.
    stopped: Option<String>,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.lock());
        self.moved.notify_all();
    }

    /// Waits until the reader came so far.
    fn wait(&self, patience: Duration, far_enough: impl Fn(&Progress) -> bool) -> Result<(), String> {
        let until = Instant::now() + patience;
        let mut progress = self.lock();
        loop {
            if let Some(why) = &progress.stopped {
                return Err(why.clone());
            }
            if far_enough(&progress) {
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("the brokers sent no records for {patience:?}"));
            }
            let waited = self.moved.wait_timeout(progress, left);
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Tells each write at which offset it lies.
struct Reports(Ear);

/// Takes a record: its key, and its value or none.
type Each = dyn Fn(&[u8], Option<&[u8]>);

type Told = SyncSender<Result<i64, String>>;

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.0.log(level, fac, message);
    }
    fn stats(&self, _: rdkafka::Statistics) {}
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Told>;

    fn delivery(&self, result: &DeliveryResult<'_>, told: Box<Told>) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.to_string()),
        };
        // Whoever wrote may wait no more.
        let _ = told.try_send(outcome);
    }
}

impl KeyTopic {
    /// Opens the topic that belongs to the log's, making it where it is missing, and reads it to its end. `each` is given
    /// every record there is and will be, in order: its key, and its value or none.
    pub async fn open(log: &Settings, each: impl Fn(&[u8], Option<&[u8]>) + Send + 'static) -> Result<Self, OpenError> {
        let settings = log.for_keys();
        let ear = Ear::default();
        topic::ensure_as(&settings, &ear, &KEYS).await?;
        let client = |error| OpenError::client(&error);
        let consumer: Arc<Consumer> = Arc::new(make(&settings.consumer("mirano-unused"), ear.clone())?);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&settings.topic, 0, Offset::Beginning).map_err(client)?;
        consumer.assign(&list).map_err(client)?;
        let (seen, ended) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let mut config = settings.producer();
        // A record that lands twice says the same twice.
        config.set("enable.idempotence", "false").set("message.timeout.ms", "9000");
        let producer: ThreadedProducer<Reports> = make(&config, Reports(ear.clone()))?;
        let (reader, end, asked) = (Arc::clone(&seen), Arc::clone(&ended), Arc::clone(&consumer));
        let thread = std::thread::Builder::new()
            .name("kafka-keys".into())
            .spawn(move || read(&consumer, &each, &reader, &end))
            .map_err(|error| OpenError::Io { path: "a thread".into(), error })?;
        let this = Self { topic: settings.topic.clone(), client: producer, seen, ended, thread: Some(thread) };
        let (seen, patience) = (Arc::clone(&this.seen), settings.patience);
        let all = tokio::task::spawn_blocking(move || {
            // Of an end the client tells only when nobody writes for a moment.
            let goal = asked.fetch_watermarks(&settings.topic, 0, patience).map_or(i64::MAX, |(_, high)| high);
            seen.wait(patience, |progress| progress.reached_end || progress.next >= goal)
        });
        let all = all.await.map_err(|error| OpenError::Settings(error.to_string()))?;
        let brokers = log.brokers.clone();
        all.map_err(|why| OpenError::Unreachable { brokers, cause: ear.heard().unwrap_or(why) })?;
        Ok(this)
    }

    /// Writes a record; none as value deletes the key. On return it is durable, and `each` has seen it and all before it.
    /// Waits for the brokers. After an error it may be there or not.
    pub fn post(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let (told, outcome) = sync_channel(1);
        let record =
            BaseRecord::<[u8], [u8], Box<Told>>::with_opaque_to(&self.topic, Box::new(told)).partition(0).key(key);
        let record = match value {
            Some(value) => record.payload(value),
            None => record,
        };
        self.client.send(record).map_err(|(error, _)| error.to_string())?;
        let offset =
            outcome.recv_timeout(PATIENCE).map_err(|_| format!("the brokers did not answer in {PATIENCE:?}"))??;
        self.seen.wait(PATIENCE, |progress| progress.next > offset)
    }
}

impl Drop for KeyTopic {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the reader of the keys panicked");
        }
    }
}

fn read(consumer: &Consumer, each: &Each, seen: &Seen, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                each(message.key().unwrap_or_default(), message.payload());
                let next = message.offset() + 1;
                seen.change(|progress| progress.next = next);
            }
            Some(Err(KafkaError::PartitionEOF(_))) => seen.change(|progress| progress.reached_end = true),
            Some(Err(error)) => {
                let code = error.rdkafka_error_code();
                if matches!(code, Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)) {
                    tracing::error!(target: "mirano::kafka", %error, "the topic of keys is not the one that was read");
                    let why = "the topic of keys was cut or made anew; no key is made until the node was started again";
                    seen.change(|progress| progress.stopped = Some(why.to_owned()));
                    return;
                }
                tracing::debug!(target: "mirano::kafka", %error, "the keys can't be read now");
            }
            None => {}
        }
    }
}
