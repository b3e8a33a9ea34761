//! One life: a world with its log, its nodes, workers, clients and sources, from its first policy to its rest.
//!
//! Time is a queue of events; nothing here waits, and nothing here is random but the seed.

mod actors;
mod trouble;

use super::around::{Around, Out, Stop};
use super::audit::Auditor;
use super::client;
use super::farm;
use super::log::Log;
use super::node::Node;
use super::policy;
use super::rng::Rng;
use super::source::Sources;
use super::weather::Weather;
use super::worker::Work;
use crate::core::command::{AdoptPolicy, Command};
use crate::core::vault::MemoryVault;
use mirano_replay::rows::SourceRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use std::collections::BTreeMap;

/// How long after the last fault every job must have ended.
const PATIENCE_MS: i64 = 8 * 3_600_000;
/// More events than any life has.
const MOST_EVENTS: u64 = 400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    Sync(u32),
    Ring { node: usize, life: u64, partition: u32 },
    Start(usize),
    Poll { node: usize, source: usize },
    Send(u64),
    Work(u64),
    NewJob(u64),
    NewPolicy(usize),
    Trouble,
    Calm,
    Look,
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Client,
    Pool {
        node: usize,
        source: usize,
    },
    Worker(u64),
    /// Says something that must change nothing, or does not listen.
    Nobody,
}

struct Call {
    command: Command,
    caller: Caller,
    sent: u32,
    answered: bool,
}

pub struct Life {
    pub weather: Weather,
    pub rng: Rng,
    pub now: i64,
    skew: i64,
    queue: BTreeMap<(i64, u64), Happens>,
    pub events: u64,
    pub log: Log,
    pub nodes: Vec<Node>,
    lives: Vec<u64>,
    pub vault: MemoryVault,
    pub sources: Sources,
    pub auditor: Auditor,
    audited: Vec<usize>,
    calls: BTreeMap<u64, Call>,
    next_call: u64,
    works: BTreeMap<u64, Work>,
    next_work: u64,
    polls: BTreeMap<(usize, usize), i64>,
    syncing: Vec<bool>,
    calm: bool,
    pub crashes: u64,
    pub jumped_ahead: bool,
    trace: bool,
}

impl Life {
    pub fn new(seed: u64, trace: bool, weather: fn(&mut Rng) -> Weather) -> Self {
        let mut rng = Rng::new(seed);
        let weather = weather(&mut rng);
        let weather = if seed % 3 == 1 && !weather.farm { weather.with_shards() } else { weather };
        let mut life = Self {
            log: Log::new(LogId(rng.bytes()), weather.partitions),
            nodes: (0..weather.nodes).map(Node::new).collect(),
            lives: vec![0; weather.nodes],
            vault: MemoryVault::seeded(seed),
            sources: Sources::new(seed, weather.moods),
            auditor: Auditor::default(),
            audited: vec![0; weather.partitions as usize],
            syncing: vec![false; weather.partitions as usize],
            rng,
            now: weather.start,
            skew: 0,
            queue: BTreeMap::new(),
            events: 0,
            calls: BTreeMap::new(),
            next_call: 0,
            works: BTreeMap::new(),
            next_work: 0,
            polls: BTreeMap::new(),
            calm: false,
            crashes: 0,
            jumped_ahead: false,
            trace,
            weather,
        };
        life.begin();
        life
    }

    fn begin(&mut self) {
        for node in 0..self.weather.nodes {
            self.after(0, Happens::Start(node));
        }
        for (number, (at, variant)) in self.weather.policies.clone().into_iter().enumerate() {
            self.auditor.documents.insert(variant.document(), variant.terms());
            self.after(at, Happens::NewPolicy(number));
        }
        for number in 0..self.weather.jobs as u64 {
            let within = if self.weather.rush { 30_000 } else { self.weather.span };
            let at = match self.weather.farm {
                true => farm::comes_at(number, &mut self.rng),
                false => 1_000 + self.rng.below(within as u64) as i64,
            };
            self.after(at, Happens::NewJob(number));
        }
        self.after(self.weather.span / 40, Happens::Trouble);
        self.after(self.weather.span, Happens::Calm);
    }

