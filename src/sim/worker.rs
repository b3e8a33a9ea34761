//! Workers: they lease, ask the source within the windows of their permits, and tell what came of it; unless they die,
//! freeze, or say it twice.

use super::audit::Brought;
use super::policy;
use super::rng::Rng;
use super::source::{Request, Said, Shown, Sources};
use crate::core::command::{AnsweredFact, Command, Complete, FailAttempt, LeasedTask};
use crate::core::persons;
use crate::core::vault::{MemoryVault, Vault};
use mirano_schemas::canonical::{fact_id, keyed_fact_id};
use mirano_schemas::*;

/// One attempt in the hands of a worker.
pub struct Work {
    pub node: usize,
    pub task: LeasedTask,
    pub permits: Vec<Permit>,
    said: Option<Said>,
    pages_left: usize,
    asked_at: Timestamp,
    /// What it tells in the end.
    pub telling: Option<Command>,
}

/// What a worker does next.
#[expect(clippy::large_enum_variant, reason = "one at a time is held")]
pub enum Next {
    /// Goes on at this time of its clock.
    At(i64),
    /// Goes on when so much time has passed.
    After(i64),
    /// Waits for the answer to this.
    Call(Command),
    /// Tells the end; before that it may give back what it did not use.
    Tell { give_back: Option<Command>, end: Command },
}

impl Work {
    pub fn new(node: usize, task: LeasedTask) -> Self {
        let permits = vec![task.permit];
        Self { node, task, permits, said: None, pages_left: 0, asked_at: Timestamp(0), telling: None }
    }

    /// Goes on. `now` is the truth, `wall` the worker's clock.
    pub fn step(
        &mut self,
        now: i64,
        wall: Timestamp,
        sources: &mut Sources,
        vault: &MemoryVault,
        rng: &mut Rng,
    ) -> Next {
        if self.said.is_some() && self.pages_left == 0 {
            return self.end(vault, rng);
        }
        self.permits.retain(|permit| permit.not_after >= wall);
        let Some(permit) = self.permits.first().copied() else {
            let n = 1 + rng.below(3) as u32;
            return Next::Call(Command::Permit { source: self.task.queue.clone(), lease: self.task.lease, n });
        };
        if wall < permit.not_before && self.permits.len() == 1 && rng.chance(1, 4) {
            // It knows of pages to come, and asks before it needs to.
            let n = 1 + rng.below(3) as u32;
            return Next::Call(Command::Permit { source: self.task.queue.clone(), lease: self.task.lease, n });
        }
        if wall < permit.not_before {
            let window = permit.not_after.0 - permit.not_before.0;
            return Next::At(permit.not_before.0 + rng.range(0, window));
        }
        self.permits.remove(0);
        if rng.chance(1, 10) {
            // It meant to ask for several pages and asks for one.
            self.pages_left = self.pages_left.min(1);
        }
        if self.task.proxy.as_deref().is_some_and(|proxy| sources.is_down(proxy, now)) {
            let cause = "proxy: connection refused";
            let outcome = Outcome::Unavailable;
            self.said = Some(Said::Fails { outcome, cause, retry_after_ms: None, http_status: None });
            self.pages_left = 0;
            return Next::After(rng.range(1, 50));
        }
        let request = Request {
            source: self.task.source().to_owned(),
            proxy: self.task.proxy.clone(),
            wall: wall.0,
            from: now,
            to: now,
        };
        let took = sources.reached(request, rng);
        if self.said.is_none() {
            self.asked_at = wall;
            let params = persons::open(vault, &self.task.params).unwrap_or_default();
            let said = sources.say(self.task.source(), &self.task.subject, &params, now, rng);
            self.pages_left = match &said {
                Said::Shows(shown) => (shown.facts.len() / 3).min(3),
                Said::Fails { .. } => 0,
            };
            self.said = Some(said);
        } else {
            self.pages_left -= 1;
        }
        Next::After(took.min(policy::limits(self.task.source()).timeout_ms))
    }

    fn end(&mut self, vault: &MemoryVault, rng: &mut Rng) -> Next {
        let task = &self.task;
        let give_back = (!self.permits.is_empty() && rng.chance(3, 4)).then(|| Command::ReturnPermits {
            source: task.queue.clone(),
            lease: task.lease,
            permits: std::mem::take(&mut self.permits),
        });
        let evidence = vec![EvidenceId([7; 32])];
        let end = match self.said.clone() {
            Some(Said::Fails { outcome, cause, retry_after_ms, http_status }) => Command::Fail(FailAttempt {
                source: task.queue.clone(),
                task: task.task,
                lease: task.lease,
                outcome,
                cause: cause.to_owned(),
                http_status,
                evidence,
                retry_after_ms,
            }),
            said => {
                let shown = match said {
                    Some(Said::Shows(shown)) => shown,
                    _ => Shown { facts: Vec::new(), complete: true, by_status_only: false },
                };
                let facts: Vec<AnsweredFact> =
                    shown.facts.into_iter().map(|(fact, volatile)| answered(fact, volatile, vault)).collect();
                Command::Complete(Complete {
                    source: task.queue.clone(),
                    task: task.task,
                    lease: task.lease,
                    outcome: if facts.is_empty() { Outcome::NothingFound } else { Outcome::Found },
                    by_status_only: shown.by_status_only,
                    complete: shown.complete,
                    as_of: None,
                    observed_at: self.asked_at,
                    evidence,
                    facts,
                    http_status: Some(if shown.by_status_only { 404 } else { 200 }),
                })
            }
        };
        self.telling = Some(end.clone());
        Next::Tell { give_back, end }
    }
}

/// What the auditor notes of an answer.
pub fn brought(complete: &Complete) -> Brought {
    Brought {
        facts: complete.facts.iter().map(|fact| fact.fact.fact_id).collect(),
        complete: complete.complete,
        outcome: complete.outcome,
        asked_at: complete.observed_at,
    }
}

fn answered(fact: Fact, volatile: Attrs, vault: &MemoryVault) -> AnsweredFact {
    let kind = fact.kind.clone();
    match vault.by_subject(&fact.subject) {
        None => AnsweredFact {
            kind,
            volatile: (!volatile.is_empty()).then_some(Sealable::Plain(volatile)),
            fact: LoggedFact { fact_id: fact_id(&fact), body: Sealable::Plain(fact.into()) },
        },
        Some(keys) => AnsweredFact {
            kind,
            volatile: persons::seal(&keys, &volatile).ok(),
            fact: LoggedFact {
                fact_id: keyed_fact_id(&fact, keys.fact_key()),
                body: persons::seal(&keys, &SharedFact::from(fact)).expect("a fact is sealed"),
            },
        },
    }
}
