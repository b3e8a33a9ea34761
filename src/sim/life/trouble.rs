//! What goes wrong by itself, and how a life comes to rest.

use super::{Caller, Happens, Life, waits};
use crate::core::command::{Command, Complete};
use crate::sim::source::Moods;
use mirano_schemas::{LeaseToken, Outcome};

impl Life {
    /// Something goes wrong that is nobody's step.
    pub(super) fn trouble(&mut self) -> Result<(), String> {
        if self.calm {
            return Ok(());
        }
        if self.one_in(self.weather.back_jumps) {
            self.skew -= self.rng.range(1, 120_000);
            self.say(|| "the clock jumps back".to_owned());
        }
        if self.one_in(self.weather.forward_jumps) {
            self.jumped_ahead = true;
            self.skew += self.rng.range(1, 900_000);
            self.say(|| "the clock jumps ahead".to_owned());
        }
        if self.one_in(self.weather.strangers) && !self.works.is_empty() {
            // Somebody tells an answer under a lease that is not his.
            let at = self.rng.below(self.works.len() as u64) as usize;
            let task = self.works.values().nth(at).map(|work| work.task.clone());
            if let Some(task) = task {
                let lease = LeaseToken(self.rng.bytes());
                let nothing = Complete {
                    source: task.queue,
                    task: task.task,
                    lease,
                    outcome: Outcome::NothingFound,
                    by_status_only: false,
                    complete: true,
                    as_of: None,
                    observed_at: self.wall(),
                    evidence: Vec::new(),
                    facts: Vec::new(),
                    http_status: None,
                };
                self.call(Command::Complete(nothing), Caller::Nobody, 0);
            }
        }
        if let Some(n) = self.weather.crash
            && self.rng.chance(1, 1 + n / 40)
        {
            let node = self.rng.below(self.nodes.len() as u64) as usize;
            if self.nodes[node].up {
                self.crash(node, "at rest");
            }
        }
        let ms = self.rng.range(1, self.weather.span / 20);
        self.after(ms, Happens::Trouble);
        Ok(())
    }

    /// From now on everything works.
    pub(super) fn be_calm(&mut self) {
        self.say(|| "all is calm".to_owned());
        self.calm = true;
        self.sources.moods = Moods { bulky: self.sources.moods.bulky, ..Moods::default() };
        self.after(60_000, Happens::Look);
    }

    /// Looks whether all has come to its end; then time may end too.
    pub(super) fn look(&mut self) -> Result<(), String> {
        let mut open = self.calls.values().any(waits);
        for node in &self.nodes {
            open |= !node.up || !node.idle() || !self.auditor.unfinished(node.views.live())?.is_empty();
        }
        open |= (0..self.weather.partitions).any(|partition| self.log.waiting(partition) > 0);
        if open {
            // What waits for days is looked at now and then.
            let ms = if self.weather.farm { 1_800_000 } else { 60_000 };
            self.after(ms, Happens::Look);
        } else {
            self.queue.clear();
        }
        Ok(())
    }
}
