//! Checkpoints of a log in a folder, into a folder; what a topic adds is tried on a real broker in `tests/kafka/`.

use super::fill::fill;
use super::*;
use crate::core::command::{AdoptPolicy, Command, CreateJob};
use crate::core::vault::MemoryVault;
use crate::engine::fixture::{POLICY, address};
use crate::engine::{Engine, Options, SystemClock};
use crate::sequencer::Sequencer;
use crate::sequencer::embedded::{self as log, EmbeddedLog};
use crate::sequencer::kafka::{Place, Seen, Settings, note_place, noted_place};
use crate::views::Views;
use mirano_schemas::{CheckpointTaken, JobId, LogId, PolicyOrigin};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;

const PARTITIONS: u32 = 2;
const PART: usize = 2_048;
const TOPIC: &str = "t";

struct World {
    folder: TempDir,
    engine: Engine,
    store: CheckpointStore,
    noted: watch::Sender<u64>,
    jobs: u64,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp");
        let data = folder.path().join("data");
        let options = log::Options { partitions: PARTITIONS, ..log::Options::default() };
        let log: Arc<dyn Sequencer> = Arc::new(EmbeddedLog::open(&data, options).expect("opens"));
        let views = Arc::new(Views::open(&data.join("views")).expect("opens"));
        let options = Options { log, views, vault: Arc::new(MemoryVault::seeded(7)), clock: Arc::new(SystemClock) };
        let engine = Engine::open(options).await.expect("opens");
        let adopt = AdoptPolicy { document: POLICY.to_owned(), origin: PolicyOrigin::Files, expected: None };
        engine.submit(Command::AdoptPolicy(adopt)).await.expect("adopted");
        engine.policy_everywhere(0).await.expect("everywhere");
        let store = CheckpointStore::open(folder.path().join("store").to_str().expect("UTF-8")).expect("opens");
        Self { folder, engine, store, noted: watch::Sender::new(0), jobs: 0 }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    async fn work(&mut self, jobs: u64) {
        for _ in 0..jobs {
            self.jobs += 1;
            let n = self.jobs;
            let create = CreateJob {
                job: JobId::of(&[&n.to_be_bytes()]),
                tenant: "test".to_owned(),
                profile: "standard".to_owned(),
                address: address(n),
                inputs: BTreeMap::new(),
                priority: 3,
                max_age_ms: BTreeMap::new(),
                request_digest: [0; 32],
            };
            self.engine.submit(Command::CreateJob(create)).await.expect("created");
        }
    }

    /// Notes places as a mirror does, somewhat behind where the log is.
    fn note_places(&self) {
        for partition in 0..PARTITIONS {
            let log = self.engine.log();
            let commits = log.read(partition, 0, 0).expect("readable");
            let last = Seen { offset: 7 + i64::from(partition), hash: [partition as u8; 32] };
            let head = commits.first().expect("a commit").head();
            note_place(&self.data(), TOPIC, &Place { last: Some(last), head }).expect("noted");
        }
        self.noted.send_modify(|times| *times += 1);
    }

    fn taker(&self, keep: usize) -> Taker {
        let topic = Some(Topic { folder: self.data(), name: TOPIC.to_owned(), noted: self.noted.subscribe() });
        Taker::new(self.engine.clone(), self.store.clone(), "a".to_owned(), topic, keep).in_parts_of(PART)
    }

    fn log_id(&self) -> LogId {
        self.engine.log().log_id()
    }

    /// Fills a new folder with a checkpoint.
    async fn filled(&self, name: &str, taken: &CheckpointTaken) -> Result<bool, CheckpointError> {
        let settings = Settings { partitions: PARTITIONS, ..Settings::new("nowhere:1", TOPIC) };
        fill(&self.folder.path().join(name), "views", &settings, &self.store, taken, Some(self.log_id())).await
    }

    /// Changes the list of a checkpoint, as whoever may write to store and log can; what the log would name then.
    async fn changed(&self, taken: &CheckpointTaken, change: impl FnOnce(&mut List)) -> CheckpointTaken {
        let mut list = self.store.list(self.log_id(), taken.list).await.expect("there");
        change(&mut list);
        let (place, hash) = self.store.put_list(self.log_id(), &list).await.expect("kept");
        CheckpointTaken { place, list: hash, ..taken.clone() }
    }

    fn file(&self, kind: &str, name: &str) -> std::path::PathBuf {
        self.folder.path().join("store").join(self.log_id().to_string()).join(kind).join(name)
    }
}

