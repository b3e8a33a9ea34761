//! What several end-to-end tests need: a node over demo sources, in this process.

#![allow(dead_code, reason = "each test uses a part")]

pub mod api;
pub mod program;

use mirano::core::command::{Command, CreateJob, Reply};
use mirano::core::risk::DEFAULT_RISK_TOML;
use mirano::demo;
use mirano::engine::{Clock, SystemClock};
use mirano::node::{Node, NodeOptions, Workers};
use mirano::sources::address;
use mirano::sources::config::{self, LoadedConfig};
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::{AddressRecord, JobId, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// An address as jobs hold it.
pub fn address(text: &str) -> AddressRecord {
    let understood = address::canonicalise(text).expect("an address");
    AddressRecord {
        input: understood.input,
        canonical: understood.canonical,
        building: understood.building,
        flat: understood.flat,
        cadastral: understood.cadastral,
        postcode: understood.postcode,
        confidence: serde_json::to_value(understood.confidence).expect("a word").as_str().expect("text").to_owned(),
        subject: understood.subject,
        building_subject: understood.building_subject,
        warnings: Vec::new(),
    }
}

/// The configuration for demo sources.
pub fn configuration(sources: &demo::Running, data: Option<&Path>, speed: f64) -> LoadedConfig {
    configuration_with(sources, data, speed, "")
}

/// The same with further profiles.
pub fn configuration_with(
    sources: &demo::Running,
    data: Option<&Path>,
    speed: f64,
    further_profiles: &str,
) -> LoadedConfig {
    let mut files = demo::config_at_speed(&sources.base_url(), data, speed).expect("config");
    files.get_mut("profiles.toml").expect("profiles").push_str(further_profiles);
    files.insert("risk.toml".to_owned(), DEFAULT_RISK_TOML.to_owned());
    config::load(&files).expect("the demo's configuration is valid")
}

/// More room beside each other and less patience than the demo's own files have: a lease that died with its worker holds
/// its place until its deadline, and the sources are to be under load all the same. Their rates, and how often they are
/// tried, stay as they are.
pub fn patient(config: &Path) {
    for entry in std::fs::read_dir(config.join("sources")).expect("readable") {
        let path = entry.expect("readable").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some(("concurrency", _)) => "concurrency = 40".to_owned(),
            Some(("timeout", _)) => "timeout = \"2s\"".to_owned(),
            Some(("max", most)) if most.starts_with('"') => "max = \"2s\"".to_owned(),
            _ => line.to_owned(),
        });
        std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("writable");
    }
}

/// Opens a node in `data` and starts its workers.
pub async fn node(data: &Path, configuration: &LoadedConfig) -> (Node, Workers) {
    node_of(data, configuration, 1).await
}

/// The same with a log of several partitions.
pub async fn node_of(data: &Path, configuration: &LoadedConfig, partitions: u32) -> (Node, Workers) {
    let options = NodeOptions { data: data.to_owned(), partitions, evidence: None, name: "test".to_owned() };
    let node = Node::open(options).await.expect("opens");
    node.adopt(&configuration.document, false).await.expect("adopts");
    let workers = node.work(configuration.proxies.clone());
    (node, workers)
}

/// Opens a node with so many partitions under a clock that a test moves, and starts its workers.
pub async fn node_at(
    data: &Path,
    configuration: &LoadedConfig,
    partitions: u32,
    clock: &Arc<MovedClock>,
) -> (Node, Workers) {
    let options = NodeOptions { data: data.to_owned(), partitions, evidence: None, name: "test".to_owned() };
    let clock: Arc<dyn Clock> = Arc::<MovedClock>::clone(clock);
    let node = Node::open_with_clock(options, clock).await.expect("opens");
    node.adopt(&configuration.document, false).await.expect("adopts");
    let workers = node.work(configuration.proxies.clone());
    (node, workers)
}

/// The machine's clock, and as much later as a test says. Move it only while nothing is under way.
#[derive(Debug, Default)]
pub struct MovedClock(AtomicI64);

impl MovedClock {
    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("not for ever"), Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

/// Creates a job.
pub async fn create(node: &Node, id: u8, text: &str, profile: &str) -> JobId {
    create_with(node, id, text, profile, &[]).await
}

/// Creates a job with further inputs.
pub async fn create_with(node: &Node, id: u8, text: &str, profile: &str, inputs: &[(&str, &str)]) -> JobId {
    create_as(node, JobId([id; 16]), text, profile, inputs).await
}

/// Creates a job of this id.
pub async fn create_as(node: &Node, job: JobId, text: &str, profile: &str, inputs: &[(&str, &str)]) -> JobId {
    let command = CreateJob {
        job,
        tenant: "test".to_owned(),
        profile: profile.to_owned(),
        address: address(text),
        inputs: inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        priority: 3,
        max_age_ms: BTreeMap::new(),
        request_digest: *blake3::hash(job.as_bytes()).as_bytes(),
    };
    let answer = node.engine.submit(Command::CreateJob(command)).await.expect("created");
    assert_eq!(answer.reply, Reply::Job(job, true));
    job
}

/// The job as the views show it.
pub fn job(node: &Node, job: JobId) -> JobRow {
    node.engine.views().row(job.as_bytes()).expect("readable").expect("there")
}

/// Waits until a job is final.
pub async fn until_final(node: &Node, id: JobId) -> JobRow {
    let mut folded = node.engine.subscribe();
    let ends = async {
        loop {
            let row = job(node, id);
            if row.is_final {
                return row;
            }
            // Whatever happens next, or was missed: look again.
            let _ = folded.recv().await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(240), ends).await {
        Ok(row) => row,
        Err(_) => panic!("not final: {:#?}", job(node, id)),
    }
}

/// A client of the demo's controls.
pub fn client() -> reqwest::Client {
    mirano::work::tls::install();
    reqwest::Client::builder().no_proxy().build().expect("client")
}

/// What the sources were asked, as they count it.
pub async fn counted(base_url: &str) -> Counted {
    let answer = client().get(format!("{base_url}/control/requests")).send().await.expect("answers");
    answer.json().await.expect("counters")
}

/// Counters of the demo: a part of what `GET /control/requests` shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Counted {
    /// Requests in all.
    pub total: u64,
    /// Requests that came too quickly.
    pub over_limit: u64,
    /// By source, path and query.
    pub by_key: BTreeMap<String, u64>,
}

/// The real public data, where it is at hand. Says loudly what is left out where it is not.
pub fn real_data(left_out: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("MIRANO_DATA").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("LEFT OUT: {left_out}: there is no {}; set MIRANO_DATA to the folder of the real data", folder.display());
    None
}
