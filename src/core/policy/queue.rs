//! `queue.toml`: what goes first where more waits for a source than its limits let through.
//!
//! Each kind of work has a priority, from 1 (most urgent) to 5; a task costs its tenant by its priority, and who has paid least
//! goes first (start-time fair queueing). So shares of busy priorities are as one to their costs, and none starves.

use crate::core::decision::{DecideError, Decision};
use mirano_replay::apply::queue::WeightsRow;
use mirano_replay::rows::key;
use mirano_replay::store::ReadExt;
use mirano_schemas::QueueWeighed;
use serde::{Deserialize, Serialize};

/// The largest cost.
const MOST_COST: u64 = 1_000_000;
/// The most places that a number of `waiting` or `age` may have.
const MOST_PLACES: u32 = 1_000_000;

/// `queue.toml`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSpec {
    /// The priority of a check that names none.
    pub interactive: u8,
    /// That of re-checks by a watch that is paid for.
    pub paid: u8,
    /// That of re-checks by any other watch.
    pub watch: u8,
    /// That of what is asked before it becomes stale.
    pub prefetch: u8,
    /// What a task of each priority costs its tenant.
    pub costs: [u64; 5],
    /// For each further job that waits for a task it is moved forward by so many tasks of its priority.
    pub waiting: u32,
    /// No task is put further behind the front than so many of its priority, however many its tenant has waiting: what came long
    /// before goes before a fair share. 0: as far as the share puts it.
    pub age: u32,
}

impl Default for QueueSpec {
    fn default() -> Self {
        let WeightsRow(QueueWeighed { costs, waiting, age }) = WeightsRow::default();
        Self { interactive: 3, paid: 4, watch: 5, prefetch: 5, costs, waiting, age }
    }
}

impl QueueSpec {
    /// Whether it says nothing of its own; then a policy document leaves it out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn weights(&self) -> WeightsRow {
        WeightsRow(QueueWeighed { costs: self.costs, waiting: self.waiting, age: self.age })
    }

    /// What is wrong: where, and how.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut add = |at: &str, detail: &str| problems.push((format!("queue.{at}"), detail.to_owned()));
        let kinds = [
            ("interactive", self.interactive),
            ("paid", self.paid),
            ("watch", self.watch),
            ("prefetch", self.prefetch),
        ];
        for (kind, priority) in kinds {
            if !(1..=5).contains(&priority) {
                add(kind, "a priority: from 1, the most urgent, to 5");
            }
        }
        for later in ["paid", "watch", "prefetch"] {
            if kinds.iter().any(|(kind, priority)| *kind == later && *priority < self.interactive) {
                add(later, "more urgent than `interactive`: people would wait for what nobody waits for");
            }
        }
        if self.watch < self.paid {
            add("watch", "more urgent than `paid`");
        }
        if !self.costs.iter().all(|cost| (1..=MOST_COST).contains(cost)) {
            add("costs", "from 1 to 1000000 each");
        }
        if !self.costs.is_sorted() {
            add("costs", "a less urgent priority costs less than a more urgent one");
        }
        for (key, places) in [("waiting", self.waiting), ("age", self.age)] {
            if places > MOST_PLACES {
                add(key, "at most 1000000");
            }
        }
        problems
    }
}

/// Has the partition order its queues as a policy says that it adopts.
pub fn weigh(decision: &mut Decision<'_>, spec: &QueueSpec) -> Result<(), DecideError> {
    let (wanted, partition) = (spec.weights(), decision.ctx.partition());
    let row: Option<WeightsRow> = decision.rows.row(&key::weights(partition))?;
    if row.unwrap_or_default() == wanted {
        return Ok(());
    }
    decision.emit(wanted.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_as_before_and_what_makes_no_sense_is_refused() {
        let read = |text: &str| serde_json::from_str::<QueueSpec>(text);
        assert!(read("{}").expect("nothing is needed").is_default());
        let wrong = |text: &str| {
            let problems = read(text).expect("readable").problems();
            problems.into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(wrong(r#"{"waiting": 3, "age": 100, "costs": [1, 1, 2, 8, 8], "interactive": 2}"#), [""; 0]);
        assert_eq!(wrong(r#"{"interactive": 0}"#), ["queue.interactive"]);
        assert_eq!(wrong(r#"{"interactive": 5}"#), ["queue.paid"]);
        assert_eq!(wrong(r#"{"watch": 3, "prefetch": 6}"#), ["queue.prefetch", "queue.watch"]);
        assert_eq!(wrong(r#"{"costs": [0, 1, 2, 3, 4]}"#), ["queue.costs"]);
        assert_eq!(wrong(r#"{"costs": [4, 1, 2, 3, 4]}"#), ["queue.costs"]);
        assert_eq!(wrong(r#"{"waiting": 1000001, "age": 4000000000}"#), ["queue.waiting", "queue.age"]);
        assert!(read(r#"{"costs": [1, 4, 16]}"#).is_err(), "five priorities have five costs");
        assert!(read(r#"{"cost": [1, 1, 1, 1, 1]}"#).is_err());
    }
}
