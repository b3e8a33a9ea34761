//! A smaller question is answered from a larger one's answer, where the source says that its parameters nest.

use super::*;
use serde_json::{Value as Json, json};

const HOUR: u64 = 3_600_000;

/// A register that is asked about a house: of one court or of all, since some day.
fn world(share: &str) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    let required = |kind: &str| json!({"at": "$.x", "type": kind, "required": true});
    policy["sources"]["cadastre"] = json!({"id": "cadastre", "title": {"ru": "К", "en": "C"}, "level": "property", "ttl": "7d", "share": share,
        "params": ["address", "court", "since"], "limits": {"rate": "10/s", "burst": 10, "concurrency": 4},
        "nests": [{"param": "court", "attr": "court", "whole": "all"}, {"param": "since", "attr": "filed", "by": "from"}],
        "request": {"url": "http://x/"}, "answer": {"format": "json", "items": "$.items[*]", "valid": [{"at": "$.items"}]},
        "fact": [{"kind": "court.case", "identity": ["n"],
            "attrs": {"n": required("text"), "court": required("text"), "filed": required("date")}}]});
    let need = |court: &str, since: &str| json!({"source": "cadastre", "params": {"address": "{{ address.building }}", "court": court, "since": since}});
    let title = json!({"ru": "п", "en": "p"});
    let profile = |needs: Vec<Json>| json!({"title": title, "needs": needs});
    policy["profiles"] = json!({
        "whole": profile(vec![need("all", "2020-01-01")]),
        "msk": profile(vec![need("msk", "2020-01-01")]),
        "late": profile(vec![need("all", "2024-01-01")]),
        "late_msk": profile(vec![need("msk", "2024-01-01")]),
        "older": profile(vec![need("msk", "2019-01-01")]),
        "nowhere": profile(vec![need("spb", "2026-01-01")]),
    });
    policy["risk"]["rule"] = json!([]);
    World::with_policy(&policy.to_string())
}

fn entry(n: &str, court: &str, filed: &str) -> Fact {
    let mut fact = fact("cadastre", "court.case", "property:bb", ("n", n), &[("court", court)]);
    fact.attrs.insert("filed".to_owned(), Value::Date(filed.to_owned()));
    fact
}

fn entries() -> Vec<Fact> {
    vec![entry("1", "msk", "2021-05-01"), entry("2", "msk", "2024-02-01"), entry("3", "spb", "2025-01-01")]
}

fn ask(world: &mut World, n: u8, tenant: &str, profile: &str, max_age_ms: Option<u64>) -> JobId {
    let job = JobId([n; 16]);
    let command = CreateJob {
        job,
        tenant: tenant.to_owned(),
        profile: profile.to_owned(),
        address: address(),
        inputs: BTreeMap::new(),
        priority: 3,
        max_age_ms: max_age_ms.map(|ms| ("*".to_owned(), ms)).into_iter().collect(),
        request_digest: [n; 32],
    };
    world.run(Command::CreateJob(command)).expect("created");
    job
}

/// What the only need of a job was answered with: facts, origin, reason.
fn answer(world: &World, job: JobId) -> (u32, Origin, String, ObservationId) {
    let row = world.job(job);
    assert!(row.is_final, "{row:#?}");
    let receipt = row.needs[0].receipt.clone().expect("answered");
    (receipt.facts, receipt.origin, receipt.reason, receipt.observation)
}

