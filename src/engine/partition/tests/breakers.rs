//! Sources that do not answer, or say that they are asked too fast: decided, folded and told.

use super::*;
use crate::core::source::breaker::{self, State};
use crate::core::source::pace;
use serde_json::{Value as Json, json};

const MINUTE: u64 = 60_000;

/// A world whose cadastre has these limits besides its own.
fn world(limits: Json, attempts: u32) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    let cadastre = &mut policy["sources"]["cadastre"];
    for (name, value) in limits.as_object().expect("an object") {
        cadastre["limits"][name] = value.clone();
    }
    cadastre["retry"] = json!({"attempts": attempts, "initial": "1s", "factor": 1.0, "max": "1s"});
    policy["proxies"] = json!({"ru": {"proxies": ["one", "two"], "failures": 2, "cool_down": "1m"}});
    World::with_policy(&policy.to_string())
}

impl World {
    /// A job about another house.
    fn ask(&mut self, n: u8) -> JobId {
        let job = JobId([n; 16]);
        let address = AddressRecord { building: format!("Тверская {n}"), ..address() };
        let command = CreateJob {
            job,
            tenant: "t".to_owned(),
            profile: "standard".to_owned(),
            address,
            inputs: BTreeMap::new(),
            priority: 3,
            max_age_ms: BTreeMap::new(),
            request_digest: [n; 32],
        };
        self.run(Command::CreateJob(command)).expect("created");
        job
    }

    fn fails(&mut self, task: &LeasedTask, outcome: Outcome, http_status: Option<u16>) {
        self.fails_because(task, outcome, "timeout", http_status);
    }

    /// The proxy of the attempt can't be reached.
    fn lost_to_proxy(&mut self, task: &LeasedTask) {
        self.fails_because(task, Outcome::Unavailable, "proxy: x by proxy ru/one: Connection refused", None);
    }

    fn fails_because(&mut self, task: &LeasedTask, outcome: Outcome, cause: &str, http_status: Option<u16>) {
        let command = FailAttempt {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome,
            cause: cause.to_owned(),
            http_status,
            evidence: Vec::new(),
            retry_after_ms: None,
        };
        self.run(Command::Fail(command)).expect("noted");
    }

    fn cadastre(&self) -> SourceRow {
        self.store.row(b"cadastre").expect("readable").expect("there")
    }

    fn state(&self) -> State {
        let spec = &self.partition.policy().document.sources["cadastre"];
        breaker::of_source(spec, &self.cadastre(), self.now)
    }

    fn next_at(&mut self) -> Option<Timestamp> {
        let token = LeaseToken::of(&[b"next", &self.bodies.len().to_le_bytes()]);
        let command = LeaseTasks { source: "cadastre".to_owned(), worker: "w".to_owned(), tokens: vec![token] };
        match self.run(Command::Lease(command)).expect("leases") {
            Reply::Leased(leased) if leased.tasks.is_empty() => leased.next_at,
            other => panic!("{other:?}"),
        }
    }

    fn said<T>(&self, what: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.bodies.iter().flat_map(|body| &body.events).filter_map(what).collect()
    }
}

fn opened(event: &Event) -> Option<(Option<String>, u32)> {
    match event {
        Event::BreakerOpened(event) => Some((event.proxy.clone(), event.times)),
        _ => None,
    }
}

#[test]
fn a_source_that_does_not_answer_is_left_alone_and_tried_by_one_attempt() {
    let mut world = world(json!({"breaker": {"failures": 3, "rest": "1m", "longest": "10m"}}), 50);
    for n in 1..=4 {
        world.ask(n);
    }
    for _ in 0..3 {
        assert_eq!(world.state(), State::Closed);
        let task = world.lease("cadastre").expect("asked as usual");
        world.fails(&task, Outcome::Unavailable, None);
        world.now = world.now.plus_ms(2_000);
    }
    // The third failure in a row, two seconds ago.
    let until = world.now.plus_ms(MINUTE - 2_000);
    assert_eq!((world.state(), world.next_at()), (State::Open(until), Some(until)));
    world.now = until;
    assert_eq!(world.state(), State::HalfOpen);
    world.lease("cadastre").expect("one attempt");
    assert!(world.lease("cadastre").is_none(), "one at a time");
    // What went wrong on our side tells nothing of the source.
    world.now = world.now.plus_ms(10 * MINUTE);
    world.run(Command::ExpireLeases).expect("taken back");
    assert_eq!(world.state(), State::HalfOpen);
    let probe = world.lease("cadastre").expect("another");
    world.fails(&probe, Outcome::Blocked, Some(403));
    assert_eq!(world.state(), State::Open(world.now.plus_ms(2 * MINUTE)), "twice as long");
    world.now = world.now.plus_ms(2 * MINUTE);
    let probe = world.lease("cadastre").expect("a third");
    world.answer(&probe, vec![developer()]).expect("answers");
    assert_eq!(world.state(), State::Closed);
    assert!(world.lease("cadastre").is_some() && world.lease("cadastre").is_some(), "both of its two at once");
    assert_eq!(world.said(opened), [(None, 1), (None, 2)]);
    // One failure more does not open it again: what was before is forgiven.
    assert_eq!(world.cadastre().breakers[""].run(), 0);
}