/// What a checkpoint says of itself is what stands in the new folder.
fn is_whole(folder: &Path, taken: &CheckpointTaken) {
    let log = EmbeddedLog::open_read_only(folder).expect("opens");
    log.verify_all().expect("sound");
    for head in &taken.heads {
        let here = log.head(head.partition);
        assert_eq!((here.next_seq, here.hash), (head.next_seq, head.hash));
    }
    let views = Views::open(&folder.join("views")).expect("opens");
    assert_eq!(views.digest().expect("readable"), (taken.rows_digest, taken.rows));
    // The rows are those that the log gives.
    let again = tempfile::tempdir().expect("temp");
    let again = Views::open(again.path()).expect("opens");
    for partition in 0..PARTITIONS {
        crate::engine::catch_up(&log, &again, partition, |_, _| ()).expect("folds");
    }
    assert_eq!(again.digest().expect("readable"), (taken.rows_digest, taken.rows));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_waits_until_its_mirror_has_noted_its_places() {
    let mut world = World::new().await;
    world.work(3).await;
    let taker = world.taker(3);
    // The first looks, finds nothing and waits before the second is begun.
    let (taken, ()) = tokio::join!(taker.take(), async { world.note_places() });
    is_whole_of(&world, "first", &taken.expect("taken").taken).await;
    let mut closed = World::new().await;
    closed.work(3).await;
    let taker = closed.taker(3);
    closed.noted = watch::Sender::new(0);
    assert!(matches!(taker.take().await, Err(CheckpointError::TooEarly)), "a closed log notes nothing any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_is_the_log_and_its_rows_at_a_cut() {
    let mut world = World::new().await;
    world.work(30).await;
    world.note_places();
    let taker = world.taker(3);
    let first = taker.take().await.expect("taken");
    assert_eq!(first.bytes, first.new_bytes);
    is_whole_of(&world, "first", &first.taken).await;
    // What is whole is kept once; the rest, and the rows, anew.
    world.work(30).await;
    let second = taker.take().await.expect("taken");
    assert!(second.new_bytes < second.bytes, "{second:?}");
    is_whole_of(&world, "second", &second.taken).await;
    is_whole_of(&world, "first again", &first.taken).await;
    let (one, other) =
        (world.store.list(world.log_id(), first.taken.list), world.store.list(world.log_id(), second.taken.list));
    let (one, other) = (one.await.expect("there"), other.await.expect("there"));
    let shared = one.log.iter().filter(|part| other.log.contains(part)).count();
    assert!(shared > 2, "parts are cut alike: {shared} of {}", one.log.len());
    assert!(other.log.iter().any(|part| part.partition == 1) && other.log.iter().any(|part| part.partition == 0));
    // The log names both, and the second one rests on rows that show the first.
    let named = mirano_replay::checkpoint::all(&**world.engine.views()).expect("readable");
    assert_eq!(named.iter().map(|row| &row.taken).collect::<Vec<_>>(), [&first.taken, &second.taken]);
    assert_eq!(named[1].at, second.position);
}

async fn is_whole_of(world: &World, name: &str, taken: &CheckpointTaken) {
    assert!(world.filled(name, taken).await.expect("as it should be"), "its rows are of use");
    let folder = world.folder.path().join(name);
    is_whole(&folder, taken);
    for partition in 0..PARTITIONS {
        let (here, there) = (noted_place(&folder, TOPIC, partition), noted_place(&world.data(), TOPIC, partition));
        assert_eq!(here, there, "it goes on in the topic where the other mirror stood");
        assert!(here.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_what_the_log_says_is_refused() {
    let mut world = World::new().await;
    world.work(20).await;
    world.note_places();
    let taken = world.taker(3).take().await.expect("taken").taken;
    let list = world.store.list(world.log_id(), taken.list).await.expect("there");
    let refused = async |name: &str, taken: &CheckpointTaken| {
        let said = world.filled(name, taken).await.expect_err("refused");
        (said.word(), said.to_string())
    };

    // Its objects are gone or damaged.
    let rows = list.rows.parts.last().expect("rows").hash.clone();
    for (number, part) in [list.log[0].part.hash.clone(), rows].iter().enumerate() {
        let file = world.file("parts", part);
        let whole = std::fs::read(&file).expect("there");
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(refused(&format!("gone {number}"), &taken).await.0, "missing");
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(&file, &damaged).expect("written");
        assert_eq!(refused(&format!("damaged {number}"), &taken).await.0, "damaged");
        std::fs::write(&file, &whole).expect("written");
    }
    let file = world.file("lists", &mirano_schemas::CommitHash(taken.list).to_string());
    let whole = std::fs::read(&file).expect("there");
    std::fs::write(&file, [&whole[..], b" "].concat()).expect("written");
    assert_eq!(refused("other list", &taken).await.0, "damaged");
    std::fs::write(&file, &whole).expect("written");

    // It lies, and everything in the store fits the lie.
    let fewer = world.changed(&taken, |list| _ = list.log.pop()).await;
    let said = refused("fewer commits", &fewer).await.1;
    assert!(said.contains("is to end at"), "{said}");
    let swapped = world.changed(&taken, |list| list.log.swap(0, 1)).await;
    let said = refused("other order", &swapped).await.1;
    assert!(said.contains("does not follow"), "{said}");
    let fewer = world.changed(&taken, |list| _ = list.rows.parts.pop()).await;
    let said = refused("fewer rows", &fewer).await.1;
    assert!(said.contains("rows of the digest"), "{said}");
    let ahead = world.changed(&taken, |list| list.places[0].head.next_seq = 1_000_000).await;
    let said = refused("a place ahead", &ahead).await.1;
    assert!(said.contains("places in the topic"), "{said}");
    let elsewhere = world.changed(&taken, |list| list.places[0].head = list.places[1].head.clone()).await;
    let said = refused("a place of another", &elsewhere).await.0;
    assert_eq!(said, "damaged");
    let other = CheckpointTaken { rows_digest: [0; 32], ..taken.clone() };
    assert!(refused("other digest", &other).await.1.contains("the log names"));
    let mut other = taken.clone();
    other.heads[0].next_seq -= 1;
    assert!(refused("other heads", &other).await.1.contains("other heads"));

    // Rows of another version are left, the log is taken.
    let older = world.changed(&taken, |list| list.form += 1).await;
    assert!(!world.filled("another form", &older).await.expect("of use"), "rows are folded anew");
    assert!(!world.folder.path().join("another form/views").exists());
    // And the canary: the same checkpoint, untouched.
    assert!(world.filled("untouched", &taken).await.expect("as it should be"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_few_remain_and_the_archive_is_never_shortened() {
    let mut world = World::new().await;
    world.work(10).await;
    world.note_places();
    let taker = world.taker(2);
    let mut taken = Vec::new();
    for _ in 0..4 {
        world.work(10).await;
        taken.push(taker.take().await.expect("taken").taken);
    }
    let lists = world.store.lists(world.log_id()).await.expect("readable");
    assert_eq!(lists.len(), 2);
    for gone in &taken[..2] {
        assert!(matches!(world.store.list(world.log_id(), gone.list).await, Err(CheckpointError::Missing(_))));
    }
    for (number, kept) in taken[2..].iter().enumerate() {
        is_whole_of(&world, &format!("kept {number}"), kept).await;
    }
    // What only the removed ones named goes when it is old, and not before.
    let parts = world.store.parts(world.log_id()).await.expect("readable");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 24 * 60 * 60);
    for name in parts.keys() {
        let file = std::fs::File::options().write(true).open(world.file("parts", name)).expect("there");
        file.set_modified(old).expect("an old time");
    }
    world.work(1).await;
    let last = taker.take().await.expect("taken").taken;
    let left = world.store.parts(world.log_id()).await.expect("readable");
    assert!(parts.keys().any(|name| !left.contains_key(name)), "unnamed parts are gone");
    for (number, kept) in [&taken[3], &last].iter().enumerate() {
        is_whole_of(&world, &format!("left {number}"), kept).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_are_not_taken_at_once_and_a_store_that_fails_names_nothing() {
    let mut world = World::new().await;
    world.work(5).await;
    world.note_places();
    let taker = world.taker(3);
    let (one, other) = tokio::join!(taker.take(), taker.take());
    assert!(one.is_ok() && matches!(other, Err(CheckpointError::UnderWay)), "{one:?} {other:?}");
    // A file where the folder of parts is to be.
    let parts = world.folder.path().join("store").join(world.log_id().to_string()).join("parts");
    std::fs::remove_dir_all(&parts).expect("removed");
    std::fs::write(&parts, b"in the way").expect("written");
    let failed = taker.take().await.expect_err("can't write");
    assert!(failed.retryable(), "{failed}");
    let named = mirano_replay::checkpoint::all(&**world.engine.views()).expect("readable");
    assert_eq!(named.len(), 1, "nothing is named that is not kept");
}
