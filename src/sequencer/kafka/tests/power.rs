//! The power of a node's machine fails: its mirror loses what was not synced, in any pattern, and the topic has it all.

use super::*;
use crate::sequencer::conformance::{append, bodies, predict, record};
use crate::sequencer::embedded::faulty::FaultyDisk;
use std::path::Path;

/// Nothing is synced unless something asks for it.
const UNHURRIED: Options = Options {
    partitions: 1,
    segment_bytes: 64 * 1024 * 1024,
    batch_bytes: 1024 * 1024,
    max_pending_bytes: 1024 * 1024,
    lag: Duration::from_secs(3600),
};

async fn open(disk: &FaultyDisk, folder: &Path, settings: &Settings) -> KafkaLog {
    let log = KafkaLog::open_on(Arc::new(disk.clone()), UNHURRIED, folder, settings.clone()).await;
    log.expect("opens")
}

/// The machine stops: the disk takes nothing more, and `fate` has what was not synced.
async fn power_fails(disk: &FaultyDisk, log: KafkaLog, fate: impl FnMut(&mut Vec<u8>)) {
    disk.space(Some(0));
    disk.fail_syncs(true);
    tokio::task::spawn_blocking(move || drop(log)).await.expect("no panic");
    disk.space(None);
    disk.fail_syncs(false);
    disk.crash(fate);
}

/// So many commits more.
async fn grow(log: &KafkaLog, commits: u8) {
    for _ in 0..commits {
        let number = log.head(0).next_seq;
        append(log, 0, &[number as u8; 100]).await;
    }
}

/// What a disk does with what it had not synced.
type Fate = fn(&mut Vec<u8>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_took_of_the_mirror_is_read_from_the_topic_again() {
    const FRAME: usize = 16 + 84 + 100;
    let (mock, disk) = (Mock::new(), FaultyDisk::default());
    let (settings, folder) = (mock.settings(1), tempfile::tempdir().expect("a folder"));
    let mut log = open(&disk, folder.path(), &settings).await;
    let place_file = log.lanes[0].place_file.clone();
    // What the disk does with what it had not synced, and how many commits of it are found.
    let fates: [(Fate, u64); 5] = [
        (|tail| tail.clear(), 0),
        (|tail| tail.truncate(FRAME + FRAME / 2), 1),
        (|tail| tail[..FRAME].fill(0), 0),
        (|tail| tail[2 * FRAME..][..FRAME].reverse(), 2),
        (|_| {}, 5),
    ];
    for (fate, found) in fates {
        grow(&log, 3).await;
        log.mirror.sync(0).expect("synced");
        let durable = log.head(0).next_seq;
        grow(&log, 5).await;
        let (all, seen) = (bodies(&log, 0), log.head(0));
        power_fails(&disk, log, fate).await;
        let left = EmbeddedLog::open_read_only(folder.path()).expect("a torn tail is not corruption").head(0);
        assert_eq!(left.next_seq, durable + found);
        let place = Place::read(&place_file, &settings.topic, 0);
        assert!(place.is_none_or(|place| place.head.next_seq <= durable), "{place:?} is ahead of the disk's {durable}");
        log = open(&disk, folder.path(), &settings).await;
        assert_eq!(bodies(&log, 0), all);
        log.check_anchor(&seen).expect("who saw more than the mirror had finds it again");
    }
    grow(&log, 1).await;
    drop(log);
    let place = Place::read(&place_file, &settings.topic, 0).expect("noted at the end");
    let whole = EmbeddedLog::open_read_only(folder.path()).expect("closed in peace");
    assert_eq!(whole.verify_all().expect("sound")[0].head, place.head);
}

/// A place is noted from time to time; it waits for the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_noted_when_the_disk_has_what_is_before_it() {
    let (mock, disk) = (Mock::new(), FaultyDisk::default());
    let (settings, folder) = (mock.settings(1), tempfile::tempdir().expect("a folder"));
    let log = open(&disk, folder.path(), &settings).await;
    grow(&log, 3).await;
    let place = Place { last: Some(Seen { offset: 3, hash: [1; 32] }), head: log.head(0) };
    let reader = super::reader::reader_of(&log, &settings, place, folder.path());
    let noted = || Place::read(&reader.lane.place_file, &settings.topic, 0);
    let keep = || reader.lane.keep_place(&place).expect("no error");
    assert_eq!(keep(), keep::Kept::NotYet, "the disk has nothing yet");
    assert_eq!(noted(), None);
    log.mirror.sync(0).expect("synced");
    assert_eq!(keep(), keep::Kept::Yes);
    assert_eq!(noted(), Some(place));
}

