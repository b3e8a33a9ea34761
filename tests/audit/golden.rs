//! The golden histories: logs of the demo world, recorded once and kept for ever. Every later version must read them, come to
//! the same heads, roots, snapshots and diffs, and prove the same facts.
//!
//! `MIRANO_RECORD=1` records a further one where there is none; what is there is never written over.

use crate::history::{Besides, export, folder, heads, verify};
use expect_test::expect_file;
use mirano::audit::replay::{Replayed, replay};
use mirano::audit::{file, import, proofs, source};
use mirano::core::policy::Policy;
use mirano::core::vault::MemoryVault;
use mirano::history::side::Side;
use mirano::history::{Asker, Book, LogTimes, compare};
use mirano::sequencer::Sequencer;
use mirano_replay::history::WorldRow;
use mirano_replay::proof::{Proof, check};
use mirano_replay::rows::{PolicyRow, SnapshotRow, key};
use mirano_replay::store::{ReadExt, StoreError, Table, decode_row};
use mirano_replay::verify::NoKeys;
use mirano_schemas::{FactId, JobId, Position, base32};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first has no snapshot of the whole base, and its facts never change; the second has both.
const HISTORIES: [&str; 2] = ["v1", "v2"];

fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/history/{name}.mrn"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_golden_histories_give_the_same_for_ever() {
    for name in HISTORIES {
        one(&kept(name)).await;
    }
}

async fn one(kept: &Path) {
    if std::env::var_os("MIRANO_RECORD").is_some() && !kept.exists() {
        let (_held, file) = export(folder());
        std::fs::create_dir_all(kept.parent().expect("a folder")).expect("makes a folder");
        std::fs::copy(file, kept).expect("records");
    }
    assert!(std::fs::metadata(kept).expect("it is there").len() < 300_000);
    let report = verify(kept, Besides::Nothing, &[], 2).await;
    assert_eq!(report.findings, []);
    let log = source::open(kept).expect("opens");
    let state = replay(&*log, None, &NoKeys, |_| ControlFlow::Continue(())).expect("replays");
    assert_eq!(state.findings, []);
    let mut said = String::new();
    for head in heads(&report) {
        writeln!(said, "{head}").expect("text");
    }
    let facts = format!("{} facts, {} sealed", report.facts, report.facts_sealed);
    writeln!(said, "{facts}, {} observations, {} snapshots", report.observations, report.snapshots).expect("text");
    for (table, key, bytes) in state.store.iter() {
        match table {
            Table::Snapshot => of_job(&mut said, &state, key, &decode_row(table, bytes).expect("reads")),
            Table::World => of_world(&mut said, &state, &*log, key, &decode_row(table, bytes).expect("reads")),
            _ => continue,
        }
    }
    expect_file![kept.with_extension("txt")].assert_eq(&said);
    expect_file![kept.with_extension("diffs.txt")].assert_eq(&diffs(&*log, &state));
    // It becomes a folder and the same file again. Another version of zstd may pack otherwise; what is in it is the same.
    let folder = tempfile::tempdir().expect("temp");
    let folder = folder.path().join("imported");
    import::import(kept, &folder, |_, _| {}).await.expect("imports");
    let imported = source::open(&folder).expect("opens");
    let mut again = Vec::new();
    let written = file::write(&*imported, &mut again, |_, _| {}).expect("writes");
    assert_eq!(written.heads, (0..log.partitions()).map(|partition| log.head(partition)).collect::<Vec<_>>());
}

fn of_job(said: &mut String, state: &Replayed, key: &[u8], row: &SnapshotRow) {
    let body = &row.body;
    writeln!(said, "snapshot {} at {}", base32(key), row.position).expect("text");
    writeln!(said, "  facts {} {}", body.facts, body.facts_root).expect("text");
    writeln!(said, "  receipts {} {}", body.receipts.len(), body.receipts_root).expect("text");
    let risk = (&body.risk.level, body.risk.score);
    writeln!(said, "  cut {} status {:?} risk {risk:?}", cut(&body.cut), body.status).expect("text");
    let proof = Proof::Fact(proofs::fact(&state.store, row, FactId([0; 32])).expect("proves").into());
    check(&proof).expect("it holds");
    writeln!(said, "  absence of 00… {}", blake3::hash(&proof.to_bytes())).expect("text");
}

fn of_world(said: &mut String, state: &Replayed, log: &dyn Sequencer, key: &[u8], row: &WorldRow) {
    let body = &row.body;
    writeln!(said, "world {} at {}", base32(key), row.position).expect("text");
    writeln!(said, "  facts {} of {} queries {}", body.facts, body.queries, body.facts_root).expect("text");
    writeln!(said, "  cut {}", cut(&body.cut)).expect("text");
    let proof = Proof::Fact(proofs::world_fact(&state.store, log, row, FactId([0; 32])).expect("proves").into());
    check(&proof).expect("it holds");
    writeln!(said, "  absence of 00… {}", blake3::hash(&proof.to_bytes())).expect("text");
}

fn cut(places: &[Position]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What each snapshot of a job, or of the whole base, differs in from the one before it; persons as if they were erased.
fn diffs(log: &dyn Sequencer, state: &Replayed) -> String {
    let mut lines: BTreeMap<Option<JobId>, Vec<(Position, String)>> = BTreeMap::new();
    for (table, key, bytes) in state.store.iter() {
        let (job, at) = match table {
            Table::Snapshot => {
                let row: SnapshotRow = decode_row(table, bytes).expect("reads");
                (Some(row.body.job), row.position)
            }
            Table::World => (None, decode_row::<WorldRow>(table, bytes).expect("reads").position),
            _ => continue,
        };
        lines.entry(job).or_default().push((at, base32(key)));
    }
    let vault = MemoryVault::seeded(0);
    let policy = |version| -> Result<_, StoreError> {
        let row: PolicyRow = state.store.row(&key::policy(version))?.expect("adopted");
        Policy::adopted(&row.adopted).map(Arc::new).map_err(StoreError::Storage)
    };
    let book = Book {
        rows: &state.store,
        times: &LogTimes(log),
        vault: &vault,
        policy: &policy,
        now: state.recorded_at,
        asker: Asker::Holder,
    };
    let mut said = String::new();
    for (job, mut snapshots) in lines {
        snapshots.sort();
        for pair in snapshots.windows(2) {
            let side = |n: usize| Side::open(&book, &pair[n].1).expect("opens");
            let diff = compare(&book, side(0), side(1)).expect("compares");
            let whose = job.map_or("world".to_owned(), |job| format!("job {job}"));
            let counts = serde_json::to_string(&diff.counts).expect("json");
            writeln!(said, "{whose}: {} to {}: {counts}", pair[0].1, pair[1].1).expect("text");
            for item in &diff.items {
                let id = |id: Option<FactId>| id.map_or("—".to_owned(), |id| id.to_string());
                let kind = item.thing.as_ref().map_or("(erased)", |thing| &thing.kind);
                let (op, attrs) = (item.op, &item.attrs);
                writeln!(said, "  {op:?} {kind} {} to {} {attrs:?}", id(item.from), id(item.to)).expect("text");
            }
            if let Some(risk) = &diff.risk {
                writeln!(said, "  risk {:?} to {:?}", risk.from, risk.to).expect("text");
                for one in &risk.because {
                    writeln!(said, "    {:+} {} by {}", one.points, one.rule, one.by).expect("text");
                }
            }
            for skipped in &diff.skipped {
                writeln!(said, "  not compared {} {} {}", skipped.source, skipped.side, skipped.reason.word())
                    .expect("text");
            }
        }
    }
    said
}
