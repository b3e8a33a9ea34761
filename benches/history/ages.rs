//! A job as of a moment: by the age of the moment, and by how often the job changed.

use crate::job::Bench;
use crate::middle;
use anyhow::{Context, Result};
use mirano::views::Views;
use mirano_replay::history::{Moment, job_at};
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_replay::tree;
use mirano_schemas::*;
use std::path::Path;

/// A job with so many changes, folded like any other.
fn watched(views: &Views, job: JobId, changes: u64) -> Result<JobRow> {
    let mut bench = Bench::create(views, job, &["listings", "courts", "reviews", "registers", "prices", "news"])?;
    for n in 1..changes {
        bench.answer(usize::try_from(n % 6)?, tree::root([]), 0)?;
    }
    views.row(job.as_bytes())?.context("folded")
}

pub fn run(folder: &Path) -> Result<()> {
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
