//! A real engine on a real disk, with many sources and tasks that wait to be answered.

use super::facts;
use futures::stream::{self, StreamExt, TryStreamExt};
use mirano::core::command::{AdoptPolicy, Command, Complete, CreateJob, LeaseTasks, LeasedTask, Reply};
use mirano::core::vault::MemoryVault;
use mirano::engine::{Engine, Options, SystemClock};
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::{self, Disk, DiskFile, EmbeddedLog, RealDisk};
use mirano::views::Views;
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Sources: with the leases of each, 1,024 answers can be given in one round.
const SOURCES: usize = 64;
/// Tasks of a source that are leased at once.
pub const LEASES: usize = 16;

/// A profile that asks several sources, as checks do.
pub const WIDE: &str = "wide";
/// How many.
pub const WIDE_NEEDS: usize = 6;

/// The real disk, with its syncs counted.
struct CountingDisk(Arc<AtomicU64>);

struct CountingFile(Box<dyn DiskFile>, Arc<AtomicU64>);

impl Disk for CountingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(CountingFile(RealDisk.create(path)?, Arc::clone(&self.0))))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(CountingFile(RealDisk.open(path)?, Arc::clone(&self.0))))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }
}

impl DiskFile for CountingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }
    fn rewrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.rewrite(offset, bytes)
    }
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.cut(len)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.sync()
    }
}

/// What one measurement saw.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    /// Answers of sources that were recorded.
    pub answers: u64,
    /// Commits, those that react to the answers included.
    pub commits: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// From the first answer until the last was acknowledged.
    pub acknowledged: Duration,
    /// From the first answer until every job was final: answered, assessed, sealed.
    pub settled: Duration,
}

/// The engine under measurement.
pub struct World {
    /// The engine.
    pub engine: Engine,
    log: Arc<EmbeddedLog>,
    syncs: Arc<AtomicU64>,
    jobs: u64,
    folder: tempfile::TempDir,
}

impl World {
    /// An empty node in a new folder.
    pub async fn open(folder: &Path, partitions: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(folder)?;
        let syncs = Arc::new(AtomicU64::new(0));
        let options = embedded::Options { partitions, ..embedded::Options::default() };
        let disk = Arc::new(CountingDisk(Arc::clone(&syncs)));
        let log = Arc::new(EmbeddedLog::open_on(disk, folder.path(), options)?);
        let engine = Engine::open(Options {
            log: log.clone(),
            views: Arc::new(Views::open(&folder.path().join("views"))?),
            vault: Arc::new(MemoryVault::seeded(7)),
            clock: Arc::new(SystemClock),
        })
        .await?;
        let adopt = AdoptPolicy { document: policy(), origin: PolicyOrigin::Files, expected: None };
        engine.submit(Command::AdoptPolicy(adopt)).await?;
        Ok(Self { engine, log, syncs, jobs: 0, folder })
    }

    /// Answers of `facts` facts for about `each`, `concurrent` at a time.
    pub async fn ingest(&mut self, facts: usize, concurrent: usize, each: Duration) -> anyhow::Result<Seen> {
        let mut seen = Seen::default();
        while seen.settled < each {
            let jobs = self.create_jobs().await?;
            let tasks = self.lease(SOURCES).await?;
            let answers = self.answers(&tasks, facts);
            let (commits, syncs) = (self.commits(), self.syncs.load(Ordering::Relaxed));
            let count = answers.len();
            let started = Instant::now();
            self.give(answers, concurrent).await?;
            seen.acknowledged += started.elapsed();
            self.until_final(&jobs).await?;
            seen.settled += started.elapsed();
            seen.answers += count as u64;
            seen.commits += self.commits() - commits;
            seen.syncs += self.syncs.load(Ordering::Relaxed) - syncs;
        }
        Ok(seen)
    }

