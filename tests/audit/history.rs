//! A small history, made once for all tests: checks of a few objects against demo sources, over two partitions, with an
//! invented person among the sellers, a check that reuses, one that asks again two months later, and two seals of the base.

use crate::support;
use mirano::audit::verify::{Options, Progress, Report, run};
use mirano::core::command::{Command, Recheck};
use mirano::demo;
use mirano::history::schedule;
use mirano::sequencer::embedded::{self, EmbeddedLog};
use mirano::views::Views;
use mirano::work::evidence::EvidenceStore;
use mirano_replay::proof::Anchor;
use mirano_schemas::{CommandId, JobId};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

type Inputs<'a> = &'a [(&'a str, &'a str)];

static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();

/// The folder of the history. Nobody changes it: copy it to change it.
pub fn folder() -> &'static Path {
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("temp");
        record(folder.path());
        folder
    });
    made.path()
}

/// Makes a history in a folder that is empty, and closes it in peace.
pub fn record(folder: &Path) {
    // The engine lives as long as the process, so its runtime does as well.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    std::thread::scope(|scope| scope.spawn(|| runtime.block_on(play(folder))).join().expect("it was recorded"));
    std::mem::forget(runtime);
}

async fn play(folder: &Path) {
    let made = tempfile::tempdir().expect("temp");
    let data = made.path();
    let speed = 400.0;
    let sources = demo::start(demo::Options { speed, faults: false, ..demo::Options::default() }).await.expect("demo");
    let configuration = support::configuration(&sources, None, speed);
    let (node, workers) = support::node_of(data, &configuration, 2).await;
    let seller: &[(&str, &str)] = &[("seller_name", "Небылицын Пётр Выдумович"), ("seller_birth_date", "1970-01-01")];
    let jobs: [(u8, &str, Inputs<'_>); 3] = [
        (1, "г. Москва, ул. Тверская, д. 7, кв. 12", &[]),
        (2, "г. Москва, ул. Тверская, д. 7, кв. 30", seller),
        (3, "г. Москва, ул. Арбат, д. 10", &[]),
    ];
    for (id, text, inputs) in jobs {
        let job = support::create_with(&node, id, text, "standard", inputs).await;
        support::until_final(&node, job).await;
    }
    // The base is sealed, and what the sources have to say moves on before they are asked again.
    schedule::seal(&node.engine).await.expect("sealed");
    let clock = support::client().post(format!("{}/control/clock", sources.base_url()));
    let moved = clock.json(&serde_json::json!({"advance_days": 60})).send().await.expect("answers");
    assert!(moved.status().is_success());
    let again = Recheck {
        job: JobId([1; 16]),
        tenant: Some("test".to_owned()),
        command: CommandId([9; 16]),
        selected: Vec::new(),
        reason: "test".to_owned(),
    };
    node.engine.submit(Command::Recheck(again)).await.expect("asked again");
    support::until_final(&node, JobId([1; 16])).await;
    workers.stop().await;
    // Nothing comes after this seal.
    schedule::seal(&node.engine).await.expect("sealed");
    node.flush().expect("durable");
    // The engine lives as long as the process: its folder is copied, and the copy closed.
    copy_into(data, folder);
    drop(
        EmbeddedLog::open(folder, embedded::Options { partitions: 2, ..embedded::Options::default() }).expect("opens"),
    );
    drop(Views::open(&folder.join("views")).expect("opens"));
}

/// A copy to do things to.
pub fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("temp");
    copy_into(from, to.path());
    to
}

fn copy_into(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("makes a folder");
    for entry in std::fs::read_dir(from).expect("reads a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy_into(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("copies")),
        }
    }
}

/// What is looked at besides the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Besides {
    Nothing,
    Evidence,
    Views,
    All,
}

/// Verifies; heads are those that the auditor kept.
pub async fn verify(log: &Path, besides: Besides, heads: &[Anchor], threads: usize) -> Report {
    let evidence = log.join("evidence");
    let with = |what| (besides == what || besides == Besides::All).then_some(());
    let options = Options {
        log,
        evidence: with(Besides::Evidence).map(|()| EvidenceStore::open_folder(&evidence).expect("opens")),
        views: with(Besides::Views).map(|()| log.join("views")),
        keys: Some(log.join("keys")),
        heads: heads.to_vec(),
        resume: None,
        found: Vec::new(),
        first: None,
        evidence_gone: None,
        threads,
    };
    run(options, Arc::new(Progress::default()), |_| {}).await.expect("something can be looked at")
}

/// The heads of a report.
pub fn heads(report: &Report) -> Vec<Anchor> {
    report.partitions.iter().map(|part| part.head.parse().expect("a head")).collect()
}

/// The log as one file.
pub fn export(data: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("temp");
    let path = folder.path().join("log.mrn");
    let log = mirano::audit::source::open(data).expect("opens");
    let out = std::fs::File::create(&path).expect("makes a file");
    mirano::audit::file::write(&*log, out, |_, _| {}).expect("writes");
    (folder, path)
}
