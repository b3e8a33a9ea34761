//! Brokers, demo sources and nodes, and what must hold whenever nothing is under way.

use super::broker::Brokers;
use super::load::Load;
use super::support::program::Program;
use super::support::{self, client, patient};
use mirano::engine::catch_up;
use mirano::node::VIEWS;
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::EmbeddedLog;
use mirano::views::Views;
use mirano_replay::apply;
use mirano_replay::rows::JobRow;
use mirano_replay::store::{MemoryStore, ReadExt};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Event, FactId, LeaseToken, QueryKey, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::Command;

pub const PARTITIONS: u32 = 8;
/// How long the brokers wait for a node that says nothing.
pub const SESSION: Duration = Duration::from_secs(3);
/// How much faster than real sources the demo's are; their limits bind all the same.
const SPEED: &str = "20";

pub struct Node {
    pub program: Program,
    pub address: String,
}

pub struct Cluster {
    pub brokers: Brokers,
    pub load: Arc<Load>,
    pub nodes: BTreeMap<String, Node>,
    folder: TempDir,
    sources: Program,
    demo: String,
}

impl Cluster {
    /// So many brokers, demo sources, and nodes of these names. None where tests on a broker are left out.
    pub async fn start(brokers: usize, names: &[&str]) -> Option<Self> {
        let brokers = Brokers::start(brokers)?;
        let folder = tempfile::tempdir().expect("temp");
        let config = folder.path().join("config");
        let config = config.to_str().expect("UTF-8");
        let flags =
            ["demo-sources", "--listen", "127.0.0.1:0", "--no-faults", "--speed", SPEED, "--write-config", config];
        let mut sources = Program::start(&flags);
        let demo = sources.says("demo sources: ").await;
        sources.says("configuration: ").await;
        patient(Path::new(config));
        let session = SESSION.as_millis();
        let kafka = format!("[kafka]\nsession.timeout.ms = {session}\nheartbeat.interval.ms = 500\n");
        std::fs::write(Path::new(config).join("kafka.toml"), kafka).expect("writable");
        let mut this = Self { brokers, load: Load::new(), nodes: BTreeMap::new(), folder, sources, demo };
        for name in names {
            this.add(name).await;
        }
        Some(this)
    }

