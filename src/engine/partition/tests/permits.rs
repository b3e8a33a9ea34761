//! Permits: as they were granted or not at all, none of the far future, and always an end to looking for the next.

use super::*;
use crate::core::command::InputFault;
use mirano_replay::store::WriteExt;
use serde_json::{Value as Json, json};

const HOUR: u64 = 3_600_000;

fn world(limits: &Json, proxies: &Json) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["limits"] = limits.clone();
    policy["proxies"] = proxies.clone();
    policy["profiles"]["standard"]["needs"] =
        json!([{"source": "cadastre", "params": {"address": "{{ address.canonical }}"}}]);
    World::with_policy(&policy.to_string())
}

/// Asks about the `n`-th house.
fn ask(world: &mut World, n: u8) -> JobId {
    let job = JobId([n; 16]);
    let command = CreateJob {
        job,
        tenant: "t".to_owned(),
        profile: "standard".to_owned(),
        address: AddressRecord { canonical: format!("Тверская 7, {n}"), ..address() },
        inputs: BTreeMap::new(),
        priority: 3,
        max_age_ms: BTreeMap::new(),
        request_digest: [n; 32],
    };
    world.run(Command::CreateJob(command)).expect("created");
    job
}

fn permits(world: &mut World, task: &LeasedTask, n: u32) -> Vec<Permit> {
    match world.run(Command::Permit { source: task.queue.clone(), lease: task.lease, n }).expect("held") {
        Reply::Permits { permits, .. } => permits,
        other => panic!("{other:?}"),
    }
}

fn give_back(world: &mut World, task: &LeasedTask, permits: Vec<Permit>) -> Result<Reply, DecideError> {
    world.run(Command::ReturnPermits { source: task.queue.clone(), lease: task.lease, permits })
}

fn cadastre(world: &World) -> SourceRow {
    world.store.row(b"cadastre").expect("readable").expect("there")
}

/// When a lease makes sense again, where there is none.
fn next_at(world: &mut World) -> Option<Timestamp> {
    let tokens = vec![LeaseToken([8; 16])];
    let lease = LeaseTasks { source: "cadastre".to_owned(), worker: "w".to_owned(), tokens };
    match world.run(Command::Lease(lease)).expect("answers") {
        Reply::Leased(leased) if leased.tasks.is_empty() => leased.next_at,
        other => panic!("{other:?}"),
    }
}

/// What no worker may say: a window of years.
fn for_years(permit: Permit) -> Permit {
    Permit { not_after: permit.not_before.plus_ms(73 * 365 * 24 * HOUR), ..permit }
}

#[test]
fn a_permit_comes_back_as_it_was_granted_or_not_at_all() {
    for proxies in [json!({}), json!({"ru": {"proxies": ["one"], "rate": "20/s"}})] {
        let mut limits = json!({"rate": "60/m", "burst": 5, "concurrency": 3});
        if proxies["ru"].is_object() {
            limits["proxies"] = json!("ru");
        }
        let mut world = world(&limits, &proxies);
        ask(&mut world, 1);
        let task = world.lease("cadastre").expect("queued");
        let granted = permits(&mut world, &task, 2);
        let before = world.store.digest();
        for wrong in [
            for_years(granted[0]),
            Permit { not_after: granted[0].not_after.plus_ms(1_000), ..granted[0] },
            Permit { not_before: granted[0].not_after.plus_ms(1), ..granted[0] },
        ] {
            let refused = give_back(&mut world, &task, vec![granted[1], wrong]);
            let why = Rejection::FieldInvalid("unused/1".to_owned(), InputFault::NotGranted);
            assert_eq!(refused, Err(why.into()), "{wrong:?} of {granted:?}");
        }
        assert_eq!(world.store.digest(), before);
        give_back(&mut world, &task, granted.clone()).expect("as they were");
        assert_eq!(cadastre(&world).rates[""].returned, granted);
    }
}

#[test]
fn one_permit_comes_back_as_one() {
    let mut world = world(&json!({"rate": "60/m", "burst": 1, "concurrency": 3}), &json!({}));
    ask(&mut world, 1);
    let task = world.lease("cadastre").expect("queued");
    let granted = permits(&mut world, &task, 3);
    let mut alike = granted[2];
    alike.not_after.0 -= 1;
    give_back(&mut world, &task, vec![granted[2], granted[2], alike]).expect("taken");
    assert_eq!(cadastre(&world).rates[""].returned, [granted[2]], "however often and however it is said");
}

