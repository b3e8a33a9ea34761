//! The raw limit: one thread that encodes, hashes, writes, syncs and puts, and decides nothing.

use super::facts;
use mirano::core::command::AnsweredFact;
use mirano_schemas::codec::{self, CommitHead};
use mirano_schemas::envelope::{Envelope, Head};
use mirano_schemas::{Event, FactObserved, LogId, Position, QueryKey};
use rocksdb::{DB, Options, WriteOptions};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Facts a second of the bare loop: commits of `facts` facts, `group` commits a sync, each fact put once, without WAL.
pub fn facts_a_second(folder: &Path, facts: usize, group: usize, each: Duration) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(folder)?;
    let mut file = File::create(folder.path().join("log"))?;
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_write_buffer_size(64 * 1024 * 1024);
    options.set_max_write_buffer_number(3);
    // As the views do.
    let (plain, packed) = (rocksdb::DBCompressionType::None, rocksdb::DBCompressionType::Lz4);
    options.set_compression_per_level(&[plain, packed, packed, packed, packed, packed, packed]);
    let db = DB::open(&options, folder.path().join("views"))?;
    let mut no_wal = WriteOptions::default();
    no_wal.disable_wal(true);

    let mut head = Head::genesis(LogId([1; 16]), 0);
    let (mut written, mut spent, mut next) = (0usize, Duration::ZERO, 0u64);
    while spent < each {
        // Facts are made by the source's answer, before anything is measured, as they are for the engine.
        let batch: Vec<Vec<AnsweredFact>> =
            (next..next + group as u64).map(|n| facts::of_observation("court", n, facts)).collect();
        next += group as u64;
        let started = Instant::now();
        let (mut records, mut rows) = (Vec::new(), Vec::with_capacity(group * facts));
        for observation in batch {
            let mut events = Vec::new();
            for answered in observation {
                let (id, from) = (answered.fact.fact_id, events.len());
                codec::encode_event(
                    &mut events,
                    &Event::from(FactObserved { query: QueryKey([1; 16]), fact: answered.fact }),
                )?;
                rows.push((id, events.get(from..).unwrap_or_default().to_vec()));
            }
            let body = codec::assemble(codec::writer_version(), &CommitHead::default(), &events)?;
            let envelope = Envelope::seal(Position { partition: 0, seq: head.next_seq }, head.hash, &body)?;
            head = Head { partition: 0, next_seq: head.next_seq + 1, hash: envelope.hash() };
            records.extend_from_slice(&envelope.to_bytes());
            records.extend_from_slice(&body);
        }
        file.write_all(&records)?;
        file.sync_data()?;
        for (id, row) in &rows {
            db.put_opt(id.as_bytes(), row, &no_wal)?;
        }
        written += rows.len();
        spent += started.elapsed();
    }
    Ok(written as f64 / spent.as_secs_f64())
}
