//! The log on Apache Kafka: one record per commit, in the order of a topic's partitions, mirrored into the same segment
//! files that the embedded log writes.
//!
//! ```text
//! DATA/mirano.json, DATA/log/    the mirror: what counts, at the same positions
//! DATA/kafka/0000.json           where the mirror of partition 0 stands in the topic
//! DATA/kafka/0000.void           its void records
//! ```
//!
//! Beside it: [`Group`], which says which node is to decide for which partition, and [`KeyTopic`], which all nodes keep the
//! keys of persons in.
//!
//! Kafka gives order and durability; the one rule gives the rest. The mirror is synced behind what it shows: what a power loss
//! takes from its end is read from the topic again. An append is settled when its own record was read back:
//! then every reader sees the same. Nothing that may expire (group offsets, producer ids) is needed. The topic is never
//! followed in silence: what does not fit the mirror makes a partition read-only, see [`Problem`].

mod anchors;
mod birth;
mod clock;
mod digest;
mod doubt;
mod ear;
mod error;
mod folder;
mod group;
mod keep;
mod keys;
mod lane;
mod look;
mod outbox;
mod place;
mod reader;
mod search;
mod settings;
mod shown;
mod tail;
#[cfg(test)]
mod tests;
mod threads;
mod topic;
mod voids;
pub mod whole;

pub use error::{OpenError, Problem};
pub use folder::{MirrorFolder, open_read_only};
pub use group::Group;
pub use keys::KeyTopic;
pub use lane::Progress;
pub use place::{KAFKA_FOLDER, Place, Seen, note_place, noted_place};
pub use settings::Settings;
pub use tail::Tail;

use super::*;
use crate::sequencer::embedded::{self, Disk, EmbeddedLog, Mirror, Options, RealDisk};
use birth::{Birth, Found};
use clock::ClockWatch;
use ear::Ear;
use folder::of_the_mirror;
use lane::Lane;
use metrics::gauge;
use mirano_schemas::envelope::MAX_COMMIT_LEN;
use outbox::{Outbox, Sender};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use threads::Threads;
use voids::Voids;

/// How long the end may take to deliver what was handed over.
const FLUSH: Duration = Duration::from_secs(2);
/// What may lie in the folder of a new mirror: it does not come from the topic.
const BESIDE: &[&str] = &["evidence", "keys"];
/// Brokers that say nothing for so long are away: they answer every half second.
const SILENCE: Duration = Duration::from_secs(3);
/// How often a node that still reads the topic to its end says so.
const STILL: Duration = Duration::from_secs(10);
/// An append is refused as overloaded when this much waits in its partition already.
const MAX_PENDING_BYTES: usize = 64 * 1024 * 1024;

/// Whether a record is one that gave a topic its log's id.
pub fn is_birth(record: &[u8]) -> bool {
    Birth::parse(record).is_some()
}

/// The log; see the module.
pub struct KafkaLog {
    mirror: Arc<Mirror>,
    lanes: Vec<Arc<Lane>>,
    sender: Arc<Sender>,
    outbox: Arc<Outbox>,
    ended: Arc<AtomicBool>,
    clock: Arc<ClockWatch>,
    noted: Arc<watch::Sender<u64>>,
    ear: Ear,
    patience: Duration,
    threads: Threads,
}

