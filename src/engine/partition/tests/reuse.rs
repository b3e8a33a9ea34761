//! Reuse over what a check is about: another house of the same developer, nothing found, parts of an answer that age apart, and what
//! the caller accepts.

use super::*;
use serde_json::{Value as Json, json};

const HOUR: u64 = 3_600_000;

fn ask(world: &mut World, n: u8, house: &str, max_age_ms: &[(&str, u64)]) -> JobId {
    let job = JobId([n; 16]);
    let subject = |what: &str| Subject(format!("property:{house}{what}"));
    let address = AddressRecord {
        canonical: format!("{house}, 1"),
        building: house.to_owned(),
        subject: subject("-1"),
        building_subject: subject(""),
        ..address()
    };
    let command = CreateJob {
        job,
        tenant: format!("tenant {n}"),
        profile: "standard".to_owned(),
        address,
        inputs: BTreeMap::new(),
        priority: 3,
        max_age_ms: max_age_ms.iter().map(|(source, ms)| ((*source).to_owned(), *ms)).collect(),
        request_digest: [n; 32],
    };
    world.run(Command::CreateJob(command)).expect("created");
    job
}

fn receipt(world: &World, job: JobId, source: &str) -> Receipt {
    let row = world.job(job);
    let need = row.needs.iter().find(|need| need.need.source == source).expect("asked");
    need.receipt.clone().unwrap_or_else(|| panic!("{source} is not answered: {row:#?}"))
}

#[test]
fn what_is_known_of_a_developer_is_known_for_each_of_its_houses() {
    let mut world = World::new();
    let first = ask(&mut world, 1, "Тверская 7", &[]);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, vec![developer()]).expect("answers");
    let task = world.lease("courts").expect("asked");
    world.answer(&task, vec![case("1", "Истец")]).expect("answers");
    world.now = world.now.plus_ms(HOUR);
    let other = ask(&mut world, 2, "Арбат 1", &[]);
    let task = world.lease("cadastre").expect("another house");
    let mut same = developer();
    same.subject = task.subject.clone();
    world.answer(&task, vec![same]).expect("answers");
    assert!(world.lease("courts").is_none(), "its developer was asked about an hour ago");
    let (one, two) = (receipt(&world, first, "courts"), receipt(&world, other, "courts"));
    assert_eq!((two.origin, two.observation, two.facts), (Origin::Reused, one.observation, 1));
    assert_eq!(world.job(other).status, JobStatus::Completed);
}

#[test]
fn nothing_found_is_an_answer_and_is_reused_like_one() {
    let mut world = World::new();
    ask(&mut world, 1, "Тверская 7", &[]);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, Vec::new()).expect("answers");
    world.now = world.now.plus_ms(HOUR);
    let again = ask(&mut world, 2, "Тверская 7", &[]);
    assert!(world.lease("cadastre").is_none());
    let known = receipt(&world, again, "cadastre");
    assert_eq!((known.origin, known.outcome, known.facts), (Origin::Reused, Outcome::NothingFound, 0));
    assert_eq!(world.job(again).status, JobStatus::Completed, "there is nobody to ask the courts about");
    world.now = world.now.plus_ms(8 * 24 * HOUR);
    ask(&mut world, 3, "Тверская 7", &[]);
    assert!(world.lease("cadastre").is_some(), "until its TTL ends");
}

/// The smaller of the caller's age and the TTL counts, by source or for all.
#[test]
fn the_caller_says_how_old_an_answer_may_be() {
    let mut world = World::new();
    ask(&mut world, 1, "Тверская 7", &[]);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, vec![developer()]).expect("answers");
    let task = world.lease("courts").expect("asked");
    world.answer(&task, vec![case("1", "Истец")]).expect("answers");
    world.now = world.now.plus_ms(2 * HOUR);
    for (n, limits, asked) in [
        (2, vec![("*", 3 * HOUR)], [false, false]),
        (3, vec![("*", 3 * HOUR), ("courts", HOUR)], [false, true]),
        (4, vec![("courts", 30 * 24 * HOUR)], [false, false]),
        (5, vec![("*", 0)], [true, true]),
    ] {
        let before = world.now;
        let job = ask(&mut world, n, "Тверская 7", &limits);
        let mut was_asked = [false, false];
        for (index, source) in ["cadastre", "courts"].into_iter().enumerate() {
            if let Some(task) = world.lease(source) {
                was_asked[index] = true;
                let facts = if source == "cadastre" { vec![developer()] } else { vec![case("1", "Истец")] };
                world.answer(&task, facts).expect("answers");
            }
        }
        assert_eq!(was_asked, asked, "{limits:?}");
        assert!(world.job(job).is_final && receipt(&world, job, "courts").facts == 1);
        // What was asked anew is young for the next caller; wait until it is not.
        world.now = before.plus_ms(if asked == [false, false] { 0 } else { 2 * HOUR });
    }
}

/// One kind of an answer is past its TTL, another is not: the fresh part is shown, and the whole is asked again.
#[test]
fn the_fresh_part_of_an_answer_is_combined_with_what_is_asked_again() {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    let attr = json!({"at": "$.x", "type": "text"});
    policy["sources"]["cadastre"]["fact"]
        .as_array_mut()
        .expect("kinds")
        .push(json!({"kind": "cadastre.owner", "identity": ["inn"], "ttl": "1d", "attrs": {"inn": attr}}));
    let mut world = World::with_policy(&policy.to_string());
    let owner = || fact("cadastre", "cadastre.owner", "property:bb", ("inn", "7704407589"), &[]);
    ask(&mut world, 1, "Тверская 7", &[]);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, vec![developer(), owner()]).expect("answers");
    let task = world.lease("courts").expect("asked");
    world.answer(&task, Vec::new()).expect("answers");
    world.now = world.now.plus_ms(2 * 24 * HOUR);
    let job = ask(&mut world, 2, "Тверская 7", &[]);
    let shown = receipt(&world, job, "cadastre");
    assert_eq!((shown.origin, shown.parts.reused, shown.parts.stale), (Origin::ServedStale, 1, 1), "{shown:?}");
    assert_eq!(world.job(job).status, JobStatus::Partial);
    let task = world.lease("cadastre").expect("asked again as a whole");
    world.answer(&task, vec![developer(), owner()]).expect("answers");
    assert_eq!((receipt(&world, job, "cadastre").facts, world.job(job).status), (2, JobStatus::Completed));
}
