//! A diff, by the number of facts and of differences: of two sets, of two sealed snapshots, and of snapshots whose answers overlap.

use crate::job::Bench;
use crate::{facts, middle, ms, set};
use anyhow::{Context, Result};
use mirano::core::policy::Policy;
use mirano::core::vault::MemoryVault;
use mirano::history::side::Side;
use mirano::history::{Asker, Book, HistoryError, Times, compare};
use mirano::views::Views;
use mirano_replay::tree::diff::Diff;
use mirano_schemas::*;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

struct NoTimes;

impl Times for NoTimes {
    fn recorded_at(&self, _: Position) -> Result<Option<Timestamp>, HistoryError> {
        Ok(None)
    }
}

/// Times of one line.
struct Line {
    facts: u64,
    differences: u64,
    tree: Duration,
    sealed: Duration,
    union: Duration,
}

pub fn run(views: &Views, most: u64) -> Result<()> {
    println!(
        "a diff, in process. `tree`: two sets, which facts; `sealed`: two snapshots by their ids, read, compared, attribute by"
    );
    println!(
        "attribute, with the risk; `union`: the same, where the source gave two answers more, which share a half and a little of it"
    );
    println!("{:>10} {:>12} {:>12} {:>12} {:>12}", "facts", "differences", "tree, ms", "sealed, ms", "union, ms");
    let vault = MemoryVault::seeded(1);
    let empty = Arc::new(Policy::empty().map_err(anyhow::Error::msg)?);
    let policy = |_| Ok(Arc::clone(&empty));
    let book =
        Book { rows: views, times: &NoTimes, vault: &vault, policy: &policy, now: Timestamp(0), asker: Asker::Holder };
    let ids = facts(views, 0..most, 0)?;
    let mut lines: Vec<Line> = Vec::new();
    for size in [10_000u64, 100_000, 1_000_000, 10_000_000].into_iter().filter(|size| *size <= most) {
        let before: Vec<FactId> = ids.iter().take(usize::try_from(size)?).copied().collect();
        let from = set(views, None, &before, &[])?;
        let half: Vec<FactId> = before.iter().skip(before.len() / 2).copied().collect();
        let half = set(views, None, &half, &[])?;
        let little: Vec<FactId> = before.iter().skip(before.len() / 2).step_by(50).copied().collect();
        let little = set(views, None, &little, &[])?;
        for differences in [10u64, 100, 1_000, 10_000, 100_000].into_iter().filter(|n| n * 4 <= size) {
            // All of them are changes: one came, one went. Spread over all of the set, as hashes are.
            let changed = facts(views, 0..differences / 2, 1 + size)?;
            let gone: Vec<FactId> = before.iter().take(changed.len()).copied().collect();
            let to = set(views, Some(from.root), &changed, &gone)?;
            let job = |n: u64| JobId::of(&[&size.to_le_bytes(), &differences.to_le_bytes(), &n.to_le_bytes()]);
            let pair = |mut bench: Bench<'_>| -> Result<[SnapshotId; 2]> {
                bench.answer(0, from.root, from.count)?;
                let first = bench.seal(from.count)?;
                bench.answer(0, to.root, to.count)?;
                Ok([first, bench.seal(to.count)?])
            };
            let mut one = Bench::create(views, job(0), &["listings", "courts"])?;
            one.answer(1, little.root, little.count)?;
            let one = pair(one)?;
            let mut many = Bench::create(views, job(1), &["listings", "listings", "listings"])?;
            many.answer(1, half.root, half.count)?;
            many.answer(2, little.root, little.count)?;
            let many = pair(many)?;
            views.flush()?;
            let runs = if differences > 1_000 { 5 } else { 51 };
            let tree = middle(runs, || {
                let mut diff = Diff::new(views, from.root, to.root)?;
                let found = diff.by_ref().collect::<Result<Vec<_>, _>>()?;
                anyhow::ensure!(found.len() as u64 == differences && diff.unchanged() + differences / 2 == size);
                Ok(())
            })?;
            let compared = |ids: &[SnapshotId; 2], unchanged: u64| {
                middle(runs, || {
                    let [from, to] = ids.map(|id| Side::open(&book, &id.to_string()));
                    let found = compare(&book, from?, to?)?;
                    let counts = found.counts;
                    anyhow::ensure!(counts.changed == differences / 2 && counts.gone + counts.added == 0, "{counts:?}");
                    anyhow::ensure!(counts.unchanged == unchanged - differences / 2, "{counts:?}");
                    black_box(found.items.len());
                    Ok(())
                })
            };
            let sealed = compared(&one, size + u64::from(little.count))?;
            let union = compared(&many, size)?;
            println!("{size:>10} {differences:>12} {:>12.3} {:>12.3} {:>12.3}", ms(tree), ms(sealed), ms(union));
            lines.push(Line { facts: size, differences, tree, sealed, union });
        }
    }
    let mut hundred = lines.iter().filter(|line| line.differences == 100);
    let small = hundred.next().context("a line of 100 differences")?;
    let large = hundred.next_back().unwrap_or(small);
    let times = |large: Duration, small: Duration| large.as_secs_f64() / small.as_secs_f64();
    println!(
        "100 differences of {} facts against {}: tree {:.1} times, sealed {:.1} times, union {:.1} times\n",
        large.facts,
        small.facts,
        times(large.tree, small.tree),
        times(large.sealed, small.sealed),
        times(large.union, small.union)
    );
    Ok(())
}
