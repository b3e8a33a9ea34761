//! A reader that was told something unexpected looks where it stands: it asks the brokers where the partition begins and
//! ends, goes back to the last record that was mirrored, and compares.

use super::Problem;
use super::reader::{Reader, Taken, Trouble};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

/// How long the brokers may take to say where the partition begins and ends.
const ASK: Duration = Duration::from_secs(5);

impl Reader {
    /// Where the partition ends now; none while the brokers do not say.
    pub(super) fn ask_end(&self) -> Option<i64> {
        let partition = i32::try_from(self.lane.partition).unwrap_or(i32::MAX);
        match self.consumer.fetch_watermarks(&self.lane.topic, partition, ASK) {
            Ok((_, high)) => Some(high),
            Err(error) => {
                tracing::debug!(target: "mirano::kafka", partition, %error, "no answer where the partition ends");
                None
            }
        }
    }

    /// The record at the place must be what it was, and a partition that was never read begins with its first record.
    pub(super) fn compare(&self, first: &Taken) -> Result<(), Trouble> {
        let partition = self.lane.partition;
        match self.place.last {
            Some(last) if first.offset == last.offset && *blake3::hash(&first.value).as_bytes() == last.hash => Ok(()),
            Some(last) => Err(Trouble::Stop(Problem::Recreated(format!(
                "partition {partition} has another record at offset {} than the one that was mirrored from there (it begins with offset {} now)",
                last.offset, first.offset
            )))),
            None if first.offset == 0 => Ok(()),
            None => Err(Trouble::Stop(Problem::Trimmed(format!(
                "partition {partition} begins at offset {} now, and this node has read nothing of it",
                first.offset
            )))),
        }
    }

    /// Goes back to the last record that was mirrored, and asks the brokers where the partition begins and ends. Says whether
    /// that could be done: while they are away, it can't.
    pub(super) fn look_again(&mut self) -> Result<bool, Problem> {
        let partition = i32::try_from(self.lane.partition).unwrap_or(i32::MAX);
        let (mut from, mut trimmed, mut searching) = (self.place.last.map_or(0, |last| last.offset), false, false);
        match self.consumer.fetch_watermarks(&self.lane.topic, partition, ASK) {
            // All that was read is gone, and nothing else: as in a partition that rested for longer than records are kept. There
            // is nothing left to compare; what follows is judged upon the mirror's head all the same.
            Ok((low, _)) if self.lane.archived && low > from && low == self.place.next_offset() => {
                from = low;
                trimmed = true;
            }
            // As after a restore. What the mirror has of it says where to go on.
            Ok((low, _)) if low > from && self.place.last.is_none() && self.mirrored().next_seq > 0 => {
                from = low;
                searching = true;
            }
            Ok((low, _)) if low > from => {
                return Err(Problem::Trimmed(format!(
                    "partition {partition} begins at offset {low} now, and this node had come to offset {from}"
                )));
            }
            Ok((_, high)) if high < self.place.next_offset() => {
                return Err(Problem::Truncated(format!(
                    "partition {partition} ends at offset {high} now, and this node has read up to offset {from}"
                )));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(target: "mirano::kafka", partition, %error, "no answer about the partition");
                return Ok(false);
            }
        }
        if let Err(error) = self.go_to(partition, from) {
            tracing::debug!(target: "mirano::kafka", partition, %error, "could not go back");
            return Ok(false);
        }
        (self.unsure, self.searching) = (!trimmed && !searching, searching);
        Ok(true)
    }

    /// The next record is the one at `from`.
    fn go_to(&self, partition: i32, from: i64) -> KafkaResult<()> {
        let topic = &self.lane.topic;
        if self.consumer.seek(topic, partition, Offset::Offset(from), ASK).is_ok() {
            return Ok(());
        }
        // After an offset that is out of range the client has ceased to read the partition, and does not seek in it: it is
        // given it anew. Its queue stays the same.
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(from))?;
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            tracing::debug!(target: "mirano::kafka", partition, %error, "it was not read");
        }
        self.consumer.incremental_assign(&list)
    }
}
