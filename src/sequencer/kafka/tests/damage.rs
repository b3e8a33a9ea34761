//! Topics that lost something, or are not what was mirrored: found, never followed.

use super::broker::Brokers;
use super::real::settings;
use super::*;
use crate::sequencer::conformance::{append, bodies, record};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

const LONG: Duration = Duration::from_secs(60);

/// Writes raw values into a partition, as anybody may who is allowed to.
fn write(settings: &Settings, partition: i32, values: &[&[u8]]) {
    let producer: BaseProducer = settings.producer().create().expect("a producer");
    for value in values {
        let record = BaseRecord::<(), [u8]>::to(&settings.topic).partition(partition).payload(value);
        producer.send(record).map_err(|(error, _)| error).expect("queued");
    }
    producer.flush(LONG).expect("delivered");
}

async fn delete_topic(settings: &Settings) {
    let admin: AdminClient<_> = settings.admin().create().expect("a client");
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    for result in admin.delete_topics(&[&settings.topic], &options).await.expect("an answer") {
        result.expect("deleted");
    }
}

/// All that the first partition holds is deleted, and the log closed.
async fn empty(log: KafkaLog, settings: &Settings) {
    let end = log.progress(0).expect("there").next_offset;
    drop(log);
    delete_records(settings, end).await;
}

/// What the first partition holds before an offset is deleted.
async fn delete_records(settings: &Settings, before: i64) {
    let admin: AdminClient<_> = settings.admin().create().expect("a client");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&settings.topic, 0, Offset::Offset(before)).expect("a place");
    admin.delete_records(&list, &AdminOptions::new()).await.expect("deleted");
}

/// A log that lived, and is closed: its folder, settings, and what it holds.
async fn lived(partitions: u32) -> Option<(TempDir, Settings, Vec<Vec<u8>>)> {
    let settings = settings(partitions)?;
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    for number in 0..5u8 {
        append(&log, 0, &[number]).await;
    }
    let held = bodies(&log, 0);
    Some((folder, settings, held))
}

/// The partition reads, and takes nothing, under this name.
async fn read_only(log: &KafkaLog, partition: u32, problem: &str, held: &[Vec<u8>]) {
    let stopped = log.progress(partition).expect("there").stopped.expect("stopped");
    assert!(stopped.starts_with(problem), "{stopped}");
    match log.append(partition, record(&log.head(partition), b"x")).await {
        Err(AppendError::Poisoned { cause }) => assert_eq!(cause, stopped),
        other => panic!("{other:?}"),
    }
    assert_eq!(bodies(log, partition), held, "reads go on");
}

#[tokio::test]
async fn a_trimmed_topic_is_found_in_its_partition_alone() {
    let Some((folder, settings, held)) = lived(2).await else { return };
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    empty(log, &settings).await;
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    read_only(&log, 0, "topic_trimmed", &held).await;
    append(&log, 1, b"the other partition goes on").await;
    drop(log);
    let fresh = tempfile::tempdir().expect("a folder");
    let said = KafkaLog::open(fresh.path(), settings).await.err().expect("refused").to_string();
    assert!(said.contains("checkpoint"), "{said}");
}

/// As where a partition rests for longer than records are kept, and checkpoints hold what is older.
#[tokio::test]
async fn a_partition_that_is_empty_because_all_of_it_was_read_goes_on() {
    let Some((folder, settings, mut held)) = lived(1).await else { return };
    let settings = Settings { archived: Some(Duration::from_secs(1)), ..settings };
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    empty(log, &settings).await;
    let opening = tokio::time::timeout(LONG, KafkaLog::open(folder.path(), settings.clone()));
    let log = opening.await.expect("comes to the end").expect("opens");
    append(&log, 0, b"on").await;
    held.push(b"on".to_vec());
    assert_eq!(bodies(&log, 0), held);
}

