//! The group that assigns partitions loses what it knows.

use super::cluster::{Cluster, SESSION};

const TOOL: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const GROUP: &str = "mirano-mirano";

/// It is deleted under nodes that run.
pub async fn deleted_while_running(cluster: &mut Cluster) {
    let load = cluster.load.start();
    load.until_more(10).await;
    // Kafka deletes no group that has members: they are stopped until it has none.
    for node in cluster.nodes.values() {
        node.program.signal("-STOP").await;
    }
    let mut deleted = String::new();
    for _ in 0..30 {
        tokio::time::sleep(SESSION / 3).await;
        deleted = cluster.brokers.tool(TOOL, &["--delete", "--group", GROUP]);
        if deleted.contains("successful") {
            break;
        }
    }
    assert!(deleted.contains("successful"), "{deleted}");
    let left = cluster.brokers.tool(TOOL, &["--list"]);
    assert!(!left.contains(GROUP), "{left}");
    for node in cluster.nodes.values() {
        node.program.signal("-CONT").await;
    }
    load.until_more(20).await;
    let took = cluster.shared().await;
    load.stop().await;
    println!("the group was deleted; the partitions were shared again {took:?} after the load went on");
    cluster.sound().await;
}

/// While no node runs: it is given offsets of other places than any node stands at, these are deleted, and then the group.
pub async fn deleted_while_idle(cluster: &mut Cluster) {
    let names: Vec<String> = cluster.nodes.keys().cloned().collect();
    cluster.stop_all().await;
    // As long as it has members, Kafka changes nothing.
    for _ in 0..30 {
        if cluster.brokers.tool(TOOL, &["--describe", "--state", "--group", GROUP]).contains("Empty") {
            break;
        }
        tokio::time::sleep(SESSION / 3).await;
    }
    let far = ["--reset-offsets", "--to-earliest", "--topic", "mirano", "--execute", "--group", GROUP];
    cluster.brokers.tool(TOOL, &far);
    let offsets = cluster.brokers.tool(TOOL, &["--describe", "--offsets", "--group", GROUP]);
    assert!(has_offsets(&offsets), "the group holds offsets now: {offsets}");
    cluster.brokers.tool(TOOL, &["--delete-offsets", "--topic", "mirano", "--group", GROUP]);
    let left = cluster.brokers.tool(TOOL, &["--describe", "--offsets", "--group", GROUP]);
    assert!(!has_offsets(&left), "and none any more: {left}");
    // Without offsets and members it may be gone by itself.
    cluster.brokers.tool(TOOL, &["--delete", "--group", GROUP]);
    let left = cluster.brokers.tool(TOOL, &["--list"]);
    assert!(!left.contains(GROUP), "{left}");
    for name in &names {
        cluster.add(name).await;
    }
    let took = cluster.shared().await;
    let load = cluster.load.start();
    load.until_more(10).await;
    load.stop().await;
    println!(
        "offsets and the group were deleted while no node ran; the partitions were shared {took:?} after the start"
    );
    cluster.sound().await;
}

/// Whether the tool shows a place for some partition of the log.
fn has_offsets(described: &str) -> bool {
    let mut places = described.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "mirano")?;
        words.get(at + 2).map(|word| word.parse::<u64>().is_ok())
    });
    places.any(|here| here)
}