#[test]
fn what_is_no_answer_of_the_source_counts_and_what_is_does_not() {
    let mut world = world(json!({"breaker": {"failures": 2}}), 50);
    world.ask(1);
    for outcome in [Outcome::Unparsable, Outcome::Suspicious, Outcome::Unavailable, Outcome::Unparsable] {
        let task = world.lease("cadastre").expect("asked as usual");
        world.fails(&task, outcome, Some(200));
        world.now = world.now.plus_ms(4_000_000);
    }
    assert_eq!((world.state(), world.said(opened)), (State::Closed, Vec::new()));
    for _ in 0..2 {
        let task = world.lease("cadastre").expect("asked as usual");
        world.fails(&task, Outcome::Blocked, None);
        world.now = world.now.plus_ms(2_000);
    }
    assert_eq!(world.said(opened).len(), 1);
    let mut off = self::world(json!({"breaker": {"failures": 0}}), 50);
    off.ask(1);
    for _ in 0..30 {
        let task = off.lease("cadastre").expect("asked all the time");
        off.fails(&task, Outcome::Unavailable, None);
        off.now = off.now.plus_ms(2_000);
    }
}

#[test]
fn checks_end_although_their_source_does_not_answer_for_long() {
    let breaker = json!({"failures": 2, "rest": "1m", "longest": "1m", "give_up": "10m"});
    let mut world = world(json!({"breaker": breaker}), 50);
    let early = world.ask(1);
    let start = world.now;
    let mut late = None;
    while !world.job(early).is_final {
        assert!(world.now.since_ms(start) < 20 * MINUTE, "it never ends");
        if world.now.since_ms(start) > 5 * MINUTE && late.is_none() {
            late = Some(world.ask(2));
        }
        match world.lease("cadastre") {
            Some(task) => world.fails(&task, Outcome::Unavailable, None),
            None => world.now = world.now.plus_ms(10_000),
        }
    }
    let waited = world.now.since_ms(start);
    assert!((10 * MINUTE..12 * MINUTE).contains(&waited), "{waited}");
    let late = late.expect("asked");
    assert!(!world.job(late).is_final, "it came later, and waits as long");
    let failure = world.job(early).needs[0].last_failure.clone().expect("failed");
    assert_eq!(failure.outcome, Some(Outcome::Unavailable));
    assert!(failure.cause.starts_with("breaker_open: "), "{}", failure.cause);
    let asked = world.said(|event| matches!(event, Event::TaskStarted(_)).then_some(())).len();
    assert!(asked <= 14, "once a minute while it is down: {asked}");
    assert_eq!(world.store.keys(Table::DeadLetter, b"cadastre\0", &[], 9).expect("readable").len(), 1);
}

#[test]
fn a_proxy_that_brings_nothing_is_left_alone_and_the_other_is_used() {
    let mut world = world(json!({"proxies": "ru", "breaker": {"failures": 30, "share": 2.0}}), 50);
    world.ask(1);
    world.ask(2);
    let mut through = Vec::new();
    for _ in 0..9 {
        let Some(task) = world.lease("cadastre") else { break };
        let proxy = task.proxy.clone().expect("through a proxy");
        match proxy.as_str() {
            "ru/one" => world.fails(&task, Outcome::Unavailable, None),
            _ => world.fails(&task, Outcome::Unparsable, None),
        }
        through.push(proxy);
        world.now = world.now.plus_ms(2_000);
    }
    assert_eq!(world.said(opened), [(Some("ru/one".to_owned()), 1)]);
    let used = through.iter().filter(|proxy| *proxy == "ru/one").count();
    assert_eq!((used, through.len()), (2, 9), "{through:?}");
    world.now = world.now.plus_ms(MINUTE);
    assert_eq!(breaker::of_proxy(&world.cadastre(), "ru/one", world.now), State::HalfOpen);
    let probe = world.lease("cadastre").expect("the one least used");
    assert_eq!(probe.proxy.as_deref(), Some("ru/one"));
    world.answer(&probe, Vec::new()).expect("answers");
    assert_eq!(breaker::of_proxy(&world.cadastre(), "ru/one", world.now), State::Closed);
}

