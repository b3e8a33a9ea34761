//! A person whose key was destroyed: what was known is no more, and says so; that there was something stays.

use crate::world::{KEY_ADMIN, World, developer, row};
use mirano::core::command::{AnsweredFact, LeasedTask};
use mirano::core::persons;
use mirano_schemas::canonical::keyed_fact_id;
use mirano_schemas::*;
use serde_json::{Value as Json, json};

/// A taxpayer's number of nobody: its check digits fit.
const INN: &str = "500100732259";

/// A case of a person, sealed as workers seal it.
fn case(world: &World, task: &LeasedTask, number: &str, role: &str) -> AnsweredFact {
    let keys = mirano::core::vault::Vault::by_subject(&*world.vault, &task.subject).expect("the key is there");
    let fact = Fact { subject: task.subject.clone(), ..crate::world::case(number, role) };
    AnsweredFact {
        kind: fact.kind.clone(),
        volatile: None,
        fact: LoggedFact {
            fact_id: keyed_fact_id(&fact, keys.fact_key()),
            body: persons::seal(&keys, &SharedFact::from(fact)).expect("seals"),
        },
    }
}

fn encoded(subject: &str) -> String {
    subject.replace(':', "%3A")
}

#[tokio::test]
async fn what_was_known_of_an_erased_person_is_gone_and_says_so() {
    let world = World::new().await;
    let job = world.create("k1", json!({"profile": "seller", "inputs": {"seller_inn": INN}})).await;
    let job = job["job_id"].as_str().expect("an id").to_owned();
    let answer = async |facts: &[(&str, &str)]| {
        let task = world.lease("courts").await;
        let facts = facts.iter().map(|(number, role)| case(&world, &task, number, role)).collect();
        world.answer_with(&task, facts).await;
        let view = world.until(&job, |view| view["final"] == true).await;
        (task.subject.0, mirano::explain::time::rfc3339(world.now()), view)
    };
    let (person, then, _) = answer(&[("1", "Истец"), ("2", "Истец")]).await;
    assert!(person.starts_with("person:"), "{person}");
    world.pass(60_000);
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({})).await;
    let (_, later, view) = answer(&[("2", "Ответчик"), ("3", "Истец")]).await;
    let snapshots: Vec<&str> = view["snapshots"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["snapshot_id"].as_str().expect("an id"))
        .collect();
    let facts = format!("/v1/subjects/{}/facts", encoded(&person));
    let history = format!("/v1/subjects/{}/history", encoded(&person));
    let subjects = format!("/v1/diff?from={person}@{then}&to={person}@{later}");
    let jobs = format!("/v1/diff?from=job:{job}@{then}&to=job:{job}@{later}");
    let sealed = format!("/v1/diff?from={}&to={}", snapshots[0], snapshots[snapshots.len() - 1]);

    // While the key is there.
    let shown = world.read(&facts).await;
    let fact = shown["items"][0]["fact_id"].as_str().expect("an id").to_owned();
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.read(&history).await["items"].as_array().map(Vec::len), Some(4));
    let counts = json!({"added": 1, "gone": 1, "changed": 1, "unchanged": 0});
    for path in [&subjects, &jobs, &sealed] {
        let diff = world.read(path).await;
        assert_eq!(diff["counts"], counts, "{path}");
        assert!(diff["items"].as_array().expect("items").iter().all(|item| item["erased"] == false));
    }
    world.read(&format!("/v1/facts/{fact}")).await;

    world.vault.erase(&Subject(person.clone()));
    let gone = (410, "erased".to_owned());
    for path in [
        facts.clone(),
        format!("{facts}?as_of={then}"),
        history.clone(),
        format!("{history}?as_of={then}"),
        subjects.clone(),
        format!("/v1/facts/{fact}"),
        format!("/v1/facts/{fact}?as_of={later}"),
        format!("/v1/facts/{fact}/evidence"),
    ] {
        assert_eq!(world.get(&path).await.problem(), gone, "{path}");
    }
    let lines = world.request("GET", &subjects, crate::world::KEY_A).header("accept", "application/x-ndjson");
    assert_eq!(world.send(lines).await.problem(), gone, "as lines too");
    // Who never asked about the person does not learn that there was one.
    let foreign = world.request("GET", &facts, crate::world::KEY_B);
    assert_eq!(world.send(foreign).await.problem(), (404, "not_found".to_owned()));
    // A check is still compared: that facts came and went is known, which they were is not.
    for path in [&jobs, &sealed] {
        let diff = world.read(path).await;
        assert_eq!(diff["counts"], json!({"added": 2, "gone": 2, "changed": 0, "unchanged": 0}), "{path}");
        for item in diff["items"].as_array().expect("items") {
            assert_eq!((&item["erased"], &item["kind"]), (&json!(true), &Json::Null), "{item}");
            assert_eq!((&item["from"], &item["to"]), (&Json::Null, &Json::Null), "{item}");
        }
        for word in ["Истец", "Ответчик", "court.case"] {
            assert!(!diff["items"].to_string().contains(word), "{word}: {diff:#}");
        }
    }
    let row = row(&world.read(&format!("/v1/jobs/{job}")).await, "courts").clone();
    assert_eq!((&row["params"], &row["facts"]), (&Json::Null, &json!(2)), "{row:#}");
    // Roots and proofs stay true.
    let proof = world.read(&format!("/v1/snapshots/{}/proof/{fact}", snapshots[snapshots.len() - 1])).await;
    assert_eq!(proof["present"], json!(true));
}

#[tokio::test]
async fn an_erased_person_leaves_others_as_they_were() {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    world.answer_in_order(&job, "cadastre", vec![developer()]).await;
    world.vault.erase(&Subject("person:nobody".to_owned()));
    let facts = world.read("/v1/subjects/property%3Abb/facts").await;
    assert_eq!(facts["items"].as_array().map(Vec::len), Some(1));
    let unknown = world.send(world.request("GET", "/v1/subjects/person%3Anobody/facts", KEY_ADMIN)).await;
    assert_eq!(unknown.problem(), (404, "not_found".to_owned()), "never known is not erased");
}
