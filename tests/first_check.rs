//! A check against live demo sources over real HTTP, in one process: first answers, then reuse.

mod support;

use mirano::demo;
use mirano_schemas::{JobStatus, Origin};
use support::{configuration, create, node_of, until_final};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_is_answered_by_live_sources_and_the_next_one_is_reused() {
    on(1).await;
}

/// Jobs and sources stand in different partitions then, and each step crosses from one to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_over_seven_partitions() {
    on(7).await;
}

async fn on(partitions: u32) {
    let speed = 40.0;
    let sources = demo::start(demo::Options { speed, faults: false, ..demo::Options::default() }).await.expect("demo");
    let configuration = configuration(&sources, None, speed);
    let folder = tempfile::tempdir().expect("temp");
    let (node, workers) = node_of(folder.path(), &configuration, partitions).await;
    let first = create(&node, 1, "г. Москва, ул. Тверская, д. 7, кв. 12", "standard").await;
    let row = until_final(&node, first).await;
    for need in &row.needs {
        println!(
            "{:<22} {:?} {:?} {:?}",
            need.need.source,
            need.receipt.as_ref().map(|r| (r.outcome, r.facts)),
            need.last_failure,
            need.not_applicable
        );
    }
    assert_eq!(row.status, JobStatus::Completed);
    assert_eq!(row.snapshots.len(), 1);
    let before: serde_json::Value = counters(&sources).await;

    let again = create(&node, 2, "Москва, Тверская улица, дом 7 квартира 12", "standard").await;
    let row = support::job(&node, again);
    assert_eq!(row.status, JobStatus::Completed, "the very first answer is whole");
    let origins = row.needs.iter().filter_map(|need| need.receipt.as_ref()).map(|receipt| receipt.origin);
    assert!(origins.eq(row.needs.iter().filter(|need| need.receipt.is_some()).map(|_| Origin::Reused)));
    assert_eq!(counters(&sources).await, before, "no request reached any source");
    workers.stop().await;
}

async fn counters(sources: &demo::Running) -> serde_json::Value {
    mirano::work::tls::install();
    let client = reqwest::Client::builder().no_proxy().build().expect("client");
    let url = format!("{}/control/requests", sources.base_url());
    client.get(url).send().await.expect("answers").json().await.expect("json")
}
