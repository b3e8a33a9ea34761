//! Whom facts name, and name no more.

use super::*;
use mirano_replay::rows::NeedRow;

fn developer_of(source: &str, inn: &str) -> Fact {
    fact(source, "cadastre.developer", "property:bb", ("inn", inn), &[])
}

fn recheck(world: &mut World, job: JobId, n: u8, source: &str) -> Vec<NeedId> {
    let recheck = Recheck {
        command: CommandId([n; 16]),
        job,
        tenant: None,
        selected: vec![source.to_owned()],
        reason: String::new(),
    };
    match world.run(Command::Recheck(recheck)) {
        Ok(Reply::Rechecked(needs)) => needs,
        other => panic!("{other:?}"),
    }
}

/// The needs that count, by whom they are about.
fn asked(world: &World, job: JobId) -> Vec<String> {
    let row = world.job(job);
    row.needs.iter().filter(|need| need.applicable()).map(|need| need.need.subject.0.clone()).collect()
}

fn score(world: &World, job: JobId) -> u8 {
    world.job(job).risk.expect("assessed").assessment.score
}

const SECOND: &str = "7736050003";

#[test]
fn who_is_named_no_more_is_asked_about_no_more() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    assert_eq!(score(&world, job), 60);
    recheck(&mut world, job, 11, "cadastre");
    let task = world.lease("cadastre").expect("asked again");
    world.answer(&task, vec![developer_of("cadastre", SECOND)]).expect("answers");
    assert_eq!(asked(&world, job), ["property:bb", "company:7736050003"]);
    let task = world.lease("courts").expect("discovered");
    world.answer(&task, Vec::new()).expect("answers");
    let row = world.job(job);
    assert_eq!((row.status, row.is_final), (JobStatus::Completed, true));
    assert_eq!(row.needs.iter().filter(|need| need.withdrawn).count(), 1);
    assert_eq!(score(&world, job), 0, "cases of another are no risk of this object");
    assert_eq!(recheck(&mut world, job, 12, "courts").len(), 1, "who is named");
    let task = world.lease("courts").expect("asked again");
    world.answer(&task, Vec::new()).expect("answers");

    // The first one is back: what is known of it answers at once.
    recheck(&mut world, job, 13, "cadastre");
    let task = world.lease("cadastre").expect("asked again");
    world.answer(&task, vec![developer()]).expect("answers");
    assert_eq!(asked(&world, job), ["property:bb", "company:7707083893"]);
    assert_eq!((score(&world, job), world.job(job).is_final), (60, true));
    assert_eq!(world.job(job).needs.len(), 3, "each need is one row");
}

#[test]
fn an_incomplete_answer_takes_no_name_away() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    recheck(&mut world, job, 11, "cadastre");
    let task = world.lease("cadastre").expect("asked again");
    world.answer_in_part(&task, vec![developer_of("cadastre", SECOND)]).expect("answers");
    assert_eq!(asked(&world, job).len(), 3, "both are asked about");
}

#[test]
fn what_a_withdrawn_need_waited_for_is_waited_for_no_more() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    recheck(&mut world, job, 11, "courts");
    let courts = world.lease("courts").expect("asked again");
    recheck(&mut world, job, 12, "cadastre");
    let task = world.lease("cadastre").expect("asked again");
    world.answer(&task, Vec::new()).expect("nobody is named");
    let row = world.job(job);
    assert_eq!((row.is_final, asked(&world, job)), (true, vec!["property:bb".to_owned()]));
    assert!(world.store.iter().all(|(table, ..)| table != Table::Waiter));
    world.answer(&courts, vec![case("2", "Ответчик")]).expect("the source's own books go on");
    assert_eq!(score(&world, job), 0);
}

/// The same world with a second source that names developers.
fn of_two() -> World {
    let mut world = World::new();
    let mut policy: serde_json::Value = serde_json::from_str(POLICY).expect("json");
    policy["sources"]["registry"] = policy["sources"]["cadastre"].clone();
    policy["sources"]["registry"]["id"] = "registry".into();
    let needs = policy["profiles"]["standard"]["needs"].as_array_mut().expect("needs");
    let mut second = needs[0].clone();
    second["source"] = "registry".into();
    needs.insert(1, second);
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Api, expected: Some(0) };
    world.run(Command::AdoptPolicy(adopt)).expect("adopted");
    world
}

#[test]
fn each_source_that_gives_the_kind_names_whom_to_ask_about() {
    let mut world = of_two();
    let job = world.create(1);
    let task = world.lease("cadastre").expect("queued");
    world.answer(&task, Vec::new()).expect("names nobody");
    assert!(world.job(job).needs[2].waits_for_subject(), "the other source may name somebody yet");
    let task = world.lease("registry").expect("queued");
    world.answer(&task, vec![developer_of("registry", SECOND)]).expect("answers");
    let task = world.lease("courts").expect("discovered");
    world.answer(&task, Vec::new()).expect("answers");
    let row = world.job(job);
    assert_eq!((row.status, row.is_final, row.needs.len()), (JobStatus::Completed, true, 3));

    // Named by both: one need, which lives as long as one of them names it.
    recheck(&mut world, job, 11, "cadastre");
    let task = world.lease("cadastre").expect("asked again");
    world.answer(&task, vec![developer_of("cadastre", SECOND)]).expect("answers");
    recheck(&mut world, job, 12, "registry");
    let task = world.lease("registry").expect("asked again");
    world.answer(&task, Vec::new()).expect("names nobody");
    assert_eq!(asked(&world, job), ["property:bb", "property:bb", "company:7736050003"]);
    recheck(&mut world, job, 13, "cadastre");
    let task = world.lease("cadastre").expect("asked again");
    world.answer(&task, Vec::new()).expect("names nobody");
    assert_eq!(asked(&world, job), ["property:bb", "property:bb"]);
}

#[test]
fn nobody_is_named_when_all_who_might_have_ended() {
    let mut world = of_two();
    let job = world.create(1);
    for source in ["registry", "cadastre"] {
        let task = world.lease(source).expect("queued");
        world.answer(&task, Vec::new()).expect("names nobody");
    }
    let row = world.job(job);
    assert_eq!(row.needs[2].not_applicable, Some(NotApplicable::NoneFound));
    assert_eq!((row.status, row.is_final), (JobStatus::Completed, true));
}

#[test]
fn a_need_that_an_answer_withdraws_is_not_answered_by_it() {
    let mut world = World::new();
    let mut policy: serde_json::Value = serde_json::from_str(POLICY).expect("json");
    let needs = policy["profiles"]["standard"]["needs"].as_array_mut().expect("needs");
    // About whom the cadastre names, the cadastre is asked, by the very query that named them.
    let mut child = needs[0].clone();
    child["for_each"] = "cadastre.developer".into();
    needs.push(child);
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Api, expected: Some(0) };
    world.run(Command::AdoptPolicy(adopt)).expect("adopted");
    let job = complete(&mut world, 1);
    assert_eq!(recheck(&mut world, job, 11, "cadastre").len(), 2, "parent and child");
    let task = world.lease("cadastre").expect("asked once for both");
    world.answer(&task, Vec::new()).expect("names nobody");
    let row = world.job(job);
    let [parent, child] = [0, 2].map(|entry| row.needs.iter().find(|need| need.need.entry == entry).expect("asked"));
    let seen = |need: &NeedRow| need.receipt.as_ref().expect("answered").observation;
    assert!(child.withdrawn && child.pending.is_none());
    assert_ne!(seen(child), seen(parent), "it keeps what it was answered before");
    assert!(row.is_final);
}
