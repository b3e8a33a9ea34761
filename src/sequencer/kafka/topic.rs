//! The topic: made with the right settings where it is missing, refused with the words what to do where it has wrong ones.

use super::ear::Ear;
use super::settings::{Consumer, Settings, make};
use super::{OpenError, birth};
use mirano_schemas::envelope::MAX_COMMIT_LEN;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A record is kept in a trimmed topic for the time of so many checkpoints.
const CHECKPOINTS: u64 = 3;

/// What a topic is, as far as the log depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topic {
    /// How many partitions it has.
    pub partitions: u32,
    /// The least number of replicas that one of them has.
    pub replicas: usize,
    /// Its settings.
    pub settings: BTreeMap<String, String>,
}

/// What a topic is for.
pub struct Kind {
    /// The settings that it is made with; whether it is for trying.
    pub wanted: fn(bool) -> Vec<(&'static str, &'static str)>,
    /// What is wrong with one that is there, each with what to do.
    pub problems: fn(&Topic, &Settings) -> Vec<String>,
}

/// A topic that holds a log.
const LOG: Kind = Kind { wanted, problems };

/// The settings of a log's topic that Mirano makes.
fn wanted(dev: bool) -> Vec<(&'static str, &'static str)> {
    vec![
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("unclean.leader.election.enable", "false"),
        ("min.insync.replicas", if dev { "1" } else { "2" }),
        ("message.timestamp.type", "LogAppendTime"),
    ]
}

/// Finds the log's topic, or makes it.
pub async fn ensure(settings: &Settings, ear: &Ear) -> Result<Topic, OpenError> {
    ensure_as(settings, ear, &LOG).await
}

