//! Read models in memory, of which a crash loses all that was not flushed yet.

use mirano_replay::overlay::Changes;
use mirano_replay::store::MemoryStore;

#[derive(Default)]
pub struct Views {
    live: MemoryStore,
    flushed: MemoryStore,
    since: Vec<Changes>,
}

fn apply(store: &mut MemoryStore, changes: &Changes) {
    changes.write_to(store).expect("every row encodes");
}

impl Views {
    pub fn live(&self) -> &MemoryStore {
        &self.live
    }

    /// Visible at once, durable with the next flush.
    pub fn write(&mut self, changes: Changes) {
        apply(&mut self.live, &changes);
        self.since.push(changes);
    }

    /// How many writes are not flushed.
    pub fn unflushed(&self) -> usize {
        self.since.len()
    }

    pub fn flush(&mut self) {
        for changes in self.since.drain(..) {
            apply(&mut self.flushed, &changes);
        }
    }

    pub fn crash(&mut self) {
        self.live = self.flushed.clone();
        self.since.clear();
    }
}
