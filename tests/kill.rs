//! The real program under load is killed (`kill -9`) at random moments and started again: no acknowledged job is lost, no
//! fact stands twice, no source is asked above its rate, every job ends, and the log is whole.
//!
//! 20 kills by default; `MIRANO_KILLS=200` for more, `MIRANO_SEED` for other moments. The demo's sources are a process of
//! their own, which lives through all of it and counts. Every fourth time the program is also killed while it starts.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

use futures::StreamExt;
use futures::stream;
use mirano::engine::catch_up;
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::EmbeddedLog;
use mirano::views::Views;
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Event, FactId, JobStatus, LeaseToken, QueryKey, TaskId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::client;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Notify;

/// How much faster than real sources the demo's are; their limits bind all the same.
const SPEED: &str = "20";
/// Jobs that are asked for between two kills.
const JOBS: u64 = 40;
/// Addresses that nobody asked about before, in each round.
const NEW_ADDRESSES: u64 = 6;
const CLIENTS: u64 = 4;
/// The latest moment of a kill after the first job of a round was acknowledged.
const LATEST_MS: u64 = 500;

/// A program of ours and what it says; killed when dropped.
struct Program {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mirano"))
            .args(arguments)
            .env("MIRANO_LOG", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let said = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, said }
    }

    /// Waits until it says a line with `sign`, and returns the address in it.
    async fn says(&mut self, sign: &str) -> String {
        let said = async {
            while let Some(line) = self.said.next_line().await.expect("readable") {
                if line.contains(sign) {
                    return line;
                }
            }
            panic!("ended without saying {sign:?}");
        };
        let line = tokio::time::timeout(Duration::from_secs(60), said).await.expect("says so in a minute");
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default();
        address.trim_end_matches('/').to_owned()
    }

    /// `kill -9`.
    async fn kill(mut self) {
        self.child.start_kill().expect("was alive until now");
        let status = self.child.wait().await.expect("waited for");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "killed, not ended: {status}");
    }

    /// Asks it to end, as an operator does, and waits.
    async fn end(mut self) {
        let id = self.child.id().expect("alive").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs").success());
        assert!(self.child.wait().await.expect("waited for").success(), "ends well");
    }
}

/// Facts that came and went in one part of an observation.
type Part = (Vec<FactId>, Vec<FactId>);

/// What callers know.
#[derive(Default)]
struct Known {
    /// Key → the job that it was acknowledged with.
    acknowledged: BTreeMap<u64, String>,
    /// Keys without an answer: their jobs are there, or not.
    unsure: BTreeSet<u64>,
    /// Acknowledged and not yet seen to be final.
    open: BTreeSet<String>,
}

struct Load {
    http: reqwest::Client,
    known: Mutex<Known>,
    next: AtomicU64,
    acknowledged: Notify,
}

impl Load {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("nobody panics with it")
    }

    /// Asks for a job under its key; `false` when nobody answers any more. The same key gives the same job for ever.
    async fn ask(&self, server: &str, key: u64) -> bool {
        // The few that are new in each round, and those of earlier rounds in turn.
        let (round, n) = (key / JOBS, key % JOBS);
        let address = if n < NEW_ADDRESSES { round * NEW_ADDRESSES + n } else { key % (NEW_ADDRESSES * (round + 1)) };
        let body = json!({"address": format!("г. Небывалинск, ул. Пробная, д. {address}"), "profile": "standard"});
        let post = self.http.post(format!("{server}/v1/jobs")).header("Idempotency-Key", format!("key-{key}"));
        let answer = async {
            let response = post.json(&body).send().await?.error_for_status()?;
            response.json::<Value>().await
        };
        match answer.await {
            Ok(job) => {
                let id = job["job_id"].as_str().expect("an id").to_owned();
                let mut known = self.known();
                known.unsure.remove(&key);
                if let Some(before) = known.acknowledged.insert(key, id.clone()) {
                    assert_eq!(before, id, "the same key is the same job");
                } else if job["final"] != json!(true) {
                    known.open.insert(id);
                }
                self.acknowledged.notify_one();
                true
            }
            Err(error) => {
                assert!(error.status().is_none(), "refused: {error}");
                self.known().unsure.insert(key);
                false
            }
        }
    }

    /// A client: first what it has no answer for, then new jobs, until the round's are asked for or nobody answers.
    async fn run(self: Arc<Self>, server: String, again: Vec<u64>, last: u64) {
        for key in again {
            if !self.ask(&server, key).await {
                return;
            }
        }
        loop {
            let key = self.next.fetch_add(1, Ordering::SeqCst);
            if key >= last || !self.ask(&server, key).await {
                return;
            }
        }
    }

    async fn job(&self, server: &str, id: &str) -> Value {
        let url = format!("{server}/v1/jobs/{id}");
        let answer = self.http.get(url).send().await.expect("answers");
        assert_eq!(answer.status(), 200, "the acknowledged job {id} is there");
        answer.json().await.expect("JSON")
    }

    /// Looks at every open job: each is there. Returns how many are still not final.
    async fn look(&self, server: &str) -> usize {
        let open: Vec<String> = self.known().open.iter().cloned().collect();
        let looked =
            stream::iter(open).map(|id| async move { (self.job(server, &id).await["final"] == json!(true), id) });
        let ended: Vec<(bool, String)> = looked.buffer_unordered(16).collect().await;
        let mut known = self.known();
        for (_, id) in ended.iter().filter(|(ended, _)| *ended) {
            known.open.remove(id);
        }
        known.open.len()
    }

    /// Follows a job's events until one says that it is final.
    async fn until_final(&self, server: &str, id: &str) {
        let url = format!("{server}/v1/jobs/{id}/events");
        let answer = self.http.get(url).send().await.expect("answers").error_for_status().expect("events");
        let (mut events, mut text) = (answer.bytes_stream(), Vec::new());
        while let Some(bytes) = events.next().await {
            text.extend_from_slice(&bytes.expect("readable"));
            let seen = String::from_utf8_lossy(&text);
            if seen.contains("event: done") || seen.contains("event:done") || seen.contains("\"final\":true") {
                return;
            }
        }
        panic!("the events of {id} ended before it was final");
    }
}

