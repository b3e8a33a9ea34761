//! Several engines over one log in memory: who decides, who follows, and what happens when they do not reach each other.

use super::*;
use crate::core::command::{AdoptPolicy, Complete, CreateJob, LeaseTasks, Reply};
use crate::core::partitioning;
use crate::core::vault::MemoryVault;
use crate::engine::fixture::{POLICY, address};
use crate::engine::{Engine, Options, SystemClock};
use crate::sequencer::memory::MemoryLog;
use crate::sequencer::{AnchorError, AppendError, Committed, Outcome as Fate, ReadError, Record, Sequencer};
use crate::views::Views;
use mirano_replay::apply::queue::WeightsRow;
use mirano_replay::decider::{self, DeciderRow};
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use tempfile::TempDir;

const PARTITIONS: u32 = 2;

/// The network between the nodes.
#[derive(Default)]
struct Network {
    nodes: Mutex<BTreeMap<String, Engine>>,
    /// What becomes of whatever is given to a node of this address.
    broken: Mutex<BTreeMap<String, fn() -> Undelivered>>,
    carried: std::sync::atomic::AtomicUsize,
}

impl Courier for Arc<Network> {
    fn carry(
        &self,
        url: &str,
        partition: u32,
        command: Arc<Command>,
    ) -> BoxFuture<'static, Result<Answer, Undelivered>> {
        let broken = self.broken.lock().expect("whole").get(url).copied();
        let node = self.nodes.lock().expect("whole").get(url).cloned();
        self.carried.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if let Some(broken) = broken {
                return Err(broken());
            }
            let node = node.ok_or_else(|| Undelivered::Unreachable("nobody".to_owned()))?;
            match node.submit_as_decider(partition, Command::clone(&command)).await {
                Err(EngineError::Moved { .. }) => Err(Undelivered::Elsewhere),
                other => Ok(other?),
            }
        })
    }
}

struct World {
    log: Arc<MemoryLog>,
    network: Arc<Network>,
    folder: TempDir,
}

struct Node {
    engine: Engine,
    assigned: watch::Sender<BTreeSet<u32>>,
    /// It asked to be told no partitions any more.
    resigned: watch::Receiver<bool>,
}

impl World {
    fn new() -> Self {
        let log = Arc::new(MemoryLog::new(LogId([1; 16]), PARTITIONS));
        Self { log, network: Arc::default(), folder: tempfile::tempdir().expect("temp") }
    }

    async fn node(&self, name: &str) -> Node {
        self.node_on(name, Arc::<MemoryLog>::clone(&self.log)).await
    }

    async fn node_on(&self, name: &str, log: Arc<dyn Sequencer>) -> Node {
        let (assigned, told) = watch::channel(BTreeSet::new());
        let (resigns, resigned) = watch::channel(false);
        let options = Options {
            log,
            views: Arc::new(Views::open(&self.folder.path().join(name)).expect("opens")),
            vault: Arc::new(MemoryVault::seeded(7)),
            clock: Arc::new(SystemClock),
        };
        let sharing = Sharing {
            node: name.to_owned(),
            url: format!("to {name}"),
            assigned: told,
            resign: Box::new(move || _ = resigns.send_replace(true)),
            courier: Arc::new(Arc::clone(&self.network)),
        };
        let engine = Engine::open_shared(options, sharing).await.expect("opens");
        self.network.nodes.lock().expect("whole").insert(format!("to {name}"), engine.clone());
        Node { engine, assigned, resigned }
    }

    /// Nodes keep each other alive through the network.
    fn end(self) {
        self.network.nodes.lock().expect("whole").clear();
    }
}

impl Node {
    async fn adopt(&self) {
        self.adopt_that(POLICY).await;
    }

    async fn adopt_that(&self, document: &str) {
        let adopt = AdoptPolicy { document: document.to_owned(), origin: PolicyOrigin::Files, expected: None };
        let Reply::Policy(version) = self.engine.submit(Command::AdoptPolicy(adopt)).await.expect("adopts").reply
        else {
            panic!("a version")
        };
        self.engine.policy_everywhere(version).await.expect("everywhere");
    }

    async fn create(&self, n: u8) -> Answer {
        self.try_create(n).await.expect("created")
    }

