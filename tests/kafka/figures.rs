//! What the log costs beside bare Kafka: the same bytes, through librdkafka alone and through the log, on one broker in one
//! run. By hand, on a machine that does nothing else: `cargo test --test kafka figures -- --ignored --nocapture --test-threads 1`.
//! `MIRANO_COMMITS` for another number than 20,000: fewer show that it runs, and are held to nothing.

use crate::broker::Brokers;
use bytes::Bytes;
use futures::stream::{FuturesOrdered, StreamExt};
use mirano::sequencer::kafka::{KafkaLog, Settings};
use mirano::sequencer::{Outcome, Sequencer};
use mirano_schemas::Position;
use mirano_schemas::envelope::{Envelope, HEADER_LEN};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many are enough to be held to.
const ENOUGH: usize = 20_000;
const BODY: usize = 1_024 - HEADER_LEN;

/// Commits in a second, and how long one took: the median, and one of a hundred.
#[derive(Debug)]
struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

impl Figures {
    fn of(took: Duration, mut each: Vec<Duration>) -> Self {
        each.sort();
        let at = |part: usize| each[(each.len() - 1) * part / 100];
        Self { per_second: each.len() as f64 / took.as_secs_f64(), p50: at(50), p99: at(99) }
    }
}

/// A body that does not compress to nothing.
fn body(n: usize) -> Vec<u8> {
    let mut body = vec![0; BODY];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut body);
    body
}

/// Produced, and consumed again, with so many on their way.
fn bare(brokers: &str, topic: &str, commits: usize, in_flight: usize) -> Figures {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("acks", "all").set("enable.idempotence", "true");
    let producer: BaseProducer =
        config.clone().set("linger.ms", "0").set("compression.type", "zstd").create().expect("a producer");
    config.set("group.id", "figures").set("fetch.wait.max.ms", "500");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::End).expect("a place");
    consumer.assign(&list).expect("assigned");
    // Until it is where it begins, what is produced would be missed.
    while consumer.position().expect("a position").elements()[0].offset() == Offset::Invalid {
        let warm = BaseRecord::<(), [u8]>::to(topic).partition(0).payload(b"warm");
        producer.send(warm).expect("sent");
        producer.flush(Duration::from_secs(10)).expect("delivered");
        let _ = consumer.poll(Duration::from_millis(200));
    }
    while consumer.poll(Duration::from_millis(300)).is_some() {}
    let (mut sent, mut each) = (VecDeque::new(), Vec::with_capacity(commits));
    let (mut n, began) = (0, Instant::now());
    while each.len() < commits {
        while n < commits && sent.len() < in_flight {
            let bytes = [vec![0; HEADER_LEN], body(n)].concat();
            sent.push_back(Instant::now());
            producer.send(BaseRecord::<(), [u8]>::to(topic).partition(0).payload(&bytes)).expect("sent");
            n += 1;
        }
        producer.poll(Duration::ZERO);
        if let Some(message) = consumer.poll(Duration::from_millis(1)) {
            let message = message.expect("consumed");
            // One of those that warmed it up may come late.
            if message.payload() == Some(b"warm") {
                continue;
            }
            assert_eq!(message.payload_len(), BODY + HEADER_LEN);
            each.push(sent.pop_front().expect("in order").elapsed());
        }
    }
    Figures::of(began.elapsed(), each)
}

/// Appended, and counting: read back, judged, and in the mirror.
async fn logged(log: &KafkaLog, commits: usize, in_flight: usize) -> Figures {
    let mut head = log.head(0);
    let mut outcomes = FuturesOrdered::new();
    let mut each = Vec::with_capacity(commits);
    let (mut n, began) = (0, Instant::now());
    while each.len() < commits {
        while n < commits && outcomes.len() < in_flight {
            let body = body(n);
            let position = Position { partition: 0, seq: head.next_seq };
            let envelope = Envelope::seal(position, head.hash, &body).expect("fits");
            (head.next_seq, head.hash) = (head.next_seq + 1, envelope.hash());
            let (sent, outcome) =
                (Instant::now(), log.append(0, Bytes::from([&envelope.to_bytes()[..], &body].concat())));
            outcomes.push_back(async move { (outcome.await, sent.elapsed()) });
            n += 1;
        }
        let (outcome, took) = outcomes.next().await.expect("on its way");
        assert!(matches!(outcome, Ok(Outcome::Counted { .. })), "{outcome:?}");
        each.push(took);
    }
    Figures::of(began.elapsed(), each)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures: by hand, on a quiet machine"]
async fn figures_of_the_log_beside_bare_kafka() {
    let Some(brokers) = Brokers::start(1) else { return };
    let commits: usize = std::env::var("MIRANO_COMMITS").map_or(ENOUGH, |text| text.parse().expect("a number"));
    for in_flight in [1, 16, 512] {
        let folder = tempfile::tempdir().expect("temp");
        let settings = |topic: String| Settings { dev: true, ..Settings::new(brokers.addresses(), topic) };
        let log = KafkaLog::open(folder.path(), settings(format!("log-{in_flight}"))).await.expect("opens");
        let (other, addresses) = (tempfile::tempdir().expect("temp"), brokers.addresses());
        // Made with the same settings; its log is closed before it is used for anything else.
        let topic = format!("bare-{in_flight}");
        drop(KafkaLog::open(other.path(), settings(topic.clone())).await.expect("opens"));
        let bare =
            tokio::task::spawn_blocking(move || bare(&addresses, &topic, commits, in_flight)).await.expect("ends");
        let logged = logged(&log, commits, in_flight).await;
        let (rate, median) = (logged.per_second / bare.per_second, logged.p50.as_secs_f64() / bare.p50.as_secs_f64());
        let worst = logged.p99.as_secs_f64() / bare.p99.as_secs_f64();
        println!(
            "{commits} commits, {in_flight} in flight: {rate:.2} of the throughput, {median:.2} and {worst:.2} times the latency (p50, p99)"
        );
        println!("  bare {bare:?}\n  log  {logged:?}");
        if commits < ENOUGH {
            continue;
        }
        assert!(rate >= 0.6, "throughput with {in_flight} in flight");
        assert!(median <= 2.0, "latency with {in_flight} in flight");
    }
}
