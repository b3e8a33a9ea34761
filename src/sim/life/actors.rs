//! Who acts in a life besides the nodes: clients, the pools that lease, and workers; their calls, answers and patience.

use super::{Call, Caller, Happens, Life};
use crate::core::command::{Command, CreateJob, LeaseTasks, Rejection, Reply};
use crate::core::decision::DecideError;
use crate::sim::around::{CallId, partition_of};
use crate::sim::client;
use crate::sim::policy;
use crate::sim::worker::{self, Next, Work};
use mirano_schemas::{LeaseToken, Position};

impl Life {
    pub(super) fn will_poll(&mut self, node: usize, source: usize, ms: i64) {
        let at = self.now + ms;
        match self.polls.get(&(node, source)) {
            Some(sooner) if *sooner <= at => {}
            _ => {
                self.polls.insert((node, source), at);
                self.after(ms, Happens::Poll { node, source });
            }
        }
    }

    pub(super) fn poll(&mut self, node: usize, source: usize) {
        match self.polls.get(&(node, source)) {
            Some(at) if *at <= self.now && self.nodes[node].up => {}
            _ => return,
        }
        self.polls.remove(&(node, source));
        let tokens = (0..1 + self.rng.below(3)).map(|_| LeaseToken(self.rng.bytes())).collect();
        let lease = LeaseTasks {
            source: policy::queues(self.weather.farm, self.weather.sharded)[source].to_owned(),
            worker: format!("w{node}"),
            tokens,
        };
        self.call(Command::Lease(lease), Caller::Pool { node, source }, 0);
    }

    pub(super) fn create(&mut self, request: CreateJob) {
        let again = self.rng.chance(1, 3);
        self.call(client::create(request.clone()), Caller::Client, 0);
        if again {
            // An impatient client asks twice under the same key.
            let ms = self.rng.range(1, 20_000);
            self.call(client::create(request), Caller::Client, ms);
        }
    }

    pub(super) fn call(&mut self, command: Command, caller: Caller, ms: i64) -> u64 {
        let id = self.next_call;
        self.next_call += 1;
        self.calls.insert(id, Call { command, caller, sent: 0, answered: false });
        self.after(ms, Happens::Send(id));
        id
    }

