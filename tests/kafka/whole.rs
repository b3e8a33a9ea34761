//! A topic as a whole: a kept history goes into one and comes out of it the same; what an auditor does without a node.

use crate::broker::Brokers;
use mirano::audit::source;
use mirano_schemas::Position;
use mirano_schemas::envelope::Envelope;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;

async fn mirano(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirano")).args(arguments).output().await.expect("runs")
}

/// What a run said, which went well.
async fn said(arguments: &[&str]) -> String {
    let output = mirano(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a run said that ended with this exit code.
async fn refused(code: i32, arguments: &[&str]) -> String {
    let output = mirano(arguments).await;
    let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    words.into_owned()
}

/// The report of `mirano verify --json` without what differs from run to run.
async fn verified(arguments: &[&str]) -> serde_json::Value {
    let mut report: serde_json::Value =
        serde_json::from_str(&said(&[&["verify", "--json"], arguments].concat()).await).expect("JSON");
    for name in ["seconds", "views", "evidence", "notes", "source"] {
        report.as_object_mut().expect("an object").remove(name);
    }
    // A file packs its commits.
    for part in report["partitions"].as_array_mut().expect("partitions") {
        part.as_object_mut().expect("an object").remove("bytes");
    }
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_the_same_in_a_file_and_in_a_topic() {
    let Some(brokers) = Brokers::start(1) else { return };
    let addresses = brokers.addresses();
    let folder = tempfile::tempdir().expect("temp");
    let kept = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/history/{name}.mrn"));
        path.to_str().expect("UTF-8").to_owned()
    };
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    for name in ["v1", "v2"] {
        let file = kept(name);
        let topic = ["--brokers", &addresses, "--topic", name];
        let into = [&["import", &file, "--dev"], topic.as_slice()].concat();
        let before = refused(2, &[&["verify"], topic.as_slice()].concat()).await;
        assert!(before.contains("holds no log: it is not there"), "{before}");
        said(&into).await;
        // Again: all is there, nothing is doubled.
        said(&into).await;
        assert_eq!(verified(&topic).await, verified(&["--data", &file]).await, "heads, facts, observations, snapshots");
        // Rows of the fold, so also every root and snapshot.
        let of_topic = said(&[&["replay"], topic.as_slice()].concat()).await;
        assert!(of_topic.contains("digest "), "{of_topic}");
        assert_eq!(of_topic, said(&["replay", "--data", &file]).await);
        let (one, other) = (path("topic.mrn"), path("file.mrn"));
        said(&[&["export", "--out", &one], topic.as_slice()].concat()).await;
        said(&["export", "--out", &other, "--data", &file]).await;
        assert!(std::fs::read(&one).expect("there") == std::fs::read(&other).expect("there"), "byte by byte");
    }
    // Another log never goes into a topic that has one.
    let other = kept("v2");
    let words = refused(2, &["import", &other, "--dev", "--brokers", &addresses, "--topic", "v1"]).await;
    assert!(words.contains("holds the log"), "{words}");
    let log = source::open(Path::new(&other)).expect("opens");
    // A commit whose body is not that of its envelope: everything before it is there, and it is named.
    let head = log.head(1);
    let at = Position { partition: 1, seq: head.next_seq };
    let envelope = Envelope::seal(at, head.hash, b"one body").expect("small");
    let bad = [&envelope.to_bytes()[..], b"two body"].concat();
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &addresses).create().expect("a producer");
    let record = BaseRecord::<(), [u8]>::to("v2").partition(1).payload(&bad);
    producer.send(record).map_err(|(error, _)| error).expect("queued");
    producer.flush(Duration::from_secs(60)).expect("delivered");
    let words = refused(1, &["verify", "--brokers", &addresses, "--topic", "v2"]).await;
    assert!(words.contains(&format!("FOUND topic at {at}")), "{words}");
    let words = refused(1, &["export", "--out", &path("no.mrn"), "--brokers", &addresses, "--topic", "v2"]).await;
    assert!(words.contains(&format!("beyond {at}")) && !Path::new(&path("no.mrn")).exists(), "{words}");
}
