//! Whose turn it is: start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) over the tasks of one source.
//!
//! A *flow* is a tenant's tasks of one priority. Each task of a flow begins one cost after the one before it, and no earlier than
//! the source's own time, which is the beginning of the task started last. So a flow that was idle has its turn next, however
//! many tasks of others wait; among busy flows each gets a share in inverse proportion to its cost; and none starves.

use crate::rows::SourceRow;

/// What a task costs its flow: a step of priority is a factor of four.
pub fn cost(priority: u8) -> u64 {
    1 << (2 * (priority.clamp(1, 5) - 1))
}

/// When a further task of this flow would begin.
pub fn turn(source: &SourceRow, tenant: &str, priority: u8) -> u64 {
    let flow = source.flows.get(tenant).and_then(|flows| flows.get(&priority));
    flow.copied().unwrap_or_default().max(source.turn)
}

/// Takes a task in; its turn.
pub(super) fn enter(source: &mut SourceRow, tenant: &str, priority: u8) -> u64 {
    let turn = turn(source, tenant, priority);
    let next = turn.saturating_add(cost(priority));
    source.flows.entry(tenant.to_owned()).or_default().insert(priority, next);
    turn
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
        source: SourceRow,
        waiting: BTreeSet<(u64, u8, usize, &'static str)>,
        entered: usize,
    }

    impl Queue {
        fn enter(&mut self, tenant: &'static str, priority: u8, times: usize) {
            for _ in 0..times {
                let turn = enter(&mut self.source, tenant, priority);
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
}
