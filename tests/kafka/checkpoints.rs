//! Checkpoints of a log on a real broker, in a real S3 server: a node with an empty disk begins with one, and with none that is
//! not what the log says; a trimmed topic is enough where there is one.

use crate::broker::Brokers;
use crate::s3::{BUCKET, S3};
use crate::support::client;
use crate::support::program::Program;
use mirano::engine::catch_up;
use mirano::node::VIEWS;
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::EmbeddedLog;
use mirano::views::Views;
use mirano_schemas::codec::{CommitBody, CommitHead};
use mirano_schemas::envelope::Envelope;
use mirano_schemas::{CheckpointTaken, CommitHash, Event, Position};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

const PARTITIONS: u32 = 3;
const PLACE: &str = "s3://evidence/checkpoints";

/// A broker, sources, a store, and nodes one after the other, each under the same name in a folder of its own.
struct World {
    brokers: Brokers,
    store: S3,
    folder: TempDir,
    sources: Program,
}

struct Node {
    program: Program,
    address: String,
}

impl World {
    async fn start() -> Option<Self> {
        let brokers = Brokers::start(1)?;
        let folder = tempfile::tempdir().expect("temp");
        let config = folder.path().join("config");
        let config = config.to_str().expect("UTF-8");
        let flags =
            ["demo-sources", "--listen", "127.0.0.1:0", "--no-faults", "--speed", "40", "--write-config", config];
        let mut sources = Program::start(&flags);
        sources.says("configuration: ").await;
        let store = S3::start(&folder.path().join("s3")).await;
        Some(Self { brokers, store, folder, sources })
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn flags(&self, name: &str, further: &[&str]) -> Vec<String> {
        let path = |name: &str| self.data(name).to_str().expect("UTF-8").to_owned();
        let flags = ["serve", "--listen", "127.0.0.1:0", "--auth=off", "--log", "kafka", "--dev"];
        let mut flags: Vec<String> = flags.map(str::to_owned).to_vec();
        for (flag, value) in [
            ("--data", path(name)),
            ("--config", path("config")),
            ("--evidence", path("evidence")),
            ("--brokers", self.brokers.addresses()),
            ("--partitions", PARTITIONS.to_string()),
        ] {
            flags.extend([flag.to_owned(), value]);
        }
        flags.extend(further.iter().map(|flag| (*flag).to_owned()));
        flags
    }

    async fn node(&self, name: &str, further: &[&str]) -> Node {
        let flags = self.flags(name, further);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let environment = self.store.environment();
        let mut environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        environment.push(("MIRANO_LOG", "mirano=info"));
        let mut program = Program::start_logging(&flags, &environment, &self.data(&format!("{name}.log")));
        let address = program.says("Mirano is ready").await;
        Node { program, address }
    }

    /// What a node says that does not start.
    async fn refused(&self, name: &str, further: &[&str]) -> String {
        let run = Command::new(env!("CARGO_BIN_EXE_mirano"))
            .args(self.flags(name, further))
            .envs(self.store.environment())
            .output();
        let output = tokio::time::timeout(Duration::from_secs(120), run).await.expect("ends").expect("runs");
        assert!(!output.status.success(), "it does not start");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn logged(&self, name: &str) -> String {
        std::fs::read_to_string(self.data(&format!("{name}.log"))).expect("readable")
    }

    /// The files of the store, by kind.
    fn objects(&self, kind: &str) -> Vec<PathBuf> {
        let logs = self.folder.path().join("s3").join(BUCKET).join("checkpoints");
        let log = std::fs::read_dir(logs).expect("readable").next().expect("one log").expect("readable").path();
        std::fs::read_dir(log.join(kind)).expect("readable").map(|entry| entry.expect("readable").path()).collect()
    }

    /// Looks at a node's folder without the program: its rows are those of a rebuild, and `verify` finds nothing.
    async fn is_sound(&self, name: &str) {
        let data = self.data(name);
        let log = EmbeddedLog::open_read_only(&data).expect("opens");
        let again = tempfile::tempdir().expect("temp");
        let (views, again) =
            (Views::open(&data.join(VIEWS)).expect("opens"), Views::open(again.path()).expect("opens"));
        for partition in 0..PARTITIONS {
            for views in [&views, &again] {
                catch_up(&log, views, partition, |_, _| ()).expect("folds");
            }
        }
        assert_eq!(
            views.digest().expect("readable"),
            again.digest().expect("readable"),
            "{name}: the rows are the log's"
        );
        drop(views);
        let (data, evidence) = (data.to_str().expect("UTF-8").to_owned(), self.data("evidence"));
        let verified =
            mirano(&["verify", "--json", "--data", &data, "--evidence", evidence.to_str().expect("UTF-8")]).await;
        let report: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
        assert!(verified.status.success(), "{name}: {report}");
        let commits: u64 = (0..PARTITIONS).map(|partition| log.head(partition).next_seq).sum();
        let seen = report["partitions"].as_array().expect("partitions").iter();
        let seen: u64 = seen.map(|partition| partition["commits"].as_u64().expect("a number")).sum();
        assert_eq!(seen, commits, "{name}: all commits from the first on were looked at");
    }

    /// Whether a node read the topic from its first record on.
    async fn read_all(&self, name: &str) -> bool {
        let data = self.data(name);
        let listed = mirano(&["log", "--data", data.to_str().expect("UTF-8")]).await;
        String::from_utf8_lossy(&listed.stdout).contains("void: the birth of the log")
    }
}

async fn mirano(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirano")).args(arguments).output().await.expect("runs")
}

/// Asks for a check under a key, and waits until it has ended; its id.
async fn check(server: &str, key: &str) -> String {
    let post = client().post(format!("{server}/v1/jobs")).header("Idempotency-Key", key);
    let address = format!("г. Небывалинск, ул. Пробная, д. {}", key.len());
    let job = post.json(&json!({"address": address, "profile": "standard"})).send().await.expect("answers");
    let job: Value = job.error_for_status().expect("taken").json().await.expect("JSON");
    let id = job["job_id"].as_str().expect("an id").to_owned();
    let ends = async {
        let url = format!("{server}/v1/jobs/{id}");
        while client().get(&url).send().await.expect("answers").json::<Value>().await.expect("JSON")["final"]
            != json!(true)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), ends).await.expect("the check ends");
    id
}

async fn named(server: &str) -> Vec<Value> {
    let answer = client().get(format!("{server}/v1/checkpoints")).send().await.expect("answers");
    let page: Value = answer.json().await.expect("JSON");
    page["items"].as_array().expect("a list").clone()
}

/// Writes a record into partition 0 that names this checkpoint, and never counts.
fn forge(brokers: &Brokers, taken: CheckpointTaken) {
    let body = CommitBody { head: CommitHead::default(), events: vec![Event::CheckpointTaken(taken)] };
    let body = body.encode().expect("small");
    let at = Position { partition: 0, seq: 1_000_000 };
    let envelope = Envelope::seal(at, CommitHash([7; 32]), &body).expect("small");
    let record = [&envelope.to_bytes()[..], &body].concat();
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers.addresses()).create().expect("a client");
    producer
        .send(BaseRecord::<(), [u8]>::to("mirano").partition(0).payload(&record))
        .map_err(|(error, _)| error)
        .expect("queued");
    producer.flush(Duration::from_secs(30)).expect("written");
}