#[test]
fn smaller_questions_are_answered_without_a_request() {
    let mut world = world("all");
    let whole = ask(&mut world, 1, "t", "whole", None);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, entries()).expect("answers");
    let observed_at = world.job(whole).needs[0].receipt.as_ref().expect("answered").observed_at;
    world.now = world.now.plus_ms(HOUR);
    for (n, profile, facts) in [(2, "msk", 2), (3, "late", 2), (4, "late_msk", 1), (5, "nowhere", 0)] {
        let job = ask(&mut world, n, "t", profile, None);
        assert!(world.lease("cadastre").is_none(), "{profile}: nobody is asked");
        let (have, origin, reason, observation) = answer(&world, job);
        assert_eq!((have, origin, reason.as_str()), (facts, Origin::Reused, "narrowed"), "{profile}");
        let receipt = world.job(job).needs[0].receipt.clone().expect("answered");
        assert_eq!(receipt.observed_at, observed_at, "its age is that of the larger answer");
        let outcome = if facts == 0 { Outcome::NothingFound } else { Outcome::Found };
        assert_eq!((receipt.outcome, receipt.complete, world.job(job).status), (outcome, true, JobStatus::Completed));
        let row: ObservationRow = world.store.row(observation.as_bytes()).expect("readable").expect("there");
        assert_eq!((row.recorded.evidence, row.recorded.task), (vec![EvidenceId([9; 32])], task.task));
        assert!(row.part_of.is_some());
    }
    // Whoever asks the same again is answered in the commit of the question, and told the same.
    let again = ask(&mut world, 6, "u", "msk", None);
    let (facts, origin, reason, _) = answer(&world, again);
    assert_eq!((facts, origin, reason.as_str()), (2, Origin::Reused, "narrowed"));
}

#[test]
fn what_is_not_contained_or_not_young_enough_is_asked() {
    let mut world = world("all");
    ask(&mut world, 1, "t", "whole", None);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, entries()).expect("answers");
    ask(&mut world, 2, "t", "older", None);
    let task = world.lease("cadastre").expect("since an earlier day");
    world.answer(&task, entries()).expect("answers");
    world.now = world.now.plus_ms(HOUR);
    ask(&mut world, 3, "t", "msk", Some(HOUR / 2));
    assert!(world.lease("cadastre").is_some(), "the larger answer is too old for this caller");
    world.now = world.now.plus_ms(8 * 24 * HOUR);
    ask(&mut world, 4, "t", "late", None);
    assert!(world.lease("cadastre").is_some(), "it is stale");
}

#[test]
fn an_answer_that_was_cut_is_no_ground() {
    let mut world = world("all");
    ask(&mut world, 1, "t", "whole", None);
    let task = world.lease("cadastre").expect("asked");
    world.answer_in_part(&task, entries()).expect("recorded");
    ask(&mut world, 2, "t", "msk", None);
    assert!(world.lease("cadastre").is_some());
}

#[test]
fn tenants_that_do_not_share_are_not_answered_from_each_other() {
    let mut world = world("tenant");
    ask(&mut world, 1, "a", "whole", None);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, entries()).expect("answers");
    let own = ask(&mut world, 2, "a", "late_msk", None);
    assert_eq!(answer(&world, own).0, 1, "its own larger answer");
    for (n, profile) in [(3, "msk"), (4, "late")] {
        ask(&mut world, n, "b", profile, None);
        assert!(world.lease("cadastre").is_some(), "{profile}: the other tenant asks for itself");
    }
}

/// A later, larger answer without a fact: the part that is asked for then shows that it is gone.
#[test]
fn a_part_follows_the_larger_answer() {
    let mut world = world("all");
    let whole = ask(&mut world, 1, "t", "whole", None);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, entries()).expect("answers");
    let part = ask(&mut world, 2, "t", "msk", None);
    assert_eq!(answer(&world, part).0, 2);
    world.now = world.now.plus_ms(6 * HOUR);
    let recheck = |job, n| Recheck {
        command: CommandId([n; 16]),
        job,
        tenant: None,
        selected: Vec::new(),
        reason: String::new(),
    };
    world.run(Command::Recheck(recheck(whole, 1))).expect("planned");
    let task = world.lease("cadastre").expect("a re-check asks");
    world.answer(&task, entries().into_iter().skip(1).collect()).expect("answers");
    let later = ask(&mut world, 3, "t", "msk", Some(HOUR));
    assert_eq!(answer(&world, later).0, 1);
    let gone = fact_id(&entries()[0]);
    let query = world.job(later).needs[0].need.query.expect("asked");
    let row: mirano_replay::rows::FactRow = world.store.row(gone.as_bytes()).expect("readable").expect("there");
    assert!(row.intervals.iter().any(|interval| interval.query == query && interval.to.is_some()), "{row:?}");
    // A re-check of the part itself asks the source.
    world.run(Command::Recheck(recheck(part, 2))).expect("planned");
    assert!(world.lease("cadastre").is_some());
}