    pub fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a process in the data folder `data` under the name `name`, and waits until it is ready.
    pub async fn process(&self, data: &str, name: &str) -> Node {
        let (data_folder, config, evidence) = (self.data(data), self.data("config"), self.data("evidence"));
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let partitions = PARTITIONS.to_string();
        let flags = ["serve", "--listen", "127.0.0.1:0", "--auth=off", "--log", "kafka", "--node", name];
        let mut flags: Vec<String> = flags.into_iter().map(str::to_owned).collect();
        // Of three brokers two must have a commit: the strict rules.
        if self.brokers.count() < 3 {
            flags.push("--dev".to_owned());
        }
        for (flag, value) in [
            ("--data", path(&data_folder)),
            ("--config", path(&config)),
            ("--evidence", path(&evidence)),
            ("--brokers", self.brokers.addresses()),
            ("--partitions", partitions),
        ] {
            flags.extend([flag.to_owned(), value]);
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let log = self.folder.path().join(format!("{data}.log"));
        let mut program = Program::start_logging(&flags, &[("MIRANO_LOG", "mirano=info")], &log);
        let address = program.says("Mirano is ready").await;
        Node { program, address }
    }

    /// What a node logged.
    pub fn logged(&self, data: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{data}.log"))).expect("readable")
    }

    pub async fn add(&mut self, name: &str) {
        let node = self.process(name, name).await;
        self.nodes.insert(name.to_owned(), node);
        self.tell();
    }

    /// Takes a node out of those that are asked.
    pub fn take(&mut self, name: &str) -> Node {
        let node = self.nodes.remove(name).expect("such a node");
        self.tell();
        node
    }

    /// The load asks those that are there.
    pub fn tell(&self) {
        self.load.ask_these(self.nodes.values().map(|node| node.address.clone()).collect());
    }

    /// The partitions that each running node says it decides for.
    pub async fn deciding(&self) -> BTreeMap<String, BTreeSet<u32>> {
        let mut out = BTreeMap::new();
        for (name, node) in &self.nodes {
            out.insert(name.clone(), deciding(&node.address).await);
        }
        out
    }

    /// Waits until each partition is decided by exactly one of the running nodes, and by as many as there are. How long.
    pub async fn shared(&self) -> Duration {
        let began = Instant::now();
        let shared = async {
            loop {
                let deciding = self.deciding().await;
                let all: Vec<u32> = deciding.values().flatten().copied().collect();
                let whole: BTreeSet<u32> = all.iter().copied().collect();
                if all.len() == PARTITIONS as usize && whole.len() == all.len() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let within = tokio::time::timeout(Duration::from_secs(60), shared).await;
        assert!(within.is_ok(), "each partition finds a node: {:?}", self.deciding().await);
        began.elapsed()
    }

    /// A node that decides for some partition.
    pub async fn a_deciding_one(&self) -> String {
        let deciding = self.deciding().await;
        deciding.into_iter().find(|(_, partitions)| !partitions.is_empty()).expect("somebody decides").0
    }

    /// With the load stopped: waits until every acknowledged job has ended on every node, stops all nodes, looks at what
    /// they have on disk, and starts them again.
    pub async fn sound(&mut self) {
        self.ended_everywhere().await;
        let names: Vec<String> = self.nodes.keys().cloned().collect();
        self.stop_all().await;
        let acknowledged: BTreeSet<String> = self.load.know().acknowledged.values().cloned().collect();
        for name in &names {
            whole(&self.data(name), &acknowledged);
            self.verify(name).await;
        }
        // A node that stopped later may have seen more; what all have seen is the same to all.
        let logs: Vec<EmbeddedLog> =
            names.iter().map(|name| EmbeddedLog::open_read_only(self.data(name)).expect("the log opens")).collect();
        let seen = |log: &EmbeddedLog| -> Vec<u64> { (0..PARTITIONS).map(|p| log.head(p).next_seq).collect() };
        let common =
            logs.iter().map(seen).reduce(|one, other| one.iter().zip(&other).map(|(a, b)| *a.min(b)).collect());
        let common = common.expect("a node");
        let digests: Vec<[u8; 32]> = logs.iter().map(|log| digest_at(log, &common)).collect();
        assert!(digests.windows(2).all(|two| two[0] == two[1]), "views at {common:?}: {digests:02x?}");
        let counted = support::counted(&self.demo).await;
        assert_eq!(counted.over_limit, 0, "no source was asked above its rate: {counted:?}");
        println!(
            "  sound: {} jobs on {} nodes, the same views at {common:?}, {} requests at the sources",
            acknowledged.len(),
            names.len(),
            counted.total
        );
        for name in &names {
            self.add(name).await;
        }
        self.shared().await;
    }

    async fn verify(&self, name: &str) {
        let (data, evidence) = (self.data(name), self.data("evidence"));
        let mut verify = Command::new(env!("CARGO_BIN_EXE_mirano"));
        verify.arg("verify").arg("--data").arg(data).arg("--evidence").arg(evidence);
        let verified = verify.output().await.expect("runs");
        assert!(verified.status.success(), "{name}: {}", String::from_utf8_lossy(&verified.stdout));
    }

    /// Every acknowledged job is on every node, and final.
    async fn ended_everywhere(&self) {
        let jobs: Vec<String> = self.load.know().acknowledged.values().cloned().collect();
        for node in self.nodes.values() {
            for job in &jobs {
                tokio::time::timeout(Duration::from_secs(240), until_final(&node.address, job))
                    .await
                    .unwrap_or_else(|_| panic!("{job} ends on {}", node.address));
            }
        }
        self.at_rest().await;
    }

    /// Waits until all nodes show the same commits.
    async fn at_rest(&self) {
        let equal = async {
            loop {
                let mut cuts = BTreeSet::new();
                for node in self.nodes.values() {
                    cuts.insert(cut(&node.address).await);
                }
                if cuts.len() == 1 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), equal).await.expect("all nodes come to the same position");
    }

    pub async fn stop_all(&mut self) {
        let ends = std::mem::take(&mut self.nodes).into_values().map(|node| node.program.end());
        futures::future::join_all(ends).await;
    }

    pub async fn end(mut self) {
        self.stop_all().await;
        self.sources.end().await;
    }
}

/// The value of a gauge or counter with all its labels, by its whole name as `/metrics` writes it.
pub async fn metrics(address: &str) -> BTreeMap<String, f64> {
    let answer =
        client().get(format!("{address}/metrics")).timeout(Duration::from_secs(20)).send().await.expect("answers");
    let text = answer.text().await.expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

async fn deciding(address: &str) -> BTreeSet<u32> {
    let all = metrics(address).await;
    let decides = |partition: &u32| all.get(&format!("mirano_decides{{partition=\"{partition}\"}}")) == Some(&1.0);
    (0..PARTITIONS).filter(decides).collect()
}

/// What the views of a node show.
async fn cut(address: &str) -> String {
    let ready = client().get(format!("{address}/readyz")).send().await.expect("answers");
    let ready: serde_json::Value = ready.json().await.expect("JSON");
    ready["position"].as_str().expect("a position").to_owned()
}

async fn until_final(server: &str, id: &str) {
    let url = format!("{server}/v1/jobs/{id}");
    loop {
        let answer = client().get(&url).send().await.expect("answers");
        // A node that was away has it as soon as it has read on.
        if answer.status() == 200 {
            let job: serde_json::Value = answer.json().await.expect("JSON");
            if job["final"] == serde_json::json!(true) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Facts that came and went in one part of an observation.
type Part = (Vec<FactId>, Vec<FactId>);

/// The digest of the rows that a node's log gives up to a cut.
fn digest_at(log: &EmbeddedLog, cut: &[u64]) -> [u8; 32] {
    let mut rows = MemoryStore::default();
    for (partition, end) in (0u32..).zip(cut) {
        let mut next = 0;
        while next < *end {
            let commits = log.read(partition, next, 4 * 1024 * 1024).expect("readable");
            for commit in commits.into_iter().take_while(|commit| commit.position.seq < *end) {
                let body = CommitBody::decode(commit.body()).expect("decodes");
                apply::commit(&mut rows, commit.position, commit.hash, &body).expect("folds");
                next = commit.position.seq + 1;
            }
        }
    }
    rows.digest()
}

/// Looks at a node's log and views without the program: what was acknowledged is there, once, and has ended, and the views
/// are those of a rebuild.
fn whole(data: &Path, acknowledged: &BTreeSet<String>) {
    let log = EmbeddedLog::open_read_only(data).expect("the log opens");
    let (mut jobs, mut tasks) = (BTreeSet::new(), BTreeSet::<TaskId>::new());
    let mut shown: BTreeSet<(QueryKey, FactId)> = BTreeSet::new();
    let mut parts: BTreeMap<LeaseToken, Vec<Part>> = BTreeMap::new();
    let mut change = |query: QueryKey, added: &[FactId], gone: &[FactId]| {
        for fact in added {
            assert!(shown.insert((query, *fact)), "{fact} is shown already: it stands twice");
        }
        for fact in gone {
            assert!(shown.remove(&(query, *fact)), "{fact} vanished without having been there");
        }
    };
    for partition in 0..log.partitions() {
        let mut next = 0;
        loop {
            let commits = log.read(partition, next, 4 * 1024 * 1024).expect("readable");
            let Some(last) = commits.last() else { break };
            next = last.position.seq + 1;
            for event in commits.iter().flat_map(|commit| CommitBody::decode(commit.body()).expect("decodes").events) {
                match event {
                    Event::JobCreated(event) => assert!(jobs.insert(event.job.to_string()), "{} twice", event.job),
                    Event::TaskCompleted(event) => assert!(tasks.insert(event.task), "{} twice", event.task),
                    Event::TaskFailed(event) => panic!("given up: {event:?}"),
                    Event::ObservationChunk(event) => {
                        let added = event.added.iter().map(|fact| fact.fact_id).collect();
                        parts.entry(event.lease).or_default().push((added, event.gone));
                    }
                    Event::ObservationRecorded(event) => {
                        for (added, gone) in parts.remove(&event.lease).unwrap_or_default() {
                            change(event.query, &added, &gone);
                        }
                    }
                    Event::FactObserved(event) => change(event.query, &[event.fact.fact_id], &[]),
                    Event::FactVanished(event) => change(event.query, &[], &[event.fact_id]),
                    _ => {}
                }
            }
        }
    }
    assert_eq!(jobs, *acknowledged, "the jobs of the log are those that were acknowledged, no more, no fewer");
    let views = Views::open(&data.join(VIEWS)).expect("the views open");
    for partition in 0..log.partitions() {
        catch_up(&log, &views, partition, |_, _| ()).expect("folds");
    }
    let rows: Vec<(Vec<u8>, JobRow)> = views.rows(&[], &[], usize::MAX).expect("readable");
    assert_eq!(rows.len(), acknowledged.len());
    assert!(rows.iter().all(|(_, row)| row.is_final), "every job has ended");
    let again = tempfile::tempdir().expect("temp");
    let again = Views::open(again.path()).expect("opens");
    for partition in 0..log.partitions() {
        catch_up(&log, &again, partition, |_, _| ()).expect("folds");
    }
    let (digest, again) = (views.digest().expect("readable"), again.digest().expect("readable"));
    assert_eq!(digest, again, "the views are those of a rebuild");
}
