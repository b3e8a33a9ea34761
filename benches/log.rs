//! How close the embedded log comes to what the disk and the hash allow: `cargo bench --bench log`.
//!
//! Each figure is a ratio to a raw limit measured in the same run, in the same folder, with records of the same size:
//! *alone* to a loop of write and fdatasync; *in flight* to a single thread that seals, encodes and hashes as many
//! records as are in flight, writes them at once and syncs once. `MIRANO_BENCH_DIR` names the folder (else the system's
//! temporary one, which may be no disk at all).

use bytes::Bytes;
use futures::executor::block_on;
use mirano::sequencer::embedded::{EmbeddedLog, Options};
use mirano::sequencer::{Outcome, Sequencer};
use mirano_schemas::Position;
use mirano_schemas::envelope::{Envelope, Head};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

/// A commit is about 1 KB.
const BODY: usize = 940;
/// Each figure is taken for about this long.
const EACH: Duration = Duration::from_secs(3);

/// Seals a body upon `head` and moves `head`, as a deciding engine does.
fn seal(head: &mut Head, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let position = Position { partition: head.partition, seq: head.next_seq };
    let envelope = Envelope::seal(position, head.hash, body)?;
    *head = Head { partition: head.partition, next_seq: head.next_seq + 1, hash: envelope.hash() };
    Ok([&envelope.to_bytes()[..], body].concat())
}

/// Records a second of a bare loop that seals and hashes `group` records, writes them and syncs.
fn raw(folder: &std::path::Path, group: usize, hashed: bool) -> anyhow::Result<f64> {
    let mut file = File::create(folder.join(format!("raw-{group}-{hashed}")))?;
    let mut head = Head { partition: 0, next_seq: 0, hash: mirano_schemas::CommitHash([0; 32]) };
    let body = vec![7; BODY];
    let plain = seal(&mut head.clone(), &body)?;
    let started = Instant::now();
    let mut written = 0usize;
    let mut buffer = Vec::new();
    while started.elapsed() < EACH {
        buffer.clear();
        for _ in 0..group {
            match hashed {
                true => buffer.extend(seal(&mut head, &body)?),
                false => buffer.extend(&plain),
            }
        }
        file.write_all(&buffer)?;
        file.sync_data()?;
        written += group;
    }
    Ok(written as f64 / started.elapsed().as_secs_f64())
}

/// Acknowledged appends a second with `window` in flight.
fn log(folder: &std::path::Path, window: usize) -> anyhow::Result<f64> {
    let log = EmbeddedLog::open(folder.join(format!("log-{window}")), Options::default())?;
    let mut head = log.head(0);
    let body = vec![7; BODY];
    let started = Instant::now();
    let mut in_flight = VecDeque::with_capacity(window);
    let mut acknowledged = 0usize;
    let mut settle = |outcome| -> anyhow::Result<()> {
        anyhow::ensure!(matches!(block_on(outcome)?, Outcome::Counted { .. }), "every record counts");
        acknowledged += 1;
        Ok(())
    };
    while started.elapsed() < EACH {
        if in_flight.len() == window
            && let Some(oldest) = in_flight.pop_front()
        {
            settle(oldest)?;
        }
        in_flight.push_back(log.append(0, Bytes::from(seal(&mut head, &body)?)));
    }
    for outcome in in_flight {
        settle(outcome)?;
    }
    Ok(acknowledged as f64 / started.elapsed().as_secs_f64())
}

fn main() -> anyhow::Result<()> {
    let folder = match std::env::var_os("MIRANO_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    println!("records of {} bytes in {}", BODY + 84, folder.path().display());
    println!("{:>10} {:>14} {:>14} {:>7}", "in flight", "raw /s", "log /s", "ratio");
    for window in [1, 64, 512] {
        // Before and after, so that a disk that changes its mind shows.
        let before = raw(folder.path(), window, window > 1)?;
        let own = log(folder.path(), window)?;
        let after = raw(folder.path(), window, window > 1)?;
        let limit = (before + after) / 2.0;
        println!("{window:>10} {limit:>14.0} {own:>14.0} {:>7.2}   (raw {before:.0} and {after:.0})", own / limit);
    }
    Ok(())
}
