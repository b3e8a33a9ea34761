//! The suite of all logs, on librdkafka's own mock of a cluster and on a real broker; and what only Kafka can do.

use super::super::conformance::{self, Factory};
use super::*;
use rdkafka::mocking::MockCluster;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use tempfile::TempDir;

#[path = "../../../tests/support/broker.rs"]
mod broker;
mod damage;
mod real;
mod topics;

static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A name that no other test uses.
pub fn name() -> String {
    format!("mirano-{}", TOPICS.fetch_add(1, Ordering::Relaxed))
}

/// Logs on a cluster that lives in this process.
struct Mock {
    cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    open: Option<(TempDir, Settings)>,
    kept: Vec<TempDir>,
}

impl Mock {
    fn new() -> Self {
        Self { cluster: MockCluster::new(3).expect("a mock of a cluster"), open: None, kept: Vec::new() }
    }
}

impl Factory for Mock {
    type Log = KafkaLog;

    async fn fresh(&mut self, partitions: u32) -> KafkaLog {
        let topic = name();
        self.cluster.create_topic(&topic, i32::try_from(partitions).expect("few"), 3).expect("a topic");
        let settings = Settings {
            partitions,
            // It can't describe topics.
            check_topic: false,
            // It wakes no waiting fetch.
            properties: [("fetch.wait.max.ms".to_owned(), "5".to_owned())].into(),
            ..Settings::new(self.cluster.bootstrap_servers(), topic)
        };
        let folder = tempfile::tempdir().expect("a folder");
        let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
        if let Some((folder, _)) = self.open.replace((folder, settings)) {
            self.kept.push(folder);
        }
        log
    }

    async fn reopen(&mut self, log: KafkaLog) -> KafkaLog {
        drop(log);
        let (folder, settings) = self.open.as_ref().expect("was opened");
        KafkaLog::open(folder.path(), settings.clone()).await.expect("opens again")
    }
}

mod mock {
    use super::*;
    conformance::suite!(Mock::new());
}
