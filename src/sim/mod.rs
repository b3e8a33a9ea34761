//! Seeded simulation: the real core, the loops of the engine and the fold, with a log, views, clocks, workers, clients and
//! sources of a model world in which everything goes wrong, and an auditor who knows the invariants and not the code.
//!
//! A seed is a whole life, and the same seed is the same life. `cargo sim -- <seed>` lives one again and tells it. What is
//! not here: RocksDB, the files of the log, tokio and HTTP, each of which has tests of its own, and `engine::runtime`, whose
//! steps `node` takes one by one.

mod around;
mod audit;
mod client;
mod farm;
mod life;
mod log;
mod node;
mod policy;
mod rng;
mod source;
mod tests;
mod views;
mod weather;
mod worker;

use audit::Counts;
use life::Life;
use mirano_replay::apply;
use mirano_replay::overlay::Overlay;
use mirano_replay::store::MemoryStore;
use rng::Rng;
use weather::Weather;

/// What is left of a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Over the heads of the log, the views, and the number of events: equal lives have equal digests.
    pub digest: [u8; 32],
    pub counts: Counts,
    pub crashes: u64,
    pub void: usize,
    pub commits: usize,
    pub requests: usize,
    /// Sources that were asked at their whole rate for a while.
    pub pressed: usize,
}

/// Lives a seed. The error is the invariant that does not hold, and how that shows.
pub fn live(seed: u64, trace: bool) -> Result<Left, String> {
    live_through(Life::new(seed, trace, Weather::of))
}

/// The same for an hour of twenty bad sources.
pub fn live_on_the_farm(seed: u64, trace: bool) -> Result<Left, String> {
    live_through(Life::new(seed, trace, Weather::of_farm))
}

fn live_through(mut life: Life) -> Result<Left, String> {
    life.live()?;
    life.auditor.book(&life.sources.book, life.jumped_ahead)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&life.events.to_le_bytes());
    let mut commits = 0;
    for partition in 0..life.log.partitions() {
        let head = life.log.head(partition);
        commits += head.next_seq as usize;
        hasher.update(head.hash.as_bytes());
    }
    let replayed = replay(&mut life)?;
    for node in 0..life.nodes.len() {
        if life.nodes[node].views.live().digest() != replayed.digest() {
            return Err(format!(
                "I1: the views of node {node} differ from the log: {}",
                differs(life.nodes[node].views.live(), &replayed)
            ));
        }
        life.restart(node)?;
        if life.nodes[node].views.live().digest() != replayed.digest() {
            return Err(format!("I1: the views of node {node} differ from the log after a restart"));
        }
    }
    life.auditor.views(&replayed, &life.vault)?;
    hasher.update(&replayed.digest());
    Ok(Left {
        digest: *hasher.finalize().as_bytes(),
        counts: life.auditor.counts(),
        crashes: life.crashes,
        void: life.log.void(),
        commits,
        requests: life.sources.book.len(),
        pressed: life.auditor.pressed(&life.sources.book),
    })
}

/// Folds the log from zero, in batches of any size, the partitions in any order.
fn replay(life: &mut Life) -> Result<MemoryStore, String> {
    let mut store = MemoryStore::default();
    let mut rng: Rng = life.rng.clone();
    let mut next = vec![0; life.log.partitions() as usize];
    loop {
        let open: Vec<usize> =
            (0..next.len()).filter(|partition| next[*partition] < life.log.commits(*partition as u32).len()).collect();
        let Some(partition) = open.get(rng.below(open.len() as u64) as usize).copied() else { return Ok(store) };
        let most = 1 + rng.below(40) as usize;
        let mut batch = Overlay::new(&store);
        for commit in life.log.commits(partition as u32).iter().skip(next[partition]).take(most) {
            apply::commit(&mut batch, commit.position, commit.hash, &commit.body)
                .map_err(|error| format!("I1: replay stops: {error}"))?;
            next[partition] += 1;
        }
        let changes = batch.into_changes().map_err(|error| error.to_string())?;
        changes.write_to(&mut store).map_err(|error| error.to_string())?;
    }
}

/// The tables in which two stores differ.
fn differs(a: &MemoryStore, b: &MemoryStore) -> String {
    let rows = |store: &MemoryStore| -> std::collections::BTreeSet<_> {
        store.iter().map(|(table, key, row)| (table, key.to_vec(), row.to_vec())).collect()
    };
    let (a, b) = (rows(a), rows(b));
    let mut tables: Vec<String> = a.symmetric_difference(&b).map(|(table, ..)| format!("{table:?}")).collect();
    tables.dedup();
    tables.join(", ")
}
