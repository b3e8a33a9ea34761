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
        let command = FailAttempt {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome,
            cause: "timeout".to_owned(),
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
