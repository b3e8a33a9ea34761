//! What a task waits for, and about how long, as it is told.
//!
//! Places and times are coarse, so that nobody learns from them who else waits (I9). What can't be foreseen is `None`,
//! never 0.

use super::Context;
use super::model::BlockedOn;
use crate::core::source::forecast::forecast;
use mirano_replay::rows::TaskRow;
use mirano_replay::store::StoreError;

/// What a queued or retrying task waits for.
pub(super) fn blocked_on(ctx: &Context<'_>, task: &TaskRow) -> Result<Option<BlockedOn>, StoreError> {
    let told = forecast(ctx.rows, ctx.policy, ctx.partitions, task, ctx.now)?;
    Ok(told.map(|held| BlockedOn {
        reason: held.reason.to_owned(),
        cause: held.cause.map(str::to_owned),
        ahead: coarse(held.ahead),
        eta_s: held.eta_ms.map(|ms| coarse(ms.div_ceil(1_000).max(1))),
    }))
}

/// Rounds up so that single steps of others can't be watched: to fives below 50, to two digits above.
pub fn coarse(n: u64) -> u64 {
    let step = match n {
        0..50 => 5,
        50..1_000 => 10,
        1_000..10_000 => 100,
        _ => 1_000,
    };
    n.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_up() {
        for (n, want) in [(0, 0), (1, 5), (5, 5), (13, 15), (61, 70), (1_234, 1_300), (12_345, 13_000)] {
            assert_eq!(coarse(n), want, "{n}");
        }
    }
}