    /// Sends a call to a node that is up, and again later if no answer comes.
    pub(super) fn send(&mut self, id: u64) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let home = match call.caller {
            Caller::Pool { node, .. } => Some(node),
            Caller::Worker(work) => self.works.get(&work).map(|work| work.node),
            Caller::Client | Caller::Nobody => None,
        };
        let gives_up = match call.caller {
            Caller::Client => false,
            Caller::Worker(work) => call.sent > 6 || !self.works.contains_key(&work),
            Caller::Pool { .. } | Caller::Nobody => call.sent > 0,
        };
        if call.answered || gives_up {
            self.calls.remove(&id);
            return;
        }
        call.sent += 1;
        let command = call.command.clone();
        let up: Vec<usize> = self.nodes.iter().filter(|node| node.up).map(|node| node.index).collect();
        let any = up.get(self.rng.below(up.len() as u64) as usize).copied();
        if let Some(node) = home.filter(|home| up.contains(home)).or(any) {
            let partition = partition_of(&command, self.weather.partitions);
            let call: CallId = Some(id);
            self.nodes[node].send(call, command, partition);
        }
        let patience = self.rng.range(4_000, 15_000);
        self.after(patience, Happens::Send(id));
    }

    pub(super) fn answered(&mut self, id: u64, answer: Result<Reply, DecideError>, at: Position) -> Result<(), String> {
        let Some(call) = self.calls.get_mut(&id) else { return Ok(()) };
        let again = call.answered;
        call.answered = true;
        let (command, caller) = (call.command.clone(), call.caller);
        let answer = match answer {
            Ok(reply) => Ok(reply),
            Err(DecideError::Rejection(rejection)) => Err(rejection),
            Err(error) => return Err(format!("{command:?} can't be decided: {error}")),
        };
        self.say(|| format!("answer to call {id} of {caller:?} at {at}: {answer:?}").chars().take(300).collect());
        self.auditor.acknowledged(&command, &answer, at)?;
        if again {
            return Ok(());
        }
        match caller {
            Caller::Client => self.client_hears(&command, &answer),
            Caller::Pool { node, source } => self.pool_hears(node, source, answer),
            Caller::Worker(work) => self.worker_hears(work, command, answer),
            Caller::Nobody => {}
        }
        Ok(())
    }

    /// A client that has its job may ask again, re-check, or seal.
    pub(super) fn client_hears(&mut self, command: &Command, answer: &Result<Reply, Rejection>) {
        let (Some(request), Ok(Reply::Job(job, true))) = (client::asked(command), answer) else { return };
        // Its id decides who watches, so that nobody else's life depends on it.
        if job.0[0] % 4 == 0 && !self.calm {
            let (set, end) = client::watch(*job, &request.tenant, self.weather.span);
            self.call(set, Caller::Client, self.weather.span / 40);
            self.call(end, Caller::Client, self.weather.span / 2);
        }
        for _ in 0..self.rng.below(4) {
            if self.calm {
                break;
            }
            let ms = self.rng.range(10, self.weather.span / 2);
            let next = match self.rng.below(3) {
                0 => Command::Recheck(client::recheck(*job, &request.tenant, self.weather.farm, &mut self.rng)),
                1 => Command::Seal { job: *job, tenant: request.tenant.clone() },
                _ => client::create(request.clone()),
            };
            self.call(next, Caller::Client, ms);
        }
    }

    pub(super) fn pool_hears(&mut self, node: usize, source: usize, answer: Result<Reply, Rejection>) {
        let Ok(Reply::Leased(leased)) = answer else { return };
        if !leased.tasks.is_empty() {
            self.will_poll(node, source, 5);
        } else if let Some(at) = leased.next_at {
            let ms = at.0 - self.wall().0;
            self.will_poll(node, source, ms.max(5));
        }
        for task in leased.tasks {
            let id = self.next_work;
            self.next_work += 1;
            self.works.insert(id, Work::new(node, task));
            self.after(0, Happens::Work(id));
        }
    }

    pub(super) fn worker_hears(&mut self, id: u64, command: Command, answer: Result<Reply, Rejection>) {
        let Some(work) = self.works.get_mut(&id) else { return };
        match answer {
            Ok(Reply::Permits { permits, .. }) => {
                // None: it has one that is far ahead of the engine's clock, if not of its own.
                let ms = if permits.is_empty() { 1_000 } else { 0 };
                work.permits.extend(permits);
                self.after(ms, Happens::Work(id));
            }
            // A large answer goes in parts, each the same command again.
            Ok(Reply::More) => {
                self.call(command, Caller::Worker(id), 0);
            }
            _ => {
                self.works.remove(&id);
                if self.one_in(self.weather.workers_twice) {
                    // A permit is of the next few seconds: said twice later, it would be over either way.
                    let most = if matches!(command, Command::ReturnPermits { .. }) { 3_000 } else { 60_000 };
                    let ms = self.rng.range(1, most);
                    self.call(command, Caller::Nobody, ms);
                }
            }
        }
    }

    pub(super) fn work(&mut self, id: u64) {
        if self.works.contains_key(&id) && self.one_in(self.weather.workers_die) {
            self.say(|| format!("worker {id} dies"));
            self.works.remove(&id);
        }
        let (now, wall) = (self.now, self.wall());
        let Some(work) = self.works.get_mut(&id) else { return };
        if work.telling.is_some() {
            return;
        }
        let next = work.step(now, wall, &mut self.sources, &self.vault, &mut self.rng);
        let (source, lease) = (work.task.queue.clone(), work.task.lease);
        match next {
            Next::At(at) => {
                let ms = at - wall.0;
                self.after(ms, Happens::Work(id));
            }
            Next::After(ms) => {
                self.say(|| format!("worker {id} asks {source}"));
                if self.rng.chance(1, 6) {
                    self.call(Command::Heartbeat { source, lease }, Caller::Nobody, ms / 2);
                }
                self.after(ms, Happens::Work(id));
            }
            Next::Call(command) => {
                self.call(command, Caller::Worker(id), 0);
            }
            Next::Tell { give_back, end } => {
                let mut busy = 0;
                if let Some(give_back) = give_back {
                    if !self.calm && self.rng.chance(1, 2) {
                        // It did not hear the answer and says it again, before it is done with reading and before the permit is over.
                        busy = self.rng.range(300, 6_000);
                        self.call(give_back.clone(), Caller::Nobody, busy);
                    }
                    self.call(give_back, Caller::Nobody, 0);
                }
                if let Command::Complete(complete) = &end {
                    self.auditor.brought.insert(lease, worker::brought(complete));
                }
                let late = self.one_in(self.weather.workers_late);
                let ms = if late { self.rng.range(10_000, 90_000) } else { busy + self.rng.range(0, 300) };
                self.call(end, Caller::Worker(id), ms);
            }
        }
    }
}
