//! One suite that every log passes: what [`Sequencer`] promises, tried through nothing but the trait.
//!
//! A log joins by implementing [`Factory`] and naming it in [`suite!`], which makes one test of each check.

use super::*;
use mirano_schemas::envelope::MAX_BODY_LEN;
use std::sync::Arc;

/// Makes logs to try.
pub trait Factory {
    /// The log.
    type Log: Sequencer;
    /// A new, empty log.
    async fn fresh(&mut self, partitions: u32) -> Self::Log;
    /// The same log after it was closed and opened again, as a restart does.
    async fn reopen(&mut self, log: Self::Log) -> Self::Log;
}

/// The record with this body upon `head`.
pub fn record(head: &Head, body: &[u8]) -> Bytes {
    let position = Position { partition: head.partition, seq: head.next_seq };
    let envelope = Envelope::seal(position, head.hash, body).expect("a body that fits");
    [&envelope.to_bytes()[..], body].concat().into()
}

/// The head once `record` counts upon `head`.
pub fn predict(head: &Head, record: &[u8]) -> Head {
    let mut head = *head;
    let _ = head.judge(record);
    head
}

/// Appends a body upon the durable head; it must count.
pub async fn append(log: &impl Sequencer, partition: u32, body: &[u8]) -> Head {
    let head = log.head(partition);
    let record = record(&head, body);
    let after = predict(&head, &record);
    let outcome = log.append(partition, record).await.expect("a log that works");
    let position = Position { partition, seq: head.next_seq };
    assert_eq!(outcome, Outcome::Counted { position, hash: after.hash });
    after
}

/// All bodies, read in small pieces.
pub fn bodies(log: &impl Sequencer, partition: u32) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut head = Head::genesis(log.log_id(), partition);
    loop {
        let commits = log.read(partition, out.len() as u64, 1000).expect("a sound log");
        if commits.is_empty() {
            assert_eq!(head, log.head(partition), "reading ends at the head");
            return out;
        }
        for commit in commits {
            assert_eq!(commit.position, Position { partition, seq: out.len() as u64 });
            assert_eq!(commit.envelope.prev, head.hash, "the chain holds");
            head = commit.head();
            out.push(commit.body().to_vec());
        }
    }
}

/// The checks: each is a test of each log.
macro_rules! suite {
    ($factory:expr) => {
        $crate::sequencer::conformance::suite!($factory,
            starts_at_the_genesis, compares_and_appends, a_stale_writer_is_void, a_retry_that_lands_twice_is_void,
            two_writers_both_get_on, five_hundred_in_flight, a_void_record_voids_its_dependants, garbage_is_void,
            too_long_is_refused, a_body_that_does_not_match_never_counts, reads_in_pieces, records_go_on_where_they_ended,
            watching_follows_the_durable_head, a_dropped_future_withdraws_nothing, anchors_find_a_cut_and_another_history,
            partitions_are_independent, reopening_keeps_everything);
    };
    ($factory:expr, $($check:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                $crate::sequencer::conformance::$check($factory).await;
            }
        )*
    };
}
pub(crate) use suite;

pub async fn starts_at_the_genesis(mut factory: impl Factory) {
    let log = factory.fresh(2).await;
    assert_eq!(log.partitions(), 2);
    for partition in 0..2 {
        assert_eq!(log.head(partition), Head::genesis(log.log_id(), partition));
        assert!(log.read(partition, 0, 1000).expect("a new log").is_empty());
    }
    assert!(matches!(log.read(2, 0, 1), Err(ReadError::UnknownPartition { partition: 2, partitions: 2 })));
    let refused = log.append(2, record(&log.head(2), b"x")).await;
    assert_eq!(refused, Err(AppendError::UnknownPartition { partition: 2, partitions: 2 }));
    let other = factory.fresh(1).await;
    assert_ne!(other.log_id(), log.log_id(), "no two logs share a genesis");
}

pub async fn compares_and_appends(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    for body in [b"a".as_slice(), b"", b"ccc"] {
        let head = append(&log, 0, body).await;
        assert_eq!(log.head(0), head, "durable when told");
    }
    assert_eq!(bodies(&log, 0), [b"a".as_slice(), b"", b"ccc"]);
}

pub async fn a_stale_writer_is_void(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    let old = log.head(0);
    let new = append(&log, 0, b"first").await;
    for late in [record(&old, b"late"), record(&old, b"later")] {
        assert_eq!(log.append(0, late).await, Ok(Outcome::Void { head: new }));
    }
    // The right place upon the wrong history, and the right history at the wrong place.
    let elsewhere = Head { hash: old.hash, ..new };
    let too_far = Head { next_seq: new.next_seq + 1, ..new };
    for wrong in [record(&elsewhere, b"w"), record(&too_far, b"w")] {
        assert_eq!(log.append(0, wrong).await, Ok(Outcome::Void { head: new }));
    }
    assert_eq!(append(&log, 0, b"decided again").await.next_seq, 2);
    assert_eq!(bodies(&log, 0), [b"first".as_slice(), b"decided again"]);
}

