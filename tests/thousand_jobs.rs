//! A thousand jobs about one object, at once: each source is asked once for each page, and each job says truthfully how
//! it was answered. Counted at the sources.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

use futures::future::join_all;
use mirano::demo::{self, Showcase};
use mirano_replay::rows::{JobRow, ObservationRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{JobId, JobStatus, Origin, QueryKey, Receipt};
use std::collections::BTreeMap;
use std::time::Instant;
use support::{configuration, counted, create_as, node_at, until_final};

/// One object, as different people write it.
const SPELLINGS: [&str; 4] = [
    Showcase::Large.address(),
    "г. Небывалинск, Стооконная улица, дом 100",
    "ГОРОД НЕБЫВАЛИНСК УЛ. СТООКОННАЯ Д. 100",
    "улица Стооконная, д.100, город Небывалинск",
];

fn id(n: u64) -> JobId {
    JobId::of(&[b"thousand", &n.to_be_bytes()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_jobs_at_once_ask_each_source_once_for_each_page() {
    at_once(1_000, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_do_over_several_partitions() {
    at_once(300, 4).await;
}

async fn at_once(count: u64, partitions: u32) {
    let speed = 40.0;
    let sources = demo::start(demo::Options { speed, faults: false, ..demo::Options::default() }).await.expect("demo");
    let configuration = configuration(&sources, None, speed);
    let folder = tempfile::tempdir().expect("temp");
    let (node, workers) = node_at(folder.path(), &configuration, partitions, &Default::default()).await;

    let began = Instant::now();
    let create = |n: u64| create_as(&node, id(n), SPELLINGS[n as usize % SPELLINGS.len()], "standard", &[]);
    let jobs = join_all((0..count).map(create)).await;
    let created = began.elapsed();
    let mut rows = Vec::new();
    for job in &jobs {
        rows.push(until_final(&node, *job).await);
    }
    println!("{count} jobs, {partitions} partition(s): created in {created:?}, all final in {:?}", began.elapsed());

    let asked = counted(&sources.base_url()).await;
    println!("{} requests at the sources for {count} jobs", asked.total);
    assert_eq!(asked.over_limit, 0);
    assert!(asked.by_key.len() > 10, "a large object has many pages: {asked:?}");
    let repeated: Vec<_> = asked.by_key.iter().filter(|(_, times)| **times != 1).collect();
    assert!(repeated.is_empty(), "asked more than once: {repeated:?}");

    let mut answered: BTreeMap<QueryKey, Vec<(&JobRow, &Receipt)>> = BTreeMap::new();
    for row in &rows {
        assert_eq!(row.status, JobStatus::Completed, "{row:#?}");
        for need in row.needs.iter().filter(|need| need.applicable()) {
            let receipt = need.receipt.as_ref().expect("answered");
            answered.entry(need.need.query.expect("asked")).or_default().push((row, receipt));
        }
    }
    assert!(answered.len() >= 5, "several sources: {}", answered.len());
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for receipts in answered.values() {
        assert_eq!(receipts.len() as u64, count, "every job has every answer");
        let observation: ObservationRow = node
            .engine
            .views()
            .row(receipts[0].1.observation.as_bytes())
            .expect("readable")
            .expect("a receipt names an observation");
        let mut fetched = 0;
        for (row, receipt) in receipts {
            assert_eq!(receipt.observation, observation.recorded.observation, "one observation answers all");
            match receipt.origin {
                Origin::Fetched => {
                    fetched += 1;
                    assert_eq!(row.created.job, observation.recorded.first.job, "fetched by the task's first asker");
                }
                // Who says that it joined had asked before the answer came; who says reused took what was there.
                Origin::Coalesced => assert!(row.created_at <= observation.recorded_at, "{receipt:?}"),
                Origin::Reused => assert!(receipt.taken_at >= receipt.observed_at, "{receipt:?}"),
                Origin::ServedStale => panic!("nothing was stale: {receipt:?}"),
            }
            *tally.entry(format!("{:?}", receipt.origin)).or_default() += 1;
        }
        assert_eq!(fetched, 1, "one job fetched {}", observation.recorded.source);
    }
    println!("origins: {tally:?}");
    assert!(tally.get("Coalesced").is_some_and(|joined| *joined as u64 > count), "many joined: {tally:?}");

    // Who comes later finds all of it, in the very first answer.
    let late = create(count).await;
    let row = support::job(&node, late);
    assert_eq!(row.status, JobStatus::Completed);
    assert!(row.needs.iter().filter_map(|need| need.receipt.as_ref()).all(|receipt| receipt.origin == Origin::Reused));
    assert_eq!(counted(&sources.base_url()).await, asked, "and asks nobody");
    workers.stop().await;
}
