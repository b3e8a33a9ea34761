//! Three brokers, each commit on two of them at least: any one may die, and then everything that may happen on one happens on
//! three. Heavy for a small machine, so only where `MIRANO_TEST_THREE_BROKERS=1` asks for it.

use super::cluster::Cluster;
use super::faults::{every_fault, everyone_decides};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_may_die_in_turn_and_nodes_lose_nothing_on_them() {
    if std::env::var("MIRANO_TEST_THREE_BROKERS").is_err() {
        println!("LEFT OUT: three brokers: MIRANO_TEST_THREE_BROKERS=1 runs them");
        return;
    }
    let Some(mut cluster) = Cluster::start(3, &["a", "b", "c"]).await else { return };
    everyone_decides(&cluster).await;
    let load = cluster.load.start();
    for number in 1..=3 {
        load.until_more(10).await;
        assert!(in_sync(&cluster, |replicas| replicas == 3).await, "all brokers have everything");
        cluster.brokers.signal(number, "-KILL");
        let killed = Instant::now();
        assert!(in_sync(&cluster, |replicas| replicas == 2).await, "broker {number} is missed");
        let missed = killed.elapsed();
        load.until_more(20).await;
        let gap = cluster.load.know().longest_gap;
        cluster.brokers.again(number);
        assert!(in_sync(&cluster, |replicas| replicas == 3).await, "broker {number} has caught up");
        println!("kill -9 of broker {number}: missed after {missed:?}; no job was acknowledged for {gap:?} at most");
    }
    load.stop().await;
    cluster.shared().await;
    cluster.sound().await;
    every_fault(&mut cluster).await;
    cluster.end().await;
}

/// Waits until so many replicas of each partition are in sync, and each has a leader.
async fn in_sync(cluster: &Cluster, wanted: fn(usize) -> bool) -> bool {
    let brokers = cluster.brokers.addresses();
    let looking = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
        let until = Instant::now() + Duration::from_secs(90);
        while Instant::now() < until {
            let Ok(seen) = client.fetch_metadata(Some("mirano"), Duration::from_secs(2)) else { continue };
            let partitions = seen.topics().iter().flat_map(|topic| topic.partitions());
            if partitions.clone().count() > 0
                && partitions.clone().all(|part| wanted(part.isr().len()) && part.leader() >= 0)
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    });
    looking.await.expect("ends")
}
