//! What a reader makes of the ends and beginnings that the client tells it of, step by step.

use super::*;
use crate::sequencer::conformance::{append, predict, record};
use crate::sequencer::kafka::reader::{Behind, Reader, Taken, Trouble};
use crate::sequencer::kafka::settings::{Consumer, make};
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

/// A log on the mock, and a reader of its partition that does not run by itself.
struct Still {
    log: KafkaLog,
    reader: Reader,
    settings: Settings,
    _mock: Mock,
    _folder: TempDir,
}

/// A reader with a lane of its own: what the log's reader learns meanwhile is nothing that this one was told.
pub fn reader_of(log: &KafkaLog, settings: &Settings, place: Place, folder: &Path) -> Reader {
    let real = &log.lanes[0];
    let voids = Voids::open(&folder.join("voids"), true).expect("a file");
    let lane = Arc::new(Lane {
        partition: 0,
        topic: settings.topic.clone(),
        mirror: Arc::clone(&real.mirror),
        archived: false,
        outbox: Arc::clone(&real.outbox),
        voids: Mutex::new(voids),
        progress: watch::Sender::new(Progress { next_offset: 0, reached_end: false, stopped: None }),
        place_file: folder.join("place"),
        reached: Mutex::new(place),
        noted: Arc::clone(&real.noted),
        ended: Arc::clone(&real.ended),
        clock: Arc::clone(&real.clock),
    });
    let consumer: Arc<Consumer> = Arc::new(make(&settings.reader(), Ear::default()).expect("a client"));
    let queue = consumer.split_partition_queue(&settings.topic, 0).expect("a queue");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&settings.topic, 0, Offset::Offset(0)).expect("a place");
    consumer.assign(&list).expect("assigned");
    Reader::new(lane, place, consumer, queue)
}

/// After so many commits; the reader stands where the log does, or, if it is `new`, at the beginning.
async fn still(commits: u8, new: bool) -> Still {
    let mock = Mock::new();
    let settings = mock.settings(1);
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    for number in 0..commits {
        append(&log, 0, &[number]).await;
    }
    let (place_file, start) = (log.lanes[0].place_file.clone(), Place::start(Head::genesis(log.log_id(), 0)));
    drop(log);
    let kept = Place::read(&place_file, &settings.topic, 0).expect("kept at the end");
    let place = if new { start } else { kept };
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    let reader = reader_of(&log, &settings, place, folder.path());
    Still { log, reader, settings, _mock: mock, _folder: folder }
}

