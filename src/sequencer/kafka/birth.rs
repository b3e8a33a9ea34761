//! The birth of a log: the record in partition 0 that gives the topic its log's id.
//!
//! | offset | bytes | field                                         |
//! |-------:|------:|-----------------------------------------------|
//! |      0 |     8 | `MRNLOG01`: magic and version                 |
//! |      8 |    16 | log id                                        |
//! |     24 |     4 | partitions                                    |
//! |     28 |     8 | check: first 8 bytes of BLAKE3 of the 28 before |
//!
//! The first one in the order of partition 0 holds, for every reader, for ever; so two nodes that meet an empty topic at
//! once agree. It has no envelope, so to the one rule it is void. A topic that was deleted and made again has another or
//! none, and is not taken for the old one.

use super::settings::{Consumer, Settings, make};
use super::{OpenError, Problem, ear::Ear};
use mirano_schemas::LogId;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

const MAGIC: [u8; 8] = *b"MRNLOG01";
const LEN: usize = 36;

/// What a birth record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// The log.
    pub log_id: LogId,
    /// How many partitions it has, for ever.
    pub partitions: u32,
}

impl Birth {
    /// The 36 bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(self.log_id.as_bytes());
        out.extend_from_slice(&self.partitions.to_le_bytes());
        let check = blake3::hash(&out);
        out.extend(check.as_bytes().iter().take(8));
        out
    }

    /// Reads one; none for any other record.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let said = bytes.strip_prefix(&MAGIC)?;
        let (log_id, rest) = said.split_first_chunk::<16>()?;
        let partitions = rest.first_chunk::<4>()?;
        let birth = Self { log_id: LogId(*log_id), partitions: u32::from_le_bytes(*partitions) };
        (birth.to_bytes() == bytes).then_some(birth)
    }
}

/// What lies at the beginning of partition 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The log was born.
    Born(Birth),
    /// No birth up to the end.
    Unborn,
    /// The beginning of the partition is gone.
    Trimmed,
}

impl Found {
    /// What is wrong with a topic that the log `have` was mirrored from.
    pub fn problem(self, topic: &str, have: LogId) -> Option<Problem> {
        let what = match self {
            Self::Born(birth) if birth.log_id == have => return None,
            // The places say whether what is needed is still there.
            Self::Trimmed => return None,
            Self::Born(birth) => format!("holds the log {} now", birth.log_id),
            Self::Unborn => "is empty or holds no log".to_owned(),
        };
        Some(Problem::Recreated(format!("the topic {topic} {what}, and {have} was mirrored from it")))
    }
}

/// Looks for the birth from the start of partition 0.
pub fn find(settings: &Settings, ear: &Ear) -> Result<Found, OpenError> {
    let consumer: Consumer = make(&settings.consumer("mirano-unused"), ear.clone())?;
    let (low, _) = consumer
        .fetch_watermarks(&settings.topic, 0, settings.patience)
        .map_err(|error| OpenError::unreachable(settings, ear, &error))?;
    if low > 0 {
        return Ok(Found::Trimmed);
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&settings.topic, 0, Offset::Offset(0)).map_err(|error| OpenError::client(&error))?;
    consumer.assign(&list).map_err(|error| OpenError::client(&error))?;
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                if let Some(birth) = message.payload().and_then(Birth::parse) {
                    return Ok(Found::Born(birth));
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Found::Unborn),
            Some(Err(error)) if heard.elapsed() > settings.patience => {
                return Err(OpenError::unreachable(settings, ear, &error));
            }
            None if heard.elapsed() > settings.patience => {
                return Err(OpenError::Unreachable {
                    brokers: settings.brokers.clone(),
                    cause: ear.heard().unwrap_or_else(|| "it sends no records".into()),
                });
            }
            Some(Err(_)) | None => {}
        }
    }
}

/// Gives birth to a log of this id; returns the birth that holds, which may be another node's.
pub fn give(settings: &Settings, ear: &Ear, log_id: LogId) -> Result<Birth, OpenError> {
    let producer: BaseProducer<Ear> = make(&settings.producer(), ear.clone())?;
    let bytes = Birth { log_id, partitions: settings.partitions }.to_bytes();
    let record = BaseRecord::<(), [u8]>::to(&settings.topic).partition(0).payload(&bytes);
    producer.send(record).map_err(|(error, _)| OpenError::client(&error))?;
    producer.flush(settings.patience).map_err(|error| OpenError::unreachable(settings, ear, &error))?;
    match find(settings, ear)? {
        Found::Born(birth) => Ok(birth),
        Found::Unborn | Found::Trimmed => Err(OpenError::Unreachable {
            brokers: settings.brokers.clone(),
            cause: "the first record was sent and is not there".into(),
        }),
    }
}

impl rdkafka::producer::ProducerContext for Ear {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &rdkafka::producer::DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::warn!(target: "mirano::kafka", %error, "a record was not taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_never_change_and_every_changed_byte_shows() {
        let birth = Birth { log_id: LogId([7; 16]), partitions: 8 };
        let bytes = birth.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        expect_test::expect![[r#"4d524e4c4f473031070707070707070707070707070707070800000029a278f6901fd9c5"#]]
            .assert_eq(&hex);
        assert_eq!(Birth::parse(&bytes), Some(birth));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Birth::parse(&changed), None, "byte {at}");
        }
        let mut head = mirano_schemas::envelope::Head::genesis(birth.log_id, 0);
        assert_eq!(head.judge(&bytes), mirano_schemas::envelope::Verdict::Void);
    }
}