    fn after(&mut self, ms: i64, what: Happens) {
        self.events += 1;
        self.queue.insert((self.now + ms.max(0), self.events), what);
    }

    fn wall(&self) -> Timestamp {
        Timestamp(self.now + self.skew)
    }

    fn one_in(&mut self, n: u64) -> bool {
        n > 0 && !self.calm && self.rng.chance(1, n)
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>12.3}s {}", (self.now - self.weather.start) as f64 / 1_000.0, what());
        }
    }

    /// Lives until everything rests; the error is what was found.
    pub fn live(&mut self) -> Result<(), String> {
        let mut rests_at = None;
        while let Some(((at, _), what)) = self.queue.pop_first() {
            if self.events > MOST_EVENTS * (1 + 9 * u64::from(self.weather.farm)) {
                return Err("liveness: it never comes to rest".to_owned());
            }
            self.now = at;
            if what == Happens::Calm {
                // What a day's quota held back is asked for day by day.
                rests_at = Some(at + PATIENCE_MS * if self.weather.farm { 30 } else { 1 });
            }
            if rests_at.is_some_and(|end| at > end) {
                return Err(format!("liveness: not final after {PATIENCE_MS} ms without a fault: {}", self.open()?));
            }
            self.happens(what)?;
            for node in 0..self.nodes.len() {
                if self.nodes[node].up {
                    self.run(node, |node, around| node.pump(around))?;
                }
            }
        }
        Ok(())
    }

    /// What is not at its end.
    fn open(&self) -> Result<String, String> {
        let jobs = self.nodes.iter().map(|node| self.auditor.unfinished(node.views.live()));
        let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
        let calls: Vec<&Command> = self.calls.values().filter(|call| waits(call)).map(|call| &call.command).collect();
        Ok(format!("jobs {jobs:?}, calls {calls:?}"))
    }

    fn happens(&mut self, what: Happens) -> Result<(), String> {
        match what {
            Happens::Sync(partition) => self.sync(partition)?,
            Happens::Ring { node, life, partition } => {
                if self.nodes[node].up && self.lives[node] == life {
                    self.run(node, |node, around| {
                        node.ring(partition, around);
                        Ok(())
                    })?;
                }
            }
            Happens::Start(node) => {
                self.say(|| format!("node {node} starts"));
                self.run(node, |node, around| node.start(around))?;
            }
            Happens::Poll { node, source } => self.poll(node, source),
            Happens::Send(call) => self.send(call),
            Happens::Work(work) => self.work(work),
            Happens::NewJob(number) => {
                let request = match self.weather.farm {
                    true => client::farm_request(number, &mut self.rng),
                    false => client::request(number, &mut self.rng),
                };
                self.create(request);
            }
            Happens::NewPolicy(number) => {
                let document = self.weather.policies[number].1.document();
                let adopt = AdoptPolicy { document, origin: PolicyOrigin::Files, expected: None };
                self.call(Command::AdoptPolicy(adopt), Caller::Client, 0);
            }
            Happens::Trouble => self.trouble()?,
            Happens::Calm => self.be_calm(),
            Happens::Look => self.look()?,
        }
        Ok(())
    }

    /// Lets a node do something, and hears what comes out.
    fn run(
        &mut self,
        node: usize,
        step: impl FnOnce(&mut Node, &mut Around<'_>) -> Result<(), Stop>,
    ) -> Result<(), String> {
        let mut out = Vec::new();
        let wall = self.wall();
        let crash_one_in = if self.calm { None } else { self.weather.crash };
        let mut around = Around {
            log: &mut self.log,
            vault: &self.vault,
            rng: &mut self.rng,
            wall,
            crash_one_in,
            most_in_flight: self.weather.most_in_flight,
            flush_every: self.weather.flush_every,
            out: &mut out,
        };
        let stop = step(&mut self.nodes[node], &mut around);
        for out in out {
            self.hear(node, out)?;
        }
        match stop {
            Ok(()) => Ok(()),
            Err(Stop::Crash(place)) => {
                self.crash(node, place);
                Ok(())
            }
            Err(Stop::Broken(cause)) => Err(format!("the engine stops: {cause}")),
        }
    }

    fn hear(&mut self, node: usize, out: Out) -> Result<(), String> {
        match out {
            Out::Answer { call, answer, at } => self.answered(call, answer, at)?,
            Out::Appended(partition) => self.will_sync(partition),
            Out::Work => {
                for source in 0..policy::queues(self.weather.farm, self.weather.sharded).len() {
                    if !self.weather.farm || self.has_work(node, source)? {
                        self.will_poll(node, source, 5);
                    }
                }
            }
            Out::Expiry(partition, due) => {
                let ms = due.0 - self.wall().0 + 1;
                self.after(ms.max(1), Happens::Ring { node, life: self.lives[node], partition });
            }
        }
        Ok(())
    }

    /// Whether a source has a queue, as a node sees it: twenty that have none are not asked after each commit.
    fn has_work(&self, node: usize, source: usize) -> Result<bool, String> {
        let name = policy::queues(self.weather.farm, self.weather.sharded)[source];
        let row: Option<SourceRow> =
            self.nodes[node].views.live().row(name.as_bytes()).map_err(|error| error.to_string())?;
        Ok(row.is_some_and(|row| row.queued + row.delayed > 0))
    }

    fn crash(&mut self, node: usize, place: &'static str) {
        self.crashes += 1;
        self.nodes[node].crash();
        let lost = self.log.lose(node, &mut self.rng);
        self.say(|| format!("node {node} crashes {place}; {lost} records are lost"));
        for partition in 0..self.weather.partitions {
            if self.log.waiting(partition) > 0 {
                self.will_sync(partition);
            }
        }
        // Its workers die with it, but for those that run on somewhere.
        let of_node: Vec<u64> = self.works.iter().filter(|(_, work)| work.node == node).map(|(id, _)| *id).collect();
        for work in of_node {
            if self.rng.chance(2, 3) {
                self.works.remove(&work);
            }
        }
        self.polls.retain(|(of, _), _| *of != node);
        self.lives[node] += 1;
        let ms = if self.rng.chance(1, 6) { 60_000 } else { 5_000 };
        let ms = self.rng.range(20, ms);
        self.after(ms, Happens::Start(node));
    }

    fn will_sync(&mut self, partition: u32) {
        if !std::mem::replace(&mut self.syncing[partition as usize], true) {
            let slow = if self.calm { 10 } else { self.weather.slow_sync };
            let ms = self.rng.range(1, slow);
            self.after(ms, Happens::Sync(partition));
        }
    }

    fn sync(&mut self, partition: u32) -> Result<(), String> {
        self.syncing[partition as usize] = false;
        if self.one_in(self.weather.intrusions) {
            self.log.intrude(partition)?;
        }
        if self.one_in(self.weather.duplicates) {
            self.log.duplicate(partition, &mut self.rng);
        }
        let count = 1 + self.rng.below(self.log.waiting(partition) as u64) as usize;
        let fates = self.log.sync(partition, count)?;
        let audited = &mut self.audited[partition as usize];
        for commit in &self.log.commits(partition)[*audited..] {
            if self.trace {
                let names: Vec<&str> = commit.body.events.iter().map(Event::name).collect();
                let cause = commit.body.head.cause.map(|cause| format!(" because of {cause}")).unwrap_or_default();
                println!("             {}{cause}: {}", commit.position, names.join(", "));
            }
            self.auditor.commit(commit.position, &commit.body)?;
            *audited += 1;
        }
        for (owner, fate) in fates {
            self.nodes[owner.0].tell(partition, owner, fate);
        }
        if self.log.waiting(partition) > 0 {
            self.will_sync(partition);
        }
        Ok(())
    }

    /// What a node needs when it is started or asked outside the queue.
    pub fn restart(&mut self, node: usize) -> Result<(), String> {
        self.nodes[node].crash();
        self.run(node, |node, around| node.start(around))
    }
}

/// Whether a client still waits.
fn waits(call: &Call) -> bool {
    call.caller == Caller::Client && !call.answered
}
