//! Shards: a source with a large budget has several queues, each with a part of it.
//!
//! The first queue has the source's own name, the others have it with a number behind: `registry`, `registry#1`,
//! `registry#2`. No source's id has a `#`. Events of a queue name the queue; what was observed, facts and receipts name the
//! source.

/// A source has no more queues than this.
pub const MOST_SHARDS: u32 = 16;

/// The name of a source's queue, counted from 0.
pub fn queue_of(source: &str, shard: u32) -> String {
    if shard == 0 { source.to_owned() } else { format!("{source}#{shard}") }
}

/// The source whose queue this is.
pub fn source_of(queue: &str) -> &str {
    queue.split_once('#').map_or(queue, |(source, _)| source)
}

/// Which of its source's queues this is.
pub fn shard_of(queue: &str) -> u32 {
    queue.split_once('#').and_then(|(_, shard)| shard.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_queue_it_is() {
        for (name, source, shard) in [("courts", "courts", 0), ("courts#1", "courts", 1), ("a_b-c#15", "a_b-c", 15)] {
            assert_eq!((source_of(name), shard_of(name)), (source, shard));
            assert_eq!(queue_of(source, shard), name);
        }
    }
}
