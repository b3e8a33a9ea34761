//! An answer with suddenly far fewer facts is not believed at once, and in the end it is.

use super::*;
use serde_json::{Value as Json, json};

const HOUR: u64 = 3_600_000;

/// Courts are watched for drops.
fn world(drop: Json) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["courts"]["answer"]["expect"] = json!({ "drop": drop });
    policy["sources"]["courts"]["retry"] = json!({"attempts": 5});
    World::with_policy(&policy.to_string())
}

fn cases(n: usize) -> Vec<Fact> {
    (0..n).map(|n| case(&n.to_string(), "Истец")).collect()
}

/// A check that knows so many cases.
fn known(world: &mut World, n: usize) -> JobId {
    let job = world.create(1);
    let task = world.lease("cadastre").expect("queued");
    world.answer(&task, vec![developer()]).expect("answers");
    let task = world.lease("courts").expect("discovered");
    assert!(matches!(world.answer(&task, cases(n)), Ok(Reply::Observed(_))));
    job
}

/// Asks again, and answers with so many cases; when it is asked once more, or nothing where it is believed.
fn answers(world: &mut World, n: usize) -> Option<Timestamp> {
    let task = world.lease("courts").expect("asked");
    match world.answer(&task, cases(n)).expect("taken") {
        Reply::Noted(retry) => Some(retry.expect("asked again")),
        Reply::Observed(_) => None,
        other => panic!("{other:?}"),
    }
}

fn recheck(world: &mut World, job: JobId, n: u8) {
    let selected = vec!["courts".to_owned()];
    let recheck = Recheck { command: CommandId([n; 16]), job, tenant: None, selected, reason: String::new() };
    world.run(Command::Recheck(recheck)).expect("planned");
}

fn shown(world: &World, job: JobId) -> u32 {
    world.job(job).needs[1].receipt.as_ref().expect("kept").facts
}

#[test]
fn a_sudden_drop_closes_nothing_until_it_was_said_again() {
    let mut world = world(json!({"below": 0.5, "from": 10}));
    let job = known(&mut world, 40);
    recheck(&mut world, job, 1);
    let retry = answers(&mut world, 3).expect("not believed");
    assert!(retry >= world.now.plus_ms(HOUR));
    assert_eq!(shown(&world, job), 40, "nothing vanished");
    let task: TaskRow = {
        let query = world.job(job).needs[1].need.query.expect("asked");
        let row: QueryRow = world.store.row(query.as_bytes()).expect("readable").expect("there");
        world.store.row(row.in_flight.expect("asked again").as_bytes()).expect("readable").expect("there")
    };
    let told = task.attempts.last().expect("made");
    assert_eq!((told.outcome, told.evidence.len()), (Some(Outcome::Suspicious), 1), "kept and told");
    assert!(
        told.cause.as_ref().is_some_and(|cause| cause.starts_with("sudden_drop: 3 facts where the last answer had 40"))
    );
    // An answer of the usual size takes the suspicion away; the next drop is the first again.
    world.now = retry;
    assert_eq!((answers(&mut world, 39), shown(&world, job)), (None, 39));
    recheck(&mut world, job, 2);
    let retry = answers(&mut world, 3).expect("not believed");
    world.now = retry;
    assert_eq!((answers(&mut world, 3), shown(&world, job)), (None, 3), "believed an hour later");
}

#[test]
fn it_may_have_to_be_said_more_often_and_nothing_found_is_a_drop_too() {
    let mut world = world(json!({"below": 0.5, "from": 10, "times": 3}));
    let job = known(&mut world, 20);
    recheck(&mut world, job, 1);
    for _ in 0..2 {
        let retry = answers(&mut world, 0).expect("not believed");
        assert_eq!(shown(&world, job), 20);
        world.now = retry;
    }
    assert_eq!((answers(&mut world, 0), shown(&world, job)), (None, 0));
}

#[test]
fn small_answers_and_small_drops_are_taken_as_they_are() {
    let mut world = world(json!({"below": 0.5, "from": 10}));
    let job = known(&mut world, 9);
    recheck(&mut world, job, 1);
    assert_eq!((answers(&mut world, 0), shown(&world, job)), (None, 0));
    recheck(&mut world, job, 2);
    assert_eq!(answers(&mut world, 40), None);
    recheck(&mut world, job, 3);
    assert_eq!((answers(&mut world, 20), shown(&world, job)), (None, 20), "half of them");
}

/// Nobody can hurry it by asking again and again.
#[test]
fn many_questions_within_the_hour_do_not_count() {
    let mut world = world(json!({"below": 0.5, "from": 10}));
    world.now = world.now.plus_ms(1);
    let job = known(&mut world, 40);
    recheck(&mut world, job, 1);
    answers(&mut world, 3).expect("not believed");
    // The task is retried in an hour; whoever asks meanwhile joins it.
    recheck(&mut world, job, 2);
    assert!(world.lease("courts").is_none());
    assert_eq!(shown(&world, job), 40);
}
