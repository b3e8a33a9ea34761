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
    every_fault(&mut cluster).await;
    cluster.end().await;
}

/// One after the other; each shows first that it happened, and afterwards all is sound.
pub async fn every_fault(cluster: &mut Cluster) {
    killed(cluster).await;
    stopped_and_continued(cluster).await;
    disk_wiped(cluster).await;
    groups::deleted_while_running(cluster).await;
    groups::deleted_while_idle(cluster).await;
    same_name_twice(cluster).await;
    foreign_record(cluster).await;
    retries_again(cluster).await;
    brokers_away(cluster).await;
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
        let key = format!("at-any-node-{number}");
        let post = http.post(format!("{asked}/v1/jobs")).header("Idempotency-Key", &key);
        let answer = post.json(&body).send().await.expect("answers").error_for_status().expect("taken");
        let position = answer.headers()["mirano-position"].to_str().expect("visible").to_owned();
        let job: serde_json::Value = answer.json().await.expect("JSON");
        let id = job["job_id"].as_str().expect("an id").to_owned();
        cluster.load.know().acknowledge(&key, id.clone());
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

/// A node that decides is stopped for longer than anything waits, another takes over, and it goes on where it was.
async fn stopped_and_continued(cluster: &mut Cluster) {
    let load = cluster.load.start();
    load.until_more(20).await;
    let name = cluster.a_deciding_one().await;
    let had = cluster.deciding().await[&name].clone();
    let node = cluster.take(&name);
    node.program.signal("-STOP").await;
    is_stopped(&node.program.pid()).await;
    let stopped = Instant::now();
    // Its kernel takes them: it will decide them as soon as it wakes up, not knowing what it missed.
    let late: Vec<_> = (0..LATE).map(|number| tokio::spawn(ask_late(node.address.clone(), number))).collect();
    let took = cluster.shared().await;
    while stopped.elapsed() < LONGEST_WAIT {
        load.until_more(5).await;
    }
    let witness = cluster.nodes.values().next().expect("another node").address.clone();
    let before = void(&witness).await;
    node.program.signal("-CONT").await;
    let stopped = stopped.elapsed();
    let mut refused = 0;
    for (number, late) in late.into_iter().enumerate() {
        if !late.await.expect("answered") {
            refused += 1;
        }
        // Whatever it was told, under its key it is one job.
        let (key, body) = late_request(number);
        cluster.load.ask_named(&key, &node.address, &body).await;
    }
    cluster.nodes.insert(name.clone(), node);
    cluster.tell();
    load.until_more(20).await;
    cluster.shared().await;
    load.stop().await;
    let void = void(&witness).await - before;
    assert!(void > 0.0, "it woke up not knowing what it had missed, and none of its commits came late");
    println!(
        "SIGSTOP of {name} for {stopped:?}, which decided {had:?}: taken over after {took:?}; of {LATE} requests that waited for it {refused} were refused for the time being, and {void} of its commits came late"
    );
    cluster.sound().await;
}

/// The longest that a node waits for anything: Kafka's client gives a delivery up after this, and the node begins it anew.
const LONGEST_WAIT: Duration = Duration::from_secs(31);
/// Requests that wait for a node that is stopped.
const LATE: usize = 12;

/// Waits until all threads of a process stand still: a signal arrives a moment after it was sent.
async fn is_stopped(pid: &str) {
    let still = async {
        loop {
            let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("alive");
            let stat = |thread: std::io::Result<std::fs::DirEntry>| {
                std::fs::read_to_string(thread.ok()?.path().join("stat")).ok()
            };
            if threads.filter_map(stat).all(|stat| stat.contains(") T ")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), still).await.expect("it is stopped");
}

fn late_request(number: usize) -> (String, serde_json::Value) {
    let address = format!("г. Небывалинск, ул. Поздняя, д. {}", number + 1);
    (format!("late-{number}"), serde_json::json!({"address": address, "profile": "standard"}))
}

/// Asks a node that is stopped, and waits until it answers; whether it acknowledges. Else it says to try again.
async fn ask_late(server: String, number: usize) -> bool {
    let (key, body) = late_request(number);
    let post = super::support::client().post(format!("{server}/v1/jobs")).header("Idempotency-Key", key);
    let answer = post.timeout(LONGEST_WAIT * 4).json(&body).send().await.expect("an answer, once it is awake");
    let again = answer.headers().contains_key("retry-after");
    assert!(answer.status() == 202 || (answer.status() == 503 && again), "{answer:?}");
    answer.status() == 202
}

/// How many void records a node has seen.
async fn void(address: &str) -> f64 {
    let all = metrics(address).await;
    all.iter().filter(|(name, _)| name.starts_with("mirano_log_void_total")).map(|(_, count)| count).sum()
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

/// All brokers are away for a minute, which is longer than anything waits for them.
async fn brokers_away(cluster: &mut Cluster) {
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
    let behind = |answer: &reqwest::Response| -> Option<u64> {
        let said = answer.headers().get("mirano-behind")?;
        Some(said.to_str().expect("a number").parse().expect("seconds"))
    };
    assert!(behind(&read).is_some(), "an answer says that it may be behind");
    let said = async {
        loop {
            let read = http.get(format!("{address}/v1/jobs/{acknowledged}")).send().await.expect("reads go on");
            assert_eq!(read.status(), 200);
            let said = behind(&read).expect("still behind");
            // Counted from the last answer that was noted, which is before the end.
            assert!(said <= away.elapsed().as_secs() + 3, "{said} s behind, and away for {:?}", away.elapsed());
            if said >= AWAY.as_secs() {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let said = tokio::time::timeout(AWAY * 2, said).await.expect("it says for how long");
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

/// How long the brokers are away.
const AWAY: Duration = Duration::from_secs(60);

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
