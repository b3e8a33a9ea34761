//! What history costs: a diff by the number of facts and of differences, a read by its age, an observation with its tree.
//!
//! Every figure is beside another of the same run, because a time alone says little: a diff of a million facts beside one of
//! ten thousand, the oldest moment beside the newest, a set kept in pages beside a root that is only computed. Rows lie in
//! RocksDB as a node keeps them. `MIRANO_BENCH_FACTS` is the largest set (a million).

use anyhow::{Context, Result};
mod ages;
mod diffs;
mod job;
mod trees;

use mirano::views::Views;
use mirano_replay::overlay::Overlay;
use mirano_replay::rows::FactRow;
use mirano_replay::store::WriteExt;
use mirano_replay::tree::stored;
use mirano_schemas::canonical::fact_id;
use mirano_schemas::*;
use std::time::{Duration, Instant};

/// The one of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let folder = match std::env::var_os("MIRANO_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let most = match std::env::var("MIRANO_BENCH_FACTS") {
        Ok(facts) => facts.parse()?,
        Err(_) => 1_000_000,
    };
    diffs::run(&Views::open(&folder.path().join("diffs"))?, most)?;
    ages::run(folder.path())?;
    ages::of_subjects(folder.path())?;
    trees::run(&Views::open(&folder.path().join("trees"))?)
}

/// The middle of several runs, the first of them left out.
fn middle(runs: usize, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    run()?;
    let mut took = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        run()?;
        took.push(started.elapsed());
    }
    took.sort();
    took.get(took.len() / 2).copied().context("at least one run")
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// Fact `n` of edition `edition`: another edition is the same thing with another price.
fn fact(n: u64, edition: u64) -> (FactId, Fact) {
    let fact = Fact {
        source: "listings".to_owned(),
        kind: "listing.offer".to_owned(),
        subject: Subject("property:bench".to_owned()),
        matched: Match::Id,
        identity: [("id".to_owned(), Value::Text(format!("o{n}")))].into(),
        attrs: [
            ("price".to_owned(), Value::Decimal((1_000_000 + n + edition).to_string())),
            ("title".to_owned(), Value::Text("2-комн. квартира, 54 м²".to_owned())),
        ]
        .into(),
        valid: Validity::default(),
        connector: 1,
    };
    (fact_id(&fact), fact)
}

/// Writes so many facts of an edition; gives their ids.
fn facts(views: &Views, range: std::ops::Range<u64>, edition: u64) -> Result<Vec<FactId>> {
    let mut ids = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let end = (start + 20_000).min(range.end);
        let mut overlay = Overlay::new(views);
        for n in start..end {
            let (id, fact) = fact(n, edition);
            overlay.put_row(id.as_bytes(), &FactRow { body: Sealable::Plain(fact.into()), intervals: Vec::new() })?;
            ids.push(id);
        }
        views.write(&overlay.into_changes()?, 1)?;
        start = end;
    }
    Ok(ids)
}

/// Stores a set in pages.
fn set(views: &Views, base: Option<Root>, added: &[FactId], gone: &[FactId]) -> Result<stored::Planned> {
    let planned = stored::changed(views, base, added, gone)?;
    let mut overlay = Overlay::new(views);
    planned.store(&mut overlay)?;
    views.write(&overlay.into_changes()?, 1)?;
    Ok(planned)
}
