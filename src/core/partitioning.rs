//! Which partition a stream belongs to. Frozen: a log's partition count never changes, nor does this.

use mirano_schemas::{ChannelId, JobId, QueryKey, shard_of as shard_of_queue, source_of};

fn of(context: &str, bytes: &[u8], partitions: u32) -> u32 {
    let hash = blake3::derive_key(context, bytes);
    let number = u64::from_le_bytes(*hash.first_chunk::<8>().unwrap_or(&[0; 8]));
    u32::try_from(number % u64::from(partitions.max(1))).unwrap_or(0)
}

/// The partition of `job/<id>`.
pub fn of_job(job: JobId, partitions: u32) -> u32 {
    of("mirano 2026 partition of job v1", job.as_bytes(), partitions)
}

/// The partition of `source/<id>`, and of a source's further queues: one after the other behind that of the first.
pub fn of_source(queue: &str, partitions: u32) -> u32 {
    let home = of("mirano 2026 partition of source v1", source_of(queue).as_bytes(), partitions);
    home.wrapping_add(shard_of_queue(queue) % partitions.max(1)) % partitions.max(1)
}

/// Which of its source's queues asks a query.
pub fn shard_of(query: QueryKey, shards: u32) -> u32 {
    of("mirano 2026 shard of query v1", query.as_bytes(), shards)
}

/// The partition of `channel/<id>`.
pub fn of_channel(channel: ChannelId, partitions: u32) -> u32 {
    of("mirano 2026 partition of channel v1", channel.as_bytes(), partitions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Frozen: these places are in logs.
    #[test]
    fn places_never_change() {
        assert_eq!(["courts", "cadastre", "registry"].map(|id| of_source(id, 7)), [5, 5, 4]);
        let query = |n| QueryKey([n; 16]);
        assert_eq!([1, 2, 3, 4, 5, 6].map(|n| shard_of(query(n), 4)), [0, 0, 0, 1, 0, 1]);
    }

    #[test]
    fn shards_stand_in_partitions_of_their_own() {
        for partitions in [1, 3, 4, 7] {
            let places = |n| -> BTreeSet<u32> {
                (0..n).map(|k| of_source(&mirano_schemas::queue_of("registry", k), partitions)).collect()
            };
            assert_eq!(places(4).len() as u32, partitions.min(4));
            assert_eq!(places(1), BTreeSet::from([of_source("registry", partitions)]));
        }
        let all: BTreeSet<u32> = (0..64).map(|n| shard_of(QueryKey([n; 16]), 4)).collect();
        assert_eq!(all.len(), 4, "queries are spread");
        assert_eq!(shard_of(QueryKey([9; 16]), 1), 0);
    }
}
