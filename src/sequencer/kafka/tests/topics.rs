//! What is refused at the door, on a real broker.

use super::real::{brokers, settings};
use super::*;
use crate::sequencer::conformance::append;

async fn refused(settings: Settings) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    KafkaLog::open(folder.path(), settings).await.err().expect("refused").to_string()
}

#[tokio::test]
async fn a_wrong_password_is_told_in_the_brokers_words() {
    let Some(brokers) = brokers() else { return };
    let with = |password: &str| {
        let mut settings = Settings { dev: true, ..Settings::new(brokers.with_password(), name()) };
        for (name, value) in [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "mirano"),
            ("sasl.password", password),
        ] {
            settings.properties.insert(name.into(), value.into());
        }
        settings
    };
    let said = refused(with("wrong")).await;
    assert!(said.contains("refused the connection") && said.contains("Invalid username or password"), "{said}");
    assert!(said.contains("[kafka]"), "says what to do: {said}");
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), with("right")).await.expect("the right password opens");
    append(&log, 0, b"a").await;
}

#[tokio::test]
async fn nobody_there_is_told_after_a_while() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let mut settings = Settings::new(format!("127.0.0.1:{port}"), name());
    settings.patience = Duration::from_millis(300);
    let said = refused(settings).await;
    assert!(said.contains("no answer from the Kafka brokers") && said.contains("refused"), "{said}");
}

#[tokio::test]
async fn a_topic_that_could_lose_commits_is_refused_with_what_to_do() {
    let Some(brokers) = brokers() else { return };
    let topic = name();
    let arguments = ["--create", "--topic", &topic, "--partitions", "2", "--replication-factor", "1"];
    let wrong = ["--config", "cleanup.policy=compact", "--config", "retention.ms=1000"];
    brokers.tool("org.apache.kafka.tools.TopicCommand", &[&arguments[..], &wrong].concat());
    let said = refused(Settings::new(brokers.addresses(), &topic)).await;
    for part in ["2 partitions", "cleanup.policy", "retention.ms", "1 replicas", "min.insync.replicas", "--add-config"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_topic_that_grew_partitions_is_refused() {
    let Some(brokers) = brokers() else { return };
    let Some(settings) = settings(2) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
    append(&log, 1, b"a").await;
    drop(log);
    brokers.tool("org.apache.kafka.tools.TopicCommand", &["--alter", "--topic", &settings.topic, "--partitions", "3"]);
    let said = refused(settings.clone()).await;
    assert!(said.contains("it has 3 partitions"), "{said}");
    // Whoever says the new number, on an empty folder, is refused as well: the birth says another.
    let said = refused(Settings { partitions: 3, ..settings }).await;
    assert!(said.contains("was made with 2 partitions"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_meet_an_empty_topic_agree_on_its_log() {
    let Some(settings) = settings(1) else { return };
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let open = |at: usize| KafkaLog::open(folders[at].path().to_owned(), settings.clone());
    let (one, other) = tokio::join!(open(0), open(1));
    let (one, other) = (one.expect("opens"), other.expect("opens"));
    assert_eq!(one.log_id(), other.log_id());
    let head = append(&one, 0, b"from one").await;
    other.watch(0).wait_for(|seen| *seen == head).await.expect("mirrored by the other");
    let head = append(&other, 0, b"from the other").await;
    one.watch(0).wait_for(|seen| *seen == head).await.expect("mirrored by the one");
    assert_eq!(conformance::bodies(&one, 0), conformance::bodies(&other, 0));
}
