//! A log that is in order: nothing is found, and every way to read it comes to the same.

use crate::history::{Besides, copy, export, folder, heads, verify};
use mirano::audit::heads::CommitTrees;
use mirano::audit::replay::{Replayed, replay};
use mirano::audit::text::{self, ProofText};
use mirano::audit::until::Until;
use mirano::audit::verify::{Checkpoint, Keys, Options, Progress, Report, html, run};
use mirano::audit::{facts, import, proofs, source};
use mirano::views::Views;
use mirano::work::evidence::EvidenceStore;
use mirano_replay::proof::{Checked, Proof, check};
use mirano_replay::rows::{FactRow, JobRow, SnapshotRow};
use mirano_replay::store::{ReadExt, Table, decode_row};
use mirano_replay::verify::NoKeys;
use mirano_schemas::{FactId, SnapshotId};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn replayed(log: &Path, until: Option<&Until>) -> Replayed {
    let log = source::open(log).expect("opens");
    replay(&*log, until, &NoKeys, |_| ControlFlow::Continue(())).expect("replays")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_found_in_a_log_that_is_in_order() {
    let data = folder();
    let report = verify(data, Besides::All, &[], 2).await;
    assert_eq!(report.findings, [], "{report:#?}");
    assert!(report.ok && report.facts > 50 && report.observations > 5 && report.snapshots >= 3, "{report:#?}");
    assert_eq!(report.facts_sealed, 0, "the keys are beside the log");
    let evidence = report.evidence.expect("looked at");
    assert_eq!((evidence.named, evidence.sealed), (evidence.checked, 0));
    assert!(evidence.named > 5 && report.views.as_ref().is_some_and(|views| views.rows > 200));
    let page = html(&report, "now");
    assert!(page.contains("Nothing wrong was found") && page.contains(&report.partitions[0].head));
    // Without the keys nothing is wrong either; what can't be opened is counted.
    let bare = copy(data);
    std::fs::remove_dir_all(bare.path().join("keys")).expect("removes");
    let report = verify(bare.path(), Besides::All, &[], 1).await;
    assert_eq!(report.findings, []);
    assert!(report.evidence.expect("looked at").sealed > 0, "the seller's evidence stays sealed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_files_and_imports_come_to_the_same() {
    let data = folder();
    let one = verify(data, Besides::Nothing, &[], 1).await;
    let kept = heads(&one);
    for threads in [2, 5] {
        let many = verify(data, Besides::Nothing, &kept, threads).await;
        assert_eq!((heads(&many), many.facts, many.findings.len()), (kept.clone(), one.facts, 0));
    }
    let (_held, file) = export(data);
    let from_file = verify(&file, Besides::Nothing, &kept, 2).await;
    assert_eq!((heads(&from_file), from_file.findings), (kept.clone(), vec![]));
    let imported = tempfile::tempdir().expect("temp");
    let imported = imported.path().join("again");
    import::import(&file, &imported, |_, _| {}).await.expect("imports");
    let from_import = verify(&imported, Besides::Nothing, &kept, 2).await;
    assert_eq!((heads(&from_import), from_import.findings), (kept, vec![]));
    let (_held, again) = export(&imported);
    assert_eq!(std::fs::read(&file).expect("reads"), std::fs::read(again).expect("reads"), "byte for byte");
    assert!(import::import(&file, &imported, |_, _| {}).await.is_err(), "not over what is there");
    // Rows, too: from the folder, the file, the import, and as the engine wrote them.
    let digest = replayed(data, None).store.digest();
    assert_eq!(replayed(&file, None).store.digest(), digest);
    assert_eq!(replayed(&imported, None).store.digest(), digest);
    let views = Views::open_to_read(&data.join("views")).expect("opens");
    assert_eq!(views.digest().expect("reads").0, digest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_stops_where_it_is_told() {
    let data = folder();
    let all = replayed(data, None);
    assert_eq!(all.findings, []);
    let cut = all.cut();
    assert_eq!(cut.len(), 2);
    let same = replayed(data, Some(&Until::Cut(cut.clone())));
    assert_eq!(same.store.digest(), all.store.digest());
    let by_time = replayed(data, Some(&Until::Time(all.recorded_at)));
    assert_eq!(by_time.store.digest(), all.store.digest());
    let early = replayed(data, Some(&Until::Cut(vec![mirano_schemas::Position { seq: 5, ..cut[0] }])));
    assert_eq!(early.heads[0].next_seq, 6);
    assert!(early.step.commits < all.step.commits && early.recorded_at <= all.recorded_at);
    // What the log does not have is no moment.
    let log = source::open(data).expect("opens");
    for beyond in ["0:999999", "9:0", "0:0,1:999999"] {
        let until: Until = beyond.parse().expect("reads");
        let refused = replay(&*log, Some(&until), &NoKeys, |_| std::ops::ControlFlow::Continue(())).err();
        assert!(refused.is_some_and(|error| error.to_string().starts_with("this log has no commit")), "{beyond}");
    }
}

/// A run with a checkpoint in a file, as a nightly one has it.
async fn nightly(data: &Path, path: &Path) -> Report {
    let options = Options {
        log: data,
        evidence: Some(EvidenceStore::open_folder(&data.join("evidence")).expect("opens")),
        views: None,
        keys: None,
        heads: Vec::new(),
        resume: Checkpoint::read(path).expect("reads"),
        found: Vec::new(),
        first: None,
        evidence_gone: None,
        threads: 1,
    };
    let save = |checkpoint: &Checkpoint| checkpoint.write(path).expect("writes");
    run(options, Arc::new(Progress::default()), save).await.expect("looks")
}

fn kinds(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.kind.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_from_its_checkpoint() {
    let work = copy(folder());
    let (data, aside) = (work.path(), tempfile::tempdir().expect("temp"));
    let path = aside.path().join("checkpoint.json");
    let first = nightly(data, &path).await;
    let second = nightly(data, &path).await;
    assert_eq!((second.findings.len(), second.facts), (0, 0), "nothing is recomputed");
    let evidence = second.evidence.expect("looked at");
    assert_eq!((evidence.earlier, evidence.checked), (first.evidence.expect("looked at").named, 0));
    // A piece that was found wanting is looked at again, until it is there.
    std::fs::remove_file(&path).expect("removes");
    let piece = first_piece(data);
    let good = std::fs::read(&piece).expect("reads");
    std::fs::remove_file(&piece).expect("removes");
    for _ in 0..2 {
        assert_eq!(kinds(&nightly(data, &path).await), ["evidence_missing"]);
    }
    std::fs::write(&piece, &good).expect("writes");
    for _ in 0..2 {
        assert_eq!(kinds(&nightly(data, &path).await), [] as [&str; 0]);
    }
    // A log that lost its end since then is seen by what the checkpoint remembers, every night, and nothing is believed.
    let text = std::fs::read_to_string(&path).expect("reads");
    let more = text.replacen("\"next_seq\": ", "\"next_seq\": 9", 1);
    std::fs::write(&path, &more).expect("writes");
    for _ in 0..2 {
        let report = nightly(data, &path).await;
        assert_eq!((kinds(&report), report.facts), (vec!["tail_cut"], first.facts));
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), more, "the checkpoint is left as it was");
    }
    // So is one with another commit there.
    let mut kept: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    kept["partitions"][0]["hash"] = kept["partitions"][1]["hash"].clone();
    std::fs::write(&path, kept.to_string()).expect("writes");
    for _ in 0..2 {
        let report = nightly(data, &path).await;
        assert_eq!((kinds(&report), report.facts), (vec!["other_history"], first.facts));
    }
}

fn first_piece(data: &Path) -> PathBuf {
    let of = |folder: &Path| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = std::fs::read_dir(folder).expect("reads").flatten().map(|one| one.path()).collect();
        all.sort();
        all
    };
    of(&data.join("evidence")).iter().find_map(|shard| of(shard).into_iter().next()).expect("a piece")
}

/// Evidence that came since the checkpoint is read, whatever it is called: names say nothing of when a piece came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_that_came_since_a_checkpoint_is_read() {
    let (work, aside) = (copy(folder()), tempfile::tempdir().expect("temp"));
    let (data, path) = (work.path(), aside.path().join("checkpoint.json"));
    let whole = nightly(data, &path).await.evidence.expect("looked at").named;
    // As an earlier night left it: half of the log, all evidence of that half.
    let text = std::fs::read_to_string(&path).expect("reads");
    let mut kept: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let log = source::open(data).expect("opens");
    for partition in 0..2u32 {
        let half = log.head(partition).next_seq / 2;
        let commits = log.read(partition, half - 1, 0).expect("reads");
        let at = usize::try_from(partition).expect("small");
        kept["partitions"][at] = serde_json::json!({"next_seq": half, "hash": commits[0].hash.to_string()});
        kept["evidence"]["all"][at] = half.into();
    }
    std::fs::write(&path, kept.to_string()).expect("writes");
    let evidence = nightly(data, &path).await.evidence.expect("looked at");
    assert!(evidence.checked > 0 && evidence.earlier > 0, "{evidence:?}");
    assert_eq!(evidence.checked + evidence.earlier, whole);
    // Each piece of the later half is found when it is lost, the one with the smallest name as well.
    let mut pieces = Vec::new();
    for shard in std::fs::read_dir(data.join("evidence")).expect("reads").flatten() {
        pieces.extend(std::fs::read_dir(shard.path()).expect("reads").flatten().map(|entry| entry.path()));
    }
    let mut missed = 0;
    for piece in &pieces {
        std::fs::write(&path, kept.to_string()).expect("writes");
        let good = std::fs::read(piece).expect("reads");
        std::fs::remove_file(piece).expect("removes");
        missed += u64::from(nightly(data, &path).await.findings.is_empty());
        std::fs::write(piece, good).expect("writes");
    }
    assert_eq!(missed, evidence.earlier, "only what the earlier night has read is not read again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fact_of_every_snapshot_is_proven_from_an_exported_file() {
    let data = folder();
    let (_held, file) = export(data);
    let (log, trees) = (source::open(&file).expect("opens"), CommitTrees::new());
    let state = replayed(&file, None);
    let all: Vec<FactId> = rows_of(&state, Table::Fact).map(|key| FactId(key.try_into().expect("an id"))).collect();
    let mut proven = (0, 0);
    for key in rows_of(&state, Table::Snapshot) {
        let row: SnapshotRow = state.store.row(key).expect("reads").expect("there");
        let part = proofs::log_part(&*log, &trees, row.position, None).expect("in the log");
        for fact in &all {
            let mut proof = proofs::fact(&state.store, &row, *fact).expect("proves");
            proof.log = Some(part.clone());
            let proof = Proof::Fact(proof.into());
            let Ok(Checked::Fact { present, snapshot, log: Some((at, _)), .. }) = check(&proof) else {
                panic!("it holds");
            };
            assert_eq!((snapshot, at), (SnapshotId(key.try_into().expect("an id")), row.position));
            *if present { &mut proven.0 } else { &mut proven.1 } += 1;
            let text = serde_json::to_vec(&ProofText::of(&proof).expect("holds")).expect("json");
            assert_eq!(text::read(&text), Ok(proof));
        }
        assert!(row.body.facts > 0);
    }
    assert!(proven.0 > 100 && proven.1 > 100, "{proven:?}");
}

fn rows_of(state: &Replayed, table: Table) -> impl Iterator<Item = &[u8]> {
    state.store.iter().filter(move |(found, ..)| *found == table).map(|(_, key, _)| key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_are_written_for_other_programs() {
    let data = folder();
    let state = replayed(data, None);
    let keys = Keys::in_folder(&data.join("keys")).expect("opens");
    let facts = rows_of(&state, Table::Fact).count() as u64;
    let mut text = Vec::new();
    let counted = facts::csv(&state.store, &keys, &mut text).expect("writes");
    assert_eq!((counted.written, counted.sealed), (facts, 0));
    let rows = csv::Reader::from_reader(text.as_slice()).into_records().collect::<Result<Vec<_>, _>>().expect("csv");
    assert_eq!(rows.len() as u64, facts);
    let mut without = Vec::new();
    let counted = facts::csv(&state.store, &Keys(None), &mut without).expect("writes");
    let sealed = state.store.iter().filter(|(table, _, bytes)| {
        *table == Table::Fact
            && matches!(decode_row::<FactRow>(*table, bytes).expect("reads").body, mirano_schemas::Sealable::Sealed(_))
    });
    assert_eq!(counted.sealed, sealed.count() as u64);
    let mut text = Vec::new();
    facts::follow_the_money(&state.store, &keys, &mut text).expect("writes");
    let mut schemas = std::collections::BTreeMap::<String, usize>::new();
    for line in String::from_utf8(text).expect("text").lines() {
        let entity: serde_json::Value = serde_json::from_str(line).expect("json");
        assert!(
            entity["properties"].as_object().expect("properties").values().all(serde_json::Value::is_array),
            "{line}"
        );
        *schemas.entry(entity["schema"].as_str().expect("a schema").to_owned()).or_default() += 1;
    }
    assert!(
        schemas["CourtCase"] == schemas["CourtCaseParty"] && schemas["Company"] > 0 && schemas["RealEstate"] > 0,
        "{schemas:?}"
    );
}

/// A running server's folder: no lock is taken, an end under way is no finding, and the server goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_folder_is_verified_while_it_is_written_to() {
    use crate::support;
    let speed = 400.0;
    let sources =
        mirano::demo::start(mirano::demo::Options { speed, faults: false, ..Default::default() }).await.expect("demo");
    let configuration = support::configuration(&sources, None, speed);
    let data = tempfile::tempdir().expect("temp");
    let (node, workers) = support::node_of(data.path(), &configuration, 1).await;
    for id in 1..4 {
        let job = support::create(&node, id, &format!("г. Москва, ул. Арбат, д. {id}"), "standard").await;
        let report = verify(data.path(), Besides::All, &[], 1).await;
        assert_eq!(report.findings, [], "{report:#?}");
        assert!(report.notes.iter().any(|note| note.contains("a server has this folder open")), "{:?}", report.notes);
        support::until_final(&node, job).await;
    }
    let row: JobRow = support::job(&node, mirano_schemas::JobId([3; 16]));
    assert!(row.is_final);
    workers.stop().await;
}
