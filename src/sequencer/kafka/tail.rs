//! Records from the end of partition 0 backwards, for whoever looks for something that stands near the end.

use super::settings::{Consumer, Settings, make};
use super::{OpenError, ear::Ear, topic};
use bytes::Bytes;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// The end of a partition, read in windows from behind.
pub struct Tail {
    settings: Settings,
    ear: Ear,
    consumer: Consumer,
    /// What is before this was not read yet.
    before: i64,
    low: i64,
}

impl Tail {
    /// Looks at partition 0 of the topic; none when there is no such topic. Waits for the brokers.
    pub async fn open(settings: &Settings) -> Result<Option<Self>, OpenError> {
        settings.check()?;
        let ear = Ear::default();
        if topic::look(settings, &ear).await?.is_none() {
            return Ok(None);
        }
        let settings = settings.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let consumer: Consumer = make(&settings.consumer("mirano-unused"), ear.clone())?;
            let (low, high) = consumer
                .fetch_watermarks(&settings.topic, 0, settings.patience)
                .map_err(|error| OpenError::unreachable(&settings, &ear, &error))?;
            Ok(Some(Self { settings, ear, consumer, before: high, low }))
        });
        opening.await.map_err(|error| OpenError::Settings(error.to_string()))?
    }

    /// The `most` records before those that were given last, in order; none when there are no earlier ones. Blocks.
    pub fn back(&mut self, most: u32) -> Result<Option<Vec<Bytes>>, OpenError> {
        if self.before <= self.low {
            return Ok(None);
        }
        let from = self.low.max(self.before - i64::from(most));
        let mut list = TopicPartitionList::new();
        let client = |error| OpenError::client(&error);
        list.add_partition_offset(&self.settings.topic, 0, Offset::Offset(from)).map_err(client)?;
        self.consumer.assign(&list).map_err(client)?;
        let (mut records, mut heard) = (Vec::new(), Instant::now());
        loop {
            match self.consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if message.offset() < self.before {
                        records.push(Bytes::copy_from_slice(message.payload().unwrap_or_default()));
                    }
                    // Offsets that hold no record are passed over by the brokers.
                    if message.offset() + 1 >= self.before {
                        break;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if heard.elapsed() > self.settings.patience => {
                    return Err(OpenError::unreachable(&self.settings, &self.ear, &error));
                }
                None if heard.elapsed() > self.settings.patience => {
                    let cause = self.ear.heard().unwrap_or_else(|| "it sends no records".into());
                    return Err(OpenError::Unreachable { brokers: self.settings.brokers.clone(), cause });
                }
                Some(Err(_)) | None => {}
            }
        }
        self.before = from;
        Ok(Some(records))
    }
}