/// A backup of the mirror from before its place was copied, or without it; and a topic whose beginning is gone since.
#[tokio::test]
async fn a_restored_mirror_finds_its_place_in_a_trimmed_topic() {
    let Some((folder, settings, _)) = lived(1).await else { return };
    let restored = tempfile::tempdir().expect("a folder");
    let copy = |name: &str| {
        let (from, to) = (folder.path().join(name), restored.path().join(name));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        std::fs::copy(&from, &to).expect(name);
    };
    copy("mirano.json");
    for segment in std::fs::read_dir(folder.path().join("log/0000")).expect("readable") {
        copy(&format!("log/0000/{}", segment.expect("an entry").file_name().to_string_lossy()));
    }
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    for number in 5..8u8 {
        append(&log, 0, &[number]).await;
    }
    let held = bodies(&log, 0);
    drop(log);
    delete_records(&settings, 3).await;
    for with_place in [true, false] {
        let place = place::path(restored.path(), 0);
        match with_place {
            true => copy("kafka/0000.json"),
            false => std::fs::remove_file(&place).expect("there"),
        }
        let log = KafkaLog::open(restored.path(), settings.clone()).await.expect("opens");
        assert_eq!(log.progress(0).expect("there").stopped, None, "with a place: {with_place}");
        assert_eq!(bodies(&log, 0), held);
    }
    let log = KafkaLog::open(restored.path(), settings).await.expect("opens");
    append(&log, 0, b"on").await;
}

#[tokio::test]
async fn a_topic_that_was_made_again_is_not_taken_for_the_old_one() {
    let Some((folder, settings, held)) = lived(1).await else { return };
    delete_topic(&settings).await;
    // Empty, as whoever made it left it.
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens to be read");
    read_only(&log, 0, "topic_recreated", &held).await;
    drop(log);
    // In use by another.
    let other = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(other.path(), settings.clone()).await.expect("opens");
    for number in 0..9u8 {
        append(&log, 0, &[number]).await;
    }
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens to be read");
    read_only(&log, 0, "topic_recreated", &held).await;
    // And the folder of an embedded log is not one that was mirrored.
    let strange = tempfile::tempdir().expect("a folder");
    drop(EmbeddedLog::open(strange.path(), embedded::Options::default()).expect("opens"));
    let refused = KafkaLog::open(strange.path(), settings).await.err().expect("refused");
    assert!(matches!(refused, OpenError::OtherLog { .. }), "{refused}");
}

#[tokio::test]
async fn a_topic_that_is_made_again_under_a_running_node_is_found() {
    let Some(settings) = settings(2) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    for number in 0..5u8 {
        append(&log, 0, &[number]).await;
    }
    let held = bodies(&log, 0);
    delete_topic(&settings).await;
    let other = tempfile::tempdir().expect("a folder");
    let others = KafkaLog::open(other.path(), settings.clone()).await.expect("opens");
    for number in 0..9u8 {
        append(&others, 0, &[number]).await;
        append(&others, 1, &[number]).await;
    }
    // Also where nothing was read of it, so that no bytes tell.
    for partition in [0, 1] {
        let stopped = tokio::time::timeout(LONG, log.stopped(partition)).await;
        let stopped = stopped.unwrap_or_else(|_| panic!("still followed: {:?}", log.progress(partition)));
        assert!(stopped.starts_with("topic_"), "{stopped}");
    }
    assert_eq!(bodies(&log, 0), held, "nothing of the other log came in");
}

#[tokio::test]
async fn a_topic_that_lost_its_end_is_found() {
    lost_its_end(2).await;
}

/// It ends where the mirror's last record should lie, not before.
#[tokio::test]
async fn a_topic_that_lost_its_last_record_is_found() {
    lost_its_end(1).await;
}

async fn lost_its_end(lost: usize) {
    let Some((folder, settings, held)) = lived(1).await else { return };
    let mirror = EmbeddedLog::open_read_only(folder.path()).expect("opens");
    let birth = Birth { log_id: mirror.log_id(), partitions: 1 }.to_bytes();
    let commits = mirror.read(0, 0, usize::MAX).expect("readable");
    delete_topic(&settings).await;
    let other = tempfile::tempdir().expect("a folder");
    drop(KafkaLog::open(other.path(), Settings { topic: name(), ..settings.clone() }).await.expect("opens"));
    topic::ensure(&settings, &Ear::default()).await.expect("made");
    let mut values: Vec<&[u8]> = vec![&birth];
    values.extend(commits.iter().take(held.len() - lost).map(|commit| commit.record.as_ref()));
    write(&settings, 0, &values);
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens to be read");
    read_only(&log, 0, "topic_truncated", &held).await;
    drop(log);
    // Also when the node does not know any more how far it had read.
    std::fs::remove_file(place::path(folder.path(), 0)).expect("there");
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens to be read");
    read_only(&log, 0, "topic_truncated", &held).await;
    drop(log);
    // The documented way out: the rest is written back, the same bytes, and all goes on.
    let rest: Vec<&[u8]> = commits.iter().skip(held.len() - lost).map(|commit| commit.record.as_ref()).collect();
    write(&settings, 0, &rest);
    let log = KafkaLog::open(folder.path(), settings).await.expect("opens");
    append(&log, 0, b"on").await;
}

