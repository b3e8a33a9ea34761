//! How quick verifying and replaying are, against reading, decoding and hashing alone, in the same run and on all cores.
//!
//! 20,000 facts by default, `MIRANO_FACTS=1000000` for a million. Prints; what it found is in `docs/performance.md`.

use super::facts;
use mirano::audit::replay::replay;
use mirano::audit::verify::{Options, Progress, run};
use mirano::sequencer::Committed;
use mirano::sequencer::embedded::{self, AuditedFolder, EmbeddedLog};
use mirano_replay::verify::{Looked, NoKeys, facts as recomputed};
use mirano_schemas::codec::CommitBody;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

async fn make(folder: &Path, wanted: u64, partitions: u32) {
    let options = embedded::Options { partitions, ..embedded::Options::default() };
    facts::fill(&EmbeddedLog::open(folder, options).expect("opens"), wanted).await;
}

/// Every byte, the chain, decoding, and the id of every fact: a thread a partition reads, all cores decode and hash.
fn raw(folder: &Path, partitions: u32, cores: usize) -> u64 {
    let folder = AuditedFolder::open(folder).expect("opens");
    let (send, batches) = std::sync::mpsc::sync_channel::<Vec<Committed>>(cores);
    let batches = Mutex::new(batches);
    std::thread::scope(|scope| {
        for partition in 0..partitions {
            let (folder, send) = (&folder, send.clone());
            scope.spawn(move || folder.walk(partition, |batch| send.send(batch).expect("somebody takes it")));
        }
        drop(send);
        let look = || {
            let mut looked = Looked::default();
            loop {
                let next = batches.lock().expect("nobody panicked").recv();
                let Ok(batch) = next else { return looked.facts };
                for commit in batch {
                    let body = CommitBody::decode(commit.body()).expect("decodes");
                    recomputed(commit.position, &body, &NoKeys, &mut looked);
                }
            }
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(look)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_and_replaying_against_reading_alone() {
    let wanted: u64 = std::env::var("MIRANO_FACTS").map_or(20_000, |text| text.parse().expect("a number"));
    let cores = std::thread::available_parallelism().expect("known").get();
    println!("{wanted} facts, {cores} cores, middle of 5 runs in turn; raw: every byte, the chain, decoding, fact ids");
    for partitions in [1, 2] {
        let folder = tempfile::tempdir().expect("temp");
        make(folder.path(), wanted, partitions).await;
        let rate = |began: Instant| wanted as f64 / began.elapsed().as_secs_f64();
        let (mut raws, mut verifies, mut replays) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(raw(folder.path(), partitions, cores), wanted);
            raws.push(rate(began));
            let began = Instant::now();
            let options = Options {
                log: folder.path(),
                evidence: None,
                views: None,
                keys: None,
                heads: Vec::new(),
                resume: None,
                found: Vec::new(),
                first: None,
                evidence_gone: None,
                threads: cores,
            };
            let report = run(options, Arc::new(Progress::default()), |_| {}).await.expect("looks");
            verifies.push(rate(began));
            assert_eq!((report.facts, report.findings.len()), (wanted, 0));
            let began = Instant::now();
            let log = EmbeddedLog::open_read_only(folder.path()).expect("opens");
            let replayed = replay(&log, None, &NoKeys, |_| ControlFlow::Continue(())).expect("replays");
            replays.push(rate(began));
            assert_eq!((replayed.step.facts, replayed.findings.len()), (wanted, 0));
        }
        let middle = |rates: &mut Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        let (raw, verify, replay) = (middle(&mut raws), middle(&mut verifies), middle(&mut replays));
        println!(
            "{partitions} partitions: raw {raw:.0} facts/s; verify {verify:.0}: {:.2} of raw; replay {replay:.0}: {:.2} of raw",
            verify / raw,
            replay / raw
        );
    }
}