    /// The node's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn commits(&self) -> u64 {
        (0..self.log.partitions()).map(|partition| self.log.head(partition).next_seq).sum()
    }

    async fn create_jobs(&mut self) -> anyhow::Result<Vec<JobId>> {
        let first = self.jobs;
        self.jobs += (SOURCES * LEASES) as u64;
        let jobs: Vec<JobId> = (first..self.jobs).map(job_id).collect();
        stream::iter(first..self.jobs)
            .map(|n| self.engine.submit(Command::CreateJob(create(n))))
            .buffer_unordered(256)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(jobs)
    }

    /// Leases all that waits. A want reaches its source in a reaction, so the queue may fill only now.
    pub async fn lease(&self, sources: usize) -> anyhow::Result<Vec<LeasedTask>> {
        let mut folded = self.engine.subscribe();
        let mut tasks = Vec::new();
        loop {
            for source in 0..sources {
                let held = tasks.iter().filter(|task: &&LeasedTask| task.queue == source_id(source)).count();
                if held == LEASES {
                    continue;
                }
                let tokens = (held..LEASES)
                    .map(|n| LeaseToken::of(&[&self.jobs.to_le_bytes(), &source.to_le_bytes(), &n.to_le_bytes()]));
                let lease =
                    LeaseTasks { source: source_id(source), worker: "bench".to_owned(), tokens: tokens.collect() };
                match self.engine.submit(Command::Lease(lease)).await?.reply {
                    Reply::Leased(leased) => tasks.extend(leased.tasks),
                    other => anyhow::bail!("{other:?}"),
                }
            }
            if tasks.len() == sources * LEASES {
                return Ok(tasks);
            }
            let _ = folded.recv().await;
        }
    }

    /// An answer of so many facts to each task.
    pub fn answers(&self, tasks: &[LeasedTask], facts: usize) -> Vec<Command> {
        // One source after the other in turn, as answers come when many sources work at once.
        let mut tasks: Vec<&LeasedTask> = tasks.iter().collect();
        tasks.sort_by_key(|task| task.lease);
        (self.jobs..)
            .zip(tasks)
            .map(|(n, task)| {
                Command::Complete(Complete {
                    source: task.queue.clone(),
                    task: task.task,
                    lease: task.lease,
                    outcome: Outcome::Found,
                    by_status_only: false,
                    complete: true,
                    as_of: None,
                    observed_at: self.engine.now(),
                    evidence: vec![EvidenceId::of(&[&n.to_le_bytes()])],
                    facts: facts::of_observation(task.source(), n, facts),
                    http_status: Some(200),
                })
            })
            .collect()
    }

    /// Each of `concurrent` callers gives the next command when its last one is acknowledged.
    pub async fn give(&self, commands: Vec<Command>, concurrent: usize) -> anyhow::Result<()> {
        stream::iter(commands)
            .map(|command| self.engine.submit(command))
            .buffer_unordered(concurrent)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(())
    }

    /// Waits until jobs are answered, assessed and sealed.
    pub async fn until_final(&self, jobs: &[JobId]) -> anyhow::Result<()> {
        let mut folded = self.engine.subscribe();
        for job in jobs {
            while !self.engine.views().row::<JobRow>(job.as_bytes())?.is_some_and(|row| row.is_final) {
                let _ = folded.recv().await;
            }
        }
        Ok(())
    }
}

fn source_id(source: usize) -> String {
    format!("s{source:02}")
}

fn job_id(n: u64) -> JobId {
    JobId::of(&[&n.to_le_bytes()])
}

fn create(n: u64) -> CreateJob {
    let digest = *blake3::hash(&n.to_le_bytes()).as_bytes();
    let subject = |what: &str| Subject(format!("property:{}", JobId::of(&[what.as_bytes(), &n.to_le_bytes()])));
    CreateJob {
        job: job_id(n),
        tenant: "bench".to_owned(),
        profile: source_id(usize::try_from(n).unwrap_or(0) % SOURCES),
        address: AddressRecord {
            input: format!("Москва, Тверская улица, {n}, кв. 1"),
            canonical: format!("Москва, Тверская улица, {n}, 1"),
            building: format!("Москва, Тверская улица, {n}"),
            flat: Some("1".to_owned()),
            cadastral: None,
            postcode: None,
            confidence: "high".to_owned(),
            subject: subject("flat"),
            building_subject: subject("building"),
            warnings: Vec::new(),
        },
        inputs: Default::default(),
        priority: 3,
        max_age_ms: Default::default(),
        request_digest: digest,
    }
}

/// Sources that allow as much as the engine can do, a profile for each, and a rule that looks at every fact.
fn policy() -> String {
    let named = |what: &str| serde_json::json!({"ru": what, "en": what});
    let source = |id: &str| {
        serde_json::json!({
            "id": id, "title": named(id), "level": "property", "ttl": "7d", "serve_stale": "30d", "params": ["address"],
            "limits": {"rate": "20/1ms", "burst": 64, "concurrency": LEASES},
            "request": {"url": "http://localhost/{{ address }}"},
            "answer": {"format": "json", "items": "$.items[*]", "valid": [{"at": "$.items"}]},
            "fact": [{"kind": "court.case", "identity": ["number"], "attrs": {
                "number": {"at": "$.n", "type": "text"}, "role": {"at": "$.r", "type": "text"}}}],
        })
    };
    let ids: Vec<String> = (0..SOURCES).map(source_id).collect();
    let sources: serde_json::Map<String, serde_json::Value> = ids.iter().map(|id| (id.clone(), source(id))).collect();
    let need = |id: &String| serde_json::json!({"source": id, "params": {"address": "{{ address.building }}"}});
    let profile = |id: &str, sources: &[String]| {
        let needs: Vec<serde_json::Value> = sources.iter().map(need).collect();
        (id.to_owned(), serde_json::json!({"title": named(id), "needs": needs}))
    };
    let mut profiles: serde_json::Map<String, serde_json::Value> =
        ids.iter().map(|id| profile(id, std::slice::from_ref(id))).collect();
    profiles.extend([profile(WIDE, ids.get(..WIDE_NEEDS).unwrap_or_default())]);
    serde_json::json!({
        "sources": sources, "profiles": profiles,
        "risk": {"ruleset": "bench", "levels": [{"id": "low", "from": 0}, {"id": "high", "from": 50}],
            "rule": [{"id": "defendant", "when": "fact.kind == 'court.case' && fact.role == 'Ответчик'", "points": 60,
                "severity": "high", "title": named("defendant")}]},
    })
    .to_string()
}
