//! Answers that are not believed at once: nothing by a status alone, and suddenly far fewer facts than the last answer had.
//!
//! A page that lost most of its rows looks like a world that did. Such an answer is kept as evidence, told as *suspicious*,
//! and asked again no sooner than an hour later; it closes nothing, until it was said as often as the policy wants, one after
//! the other. An answer of the usual size in between clears the suspicion.

use crate::core::command::Complete;
use crate::core::decision::Decision;
use crate::core::policy::DropSpec;
use mirano_replay::rows::QueryRow;
use mirano_schemas::Outcome;

/// A suspicious answer is asked again no sooner than this.
pub(super) const SUSPICION_MS: u64 = 3_600_000;

/// How often "nothing" by a status alone is said until it is believed.
const STATUS_TIMES: u32 = 2;

/// Why the answer is not believed yet; none: it is.
pub(super) fn of(decision: &Decision<'_>, query: &QueryRow, command: &Complete) -> Option<String> {
    let before = query.last.as_ref().map_or(0, |last| last.facts);
    let answer = decision.ctx.policy.queue(&command.source).map(|spec| &spec.answer);
    let drop = answer.and_then(|answer| answer.expect.as_ref()?.drop);
    let now = u32::try_from(command.facts.len()).unwrap_or(u32::MAX);
    let (times, what) = if command.by_status_only && command.outcome == Outcome::NothingFound && before > 0 {
        (STATUS_TIMES, "nothing by status alone where there were facts".to_owned())
    } else {
        // What is cut short makes no fact vanish.
        let drop = drop.filter(|drop| command.complete && is_drop(*drop, before, now))?;
        (drop.times, format!("sudden_drop: {now} facts where the last answer had {before}"))
    };
    let waited = query.suspicious_since.map_or(0, |since| decision.ctx.now().since_ms(since));
    let said = query.suspicious_times.saturating_add(1);
    let believed = said >= times && waited >= u64::from(times.saturating_sub(1)) * SUSPICION_MS;
    (!believed).then(|| format!("{what}; asked again in an hour"))
}

fn is_drop(drop: DropSpec, before: u32, now: u32) -> bool {
    before >= drop.from && f64::from(now) < drop.below * f64::from(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_is_far_fewer_than_many() {
        let drop = DropSpec { below: 0.5, from: 10, times: 2 };
        for (before, now, is) in [(9, 0, false), (10, 0, true), (10, 4, true), (10, 5, false), (10, 30, false)] {
            assert_eq!(is_drop(drop, before, now), is, "{before} -> {now}");
        }
    }
}