    async fn try_create(&self, n: u8) -> Result<Answer, EngineError> {
        let command = CreateJob {
            job: JobId([n; 16]),
            tenant: "t".to_owned(),
            profile: "standard".to_owned(),
            address: address(n.into()),
            inputs: BTreeMap::new(),
            priority: 3,
            max_age_ms: BTreeMap::new(),
            request_digest: [n; 32],
        };
        self.engine.submit(Command::CreateJob(command)).await
    }

    fn has(&self, n: u8) -> bool {
        self.engine.views().row::<JobRow>(&[n; 16]).expect("readable").is_some()
    }

    /// Tells it what it is to decide for, and waits until it does, as the log says.
    async fn decide(&self, partitions: &[u32]) {
        let mut folded = self.engine.subscribe();
        self.assigned.send_replace(partitions.iter().copied().collect());
        for partition in 0..PARTITIONS {
            while self.engine.decides(partition) != Some(partitions.contains(&partition)) {
                // It decides a moment after its saying so is visible.
                let _ = tokio::time::timeout(Duration::from_millis(5), folded.recv()).await;
            }
        }
    }

    fn decider(&self, partition: u32) -> Option<String> {
        let row: Option<DeciderRow> = self.engine.views().row(&decider::key(partition)).expect("readable");
        Some(row?.changed.node)
    }

    /// Waits until it shows all that the log holds.
    async fn catch_up(&self, log: &MemoryLog) {
        for partition in 0..PARTITIONS {
            let head = log.head(partition).next_seq;
            if let Some(seq) = head.checked_sub(1) {
                assert!(self.engine.wait_for(Position { partition, seq }, Duration::from_secs(20)).await);
            }
        }
    }
}

