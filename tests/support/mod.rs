//! What several end-to-end tests need: a node over demo sources, in this process.

#![allow(dead_code, reason = "each test uses a part")]

use mirano::core::command::{Command, CreateJob, Reply};
use mirano::core::risk::DEFAULT_RISK_TOML;
use mirano::demo;
use mirano::node::{Node, NodeOptions, Workers};
use mirano::sources::address;
use mirano::sources::config::{self, LoadedConfig};
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::{AddressRecord, JobId};
use std::collections::BTreeMap;
use std::path::Path;
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
    let mut files = demo::config_at_speed(&sources.base_url(), data, speed).expect("config");
    files.insert("risk.toml".to_owned(), DEFAULT_RISK_TOML.to_owned());
    config::load(&files).expect("the demo's configuration is valid")
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

/// Creates a job.
pub async fn create(node: &Node, id: u8, text: &str, profile: &str) -> JobId {
    create_with(node, id, text, profile, &[]).await
}

/// Creates a job with further inputs.
pub async fn create_with(node: &Node, id: u8, text: &str, profile: &str, inputs: &[(&str, &str)]) -> JobId {
    let job = JobId([id; 16]);
    let command = CreateJob {
        job,
        tenant: "test".to_owned(),
        profile: profile.to_owned(),
        address: address(text),
        inputs: inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        priority: 3,
        max_age_ms: BTreeMap::new(),
        request_digest: [id; 32],
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
    match tokio::time::timeout(Duration::from_secs(60), ends).await {
        Ok(row) => row,
        Err(_) => panic!("not final: {:#?}", job(node, id)),
    }
}
