//! The threads of the log: a reader for each partition, one that hears of errors, one that sends again, one that looks whether the
//! topic is still the same, one that notes places.

use super::keep::{KEEP_PLACE, Keeper};
use super::lane::Lane;
use super::place::Place;
use super::reader::Reader;
use super::settings::{Consumer, Settings, make};
use super::{KafkaLog, OpenError, Problem, birth, ear::Ear};
use crate::sequencer::Sequencer;
use mirano_schemas::LogId;
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long brokers may take to say whether the topic is the same, before they are asked again.
const MEET: Duration = Duration::from_secs(1);
/// How often it is looked whether that is doubted.
const DOUBTED: Duration = Duration::from_millis(50);

/// Threads that end when the log does.
#[derive(Default)]
pub struct Threads {
    /// They look for the end by themselves.
    running: Vec<JoinHandle<()>>,
    /// What notes places ends after them, when this is dropped.
    keeper: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Threads {
    fn start(&mut self, name: &str, lanes: &[Arc<Lane>], run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        self.running.push(spawn(name, lanes, run)?);
        Ok(())
    }

    /// Waits until all have ended, as they were told to.
    pub fn join(&mut self) {
        let join = |thread: JoinHandle<()>| {
            if thread.join().is_err() {
                tracing::error!("a thread of the log on Kafka panicked");
            }
        };
        self.running.drain(..).for_each(join);
        if let Some((ended, keeper)) = self.keeper.take() {
            drop(ended);
            join(keeper);
        }
    }
}

fn spawn(name: &str, lanes: &[Arc<Lane>], run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let watch = Watch { lanes: lanes.to_vec(), name: name.to_owned() };
    let run = move || {
        let _watch = watch;
        run();
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| OpenError::Io { path: "a thread".into(), error })
}

/// However a thread ends: nobody waits for it for ever.
struct Watch {
    lanes: Vec<Arc<Lane>>,
    name: String,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let problem = Problem::Panicked(format!("{}, which reads or sends for this partition", self.name));
            self.lanes.iter().for_each(|lane| lane.stop(&problem));
        }
    }
}

impl KafkaLog {
    /// Starts the readers and the sender.
    pub(super) fn start(&mut self, settings: &Settings, ear: &Ear, places: Vec<Place>) -> Result<(), OpenError> {
        let client = |error| OpenError::client(&error);
        let consumer: Arc<Consumer> = Arc::new(make(&settings.reader(), ear.clone())?);
        let mut list = TopicPartitionList::new();
        for place in &places {
            let partition = i32::try_from(place.head.partition).unwrap_or(i32::MAX);
            let from = Offset::Offset(place.last.map_or(0, |last| last.offset));
            list.add_partition_offset(&settings.topic, partition, from).map_err(client)?;
        }
        // Each partition has its queue before anything is read: what comes earlier would come by the client's own, and be lost.
        let mut queues = Vec::new();
        for place in &places {
            let partition = i32::try_from(place.head.partition).unwrap_or(i32::MAX);
            let queue = consumer.split_partition_queue(&settings.topic, partition);
            queues.push(queue.ok_or_else(|| OpenError::Settings("a partition has no queue".into()))?);
        }
        consumer.assign(&list).map_err(client)?;
        // Its birth was just read.
        ear.confirm(ear.doubts());
        for ((place, lane), queue) in places.into_iter().zip(&self.lanes).zip(queues) {
            let name = format!("kafka-{}", lane.partition);
            let reader = Reader::new(Arc::clone(lane), place, Arc::clone(&consumer), queue);
            self.threads.start(&name, std::slice::from_ref(lane), move || reader.run())?;
        }
        let ended = Arc::clone(&self.ended);
        self.threads.start("kafka-events", &self.lanes, move || {
            while !ended.load(Ordering::Relaxed) {
                // Records come through the queues of the partitions; here only errors of the whole client.
                if let Some(Err(error)) = consumer.poll(Duration::from_millis(100)) {
                    tracing::debug!(target: "mirano::kafka", %error, "the consumer has a problem");
                }
            }
        })?;
        let (sender, mirror, lanes) = (Arc::clone(&self.sender), Arc::clone(&self.mirror), self.lanes.clone());
        let ended = Arc::clone(&self.ended);
        self.threads.start("kafka-sender", &self.lanes, move || {
            let read_to =
                |partition: u32| lanes.get(partition as usize).map_or(0, |lane| lane.progress.borrow().next_offset);
            sender.tend(mirror.log(), &read_to, &|rest| {
                std::thread::sleep(rest);
                // Here, since this thread waits for no disk.
                lanes.iter().for_each(|lane| lane.measure());
                ended.load(Ordering::Relaxed)
            });
        })?;
        let (ended, have, lanes) = (Arc::clone(&self.ended), self.log_id(), self.lanes.clone());
        let (settings, ear) = (Settings { patience: MEET, ..settings.clone() }, ear.clone());
        self.threads.start("kafka-birth", &self.lanes, move || {
            while !ended.load(Ordering::Relaxed) && !confirm(&settings, &ear, have, &lanes) {
                std::thread::sleep(DOUBTED);
            }
        })?;
        let (end, ended) = mpsc::channel();
        let keeper = Keeper::of(&self.lanes, KEEP_PLACE);
        self.threads.keeper = Some((end, spawn("kafka-places", &self.lanes, move || keeper.run(&ended))?));
        Ok(())
    }
}

/// Where it is doubted whether the topic is the one that was opened: looks at its birth. Whether it is another one, which stops
/// all readers.
fn confirm(settings: &Settings, ear: &Ear, have: LogId, lanes: &[Arc<Lane>]) -> bool {
    let doubts = ear.doubts();
    if ear.is_confirmed(doubts) {
        return false;
    }
    match birth::find(settings, ear) {
        Ok(found) => match found.problem(&settings.topic, have) {
            None => ear.confirm(doubts),
            Some(problem) => {
                lanes.iter().filter(|lane| !lane.has_stopped()).for_each(|lane| lane.stop(&problem));
                return true;
            }
        },
        Err(error) => tracing::debug!(target: "mirano::kafka", %error, "no answer whether the topic is the same"),
    }
    false
}

#[cfg(test)]
pub(super) fn panicking(lane: &Arc<Lane>) -> JoinHandle<()> {
    spawn("kafka-0", std::slice::from_ref(lane), || panic!("on purpose")).expect("a thread")
}