/// Finds a topic of some kind, or makes it.
pub async fn ensure_as(settings: &Settings, ear: &Ear, kind: &Kind) -> Result<Topic, OpenError> {
    let admin: AdminClient<Ear> = make(&settings.admin(), ear.clone())?;
    let found = match look(settings, ear).await? {
        Some(found) => found,
        None => {
            create(settings, ear, &admin, kind).await?;
            let until = Instant::now() + settings.patience;
            loop {
                // The brokers learn of it one after the other.
                match look(settings, ear).await? {
                    Some(found) if found.partitions == settings.partitions => break found,
                    _ if Instant::now() > until => {
                        return Err(OpenError::Unreachable {
                            brokers: settings.brokers.clone(),
                            cause: format!("the topic {} was made and does not appear", settings.topic),
                        });
                    }
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        }
    };
    if !settings.check_topic {
        return Ok(found);
    }
    let topic = Topic { settings: describe(settings, ear, &admin).await?, ..found };
    let problems = (kind.problems)(&topic, settings);
    if problems.is_empty() { Ok(topic) } else { Err(OpenError::Topic { topic: settings.topic.clone(), problems }) }
}

/// What the brokers say of the topic; none when they know none of this name.
pub async fn look(settings: &Settings, ear: &Ear) -> Result<Option<Topic>, OpenError> {
    let (settings, ear) = (settings.clone(), ear.clone());
    let looked = tokio::task::spawn_blocking(move || {
        // A consumer never makes a topic by asking for it.
        let client: Consumer = make(&settings.consumer("mirano-unused"), ear.clone())?;
        let until = Instant::now() + settings.patience;
        loop {
            match client.fetch_metadata(Some(&settings.topic), Duration::from_secs(2)) {
                Ok(metadata) => {
                    let topic = metadata.topics().iter().find(|topic| topic.name() == settings.topic);
                    let known = topic.filter(|topic| topic.error().is_none() && !topic.partitions().is_empty());
                    let code = topic.and_then(|topic| topic.error()).map(RDKafkaErrorCode::from);
                    match code {
                        None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
                        Some(_) if Instant::now() < until => continue,
                        Some(code) => {
                            return Err(OpenError::Refused { doing: "describe the topic", cause: code.to_string() });
                        }
                    }
                    return Ok(known.map(|topic| Topic {
                        partitions: u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX),
                        replicas: topic.partitions().iter().map(|each| each.replicas().len()).min().unwrap_or(0),
                        settings: BTreeMap::new(),
                    }));
                }
                Err(error) => {
                    listen(&settings, &ear)?;
                    if ear.refused().is_some() || Instant::now() > until {
                        return Err(OpenError::unreachable(&settings, &ear, &error));
                    }
                }
            }
        }
    });
    looked.await.map_err(|error| OpenError::Settings(error.to_string()))?
}

/// Lets the ear hear why nobody answers: only a producer tells in words.
fn listen(settings: &Settings, ear: &Ear) -> Result<(), OpenError> {
    let producer: BaseProducer<Ear> = make(&settings.producer(), ear.clone())?;
    // Of no topic in particular: a producer that asks for one may make it.
    let _ = producer.client().fetch_metadata(None, Duration::from_millis(500));
    let until = Instant::now() + Duration::from_secs(1);
    while !ear.knows_why() && Instant::now() < until {
        producer.poll(Duration::from_millis(50));
    }
    Ok(())
}

async fn create(settings: &Settings, ear: &Ear, admin: &AdminClient<Ear>, kind: &Kind) -> Result<(), OpenError> {
    let partitions = i32::try_from(settings.partitions).unwrap_or(i32::MAX);
    let replicas = TopicReplication::Fixed(if settings.dev { 1 } else { 3 });
    let topic = (kind.wanted)(settings.dev)
        .into_iter()
        .fold(NewTopic::new(&settings.topic, partitions, replicas), |topic, (name, value)| topic.set(name, value));
    let options =
        AdminOptions::new().request_timeout(Some(settings.patience)).operation_timeout(Some(settings.patience));
    let made = admin.create_topics([&topic], &options).await;
    let made = made.map_err(|error| OpenError::unreachable(settings, ear, &error))?;
    match made.into_iter().next() {
        // Another node was first: what it made is looked at next.
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None => Ok(()),
        Some(Err((_, code))) => Err(OpenError::NotMade {
            topic: settings.topic.clone(),
            cause: code.to_string(),
            command: command(settings, kind),
        }),
    }
}

/// How a person makes the topic.
fn command(settings: &Settings, kind: &Kind) -> String {
    let configs = (kind.wanted)(settings.dev).into_iter().map(|(name, value)| format!(" --config {name}={value}"));
    format!(
        "kafka-topics.sh --bootstrap-server {} --create --topic {} --partitions {} --replication-factor {}{}",
        settings.brokers,
        settings.topic,
        settings.partitions,
        if settings.dev { 1 } else { 3 },
        configs.collect::<String>()
    )
}

async fn describe(
    settings: &Settings,
    ear: &Ear,
    admin: &AdminClient<Ear>,
) -> Result<BTreeMap<String, String>, OpenError> {
    let options = AdminOptions::new().request_timeout(Some(settings.patience));
    let described = admin.describe_configs(&[ResourceSpecifier::Topic(&settings.topic)], &options).await;
    let described = described.map_err(|error| OpenError::unreachable(settings, ear, &error))?;
    match described.into_iter().next() {
        Some(Ok(resource)) => {
            Ok(resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
        }
        Some(Err(code)) => Err(OpenError::Refused { doing: "read the topic's settings", cause: code.to_string() }),
        None => Err(OpenError::Refused { doing: "read the topic's settings", cause: "no answer".into() }),
    }
}

/// What is wrong with a topic, each with what to do.
pub fn problems(topic: &Topic, settings: &Settings) -> Vec<String> {
    let mut out = Vec::new();
    let said = |name: &str| topic.settings.get(name).map_or("", String::as_str);
    let number = |name: &str| said(name).parse::<i64>().ok();
    let set = |what: &str| set(settings, what);
    if topic.partitions != settings.partitions {
        out.push(format!(
            "it has {} partitions, and --partitions says {}: the number is fixed when a log is made, because jobs and sources \
             are placed by it. Start with the number that it was made with; added partitions can't be \
             taken away: such a log goes on in another topic, by `mirano export` and `mirano import --topic`",
            topic.partitions, settings.partitions
        ));
    }
    if said("cleanup.policy").contains("compact") {
        out.push(format!(
            "cleanup.policy is {:?}: compaction removes commits. Set it: {}",
            said("cleanup.policy"),
            set("cleanup.policy=delete")
        ));
    }
    let bytes = said("retention.bytes");
    if number("retention.bytes") != Some(-1) {
        let set = set("retention.bytes=-1");
        out.push(format!("retention.bytes is {bytes:?}: commits would be deleted, however young. Set it: {set}"));
    }
    out.extend(kept_long_enough(number("retention.ms"), said("retention.ms"), settings));
    let longest = i64::try_from(MAX_COMMIT_LEN + 1024).unwrap_or(i64::MAX);
    if number("max.message.bytes").is_some_and(|most| most < longest) {
        out.push(format!(
            "max.message.bytes is {}: a commit has up to {MAX_COMMIT_LEN} bytes. Set it: {}",
            said("max.message.bytes"),
            set("max.message.bytes=1048588")
        ));
    }
    out.extend(safety(topic, settings));
    out
}

/// What is wrong with how long records are kept: for ever, or so long that each is in some checkpoints before it goes.
fn kept_long_enough(retention_ms: Option<i64>, said: &str, settings: &Settings) -> Option<String> {
    let kept = match retention_ms {
        Some(-1) => return None,
        Some(ms) => u64::try_from(ms).unwrap_or(0),
        None => 0,
    };
    let for_ever = set(settings, "retention.ms=-1");
    let Some(every) = settings.archived else {
        return Some(format!(
            "retention.ms is {said:?}: old commits would be deleted, and they lie nowhere else. Set it: {for_ever} (or keep \
             checkpoints by schedule, which hold an archive of the log: --checkpoints and --checkpoint-every)"
        ));
    };
    let least = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).saturating_mul(CHECKPOINTS);
    let enough = set(settings, &format!("retention.ms={least}"));
    (kept < least).then(|| {
        format!(
            "retention.ms is {said:?}, and --checkpoint-every says {} s: records are to be kept for {CHECKPOINTS} checkpoints at \
             least, {least} ms, so that some may fail. Set it: {enough} (or {for_ever})",
            every.as_secs()
        )
    })
}

/// The command that sets a setting of the topic.
pub fn set(settings: &Settings, what: &str) -> String {
    format!(
        "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} --add-config {what}",
        settings.brokers, settings.topic
    )
}

/// What could lose records of a topic of any kind.
pub fn safety(topic: &Topic, settings: &Settings) -> Vec<String> {
    let mut out = Vec::new();
    let said = |name: &str| topic.settings.get(name).map_or("", String::as_str);
    if said("unclean.leader.election.enable") != "false" {
        out.push(format!(
            "unclean.leader.election.enable is on: a broker that missed records could become leader, and they would be lost. \
             Set it: {}",
            set(settings, "unclean.leader.election.enable=false")
        ));
    }
    if settings.dev {
        return out;
    }
    if topic.replicas < 3 {
        out.push(format!(
            "a partition has {} replicas, and 3 are needed: with fewer, the loss of one broker stops or loses the log. Add \
             replicas with kafka-reassign-partitions.sh (or start with --dev where nothing depends on it)",
            topic.replicas
        ));
    }
    if said("min.insync.replicas").parse::<i64>().ok().is_none_or(|least| least < 2) {
        out.push(format!(
            "min.insync.replicas is {:?}, and 2 are needed: else a commit is acknowledged by one broker alone. Set it: {} (or \
             start with --dev where nothing depends on it)",
            said("min.insync.replicas"),
            set(settings, "min.insync.replicas=2")
        ));
    }
    out
}

/// Compares what the log was born with and what the topic has.
pub fn fits(birth: &birth::Birth, topic: &Topic, settings: &Settings) -> Result<(), OpenError> {
    if birth.partitions == topic.partitions {
        return Ok(());
    }
    Err(OpenError::Topic {
        topic: settings.topic.clone(),
        problems: vec![format!(
            "the log was made with {} partitions, and the topic has {}: the number never changes, because jobs and sources are \
             placed by it. Such a log goes on in another topic, by `mirano export` and `mirano import --topic`",
            birth.partitions, topic.partitions
        )],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(dev: bool) -> (Topic, Settings) {
        let mut settings: BTreeMap<String, String> =
            wanted(dev).into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        settings.insert("max.message.bytes".into(), "1048588".into());
        let topic = Topic { partitions: 1, replicas: if dev { 1 } else { 3 }, settings };
        (topic, Settings { dev, ..Settings::new("localhost:1", "mirano") })
    }

    #[test]
    fn what_we_make_has_no_problem() {
        for dev in [false, true] {
            let (topic, settings) = good(dev);
            assert_eq!(problems(&topic, &settings), Vec::<String>::new());
        }
    }

    #[test]
    fn each_wrong_setting_is_named_with_what_to_do() {
        for (name, value) in [
            ("cleanup.policy", "compact,delete"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "1000"),
            ("unclean.leader.election.enable", "true"),
            ("min.insync.replicas", "1"),
            ("max.message.bytes", "1000"),
        ] {
            let (mut topic, settings) = good(false);
            topic.settings.insert(name.into(), value.into());
            let found = problems(&topic, &settings);
            assert_eq!(found.len(), 1, "{found:?}");
            let said = found.concat();
            assert!(said.starts_with(name) && said.contains("kafka-configs.sh"), "{said}");
        }
        let (topic, settings) = good(false);
        for wrong in [Topic { replicas: 2, ..topic.clone() }, Topic { partitions: 2, ..topic.clone() }] {
            assert_eq!(problems(&wrong, &settings).len(), 1);
        }
        let (mut trimmed, settings) = good(false);
        trimmed.settings.insert("retention.ms".into(), "10800000".into());
        let archived = |hours: u64| Settings { archived: Some(Duration::from_secs(hours * 3_600)), ..settings.clone() };
        assert!(
            problems(&trimmed, &settings).concat().contains("--checkpoints"),
            "finite retention without an archive"
        );
        assert_eq!(problems(&trimmed, &archived(1)), Vec::<String>::new(), "three checkpoints before a record goes");
        assert!(problems(&trimmed, &archived(2)).concat().contains("retention.ms=21600000"));
        trimmed.settings.insert("retention.bytes".into(), "1000000000".into());
        assert_eq!(problems(&trimmed, &archived(1)).len(), 1, "a size says nothing of age");
        let (topic, settings) = good(true);
        assert_eq!(
            problems(&topic, &Settings { dev: false, ..settings }).len(),
            2,
            "--dev alone lets one replica pass"
        );
    }
}
