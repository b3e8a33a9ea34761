//! Popular objects are asked again before their answers become stale; and a month of demand with and without that.

use super::*;
use mirano_replay::apply::be_u64;
use mirano_replay::rows::demand::DemandRow;
use mirano_replay::rows::key;
use serde_json::{Value as Json, json};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A world with one source, which is asked ahead if that is given.
fn world(prefetch: Option<Json>, limits: &Json, ttl: &str) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    let cadastre = &mut policy["sources"]["cadastre"];
    cadastre["ttl"] = json!(ttl);
    cadastre["limits"] = limits.clone();
    if let Some(prefetch) = prefetch {
        cadastre["prefetch"] = prefetch;
    }
    policy["profiles"]["standard"]["needs"].as_array_mut().expect("needs").truncate(1);
    World::with_policy(&policy.to_string())
}

impl World {
    fn ask_about(&mut self, job: JobId, house: usize) {
        let command = CreateJob {
            job,
            tenant: "t".to_owned(),
            profile: "standard".to_owned(),
            address: AddressRecord { building: format!("Тверская {house}"), ..address() },
            inputs: BTreeMap::new(),
            priority: 3,
            max_age_ms: BTreeMap::new(),
            request_digest: *blake3::hash(job.as_bytes()).as_bytes(),
        };
        self.run(Command::CreateJob(command)).expect("created");
    }