impl KafkaLog {
    /// Connects, makes the topic if it is missing, opens the mirror in `folder` or makes it, and reads to the end of the
    /// topic. A partition whose topic does not fit its mirror is read-only; see [`Self::progress`].
    pub async fn open(folder: impl AsRef<Path>, settings: Settings) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk), Options::default(), folder, settings).await
    }

    /// The same, writing the mirror through `disk`; its partitions are the topic's.
    async fn open_on(
        disk: Arc<dyn Disk>,
        options: Options,
        folder: impl AsRef<Path>,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        settings.check()?;
        let ear = Ear::default();
        let topic = topic::ensure(&settings, &ear).await?;
        let folder = folder.as_ref().to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let options = Options { partitions: settings.partitions, ..options };
            let (mirror, problem) = Self::open_mirror(disk, options, &folder, &settings, &ear, &topic)?;
            Self::open_blocking(mirror, problem, &folder, settings, &ear)
        });
        let this = opening.await.map_err(|error| OpenError::Settings(error.to_string()))??;
        this.read_to_the_end().await;
        Ok(this)
    }

    fn open_blocking(
        mirror: Mirror,
        problem: Option<Problem>,
        folder: &Path,
        settings: Settings,
        ear: &Ear,
    ) -> Result<Self, OpenError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::Io { path, error }
        };
        let mirror = Arc::new(mirror);
        let beside = folder.join(KAFKA_FOLDER);
        std::fs::create_dir_all(&beside).map_err(io(&beside))?;
        place::sync_folder_of(&beside).map_err(io(&beside))?;
        let outbox = Arc::new(Outbox::new(mirror.log().partitions(), MAX_PENDING_BYTES));
        let sender = Arc::new(Sender::new(settings.clone(), ear.clone(), Arc::clone(&outbox))?);
        let ended = Arc::new(AtomicBool::new(false));
        let clock = Arc::<ClockWatch>::default();
        let ear_kept = ear.clone();
        let noted = Arc::new(watch::Sender::new(0));
        let (lanes, threads, patience) = (Vec::new(), Threads::default(), settings.patience);
        let mut this = Self { mirror, lanes, sender, outbox, ended, clock, noted, ear: ear_kept, patience, threads };
        let mut places = Vec::new();
        for partition in 0..this.partitions() {
            let voids_file = voids::path(folder, partition);
            let place_file = place::path(folder, partition);
            let place = this.place(&place_file, &settings.topic, partition);
            let progress = Progress { next_offset: place.next_offset(), reached_end: false, stopped: None };
            let lane = Lane {
                partition,
                topic: settings.topic.clone(),
                mirror: Arc::clone(&this.mirror),
                archived: settings.archived.is_some(),
                outbox: Arc::clone(&this.outbox),
                voids: Mutex::new(Voids::open(&voids_file, true).map_err(io(&voids_file))?),
                progress: watch::Sender::new(progress),
                place_file,
                reached: Mutex::new(place),
                noted: Arc::clone(&this.noted),
                ended: Arc::clone(&this.ended),
                clock: Arc::clone(&this.clock),
            };
            gauge!("mirano_kafka_partition_read_only", "partition" => partition.to_string()).set(0.0);
            this.lanes.push(Arc::new(lane));
            places.push(place);
        }
        match problem {
            Some(problem) => this.lanes.iter().for_each(|lane| lane.stop(&problem)),
            None => this.start(&settings, ear, places)?,
        }
        Ok(this)
    }

    /// Opens the mirror, or makes it under the id that the topic was born with.
    fn open_mirror(
        disk: Arc<dyn Disk>,
        options: Options,
        folder: &Path,
        settings: &Settings,
        ear: &Ear,
        topic: &topic::Topic,
    ) -> Result<(Mirror, Option<Problem>), OpenError> {
        let known = folder.join(embedded::FORMAT_FILE).exists();
        let found = birth::find(settings, ear)?;
        if known {
            let mirror = Mirror::open_on(disk, folder, options)?;
            let have = mirror.log().log_id();
            // An empty mirror, or one that never was of this topic, is a folder named by mistake.
            if let Found::Born(Birth { log_id: want, .. }) = found
                && want != have
                && !folder.join(KAFKA_FOLDER).exists()
            {
                let (folder, topic) = (folder.to_owned(), settings.topic.clone());
                return Err(OpenError::OtherLog { folder, have, topic, want });
            }
            let problem = found.problem(&settings.topic, have);
            return Ok((mirror, problem));
        }
        let birth = match found {
            Found::Born(birth) => birth,
            Found::Unborn => birth::give(settings, ear, LogId(rand::random()))?,
            Found::Trimmed => return Err(OpenError::Trimmed(settings.topic.clone())),
        };
        topic::fits(&birth, topic, settings)?;
        Ok((Mirror::create_on(disk, folder, options, birth.log_id, BESIDE)?, None))
    }

    /// Where a mirror stands; at the start when that is not known or the mirror lost what it says.
    fn place(&self, file: &Path, topic: &str, partition: u32) -> Place {
        let start = Place::start(Head::genesis(self.log_id(), partition));
        match Place::read(file, topic, partition) {
            Some(place) if self.mirror().check_anchor(&place.head).is_ok() => place,
            Some(_) => {
                tracing::warn!(
                    partition,
                    "the mirror does not hold what its place says; the topic is read from the start"
                );
                start
            }
            None => start,
        }
    }

    /// Waits until every partition was read to where it ended when this began; says from time to time which were not yet.
    async fn read_to_the_end(&self) {
        let started = Instant::now();
        let mut all = std::pin::pin!(async {
            for lane in &self.lanes {
                let mut progress = lane.progress.subscribe();
                let done = progress.wait_for(|progress| progress.reached_end || progress.stopped.is_some());
                // The lane lives as long as this does.
                let _ = done.await;
            }
        });
        while tokio::time::timeout(STILL, &mut all).await.is_err() {
            let behind = self.lanes.iter().filter_map(|lane| {
                let progress = lane.progress.borrow();
                let waited_for = !progress.reached_end && progress.stopped.is_none();
                waited_for.then(|| format!("partition {} at offset {}", lane.partition, progress.next_offset))
            });
            let behind = behind.collect::<Vec<_>>().join(", ");
            tracing::info!(behind, since = ?started.elapsed(), "still reading the topic to its end");
        }
        tracing::info!(took = ?started.elapsed(), "read the topic to its end");
    }

    /// How far a partition was read, and why not further.
    pub fn progress(&self, partition: u32) -> Option<Progress> {
        Some(self.lanes.get(partition as usize)?.progress.borrow().clone())
    }

    /// How many void records a partition has.
    pub fn voids(&self, partition: u32) -> usize {
        let lane = self.lanes.get(partition as usize);
        lane.map_or(0, |lane| lane.voids.lock().unwrap_or_else(PoisonError::into_inner).len())
    }

    /// By how many milliseconds this machine's clock is ahead of the brokers' (behind: negative), while it is too far off.
    pub fn clock_off(&self) -> watch::Receiver<Option<i64>> {
        self.clock.off()
    }

    /// How often the mirror noted where it stands: [`noted_place`] tells more after each.
    pub fn noted(&self) -> watch::Receiver<u64> {
        self.noted.subscribe()
    }

    /// The mirror.
    pub fn mirror(&self) -> &EmbeddedLog {
        self.mirror.log()
    }

    fn hand_over(
        &self,
        partition: u32,
        record: Bytes,
    ) -> Result<tokio::sync::oneshot::Receiver<outbox::Answer>, AppendError> {
        if record.len() > MAX_COMMIT_LEN {
            return Err(AppendError::TooLong { len: record.len() });
        }
        // Such a record would stop every reader of the topic.
        if let Ok(envelope) = mirano_schemas::envelope::Envelope::parse(&record) {
            let body = record.get(mirano_schemas::envelope::HEADER_LEN..).unwrap_or_default();
            if body.len() != envelope.body_len as usize || *blake3::hash(body).as_bytes() != envelope.body_hash {
                return Err(AppendError::BodyMismatch { position: envelope.position });
            }
        }
        self.sender.send(partition, record)
    }
}

