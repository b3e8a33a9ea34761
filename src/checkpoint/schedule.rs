//! Checkpoints by schedule: of all nodes by the one that decides for partition 0.

use super::Taker;
use metrics::gauge;
use mirano_replay::checkpoint;
use mirano_replay::decider::{self, DeciderRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether one is due, at least.
const LOOK: Duration = Duration::from_secs(10);

/// Takes a checkpoint whenever the last one, also of an earlier run or of another node, is so old; for ever. Also of a log that
/// has not gone on since: where the topic is trimmed, the commit that names the last one would go. What fails is noted, and
/// tried again after a tenth of that time.
pub async fn take_every(taker: Arc<Taker>, every: Duration) {
    let mut tried = None;
    loop {
        tokio::time::sleep(LOOK.min(every / 10)).await;
        let now = taker.engine().now();
        let Ok(Due { last, ours }) = look(&taker) else { continue };
        if let Some(last) = last {
            gauge!("mirano_checkpoint_age_seconds").set(now.since_ms(last) as f64 / 1_000.0);
        }
        let rest = tried
            .map_or(Duration::ZERO, |tried| (every / 10).saturating_sub(Duration::from_millis(now.since_ms(tried))));
        if !ours || !rest.is_zero() || !is_due(last, now, every) {
            continue;
        }
        tried = Some(now);
        match taker.take().await {
            Ok(taken) => {
                let (position, rows, took) = (taken.position, taken.taken.rows, taken.took);
                tracing::info!(%position, rows, bytes = taken.bytes, new_bytes = taken.new_bytes, ?took, "a checkpoint is taken");
            }
            Err(error) => tracing::warn!(%error, "no checkpoint was taken; the next try follows"),
        }
    }
}

/// What decides whether one is due.
struct Due {
    last: Option<Timestamp>,
    /// Whether this node decides for partition 0.
    ours: bool,
}

fn look(taker: &Taker) -> Result<Due, mirano_replay::store::StoreError> {
    let views = taker.engine().views();
    let decider: Option<DeciderRow> = views.row(&decider::key(0))?;
    // Where nobody says so, there is only this node.
    let ours = decider.is_none_or(|row| row.changed.node == taker.node());
    let last = checkpoint::all(&**views)?.pop();
    Ok(Due { last: last.map(|last| last.recorded_at), ours })
}

fn is_due(last: Option<Timestamp>, now: Timestamp, every: Duration) -> bool {
    last.is_none_or(|last| Duration::from_millis(now.since_ms(last)) >= every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_is_due_when_the_last_one_is_so_old() {
        let hour = Duration::from_secs(3_600);
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        assert!(is_due(None, at(0), hour), "there never was one");
        assert!(!is_due(Some(at(0)), at(59), hour));
        assert!(is_due(Some(at(0)), at(60), hour));
        assert!(!is_due(Some(at(10)), at(0), hour), "a clock that was set back does not hurry");
    }
}