/// Removes the records of the topic before the places of a checkpoint, as retention does.
async fn trim(brokers: &Brokers, list: &Value) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers.addresses()).create().expect("a client");
    let mut trimmed = TopicPartitionList::new();
    for (partition, place) in list["places"].as_array().expect("places").iter().enumerate() {
        if let Some(offset) = place["offset"].as_i64() {
            let partition = i32::try_from(partition).expect("few");
            trimmed.add_partition_offset("mirano", partition, Offset::Offset(offset)).expect("a place");
        }
    }
    admin.delete_records(&trimmed, &AdminOptions::new()).await.expect("deleted");
}

fn flip_a_byte(file: &Path) {
    let mut bytes = std::fs::read(file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).expect("writable");
}

/// The checkpoint as the log of a stopped node names it.
fn last_taken(data: &Path) -> CheckpointTaken {
    let log = EmbeddedLog::open_read_only(data).expect("opens");
    let commits = log.read(0, 0, usize::MAX).expect("readable");
    let events = commits.iter().rev().flat_map(|commit| CommitBody::decode(commit.body()).expect("decodes").events);
    let mut taken = events.filter_map(|event| match event {
        Event::CheckpointTaken(taken) => Some(taken),
        _ => None,
    });
    taken.next().expect("the log names one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_an_empty_disk_begins_with_a_checkpoint_that_the_log_names() {
    let Some(world) = World::start().await else { return };
    let kept = ["--checkpoints", PLACE];

    // Without a store there is nothing to take, and that is said.
    let node = world.node("first", &[]).await;
    let first = check(&node.address, "first").await;
    let none = mirano(&["checkpoint", "--server", &node.address]).await;
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(!none.status.success() && said.contains("--checkpoints"), "{said}");
    node.program.end().await;

    let node = world.node("first", &kept).await;
    assert_eq!(named(&node.address).await, Vec::<Value>::new());
    let taken = mirano(&["checkpoint", "--json", "--server", &node.address]).await;
    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(taken.status.success(), "{said}");
    let taken: Value = serde_json::from_slice(&taken.stdout).expect("JSON");
    let second = check(&node.address, "second one").await;
    let listed = named(&node.address).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["place"], taken["place"]);
    node.program.end().await;

    // An empty disk.
    let node = world.node("second", &kept).await;
    assert!(world.logged("second").contains("the checkpoint is what the log says of it"), "{}", world.logged("second"));
    assert_eq!(check(&node.address, "first").await, first, "what was before the checkpoint is there");
    assert_eq!(check(&node.address, "second one").await, second, "and what came since");
    node.program.end().await;
    assert!(!world.read_all("second").await, "it read only what came since");
    world.is_sound("second").await;

    // What a filling that was broken off leaves is cleared away.
    let broken_off = world.data("third");
    std::fs::create_dir_all(broken_off.join("checkpoint.new/log/0000")).expect("writable");
    std::fs::create_dir_all(broken_off.join("log/0000")).expect("writable");
    std::fs::write(broken_off.join("log/0000/00000000000000000000.seg"), b"half").expect("writable");
    world.node("third", &kept).await.program.end().await;
    assert!(world.logged("third").contains("begun anew") && !broken_off.join("checkpoint.new").exists());
    world.is_sound("third").await;

    // Damaged in the store: told, and done without.
    let parts = world.objects("parts");
    parts.iter().for_each(|part| flip_a_byte(part));
    let node = world.node("fourth", &kept).await;
    let said = world.logged("fourth");
    assert!(said.contains("a checkpoint can't be used") && said.contains("the log is read from its start"), "{said}");
    assert_eq!(check(&node.address, "second one").await, second);
    node.program.end().await;
    assert!(world.read_all("fourth").await, "it read the topic from its start");
    world.is_sound("fourth").await;
    parts.iter().for_each(|part| flip_a_byte(part));

    // A record that only looks like one: its checkpoint is whole, and no commit names it.
    let list = world.objects("lists").pop().expect("a list");
    let text = std::fs::read_to_string(&list).expect("readable");
    let mut forged: Value = serde_json::from_str(&text).expect("JSON");
    forged["taken_at_ms"] = json!(1);
    let bytes = serde_json::to_vec(&forged).expect("JSON");
    let hash = *blake3::hash(&bytes).as_bytes();
    std::fs::write(list.with_file_name(CommitHash(hash).to_string()), &bytes).expect("writable");
    let real = last_taken(&world.data("first"));
    forge(&world.brokers, CheckpointTaken { list: hash, ..real });
    let node = world.node("fifth", &kept).await;
    let said = world.logged("fifth");
    assert!(said.contains("the log does not name the checkpoint"), "{said}");
    assert_eq!(check(&node.address, "second one").await, second);
    node.program.end().await;
    assert_eq!(
        said.matches("the checkpoint is what the log says of it").count(),
        2,
        "then it began with the real one: {said}"
    );
    assert!(!world.read_all("fifth").await);
    world.is_sound("fifth").await;

    trimmed(&world, &serde_json::from_str(&text).expect("JSON"), &second).await;
    world.sources.end().await;
}

