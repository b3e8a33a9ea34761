//! Views that fit their log, that are ahead of it, and that another version wrote.

use super::*;
use crate::sequencer::Outcome;
use crate::sequencer::embedded::{EmbeddedLog, Options};
use crate::sequencer::kafka::Settings;
use bytes::Bytes;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::Table;
use mirano_schemas::envelope::Envelope;
use mirano_schemas::{CommitHash, Position, Timestamp, codec};
use rdkafka::mocking::MockCluster;
use std::time::Duration;
use tempfile::TempDir;

/// Views that stand at `head`, in the form of this version or of another.
fn standing_at(path: &Path, head: Head, of_this_form: bool) {
    let views = Views::open(path).expect("opens");
    let row = AnchorRow { next_seq: head.next_seq, hash: head.hash, recorded_at: Timestamp(7) };
    let row = codec::encode(&row).expect("encodes");
    views.load(&[(Table::Anchor, &key::anchor(head.partition), &row)]).expect("written");
    if !of_this_form {
        views.load(&[(Table::Form, &[], &u32::MAX.to_be_bytes())]).expect("written");
    }
    assert_eq!(views.of_this_form().expect("readable"), of_this_form);
    views.flush().expect("on disk");
}

/// What the views at `path` say when they are opened without being judged.
fn stands(path: &Path) -> Option<Head> {
    Views::open(path).expect("opens").anchor(0).expect("readable")
}

/// Golden: these bytes lie in views of every form.
#[test]
fn an_anchor_never_changes() {
    let row = AnchorRow { next_seq: 300, hash: CommitHash([7; 32]), recorded_at: Timestamp(1_700_000_000_000) };
    let hex: String = codec::encode(&row).expect("encodes").iter().map(|byte| format!("{byte:02x}")).collect();
    expect_test::expect!["fb2c010707070707070707070707070707070707070707070707070707070707070707fd00d0ca9f17030000"]
        .assert_eq(&hex);
    assert_eq!((Table::Anchor as u8, key::anchor(5).to_vec()), (1, vec![0, 0, 0, 5]));
}

#[test]
fn views_of_another_form_go_only_when_the_log_has_what_they_show() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, path) = (folder.path().join("data"), folder.path().join("views"));
    let log = EmbeddedLog::open(&data, Options::default()).expect("opens");
    let genesis = log.head(0);
    // The log lost its end, and the version is another one.
    standing_at(&path, Head { next_seq: 3, hash: CommitHash([3; 32]), ..genesis }, false);
    let said = open(&path, &log).err().expect("refused").to_string();
    assert!(said.contains("do not fit") && said.contains("backup"), "{said}");
    assert_eq!(stands(&path).map(|head| head.next_seq), Some(3), "they still know what was lost");
    // Whatever they show is in the log.
    standing_at(&path, genesis, false);
    let views = open(&path, &log).expect("made anew");
    assert!(views.of_this_form().expect("readable"));
    assert_eq!(views.anchor(0).expect("readable"), None);
}

struct Topic {
    log: KafkaLog,
    folder: TempDir,
    _cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
}

/// A log of two commits on a cluster that lives in this process.
async fn topic() -> Topic {
    let cluster = MockCluster::new(1).expect("a mock of a cluster");
    cluster.create_topic("log", 1, 1).expect("a topic");
    let settings = Settings {
        // It can't describe topics.
        check_topic: false,
        patience: Duration::from_secs(2),
        ..Settings::new(cluster.bootstrap_servers(), "log")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path().join("data"), settings).await.expect("opens");
    for body in [b"a", b"b"] {
        let counted = log.append(0, record(log.head(0), body)).await;
        assert!(matches!(counted, Ok(Outcome::Counted { .. })), "{counted:?}");
    }
    Topic { log, folder, _cluster: cluster }
}

/// A commit that counts upon `head`.
fn record(head: Head, body: &[u8]) -> Bytes {
    let position = Position { partition: head.partition, seq: head.next_seq };
    let envelope = Envelope::seal(position, head.hash, body).expect("a body that fits");
    [&envelope.to_bytes()[..], body].concat().into()
}

/// The head behind it.
fn behind(head: Head, body: &[u8]) -> Head {
    let mut next = head;
    let _ = next.judge(&record(head, body));
    next
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_that_the_topic_does_not_come_to_make_their_partition_read_only() {
    let topic = topic().await;
    let path = topic.folder.path().join("views");
    let lost = behind(topic.log.head(0), b"lost");
    standing_at(&path, lost, true);
    let views = open_upon_topic(&path, &topic.log).await.expect("it is read all the same");
    assert_eq!(views.anchor(0).expect("readable"), Some(lost), "they are all that is left of it");
    let why = tokio::time::timeout(Duration::from_secs(20), topic.log.stopped(0)).await.expect("stopped");
    assert!(why.starts_with("topic_truncated"), "{why}");
    assert!(topic.log.append(0, record(topic.log.head(0), b"c")).await.is_err(), "it takes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_of_another_form_that_the_topic_does_not_come_to_are_kept() {
    let topic = topic().await;
    let fit = topic.folder.path().join("fit");
    standing_at(&fit, topic.log.head(0), false);
    let views = open_upon_topic(&fit, &topic.log).await.expect("made anew");
    assert_eq!(views.anchor(0).expect("readable"), None);
    let path = topic.folder.path().join("views");
    let lost = behind(topic.log.head(0), b"lost");
    standing_at(&path, lost, false);
    let said = open_upon_topic(&path, &topic.log).await.err().expect("refused").to_string();
    assert!(said.contains("another version") && said.contains("tail was cut"), "{said}");
    assert_eq!(stands(&path), Some(lost));
}

/// The topic went on with others after it lost its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_of_another_history_are_refused_and_kept() {
    let topic = topic().await;
    let path = topic.folder.path().join("views");
    let other = Head { hash: CommitHash([9; 32]), ..topic.log.head(0) };
    standing_at(&path, other, true);
    let said = open_upon_topic(&path, &topic.log).await.err().expect("refused").to_string();
    assert!(said.contains("another history") && said.contains("topic_truncated"), "{said}");
    assert!(said.find("topic_truncated") < said.find("rebuild"), "what deletes evidence comes last: {said}");
    assert_eq!(stands(&path), Some(other));
}