#[tokio::test]
async fn a_place_that_was_lost_or_is_old_costs_time_and_nothing_else() {
    let Some((folder, settings, mut held)) = lived(1).await else { return };
    let file = place::path(folder.path(), 0);
    let old = std::fs::read(&file).expect("there");
    for number in 5..9u8 {
        let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
        assert_eq!(bodies(&log, 0), held);
        write(&settings, 0, &[b"foreign"]);
        append(&log, 0, &[number]).await;
        held.push(vec![number]);
        assert_eq!(log.voids(0), usize::from(number - 4) + 1, "each void record once, the birth among them");
        drop(log);
        match number % 2 {
            0 => std::fs::write(&file, &old).expect("written"),
            _ => std::fs::remove_file(&file).expect("there"),
        }
    }
}

#[tokio::test]
async fn a_foreign_record_is_void_and_shown() {
    let Some(settings) = settings(1) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    append(&log, 0, b"a").await;
    let long = vec![7; MAX_COMMIT_LEN + 99];
    write(&settings, 0, &[b"foreign", &long]);
    append(&log, 0, b"b").await;
    let records = log.records(0, 0, 100).expect("readable");
    let shown: Vec<_> = records.iter().map(|record| (record.upon, record.counts.is_some())).collect();
    assert_eq!(shown, [(0, false), (0, true), (1, false), (1, false), (1, true)]);
    assert_eq!(records[2].record, b"foreign"[..]);
    assert_eq!(records[3].record.len(), MAX_COMMIT_LEN);
}

#[tokio::test]
async fn a_commit_with_a_damaged_body_stops_its_partition_for_everyone() {
    let Some((folder, settings, held)) = lived(1).await else { return };
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    let mut damaged = record(&log.head(0), b"good").to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    let mut progress = log.lanes[0].progress.subscribe();
    write(&settings, 0, &[&damaged]);
    progress.wait_for(|progress| progress.stopped.is_some()).await.expect("open");
    let refused = log.append(0, record(&log.head(0), b"x")).await;
    assert!(matches!(refused, Err(AppendError::Corruption(Corruption { seq: 5, .. }))), "{refused:?}");
    assert_eq!(bodies(&log, 0), held);
    drop(log);
    let fresh = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(fresh.path(), settings).await.expect("opens to be read");
    assert!(log.progress(0).expect("there").stopped.expect("stopped").contains("seq 5"));
    assert_eq!(bodies(&log, 0), held);
}

/// Flips a bit in the middle of the batch that holds the record at `offset`, where the broker keeps it.
fn flip(segment: &Path, offset: i64) {
    use std::os::unix::fs::FileExt;
    let mut bytes = std::fs::read(segment).expect("readable");
    let number = |bytes: &[u8], at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
    let mut at = 0;
    loop {
        let base = i64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let (len, last) = (12 + number(&bytes, at + 8) as usize, base + i64::from(number(&bytes, at + 23)));
        if (base..=last).contains(&offset) {
            // Behind the 61 bytes that say what the batch is.
            let middle = at + 61 + (len - 61) / 2;
            bytes[middle] ^= 1;
            let file = std::fs::File::options().write(true).open(segment).expect("writable");
            return file.write_all_at(&bytes[middle..=middle], middle as u64).expect("written");
        }
        at += len;
    }
}

