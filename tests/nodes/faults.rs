//! One cluster through its faults, in order of how likely they are.

use super::cluster::{Cluster, PARTITIONS, SESSION, metrics};
use super::groups;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_on_one_topic_lose_nothing_and_do_nothing_twice() {
    let Some(mut cluster) = Cluster::start(1, &["a", "b", "c"]).await else { return };
    everyone_decides(&cluster).await;
    any_node_answers(&cluster).await;
    killed(&mut cluster).await;
    stopped_and_continued(&mut cluster).await;
    disk_wiped(&mut cluster).await;
    groups::deleted_while_running(&mut cluster).await;
    groups::deleted_while_idle(&mut cluster).await;
    same_name_twice(&mut cluster).await;
    foreign_record(&mut cluster).await;
    retries_again(&mut cluster).await;
    brokers_away(&mut cluster).await;
    cluster.end().await;
}

/// The partitions are shared among all.
pub async fn everyone_decides(cluster: &Cluster) {
    let shared = async {
        loop {
            let deciding = cluster.deciding().await;
            let all: Vec<u32> = deciding.values().flatten().copied().collect();
            if all.len() == PARTITIONS as usize && deciding.values().all(|partitions| matches!(partitions.len(), 2 | 3))
            {
                return deciding;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let shared = tokio::time::timeout(Duration::from_secs(60), shared).await;
    println!("shared: {:?}", shared.expect("two or three partitions each"));
}

/// A job that one node acknowledged is read from another by its position, at once.
async fn any_node_answers(cluster: &Cluster) {
    let http = super::support::client();
    let addresses: Vec<&String> = cluster.nodes.values().map(|node| &node.address).collect();
    for (number, asked) in addresses.iter().enumerate() {
        let body = serde_json::json!({"address": format!("г. Небывалинск, ул. Читальная, д. {}", number + 1), "profile": "standard"});
        let key = 1_000_000 + number as u64;
        let post = http.post(format!("{asked}/v1/jobs")).header("Idempotency-Key", format!("key-{key}"));
        let answer = post.json(&body).send().await.expect("answers").error_for_status().expect("taken");
        let position = answer.headers()["mirano-position"].to_str().expect("visible").to_owned();
        let job: serde_json::Value = answer.json().await.expect("JSON");
        let id = job["job_id"].as_str().expect("an id").to_owned();
        cluster.load.know().acknowledged.insert(key, id.clone());
        for other in &addresses {
            let read = http.get(format!("{other}/v1/jobs/{id}?min_position={position}")).send().await.expect("answers");
            assert_eq!(read.status(), 200, "{other} has what {asked} acknowledged");
        }
    }
}

/// `kill -9` of a node that decides.
async fn killed(cluster: &mut Cluster) {
    let load = cluster.load.start();
    load.until_more(20).await;
    let name = cluster.a_deciding_one().await;
    let had = cluster.deciding().await[&name].clone();
    assert!(!had.is_empty());
    let node = cluster.take(&name);
    node.program.kill().await;
    let took = cluster.shared().await;
    load.until_more(20).await;
    let gap = cluster.load.know().longest_gap;
    println!(
        "kill -9 of {name}, which decided {had:?}: taken over after {took:?} (session time-out {SESSION:?}); no job was acknowledged for {gap:?} at most"
    );
    assert!(took >= SESSION / 2, "its partitions were its own until the brokers missed it");
    assert!(took < SESSION * 4, "and found another node soon after");
    cluster.add(&name).await;
    cluster.shared().await;
    load.until_more(10).await;
    load.stop().await;
    cluster.sound().await;
}

/// A node that decides is stopped for longer than the session, another takes over, and it goes on where it was.
async fn stopped_and_continued(cluster: &mut Cluster) {
    let load = cluster.load.start();
    load.until_more(20).await;
    let name = cluster.a_deciding_one().await;
    let had = cluster.deciding().await[&name].clone();
    let node = cluster.take(&name);
    node.program.signal("-STOP").await;
    let state = std::fs::read_to_string(format!("/proc/{}/stat", node.program.pid())).expect("there");
    assert!(state.contains(") T "), "it is stopped: {state}");
    let took = cluster.shared().await;
    load.until_more(20).await;
    node.program.signal("-CONT").await;
    cluster.nodes.insert(name.clone(), node);
    cluster.tell();
    load.until_more(20).await;
    cluster.shared().await;
    load.stop().await;
    println!("SIGSTOP of {name}, which decided {had:?}: taken over after {took:?}, and it came back");
    cluster.sound().await;
}

/// A node loses its disk.
async fn disk_wiped(cluster: &mut Cluster) {
    let load = cluster.load.start();
    load.until_more(10).await;
    let name = cluster.a_deciding_one().await;
    let node = cluster.take(&name);
    node.program.kill().await;
    std::fs::remove_dir_all(cluster.data(&name)).expect("wiped");
    load.until_more(10).await;
    let began = Instant::now();
    cluster.add(&name).await;
    println!("disk of {name} wiped: ready again after {:?}, log, views and keys", began.elapsed());
    load.until_more(10).await;
    load.stop().await;
    cluster.shared().await;
    cluster.sound().await;
}

/// Another process is started under the name of a node that runs.
async fn same_name_twice(cluster: &mut Cluster) {
    let load = cluster.load.start();
    load.until_more(10).await;
    let name = cluster.a_deciding_one().await;
    let twin = cluster.process("twin", &name).await;
    let old = cluster.nodes[&name].address.clone();
    let fenced = async {
        while metrics(&old).await.get("mirano_kafka_name_taken") != Some(&1.0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), fenced).await.expect("the first of the name sees that it is taken");
    load.until_more(20).await;
    assert!(cluster.logged(&name).contains("another node of this name joined"), "and says so");
    twin.program.end().await;
    // Started again, it has its name back.
    cluster.take(&name).program.end().await;
    cluster.add(&name).await;
    cluster.shared().await;
    load.until_more(10).await;
    load.stop().await;
    println!("two nodes of the name {name}: the first decided no more and went on answering");
    cluster.sound().await;
}

/// Somebody else writes into the topic.
async fn foreign_record(cluster: &mut Cluster) {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let load = cluster.load.start();
    load.until_more(10).await;
    let mut config = rdkafka::ClientConfig::new();
    let producer: BaseProducer =
        config.set("bootstrap.servers", cluster.brokers.addresses()).create().expect("a client");
    for partition in 0..PARTITIONS {
        let record =
            BaseRecord::<str, str>::to("mirano").partition(partition as i32).key("who").payload("not a commit");
        assert!(producer.send(record).is_ok());
    }
    producer.flush(Duration::from_secs(10)).expect("written");
    load.until_more(20).await;
    load.stop().await;
    let mut seen = BTreeSet::new();
    for node in cluster.nodes.values() {
        let all = metrics(&node.address).await;
        for partition in 0..PARTITIONS {
            let void = all.get(&format!("mirano_log_void_total{{partition=\"{partition}\"}}")).copied().unwrap_or(0.0);
            assert!(void >= 1.0, "{} saw the foreign record of partition {partition} and passed it over", node.address);
            seen.insert(partition);
        }
    }
    println!("a foreign record in each of {} partitions: void on every node", seen.len());
    cluster.sound().await;
}

/// All brokers are away for longer than anything waits for them.
pub async fn brokers_away(cluster: &mut Cluster) {
    let load = cluster.load.start();
    load.until_more(10).await;
    let all = 1..=cluster.brokers.count();
    all.clone().for_each(|number| cluster.brokers.signal(number, "-KILL"));
    let away = Instant::now();
    let address = cluster.nodes.values().next().expect("a node").address.clone();
    let disconnected = async {
        while metrics(&address).await.get("mirano_kafka_connected") != Some(&0.0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), disconnected).await.expect("the node sees that no broker answers");
    let before = cluster.load.refused.load(std::sync::atomic::Ordering::SeqCst);
    let refused = async {
        while cluster.load.refused.load(std::sync::atomic::Ordering::SeqCst) == before {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), refused).await.expect("writes are refused for the time being");
    let http = super::support::client();
    let body = serde_json::json!({"address": "г. Небывалинск, ул. Пробная, д. 1", "profile": "standard"});
    let write = http.post(format!("{address}/v1/jobs")).header("Idempotency-Key", "while away").json(&body).send();
    let write = write.await.expect("answers");
    assert_eq!(write.status(), 503);
    assert!(write.headers().contains_key("retry-after"), "{:?}", write.headers());
    let problem: serde_json::Value = write.json().await.expect("JSON");
    assert_eq!(problem["code"], "log_unavailable", "{problem}");
    let acknowledged = cluster.load.know().acknowledged.values().next().cloned().expect("some");
    let read = http.get(format!("{address}/v1/jobs/{acknowledged}")).send().await.expect("answers");
    assert_eq!(read.status(), 200, "reads go on");
    let behind = |answer: &reqwest::Response| {
        answer.headers().get("mirano-behind").map(|value| value.to_str().expect("a number").to_owned())
    };
    let said: u64 = behind(&read).expect("an answer says that it may be behind").parse().expect("seconds");
    // Counted from the last answer that was noted, which is before the end.
    assert!(said >= 10 && said <= away.elapsed().as_secs() + 3, "{said} s behind, and away for {:?}", away.elapsed());
    cluster.brokers.again_together(all);
    let away = away.elapsed();
    let heard = async {
        while behind(&http.get(format!("{address}/v1/jobs/{acknowledged}")).send().await.expect("answers")).is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), heard).await.expect("with the brokers back, nothing is behind");
    // What was refused was handed over: under its key it is found, now or after it was asked again.
    cluster.load.ask_named("while away", &address, &body).await;
    load.until_more(20).await;
    load.stop().await;
    let took = cluster.shared().await;
    println!(
        "{said} s behind was said; the brokers were away for {away:?}; the partitions were shared {took:?} after the load went on"
    );
    cluster.sound().await;
}

/// Every record lands again, twice, and in another order, as retries of a producer may that keeps neither.
async fn retries_again(cluster: &mut Cluster) {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::Message;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    use rdkafka::{ClientConfig, Offset, TopicPartitionList};
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.brokers.addresses()).set("group.id", "retries");
    let (consumer, producer): (BaseConsumer, BaseProducer) =
        (config.create().expect("a client"), config.create().expect("a client"));
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset("mirano", partition as i32, Offset::End).expect("a place");
    }
    consumer.assign(&all).expect("assigned");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let injecting = tokio::task::spawn_blocking(move || {
        let (mut seen, mut again) = (BTreeSet::new(), 0);
        while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
            let mut some = Vec::new();
            while let Some(Ok(message)) = consumer.poll(Duration::from_millis(if some.is_empty() { 100 } else { 5 })) {
                let (key, value) =
                    (message.key().unwrap_or_default().to_vec(), message.payload().unwrap_or_default().to_vec());
                // Its own are not injected again.
                if seen.insert((message.partition(), value.clone())) {
                    some.push((message.partition(), key, value));
                }
                if some.len() >= 8 {
                    break;
                }
            }
            for (partition, key, value) in some.iter().rev().chain(&some) {
                let record = BaseRecord::<[u8], [u8]>::to("mirano").partition(*partition).key(key).payload(value);
                producer.send(record).map_err(|(error, _)| error).expect("queued");
                again += 1;
            }
            producer.poll(Duration::ZERO);
        }
        producer.flush(Duration::from_secs(10)).expect("written");
        again
    });
    let load = cluster.load.start();
    load.until_more(30).await;
    load.stop().await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let again = injecting.await.expect("ends");
    assert!(again > 100, "{again} records landed again");
    println!("{again} records landed once more, in another order");
    cluster.sound().await;
}