/// The beginning of the topic goes, as retention takes it.
async fn trimmed(world: &World, list: &Value, second: &str) {
    let kept = ["--checkpoints", PLACE];
    trim(&world.brokers, list).await;
    let said = world.refused("sixth", &[]).await;
    assert!(said.contains("the beginning of the topic mirano is gone") && said.contains("--checkpoints"), "{said}");
    let node = world.node("seventh", &kept).await;
    assert_eq!(check(&node.address, "second one").await, second);
    node.program.end().await;
    world.is_sound("seventh").await;

    // Finite retention needs an archive that is kept by schedule.
    let tool = "kafka.admin.ConfigCommand";
    let alter =
        ["--alter", "--entity-type", "topics", "--entity-name", "mirano", "--add-config", "retention.ms=3600000"];
    world.brokers.tool(tool, &alter);
    let said = world.refused("seventh", &[]).await;
    assert!(said.contains("retention.ms") && said.contains("--checkpoint-every"), "{said}");
    let said = world.refused("seventh", &[&kept[..], &["--checkpoint-every", "21m"]].concat()).await;
    assert!(said.contains("retention.ms=3780000"), "{said}");
    let node = world.node("seventh", &[&kept[..], &["--checkpoint-every", "10s"]].concat()).await;
    let by_schedule = async {
        while named(&node.address).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), by_schedule).await.expect("a checkpoint by schedule");
    node.program.end().await;
    let node = world.node("eighth", &[&kept[..], &["--checkpoint-every", "20m"]].concat()).await;
    assert_eq!(check(&node.address, "second one").await, second);
    node.program.end().await;
    world.is_sound("eighth").await;
}
