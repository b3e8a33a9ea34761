//! What is of level person: sealed in log, views and evidence, readable with its key, and only with it.

mod support;

use mirano::core::persons;
use mirano::demo;
use mirano_replay::facts;
use mirano_replay::rows::FactRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::{Level, Outcome, Sealable};
use std::path::Path;
use support::{configuration, create_with, node, until_final};

const NAME: &str = "Примеров Пример Примерович";
const BIRTH: &str = "1977-07-07";

/// Files below `folder`, but for the keys, that hold the text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "keys") {
                found.extend(holding(&path, text));
            }
        } else {
            let bytes = std::fs::read(&path).expect("readable");
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_sealed_from_the_first_byte() {
    let speed = 40.0;
    let sources = demo::start(demo::Options { speed, faults: false, ..demo::Options::default() }).await.expect("demo");
    let configuration = configuration(&sources, None, speed);
    let folder = tempfile::tempdir().expect("temp");
    let (node, workers) = node(folder.path(), &configuration).await;
    let inputs = [("seller_name", NAME), ("seller_birth_date", BIRTH)];
    let id = create_with(&node, 1, "г. Москва, ул. Тверская, д. 7", "standard", &inputs).await;
    let row = until_final(&node, id).await;
    let need = row.needs.iter().find(|need| need.need.level == Level::Person).expect("a person is asked about");
    let receipt = need.receipt.as_ref().expect("answered");
    assert!(matches!(receipt.outcome, Outcome::Found | Outcome::NothingFound));
    let params = persons::open(&**node.engine.vault(), &need.need.params).expect("the key is there");
    assert!(params.values().any(|value| value == NAME), "its own tenant reads it: {params:?}");
    for fact in facts::set(&**node.engine.views(), receipt.facts_root).expect("readable") {
        let row: FactRow = node.engine.views().row(fact.as_bytes()).expect("readable").expect("there");
        assert!(matches!(row.body, Sealable::Sealed(_)), "a fact about a person is sealed");
        assert!(persons::open(&**node.engine.vault(), &row.body).is_some());
    }
    // Another spelling of nothing: the same person again is the same query, and is reused.
    let again = create_with(&node, 2, "г. Казань, ул. Баумана, д. 3", "standard", &inputs).await;
    let other = until_final(&node, again).await;
    let reused = other.needs.iter().find(|need| need.need.level == Level::Person).expect("asked");
    assert_eq!(reused.need.query, need.need.query);

    node.flush().expect("flushed");
    workers.stop().await;
    assert!(!holding(folder.path(), "Тверская").is_empty(), "what is no secret is found, so the search works");
    assert_eq!(holding(folder.path(), NAME), Vec::<String>::new());
    assert_eq!(holding(folder.path(), BIRTH), Vec::<String>::new());
}

/// Who is asked about by name and date of birth is nobody while one of them is missing; the rest of the check goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_person_is_nobody_and_stops_nothing() {
    let speed = 40.0;
    let sources = demo::start(demo::Options { speed, faults: false, ..demo::Options::default() }).await.expect("demo");
    let configuration = configuration(&sources, None, speed);
    let folder = tempfile::tempdir().expect("temp");
    let (node, workers) = node(folder.path(), &configuration).await;
    for (n, half) in [(1, ("seller_name", NAME)), (2, ("seller_birth_date", BIRTH))] {
        let id = create_with(&node, n, "г. Москва, ул. Тверская, д. 7", "standard", &[half]).await;
        let row = until_final(&node, id).await;
        let needs: Vec<_> = row.needs.iter().filter(|need| need.need.level == Level::Person).collect();
        assert!(!needs.is_empty() && needs.iter().all(|need| !need.applicable()), "{needs:#?}");
        assert!(row.needs.iter().any(|need| need.receipt.is_some()), "the others are asked");
        assert!(matches!(row.created.inputs.get(half.0), Some(Sealable::Sealed(_))), "it may name a person");
    }
    node.flush().expect("flushed");
    workers.stop().await;
    assert_eq!(holding(folder.path(), NAME), Vec::<String>::new());
}
