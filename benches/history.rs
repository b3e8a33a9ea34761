//! What history costs: a diff by the number of facts and of differences, a read by its age, an observation with its tree.
//!
//! Every figure is beside another of the same run, because a time alone says little: a diff of a million facts beside one of
//! ten thousand, the oldest moment beside the newest, a set kept in pages beside a root that is only computed. Rows lie in
//! RocksDB as a node keeps them. `MIRANO_BENCH_FACTS` is the largest set (a million).

use anyhow::{Context, Result};
use mirano::core::policy::Policy;
use mirano::core::vault::MemoryVault;
use mirano::history::model::SideView;
use mirano::history::side::{Asked, Shown, Side};
use mirano::history::{Asker, Book, HistoryError, Times, compare};
use mirano::views::Views;
use mirano_replay::history::{Moment, job_at};
use mirano_replay::overlay::Overlay;
use mirano_replay::rows::{FactRow, JobRow};
use mirano_replay::store::{ReadExt, WriteExt};
use mirano_replay::tree::diff::Diff;
use mirano_replay::tree::{self, stored};
use mirano_schemas::canonical::fact_id;
use mirano_schemas::*;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() -> Result<()> {
    let folder = match std::env::var_os("MIRANO_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let most = match std::env::var("MIRANO_BENCH_FACTS") {
        Ok(facts) => facts.parse()?,
        Err(_) => 1_000_000,
    };
    diffs(&Views::open(&folder.path().join("diffs"))?, most)?;
    ages(folder.path())?;
    trees(&Views::open(&folder.path().join("trees"))?)
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

struct NoTimes;

impl Times for NoTimes {
    fn recorded_at(&self, _: Position) -> Result<Option<Timestamp>, HistoryError> {
        Ok(None)
    }
}

fn side(root: Root, facts: u32, observation: u8) -> Side {
    Side {
        view: SideView::default(),
        moment: Moment::time(Timestamp(0)),
        asked: vec![Asked {
            source: "listings".to_owned(),
            subject: Subject("property:bench".to_owned()),
            query: Some(QueryKey([1; 16])),
            shown: Ok(Shown { observation: ObservationId([observation; 16]), root, facts, complete: true }),
        }],
        risk: None,
        only: None,
    }
}

fn diffs(views: &Views, most: u64) -> Result<()> {
    println!("diff of two sets, in process; `tree`: which facts; `whole`: read, paired, attribute by attribute");
    println!("{:>10} {:>12} {:>12} {:>12}", "facts", "differences", "tree, ms", "whole, ms");
    let vault = MemoryVault::seeded(1);
    let empty = Arc::new(Policy::empty().map_err(anyhow::Error::msg)?);
    let policy = |_| Ok(Arc::clone(&empty));
    let book =
        Book { rows: views, times: &NoTimes, vault: &vault, policy: &policy, now: Timestamp(0), asker: Asker::Holder };
    let ids = facts(views, 0..most, 0)?;
    let mut at_hundred = Vec::new();
    for size in [10_000u64, 100_000, 1_000_000, 10_000_000].into_iter().filter(|size| *size <= most) {
        let before: Vec<FactId> = ids.iter().take(usize::try_from(size)?).copied().collect();
        let from = set(views, None, &before, &[])?;
        for differences in [10u64, 100, 1_000, 10_000, 100_000].into_iter().filter(|n| n * 4 <= size) {
            // Half of what differs is changed (one came, one went); spread over all of the set, as hashes are.
            let changed = facts(views, 0..differences / 2, 1 + size)?;
            let gone: Vec<FactId> = before.iter().take(changed.len()).copied().collect();
            let to = set(views, Some(from.root), &changed, &gone)?;
            views.flush()?;
            let runs = if differences > 1_000 { 5 } else { 51 };
            let tree = middle(runs, || {
                let mut diff = Diff::new(views, from.root, to.root)?;
                let found = diff.by_ref().collect::<Result<Vec<_>, _>>()?;
                anyhow::ensure!(found.len() as u64 == differences && diff.unchanged() + differences / 2 == size);
                Ok(())
            })?;
            let whole = middle(runs, || {
                let found = compare(&book, side(from.root, from.count, 1), side(to.root, to.count, 2))?;
                anyhow::ensure!(found.counts.changed == differences / 2 && found.counts.gone == 0);
                black_box(found.items.len());
                Ok(())
            })?;
            println!("{size:>10} {differences:>12} {:>12.3} {:>12.3}", ms(tree), ms(whole));
            if differences == 100 {
                at_hundred.push((size, tree, whole));
            }
        }
    }
    if let (Some((small, tree, whole)), Some((large, tree_large, whole_large))) =
        (at_hundred.first(), at_hundred.last())
    {
        println!(
            "100 differences of {large} facts against {small}: tree {:.1} times, whole {:.1} times\n",
            tree_large.as_secs_f64() / tree.as_secs_f64(),
            whole_large.as_secs_f64() / whole.as_secs_f64()
        );
    }
    Ok(())
}

/// A job with so many changes, folded like any other.
fn watched(views: &Views, job: JobId, changes: u64) -> Result<JobRow> {
    let address = AddressRecord {
        input: "x".to_owned(),
        canonical: "x".to_owned(),
        building: "x".to_owned(),
        flat: None,
        cadastral: None,
        postcode: None,
        confidence: "high".to_owned(),
        subject: Subject("property:bench".to_owned()),
        building_subject: Subject("property:bench".to_owned()),
        warnings: Vec::new(),
    };
    let need = |n: u8| Need {
        need_id: NeedId([n; 16]),
        source: format!("source{n}"),
        level: Level::Property,
        subject: Subject("property:bench".to_owned()),
        query: Some(QueryKey([n; 16])),
        params: Sealable::Plain(Default::default()),
        parent: None,
        entry: u32::from(n),
    };
    let created = JobCreated {
        job,
        tenant: "bench".to_owned(),
        profile: "bench".to_owned(),
        address,
        inputs: Default::default(),
        priority: 3,
        max_age_ms: Default::default(),
        request_digest: [0; 32],
        needs: (0..6).map(need).collect(),
    };
    let commit = |seq: u64, event: Event| -> Result<()> {
        let mut overlay = Overlay::new(views);
        let at = mirano_replay::apply::At {
            position: Position { partition: 0, seq },
            recorded_at: Timestamp(i64::try_from(seq)? * 60_000),
        };
        let mut fold = mirano_replay::apply::Fold::begin(at);
        fold.event(&mut overlay, &event)?;
        fold.finish(&mut overlay)?;
        Ok(views.write(&overlay.into_changes()?, 1)?)
    };
    commit(0, Event::JobCreated(created))?;
    for n in 1..changes {
        let seen = Timestamp(i64::try_from(n)? * 60_000);
        let receipt = Receipt {
            receipt_id: ReceiptId::of(&[job.as_bytes(), &n.to_le_bytes()]),
            need_id: NeedId([u8::try_from(n % 6)?; 16]),
            source: format!("source{}", n % 6),
            origin: Origin::Fetched,
            outcome: Outcome::Found,
            complete: true,
            observation: ObservationId::of(&[&n.to_le_bytes()]),
            at: Position { partition: 0, seq: n },
            facts_root: tree::root([]),
            facts: 0,
            observed_at: seen,
            as_of: None,
            parts: ReuseParts::default(),
            ttl_ms: 1,
            serve_stale_ms: 1,
            policy_version: 0,
            taken_at: seen,
            reason: "task".to_owned(),
        };
        commit(n, Event::NeedAnswered(NeedAnswered { job, receipt }))?;
    }
    views.row(job.as_bytes())?.context("folded")
}

fn ages(folder: &std::path::Path) -> Result<()> {
    println!("a job of six needs as of a moment, microseconds, by the age of the moment and the changes of the job");
    println!("{:>10} {:>9} {:>9} {:>9} {:>9} {:>9}", "changes", "newest", "3/4", "1/2", "1/4", "oldest");
    for changes in [100u64, 1_000, 10_000] {
        let views = Views::open(&folder.join(format!("ages-{changes}")))?;
        let row = watched(&views, JobId([7; 16]), changes)?;
        views.flush()?;
        let mut line = format!("{changes:>10}");
        // The newest but one: the last is the row itself.
        for part in [changes - 2, changes * 3 / 4, changes / 2, changes / 4, 7] {
            let moment = Moment::time(Timestamp(i64::try_from(part)? * 60_000));
            let took = middle(501, || {
                let then = job_at(&views, &row, &moment)?.context("known")?;
                anyhow::ensure!(then.position.seq == part && then.needs.iter().all(|need| need.receipt.is_some()));
                Ok(())
            })?;
            line.push_str(&format!(" {:>9.1}", took.as_secs_f64() * 1e6));
        }
        println!("{line}");
    }
    println!();
    Ok(())
}

/// What keeping the tree adds to the root that has to be computed anyway, and what a small change of a large set costs.
fn trees(views: &Views) -> Result<()> {
    println!(
        "an observation: its root alone, and its root with pages planned and written; bytes written against a whole list"
    );
    println!(
        "{:>10} {:>10} {:>12} {:>14} {:>7} {:>16}",
        "facts", "changed", "root, ms", "with pages, ms", "ratio", "bytes / 32 n"
    );
    let bytes = |planned: &stored::Planned| -> Result<u64> {
        let empty = mirano_replay::store::MemoryStore::default();
        let mut overlay = Overlay::new(&empty);
        planned.store(&mut overlay)?;
        let changes = overlay.into_changes()?;
        let mut bytes = 0;
        for (_, key, row) in changes.iter() {
            bytes += key.len() + row.map_or(Ok(0), |row| row.bytes().map(|row| row.len()))?;
        }
        Ok(bytes as u64)
    };
    let id = |n: u64| FactId(*blake3::hash(&n.to_le_bytes()).as_bytes());
    for size in [1u64, 20, 128, 1_000, 100_000] {
        let ids: Vec<FactId> = (0..size).map(id).collect();
        let runs = if size > 10_000 { 5 } else { 51 };
        let root = middle(runs, || {
            black_box(tree::root(ids.iter().map(|id| id.0)));
            Ok(())
        })?;
        let with = middle(runs, || set(views, None, &ids, &[]).map(|_| ()))?;
        let whole = set(views, None, &ids, &[])?;
        let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
        let share = |planned: &stored::Planned| -> Result<f64> { Ok(bytes(planned)? as f64 / (32 * size) as f64) };
        println!(
            "{size:>10} {size:>10} {:>12.3} {:>14.3} {:>7.2} {:>16.3}",
            ms(root),
            ms(with),
            ratio(with, root),
            share(&whole)?
        );
        if size >= 1_000 {
            let mut next = size;
            let mut last = None;
            let change = middle(runs, || {
                next += 1;
                last = Some(set(views, Some(whole.root), &[id(next)], &[])?);
                Ok(())
            })?;
            let last = last.context("changed")?;
            println!(
                "{size:>10} {:>10} {:>12.3} {:>14.3} {:>7.2} {:>16.3}",
                1,
                ms(root),
                ms(change),
                ratio(change, root),
                share(&last)?
            );
        }
    }
    Ok(())
}
