//! The golden history: a log of the demo world, recorded once and kept for ever. Every later version must read it, come to
//! the same heads, roots and snapshots, and prove the same facts.
//!
//! `MIRANO_RECORD=1` records a further one where there is none; what is there is never written over.

use crate::history::{Besides, export, folder, heads, verify};
use expect_test::expect_file;
use mirano::audit::{file, import, proofs, replay::replay, source};
use mirano_replay::proof::{Proof, check};
use mirano_replay::rows::SnapshotRow;
use mirano_replay::store::{Table, decode_row};
use mirano_replay::verify::NoKeys;
use mirano_schemas::{FactId, base32};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/history/v1.mrn")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_golden_history_gives_the_same_for_ever() {
    if std::env::var_os("MIRANO_RECORD").is_some() && !kept().exists() {
        let (_held, file) = export(folder());
        std::fs::create_dir_all(kept().parent().expect("a folder")).expect("makes a folder");
        std::fs::copy(file, kept()).expect("records");
    }
    assert!(std::fs::metadata(kept()).expect("it is there").len() < 300_000);
    let report = verify(&kept(), Besides::Nothing, &[], 2).await;
    assert_eq!(report.findings, []);
    let log = source::open(&kept()).expect("opens");
    let state = replay(&*log, None, &NoKeys, |_| ControlFlow::Continue(())).expect("replays");
    assert_eq!(state.findings, []);
    let mut said = String::new();
    for head in heads(&report) {
        writeln!(said, "{head}").expect("text");
    }
    let facts = format!("{} facts, {} sealed", report.facts, report.facts_sealed);
    writeln!(said, "{facts}, {} observations, {} snapshots", report.observations, report.snapshots).expect("text");
    for (table, key, bytes) in state.store.iter() {
        if table != Table::Snapshot {
            continue;
        }
        let row: SnapshotRow = decode_row(table, bytes).expect("reads");
        let body = &row.body;
        writeln!(said, "snapshot {} at {}", base32(key), row.position).expect("text");
        writeln!(said, "  facts {} {}", body.facts, body.facts_root).expect("text");
        writeln!(said, "  receipts {} {}", body.receipts.len(), body.receipts_root).expect("text");
        let cut: Vec<String> = body.cut.iter().map(ToString::to_string).collect();
        let risk = (&body.risk.level, body.risk.score);
        writeln!(said, "  cut {} status {:?} risk {risk:?}", cut.join(","), body.status).expect("text");
        let proof = Proof::Fact(proofs::fact(&state.store, &row, FactId([0; 32])).expect("proves"));
        check(&proof).expect("it holds");
        writeln!(said, "  absence of 00… {}", blake3::hash(&proof.to_bytes())).expect("text");
    }
    expect_file![kept().with_file_name("v1.txt")].assert_eq(&said);
    // It becomes a folder and the same file again. Another version of zstd may pack otherwise; what is in it is the same.
    let folder = tempfile::tempdir().expect("temp");
    let folder = folder.path().join("imported");
    import::import(&kept(), &folder, |_, _| {}).await.expect("imports");
    let imported = source::open(&folder).expect("opens");
    let mut again = Vec::new();
    let written = file::write(&*imported, &mut again, |_, _| {}).expect("writes");
    assert_eq!(written.heads, (0..log.partitions()).map(|partition| log.head(partition)).collect::<Vec<_>>());
}