pub async fn a_retry_that_lands_twice_is_void(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    let once = record(&log.head(0), b"once");
    let (first, second) = (log.append(0, once.clone()), log.append(0, once));
    assert!(matches!(first.await, Ok(Outcome::Counted { .. })));
    assert!(matches!(second.await, Ok(Outcome::Void { .. })));
    assert_eq!(bodies(&log, 0), [b"once"]);
}

pub async fn two_writers_both_get_on(mut factory: impl Factory) {
    let log = Arc::new(factory.fresh(1).await);
    const EACH: usize = 100;
    let writer = |name: u8| {
        let log = log.clone();
        tokio::spawn(async move {
            let (mut counted, mut void) = (0, 0);
            let mut head = log.head(0);
            while counted < EACH {
                let record = record(&head, &[name, counted as u8]);
                match log.append(0, record).await.expect("a log that works") {
                    Outcome::Counted { position, hash } => {
                        head = Head { partition: 0, next_seq: position.seq + 1, hash };
                        counted += 1;
                    }
                    Outcome::Void { head: newer } => {
                        head = newer;
                        void += 1;
                    }
                }
            }
            void
        })
    };
    let (left, right) = (writer(1), writer(2));
    let void: usize = left.await.expect("left") + right.await.expect("right");
    let bodies = bodies(log.as_ref(), 0);
    assert_eq!(bodies.len(), 2 * EACH, "{void} void records do not show");
    for name in [1, 2] {
        let own: Vec<u8> = bodies.iter().filter(|body| body.first() == Some(&name)).map(|body| body[1]).collect();
        assert_eq!(own, (0..EACH as u8).collect::<Vec<_>>(), "each writer's commits in its order, once each");
    }
}

pub async fn five_hundred_in_flight(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    let mut head = log.head(0);
    let mut outcomes = Vec::new();
    for number in 0..500u32 {
        let record = record(&head, &number.to_le_bytes());
        head = predict(&head, &record);
        outcomes.push((head, log.append(0, record)));
    }
    // Asked in the wrong order on purpose: outcomes do not wait for each other.
    for (after, outcome) in outcomes.into_iter().rev() {
        let position = Position { partition: 0, seq: after.next_seq - 1 };
        assert_eq!(outcome.await, Ok(Outcome::Counted { position, hash: after.hash }));
    }
    let expected: Vec<_> = (0..500u32).map(|number| number.to_le_bytes().to_vec()).collect();
    assert_eq!(bodies(&log, 0), expected);
}

pub async fn a_void_record_voids_its_dependants(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    let genesis = log.head(0);
    let mine = record(&genesis, b"mine");
    let lost = record(&genesis, b"lost");
    let upon_lost = record(&predict(&genesis, &lost), b"upon lost");
    let upon_mine = record(&predict(&genesis, &mine), b"upon mine");
    let outcomes = [mine, lost, upon_lost, upon_mine].map(|record| log.append(0, record));
    let counts: Vec<bool> = futures::future::join_all(outcomes)
        .await
        .into_iter()
        .map(|outcome| matches!(outcome.expect("a log that works"), Outcome::Counted { .. }))
        .collect();
    assert_eq!(counts, [true, false, false, true]);
    assert_eq!(bodies(&log, 0), [b"mine".as_slice(), b"upon mine"]);
}

pub async fn garbage_is_void(mut factory: impl Factory) {
    let log = factory.fresh(2).await;
    let head = append(&log, 0, b"good").await;
    let good = record(&head, b"next");
    let mut other_magic = good.to_vec();
    other_magic[3] = b'2';
    let cut = good.slice(..HEADER_LEN - 1);
    let other_partition = record(&Head { partition: 1, ..head }, b"next");
    for garbage in [Bytes::new(), Bytes::from_static(b"garbage"), other_magic.into(), cut, other_partition] {
        assert_eq!(log.append(0, garbage).await, Ok(Outcome::Void { head }));
    }
    assert!(matches!(log.append(0, good).await, Ok(Outcome::Counted { .. })), "the next good one counts");
    assert_eq!(bodies(&log, 0), [b"good".as_slice(), b"next"]);
}

pub async fn too_long_is_refused(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    append(&log, 0, &vec![7; MAX_BODY_LEN]).await;
    let mut long = record(&log.head(0), &vec![7; MAX_BODY_LEN]).to_vec();
    long.push(7);
    assert_eq!(log.append(0, long.into()).await, Err(AppendError::TooLong { len: MAX_BODY_LEN + HEADER_LEN + 1 }));
    append(&log, 0, b"next").await;
    assert_eq!(bodies(&log, 0).len(), 2);
}

