//! What a reader makes of a place behind which records are missing, or can't be read.
//!
//! The client tells of a record whose checksum is wrong, leaves it out, and gives what stands behind it. To judge that would be
//! to go on without a commit that others have. So the reader goes back and takes everything from there once more: what was
//! damaged on its way is whole then. Brokers also leave out what is no record: marks of transactions, which only a foreign
//! writer can have put there. Those are missing every time, and nobody is told of an error.

use super::Problem;
use super::reader::Trouble;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// A record that can't be read so many times in a row won't be.
const MOST: u32 = 3;

/// What is known of the offset that is to be read next.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    next: i64,
    /// How often it could not be read.
    damaged: u32,
    /// It did not come once, and a later one did.
    missed: bool,
}

impl Doubt {
    fn about(&mut self, next: i64) {
        if self.next != next {
            *self = Self { next, ..Self::default() };
        }
    }

    /// Instead of the record at `next` the one at `offset` came. Fine when that was looked at before, and nothing is damaged.
    pub fn missed(&mut self, partition: u32, next: i64, offset: i64) -> Result<(), Trouble> {
        self.about(next);
        if self.damaged > 0 {
            return Err(self.damaged(partition, next, "it does not come"));
        }
        if !std::mem::replace(&mut self.missed, true) {
            return Err(Trouble::Look(format!("offset {offset} comes, and {next} was to")));
        }
        tracing::warn!(
            partition,
            from = next,
            to = offset,
            "these offsets hold no record; somebody else wrote marks of transactions there"
        );
        Ok(())
    }

    /// The client could not read what stands at `next`, or soon behind it.
    pub fn damaged(&mut self, partition: u32, next: i64, why: &str) -> Trouble {
        self.about(next);
        self.damaged += 1;
        if self.damaged < MOST {
            return Trouble::Look(why.to_owned());
        }
        Trouble::Stop(Problem::Damaged(format!(
            "partition {partition} can't be read at offset {next}, tried {MOST} times: {why}"
        )))
    }
}

/// Whether the client says that what it was given is not what was written.
pub(super) fn is_damage(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::MessageConsumption(
            RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::BadCompression | RDKafkaErrorCode::InvalidMessage
        )
    )
}
