//! Whose turn it is: start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) over the tasks of one source.
//!
//! A *flow* is a tenant's tasks of one priority. Each task of a flow begins one cost after the one before it, and no earlier than
//! the source's own time, which is the beginning of the task started last. So a flow that was idle has its turn next, however
//! many tasks of others wait; among busy flows each gets a share in inverse proportion to its cost; and none starves.
//!
//! What a task costs, and what else counts, is [`WeightsRow`]: the policy says it, an event tells the partition.

use super::{ApplyError, At};
use crate::rows::{SourceRow, key};
use crate::store::{ReadExt, Row, StoreError, Table, Write, WriteExt};
use mirano_schemas::QueueWeighed;
use serde::{Deserialize, Serialize};

/// What decides the order of a partition's queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsRow(pub QueueWeighed);

impl Row for WeightsRow {
    const TABLE: Table = Table::Weights;
}

impl Default for WeightsRow {
    /// A step of priority is a factor of four; nothing else counts.
    fn default() -> Self {
        Self(QueueWeighed { costs: [1, 4, 16, 64, 256], waiting: 0, age: 0 })
    }
}

impl WeightsRow {
    /// Those that hold in a partition.
    pub fn of(store: &(impl ReadExt + ?Sized), partition: u32) -> Result<Self, StoreError> {
        Ok(store.row(&key::weights(partition))?.unwrap_or_default())
    }

    /// What a task costs its flow.
    fn cost(&self, priority: u8) -> u64 {
        let place = usize::from(priority.clamp(1, 5) - 1);
        self.0.costs.get(place).copied().unwrap_or(1).max(1)
    }

    /// When a further task of this flow would begin.
    pub(super) fn turn(&self, source: &SourceRow, tenant: &str, priority: u8) -> u64 {
        let flow = source.flows.get(tenant).and_then(|flows| flows.get(&priority));
        let turn = flow.copied().unwrap_or_default().max(source.turn);
        match self.0.age {
            0 => turn,
            most => turn.min(source.turn.saturating_add(self.cost(priority).saturating_mul(most.into()))),
        }
    }

    /// Takes a task in; its turn.
    pub(super) fn enter(&self, source: &mut SourceRow, tenant: &str, priority: u8) -> u64 {
        let turn = self.turn(source, tenant, priority);
        let next = turn.saturating_add(self.cost(priority));
        source.flows.entry(tenant.to_owned()).or_default().insert(priority, next);
        turn
    }

    /// The turn of a task that one more job waits for: never before what was started last.
    pub(super) fn forward(&self, source: &SourceRow, turn: u64, priority: u8) -> u64 {
        let sooner = turn.saturating_sub(self.cost(priority).saturating_mul(self.0.waiting.into()));
        sooner.max(source.turn.min(turn))
    }
}

/// Other weights hold from now on.
pub(super) fn weighed(store: &mut impl Write, at: At, event: &QueueWeighed) -> Result<(), ApplyError> {
    Ok(store.put_row(&key::weights(at.position.partition), &WeightsRow(event.clone()))?)
}