impl Still {
    /// The records of the topic from an offset on, with the end behind them.
    fn records(&self, from: i64) -> Vec<Taken> {
        let consumer: Consumer = make(&self.settings.reader(), Ear::default()).expect("a client");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.settings.topic, 0, Offset::Offset(from)).expect("a place");
        consumer.assign(&list).expect("assigned");
        let mut records = Vec::new();
        loop {
            use rdkafka::message::Message;
            match consumer.poll(Duration::from_secs(60)).expect("an answer in a minute") {
                Ok(message) => records.push(Taken {
                    offset: message.offset(),
                    appended_at: None,
                    key: Bytes::new(),
                    value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
                }),
                Err(rdkafka::error::KafkaError::PartitionEOF(_)) => return records,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn reached_end(&self) -> bool {
        self.reader.lane.progress.borrow().reached_end
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_comes_together_with_the_record_at_the_place_is_seen() {
    let mut still = still(3, false).await;
    let last = still.records(still.reader.place.next_offset() - 1);
    assert_eq!(last.len(), 1, "the one at the place is the last");
    still.reader.deal(last, Behind::End).expect("the same record");
    assert!(still.reached_end(), "the client tells of it once only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_before_the_record_at_the_place_is_no_end() {
    let mut still = still(3, false).await;
    let looked = still.reader.deal(Vec::new(), Behind::End);
    assert!(matches!(looked, Err(Trouble::Look(_))), "{looked:?}");
    assert!(!still.reached_end());
    // All is there after all: it is found again from there.
    assert_eq!(still.reader.look_again(), Ok(true));
    let again = still.records(still.reader.place.next_offset() - 1);
    still.reader.deal(again, Behind::End).expect("the same record");
    assert!(still.reached_end());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_again_before_anything_was_read_takes_nothing_for_another_topic() {
    let mut still = still(3, true).await;
    assert_eq!(still.reader.look_again(), Ok(true));
    let mut records = still.records(0);
    let rest = records.split_off(1);
    still.reader.deal(records, Behind::Unknown).expect("the first");
    still.reader.deal(rest, Behind::End).expect("those behind it");
    assert!(still.reached_end());
    assert_eq!(still.reader.place.head, still.log.head(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beginning_that_was_missed_stops_the_partition() {
    let mut still = still(3, true).await;
    let without_the_first = still.records(0).split_off(1);
    match still.reader.deal(without_the_first, Behind::Unknown) {
        Err(Trouble::Stop(problem)) => assert!(problem.to_string().starts_with("topic_trimmed"), "{problem}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_read_all_that_was_there_waits_for_no_end_of_what_comes_since() {
    let mut still = still(3, true).await;
    still.reader.goal = still.reader.ask_end();
    let all = still.records(0);
    assert_eq!(still.reader.goal, Some(i64::try_from(all.len()).expect("few")));
    for (number, record) in all.into_iter().enumerate() {
        assert!(!still.reached_end(), "before record {number}");
        still.reader.deal(vec![record], Behind::Unknown).expect("the next one");
    }
    assert!(still.reached_end(), "although somebody writes on and the client tells of no end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trouble_behind_records_is_looked_at_after_them() {
    let mut still = still(3, true).await;
    let all = still.records(0);
    let looked = still.reader.deal(all, Behind::Trouble("out of range".to_owned()));
    assert!(matches!(&looked, Err(Trouble::Look(why)) if why == "out of range"), "{looked:?}");
    assert_eq!(still.reader.place.head, still.log.head(0), "what came before it is not lost");
}

/// A client that could not give a record goes on behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_behind_a_damaged_record_is_not_judged_without_it() {
    let mut still = still(5, true).await;
    let all = still.log.head(0);
    let (mut before, mut behind) = (still.records(0), still.records(0));
    before.truncate(3);
    behind.drain(..4);
    let damage = || Behind::Damage("checksum".to_owned());
    let looked = still.reader.step(before, damage());
    assert!(matches!(&looked, Err(Trouble::Look(why)) if why == "checksum"), "{looked:?}");
    still.reader.look = Some(Instant::now());
    still.reader.step(behind, Behind::End).expect("dropped");
    assert_eq!((still.reader.place.head.next_seq, still.reached_end()), (2, false), "the birth and two commits");
    assert_eq!(still.reader.look_again(), Ok(true));
    still.reader.look = None;
    // On its way the second time it is whole.
    let again = still.records(still.reader.place.next_offset() - 1);
    still.reader.step(again, Behind::End).expect("all of it");
    assert!(still.reached_end());
    assert_eq!(still.reader.place.head, all);
    assert_eq!(still.reader.lane.voids().len(), 1, "the birth, and no commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_stays_damaged_stops_the_partition() {
    let mut still = still(5, true).await;
    let mut before = still.records(0);
    before.truncate(3);
    still.reader.step(before, Behind::Unknown).expect("whole");
    let place = still.reader.place;
    let mut damaged = || still.reader.step(Vec::new(), Behind::Damage("checksum".to_owned()));
    assert!(matches!(damaged(), Err(Trouble::Look(_))));
    assert!(matches!(damaged(), Err(Trouble::Look(_))));
    match damaged() {
        Err(Trouble::Stop(problem)) => {
            let said = problem.to_string();
            assert!(said.starts_with("topic_damaged") && said.contains("offset 3"), "{said}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(still.reader.place, place);
}

/// Marks of transactions: the brokers hand out no record for them, however often they are asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_without_a_record_are_looked_at_once_and_then_passed_over() {
    let mut still = still(5, true).await;
    let with_a_gap = |still: &Still, from: i64| {
        let mut records = still.records(from);
        records.retain(|taken| taken.offset != 3);
        records
    };
    let records = with_a_gap(&still, 0);
    let looked = still.reader.step(records, Behind::End);
    assert!(matches!(looked, Err(Trouble::Look(_))), "{looked:?}");
    assert_eq!(still.reader.place.next_offset(), 3, "up to the gap");
    assert_eq!(still.reader.look_again(), Ok(true));
    let records = with_a_gap(&still, 2);
    still.reader.step(records, Behind::Unknown).expect("nothing was ever there");
    assert_eq!(still.reader.place.next_offset(), 6);
    // But not where the client said that it could not read something.
    let mut again = self::still(5, true).await;
    let (mut before, records) = (again.records(0), with_a_gap(&again, 2));
    before.truncate(3);
    let damaged = again.reader.step(before, Behind::Damage("checksum".to_owned()));
    assert!(matches!(damaged, Err(Trouble::Look(_))));
    let looked = again.reader.step(records, Behind::End);
    assert!(matches!(looked, Err(Trouble::Look(_))), "{looked:?}");
    assert_eq!(again.reader.place.next_offset(), 3);
}

/// A copy of the mirror without its place, and a topic whose beginning is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_not_known_is_found_by_a_commit_that_mirror_and_topic_have() {
    let mut still = still(5, true).await;
    still.reader.searching = true;
    let mut rest = still.records(3);
    rest.insert(0, Taken { offset: 2, appended_at: None, key: Bytes::new(), value: Bytes::from_static(b"foreign") });
    still.reader.step(rest, Behind::End).expect("found");
    assert!(still.reached_end());
    assert_eq!(still.reader.place.head, still.log.head(0));
    assert_eq!(still.reader.place.next_offset(), 6);
    assert_eq!(still.reader.lane.voids().len(), 0, "what stands before it is not judged");
}

/// What came before it and is gone may have counted instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_only_names_the_mirrors_head_is_no_place() {
    let mut still = still(5, true).await;
    still.reader.searching = true;
    let head = still.log.head(0);
    let value = record(&head, b"perhaps too late");
    let taken = vec![Taken { offset: 9, appended_at: None, key: Bytes::new(), value }];
    still.reader.step(taken, Behind::Unknown).expect("passed over");
    assert_eq!(still.log.head(0), head, "not followed");
    match still.reader.step(Vec::new(), Behind::End) {
        Err(Trouble::Stop(problem)) => assert!(problem.to_string().starts_with("topic_trimmed"), "{problem}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_void_record_that_can_not_be_kept_is_not_passed() {
    let mut still = still(1, true).await;
    let file = still.reader.lane.voids().path().to_owned();
    // Open to be read only: each write fails.
    *still.reader.lane.voids() = Voids::open(&file, false).expect("a file");
    let records = still.records(0);
    match still.reader.step(records, Behind::End) {
        Err(Trouble::Stop(problem)) => assert!(problem.to_string().starts_with("mirror_failed"), "{problem}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(still.reader.place.next_offset(), 0, "the birth is read again");
    assert_eq!(still.reader.lane.reached().next_offset(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_topic_that_disagrees_no_place_is_kept() {
    let mut still = still(3, true).await;
    let good = still.reader.lane.reached();
    let mut head = Head::genesis(still.log.log_id(), 0);
    let mut others = Vec::new();
    for offset in 0..3 {
        let value = record(&head, b"another history");
        head = predict(&head, &value);
        others.push(Taken { offset, appended_at: None, key: Bytes::new(), value });
    }
    match still.reader.step(others, Behind::Unknown) {
        Err(Trouble::Stop(problem)) => assert!(problem.to_string().starts_with("mirror_disagrees"), "{problem}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(still.reader.lane.reached(), good);
    // Nor one on the way there.
    let before = Place { last: Some(Seen { offset: 2, hash: [0; 32] }), head };
    assert_eq!(still.reader.lane.keep_place(&before).expect("no error"), keep::Kept::Never);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_panics_stops_its_partition() {
    let still = still(1, false).await;
    let lane = &still.log.lanes[0];
    assert!(threads::panicking(lane).join().is_err(), "it did");
    let stopped = tokio::time::timeout(Duration::from_secs(20), still.log.stopped(0)).await.expect("told");
    assert!(stopped.starts_with("thread_panicked"), "{stopped}");
    let refused = still.log.append(0, record(&still.log.head(0), b"x")).await;
    assert!(matches!(refused, Err(AppendError::Poisoned { .. })), "{refused:?}");
}

/// After all brokers were away: the client goes on where it was, whatever stands there now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_no_broker_was_reached_waits_until_the_topic_is_known_to_be_the_same() {
    let mut still = still(3, true).await;
    let ear = Arc::clone(still.reader.consumer.context());
    ear.doubt();
    still.reader.heed_doubts();
    assert!(still.reader.look.is_some() && !still.reader.is_confirmed());
    let records = still.records(0);
    still.reader.step(records, Behind::End).expect("dropped");
    assert_eq!(still.reader.place.next_offset(), 0);
    ear.confirm(ear.doubts());
    assert!(still.reader.is_confirmed());
}