/// A world whose cadastre goes through these proxies; three attempts, and a breaker that opens after three failures.
fn through(proxies: &[&str], breaker: Json) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    let cadastre = &mut policy["sources"]["cadastre"];
    cadastre["limits"] = json!({"rate": "10/s", "burst": 10, "concurrency": 4, "proxies": "ru", "breaker": breaker});
    cadastre["retry"] = json!({"attempts": 3, "initial": "1s", "factor": 1.0, "max": "1s"});
    policy["proxies"] = json!({"ru": {"proxies": proxies, "failures": 3, "cool_down": "20s"}});
    World::with_policy(&policy.to_string())
}

#[test]
fn dead_proxies_are_not_booked_to_the_source_and_their_tasks_go_on_through_the_living_one() {
    let breaker = json!({"failures": 3, "rest": "20s", "give_up": "1m"});
    let mut world = through(&["a1", "a2", "a3", "ok"], breaker);
    let jobs: Vec<JobId> = (1..=4).map(|n| world.ask(n)).collect();
    let start = world.now;
    let mut lost = 0;
    while jobs.iter().any(|job| world.job(*job).needs[0].receipt.is_none()) {
        assert!(world.now.since_ms(start) < 2 * MINUTE, "a proxy is alive, and not all are answered");
        let leased: Vec<LeasedTask> = std::iter::from_fn(|| world.lease("cadastre")).collect();
        for task in leased {
            if task.proxy.as_deref() == Some("ru/ok") {
                world.answer(&task, vec![developer()]).expect("answers");
            } else {
                lost += 1;
                world.lost_to_proxy(&task);
            }
        }
        world.now = world.now.plus_ms(500);
    }
    assert!(lost >= 3, "dead ones were tried: {lost}");
    let opened = world.said(opened);
    assert!(opened.iter().all(|(proxy, _)| proxy.is_some()), "the source answered whenever it was asked: {opened:?}");
    assert_eq!(world.said(|event| matches!(event, Event::TaskFailed(_)).then_some(())), []);
    let row = world.cadastre();
    assert_eq!((row.failures, row.breakers[""].failed_of(64).0), (0, 0));
    assert!(row.last_outcome.is_some_and(|(outcome, ..)| outcome.is_answer()), "what the source itself did last");
}

#[test]
fn a_proxy_that_is_dead_rests_though_the_source_is_down_as_well() {
    let mut world = through(&["one", "two"], json!({"failures": 2, "rest": "1s", "longest": "1s", "give_up": "1h"}));
    for n in 1..=8 {
        world.ask(n);
    }
    for _ in 0..2 {
        let task = world.lease("cadastre").expect("asked");
        world.fails(&task, Outcome::Unavailable, None);
        world.now = world.now.plus_ms(100);
    }
    assert_eq!(world.said(opened), [(None, 1)]);
    // Each further look at the source is lost to the proxy that it goes through.
    while world.said(opened).iter().all(|(proxy, _)| proxy.is_none()) {
        world.now = world.now.plus_ms(1_000);
        assert!(world.now.0 < 1_800_000_060_000, "the dead proxy never rests");
        if let Some(task) = world.lease("cadastre") {
            match task.proxy.as_deref() {
                Some("ru/one") => world.lost_to_proxy(&task),
                _ => world.fails(&task, Outcome::Unavailable, None),
            }
        }
    }
    let (row, now) = (world.cadastre(), world.now);
    assert_ne!(world.state(), State::Closed, "it has not answered");
    assert!(matches!(breaker::of_proxy(&row, "ru/one", now), State::Open(_)), "{:?}", row.breakers);
    assert_eq!(breaker::of_proxy(&row, "ru/two", now), State::Closed, "the source was down, not this one");
}

#[test]
fn a_task_without_any_living_proxy_ends_after_its_attempts_with_the_true_cause() {
    let mut world = through(&["a1", "a2"], json!({"failures": 3, "give_up": "1h"}));
    let job = world.ask(1);
    let mut through = Vec::new();
    let start = world.now;
    while !world.job(job).is_final {
        assert!(world.now.since_ms(start) < 30 * MINUTE, "it is tried for ever: {through:?}");
        match world.lease("cadastre") {
            Some(task) => {
                through.push(task.proxy.clone().expect("through a proxy"));
                world.lost_to_proxy(&task);
            }
            None => world.now = world.now.plus_ms(500),
        }
    }
    // While the other is not left alone an attempt uses none up. They take turns: the first rests after its third, which is the fifth
    // in all. From then on each counts, and there are three.
    assert_eq!(through.len(), 8, "{through:?}");
    let failure = world.job(job).needs[0].last_failure.clone().expect("failed");
    assert!(failure.cause.starts_with("proxy: "), "{}", failure.cause);
    let row = world.cadastre();
    assert_eq!((row.failures, world.state(), row.last_outcome), (0, State::Closed, None), "nobody asked the source");
}