fn serve<'a>(data: &'a str, config: &'a str) -> [&'a str; 10] {
    ["serve", "--data", data, "--config", config, "--listen", "127.0.0.1:0", "--partitions", "2", "--auth=off"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_it_loses_nothing_and_asks_nobody_too_often() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (kills, seed) = (number("MIRANO_KILLS", 20), number("MIRANO_SEED", 1));
    println!("{kills} kills, MIRANO_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let (data, config) = (data.to_str().expect("UTF-8"), config.to_str().expect("UTF-8"));
    let mut sources = Program::start(&[
        "demo-sources",
        "--listen",
        "127.0.0.1:0",
        "--no-faults",
        "--speed",
        SPEED,
        "--write-config",
        config,
    ]);
    let demo = sources.says("demo sources: ").await;
    sources.says("configuration: ").await;
    patient(Path::new(config));

    let load = Arc::new(Load {
        http: client(),
        known: Mutex::default(),
        next: AtomicU64::new(0),
        acknowledged: Notify::new(),
    });
    let began = Instant::now();
    let (mut unfinished, mut in_the_middle, mut while_starting) = (Vec::new(), 0, 0);
    for round in 0..kills {
        if round % 4 == 3 {
            let starting = Program::start(&serve(data, config));
            tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
            starting.kill().await;
            while_starting += 1;
        }
        let mut server = Program::start(&serve(data, config));
        let address = server.says("Mirano is ready").await;
        let ready = load.http.get(format!("{address}/readyz")).send().await.expect("answers");
        assert!(ready.status().is_success(), "ready: {}", ready.status());
        if round > 0 {
            let open = load.look(&address).await;
            unfinished.push(open);
        }
        let again: Vec<u64> = load.known().unsure.iter().copied().collect();
        // And one that was acknowledged long ago: the key still names it.
        let again: Vec<u64> = again.into_iter().chain(load.known().acknowledged.keys().next().copied()).collect();
        let before = load.known().acknowledged.len();
        load.next.store(round * JOBS, Ordering::SeqCst);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let again = again.iter().copied().filter(|key| key % CLIENTS == n).collect();
                tokio::spawn(Arc::clone(&load).run(address.clone(), again, (round + 1) * JOBS))
            })
            .collect();
        let first = async {
            while load.known().acknowledged.len() == before {
                load.acknowledged.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), first).await.expect("a job is acknowledged");
        tokio::time::sleep(Duration::from_millis(random.random_range(0..LATEST_MS))).await;
        server.kill().await;
        for client in clients {
            client.await.expect("a client ends by itself");
        }
        in_the_middle += u64::from(!load.known().unsure.is_empty());
        // Those that nobody came to ask for are asked for by the next round.
        let asked = load.next.load(Ordering::SeqCst).min((round + 1) * JOBS);
        load.known().unsure.extend(asked..(round + 1) * JOBS);
    }
    // How much a kill finds under way depends on the machine; some must have found something.
    assert!(unfinished.iter().any(|open| *open > 0), "no kill came in the middle of anything");
    assert!(in_the_middle > 0, "some kill came between a request and its answer");

    let mut server = Program::start(&serve(data, config));
    let address = server.says("Mirano is ready").await;
    let open = load.look(&address).await;
    assert!(open > 0, "the last kill came in the middle of something");
    unfinished.push(open);
    println!(
        "{kills} kills under load and {while_starting} more at the start, in {:?}; unfinished after each: {} to {}; {in_the_middle} \
         times requests were left without an answer",
        began.elapsed(),
        unfinished.iter().min().expect("some"),
        unfinished.iter().max().expect("some"),
    );
    let again: Vec<u64> = load.known().unsure.iter().copied().collect();
    Arc::clone(&load).run(address.clone(), again, 0).await;
    assert!(load.known().unsure.is_empty(), "all have their answer");
    let open: Vec<String> = load.known().open.iter().cloned().collect();
    let ends = stream::iter(open).for_each_concurrent(32, |id| {
        let (load, address) = (Arc::clone(&load), address.clone());
        async move { load.until_final(&address, &id).await }
    });
    tokio::time::timeout(Duration::from_secs(600), ends).await.expect("every job ends");
    server.end().await;

    let counted = support::counted(&demo).await;
    println!(
        "{} requests at the sources, {} above a limit; ended after {:?}",
        counted.total,
        counted.over_limit,
        began.elapsed()
    );
    assert_eq!(counted.over_limit, 0, "no source was asked above its rate: {counted:?}");
    let verified =
        Command::new(env!("CARGO_BIN_EXE_mirano")).args(["verify", "--data", data]).output().await.expect("runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let acknowledged: BTreeSet<String> = load.known().acknowledged.values().cloned().collect();
    assert_eq!(acknowledged.len() as u64, kills * JOBS, "each key is one job");
    whole(Path::new(data), &acknowledged);
}

/// More room beside each other and less patience than the demo's own files have: a lease that died with its worker holds
/// its place until its deadline and counts as an attempt, and the sources are to be under load all the same: no task is
/// given up because we were killed five times over it. The rates stay as they are.
fn patient(config: &Path) {
    for entry in std::fs::read_dir(config.join("sources")).expect("readable") {
        let path = entry.expect("readable").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some(("concurrency", _)) => "concurrency = 200".to_owned(),
            Some(("timeout", _)) => "timeout = \"2s\"".to_owned(),
            Some(("attempts", _)) => "attempts = 1000".to_owned(),
            Some(("max", most)) if most.starts_with('"') => "max = \"2s\"".to_owned(),
            _ => line.to_owned(),
        });
        std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("writable");
    }
}