    fn lease_or_when(&mut self) -> Leased {
        let token = LeaseToken::of(&[&self.bodies.len().to_le_bytes()]);
        let command = LeaseTasks { source: "cadastre".to_owned(), worker: "w".to_owned(), tokens: vec![token] };
        match self.run(Command::Lease(command)).expect("leases") {
            Reply::Leased(leased) => leased,
            other => panic!("{other:?}"),
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let first = self.store.keys(Table::DemandDue, &0u32.to_be_bytes(), &[], 1).expect("readable");
        first.first().map(|place| Timestamp(be_u64(&place[4..12]) as i64))
    }

    fn verdicts(&self) -> Vec<PrefetchVerdict> {
        let events = self.bodies.iter().flat_map(|body| &body.events);
        let verdict = |event: &Event| match event {
            Event::PrefetchDecided(event) => Some(event.verdict),
            _ => None,
        };
        events.filter_map(verdict).collect()
    }
}

fn job_id(n: usize) -> JobId {
    JobId::of(&[b"job", &n.to_le_bytes()])
}

#[test]
fn a_popular_object_is_asked_again_before_it_is_stale_and_another_is_not() {
    let limits = json!({"rate": "10/m", "concurrency": 1});
    let mut world = world(Some(json!({"share": 0.5, "asks": 0.1})), &limits, "10h");
    for n in 0..4 {
        world.ask_about(job_id(n), 1);
    }
    world.ask_about(job_id(9), 2);
    for _ in 0..2 {
        let task = world.lease("cadastre").expect("asked");
        world.answer(&task, vec![developer()]).expect("answers");
        world.now = world.now.plus_ms(10_000);
    }
    let observed_at = world.job(job_id(0)).needs[0].receipt.as_ref().expect("answered").observed_at;
    assert_eq!(world.due(), Some(observed_at.plus_ms(9 * HOUR)), "a tenth of the TTL before its end");
    world.run(Command::LookAhead).expect("looks");
    assert_eq!(world.verdicts(), [], "nothing is due");

    world.now = observed_at.plus_ms(9 * HOUR);
    world.run(Command::LookAhead).expect("looks");
    assert_eq!((world.verdicts(), world.due()), (vec![PrefetchVerdict::Asked], None));
    let last = job_id(3);
    let row = world.job(last);
    assert_eq!((row.status, row.is_final, row.needs[0].pending.is_some()), (JobStatus::Partial, false, true));
    let task = world.lease("cadastre").expect("asked ahead");
    let row: TaskRow = world.store.row(task.task.as_bytes()).expect("readable").expect("there");
    assert_eq!(row.priority, 5, "behind everything that somebody waits for");
    world.answer(&task, vec![developer()]).expect("answers");
    assert!(world.lease("cadastre").is_none(), "the other was asked for once only");
    assert_eq!(world.job(last).status, JobStatus::Completed);
    assert_eq!(world.due(), Some(world.now.plus_ms(9 * HOUR)), "and so on");

    // Two hours later the old answer would be stale; the next one who asks does not wait.
    world.now = world.now.plus_ms(2 * HOUR);
    world.ask_about(job_id(10), 1);
    assert!(world.job(job_id(10)).is_final);
    // Nobody asks any more: in the end it is not worth a request.
    for _ in 0..200 {
        let Some(due) = world.due() else { break };
        world.now = world.now.max(due);
        world.run(Command::LookAhead).expect("looks");
        if let Some(task) = world.lease("cadastre") {
            world.answer(&task, vec![developer()]).expect("answers");
        }
    }
    assert_eq!((world.verdicts().last(), world.due()), (Some(&PrefetchVerdict::Unpopular), None));
    let demand: DemandRow = world.store.rows(&[], &[], 1).expect("readable").remove(0).1;
    assert!(demand.score_at(world.now) < demand.score);
}

#[test]
fn what_somebody_waits_for_goes_first_and_the_budget_is_kept() {
    // Two in an hour.
    let limits = json!({"rate": "4/h", "burst": 4, "concurrency": 1});
    let mut world = world(Some(json!({"share": 0.5, "asks": 0.1})), &limits, "10h");
    for house in 0..4 {
        for n in 0..3 {
            world.ask_about(job_id(10 * house + n), house);
        }
    }
    for _ in 0..4 {
        let task = loop {
            match world.lease("cadastre") {
                Some(task) => break task,
                None => world.now = world.now.plus_ms(MINUTE),
            }
        };
        world.answer(&task, Vec::new()).expect("answers");
    }
    // Somebody asks about another house: the source has work.
    world.now = world.due().expect("popular");
    world.ask_about(job_id(77), 77);
    world.run(Command::LookAhead).expect("looks");
    let busy = world.verdicts();
    assert!(!busy.is_empty() && busy.iter().all(|verdict| *verdict == PrefetchVerdict::Busy), "{busy:?}");
    let mut hours = BTreeMap::<i64, usize>::new();
    for _ in 0..400 {
        if let Some(task) = world.lease("cadastre") {
            world.answer(&task, Vec::new()).expect("answers");
        }
        let before = world.verdicts().iter().filter(|verdict| **verdict == PrefetchVerdict::Asked).count();
        world.run(Command::LookAhead).expect("looks");
        let after = world.verdicts().iter().filter(|verdict| **verdict == PrefetchVerdict::Asked).count();
        *hours.entry(world.now.0 / HOUR as i64).or_default() += after - before;
        world.now = world.now.plus_ms(2 * MINUTE);
    }
    assert!(hours.values().all(|asked| *asked <= 2), "{hours:?}");
    assert!(hours.values().sum::<usize>() >= 3, "{hours:?}");
    let spent = world.store.get(Table::Prefetched, &key::prefetched(0, "cadastre")).expect("readable");
    assert!(spent.is_some());
}

#[test]
fn a_popular_watch_rests_while_nobody_asks() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    let watch = WatchId([1; 16]);
    let set =
        SetWatch { watch, job, tenant: "t".to_owned(), every_ms: 12 * HOUR, hours: None, reason: WatchReason::Popular };
    world.run(Command::SetWatch(set)).expect("set");
    let rechecked = |world: &mut World| {
        let row: mirano_replay::rows::WatchRow = world.store.row(watch.as_bytes()).expect("readable").expect("there");
        world.now = world.now.max(row.next_at);
        let before = world.bodies.len();
        world.run(Command::RingWatches).expect("rings");
        let mine = |event: &Event| matches!(event, Event::WatchRang(rang) if rang.watch == watch);
        let rang = world.bodies[before..].iter().find(|body| body.events.iter().any(mine)).expect("rang").clone();
        for source in ["cadastre", "courts"] {
            if let Some(task) = world.lease(source) {
                world.answer(&task, Vec::new()).expect("answers");
            }
        }
        rang.events.iter().any(|event| matches!(event, Event::RecheckPlanned(_)))
    };
    assert!(rechecked(&mut world), "it was asked for half a day ago");
    world.now = world.now.plus_ms(30 * DAY);
    assert!(!rechecked(&mut world), "nobody asked for a month");
    world.create(2);
    world.now = world.now.plus_ms(13 * HOUR);
    assert!(rechecked(&mut world), "and somebody does again");
}