#[test]
fn a_queue_behind_a_dead_pool_is_given_up_as_behind_a_dead_source() {
    let mut world = through(&["a1", "a2"], json!({"failures": 3, "give_up": "10m"}));
    let jobs: Vec<JobId> = (1..=60).map(|n| world.ask(n)).collect();
    let start = world.now;
    while jobs.iter().any(|job| !world.job(*job).is_final) {
        let waited = world.now.since_ms(start);
        assert!(waited < 12 * MINUTE, "a queue of sixty waits for a pool that lets nothing through");
        match world.lease("cadastre") {
            Some(task) => world.lost_to_proxy(&task),
            None => world.now = world.now.plus_ms(1_000),
        }
    }
    assert!(world.now.since_ms(start) >= 10 * MINUTE, "no sooner than the source's file says");
    let causes: Vec<String> = world.said(|event| match event {
        Event::TaskFailed(event) => Some(event.cause.clone()),
        _ => None,
    });
    let given_up = causes.iter().filter(|cause| cause.starts_with("proxies_down: for 6")).count();
    assert!(given_up > 40, "{causes:?}");
    assert!(causes.iter().all(|cause| !cause.starts_with("breaker_open")), "{causes:?}");
}

#[test]
fn a_source_that_is_asked_too_fast_is_asked_more_slowly_and_by_and_by_faster() {
    let rate = json!({"rate": "60/m", "burst": 1, "concurrency": 2});
    let mut world = world(rate, 200);
    for n in 1..=30 {
        world.ask(n);
    }
    let slowed = |event: &Event| match event {
        Event::SourceSlowed(event) => Some((event.permille, event.http_status)),
        _ => None,
    };
    let (one, two) = (world.lease("cadastre").expect("asked"), {
        world.now = world.now.plus_ms(2_000);
        world.lease("cadastre").expect("asked")
    });
    world.fails(&one, Outcome::Blocked, Some(429));
    world.fails(&two, Outcome::Unavailable, Some(503));
    assert_eq!(world.said(slowed), [(500, Some(429))], "the other was sent before it was slowed");
    assert_eq!(pace::because(&world.cadastre(), world.now), Some("slowed_down"));
    // One request in two seconds: from the last one on.
    let mut starts = Vec::new();
    while starts.len() < 5 {
        world.now = world.now.plus_ms(50);
        if let Some(task) = world.lease("cadastre") {
            starts.push(task.permit.not_before);
            world.answer(&task, Vec::new()).expect("answers");
        }
    }
    let gaps: Vec<u64> = starts.windows(2).map(|pair| pair[1].since_ms(pair[0])).collect();
    assert!(gaps.iter().all(|gap| (1_900..2_100).contains(gap)), "{gaps:?}");
    world.now = world.now.plus_ms(MINUTE);
    let task = world.lease("cadastre").expect("asked");
    let before = pace::permille(&world.cadastre(), world.now);
    assert!((550..600).contains(&before), "a twentieth a minute: {before}");
    world.fails(&task, Outcome::Blocked, Some(429));
    assert_eq!(pace::permille(&world.cadastre(), world.now), before / 2);
    world.now = world.now.plus_ms(30 * MINUTE);
    assert_eq!(pace::permille(&world.cadastre(), world.now), 1_000);
    // Other statuses say nothing about the pace, and nor does a source whose file says so.
    let task = world.lease("cadastre").expect("asked");
    world.fails(&task, Outcome::Unavailable, Some(500));
    assert_eq!(world.said(slowed).len(), 2);
    let mut off = self::world(json!({"slow_down": false}), 50);
    off.ask(1);
    let task = off.lease("cadastre").expect("asked");
    off.fails(&task, Outcome::Blocked, Some(429));
    assert!(off.said(slowed).is_empty());
    // 503 speaks of the source, not of us.
    let mut full = self::world(json!({}), 50);
    full.ask(1);
    assert_eq!(pace::because(&full.cadastre(), full.now), None);
    let task = full.lease("cadastre").expect("asked");
    full.fails(&task, Outcome::Unavailable, Some(503));
    assert_eq!(pace::because(&full.cadastre(), full.now), Some("overloaded"));
}
