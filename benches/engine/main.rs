//! How close the engine comes to what disk, hash and view store allow: `make bench`, or `cargo bench --bench engine`.
//!
//! Each figure is a ratio to a raw limit measured in the same run, before and after, in the same folder: a single thread
//! that encodes the same facts, hashes them into commits, writes and syncs as many commits at once as the engine came to
//! put behind one sync, and puts one row a fact into RocksDB without its WAL. It decides nothing, keeps no queue, no
//! lease, no interval, and answers nobody.
//!
//! *acknowledged* ends with the last answer; *settled* when also every job that waited is answered, assessed and sealed.
//! `MIRANO_BENCH_DIR` names the folder (else the system's temporary one, which may be no disk at all);
//! `MIRANO_BENCH_SECONDS` how long each figure is taken for.

mod facts;
mod raw;
mod reuse;
mod world;

use std::path::Path;
use std::time::Duration;
use world::World;

/// The one of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Case {
    name: &'static str,
    facts: usize,
    concurrent: usize,
    partitions: u32,
}

const CASES: [Case; 3] = [
    Case { name: "ingest, 20 facts an answer", facts: 20, concurrent: 512, partitions: 1 },
    Case { name: "the same, 2 partitions", facts: 20, concurrent: 512, partitions: 2 },
    Case { name: "1-fact commands", facts: 1, concurrent: 64, partitions: 1 },
];

/// Over HTTP: a check of six sources with 20 facts each, all known and fresh: one commit, snapshot included.
const REUSE: Case = Case { name: "a fully reused POST /v1/jobs", facts: 120, concurrent: 64, partitions: 1 };

fn main() -> anyhow::Result<()> {
    let folder = match std::env::var_os("MIRANO_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let each = match std::env::var("MIRANO_BENCH_SECONDS") {
        Ok(seconds) => Duration::from_secs_f64(seconds.parse()?),
        Err(_) => Duration::from_secs(3),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    println!(
        "{:<30} {:>10} {:>12} {:>12} {:>6} {:>12} {:>6} {:>9} {:>9}",
        "", "concurrent", "raw facts/s", "ack'd /s", "ratio", "settled /s", "ratio", "per sync", "commits/s"
    );
    // As with other benches: a word on the command line chooses the figures whose name holds it.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let chosen = |case: &&Case| wanted.is_empty() || wanted.iter().any(|word| case.name.contains(word.as_str()));
    for case in CASES.iter().filter(chosen) {
        measure(&runtime, folder.path(), case, each)?;
    }
    if chosen(&&REUSE) {
        reuse(&runtime, folder.path(), each)?;
    }
    Ok(())
}

fn reuse(runtime: &tokio::runtime::Runtime, folder: &Path, each: Duration) -> anyhow::Result<()> {
    let world = runtime.block_on(World::open(folder, REUSE.partitions))?;
    let reuse::Took { each: took, all } = runtime.block_on(reuse::measure(&world, REUSE.concurrent, each))?;
    let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).map_or(0.0, ms);
    println!(
        "{:<30} {:>10} {:>9.0} jobs/s   p50 {:.2} ms   p99 {:.2} ms   ({} facts each)",
        REUSE.name,
        REUSE.concurrent,
        took.len() as f64 / all.as_secs_f64(),
        at(50),
        at(99),
        REUSE.facts,
    );
    Ok(())
}

fn ms(took: &Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

fn measure(runtime: &tokio::runtime::Runtime, folder: &Path, case: &Case, each: Duration) -> anyhow::Result<()> {
    let mut world = runtime.block_on(World::open(folder, case.partitions))?;
    // A short round first, so that both sides of the comparison are measured warm.
    let warm = runtime.block_on(world.ingest(case.facts, case.concurrent, each / 4))?;
    let group = |answers: u64, syncs: u64| usize::try_from(answers.div_ceil(syncs.max(1))).unwrap_or(1).max(1);
    let before = raw::facts_a_second(folder, case.facts, group(warm.answers, warm.syncs), each / 2)?;
    let seen = runtime.block_on(world.ingest(case.facts, case.concurrent, each))?;
    let per_sync = group(seen.answers, seen.syncs);
    let after = raw::facts_a_second(folder, case.facts, per_sync, each / 2)?;
    let limit = (before + after) / 2.0;
    let facts = (seen.answers * case.facts as u64) as f64;
    let (acknowledged, settled) = (facts / seen.acknowledged.as_secs_f64(), facts / seen.settled.as_secs_f64());
    println!(
        "{:<30} {:>10} {limit:>12.0} {acknowledged:>12.0} {:>6.2} {settled:>12.0} {:>6.2} {per_sync:>9} {:>9.0}   (raw {before:.0} and {after:.0})",
        case.name,
        case.concurrent,
        acknowledged / limit,
        settled / limit,
        seen.commits as f64 / seen.settled.as_secs_f64(),
    );
    Ok(())
}