impl Sequencer for KafkaLog {
    of_the_mirror!();

    fn append(&self, partition: u32, record: Bytes) -> BoxFuture<'static, Result<Outcome, AppendError>> {
        match self.hand_over(partition, record) {
            Err(error) => Box::pin(std::future::ready(Err(error))),
            Ok(outcome) => Box::pin(async move {
                outcome.await.unwrap_or_else(|_| Err(AppendError::Unsettled { cause: "the log was closed".into() }))
            }),
        }
    }

    fn behind(&self) -> Option<Duration> {
        self.ear.silent(self.partitions()).filter(|silent| *silent >= SILENCE)
    }

    fn stopped(&self, partition: u32) -> BoxFuture<'static, Arc<str>> {
        match self.lanes.get(partition as usize) {
            Some(lane) => Box::pin(lane.until_stopped()),
            None => Box::pin(std::future::pending()),
        }
    }

    fn records(&self, partition: u32, from_seq: u64, max: usize) -> Result<Vec<Record>, ReadError> {
        let lane = self.lanes.get(partition as usize);
        let voids = lane.map(|lane| lane.voids.lock().unwrap_or_else(PoisonError::into_inner));
        shown::records(self.mirror(), voids.as_deref(), partition, from_seq, max)
    }

    fn check_anchor(&self, anchor: &Head) -> Result<(), AnchorError> {
        self.compare(anchor)
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.sender.flush(FLUSH);
        self.ended.store(true, Ordering::Relaxed);
        self.threads.join();
        for lane in &self.lanes {
            self.outbox.stop(lane.partition, AppendError::Unsettled { cause: "the log was closed".into() });
        }
    }
}
