//! What the pool does behind the one who follows a partition: it is done in any order, and taken in order.

use crate::audit::pool::Pool;
use crossbeam_channel::{Receiver, Sender, unbounded};
use mirano_replay::verify::Finding;
use mirano_schemas::envelope::Head;
use std::collections::BTreeMap;

/// Parts of a partition whose roots are being recomputed.
pub struct Behind {
    give: Sender<(u64, Vec<Finding>)>,
    take: Receiver<(u64, Vec<Finding>)>,
    /// Where each part that was handed on ends, if an earlier run may be said to have come so far.
    stands: BTreeMap<u64, Option<Head>>,
    early: BTreeMap<u64, Vec<Finding>>,
    given: u64,
}

impl Default for Behind {
    fn default() -> Self {
        let (give, take) = unbounded();
        Self { give, take, stands: BTreeMap::new(), early: BTreeMap::new(), given: 0 }
    }
}

impl Behind {
    /// Has the next part checked, which ends at `stand`.
    pub fn check<'a>(
        &mut self,
        pool: &Pool<'a>,
        stand: Option<Head>,
        check: impl FnOnce() -> Vec<Finding> + Send + 'a,
    ) {
        let (number, give) = (self.given, self.give.clone());
        self.given += 1;
        self.stands.insert(number, stand);
        pool.first(move || {
            // Nobody listens any more only if the one who follows panicked.
            let _ = give.send((number, check()));
        });
    }

    /// Parts that were checked, and all before them were.
    pub fn done(&mut self) -> Vec<(Option<Head>, Vec<Finding>)> {
        self.early.extend(self.take.try_iter());
        self.in_order()
    }

    /// All others; waits for them.
    pub fn rest(&mut self) -> Vec<(Option<Head>, Vec<Finding>)> {
        // The pool's jobs are the only ones that can send from now on, so that it ends with them.
        (self.give, _) = unbounded();
        self.early.extend(self.take.iter());
        self.in_order()
    }

    fn in_order(&mut self) -> Vec<(Option<Head>, Vec<Finding>)> {
        let mut out = Vec::new();
        while let Some(entry) = self.stands.first_entry() {
            let Some(found) = self.early.remove(entry.key()) else { break };
            out.push((entry.remove(), found));
        }
        out
    }
}