#[tokio::test]
async fn a_record_that_is_damaged_where_it_is_kept_is_neither_void_nor_passed_over() {
    let Some((_folder, settings, held)) = lived(1).await else { return };
    let segment = super::real::brokers().expect("asked before").first_segment(1, &settings.topic, 0);
    // The birth and two commits stand before it.
    flip(&segment, 3);
    let fresh = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(fresh.path(), settings.clone()).await.expect("opens to be read");
    read_only(&log, 0, "topic_damaged", &held[..2]).await;
    assert_eq!(log.voids(0), 1, "the birth alone");
    drop(log);
    flip(&segment, 3);
    let log = KafkaLog::open(fresh.path(), settings).await.expect("opens");
    assert_eq!(bodies(&log, 0), held);
    append(&log, 0, b"on").await;
}

/// Injected into the mock: the broker refuses for good what a client would not send again by itself.
#[tokio::test]
async fn a_record_that_was_refused_is_sent_again_until_it_is_settled() {
    let cluster = MockCluster::new(1).expect("a mock of a cluster");
    let topic = name();
    cluster.create_topic(&topic, 1, 1).expect("a topic");
    let settings = Settings { check_topic: false, ..Settings::new(cluster.bootstrap_servers(), topic) };
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), settings).await.expect("opens");
    append(&log, 0, b"before").await;
    let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 3];
    cluster.request_errors(RDKafkaApiKey::Produce, &refusals);
    let first = record(&log.head(0), b"first");
    let second = record(&conformance::predict(&log.head(0), &first), b"second");
    let outcomes = [log.append(0, first), log.append(0, second)];
    let sent = Instant::now();
    let outcomes = futures::future::join_all(outcomes).await;
    assert!(sent.elapsed() > Duration::from_millis(100), "the first try failed: {:?}", sent.elapsed());
    assert!(matches!(outcomes[0], Ok(Outcome::Counted { .. })), "{outcomes:?}");
    assert!(outcomes[1].is_ok(), "settled, whichever way: {outcomes:?}");
    append(&log, 0, b"after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_is_away_appends_wait_and_reads_go_on() {
    let Some(brokers) = Brokers::start(1) else { return };
    let settings = Settings { dev: true, ..Settings::new(brokers.addresses(), name()) };
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), settings).await.expect("opens");
    append(&log, 0, b"before").await;
    brokers.signal(1, "-KILL");
    let head = log.head(0);
    let first = record(&head, b"first");
    let second = record(&conformance::predict(&head, &first), b"second");
    let mut outcomes = futures::future::join_all([log.append(0, first), log.append(0, second)]);
    let waited = tokio::time::timeout(Duration::from_secs(3), &mut outcomes).await;
    assert!(waited.is_err(), "the broker is away: {waited:?}");
    assert_eq!(bodies(&log, 0), [b"before"], "reads go on");
    brokers.again(1);
    for outcome in tokio::time::timeout(LONG, outcomes).await.expect("settled once the broker is back") {
        assert!(matches!(outcome, Ok(Outcome::Counted { .. })), "{outcome:?}");
    }
    append(&log, 0, b"after").await;
    assert_eq!(bodies(&log, 0), [b"before".as_slice(), b"first", b"second", b"after"]);
}

/// The brokers answer a reader at once while somebody writes, so that it is never told of an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_beside_one_that_writes_all_the_time() {
    let Some((folder, settings, held)) = lived(1).await else { return };
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (ends, counts, to) = (Arc::clone(&stop), Arc::clone(&written), settings.clone());
    let writing = std::thread::spawn(move || {
        let producer: BaseProducer = to.producer().create().expect("a producer");
        while !ends.load(Ordering::Relaxed) {
            let record = BaseRecord::<(), [u8]>::to(&to.topic).partition(0).payload(b"foreign");
            producer.send(record).map_err(|(error, _)| error).expect("queued");
            producer.flush(LONG).expect("delivered");
            counts.fetch_add(1, Ordering::Relaxed);
        }
    });
    while written.load(Ordering::Relaxed) < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = written.load(Ordering::Relaxed);
    let opening = tokio::time::timeout(LONG, KafkaLog::open(folder.path(), settings)).await;
    let log = opening.expect("comes to where the topic ended").expect("opens");
    assert!(written.load(Ordering::Relaxed) > before, "somebody wrote all the time");
    append(&log, 0, b"on").await;
    stop.store(true, Ordering::Relaxed);
    writing.join().expect("no panic");
    assert_eq!(bodies(&log, 0).len(), held.len() + 1);
}
