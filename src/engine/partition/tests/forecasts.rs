//! How far off forecasts are: what a task is told when it is queued, against when it begins, under a virtual clock.

use super::*;
use crate::core::source::forecast::forecast;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A repeatable draw of chance.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// An attempt under way: when it ends, its task, and whether the source answers.
struct Work {
    ends: Timestamp,
    task: LeasedTask,
    pages: u64,
    answers: bool,
}

struct Queue {
    world: World,
    draw: Draw,
    works: Vec<Work>,
    asked: u16,
    /// Of each task that waits, what it was told: when, and in how long.
    told: BTreeMap<TaskId, (Timestamp, u64)>,
    /// Told, and what came.
    came: Vec<(u64, u64)>,
    known: BTreeSet<TaskId>,
}

impl Queue {
    fn new(limits: &Json) -> Self {
        let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
        policy["sources"]["cadastre"]["limits"] = limits.clone();
        policy["sources"]["cadastre"]["retry"] = json!({"attempts": 9, "initial": "5s"});
        policy["profiles"]["standard"]["needs"] =
            json!([{"source": "cadastre", "params": {"address": "{{ address.canonical }}"}}]);
        let world = World::with_policy(&policy.to_string());
        Self {
            world,
            draw: Draw(7),
            works: Vec::new(),
            asked: 0,
            told: BTreeMap::new(),
            came: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    /// Somebody asks about another house; its task is told how long it will wait.
    fn ask(&mut self) {
        self.asked += 1;
        let number = self.asked.to_be_bytes();
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number);
        let canonical = format!("Тверская 7, {}", self.asked);
        let address = AddressRecord { canonical, subject: Subject(format!("property:{}", self.asked)), ..address() };
        let create = CreateJob {
            job: JobId(id),
            tenant: format!("t{}", self.draw.below(3)),
            profile: "standard".to_owned(),
            address,
            inputs: BTreeMap::new(),
            priority: 3,
            max_age_ms: BTreeMap::new(),
            request_digest: [0; 32],
        };
        self.world.run(Command::CreateJob(create)).expect("created");
        let scheduled = self.world.bodies.iter().rev().flat_map(|body| &body.events).find_map(|event| match event {
            Event::TaskScheduled(event) => Some(event.task),
            _ => None,
        });
        let task = scheduled.filter(|task| self.known.insert(*task)).expect("a new task");
        let row: TaskRow = self.world.store.row(task.as_bytes()).expect("readable").expect("there");
        let policy = self.world.partition.policy();
        let held = forecast(&self.world.store, policy, 1, &row, self.world.now).expect("readable").expect("it waits");
        if let Some(eta) = held.eta_ms {
            self.told.insert(task, (self.world.now, eta));
        }
    }

    /// What may begin now begins; when to look again.
    fn lease(&mut self) -> Option<Timestamp> {
        loop {
            let token = LeaseToken::of(&[&self.world.bodies.len().to_le_bytes()]);
            let lease = LeaseTasks { source: "cadastre".to_owned(), worker: "w".to_owned(), tokens: vec![token] };
            let Reply::Leased(leased) = self.world.run(Command::Lease(lease)).expect("leases") else {
                panic!("no lease")
            };
            let Some(task) = leased.tasks.into_iter().next() else { return leased.next_at };
            let begins = task.permit.not_before;
            if let Some((at, eta)) = self.told.remove(&task.task) {
                self.came.push((eta, begins.since_ms(at)));
            }
            // One to three pages, and every eighth attempt fails.
            let work = Work {
                ends: begins.plus_ms(500 + self.draw.below(2_500)),
                task,
                pages: self.draw.below(3),
                answers: self.draw.below(8) > 0,
            };
            self.works.push(work);
        }
    }

    /// An attempt goes on: it asks for a further page, or ends.
    fn step(&mut self, mut work: Work) {
        if work.pages > 0 {
            let permit = Command::Permit { source: "cadastre".to_owned(), lease: work.task.lease, n: 1 };
            let Ok(Reply::Permits { permits, .. }) = self.world.run(permit) else { panic!("a further page") };
            work.pages -= 1;
            work.ends = permits[0].not_before.plus_ms(500 + self.draw.below(2_500));
            return self.works.push(work);
        }
        match work.answers {
            true => self.world.answer(&work.task, Vec::new()).map(|_| ()).expect("answers"),
            false => self.world.fail(&work.task).map(|_| ()).expect("fails"),
        }
    }

    fn waits(&self) -> bool {
        let row: SourceRow = self.world.store.row(b"cadastre").expect("readable").expect("there");
        row.queued + row.delayed > 0
    }

    /// Until nobody waits.
    fn run(&mut self) {
        while self.waits() || !self.works.is_empty() {
            let look = self.lease();
            let ends = self.works.iter().map(|work| work.ends).min();
            let next = [look, ends].into_iter().flatten().min().expect("something happens");
            self.world.now = self.world.now.max(next);
            let now = self.world.now;
            let (due, others) = self.works.drain(..).partition(|work: &Work| work.ends <= now);
            self.works = others;
            let due: Vec<Work> = due;
            due.into_iter().for_each(|work| self.step(work));
        }
    }
}

/// Waits of ten seconds and more: the middle of what came as a part of what was told, and the mean error as a part of the wait.
fn off(limits: &Json) -> (f64, f64) {
    let mut queue = Queue::new(limits);
    // What a source takes for an attempt, and how many requests, is learnt first.
    (0..12).for_each(|_| queue.ask());
    queue.run();
    queue.came.clear();
    (0..60).for_each(|_| queue.ask());
    queue.run();
    assert!(queue.came.len() >= 55, "{} of 60 were told a time", queue.came.len());
    let long: Vec<(f64, f64)> = queue
        .came
        .iter()
        .filter(|(_, came)| *came >= 10_000)
        .map(|(told, came)| (*told as f64, *came as f64))
        .collect();
    let mut ratios: Vec<f64> = long.iter().map(|(told, came)| came / told).collect();
    ratios.sort_by(f64::total_cmp);
    let mean = long.iter().map(|(told, came)| (told - came).abs() / came).sum::<f64>() / long.len() as f64;
    (ratios[ratios.len() / 2], mean)
}

#[test]
fn forecasts_are_not_far_off() {
    for (name, limits) in [
        ("held up by its rate", json!({"rate": "20/m", "burst": 4, "concurrency": 8})),
        ("held up by its concurrency", json!({"rate": "600/m", "burst": 20, "concurrency": 2})),
        ("both", json!({"rate": "40/m", "burst": 4, "concurrency": 2})),
    ] {
        let (middle, mean) = off(&limits);
        println!(
            "{name}: what came is {middle:.2} of what was told, in the middle; {:.0} % off in the mean",
            mean * 100.0
        );
        assert!((0.75..1.35).contains(&middle) && mean < 0.35, "{name}: {middle:.2}, {mean:.2}");
    }
}