/// What a month of demand came to.
#[derive(Debug, Default, Clone, Copy)]
struct Month {
    checks: usize,
    /// Checks that were final in the answer to the question.
    hits: usize,
    waited_ms: u64,
    requests: usize,
}

/// A month of checks by Zipf's law: the n-th house is asked about 1/n times as often as the first, at times drawn from a
/// Poisson process. Each answer takes the source half a minute.
fn month(prefetch: Option<Json>) -> Month {
    const HOUSES: usize = 150;
    const CHECKS_A_DAY: f64 = 60.0;
    let mut world = world(prefetch, &json!({"rate": "60/h", "burst": 2, "concurrency": 1}), "2d");
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let weights: Vec<f64> = (1..=HOUSES).map(|n| 1.0 / n as f64).collect();
    let whole: f64 = weights.iter().sum();
    let start = world.now;
    let mut month = Month::default();
    let mut next_ask = start;
    let mut at_work: Option<(Timestamp, LeasedTask)> = None;
    let mut poll = None::<Timestamp>;
    let mut open: Vec<(JobId, Timestamp)> = Vec::new();
    loop {
        let due = world.due().filter(|_| world.partition.policy().prefetches());
        let ends = at_work.as_ref().map(|(at, _)| *at);
        let next = [Some(next_ask), ends, poll, due].into_iter().flatten().min().expect("somebody asks");
        world.now = world.now.max(next);
        if world.now.since_ms(start) > 30 * DAY {
            return month;
        }
        if let Some((_, task)) = at_work.take_if(|(at, _)| *at <= world.now) {
            world.answer(&task, vec![developer()]).expect("answers");
            open.retain(|(job, asked_at)| {
                let done = world.job(*job).is_final;
                if done {
                    month.waited_ms += world.now.since_ms(*asked_at);
                }
                !done
            });
        }
        if next_ask <= world.now {
            let (mut left, mut house) = (draw() * whole, 0);
            while house + 1 < HOUSES && left > weights[house] {
                left -= weights[house];
                house += 1;
            }
            let job = job_id(1_000 + month.checks);
            world.ask_about(job, house);
            month.checks += 1;
            match world.job(job).is_final {
                true => month.hits += 1,
                false => open.push((job, world.now)),
            }
            next_ask = world.now.plus_ms((-draw().ln() * DAY as f64 / CHECKS_A_DAY) as u64 + 1);
        }
        if due.is_some_and(|due| due <= world.now) {
            world.run(Command::LookAhead).expect("looks");
        }
        poll = None;
        if at_work.is_none() {
            let leased = world.lease_or_when();
            poll = leased.next_at;
            if let Some(task) = leased.tasks.into_iter().next() {
                month.requests += 1;
                at_work = Some((task.permit.not_before.plus_ms(MINUTE / 2), task));
            }
        }
    }
}

/// The figures stand in `docs/prefetch.md`.
#[test]
fn a_month_of_demand_with_and_without_asking_ahead() {
    let told = |name: &str, month: Month| {
        let Month { checks, hits, waited_ms, requests } = month;
        println!(
            "{name}: {checks} checks, {:.1} % at once, {:.1} s mean wait, {requests} requests",
            hits as f64 / checks as f64 * 100.0,
            waited_ms as f64 / checks as f64 / 1_000.0
        );
    };
    let off = month(None);
    told("off", off);
    let mut last = off;
    for asks in [2.0, 1.0, 0.5] {
        let on = month(Some(json!({"share": 0.2, "asks": asks})));
        told(&format!("asks = {asks}"), on);
        assert_eq!(on.checks, off.checks, "the same demand");
        assert!(
            on.hits > last.hits && on.waited_ms < last.waited_ms,
            "the less is asked of a query, the more wait for none"
        );
        assert!(on.requests >= last.requests && on.requests < off.requests * 2, "and it costs requests");
        last = on;
    }
}
