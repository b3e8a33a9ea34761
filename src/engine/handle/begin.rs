//! Before the partitions begin: the views show what the log has, and with each commit what it rests on.

use super::super::EngineError;
use super::super::catch_up;
use super::{Options, STILL};
use futures::FutureExt;
use mirano_schemas::Position;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Folds all partitions to their heads; of a log that others have as well (`shared`) so far that nothing which a commit rests
/// on is missing. Where that can't be, since a partition is read no further, gives the reason: then nothing may be decided here,
/// in any partition.
pub async fn catch_up_all(options: &Options, shared: bool) -> Result<Option<String>, EngineError> {
    let mut rests = BTreeMap::new();
    for partition in 0..options.log.partitions() {
        // What was read before a power loss, and can't be read again: the views are all that is left of it.
        if shared && has_stopped(options, partition).is_some() && are_ahead(options, partition)? {
            tracing::warn!(partition, "the views show more than can be read; they stay as they are");
            continue;
        }
        rests = fold(options, partition, rests).await?;
    }
    // Of several nodes' commits one may have come before another that it rests on.
    while shared && let Some((partition, seq)) = rests.pop_first() {
        let needed = Position { partition, seq };
        if catch_up::shown(&*options.log, &options.views, partition)?.next_seq > seq {
            continue;
        }
        if let Some(why) = until_read(options, needed).await? {
            return Ok(Some(format!("another partition rests on {needed}, and that can't be read: {why}")));
        }
        rests = fold(options, partition, rests).await?;
    }
    Ok(None)
}

/// Waits until the log has a position; else gives the reason why it is read no further. The log is not behind for long: what a
/// commit rests on was there before it.
async fn until_read(options: &Options, needed: Position) -> Result<Option<Arc<str>>, EngineError> {
    let Position { partition, seq } = needed;
    let mut log = options.log.watch(partition);
    let mut stopped = options.log.stopped(partition);
    loop {
        tokio::select! {
            biased;
            head = log.wait_for(|head| head.next_seq > seq) => match head {
                Ok(_) => return Ok(None),
                Err(_) => return Err(EngineError::LogUnavailable("it was closed".to_owned())),
            },
            why = &mut stopped => return Ok(Some(why)),
            () = tokio::time::sleep(STILL) => {
                tracing::warn!(partition, seq, "another partition rests on a commit that was not read yet");
            }
        }
    }
}

fn has_stopped(options: &Options, partition: u32) -> Option<Arc<str>> {
    options.log.stopped(partition).now_or_never()
}

fn are_ahead(options: &Options, partition: u32) -> Result<bool, EngineError> {
    let shown = catch_up::shown(&*options.log, &options.views, partition)?;
    Ok(shown.next_seq > options.log.head(partition).next_seq)
}

/// Folds a partition to its head; `rests` says how far others must be folded with it.
async fn fold(
    options: &Options,
    partition: u32,
    mut rests: BTreeMap<u32, u64>,
) -> Result<BTreeMap<u32, u64>, EngineError> {
    let (log, views) = (Arc::clone(&options.log), Arc::clone(&options.views));
    let folding = tokio::task::spawn_blocking(move || {
        catch_up::catch_up_noting(&*log, &views, partition, &mut rests).map(|done| (done, rests))
    });
    let folded = folding.await.map_err(|error| EngineError::Stopped { partition, reason: error.to_string() })?;
    let (done, rests) = folded?;
    tracing::info!(partition, commits = done.commits, events = done.events, "views caught up with the log");
    Ok(rests)
}
