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
mod power;
mod reader;
mod real;
mod topics;

static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A name that no other test uses.
pub fn name() -> String {
    format!("mirano-{}", TOPICS.fetch_add(1, Ordering::Relaxed))
}

/// What one check of the suite opened; folders are kept until it ends.
#[derive(Default)]
struct Opened {
    last: Option<(TempDir, Settings)>,
    before: Vec<TempDir>,
}

impl Opened {
    async fn fresh(&mut self, settings: Settings) -> KafkaLog {
        let folder = tempfile::tempdir().expect("a folder");
        let log = KafkaLog::open(folder.path(), settings.clone()).await.expect("opens");
        self.before.extend(self.last.replace((folder, settings)).map(|(folder, _)| folder));
        log
    }

    async fn again(&self, log: KafkaLog) -> KafkaLog {
        drop(log);
        let (folder, settings) = self.last.as_ref().expect("was opened");
        KafkaLog::open(folder.path(), settings.clone()).await.expect("opens again")
    }
}

/// Logs on a cluster that lives in this process.
struct Mock {
    cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    opened: Opened,
}

impl Mock {
    fn new() -> Self {
        Self { cluster: MockCluster::new(3).expect("a mock of a cluster"), opened: Opened::default() }
    }

    /// A new topic.
    fn settings(&self, partitions: u32) -> Settings {
        let topic = name();
        self.cluster.create_topic(&topic, i32::try_from(partitions).expect("few"), 3).expect("a topic");
        Settings {
            partitions,
            // It can't describe topics.
            check_topic: false,
            // It wakes no waiting fetch.
            properties: [("fetch.wait.max.ms".to_owned(), "5".to_owned())].into(),
            ..Settings::new(self.cluster.bootstrap_servers(), topic)
        }
    }
}

impl Factory for Mock {
    type Log = KafkaLog;

    async fn fresh(&mut self, partitions: u32) -> KafkaLog {
        let settings = self.settings(partitions);
        self.opened.fresh(settings).await
    }

    async fn reopen(&mut self, log: KafkaLog) -> KafkaLog {
        self.opened.again(log).await
    }
}

mod mock {
    use super::*;
    conformance::suite!(Mock::new());
}
