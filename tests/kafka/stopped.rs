//! A partition that can't be followed shows by itself, on a node to which nobody writes.

use crate::broker::Brokers;
use crate::support::client;
use crate::support::program::Program;
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::EmbeddedLog;
use mirano_schemas::Position;
use mirano_schemas::envelope::{Envelope, Head};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::path::Path;
use std::time::Duration;

/// A commit that counts upon `head` and whose body is not the one that was sealed.
fn damaged(head: &Head) -> Vec<u8> {
    let position = Position { partition: head.partition, seq: head.next_seq };
    let mut record = Envelope::seal(position, head.hash, b"body").expect("short").to_bytes().to_vec();
    record.extend_from_slice(b"ydob");
    record
}

fn write(brokers: &Brokers, partition: u32, record: &[u8]) {
    let mut config = rdkafka::ClientConfig::new();
    let producer: BaseProducer = config.set("bootstrap.servers", brokers.addresses()).create().expect("a client");
    let record = BaseRecord::<(), [u8]>::to("mirano").partition(partition as i32).payload(record);
    assert!(producer.send(record).is_ok());
    producer.flush(Duration::from_secs(10)).expect("written");
}

/// What a node answers, once its answer has this in it; there is no event that tells.
async fn until(url: &str, wanted: &str) -> (u16, String) {
    let asks = async {
        loop {
            let answer = client().get(url).send().await.expect("answers");
            let (status, text) = (answer.status().as_u16(), answer.text().await.expect("text"));
            if text.contains(wanted) {
                return (status, text);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asks).await.unwrap_or_else(|_| panic!("{url} never says {wanted}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_can_not_be_followed_shows_though_nothing_is_asked_of_it() {
    let Some(brokers) = Brokers::start(1) else { return };
    let folder = tempfile::tempdir().expect("temp");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (data, config) = (path("data"), path("config"));
    let mut sources = Program::start(&["demo-sources", "--listen", "127.0.0.1:0", "--write-config", &config]);
    sources.says("configuration: ").await;
    let addresses = brokers.addresses();
    let flags = ["serve", "--config", &config, "--listen", "127.0.0.1:0", "--auth=off", "--data", &data];
    let kafka = ["--log", "kafka", "--brokers", &addresses, "--dev", "--partitions", "2"];
    let mut server = Program::start(&[&flags[..], &kafka].concat());
    let address = server.says("Mirano is ready").await;
    let (readyz, metrics) = (format!("{address}/readyz"), format!("{address}/metrics"));
    assert_eq!(until(&readyz, "ready").await.0, 200);
    for partition in [0, 1] {
        until(&metrics, &format!("mirano_decides{{partition=\"{partition}\"}} 1")).await;
    }
    let head = EmbeddedLog::open_read_only(Path::new(&data)).expect("opens").head(1);
    write(&brokers, 1, &damaged(&head));
    let (status, said) = until(&readyz, "partition 1 has stopped").await;
    assert_eq!(status, 503);
    assert!(said.contains("corruption in partition 1"), "{said}");
    // It leaves all partitions to others.
    for partition in [0, 1] {
        until(&metrics, &format!("mirano_decides{{partition=\"{partition}\"}} 0")).await;
    }
    assert_eq!(
        client().get(format!("{address}/v1/sources")).send().await.expect("answers").status(),
        200,
        "reads go on"
    );
    server.end().await;
}
