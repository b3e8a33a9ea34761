//! The embedded log against the conformance suite, and what only files can suffer.

use super::super::conformance::{self, Factory, append, bodies, predict, record};
use super::faulty::FaultyDisk;
use super::*;
use futures::executor::block_on;
use proptest::prelude::*;
use std::path::PathBuf;
use tempfile::TempDir;

mod damage;
mod folders;
mod mirrored;

/// Small segments, so that every check crosses some.
fn small(partitions: u32) -> Options {
    Options { partitions, segment_bytes: 1000, ..Options::default() }
}

#[derive(Default)]
struct Folders(Vec<TempDir>);

impl Factory for Folders {
    type Log = EmbeddedLog;
    async fn fresh(&mut self, partitions: u32) -> EmbeddedLog {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = EmbeddedLog::open(folder.path(), small(partitions)).expect("a new log");
        self.0.push(folder);
        log
    }
    async fn reopen(&mut self, log: EmbeddedLog) -> EmbeddedLog {
        let partitions = log.partitions();
        drop(log);
        EmbeddedLog::open(self.0.last().expect("a log was made").path(), small(partitions)).expect("the same log")
    }
}

conformance::suite!(Folders::default());

/// A log on a faulty disk that is never closed in peace.
struct Rig {
    folder: TempDir,
    disk: FaultyDisk,
    options: Options,
}

impl Rig {
    fn new(options: Options) -> (Self, EmbeddedLog) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rig = Self { folder, disk: FaultyDisk::default(), options };
        let log = rig.open().expect("a new log");
        (rig, log)
    }

    fn open(&self) -> Result<EmbeddedLog, OpenError> {
        EmbeddedLog::open_on(Arc::new(self.disk.clone()), self.folder.path(), self.options)
    }

    /// The process ends with the disk refusing everything, so that closing marks nothing.
    fn kill(&self, log: EmbeddedLog) {
        self.disk.space(Some(0));
        self.disk.fail_syncs(true);
        self.disk.hold_syncs(false);
        drop(log);
        self.disk.space(None);
        self.disk.fail_syncs(false);
    }
}