/// A task whose turn this was begins.
pub(super) fn begin(source: &mut SourceRow, turn: u64) {
    source.turn = source.turn.max(turn);
    let now = source.turn;
    source.flows.retain(|_, flows| {
        flows.retain(|_, next| *next > now);
        !flows.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A queue as the fold keeps it: by turn, priority, order of arrival.
    #[derive(Default)]
    struct Queue {
        weights: WeightsRow,
        source: SourceRow,
        waiting: BTreeSet<(u64, u8, usize, &'static str)>,
        entered: usize,
    }

    impl Queue {
        fn enter(&mut self, tenant: &'static str, priority: u8, times: usize) {
            for _ in 0..times {
                let turn = self.weights.enter(&mut self.source, tenant, priority);
                self.waiting.insert((turn, priority, self.entered, tenant));
                self.entered += 1;
            }
        }

        fn begin(&mut self) -> (&'static str, u8) {
            let (turn, priority, _, tenant) = self.waiting.pop_first().expect("waits");
            begin(&mut self.source, turn);
            (tenant, priority)
        }
    }

    #[test]
    fn one_task_is_not_delayed_by_a_hundred_thousand_of_another_tenant() {
        let mut queue = Queue::default();
        queue.enter("large", 3, 100_000);
        for _ in 0..500 {
            queue.begin();
        }
        queue.enter("small", 3, 1);
        let before = (0..).take_while(|_| queue.begin().0 != "small").count();
        println!("one task behind 100,000 of another tenant: {before} of those came first");
        assert!(before <= 2, "{before} tasks came first");
        (0..3).for_each(|_| assert_eq!(queue.begin().0, "large"));
        assert_eq!(queue.source.flows.len(), 1, "an idle flow is forgotten");
    }

    #[test]
    fn busy_tenants_share_alike_and_priorities_by_their_costs() {
        let mut queue = Queue::default();
        for tenant in ["a", "b", "c"] {
            queue.enter(tenant, 3, 1_000);
        }
        let mut begun = std::collections::BTreeMap::<&str, usize>::new();
        for _ in 0..300 {
            *begun.entry(queue.begin().0).or_default() += 1;
        }
        assert_eq!(begun.into_values().collect::<Vec<_>>(), [100, 100, 100]);

        let mut queue = Queue::default();
        queue.enter("watches", 5, 10_000);
        queue.enter("people", 3, 10_000);
        let watches = (0..1_700).filter(|_| queue.begin().1 == 5).count();
        assert!((90..=110).contains(&watches), "a sixteenth part, and never nothing: {watches}");
    }

    #[test]
    fn order_of_arrival_holds_within_a_flow_and_the_more_urgent_goes_first() {
        let mut queue = Queue::default();
        queue.enter("a", 4, 2);
        queue.enter("a", 1, 2);
        let order: Vec<u8> = (0..4).map(|_| queue.begin().1).collect();
        assert_eq!(order, [1, 4, 1, 4]);
    }

    fn weighed(costs: [u64; 5], waiting: u32, age: u32) -> Queue {
        Queue { weights: WeightsRow(QueueWeighed { costs, waiting, age }), ..Queue::default() }
    }

    #[test]
    fn costs_make_the_shares() {
        for (watches, part) in [(16, 2), (64, 5), (1_024, 65)] {
            let mut queue = weighed([1, 4, 16, 64, watches], 0, 0);
            queue.enter("watches", 5, 10_000);
            queue.enter("people", 3, 10_000);
            let begun = (0..1_300).filter(|_| queue.begin().1 == 5).count();
            let want = 1_300 / part;
            assert!((want - 2..=want + 2).contains(&begun), "a {part}th part at a cost of {watches}: {begun}");
        }
    }

    #[test]
    fn who_came_long_before_goes_before_a_fair_share() {
        // Of 1000 tasks that a large tenant has waiting, how many begin before a small one's that comes then.
        let before = |age| {
            let mut queue = weighed([1, 4, 16, 64, 256], 0, age);
            queue.enter("large", 3, 1_000);
            queue.enter("small", 3, 10);
            (0..).take_while(|_| queue.begin().0 != "small").count()
        };
        assert_eq!((before(0), before(500)), (1, 1), "its share is its own");
        // Not even its tenth goes before those that are older than so many places.
        let tenth = |age| {
            let mut queue = weighed([1, 4, 16, 64, 256], 0, age);
            queue.enter("large", 3, 1_000);
            queue.enter("small", 3, 10);
            let mut seen = 0;
            (0..)
                .take_while(|_| {
                    seen += usize::from(queue.begin().0 == "small");
                    seen < 10
                })
                .count()
        };
        assert!(tenth(0) <= 20, "{}", tenth(0));
        assert!(tenth(3) > 900, "all that came before is as good as at the front: {}", tenth(3));
    }

    #[test]
    fn further_jobs_move_a_task_forward_and_never_past_the_front() {
        let queue = weighed([1, 4, 16, 64, 256], 5, 0);
        let source = SourceRow { turn: 1_000, ..SourceRow::default() };
        assert_eq!(queue.weights.forward(&source, 2_000, 3), 1_920, "five places of its priority");
        assert_eq!(queue.weights.forward(&source, 1_040, 3), 1_000);
        assert_eq!(queue.weights.forward(&source, 900, 3), 900, "what is before the front stays there");
        assert_eq!(WeightsRow::default().forward(&source, 2_000, 3), 2_000, "today it does not count");
    }
}