pub async fn a_body_that_does_not_match_never_counts(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    let head = append(&log, 0, b"good").await;
    let good = record(&head, b"body");
    let mut changed = good.to_vec();
    changed[HEADER_LEN] ^= 1;
    let mut longer = good.to_vec();
    longer.push(0);
    let position = Position { partition: 0, seq: 1 };
    for bad in [changed, longer, good.slice(..good.len() - 1).to_vec()] {
        assert_eq!(log.append(0, bad.into()).await, Err(AppendError::BodyMismatch { position }));
    }
    assert_eq!(log.head(0), head);
    append(&log, 0, b"next").await;
}

pub async fn reads_in_pieces(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    for number in 0..40usize {
        append(&log, 0, &vec![number as u8; number * 50]).await;
    }
    let first = log.read(0, 7, 0).expect("a sound log");
    assert_eq!(first.len(), 1, "at least one");
    assert_eq!(first[0].body(), [7; 350]);
    let few = log.read(0, 10, 5 * 700).expect("a sound log");
    assert!((3..=6).contains(&few.len()), "about as much as asked for: {}", few.len());
    let all = log.read(0, 0, usize::MAX).expect("a sound log");
    assert_eq!(all.len(), 40);
    assert!(log.read(0, 40, usize::MAX).expect("the head").is_empty());
    assert!(log.read(0, 4000, usize::MAX).expect("behind the head").is_empty());
}

pub async fn records_go_on_where_they_ended(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    for number in 0..20u8 {
        let stale = record(&log.head(0), b"stale");
        append(&log, 0, &[number]).await;
        assert!(matches!(log.append(0, stale).await, Ok(Outcome::Void { .. })));
    }
    let mut counting = Vec::new();
    let mut from = 0;
    loop {
        let records = log.records(0, from, 3).expect("a sound log");
        let Some(last) = records.last() else { break };
        from = last.upon + 1;
        for record in records {
            if let Some(hash) = record.counts {
                assert_eq!(Envelope::parse(&record.record).expect("it counts").hash(), hash);
                counting.push(record.record[HEADER_LEN]);
            }
        }
    }
    assert_eq!(counting, (0..20).collect::<Vec<u8>>());
}

pub async fn watching_follows_the_durable_head(mut factory: impl Factory) {
    let log = factory.fresh(2).await;
    let mut watch = log.watch(0);
    let other = log.watch(1);
    assert_eq!(*watch.borrow_and_update(), log.head(0));
    let head = append(&log, 0, b"a").await;
    watch.changed().await.expect("the log is open");
    assert_eq!(*watch.borrow_and_update(), head);
    assert_eq!(log.read(0, 0, 1000).expect("what is announced is there").len(), 1);
    assert!(!other.has_changed().expect("the log is open"));
}

pub async fn a_dropped_future_withdraws_nothing(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    let mut watch = log.watch(0);
    drop(log.append(0, record(&log.head(0), b"no one asks")));
    watch.changed().await.expect("the log is open");
    assert_eq!(bodies(&log, 0), [b"no one asks"]);
}

pub async fn anchors_find_a_cut_and_another_history(mut factory: impl Factory) {
    let log = factory.fresh(1).await;
    let mut heads = vec![log.head(0)];
    for number in 0..10u8 {
        heads.push(append(&log, 0, &[number]).await);
    }
    for head in &heads {
        log.check_anchor(head).expect("its own history");
        let forged = Head { hash: CommitHash([9; 32]), ..*head };
        assert!(matches!(log.check_anchor(&forged), Err(AnchorError::OtherHistory { .. })), "at {}", head.next_seq);
    }
    let ahead = predict(&log.head(0), &record(&log.head(0), b"never appended"));
    assert!(matches!(log.check_anchor(&ahead), Err(AnchorError::TailCut { .. })));
    let elsewhere = Head { partition: 1, ..log.head(0) };
    assert!(matches!(log.check_anchor(&elsewhere), Err(AnchorError::Read(ReadError::UnknownPartition { .. }))));
}

pub async fn partitions_are_independent(mut factory: impl Factory) {
    let log = factory.fresh(3).await;
    for number in 0..30u8 {
        append(&log, u32::from(number % 3), &[number]).await;
    }
    for partition in 0..3u8 {
        let expected: Vec<_> = (0..30u8).filter(|number| number % 3 == partition).map(|number| vec![number]).collect();
        assert_eq!(bodies(&log, u32::from(partition)), expected);
    }
}

pub async fn reopening_keeps_everything(mut factory: impl Factory) {
    let mut log = factory.fresh(2).await;
    let id = log.log_id();
    let mut expected = Vec::new();
    for round in 0..4u8 {
        for number in 0..20u8 {
            expected.push(vec![round, number]);
            append(&log, 1, &[round, number]).await;
        }
        let head = log.head(1);
        log = factory.reopen(log).await;
        assert_eq!((log.log_id(), log.partitions(), log.head(1)), (id, 2, head));
        assert_eq!(log.head(0), Head::genesis(id, 0));
        assert_eq!(bodies(&log, 1), expected);
    }
}