/// Looks at the log and the views without the program: what was acknowledged is there, once, and has ended.
fn whole(data: &Path, acknowledged: &BTreeSet<String>) {
    let log = EmbeddedLog::open_read_only(data).expect("the log opens");
    let (mut jobs, mut tasks) = (BTreeSet::new(), BTreeSet::<TaskId>::new());
    let mut shown: BTreeSet<(QueryKey, FactId)> = BTreeSet::new();
    let mut parts: BTreeMap<LeaseToken, Vec<Part>> = BTreeMap::new();
    let mut observed = 0u64;
    let mut change = |shown: &mut BTreeSet<_>, query: QueryKey, added: &[FactId], gone: &[FactId]| {
        for fact in added {
            assert!(shown.insert((query, *fact)), "{fact} is shown already: it stands twice");
            observed += 1;
        }
        for fact in gone {
            assert!(shown.remove(&(query, *fact)), "{fact} vanished without having been there");
        }
    };
    for partition in 0..log.partitions() {
        let mut next = 0;
        while let Some(commits) =
            Some(log.read(partition, next, 4 * 1024 * 1024).expect("readable")).filter(|c| !c.is_empty())
        {
            for commit in &commits {
                next = commit.position.seq + 1;
                for event in CommitBody::decode(commit.body()).expect("decodes").events {
                    match event {
                        Event::JobCreated(event) => assert!(jobs.insert(event.job.to_string()), "{} twice", event.job),
                        Event::TaskCompleted(event) => assert!(tasks.insert(event.task), "{} twice", event.task),
                        Event::ObservationChunk(event) => {
                            let added = event.added.iter().map(|fact| fact.fact_id).collect();
                            parts.entry(event.lease).or_default().push((added, event.gone));
                        }
                        Event::ObservationRecorded(event) => {
                            for (added, gone) in parts.remove(&event.lease).unwrap_or_default() {
                                change(&mut shown, event.query, &added, &gone);
                            }
                        }
                        Event::FactObserved(event) => change(&mut shown, event.query, &[event.fact.fact_id], &[]),
                        Event::FactVanished(event) => change(&mut shown, event.query, &[], &[event.fact_id]),
                        _ => {}
                    }
                }
            }
        }
    }
    assert_eq!(jobs, *acknowledged, "the jobs of the log are those that were asked for, no more, no fewer");

    let views = Views::open(&data.join(mirano::node::VIEWS)).expect("the views open");
    let rows: Vec<(Vec<u8>, JobRow)> = views.rows(&[], &[], usize::MAX).expect("readable");
    assert_eq!(rows.len(), acknowledged.len());
    for (_, row) in &rows {
        assert!(row.is_final, "not final: {row:#?}");
        assert_eq!(row.status, JobStatus::Completed, "{row:#?}");
    }
    // And views from the start of the log are those that went through all the kills.
    let again = tempfile::tempdir().expect("temp");
    let again = Views::open(again.path()).expect("opens");
    for partition in 0..log.partitions() {
        catch_up(&log, &again, partition, |_, _| ()).expect("folds");
    }
    assert_eq!(views.digest().expect("readable"), again.digest().expect("readable"));
    println!("{} jobs, {} tasks, {observed} facts observed, each once; views equal a rebuild", jobs.len(), tasks.len());
}
