//! Whose turn it is: start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) over the tasks of one source.
//!
//! A *flow* is a tenant's tasks of one priority. Each task of a flow begins one cost after the one before it, and no earlier than
//! the source's own time, which is the beginning of the task started last. So a flow that was idle has its turn next, however
//! many tasks of others wait; among busy flows each gets a share in inverse proportion to its cost; and none starves.
//!
//! What is tried again takes its turns like what is new: the first start after its pause is over moves it to the tasks that may run.
//! It is a flow of its own, beside the new tasks of its tenant and priority: it neither waits for all of them, nor goes before
//! those of others.
//!
//! What a task costs, and what else counts, is [`WeightsRow`]: the policy says it, an event tells the partition.

use super::{ApplyError, At, be_u64};
use crate::rows::{SourceRow, TaskRow, TaskState, key};
use crate::store::{ReadExt, Row, StoreError, Table, Write, WriteExt};
use mirano_schemas::{QueueWeighed, TaskId};
use serde::{Deserialize, Serialize};

/// What is added to a priority to name the flow of its tasks that are tried again.
const AGAIN: u8 = 100;
/// So many tasks whose pause is over are moved by one start.
const MOVED_AT_ONCE: usize = 128;

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
        self.turn_in(source, tenant, priority, priority)
    }

    /// When a further task that is tried again would begin.
    pub fn turn_again(&self, source: &SourceRow, tenant: &str, priority: u8) -> u64 {
        self.turn_in(source, tenant, priority, priority.saturating_add(AGAIN))
    }

    fn turn_in(&self, source: &SourceRow, tenant: &str, priority: u8, flow: u8) -> u64 {
        let flow = source.flows.get(tenant).and_then(|flows| flows.get(&flow));
        let turn = flow.copied().unwrap_or_default().max(source.turn);
        match self.0.age {
            0 => turn,
            most => turn.min(source.turn.saturating_add(self.cost(priority).saturating_mul(most.into()))),
        }
    }

    /// Takes a task in; its turn.
    pub(super) fn enter(&self, source: &mut SourceRow, tenant: &str, priority: u8) -> u64 {
        self.enter_in(source, tenant, priority, priority)
    }

    /// Takes a task in that is tried again; its turn.
    pub fn enter_again(&self, source: &mut SourceRow, tenant: &str, priority: u8) -> u64 {
        self.enter_in(source, tenant, priority, priority.saturating_add(AGAIN))
    }

    fn enter_in(&self, source: &mut SourceRow, tenant: &str, priority: u8, flow: u8) -> u64 {
        let turn = self.turn_in(source, tenant, priority, flow);
        let next = turn.saturating_add(self.cost(priority));
        source.flows.entry(tenant.to_owned()).or_default().insert(flow, next);
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

/// Moves the tasks of a source whose pause is over to those that may run, as they became due.
pub(super) fn fall_due(store: &mut impl Write, at: At, name: &str, source: &mut SourceRow) -> Result<(), ApplyError> {
    if source.delayed == 0 {
        return Ok(());
    }
    let (prefix, now) = (key::source_prefix(name), u64::try_from(at.recorded_at.0).unwrap_or(0));
    let mut due = Vec::new();
    store.scan(Table::Delayed, &prefix, &[], &mut |place, _| {
        let is_due = place.get(prefix.len()..prefix.len() + 8).is_some_and(|time| be_u64(time) <= now);
        if is_due {
            due.push(place.to_vec());
        }
        is_due && due.len() < MOVED_AT_ONCE
    })?;
    if due.is_empty() {
        return Ok(());
    }
    let weights = WeightsRow::of(store, at.position.partition)?;
    for place in due {
        let Some(task) = key::tail(&place).map(TaskId) else { continue };
        let Some(mut row) = store.row_to_change::<TaskRow>(task.as_bytes())? else { continue };
        store.delete(Table::Delayed, &place);
        source.delayed = source.delayed.saturating_sub(1);
        source.queued += 1;
        row.turn = weights.enter_again(source, &row.scheduled.requester.tenant, row.priority);
        row.move_to(at.recorded_at, at.position, TaskState::Queued);
        store.put(Table::Ready, &key::ready(&row), Vec::new());
        store.put_last(task.as_bytes(), row)?;
    }
    Ok(())
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

    #[test]
    fn what_is_tried_again_takes_turns_and_pays() {
        let mut queue = Queue::default();
        // A night over: thousands of one tenant are due at once, beside its backlog of new ones.
        queue.enter("large", 3, 1_000);
        for _ in 0..1_000 {
            let turn = queue.weights.enter_again(&mut queue.source, "large", 3);
            queue.waiting.insert((turn, 3, queue.entered, "large again"));
            queue.entered += 1;
        }
        queue.enter("small", 3, 1);
        let first: Vec<_> = (0..4).map(|_| queue.begin().0).collect();
        assert!(first[..3].contains(&"small"), "one of each: {first:?}");
        assert!(first.contains(&"large again") && first.contains(&"large"), "{first:?}");

        // While people always wait, what nobody waits for has its second attempt in its turn.
        let mut queue = Queue::default();
        queue.enter("people", 3, 1_000);
        let turn = queue.weights.enter_again(&mut queue.source, "watches", 5);
        queue.begin();
        assert!(turn <= queue.source.turn + 256, "{turn}");
        let next = queue.weights.turn_again(&queue.source, "watches", 5);
        assert_eq!(next, turn + 256, "and pays for it as for the first");
        assert_eq!(queue.weights.turn(&queue.source, "watches", 5), queue.source.turn, "apart from what is new");
    }
}