/// Jobs of each of the two partitions.
fn jobs() -> Vec<u8> {
    let of =
        |partition| (1..=200).filter(move |n| partitioning::of_job(JobId([*n; 16]), PARTITIONS) == partition).take(3);
    of(0).chain(of(1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partition_is_decided_by_one_and_known_to_all() {
    let world = World::new();
    let (a, b) = (world.node("a").await, world.node("b").await);
    a.decide(&[0]).await;
    b.decide(&[1]).await;
    b.adopt().await;
    a.engine.policy_everywhere(0).await.expect("everywhere");
    for (n, node) in jobs().into_iter().zip([&a, &b].into_iter().cycle()) {
        node.create(n).await;
        assert!(node.has(n), "who asked here reads here");
    }
    assert!(world.network.carried.load(Ordering::SeqCst) > 0, "some went to the other");
    let others = jobs().into_iter().map(|n| b.create(n));
    for again in futures::future::join_all(others).await {
        assert!(matches!(again.reply, Reply::Job(_, false)), "{again:?}: it is there already");
    }
    // Reactions are under way; when the log rests, both show the same.
    for node in [&a, &b] {
        assert_eq!((node.decider(0).as_deref(), node.decider(1).as_deref()), (Some("a"), Some("b")));
    }
    let rest = async {
        loop {
            let heads: Vec<_> = (0..PARTITIONS).map(|partition| world.log.head(partition)).collect();
            a.catch_up(&world.log).await;
            b.catch_up(&world.log).await;
            let (of_a, of_b) =
                (a.engine.views().digest().expect("readable"), b.engine.views().digest().expect("readable"));
            if heads == (0..PARTITIONS).map(|partition| world.log.head(partition)).collect::<Vec<_>>() && of_a == of_b {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), rest).await.expect("both come to the same views");
    for n in jobs() {
        assert!(a.has(n) && b.has(n));
    }
    world.end();
}

/// What a policy says of queues reaches the partitions that adopt it after the first.
#[tokio::test(flavor = "multi_thread")]
async fn every_partition_orders_its_queues_by_the_policy() {
    let world = World::new();
    let node = world.node("a").await;
    node.decide(&[0, 1]).await;
    node.adopt().await;
    let weights = || [0, 1].map(|partition| WeightsRow::of(&**node.engine.views(), partition).expect("readable"));
    assert_eq!(weights(), [WeightsRow::default(), WeightsRow::default()]);
    let mut policy: serde_json::Value = serde_json::from_str(POLICY).expect("JSON");
    policy["queue"] = serde_json::json!({"costs": [1, 2, 3, 4, 5], "waiting": 6, "age": 7});
    node.adopt_that(&policy.to_string()).await;
    let told = WeightsRow(QueueWeighed { costs: [1, 2, 3, 4, 5], waiting: 6, age: 7 });
    assert_eq!(weights(), [told.clone(), told]);
    world.end();
}

async fn not_reached(broken: fn() -> Undelivered) {
    let world = World::new();
    let (a, b) = (world.node("a").await, world.node("b").await);
    a.decide(&[0, 1]).await;
    a.adopt().await;
    b.engine.policy_everywhere(0).await.expect("everywhere");
    b.catch_up(&world.log).await;
    world.network.broken.lock().expect("whole").insert("to a".to_owned(), broken);
    let (one, other) = (jobs()[0], jobs()[1]);
    b.create(one).await;
    assert!(world.network.carried.load(Ordering::SeqCst) > 0, "it was tried");
    a.create(other).await;
    a.catch_up(&world.log).await;
    b.catch_up(&world.log).await;
    assert!([&a, &b].into_iter().all(|node| node.has(one) && node.has(other)));
    assert_eq!(a.engine.decides(0), Some(true), "it was not told otherwise");
    world.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_reach_the_decider_decides_itself_and_the_decider_goes_on() {
    not_reached(|| Undelivered::Unreachable("a cable".to_owned())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_answer_of_the_decider_decides_itself() {
    not_reached(|| Undelivered::Unsure("a pause".to_owned())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_slept_reads_that_another_decides() {
    let world = World::new();
    let (a, b) = (world.node("a").await, world.node("b").await);
    a.decide(&[0, 1]).await;
    a.adopt().await;
    b.engine.policy_everywhere(0).await.expect("everywhere");
    // A is not told that it decides no more: it finds out by reading.
    b.decide(&[0, 1]).await;
    let mut folded = a.engine.subscribe();
    while a.engine.decides(0) == Some(true) {
        let _ = tokio::time::timeout(Duration::from_millis(5), folded.recv()).await;
    }
    assert_eq!(a.decider(0).as_deref(), Some("b"));
    // Else it would say once more that it decides, as it was told to.
    a.assigned.send_replace(BTreeSet::new());
    let carried = world.network.carried.load(Ordering::SeqCst);
    let job = jobs()[0];
    a.create(job).await;
    assert!(world.network.carried.load(Ordering::SeqCst) > carried, "it goes to the one who decides");
    b.assigned.send_replace(BTreeSet::new());
    a.decide(&[0, 1]).await;
    b.catch_up(&world.log).await;
    assert_eq!(b.decider(0).as_deref(), Some("a"));
    world.end();
}

/// The log as a node has it that reads one partition late.
struct Late {
    log: Arc<MemoryLog>,
    partition: u32,
    head: watch::Sender<envelope::Head>,
    /// Why it reads that partition no further.
    stopped: watch::Sender<Option<Arc<str>>>,
}

impl Late {
    /// It has read a partition up to `head`.
    fn at(log: &Arc<MemoryLog>, head: envelope::Head) -> Arc<Self> {
        let (log, partition) = (Arc::clone(log), head.partition);
        Arc::new(Self { log, partition, head: watch::Sender::new(head), stopped: watch::Sender::new(None) })
    }

    fn stop(&self, why: &str) {
        self.stopped.send_replace(Some(why.into()));
    }
}

impl Sequencer for Late {
    fn log_id(&self) -> LogId {
        self.log.log_id()
    }
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }
    fn append(&self, partition: u32, record: bytes::Bytes) -> BoxFuture<'static, Result<Fate, AppendError>> {
        self.log.append(partition, record)
    }
    fn head(&self, partition: u32) -> envelope::Head {
        if partition == self.partition { *self.head.borrow() } else { self.log.head(partition) }
    }
    fn watch(&self, partition: u32) -> watch::Receiver<envelope::Head> {
        if partition == self.partition { self.head.subscribe() } else { self.log.watch(partition) }
    }
    fn read(&self, partition: u32, from_seq: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError> {
        let mut commits = self.log.read(partition, from_seq, max_bytes)?;
        commits.retain(|commit| commit.position.seq < self.head(partition).next_seq);
        Ok(commits)
    }
    fn records(&self, partition: u32, from_seq: u64, max: usize) -> Result<Vec<Record>, ReadError> {
        self.log.records(partition, from_seq, max)
    }
    fn stopped(&self, partition: u32) -> BoxFuture<'static, Arc<str>> {
        let mut stopped = self.stopped.subscribe();
        if partition != self.partition {
            return Box::pin(std::future::pending());
        }
        Box::pin(async move {
            let why = stopped.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
            why.unwrap_or_else(|| "the log was closed".into())
        })
    }
    fn check_anchor(&self, anchor: &envelope::Head) -> Result<(), AnchorError> {
        let head = self.head(anchor.partition);
        if anchor.next_seq > head.next_seq {
            return Err(AnchorError::TailCut { anchor: *anchor, head });
        }
        self.log.check_anchor(anchor)
    }
}

/// No commit is ever there: who waits for it waits until the partition stops.
async fn until_stopped(node: &Node, partition: u32) {
    let never = Position { partition, seq: u64::MAX };
    let waits = node.engine.wait_for(never, Duration::from_secs(3600));
    assert!(!tokio::time::timeout(Duration::from_secs(20), waits).await.expect("it stops by itself"));
}

async fn is_refused(node: &Node, n: u8) {
    let Err(EngineError::Stopped { partition, reason }) = node.try_create(n).await else { panic!("refused") };
    assert_eq!(partition, partitioning::of_job(JobId([n; 16]), PARTITIONS));
    assert!(reason.contains("topic_truncated"), "{reason}");
}

/// As when the disk of its mirror fails, or the topic lost its end, in a partition where nothing happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_read_no_further_is_given_up_though_nothing_is_appended() {
    let world = World::new();
    let log = Late::at(&world.log, world.log.head(1));
    let mut a = world.node_on("a", Arc::<Late>::clone(&log)).await;
    let b = world.node("b").await;
    a.decide(&[0, 1]).await;
    a.adopt().await;
    log.head.send_replace(world.log.head(1));
    b.engine.policy_everywhere(0).await.expect("everywhere");
    b.catch_up(&world.log).await;
    let before = world.log.head(1);
    log.stop("topic_truncated: it ends too early");
    until_stopped(&a, 1).await;
    let resigned = tokio::time::timeout(Duration::from_secs(20), a.resigned.wait_for(|resigned| *resigned)).await;
    assert!(resigned.is_ok_and(|resigned| resigned.is_ok()), "others are to decide");
    assert_eq!(world.log.head(1), before, "nothing was appended");
    assert_eq!(a.engine.decides(1), Some(false));
    let (partition, reason) = a.engine.stopped().expect("told");
    assert!(partition == 1 && reason.contains("topic_truncated"), "{partition}: {reason}");
    // The group tells another one.
    a.assigned.send_replace(BTreeSet::new());
    b.decide(&[0, 1]).await;
    let job = jobs()[3];
    b.create(job).await;
    // What is asked here is refused at once: nobody here would see what another decides.
    let carried = world.network.carried.load(Ordering::SeqCst);
    is_refused(&a, job).await;
    assert_eq!(world.network.carried.load(Ordering::SeqCst), carried);
    assert!(!a.has(job) && b.has(job));
    world.end();
}

/// After a power loss the views may be all that is left of what a topic lost.
#[tokio::test(flavor = "multi_thread")]
async fn views_that_show_more_than_can_be_read_again_are_still_read() {
    let world = World::new();
    let a = world.node("a").await;
    a.decide(&[0, 1]).await;
    a.adopt().await;
    let b = world.node("b").await;
    let cut = world.log.head(1);
    let job = jobs()[3];
    a.create(job).await;
    b.catch_up(&world.log).await;
    world.network.nodes.lock().expect("whole").remove("to b");
    tokio::task::spawn_blocking(move || drop(b)).await.expect("ends");
    let log = Late::at(&world.log, cut);
    log.stop("topic_truncated: it ends too early");
    let b = tokio::time::timeout(Duration::from_secs(60), world.node_on("b", log)).await.expect("it starts");
    until_stopped(&b, 1).await;
    assert!(b.has(job), "it was acknowledged");
    is_refused(&b, jobs()[4]).await;
    world.end();
}

/// Where a commit of the partition answers a need.
fn answered(log: &MemoryLog, partition: u32) -> Option<Position> {
    let commits = log.read(partition, 0, usize::MAX).expect("readable");
    commits.into_iter().find_map(|commit| {
        let body = codec::CommitBody::decode(commit.body()).expect("decodes");
        body.events.iter().any(|event| matches!(event, Event::NeedAnswered(_))).then_some(commit.position)
    })
}

/// A job's answer names an observation of another partition. A node that has read the one and not the other would decide
/// on an answer without its facts.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_shown_only_with_what_it_rests_on() {
    let world = World::new();
    let a = world.node("a").await;
    a.decide(&[0, 1]).await;
    a.adopt().await;
    let of_source = partitioning::of_source("cadastre", PARTITIONS);
    let of_job = 1 - of_source;
    let job = jobs().into_iter().find(|n| partitioning::of_job(JobId([*n; 16]), PARTITIONS) == of_job).expect("one");
    a.create(job).await;
    // The want reaches the source.
    let mut folded = a.engine.subscribe();
    let task = loop {
        let tokens = vec![LeaseToken(rand::random())];
        let lease = LeaseTasks { source: "cadastre".to_owned(), worker: "w".to_owned(), tokens };
        let Reply::Leased(leased) = a.engine.submit(Command::Lease(lease)).await.expect("leases").reply else {
            panic!("leases")
        };
        if let Some(task) = leased.tasks.into_iter().next() {
            break task;
        }
        let _ = tokio::time::timeout(Duration::from_millis(20), folded.recv()).await;
    };
    // B begins when both partitions are where they are now, and reads on in one of them only.
    a.catch_up(&world.log).await;
    let late = Late::at(&world.log, world.log.head(of_source));
    let b = world.node_on("b", Arc::<Late>::clone(&late)).await;
    let c = world.node_on("c", Arc::<Late>::clone(&late)).await;
    let complete = Complete {
        source: task.queue.clone(),
        task: task.task,
        lease: task.lease,
        outcome: Outcome::NothingFound,
        by_status_only: false,
        complete: true,
        as_of: None,
        observed_at: a.engine.now(),
        evidence: vec![EvidenceId([9; 32])],
        facts: Vec::new(),
        http_status: Some(200),
    };
    a.engine.submit(Command::Complete(complete)).await.expect("recorded");
    let at = loop {
        match answered(&world.log, of_job) {
            Some(at) => break at,
            None => _ = tokio::time::timeout(Duration::from_millis(20), folded.recv()).await,
        }
    };
    let before = Position { seq: at.seq - 1, ..at };
    assert!(b.engine.wait_for(before, Duration::from_secs(20)).await, "it follows up to there");
    assert!(
        !b.engine.wait_for(at, Duration::from_millis(300)).await,
        "and no further: the observation is not read yet"
    );
    // A node that is stopped while it waits for that ends all the same.
    assert!(c.engine.wait_for(before, Duration::from_secs(20)).await, "it waits at the same place");
    drop(world.network.nodes.lock().expect("whole").remove("to c"));
    let ended = tokio::time::timeout(Duration::from_secs(20), tokio::task::spawn_blocking(move || drop(c))).await;
    ended.expect("it ends").expect("without a panic");
    // One that begins now, and can't read what is missing, is there to be read, and decides nothing.
    let unfit = Late::at(&world.log, late.head(of_source));
    unfit.stop("topic_truncated: it ends too early");
    let d = tokio::time::timeout(Duration::from_secs(60), world.node_on("d", unfit)).await.expect("it starts");
    for partition in 0..PARTITIONS {
        until_stopped(&d, partition).await;
    }
    assert!(d.has(job));
    is_refused(&d, job).await;
    late.head.send_replace(world.log.head(of_source));
    assert!(b.engine.wait_for(at, Duration::from_secs(20)).await, "both are there");
    world.end();
}