/// Hands over a chain of records upon `head`; gives the heads they lead to with their outcomes.
fn chain(
    log: &EmbeddedLog,
    mut head: Head,
    bodies: &[Vec<u8>],
) -> Vec<(Head, BoxFuture<'static, Result<Outcome, AppendError>>)> {
    let mut out = Vec::new();
    for body in bodies {
        let record = record(&head, body);
        head = predict(&head, &record);
        out.push((head, log.append(head.partition, record)));
    }
    out
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_and_the_sync_is_not_tried_again() {
    let (rig, log) = Rig::new(Options { partitions: 2, ..Options::default() });
    append(&log, 0, b"kept").await;
    append(&log, 1, b"kept too").await;
    rig.disk.fail_syncs(true);
    let before = rig.disk.syncs();
    let doubtful = log.append(0, record(&log.head(0), b"doubtful")).await;
    assert!(matches!(doubtful, Err(AppendError::Unsettled { .. })), "{doubtful:?}");
    rig.disk.fail_syncs(false);
    for partition in [0, 1] {
        let refused = log.append(partition, record(&log.head(partition), b"refused")).await;
        assert!(matches!(refused, Err(AppendError::Poisoned { .. })), "{refused:?}");
    }
    assert_eq!(rig.disk.syncs(), before + 1);
    assert_eq!(bodies(&log, 0), [b"kept"], "what was durable can still be read");
    rig.kill(log);
    let log = rig.open().expect("opens again");
    let found = bodies(&log, 0);
    assert!(found == [b"kept".to_vec()] || found == [b"kept".to_vec(), b"doubtful".to_vec()], "{found:?}");
    append(&log, 0, b"goes on").await;
}

/// After a failed sync the system holds the pages as clean. If opening again only synced, a later crash would lose the
/// doubtful record from under everything that was acknowledged upon it.
#[tokio::test]
async fn what_a_failed_sync_left_is_written_again_at_open() {
    let (rig, log) = Rig::new(Options::default());
    append(&log, 0, b"kept").await;
    rig.disk.fail_syncs(true);
    let doubtful = log.append(0, record(&log.head(0), b"doubtful")).await;
    assert!(matches!(doubtful, Err(AppendError::Unsettled { .. })));
    rig.kill(log);
    let log = rig.open().expect("opens again");
    assert_eq!(bodies(&log, 0).len(), 2, "the pages are still there, so the doubtful record counts");
    append(&log, 0, b"upon it").await;
    rig.kill(log);
    rig.disk.crash(|tail| tail.clear());
    let log = rig.open().expect("opens after the crash");
    assert_eq!(bodies(&log, 0), [b"kept".as_slice(), b"doubtful", b"upon it"]);
}

#[tokio::test]
async fn a_full_disk_half_acknowledges_nothing() {
    for space in [0, 1, 15, 16, 99, 100, 150] {
        let (rig, log) = Rig::new(small(1));
        append(&log, 0, b"kept").await;
        rig.disk.space(Some(space));
        let full = log.append(0, record(&log.head(0), &[7; 100])).await;
        let Err(AppendError::Unsettled { cause }) = full else { panic!("{full:?}") };
        assert!(cause.contains("no storage space"), "{cause}");
        assert_eq!(log.head(0).next_seq, 1);
        rig.kill(log);
        let log = rig.open().expect("opens with space again");
        assert_eq!(bodies(&log, 0), [b"kept"]);
        assert_eq!(log.cut_tails().len(), usize::from(space > 0), "what was half written is cut and reported");
        append(&log, 0, b"goes on").await;
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_at_a_new_segment_loses_nothing() {
    let (rig, log) = Rig::new(small(1));
    for _ in 0..3 {
        append(&log, 0, &[1; 300]).await;
    }
    rig.disk.space(Some(40));
    let full = log.append(0, record(&log.head(0), b"x")).await;
    assert!(matches!(full, Err(AppendError::Unsettled { .. })), "{full:?}");
    rig.kill(log);
    let log = rig.open().expect("opens with space again");
    assert_eq!(bodies(&log, 0).len(), 3);
    append(&log, 0, b"goes on").await;
    assert_eq!(log.verify_all().expect("sound")[0].segments, 2);
}

#[test]
fn what_waits_is_bounded() {
    let (rig, log) = Rig::new(Options { max_pending_bytes: 300, ..Options::default() });
    let syncs = rig.disk.syncs();
    rig.disk.hold_syncs(true);
    let first = log.append(0, record(&log.head(0), &[0; 100]));
    rig.disk.wait_for_syncs(syncs + 1);
    let refused = block_on(log.append(0, record(&log.head(0), &[0; 100])));
    assert_eq!(refused, Err(AppendError::Overloaded { pending: 184 }));
    rig.disk.hold_syncs(false);
    assert!(matches!(block_on(first), Ok(Outcome::Counted { .. })));
    block_on(append(&log, 0, &[0; 100]));
}

#[test]
fn one_sync_serves_all_that_waits() {
    let (rig, log) = Rig::new(Options::default());
    let syncs = rig.disk.syncs();
    rig.disk.hold_syncs(true);
    let mut outcomes = chain(&log, log.head(0), &[b"first".to_vec()]);
    rig.disk.wait_for_syncs(syncs + 1);
    let head = outcomes[0].0;
    outcomes.extend(chain(&log, head, &vec![b"more".to_vec(); 400]));
    rig.disk.hold_syncs(false);
    for (_, outcome) in outcomes {
        assert!(matches!(block_on(outcome), Ok(Outcome::Counted { .. })));
    }
    assert_eq!(rig.disk.syncs(), syncs + 2);
}

/// What a crash does to bytes that were written and not synced.
#[derive(Debug, Clone)]
enum Fate {
    Cut(prop::sample::Index),
    Zeroed(prop::sample::Index, usize),
    Flipped(prop::sample::Index),
    Kept,
}

impl Fate {
    fn apply(&self, tail: &mut Vec<u8>) {
        match self {
            Fate::Cut(at) => tail.truncate(at.index(tail.len() + 1)),
            Fate::Zeroed(at, len) => {
                let start = at.index(tail.len());
                tail.iter_mut().skip(start).take(*len).for_each(|byte| *byte = 0);
            }
            Fate::Flipped(at) => {
                let at = at.index(tail.len());
                tail[at] ^= 0x10;
            }
            Fate::Kept => {}
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => any::<prop::sample::Index>().prop_map(Fate::Cut),
        3 => (any::<prop::sample::Index>(), 1..600usize).prop_map(|(at, len)| Fate::Zeroed(at, len)),
        2 => any::<prop::sample::Index>().prop_map(Fate::Flipped),
        1 => Just(Fate::Kept),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Rounds of acknowledged appends, then a batch that the crash meets before its sync. What is found afterwards is a
    /// prefix of what was handed over and holds all that was acknowledged.
    #[test]
    fn a_crash_leaves_a_prefix_with_all_that_was_acknowledged(
        rounds in prop::collection::vec(
            (prop::collection::vec(0..300usize, 0..8), prop::collection::vec(0..300usize, 1..8), fate()),
            1..4,
        )
    ) {
        let (rig, mut log) = Rig::new(small(1));
        let mut expected: Vec<Vec<u8>> = Vec::new();
        let mut number = 0u8;
        let mut make = |sizes: &[usize]| -> Vec<Vec<u8>> {
            sizes.iter().map(|size| { number = number.wrapping_add(1); vec![number; *size] }).collect()
        };
        for (acknowledged, in_flight, fate) in rounds {
            for body in make(&acknowledged) {
                block_on(append(&log, 0, &body));
                expected.push(body);
            }
            // One sync is held and passes later; behind it a batch gathers whose sync then fails. (Where the held sync
            // is that of a new segment's header, the first record is the batch.)
            let first = make(&[1]);
            let in_flight = make(&in_flight);
            let syncs = rig.disk.syncs();
            rig.disk.hold_syncs(true);
            let mut outcomes = chain(&log, log.head(0), &first);
            rig.disk.wait_for_syncs(syncs + 1);
            rig.disk.fail_syncs_beyond(syncs + 1);
            let head = outcomes[0].0;
            outcomes.extend(chain(&log, head, &in_flight));
            rig.disk.hold_syncs(false);
            let mut handed_over = first.into_iter().chain(in_flight);
            for (_, outcome) in outcomes {
                match block_on(outcome) {
                    Ok(_) => expected.extend(handed_over.next()),
                    Err(error) => {
                        let fits = !matches!(error, AppendError::Overloaded { .. });
                        prop_assert!(fits, "{error}");
                    }
                }
            }
            rig.kill(log);
            rig.disk.crash(|tail| fate.apply(tail));
            log = rig.open().expect("a torn tail is not corruption");
            let found = bodies(&log, 0);
            prop_assert!(found.len() >= expected.len(), "acknowledged: {}, found: {}", expected.len(), found.len());
            expected.extend(handed_over.take(found.len() - expected.len()));
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(log.verify_all().expect("sound")[0].head, log.head(0));
        }
    }
}
