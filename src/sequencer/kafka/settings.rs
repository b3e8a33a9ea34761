//! How to reach a cluster: what a person may set, and what correctness fixes.

use super::OpenError;
use super::ear::Ear;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use std::collections::BTreeMap;
use std::time::Duration;

/// Properties of librdkafka that Mirano sets itself, with the reason for a person who tries to.
const FIXED: &[(&str, &str)] = &[
    ("acks", "a commit is acknowledged by all replicas in sync, or not at all"),
    ("request.required.acks", "a commit is acknowledged by all replicas in sync, or not at all"),
    ("enable.idempotence", "retries of the client keep the order of records"),
    ("transactional.id", "a commit is one record: there is nothing to put into a transaction"),
    ("auto.offset.reset", "a position that the topic has no more is an error, never a jump"),
    ("enable.auto.commit", "positions live with the data, not with the group"),
    ("enable.auto.offset.store", "positions live with the data, not with the group"),
    ("isolation.level", "void records are seen as well"),
    ("allow.auto.create.topics", "a topic is made with settings, not by accident"),
    ("enable.partition.eof", "the end of a partition must be seen"),
    ("group.id", "it is named after the topic"),
    ("group.instance.id", "it is the node's name"),
    ("group.protocol", "nodes of one log must agree on it"),
    ("partition.assignment.strategy", "nodes of one log must agree on it"),
    ("check.crcs", "a record that was damaged on its way must not be taken for a void one"),
    ("bootstrap.servers", "use --brokers"),
    ("metadata.broker.list", "use --brokers"),
    ("client.id", "it is the node's name"),
];

/// Where the log is and how to get there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses of brokers, separated by commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// What this node is called; one running node has a name.
    pub node: String,
    /// Partitions of a new topic; an existing one must have as many. 1 to 1024.
    pub partitions: u32,
    /// One replica is enough: for a cluster of one broker, on which nothing depends.
    pub dev: bool,
    /// Whether the settings of the topic are looked at. Only for brokers that can't tell them.
    pub check_topic: bool,
    /// What is older than this lies in an archive as well, so the topic may be trimmed; none: nothing does.
    pub archived: Option<Duration>,
    /// How long the cluster may take to answer at the start.
    pub patience: Duration,
    /// Further properties of librdkafka, such as TLS and SASL.
    pub properties: BTreeMap<String, String>,
}

impl Settings {
    /// A topic on these brokers; one partition, the strict rules.
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            node: "local".into(),
            partitions: 1,
            dev: false,
            check_topic: true,
            archived: None,
            patience: Duration::from_secs(30),
            properties: BTreeMap::new(),
        }
    }

    /// Refuses what is set wrongly before anything is opened.
    pub fn check(&self) -> Result<(), OpenError> {
        let refuse = |why: String| Err(OpenError::Settings(why));
        if !(1..=1024).contains(&self.partitions) {
            return refuse(format!("{} partitions: 1 to 1024 are possible", self.partitions));
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.topic.is_empty() || self.topic.len() > 249 || !self.topic.bytes().all(legal) {
            return refuse(format!("{:?} can't be a topic's name", self.topic));
        }
        for (name, why) in FIXED {
            if self.properties.contains_key(*name) {
                return refuse(format!("the property {name} is set by Mirano itself: {why}"));
            }
        }
        Ok(())
    }

    /// What all clients share.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", format!("mirano-{}", self.node))
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("log_level", "4");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }

    /// A producer: waits for all replicas in sync and keeps the order of what it is given.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.with_defaults(&[
            ("linger.ms", "0"),
            ("compression.type", "zstd"),
            ("message.timeout.ms", "30000"),
            ("queue.buffering.max.kbytes", "1048576"),
            // Those count as well that were delivered and not told of yet.
            ("queue.buffering.max.messages", "1000000"),
        ]);
        config.set("acks", "all").set("enable.idempotence", "true");
        config
    }

    /// A consumer that is told where to read, and never moves by itself.
    pub fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.with_defaults(&[
            ("fetch.wait.max.ms", "500"),
            ("fetch.error.backoff.ms", "100"),
            ("fetch.queue.backoff.ms", "20"),
            ("queued.max.messages.kbytes", "32768"),
        ]);
        config
            .set("group.id", group)
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("isolation.level", "read_uncommitted")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// The consumer that follows the log; it also says when each broker answered last.
    pub fn reader(&self) -> ClientConfig {
        let mut config = self.consumer("mirano-unused");
        config.set("statistics.interval.ms", "1000");
        config
    }

    /// A member of the group that assigns partitions. It reads no record and keeps no offset.
    pub fn member(&self) -> ClientConfig {
        let mut config = self.with_defaults(&[("session.timeout.ms", "10000"), ("heartbeat.interval.ms", "1000")]);
        config
            .set("group.id", format!("mirano-{}", self.topic))
            .set("group.instance.id", &self.node)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("auto.offset.reset", "latest")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// The settings of the topic that holds the keys of persons.
    pub fn for_keys(&self) -> Self {
        Self { topic: format!("{}-keys", self.topic), partitions: 1, ..self.clone() }
    }

    /// A client that administers.
    pub fn admin(&self) -> ClientConfig {
        self.client()
    }

    fn with_defaults(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = self.client();
        for (name, value) in defaults {
            if !self.properties.contains_key(*name) {
                config.set(*name, *value);
            }
        }
        config
    }
}

/// Makes a client of `config`. What is refused was set by a person.
pub fn make<T: FromClientConfigAndContext<C>, C: rdkafka::ClientContext>(
    config: &ClientConfig,
    context: C,
) -> Result<T, OpenError> {
    config.create_with_context(context).map_err(|error| OpenError::Settings(error.to_string()))
}

/// A consumer that listens for what went wrong.
pub type Consumer = rdkafka::consumer::BaseConsumer<Ear>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_correctness_rests_on_is_not_for_setting() {
        let mut settings = Settings::new("localhost:1", "mirano");
        settings.check().expect("good");
        settings.properties.insert("auto.offset.reset".into(), "latest".into());
        let said = settings.check().expect_err("refused").to_string();
        assert!(said.contains("auto.offset.reset") && said.contains("never a jump"), "{said}");
        assert_eq!(
            settings.consumer("g").get("check.crcs"),
            Some("true"),
            "else a flipped bit makes a commit void for us alone"
        );
        settings.properties = [("check.crcs".to_owned(), "false".to_owned())].into();
        assert!(settings.check().is_err());
        assert!(Settings::new("x", "no spaces").check().is_err());
        assert!(Settings { partitions: 0, ..Settings::new("x", "t") }.check().is_err());
    }

    #[test]
    fn a_persons_property_wins_over_a_default_only() {
        let mut settings = Settings::new("localhost:1", "mirano");
        settings.properties.insert("linger.ms".into(), "7".into());
        assert_eq!(settings.producer().get("linger.ms"), Some("7"));
        assert_eq!(settings.producer().get("acks"), Some("all"));
    }
}