/// Older versions took what a worker said; it is in the log for ever.
#[test]
fn a_window_of_years_that_an_old_log_holds_is_not_granted_again() {
    for daily in [json!(null), json!(9)] {
        let mut limits = json!({"rate": "60/m", "burst": 5, "concurrency": 3});
        if daily.is_number() {
            limits["daily"] = daily;
        }
        let mut world = world(&limits, &json!({}));
        for n in 1..=3 {
            ask(&mut world, n);
        }
        let first = world.lease("cadastre").expect("queued");
        let mut row = cadastre(&world);
        let forged = for_years(Permit { not_before: world.now.plus_ms(60_000), not_after: world.now });
        row.rates.get_mut("").expect("asked").returned.extend([for_years(first.permit), forged]);
        world.store.put_row(b"cadastre", &row).expect("encodes");
        for ahead in [0, 30_000, HOUR] {
            world.now = world.now.plus_ms(ahead);
            let Some(task) = world.lease("cadastre") else { continue };
            assert!(task.permit.not_after.since_ms(task.permit.not_before) <= 1_000, "{:?}", task.permit);
            assert!(task.deadline.since_ms(world.now) < HOUR, "it ends");
        }
        assert_eq!(cadastre(&world).leases.len(), 3, "the others got theirs");
    }
}

/// Each covers half a day: a file that says so is refused, and an adopted policy may say so all the same.
#[test]
fn hours_that_leave_no_minute_of_a_day_end_the_search() {
    let mut world = world(
        &json!({"rate": "60/m", "burst": 5, "concurrency": 3, "quiet": "00:00-12:00", "proxies": "ru"}),
        &json!({"ru": {"proxies": ["one"], "quiet": "12:00-00:00"}}),
    );
    ask(&mut world, 1);
    for hour in 0..24 {
        world.now = Timestamp(1_800_057_600_000 + hour * HOUR as i64);
        let again = next_at(&mut world).expect("it is looked again");
        assert!(again > world.now, "{again:?}");
    }
    let problems = crate::core::policy::validate::validate(&world.partition.policy().document);
    let found = problems.iter().find(|problem| problem.at == "sources.cadastre.limits.quiet").expect("told");
    assert!(found.detail.contains("no minute of the day"), "{found}");
}

#[test]
fn permits_are_granted_a_few_seconds_ahead() {
    let mut world = world(&json!({"rate": "30/m", "burst": 1, "concurrency": 2}), &json!({}));
    ask(&mut world, 1);
    let task = world.lease("cadastre").expect("queued");
    let granted = permits(&mut world, &task, 20);
    assert_eq!(granted.len(), 2, "two seconds apart: {granted:?}");
    // Who goes on asking and uses none has soon as many as it may.
    let mut all: Vec<Permit> = (0..200).flat_map(|_| permits(&mut world, &task, 20)).collect();
    all.sort_by_key(|permit| permit.not_before);
    let last = all.last().expect("some");
    assert!(
        last.not_before.since_ms(world.now) < 60_000,
        "{} ahead, of {}",
        last.not_before.since_ms(world.now),
        all.len()
    );
    let deadline = cadastre(&world).leases[&task.lease].deadline;
    // When they have come, there are more.
    world.now = last.not_before;
    assert_eq!(permits(&mut world, &task, 1).len(), 1);
    assert!(deadline.since_ms(last.not_before) < 60_000, "a lease that is not kept ends");
}

/// A permit that has come back may begin before the source wants to be asked again: it is not granted then.
#[test]
fn a_rest_is_kept_by_permits_that_come_back() {
    let mut world = world(&json!({"rate": "6/m", "burst": 6, "concurrency": 3}), &json!({}));
    for n in 1..=3 {
        ask(&mut world, n);
    }
    let one = world.lease("cadastre").expect("queued");
    let other = world.lease("cadastre").expect("queued");
    let unused = permits(&mut world, &one, 1);
    let failed = FailAttempt {
        source: other.queue.clone(),
        task: other.task,
        lease: other.lease,
        outcome: Outcome::Blocked,
        cause: "too_many_requests".to_owned(),
        http_status: None,
        evidence: Vec::new(),
        retry_after_ms: Some(500),
    };
    world.run(Command::Fail(failed)).expect("noted");
    give_back(&mut world, &one, unused.clone()).expect("taken");
    let rest = world.now.plus_ms(500);
    assert!(unused[0].not_before < rest && rest < unused[0].not_after, "{unused:?} is to reach into the rest");
    let next = permits(&mut world, &one, 1);
    assert!(next[0].not_before >= rest, "{next:?}");
}
