//! Which partition a stream belongs to. Frozen: a log's partition count never changes, nor does this.

use mirano_schemas::{ChannelId, JobId};

fn of(context: &str, bytes: &[u8], partitions: u32) -> u32 {
    let hash = blake3::derive_key(context, bytes);
    let number = u64::from_le_bytes(*hash.first_chunk::<8>().unwrap_or(&[0; 8]));
    u32::try_from(number % u64::from(partitions.max(1))).unwrap_or(0)
}

/// The partition of `job/<id>`.
pub fn of_job(job: JobId, partitions: u32) -> u32 {
    of("mirano 2026 partition of job v1", job.as_bytes(), partitions)
}

/// The partition of `source/<id>`.
pub fn of_source(source: &str, partitions: u32) -> u32 {
    of("mirano 2026 partition of source v1", source.as_bytes(), partitions)
}

/// The partition of `channel/<id>`.
pub fn of_channel(channel: ChannelId, partitions: u32) -> u32 {
    of("mirano 2026 partition of channel v1", channel.as_bytes(), partitions)
}
