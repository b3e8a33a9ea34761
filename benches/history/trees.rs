//! What keeping the tree adds to the root that has to be computed anyway, and what a small change of a large set costs.

use crate::{middle, ms, set};
use anyhow::{Context, Result};
use mirano::views::Views;
use mirano_replay::overlay::Overlay;
use mirano_replay::tree::{self, stored};
use mirano_schemas::FactId;
use std::hint::black_box;
use std::time::Duration;

pub fn run(views: &Views) -> Result<()> {
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
        for (place, row) in changes.iter() {
            bytes += place.key.len() + row.map_or(Ok(0), |row| row.bytes().map(|row| row.len()))?;
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