/// As on a disk that is full for a moment, while nothing more comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_could_not_be_written_is_tried_again() {
    let (mock, disk) = (Mock::new(), FaultyDisk::default());
    let (settings, folder) = (mock.settings(1), tempfile::tempdir().expect("a folder"));
    let log = open(&disk, folder.path(), &settings).await;
    grow(&log, 3).await;
    log.mirror.sync(0).expect("synced");
    let away = tempfile::tempdir().expect("a folder");
    let reader = super::reader::reader_of(&log, &settings, Place::start(Head::genesis(log.log_id(), 0)), away.path());
    let mut keeper = keep::Keeper::of(std::slice::from_ref(&reader.lane), Duration::ZERO);
    let place = Place { last: Some(Seen { offset: 3, hash: [1; 32] }), head: log.head(0) };
    reader.lane.reach(place);
    let noted = reader.lane.noted.subscribe();
    let before = *noted.borrow();
    std::fs::remove_dir_all(away.path()).expect("gone");
    keeper.round();
    std::fs::create_dir(away.path()).expect("back");
    keeper.round();
    assert_eq!(Place::read(&reader.lane.place_file, &settings.topic, 0), Some(place));
    assert!(*noted.borrow() > before, "and told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_behind_stops_the_partition_though_nothing_comes() {
    let (mock, disk) = (Mock::new(), FaultyDisk::default());
    let (settings, folder) = (mock.settings(1), tempfile::tempdir().expect("a folder"));
    let log = open(&disk, folder.path(), &settings).await;
    grow(&log, 3).await;
    disk.fail_syncs(true);
    assert!(log.mirror.sync(0).is_err());
    let stopped = tokio::time::timeout(Duration::from_secs(60), log.stopped(0)).await.expect("in a moment");
    assert!(stopped.starts_with("mirror_failed"), "{stopped}");
    let refused = log.append(0, record(&log.head(0), b"refused")).await;
    assert!(matches!(refused, Err(AppendError::Poisoned { .. })), "{refused:?}");
    assert_eq!(bodies(&log, 0).len(), 3, "reads go on");
    assert_eq!(Place::read(&log.lanes[0].place_file, &settings.topic, 0), None, "the disk does not have them");
}

/// As views that RocksDB wrote before the mirror was synced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_saw_more_than_the_topic_gives_waits_for_it_and_is_told_what_is_missing() {
    let mock = Mock::new();
    let (settings, folder) = (mock.settings(1), tempfile::tempdir().expect("a folder"));
    let mut log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    let head = append(&log, 0, b"a").await;
    let next = record(&head, b"b");
    let seen = predict(&head, &next);
    // It comes while it is waited for, as after a change of leaders.
    let other = tempfile::tempdir().expect("a folder");
    let mut other = KafkaLog::open(other.path(), settings.clone()).await.expect("opens");
    other.patience = Duration::from_secs(60);
    let (_, appended) = tokio::join!(other.reach(&seen), log.append(0, next));
    assert!(matches!(appended, Ok(Outcome::Counted { .. })));
    other.check_anchor(&seen).expect("it was waited for");
    // It does not come: the topic lost it.
    let lost = predict(&seen, &record(&seen, b"c"));
    log.patience = Duration::from_millis(300);
    log.reach(&lost).await;
    assert!(matches!(log.check_anchor(&lost), Err(AnchorError::TailCut { .. })));
    // It can't come: then what stands there is not known, and it is said why. Nothing is waited for.
    other.lanes[0].stop(&Problem::Trimmed("the beginning is gone".into()));
    other.reach(&lost).await;
    match other.check_anchor(&lost) {
        Err(AnchorError::Unread { why, .. }) => assert!(why.starts_with("topic_trimmed"), "{why}"),
        said => panic!("{said:?}"),
    }
    other.check_anchor(&seen).expect("what is there is compared as always");
}

/// A read that was under way when the disk failed is not noted as read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_written_is_not_noted() {
    let (mock, disk) = (Mock::new(), FaultyDisk::default());
    let (settings, folder) = (mock.settings(1), tempfile::tempdir().expect("a folder"));
    let log = open(&disk, folder.path(), &settings).await;
    grow(&log, 3).await;
    log.mirror.sync(0).expect("synced");
    disk.space(Some(10));
    let failed = log.append(0, record(&log.head(0), &[9; 100])).await;
    match failed {
        Err(AppendError::Unsettled { cause }) => assert!(cause.starts_with("mirror_failed"), "says why: {cause}"),
        other => panic!("{other:?}"),
    }
    let place_file = log.lanes[0].place_file.clone();
    drop(log);
    disk.space(None);
    let place = Place::read(&place_file, &settings.topic, 0);
    assert!(place.is_none_or(|place| place.head.next_seq <= 3), "{place:?}");
    let log = open(&disk, folder.path(), &settings).await;
    assert_eq!(log.head(0).next_seq, 4, "it was in the topic");
    grow(&log, 1).await;
}
