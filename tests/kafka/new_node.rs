//! How quick a new node is: with a checkpoint, and with the topic alone; how quickly one that is behind catches up. By hand, on a
//! machine that does nothing else: `cargo test --test kafka figures -- --ignored --nocapture --test-threads 1`; a million facts,
//! `MIRANO_FACTS` for another number.

use crate::broker::Brokers;
use crate::facts;
use mirano::node::{Node, NodeOptions};
use mirano::sequencer::Sequencer;
use mirano::sequencer::kafka::{KafkaLog, Settings};
use std::path::Path;
use std::time::{Duration, Instant};

const PARTITIONS: u32 = 4;

/// Opens a node, and says how long it took.
async fn opened(settings: &Settings, folder: &Path, name: &str, store: Option<&str>) -> (Node, Duration) {
    let options =
        NodeOptions { data: folder.join(name), partitions: PARTITIONS, evidence: None, name: name.to_owned() };
    let settings = Settings { node: name.to_owned(), ..settings.clone() };
    let began = Instant::now();
    let node = Node::open_on_kafka(options, settings, format!("http://{name}.invalid"), store).await.expect("opens");
    (node, began.elapsed())
}

async fn closed<T: Send + 'static>(what: T) {
    tokio::task::spawn_blocking(move || drop(what)).await.expect("closes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures: by hand, on a quiet machine"]
async fn figures_of_a_new_node() {
    let Some(brokers) = Brokers::start(1) else { return };
    let wanted: u64 = std::env::var("MIRANO_FACTS").map_or(1_000_000, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("temp");
    let settings = Settings { dev: true, partitions: PARTITIONS, ..Settings::new(brokers.addresses(), "figures") };
    let rate = |took: Duration| format!("{took:.1?}, {:.0} facts/s", wanted as f64 / took.as_secs_f64());

    let log = KafkaLog::open(folder.path().join("first"), settings.clone()).await.expect("opens");
    let began = Instant::now();
    facts::fill(&log, wanted).await;
    println!("{wanted} facts appended: {}", rate(began.elapsed()));
    closed(log).await;

    // A node that was away for all of it: mirroring alone, then with the fold.
    let began = Instant::now();
    let mirror = KafkaLog::open(folder.path().join("mirror"), settings.clone()).await.expect("opens");
    println!("catching up, the mirror alone: {}", rate(began.elapsed()));
    let commits: u64 = (0..PARTITIONS).map(|partition| mirror.head(partition).next_seq).sum();
    closed(mirror).await;
    let (node, whole) = opened(&settings, folder.path(), "whole", None).await;
    println!("catching up, mirror and rows: {}; {:.0} commits/s", rate(whole), commits as f64 / whole.as_secs_f64());

    let store = folder.path().join("checkpoints");
    let store = store.to_str().expect("UTF-8");
    let taker = node.checkpoints(store, 3).expect("a store");
    let taken = taker.take().await.expect("taken");
    println!("a checkpoint of {} rows, {} bytes: {}", taken.taken.rows, taken.bytes, rate(taken.took));
    let again = taker.take().await.expect("taken");
    println!("the next one: {} bytes new, {:.1?}", again.new_bytes, again.took);
    closed((taker, node)).await;

    let (node, begun) = opened(&settings, folder.path(), "begun", Some(store)).await;
    let ratio = whole.as_secs_f64() / begun.as_secs_f64();
    println!("a new node with a checkpoint: {}: {ratio:.1} times as quick as reading the whole log", rate(begun));
    let named = mirano_replay::checkpoint::all(&**node.engine.views()).expect("readable");
    assert_eq!(named.len(), 2, "it shows what the log names");
    closed(node).await;
    assert!(begun < whole, "a checkpoint is worth its while");
}
